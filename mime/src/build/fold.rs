//! Writing header fields: lines of at most 78 characters where possible, never more than 998 (RFC 5322 §2.1.1, §2.2.3).

/// A line should have no more characters.
const SHOULD: usize = 78;

/// Writes one header field, folding before a piece that does not fit the line.
pub(crate) struct Field<'o> {
    out: &'o mut Vec<u8>,
    column: usize,
}

impl<'o> Field<'o> {
    /// Begins the field `name`.
    pub(crate) fn begin(out: &'o mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self {
            out,
            column: name.len() + 1,
        }
    }

    /// Writes a piece that is never broken, after one space.
    pub(crate) fn piece(&mut self, piece: &str) {
        self.spaced(" ", piece);
    }

    /// As [`piece`](Self::piece), of a piece that comes in parts.
    pub(crate) fn pieces(&mut self, parts: &[&str]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if self.column + 1 + length > SHOULD && self.column > 0 {
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        self.out.push(b' ');
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
        self.column += 1 + length;
    }

    /// Writes words that have one space between them, each a piece.
    pub(crate) fn words(&mut self, words: &str) {
        if words.len() < self.room() {
            self.piece(words);
        } else {
            words.split(' ').for_each(|word| self.piece(word));
        }
    }

    /// Writes a piece after white space; the line is folded before the white space if need be.
    pub(crate) fn spaced(&mut self, blanks: &str, piece: &str) {
        if self.column + blanks.len() + piece.len() > SHOULD && self.column > 0 {
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        self.glue(blanks);
        self.glue(piece);
    }

    /// Writes text that belongs to the piece before it.
    pub(crate) fn glue(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
    }

    /// How many characters a further piece on this line may have, its space counted.
    pub(crate) fn room(&self) -> usize {
        SHOULD.saturating_sub(self.column)
    }

    pub(crate) fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5322_2_1_1_lines_have_78_characters_where_possible() {
        let mut out = Vec::new();
        let mut field = Field::begin(&mut out, "X");
        field.piece(&"a".repeat(75));
        field.piece("b");
        field.piece(&"c".repeat(100));
        field.end();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            format!("X: {}\r\n b\r\n {}\r\n", "a".repeat(75), "c".repeat(100))
        );
    }
}

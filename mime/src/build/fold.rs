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
        if self.column + 1 + length > SHOULD {
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
        if self.column + blanks.len() + piece.len() > SHOULD {
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

    /// How long the lines of a field are that has pieces of these lengths.
    fn lines(lengths: &[usize], write: fn(&mut Field<'_>, &str)) -> Vec<usize> {
        let mut out = Vec::new();
        let mut field = Field::begin(&mut out, "X");
        lengths
            .iter()
            .for_each(|length| write(&mut field, &"a".repeat(*length)));
        field.end();
        let text = String::from_utf8(out).unwrap();
        let lines = text.strip_suffix("\r\n").unwrap().split("\r\n");
        lines.map(str::len).collect()
    }

    #[test]
    fn a_piece_is_folded_where_it_would_make_more_than_78() {
        fn in_parts(field: &mut Field<'_>, piece: &str) {
            let (front, back) = piece.split_at(piece.len() / 2);
            field.pieces(&[front, back]);
        }
        for (lengths, expected) in [
            (&[75][..], &[78_usize][..]),
            (&[76], &[2, 77]),
            (&[73, 1], &[78]),
            (&[73, 2], &[76, 3]),
            (&[25, 25, 23, 1], &[78, 2]),
            (&[100, 1], &[2, 101, 2]),
        ] {
            assert_eq!(lines(lengths, |field, piece| field.piece(piece)), expected);
            assert_eq!(lines(lengths, in_parts), expected);
        }
    }

    #[test]
    fn words_are_folded_one_by_one() {
        for (words, expected) in [
            ([37, 37], "X: {} {}\r\n"),
            ([37, 38], "X: {}\r\n {}\r\n"),
            ([70, 70], "X: {}\r\n {}\r\n"),
        ] {
            let [one, other] = words.map(|length| "a".repeat(length));
            let mut out = Vec::new();
            let mut field = Field::begin(&mut out, "X");
            field.words(&format!("{one} {other}"));
            field.end();
            let expected = expected.replacen("{}", &one, 1).replacen("{}", &other, 1);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn the_room_of_a_line_is_that_of_a_piece_and_its_space() {
        fn to_the_end(field: &mut Field<'_>, _: &str) {
            let room = field.room();
            field.piece(&"a".repeat(room - 1));
        }
        assert_eq!(lines(&[0], to_the_end), [78]);
    }
}

//! Quoted-printable (RFC 2045 §6.7).
//!
//! ```text
//! qp-line     := *(qp-segment transport-padding CRLF) qp-part transport-padding
//! qp-segment  := qp-section *(SPACE / TAB) "="
//! hex-octet   := "=" 2(DIGIT / "A" / "B" / "C" / "D" / "E" / "F")
//! ```
//!
//! We also accept lower-case digits, white space after a soft line break's `=`, LF for CRLF, and a `=` that is followed
//! by anything else, which stays as it is. Line ends stay as they are.

use memchr::memchr2;

use crate::defect::DefectKind;

/// How many bytes are looked at in one step.
const STEP: usize = 16;

/// Appends the content of quoted-printable text to `out`.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<DefectKind> {
    // Every step writes whole, so there is room for one more than the content can need.
    let room = text.len() + STEP;
    let filled = out.len();
    if filled == 0 && out.capacity() < room {
        *out = vec![0; room];
    } else {
        out.resize(filled + room, 0);
    }
    let mut content = Content {
        out: out.as_mut_slice(),
        filled,
        literal: filled,
    };
    let mut bad = false;
    let mut rest = text;
    loop {
        rest = content.literal(rest);
        rest = content.octets(rest);
        rest = match rest {
            [] => break,
            [b'\n', after @ ..] => {
                content.line_end();
                after
            }
            [b'=', ..] => match soft_break(rest) {
                Some(after) => {
                    content.literal = content.filled;
                    after
                }
                None => {
                    bad = true;
                    content.octet(b'=');
                    rest.get(1..).unwrap_or_default()
                }
            },
            _ => rest,
        };
    }
    let length = content.filled;
    out.truncate(length);
    bad.then_some(DefectKind::BadQuotedPrintable)
}

/// The content that was read so far, at the front of a buffer that is large enough.
struct Content<'o> {
    out: &'o mut [u8],
    filled: usize,
    /// From here on the content stood in the text as it is; what was encoded is before it.
    literal: usize,
}

impl Content<'_> {
    /// Takes what is neither `=` nor LF; returns the text from the first such byte on.
    fn literal<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let mut rest = text;
        while let Some((step, after)) = rest.split_first_chunk::<STEP>() {
            if let Some(space) = self.out.get_mut(self.filled..self.filled + STEP) {
                space.copy_from_slice(step);
            }
            let length = literal_length(*step);
            self.filled += length;
            if length < STEP {
                return rest.get(length..).unwrap_or_default();
            }
            rest = after;
        }
        let length = memchr2(b'=', b'\n', rest).unwrap_or(rest.len());
        let (step, after) = rest.split_at(length);
        if let Some(space) = self.out.get_mut(self.filled..self.filled + length) {
            space.copy_from_slice(step);
        }
        self.filled += length;
        after
    }

    /// Takes what is encoded; returns the text from the first byte on that is not.
    #[inline]
    fn octets<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let mut rest = text;
        while let [b'=', high, low, after @ ..] = rest {
            let (high, low) = (digit(*high), digit(*low));
            if (high | low) > 15 {
                break;
            }
            self.octet(high << 4 | low);
            rest = after;
        }
        rest
    }

    /// Appends a byte that was not literal text.
    fn octet(&mut self, byte: u8) {
        if let Some(space) = self.out.get_mut(self.filled) {
            *space = byte;
        }
        self.filled += 1;
        self.literal = self.filled;
    }

    /// Appends LF. The white space before the line end was added by transport (rule 3), unless it was encoded.
    fn line_end(&mut self) {
        let line = self.out.get(self.literal..self.filled).unwrap_or_default();
        let (line, cr) = match line.strip_suffix(b"\r") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let blanks = line
            .iter()
            .rev()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        if blanks > 0 {
            self.filled -= blanks + usize::from(cr);
            if cr {
                self.octet(b'\r');
            }
        }
        self.octet(b'\n');
    }
}

/// How many bytes at the front are neither `=` nor LF, without a branch for each.
fn literal_length(step: [u8; STEP]) -> usize {
    const ONES: u128 = u128::MAX / 255;
    const HIGH: u128 = ONES << 7;
    let word = u128::from_le_bytes(step);
    // The lowest high bit that is set marks the first byte that is zero.
    let zeros = |x: u128| x.wrapping_sub(ONES) & !x & HIGH;
    let equals = zeros(word ^ (ONES * b'=' as u128));
    let line_ends = zeros(word ^ (ONES * b'\n' as u128));
    (equals | line_ends).trailing_zeros() as usize / 8
}

/// What follows a soft line break: `=`, white space, and a line end or the end of the text.
fn soft_break(from: &[u8]) -> Option<&[u8]> {
    let rest = from.get(1..)?;
    let blanks = rest
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count();
    match rest.get(blanks..)? {
        [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] => Some(after),
        [] => Some(&[]),
        _ => None,
    }
}

/// The value of a hexadecimal digit; 255 for any other byte.
fn digit(byte: u8) -> u8 {
    DIGITS.get(usize::from(byte)).copied().unwrap_or(u8::MAX)
}

const DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// Reads two hexadecimal digits.
pub(crate) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (digit(high), digit(low));
    (high < 16 && low < 16).then_some(high << 4 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<DefectKind>) {
        let mut out = Vec::new();
        let defect = decode(text.as_bytes(), &mut out);
        (String::from_utf8(out).unwrap(), defect)
    }

    const BAD: Option<DefectKind> = Some(DefectKind::BadQuotedPrintable);

    #[test]
    fn rfc2045_6_7_known_answers() {
        assert_eq!(
            read("Now's the time =\r\nfor all folk to come=\r\n to the aid of their country."),
            (
                "Now's the time for all folk to come to the aid of their country.".into(),
                None
            )
        );
        assert_eq!(read("=e2=82=AC"), ("€".into(), None));
        assert_eq!(read("ab= \t\r\ncd"), ("abcd".into(), None));
        assert_eq!(read("a \t\r\nb  \nc "), ("a\r\nb\nc ".into(), None));
        assert_eq!(read("end="), ("end".into(), None));
    }

    #[test]
    fn a_bad_octet_stays_as_it_is() {
        assert_eq!(read("=ZZ=4"), ("=ZZ=4".into(), BAD));
        assert_eq!(read("a=b"), ("a=b".into(), BAD));
    }

    #[test]
    fn white_space_that_was_encoded_stays_before_a_line_end() {
        assert_eq!(read("a=20\r\nb=09 \nc"), ("a \r\nb\t\nc".into(), None));
        assert_eq!(read(" =0D \n"), (" \r\n".into(), None));
    }

    /// The rule of this module, one piece at a time.
    fn naive(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut piece = Vec::new();
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            match (first, after) {
                (b'\n', _) => {
                    let cr = piece.ends_with(b"\r");
                    piece.truncate(piece.len() - usize::from(cr));
                    while matches!(piece.last(), Some(b' ' | b'\t')) {
                        piece.pop();
                    }
                    out.append(&mut piece);
                    out.extend_from_slice(if cr { b"\r\n" } else { b"\n" });
                }
                (b'=', [high, low, after @ ..]) if hex_pair(*high, *low).is_some() => {
                    out.append(&mut piece);
                    out.extend(hex_pair(*high, *low));
                    rest = after;
                }
                (b'=', _) => {
                    out.append(&mut piece);
                    match soft_break(&text[text.len() - after.len() - 1..]) {
                        Some(after) => rest = after,
                        None => out.push(b'='),
                    }
                }
                (byte, _) => piece.push(*byte),
            }
        }
        out.append(&mut piece);
        out
    }

    #[test]
    fn rfc2045_6_7_what_stands_before_an_equals_sign_or_a_line_end_is_literal() {
        for at in 0..STEP {
            for mark in *b"=\n" {
                for other in *b"x\r>;<\x0b\x00\xff" {
                    let mut step = [other; STEP];
                    step[at] = mark;
                    assert_eq!(literal_length(step), at, "{mark} in {other}");
                    step[STEP - 1] = b'=';
                    assert_eq!(literal_length(step), at, "{mark} in {other}");
                }
            }
        }
        assert_eq!(literal_length([b'x'; STEP]), STEP);
    }

    #[test]
    fn rfc2045_6_7_a_soft_line_break_is_an_equals_sign_at_the_end_of_a_line() {
        for (text, rest) in [
            ("=\nx", Some("x")),
            ("=\r\nx", Some("x")),
            ("= \t\r\n", Some("")),
            ("=", Some("")),
            ("= ", Some("")),
            ("=\rx", None),
            ("= x", None),
        ] {
            assert_eq!(
                soft_break(text.as_bytes()),
                rest.map(str::as_bytes),
                "{text:?}"
            );
        }
    }

    #[test]
    fn rfc2045_6_7_a_digit_is_one_of_sixteen_in_either_case() {
        for byte in 0..=u8::MAX {
            let value = char::from(byte).to_digit(16);
            let pair = value.map(|value| (value * 16 + 1) as u8);
            assert_eq!(hex_pair(byte, b'1'), pair, "{byte}");
            let pair = value.map(|value| (16 + value) as u8);
            assert_eq!(hex_pair(b'1', byte), pair, "{byte}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_as_the_rule_says(
            pieces in proptest::collection::vec(
                "[a-z ]{0,40}|=[0-9A-F]{2}|=[0-9a-f]|[ \t]{0,3}=?[ \t]{0,2}\r?\n|=|\r|[^ -~]",
                0..40,
            ),
            before in "x{0,20}",
        ) {
            let text = pieces.concat();
            let mut out = before.clone().into_bytes();
            decode(text.as_bytes(), &mut out);
            let expected = [before.as_bytes(), &naive(text.as_bytes())].concat();
            proptest::prop_assert_eq!(out, expected);
        }
    }
}

//! Writing quoted-printable (RFC 2045 §6.7).

/// Lines have at most this many characters, the line end not counted.
const LINE: usize = 76;

/// Writes text with CRLF line ends, in as many pieces as one likes.
///
/// A lone CR or LF is written as a hexadecimal octet. The last line is left without a soft break: what is written
/// decodes to exactly the text.
#[derive(Debug, Default)]
pub(super) struct QuotedPrintable {
    /// How many characters the line has so far.
    column: usize,
}

impl QuotedPrintable {
    /// Writes the front of `text`, which is all that is left of it: `most` bytes, or one more. Tells how many.
    pub(super) fn write(&mut self, text: &[u8], most: usize, out: &mut Vec<u8>) -> usize {
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            if text.len() - rest.len() >= most {
                break;
            }
            if let [b'\r', b'\n', next @ ..] = rest {
                self.end(b"\r\n", out);
                rest = next;
                continue;
            }
            let last = after.is_empty() || after.starts_with(b"\r\n");
            let literal = match first {
                b' ' | b'\t' => !last,
                b'.' => self.column > 0,
                b'F' => self.column > 0 || !rest.starts_with(b"From "),
                b'=' => false,
                _ => first.is_ascii_graphic(),
            };
            self.push(*first, literal, last, out);
            rest = after;
        }
        text.len() - rest.len()
    }

    fn push(&mut self, byte: u8, literal: bool, last: bool, out: &mut Vec<u8>) {
        // A soft break needs one place, unless the line ends here anyway.
        let room = if last { LINE } else { LINE - 1 };
        let width = if literal { 1 } else { 3 };
        let mut literal = literal;
        if self.column + width > room {
            self.end(b"=\r\n", out);
            // At the start of a line a dot or a From may be mistaken.
            literal &= !matches!(byte, b'.' | b'F');
        }
        if literal {
            out.push(byte);
            self.column += 1;
        } else {
            out.extend_from_slice(&[b'=', digit(byte >> 4), digit(byte & 15)]);
            self.column += 3;
        }
    }

    fn end(&mut self, end: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(end);
        self.column = 0;
    }
}

/// The hexadecimal digit of a number below 16.
fn digit(number: u8) -> u8 {
    number + if number < 10 { b'0' } else { b'A' - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, most: usize) -> String {
        let mut out = Vec::new();
        let mut encoder = QuotedPrintable::default();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            rest = &rest[encoder.write(rest, most, &mut out)..];
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rfc2045_6_7_lines_have_76_characters_and_read_back_equal() {
        for text in [
            "",
            "a b \r\n\t\r\n.",
            "From me\r\nFrom you",
            "x\ry\nz",
            "é\r\n\r\né",
            &"x".repeat(200),
            &"é".repeat(100),
            &format!("{}.", "x".repeat(75)),
            &format!("{} \r\nF", "x".repeat(75)),
            &format!("{}From me", "x".repeat(75)),
        ] {
            let out = written(text, usize::MAX);
            assert!(
                out.split("\r\n").all(|l| l.len() <= LINE
                    && !l.ends_with([' ', '\t'])
                    && !l.starts_with("From ")
                    && !l.starts_with('.')),
                "{out}"
            );
            let mut read = Vec::new();
            assert_eq!(
                crate::coding::quoted_printable::decode(out.as_bytes(), &mut read),
                None
            );
            assert_eq!(read, text.as_bytes());
            for most in [1, 2, 7] {
                assert_eq!(written(text, most), out);
            }
        }
    }

    #[test]
    fn hazards_of_transport_are_encoded() {
        let whole = |text| written(text, usize::MAX);
        assert_eq!(
            whole("From me\r\n.\r\nend \r\n"),
            "=46rom me\r\n=2E\r\nend=20\r\n"
        );
        assert_eq!(whole("a=b\tc"), "a=3Db\tc");
        assert_eq!(whole("cr\rlf\nend"), "cr=0Dlf=0Aend");
        assert_eq!(whole("tail "), "tail=20");
        assert_eq!(whole(&"x".repeat(76)), "x".repeat(76));
    }

    #[test]
    fn dots_and_from_are_hazards_at_the_start_of_a_line_only() {
        for text in ["a.b", "a From b", "Fromage", "F"] {
            assert_eq!(written(text, usize::MAX), text);
        }
    }

    #[test]
    fn the_front_that_was_written_is_told() {
        for (text, most, expected) in [
            (&b"abcdef"[..], usize::MAX, 6),
            (b"abcdef", 2, 2),
            (b"a\r\nb", 2, 3),
            (b"", 1, 0),
        ] {
            let mut encoder = QuotedPrintable::default();
            assert_eq!(encoder.write(text, most, &mut Vec::new()), expected);
        }
    }
}

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

/// Lines have at most this many characters, the line end not counted.
const LINE: usize = 76;

/// Appends the content of quoted-printable text to `out`.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<DefectKind> {
    out.reserve(text.len());
    let mut bad = false;
    let mut rest = text;
    while let Some(at) = memchr2(b'=', b'\n', rest) {
        let (before, from) = rest.split_at(at);
        if from.first() == Some(&b'\n') {
            line_end(before, out);
            rest = from.get(1..).unwrap_or_default();
            continue;
        }
        out.extend_from_slice(before);
        rest = match from {
            [_, high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                after
            }
            _ => match soft_break(from) {
                Some(after) => after,
                None => {
                    bad = true;
                    out.push(b'=');
                    from.get(1..).unwrap_or_default()
                }
            },
        };
    }
    out.extend_from_slice(rest);
    bad.then_some(DefectKind::BadQuotedPrintable)
}

/// Appends a piece that a line end follows, without the white space that transport added (rule 3).
fn line_end(piece: &[u8], out: &mut Vec<u8>) {
    let (piece, end): (_, &[u8]) = match piece.strip_suffix(b"\r") {
        Some(piece) => (piece, b"\r\n"),
        None => (piece, b"\n"),
    };
    out.extend_from_slice(trim_blanks(piece));
    out.extend_from_slice(end);
}

fn trim_blanks(piece: &[u8]) -> &[u8] {
    let blanks = piece
        .iter()
        .rev()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count();
    piece.get(..piece.len() - blanks).unwrap_or_default()
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

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10) & 15,
    }
}

/// Reads two hexadecimal digits.
pub(crate) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    (high.is_ascii_hexdigit() && low.is_ascii_hexdigit()).then(|| hex(high) << 4 | hex(low))
}

/// Writes text with CRLF line ends as quoted-printable.
///
/// A lone CR or LF is written as a hexadecimal octet. The last line is left without
/// a soft break: what is written decodes to exactly `text`.
pub(crate) fn write<W: std::io::Write>(text: &[u8], out: &mut W) -> std::io::Result<()> {
    let mut line = Line {
        out,
        bytes: [0; LINE + 2],
        length: 0,
    };
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let [b'\r', b'\n', next @ ..] = rest {
            line.end(false)?;
            rest = next;
            continue;
        }
        let at_line_end = after.starts_with(b"\r\n") || after.is_empty();
        let literal = match first {
            b' ' | b'\t' => !at_line_end,
            b'.' => line.length > 0,
            b'F' => line.length > 0 || !rest.starts_with(b"From "),
            b'=' => false,
            _ => first.is_ascii_graphic(),
        };
        line.push(*first, literal, at_line_end)?;
        rest = after;
    }
    line.flush()
}

/// A line that is being filled.
struct Line<'o, W> {
    out: &'o mut W,
    bytes: [u8; LINE + 2],
    length: usize,
}

impl<W: std::io::Write> Line<'_, W> {
    fn push(&mut self, byte: u8, literal: bool, last: bool) -> std::io::Result<()> {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or(b'0');
        let octet = [b'=', digit(byte >> 4), digit(byte & 15)];
        let piece: &[u8] = if literal { &[byte] } else { &octet };
        // A soft break needs one place, unless the line ends here anyway.
        let room = if last { LINE } else { LINE - 1 };
        if self.length + piece.len() > room {
            self.end(true)?;
            // At the start of a line a dot or a From may be mistaken.
            if literal && matches!(byte, b'.' | b'F') {
                return self.push(byte, false, last);
            }
        }
        if let Some(space) = self.bytes.get_mut(self.length..self.length + piece.len()) {
            space.copy_from_slice(piece);
        }
        self.length += piece.len();
        Ok(())
    }

    fn end(&mut self, soft: bool) -> std::io::Result<()> {
        self.flush()?;
        self.out.write_all(if soft { b"=\r\n" } else { b"\r\n" })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out
            .write_all(self.bytes.get(..self.length).unwrap_or_default())?;
        self.length = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<DefectKind>) {
        let mut out = Vec::new();
        let defect = decode(text.as_bytes(), &mut out);
        (String::from_utf8(out).unwrap(), defect)
    }

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write(text.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
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
    fn hazards_of_transport_are_encoded() {
        assert_eq!(
            written("From me\r\n.\r\nend \r\n"),
            "=46rom me\r\n=2E\r\nend=20\r\n"
        );
        assert_eq!(written("a=b\tc"), "a=3Db\tc");
        assert_eq!(written("cr\rlf\nend"), "cr=0Dlf=0Aend");
        assert_eq!(written("tail "), "tail=20");
    }

    #[test]
    fn lines_are_at_most_76_characters_long() {
        for text in [
            "x".repeat(76),
            "x".repeat(77),
            "é".repeat(100),
            format!("{}.From ", "y".repeat(75)),
        ] {
            let encoded = written(&text);
            assert!(encoded.split("\r\n").all(|l| l.len() <= 76), "{encoded}");
            assert_eq!(read(&encoded), (text, None));
        }
        assert_eq!(written(&"x".repeat(76)), "x".repeat(76));
    }
}

//! What decides the encoding of a text.

use memchr::memchr_iter;

use crate::coding::TransferEncoding;

/// A line may not have more characters (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;

/// What a text is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Survey {
    /// Whether it can be sent as it is: ASCII without controls, in lines of 998 characters at most, with nothing that
    /// transport is known to change.
    pub(super) seven_bit: bool,
    /// Whether a line begins with two dashes, as delimiters do.
    pub(super) dashes: bool,
    /// Whether CR and LF stand in pairs only.
    pub(super) pairs_only: bool,
    /// How many bytes quoted-printable would write as three.
    pub(super) octets: usize,
}

impl Survey {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let odd = count(bytes, |b| !matches!(b, b' '..=b'~' | b'\t'));
        let mut pairs = 0;
        let mut lone = false;
        let mut lines = Lines::default();
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            let line = bytes.get(start..end).unwrap_or_default();
            match line.split_last() {
                Some((b'\r', line)) => {
                    pairs += 1;
                    lines.take(line);
                }
                _ => {
                    lone = true;
                    lines.take(line);
                }
            }
            start = end + 1;
        }
        lines.take(bytes.get(start..).unwrap_or_default());
        let octets = odd - (2 * pairs).min(odd);
        // Where nothing is odd but pairs there is no CR alone.
        lone |= octets > 0 && count(bytes, |b| b == b'\r') > pairs;
        Self {
            seven_bit: octets == 0 && !lone && !lines.hazard,
            dashes: lines.dashes,
            pairs_only: !lone,
            octets,
        }
    }
}

/// The least that content which is not encoded asks of transport (RFC 2045 §2.7 to §2.9): `7bit`, `8bit` or `binary`.
pub(super) fn domain(bytes: &[u8], survey: Survey) -> TransferEncoding {
    let mut lines = bytes.split(|b| *b == b'\n');
    let fits = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).len() <= LONGEST_LINE;
    if !survey.pairs_only || memchr::memchr(0, bytes).is_some() || !lines.all(fits) {
        TransferEncoding::Binary
    } else if bytes.is_ascii() {
        TransferEncoding::SevenBit
    } else {
        TransferEncoding::EightBit
    }
}

/// What asks more of transport.
pub(super) fn wider(one: TransferEncoding, other: TransferEncoding) -> TransferEncoding {
    match (one, other) {
        (TransferEncoding::Binary, _) | (_, TransferEncoding::Binary) => TransferEncoding::Binary,
        (TransferEncoding::EightBit, _) | (_, TransferEncoding::EightBit) => {
            TransferEncoding::EightBit
        }
        _ => TransferEncoding::SevenBit,
    }
}

#[derive(Default)]
struct Lines {
    /// A line is too long, or one that transport may change.
    hazard: bool,
    dashes: bool,
}

impl Lines {
    fn take(&mut self, line: &[u8]) {
        self.hazard |= line.len() > LONGEST_LINE
            || matches!(line.last(), Some(b' ' | b'\t'))
            || (line.first() == Some(&b'F') && line.starts_with(b"From "));
        self.dashes |= line.starts_with(b"--");
    }
}

/// How many bytes `is_one` is true of, in sums that fit a byte so that many are taken at once.
fn count(bytes: &[u8], is_one: impl Fn(u8) -> bool) -> usize {
    let sum = |chunk: &[u8]| chunk.iter().map(|b| u8::from(is_one(*b))).sum::<u8>();
    bytes.chunks(192).map(|chunk| usize::from(sum(chunk))).sum()
}

/// Text with CRLF at the end of every line, the last one included; `None` where it has them.
pub(super) fn with_crlf_lines(bytes: &[u8], survey: Survey) -> Option<Vec<u8>> {
    if survey.pairs_only && (bytes.is_empty() || bytes.ends_with(b"\r\n")) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32 + 2);
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        let (line, end) = rest.split_at(at);
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
        rest = end
            .strip_prefix(b"\r\n")
            .or(end.get(1..))
            .unwrap_or_default();
    }
    if !rest.is_empty() {
        out.extend_from_slice(rest);
        out.extend_from_slice(b"\r\n");
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crlf(text: &str) -> Option<String> {
        with_crlf_lines(text.as_bytes(), Survey::of(text.as_bytes()))
            .map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn rfc5322_2_3_every_line_ends_with_crlf() {
        assert_eq!(
            crlf("a\nb\rc\r\n.\nd").as_deref(),
            Some("a\r\nb\r\nc\r\n.\r\nd\r\n")
        );
        assert_eq!(crlf("a\r\nb\r\n"), None);
        assert_eq!(crlf(""), None);
        assert_eq!(crlf("\n\r").as_deref(), Some("\r\n\r\n"));
        assert_eq!(crlf("é\r\r\n").as_deref(), Some("é\r\n\r\n"));
    }

    #[test]
    fn what_transport_may_change_is_not_sent_as_it_is() {
        let seven_bit = |text: &str| Survey::of(text.as_bytes()).seven_bit;
        assert!(seven_bit("") && seven_bit("a\tb\r\nFromage\r\n"));
        for text in [
            "a \r\n", "\t\r\nb", "From me", "a\nb", "a\rb", "é", "\0", "\u{7f}", "a\r\r\n",
        ] {
            assert!(!seven_bit(text), "{text:?}");
        }
        assert!(seven_bit(&"x".repeat(998)) && !seven_bit(&"x".repeat(999)));
    }

    #[test]
    fn rfc2045_2_7_what_is_not_encoded_says_what_it_asks_of_transport() {
        let domain = |text: &[u8]| domain(text, Survey::of(text));
        for seven_bit in [&b""[..], b"From me \r\n", b"\x07\r\n", &[b'x'; 998]] {
            assert_eq!(domain(seven_bit), TransferEncoding::SevenBit);
        }
        assert_eq!(domain(b"\xE9\r\n"), TransferEncoding::EightBit);
        for binary in [&b"\0"[..], b"a\n", b"a\rb", &[b'x'; 999], &[0xE9; 999]] {
            assert_eq!(domain(binary), TransferEncoding::Binary);
        }
    }

    #[test]
    fn dashes_are_seen_at_the_start_of_a_line() {
        let dashes = |text: &str| Survey::of(text.as_bytes()).dashes;
        assert!(dashes("--x") && dashes("a\r\n--x") && dashes("a\n--"));
        assert!(!dashes("a --x\r\n-x"));
    }

    #[test]
    fn octets_are_those_that_quoted_printable_writes_as_three() {
        assert_eq!(Survey::of("aé\r\n\0".as_bytes()).octets, 3);
        assert_eq!(Survey::of("é".repeat(500).as_bytes()).octets, 1000);
    }

    #[test]
    fn rfc5322_2_3_a_last_line_without_an_end_is_given_one() {
        assert_eq!(crlf("a").as_deref(), Some("a\r\n"));
        assert_eq!(crlf("a\r\nb").as_deref(), Some("a\r\nb\r\n"));
    }

    #[test]
    fn rfc2045_6_4_a_multipart_asks_what_any_of_its_parts_asks() {
        use TransferEncoding::{Binary, EightBit, SevenBit};
        for (one, other, both) in [
            (SevenBit, SevenBit, SevenBit),
            (SevenBit, EightBit, EightBit),
            (SevenBit, Binary, Binary),
            (EightBit, EightBit, EightBit),
            (EightBit, Binary, Binary),
        ] {
            assert_eq!((wider(one, other), wider(other, one)), (both, both));
        }
    }
}

//! UTF-7 (RFC 2152): UTF-16 in base64 between `+` and `-`.
//!
//! It is read in bodies and encoded words that name it, and never guessed. It is never written.

use crate::defect::DefectKind;

/// Reads UTF-7.
pub(super) fn decode(bytes: &[u8]) -> (String, Option<DefectKind>) {
    let mut out = Decoder::default();
    let mut rest = bytes;
    while let Some(plus) = memchr::memchr(b'+', rest) {
        let (direct, from) = rest.split_at(plus);
        out.direct(direct);
        let shifted = from.get(1..).unwrap_or_default();
        let length = shifted.iter().take_while(|b| sextet(**b).is_some()).count();
        let (run, after) = shifted.split_at(length);
        let closed = after.strip_prefix(b"-");
        match (run.is_empty(), closed) {
            (true, Some(_)) => out.text.push('+'),
            (true, None) => out.bad = true,
            (false, _) => out.run(run),
        }
        rest = closed.unwrap_or(after);
    }
    out.direct(rest);
    (out.text, out.bad.then_some(DefectKind::BadCharset))
}

#[derive(Default)]
struct Decoder {
    text: String,
    bad: bool,
}

impl Decoder {
    fn direct(&mut self, bytes: &[u8]) {
        self.bad |= !bytes.is_ascii();
        self.text.push_str(&String::from_utf8_lossy(bytes));
    }

    /// Base64 without padding: units of 16 bits, and fewer than 6 bits left over.
    fn run(&mut self, run: &[u8]) {
        let mut bits = 0_u32;
        let mut count = 0;
        let mut units = Vec::with_capacity(run.len() * 6 / 16);
        for sextet in run.iter().filter_map(|b| sextet(*b)) {
            bits = bits << 6 | u32::from(sextet);
            count += 6;
            if count >= 16 {
                count -= 16;
                units.push((bits >> count) as u16);
                bits &= (1 << count) - 1;
            }
        }
        self.bad |= count >= 6 || bits != 0;
        for c in char::decode_utf16(units) {
            self.bad |= c.is_err();
            self.text.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2152_examples() {
        assert_eq!(decode(b"A+ImIDkQ."), ("A\u{2262}\u{391}.".into(), None));
        assert_eq!(
            decode(b"Hi Mom -+Jjo--!"),
            ("Hi Mom -\u{263A}-!".into(), None)
        );
        assert_eq!(
            decode(b"+ZeVnLIqe-"),
            ("\u{65E5}\u{672C}\u{8A9E}".into(), None)
        );
        assert_eq!(decode(b"1 +- 1"), ("1 + 1".into(), None));
    }

    #[test]
    fn rfc2152_the_alphabet_is_that_of_base64() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let values: Vec<u8> = alphabet.iter().filter_map(|b| sextet(*b)).collect();
        assert_eq!(values, (0..64).collect::<Vec<u8>>());
        let others = (0..=u8::MAX).filter(|b| !alphabet.contains(b));
        assert_eq!(others.filter_map(sextet).count(), 0);
        assert_eq!(decode(b"+//8-"), ("\u{FFFF}".into(), None));
        assert_eq!(decode(b"+++8-"), ("\u{FBEF}".into(), None));
    }

    #[test]
    fn what_breaks_off_is_told() {
        let bad = Some(DefectKind::BadCharset);
        assert_eq!(decode(b"+ 1"), (" 1".into(), bad));
        assert_eq!(decode(b"+2D0-x"), ("\u{FFFD}x".into(), bad));
        assert_eq!(decode(b"\xE9"), ("\u{FFFD}".into(), bad));
    }

    #[test]
    fn rfc2152_a_run_ends_with_fewer_than_six_bits_and_those_are_zero() {
        let bad = Some(DefectKind::BadCharset);
        for (text, read, defect) in [
            (&b"+AEE-"[..], "A", None),
            (b"+AEEAQg-", "AB", None),
            (b"+AEEAQgBD-", "ABC", None),
            (b"+AEE.", "A.", None),
            (b"+AEE", "A", None),
            (b"+AEF-", "A", bad),
            (b"+AEEA-", "A", bad),
            (b"+A-", "", bad),
            (b"+AEEAQgBDA-", "ABC", bad),
            (b"+-+-", "++", None),
            (b"+", "", bad),
            (b"+2D3eAA-x", "\u{1F600}x", None),
        ] {
            assert_eq!(
                decode(text),
                (read.into(), defect),
                "{}",
                text.escape_ascii()
            );
        }
    }
}

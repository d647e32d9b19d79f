//! ISO-2022-JP (RFC 1468), in which escape sequences change the character set.
//!
//! ```text
//! single-byte-seq = ESC "(" ( "B" / "J" )
//! double-byte-seq = ESC "$" ( "@" / "B" )
//! ```
//!
//! `ESC "(" "I"`, for katakana of half width, is read as well.
//!
//! An escape sequence with no character behind it is no error here, as it is by the Encoding Standard: each of two encoded words
//! begins and ends in ASCII (RFC 2047 §3), so that two of them meet where the words are joined, and lines of a body may be
//! written in the same way.

use std::borrow::Cow;

use super::Text;

const ESC: u8 = 0x1B;
/// The octets of an escape sequence.
const LENGTH: usize = 3;

/// Reads text in ISO-2022-JP.
pub(super) fn decode(bytes: &[u8]) -> Text<'_> {
    match without_idle_escapes(bytes) {
        Cow::Borrowed(bytes) => super::read_other(encoding_rs::ISO_2022_JP, bytes),
        Cow::Owned(bytes) => {
            let Text { text, defect } = super::read_other(encoding_rs::ISO_2022_JP, &bytes);
            Text {
                text: text.into_owned().into(),
                defect,
            }
        }
    }
}

/// The same text without the escape sequences that another one directly follows: they change nothing.
fn without_idle_escapes(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !may_have_idle_escapes(bytes) {
        return bytes.into();
    }
    let mut out = Vec::new();
    let mut kept = 0;
    for at in memchr::memchr_iter(ESC, bytes) {
        if is_escape_at(bytes, at) && is_escape_at(bytes, at + LENGTH) {
            out.extend_from_slice(bytes.get(kept..at).unwrap_or_default());
            kept = at + LENGTH;
        }
    }
    if kept == 0 {
        return bytes.into();
    }
    out.extend_from_slice(bytes.get(kept..).unwrap_or_default());
    out.into()
}

/// Whether an ESC stands so far behind another one as an escape sequence is long: nearly always none does, and many octets are
/// compared at once.
fn may_have_idle_escapes(bytes: &[u8]) -> bool {
    let behind = bytes.get(LENGTH..).unwrap_or_default();
    let mut blocks = bytes.chunks(256).zip(behind.chunks(256));
    blocks.any(|(block, behind)| {
        let pairs = block.iter().zip(behind);
        pairs.fold(false, |met, (one, other)| {
            met | (*one == ESC) & (*other == ESC)
        })
    })
}

fn is_escape_at(bytes: &[u8], at: usize) -> bool {
    matches!(
        bytes.get(at..),
        Some([ESC, b'(', b'B' | b'J' | b'I', ..] | [ESC, b'$', b'@' | b'B', ..])
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defect::DefectKind;

    #[test]
    fn rfc1468_escape_sequences_without_a_character_between_them_are_no_error() {
        for (bytes, expected) in [
            (&b"\x1B$B$3\x1B(B"[..], "こ"),
            (b"\x1B$B$3\x1B(B\x1B$B$3\x1B(B", "ここ"),
            (b"\x1B(B\x1B$B$3\x1B(B", "こ"),
            (b"\x1B(B\x1B(J\x1B$@\x1B$B$3\x1B(B a", "こ a"),
            (b"\x1B$B\x1B(I1\x1B(B\x1B(B", "ｱ"),
            (b"a\x1B$B\x1B(B", "a"),
            (b"plain", "plain"),
        ] {
            let expected = Text {
                text: expected.into(),
                defect: None,
            };
            assert_eq!(decode(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_escape_sequence_hides_none() {
        for (bytes, expected) in [
            (&b"\x1B$B\x1BX$3\x1B(B"[..], "\u{FFFD}"),
            (b"\x1B$B$\x1B(B\x1B$B$3", "\u{FFFD}こ"),
            (b"\x1B\x1B$B$3", "\u{FFFD}こ"),
        ] {
            let Text { text, defect } = decode(bytes);
            assert!(text.starts_with(expected), "{text}");
            assert_eq!(defect, Some(DefectKind::BadCharset));
            assert!(!bytes.ends_with(b"$3") || text.ends_with('こ'), "{text}");
        }
    }
}

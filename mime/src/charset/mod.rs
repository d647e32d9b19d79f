//! Bytes to text (RFC 2046 §4.1.2), by the labels of the WHATWG Encoding Standard and what else charsets are called in mail.
//!
//! Read here: UTF-8, US-ASCII, ISO-8859-1 and windows-1252 (one and the same by that standard), ISO-8859-15, UTF-16, UTF-7. A byte
//! order mark wins over the label. An unknown or missing label, and US-ASCII with 8-bit bytes, are read as UTF-8 where that
//! is valid and as windows-1252 otherwise.
//!
//! Not supported: the other charsets, without the feature `charsets`.

#[cfg(feature = "charsets")]
mod code_page;
#[cfg(feature = "charsets")]
mod iso_2022_jp;
mod label;
mod single_byte;
mod utf_7;

use std::borrow::Cow;

#[cfg(feature = "charsets")]
use code_page::CodePage;
use label::{bare, known};
use single_byte::SingleByte;

use crate::defect::DefectKind;

/// Text that was made of bytes in some charset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'m> {
    /// The text; what has no character is U+FFFD.
    pub text: Cow<'m, str>,
    /// What was wrong with the charset or its bytes, or with the transfer encoding under it.
    pub defect: Option<DefectKind>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Ascii,
    Windows1252,
    Iso8859_15,
    Utf16Be,
    Utf16Le,
    Utf7,
    #[cfg(feature = "charsets")]
    CodePage(CodePage),
    #[cfg(feature = "charsets")]
    Other(&'static encoding_rs::Encoding),
}

/// Whether text in the charset of this label can be read.
pub(crate) fn is_known(label: &[u8]) -> bool {
    known(label).is_some()
}

/// Reads bytes in the charset of a label.
#[inline]
pub(crate) fn decode<'b>(label: Option<&[u8]>, bytes: &'b [u8]) -> Text<'b> {
    let label = label.map(bare).filter(|l| !l.is_empty());
    let charset = label.and_then(known);
    let mut text = match (byte_order_mark(bytes), charset) {
        (Some((charset, rest)), _) => read(charset, rest),
        (None, Some(charset)) => read(charset, bytes),
        (None, None) => guess(bytes),
    };
    if label.is_some() && charset.is_none() {
        text.defect = Some(DefectKind::UnknownCharset);
    }
    text
}

/// Reads bytes out of a header in the charset of a label. They are no whole text, so that U+FEFF at their start is a character; only
/// where the label leaves the order of octets open, a byte order mark tells it.
pub(crate) fn decode_piece<'b>(label: Option<&[u8]>, bytes: &'b [u8]) -> Text<'b> {
    match label.and_then(known) {
        None | Some(Charset::Utf16Be | Charset::Utf16Le) => decode(label, bytes),
        Some(charset) => read(charset, bytes),
    }
}

/// As [`decode`], of bytes that are nobody else's.
pub(crate) fn decode_owned(label: Option<&[u8]>, bytes: Vec<u8>) -> Text<'static> {
    let charset = label.map_or(Some(Charset::Utf8), known);
    let utf_8 = matches!(charset, Some(Charset::Utf8 | Charset::Ascii));
    // Looked at once where it is UTF-8, as most text is.
    let bytes = match byte_order_mark(&bytes) {
        None if utf_8 => match String::from_utf8(bytes) {
            Ok(text) => {
                return Text {
                    text: text.into(),
                    defect: None,
                };
            }
            Err(error) => error.into_bytes(),
        },
        _ => bytes,
    };
    let Text { text, defect } = decode(label, &bytes);
    let text = match text {
        Cow::Owned(text) => text,
        // Borrowed text is all of the bytes, or all behind a byte order mark.
        Cow::Borrowed(text) if text.len() == bytes.len() => {
            String::from_utf8(bytes).unwrap_or_default()
        }
        Cow::Borrowed(text) => text.to_owned(),
    };
    Text {
        text: text.into(),
        defect,
    }
}

fn byte_order_mark(bytes: &[u8]) -> Option<(Charset, &[u8])> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Some((Charset::Utf8, rest)),
        [0xFE, 0xFF, rest @ ..] => Some((Charset::Utf16Be, rest)),
        [0xFF, 0xFE, rest @ ..] => Some((Charset::Utf16Le, rest)),
        _ => None,
    }
}

fn read(charset: Charset, bytes: &[u8]) -> Text<'_> {
    match charset {
        Charset::Utf8 => match utf_8(bytes) {
            Some(text) => Text {
                text: text.into(),
                defect: None,
            },
            None => Text {
                text: String::from_utf8_lossy(bytes),
                defect: Some(DefectKind::BadCharset),
            },
        },
        Charset::Ascii => guess(bytes),
        Charset::Windows1252 => Text {
            text: windows_1252(bytes),
            defect: None,
        },
        Charset::Iso8859_15 => Text {
            text: bytes.iter().copied().map(iso_8859_15).collect(),
            defect: None,
        },
        Charset::Utf7 => {
            let (text, defect) = utf_7::decode(bytes);
            Text {
                text: text.into(),
                defect,
            }
        }
        #[cfg(feature = "charsets")]
        Charset::CodePage(page) => Text {
            text: page.decode(bytes).into(),
            defect: None,
        },
        #[cfg(feature = "charsets")]
        Charset::Other(encoding) if encoding == encoding_rs::ISO_2022_JP => {
            iso_2022_jp::decode(bytes)
        }
        #[cfg(feature = "charsets")]
        Charset::Other(encoding) if encoding.is_single_byte() && bytes.len() >= LONG_TEXT => {
            long_single_byte(encoding, bytes)
        }
        #[cfg(feature = "charsets")]
        Charset::Other(encoding) => read_other(encoding, bytes),
        Charset::Utf16Be => utf_16(bytes, u16::from_be_bytes),
        Charset::Utf16Le => utf_16(bytes, u16::from_le_bytes),
    }
}

/// Reads bytes as the Encoding Standard has it.
#[cfg(feature = "charsets")]
fn read_other<'b>(encoding: &'static encoding_rs::Encoding, bytes: &'b [u8]) -> Text<'b> {
    let (text, bad) = encoding.decode_without_bom_handling(bytes);
    Text {
        text,
        defect: bad.then_some(DefectKind::BadCharset),
    }
}

/// The bytes as they are, if they are UTF-8.
#[cfg(not(feature = "charsets"))]
pub(crate) fn utf_8(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The bytes as they are, if they are UTF-8. For long text encoding_rs knows that sooner.
#[cfg(feature = "charsets")]
pub(crate) fn utf_8(bytes: &[u8]) -> Option<&str> {
    const LONG: usize = 128;
    if bytes.len() < LONG {
        return std::str::from_utf8(bytes).ok();
    }
    match encoding_rs::UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(Cow::Borrowed(text)) => Some(text),
        _ => None,
    }
}

/// Reads bytes of no certain charset: UTF-8 if valid, otherwise windows-1252.
#[inline]
pub(crate) fn guess(bytes: &[u8]) -> Text<'_> {
    match utf_8(bytes) {
        Some(text) => Text {
            text: text.into(),
            defect: None,
        },
        None => Text {
            text: windows_1252(bytes),
            defect: Some(DefectKind::BadCharset),
        },
    }
}

/// The characters of 0x80–0x9F in windows-1252 (WHATWG: the five unassigned ones are C1 controls).
pub(crate) const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

fn windows_1252(bytes: &[u8]) -> Cow<'_, str> {
    static TABLE: SingleByte = SingleByte::new(&{
        let mut characters = ['\0'; 256];
        let mut byte = 0;
        while byte < 256 {
            characters[byte] = match byte {
                0x80..=0x9F => WINDOWS_1252[byte - 0x80],
                _ => byte as u8 as char,
            };
            byte += 1;
        }
        characters
    });
    if let (true, Ok(text)) = (bytes.is_ascii(), std::str::from_utf8(bytes)) {
        return text.into();
    }
    TABLE.decode(bytes).into()
}

/// Text for which it is worth while to make a table first.
#[cfg(feature = "charsets")]
const LONG_TEXT: usize = 4096;

/// Reads long text of a charset in which every byte is a character. (The decoders of encoding_rs take twice the time.)
#[cfg(feature = "charsets")]
fn long_single_byte<'b>(encoding: &'static encoding_rs::Encoding, bytes: &'b [u8]) -> Text<'b> {
    let mut characters = ['\0'; 256];
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let (text, _) = encoding.decode_without_bom_handling(&all);
    for (slot, character) in characters.iter_mut().zip(text.chars()) {
        *slot = character;
    }
    let no_character = |b: &u8| {
        let character = characters.get(usize::from(*b));
        character == Some(&char::REPLACEMENT_CHARACTER)
    };
    let bad = all.iter().any(no_character) && bytes.iter().any(no_character);
    Text {
        text: SingleByte::new(&characters).decode(bytes).into(),
        defect: bad.then_some(DefectKind::BadCharset),
    }
}

/// ISO-8859-15: ISO-8859-1 but for eight characters, the euro sign among them.
fn iso_8859_15(byte: u8) -> char {
    match byte {
        0xA4 => '€',
        0xA6 => 'Š',
        0xA8 => 'š',
        0xB4 => 'Ž',
        0xB8 => 'ž',
        0xBC => 'Œ',
        0xBD => 'œ',
        0xBE => 'Ÿ',
        _ => char::from(byte),
    }
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Text<'static> {
    let pairs = bytes.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let units = pairs.map(|pair| {
        unit([
            pair.first().copied().unwrap_or(0),
            pair.last().copied().unwrap_or(0),
        ])
    });
    let mut bad = odd;
    let mut text: String = char::decode_utf16(units)
        .map(|c| {
            c.unwrap_or_else(|_| {
                bad = true;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    if odd {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    Text {
        text: text.into(),
        defect: bad.then_some(DefectKind::BadCharset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(label: &str, bytes: &[u8]) -> (String, Option<DefectKind>) {
        let text = decode(Some(label.as_bytes()).filter(|l| !l.is_empty()), bytes);
        (text.text.into_owned(), text.defect)
    }

    #[test]
    fn latin_9_has_the_euro_sign() {
        let text = decode(
            Some(b"ISO-8859-15"),
            b"\xA4 \xBC\xBD\xBE \xA6\xA8\xB4\xB8 \xE9",
        );
        assert_eq!(text.text, "€ ŒœŸ ŠšŽž é");
        assert_eq!(text.defect, None);
    }

    #[test]
    fn latin_1_is_windows_1252() {
        assert_eq!(text("ISO-8859-1", b"caf\xE9 \x80"), ("café €".into(), None));
        assert_eq!(text("cp1252", b"\x93x\x94"), ("“x”".into(), None));
    }

    #[test]
    fn no_label_is_utf_8_or_else_windows_1252() {
        assert_eq!(text("", "é".as_bytes()), ("é".into(), None));
        assert_eq!(
            text("", b"\xE9"),
            ("é".into(), Some(DefectKind::BadCharset))
        );
        assert_eq!(
            text("us-ascii", b"\xE9"),
            ("é".into(), Some(DefectKind::BadCharset))
        );
        assert_eq!(
            text("x-nope", b"\xFF\xFA"),
            ("ÿú".into(), Some(DefectKind::UnknownCharset))
        );
    }

    #[test]
    fn overlong_utf_8_never_becomes_a_slash() {
        let (text, defect) = text("utf-8", b"\xC0\xAF\xED\xA0\x80");
        assert!(text.chars().all(|c| c == '\u{FFFD}'));
        assert_eq!(defect, Some(DefectKind::BadCharset));
    }

    #[cfg(feature = "charsets")]
    #[test]
    fn long_text_is_read_as_short_text_is() {
        let all: Vec<u8> = (1..=u8::MAX).chain(0x80..0xFF).collect();
        for label in [
            "koi8-r",
            "windows-1251",
            "iso-8859-8",
            "windows-1253",
            "x-user-defined",
            "macintosh",
        ] {
            let pieces: Vec<_> = all.chunks(100).map(|piece| text(label, piece)).collect();
            let expected = pieces
                .iter()
                .map(|(text, _)| &**text)
                .collect::<String>()
                .repeat(20);
            let defect = pieces.iter().find_map(|(_, defect)| *defect);
            assert_eq!(text(label, &all.repeat(20)), (expected, defect), "{label}");
        }
    }

    #[test]
    fn bytes_that_are_nobody_elses_are_read_as_others_are() {
        let labels = [
            "utf-8",
            "us-ascii",
            "iso-8859-1",
            "utf-16",
            "utf-7",
            "iso-2022-jp",
            "no-such",
        ];
        let labels = labels.into_iter().map(|label| Some(label.as_bytes()));
        for label in labels.chain([None]) {
            for bytes in [
                &b"plain"[..],
                b"",
                b"caf\xc3\xa9",
                b"caf\xe9",
                b"\xef\xbb\xbfcaf\xc3\xa9",
                b"\xfe\xff\x00a",
                b"+AOk-",
                b"\x1b$B$\"\x1b(B",
                b"a\x00b\x00",
            ] {
                let (owned, other) = (decode_owned(label, bytes.to_vec()), decode(label, bytes));
                let shown = format!("{label:?} {bytes:?}");
                assert_eq!(owned.text, other.text, "{shown}");
                assert_eq!(owned.defect, other.defect, "{shown}");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_wins() {
        assert_eq!(
            text("iso-8859-1", b"\xEF\xBB\xBF\xC3\xA9"),
            ("é".into(), None)
        );
        assert_eq!(text("utf-8", b"\xFE\xFF\x00h\x00i"), ("hi".into(), None));
        assert_eq!(text("utf-16be", b"\xD8\x3D\xDE\x00"), ("😀".into(), None));
        assert_eq!(
            text("utf-16le", b"h\x00i"),
            ("h\u{FFFD}".into(), Some(DefectKind::BadCharset))
        );
    }
}

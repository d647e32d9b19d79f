//! Encoded words (RFC 2047 §2): text of any charset within ASCII.
//!
//! ```text
//! encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
//! charset      = token    ; RFC 2231 §5 adds ["*" language]
//! encoding     = token    ; "B" or "Q", in either case
//! encoded-text = 1*<Any printable ASCII character other than "?" or SPACE>
//! ```
//!
//! We also accept words longer than 75 characters, empty text, and white space and 8-bit bytes within the text, because
//! all are common.

use nom::Parser;
use nom::bytes::complete::{tag, take_while};

use super::Parsed;
use crate::coding::{base64, quoted_printable::hex_pair};

/// An encoded word, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EncodedWord<'a> {
    pub(crate) charset: &'a [u8],
    pub(crate) encoding: WordEncoding,
    pub(crate) text: &'a [u8],
}

/// How the text of an encoded word is written (RFC 2047 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WordEncoding {
    B,
    Q,
}

/// `encoded-word`.
pub(crate) fn encoded_word(input: &[u8]) -> Parsed<'_, EncodedWord<'_>> {
    let (rest, _) = tag(&b"=?"[..]).parse(input)?;
    let (rest, charset) = take_while(|b: u8| b.is_ascii_graphic() && b != b'?').parse(rest)?;
    let (rest, _) = tag(&b"?"[..]).parse(rest)?;
    let (rest, encoding) = match rest {
        [b'B' | b'b', rest @ ..] => (rest, WordEncoding::B),
        [b'Q' | b'q', rest @ ..] => (rest, WordEncoding::Q),
        _ => return super::no_match(input),
    };
    let (rest, _) = tag(&b"?"[..]).parse(rest)?;
    let (rest, text) = take_while(|b: u8| b != b'?').parse(rest)?;
    let (rest, _) = tag(&b"?="[..]).parse(rest)?;
    let language = charset
        .iter()
        .position(|b| *b == b'*')
        .unwrap_or(charset.len());
    let charset = charset.get(..language).unwrap_or_default();
    if charset.is_empty() {
        return super::no_match(input);
    }
    Ok((
        rest,
        EncodedWord {
            charset,
            encoding,
            text,
        },
    ))
}

impl EncodedWord<'_> {
    /// Appends the bytes of the text in its charset.
    pub(crate) fn decode(&self, out: &mut Vec<u8>) {
        match self.encoding {
            WordEncoding::B => base64::decode_word(self.text, out),
            WordEncoding::Q => decode_q(self.text, out),
        }
    }
}

/// The "Q" encoding (RFC 2047 §4.2): quoted-printable in which `_` is a space.
fn decode_q(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let special = |b: &u8| matches!(b, b'=' | b'_' | b'\r' | b'\n');
        let plain = rest.iter().position(special).unwrap_or(rest.len());
        let (run, from) = rest.split_at(plain);
        out.extend_from_slice(run);
        let Some((first, after)) = from.split_first() else {
            return;
        };
        let octet = match after {
            [high, low, ..] if *first == b'=' => hex_pair(*high, *low),
            _ => None,
        };
        match (octet, first) {
            (Some(octet), _) => {
                out.push(octet);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (None, b'_') => out.push(b' '),
            (None, b'\r' | b'\n') => {}
            (None, other) => out.push(*other),
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(word: &str) -> Option<(String, Vec<u8>)> {
        let (rest, word) = encoded_word(word.as_bytes()).ok()?;
        assert!(rest.is_empty());
        let mut out = Vec::new();
        word.decode(&mut out);
        Some((String::from_utf8_lossy(word.charset).into_owned(), out))
    }

    #[test]
    fn rfc2047_8_examples() {
        let latin = "ISO-8859-1".to_owned();
        assert_eq!(
            decoded("=?ISO-8859-1?Q?Andr=E9?="),
            Some((latin.clone(), b"Andr\xE9".to_vec()))
        );
        assert_eq!(
            decoded("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?="),
            Some((latin.clone(), b"If you can read this yo".to_vec()))
        );
        assert_eq!(
            decoded("=?ISO-8859-1?Q?a_b?="),
            Some((latin, b"a b".to_vec()))
        );
    }

    #[test]
    fn rfc2231_5_a_language_may_follow_the_charset() {
        assert_eq!(
            decoded("=?US-ASCII*EN?q?Keith_Moore?="),
            Some(("US-ASCII".into(), b"Keith Moore".to_vec()))
        );
    }

    #[test]
    fn what_is_no_encoded_word() {
        for text in [
            "=?",
            "=?a?=",
            "=?a?X?b?=",
            "=?a?Q?b",
            "=?a?Q?b?c?=",
            "=??Q?a?=",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}

//! Encoded words (RFC 2047 §2): text of any charset within ASCII.
//!
//! ```text
//! encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
//! charset      = token    ; RFC 2231 §5 adds ["*" language]
//! encoding     = token    ; "B" or "Q", in either case
//! encoded-text = 1*<Any printable ASCII character other than "?" or SPACE>
//! ```
//!
//! RFC 2231 §7 repeats the first rule without its encoding; erratum 478 puts that back. What §5 lists for a word within a
//! phrase are the characters of its encoded-text (erratum 5469, held for the next edition).
//!
//! We also accept words longer than 75 characters, empty text, white space and 8-bit bytes within the text, and in the "Q"
//! encoding a `?` that does not end it, because all are common.

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
    match at_front(input) {
        Some(found) => Ok(found),
        None => super::no_match(input),
    }
}

/// The word at the front, and what follows it.
fn at_front(input: &[u8]) -> Option<(&[u8], EncodedWord<'_>)> {
    let (charset, rest) = before_mark(input.strip_prefix(b"=?")?)?;
    let (encoding, rest) = match rest {
        [b'B' | b'b', b'?', rest @ ..] => (WordEncoding::B, rest),
        [b'Q' | b'q', b'?', rest @ ..] => (WordEncoding::Q, rest),
        _ => return None,
    };
    let (text, rest) = match encoding {
        WordEncoding::B => before_mark(rest)?,
        WordEncoding::Q => before_last_mark(rest)?,
    };
    let rest = rest.strip_prefix(b"=")?;
    if !charset.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    // A language may follow.
    let length = charset.iter().position(|b| *b == b'*');
    let charset = charset.get(..length.unwrap_or(charset.len()))?;
    let word = EncodedWord {
        charset,
        encoding,
        text,
    };
    (!charset.is_empty()).then_some((rest, word))
}

/// What stands before the next question mark, and what behind it.
fn before_mark(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = input.iter().position(|b| *b == b'?')?;
    let (before, mark) = input.split_at(end);
    Some((before, mark.get(1..)?))
}

/// What stands before the question mark of the next `?=`, and what behind it. A `?` with another byte behind it is text, unless it
/// follows a `=`: another word may begin there, and to look for the end of many words at once would take quadratic time.
fn before_last_mark(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    loop {
        let end = from + memchr::memchr(b'?', input.get(from..)?)?;
        let (before, mark) = input.split_at(end);
        let behind = mark.get(1..)?;
        match behind.first() {
            Some(b'=') => return Some((before, behind)),
            _ if before.ends_with(b"=") => return None,
            _ => from = end + 1,
        }
    }
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
    out.reserve(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'_', _) => out.push(b' '),
            (b'\r' | b'\n', _) => {}
            (b'=', [high, low, after @ ..]) => match hex_pair(*high, *low) {
                Some(octet) => {
                    out.push(octet);
                    rest = after;
                }
                None => out.push(b'='),
            },
            (other, _) => out.push(*other),
        }
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
            "=?a?Q?b?",
            "=?a?Q?b?c",
            "=?a?Q?b=?c?=",
            "=?a?B?YQ==?YQ==?=",
            "=??Q?a?=",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn a_question_mark_within_the_text_of_a_word_is_text() {
        for (text, bytes) in [
            ("=?a?Q?Really??=", &b"Really?"[..]),
            ("=?a?q?What?_is?=", b"What? is"),
            ("=?a?Q?What? is it??=", b"What? is it?"),
            ("=?a?Q????=", b"??"),
            ("=?a?Q?=41?b=?=", b"A?b="),
        ] {
            assert_eq!(
                decoded(text),
                Some(("a".to_owned(), bytes.to_vec())),
                "{text}"
            );
        }
        let behind = |text: &'static [u8]| encoded_word(text).map(|(rest, _)| rest);
        assert_eq!(behind(b"=?a?Q?b?=c?="), Ok(&b"c?="[..]));
        assert_eq!(behind(b"=?a?Q?b??=?="), Ok(&b"?="[..]));
    }

    #[test]
    fn rfc2047_2_a_charset_is_visible_ascii_and_not_empty() {
        for text in [
            "=?a b?Q?x?=",
            "=?\u{e9}?Q?x?=",
            "=?*en?Q?x?=",
            "=?a?QQ?x?=",
            "=?a??x?=",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn rfc2047_4_the_encoding_may_be_in_either_case_and_broken_octets_stay() {
        for (text, bytes) in [
            ("=?a?b?YQ==?=", &b"a"[..]),
            ("=?a?q?=41_?=", b"A "),
            ("=?a?Q??=", b""),
            ("=?a?Q?=4?=", b"=4"),
            ("=?a?Q?x=?=", b"x="),
            ("=?a?Q?=ZZ=41?=", b"=ZZA"),
            ("=?a?Q?a\r\n b?=", b"a b"),
        ] {
            assert_eq!(
                decoded(text),
                Some(("a".to_owned(), bytes.to_vec())),
                "{text}"
            );
        }
    }
}

//! The words that display names and addresses are made of (RFC 5322 §3.2.5, §3.4), and what they mean together.
//!
//! ```text
//! word       = atom / quoted-string
//! phrase     = 1*word / obs-phrase
//! obs-phrase = word *(word / "." / CFWS)
//! local-part = dot-atom / quoted-string / obs-local-part
//! ```
//!
//! We also accept encoded words within quoted strings (RFC 2047 §5 forbids them there), because many programs write them.

use std::borrow::Cow;

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{consumed, map};

use super::Parsed;
use super::cfws::{is_wsp, skip_cfws};
use super::encoded_word::encoded_word;
use super::text::{unfold, without_breaks};
use super::word::{atom, domain_literal, is_atext, quoted_string, unescape};
use crate::charset;

/// A piece of a phrase or an address.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) kind: Kind,
    /// The whole word as written.
    pub(super) text: &'a [u8],
    /// Where it stands in the value.
    pub(super) at: usize,
    /// Whether white space or a comment stands before it.
    pub(super) spaced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Atom,
    Quoted,
    Literal,
    Encoded,
    Dot,
    At,
}

/// Where the local part before the `@` at `at` begins: words joined by dots, or standing against each other.
pub(super) fn local_part_start(words: &[Word<'_>], at: usize) -> usize {
    let mut start = at.saturating_sub(1);
    while start > 0 {
        let (Some(before), Some(word)) = (words.get(start - 1), words.get(start)) else {
            break;
        };
        if word.spaced && word.kind != Kind::Dot && before.kind != Kind::Dot {
            break;
        }
        start -= 1;
    }
    start
}

/// Where the domain after the `@` at `at` ends.
pub(super) fn domain_end(words: &[Word<'_>], at: usize) -> usize {
    let mut end = (at + 2).min(words.len());
    while let Some((before, word)) = words.get(end.wrapping_sub(1)).zip(words.get(end)) {
        if word.spaced && word.kind != Kind::Dot && before.kind != Kind::Dot {
            break;
        }
        end += 1;
    }
    end
}

/// `atom`, `quoted-string`, `domain-literal`, an encoded word, or one of the specials `.` and `@`.
pub(super) fn word(input: &[u8]) -> Parsed<'_, (Kind, &[u8])> {
    let whole = |kind| move |(text, _)| (kind, text);
    match input.first() {
        Some(b'"') => map(consumed(quoted_string), whole(Kind::Quoted)).parse(input),
        Some(b'[') => map(consumed(domain_literal), whole(Kind::Literal)).parse(input),
        Some(b'.') => Ok((input.get(1..).unwrap_or_default(), (Kind::Dot, b"."))),
        Some(b'@') => Ok((input.get(1..).unwrap_or_default(), (Kind::At, b"@"))),
        Some(b'=') => alt((
            map(consumed(encoded_word), whole_word),
            map(atom, |text| (Kind::Atom, text)),
        ))
        .parse(input),
        _ => map(atom, |text| (Kind::Atom, text)).parse(input),
    }
}

fn whole_word<T>((text, _): (&[u8], T)) -> (Kind, &[u8]) {
    (Kind::Encoded, text)
}

/// The text of an address, and whether RFC 5322 would write it so. Encoded words have no meaning in it, and folds are taken out of its
/// words. What else could break a line or end a string becomes a space: without it, it would be another address.
pub(super) fn address_text<'a>(value: &'a [u8], words: &[Word<'a>]) -> (Cow<'a, str>, bool) {
    let plain = plain_address(words);
    let on_one_line = |text: &&[u8]| memchr::memchr3(b'\r', b'\n', 0, text).is_none();
    if let Some(text) = as_written(value, words, |gap| gap.is_empty()).filter(on_one_line) {
        return (charset::guess(text).text, plain);
    }
    let mut joined: Vec<u8> = Vec::new();
    let mut before: Option<&Word<'_>> = None;
    for word in words {
        if let Some(before) = before {
            let gap = value.get(before.at + before.text.len()..word.at);
            push_gap(gap.unwrap_or_default(), before.kind, word.kind, &mut joined);
        }
        joined.extend_from_slice(word.text);
        before = Some(word);
    }
    let joined = unfold(&joined);
    let plain = plain && memchr::memchr2(b'\r', 0, &joined).is_none();
    let text = charset::guess(&joined).text.into_owned();
    (without_breaks(Cow::Owned(text)), plain)
}

/// Adds what stands between two words of an address. White space and comments mean nothing beside a dot or an `@` (RFC 5322 §4.4);
/// anywhere else, without them it would be another address, which nobody wrote.
fn push_gap(gap: &[u8], before: Kind, after: Kind, out: &mut Vec<u8>) {
    let joins = |kind| matches!(kind, Kind::Dot | Kind::At);
    if skip_cfws(gap).0.is_empty() {
        if !gap.is_empty() && !joins(before) && !joins(after) {
            out.push(b' ');
        }
        return;
    }
    for byte in gap {
        match is_wsp(*byte) {
            true if out.last() == Some(&b' ') => {}
            true => out.push(b' '),
            false => out.push(*byte),
        }
    }
}

/// The words in one piece, as they stand in the value, if all that stands between them will do.
fn as_written<'a>(
    value: &'a [u8],
    words: &[Word<'a>],
    will_do: impl Fn(&[u8]) -> bool,
) -> Option<&'a [u8]> {
    let (first, last) = (words.first()?, words.last()?);
    let gaps_will_do = words.windows(2).all(|pair| match pair {
        [one, two] => value
            .get(one.at + one.text.len()..two.at)
            .is_some_and(&will_do),
        _ => false,
    });
    if gaps_will_do {
        value.get(first.at..last.at + last.text.len())
    } else {
        None
    }
}

/// Whether words are `local-part "@" domain`.
fn plain_address(words: &[Word<'_>]) -> bool {
    let mut halves = words.split(|w| w.kind == Kind::At);
    let (Some(local), Some(domain), None) = (halves.next(), halves.next(), halves.next()) else {
        return false;
    };
    let dotted = |half: &[Word<'_>], other: Kind| {
        !half.is_empty()
            && half.iter().enumerate().all(|(i, w)| match w.kind {
                Kind::Dot => i % 2 == 1 && i + 1 < half.len(),
                kind => i % 2 == 0 && (kind == Kind::Atom || (kind == other && half.len() == 1)),
            })
            && half
                .iter()
                .all(|w| w.kind != Kind::Atom || w.text.iter().all(|b| is_atext(*b)))
    };
    dotted(local, Kind::Quoted) && dotted(domain, Kind::Literal)
}

/// The text of a phrase: quotes taken away, encoded words decoded, white space made one space.
pub(super) fn phrase<'a>(value: &'a [u8], words: &[Word<'a>]) -> Cow<'a, str> {
    if words.iter().all(|w| w.kind != Kind::Quoted) {
        if let Some(text) = as_written(value, words, |gap| matches!(gap, b"" | b" ")) {
            return super::text::text(text);
        }
    }
    if let [
        Word {
            kind: Kind::Quoted,
            text,
            ..
        },
    ] = words
    {
        let inside = inside(text);
        if memchr::memchr3(b'\\', b'\r', b'\n', inside).is_none() {
            return super::text::text(inside);
        }
    }
    let mut bytes = Vec::new();
    for (i, word) in words.iter().enumerate() {
        if i > 0 && word.spaced {
            bytes.push(b' ');
        }
        match word.kind {
            Kind::Quoted => bytes.extend_from_slice(&unescape(inside(word.text))),
            _ => bytes.extend_from_slice(word.text),
        }
    }
    Cow::Owned(super::text::text(&bytes).into_owned())
}

/// A quoted string without its quotes.
fn inside(quoted: &[u8]) -> &[u8] {
    quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default()
}

/// The text of a comment: quoted pairs and folds taken away, encoded words decoded.
pub(crate) fn comment_text(text: &[u8]) -> Cow<'_, str> {
    match unescape(text) {
        Cow::Borrowed(text) => super::text::text(text),
        Cow::Owned(text) => Cow::Owned(super::text::text(&text).into_owned()),
    }
}

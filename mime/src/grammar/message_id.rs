//! Message identifiers (RFC 5322 §3.6.4).
//!
//! ```text
//! msg-id     = [CFWS] "<" id-left "@" id-right ">" [CFWS]
//! references = "References:" 1*msg-id CRLF
//! ```
//!
//! We also accept anything between the angle brackets, and skip what stands outside them, because replies have to find
//! the message whatever its identifier looks like. A fold that fell into one is taken away, with its white space. A value
//! without any brackets is read as identifiers between spaces.

use std::borrow::Cow;

use super::cfws::is_wsp;
use crate::charset;
use crate::octets::{bytes_below, count_before_first_mark, eight_of, first_eight, zero_bytes};

/// The identifiers of a field value, without their angle brackets, in order.
#[derive(Clone, Debug)]
pub struct MessageIds<'m> {
    value: &'m [u8],
    /// The value once more, if it is UTF-8: looked at as a whole, because that is faster than identifier by identifier.
    text: Option<&'m str>,
    /// Up to here it was read.
    at: usize,
    bare: bool,
}

impl<'m> MessageIds<'m> {
    pub(crate) fn new(value: &'m [u8]) -> Self {
        Self {
            value,
            text: charset::utf_8(value),
            at: 0,
            bare: memchr::memchr(b'<', value).is_none(),
        }
    }

    #[inline]
    fn rest(&self) -> &'m [u8] {
        self.value.get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn bracketed(&mut self) -> Option<Cow<'m, str>> {
        loop {
            self.at += bracket(self.rest())? + 1;
            let inside = self.rest();
            if let Some(id) = self.common(inside) {
                return Some(Cow::Borrowed(id));
            }
            // A second bracket before the first is closed begins a new identifier; an open one ends with the value.
            let end = bracket_or_line_end(inside);
            let folded = matches!(inside.get(end), Some(..=b'\r'));
            let length = if folded {
                memchr::memchr2(b'<', b'>', inside).unwrap_or(inside.len())
            } else {
                end
            };
            let id = inside.get(..length).unwrap_or_default();
            let start = self.at + id.len() - id.trim_ascii_start().len();
            let id = id.trim_ascii();
            self.at += length + usize::from(inside.get(length) == Some(&b'>'));
            if id.is_empty() {
                continue;
            }
            let text = self.text.filter(|_| !folded);
            if let Some(text) = text.and_then(|t| t.get(start..start + id.len())) {
                return Some(Cow::Borrowed(text));
            }
            let id = without_breaks(id);
            if !id.is_empty() {
                return Some(Cow::Owned(id));
            }
        }
    }

    /// The identifier at the front of what follows a bracket, where it is as nearly all are: one line without white space around it,
    /// and closed.
    #[inline]
    fn common(&mut self, inside: &'m [u8]) -> Option<&'m str> {
        let length = bracket_or_line_end(inside);
        let last = inside.get(length.checked_sub(1)?)?;
        if inside.get(length) != Some(&b'>') || inside.first()? <= &b' ' || last <= &b' ' {
            return None;
        }
        let id = self.text?.get(self.at..self.at + length)?;
        self.at += length + 1;
        Some(id)
    }

    #[inline(never)]
    fn bare_word(&mut self) -> Option<String> {
        loop {
            let rest = super::cfws::skip_cfws(self.rest()).0;
            let length = rest.iter().take_while(|b| !is_wsp(**b)).count();
            let (id, rest) = rest.split_at(length);
            self.at = self.value.len() - rest.len();
            let text = without_breaks(id);
            if id.is_empty() || !text.is_empty() {
                return (!id.is_empty()).then_some(text);
            }
        }
    }
}

/// Where the next opening bracket stands: behind a line break and a blank, mostly.
fn bracket(text: &[u8]) -> Option<usize> {
    const NEAR: usize = 4;
    match text.iter().take(NEAR).position(|b| *b == b'<') {
        None => memchr::memchr(b'<', text.get(NEAR..)?).map(|at| at + NEAR),
        near => near,
    }
}

/// Where the first angle bracket stands, or a control character such as CR and LF; the end of the text without one. Identifiers are short: to step through
/// them costs less than to call for a search.
#[inline]
fn bracket_or_line_end(text: &[u8]) -> usize {
    let eights = text.chunks_exact(8);
    let rest = eights.remainder();
    for (step, eight) in eights.enumerate() {
        let word = first_eight(eight);
        // The brackets differ in one bit.
        let brackets = zero_bytes(word & !eight_of(b'<' ^ b'>') ^ eight_of(b'<'));
        let ends = brackets | bytes_below(word, b'\r' + 1);
        if ends != 0 {
            return step * 8 + count_before_first_mark(ends);
        }
    }
    let end = |b: &u8| matches!(b, b'<' | b'>' | ..=b'\r');
    let end = rest.iter().position(end).unwrap_or(rest.len());
    text.len() - rest.len() + end
}

impl<'m> Iterator for MessageIds<'m> {
    type Item = Cow<'m, str>;

    #[inline]
    fn next(&mut self) -> Option<Cow<'m, str>> {
        if self.bare {
            self.bare_word().map(Cow::Owned)
        } else {
            self.bracketed()
        }
    }
}

/// The identifier without what could break a line or end a string when it is used again: NUL, CR alone, and folds with all of
/// their white space, for an identifier that does not fit its line gets folded by programs that know none.
fn without_breaks(id: &[u8]) -> String {
    let mut joined = Vec::with_capacity(id.len());
    let mut rest = id;
    while !rest.is_empty() {
        let word = rest.iter().take_while(|b| !is_wsp(**b)).count();
        let (word, after) = rest.split_at(word);
        let blanks = after.iter().take_while(|b| is_wsp(**b)).count();
        let (blanks, after) = after.split_at(blanks);
        joined.extend(word.iter().filter(|b| **b != 0));
        if !blanks.contains(&b'\n') {
            joined.extend(blanks.iter().filter(|b| **b != b'\r'));
        }
        rest = after;
    }
    charset::guess(&joined).text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(value: &str) -> Vec<String> {
        MessageIds::new(value.as_bytes())
            .map(Cow::into_owned)
            .collect()
    }

    #[test]
    fn rfc5322_3_6_4_references_are_a_list() {
        assert_eq!(
            ids(" <1234@local.machine.example>\r\n <3456@example.net>"),
            ["1234@local.machine.example", "3456@example.net"]
        );
    }

    #[test]
    fn junk_between_identifiers_is_skipped() {
        assert_eq!(
            ids("Your message of <a@b>, \"x\" <c@d> <> (e) <f"),
            ["a@b", "c@d", "f"]
        );
        assert_eq!(ids("<a@b<c@d>"), ["a@b", "c@d"]);
    }

    #[test]
    fn an_identifier_on_one_line_without_white_space_around_it_is_read_at_once() {
        for (inside, expected) in [
            ("a@b>", Some("a@b")),
            ("a>", Some("a")),
            ("a b>", Some("a b")),
            ("\u{e9}>", Some("\u{e9}")),
            ("a@b", None),
            ("a@b<c>", None),
            (">", None),
            (" a>", None),
            ("a >", None),
            ("a\r\n b>", None),
            ("", None),
        ] {
            let value = format!("<{inside}");
            let mut ids = MessageIds::new(value.as_bytes());
            ids.at = 1;
            assert_eq!(ids.common(inside.as_bytes()), expected, "{inside:?}");
            assert_eq!(
                ids.at,
                1 + expected.map_or(0, |id| id.len() + 1),
                "{inside:?}"
            );
        }
    }

    #[test]
    fn brackets_and_line_ends_are_found_wherever_they_stand() {
        for at in 0..30 {
            let mut text = b"=?;:x \xff\x0e\x7f\x80".repeat(3);
            assert_eq!((bracket(&text), bracket_or_line_end(&text)), (None, 30));
            for mark in *b"<>\r\n\t\0" {
                text[at] = mark;
                assert_eq!(bracket_or_line_end(&text), at, "{mark}");
                assert_eq!(bracket(&text), Some(at).filter(|_| mark == b'<'), "{mark}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_value_is_read_bracket_by_bracket(value in "([ a-z@.]{0,20}|[<>]|\r?\n |é|=){0,40}") {
            let found = ids(&value);
            let mut expected = Vec::new();
            let mut rest = &value[..];
            while let Some(open) = rest.find('<') {
                let inside = &rest[open + 1..];
                let end = inside.find(['<', '>']).unwrap_or(inside.len());
                let lines = inside[..end].trim_ascii().split('\n');
                let blank = [' ', '\t', '\r'];
                let id = lines.map(|line| line.trim_matches(blank)).collect::<String>();
                expected.push(id.replace('\r', ""));
                rest = inside[end..].strip_prefix('>').unwrap_or(&inside[end..]);
            }
            expected.retain(|id| !id.is_empty());
            proptest::prop_assume!(value.contains('<'));
            proptest::prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_breaks_a_line_or_a_string_never_comes_out() {
        assert_eq!(ids("<a\0b\r\n @c> <\0> <d\re>"), ["ab@c", "de"]);
        assert_eq!(ids("a\0b \0 c\r"), ["ab", "c"]);
    }

    #[test]
    fn rfc5322_2_2_3_a_fold_within_an_identifier_is_none_of_it() {
        for value in [
            "<a@b.\r\n c>",
            "<a@b.\n\tc>",
            "<a@ \r\n \r\n b.c>",
            "<a@b.\r\nc>",
        ] {
            assert_eq!(ids(value), ["a@b.c"], "{value:?}");
        }
        assert_eq!(ids("<a b\r\n c\td>"), ["a bc\td"]);
    }

    #[test]
    fn without_brackets_words_are_identifiers() {
        assert_eq!(ids(" a@b c@d"), ["a@b", "c@d"]);
        assert_eq!(ids("  "), Vec::<String>::new());
    }

    #[test]
    fn rfc5322_3_6_4_an_identifier_ends_at_its_bracket_wherever_that_stands() {
        for length in 1..40 {
            let id = "x".repeat(length);
            let value = format!("{}<{id}>,<{id}y>", " ".repeat(length % 7));
            assert_eq!(ids(&value), [id.clone(), format!("{id}y")], "{length}");
            assert_eq!(ids(&format!("<{id}<{id}")), [id.clone(), id.clone()]);
            let folded = format!("<{id}\r\n z>< {id}\t>");
            assert_eq!(ids(&folded), [format!("{id}z"), id], "{length}");
        }
    }
}

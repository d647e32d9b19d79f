//! Message identifiers (RFC 5322 §3.6.4).
//!
//! ```text
//! msg-id     = [CFWS] "<" id-left "@" id-right ">" [CFWS]
//! references = "References:" 1*msg-id CRLF
//! ```
//!
//! We also accept anything between the angle brackets, and skip what stands outside them, because replies have to find
//! the message whatever its identifier looks like. A value without any brackets is read as identifiers between spaces.

use std::borrow::Cow;

use super::cfws::is_wsp;
use crate::charset;

/// The identifiers of a field value, without their angle brackets, in order.
#[derive(Clone, Debug)]
pub struct MessageIds<'m> {
    rest: &'m [u8],
    bare: bool,
}

impl<'m> MessageIds<'m> {
    pub(crate) fn new(value: &'m [u8]) -> Self {
        Self {
            rest: value,
            bare: memchr::memchr(b'<', value).is_none(),
        }
    }

    fn bracketed(&mut self) -> Option<Cow<'m, str>> {
        loop {
            let open = memchr::memchr(b'<', self.rest)?;
            let inside = self.rest.get(open + 1..)?;
            // A second bracket before the first is closed begins a new identifier; an open one ends with the value.
            let end = memchr::memchr3(b'<', b'>', b'\n', inside).unwrap_or(inside.len());
            let folded = inside.get(end) == Some(&b'\n');
            let length = if folded {
                memchr::memchr2(b'<', b'>', inside).unwrap_or(inside.len())
            } else {
                end
            };
            let (id, rest) = inside.split_at(length);
            self.rest = rest.strip_prefix(b">").unwrap_or(rest);
            let id = id.trim_ascii();
            if !id.is_empty() {
                return Some(if folded {
                    without_folds(id)
                } else {
                    charset::guess(id).text
                });
            }
        }
    }

    fn bare_word(&mut self) -> Option<Cow<'m, str>> {
        let rest = super::cfws::skip_cfws(self.rest).0;
        let length = rest.iter().take_while(|b| !is_wsp(**b)).count();
        let (id, rest) = rest.split_at(length);
        self.rest = rest;
        (!id.is_empty()).then(|| without_folds(id))
    }
}

impl<'m> Iterator for MessageIds<'m> {
    type Item = Cow<'m, str>;

    fn next(&mut self) -> Option<Cow<'m, str>> {
        if self.bare {
            self.bare_word()
        } else {
            self.bracketed()
        }
    }
}

/// The identifier without line breaks that fell into it.
fn without_folds(id: &[u8]) -> Cow<'_, str> {
    if memchr::memchr2(b'\r', b'\n', id).is_none() {
        return charset::guess(id).text;
    }
    let joined: Vec<u8> = id
        .iter()
        .copied()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .collect();
    Cow::Owned(charset::guess(&joined).text.into_owned())
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
    fn without_brackets_words_are_identifiers() {
        assert_eq!(ids(" a@b c@d"), ["a@b", "c@d"]);
        assert_eq!(ids("  "), Vec::<String>::new());
    }
}

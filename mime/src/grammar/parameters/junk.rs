//! What is no parameter: up to the next `;` outside quoted strings and comments.
//!
//! One that is never closed is passed over like any other character: it hides no parameter behind it. (Behind a value and in front of an
//! attribute a comment that is never closed lasts to the end.)

use crate::grammar::cfws::comment_behind;
use crate::grammar::word::quoted_string;

/// Skips what is no parameter. Once a string or a comment was met that is never closed, no other of its kind is looked for, as many
/// of them would take quadratic time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Junk {
    open_string: bool,
    open_comment: bool,
}

impl Junk {
    pub(super) fn has_open_comment(self) -> bool {
        self.open_comment
    }

    /// What follows the junk at the front.
    pub(super) fn skip<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let mut rest = input;
        while let Some(at) = memchr::memchr3(b';', b'"', b'(', rest) {
            let (_, from) = rest.split_at(at);
            let after = match from {
                [b';', ..] => return from,
                [b'(', inside @ ..] => self.behind_comment(inside),
                _ => self.behind_string(from),
            };
            rest = after.unwrap_or_else(|| from.get(1..).unwrap_or_default());
        }
        &[]
    }

    fn behind_string<'a>(&mut self, from: &'a [u8]) -> Option<&'a [u8]> {
        if self.open_string {
            return None;
        }
        let after = quoted_string(from).ok().map(|(after, _)| after);
        self.open_string = after.is_none();
        after
    }

    fn behind_comment<'a>(&mut self, inside: &'a [u8]) -> Option<&'a [u8]> {
        if self.open_comment {
            return None;
        }
        let closed = comment_behind(inside, |_| false).ok();
        self.open_comment = closed.is_none();
        closed.map(|(after, _)| after)
    }
}

#[cfg(test)]
mod tests {
    use crate::grammar::parameters::{ContentValue, RawParameters};

    fn parse(value: &str, limit: usize) -> RawParameters<'_> {
        ContentValue::parse(value.as_bytes(), limit).parameters
    }

    fn get(value: &str, name: &str) -> Option<String> {
        parse(value, 100).get(name).map(|value| value.into_owned())
    }

    #[test]
    fn open_strings_take_linear_time() {
        let junk = "a/b;".to_owned() + &"x \\\";".repeat(200_000);
        assert_eq!(parse(&junk, 10).iter().count(), 0);
        let open = "a/b;".to_owned() + &"a=\"\\\"\r\n;".repeat(100_000);
        assert!(parse(&open, usize::MAX).iter().count() > 0);
    }

    #[test]
    fn a_comment_behind_what_is_no_parameter_is_looked_at_once() {
        for piece in [
            "a(;",
            "a (\\(;",
            "a((;)",
            "a\"(;",
            "a(;)b;",
            "a b(;",
            "a (b) c(;",
            "a b(;)c (;",
            "a(b)(;",
        ] {
            let junk = "a/b;".to_owned() + &piece.repeat(300_000);
            assert_eq!(parse(&junk, 10).iter().count(), 0, "{piece}");
        }
        // As in front of a parameter, a semicolon within it separates nothing.
        for before in [
            "(; n=1)",
            "x (; n=1)",
            "x (; n=1) y",
            "x y (; n=1)",
            "x y (a (; n=1) b)(; n=1) z",
            "x y \"(\" (; n=1)",
            "\" x (; n=1)",
        ] {
            let found = get(&format!("a/b; {before}; n=2"), "n");
            assert_eq!(found.as_deref(), Some("2"), "{before}");
        }
    }

    #[test]
    fn a_comment_that_stays_open_behind_junk_hides_no_parameter() {
        for before in [
            "x (y",
            "draft (v2",
            "x y (z",
            "x (a) (b",
            "x ((y)",
            "x (y\\)",
            "x (y; z (w",
            "\"q\" (y",
        ] {
            let found = get(&format!("a/b; {before}; n=1; m=2"), "n");
            assert_eq!(found.as_deref(), Some("1"), "{before}");
        }
        let mixed = parse("multipart/mixed; x (y; boundary=b", 9).boundary();
        assert_eq!(mixed.as_deref(), Some(&b"b"[..]));
        // One that is closed behind it is still left out.
        let value = "a/b; x (y; n=1 (one); m=(two) 2; (o=0); o=3";
        for (name, read) in [("n", "1"), ("m", "2"), ("o", "3")] {
            assert_eq!(get(value, name).as_deref(), Some(read), "{name}");
        }
    }
}

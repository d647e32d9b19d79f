//! What is no parameter: up to the next `;` outside quoted strings and comments.
//!
//! A string that is never closed is passed over like any other character, as a comment is: it hides no parameter behind it.

use super::comments::Comments;
use crate::grammar::word::quoted_string;

/// Skips what is no parameter. Once a string was met that is never closed, no other is looked for, as many of them would take
/// quadratic time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Junk {
    open_string: bool,
}

impl Junk {
    /// What follows the junk at the front.
    pub(super) fn skip<'a>(&mut self, comments: &mut Comments, input: &'a [u8]) -> &'a [u8] {
        let mut rest = input;
        while let Some(at) = memchr::memchr3(b';', b'"', b'(', rest) {
            let (_, from) = rest.split_at(at);
            let after = match from {
                [b';', ..] => return from,
                [b'(', inside @ ..] => comments.behind(inside),
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
    fn comments_behind_what_is_no_parameter_take_linear_time() {
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
}

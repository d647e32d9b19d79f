//! Comments around parameters (RFC 2045 §5.1). One that is never closed is none: its parenthesis is a character like any other, and
//! hides no parameter behind it.

use crate::grammar::cfws::{comment_behind, skip_cfws_by};

/// After so many comments that stay open no other is looked for: each is looked for to the end, and many would take quadratic time.
const MOST_OPEN: u8 = 16;

/// Finds comments, and knows how many were never closed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Comments {
    open: u8,
}

impl Comments {
    /// What follows a comment, from behind its `(`; nothing where it is never closed.
    pub(super) fn behind<'a>(&mut self, inside: &'a [u8]) -> Option<&'a [u8]> {
        if self.open == MOST_OPEN {
            return None;
        }
        let closed = comment_behind(inside, |_| false).ok();
        self.open += u8::from(closed.is_none());
        closed.map(|(after, _)| after)
    }

    /// What follows the white space and the comments at the front.
    #[inline(always)]
    pub(super) fn skip_cfws<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        skip_cfws_by(input, |inside| self.behind(inside))
    }
}

#[cfg(test)]
mod tests {
    use crate::grammar::parameters::{ContentValue, RawParameters};

    fn parse(value: &str) -> RawParameters<'_> {
        ContentValue::parse(value.as_bytes(), 100).parameters
    }

    fn get(value: &str, name: &str) -> Option<String> {
        parse(value).get(name).map(|value| value.into_owned())
    }

    #[test]
    fn a_comment_that_stays_open_hides_no_parameter_wherever_it_begins() {
        for before in [
            "a/b (x",
            "a/b(x",
            "a (x/b",
            "a/ (x",
            "a/b; (x",
            "a/b; x (y",
            "a/b; x(y",
            "a/b; draft (v2",
            "a/b; x y (z",
            "a/b; x (a) (b",
            "a/b; x ((y)",
            "a/b; x (y\\)",
            "a/b; x (y; z (w",
            "a/b; \"q\" (y",
            "a/b; x=y (z",
            "a/b; x=\"y\" (z",
            "a/b; x=y(z",
            "a/b; x (= y",
            "a/b; x= (y",
            "a/b; x=(y) (z; (z; x",
            "a/b; (; (; (",
            "a/b (c) (d",
        ] {
            let value = format!("{before}; n=1; m=2");
            assert_eq!(get(&value, "n").as_deref(), Some("1"), "{before}");
            assert!(!parse(&value).all_defects().is_empty(), "{before}");
        }
        for value in [
            "multipart/mixed; charset=a (b; boundary=c",
            "multipart/mixed (a; boundary=c",
            "multipart/mixed; x (y; boundary=c",
        ] {
            assert_eq!(parse(value).boundary().as_deref(), Some(&b"c"[..]));
        }
        // One that is closed behind it is still left out.
        let value = "a/b; x (y; n=1 (one); m=(two) 2; (o=0); o=3";
        for (name, read) in [("n", "1"), ("m", "2"), ("o", "3")] {
            assert_eq!(get(value, name).as_deref(), Some(read), "{name}");
        }
    }

    #[test]
    fn a_value_in_front_of_a_comment_that_stays_open_is_what_it_would_be_without() {
        for (written, read) in [
            ("koi8-r (Russian; x=y", "koi8-r"),
            ("koi8-r (Russian", "koi8-r"),
            ("koi8-r\n (Russian", "koi8-r"),
            ("koi8-r (a) (Russian", "koi8-r"),
            ("\"koi8-r\" (Russian", "koi8-r"),
            // Without a space in front it is part of a word.
            ("a(b", "a(b"),
            ("a(b) c(d", "a(b) c(d"),
            ("(b", "(b"),
        ] {
            let value = format!("a/b; charset={written}");
            assert_eq!(get(&value, "charset").as_deref(), Some(read), "{value}");
        }
        // The name of a file is all that is written.
        let value = "a/b; name=report (1.pdf; x=y";
        assert_eq!(get(value, "name").as_deref(), Some("report (1.pdf"));
    }

    #[test]
    fn comments_that_stay_open_take_linear_time() {
        for piece in [
            "(;",
            "a(;",
            "a (;",
            "a=(;",
            "a=b (;",
            "a (\\(;",
            "a((;)",
            "a=b (;)c (;",
            "(a)(;",
            "a=\"b\" (;",
        ] {
            let value = "a/b;".to_owned() + &piece.repeat(300_000);
            assert!(!parse(&value).all_defects().is_empty(), "{piece}");
        }
    }
}

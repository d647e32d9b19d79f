//! A line of a mail, as it stands and as the rules read it.

use std::borrow::Cow;

/// The lines of a text, without their ends. Texts are long, and the ends are looked for in many octets at once.
pub(in crate::inbound) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let whole = text.strip_suffix('\n').unwrap_or(text);
    let ends = memchr::memchr_iter(b'\n', whole.as_bytes()).chain([whole.len()]);
    let lines = ends.scan(0, |start, end| {
        let line = whole.get(*start..end);
        *start = end + 1;
        line
    });
    lines.take(if text.is_empty() { 0 } else { usize::MAX })
}

/// A line.
pub(super) struct Line<'t> {
    /// As it stands, without its end.
    pub(super) text: &'t str,
    /// Without the spaces around it and the marks that have no width; letters are as they are.
    pub(super) bare: Cow<'t, str>,
}

impl<'t> Line<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let text = text.trim_end_matches('\r');
        Self {
            text,
            bare: bare(text),
        }
    }

    /// `> quoted`, also with a space in front, which some programs put there.
    pub(super) fn is_quote(&self) -> bool {
        self.bare.starts_with('>') && !self.is_between_marks()
    }

    /// `>>> Support <support@example.org> 11/23/2026 10:00 AM >>>`: GroupWise's head of a quote without marks.
    pub(super) fn is_between_marks(&self) -> bool {
        let inner = self.bare.strip_prefix(">>>");
        let inner = inner.and_then(|inner| inner.strip_suffix(">>>"));
        inner.is_some_and(|inner| has_date(inner) && !inner.trim().is_empty())
    }

    /// Dashes that may be those in front of a signature, or not.
    pub(super) fn is_bare_delimiter(&self) -> bool {
        self.text != "-- " && matches!(&*self.bare, "--" | "—")
    }

    pub(super) fn is_blank(&self) -> bool {
        self.bare.is_empty()
    }
}

/// Programs put direction marks, byte order marks and spaces that do not break into lines of their own making.
fn bare(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text.trim());
    }
    let seen = text.chars().filter(|c| !is_without_width(*c));
    let plain: String = seen
        .map(|c| {
            if c == '\u{a0}' || c == '\u{202f}' {
                ' '
            } else {
                c
            }
        })
        .collect();
    Cow::Owned(plain.trim().to_owned())
}

fn is_without_width(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// True if there is nothing to read in a text.
pub(in crate::inbound) fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_whitespace() || is_without_width(c))
}

/// True if the text has a date in figures or a time of day: `2026`, `23.11.26`, `11/23/26`, `10:00`, `10.00`.
pub(super) fn has_date(text: &str) -> bool {
    let is_year = |n: &Number<'_>| {
        n.digits.len() == 4 && (n.digits.starts_with("20") || n.digits.starts_with("19"))
    };
    let is_pair = |a: &Number<'_>, b: &Number<'_>| {
        a.digits.len() <= 2
            && b.digits.len() == 2
            && matches!(a.after, Some(':' | '/' | '.' | '-'))
            && a.end + 1 == b.start
    };
    let mut before: Option<Number<'_>> = None;
    numbers(text).any(|number| {
        let found = is_year(&number) || before.as_ref().is_some_and(|a| is_pair(a, &number));
        before = Some(number);
        found
    })
}

/// A run of digits in a text.
struct Number<'t> {
    digits: &'t str,
    start: usize,
    end: usize,
    after: Option<char>,
}

fn numbers(text: &str) -> impl Iterator<Item = Number<'_>> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let rest = text.get(offset..)?;
        let start = offset + rest.find(|c: char| c.is_ascii_digit())?;
        let from = text.get(start..)?;
        let length = from.find(|c: char| !c.is_ascii_digit());
        let (digits, after) = from.split_at(length.unwrap_or(from.len()));
        offset = start + digits.len();
        Some(Number {
            digits,
            start,
            end: offset,
            after: after.chars().next(),
        })
    })
}

/// True if the text has an address: `<a@b.c>`, `(a@b.c)`, `a@b.c`.
pub(super) fn has_address(text: &str) -> bool {
    let angled = text.split('<').skip(1).any(|rest| {
        let inside = rest.split_once('>').map_or("", |(inside, _)| inside);
        inside.contains('@') && !inside.contains(' ')
    });
    if angled {
        return true;
    }
    let words = text.split(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | '"')
    });
    let mut words = words.map(|word| word.trim_end_matches([':', '：', ';']));
    words.any(|word| {
        let parts = word.split_once('@');
        parts.is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_addresses_are_found_in_any_language() {
        for date in [
            "23 Nov 2026",
            "23.11.26",
            "11/23/26",
            "kl. 10.00",
            "2026年11月23日",
            "at 9:05",
        ] {
            assert!(has_date(date), "{date}");
        }
        for none in ["INC0010001", "3 of 4", "1. one", "v1.2.3", ""] {
            assert!(!has_date(none), "{none}");
        }
        assert!(has_address("Support (<a@b.example>) escribió:"));
        assert!(has_address("(a@b.example):"));
        assert!(has_address("Root <root@localhost>"));
        assert!(!has_address("a @ b, @home, x@y"));
    }
}

//! The code in a template, found and cut into words: for what has to be known of it before it is compiled.
//!
//! The engine reads templates by itself; this only looks for names, and never decides what they do.

use std::ops::Range;

/// Where code stands in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `${ … }`
    Value,
    /// `{% … %}`
    Tag,
}

/// A piece of code, without its delimiters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) place: Place,
    pub(super) span: Range<usize>,
}

/// A word of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name with what is walked from it: `current.assigned_to.name`.
    Path,
    /// A quoted text.
    Text,
    /// A number.
    Number,
    /// Any sign; `==`, `!=`, `<=`, `>=`, `//` and `**` are one.
    Sign,
}

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    pub(super) text: &'t str,
    pub(super) start: usize,
}

impl Token<'_> {
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// A quoted text without its quotes.
    pub(super) fn unquoted(&self) -> &str {
        self.text
            .get(1..self.text.len().saturating_sub(1))
            .unwrap_or_default()
    }
}

/// All code of a template, in order. Comments and `{% raw %}` are left out.
pub(super) fn codes(source: &str) -> Vec<Code> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = next_open(source, at) {
        let rest = source.get(open..).unwrap_or_default();
        if rest.starts_with("{##") {
            at = after(source, open, "##}");
            continue;
        }
        let place = if rest.starts_with('$') {
            Place::Value
        } else {
            Place::Tag
        };
        let start = open + 2;
        let end = close(source, start, place);
        let code = source.get(start..end).unwrap_or_default();
        let delimiter = if place == Place::Value { 1 } else { 2 };
        at = (end + delimiter).min(source.len());
        if place == Place::Tag && code.trim_matches(['-', '+', ' ', '\n', '\t', '\r']) == "raw" {
            at = end_of_raw(source, at);
            continue;
        }
        found.push(Code {
            place,
            span: start..end,
        });
    }
    found
}

fn next_open(source: &str, from: usize) -> Option<usize> {
    let rest = source.as_bytes().get(from..)?;
    let opens = |at: &usize| {
        let here = rest.get(*at..).unwrap_or_default();
        [&b"${"[..], b"{%", b"{##"]
            .iter()
            .any(|open| here.starts_with(open))
    };
    memchr::memchr2_iter(b'$', b'{', rest)
        .find(opens)
        .map(|at| from + at)
}

fn after(source: &str, from: usize, what: &str) -> usize {
    let rest = source.get(from..).unwrap_or_default();
    rest.find(what)
        .map_or(source.len(), |n| from + n + what.len())
}

fn end_of_raw(source: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(n) = source.get(at..).and_then(|rest| rest.find("{%")) {
        let start = at + n + 2;
        at = after(source, start, "%}");
        let code = source.get(start..at.saturating_sub(2)).unwrap_or_default();
        if code.trim_matches(['-', '+', ' ', '\n', '\t', '\r']) == "endraw" {
            return at;
        }
    }
    source.len()
}

/// Where the code that begins at `start` ends; the end of the template if it is not closed.
fn close(source: &str, start: usize, place: Place) -> usize {
    let bytes = source.as_bytes();
    let mut depth = 0usize;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => at = end_of_text(bytes, at),
            b'%' if place == Place::Tag && bytes.get(at + 1) == Some(&b'}') => return at,
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b'}' if place == Place::Value => return at,
            _ => {}
        }
        at += 1;
    }
    source.len()
}

/// The closing quote of the text that begins at `at`.
fn end_of_text(bytes: &[u8], at: usize) -> usize {
    let quote = bytes.get(at);
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'\\' => end += 1,
            byte if Some(byte) == quote => return end,
            _ => {}
        }
        end += 1;
    }
    bytes.len().saturating_sub(1)
}

/// The words of a piece of code.
pub(super) fn tokens<'t>(source: &'t str, code: &Range<usize>) -> Vec<Token<'t>> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let mut at = code.start;
    while at < code.end {
        let Some(&byte) = bytes.get(at) else { break };
        let (kind, end) = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'"' | b'\'' => (Kind::Text, end_of_text(bytes, at) + 1),
            b'0'..=b'9' => (
                Kind::Number,
                run(bytes, at, |b| b.is_ascii_alphanumeric() || b == b'_'),
            ),
            b if is_name(b) => (Kind::Path, end_of_path(bytes, at)),
            _ => (Kind::Sign, at + sign(source, at)),
        };
        let end = end.min(code.end).max(at + 1);
        if let Some(text) = source.get(at..end) {
            found.push(Token {
                kind,
                text,
                start: at,
            });
        }
        at = end;
    }
    found
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn run(bytes: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| wanted(**byte)).count()
}

fn end_of_path(bytes: &[u8], from: usize) -> usize {
    let mut end = run(bytes, from, is_name);
    while bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(|b| is_name(*b)) {
        end = run(bytes, end + 1, is_name);
    }
    end
}

fn sign(source: &str, at: usize) -> usize {
    let rest = source.get(at..).unwrap_or_default();
    let double = ["==", "!=", "<=", ">=", "//", "**"];
    if double.iter().any(|sign| rest.starts_with(sign)) {
        return 2;
    }
    rest.chars().next().map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<&str> {
        let spans = codes(source);
        let each = spans.iter().flat_map(|code| tokens(source, &code.span));
        each.map(|token| token.text).collect()
    }

    #[test]
    fn code_is_found_and_the_rest_is_not() {
        assert_eq!(
            words("a ${b.c|d} {% if x == 'y}' %} {{ no }} $x"),
            ["b.c", "|", "d", "if", "x", "==", "'y}'"]
        );
        assert_eq!(words("{## ${no} ##}${yes}"), ["yes"]);
        assert_eq!(words("{% raw %}${no}{% endraw %}${yes}"), ["yes"]);
        assert_eq!(
            words("${ {'a': '}'}.a }"),
            ["{", "'a'", ":", "'}'", "}", ".", "a"]
        );
        assert_eq!(words("@media screen{#main{x}}"), Vec::<&str>::new());
    }

    #[test]
    fn code_that_is_not_closed_runs_to_the_end() {
        assert_eq!(words("${a"), ["a"]);
        assert_eq!(words("{% if 'a"), ["if", "'a"]);
        assert_eq!(words("{##"), Vec::<&str>::new());
        assert_eq!(words("{% raw %}"), Vec::<&str>::new());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_scanned(source in "[ab$#{}%'\"\\\\.|ü -]{0,40}") {
            for code in codes(&source) {
                for token in tokens(&source, &code.span) {
                    proptest::prop_assert_eq!(source.get(token.span()), Some(token.text));
                }
            }
        }
    }
}

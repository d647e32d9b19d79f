//! Blocks that are opened and never closed. The engine notices at the end of the template, which is where nobody looks.

use super::scan::{Place, codes, tokens};
use std::ops::Range;

/// Tags that want an end.
const OPENERS: [&str; 8] = [
    "if",
    "for",
    "block",
    "macro",
    "filter",
    "with",
    "call",
    "autoescape",
];

/// The innermost tag that is not closed, and its word.
pub(super) fn find(source: &str) -> Option<(Range<usize>, String)> {
    let mut open: Vec<(Range<usize>, String)> = Vec::new();
    for code in codes(source)
        .into_iter()
        .filter(|code| code.place == Place::Tag)
    {
        let mut words = tokens(source, &code.span).into_iter();
        let Some(word) = words.find(|word| !matches!(word.text, "-" | "+")) else {
            continue;
        };
        if OPENERS.contains(&word.text) {
            open.push((word.span(), word.text.to_owned()));
        } else if word
            .text
            .strip_prefix("end")
            .is_some_and(|end| OPENERS.contains(&end))
        {
            open.pop();
        }
    }
    open.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_open_tag_is_found() {
        let found = |source| find(source).map(|(span, word)| (span.start, word));
        assert_eq!(
            found("{% if a %}{% for b in c %}{% endfor %}"),
            Some((3, "if".into()))
        );
        assert_eq!(
            found("{% if a %}{%- for b in c %}"),
            Some((14, "for".into()))
        );
        assert_eq!(found("{% if a %}{% else %}{% endif %}"), None);
    }
}

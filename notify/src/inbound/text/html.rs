//! HTML says more than the text that it becomes: programs name the elements that hold a signature, or a mail that is answered.

use std::borrow::Cow;

/// Stands in a line of its own where such an element began. Programs do not write it, and nothing shows it.
pub(super) const MARK: char = '\u{e00f}';

/// Attributes of those elements: what follows one of them is not the writer's own any more.
const ELEMENTS: [&str; 12] = [
    "class=\"gmail_signature",
    "class=\"moz-signature",
    "class=\"protonmail_signature_block",
    "class=\"zmail_extra",
    "id=\"mail-editor-reference-message-container\"",
    "class=\"moz-forward-container",
    "id=\"signature\"",
    "id=\"ms-outlook-mobile-signature\"",
    "id=\"applemailsignature\"",
    "id=\"divrplyfwdmsg\"",
    "id=\"appendonsend\"",
    "yahoo_quoted\"",
];

/// Octets of a tag in front of such an attribute.
const LONGEST_TAG: usize = 512;

/// The HTML with a mark in front of each such element.
pub(super) fn marked(html: &str) -> Cow<'_, str> {
    let lower = html.to_ascii_lowercase();
    let mut at: Vec<usize> = Vec::new();
    for element in ELEMENTS {
        for (found, _) in lower.match_indices(element) {
            at.extend(tag_around(&lower, found));
        }
    }
    if at.is_empty() {
        return Cow::Borrowed(html);
    }
    at.sort_unstable();
    at.dedup();
    let mut out = String::with_capacity(html.len() + at.len() * 8);
    let mut done = 0;
    for tag in at {
        out.push_str(html.get(done..tag).unwrap_or_default());
        out.push_str("<div>");
        out.push(MARK);
        out.push_str("</div>");
        done = tag;
    }
    out.push_str(html.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// Where the tag begins that an attribute stands in, if it stands in one. The other attributes in front of it are short.
fn tag_around(html: &str, attribute: usize) -> Option<usize> {
    let from = attribute.saturating_sub(LONGEST_TAG);
    let before = html.as_bytes().get(from..attribute)?;
    let nearest = memchr::memrchr2(b'<', b'>', before)?;
    (before.get(nearest) == Some(&b'<')).then_some(from + nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_in_front_of_the_elements() {
        let html = "<p>a</p><DIV dir=ltr class=\"gmail_signature\">b</DIV>";
        assert_eq!(
            marked(html),
            format!("<p>a</p><div>{MARK}</div><DIV dir=ltr class=\"gmail_signature\">b</DIV>")
        );
        let words = "<p>he wrote class=\"gmail_signature\"</p>";
        assert_eq!(marked(words), words);
    }
}

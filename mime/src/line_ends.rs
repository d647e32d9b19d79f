//! Line ends as programs have them.

use std::borrow::Cow;

/// The text with LF where CRLF ends a line; a CR that stands alone stays.
pub(crate) fn with_lf(text: Cow<'_, str>) -> String {
    let mut out = String::new();
    let mut start = 0;
    for at in memchr::memchr_iter(b'\r', text.as_bytes()) {
        if text.as_bytes().get(at + 1) == Some(&b'\n') {
            out.reserve(if start == 0 { text.len() } else { 0 });
            out.push_str(text.get(start..at).unwrap_or_default());
            start = at + 1;
        }
    }
    if start == 0 {
        return text.into_owned();
    }
    out.push_str(text.get(start..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn crlf_becomes_lf_and_nothing_else_changes(text in "(\r|\n|\r\n|[aé])*") {
            prop_assert_eq!(with_lf(Cow::Borrowed(&text)), text.replace("\r\n", "\n"));
        }
    }
}

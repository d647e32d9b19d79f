//! The beginning of a text.

use crate::diagnostic::floor;

/// So many octets of a text at most, and no part of a character.
pub(super) fn beginning(text: &str, octets: usize) -> &str {
    text.get(..floor(text, octets)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_cut() {
        assert_eq!(beginning("a\u{e9}b", 2), "a");
        assert_eq!(beginning("a\u{e9}b", 3), "a\u{e9}");
        assert_eq!(beginning("ab", 9), "ab");
    }
}

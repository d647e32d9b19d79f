//! The beginning of a text.

/// So many octets of a text at most, and no part of a character.
pub(super) fn beginning(text: &str, octets: usize) -> &str {
    let mut end = text.len().min(octets);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
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

//! Showing bytes from the network to a person: control characters never reach a terminal or a log.

use std::fmt;

/// Displays bytes as text with everything that could act on a terminal escaped.
///
/// Printable UTF-8 stays as it is; control characters (C0, DEL, C1), bidirectional
/// overrides and bytes that are not UTF-8 become `\xNN` or `\u{NNNN}`; a backslash stays
/// a backslash, because server replies are for reading and not for parsing back.
///
/// ```
/// use postrider_wire::escape::Escaped;
/// assert_eq!(Escaped(b"-ERR \x1b]0;x\x07").to_string(), r"-ERR \x1b]0;x\x07");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                write_char(c, f)?;
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

fn write_char(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write;
    match c {
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => write!(f, "\\x{:02x}", u32::from(c)),
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            write!(f, "\\u{{{:x}}}", u32::from(c))
        }
        _ => f.write_char(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_stays_and_controls_go() {
        assert_eq!(Escaped("naïve ✓".as_bytes()).to_string(), "naïve ✓");
        assert_eq!(Escaped(b"a\r\nb\x00").to_string(), r"a\x0d\x0ab\x00");
        assert_eq!(Escaped(b"\xff\xfe").to_string(), r"\xff\xfe");
        assert_eq!(
            Escaped("x\u{202e}gpj".as_bytes()).to_string(),
            r"x\u{202e}gpj"
        );
    }

    proptest! {
        #[test]
        fn nothing_shown_is_a_control_character(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(!Escaped(&bytes).to_string().chars().any(char::is_control));
        }
    }
}

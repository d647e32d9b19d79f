//! xtext (RFC 3461 §4).

/// Whether a value is xtext.
///
/// ```text
/// xtext   = *( xchar / hexchar )
/// xchar   = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
/// hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits
/// ```
pub(super) fn is_xtext(value: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    let mut rest = value.as_bytes();
    loop {
        rest = match rest {
            [] => return true,
            [b'+', a, b, tail @ ..] if hex(*a) && hex(*b) => tail,
            [b'+' | b'=', ..] => return false,
            [b'!'..=b'~', tail @ ..] => tail,
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3461_xtext() {
        assert!(is_xtext(""));
        assert!(is_xtext("ada+2Bx+3D@example.org"));
        for bad in ["a+b", "a=b", "a+2", "a+2b", "a b", "ä"] {
            assert!(!is_xtext(bad), "{bad}");
        }
    }
}

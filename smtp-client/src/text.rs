use crate::InvalidAddress;
use std::fmt::{self, Write};
use std::str::FromStr;

/// A text that follows a command, as in `VRFY smith` (RFC 5321 §4.1.1.6): printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Argument(String);

impl Argument {
    /// As it is written on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Argument {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let printable = text.bytes().all(|b| matches!(b, b' '..=b'~'));
        if printable && !text.is_empty() && text.len() <= 400 && text.trim() == text {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAddress::new(text, "not a command argument"))
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An attribute of XCLIENT or XFORWARD, such as `ADDR=192.0.2.1` (Postfix's XCLIENT_README). The value is written as xtext.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attribute {
    name: String,
    value: String,
}

impl Attribute {
    /// An attribute with a name of letters and a value of visible ASCII or UTF-8.
    ///
    /// # Errors
    /// [`InvalidAddress`] for a name that is not made of letters, or a control character in the value.
    pub fn new(name: &str, value: &str) -> Result<Self, InvalidAddress> {
        if name.is_empty() || name.len() > 32 || !name.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(InvalidAddress::new(name, "not an attribute name"));
        }
        if value.is_empty() || value.len() > 255 || value.chars().any(char::is_control) {
            return Err(InvalidAddress::new(value, "not an attribute value"));
        }
        let (name, value) = (name.to_ascii_uppercase(), value.to_owned());
        Ok(Self { name, value })
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, Xtext(&self.value))
    }
}

/// Text as a parameter value: everything but visible ASCII without `+` and `=` becomes `+XX` (RFC 3461 §4).
///
/// ```abnf
/// xtext   = *( xchar / hexchar )
/// xchar   = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
/// hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits
/// ```
pub(crate) struct Xtext<'a>(pub(crate) &'a str);

impl fmt::Display for Xtext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'+' | b'=' => write!(f, "+{byte:02X}")?,
                b'!'..=b'~' => f.write_char(byte.into())?,
                _ => write!(f, "+{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// The octets that an xtext stands for, or `None` if it is none. Hex digits may be small as well, as some write them.
pub(crate) fn from_xtext(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        octets.push(match octet {
            b'+' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                hex(digits)?
            }
            b'=' => return None,
            b'!'..=b'~' => octet,
            _ => return None,
        });
    }
    Some(octets)
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = digits.iter().map(|&digit| char::from(digit).to_digit(16));
    let value = digits.reduce(|high, low| Some(high? * 16 + low?))??;
    value.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3461_4_xtext() {
        assert_eq!(Xtext("a+b=c d\r\n").to_string(), "a+2Bb+3Dc+20d+0D+0A");
        let back = from_xtext("a+2Bb+3Dc+20d+0D+0a");
        assert_eq!(back.as_deref(), Some(&b"a+b=c d\r\n"[..]));
        for bad in ["+", "+2", "+2G", "a=b", "a b", "++2", "\u{e9}"] {
            assert_eq!(from_xtext(bad), None, "{bad}");
        }
    }

    #[test]
    fn t3_arguments_hold_no_line_end() {
        for bad in ["", " a", "a\r\nRSET", "a\nb", "a\0"] {
            assert!(bad.parse::<Argument>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "Smith, J.".parse::<Argument>().unwrap().as_str(),
            "Smith, J."
        );
    }

    #[test]
    fn xforward_values_are_encoded() {
        let attribute = Attribute::new("helo", "a b=c").unwrap();
        assert_eq!(attribute.to_string(), "HELO=a+20b+3Dc");
        assert!(Attribute::new("NAME", "x\r\nRSET").is_err());
        assert!(Attribute::new("NA ME", "x").is_err());
    }

    #[test]
    fn what_follows_a_command_has_bounds_and_leaves_no_value_empty() {
        let of = |octets: usize| "x".repeat(octets);
        assert!(of(400).parse::<Argument>().is_ok());
        assert!(of(401).parse::<Argument>().is_err());
        for (name, value, good) in [
            (1, 1, true),
            (32, 255, true),
            (33, 1, false),
            (1, 256, false),
            (0, 1, false),
            (1, 0, false),
        ] {
            let attribute = Attribute::new(&of(name), &of(value));
            assert_eq!(attribute.is_ok(), good, "{name} and {value} octets");
        }
    }
}

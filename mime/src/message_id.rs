use std::fmt;
use std::str::FromStr;

use crate::value_error::ValueError;

/// A message identifier (RFC 5322 §3.6.4), without its angle brackets. It exists only if it can be written safely.
///
/// An identifier without `@` is allowed: an answer has to name the message that it answers, whatever identifier it has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(String);

/// One identifier has to fit one line of 998 characters, whatever the field is called.
const MAX: usize = 900;

impl MessageId {
    /// Reads an identifier with or without angle brackets.
    ///
    /// ```
    /// use postrider_mime::MessageId;
    ///
    /// assert_eq!(MessageId::parse("<1@example.org>")?.as_str(), "1@example.org");
    /// assert!(MessageId::parse("<a@b>\r\nBcc: x").is_err());
    /// # Ok::<(), postrider_mime::ValueError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let inner = text
            .strip_prefix('<')
            .and_then(|t| t.strip_suffix('>'))
            .unwrap_or(text);
        if inner.len() > MAX {
            return Err(ValueError::TooLong);
        }
        let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>');
        if inner.is_empty() || !inner.bytes().all(allowed) {
            return Err(ValueError::MessageId);
        }
        Ok(Self(inner.to_owned()))
    }

    /// The identifier without its angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// With angle brackets, as a header has it.
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// Without angle brackets.
impl AsRef<str> for MessageId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for MessageId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_one_line_of_ascii() {
        assert_eq!(
            MessageId::parse("a@b").unwrap(),
            MessageId::parse("<a@b>").unwrap()
        );
        assert_eq!(MessageId::parse("<a@b>").unwrap().to_string(), "<a@b>");
        for text in [
            "",
            "<>",
            "<a b>",
            "<a@b> <c@d>",
            "<a@b",
            "a\r\n@b",
            "é@b",
            "a\0",
        ] {
            assert!(MessageId::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(MessageId::parse(&"a".repeat(901)), Err(ValueError::TooLong));
    }

    #[test]
    fn an_identifier_has_900_characters_at_most_and_is_given_back_without_brackets() {
        let longest = format!("<{}>", "a".repeat(900));
        let id = MessageId::parse(&longest).unwrap();
        assert_eq!(id.to_string(), longest);
        let text: &str = id.as_ref();
        assert_eq!((text, id.as_str()), (&*"a".repeat(900), text));
        assert_eq!("a@b".parse::<MessageId>(), MessageId::parse("<a@b>"));
    }
}

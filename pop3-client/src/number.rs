use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// A message-number: the place of a message in this session's maildrop, from 1 (RFC 1939 §4).
///
/// It means nothing in another session: numbers shift when messages go. To know a message again, use its
/// [`UniqueId`](crate::UniqueId).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// The message of this number.
    ///
    /// # Errors
    /// [`InvalidNumber`] for zero.
    pub fn new(number: u32) -> Result<Self, InvalidNumber> {
        NonZeroU32::new(number).map(Self).ok_or(InvalidNumber)
    }

    /// The number itself, never zero.
    pub fn value(self) -> u32 {
        self.0.get()
    }

    /// Every message of a maildrop that holds `count`, in order.
    pub fn all(count: u32) -> impl DoubleEndedIterator<Item = Self> {
        (1..=count).filter_map(|number| Self::new(number).ok())
    }

    /// Its place in an array of all messages, from 0.
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.value() - 1).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u32> for MessageNumber {
    type Error = InvalidNumber;

    fn try_from(number: u32) -> Result<Self, InvalidNumber> {
        Self::new(number)
    }
}

impl FromStr for MessageNumber {
    type Err = InvalidNumber;

    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidNumber);
        }
        Self::new(text.parse().map_err(|_| InvalidNumber)?)
    }
}

/// Not a message-number: zero, a sign, or beyond 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidNumber;

impl fmt::Display for InvalidNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message number is a whole number from 1 to 4294967295")
    }
}

impl std::error::Error for InvalidNumber {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_start_at_one_and_carry_no_sign() {
        assert_eq!("7".parse::<MessageNumber>().unwrap().value(), 7);
        for text in ["0", "-1", "+1", "", "4294967296", "1 ", "x"] {
            assert_eq!(
                text.parse::<MessageNumber>(),
                Err(InvalidNumber),
                "{text:?}"
            );
        }
    }

    #[test]
    fn rfc1939_4_the_first_message_is_number_one_and_is_written_so() {
        for number in [1, 2, u32::MAX] {
            let message = MessageNumber::try_from(number).unwrap();
            assert_eq!(message.to_string(), number.to_string());
            assert_eq!(u32::try_from(message.index()), Ok(number - 1));
        }
        let said = MessageNumber::try_from(0_u32).unwrap_err().to_string();
        assert!(said.contains("from 1 to 4294967295"), "{said}");
    }

    #[test]
    fn all_is_empty_for_an_empty_maildrop() {
        assert_eq!(MessageNumber::all(0).count(), 0);
        assert_eq!(
            MessageNumber::all(3)
                .map(MessageNumber::value)
                .collect::<Vec<_>>(),
            [1, 2, 3]
        );
    }
}

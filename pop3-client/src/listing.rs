//! What STAT, LIST and UIDL answer with: numbers, sizes and names.

use crate::{MessageNumber, UniqueId};
use nom::bytes::complete::{take_till1, take_while1};
use nom::character::complete::{char, space0, space1};
use nom::combinator::{all_consuming, map_opt, opt, rest};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};
use std::fmt;

/// A drop listing: how many messages the maildrop holds, and their size together (RFC 1939 §5, STAT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropListing {
    /// Messages not marked as deleted.
    pub count: u32,
    /// Their size in octets, as the server counts.
    pub octets: u64,
}

/// A scan listing: a message and its size (RFC 1939 §5, LIST).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanListing {
    /// The message.
    pub number: MessageNumber,
    /// Its size in octets, as the server counts. Servers are often wrong.
    pub octets: u64,
}

impl fmt::Display for ScanListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.octets)
    }
}

/// A unique-id listing: a message and its unique-id (RFC 1939 §7, UIDL).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueIdListing {
    /// The message.
    pub number: MessageNumber,
    /// Its unique-id; `None` if the server sent an empty one.
    pub id: Option<UniqueId>,
}

impl fmt::Display for UniqueIdListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}",
            self.number,
            self.id.as_ref().map_or("", UniqueId::as_str)
        )
    }
}

impl DropListing {
    /// Reads the text of the reply to STAT.
    ///
    /// ```abnf
    /// drop-listing = number SP number *(SP *CHAR)
    /// ```
    ///
    /// We also accept several blanks and leading zeros. A sign, a missing field, or more than 32 (64) bits are errors.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut listing = (
            preceded(space0, number),
            preceded(space1, number),
            trailing_words,
        );
        let (_, (count, octets, ())) = all_consuming(|i| listing.parse(i)).parse(text).ok()?;
        Some(Self {
            count: u32::try_from(count).ok()?,
            octets,
        })
    }
}

impl ScanListing {
    /// Reads a line of LIST, or the text of the reply to `LIST n`.
    ///
    /// ```abnf
    /// scan-listing = message-number SP octets *(SP *CHAR)
    /// ```
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut listing = (
            preceded(space0, message_number),
            preceded(space1, number),
            trailing_words,
        );
        let (_, (number, octets, ())) = all_consuming(|i| listing.parse(i)).parse(line).ok()?;
        Some(Self { number, octets })
    }
}

impl UniqueIdListing {
    /// Reads a line of UIDL.
    ///
    /// ```abnf
    /// unique-id-listing = message-number SP unique-id
    /// unique-id         = 1*70(%x21-7E)
    /// ```
    ///
    /// We also accept several blanks, blanks at the end, up to 255 octets, and no unique-id at all (`id` is then `None`),
    /// because servers send all of these.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let id = opt(preceded(space1, take_till1(is_blank)));
        let mut listing = (preceded(space0, message_number), terminated(id, space0));
        let (_, (number, id)) = all_consuming(|i| listing.parse(i)).parse(line).ok()?;
        let id = id.map(UniqueId::parse).transpose().ok()?;
        Some(Self { number, id })
    }

    /// Reads the text of the reply to `UIDL n`.
    ///
    /// We also accept a reply without the number, because a real server sends it so: a single word is the unique-id.
    pub fn parse_reply(text: &[u8], asked: MessageNumber) -> Option<Self> {
        let text = text.trim_ascii();
        if text.contains(&b' ') || text.contains(&b'\t') {
            return Self::parse(text).filter(|listing| listing.number == asked);
        }
        let id = if text.is_empty() || text == asked.to_string().as_bytes() {
            None
        } else {
            Some(UniqueId::parse(text).ok()?)
        };
        Some(Self { number: asked, id })
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn number(input: &[u8]) -> IResult<&[u8], u64> {
    map_opt(
        take_while1(|b: u8| b.is_ascii_digit()),
        |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse().ok(),
    )
    .parse(input)
}

fn message_number(input: &[u8]) -> IResult<&[u8], MessageNumber> {
    map_opt(number, |n| MessageNumber::new(u32::try_from(n).ok()?).ok()).parse(input)
}

/// RFC 1939 §5 lets a server add words after the numbers, though it advises against it.
fn trailing_words(input: &[u8]) -> IResult<&[u8], ()> {
    opt((char(' '), rest)).map(|_| ()).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(number: u32) -> MessageNumber {
        MessageNumber::new(number).unwrap()
    }

    #[test]
    fn s12_numbers_are_unsigned_checked_and_complete() {
        assert_eq!(
            DropListing::parse(b"2 320"),
            Some(DropListing {
                count: 2,
                octets: 320
            })
        );
        assert_eq!(
            DropListing::parse(b"007 1 extra words"),
            Some(DropListing {
                count: 7,
                octets: 1
            })
        );
        for text in [
            &b"99999999999999999999 1"[..],
            b"-1 -1",
            b"1",
            b"x y",
            b"",
            b"+1 1",
            b"4294967296 1",
            b"1 1x",
        ] {
            assert_eq!(DropListing::parse(text), None, "{text:?}");
        }
        assert_eq!(ScanListing::parse(b"0 10"), None);
        assert_eq!(
            ScanListing::parse(b"1  120"),
            Some(ScanListing {
                number: n(1),
                octets: 120
            })
        );
    }

    #[test]
    fn s10_an_empty_unique_id_is_none_and_a_bad_one_an_error() {
        let id = |line: &[u8]| UniqueIdListing::parse(line).map(|l| l.id.map(|id| id.to_string()));
        assert_eq!(
            id(b"1 QhdPYR:00WBw1Ph7x7"),
            Some(Some("QhdPYR:00WBw1Ph7x7".into()))
        );
        assert_eq!(id(b"1   AAA "), Some(Some("AAA".into())));
        assert_eq!(id(b"1 "), Some(None));
        assert_eq!(id(b"1"), Some(None));
        assert_eq!(id(b"1 a\x1b[2Jb"), None);
        assert_eq!(id(b"1 \xff"), None);
        assert_eq!(id(b"1 AAA BBB"), None);
        assert_eq!(id(b"AAA"), None);
    }

    #[test]
    fn a_listing_is_shown_as_a_server_sends_it() {
        let scan = ScanListing::parse(b"7  120 words").unwrap();
        assert_eq!(scan.to_string(), "7 120");
        let shown = |line: &[u8]| UniqueIdListing::parse(line).unwrap().to_string();
        assert_eq!(shown(b"7\tAAA "), "7 AAA");
        assert_eq!(shown(b"7"), "7 ");
    }

    #[test]
    fn s22_uidl_n_without_the_number_is_understood() {
        let id = |text: &[u8]| {
            UniqueIdListing::parse_reply(text, n(1)).map(|l| l.id.map(|id| id.to_string()))
        };
        assert_eq!(id(b"1808fe58"), Some(Some("1808fe58".into())));
        assert_eq!(id(b"1   AAA"), Some(Some("AAA".into())));
        assert_eq!(id(b"2 AAA"), None);
        assert_eq!(id(b"1\tAAA"), Some(Some("AAA".into())));
        assert_eq!(id(b"1"), Some(None));
        assert_eq!(id(b""), Some(None));
    }
}

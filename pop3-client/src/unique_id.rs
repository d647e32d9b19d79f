use postrider_wire::escape::Escaped;
use std::fmt;
use std::str::FromStr;

/// The longest unique-id of RFC 1939 §7.
pub(crate) const RFC_LENGTH: usize = 70;

/// The longest unique-id that is tolerated, because some servers use long file names.
pub(crate) const TOLERATED_LENGTH: usize = 255;

/// A unique-id: the server's lasting name for one message of one maildrop (RFC 1939 §7).
///
/// One to 255 octets of visible ASCII (the RFC says 70; see [`UniqueId::is_within_rfc`]). The server chooses them freely,
/// slashes and dots included, so a unique-id **is never a file name**, nor part of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueId(Box<str>);

impl UniqueId {
    /// A unique-id, if it is one.
    ///
    /// # Errors
    /// [`InvalidUniqueId`] if it is empty, longer than 255 octets, or has a byte outside 0x21–0x7E.
    pub fn new(text: &str) -> Result<Self, InvalidUniqueId> {
        Self::parse(text.as_bytes())
    }

    /// A unique-id out of the bytes of a reply.
    ///
    /// # Errors
    /// As [`UniqueId::new`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidUniqueId> {
        let invalid = || InvalidUniqueId(Escaped(bytes.get(..80).unwrap_or(bytes)).to_string());
        let fits = (1..=TOLERATED_LENGTH).contains(&bytes.len());
        if !fits || !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(invalid());
        }
        std::str::from_utf8(bytes)
            .map(|text| Self(text.into()))
            .map_err(|_| invalid())
    }

    /// The unique-id as text. Compare it, store it escaped; do not make a path of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if it keeps the RFC's limit of 70 octets.
    pub fn is_within_rfc(&self) -> bool {
        self.0.len() <= RFC_LENGTH
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UniqueId {
    type Err = InvalidUniqueId;

    fn from_str(text: &str) -> Result<Self, InvalidUniqueId> {
        Self::new(text)
    }
}

/// Bytes that cannot be a unique-id; escaped and shortened for reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUniqueId(String);

impl fmt::Display for InvalidUniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a unique-id (1 to 255 octets of visible ASCII)",
            self.0
        )
    }
}

impl std::error::Error for InvalidUniqueId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc1939_7_one_to_seventy_octets_of_visible_ascii() {
        assert!(
            UniqueId::new("whqtswO00WBw418f9t5JxYwZ")
                .unwrap()
                .is_within_rfc()
        );
        assert!(UniqueId::new(&"u".repeat(70)).unwrap().is_within_rfc());
        assert!(!UniqueId::new(&"u".repeat(71)).unwrap().is_within_rfc());
        assert!(UniqueId::new(&"u".repeat(255)).is_ok());
        assert!(UniqueId::new(&"u".repeat(256)).is_err());
        assert!(UniqueId::new("").is_err());
    }

    #[test]
    fn rfc1939_7_a_unique_id_is_what_the_server_wrote_and_nothing_of_it_is_changed() {
        let id: UniqueId = "../a%20B=".parse().unwrap();
        assert_eq!((id.as_str(), &*id.to_string()), ("../a%20B=", "../a%20B="));
        assert_ne!(UniqueId::new("../a%20b="), Ok(id));
    }

    #[test]
    fn s23_what_is_none_is_shown_escaped_and_not_without_end() {
        let bytes = [b"a\x1b[2J".to_vec(), vec![b'x'; 900]].concat();
        let said = UniqueId::parse(&bytes).unwrap_err().to_string();
        assert!(said.contains(r"a\\x1b[2Jxxx"), "{said}");
        assert!(said.contains("is not a unique-id"), "{said}");
        assert!(said.len() < 200, "{said}");
    }

    #[test]
    fn every_byte_outside_visible_ascii_is_refused() {
        for byte in (0..=0x20u8).chain(0x7f..=0xff) {
            assert!(UniqueId::parse(&[b'a', byte, b'b']).is_err(), "{byte:#x}");
        }
        for byte in 0x21..=0x7eu8 {
            assert!(UniqueId::parse(&[byte]).is_ok(), "{byte:#x}");
        }
    }
}

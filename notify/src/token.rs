//! Signed names: Message-IDs that cannot be guessed, and reply addresses that cannot be forged.
//!
//! A reply token binds a record to the one recipient that it was sent to, by an HMAC-SHA-256
//! (RFC 2104) under a key that never leaves the store. Whoever sees the token in a forwarded
//! mail still has another sender address, and so does not act as its owner.

use crate::event::EventId;
use crate::record::RecordKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// Octets of a key.
pub const KEY_LEN: usize = 32;

/// Octets of the HMAC that are kept: 80 bits.
const TAG_LEN: usize = 10;

/// Letters of a tag: five bits in each.
const TAG_LETTERS: usize = TAG_LEN * 8 / 5;

/// The longest local part of an address (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_PART: usize = 64;

/// Signs and verifies. Holds the key and does not show it.
#[derive(Clone)]
pub struct Signer {
    mac: Hmac<Sha256>,
}

impl Signer {
    /// A signer with a key of any length; [`KEY_LEN`] random octets are right.
    pub fn new(key: &[u8]) -> Option<Self> {
        let mac = Hmac::new_from_slice(key).ok()?;
        Some(Self { mac })
    }

    /// The Message-ID (without angle brackets) of the mail that a notification makes of an event for a recipient.
    /// The same three give the same Message-ID, so that work done twice shows.
    pub fn message_id(
        &self,
        event: EventId,
        notification: &str,
        recipient: &str,
        domain: &str,
    ) -> String {
        let event = event.to_string();
        let tag = self.tag(&[
            "message-id",
            &event,
            notification,
            &recipient.to_lowercase(),
        ]);
        format!("{event}.{tag}@{domain}")
    }

    /// The token that lets this recipient, and nobody else, answer into this record.
    pub fn reply_token(&self, record: &RecordKey, recipient: &str) -> ReplyToken {
        let tag = self.tag(&[
            "reply",
            &record.table,
            &record.id,
            &recipient.to_lowercase(),
        ]);
        ReplyToken {
            record: record.clone(),
            tag,
        }
    }

    /// True if the token was made here for this recipient.
    pub fn verify(&self, token: &ReplyToken, recipient: &str) -> bool {
        let expected = self.reply_token(&token.record, recipient).tag;
        equal(&expected, &token.tag.to_ascii_lowercase())
    }

    pub(crate) fn tag(&self, parts: &[&str]) -> String {
        let mut mac = self.mac.clone();
        for part in parts {
            // The length in front keeps ("ab", "c") apart from ("a", "bc").
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let digest = mac.finalize().into_bytes();
        base32(digest.get(..TAG_LEN).unwrap_or(&digest))
    }
}

/// Compares tags without stopping at the first difference.
pub(crate) fn equal(expected: &str, given: &str) -> bool {
    expected.len() == given.len()
        && expected
            .bytes()
            .zip(given.bytes())
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// A record, and the proof that somebody was sent a mail about it: `incident.INC0010001.k3v…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyToken {
    record: RecordKey,
    tag: String,
}

impl ReplyToken {
    /// The record that the token claims to be about. Verify it before believing it.
    pub fn record(&self) -> &RecordKey {
        &self.record
    }

    /// Reads `TABLE.ID.TAG`.
    pub fn parse(text: &str) -> Option<Self> {
        let (record, tag) = text.split_at_checked(text.len().checked_sub(TAG_LETTERS)?)?;
        let (table, id) = record.strip_suffix('.')?.split_once('.')?;
        let word = |s: &str| {
            let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            !s.is_empty() && s.bytes().all(good)
        };
        (!tag.contains('.') && word(tag) && word(table) && word(id)).then(|| Self {
            record: RecordKey::new(table, id),
            tag: tag.to_owned(),
        })
    }

    /// The mailbox with the token in its local part: `support@example.org` → `support+incident.INC0010001.k3v…@example.org`.
    /// `None` if it would not fit, or the record's id cannot stand in an address.
    pub fn in_address(&self, mailbox: &str) -> Option<String> {
        let (local, domain) = mailbox.rsplit_once('@')?;
        let token = self.to_string();
        Self::parse(&token)?;
        let tagged = format!("{local}+{token}");
        (tagged.len() <= MAX_LOCAL_PART).then(|| format!("{tagged}@{domain}"))
    }

    /// The token in an address that [`in_address`](Self::in_address) made.
    pub fn from_address(address: &str) -> Option<Self> {
        Self::with_mailbox(address).map(|(_, token)| token)
    }

    /// The same, with the mailbox that the address was made of.
    pub(crate) fn with_mailbox(address: &str) -> Option<(String, Self)> {
        let (local, domain) = address.rsplit_once('@')?;
        // A mailbox may have a plus of its own; a token has none.
        let (mailbox, token) = local.rsplit_once('+')?;
        let token = Self::parse(token)?;
        Some((format!("{mailbox}@{domain}"), token))
    }
}

impl fmt::Display for ReplyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.record.table, self.record.id, self.tag)
    }
}

/// RFC 4648 §6 in lower case, because local parts get lower-cased on their way; whole groups of 40 bits only.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(bytes.len() * 8 / 5);
    for group in bytes.chunks(5) {
        let bits = group.iter().fold(0u64, |bits, &b| bits << 8 | u64::from(b));
        for i in (0..8).rev() {
            let index = (bits >> (i * 5)) & 31;
            text.push(
                ALPHABET
                    .get(index as usize)
                    .copied()
                    .map_or('a', char::from),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new(&[7; KEY_LEN]).unwrap()
    }

    #[test]
    fn rfc4648_base32_of_whole_groups() {
        assert_eq!(base32(b"fooba"), "mzxw6ytb");
        assert_eq!(base32(b"foobafooba"), "mzxw6ytbmzxw6ytb");
    }

    #[test]
    fn a_token_survives_the_address_and_belongs_to_one_recipient() {
        let record = RecordKey::new("incident", "INC0010001");
        let token = signer().reply_token(&record, "Ada@example.org");
        let address = token.in_address("support@example.org").unwrap();
        let read = ReplyToken::from_address(&address).unwrap();
        assert_eq!(read, token);
        assert!(signer().verify(&read, "ada@EXAMPLE.org"));
        assert!(!signer().verify(&read, "mallory@example.org"));
        let other = Signer::new(&[8; KEY_LEN]).unwrap();
        assert!(!other.verify(&read, "ada@example.org"));
    }

    #[test]
    fn a_mailbox_with_a_plus_has_tokens() {
        let token = signer().reply_token(&RecordKey::new("incident", "INC0010001"), "a@b");
        for mailbox in ["desk@example.org", "acme+desk@example.org"] {
            let address = token.in_address(mailbox).unwrap();
            assert_eq!(ReplyToken::from_address(&address).as_ref(), Some(&token));
            let read = ReplyToken::with_mailbox(&address);
            assert_eq!(read, Some((mailbox.to_owned(), token.clone())));
        }
        assert_eq!(ReplyToken::from_address("acme+desk@example.org"), None);
    }

    #[test]
    fn a_token_for_another_record_is_not_valid() {
        let token = signer().reply_token(&RecordKey::new("incident", "INC1"), "a@b");
        let forged = ReplyToken::parse(&token.to_string().replace("INC1", "INC2")).unwrap();
        assert!(!signer().verify(&forged, "a@b"));
    }

    #[test]
    fn a_token_that_does_not_fit_the_local_part_is_left_out() {
        let record = RecordKey::new("a_table_with_a_long_name", "A-RATHER-LONG-NUMBER-0010001");
        assert_eq!(
            signer().reply_token(&record, "a@b").in_address("support@b"),
            None
        );
        let odd = RecordKey::new("incident", "a b");
        assert_eq!(
            signer().reply_token(&odd, "a@b").in_address("support@b"),
            None
        );
    }

    #[test]
    fn message_ids_repeat_for_the_same_work_and_differ_otherwise() {
        let id = |event, rcpt| signer().message_id(event, "n", rcpt, "example.org");
        assert_eq!(id(1, "a@b"), id(1, "A@b"));
        assert_ne!(id(1, "a@b"), id(2, "a@b"));
        assert_ne!(id(1, "a@b"), id(1, "c@b"));
    }
}

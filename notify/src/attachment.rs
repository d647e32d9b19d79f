//! Attachments of records: rows with a name and a type, and the octets themselves once for each content.

use crate::record::RecordKey;
use bytes::Bytes;
use jiff::Timestamp;

/// The number of an attachment.
pub type AttachmentId = i64;

/// A file to be attached to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttachment {
    /// The record; `None` for that of a change of the same work.
    pub record: Option<RecordKey>,
    /// The place of that change.
    pub change: usize,
    /// Its file name, safe on every system: no path, no control or direction characters.
    pub name: String,
    /// Its media type: `image/png`.
    pub media_type: String,
    /// The octets.
    pub content: Bytes,
    /// SHA-256 of the octets, in lower-case hex. The store keeps one copy of them, whatever number of attachments have it.
    pub sha256: String,
    /// Who attached it: a user id, or an address that belongs to no user.
    pub author: String,
}

/// A file attached to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its number.
    pub id: AttachmentId,
    /// The record.
    pub record: RecordKey,
    /// Its file name, safe on every system.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// How many octets it has.
    pub size: u64,
    /// SHA-256 of the octets, in lower-case hex.
    pub sha256: String,
    /// Who attached it.
    pub author: String,
    /// When.
    pub created: Timestamp,
}

impl NewAttachment {
    /// A file with its hash.
    pub fn new(name: String, media_type: String, content: Bytes, author: &str) -> Self {
        Self {
            record: None,
            change: 0,
            sha256: crate::digest::sha256(&content),
            name,
            media_type,
            content,
            author: author.to_owned(),
        }
    }

    /// The same for a record that is there already.
    #[must_use]
    pub fn of(mut self, record: RecordKey) -> Self {
        self.record = Some(record);
        self
    }
}

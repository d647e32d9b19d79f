use super::plan::LeftAlone;
use super::store::MessageKey;
use crate::{MessageNumber, Reply, UniqueId};
use std::path::PathBuf;

/// Something that a sync noticed, as it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncEvent {
    /// A repair of the store or the journal took something out, here or when they were opened, and kept it in this file. What
    /// others have written may be in it.
    SetAside {
        /// The file.
        path: PathBuf,
    },
    /// A session has looked: so much is new, and is fetched now. Not reported where nothing is new.
    Fetching {
        /// Messages.
        count: usize,
        /// Their octets by LIST.
        octets: u64,
    },
    /// So many octets of messages have arrived in this session, durable or not yet. Reported now and then: a bar can show it.
    Receiving {
        /// Octets.
        octets: u64,
    },
    /// A new message is durable in the store, and in the journal.
    Stored {
        /// Its lasting name.
        key: MessageKey,
        /// The server's name for it.
        uid: Option<UniqueId>,
        /// Its octets.
        octets: u64,
        /// Where the store put it.
        place: String,
    },
    /// A message was fetched, and is known already; it was not stored again.
    Duplicate {
        /// The message.
        number: MessageNumber,
        /// The server's name for it.
        uid: Option<UniqueId>,
    },
    /// TOP showed a message to be known under another name; it was not fetched.
    Recognised {
        /// The message.
        number: MessageNumber,
        /// Its new name.
        uid: Option<UniqueId>,
    },
    /// A unique-id now names another message (RFC 1939 §7 forbids it); it was fetched as a new one.
    UidReused {
        /// The unique-id.
        uid: UniqueId,
    },
    /// More than half of the known messages vanished at once: the server has probably renamed them all.
    UidlReset {
        /// How many vanished.
        vanished: usize,
    },
    /// The server refused a message; it is tried again in the next sync.
    Refused {
        /// The message.
        number: MessageNumber,
        /// The server's name for it.
        uid: Option<UniqueId>,
        /// The server's words.
        reply: Reply,
    },
    /// The server refused to delete a message; it is asked again in the next sync.
    NotDeleted {
        /// The message.
        number: MessageNumber,
        /// The server's words.
        reply: Reply,
    },
    /// A message was left where it is.
    LeftAlone {
        /// The message.
        number: MessageNumber,
        /// The server's name for it.
        uid: Option<UniqueId>,
        /// Its octets by LIST.
        octets: u64,
        /// Why.
        why: LeftAlone,
    },
    /// The server removed messages, and said so.
    Deleted {
        /// How many.
        count: usize,
    },
    /// The connection broke; the sync goes on with another one.
    Reconnecting {
        /// What went wrong.
        error: String,
    },
}

//! A mailbox emptied or mirrored: no message lost, none handed over twice.
//!
//! [`Mailbox::sync`] does this, and each step only when the one before it is durable:
//!
//! 1. **Look**: STAT, UIDL, LIST. A message that the journal knows, by unique-id and size, is not fetched again.
//! 2. **Fetch**: RETR into the [`Store`], as many in flight as the server bears.
//! 3. **Make durable**: store first, then journal, a group of messages at a time.
//! 4. **Delete**, if the [`Policy`] says so: DELE; then the journal learns that a deletion is pending; then QUIT.
//! 5. **Reconcile**: after QUIT's `+OK` the message is gone. If the answer never came, nobody knows; the next session looks:
//!    a pending message that is absent was deleted, one that is there is deleted again, without being fetched.
//!
//! So a message may be handed over twice only if the process ended between the store's commit and the journal's, and then under
//! the same [`MessageKey`], which [`Maildir`] and [`Files`] recognise. A [`Store`] and a [`Journal`] in one database can
//! share a transaction; then it never is.
//!
//! What servers do, and what comes of it:
//!
//! | the server | the sync |
//! |---|---|
//! | has no UIDL | knows messages by their content, and those that stay there by size and header; deletes only what it fetched in the same session |
//! | changes the size of a message by what it notes in its header (Status, X-UID, …) | fetches it, and knows it again |
//! | uses a unique-id for another message (the size differs) | fetches it: [`SyncEvent::UidReused`] |
//! | does so, and the size is the same | takes it for the one that it knows, and deletes it when that is due; RFC 1939 §7 forbids it |
//! | uses one unique-id for two messages | fetches both; deletes only the one whose own content is stored |
//! | renames all messages | compares sizes and headers with a Message-ID, by TOP, before it fetches: [`SyncEvent::UidlReset`], [`SyncEvent::Recognised`] |
//! | never delivers one message | leaves it for last, and after some failures alone for a while: [`LeftAlone::Quarantined`] |
//! | gives none for now (`[SYS/TEMP]`) | asks again in the next sync |
//! | drops the connection | connects again, one command at a time, as long as there is progress |
//! | leaves an answer out, doubles one, or says a line too much | notices it before a message is taken for another, by `LIST n` behind each: connects again, one command at a time |
//!
//! The journal is a text file of one line for each thing that happened, or a [`Journal`] of the caller's own. One process
//! uses it at a time; another one is told so.
//!
//! [`Mailbox::sync`] wants the feature `tokio`, [`Mailbox::sync_blocking`] the feature `blocking`. Everything below them is
//! the same.
//!
//! Not supported: two maildrops in one journal.

mod crc;
mod digest;
mod event;
mod index;
mod intake;
mod journal;
mod mailbox;
#[cfg(all(fuzzing, not(test)))]
mod model;
#[cfg(test)]
mod model;
mod plan;
mod policy;
mod record;
mod session;
mod shorten;
mod store;
mod work;

pub use digest::Digest;
pub use event::SyncEvent;
pub use journal::{InvalidEntry, Journal, JournalEntry, JournalFile};
pub use mailbox::Mailbox;
pub use plan::LeftAlone;
pub use policy::{Deletion, Policy};
pub use store::{Arrived, Files, Maildir, Mboxrd, MessageKey, Store};

use crate::Error;
use std::fmt;
use std::io;
use std::time::Duration;

/// Lives through a history of which every chance is chosen by `octets`: the fuzz target `pop3_sync`.
///
/// # Panics
/// If a mail is lost, stored twice, or deleted before it is stored.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn live_through(octets: &[u8]) {
    model::live_through_octets(octets);
}

/// What a sync came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Messages that the server had in the last session.
    pub listed: u32,
    /// New messages, stored.
    pub stored: usize,
    /// Their octets.
    pub octets: u64,
    /// Messages that were fetched and turned out to be known.
    pub duplicates: usize,
    /// Messages that TOP showed to be known.
    pub recognised: usize,
    /// Messages that the server removed.
    pub deleted: usize,
    /// RETR and DELE that the server refused.
    pub refused: usize,
    /// Messages left alone: too large, or in quarantine.
    pub left_alone: usize,
    /// The least time until the next login that the server asks for (RFC 2449 §6.5).
    pub login_delay: Option<Duration>,
}

/// Why a sync ended early. What was stored until then is stored, and is not fetched again.
#[derive(Debug)]
#[non_exhaustive]
pub enum SyncError {
    /// The server, or the way to it.
    Pop3(Error),
    /// The store or the journal.
    Storage(io::Error),
    /// The thread of the sync ended before its time; nothing is known but what the journal says.
    Interrupted,
}

impl SyncError {
    /// Whether the same attempt may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Pop3(error) => error.is_retryable(),
            Self::Storage(_) => false,
            Self::Interrupted => true,
        }
    }

    /// How long to wait at least before the next sync; `None` if it would end in the same way. See [`Error::retry_after`].
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Pop3(error) => error.retry_after(),
            Self::Storage(_) => None,
            Self::Interrupted => Some(Duration::ZERO),
        }
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pop3(error) => error.fmt(f),
            Self::Storage(error) => write!(
                f,
                "the messages could not be stored, and nothing was deleted: {error}"
            ),
            Self::Interrupted => f.write_str("the sync was interrupted"),
        }
    }
}

impl std::error::Error for SyncError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Pop3(error) => Some(error),
            Self::Storage(error) => Some(error),
            Self::Interrupted => None,
        }
    }
}

impl From<Error> for SyncError {
    fn from(error: Error) -> Self {
        Self::Pop3(error)
    }
}

impl From<io::Error> for SyncError {
    fn from(error: io::Error) -> Self {
        Self::Storage(error)
    }
}

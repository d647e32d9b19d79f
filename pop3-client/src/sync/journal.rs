//! What happened to each message, and where that is written down.

use super::record::Record;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

mod file;
mod lock;

pub use file::JournalFile;
#[cfg(any(test, fuzzing))]
pub(super) use file::{Lines, Medium};
pub(super) use file::{sync_folder, sync_folder_of};
pub(super) use lock::{Lock, real_path};

/// Where a sync remembers what it did: a [`JournalFile`], or a table of the caller's own database.
///
/// Its entries are lines of text whose order matters, and nothing else needs to be known about them. The methods block;
/// they are called on the thread that calls those of the [`Store`](super::Store). One sync may use a journal at a time:
/// that is for the implementation to ensure.
///
/// [`commit`](Self::commit) directly follows the [`commit`](super::Store::commit) of the store. So a store and a journal in
/// one database can share one transaction: the store's commit does nothing, and that of the journal writes the messages
/// finished since the last one together with the entries. Then no message is ever stored twice, whenever the process ends.
pub trait Journal: Send {
    /// All entries, in the order in which they were committed. Called when the mailbox is opened, before
    /// [`replace`](Self::replace), and again after an error of the store or the journal.
    ///
    /// # Errors
    /// If they cannot be read.
    fn load(&mut self) -> io::Result<Vec<JournalEntry>>;

    /// Adds entries to the end. They are durable when this returns; after a crash a few of the first may be there, in order.
    ///
    /// # Errors
    /// Any error ends the sync without QUIT; nothing is deleted on the server.
    fn commit(&mut self, entries: &[JournalEntry]) -> io::Result<()>;

    /// Replaces all entries by these, all at once: after a crash there is either the old or the new. Called at the beginning of
    /// a sync, when most of the journal says nothing any more ([`Policy::remember`](super::Policy::remember)).
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn replace(&mut self, entries: &[JournalEntry]) -> io::Result<()>;

    /// As [`Store::salvaged`](super::Store::salvaged).
    fn salvaged(&mut self) -> Option<PathBuf> {
        None
    }
}

/// One thing that happened to a message. `Display` is a line of visible ASCII and blanks, and [`str::parse`] reads it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry(pub(super) Record);

impl fmt::Display for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A line that is no entry of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidEntry;

impl fmt::Display for InvalidEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no entry of a journal, or one of a later version")
    }
}

impl std::error::Error for InvalidEntry {}

impl FromStr for JournalEntry {
    type Err = InvalidEntry;

    fn from_str(line: &str) -> Result<Self, InvalidEntry> {
        Record::parse(line).map(Self).ok_or(InvalidEntry)
    }
}

/// A journal, and what is to be written to it next.
#[derive(Debug)]
pub(super) struct Log<J> {
    journal: J,
    unwritten: Vec<JournalEntry>,
    /// Durable entries, and how many there were when it was last looked at whether they are needed.
    lines: usize,
    looked_at: usize,
}

impl<J: Journal> Log<J> {
    pub(super) fn new(journal: J) -> Self {
        Self {
            journal,
            unwritten: Vec::new(),
            lines: 0,
            looked_at: 0,
        }
    }

    /// Durable entries.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// Whether there are `few` entries, and a quarter more than when this last said yes.
    pub(super) fn is_worth_a_look(&mut self, few: usize) -> bool {
        let worth = self.lines >= few && self.lines > self.looked_at + self.looked_at / 4;
        if worth {
            self.looked_at = self.lines;
        }
        worth
    }

    /// Everything that is durable; what was not written is forgotten.
    pub(super) fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
        self.unwritten.clear();
        let entries = self.journal.load()?;
        self.lines = entries.len();
        Ok(entries)
    }

    /// Adds a record; it is durable after the next [`commit`](Self::commit).
    pub(super) fn append(&mut self, record: Record) {
        self.unwritten.push(JournalEntry(record));
    }

    /// Makes everything appended durable.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.journal.commit(&self.unwritten)?;
        self.lines += self.unwritten.len();
        self.unwritten.clear();
        Ok(())
    }

    pub(super) fn replace(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        self.journal.replace(entries)?;
        (self.lines, self.looked_at) = (entries.len(), entries.len());
        Ok(())
    }

    /// See [`Journal::salvaged`].
    pub(super) fn salvaged(&mut self) -> Option<PathBuf> {
        self.journal.salvaged()
    }
}

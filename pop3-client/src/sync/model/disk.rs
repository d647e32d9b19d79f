//! A disk that forgets what was not synced.

use super::Random;
use crate::sync::Digest;
use crate::sync::journal::{Journal, JournalEntry, Lines, Medium};
use crate::sync::store::{Arrived, Store};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// A disk that keeps only what was synced, and breaks at a given operation.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) operations: usize,
    pub(super) breaks_at: Option<usize>,
    pub(super) journal: Vec<u8>,
    pub(super) journal_unsynced: Vec<u8>,
    pub(super) messages: BTreeMap<String, Vec<u8>>,
    /// Whole messages under temporary names, and those that have their own by now, which is not durable yet.
    pub(super) finished: VecDeque<(String, Vec<u8>)>,
    pub(super) renamed: Vec<(String, Vec<u8>)>,
    pub(super) spool: Option<Vec<u8>>,
    /// It is a database: store and journal are committed together, and what is not committed is gone after a restart.
    pub(super) transactional: bool,
    /// How often each message was stored.
    pub(super) inserts: BTreeMap<String, usize>,
}

impl Disk {
    pub(super) fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.breaks_at {
            Some(at) if self.operations >= at => Err(io::Error::other("the power went")),
            _ => Ok(()),
        }
    }

    /// The power comes back: of what was not synced, some is there, some is not, and of the journal some is there in part. A
    /// message is synced before it gets its name: it is there whole, or not.
    pub(super) fn restart(&mut self, random: &mut Random) {
        if self.transactional {
            self.forget();
        }
        let kept = random.below(self.journal_unsynced.len() as u64 + 1);
        let unsynced = std::mem::take(&mut self.journal_unsynced);
        self.journal
            .extend_from_slice(&unsynced[..usize::try_from(kept).unwrap()]);
        for (key, text) in std::mem::take(&mut self.renamed) {
            if random.one_in(2) {
                self.messages.insert(key, text);
            }
        }
        self.finished.clear();
        self.spool = None;
        self.breaks_at = None;
    }

    fn forget(&mut self) {
        self.finished.clear();
        self.journal_unsynced.clear();
    }

    fn keep_messages(&mut self) {
        let renamed = std::mem::take(&mut self.renamed);
        for (key, text) in renamed.into_iter().chain(self.finished.drain(..)) {
            *self.inserts.entry(key.clone()).or_default() += 1;
            self.messages.insert(key, text);
        }
    }
}

pub(super) type Shared<T> = Arc<Mutex<T>>;

pub(super) fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap()
}

/// A journal in a file, or in one database with the messages.
pub(super) struct ModelJournal {
    lines: Lines<ModelMedium>,
    disk: Shared<Disk>,
}

impl ModelJournal {
    pub(super) fn new(disk: &Shared<Disk>) -> Self {
        Self {
            lines: Lines(ModelMedium(Arc::clone(disk))),
            disk: Arc::clone(disk),
        }
    }
}

impl Journal for ModelJournal {
    fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
        if lock(&self.disk).transactional {
            lock(&self.disk).forget();
        }
        self.lines.load()
    }

    fn commit(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        if !lock(&self.disk).transactional {
            return self.lines.commit(entries);
        }
        lock(&self.disk).operation()?;
        lock(&self.disk).keep_messages();
        let breaks_at = lock(&self.disk).breaks_at.take();
        let written = self.lines.commit(entries);
        lock(&self.disk).breaks_at = breaks_at;
        written
    }

    fn replace(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        self.lines.replace(entries)
    }
}

struct ModelMedium(Shared<Disk>);

impl Medium for ModelMedium {
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let disk = lock(&self.0);
        Ok([&disk.journal[..], &disk.journal_unsynced[..]].concat())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        lock(&self.0)
            .journal
            .truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = lock(&self.0);
        let broken = disk.operation();
        // Even an operation that fails may have written something.
        disk.journal_unsynced.extend_from_slice(bytes);
        broken
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.operation()?;
        let unsynced = std::mem::take(&mut disk.journal_unsynced);
        disk.journal.extend_from_slice(&unsynced);
        Ok(())
    }

    fn set_aside(&mut self, _: &[u8]) -> io::Result<()> {
        panic!("of a journal nothing but its end is ever damaged here");
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.operation()?;
        disk.journal_unsynced.clear();
        disk.journal = bytes.to_vec();
        Ok(())
    }
}

pub(super) struct ModelStore(pub(super) Shared<Disk>);

impl Store for ModelStore {
    fn begin(&mut self) -> io::Result<()> {
        let mut disk = lock(&self.0);
        assert!(disk.spool.is_none(), "one message at a time");
        disk.spool = Some(Vec::new());
        disk.operation()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.spool.as_mut().unwrap().extend_from_slice(bytes);
        disk.operation()
    }

    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String> {
        let mut disk = lock(&self.0);
        disk.operation()?;
        let text = disk.spool.take().unwrap();
        assert_eq!(Digest::of(&[&text]), message.content);
        disk.finished.push_back((message.key.to_string(), text));
        Ok(message.key.to_string())
    }

    fn abort(&mut self) -> io::Result<()> {
        lock(&self.0).spool = None;
        Ok(())
    }

    fn commit(&mut self) -> io::Result<()> {
        let mut disk = lock(&self.0);
        if disk.transactional {
            return Ok(());
        }
        // All are synced, each is renamed, and their folder is synced.
        disk.operation()?;
        while let Some(message) = disk.finished.pop_front() {
            disk.operation()?;
            disk.renamed.push(message);
        }
        disk.operation()?;
        disk.keep_messages();
        Ok(())
    }
}

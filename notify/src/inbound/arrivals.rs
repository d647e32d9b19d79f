//! What a sync puts into the store: the mails that arrived and what it remembers of them, in one transaction.

use super::{InboundId, NewInbound, Stored};
use crate::store::{Store, StoreError};
use jiff::Timestamp;
use postrider_mime::Message;
use postrider_pop3::sync::{self, Arrived, Journal, JournalEntry};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Mails that have arrived whole and wait for the transaction, and what became of those that are stored.
#[derive(Default)]
struct Waiting {
    mails: Vec<NewInbound>,
    stored: Vec<Stored>,
    now: Timestamp,
}

/// Where the mails of one account go: the store of a sync ([`Arrivals`]) and its journal ([`Ledger`]) are two ends of this.
#[derive(Clone)]
pub(super) struct Counter {
    account: String,
    apart: bool,
    store: Arc<dyn Store>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Counter {
    pub(super) fn new(account: &str, store: Arc<dyn Store>) -> Self {
        Self {
            account: account.to_owned(),
            apart: false,
            store,
            waiting: Arc::default(),
        }
    }

    /// Copies in other accounts' mailboxes are mails of their own.
    pub(super) fn apart(self, apart: bool) -> Self {
        Self { apart, ..self }
    }

    /// From now on mails are received at this moment.
    pub(super) fn open(&self, now: Timestamp) {
        self.waiting().now = now;
    }

    /// What was stored since the last time, new or not.
    pub(super) fn stored(&self) -> Vec<Stored> {
        std::mem::take(&mut self.waiting().stored)
    }

    pub(super) fn arrivals(&self) -> Arrivals {
        Arrivals {
            counter: self.clone(),
            open: Vec::new(),
        }
    }

    /// The journal; `None` while somebody in this process has it, perhaps a fetch that hangs though nobody waits for it.
    pub(super) fn ledger(&self) -> Option<Ledger> {
        let key = (
            Arc::as_ptr(&self.store).cast::<()>().addr(),
            self.account.clone(),
        );
        let free = in_use().insert(key.clone());
        free.then(|| Ledger {
            counter: self.clone(),
            key,
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store of a sync. Its commit does nothing: the [`Ledger`]'s follows, and writes both.
pub(super) struct Arrivals {
    counter: Counter,
    open: Vec<u8>,
}

impl sync::Store for Arrivals {
    fn begin(&mut self) -> io::Result<()> {
        self.open.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String> {
        let raw = std::mem::take(&mut self.open);
        self.counter.waiting().mails.push(NewInbound {
            apart: self.counter.apart,
            account: self.counter.account.clone(),
            uidl: message.uid.map(ToString::to_string),
            message_id: Message::parse(&raw).message_id().map(String::from),
            sha256: message.content.to_string(),
            raw,
        });
        Ok(String::new())
    }

    fn abort(&mut self) -> io::Result<()> {
        self.open.clear();
        Ok(())
    }

    fn commit(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn recover(&mut self) -> io::Result<()> {
        self.counter.waiting().mails.clear();
        self.abort()
    }
}

/// The journal of a sync, in the store's own database. There is one at a time of each store and account.
pub(super) struct Ledger {
    counter: Counter,
    key: (usize, String),
}

/// The journals in use: other processes are kept away by the daemon's lock.
fn in_use() -> MutexGuard<'static, BTreeSet<(usize, String)>> {
    static IN_USE: Mutex<BTreeSet<(usize, String)>> = Mutex::new(BTreeSet::new());
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Ledger {
    fn drop(&mut self) {
        in_use().remove(&self.key);
    }
}

impl Journal for Ledger {
    fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
        let account = &self.counter.account;
        let lines = self.counter.store.fetch_journal(account).map_err(fault)?;
        let read = |line: String| {
            line.parse().map_err(|_| {
                let what = format!("the fetch journal of {account} has the line {line:?}");
                fault(StoreError::Corrupt(what))
            })
        };
        lines.into_iter().map(read).collect()
    }

    fn commit(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        let lines: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let mut waiting = self.counter.waiting();
        let (account, store) = (&self.counter.account, &self.counter.store);
        let stored = store.store_fetched(waiting.now, account, &waiting.mails, &lines);
        waiting.stored.extend(stored.map_err(fault)?);
        waiting.mails.clear();
        Ok(())
    }

    fn replace(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        let lines: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let replaced = self
            .counter
            .store
            .replace_fetch_journal(&self.counter.account, &lines);
        replaced.map_err(fault)
    }
}

/// The mails among them that are new.
pub(super) fn new_ones(stored: &[Stored]) -> Vec<InboundId> {
    let new = stored.iter().filter_map(|one| match one {
        Stored::New(id) => Some(*id),
        Stored::Duplicate(_) => None,
    });
    new.collect()
}

/// A fault of the store on its way through a sync; [`store_fault`] gets it back.
fn fault(error: StoreError) -> io::Error {
    io::Error::other(error)
}

/// The fault of the store that ended a sync.
pub(super) fn store_fault(error: io::Error) -> StoreError {
    match error.downcast() {
        Ok(fault) => fault,
        Err(other) => StoreError::Corrupt(other.to_string()),
    }
}

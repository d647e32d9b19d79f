//! The store on SQLite.
//!
//! One file, three connections. What is acknowledged (commits, settlements, inbound mail) goes through the connection
//! that waits for the disk; that wait also covers whatever the others wrote before. Claims and completions go
//! through one that does not: a power cut may lose the last of them, which costs a duplicate and never a mail.
//! Work that waits for the disk at the same time waits for it once. Reads have a connection of their own, so that
//! nobody waits for a disk to look something up.
//!
//! Not supported: several machines on one file.

mod column;
mod commit;
mod events;
mod explain;
mod fault;
mod group;
mod heading;
mod inbound;
mod log;
mod migrate;
mod outbox;
mod records;
mod settings;
mod settle;
mod suppression;
mod trim;

use super::{Committed, Explanation, LogFilter, Pause, Store, StoreError, Trimmed, Work};
use crate::event::{Event, EventId};
use crate::inbound::{Inbound, InboundId, InboundRow, NewInbound, Stored};
use crate::outgoing::{Attempt, Claimed, Completion, DeliveryId, LogRow, Settlement};
use crate::record::{JournalEntry, Record, RecordKey};
use crate::suppression::Suppression;
use fault::Fault;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a write waits for another process before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Prepared statements kept for each connection.
const STATEMENTS: usize = 128;

/// The store on an SQLite file, or in memory for tests.
///
/// ```
/// use postrider_notify::store::{SqliteStore, Store, Work};
/// # fn main() -> Result<(), postrider_notify::store::StoreError> {
/// let store = SqliteStore::open_in_memory()?;
/// let committed = store.commit(&Work::default())?;
/// assert!(committed.events.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    path: Option<PathBuf>,
    acknowledging: Role,
    working: Role,
    reading: Role,
    group: group::Group,
    commits: AtomicU64,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// A connection with a purpose. In memory all roles share one.
type Role = Arc<Mutex<Connection>>;

/// Held by the one daemon that works on a database; given up when it is dropped or the process ends.
#[derive(Debug)]
pub struct DaemonLock {
    _file: Option<File>,
}

impl SqliteStore {
    /// Opens the database, and makes it if it is not there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let doing = || format!("open the database {}", path.display());
        let open =
            |synchronous: &str| connect(path, synchronous).map_err(|f| f.while_doing(&doing()));
        let mut acknowledging = open("FULL")?;
        migrate::migrate(&mut acknowledging).map_err(|f| f.while_doing(&doing()))?;
        Ok(Self {
            path: Some(path.to_owned()),
            acknowledging: Arc::new(Mutex::new(acknowledging)),
            working: Arc::new(Mutex::new(open("NORMAL")?)),
            reading: Arc::new(Mutex::new(open("NORMAL")?)),
            group: group::Group::default(),
            commits: AtomicU64::new(0),
            clock: Box::new(Timestamp::now),
        })
    }

    /// A store that is gone when it is dropped.
    pub fn open_in_memory() -> Result<Self, StoreError> {
        let open = || {
            let mut connection = Connection::open_in_memory()?;
            prepare(&connection)?;
            migrate::migrate(&mut connection)?;
            Ok(Arc::new(Mutex::new(connection)))
        };
        let role = open().map_err(|f: Fault| f.while_doing("open a database in memory"))?;
        Ok(Self {
            path: None,
            acknowledging: Arc::clone(&role),
            working: Arc::clone(&role),
            reading: role,
            group: group::Group::default(),
            commits: AtomicU64::new(0),
            clock: Box::new(Timestamp::now),
        })
    }

    /// Takes the time for `created` and the like from here instead of the system, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Makes this the only daemon on the database, or says that there is one already ([`StoreError::Locked`]).
    ///
    /// The lock is a file beside the database, `DATABASE.lock`. A store in memory needs none and always gets it.
    /// Leases that an earlier daemon left behind are due at once, because nobody works on them any more.
    pub fn lock_daemon(&self) -> Result<DaemonLock, StoreError> {
        let Some(path) = &self.path else {
            return Ok(DaemonLock { _file: None });
        };
        let mut name = path.clone().into_os_string();
        name.push(".lock");
        let failed = |error: std::io::Error| StoreError::Lock {
            path: name.to_string_lossy().into_owned(),
            source: error,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&name)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked(path.display().to_string()));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        self.work("release old leases", |t| outbox::release_all(t))?;
        Ok(DaemonLock { _file: Some(file) })
    }

    /// Asks the database whether it is sound: `ok`, or what is wrong.
    pub fn integrity(&self) -> Result<String, StoreError> {
        let sql = "PRAGMA integrity_check";
        self.read("check the database", |c| {
            Ok(c.query_row(sql, [], |row| row.get(0))?)
        })
    }

    /// A disk that is full once the database has grown by so many pages.
    #[cfg(test)]
    fn limit_pages(&self, more: i64) -> rusqlite::Result<()> {
        for role in [&self.acknowledging, &self.working] {
            let connection = lock(role);
            let pages: i64 = connection.pragma_query_value(None, "page_count", |r| r.get(0))?;
            connection.pragma_update_and_check(None, "max_page_count", pages + more, |_| Ok(()))?;
        }
        Ok(())
    }

    /// A read; several statements see one state of the database.
    fn read<T>(
        &self,
        doing: &str,
        f: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut connection = lock(&self.reading);
        let read = || {
            let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            f(&snapshot)
        };
        read().map_err(|fault| fault.while_doing(doing))
    }

    /// A transaction that is on disk when this returns.
    fn acknowledge<T>(
        &self,
        doing: &str,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.write(&self.acknowledging, doing, f)
    }

    /// A transaction that survives the end of the process, but perhaps not a power cut.
    fn work<T>(
        &self,
        doing: &str,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.write(&self.working, doing, f)
    }

    fn write<T>(
        &self,
        role: &Role,
        doing: &str,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut connection = lock(role);
        let write = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = f(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        let result = write().map_err(|fault: Fault| fault.while_doing(doing))?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(result)
    }

    fn now(&self) -> i64 {
        column::nanos((self.clock)())
    }
}

/// A panic elsewhere rolled its transaction back; the connection itself is sound.
fn lock(role: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    role.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path, synchronous: &str) -> Result<Connection, Fault> {
    // No URI: a file name with a question mark is a file name.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::corrupt(format!(
            "write-ahead logging is not possible here (journal mode {mode})"
        )));
    }
    connection.pragma_update(None, "synchronous", synchronous)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)
}

impl Store for SqliteStore {
    fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        self.read("read a record", |c| records::one(c, key))
    }

    fn records(&self, table: &str) -> Result<Vec<Record>, StoreError> {
        self.read("read records", |c| records::all(c, table))
    }

    fn records_where(
        &self,
        table: &str,
        field: &str,
        value: &str,
    ) -> Result<Vec<Record>, StoreError> {
        self.read("look up records", |c| {
            records::having(c, table, field, value)
        })
    }

    fn journal(&self, key: &RecordKey) -> Result<Vec<JournalEntry>, StoreError> {
        self.read("read a journal", |c| records::journal(c, key))
    }

    fn commit(&self, work: &Work) -> Result<Committed, StoreError> {
        let now = self.now();
        let (committed, transactions) = self.group.commit(&self.acknowledging, now, work);
        self.commits.fetch_add(transactions, Ordering::Relaxed);
        committed
    }

    fn due_events(&self, now: Timestamp, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read("read the events that are due", |c| {
            events::due(c, column::nanos(now), limit)
        })
    }

    fn settle(&self, settlements: &[Settlement]) -> Result<(), StoreError> {
        let now = self.now();
        self.acknowledge("write what became of events", |t| {
            settle::settle(t, now, settlements)
        })
    }

    fn claim(
        &self,
        accounts: &[&str],
        owner: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        // Looked at first without the write lock, because most of the time there is nothing.
        let due = self.due_accounts(now)?;
        if limit == 0 || !accounts.iter().any(|a| due.iter().any(|d| d == a)) {
            return Ok(Vec::new());
        }
        let claim = outbox::Claim::new(owner, now, lease);
        self.work("claim deliveries", |t| claim.run(t, accounts, limit))
    }

    fn due_accounts(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let now = column::nanos(now);
        let doing = "look for deliveries that are due";
        if self.read(doing, |c| outbox::any_too_late(c, now))? {
            self.work(doing, |t| outbox::clamp(t, now))?;
        }
        self.read(doing, |c| outbox::due_accounts(c, now))
    }

    fn complete(
        &self,
        now: Timestamp,
        completions: &[Completion],
    ) -> Result<Vec<DeliveryId>, StoreError> {
        self.work("write what became of deliveries", |t| {
            outbox::complete(t, column::nanos(now), completions)
        })
    }

    fn renew(
        &self,
        now: Timestamp,
        lease: Duration,
        held: &[(DeliveryId, i64)],
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let until = column::later(column::nanos(now), lease);
        self.work("renew leases", |t| outbox::renew(t, until, held))
    }

    fn log(&self, filter: &LogFilter) -> Result<Vec<LogRow>, StoreError> {
        self.read("read the email log", |c| log::rows(c, filter))
    }

    fn attempts(&self, delivery: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.read("read attempts", |c| log::attempts(c, delivery))
    }

    fn raw_message(&self, delivery: DeliveryId) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("read a message", |c| log::raw_message(c, delivery))
    }

    fn delivery_by_message_id(&self, message_id: &str) -> Result<Option<LogRow>, StoreError> {
        self.read("look up a Message-ID", |c| {
            log::by_message_id(c, message_id)
        })
    }

    fn explain(&self, event: EventId) -> Result<Option<Explanation>, StoreError> {
        self.read("explain an event", |c| explain::explain(c, event))
    }

    fn requeue(
        &self,
        deliveries: &[DeliveryId],
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<usize, StoreError> {
        let (now, expires) = (column::nanos(now), column::nanos(expires));
        self.acknowledge("requeue deliveries", |t| {
            outbox::requeue(t, deliveries, now, expires)
        })
    }

    fn cancel(&self, deliveries: &[DeliveryId]) -> Result<usize, StoreError> {
        self.acknowledge("cancel deliveries", |t| outbox::cancel(t, deliveries))
    }

    fn store_inbound(
        &self,
        now: Timestamp,
        mails: &[NewInbound],
    ) -> Result<Vec<Stored>, StoreError> {
        self.acknowledge("store a mail", |t| {
            inbound::store(t, column::nanos(now), mails)
        })
    }

    fn seen_uidls(&self, account: &str) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.read("read unique-ids", |c| inbound::seen(c, account))
    }

    fn forget_uidls(&self, account: &str, gone: &[String]) -> Result<(), StoreError> {
        self.work("forget unique-ids", |t| inbound::forget(t, account, gone))
    }

    fn due_inbound(&self, now: Timestamp, limit: usize) -> Result<Vec<Inbound>, StoreError> {
        let now = column::nanos(now);
        if !self.read("look for mail to process", |c| inbound::any_due(c, now))? {
            return Ok(Vec::new());
        }
        self.work("take mail to process", |t| inbound::take_due(t, now, limit))
    }

    fn inbound(&self, id: InboundId) -> Result<Option<Inbound>, StoreError> {
        self.read("read a mail", |c| inbound::one(c, id))
    }

    fn inbound_log(&self, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        self.read("read the inbound log", |c| inbound::log(c, limit))
    }

    fn pause(&self, account: &str) -> Result<Option<Pause>, StoreError> {
        self.read("read a pause", |c| settings::pause(c, account))
    }

    fn set_pause(&self, account: &str, pause: Option<&Pause>) -> Result<(), StoreError> {
        self.work("pause an account", |t| {
            settings::set_pause(t, account, pause)
        })
    }

    fn suppress(&self, suppression: &Suppression) -> Result<(), StoreError> {
        self.acknowledge("suppress an address", |t| suppression::add(t, suppression))
    }

    fn suppressed(
        &self,
        address: &str,
        account: &str,
        now: Timestamp,
    ) -> Result<Option<Suppression>, StoreError> {
        self.read("look up a suppression", |c| {
            suppression::of(c, address, account, column::nanos(now))
        })
    }

    fn suppressions(&self) -> Result<Vec<Suppression>, StoreError> {
        self.read("read the suppression list", suppression::all)
    }

    fn unsuppress(&self, address: &str) -> Result<bool, StoreError> {
        self.acknowledge("end a suppression", |t| suppression::remove(t, address))
    }

    fn trim(&self, before: Timestamp) -> Result<Trimmed, StoreError> {
        let before = column::nanos(before);
        let doing = "forget what is old";
        Ok(Trimmed {
            events: trim::by_batch(|| self.work(doing, |t| trim::events(t, before)))?,
            inbound: trim::by_batch(|| self.work(doing, |t| trim::inbound(t, before)))?,
        })
    }

    fn restore(&self, records: &[(Record, Vec<JournalEntry>)]) -> Result<(), StoreError> {
        self.acknowledge("restore records", |t| records::restore(t, records))
    }

    fn setting(&self, name: &str, make: &dyn Fn() -> Vec<u8>) -> Result<Vec<u8>, StoreError> {
        if let Some(value) = self.read("read a setting", |c| settings::setting(c, name))? {
            return Ok(value);
        }
        self.acknowledge("write a setting", |t| settings::make(t, name, make))
    }

    fn change_counter(&self) -> Result<u64, StoreError> {
        if self.path.is_none() {
            return Ok(self.commits.load(Ordering::Relaxed));
        }
        // The reading connection never writes, so that every commit is somebody else's to it.
        let version: i64 = lock(&self.reading)
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(|e| Fault::Sql(e).while_doing("look for changes"))?;
        Ok(u64::try_from(version).unwrap_or_default())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! The store in SQL: on SQLite here, and on PostgreSQL by the same statements (`postgres.rs`).
//!
//! SQLite: one file, three connections. All writes go through one, so that nobody sleeps on SQLite's lock and the pages that it has
//! just written are still in its cache. What is acknowledged (commits, settlements, inbound mail) waits for the disk; that
//! wait also covers whatever was written before. Claims and completions do not: a power cut may lose the last of them,
//! which costs a duplicate and never a mail.
//! Work that waits for the disk at the same time waits for it once. Reads have a connection of their own, so that
//! nobody waits for a disk to look something up; a batch of events is looked at in one state of the database, by a third
//! connection, which would otherwise forget all it has read whenever somebody writes. An application with tables of its own
//! in the file writes changes and events inside its own transactions ([`enqueue`]).
//!
//! Not supported: several machines on one file.

mod attachments;
mod backlog;
mod claim;
mod column;
mod commit;
mod connection;
mod daemon_lock;
mod digests;
mod due;
mod engine;
mod enqueue;
mod events;
mod explain;
mod fault;
mod fetched;
mod group;
mod heading;
mod inbound;
mod inbound_log;
mod log;
mod migrate;
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
mod promise;
mod rate;
mod records;
mod repeat;
mod settings;
mod settle;
mod steady;
mod suppression;
mod trim;
mod weight;

pub use daemon_lock::{DaemonLife, DaemonLock};
pub use enqueue::enqueue;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;

use super::{Store, StoreError};
use crate::private::private;
use engine::Engine;
use fault::Fault;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use std::fmt;
use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use steady::{Spare, Steady};
use tokio::sync::watch;

/// How long a write waits for another process before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages of the write-ahead log that are moved into the file at once, 16 MiB: each move waits for the disk twice.
const CHECKPOINT: i64 = 4_096;

/// KiB of pages that the writing connection keeps. What a transaction writes has room here, so that each page is written once.
const CACHE: i64 = 16_384;

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
    writing: Role,
    reading: Role,
    group: Arc<group::Group>,
    /// Transactions so far; whoever listens is told of those that may be work for somebody.
    commits: watch::Sender<u64>,
    /// Tells this process from the one before, which may have left work behind.
    worker: i64,
    /// All that is done stands in one transaction, which is never committed.
    rehearsal: bool,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The connection that the next snapshot is read by, unless one is being read.
    spare: Spare,
    /// Set in what is a snapshot itself.
    steady: Option<Steady>,
}

/// A connection with a purpose. In memory all roles share one.
type Role = Arc<Mutex<Connection>>;

impl SqliteStore {
    /// Opens the database, and makes it if it is not there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let doing = || format!("open the database {}", path.display());
        let open = || connect(path).map_err(|f| f.while_doing(&doing()));
        let mut writing = open()?;
        migrate::migrate(&mut writing).map_err(|f| f.while_doing(&doing()))?;
        // What a savepoint would put back is kept in memory: in a file it would be most of what is written.
        writing
            .pragma_update(None, "cache_size", -CACHE)
            .and_then(|()| writing.pragma_update(None, "temp_store", "MEMORY"))
            .map_err(|e| Fault::from(e).while_doing(&doing()))?;
        Ok(Self {
            path: Some(path.to_owned()),
            writing: Arc::new(Mutex::new(writing)),
            reading: Arc::new(Mutex::new(open()?)),
            group: Arc::default(),
            commits: watch::Sender::new(0),
            worker: worker(),
            rehearsal: false,
            clock: Arc::new(Timestamp::now),
            spare: Spare::default(),
            steady: None,
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
            writing: Arc::clone(&role),
            reading: role,
            group: Arc::default(),
            commits: watch::Sender::new(0),
            worker: worker(),
            rehearsal: false,
            clock: Arc::new(Timestamp::now),
            spare: Spare::default(),
            steady: None,
        })
    }

    /// A store on which everything can be done, and nothing stays: it begins as the database is, and whatever is written stands
    /// in one transaction that is undone when the store is dropped. A database that is not there is not made.
    ///
    /// Others can read meanwhile, and have to wait before they write; so it is not to be kept for long. Nobody else sees anything
    /// of it. Only the tables of an older version are brought up to date for good, as [`open`](Self::open) would.
    pub fn rehearse(path: &Path) -> Result<Self, StoreError> {
        let store = if path.exists() {
            Self::open(path)?
        } else {
            Self::open_in_memory()?
        };
        let rehearsal = Self {
            rehearsal: true,
            reading: Arc::clone(&store.writing),
            ..store
        };
        rehearsal.begin("BEGIN IMMEDIATE")?;
        Ok(rehearsal)
    }

    /// Undoes all that was done in a [rehearsal](Self::rehearse), which goes on with the database as it is.
    ///
    /// # Errors
    /// [`StoreError`] if this is no rehearsal; nothing is undone then.
    pub fn rehearse_again(&self) -> Result<(), StoreError> {
        self.begin("ROLLBACK; BEGIN IMMEDIATE")
    }

    fn begin(&self, sql: &str) -> Result<(), StoreError> {
        let begun = lock(&self.writing).execute_batch(sql);
        begun.map_err(|error| Fault::from(error).while_doing("begin a rehearsal"))
    }

    /// Takes the time for `created` and the like from here instead of the system, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Asks the database whether it is sound: `ok`, or what is wrong.
    pub fn integrity(&self) -> Result<String, StoreError> {
        let sql = "PRAGMA integrity_check";
        self.read("check the database", |c| {
            Ok(c.prepare_cached(sql)?
                .query_row(params![], |row| row.get(0))?)
        })
    }

    /// A disk that is full once the database has grown by so many pages.
    #[cfg(test)]
    fn limit_pages(&self, more: i64) -> rusqlite::Result<()> {
        let connection = lock(&self.writing);
        let pages: i64 = connection.pragma_query_value(None, "page_count", |r| r.get(0))?;
        connection.pragma_update_and_check(None, "max_page_count", pages + more, |_| Ok(()))
    }

    fn write<T>(
        &self,
        synchronous: &str,
        doing: &str,
        f: impl FnOnce(&dyn connection::Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut connection = lock(&self.writing);
        let write = || {
            if self.rehearsal {
                let savepoint = connection.savepoint()?;
                let result = f(&*savepoint)?;
                savepoint.commit()?;
                return Ok(result);
            }
            wait_for_disk(&connection, synchronous)?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = f(&*transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        write().map_err(|fault: Fault| self.failed(fault, doing))
    }

    /// What went wrong, and with which file.
    fn failed(&self, fault: Fault, doing: &str) -> StoreError {
        match &self.path {
            Some(path) => fault.while_doing(&format!("{doing} in {}", path.display())),
            None => fault.while_doing(doing),
        }
    }
}

impl Engine for SqliteStore {
    fn read<T>(
        &self,
        doing: &str,
        read: impl FnOnce(&dyn connection::Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        if self.steady.is_some() || self.rehearsal {
            return self.look_up(doing, read);
        }
        let connection = lock(&self.reading);
        let reading = || read(&*Snapshot::begin(&connection)?);
        reading().map_err(|fault: Fault| self.failed(fault, doing))
    }

    fn look_up<T>(
        &self,
        doing: &str,
        read: impl FnOnce(&dyn connection::Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        read(&*lock(&self.reading)).map_err(|fault| self.failed(fault, doing))
    }

    fn acknowledge<T>(
        &self,
        doing: &str,
        write: impl FnOnce(&dyn connection::Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let result = self.write("FULL", doing, write)?;
        self.commits.send_modify(|commits| *commits += 1);
        Ok(result)
    }

    fn work<T>(
        &self,
        doing: &str,
        write: impl FnOnce(&dyn connection::Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let result = self.write("NORMAL", doing, write)?;
        // Whoever writes this has no work for others.
        self.commits.send_if_modified(|commits| {
            *commits += 1;
            false
        });
        Ok(result)
    }

    fn group(&self) -> &group::Group {
        &self.group
    }

    fn now(&self) -> i64 {
        column::nanos((self.clock)())
    }

    fn worker(&self) -> i64 {
        self.worker
    }

    fn abandoned(&self) -> &'static str {
        inbound::ABANDONED
    }

    fn lead(&self, _: &str) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn commits(&self) -> Result<u64, StoreError> {
        if self.path.is_none() {
            return Ok(*self.commits.borrow());
        }
        // The reading connection never writes, so that every commit is somebody else's to it.
        let version: i64 = lock(&self.reading)
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(|e| Fault::from(e).while_doing("look for changes"))?;
        Ok(u64::try_from(version).unwrap_or_default())
    }

    fn listen(&self) -> Option<watch::Receiver<u64>> {
        Some(self.commits.subscribe())
    }

    fn steady(&self) -> Result<Option<Arc<dyn Store>>, StoreError> {
        let steady = self.at_this_moment()?;
        Ok(steady.map(|store| Arc::new(store) as Arc<dyn Store>))
    }
}

/// One state of the database, for as long as the value lives. Its two statements stay prepared, because there are many.
struct Snapshot<'c>(&'c Connection);

impl<'c> Snapshot<'c> {
    fn begin(connection: &'c Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
        Ok(Self(connection))
    }
}

impl Deref for Snapshot<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // Nothing was written: there is nothing to be lost, and a connection without a snapshot is what is wanted.
        let end = self.0.prepare_cached("ROLLBACK");
        let _ = end.and_then(|mut end| end.execute([]));
    }
}

/// A number that no other process on the database has, nor another store in this one. Never 0.
fn worker() -> i64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let count = NEXT.fetch_add(1, Ordering::Relaxed).cast_signed();
    let process = i64::from(std::process::id()) << 32;
    let worker = column::nanos(Timestamp::now()).wrapping_mul(4_096) ^ process ^ count;
    if worker == 0 { 1 } else { worker }
}

/// A panic elsewhere rolled its transaction back; the connection itself is sound.
fn lock(role: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    role.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the transactions that follow wait for the disk (`FULL`) or not (`NORMAL`).
fn wait_for_disk(connection: &Connection, synchronous: &str) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", synchronous)
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    if !path.exists() {
        // Mails and the key of our tokens are its owner's alone; the files beside it get the same mode. SQLite says what is wrong
        // if this does not work.
        drop(private(File::options().write(true).create_new(true)).open(path));
    }
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
    wait_for_disk(&connection, "FULL")?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT, |_| Ok(()))?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A plan does not depend on what is bound, so that no statement is prepared again for other values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)
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

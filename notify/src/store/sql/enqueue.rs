//! Changes and events inside a transaction of the caller's own.

use super::{column, commit, migrate};
use crate::store::{Committed, StoreError, Work};
use jiff::Timestamp;
use rusqlite::Transaction;

const DOING: &str = "write changes and events into the caller's transaction";

/// Writes changes and events into a transaction that the caller began, so that they are there exactly if the caller's own
/// rows are: both by one commit, or neither.
///
/// The transaction is on the file of a [`SqliteStore`](super::SqliteStore), which was opened once before, so that its tables
/// are there; the caller's tables lie in the same file, under names of their own (`app_order`, say). Everything else is as for
/// [`Store::commit`](crate::store::Store::commit): it is the same code. `now` becomes the `created` of what is written.
///
/// * Nothing is on disk before the caller commits; whether that waits for the disk is up to the connection
///   (`PRAGMA synchronous`, `FULL` unless it was changed). A daemon in this or another process then wakes by itself.
/// * Begin with [`Immediate`](rusqlite::TransactionBehavior::Immediate): a transaction that has read and only then wants to write
///   is refused by SQLite if somebody else wrote meanwhile. Be brief: everybody else who writes is waiting.
/// * [`Records::insert_change`](crate::records::Records::insert_change) and its like make the changes. They read what is
///   committed: a reference to a record that this very transaction inserts is not seen.
///
/// ```
/// use postrider_notify::store::{SqliteStore, Work, enqueue};
/// use rusqlite::{Connection, TransactionBehavior};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("desk.db");
/// SqliteStore::open(&path)?;
/// let mut own = Connection::open(&path)?;
/// own.execute_batch("CREATE TABLE app_order (id INTEGER PRIMARY KEY, item TEXT)")?;
/// let mut transaction = own.transaction_with_behavior(TransactionBehavior::Immediate)?;
/// transaction.execute("INSERT INTO app_order (item) VALUES ('tea')", [])?;
/// let work = Work::default(); // changes and events
/// enqueue(&mut transaction, jiff::Timestamp::now(), &work)?;
/// transaction.commit()?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As for `commit`, and [`StoreError::Corrupt`] if the connection is on no store of this version. Nothing of `work` is in the
/// transaction then, and what the caller did before still is: going on or rolling back is the caller's choice. A failure of the
/// database itself, such as a full disk, may have ended the transaction; its commit then fails as well.
///
/// Not supported: a database of the application's own that the store is attached to. In WAL mode a commit over two files
/// is not one for both after a power cut.
pub fn enqueue(
    transaction: &mut Transaction<'_>,
    now: Timestamp,
    work: &Work,
) -> Result<Committed, StoreError> {
    let failed = |fault: super::fault::Fault| fault.while_doing(DOING);
    migrate::expect_current(transaction).map_err(failed)?;
    let savepoint = transaction.savepoint().map_err(|e| failed(e.into()))?;
    // Dropped without a commit, the savepoint is undone.
    let connection: &rusqlite::Connection = &savepoint;
    let committed = commit::commit(connection, column::nanos(now), work).map_err(failed)?;
    savepoint.commit().map_err(|e| failed(e.into()))?;
    Ok(committed)
}

//! What a database has to offer so that the store can be kept in it.

use super::connection::Connection;
use super::fault::Fault;
use super::group::Group;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use tokio::sync::watch;

/// A database that the statements of the store run on.
pub(super) trait Engine: Send + Sync {
    /// A read; several statements see one state of the database.
    fn read<T>(
        &self,
        doing: &str,
        read: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError>;

    /// A read of one statement, which sees one state of the database by itself.
    fn look_up<T>(
        &self,
        doing: &str,
        read: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.read(doing, read)
    }

    /// A transaction that is on disk when this returns. Nobody else writes meanwhile.
    fn acknowledge<T>(
        &self,
        doing: &str,
        write: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError>;

    /// A transaction that survives the end of the process, but perhaps not a power cut. Nobody else writes meanwhile.
    fn work<T>(
        &self,
        doing: &str,
        write: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError>;

    /// Work that waits for the disk together.
    fn group(&self) -> &Group;

    /// Now, as a column has it.
    fn now(&self) -> i64;

    /// Tells this process from the one before, which may have left work behind.
    fn worker(&self) -> i64;

    /// The statement that finds a mail which a process began and did not come to the end of: `?1` is now, `?2` this worker.
    fn abandoned(&self) -> &'static str;

    /// True if this process is the one that has a role.
    fn lead(&self, role: &str) -> Result<bool, StoreError>;

    /// A number that grows with every commit by anybody.
    fn commits(&self) -> Result<u64, StoreError>;

    /// Told of each transaction of this value that may be work for somebody; `None` if only the commits tell.
    fn listen(&self) -> Option<watch::Receiver<u64>> {
        None
    }

    /// The store as it is now, if there is such a thing.
    fn steady(&self) -> Result<Option<Arc<dyn Store>>, StoreError> {
        Ok(None)
    }
}

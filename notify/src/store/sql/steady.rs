//! Snapshots: the store as it was at one moment, on a connection of its own.
//!
//! A connection that reads between the writes of another one has to forget all pages after each of them. Within one
//! transaction it keeps them, so that what is looked up for each of many events is looked up in memory.

use super::fault::Fault;
use super::{Role, SqliteStore, connect, lock};
use crate::store::StoreError;
use std::sync::{Arc, Mutex, PoisonError};

const DOING: &str = "look at one state of the database";

/// A connection that nobody reads by.
pub(super) type Spare = Arc<Mutex<Option<Role>>>;

/// The transaction of a snapshot; ended when dropped, and its connection is spare again.
pub(super) struct Steady {
    reading: Role,
    spare: Spare,
}

impl SqliteStore {
    /// A store that reads the state of this moment; it writes as this one does. A store in memory has none, nor has a rehearsal:
    /// nobody else sees what that wrote.
    pub(super) fn at_this_moment(&self) -> Result<Option<Self>, StoreError> {
        let Some(path) = self.path.as_ref().filter(|_| !self.rehearsal) else {
            return Ok(None);
        };
        let spare = take(&self.spare);
        let begin = || -> Result<Role, Fault> {
            let reading = match spare {
                Some(reading) => reading,
                None => Arc::new(Mutex::new(connect(path)?)),
            };
            {
                let connection = lock(&reading);
                connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
                // The state is that of the first read.
                connection.pragma_query_value(None, "schema_version", |_| Ok(()))?;
            }
            Ok(reading)
        };
        let reading = begin().map_err(|fault| fault.while_doing(DOING))?;
        Ok(Some(Self {
            path: self.path.clone(),
            writing: Arc::clone(&self.writing),
            reading: Arc::clone(&reading),
            group: Arc::clone(&self.group),
            commits: self.commits.clone(),
            worker: self.worker,
            rehearsal: false,
            clock: Arc::clone(&self.clock),
            spare: Arc::clone(&self.spare),
            steady: Some(Steady {
                reading,
                spare: Arc::clone(&self.spare),
            }),
        }))
    }
}

fn take(spare: &Spare) -> Option<Role> {
    spare.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for Steady {
    fn drop(&mut self) {
        let ended = lock(&self.reading).execute_batch("ROLLBACK");
        if ended.is_ok() {
            let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            *spare = Some(Arc::clone(&self.reading));
        }
    }
}

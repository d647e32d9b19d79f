//! What waits, and what was given up, at a glance: each by its index, whatever the size of the database.

use super::column;
use super::fault::Fault;
use crate::store::Backlog;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

const EVENT: &str = "SELECT max(created, due_at) FROM event WHERE state = 'ready' AND due_at <= ?1
    ORDER BY due_at, id LIMIT 1";

/// The condition of the partial index stands here, or it could not be used.
const READY: &str = "SELECT max(created, next_at) FROM delivery WHERE state = 'ready'
    AND state IN ('ready','deferred','unknown','failed','dead','cancelled','bounced') AND next_at <= ?1 ORDER BY id LIMIT 1";

const AGAIN: &str = "SELECT min(next_at) FROM delivery WHERE state IN ('deferred','unknown')
    AND state IN ('ready','deferred','unknown','failed','dead','cancelled','bounced') AND next_at <= ?1";

const INBOUND: &str =
    "SELECT max(received, next_at) FROM inbound WHERE state IN ('ready','error') AND next_at <= ?1
    ORDER BY next_at, id LIMIT 1";

const ENDED: &str = "SELECT count(*) FROM delivery WHERE state = ?1
    AND state IN ('ready','deferred','unknown','failed','dead','cancelled','bounced')";

pub(super) fn backlog(c: &Connection, now: i64) -> Result<Backlog, Fault> {
    let oldest = |sql: &str| -> Result<Option<Timestamp>, Fault> {
        let found: Option<Option<i64>> = c
            .prepare_cached(sql)?
            .query_row([now], |row| row.get(0))
            .optional()?;
        Ok(found.flatten().map(column::moment))
    };
    let ended = |state: &str| -> Result<usize, Fault> {
        let count: i64 = c
            .prepare_cached(ENDED)?
            .query_row([state], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    };
    let deliveries = [oldest(READY)?, oldest(AGAIN)?];
    Ok(Backlog {
        event: oldest(EVENT)?,
        delivery: deliveries.into_iter().flatten().min(),
        inbound: oldest(INBOUND)?,
        dead: ended("dead")?,
        failed: ended("failed")?,
    })
}

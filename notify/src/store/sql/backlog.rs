//! What waits, and what was given up, at a glance: each by its index, whatever the size of the database.

use super::column;
use super::connection::{Connection, OptionalExtension};
use super::due;
use super::fault::Fault;
use crate::store::Backlog;
use jiff::Timestamp;
use rusqlite::params;

pub(super) const EVENT: &str =
    "SELECT created, due_at FROM event WHERE state = 'ready' AND due_at <= ?1
    ORDER BY due_at, id LIMIT 1";

/// The condition of the partial index stands here, or it could not be used.
pub(super) const READY: &str = "SELECT created, next_at FROM delivery WHERE state = 'ready'
    AND (state IN ('ready','deferred') OR state IN ('unknown','failed') OR state IN ('dead','cancelled') OR state = 'bounced') AND +next_at <= ?1 ORDER BY id LIMIT 1";

pub(super) const AGAIN: &str = "SELECT min(+next_at) FROM delivery WHERE state IN ('deferred','unknown')
    AND (state IN ('ready','deferred') OR state IN ('unknown','failed') OR state IN ('dead','cancelled') OR state = 'bounced') AND +next_at <= ?1";

pub(super) const INBOUND: &str =
    "SELECT received, next_at FROM inbound WHERE state IN ('ready','error') AND next_at <= ?1
    ORDER BY next_at, id LIMIT 1";

pub(super) const ENDED: &str = "SELECT count(*) FROM delivery WHERE state = ?1
    AND (state IN ('ready','deferred') OR state IN ('unknown','failed') OR state IN ('dead','cancelled') OR state = 'bounced')";

/// The condition on the number has the index of held mail read, and nothing else.
pub(super) const HELD: &str = "SELECT count(*) FROM inbound WHERE state = 'held' AND id > 0";

pub(super) fn backlog(c: &dyn Connection, now: i64) -> Result<Backlog, Fault> {
    let oldest = |sql: &str| -> Result<Option<Timestamp>, Fault> {
        let mut select = c.prepare_cached(sql)?;
        let found = select.query_row(params![now], |row| {
            let (made, due): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(made.max(due))
        });
        Ok(found.optional()?.map(column::moment))
    };
    let again: Option<i64> = c
        .prepare_cached(AGAIN)?
        .query_row(params![now], |row| row.get(0))?;
    let ended = |state: &str| -> Result<usize, Fault> {
        let mut count = c.prepare_cached(ENDED)?;
        let count: i64 = count.query_row(params![state], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    };
    let held: i64 = c
        .prepare_cached(HELD)?
        .query_row(params![], |row| row.get(0))?;
    let deliveries = [oldest(READY)?, again.map(column::moment)];
    Ok(Backlog {
        event: oldest(EVENT)?,
        delivery: deliveries.into_iter().flatten().min(),
        inbound: oldest(INBOUND)?,
        dead: ended("dead")?,
        failed: ended("failed")?,
        held: usize::try_from(held).unwrap_or_default(),
        accounts: due::accounts(c)?,
    })
}

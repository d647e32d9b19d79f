//! Forgetting what is old and done with, a little at a time, so that nobody waits for it.

use super::column;
use super::connection::Connection;
use super::fault::Fault;
use crate::store::StoreError;
use rusqlite::params;
use std::thread;
use std::time::{Duration, Instant};

/// Rows of one transaction.
const BATCH: usize = 500;

/// How far ahead of ours the clock of another machine may be. What was done later than that was done by a clock that was wrong, and
/// nobody knows when.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything that came of an event goes with it, by its foreign keys. However long ago it was queued: a bounce may still name what
/// was sent yesterday.
pub(super) const EVENTS: &str = "DELETE FROM event WHERE id IN (
    SELECT e.id FROM event e INDEXED BY event_created WHERE e.state <> 'ready' AND e.created < ?1
    AND e.due_at NOT BETWEEN ?1 AND ?3
    AND NOT EXISTS (SELECT 1 FROM message m JOIN delivery d ON d.id = m.id
                    WHERE m.event_id = e.id
                    AND (d.state IN ('ready','held','leased','deferred','unknown')
                         OR EXISTS (SELECT 1 FROM attempt a WHERE a.delivery_id = d.id AND a.ended BETWEEN ?1 AND ?3)))
    AND NOT EXISTS (SELECT 1 FROM digest_part p WHERE p.event_id = e.id
                    AND (EXISTS (SELECT 1 FROM digest g WHERE g.id = p.digest_id)
                         OR EXISTS (SELECT 1 FROM delivery d WHERE d.id = p.delivery_id
                                    AND d.state IN ('ready','held','leased','deferred','unknown'))
                         OR EXISTS (SELECT 1 FROM attempt a WHERE a.delivery_id = p.delivery_id AND a.ended BETWEEN ?1 AND ?3)))
    ORDER BY e.created LIMIT ?2)";

pub(super) const INBOUND: &str = "DELETE FROM inbound WHERE id IN (
    SELECT id FROM inbound INDEXED BY inbound_received
    WHERE state IN ('processed','ignored') AND received < ?1 ORDER BY received LIMIT ?2)";

/// The longest rest between two deletions.
const REST: Duration = Duration::from_millis(100);

/// Repeats a deletion until it finds less than it could take. Between two of them others may write for as long as one took:
/// whoever gives the connection away and asks for it at once would get it again before those who wait.
pub(super) fn by_batch(
    mut delete: impl FnMut() -> Result<usize, StoreError>,
) -> Result<usize, StoreError> {
    let mut all = 0;
    loop {
        let began = Instant::now();
        let deleted = delete()?;
        all += deleted;
        if deleted < BATCH {
            return Ok(all);
        }
        thread::sleep(began.elapsed().min(REST));
    }
}

pub(super) fn events(c: &dyn Connection, before: i64, now: i64) -> Result<usize, Fault> {
    let mut delete = c.prepare_cached(EVENTS)?;
    let until = column::later(now, AHEAD);
    Ok(delete.execute(params![before, BATCH as i64, until])?)
}

pub(super) fn inbound(c: &dyn Connection, before: i64) -> Result<usize, Fault> {
    let mut delete = c.prepare_cached(INBOUND)?;
    Ok(delete.execute(params![before, BATCH as i64])?)
}

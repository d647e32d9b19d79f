//! The outbox: deliveries between being queued and being done with.
//!
//! ```text
//! ready ──► leased ──► delivered · failed
//!   ▲         │ └────► deferred · unknown ──(next_at)──► leased …
//!   │         └─(lease ran out: crashed)──► leased …, the third time in a row dead (poison)
//!   └── requeue: a new life for what failed, died or was cancelled; out of time at a claim ──► dead (expired)
//! ```
//!
//! * The states that wait are repeated as literals in every query, because only then SQLite can use the partial index;
//!   `INDEXED BY` makes it an error not to.
//! * `next_at` of a leased delivery is the end of its lease, so a lease that ran out is due like anything else.
//! * No delivery waits longer than [`LONGEST_WAIT`](super::due::LONGEST_WAIT) from now, so that a clock set back starves nobody.
//! * A delivery expires when its time is over *and* it was tried as often as that time has room for, so that a clock that leaps
//!   ahead, even by years, costs no mail its life.
//! * A delivery waits while an earlier one of its record and recipient is under way or deferred, for an hour
//!   at most. Two that are claimed together go out in their order, one may be deferred alone.
//! * What crashed twice in a row is claimed alone, so that it takes nobody else with it.

use super::column;
use super::connection::Connection;
use super::fault::Fault;
use crate::outgoing::{Completion, DeliveryId, DeliveryState};
use crate::store::Bounce;
use rusqlite::params;

pub(super) const RELEASE: &str = "UPDATE delivery INDEXED BY delivery_thread SET next_at = 0
    WHERE state = 'leased' AND (state = 'leased' OR state IN ('deferred','unknown'))";

pub(super) const SETTLE: &str = "UPDATE delivery SET state = ?3, crashes = 0,
    next_at = CASE WHEN expires > ?5 AND expires < ?4 THEN expires ELSE ?4 END, lease_owner = NULL, reason = ''
    WHERE id = ?1 AND lease_epoch = ?2 AND state = 'leased'";

/// Hardly anything ever waits.
pub(super) const WAITING: &str = "SELECT 1 FROM delivery WHERE waits_for = ?1";

pub(super) const ANY_WAITING: &str = "SELECT 1 FROM delivery WHERE waits_for IS NOT NULL LIMIT 1";

/// Whatever waits was due when it was made to wait. What was never tried has its place again; the rest has waited since now.
pub(super) const WAKE: &str = "UPDATE delivery SET waits_for = NULL,
    next_at = CASE WHEN state = 'ready' THEN 0 ELSE CAST(?2 AS BIGINT) END
    WHERE waits_for = ?1 AND state IN ('ready','deferred','unknown')";

/// Writes what attempts came to. What a late worker says is recorded, and changes no state.
pub(super) fn complete(
    c: &dyn Connection,
    now: i64,
    completions: &[Completion],
) -> Result<Vec<DeliveryId>, Fault> {
    let mut lost = Vec::new();
    let waited_for = c.prepare_cached(ANY_WAITING)?.exists(params![])?;
    for completion in completions {
        let held = settle(c, now, completion)?;
        close(c, now, completion, !held)?;
        if !held {
            lost.push(completion.delivery);
        } else if waited_for {
            wake(c, completion.delivery, now)?;
        }
    }
    Ok(lost)
}

/// True if the lease was still held.
fn settle(c: &dyn Connection, now: i64, completion: &Completion) -> Result<bool, Fault> {
    use DeliveryState::{Deferred, Leased, Ready, Unknown};
    // An attempt that ended is neither ready nor leased.
    let state = match completion.state {
        Ready | Leased => Deferred,
        state => state,
    };
    let next_at = match state {
        Deferred | Unknown => completion.next_at.map_or(now, column::nanos).max(1),
        _ => 0,
    };
    let mut update = c.prepare_cached(SETTLE)?;
    let changed = update.execute(params![
        completion.delivery,
        completion.lease_epoch,
        state.name(),
        next_at,
        now
    ])?;
    Ok(changed == 1)
}

fn close(c: &dyn Connection, now: i64, completion: &Completion, late: bool) -> Result<(), Fault> {
    let mut update = c.prepare_cached(
        "UPDATE attempt SET ended = ?3, outcome = ?4, late = ?5, peer = ?6, tls = ?7, stage = ?8, code = ?9,
                            enhanced = ?10, text = ?11
         WHERE id = ?1 AND delivery_id = ?2 AND (ended IS NULL OR outcome = 'crashed')",
    )?;
    let evidence = &completion.evidence;
    update.execute(params![
        completion.attempt,
        completion.delivery,
        now,
        completion.state.name(),
        late,
        evidence.peer,
        evidence.tls,
        evidence.stage,
        evidence.code,
        evidence.enhanced,
        evidence.text
    ])?;
    Ok(())
}

pub(super) fn renew(
    c: &dyn Connection,
    until: i64,
    held: &[(DeliveryId, i64)],
) -> Result<Vec<DeliveryId>, Fault> {
    let mut update = c.prepare_cached(
        "UPDATE delivery SET next_at = ?3 WHERE id = ?1 AND lease_epoch = ?2 AND state = 'leased'",
    )?;
    let mut lost = Vec::new();
    for (delivery, epoch) in held {
        if update.execute(params![delivery, epoch, until])? == 0 {
            lost.push(*delivery);
        }
    }
    Ok(lost)
}

/// The leases of a daemon that is gone ran out.
pub(super) fn release_all(c: &dyn Connection) -> Result<(), Fault> {
    c.prepare_cached(RELEASE)?.execute(params![])?;
    Ok(())
}

/// A new life: due at once, with all its time before it. Attempts are never forgotten, and those of the lives before count for nothing.
pub(super) fn requeue(
    c: &dyn Connection,
    deliveries: &[DeliveryId],
    now: i64,
    expires: i64,
) -> Result<usize, Fault> {
    let mut update = c.prepare_cached(
        "UPDATE delivery SET state = 'ready', reason = '', next_at = 0, waits_for = NULL, created = ?2, expires = ?3,
                             earlier = attempts, crashes = 0, lives = lives + 1
         WHERE id = ?1 AND state IN ('ready','held','deferred','unknown','failed','dead','cancelled','bounced','skipped','suppressed')",
    )?;
    let mut changed = 0;
    for delivery in deliveries {
        changed += update.execute(params![delivery, now, expires])?;
    }
    Ok(changed)
}

pub(super) fn cancel(
    c: &dyn Connection,
    now: i64,
    deliveries: &[DeliveryId],
) -> Result<usize, Fault> {
    let mut update = c.prepare_cached(
        "UPDATE delivery SET state = 'cancelled', reason = 'cancelled', next_at = 0, waits_for = NULL
         WHERE id = ?1 AND state IN ('ready','held','deferred','unknown')",
    )?;
    let mut changed = 0;
    for delivery in deliveries {
        if update.execute([delivery])? == 1 {
            wake(c, *delivery, now)?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// A report says that a mail which a server accepted did not arrive. What is under way or has an end already stays as it is.
pub(super) fn bounced(c: &dyn Connection, bounce: &Bounce) -> Result<(), Fault> {
    let Some(words) = &bounce.failed else {
        return Ok(());
    };
    let mut update = c.prepare_cached(
        "UPDATE delivery SET state = 'bounced', reason = ?2, next_at = 0, waits_for = NULL
         WHERE id = ?1 AND state IN ('delivered','unknown','deferred')",
    )?;
    if update.execute(params![bounce.delivery, words])? == 1 {
        wake(c, bounce.delivery, column::nanos(bounce.suppression.since))?;
    }
    Ok(())
}

/// Those that waited for a delivery are looked at again.
pub(super) fn wake(c: &dyn Connection, done: DeliveryId, now: i64) -> Result<(), Fault> {
    if c.prepare_cached(WAITING)?.exists([done])? {
        c.prepare_cached(WAKE)?.execute([done, now])?;
    }
    Ok(())
}

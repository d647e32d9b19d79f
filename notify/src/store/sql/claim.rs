//! Claiming deliveries: the attempt is counted, its row opened and the lease set before any work is done.

use super::column;
use super::connection::{Connection, OptionalExtension, Row, SqlError};
use super::fault::Fault;
use super::outbox::wake;
use crate::delivery::attempts_within;
use crate::outgoing::{Claimed, DeliveryId, OutgoingMail};
use crate::store::MOST_OCTETS;
use jiff::Timestamp;
use rusqlite::params;
use std::time::Duration;

/// How long a delivery waits for an earlier one at most, from when it was queued.
const ORDER_KEPT: Duration = Duration::from_secs(3600);

/// Leases that ran out in a row until a delivery is given up.
const MAX_CRASHES: i64 = 3;

pub(super) const DUE: &str =
    "SELECT id, state, expires, crashes, attempts, lease_epoch, thread, created, earlier FROM delivery INDEXED BY delivery_due
    WHERE account = ?1 AND (state IN ('ready','leased') OR state IN ('deferred','unknown')) AND next_at <= ?2
    ORDER BY next_at, id LIMIT ?3";

pub(super) const EARLIER: &str = "SELECT id, next_at FROM delivery
    WHERE thread = ?1 AND id < ?2 AND (state = 'leased' OR state IN ('deferred','unknown')) ORDER BY id LIMIT 1";

pub(super) const TAKE: &str =
    "UPDATE delivery SET state = 'leased', next_at = ?2, attempts = ?3, lease_epoch = ?4,
    lease_owner = ?5, crashes = ?6, waits_for = NULL WHERE id = ?1";

/// One worker's wish for work.
pub(super) struct Claim<'a> {
    owner: &'a str,
    now: i64,
    until: i64,
}

/// A delivery that is due.
struct Due {
    id: DeliveryId,
    leased: bool,
    expires: i64,
    crashes: i64,
    attempts: i64,
    /// Those of them that were made before it was put back into the queue.
    earlier: i64,
    epoch: i64,
    thread: Option<String>,
    created: i64,
    account: String,
}

/// What a delivery that is due came to.
enum Looked {
    Claimed(Box<Claimed>),
    /// Dead, or waiting for an earlier one: no longer due.
    Passed,
    /// To be claimed alone, next time.
    Alone,
}

impl<'a> Claim<'a> {
    pub(super) fn new(owner: &'a str, now: Timestamp, lease: Duration) -> Self {
        let now = column::nanos(now);
        // A lease of no length would be due again in the very same claim.
        let until = column::later(now, lease.max(Duration::from_nanos(1)));
        Self { owner, now, until }
    }

    pub(super) fn run(
        &self,
        c: &dyn Connection,
        accounts: &[&str],
        limit: usize,
    ) -> Result<Vec<Claimed>, Fault> {
        let (mut claimed, mut octets): (Vec<Claimed>, usize) = (Vec::new(), 0);
        let suppressing = c.prepare_cached(SUPPRESSING)?.exists(params![])?;
        for account in accounts {
            while claimed.len() < limit {
                let due = due(c, account, self.now, limit - claimed.len())?;
                let mut passed = false;
                for delivery in &due {
                    match self.look(c, delivery, suppressing, &claimed)? {
                        Looked::Claimed(one) => {
                            octets += one.mail.raw.len();
                            claimed.push(*one);
                        }
                        Looked::Passed => {
                            passed = true;
                            continue;
                        }
                        Looked::Alone => return Ok(claimed),
                    }
                    if delivery.goes_alone() || octets >= MOST_OCTETS {
                        return Ok(claimed);
                    }
                }
                // More can be due only where some were passed over.
                if !passed {
                    break;
                }
            }
        }
        Ok(claimed)
    }

    fn look(
        &self,
        c: &dyn Connection,
        due: &Due,
        suppressing: bool,
        claimed: &[Claimed],
    ) -> Result<Looked, Fault> {
        if due.goes_alone() && !claimed.is_empty() && !due.is_expired(self.now) {
            return Ok(Looked::Alone);
        }
        if due.leased {
            close_crashed(c, due, self.now)?;
        }
        if due.crashed() >= MAX_CRASHES {
            bury(c, due, "poison", self.now)?;
            return Ok(Looked::Passed);
        }
        if due.is_expired(self.now) {
            bury(c, due, "expired", self.now)?;
            return Ok(Looked::Passed);
        }
        if suppressing && let Some(why) = suppressed(c, due, self.now)? {
            put_aside(c, due, &why, self.now)?;
            return Ok(Looked::Passed);
        }
        if !due.leased && self.must_wait(c, due, claimed)? {
            return Ok(Looked::Passed);
        }
        let claimed = self.take(c, due)?;
        Ok(Looked::Claimed(Box::new(claimed)))
    }

    /// Puts a delivery behind an earlier one of its record and recipient that is not done with.
    fn must_wait(&self, c: &dyn Connection, due: &Due, claimed: &[Claimed]) -> Result<bool, Fault> {
        let at_most = column::later(due.created, ORDER_KEPT);
        let Some(thread) = due.thread.as_ref().filter(|_| self.now < at_most) else {
            return Ok(false);
        };
        let mut select = c.prepare_cached(EARLIER)?;
        let earlier = select.query_row(params![thread, due.id], |row| {
            Ok((row.get::<i64>(0)?, row.get::<i64>(1)?))
        });
        let Some((earlier, next_at)) = earlier.optional()? else {
            return Ok(false);
        };
        if claimed.iter().any(|one| one.delivery == earlier) {
            return Ok(false);
        }
        let mut wait =
            c.prepare_cached("UPDATE delivery SET next_at = ?2, waits_for = ?3 WHERE id = ?1")?;
        let next_at = next_at.min(at_most).max(self.now.saturating_add(1));
        wait.execute(params![due.id, next_at, earlier])?;
        Ok(true)
    }

    /// Counts the attempt, opens its row and sets the lease, before any work is done.
    fn take(&self, c: &dyn Connection, due: &Due) -> Result<Claimed, Fault> {
        let (attempts, epoch) = (due.attempts + 1, due.epoch + 1);
        let mut update = c.prepare_cached(TAKE)?;
        let crashes = due.crashed();
        update.execute(params![
            due.id, self.until, attempts, epoch, self.owner, crashes
        ])?;
        let mut insert = c.prepare_cached(
            "INSERT INTO attempt (delivery_id, n, owner, started) VALUES (?1, ?2, ?3, ?4)",
        )?;
        let attempt = insert.insert(params![due.id, attempts, self.owner, self.now])?;
        let attempt = attempt.ok_or(SqlError::NoRow)?;
        Ok(Claimed {
            delivery: due.id,
            lease_epoch: epoch,
            attempt,
            attempts: column::count(attempts),
            earlier: column::count(due.earlier),
            mail: mail(c, due)?,
        })
    }
}

impl Due {
    /// Crashes in a row, with the one that this claim found.
    fn crashed(&self) -> i64 {
        self.crashes + i64::from(self.leased)
    }

    /// Its time is over, and was lived through: it was tried as often as the schedule would have tried it. A clock that leaps
    /// ahead, or a program that did not run for a week, lets nothing expire; nor does a clock that leapt before it was stored,
    /// which made it older than its time: then once will do. What was tried before it was put back into the queue does not count.
    fn is_expired(&self, now: i64) -> bool {
        let lifetime =
            u64::try_from(self.expires.saturating_sub(self.created)).map(Duration::from_nanos);
        let least = lifetime.map_or(1, attempts_within);
        self.expires <= now && self.attempts - self.earlier >= i64::from(least)
    }

    /// One crash more would be its last: it takes nobody with it.
    fn goes_alone(&self) -> bool {
        self.crashed() + 1 == MAX_CRASHES
    }
}

fn due(c: &dyn Connection, account: &str, now: i64, limit: usize) -> Result<Vec<Due>, Fault> {
    let mut select = c.prepare_cached(DUE)?;
    let rows = select.query_map(params![account, now, column::limit(limit)], |row| {
        Ok(Due {
            id: row.get(0)?,
            leased: row.get::<String>(1)? == "leased",
            expires: row.get(2)?,
            crashes: row.get(3)?,
            attempts: row.get(4)?,
            epoch: row.get(5)?,
            thread: row.get(6)?,
            created: row.get(7)?,
            earlier: row.get(8)?,
            account: account.to_owned(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The attempt under an epoch that ran out ends here, whatever its worker may still say.
fn close_crashed(c: &dyn Connection, due: &Due, now: i64) -> Result<(), Fault> {
    let mut update = c.prepare_cached(
        "UPDATE attempt SET ended = ?3, outcome = 'crashed', text = 'the lease ran out: the worker was gone'
         WHERE delivery_id = ?1 AND n = ?2 AND ended IS NULL",
    )?;
    update.execute(params![due.id, due.attempts, now])?;
    Ok(())
}

fn bury(c: &dyn Connection, due: &Due, reason: &str, now: i64) -> Result<(), Fault> {
    let mut update = c.prepare_cached(
        "UPDATE delivery SET state = 'dead', reason = ?2, crashes = ?3, next_at = 0, lease_owner = NULL,
                             waits_for = NULL
         WHERE id = ?1",
    )?;
    update.execute(params![due.id, reason, due.crashed()])?;
    wake(c, due.id, now)
}

/// Whether anybody is on the suppression list at all, asked once for a batch.
const SUPPRESSING: &str = "SELECT 1 FROM suppression LIMIT 1";

/// Why the recipient gets no mail any more, if somebody decided so since it was queued.
pub(super) const SUPPRESSED: &str = "SELECT s.reason, s.detail FROM message m
    CROSS JOIN suppression s ON s.address = m.recipient
    WHERE m.id = ?1 AND (+s.account = '' OR +s.account = ?2) AND (s.until IS NULL OR s.until > ?3) ORDER BY s.account LIMIT 1";

fn suppressed(c: &dyn Connection, due: &Due, now: i64) -> Result<Option<String>, Fault> {
    let mut select = c.prepare_cached(SUPPRESSED)?;
    let row = select.query_row(params![due.id, due.account, now], |row| {
        let (reason, detail): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(format!("{reason}: {detail}"))
    });
    Ok(row.optional()?)
}

fn put_aside(c: &dyn Connection, due: &Due, why: &str, now: i64) -> Result<(), Fault> {
    let mut update = c.prepare_cached(
        "UPDATE delivery SET state = 'suppressed', reason = ?2, next_at = 0, lease_owner = NULL, waits_for = NULL
         WHERE id = ?1",
    )?;
    update.execute(params![due.id, why])?;
    wake(c, due.id, now)
}

fn mail(c: &dyn Connection, due: &Due) -> Result<OutgoingMail, Fault> {
    let mut select = c.prepare_cached(
        "SELECT message_id, sender, recipient, subject, table_name, record_id, raw FROM message WHERE id = ?1",
    )?;
    let read = |row: &Row<'_>| {
        Ok(OutgoingMail {
            message_id: row.get(0)?,
            sender: row.get(1)?,
            recipient: row.get(2)?,
            subject: row.get(3)?,
            record: column::key(row.get(4)?, row.get(5)?),
            account: due.account.clone(),
            expires: column::moment(due.expires),
            not_before: None,
            rank: None,
            raw: row.get(6)?,
        })
    };
    Ok(select.query_row([due.id], read)?)
}

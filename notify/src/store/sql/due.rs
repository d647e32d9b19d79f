//! Which deliveries are due: asked often, answered by the partial index.

use super::column;
use super::connection::{Connection, OptionalExtension};
use super::fault::Fault;
use rusqlite::params;
use std::time::Duration;

/// No delivery is due later than this from now.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(4 * 3600);

pub(super) const NEXT_ACCOUNT: &str = "SELECT account FROM delivery INDEXED BY delivery_due
    WHERE (state IN ('ready','leased') OR state IN ('deferred','unknown')) AND account > ?1 ORDER BY account LIMIT 1";

pub(super) const ANY_DUE: &str = "SELECT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_due
    WHERE account = ?1 AND (state IN ('ready','leased') OR state IN ('deferred','unknown')) AND next_at <= ?2)";

pub(super) const ANY_TOO_LATE: &str =
    "SELECT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_due
    WHERE account = ?1 AND (state IN ('ready','leased') OR state IN ('deferred','unknown')) AND next_at > ?2)";

pub(super) const CLAMP: &str = "UPDATE delivery INDEXED BY delivery_due SET next_at = ?2
    WHERE account = ?1 AND (state IN ('ready','leased') OR state IN ('deferred','unknown')) AND next_at > ?2";

pub(super) const ANY_OPEN: &str = "SELECT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_held
    WHERE state = 'held' AND next_at <= ?1)";

pub(super) const OPEN: &str =
    "UPDATE delivery INDEXED BY delivery_held SET state = 'ready', reason = '', next_at = 0
    WHERE state = 'held' AND next_at <= ?1";

/// True if a schedule has opened that a mail was held for.
pub(super) fn any_open(c: &dyn Connection, now: i64) -> Result<bool, Fault> {
    let mut any = c.prepare_cached(ANY_OPEN)?;
    Ok(any.query_row([now], |row| row.get(0))?)
}

/// Lets go what was held until now.
pub(super) fn open(c: &dyn Connection, now: i64) -> Result<(), Fault> {
    c.prepare_cached(OPEN)?.execute([now])?;
    Ok(())
}

/// The accounts that have something due.
pub(super) fn due_accounts(c: &dyn Connection, now: i64) -> Result<Vec<String>, Fault> {
    let mut any_due = c.prepare_cached(ANY_DUE)?;
    let mut due = Vec::new();
    for account in accounts(c)? {
        if any_due.query_row(params![account, now], |row| row.get(0))? {
            due.push(account);
        }
    }
    Ok(due)
}

/// True if something waits longer than anything should: the clock was set back.
pub(super) fn any_too_late(c: &dyn Connection, now: i64) -> Result<bool, Fault> {
    let longest = column::later(now, LONGEST_WAIT);
    let mut any = c.prepare_cached(ANY_TOO_LATE)?;
    for account in accounts(c)? {
        if any.query_row(params![account, longest], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lets nothing wait longer than it should.
pub(super) fn clamp(c: &dyn Connection, now: i64) -> Result<(), Fault> {
    let longest = column::later(now, LONGEST_WAIT);
    let mut clamp = c.prepare_cached(CLAMP)?;
    for account in accounts(c)? {
        clamp.execute(params![account, longest])?;
    }
    Ok(())
}

/// The accounts that anything waits for, each found by one step in the index.
pub(super) fn accounts(c: &dyn Connection) -> Result<Vec<String>, Fault> {
    let mut next = c.prepare_cached(NEXT_ACCOUNT)?;
    let mut accounts = Vec::new();
    let mut last = String::new();
    while let Some(account) = next
        .query_row([&last], |row| row.get::<String>(0))
        .optional()?
    {
        last.clone_from(&account);
        accounts.push(account);
    }
    Ok(accounts)
}

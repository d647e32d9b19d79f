//! What is kept about accounts, and settings that live with the data.

use super::column;
use super::connection::{Connection, OptionalExtension};
use super::fault::Fault;
use crate::store::Pause;
use rusqlite::params;

pub(super) fn pause(c: &dyn Connection, account: &str) -> Result<Option<Pause>, Fault> {
    let mut select =
        c.prepare_cached("SELECT until, reason, failures FROM account_state WHERE account = ?1")?;
    let row = select.query_row([account], |row| {
        Ok(Pause {
            until: column::moment(row.get(0)?),
            reason: row.get(1)?,
            failures: column::count(row.get(2)?),
        })
    });
    Ok(row.optional()?)
}

pub(super) fn set_pause(
    c: &dyn Connection,
    account: &str,
    pause: Option<&Pause>,
) -> Result<(), Fault> {
    let Some(pause) = pause else {
        let mut delete = c.prepare_cached("DELETE FROM account_state WHERE account = ?1")?;
        delete.execute([account])?;
        return Ok(());
    };
    let mut replace = c.prepare_cached(
        "INSERT INTO account_state (account, until, reason, failures) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (account) DO UPDATE SET until = excluded.until, reason = excluded.reason, failures = excluded.failures",
    )?;
    let until = column::nanos(pause.until);
    replace.execute(params![account, until, pause.reason, pause.failures])?;
    Ok(())
}

pub(super) fn setting(c: &dyn Connection, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let mut select = c.prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
    Ok(select.query_row([name], |row| row.get(0)).optional()?)
}

/// Under the write lock, so that two processes do not make two values.
pub(super) fn make(
    c: &dyn Connection,
    name: &str,
    make: &dyn Fn() -> Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    if let Some(value) = setting(c, name)? {
        return Ok(value);
    }
    let value = make();
    let mut insert = c.prepare_cached("INSERT INTO setting (name, value) VALUES (?1, ?2)")?;
    insert.execute(params![name, value])?;
    Ok(value)
}

//! Repeated events: when each was fired last.

use super::connection::{Connection, OptionalExtension};
use super::fault::Fault;
use super::{column, events};
use crate::repeat::Firing;
use jiff::Timestamp;
use rusqlite::params;

pub(super) fn all(c: &dyn Connection) -> Result<Vec<(String, Timestamp)>, Fault> {
    let mut select = c.prepare_cached("SELECT name, fired FROM repeated ORDER BY name")?;
    let rows = select.query_map(params![], |row| {
        Ok((row.get(0)?, column::moment(row.get(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Queues the events and notes their moment, unless somebody else has noted one meanwhile.
pub(super) fn fire(c: &dyn Connection, now: i64, firing: &Firing) -> Result<bool, Fault> {
    let mut select = c.prepare_cached("SELECT fired FROM repeated WHERE name = ?1")?;
    let noted: Option<i64> = select
        .query_row([&firing.name], |row| row.get(0))
        .optional()?;
    if noted != firing.after.map(column::nanos) {
        return Ok(false);
    }
    for event in &firing.events {
        events::queue(c, now, event)?;
    }
    let mut note = c.prepare_cached(
        "INSERT INTO repeated (name, fired) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET fired = excluded.fired",
    )?;
    note.execute(params![firing.name, column::nanos(firing.at)])?;
    Ok(true)
}

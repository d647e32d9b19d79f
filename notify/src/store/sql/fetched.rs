//! What fetching remembers of each account: lines whose order matters, and of which nothing else is known here.
//!
//! Lines that were added together share a row.

use super::connection::Connection;
use super::fault::Fault;
use rusqlite::params;

/// Lines in a row at most.
const TOGETHER: usize = 250;

pub(super) const JOURNAL: &str = "SELECT line FROM fetch_journal WHERE account = ?1 ORDER BY id";

pub(super) fn journal(c: &dyn Connection, account: &str) -> Result<Vec<String>, Fault> {
    let mut select = c.prepare_cached(JOURNAL)?;
    let mut lines = Vec::new();
    for row in select.query_map([account], |row| row.get::<String>(0))? {
        lines.extend(row?.split('\n').map(str::to_owned));
    }
    Ok(lines)
}

pub(super) fn remember(c: &dyn Connection, account: &str, lines: &[String]) -> Result<(), Fault> {
    let mut insert =
        c.prepare_cached("INSERT INTO fetch_journal (account, line) VALUES (?1, ?2)")?;
    for row in lines.chunks(TOGETHER) {
        insert.execute(params![account, row.join("\n")])?;
    }
    Ok(())
}

pub(super) fn forget(c: &dyn Connection, account: &str) -> Result<(), Fault> {
    let mut delete = c.prepare_cached("DELETE FROM fetch_journal WHERE account = ?1")?;
    delete.execute([account])?;
    Ok(())
}

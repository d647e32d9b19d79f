//! What fetching remembers of each account: lines whose order matters, and of which nothing else is known here.

use super::connection::Connection;
use super::fault::Fault;
use rusqlite::params;

pub(super) const JOURNAL: &str = "SELECT line FROM fetch_journal WHERE account = ?1 ORDER BY id";

pub(super) fn journal(c: &dyn Connection, account: &str) -> Result<Vec<String>, Fault> {
    let mut select = c.prepare_cached(JOURNAL)?;
    let lines = select.query_map([account], |row| row.get(0))?;
    Ok(lines.collect::<Result<_, _>>()?)
}

pub(super) fn remember(c: &dyn Connection, account: &str, lines: &[String]) -> Result<(), Fault> {
    let mut insert =
        c.prepare_cached("INSERT INTO fetch_journal (account, line) VALUES (?1, ?2)")?;
    for line in lines {
        insert.execute(params![account, line])?;
    }
    Ok(())
}

pub(super) fn forget(c: &dyn Connection, account: &str) -> Result<(), Fault> {
    let mut delete = c.prepare_cached("DELETE FROM fetch_journal WHERE account = ?1")?;
    delete.execute([account])?;
    Ok(())
}

//! The suppression list. An empty account in a column stands for all accounts.

use super::column;
use super::fault::Fault;
use crate::suppression::{Reason, Suppression};
use rusqlite::{Connection, Row, params};

const SELECT: &str = "SELECT address, account, reason, detail, since, until, hits FROM suppression";

pub(super) const OF: &str =
    "SELECT address, account, reason, detail, since, until, hits FROM suppression
    WHERE address = ?1 AND (+account = '' OR +account = ?2) AND (until IS NULL OR until > ?3)";

pub(super) fn add(c: &Connection, new: &Suppression) -> Result<(), Fault> {
    let mut upsert = c.prepare_cached(
        "INSERT INTO suppression (address, account, reason, detail, since, until, hits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET reason = excluded.reason, detail = excluded.detail, until = excluded.until,
                                   hits = hits + excluded.hits",
    )?;
    upsert.execute(params![
        new.address,
        new.account.as_deref().unwrap_or_default(),
        new.reason.name(),
        new.detail,
        column::nanos(new.since),
        new.until.map(column::nanos),
        new.hits,
    ])?;
    Ok(())
}

/// Of several the one that lasts longest.
pub(super) fn of(
    c: &Connection,
    address: &str,
    account: &str,
    now: i64,
) -> Result<Option<Suppression>, Fault> {
    let mut select = c.prepare_cached(OF)?;
    let rows = select.query_map(params![address, account, now], raw)?;
    let found: Vec<Suppression> = rows
        .map(|row| suppression(row?))
        .collect::<Result<_, Fault>>()?;
    // One that is for good lasts longest. There are two at most, so that no order is asked of the database.
    let lasts = |s: &Suppression| s.until.map_or((1, 0), |until| (0, column::nanos(until)));
    Ok(found.into_iter().max_by_key(lasts))
}

pub(super) fn all(c: &Connection) -> Result<Vec<Suppression>, Fault> {
    let mut select = c.prepare_cached(&format!("{SELECT} ORDER BY address, account"))?;
    let rows = select.query_map([], raw)?;
    rows.map(|row| suppression(row?)).collect()
}

pub(super) fn remove(c: &Connection, address: &str) -> Result<bool, Fault> {
    let mut delete = c.prepare_cached("DELETE FROM suppression WHERE address = ?1")?;
    Ok(delete.execute([address])? > 0)
}

fn raw(row: &Row<'_>) -> rusqlite::Result<(Suppression, String)> {
    let account: String = row.get(1)?;
    let suppression = Suppression {
        address: row.get(0)?,
        account: Some(account).filter(|account| !account.is_empty()),
        reason: Reason::Manual,
        detail: row.get(3)?,
        since: column::moment(row.get(4)?),
        until: row.get::<_, Option<i64>>(5)?.map(column::moment),
        hits: column::count(row.get(6)?),
    };
    Ok((suppression, row.get(2)?))
}

fn suppression((mut suppression, word): (Suppression, String)) -> Result<Suppression, Fault> {
    suppression.reason = Reason::ALL
        .into_iter()
        .find(|known| known.name() == word)
        .ok_or_else(|| Fault::corrupt(format!("a suppression for the reason {word:?}")))?;
    Ok(suppression)
}

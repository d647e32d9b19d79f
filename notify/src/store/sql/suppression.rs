//! The suppression list. An empty account in a column stands for all accounts.

use super::column;
use super::connection::{Connection, OptionalExtension, Row, SqlResult};
use super::fault::Fault;
use crate::store::Bounce;
use crate::suppression::{Reason, Suppression};
use rusqlite::params;

const SELECT: &str = "SELECT address, account, reason, detail, since, until, hits FROM suppression";

pub(super) const OF: &str =
    "SELECT address, account, reason, detail, since, until, hits FROM suppression
    WHERE address = ?1 AND (+account = '' OR +account = ?2) AND (until IS NULL OR until > ?3)";

pub(super) fn add(c: &dyn Connection, new: &Suppression) -> Result<(), Fault> {
    let mut upsert = c.prepare_cached(
        "INSERT INTO suppression (address, account, reason, detail, since, until, hits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (address, account) DO UPDATE SET reason = excluded.reason, detail = excluded.detail,
             until = excluded.until, hits = suppression.hits + excluded.hits",
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

/// Counts what came back. The address is suppressed when it has enough points, which are forgotten when nothing came back for
/// a while; a complaint counts at once and for good.
pub(super) fn bounced(c: &dyn Connection, bounce: &Bounce) -> Result<(), Fault> {
    let (new, policy) = (&bounce.suppression, &bounce.policy);
    let now = column::nanos(new.since);
    if new.reason == Reason::Complaint {
        return add(c, new);
    }
    let account = new.account.as_deref().unwrap_or_default();
    let since = now.saturating_sub(column::later(0, policy.forget));
    let mut known = c.prepare_cached(
        "SELECT hits FROM suppression WHERE address = ?1 AND account = ?2 AND updated >= ?3",
    )?;
    let before: Option<i64> = known
        .query_row(params![new.address, account, since], |row| row.get(0))
        .optional()?;
    let before = column::count(before.unwrap_or_default());
    let points = before.saturating_add(new.hits);
    let until = match points >= policy.suppress_at {
        true => column::later(now, policy.rest),
        // Counted, and not in force.
        false => now,
    };
    let mut upsert = c.prepare_cached(
        "INSERT INTO suppression (address, account, reason, detail, since, until, hits, updated)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?5)
         ON CONFLICT (address, account) DO UPDATE SET reason = excluded.reason, detail = excluded.detail,
             hits = excluded.hits, updated = excluded.updated,
             until = CASE WHEN suppression.until > excluded.until OR suppression.until IS NULL
                          THEN suppression.until ELSE excluded.until END",
    )?;
    let (reason, detail) = (new.reason.name(), &new.detail);
    upsert.execute(params![
        new.address,
        account,
        reason,
        detail,
        now,
        until,
        points
    ])?;
    Ok(())
}

/// Of several the one that lasts longest.
pub(super) fn of(
    c: &dyn Connection,
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
    Ok(found
        .into_iter()
        .max_by_key(|one| (lasts(one), one.account.is_some())))
}

pub(super) fn all(c: &dyn Connection) -> Result<Vec<Suppression>, Fault> {
    let mut select = c.prepare_cached(&format!("{SELECT} ORDER BY address, account"))?;
    let rows = select.query_map(params![], raw)?;
    rows.map(|row| suppression(row?)).collect()
}

pub(super) fn remove(c: &dyn Connection, address: &str) -> Result<bool, Fault> {
    let mut delete = c.prepare_cached("DELETE FROM suppression WHERE address = ?1")?;
    Ok(delete.execute([address])? > 0)
}

fn raw(row: &Row<'_>) -> SqlResult<(Suppression, String)> {
    let account: String = row.get(1)?;
    let suppression = Suppression {
        address: row.get(0)?,
        account: Some(account).filter(|account| !account.is_empty()),
        reason: Reason::Manual,
        detail: row.get(3)?,
        since: column::moment(row.get(4)?),
        until: row.get::<Option<i64>>(5)?.map(column::moment),
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

//! Inbound mail: stored once, processed once.

use super::column;
use super::due::LONGEST_WAIT;
use super::fault::Fault;
use super::heading;
use crate::inbound::{
    Class, Inbound, InboundId, InboundOutcome, InboundRow, InboundState, NewInbound, Stored,
};
use crate::record::RecordKey;
use crate::store::StoreError;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

const COLUMNS: &str = "id, received, attempts, account, uidl, sha256, message_id";

pub(super) fn store(c: &Connection, now: i64, mails: &[NewInbound]) -> Result<Vec<Stored>, Fault> {
    mails.iter().map(|mail| store_one(c, now, mail)).collect()
}

fn store_one(c: &Connection, now: i64, mail: &NewInbound) -> Result<Stored, Fault> {
    let known = match known_by_uidl(c, mail)? {
        Some(id) => return Ok(Stored::Duplicate(id)),
        None => known_by_content(c, mail)?,
    };
    let stored = match known {
        Some(id) => Stored::Duplicate(id),
        None => Stored::New(insert(c, now, mail)?),
    };
    // A second unique-id of the same mail is remembered as well, so that it is not fetched again.
    let (Stored::New(id) | Stored::Duplicate(id)) = stored;
    if let Some(uidl) = &mail.uidl {
        let mut seen = c.prepare_cached(
            "INSERT INTO seen_uidl (account, uidl, inbound_id, stored_at) VALUES (?1, ?2, ?3, ?4)",
        )?;
        seen.execute(params![mail.account, uidl, id, now])?;
    }
    Ok(stored)
}

fn known_by_uidl(c: &Connection, mail: &NewInbound) -> Result<Option<InboundId>, Fault> {
    let mut select =
        c.prepare_cached("SELECT inbound_id FROM seen_uidl WHERE account = ?1 AND uidl = ?2")?;
    let id = select.query_row(params![mail.account, mail.uidl], |row| row.get(0));
    Ok(id.optional()?)
}

/// The same Message-ID and the same octets. Without a Message-ID the octets decide only where there is no unique-id to go by.
fn known_by_content(c: &Connection, mail: &NewInbound) -> Result<Option<InboundId>, Fault> {
    if mail.message_id.is_none() && mail.uidl.is_some() {
        return Ok(None);
    }
    let mut select = c.prepare_cached(
        "SELECT id FROM inbound WHERE sha256 = ?1 AND message_id IS ?2 ORDER BY id LIMIT 1",
    )?;
    let id = select.query_row(params![mail.sha256, mail.message_id], |row| row.get(0));
    Ok(id.optional()?)
}

fn insert(c: &Connection, now: i64, mail: &NewInbound) -> Result<InboundId, Fault> {
    let (sender, subject) = heading::of(&mail.raw);
    let mut insert = c.prepare_cached(
        "INSERT INTO inbound (account, uidl, sha256, message_id, sender, subject, received, raw)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    insert.execute(params![
        mail.account,
        mail.uidl,
        mail.sha256,
        mail.message_id,
        sender,
        subject,
        now,
        mail.raw,
    ])?;
    Ok(c.last_insert_rowid())
}

pub(super) fn seen(c: &Connection, account: &str) -> Result<Vec<(String, Timestamp)>, Fault> {
    let mut select =
        c.prepare_cached("SELECT uidl, stored_at FROM seen_uidl WHERE account = ?1")?;
    let rows = select.query_map([account], |row| {
        Ok((row.get(0)?, column::moment(row.get(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn forget(c: &Connection, account: &str, gone: &[String]) -> Result<(), Fault> {
    let mut delete = c.prepare_cached("DELETE FROM seen_uidl WHERE account = ?1 AND uidl = ?2")?;
    for uidl in gone {
        delete.execute([account, uidl])?;
    }
    Ok(())
}

pub(super) const ANY_DUE: &str = "SELECT
    EXISTS (SELECT 1 FROM inbound WHERE state IN ('ready','error') AND next_at <= ?1)
    OR EXISTS (SELECT 1 FROM inbound WHERE state IN ('ready','error') AND next_at > ?2)";

pub(super) const DUE: &str = "SELECT id FROM inbound
    WHERE state IN ('ready','error') AND next_at <= ?1 ORDER BY next_at, id LIMIT ?2";

pub(super) fn any_due(c: &Connection, now: i64) -> Result<bool, Fault> {
    let longest = column::later(now, LONGEST_WAIT);
    let mut any = c.prepare_cached(ANY_DUE)?;
    Ok(any.query_row([now, longest], |row| row.get(0))?)
}

/// The mails that are due. Their attempts are counted before the work, so that a mail that ends the process is found out.
pub(super) fn take_due(c: &Connection, now: i64, limit: usize) -> Result<Vec<Inbound>, Fault> {
    let mut clamp = c.prepare_cached(
        "UPDATE inbound SET next_at = ?1 WHERE state IN ('ready','error') AND next_at > ?1",
    )?;
    clamp.execute([column::later(now, LONGEST_WAIT)])?;
    let mut due = c.prepare_cached(DUE)?;
    let ids: Vec<InboundId> = due
        .query_map([now, column::limit(limit)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut count = c.prepare_cached("UPDATE inbound SET attempts = attempts + 1 WHERE id = ?1")?;
    let mut taken = Vec::with_capacity(ids.len());
    for id in ids {
        taken.extend(one(c, id)?);
        count.execute([id])?;
    }
    Ok(taken)
}

pub(super) fn one(c: &Connection, id: InboundId) -> Result<Option<Inbound>, Fault> {
    let mut select =
        c.prepare_cached(&format!("SELECT {COLUMNS}, raw FROM inbound WHERE id = ?1"))?;
    let row = select.query_row([id], |row| {
        let mut mail = head(row)?;
        mail.what.raw = row.get(7)?;
        Ok(mail)
    });
    Ok(row.optional()?)
}

fn head(row: &Row<'_>) -> rusqlite::Result<Inbound> {
    Ok(Inbound {
        id: row.get(0)?,
        received: column::moment(row.get(1)?),
        attempts: column::count(row.get(2)?),
        what: NewInbound {
            account: row.get(3)?,
            uidl: row.get(4)?,
            raw: Vec::new(),
            sha256: row.get(5)?,
            message_id: row.get(6)?,
        },
    })
}

/// Writes what processing came to, once: a mail that is processed or ignored already stops the whole transaction.
pub(super) fn finish(
    c: &Connection,
    outcome: &InboundOutcome,
    record: Option<&RecordKey>,
) -> Result<(), Fault> {
    let mut update = c.prepare_cached(
        "UPDATE inbound SET state = ?2, class = ?3, matched_by = ?4, table_name = ?5, record_id = ?6, reason = ?7,
                            action = ?8, next_at = ?9
         WHERE id = ?1 AND state IN ('ready','error','held')",
    )?;
    let changed = update.execute(params![
        outcome.id,
        outcome.state.name(),
        outcome.class.name(),
        outcome.matched_by,
        record.map(|key| &key.table),
        record.map(|key| &key.id),
        outcome.reason,
        outcome.action,
        outcome.next_at.map_or(0, column::nanos),
    ])?;
    if changed == 0 {
        return Err(StoreError::AlreadyProcessed(outcome.id).into());
    }
    Ok(())
}

pub(super) fn log(c: &Connection, limit: usize) -> Result<Vec<InboundRow>, Fault> {
    let mut select = c.prepare_cached(&format!(
        "SELECT {COLUMNS}, sender, subject, state, class, matched_by, table_name, record_id, reason, action, next_at
         FROM inbound ORDER BY id DESC LIMIT ?1"
    ))?;
    let rows = select.query_map([column::limit(limit)], |row| {
        let words: (String, Option<String>) = (row.get(9)?, row.get(10)?);
        let mail = head(row)?;
        let outcome = InboundOutcome {
            id: mail.id,
            class: Class::New,
            matched_by: row.get(11)?,
            record: column::key(row.get(12)?, row.get(13)?),
            state: InboundState::Ready,
            reason: row.get(14)?,
            action: row.get(15)?,
            next_at: column::unless_zero(row.get(16)?),
        };
        let (from, subject) = (row.get(7)?, row.get(8)?);
        let row = InboundRow {
            mail,
            from,
            subject,
            outcome,
        };
        Ok((row, words))
    })?;
    rows.map(|row| inbound_row(row?)).collect()
}

fn inbound_row(
    (mut row, (state, class)): (InboundRow, (String, Option<String>)),
) -> Result<InboundRow, Fault> {
    row.outcome.state = InboundState::ALL
        .into_iter()
        .find(|known| known.name() == state)
        .ok_or_else(|| Fault::corrupt(format!("an inbound mail in the state {state:?}")))?;
    if let Some(class) = class {
        row.outcome.class = Class::ALL
            .into_iter()
            .find(|known| known.name() == class)
            .ok_or_else(|| Fault::corrupt(format!("an inbound mail of the class {class:?}")))?;
    }
    Ok(row)
}

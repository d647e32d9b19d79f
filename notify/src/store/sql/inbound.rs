//! Inbound mail: stored once, processed once.

use super::column;
use super::connection::{Connection, OptionalExtension, Row, SqlError, SqlResult};
use super::due::LONGEST_WAIT;
use super::fault::Fault;
use super::heading;
use crate::inbound::as_sent;
use crate::inbound::{ActionVerdict, Inbound, InboundId, InboundOutcome, NewInbound, Stored};
use crate::record::RecordKey;
use crate::store::{MOST_OCTETS, StoreError};
use rusqlite::params;

pub(super) const COLUMNS: &str = "id, received, attempts, account, uidl, sha256, message_id";

pub(super) fn store(
    c: &dyn Connection,
    now: i64,
    mails: &[NewInbound],
) -> Result<Vec<Stored>, Fault> {
    mails.iter().map(|mail| store_one(c, now, mail)).collect()
}

fn store_one(c: &dyn Connection, now: i64, mail: &NewInbound) -> Result<Stored, Fault> {
    // Without a Message-ID, equal words may be two mails; and what each mailbox gets is one, where actions go by that.
    let may_be_known = message_id(mail).is_some() && !mail.apart;
    let as_sent = may_be_known.then(|| as_sent::sha256(&mail.raw));
    let Some(id) = known(c, mail, as_sent.as_deref())? else {
        return Ok(Stored::New(insert(c, now, mail, as_sent)?));
    };
    let mut count = c.prepare_cached("UPDATE inbound SET copies = copies + 1 WHERE id = ?1")?;
    count.execute([id])?;
    Ok(Stored::Duplicate(id))
}

/// The longest line of a mail (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;

/// What its writer calls a mail. What is longer than a line is no name, and the index of PostgreSQL would refuse it with all mail
/// that is stored beside it.
fn message_id(mail: &NewInbound) -> Option<&str> {
    let named = mail.message_id.as_deref();
    named.filter(|id| id.len() <= LONGEST_LINE)
}

/// The same mail, under the same Message-ID or, as not every mail has one, the same octets under the same unique-id of the same
/// account. Mail of older versions is known by its octets only.
pub(super) const KNOWN: &str = "SELECT coalesce(
    (SELECT min(id) FROM inbound WHERE as_sent = ?5 AND message_id = ?2),
    (SELECT min(id) FROM inbound
     WHERE sha256 = ?1 AND (message_id = ?2 OR (account = ?3 AND uidl IS NOT DISTINCT FROM ?4))))";

fn known(
    c: &dyn Connection,
    mail: &NewInbound,
    as_sent: Option<&str>,
) -> Result<Option<InboundId>, Fault> {
    let NewInbound {
        sha256,
        account,
        uidl,
        ..
    } = mail;
    let message_id = message_id(mail);
    let mut select = c.prepare_cached(KNOWN)?;
    let known = params![sha256, message_id, account, uidl, as_sent];
    Ok(select.query_row(known, |row| row.get(0))?)
}

fn insert(
    c: &dyn Connection,
    now: i64,
    mail: &NewInbound,
    as_sent: Option<String>,
) -> Result<InboundId, Fault> {
    let heading = heading::of(&mail.raw);
    let mut insert = c.prepare_cached(
        "INSERT INTO inbound (account, uidl, sha256, message_id, sender, subject, received, author, as_sent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let id = insert.insert(params![
        mail.account,
        mail.uidl,
        mail.sha256,
        message_id(mail),
        heading.sender,
        heading.subject,
        now,
        heading.author,
        as_sent,
    ])?;
    let id = id.ok_or(SqlError::NoRow)?;
    let mut raw = c.prepare_cached("INSERT INTO inbound_raw (id, raw) VALUES (?1, ?2)")?;
    raw.execute(params![id, mail.raw])?;
    Ok(id)
}

pub(super) const ANY_DUE: &str = "SELECT
    EXISTS (SELECT 1 FROM inbound WHERE state IN ('ready','error') AND next_at <= ?1)
    OR EXISTS (SELECT 1 FROM inbound WHERE state IN ('ready','error') AND next_at > ?2)";

/// What nobody has begun yet, or this process has.
pub(super) const DUE: &str = "SELECT id FROM inbound
    WHERE state IN ('ready','error') AND next_at <= ?1 AND begun IN (0, ?3) ORDER BY next_at, id LIMIT ?2";

/// What another process has begun and did not come to the end of.
pub(super) const ABANDONED: &str = "SELECT id FROM inbound
    WHERE state IN ('ready','error') AND next_at <= ?1 AND begun NOT IN (0, ?2) ORDER BY next_at, id LIMIT 1";

/// A mail that so many processes did not survive is not tried again.
const MOST_CRASHES: i64 = 3;

pub(super) fn any_due(c: &dyn Connection, now: i64) -> Result<bool, Fault> {
    let longest = column::later(now, LONGEST_WAIT);
    let mut any = c.prepare_cached(ANY_DUE)?;
    Ok(any.query_row([now, longest], |row| row.get(0))?)
}

/// The mails that are due. Their attempts are counted before the work, so that a mail that ends the process is found out:
/// it comes alone from then on, behind the others, and in the end is held.
pub(super) fn take_due(
    c: &dyn Connection,
    now: i64,
    limit: usize,
    worker: i64,
    elsewhere: &str,
) -> Result<Vec<Inbound>, Fault> {
    let mut clamp = c.prepare_cached(
        "UPDATE inbound SET next_at = ?1 WHERE state IN ('ready','error') AND next_at > ?1",
    )?;
    clamp.execute([column::later(now, LONGEST_WAIT)])?;
    let mut due = c.prepare_cached(DUE)?;
    let ids: Vec<InboundId> = due
        .query_map([now, column::limit(limit), worker], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if ids.is_empty() && limit > 0 {
        return Ok(abandoned(c, now, worker, elsewhere)?.into_iter().collect());
    }
    let (mut taken, mut octets) = (Vec::with_capacity(ids.len()), 0);
    for id in ids {
        if octets >= MOST_OCTETS {
            break;
        }
        let mail = begin(c, id, worker)?;
        octets += mail.as_ref().map_or(0, |mail| mail.what.raw.len());
        taken.extend(mail);
    }
    Ok(taken)
}

fn begin(c: &dyn Connection, id: InboundId, worker: i64) -> Result<Option<Inbound>, Fault> {
    let mail = one(c, id)?;
    let mut count =
        c.prepare_cached("UPDATE inbound SET attempts = attempts + 1, begun = ?2 WHERE id = ?1")?;
    count.execute([id, worker])?;
    Ok(mail)
}

/// One mail that ended a process. Those that ended too many are held on the way to it.
fn abandoned(
    c: &dyn Connection,
    now: i64,
    worker: i64,
    elsewhere: &str,
) -> Result<Option<Inbound>, Fault> {
    loop {
        let mut next = c.prepare_cached(elsewhere)?;
        let id = next.query_row([now, worker], |row| row.get(0)).optional()?;
        let Some(id) = id else { return Ok(None) };
        let mut crashed = c.prepare_cached(
            "UPDATE inbound SET crashes = crashes + 1 WHERE id = ?1 RETURNING crashes",
        )?;
        let crashes: i64 = crashed.query_row([id], |row| row.get(0))?;
        if crashes < MOST_CRASHES {
            return begin(c, id, worker);
        }
        let reason = format!("quarantined: {crashes} processes ended while they worked on it");
        let mut hold = c.prepare_cached(
            "UPDATE inbound SET state = 'held', class = 'new', matched_by = 'none', reason = ?2, begun = 0 WHERE id = ?1",
        )?;
        hold.execute(params![id, reason])?;
    }
}

pub(super) fn one(c: &dyn Connection, id: InboundId) -> Result<Option<Inbound>, Fault> {
    let mut select = c.prepare_cached(&format!(
        "SELECT {COLUMNS}, raw FROM inbound JOIN inbound_raw USING (id) WHERE id = ?1"
    ))?;
    let row = select.query_row([id], |row| {
        let mut mail = head(row)?;
        mail.what.raw = row.get(7)?;
        Ok(mail)
    });
    Ok(row.optional()?)
}

pub(super) fn head(row: &Row<'_>) -> SqlResult<Inbound> {
    Ok(Inbound {
        id: row.get(0)?,
        received: column::moment(row.get(1)?),
        attempts: column::count(row.get(2)?),
        what: NewInbound {
            // It was stored as what it is.
            apart: false,
            account: row.get(3)?,
            uidl: row.get(4)?,
            raw: Vec::new(),
            sha256: row.get(5)?,
            message_id: row.get(6)?,
        },
    })
}

pub(super) fn reopen(c: &dyn Connection, id: InboundId, reason: &str) -> Result<bool, Fault> {
    let mut hold = c.prepare_cached(
        "UPDATE inbound SET state = 'held', reason = ?2 WHERE id = ?1 AND state = 'ignored'",
    )?;
    Ok(hold.execute(params![id, reason])? > 0)
}

/// Writes what processing came to, once: a mail that is processed or ignored already stops the whole transaction.
pub(super) fn finish(
    c: &dyn Connection,
    outcome: &InboundOutcome,
    record: Option<&RecordKey>,
) -> Result<(), Fault> {
    let mut update = c.prepare_cached(
        "UPDATE inbound SET state = ?2, class = ?3, matched_by = ?4, table_name = ?5, record_id = ?6, reason = ?7,
                            action = ?8, next_at = ?9, verdicts = ?10, begun = 0
         WHERE id = ?1 AND (state IN ('ready','error') OR state = 'held')",
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
        verdicts(&outcome.verdicts),
    ])?;
    if changed == 0 {
        return Err(StoreError::AlreadyProcessed(outcome.id).into());
    }
    Ok(())
}

/// As a JSON array; empty where no action was asked.
fn verdicts(verdicts: &[ActionVerdict]) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    serde_json::Value::from_iter(verdicts.iter().map(ActionVerdict::json)).to_string()
}

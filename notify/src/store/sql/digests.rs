//! Digests: parts are kept until they are due, and end in one transaction with the mail that tells them.

use super::connection::{Connection, OptionalExtension, Row, SqlError, SqlResult};
use super::fault::Fault;
use super::{column, settle};
use crate::email_digest::{DigestId, DigestOutcome, DueDigest, LONGEST, NewPart, Part};
use crate::event::EventId;
use crate::store::MOST_OCTETS;
use rusqlite::params;

/// Octets of parts that one mail may need: more than `max_body` lets through, unless somebody has raised that.
const ENOUGH: i64 = 4 << 20;

/// So many parts are read whatever they have: where the first one cannot be told, the second shows whose fault that is.
const LEAST: usize = 2;

/// One digest is open for each notification, address, record and person: two of them may share an address.
pub(super) const OPEN: &str = "SELECT id, due_at FROM digest
    WHERE notification = ?1 AND address = ?2 AND table_name = ?3 AND record_id = ?4 AND coalesce(user_id, '') = ?5";

/// What is due later than any interval is due at once: the clock was set back.
pub(super) const DUE: &str =
    "SELECT id, notification, user_id, address, via, table_name, record_id, opened, due_at FROM digest
    WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2";

/// The digests of a clock that was set back.
pub(super) const TOO_LATE: &str =
    "SELECT id, notification, user_id, address, via, table_name, record_id, opened, due_at FROM digest
    WHERE due_at > ?1 ORDER BY due_at, id LIMIT ?2";

const ALL: &str =
    "SELECT id, notification, user_id, address, via, table_name, record_id, opened, due_at,
        (SELECT count(*) FROM digest_part p WHERE p.digest_id = digest.id)
    FROM digest ORDER BY due_at, id";

pub(super) const SIZES: &str =
    "SELECT id, octet_length(text) + coalesce(octet_length(html), 0) FROM digest_part
    WHERE digest_id = ?1 ORDER BY id";

pub(super) const PARTS: &str =
    "SELECT event_id, table_name, record_id, subject, html, text, created FROM digest_part
    WHERE digest_id = ?1 AND id <= ?2 ORDER BY id";

/// Keeps a part, in a digest that is opened if there is none; gives when it is due.
pub(super) fn keep(
    c: &dyn Connection,
    now: i64,
    (event, match_id): (EventId, i64),
    notification: &str,
    part: &NewPart,
) -> Result<i64, Fault> {
    let (digest, due) = match open(c, notification, part)? {
        Some(found) => found,
        None => begin(c, now, notification, part)?,
    };
    let mut insert = c.prepare_cached(
        "INSERT INTO digest_part (digest_id, event_id, match_id, address, table_name, record_id, subject, html, text, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let record = part.record.as_ref();
    insert.execute(params![
        digest,
        event,
        match_id,
        part.address,
        record.map(|key| &key.table),
        record.map(|key| &key.id),
        part.subject,
        part.html,
        part.text,
        now
    ])?;
    Ok(due)
}

fn scope(part: &NewPart) -> (&str, &str) {
    let about = part.about.as_ref();
    about.map_or(("", ""), |key| (&key.table, &key.id))
}

fn open(
    c: &dyn Connection,
    notification: &str,
    part: &NewPart,
) -> Result<Option<(DigestId, i64)>, Fault> {
    let (table, id) = scope(part);
    let user = part.user.as_deref().unwrap_or_default();
    let mut select = c.prepare_cached(OPEN)?;
    let key = params![notification, part.address, table, id, user];
    let row = select.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?)
}

fn begin(
    c: &dyn Connection,
    now: i64,
    notification: &str,
    part: &NewPart,
) -> Result<(DigestId, i64), Fault> {
    let (table, id) = scope(part);
    let due = column::later(now, part.interval);
    let mut insert = c.prepare_cached(
        "INSERT INTO digest (notification, user_id, address, via, table_name, record_id, opened, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let digest = insert.insert(params![
        notification,
        part.user,
        part.address,
        part.via,
        table,
        id,
        now,
        due
    ])?;
    Ok((digest.ok_or(SqlError::NoRow)?, due))
}

/// The digests that are due, each with as many of its parts as one mail may need: what is left is told by the next one.
pub(super) fn due(c: &dyn Connection, now: i64, limit: usize) -> Result<Vec<DueDigest>, Fault> {
    let limit = column::limit(limit);
    let (mut found, mut octets) = (Vec::new(), 0);
    for (sql, moment) in [(DUE, now), (TOO_LATE, column::later(now, LONGEST))] {
        let mut select = c.prepare_cached(sql)?;
        let rows = select.query_map(params![moment, limit], digest)?;
        for row in rows {
            if octets >= MOST_OCTETS {
                return Ok(found);
            }
            let mut digest = row?;
            let reach = reach(c, digest.id)?;
            digest.count = reach.count;
            digest.parts = parts(c, digest.id, reach.last)?;
            octets += digest.parts.iter().map(octets_of).sum::<usize>();
            found.push(digest);
        }
    }
    Ok(found)
}

/// The digests that are open, without their parts.
pub(super) fn all(c: &dyn Connection) -> Result<Vec<DueDigest>, Fault> {
    let mut select = c.prepare_cached(ALL)?;
    let rows = select.query_map(params![], |row| {
        let count: i64 = row.get(9)?;
        Ok(DueDigest {
            count: usize::try_from(count).unwrap_or_default(),
            ..digest(row)?
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn octets_of(part: &Part) -> usize {
    part.text.len() + part.html.as_deref().map_or(0, str::len)
}

/// How far a digest is read.
struct Reach {
    /// The last part that is.
    last: i64,
    /// How many there are, read or not.
    count: usize,
}

fn reach(c: &dyn Connection, digest: DigestId) -> Result<Reach, Fault> {
    let mut select = c.prepare_cached(SIZES)?;
    let rows = select.query_map([digest], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
    let mut reach = Reach { last: 0, count: 0 };
    let mut before = 0_i64;
    for row in rows {
        let (id, octets) = row?;
        if reach.count < LEAST || before < ENOUGH {
            reach.last = id;
        }
        before = before.saturating_add(octets);
        reach.count += 1;
    }
    Ok(reach)
}

fn digest(row: &Row<'_>) -> SqlResult<DueDigest> {
    let (table, id): (String, String) = (row.get(5)?, row.get(6)?);
    let about = (!table.is_empty()).then_some((table, id)).unzip();
    Ok(DueDigest {
        id: row.get(0)?,
        notification: row.get(1)?,
        user: row.get(2)?,
        address: row.get(3)?,
        via: row.get(4)?,
        about: column::key(about.0, about.1),
        opened: column::moment(row.get(7)?),
        due: column::moment(row.get(8)?),
        count: 0,
        parts: Vec::new(),
    })
}

/// The parts up to one.
fn parts(c: &dyn Connection, digest: DigestId, last: i64) -> Result<Vec<Part>, Fault> {
    let mut select = c.prepare_cached(PARTS)?;
    let rows = select.query_map([digest, last], |row| {
        Ok(Part {
            event: row.get(0)?,
            record: column::key(row.get(1)?, row.get(2)?),
            subject: row.get(3)?,
            html: row.get(4)?,
            text: row.get(5)?,
            created: column::moment(row.get(6)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Ends digests, each with its mail or with the reason why there is none. One that has grown meanwhile is left as it is.
pub(super) fn end(
    c: &dyn Connection,
    now: i64,
    outcomes: &[DigestOutcome],
) -> Result<usize, Fault> {
    let mut ended = 0;
    for outcome in outcomes {
        ended += usize::from(end_one(c, now, outcome)?);
    }
    Ok(ended)
}

fn end_one(c: &dyn Connection, now: i64, outcome: &DigestOutcome) -> Result<bool, Fault> {
    let mut select = c.prepare_cached(
        "SELECT id, event_id, match_id FROM digest_part
         WHERE digest_id = ?1 AND EXISTS (SELECT 1 FROM digest WHERE id = ?1) ORDER BY id",
    )?;
    let rows = select.query_map([outcome.digest], |row| {
        Ok((row.get::<i64>(0)?, row.get(1)?, row.get(2)?))
    })?;
    let parts = rows.collect::<Result<Vec<_>, _>>()?;
    if parts.is_empty() {
        return forget_empty(c, outcome.digest);
    }
    if parts.len() != outcome.parts {
        return Ok(false);
    }
    let last = outcome.ended.checked_sub(1).and_then(|at| parts.get(at));
    let Some(&(last, event, match_id)) = last else {
        return Ok(false);
    };
    let delivery = match &outcome.mail {
        Some(mail) => settle::queue(c, now, event, match_id, mail)?,
        None => None,
    };
    let mut told = c.prepare_cached(
        "UPDATE recipient_verdict SET verdict = ?2, detail = ?3
         WHERE verdict = 'digest' AND (match_id, address) IN
             (SELECT match_id, address FROM digest_part WHERE digest_id = ?1 AND id <= ?4)",
    )?;
    told.execute(params![
        outcome.digest,
        outcome.verdict,
        outcome.detail,
        last
    ])?;
    // The mail has their words; they stay to say which mail it was, and are no part of the digest any more.
    let mut close = c.prepare_cached(
        "UPDATE digest_part SET digest_id = 0, delivery_id = ?2, html = NULL, text = ''
         WHERE digest_id = ?1 AND id <= ?3",
    )?;
    close.execute(params![outcome.digest, delivery, last])?;
    if outcome.ended == parts.len() {
        c.prepare_cached("DELETE FROM digest WHERE id = ?1")?
            .execute([outcome.digest])?;
    }
    Ok(true)
}

/// A digest without parts, which only another program can have made, tells nobody anything.
fn forget_empty(c: &dyn Connection, digest: DigestId) -> Result<bool, Fault> {
    let mut delete = c.prepare_cached("DELETE FROM digest WHERE id = ?1")?;
    Ok(delete.execute([digest])? == 1)
}

//! The email log.

use super::column;
use super::connection::{Connection, OptionalExtension, Row, SqlResult};
use super::fault::Fault;
use crate::outgoing::{Attempt, DeliveryId, DeliveryState, Evidence, LogRow, OutgoingMail};
use crate::store::LogFilter;
use rusqlite::types::Value;

const COLUMNS: &str = "SELECT d.id, m.created, d.state, d.reason, m.event_id, h.notification, m.message_id, m.sender,
           m.recipient, m.subject, d.account, m.table_name, m.record_id, d.expires, d.attempts, d.next_at,
           a.id, a.peer, a.tls, a.stage, a.code, a.enhanced, a.text";

const JOINED: &str = "JOIN message m ON m.id = d.id JOIN match h ON h.id = m.match_id
    LEFT JOIN attempt a ON a.id = (SELECT id FROM attempt
        WHERE delivery_id = d.id AND ended IS NOT NULL ORDER BY n DESC LIMIT 1)";

/// The beginning of every query of the log, perhaps along a given index of the deliveries.
fn select(hint: &str) -> String {
    format!("{COLUMNS} FROM delivery d {hint} {JOINED}")
}

/// The rows that a filter lets through, newest first.
pub(super) fn rows(c: &dyn Connection, filter: &LogFilter) -> Result<Vec<LogRow>, Fault> {
    let (sql, parameters) = query(filter);
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map(parameters, raw_row)?;
    rows.map(|row| log_row(row?)).collect()
}

/// One text for each combination of filters, so that each finds its index.
pub(super) fn query(filter: &LogFilter) -> (String, Vec<Value>) {
    let mut terms = Vec::new();
    let mut parameters = Vec::new();
    if let Some(key) = &filter.record {
        terms.push("m.table_name = ? AND m.record_id = ?".to_owned());
        parameters.extend([Value::Text(key.table.clone()), Value::Text(key.id.clone())]);
    }
    if let Some(recipient) = &filter.recipient {
        terms.push("m.recipient = ? COLLATE NOCASE".to_owned());
        parameters.push(Value::Text(recipient.clone()));
    }
    if let Some(event) = filter.event {
        terms.push("m.event_id = ?".to_owned());
        parameters.push(Value::Integer(event));
    }
    let narrow = !terms.is_empty();
    if let Some(state) = filter.state {
        terms.push(in_state(state, narrow));
    }
    let condition = if terms.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", terms.join(" AND "))
    };
    let order = if narrow { "m.id" } else { "d.id" };
    let condition = match (filter.before, condition.is_empty()) {
        (None, _) => condition,
        (Some(_), true) => format!(" WHERE {order} < ?"),
        (Some(_), false) => format!("{condition} AND {order} < ?"),
    };
    parameters.extend(filter.before.map(Value::Integer));
    parameters.push(Value::Integer(column::limit(filter.limit)));
    let leased = !narrow && filter.state == Some(DeliveryState::Leased);
    let hint = if leased {
        "INDEXED BY delivery_thread"
    } else {
        ""
    };
    let select = select(hint);
    let sql = format!("{select}{condition} ORDER BY {order} DESC LIMIT ?");
    (sql, parameters)
}

/// The term for a state. The few mails of one record or person are looked through; a state alone has its partial index,
/// whose condition must stand here. Most mail is delivered, so that the newest of it is near the end of the table.
fn in_state(state: DeliveryState, narrow: bool) -> String {
    use DeliveryState::{Delivered, Held, Leased, Skipped, Suppressed};
    let name = state.name();
    match state {
        _ if narrow => format!("+d.state = '{name}'"),
        Delivered => format!("+d.state = '{name}'"),
        Leased => format!(
            "d.state = '{name}' AND (d.state = 'leased' OR d.state IN ('deferred','unknown'))"
        ),
        Suppressed => format!("d.state = '{name}'"),
        Held | Skipped => format!("d.state = '{name}' AND d.state IN ('held','skipped')"),
        _ => format!(
            "d.state = '{name}' AND (d.state IN ('ready','deferred') OR d.state IN ('unknown','failed') OR d.state IN ('dead','cancelled') OR d.state = 'bounced')"
        ),
    }
}

pub(super) fn by_message_id(c: &dyn Connection, message_id: &str) -> Result<Option<LogRow>, Fault> {
    let mut select = c.prepare_cached(&format!("{} WHERE m.message_id = ?1", select("")))?;
    let row = select.query_row([message_id], raw_row).optional()?;
    row.map(log_row).transpose()
}

pub(super) fn of_event(c: &dyn Connection, event: i64) -> Result<Vec<LogRow>, Fault> {
    let mut select = c.prepare_cached(&format!(
        "{} WHERE m.event_id = ?1 ORDER BY m.id",
        select("")
    ))?;
    let rows = select.query_map([event], raw_row)?;
    rows.map(|row| log_row(row?)).collect()
}

/// The mails of the digests that an event is a part of, but for the one that is in its own name.
pub(super) fn of_digests(c: &dyn Connection, event: i64) -> Result<Vec<LogRow>, Fault> {
    let mut select = c.prepare_cached(&digests())?;
    let rows = select.query_map([event], raw_row)?;
    rows.map(|row| log_row(row?)).collect()
}

pub(super) fn digests() -> String {
    format!(
        "{} WHERE d.id IN (SELECT delivery_id FROM digest_part WHERE event_id = ?1) AND m.event_id <> ?1",
        select("")
    )
}

pub(super) fn raw_message(c: &dyn Connection, id: DeliveryId) -> Result<Option<Vec<u8>>, Fault> {
    let mut select = c.prepare_cached("SELECT raw FROM message WHERE id = ?1")?;
    Ok(select.query_row([id], |row| row.get(0)).optional()?)
}

pub(super) fn attempts(c: &dyn Connection, delivery: DeliveryId) -> Result<Vec<Attempt>, Fault> {
    let mut select = c.prepare_cached(
        "SELECT peer, tls, stage, code, enhanced, text, id, n, owner, started, ended, outcome, late
         FROM attempt WHERE delivery_id = ?1 ORDER BY n",
    )?;
    let rows = select.query_map([delivery], |row| {
        Ok(Attempt {
            id: row.get(6)?,
            n: column::count(row.get(7)?),
            owner: row.get(8)?,
            started: column::moment(row.get(9)?),
            ended: row.get::<Option<i64>>(10)?.map(column::moment),
            outcome: row.get(11)?,
            late: row.get(12)?,
            evidence: evidence(row, 0)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn evidence(row: &Row<'_>, first: usize) -> SqlResult<Evidence> {
    Ok(Evidence {
        peer: row.get(first)?,
        tls: row.get(first + 1)?,
        stage: row.get(first + 2)?,
        code: row.get(first + 3)?,
        enhanced: row.get(first + 4)?,
        text: row.get(first + 5)?,
    })
}

/// A row whose state is not read yet.
fn raw_row(row: &Row<'_>) -> SqlResult<(LogRow, String)> {
    let attempted = row.get::<Option<i64>>(16)?.is_some();
    let log = LogRow {
        delivery: row.get(0)?,
        created: column::moment(row.get(1)?),
        state: DeliveryState::Ready,
        reason: row.get(3)?,
        event: row.get(4)?,
        notification: row.get(5)?,
        mail: OutgoingMail {
            message_id: row.get(6)?,
            sender: row.get(7)?,
            recipient: row.get(8)?,
            subject: row.get(9)?,
            raw: Vec::new(),
            account: row.get(10)?,
            record: column::key(row.get(11)?, row.get(12)?),
            expires: column::moment(row.get(13)?),
            not_before: None,
            rank: None,
        },
        attempts: column::count(row.get(14)?),
        next_at: column::unless_zero(row.get(15)?),
        last: attempted.then(|| evidence(row, 17)).transpose()?,
    };
    Ok((log, row.get(2)?))
}

fn log_row((mut row, state): (LogRow, String)) -> Result<LogRow, Fault> {
    row.state = DeliveryState::ALL
        .into_iter()
        .find(|known| known.name() == state)
        .ok_or_else(|| Fault::corrupt(format!("a delivery in the state {state:?}")))?;
    Ok(row)
}

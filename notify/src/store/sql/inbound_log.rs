//! The inbound log.

use super::column;
use super::connection::{Connection, Row, SqlResult};
use super::fault::Fault;
use super::inbound::{COLUMNS, head};
use crate::inbound::{ActionVerdict, Class, InboundOutcome, InboundRow, InboundState};
use crate::record::RecordKey;
use crate::store::InboundFilter;
use rusqlite::types::Value;

/// How many mails of an author were acted upon since a moment.
pub(super) const BY_AUTHOR: &str = "SELECT count(*) FROM inbound INDEXED BY inbound_author
    WHERE state = 'processed' AND author = ?1 AND received >= ?2";

/// The same about one record.
pub(super) const BY_AUTHOR_AND_RECORD: &str = "SELECT count(*) FROM inbound INDEXED BY inbound_author
    WHERE state = 'processed' AND author = ?1 AND received >= ?2 AND table_name = ?3 AND record_id = ?4";

pub(super) fn acted(
    c: &dyn Connection,
    author: &str,
    since: i64,
    record: Option<&RecordKey>,
) -> Result<usize, Fault> {
    let author = Value::Text(author.to_owned());
    let mut parameters = vec![author, Value::Integer(since)];
    let sql = match record {
        None => BY_AUTHOR,
        Some(key) => {
            parameters.extend([Value::Text(key.table.clone()), Value::Text(key.id.clone())]);
            BY_AUTHOR_AND_RECORD
        }
    };
    let mut count = c.prepare_cached(sql)?;
    let count: i64 = count.query_row(parameters, |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The rows that a filter lets through, newest first.
pub(super) fn rows(c: &dyn Connection, filter: &InboundFilter) -> Result<Vec<InboundRow>, Fault> {
    let (sql, parameters) = query(filter);
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map(parameters, raw_row)?;
    rows.map(|row| inbound_row(row?)).collect()
}

/// One text for each combination of filters, so that each finds its index.
pub(super) fn query(filter: &InboundFilter) -> (String, Vec<Value>) {
    let mut terms: Vec<String> = Vec::new();
    let mut parameters = Vec::new();
    if let Some(id) = filter.id {
        terms.push("id = ?".to_owned());
        parameters.push(Value::Integer(id));
    }
    if let Some(state) = filter.state {
        let name = state.name();
        // Its partial index is used only where its condition stands here.
        terms.push(match state {
            InboundState::Held => "state = 'held'".to_owned(),
            _ => format!("+state = '{name}'"),
        });
    }
    if let Some(key) = &filter.record {
        terms.push("table_name = ? AND record_id = ?".to_owned());
        parameters.extend([Value::Text(key.table.clone()), Value::Text(key.id.clone())]);
    }
    let condition = match terms.is_empty() {
        true => String::new(),
        false => format!("WHERE {}", terms.join(" AND ")),
    };
    parameters.push(Value::Integer(column::limit(filter.limit)));
    let sql = format!(
        "SELECT {COLUMNS}, sender, subject, state, class, matched_by, table_name, record_id, reason, action, next_at, verdicts, copies
         FROM inbound {condition} ORDER BY id DESC LIMIT ?"
    );
    (sql, parameters)
}

/// A row whose words are not read yet: its state, its class, what the actions said.
type RawRow = (InboundRow, (String, Option<String>, String));

fn raw_row(row: &Row<'_>) -> SqlResult<RawRow> {
    let words = (row.get(9)?, row.get(10)?, row.get(17)?);
    let mail = head(row)?;
    let outcome = InboundOutcome {
        id: mail.id,
        class: Class::New,
        matched_by: row.get(11)?,
        record: column::key(row.get(12)?, row.get(13)?),
        state: InboundState::Ready,
        reason: row.get(14)?,
        action: row.get(15)?,
        verdicts: Vec::new(),
        next_at: column::unless_zero(row.get(16)?),
    };
    let (from, subject) = (row.get(7)?, row.get(8)?);
    let found = InboundRow {
        mail,
        from,
        subject,
        copies: column::count(row.get(18)?),
        outcome,
    };
    Ok((found, words))
}

fn inbound_row((mut row, (state, class, verdicts)): RawRow) -> Result<InboundRow, Fault> {
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
    if !verdicts.is_empty() {
        let read: serde_json::Value = serde_json::from_str(&verdicts)
            .map_err(|error| Fault::corrupt(format!("verdicts that are no JSON: {error}")))?;
        let items = read.as_array().into_iter().flatten();
        row.outcome.verdicts = items.map(ActionVerdict::read).collect();
    }
    Ok(row)
}

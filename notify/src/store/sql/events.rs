//! The event queue.
//!
//! An event has the fields that its record had at that moment. Those of a record that was just inserted are not written twice:
//! the event gets fields of its own once the record changes ([`keep_fields`]).

use super::column;
use super::connection::{Connection, OptionalExtension, Row, SqlError, SqlResult};
use super::fault::Fault;
use super::records::{self, RawRecord};
use crate::event::{Event, EventId, EventKind, NewEvent};
use crate::record::{Fields, RecordKey};
use crate::store::EventFilter;
use rusqlite::params;

const COLUMNS: &str = "event.id, event.created, event.name, event.kind, event.table_name, event.record_id, event.parm1,
    event.parm2, event.actor, event.idem_key, event.due_at, event.unanswered";

const FIELDS: &str =
    "event_fields.current, event_fields.previous, record.fields, record.created, record.updated";

/// Events, each with its own fields or with the record that still has them.
const WHOLE: &str = "event LEFT JOIN event_fields ON event_fields.id = event.id
    LEFT JOIN record ON event_fields.id IS NULL AND event.kind = 'inserted' AND record.fresh = 1
      AND record.table_name = event.table_name AND record.id = event.record_id";

const DUE: &str =
    "WHERE event.state = 'ready' AND event.due_at <= ?1 ORDER BY event.due_at, event.id LIMIT ?2";

/// Along the key, so that the pages of a list follow each other.
pub(super) const PAST: &str = "SELECT id FROM event
    WHERE id > ?1 AND +created >= ?2 AND +created < ?3 AND +state <> 'ready' ORDER BY id LIMIT ?4";

/// Queues an event. One whose key is there already gives the first one's id.
pub(super) fn queue(c: &dyn Connection, now: i64, event: &NewEvent) -> Result<EventId, Fault> {
    let id = match enter(c, now, event)? {
        Entered::Before(id) => return Ok(id),
        Entered::Now(id) => id,
    };
    let mut fields =
        c.prepare_cached("INSERT INTO event_fields (id, current, previous) VALUES (?1, ?2, ?3)")?;
    let (current, previous) = (
        column::json(&event.current)?,
        column::json(&event.previous)?,
    );
    fields.execute(params![id, current, previous])?;
    Ok(id)
}

/// Queues the event of a record that was just inserted, which has its fields.
pub(super) fn queue_inserted(
    c: &dyn Connection,
    now: i64,
    event: &NewEvent,
) -> Result<EventId, Fault> {
    let (Entered::Now(id) | Entered::Before(id)) = enter(c, now, event)?;
    Ok(id)
}

/// Notes that whoever caused the events is not told by them.
pub(super) fn leave_unanswered(c: &dyn Connection, ids: &[EventId]) -> Result<(), Fault> {
    let mut update = c.prepare_cached("UPDATE event SET unanswered = 1 WHERE id = ?1")?;
    for id in ids {
        update.execute([id])?;
    }
    Ok(())
}

/// Gives the event of a record that was inserted and now changes fields of its own.
pub(super) fn keep_fields(
    c: &dyn Connection,
    key: &RecordKey,
    fields: &Fields,
) -> Result<(), Fault> {
    let mut insert = c.prepare_cached(
        "INSERT INTO event_fields (id, current, previous)
         SELECT id, ?3, '{}' FROM event WHERE table_name = ?1 AND record_id = ?2 AND kind = 'inserted' ORDER BY id LIMIT 1",
    )?;
    insert.execute(params![key.table, key.id, column::json(fields)?])?;
    Ok(())
}

/// The row of an event.
enum Entered {
    Now(EventId),
    /// Its key was there already.
    Before(EventId),
}

fn enter(c: &dyn Connection, now: i64, event: &NewEvent) -> Result<Entered, Fault> {
    if let Some(key) = &event.idempotency_key {
        let mut select = c.prepare_cached("SELECT id FROM event WHERE idem_key = ?1")?;
        if let Some(id) = select.query_row([key], |row| row.get(0)).optional()? {
            return Ok(Entered::Before(id));
        }
    }
    let mut insert = c.prepare_cached(
        "INSERT INTO event (name, kind, table_name, record_id, parm1, parm2, actor, idem_key, created, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let id = insert.insert(params![
        event.name,
        kind_name(event.kind),
        event.record.as_ref().map(|key| &key.table),
        event.record.as_ref().map(|key| &key.id),
        event.parm1,
        event.parm2,
        event.actor,
        event.idempotency_key,
        now,
        event.due.map_or(0, column::nanos),
    ])?;
    Ok(Entered::Now(id.ok_or(SqlError::NoRow)?))
}

/// The events that are due, as far as they can be read.
#[derive(Default)]
pub(super) struct Due {
    pub(super) events: Vec<Event>,
    /// Rows that another program, another version or a sick disk has spoilt, and what is wrong with each.
    pub(super) unreadable: Vec<(EventId, String)>,
}

/// The events that are due. Where nobody hears any of them, their fields, which are most of them, are not read at all.
pub(super) fn due(
    c: &dyn Connection,
    now: i64,
    limit: usize,
    heard: &dyn Fn(&Event) -> bool,
) -> Result<Due, Fault> {
    let heads = read_due(c, &due_heads_sql(), now, limit, &|_| false)?;
    if heads.events.iter().any(heard) {
        return read_due(c, &due_sql(), now, limit, heard);
    }
    Ok(heads)
}

fn read_due(
    c: &dyn Connection,
    sql: &str,
    now: i64,
    limit: usize,
    heard: &dyn Fn(&Event) -> bool,
) -> Result<Due, Fault> {
    let mut select = c.prepare_cached(sql)?;
    let rows = select.query_map([now, column::limit(limit)], |row| {
        let id: EventId = row.get(0)?;
        // What is wrong with the columns of one row is no error of the query.
        Ok((id, due_event(row, heard)))
    })?;
    let mut due = Due::default();
    for row in rows {
        match row? {
            (_, Ok(event)) => due.events.push(event),
            (id, Err(fault)) => {
                let why = fault.while_doing("read the event").to_string();
                due.unreadable.push((id, why));
            }
        }
    }
    Ok(due)
}

fn due_event(row: &Row<'_>, heard: &dyn Fn(&Event) -> bool) -> Result<Event, Fault> {
    let (mut event, kind) = head(row)?;
    event.what.kind = kind_of(&kind)?;
    if heard(&event) {
        let fields = RawFields::read(row, event.what.record.as_ref())?;
        event.what.current = fields.current()?;
        event.what.previous = fields.previous()?;
    }
    Ok(event)
}

/// Settles events that cannot be read, so that they hold up no others.
pub(super) fn set_aside(c: &dyn Connection, unreadable: &[(EventId, String)]) -> Result<(), Fault> {
    let mut update = c.prepare_cached(
        "UPDATE event SET state = 'error', error = ?2 WHERE id = ?1 AND state = 'ready'",
    )?;
    for (id, why) in unreadable {
        update.execute(params![id, why])?;
    }
    Ok(())
}

pub(super) fn due_sql() -> String {
    format!("SELECT {COLUMNS}, {FIELDS} FROM {WHOLE} {DUE}")
}

pub(super) fn due_heads_sql() -> String {
    format!("SELECT {COLUMNS} FROM event {DUE}")
}

/// The events about a record, oldest first.
pub(super) fn about(c: &dyn Connection, key: &RecordKey) -> Result<Vec<EventId>, Fault> {
    let mut select = c.prepare_cached(
        "SELECT id FROM event WHERE table_name = ?1 AND record_id = ?2 ORDER BY id",
    )?;
    let ids = select.query_map([&key.table, &key.id], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Events that are settled, oldest first.
pub(super) fn past(c: &dyn Connection, filter: &EventFilter) -> Result<Vec<EventId>, Fault> {
    let mut select = c.prepare_cached(PAST)?;
    let since = filter.since.map_or(i64::MIN, column::nanos);
    let until = filter.until.map_or(i64::MAX, column::nanos);
    let limit = column::limit(filter.limit);
    let ids = select.query_map(params![filter.after, since, until, limit], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// An event with its state and its error. What cannot be read of it is left empty.
pub(super) fn one(
    c: &dyn Connection,
    id: EventId,
) -> Result<Option<(Event, String, Option<String>)>, Fault> {
    let mut select = c.prepare_cached(&format!(
        "SELECT {COLUMNS}, {FIELDS}, event.state, event.error FROM {WHOLE} WHERE event.id = ?1"
    ))?;
    let row = select.query_row([id], |row| {
        let (event, kind) = head(row)?;
        let fields = RawFields::read(row, event.what.record.as_ref())?;
        Ok((event, kind, fields, row.get(17)?, row.get(18)?))
    });
    let Some((mut event, kind, fields, state, error)) = row.optional()? else {
        return Ok(None);
    };
    event.what.kind = kind_of(&kind).unwrap_or(EventKind::Fired);
    event.what.current = fields.current().unwrap_or_default();
    event.what.previous = fields.previous().unwrap_or_default();
    Ok(Some((event, state, error)))
}

/// The fields of an event whose JSON is not read yet.
enum RawFields {
    Own { current: String, previous: String },
    OfRecord(RawRecord),
    Nowhere,
}

impl RawFields {
    fn read(row: &Row<'_>, key: Option<&RecordKey>) -> SqlResult<Self> {
        if let Some(current) = row.get(12)? {
            let previous = row.get(13)?;
            return Ok(Self::Own { current, previous });
        }
        Ok(match (key, row.get(14)?) {
            (Some(key), Some(fields)) => {
                Self::OfRecord((key.clone(), fields, row.get(15)?, row.get(16)?))
            }
            _ => Self::Nowhere,
        })
    }

    fn current(&self) -> Result<Fields, Fault> {
        match self {
            Self::Own { current, .. } => column::fields(current),
            Self::OfRecord(record) => Ok(records::record(record)?.whole()),
            Self::Nowhere => Err(Fault::corrupt("an event without fields".to_owned())),
        }
    }

    fn previous(&self) -> Result<Fields, Fault> {
        match self {
            Self::Own { previous, .. } => column::fields(previous),
            Self::OfRecord(_) | Self::Nowhere => Ok(Fields::new()),
        }
    }
}

/// An event without its fields, and the word for its kind.
fn head(row: &Row<'_>) -> SqlResult<(Event, String)> {
    let event = Event {
        id: row.get(0)?,
        created: column::moment(row.get(1)?),
        unanswered: row.get::<i64>(11)? != 0,
        what: NewEvent {
            name: row.get(2)?,
            kind: EventKind::Fired,
            record: column::key(row.get(4)?, row.get(5)?),
            parm1: row.get(6)?,
            parm2: row.get(7)?,
            actor: row.get(8)?,
            current: Fields::new(),
            previous: Fields::new(),
            idempotency_key: row.get(9)?,
            due: column::unless_zero(row.get(10)?),
        },
    };
    Ok((event, row.get(3)?))
}

fn kind_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Inserted => "inserted",
        EventKind::Updated => "updated",
        EventKind::Fired => "fired",
    }
}

fn kind_of(word: &str) -> Result<EventKind, Fault> {
    [EventKind::Inserted, EventKind::Updated, EventKind::Fired]
        .into_iter()
        .find(|kind| kind_name(*kind) == word)
        .ok_or_else(|| Fault::corrupt(format!("an event of the kind {word:?}")))
}

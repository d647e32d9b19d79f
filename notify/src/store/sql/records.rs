//! Records and their journals.

use super::column;
use super::connection::{Connection, OptionalExtension, Row, SqlResult};
use super::events;
use super::fault::Fault;
use crate::record::{Change, Fields, JournalEntry, NewId, Record, RecordKey};
use crate::schema::Numbering;
use crate::store::{Readable, StoreError};
use rusqlite::params;
use serde_json::Value;
use std::borrow::Cow;

/// Fields that have an index, because looking up people must not read a whole table.
pub(super) const INDEXED: [(&str, &str); 6] = [
    ("user", "email"),
    ("group_member", "group"),
    ("group_member", "user"),
    ("notification_subscription", "notification"),
    ("notification_preference", "address"),
    ("notification_device", "email"),
];

/// The indexes of PostgreSQL hold so many letters of a field.
const LONGEST_INDEXED: usize = 600;

/// The condition stands here as it stands in the definition of the index, or it could not be used.
pub(super) const PERSONAL: &str =
    "SELECT table_name, id, fields, created, updated FROM record INDEXED BY record_personal
    WHERE (table_name IN ('notification_preference','notification_device') OR table_name = 'user_delegate')
      AND json_extract(fields, '$.user') = ?1";

/// The first number that a table draws, as people expect it: `INC0010001`. A table of few digits begins at 1.
const FIRST_NUMBER: i64 = 10_001;

pub(super) fn one(c: &dyn Connection, key: &RecordKey) -> Result<Option<Record>, Fault> {
    let mut select = c.prepare_cached(
        "SELECT table_name, id, fields, created, updated FROM record WHERE table_name = ?1 AND id = ?2",
    )?;
    let row = select.query_row([&key.table, &key.id], raw_record);
    row.optional()?.as_ref().map(record).transpose()
}

const ALL: &str =
    "SELECT table_name, id, fields, created, updated FROM record WHERE table_name = ?1 ORDER BY id";

pub(super) fn all(c: &dyn Connection, table: &str) -> Result<Vec<Record>, Fault> {
    let mut select = c.prepare_cached(ALL)?;
    let rows = select.query_map([table], raw_record)?;
    rows.map(|row| record(&row?)).collect()
}

pub(super) fn readable(c: &dyn Connection, table: &str) -> Result<Readable, Fault> {
    let mut select = c.prepare_cached(ALL)?;
    let rows = select.query_map([table], |row| {
        let key = RecordKey::new(row.get::<String>(0)?, row.get::<String>(1)?);
        // What is wrong with the columns of one row is no error of the query.
        Ok((key, raw_record(row)))
    })?;
    let mut found = Readable::default();
    for row in rows {
        let (key, raw) = row?;
        match raw.map_err(Fault::from).and_then(|raw| record(&raw)) {
            Ok(record) => found.records.push(record),
            Err(fault) => {
                let why = fault.while_doing("read the record").to_string();
                found.spoilt.push((key, why));
            }
        }
    }
    Ok(found)
}

/// What a user has said about being told.
pub(super) fn personal(c: &dyn Connection, user: &str) -> Result<Vec<Record>, Fault> {
    let mut rows = indexed(c, PERSONAL, user)?;
    rows.retain(|row| row.fields.get("user").and_then(Value::as_str) == Some(user));
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(rows)
}

/// What an index finds under a value: more than has it, where the index holds but the beginning of a field.
fn indexed(c: &dyn Connection, sql: &str, value: &str) -> Result<Vec<Record>, Fault> {
    let beginning = value.char_indices().nth(LONGEST_INDEXED);
    let beginning = beginning.and_then(|(end, _)| value.get(..end));
    let mut select = c.prepare_cached(sql)?;
    let mut found = Vec::new();
    for key in std::iter::once(value).chain(beginning) {
        for row in select.query_map([key], raw_record)? {
            found.push(record(&row?)?);
        }
    }
    Ok(found)
}

pub(super) fn having(
    c: &dyn Connection,
    table: &str,
    field: &str,
    value: &str,
) -> Result<Vec<Record>, Fault> {
    let rows = if INDEXED.contains(&(table, field)) {
        let look_up = indexed_look_up(table, field);
        indexed(c, &look_up, &value.to_ascii_lowercase())?
    } else {
        all(c, table)?
    };
    let found = |record: &Record| record.fields.get(field).is_some_and(|v| equal(v, value));
    Ok(rows.into_iter().filter(found).collect())
}

/// The table and the expression stand here as they stand in the definition of the index, or it could not be used.
pub(super) fn indexed_look_up(table: &str, field: &str) -> String {
    format!(
        "SELECT table_name, id, fields, created, updated FROM record INDEXED BY {table}_{field}
         WHERE table_name = '{table}' AND lower(json_extract(fields, '$.{field}')) = ?1 ORDER BY id"
    )
}

fn equal(value: &Value, text: &str) -> bool {
    match value {
        Value::String(s) => s.eq_ignore_ascii_case(text),
        Value::Array(items) => items.iter().any(|item| equal(item, text)),
        Value::Null | Value::Object(_) => false,
        other => other.to_string().eq_ignore_ascii_case(text),
    }
}

pub(super) fn journal(c: &dyn Connection, key: &RecordKey) -> Result<Vec<JournalEntry>, Fault> {
    let mut select = c.prepare_cached(
        "SELECT field, text, author, created FROM journal
         WHERE table_name = ?1 AND record_id = ?2 ORDER BY id",
    )?;
    let rows = select.query_map([&key.table, &key.id], |row| {
        Ok(JournalEntry {
            record: key.clone(),
            field: row.get(0)?,
            text: row.get(1)?,
            author: row.get(2)?,
            created: column::moment(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A record before and after a change, as its event will carry it.
pub(super) struct Changed {
    pub(super) key: RecordKey,
    pub(super) actor: String,
    /// Empty for an insert.
    pub(super) previous: Fields,
    /// With the journal entries just made. Empty if nobody needs it.
    pub(super) current: Fields,
    pub(super) what: Effect,
    /// True if the record has just the fields that its event is about.
    pub(super) fresh: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Inserted,
    Updated,
    Nothing,
}

/// Makes a change. What an inserted record has is told only if it is `needed`, or if its event has to carry it.
pub(super) fn change(
    c: &dyn Connection,
    now: i64,
    change: &Change,
    needed: bool,
) -> Result<Changed, Fault> {
    match change {
        Change::Insert {
            table,
            id,
            fields,
            journal,
            actor,
        } => {
            let key = match id {
                NewId::Given(id) => RecordKey::new(table, id),
                NewId::Numbered(numbering) => draw(c, table, numbering)?,
            };
            // The entries of a journal are in its event, and not in the record.
            let fresh = journal.is_empty();
            let fields = set(fields);
            insert(c, now, &key, &fields, fresh)?;
            append(c, now, &key, journal, actor)?;
            let current = match fresh && !needed {
                true => Fields::new(),
                false => with_journal(new(&key, now, &fields).whole(), journal),
            };
            Ok(Changed {
                fresh,
                current,
                previous: Fields::new(),
                key,
                actor: actor.clone(),
                what: Effect::Inserted,
            })
        }
        Change::Update {
            key,
            fields,
            journal,
            actor,
        } => {
            let before = one(c, key)?.ok_or_else(|| StoreError::NoRecord(key.clone()))?;
            let mut after = before.clone();
            overlay(&mut after.fields, fields);
            let what = if after.fields == before.fields && journal.is_empty() {
                Effect::Nothing
            } else {
                after.updated = column::moment(now);
                keep(c, &before)?;
                update(c, &after)?;
                append(c, now, key, journal, actor)?;
                Effect::Updated
            };
            Ok(Changed {
                fresh: false,
                current: with_journal(after.whole(), journal),
                previous: before.whole(),
                key: before.key,
                actor: actor.clone(),
                what,
            })
        }
    }
}

/// Before a record changes, and is fresh no more: the event of its insertion gets the fields for itself that it has from it.
fn keep(c: &dyn Connection, record: &Record) -> Result<(), Fault> {
    let mut select = c.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM record WHERE table_name = ?1 AND id = ?2 AND fresh = 1)",
    )?;
    let key = [&record.key.table, &record.key.id];
    let is_fresh: bool = select.query_row(key, |row| row.get(0))?;
    if is_fresh {
        events::keep_fields(c, &record.key, &record.whole())?;
    }
    Ok(())
}

fn insert(
    c: &dyn Connection,
    now: i64,
    key: &RecordKey,
    fields: &Fields,
    fresh: bool,
) -> Result<(), Fault> {
    let mut insert = c.prepare_cached(
        "INSERT INTO record (table_name, id, fields, created, updated, fresh) VALUES (?1, ?2, ?3, ?4, ?4, ?5)
         ON CONFLICT DO NOTHING",
    )?;
    let json = column::json(fields)?;
    if insert.execute(params![key.table, key.id, json, now, i64::from(fresh)])? == 0 {
        return Err(StoreError::RecordExists(key.clone()).into());
    }
    Ok(())
}

fn new(key: &RecordKey, now: i64, fields: &Fields) -> Record {
    Record {
        key: key.clone(),
        fields: fields.clone(),
        created: column::moment(now),
        updated: column::moment(now),
    }
}

fn update(c: &dyn Connection, record: &Record) -> Result<(), Fault> {
    let mut update = c.prepare_cached(
        "UPDATE record SET fields = ?3, updated = ?4, fresh = 0 WHERE table_name = ?1 AND id = ?2",
    )?;
    let updated = column::nanos(record.updated);
    let json = column::json(&record.fields)?;
    update.execute(params![record.key.table, record.key.id, json, updated])?;
    Ok(())
}

/// Writes records as they were elsewhere, over what is there.
pub(super) fn restore(
    c: &dyn Connection,
    records: &[(Record, Vec<JournalEntry>)],
) -> Result<(), Fault> {
    let mut replace = c.prepare_cached(
        "INSERT INTO record (table_name, id, fields, created, updated) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (table_name, id) DO UPDATE SET fields = excluded.fields, created = excluded.created,
                                                    updated = excluded.updated, fresh = 0",
    )?;
    let mut clear =
        c.prepare_cached("DELETE FROM journal WHERE table_name = ?1 AND record_id = ?2")?;
    for (record, journal) in records {
        let key = &record.key;
        if let Some(before) = one(c, key)? {
            keep(c, &before)?;
        }
        let (created, updated) = (column::nanos(record.created), column::nanos(record.updated));
        let json = column::json(&record.fields)?;
        replace.execute(params![key.table, key.id, json, created, updated])?;
        clear.execute([&key.table, &key.id])?;
        for entry in journal {
            let text = [(entry.field.clone(), entry.text.clone())];
            append(c, column::nanos(entry.created), key, &text, &entry.author)?;
        }
    }
    Ok(())
}

/// The values that are set: `null` is none.
fn set(values: &Fields) -> Cow<'_, Fields> {
    if !values.values().any(Value::is_null) {
        return Cow::Borrowed(values);
    }
    let mut fields = Fields::new();
    overlay(&mut fields, values);
    Cow::Owned(fields)
}

/// Sets values; `null` removes one.
fn overlay(fields: &mut Fields, values: &Fields) {
    for (name, value) in values {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
}

fn append(
    c: &dyn Connection,
    now: i64,
    key: &RecordKey,
    journal: &[(String, String)],
    actor: &str,
) -> Result<(), Fault> {
    let mut insert = c.prepare_cached(
        "INSERT INTO journal (table_name, record_id, field, text, author, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (field, text) in journal {
        insert.execute(params![key.table, key.id, field, text, actor, now])?;
    }
    Ok(())
}

/// The entries just made stand under their fields' names; two in one field have an empty line between them.
fn with_journal(mut fields: Fields, journal: &[(String, String)]) -> Fields {
    for (field, text) in journal {
        let text = match fields.get(field).and_then(Value::as_str) {
            Some(earlier) => format!("{earlier}\n\n{text}"),
            None => text.clone(),
        };
        fields.insert(field.clone(), text.into());
    }
    fields
}

/// The next number of a table that no record has.
fn draw(c: &dyn Connection, table: &str, numbering: &Numbering) -> Result<RecordKey, Fault> {
    let digits = numbering.digits;
    let first = if digits < 5 { 1 } else { FIRST_NUMBER };
    let mut next = c.prepare_cached(
        "INSERT INTO numbering (table_name, last) VALUES (?1, ?2)
         ON CONFLICT (table_name) DO UPDATE SET last = numbering.last + 1 RETURNING last",
    )?;
    let mut taken =
        c.prepare_cached("SELECT EXISTS (SELECT 1 FROM record WHERE table_name = ?1 AND id = ?2)")?;
    loop {
        let number: i64 = next.query_row(params![table, first], |row| row.get(0))?;
        let key = RecordKey::new(table, format!("{}{number:0digits$}", numbering.prefix));
        if !taken.query_row([&key.table, &key.id], |row| row.get::<bool>(0))? {
            return Ok(key);
        }
    }
}

/// A record whose JSON is not read yet: key, fields, created, updated.
pub(super) type RawRecord = (RecordKey, String, i64, i64);

fn raw_record(row: &Row<'_>) -> SqlResult<RawRecord> {
    let key = RecordKey::new(row.get::<String>(0)?, row.get::<String>(1)?);
    Ok((key, row.get(2)?, row.get(3)?, row.get(4)?))
}

pub(super) fn record((key, json, created, updated): &RawRecord) -> Result<Record, Fault> {
    Ok(Record {
        key: key.clone(),
        fields: column::fields(json)?,
        created: column::moment(*created),
        updated: column::moment(*updated),
    })
}

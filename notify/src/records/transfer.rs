//! Records as JSON lines: out of one store, into another.
//!
//! ```text
//! {"table":"user","id":"ada","fields":{"name":"Ada"},"created":"2026-03-01T09:30:00Z","updated":"2026-03-01T09:30:00Z"}
//! ```
//! `created` and `updated` may be left out, and so may `journal`: entries of `field`, `text`, `author` and `created`.

use super::{RecordError, Records, check_id};
use crate::record::{Fields, JournalEntry, Record, RecordKey};
use crate::schema::{FieldKind, Table};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::io::{BufRead, Write};

/// One record, as one line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    table: String,
    id: String,
    fields: Fields,
    created: Option<String>,
    updated: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    journal: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    field: String,
    text: String,
    author: String,
    created: Option<String>,
}

impl Records {
    /// Writes all records of the schema's tables, one a line. Gives how many.
    pub fn export(&self, out: &mut dyn Write) -> Result<usize, RecordError> {
        let mut written = 0;
        for table in self.schema.tables.values() {
            for record in self.store.records(&table.name)? {
                let line = self.line(table, record)?;
                serde_json::to_writer(&mut *out, &line)
                    .map_err(|error| RecordError::Io(error.into()))?;
                out.write_all(b"\n")?;
                written += 1;
            }
        }
        Ok(written)
    }

    /// Reads what [`export`](Self::export) wrote: all of it in one transaction, or nothing. Gives how many.
    ///
    /// Records that are there already are replaced. Values are typed by the schema, and references must lead to a record
    /// that is there or comes along. No event is queued. What has no times of its own gets `now`.
    pub fn import(&self, input: &mut dyn BufRead, now: Timestamp) -> Result<usize, RecordError> {
        let mut records = Vec::new();
        for (n, line) in input.lines().enumerate() {
            let line = line?;
            if !line.trim().is_empty() {
                let at_line = |error| at_line(n + 1, error);
                records.push((n + 1, self.read_line(&line, now).map_err(at_line)?));
            }
        }
        let keys = records.iter().map(|(_, (record, _))| &record.key);
        let coming: HashSet<&RecordKey> = keys.collect();
        for (n, (record, _)) in &records {
            let there = |key: &RecordKey| coming.contains(key);
            self.table(&record.key.table)
                .and_then(|table| self.references_exist(table, &record.fields, there))
                .map_err(|error| at_line(*n, error))?;
        }
        let records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
        self.store.restore(&records)?;
        Ok(records.len())
    }

    fn line(&self, table: &Table, record: Record) -> Result<Line, RecordError> {
        let has_journal = table.fields.values().any(|f| f.kind == FieldKind::Journal);
        let journal = if has_journal {
            self.store.journal(&record.key)?
        } else {
            Vec::new()
        };
        let entry = |entry: JournalEntry| Entry {
            field: entry.field,
            text: entry.text,
            author: entry.author,
            created: Some(entry.created.to_string()),
        };
        Ok(Line {
            table: record.key.table,
            id: record.key.id,
            fields: record.fields,
            created: Some(record.created.to_string()),
            updated: Some(record.updated.to_string()),
            journal: journal.into_iter().map(entry).collect(),
        })
    }

    fn read_line(
        &self,
        line: &str,
        now: Timestamp,
    ) -> Result<(Record, Vec<JournalEntry>), RecordError> {
        let line: Line = serde_json::from_str(line)
            .map_err(|error| RecordError::NotARecord(error.to_string()))?;
        let table = self.table(&line.table)?;
        let (mut fields, entries) = table.typed(&line.fields)?;
        fields.retain(|_, value: &mut Value| !value.is_null());
        if let Some((field, _)) = entries.first() {
            let what = format!("`{field}` is a journal, its entries stand under \"journal\"");
            return Err(RecordError::NotARecord(what));
        }
        let key = RecordKey::new(line.table, check_id(line.id)?);
        let created = moment(line.created.as_deref())?.unwrap_or(now);
        let record = Record {
            key: key.clone(),
            fields,
            created,
            updated: moment(line.updated.as_deref())?.unwrap_or(created),
        };
        let entry = |entry: Entry| journal_entry(table, &key, entry, created);
        let journal = line
            .journal
            .into_iter()
            .map(entry)
            .collect::<Result<_, _>>()?;
        Ok((record, journal))
    }
}

fn journal_entry(
    table: &Table,
    key: &RecordKey,
    entry: Entry,
    created: Timestamp,
) -> Result<JournalEntry, RecordError> {
    let kind = table.fields.get(&entry.field).map(|field| &field.kind);
    if kind != Some(&FieldKind::Journal) {
        let what = format!("`{}` is not a journal of {}", entry.field, table.name);
        return Err(RecordError::NotARecord(what));
    }
    Ok(JournalEntry {
        record: key.clone(),
        field: entry.field,
        text: entry.text,
        author: entry.author,
        created: moment(entry.created.as_deref())?.unwrap_or(created),
    })
}

fn moment(text: Option<&str>) -> Result<Option<Timestamp>, RecordError> {
    let parse = |text: &str| {
        let wrong = |_| RecordError::NotARecord(format!("{text:?} is not a date and time"));
        text.parse().map_err(wrong)
    };
    text.map(parse).transpose()
}

fn at_line(line: usize, error: RecordError) -> RecordError {
    RecordError::Line {
        line,
        error: Box::new(error),
    }
}

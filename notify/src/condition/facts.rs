//! What a query is asked about, and how the values are had from it.

use crate::directory::Directory;
use crate::event::EventKind;
use crate::record::{Fields, RecordKey};
use crate::schema::{FieldKind, Schema};
use crate::store::StoreError;
use crate::walk::{Start, is_id, walk};
use jiff::Timestamp;
use serde_json::Value;

/// What a query is asked about.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The schema that the query was read with.
    pub schema: &'a Schema,
    /// Where references lead.
    pub directory: &'a dyn Directory,
    /// The table of the record.
    pub table: &'a str,
    /// Its id, if it has one.
    pub id: Option<&'a str>,
    /// Its fields.
    pub current: &'a Fields,
    /// Its fields before the change.
    pub previous: &'a Fields,
    /// What happened: nothing changes where an event was fired.
    pub kind: EventKind,
    /// Now.
    pub now: Timestamp,
}

impl Facts<'_> {
    pub(super) fn walk(&self, fields: &Fields, path: &str) -> Result<Option<Value>, StoreError> {
        let start = Start {
            table: self.table,
            id: self.id,
            fields,
        };
        walk(self.schema, self.directory, start, path)
    }

    /// Whether the event gave the field another value, and the value before; `None` if it changes nothing at all.
    pub(super) fn change(
        &self,
        path: &str,
        kind: &FieldKind,
        value: Option<&Value>,
    ) -> (Option<bool>, Option<Value>) {
        let before = set(self.previous.get(path).cloned());
        let known = self.schema.tables.get(self.table);
        if self.kind == EventKind::Updated && known.is_some_and(|table| is_id(table, path)) {
            return (Some(false), before);
        }
        (changed(self.kind, kind, before.as_ref(), value), before)
    }

    /// The texts that a value is looked for in: of a reference its display value, of a list each id.
    pub(super) fn texts(
        &self,
        kind: &FieldKind,
        value: Option<&Value>,
    ) -> Result<Vec<String>, StoreError> {
        let Some(value) = value else {
            return Ok(Vec::new());
        };
        Ok(match (kind, value) {
            (FieldKind::List(_), Value::Array(items)) => items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            (FieldKind::Reference(table), Value::String(id)) => {
                vec![display_value(self.schema, self.directory, table, id)?]
            }
            (_, Value::String(text)) => vec![text.clone()],
            (_, other) => vec![other.to_string()],
        })
    }
}

/// What people see of a record: its display field, else its id.
pub(super) fn display_value(
    schema: &Schema,
    directory: &dyn Directory,
    table: &str,
    id: &str,
) -> Result<String, StoreError> {
    let display = schema.tables.get(table).and_then(|t| t.display.as_deref());
    let Some(display) = display else {
        return Ok(id.to_owned());
    };
    let record = directory.record(&RecordKey::new(table, id))?;
    let text = record
        .as_ref()
        .and_then(|fields| fields.get(display)?.as_str());
    Ok(text.unwrap_or(id).to_owned())
}

/// Whether an event of this kind gave a field another value; `None` if it changes no record.
pub(crate) fn changed(
    event: EventKind,
    field: &FieldKind,
    before: Option<&Value>,
    now: Option<&Value>,
) -> Option<bool> {
    match (event, field) {
        (EventKind::Fired, _) => None,
        // The record holds a journal entry only while it is made.
        (EventKind::Inserted, _) | (_, FieldKind::Journal) => Some(now.is_some()),
        (EventKind::Updated, _) => Some(now != before),
    }
}

/// `None` for what counts as empty.
pub(crate) fn set(value: Option<Value>) -> Option<Value> {
    value.filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    })
}

/// A value in a sentence, cut where it gets long.
pub(super) fn shown(value: Option<&Value>) -> String {
    const MOST: usize = 60;
    let Some(value) = value else {
        return "empty".into();
    };
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

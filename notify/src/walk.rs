//! Dot-walking: `assigned_to.manager.email`, checked against the schema when the configuration is loaded,
//! followed through the directory when an event is processed.
//!
//! Besides the fields of its table every record has `id`, `number` (another name for it), `created` and `updated`.

use crate::directory::Directory;
use crate::record::{Fields, RecordKey};
use crate::schema::{FieldKind, Schema, Table};
use crate::store::StoreError;
use crate::suggest::nearest;
use serde_json::Value;
use std::fmt;

/// References followed in one path.
pub const MAX_STEPS: usize = 8;

/// A path that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// Where in the path the faulty step begins, in octets.
    pub offset: usize,
    /// Octets of the faulty step.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What a path leads to: the kind of its last field, and the table that has it.
pub fn resolve<'s>(
    schema: &'s Schema,
    table: &'s str,
    path: &str,
) -> Result<(FieldKind, &'s str), PathError> {
    let mut at = table;
    let mut offset = 0;
    let steps = path.split('.').count();
    for (n, step) in path.split('.').enumerate() {
        let fail = |message: String, suggestion: Option<String>| PathError {
            offset,
            len: step.len(),
            message,
            suggestion,
        };
        if n == MAX_STEPS {
            let message = format!("a path has at most {MAX_STEPS} steps");
            return Err(fail(message, None));
        }
        let Some(known) = schema.tables.get(at) else {
            return Err(fail(format!("there is no table `{at}`"), None));
        };
        let Some(kind) = kind_of(known, step) else {
            let hint = nearest(step, field_names(known)).map(str::to_owned);
            return Err(fail(
                format!("the table `{at}` has no field `{step}`"),
                hint,
            ));
        };
        if n + 1 == steps {
            return Ok((kind, at));
        }
        at = match known.fields.get(step).map(|field| &field.kind) {
            Some(FieldKind::Reference(to)) => to,
            _ => {
                let message = format!("`{step}` is {}, so no `.` can follow it", describe(&kind));
                return Err(fail(message, None));
            }
        };
        offset += step.len() + 1;
    }
    Err(PathError {
        offset,
        len: 0,
        message: "the path is empty".into(),
        suggestion: None,
    })
}

/// The fields that every record has without being told, unless its table has one of the same name.
const IMPLICIT: [(&str, FieldKind); 4] = [
    ("id", FieldKind::String),
    ("number", FieldKind::String),
    ("created", FieldKind::DateTime),
    ("updated", FieldKind::DateTime),
];

/// The kind of a field of a table, implicit ones included.
pub fn kind_of(table: &Table, name: &str) -> Option<FieldKind> {
    let implicit = || IMPLICIT.into_iter().find(|(implicit, _)| *implicit == name);
    match table.fields.get(name) {
        Some(field) => Some(field.kind.clone()),
        None => implicit().map(|(_, kind)| kind),
    }
}

/// True if the name stands for the record's id.
pub fn is_id(table: &Table, name: &str) -> bool {
    !table.fields.contains_key(name) && matches!(name, "id" | "number")
}

/// All names that may be written after a record of this table.
pub fn field_names(table: &Table) -> impl Iterator<Item = &str> {
    let own = table.fields.keys().map(String::as_str);
    let implicit = IMPLICIT.iter().map(|(name, _)| *name);
    own.chain(implicit.filter(|name| !table.fields.contains_key(*name)))
}

/// The kind in words: `a reference to user`.
pub fn describe(kind: &FieldKind) -> String {
    match kind {
        FieldKind::String => "text".into(),
        FieldKind::Integer => "a whole number".into(),
        FieldKind::Decimal => "a number".into(),
        FieldKind::Boolean => "true or false".into(),
        FieldKind::DateTime => "a date and time".into(),
        FieldKind::Date => "a date".into(),
        FieldKind::Reference(table) => format!("a reference to {table}"),
        FieldKind::List(table) => format!("a list of {table}"),
        FieldKind::Journal => "a journal".into(),
    }
}

/// Where a walk begins.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The table of the record.
    pub table: &'a str,
    /// Its id, as far as it has one.
    pub id: Option<&'a str>,
    /// Its fields.
    pub fields: &'a Fields,
}

/// Follows a path. `None` where a field is unset, or a reference leads to no record.
pub fn walk(
    schema: &Schema,
    directory: &dyn Directory,
    start: Start<'_>,
    path: &str,
) -> Result<Option<Value>, StoreError> {
    let mut steps = path.split('.');
    let first = steps.next().unwrap_or_default();
    let mut table = start.table;
    let mut value = field(schema, table, start.id, start.fields, first);
    let mut step = first;
    for next in steps.take(MAX_STEPS) {
        let reference = schema.tables.get(table).and_then(|t| t.fields.get(step));
        let (Some(FieldKind::Reference(to)), Some(Value::String(id))) =
            (reference.map(|field| &field.kind), &value)
        else {
            return Ok(None);
        };
        let Some(fields) = directory.record(&RecordKey::new(to, id.as_str()))? else {
            return Ok(None);
        };
        value = field(schema, to, Some(id), &fields, next);
        (table, step) = (to, next);
    }
    Ok(value)
}

/// One field of a record; `None` if unset.
pub fn field(
    schema: &Schema,
    table: &str,
    id: Option<&str>,
    fields: &Fields,
    name: &str,
) -> Option<Value> {
    match fields.get(name) {
        Some(Value::Null) | None => {
            let table = schema.tables.get(table)?;
            is_id(table, name).then(|| Some(Value::from(id?)))?
        }
        Some(value) => Some(value.clone()),
    }
}

//! Who has to do with a record: named by one of its fields, in one of its groups, or written to about it.

use super::author::Author;
use crate::record::Record;
use crate::schema::{FieldKind, Schema};
use crate::store::{LogFilter, Store, StoreError};
use serde_json::Value;

/// How the author is involved in the record, in words; `None` if not at all.
///
/// # Errors
/// [`StoreError`] if groups or the log cannot be read.
pub fn involvement(
    store: &dyn Store,
    schema: &Schema,
    record: &Record,
    author: &Author,
) -> Result<Option<String>, StoreError> {
    let Some(table) = schema.tables.get(&record.key.table) else {
        return Ok(None);
    };
    for field in table.fields.values() {
        let Some(value) = record.fields.get(&field.name) else {
            continue;
        };
        if names(&field.kind, value, author) || names_group(store, &field.kind, value, author)? {
            return Ok(Some(format!("field {}", field.name)));
        }
    }
    let written = LogFilter {
        record: Some(record.key.clone()),
        recipient: Some(author.address.clone()),
        limit: 1,
        ..LogFilter::default()
    };
    let written = store.log(&written)?;
    Ok(written
        .first()
        .map(|row| format!("delivery {}", row.delivery)))
}

/// True if the field holds the user, or the bare address.
fn names(kind: &FieldKind, value: &Value, author: &Author) -> bool {
    let is_author = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| author.is(text) || author.user.as_deref() == Some(text))
    };
    match (kind, value) {
        (FieldKind::Reference(table), value) => table == "user" && is_author(value),
        (FieldKind::List(table), Value::Array(items)) => {
            table == "user" && items.iter().any(is_author)
        }
        // A user id in a text field is a word like any other; an address is not.
        (FieldKind::String, Value::String(text)) => author.is(text),
        _ => false,
    }
}

fn names_group(
    store: &dyn Store,
    kind: &FieldKind,
    value: &Value,
    author: &Author,
) -> Result<bool, StoreError> {
    let groups: Vec<&str> = match (kind, value) {
        (FieldKind::Reference(table), Value::String(id)) if table == "group" => vec![id],
        (FieldKind::List(table), Value::Array(ids)) if table == "group" => {
            ids.iter().filter_map(Value::as_str).collect()
        }
        _ => return Ok(false),
    };
    let Some(user) = &author.user else {
        return Ok(false);
    };
    for group in groups {
        let members = store.records_where("group_member", "group", group)?;
        let is_user =
            |member: &Record| member.fields.get("user").and_then(Value::as_str) == Some(user);
        if members.iter().any(is_user) {
            return Ok(true);
        }
    }
    Ok(false)
}

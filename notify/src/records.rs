//! The records service: what comes from people and mails becomes changes that fit the schema.

mod error;
mod transfer;
mod wishes;

pub use error::RecordError;

use crate::directory;
use crate::record::{Change, Fields, NewId, Record, RecordKey};
use crate::schema::{FieldKind, Schema, Table};
use crate::store::{Store, Work};
use crate::walk::{self, Start};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// Octets of an id.
const MAX_ID: usize = 200;

/// Records over a store and a schema: values are typed, references lead somewhere, ids are drawn.
#[derive(Clone)]
pub struct Records {
    store: Arc<dyn Store>,
    schema: Arc<Schema>,
}

/// Values in the types of their fields, and what is written to journal fields: (field, text).
type Typed = (Fields, Vec<(String, String)>);

impl Records {
    /// Records in this store, of these tables.
    pub fn new(store: Arc<dyn Store>, schema: Arc<Schema>) -> Self {
        Self { store, schema }
    }

    /// Inserts a record and queues its event.
    ///
    /// The id may be left out where the table is numbered, and for records that join two things: a `group_member` is named
    /// after its group and user, a `notification_preference` after its user (or address) and notification.
    pub fn insert(
        &self,
        table: &str,
        id: Option<String>,
        fields: &Fields,
        actor: &str,
    ) -> Result<RecordKey, RecordError> {
        let change = self.insert_change(table, id, fields, actor)?;
        self.commit(change)
    }

    /// Sets fields of a record and queues its event; nothing is queued where nothing changes.
    pub fn update(
        &self,
        key: &RecordKey,
        fields: &Fields,
        actor: &str,
    ) -> Result<RecordKey, RecordError> {
        let change = self.update_change(key, fields, actor)?;
        self.commit(change)
    }

    /// The change that [`insert`](Self::insert) makes, for a caller who commits it together with something else.
    pub fn insert_change(
        &self,
        table: &str,
        id: Option<String>,
        fields: &Fields,
        actor: &str,
    ) -> Result<Change, RecordError> {
        let (schema, (fields, journal)) = self.checked(table, fields)?;
        Ok(Change::Insert {
            table: table.to_owned(),
            id: new_id(schema, id, &fields)?,
            fields,
            journal,
            actor: actor.to_owned(),
        })
    }

    /// The change that [`update`](Self::update) makes.
    pub fn update_change(
        &self,
        key: &RecordKey,
        fields: &Fields,
        actor: &str,
    ) -> Result<Change, RecordError> {
        let (_, (fields, journal)) = self.checked(&key.table, fields)?;
        Ok(Change::Update {
            key: key.clone(),
            fields,
            journal,
            actor: actor.to_owned(),
        })
    }

    /// One record.
    pub fn get(&self, key: &RecordKey) -> Result<Option<Record>, RecordError> {
        self.table(&key.table)?;
        Ok(self.store.record(key)?)
    }

    /// Follows a path from a record with these fields through references: `assigned_to.manager.email`.
    /// `None` where a field is unset, or a reference leads to no record. The path is checked against the schema first.
    pub fn walk(
        &self,
        key: &RecordKey,
        fields: &Fields,
        path: &str,
    ) -> Result<Option<Value>, RecordError> {
        walk::resolve(&self.schema, &key.table, path)?;
        let start = Start {
            table: &key.table,
            id: Some(&key.id),
            fields,
        };
        let directory = directory::Stored(Arc::clone(&self.store));
        Ok(walk::walk(&self.schema, &directory, start, path)?)
    }

    /// Whether the values fit the fields of the table, and what they refer to is there.
    pub(crate) fn check(&self, table: &str, fields: &Fields) -> Result<(), RecordError> {
        self.checked(table, fields).map(drop)
    }

    /// The table, and the values in the types of its fields.
    fn checked(&self, table: &str, fields: &Fields) -> Result<(&Table, Typed), RecordError> {
        let schema = self.table(table)?;
        let (fields, journal) = schema.typed(fields)?;
        wishes::check(schema, &fields)?;
        self.references_exist(schema, &fields, |_| false)?;
        Ok((schema, (fields, journal)))
    }

    fn commit(&self, change: Change) -> Result<RecordKey, RecordError> {
        let table = match &change {
            Change::Insert { table, .. } => table.clone(),
            Change::Update { key, .. } => key.table.clone(),
        };
        let work = Work {
            changes: vec![change],
            ..Work::default()
        };
        let committed = self.store.commit(&work)?;
        let key = committed.records.into_iter().next();
        key.ok_or(RecordError::UnknownTable {
            table,
            did_you_mean: None,
        })
    }

    fn table(&self, name: &str) -> Result<&Table, RecordError> {
        self.schema
            .table(name)
            .ok_or_else(|| RecordError::unknown_table(&self.schema, name))
    }

    /// A reference to nobody would be found out only when somebody should be told. What `comes` along is there.
    fn references_exist(
        &self,
        schema: &Table,
        fields: &Fields,
        comes: impl Fn(&RecordKey) -> bool,
    ) -> Result<(), RecordError> {
        for (name, value) in fields {
            let (to, ids) = match schema.fields.get(name).map(|field| &field.kind) {
                Some(FieldKind::Reference(to)) => (to, std::slice::from_ref(value)),
                Some(FieldKind::List(to)) => (to, value.as_array().map_or(&[][..], Vec::as_slice)),
                _ => continue,
            };
            for id in ids.iter().filter_map(Value::as_str) {
                let to = RecordKey::new(to, id);
                if !comes(&to) && self.store.record(&to)?.is_none() {
                    return Err(RecordError::NoReference {
                        field: format!("{}.{name}", schema.name),
                        to,
                    });
                }
            }
        }
        Ok(())
    }
}

fn new_id(schema: &Table, id: Option<String>, fields: &Fields) -> Result<NewId, RecordError> {
    let given = match (id, &schema.number) {
        (Some(id), _) => Some(id),
        (None, Some(numbering)) => return Ok(NewId::Numbered(numbering.clone())),
        (None, None) => wishes::joined_id(&schema.name, fields),
    };
    match given {
        Some(given) => check_id(given).map(NewId::Given),
        None => Err(RecordError::NeedsId(schema.name.clone())),
    }
}

/// An id stands in addresses, in commands and in lists separated by commas.
fn check_id(given: String) -> Result<String, RecordError> {
    let good = |c: char| !c.is_whitespace() && !c.is_control() && c != ',';
    if given.is_empty() || given.len() > MAX_ID || !given.chars().all(good) {
        return Err(RecordError::BadId(given));
    }
    Ok(given)
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Records(…)")
    }
}

#[cfg(test)]
mod tests;

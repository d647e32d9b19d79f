//! Records: rows of JSON fields in named tables, and the changes made to them.

use crate::schema::Numbering;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::fmt;

/// The fields of a record, by name.
///
/// A reference holds the id of the record that it points to, a list holds an array of ids,
/// an unset field is absent. What is written here has the type that the schema gives the field.
pub type Fields = Map<String, Value>;

/// Names one record: `incident/INC0010001`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The table.
    pub table: String,
    /// The id within the table: its number where the table is numbered, else the id it was given.
    pub id: String,
}

impl RecordKey {
    /// The key of a record.
    pub fn new(table: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            id: id.into(),
        }
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.table, self.id)
    }
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Table and id.
    pub key: RecordKey,
    /// The fields; journal fields are kept apart, as [`JournalEntry`].
    pub fields: Fields,
    /// When it was inserted.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

impl Record {
    /// Its fields together with those that every record has: `id`, `number`, `created`, `updated`.
    /// A field of the table by one of these names stays as it is. This is what events carry as `current` and `previous`.
    pub fn whole(&self) -> Fields {
        let id = || Value::from(self.key.id.as_str());
        let mut fields = self.fields.clone();
        fields.entry("id").or_insert_with(id);
        fields.entry("number").or_insert_with(id);
        fields
            .entry("created")
            .or_insert_with(|| self.created.to_string().into());
        fields
            .entry("updated")
            .or_insert_with(|| self.updated.to_string().into());
        fields
    }
}

/// One entry of a journal field, such as a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// The record it belongs to.
    pub record: RecordKey,
    /// The journal field.
    pub field: String,
    /// The text.
    pub text: String,
    /// Who wrote it: a user id, or an address that belongs to no user.
    pub author: String,
    /// When.
    pub created: Timestamp,
}

/// Where the id of a new record comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewId {
    /// The caller gives it; taken already is an error.
    Given(String),
    /// The next number of the table, drawn in the transaction that inserts the record.
    Numbered(Numbering),
}

/// A change to one record. Values are typed by the schema already: see [`crate::schema::Table::typed`].
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new record.
    Insert {
        /// The table.
        table: String,
        /// Its id, or how to draw one.
        id: NewId,
        /// Its fields.
        fields: Fields,
        /// Entries for its journal fields: (field, text).
        journal: Vec<(String, String)>,
        /// Who does it: a user id, or an address.
        actor: String,
    },
    /// New values for some fields of a record that exists. `null` removes a value.
    Update {
        /// Which record.
        key: RecordKey,
        /// The fields to set; the others stay.
        fields: Fields,
        /// Entries for its journal fields: (field, text).
        journal: Vec<(String, String)>,
        /// Who does it: a user id, or an address.
        actor: String,
    },
}

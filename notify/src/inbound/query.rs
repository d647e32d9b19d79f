//! Encoded queries over a mail: `mail.subjectLIKEurgent^sender.userISNOTEMPTY^priority<=2`.
//!
//! The fields of the record are named as everywhere; `mail` and `sender` are references to what arrived, so that one language
//! serves outgoing and incoming. For mail that is about no record there are only those two.

use crate::condition::{Facts, Query, QueryError, Verdict};
use crate::directory::Directory;
use crate::event::EventKind;
use crate::record::{Fields, JournalEntry, Record, RecordKey};
use crate::schema::{Field, FieldKind, Schema, Table};
use crate::store::StoreError;
use jiff::Timestamp;
use serde_json::Value;

/// The table that a query starts from, and those that `mail` and `sender` lead to. No configured table has such a name.
const START: &str = "the mail";
const MAIL: &str = "mail";
const SENDER: &str = "sender";

/// What can be asked of a mail.
const MAIL_FIELDS: [(&str, FieldKind); 16] = [
    ("subject", FieldKind::String),
    ("text", FieldKind::String),
    ("whole", FieldKind::String),
    ("html", FieldKind::String),
    ("from", FieldKind::String),
    ("to", FieldKind::String),
    ("cc", FieldKind::String),
    ("date", FieldKind::DateTime),
    ("message_id", FieldKind::String),
    ("in_reply_to", FieldKind::String),
    ("account", FieldKind::String),
    ("calendar", FieldKind::String),
    ("importance", FieldKind::String),
    ("attachments", FieldKind::Integer),
    ("size", FieldKind::Integer),
    ("class", FieldKind::String),
];

/// What can be asked of its sender.
const SENDER_FIELDS: [&str; 4] = ["address", "name", "domain", "user"];

/// The names that templates know of a mail; those of a query and what only a template can use.
pub(crate) const MAIL_NAMES: [&str; 18] = [
    "subject",
    "text",
    "whole",
    "html",
    "from",
    "to",
    "cc",
    "date",
    "message_id",
    "in_reply_to",
    "account",
    "calendar",
    "importance",
    "attachments",
    "size",
    "class",
    "headers",
    "files",
];

/// A query that is read.
#[derive(Clone, Debug)]
pub(crate) struct MailQuery {
    query: Query,
    schema: Schema,
}

impl MailQuery {
    /// Reads a query over a mail and, where `table` says so, over the record that it is about.
    pub(crate) fn parse(
        text: &str,
        table: Option<&str>,
        schema: &Schema,
    ) -> Result<Self, Vec<QueryError>> {
        let schema = extended(schema, table);
        let query = Query::parse(text, START, &schema);
        let query = query.map_err(|errors| -> Vec<QueryError> {
            errors.into_iter().map(|error| led(error, text)).collect()
        })?;
        Ok(Self { query, schema })
    }

    /// Asks, with the mail and the sender as templates see them.
    pub(crate) fn ask(
        &self,
        mail: &Value,
        sender: &Value,
        record: Option<&Record>,
        directory: &dyn Directory,
        now: Timestamp,
    ) -> Result<Verdict, StoreError> {
        let mut current = record.map(Record::whole).unwrap_or_default();
        current.insert(MAIL.into(), MAIL.into());
        current.insert(SENDER.into(), SENDER.into());
        let overlay = Overlay {
            mail,
            sender,
            directory,
        };
        let facts = Facts {
            schema: &self.schema,
            directory: &overlay,
            table: START,
            id: record.map(|record| record.key.id.as_str()),
            current: &current,
            previous: &Fields::new(),
            kind: EventKind::Fired,
            now,
        };
        self.query.evaluate(&facts)
    }
}

/// A path that begins with a field of the mail or its sender: the way to it is what was meant.
fn led(error: QueryError, text: &str) -> QueryError {
    let name = text.get(error.span.clone()).unwrap_or_default();
    let inside = text
        .get(..error.span.start)
        .is_some_and(|before| before.ends_with('.'));
    let of_mail = || {
        MAIL_FIELDS
            .iter()
            .any(|(field, _)| *field == name)
            .then_some(MAIL)
    };
    let of_sender = || SENDER_FIELDS.contains(&name).then_some(SENDER);
    match of_mail().or_else(of_sender).filter(|_| !inside) {
        Some(table) => QueryError {
            suggestion: Some(format!("{table}.{name}")),
            ..error
        },
        None => error,
    }
}

/// The schema with the tables that only a mail has.
fn extended(schema: &Schema, table: Option<&str>) -> Schema {
    let mut schema = schema.clone();
    let mut start = match table.and_then(|table| schema.tables.get(table)) {
        Some(table) => table.clone(),
        None => made(START, Vec::new()),
    };
    start.name = START.to_owned();
    let reference = |to: &str| FieldKind::Reference(to.to_owned());
    for (name, to) in [("mail", MAIL), ("sender", SENDER)] {
        start
            .fields
            .insert(name.to_owned(), field(name, reference(to)));
    }
    let sender = SENDER_FIELDS.map(|name| match name {
        "user" => field(name, reference("user")),
        name => field(name, FieldKind::String),
    });
    let sender = sender.to_vec();
    let mail = MAIL_FIELDS.map(|(name, kind)| field(name, kind)).to_vec();
    for table in [start, made(MAIL, mail), made(SENDER, sender)] {
        schema.tables.insert(table.name.clone(), table);
    }
    schema
}

fn made(name: &str, fields: Vec<Field>) -> Table {
    Table {
        name: name.to_owned(),
        label: name.to_owned(),
        number: None,
        display: None,
        fields: fields
            .into_iter()
            .map(|field| (field.name.clone(), field))
            .collect(),
    }
}

fn field(name: &str, kind: FieldKind) -> Field {
    Field {
        name: name.to_owned(),
        label: name.to_owned(),
        kind,
    }
}

/// The directory with the mail and its sender in it.
struct Overlay<'a> {
    mail: &'a Value,
    sender: &'a Value,
    directory: &'a dyn Directory,
}

impl Directory for Overlay<'_> {
    fn record(&self, key: &RecordKey) -> Result<Option<Fields>, StoreError> {
        match key.table.as_str() {
            MAIL => Ok(Some(flat(self.mail))),
            SENDER => Ok(Some(flat(self.sender))),
            _ => self.directory.record(key),
        }
    }

    fn members(&self, group: &str) -> Result<Vec<String>, StoreError> {
        self.directory.members(group)
    }

    fn user_by_address(&self, address: &str) -> Result<Option<String>, StoreError> {
        self.directory.user_by_address(address)
    }

    fn journal(&self, key: &RecordKey) -> Result<Vec<JournalEntry>, StoreError> {
        self.directory.journal(key)
    }
}

/// The values as fields: lists of addresses become one text.
fn flat(value: &Value) -> Fields {
    let entries = value.as_object().into_iter().flatten();
    let flat = |value: &Value| match value {
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Value::from(items.join(", "))
        }
        other => other.clone(),
    };
    entries
        .map(|(name, value)| (name.clone(), flat(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_mail_and_its_sender_are_suggested_with_the_way_to_them() {
        let schema = Schema::with_built_ins([]);
        let meant = |text: &str| {
            let mut errors = MailQuery::parse(text, None, &schema).unwrap_err();
            errors.remove(0).suggestion
        };
        assert_eq!(meant("subjectLIKEurgent").as_deref(), Some("mail.subject"));
        assert_eq!(
            meant("fromENDSWITHexample.net").as_deref(),
            Some("mail.from")
        );
        assert_eq!(
            meant("domain=example.net").as_deref(),
            Some("sender.domain")
        );
        assert_eq!(
            meant("mail.subjctLIKEurgent").as_deref(),
            Some("mail.subject")
        );
        assert_eq!(meant("colour=red"), None);
    }
}

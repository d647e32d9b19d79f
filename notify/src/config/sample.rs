//! A made-up record of every table, to try templates on before the first event.

use crate::directory::Directory;
use crate::event::EventKind;
use crate::record::{Fields, JournalEntry, RecordKey};
use crate::schema::{FieldKind, Schema};
use crate::store::StoreError;
use crate::template::{Context, DigestItem};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// The id of every made-up record.
const ID: &str = "EXAMPLE";

/// Every record of every table is there, with all its fields set.
struct Everything(Arc<Schema>);

impl Directory for Everything {
    fn record(&self, key: &RecordKey) -> Result<Option<Fields>, StoreError> {
        Ok(Some(fields(&self.0, &key.table)))
    }

    fn members(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Ok(vec![ID.into()])
    }

    fn user_by_address(&self, _: &str) -> Result<Option<String>, StoreError> {
        Ok(Some(ID.into()))
    }

    fn journal(&self, key: &RecordKey) -> Result<Vec<JournalEntry>, StoreError> {
        let table = self.0.tables.get(&key.table);
        let fields = table.into_iter().flat_map(|table| table.fields.values());
        let journals = fields.filter(|field| field.kind == FieldKind::Journal);
        let entry = |field: &str| JournalEntry {
            record: key.clone(),
            field: field.to_owned(),
            text: "Example".into(),
            author: ID.into(),
            created: Timestamp::UNIX_EPOCH,
        };
        Ok(journals.map(|field| entry(&field.name)).collect())
    }
}

fn fields(schema: &Schema, table: &str) -> Fields {
    let table = schema.tables.get(table);
    let fields = table.into_iter().flat_map(|table| table.fields.values());
    fields
        .map(|field| (field.name.clone(), value(&field.kind)))
        .collect()
}

fn value(kind: &FieldKind) -> Value {
    match kind {
        FieldKind::String | FieldKind::Journal => json!("Example"),
        FieldKind::Integer => json!(1),
        FieldKind::Decimal => json!(1.5),
        FieldKind::Boolean => json!(true),
        FieldKind::DateTime => json!("2026-11-23T12:00:00Z"),
        FieldKind::Date => json!("2026-11-23"),
        FieldKind::Reference(_) => json!(ID),
        FieldKind::List(_) => json!([ID]),
    }
}

fn recipient() -> Value {
    json!({
        "name": "Example", "address": "a@example.org", "id": ID, "locale": "en", "time_zone": "UTC",
        "reply_to": "support@example.org", "unsubscribe": "https://example.org/unsubscribe",
    })
}

/// What the templates of a digest are rendered with.
pub(super) fn digest(schema: &Arc<Schema>, table: Option<&str>) -> Context {
    let item = || DigestItem {
        subject: "Example",
        html: "<p>Example</p>".to_owned(),
        text: "Example",
        uri: "https://example.org/incident/EXAMPLE",
        record: ID,
        created: Timestamp::UNIX_EPOCH,
    };
    about(schema, table)
        .value("recipient", recipient())
        .digest(&[item(), item()], "Example", false)
}

/// What the templates of a notification about a table are rendered with.
pub(super) fn outgoing(schema: &Arc<Schema>, table: Option<&str>) -> Context {
    let context = about(schema, table).value("recipient", recipient());
    let event = json!({"id": 1, "name": "example", "parm1": "1", "parm2": "2", "actor": ID, "created": "2026-11-23T12:00:00Z"});
    let previous = table.map_or_else(Fields::new, |table| fields(schema, table));
    context
        .value("event", event)
        .change(EventKind::Updated, previous)
}

/// What the templates of an inbound action are rendered with.
pub(super) fn incoming(schema: &Arc<Schema>, table: Option<&str>) -> Context {
    let mail = json!({
        "subject": "Example", "text": "Example", "html": "Example", "from": "a@example.org", "to": ["b@example.org"],
        "cc": ["c@example.org"], "date": "2026-11-23T12:00:00Z", "message_id": "x@example.org", "in_reply_to": "y@example.org",
        "whole": "Example", "account": "support", "calendar": "accepted", "importance": "normal", "attachments": 1, "size": 1000,
        "class": "new", "headers": {}, "files": ["example.txt"],
    });
    let sender =
        json!({"address": "a@example.org", "name": "Example", "domain": "example.org", "user": ID});
    about(schema, table)
        .value("mail", mail)
        .value("sender", sender)
}

fn about(schema: &Arc<Schema>, table: Option<&str>) -> Context {
    let everything = Arc::new(Everything(schema.clone()));
    let context = Context::new(schema.clone(), everything)
        .instance("Example", "https://example.org")
        .preferences("https://example.org/preferences");
    match table {
        Some(table) => context.record("current", RecordKey::new(table, ID), fields(schema, table)),
        None => context,
    }
}

//! Rows of the email log by an encoded query, the language of the notifications: `state=failed^codeLIKE55^recipientENDSWITH@example.org`.

use crate::exit::{Code, Failure, Result};
use crate::setup::Setup;
use jiff::Timestamp;
use postrider_notify::condition::{Facts, Query};
use postrider_notify::directory::Stored;
use postrider_notify::event::EventKind;
use postrider_notify::outgoing::LogRow;
use postrider_notify::record::Fields;
use postrider_notify::schema::{Field, FieldKind, Schema, Table};
use serde_json::{Value, json};
use std::sync::Arc;

const TABLE: &str = "email";

/// A condition on rows of the log.
pub(crate) struct Matching {
    schema: Schema,
    query: Query,
}

impl Matching {
    /// Reads the condition.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let schema = Schema::with_built_ins([table()]);
        let query = Query::parse(text, TABLE, &schema).map_err(|errors| {
            let said = errors
                .iter()
                .map(|e| format!("{}: {}", e.column, e.message));
            let said: Vec<String> = said.collect();
            Failure::new(
                Code::Usage,
                format!("--where {text:?}: {}", said.join("; ")),
            )
        })?;
        Ok(Self { schema, query })
    }

    /// Those that it holds for.
    pub(crate) fn choose(&self, setup: &Setup, rows: Vec<LogRow>) -> Result<Vec<LogRow>> {
        let directory = Stored(Arc::clone(&setup.store));
        let mut chosen = Vec::new();
        for row in rows {
            let current = fields(&row);
            let facts = Facts {
                schema: &self.schema,
                directory: &directory,
                table: TABLE,
                id: None,
                current: &current,
                previous: &Fields::new(),
                kind: EventKind::Fired,
                now: Timestamp::now(),
            };
            if self.query.evaluate(&facts)?.holds {
                chosen.push(row);
            }
        }
        Ok(chosen)
    }
}

fn table() -> Table {
    let texts = [
        "state",
        "mailbox",
        "reason",
        "recipient",
        "subject",
        "account",
        "notification",
        "record",
        "peer",
        "stage",
        "enhanced",
        "text",
    ];
    let numbers = ["code", "attempts", "event"];
    let kinds = texts
        .map(|name| (name, FieldKind::String))
        .into_iter()
        .chain(numbers.map(|name| (name, FieldKind::Integer)))
        .chain([("queued", FieldKind::DateTime)]);
    let field = |(name, kind): (&str, FieldKind)| {
        let field = Field {
            name: name.to_owned(),
            label: name.to_owned(),
            kind,
        };
        (name.to_owned(), field)
    };
    Table {
        name: TABLE.to_owned(),
        label: "Email".to_owned(),
        number: None,
        display: None,
        fields: kinds.map(field).collect(),
    }
}

fn fields(row: &LogRow) -> Fields {
    let last = row.last.clone().unwrap_or_default();
    let value = json!({
        "state": row.state.name(),
        "mailbox": row.state.mailbox(),
        "reason": row.reason,
        "recipient": row.mail.recipient,
        "subject": row.mail.subject,
        "account": row.mail.account,
        "notification": row.notification,
        "record": row.mail.record.as_ref().map(ToString::to_string),
        "peer": last.peer,
        "stage": last.stage,
        "enhanced": last.enhanced,
        "text": last.text,
        "code": last.code,
        "attempts": row.attempts,
        "event": row.event,
        "queued": row.created.to_string(),
    });
    match value {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}

//! Rows of a log by an encoded query, the language of the notifications: `state=failed^codeLIKE55^recipientENDSWITH@example.org`.

use crate::exit::{Code, Failure, Result};
use crate::setup::Setup;
use jiff::Timestamp;
use postrider_notify::condition::{Facts, Query};
use postrider_notify::directory::Stored;
use postrider_notify::event::{Event, EventKind};
use postrider_notify::inbound::{InboundRow, InboundState};
use postrider_notify::outgoing::{DeliveryState, LogRow};
use postrider_notify::record::Fields;
use postrider_notify::schema::{Field, FieldKind, Schema, Table};
use postrider_notify::suggest::nearest;
use serde_json::{Value, json};
use std::marker::PhantomData;
use std::sync::Arc;

const TABLE: &str = "email";

/// A row of a log, as conditions see it.
pub(crate) trait Row {
    /// The fields that hold text.
    const TEXTS: &'static [&'static str];
    /// Those that hold numbers.
    const NUMBERS: &'static [&'static str];
    /// The one that holds a moment.
    const MOMENT: &'static str;

    /// The words of the field `state`.
    fn states() -> Vec<&'static str> {
        Vec::new()
    }

    /// The value of each.
    fn values(&self) -> Value;
}

/// A condition on rows of a log.
pub(crate) struct Matching<R> {
    schema: Schema,
    query: Query,
    rows: PhantomData<fn(R)>,
}

impl<R: Row> Matching<R> {
    /// Reads the condition.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let schema = Schema::with_built_ins([table::<R>()]);
        let wrong = |why: String| Failure::new(Code::Usage, format!("--where {text:?}: {why}"));
        let query = Query::parse(text, TABLE, &schema).map_err(|errors| {
            let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let fields = [R::TEXTS, R::NUMBERS, &[R::MOMENT]].concat().join(", ");
            wrong(format!("{} (the fields are: {fields})", said.join("; ")))
        })?;
        let states = R::states();
        let unknown = |value: &&str| !value.is_empty() && !states.contains(value);
        if let Some(value) = query.values_of("state").find(unknown)
            && !states.is_empty()
        {
            let near = nearest(value, states.iter().copied());
            let meant = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let states = states.join(", ");
            return Err(wrong(format!(
                "there is no state `{value}`{meant} (the states are: {states})"
            )));
        }
        Ok(Self {
            schema,
            query,
            rows: PhantomData,
        })
    }

    /// The text that a field of a row has to be equal to, where that much is certain.
    pub(crate) fn needs(&self, field: &str) -> Option<&str> {
        self.query.needs(field)
    }

    /// Those that it holds for.
    pub(crate) fn choose(&self, setup: &Setup, rows: Vec<R>) -> Result<Vec<R>> {
        let directory = Stored(Arc::clone(&setup.store));
        let mut chosen = Vec::new();
        for row in rows {
            let current = match row.values() {
                Value::Object(fields) => fields,
                _ => Fields::new(),
            };
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

impl Row for LogRow {
    const TEXTS: &'static [&'static str] = &[
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
    const NUMBERS: &'static [&'static str] = &["code", "attempts", "event"];
    const MOMENT: &'static str = "queued";

    fn states() -> Vec<&'static str> {
        DeliveryState::ALL
            .iter()
            .map(|state| state.name())
            .collect()
    }

    fn values(&self) -> Value {
        let last = self.last.clone().unwrap_or_default();
        json!({
            "state": self.state.name(),
            "mailbox": self.state.mailbox(),
            "reason": self.reason,
            "recipient": self.mail.recipient,
            "subject": self.mail.subject,
            "account": self.mail.account,
            "notification": self.notification,
            "record": self.mail.record.as_ref().map(ToString::to_string),
            "peer": last.peer,
            "stage": last.stage,
            "enhanced": last.enhanced,
            "text": last.text,
            "code": last.code,
            "attempts": self.attempts,
            "event": self.event,
            "queued": self.created.to_string(),
        })
    }
}

impl Row for Event {
    const TEXTS: &'static [&'static str] = &["name", "record", "actor", "parm1", "parm2"];
    const NUMBERS: &'static [&'static str] = &["id"];
    const MOMENT: &'static str = "queued";

    fn values(&self) -> Value {
        json!({
            "name": self.what.name,
            "record": self.what.record.as_ref().map(ToString::to_string),
            "actor": self.what.actor,
            "parm1": self.what.parm1,
            "parm2": self.what.parm2,
            "id": self.id,
            "queued": self.created.to_string(),
        })
    }
}

impl Row for InboundRow {
    const TEXTS: &'static [&'static str] = &[
        "state",
        "reason",
        "class",
        "matched_by",
        "from",
        "subject",
        "account",
        "record",
        "action",
        "message_id",
        "uidl",
    ];
    const NUMBERS: &'static [&'static str] = &["id", "attempts"];
    const MOMENT: &'static str = "received";

    fn states() -> Vec<&'static str> {
        InboundState::ALL.iter().map(|state| state.name()).collect()
    }

    fn values(&self) -> Value {
        let outcome = &self.outcome;
        json!({
            "state": outcome.state.name(),
            "reason": outcome.reason,
            "class": outcome.class.name(),
            "matched_by": outcome.matched_by,
            "from": self.from,
            "subject": self.subject,
            "account": self.mail.what.account,
            "record": outcome.record.as_ref().map(ToString::to_string),
            "action": outcome.action,
            "message_id": self.mail.what.message_id,
            "uidl": self.mail.what.uidl,
            "id": outcome.id,
            "attempts": self.mail.attempts,
            "received": self.mail.received.to_string(),
        })
    }
}

fn table<R: Row>() -> Table {
    let kinds = R::TEXTS
        .iter()
        .map(|name| (*name, FieldKind::String))
        .chain(R::NUMBERS.iter().map(|name| (*name, FieldKind::Integer)))
        .chain([(R::MOMENT, FieldKind::DateTime)]);
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

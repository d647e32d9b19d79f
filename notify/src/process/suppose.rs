//! An event that never was, for a preview.

use super::{PreviewError, Processor};
use crate::event::{EventKind, NewEvent};
use crate::notification::Trigger;
use crate::record::{Fields, Record};
use serde_json::Value;

/// What is supposed to have happened. Values are loose, as people write them: the schema gives them their types.
#[derive(Clone, Debug, Default)]
pub struct Supposed {
    /// The event's name; the one that the notification waits for, if empty.
    pub name: String,
    /// The record that it is about.
    pub record: Option<Record>,
    /// Values that the record had before.
    pub was: Fields,
    /// Values that it has been given, also journal entries.
    pub set: Fields,
    /// First parameter.
    pub parm1: String,
    /// Second parameter.
    pub parm2: String,
    /// Who caused it.
    pub actor: String,
}

impl Processor {
    /// The event that a notification is shown with: the one that it waits for; or that the record was inserted, or updated if
    /// values are supposed to have changed or the notification watches nothing else.
    ///
    /// # Errors
    /// See [`PreviewError`].
    pub fn suppose(&self, notification: &str, what: Supposed) -> Result<NewEvent, PreviewError> {
        let n = self.named(notification)?;
        let trigger = self.config.notifications.get(n).map(|found| &found.when);
        let changes = !what.was.is_empty() || !what.set.is_empty();
        let verb = what.name.rsplit('.').next().unwrap_or_default();
        let kind = match (trigger, verb) {
            (_, "inserted") => EventKind::Inserted,
            (_, "updated") => EventKind::Updated,
            (Some(Trigger::Event(_)), _) => EventKind::Fired,
            _ if !what.name.is_empty() => EventKind::Fired,
            (Some(Trigger::Record { inserted: true, .. }), _) if !changes => EventKind::Inserted,
            _ => EventKind::Updated,
        };
        let key = what.record.as_ref().map(|record| record.key.clone());
        let table = key.as_ref().map_or("", |key| &key.table);
        let name = match (trigger, kind) {
            _ if !what.name.is_empty() => what.name.clone(),
            (Some(Trigger::Event(name)), _) => name.clone(),
            (_, EventKind::Inserted) => format!("{table}.inserted"),
            _ => format!("{table}.updated"),
        };
        let whole = what.record.as_ref().map(Record::whole).unwrap_or_default();
        let (mut current, mut previous) = (whole.clone(), whole);
        self.give(table, &mut current, &what.set)?;
        self.give(table, &mut previous, &what.was)?;
        if kind != EventKind::Updated {
            previous = Fields::new();
        }
        Ok(NewEvent {
            name,
            kind,
            record: key,
            parm1: what.parm1,
            parm2: what.parm2,
            actor: what.actor,
            current,
            previous,
            idempotency_key: None,
            due: None,
        })
    }

    /// Gives fields other values; an empty one takes a value away.
    fn give(&self, table: &str, fields: &mut Fields, loose: &Fields) -> Result<(), PreviewError> {
        let Some(table) = self.config.schema.table(table) else {
            return Ok(());
        };
        let (typed, journal) = table.typed(loose).map_err(PreviewError::Invalid)?;
        let journal = journal
            .into_iter()
            .map(|(field, text)| (field, Value::from(text)));
        for (field, value) in typed.into_iter().chain(journal) {
            match value {
                Value::Null => fields.remove(&field),
                value => fields.insert(field, value),
            };
        }
        Ok(())
    }
}

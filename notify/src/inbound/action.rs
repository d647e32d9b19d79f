//! What a mail does to records: the inbound actions of the configuration, applied.
//!
//! Everything that the actions of one mail do ends up in one [`Work`], together with the mail's outcome, and is
//! committed in one transaction: a mail acts once or not at all.

use super::author::Author;
use super::classify::Classification;
use super::mail::Mail;
use super::{Class, InboundAction};
use crate::config::Config;
use crate::directory::{Directory, Stored};
use crate::event::{EventKind, NewEvent};
use crate::record::{Fields, Record, RecordKey};
use crate::records::{RecordError, Records};
use crate::store::{Store, StoreError, Work};
use crate::template::Context;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// Applies the inbound actions.
pub(super) struct Actions {
    config: Arc<Config>,
    records: Records,
    directory: Arc<dyn Directory>,
}

/// What the actions of one mail come to.
pub(super) struct Applied {
    /// The changes and events; nothing is committed yet.
    pub(super) work: Work,
    /// The actions that ran, by name.
    pub(super) ran: Vec<String>,
    /// Why others did not, or why nothing came of one.
    pub(super) notes: Vec<String>,
}

/// An action that could not be applied.
#[derive(Debug)]
pub(super) enum ActionError {
    /// Its templates, its fields, or the record do not fit; says which action, and why.
    Action(String),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for ActionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Actions {
    pub(super) fn new(config: Arc<Config>, store: Arc<dyn Store>) -> Self {
        let records = Records::new(Arc::clone(&store), Arc::clone(&config.schema));
        Self {
            config,
            records,
            directory: Arc::new(Stored(store)),
        }
    }

    /// Applies to a mail the actions that take it, in their order.
    pub(super) fn apply(
        &self,
        mail: &Mail,
        author: &Author,
        found: &Classification,
        record: Option<&Record>,
    ) -> Result<Applied, ActionError> {
        let mut applied = Applied {
            work: Work::default(),
            ran: Vec::new(),
            notes: Vec::new(),
        };
        let context = self.context(mail, author, record);
        let class = self.class(found.class);
        let takes = |action: &&InboundAction| action.class == class && fits(action, record);
        for action in self.config.inbound_actions.iter().filter(takes) {
            if !action.active {
                applied.notes.push(format!("{} is not active", action.name));
                continue;
            }
            let failed = |why: &dyn fmt::Display| {
                ActionError::Action(format!("inbound action {}: {why}", action.name))
            };
            if let Some(condition) = &action.condition {
                let holds = self.config.templates.evaluate(condition, &context);
                if !holds.map_err(|e| failed(&e))? {
                    let note = format!("the condition of {} is false", action.name);
                    applied.notes.push(note);
                    continue;
                }
            }
            self.one(action, mail, author, record, &context, &mut applied)?;
            applied.ran.push(action.name.clone());
            if action.stop {
                break;
            }
        }
        Ok(applied)
    }

    /// Forwarded mail is new mail where no action is made for it.
    fn class(&self, class: Class) -> Class {
        let is_taken = |action: &InboundAction| action.active && action.class == class;
        match class {
            Class::Forward if !self.config.inbound_actions.iter().any(is_taken) => Class::New,
            other => other,
        }
    }

    fn one(
        &self,
        action: &InboundAction,
        mail: &Mail,
        author: &Author,
        record: Option<&Record>,
        context: &Context,
        applied: &mut Applied,
    ) -> Result<(), ActionError> {
        let failed = |why: &dyn fmt::Display| {
            ActionError::Action(format!("inbound action {}: {why}", action.name))
        };
        let mut fields = Fields::new();
        for (field, template) in &action.set {
            let text = self.config.templates.render_value(template, context);
            let text = text.map_err(|e| failed(&format!("field {field}: {e}")))?;
            // Nothing is no value: a guest has no user id to put into a reference.
            if !text.is_empty() {
                fields.insert(field.clone(), Value::String(text));
            }
        }
        if let Some(field) = &action.comment {
            match comment(mail) {
                Some(text) => drop(fields.insert(field.clone(), Value::String(text))),
                None => applied
                    .notes
                    .push(format!("{}: the mail has no text", action.name)),
            }
        }
        let changes = !fields.is_empty();
        if changes {
            let actor = author.actor();
            let change = match record {
                Some(record) => self.records.update_change(&record.key, &fields, actor),
                None => self
                    .records
                    .insert_change(&action.table, None, &fields, actor),
            };
            applied
                .work
                .changes
                .push(change.map_err(|error| match error {
                    RecordError::Store(error) => ActionError::Store(error),
                    error => failed(&error),
                })?);
        }
        if let Some(name) = &action.fire {
            let key = record.map(|record| record.key.clone());
            applied.work.events_about_first_change |= key.is_none() && changes;
            applied.work.events.push(fired(name, key, mail, author));
        }
        Ok(())
    }

    fn context(&self, mail: &Mail, author: &Author, record: Option<&Record>) -> Context {
        let instance = &self.config.instance;
        let context = Context::new(Arc::clone(&self.config.schema), Arc::clone(&self.directory))
            .value("mail", described(mail))
            .value("sender", sender(author))
            .value(
                "instance",
                json!({ "name": instance.name, "url": instance.url }),
            );
        match record {
            Some(record) => context.record("current", record.key.clone(), record.whole()),
            None => context,
        }
    }
}

/// True if the action is for records of this table, or makes new ones.
fn fits(action: &InboundAction, record: Option<&Record>) -> bool {
    record.is_none_or(|record| record.key.table == action.table)
}

/// What is written into the journal: the writer's own words, or all of it if none can be told apart.
fn comment(mail: &Mail) -> Option<String> {
    let own = mail.new_text();
    let text = if own.is_empty() {
        mail.text.trim()
    } else {
        &own
    };
    (!text.is_empty()).then(|| text.to_owned())
}

fn fired(name: &str, record: Option<RecordKey>, mail: &Mail, author: &Author) -> NewEvent {
    NewEvent {
        name: name.to_owned(),
        kind: EventKind::Fired,
        record,
        parm1: author.address.clone(),
        parm2: mail.subject.clone(),
        actor: author.actor().to_owned(),
        current: Fields::new(),
        previous: Fields::new(),
        idempotency_key: None,
        due: None,
    }
}

fn described(mail: &Mail) -> Value {
    let addresses = |list: &[super::mail::Address]| -> Vec<String> {
        list.iter().map(|a| a.address.clone()).collect()
    };
    json!({
        "subject": mail.subject,
        "text": comment(mail).unwrap_or_default(),
        "html": mail.html.clone().unwrap_or_default(),
        "from": mail.from.as_ref().map_or("", |from| from.address.as_str()),
        "to": addresses(&mail.to),
        "cc": addresses(&mail.cc),
        "date": mail.date,
        "message_id": mail.message_id.clone().unwrap_or_default(),
        "in_reply_to": mail.in_reply_to.first().cloned().unwrap_or_default(),
    })
}

fn sender(author: &Author) -> Value {
    json!({
        "address": author.address,
        "name": author.name,
        "user": author.user.clone().unwrap_or_default(),
    })
}

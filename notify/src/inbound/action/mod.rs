//! What a mail does to records, and what else happens then: the inbound actions of the configuration, applied.
//!
//! Everything that the actions of one mail do to the store ends up in one [`Work`], together with the mail's outcome, and is
//! committed in one transaction: a mail acts once or not at all. Programs and webhooks are called before that, so that one
//! that fails keeps the mail; they may be called again, and get the same idempotency key then.

mod call;
mod command;
mod context;
mod fields;
mod files;
mod judge;
#[cfg(feature = "webhook")]
mod webhook;

use super::author::Author;
use super::classify::{Classification, Verdict};
use super::mail::Mail;
use super::query::MailQuery;
use super::rule::InboundAction;
use super::verdict::ActionVerdict;
use super::{Class, Inbound};
use crate::attachment::NewAttachment;
use crate::config::Config;
use crate::directory::{Directory, Stored};
use crate::event::{EventKind, NewEvent};
use crate::notification::Condition;
use crate::record::{Change, Fields, Record, RecordKey};
use crate::records::{RecordError, Records};
use crate::store::{Store, StoreError, Work};
use crate::template::Context;
pub(super) use call::Call;
pub(crate) use call::webhook_address;
use context::MailView;
use jiff::Timestamp;
pub(crate) use judge::table_of;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// Applies the inbound actions.
pub(super) struct Actions {
    config: Arc<Config>,
    records: Records,
    directory: Arc<dyn Directory>,
    /// The queries of the actions, by their place.
    queries: Arc<[Option<MailQuery>]>,
}

/// A mail with all that is known about it.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'a> {
    pub(super) inbound: &'a Inbound,
    pub(super) mail: &'a Arc<Mail>,
    pub(super) author: &'a Author,
    pub(super) found: &'a Classification,
    pub(super) record: Option<&'a Record>,
    /// The moment that conditions go by.
    pub(super) now: Timestamp,
}

impl Incoming<'_> {
    /// True if the writer was not asked, and may only comment.
    fn is_stranger(&self) -> bool {
        matches!(self.found.verdict, Verdict::Comment(_))
    }
}

/// What the actions of one mail come to.
#[derive(Default)]
pub(super) struct Applied {
    /// The changes, events and files; nothing is committed yet.
    pub(super) work: Work,
    /// What is to be called before that.
    pub(super) calls: Vec<Call>,
    /// What each action said.
    pub(super) verdicts: Vec<ActionVerdict>,
    /// An action found no words to write down in a mail that has some.
    pub(super) wordless: bool,
}

/// What one action does, as far as it is known.
#[derive(Default)]
struct Step {
    notes: Vec<String>,
    acts: bool,
    /// The mail has a text, and nothing in it that could be told to be new.
    wordless: bool,
}

/// An action that could not be applied.
#[derive(Debug)]
pub(super) enum ActionError {
    /// Its templates, its fields, or the record do not fit; says which action, and why.
    Action(String),
    /// The store failed.
    Store(StoreError),
}

impl ActionError {
    fn of(action: &InboundAction, why: impl fmt::Display) -> Self {
        Self::Action(format!("inbound action {}: {why}", action.name))
    }
}

impl From<StoreError> for ActionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Applied {
    /// The actions that ran and did something, by name.
    pub(super) fn ran(&self) -> Vec<&str> {
        let ran = self
            .verdicts
            .iter()
            .filter(|verdict| verdict.verdict == "ran");
        ran.map(|verdict| verdict.action.as_str()).collect()
    }

    /// Why nothing came of actions that were for such mail, or not all of it.
    pub(super) fn notes(&self) -> String {
        let worth = |verdict: &&ActionVerdict| {
            matches!(verdict.verdict, "inactive" | "condition_false" | "nothing")
        };
        let notes = self
            .verdicts
            .iter()
            .filter(worth)
            .map(|verdict| match verdict.verdict {
                "inactive" => format!("{} is not active", verdict.action),
                "condition_false" => format!(
                    "the condition of {} is false: {}",
                    verdict.action, verdict.detail
                ),
                _ => format!("{}: {}", verdict.action, verdict.detail),
            });
        let notes: Vec<String> = notes.collect();
        notes.join("; ")
    }
}

impl Actions {
    pub(super) fn new(config: Arc<Config>, store: Arc<dyn Store>) -> Self {
        let query = |action: &InboundAction| match &action.condition {
            Some(Condition::Query(text)) => {
                MailQuery::parse(text, judge::table_of(action), &config.schema).ok()
            }
            _ => None,
        };
        let queries = config.inbound_actions.iter().map(query).collect();
        Self::with_queries(config, store, queries)
    }

    /// The same actions, which look things up in another store.
    pub(super) fn in_store(&self, store: Arc<dyn Store>) -> Self {
        Self::with_queries(Arc::clone(&self.config), store, Arc::clone(&self.queries))
    }

    fn with_queries(
        config: Arc<Config>,
        store: Arc<dyn Store>,
        queries: Arc<[Option<MailQuery>]>,
    ) -> Self {
        Self {
            queries,
            records: Records::new(Arc::clone(&store), Arc::clone(&config.schema)),
            directory: Arc::new(Stored(store)),
            config,
        }
    }

    /// Applies to a mail the actions that take it, in their order. Nothing outside is called yet.
    pub(super) fn apply(&self, incoming: &Incoming<'_>) -> Result<Applied, ActionError> {
        let mail = Arc::new(MailView::of(incoming));
        let sender = context::sender(incoming.author);
        let context = self.context(&mail, &sender, incoming.record);
        let class = self.class(incoming);
        let mut applied = Applied::default();
        let mut last: Option<&str> = None;
        for (action, query) in self.config.inbound_actions.iter().zip(self.queries.iter()) {
            let seen = judge::Seen {
                mail: &mail,
                sender: &sender,
                context: &context,
                class,
                last,
            };
            let judged = self.judge(action, query.as_ref(), incoming, &seen)?;
            let because = match judged {
                judge::Judged::Takes(because) => because,
                judge::Judged::Not(verdict) => {
                    applied.verdicts.push(verdict);
                    continue;
                }
            };
            let step = self.one(action, incoming, &mail, &context, &mut applied)?;
            if action.calls() && !incoming.is_stranger() {
                let payload = call::payload(
                    action,
                    incoming,
                    mail.json(),
                    &sender,
                    &self.config.instance.name,
                );
                applied.calls.extend(Call::of(action, payload));
            }
            applied.wordless |= step.wordless;
            let acts = step.acts;
            let verdict = if acts { "ran" } else { "nothing" };
            let notes: Vec<String> = Some(because)
                .into_iter()
                .filter(|_| acts)
                .chain(step.notes)
                .collect();
            applied
                .verdicts
                .push(ActionVerdict::new(&action.name, verdict, notes.join("; ")));
            // What may not act for a stranger does not keep others from taking the comment.
            if action.stop && (acts || !incoming.is_stranger()) {
                last = Some(&action.name);
            }
        }
        Ok(applied)
    }

    /// Forwarded mail is new mail where no action is made for it; a calendar answer about a record is an answer.
    fn class(&self, incoming: &Incoming<'_>) -> Class {
        let is_taken = |class: Class| {
            let mut actions = self.config.inbound_actions.iter();
            actions.any(|action| action.active && action.takes(class))
        };
        match incoming.found.class {
            Class::Forward if !is_taken(Class::Forward) => Class::New,
            Class::Calendar if !is_taken(Class::Calendar) && incoming.record.is_some() => {
                Class::Reply
            }
            other => other,
        }
    }

    fn one(
        &self,
        action: &InboundAction,
        incoming: &Incoming<'_>,
        mail: &MailView,
        context: &Context,
        applied: &mut Applied,
    ) -> Result<Step, ActionError> {
        let mut step = Step::default();
        let given = fields::Given {
            incoming,
            mail,
            context,
            templates: &self.config.templates,
            records: &self.records,
        };
        let fields = fields::of(action, &given, &mut step)?;
        let changes = !fields.is_empty();
        if changes {
            applied
                .work
                .changes
                .push(self.change(action, incoming, &fields)?);
        }
        let made = made(&applied.work.changes, action);
        if action.attach && !incoming.is_stranger() {
            self.attach(incoming, made, &mut step, applied);
        }
        if let Some(name) = action.fire.as_ref().filter(|_| !incoming.is_stranger()) {
            let key = incoming.record.map(|record| record.key.clone());
            if let (None, Some(change)) = (&key, made) {
                let event = applied.work.events.len();
                applied.work.events_about.insert(event, change);
            }
            applied.work.events.push(fired(name, key, incoming));
        }
        let outside = action.fire.is_some() || action.calls();
        step.acts |= changes || (outside && !incoming.is_stranger());
        if !step.acts && step.notes.is_empty() {
            step.notes.push("it changes nothing".to_owned());
        }
        Ok(step)
    }

    fn change(
        &self,
        action: &InboundAction,
        incoming: &Incoming<'_>,
        fields: &Fields,
    ) -> Result<Change, ActionError> {
        let actor = incoming.author.actor();
        let change = match incoming.record {
            Some(record) => self.records.update_change(&record.key, fields, actor),
            None => self
                .records
                .insert_change(&action.table, None, fields, actor),
        };
        change.map_err(|error| match error {
            RecordError::Store(error) => ActionError::Store(error),
            error => ActionError::of(action, error),
        })
    }

    /// The files go to the record that the mail is about, or to the one that this action made.
    fn attach(
        &self,
        incoming: &Incoming<'_>,
        made: Option<usize>,
        step: &mut Step,
        applied: &mut Applied,
    ) {
        let record = incoming.record.map(|record| record.key.clone());
        if incoming.mail.attachments.is_empty() || (record.is_none() && made.is_none()) {
            return;
        }
        let actor = incoming.author.actor();
        let (files, left) = files::of(&incoming.inbound.what.raw, actor, &self.config.incoming);
        step.acts |= !files.is_empty();
        step.notes.extend(left);
        let files = files.into_iter().map(|file| NewAttachment {
            record: record.clone(),
            change: made.unwrap_or_default(),
            ..file
        });
        applied.work.attachments.extend(files);
    }

    fn context(&self, mail: &Arc<MailView>, sender: &Value, record: Option<&Record>) -> Context {
        let instance = &self.config.instance;
        let context = Context::new(Arc::clone(&self.config.schema), Arc::clone(&self.directory))
            .object("mail", mail)
            .value("sender", sender.clone())
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

/// The place of the change that made the record of an action: its own, or that of an action for the same table before it.
fn made(changes: &[Change], action: &InboundAction) -> Option<usize> {
    let is_of_table = |change: &Change| match change {
        Change::Insert { table, .. } => *table == action.table,
        Change::Update { .. } => false,
    };
    changes.iter().rposition(is_of_table)
}

fn fired(name: &str, record: Option<RecordKey>, incoming: &Incoming<'_>) -> NewEvent {
    NewEvent {
        name: name.to_owned(),
        kind: EventKind::Fired,
        record,
        parm1: incoming.author.address.clone(),
        parm2: incoming.mail.subject.clone(),
        actor: incoming.author.actor().to_owned(),
        current: Fields::new(),
        previous: Fields::new(),
        idempotency_key: None,
        due: None,
    }
}

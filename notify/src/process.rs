//! Events processed: which notifications match, whom they tell, and what. Nothing is written here, so this is also the dry run.

mod digest;
mod files;
mod preview;
mod suppose;
mod weight;

#[cfg(test)]
mod tests;

pub use preview::{Preview, PreviewError};
pub use suppose::Supposed;

use crate::account::SmtpAccount;
use crate::address::with_name;
use crate::condition::{Facts, Query, Verdict};
use crate::config::Config;
use crate::directory::{Directory, Stored};
use crate::email_digest::NewPart;
use crate::event::{Event, EventId, EventKind};
use crate::notification::{Condition, Notification, Trigger};
use crate::outgoing::{Match, MatchVerdict, OutgoingMail, Rank, RecipientVerdict, Settlement};
use crate::recipients::{Recipient, Surroundings, choose};
use crate::render::{Content, Cover, RenderError, Variant, content};
use crate::store::{Explanation, MOST_OCTETS, Store, StoreError};
use crate::template::{Context, TemplateError};
use crate::token::Signer;
use files::Files;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// How long a mail is tried before it is given up: 5 days (RFC 5321 §4.5.4.1 asks for 4 to 5).
const EXPIRY: SignedDuration = SignedDuration::from_hours(5 * 24);

/// Processes events by one configuration. Make a new one for another.
#[derive(Clone)]
pub struct Processor {
    config: Arc<Config>,
    directory: Arc<dyn Directory>,
    signer: Signer,
    /// The notifications by the table that they watch, or the event that they wait for.
    by_table: HashMap<String, Vec<usize>>,
    by_event: HashMap<String, Vec<usize>>,
    /// The encoded query of each notification that has one.
    queries: Vec<Option<Query>>,
    /// The addresses of our own accounts, in lower case.
    own: Vec<String>,
}

/// What a notification is asked: does it apply to this event, and whom does it tell?
#[derive(Clone, Copy)]
struct Question<'a> {
    notification: &'a Notification,
    /// Its condition, if that is an encoded query.
    query: Option<&'a Query>,
    event: &'a Event,
    context: &'a Context,
    now: Timestamp,
}

/// A mail before weights are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// To whom.
    pub recipient: Recipient,
    /// What they read.
    pub content: Content,
    /// What would leave.
    pub going: Going,
    /// What is to be said about it: its variant, and files that were left out.
    pub remarks: String,
}

/// What leaves, now or later.
#[derive(Clone, Debug, PartialEq)]
pub enum Going {
    /// A mail of its own.
    Mail(OutgoingMail),
    /// A part of a digest.
    Part(NewPart),
}

impl Processor {
    /// A processor that looks people and records up in the store.
    pub fn new(config: Arc<Config>, store: Arc<dyn Store>, signer: Signer) -> Self {
        Self::with_directory(config, Arc::new(Stored(store)), signer)
    }

    /// A processor over another directory.
    pub fn with_directory(
        config: Arc<Config>,
        directory: Arc<dyn Directory>,
        signer: Signer,
    ) -> Self {
        let (mut by_table, mut by_event) =
            (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (n, notification) in config.notifications.iter().enumerate() {
            match (&notification.when, &notification.table) {
                (Trigger::Event(name), _) => by_event.entry(name.clone()).or_default().push(n),
                (Trigger::Record { .. }, Some(table)) => {
                    by_table.entry(table.clone()).or_default().push(n)
                }
                (Trigger::Record { .. }, None) => {}
            }
        }
        let queries = config
            .notifications
            .iter()
            .map(|notification| query(notification, &config))
            .collect();
        let own = config.own_addresses();
        Self {
            config,
            directory,
            signer,
            by_table,
            by_event,
            queries,
            own,
        }
    }

    /// The configuration that it processes by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What becomes of several events, all looked at in one state of the directory, if that has such a thing. Of the first ones
    /// only, once what they queue has 16 MiB; of one at least.
    ///
    /// # Errors
    /// As for [`settle`](Self::settle).
    pub fn settle_all(
        &self,
        events: &[Event],
        now: Timestamp,
    ) -> Result<Vec<Settlement>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let steady = self.directory.snapshot()?.map(|directory| Self {
            directory,
            ..self.clone()
        });
        let processor = steady.as_ref().unwrap_or(self);
        let (mut settled, mut octets) = (Vec::with_capacity(events.len()), 0);
        for event in events {
            if octets >= MOST_OCTETS {
                break;
            }
            let settlement = processor.settle(event, now)?;
            octets += settlement.octets();
            settled.push(settlement);
        }
        Ok(settled)
    }

    /// What becomes of an event.
    ///
    /// # Errors
    /// Those of the directory that may pass: the event should be looked at again later. Everything else is part of the settlement.
    pub fn settle(&self, event: &Event, now: Timestamp) -> Result<Settlement, StoreError> {
        let (matches, error) = match self.candidates(event) {
            Ok(candidates) => match self.matches(event, &candidates, now) {
                Ok(matches) => (matches, None),
                // Looking again would show the same, and hold up the events behind it.
                Err(error @ StoreError::Corrupt(_)) => (Vec::new(), Some(error.to_string())),
                Err(error) => return Err(error),
            },
            Err(error) => (Vec::new(), Some(error)),
        };
        Ok(Settlement {
            event: event.id,
            matches,
            error,
        })
    }

    /// True if a notification is asked about such an event. What becomes of any other does not depend on its fields.
    pub fn hears(&self, event: &Event) -> bool {
        self.candidates(event).is_ok_and(|found| !found.is_empty())
    }

    /// Settles one event that waits and writes what became of it, as the daemon does; says what is written then. On a
    /// [rehearsal](crate::store::SqliteStore::rehearse) this carries a change through to its mails, and nothing of it stays.
    ///
    /// # Errors
    /// Those of the store.
    pub fn settle_in(
        &self,
        store: &dyn Store,
        event: EventId,
        now: Timestamp,
    ) -> Result<Option<Explanation>, StoreError> {
        let waits = store.explain(event)?;
        let waits = waits.filter(|explanation| explanation.settlement.is_none());
        if let Some(waits) = waits {
            store.settle(&[self.settle(&waits.event, now)?])?;
        }
        store.explain(event)
    }

    /// What each of the notifications says to an event.
    fn matches(
        &self,
        event: &Event,
        candidates: &[usize],
        now: Timestamp,
    ) -> Result<Vec<Match>, StoreError> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let context = self.context(event);
        let mut matches = Vec::new();
        for n in candidates {
            if let Some(question) = self.question(*n, event, &context, now) {
                let (found, drafts) = self.ask(question)?;
                matches.push((question.notification, found, drafts));
            }
        }
        Ok(weight::compare(matches))
    }

    /// A notification by its place in the configuration, asked about an event.
    fn question<'a>(
        &'a self,
        n: usize,
        event: &'a Event,
        context: &'a Context,
        now: Timestamp,
    ) -> Option<Question<'a>> {
        Some(Question {
            notification: self.config.notifications.get(n)?,
            query: self.queries.get(n).and_then(Option::as_ref),
            event,
            context,
            now,
        })
    }

    /// The notifications that are about such an event, in their order.
    fn candidates(&self, event: &Event) -> Result<Vec<usize>, String> {
        let none = Vec::new();
        if event.what.kind == EventKind::Fired {
            return self.fired(event);
        }
        let Some(key) = &event.what.record else {
            return Err("a change without a record".into());
        };
        if !self.config.schema.tables.contains_key(&key.table) {
            return Err(format!(
                "there is no table `{}` in the configuration",
                key.table
            ));
        }
        let watching = |n: &usize| match self.config.notifications.get(*n).map(|n| &n.when) {
            Some(Trigger::Record { inserted, updated }) => match event.what.kind {
                EventKind::Inserted => *inserted,
                _ => *updated,
            },
            _ => false,
        };
        let of_table = self.by_table.get(&key.table).unwrap_or(&none);
        Ok(of_table.iter().copied().filter(watching).collect())
    }

    /// The notifications that wait for an event of this name.
    fn fired(&self, event: &Event) -> Result<Vec<usize>, String> {
        let name = &event.what.name;
        let registered = self.config.events.get(name);
        let registered = registered
            .ok_or_else(|| format!("there is no [event.\"{name}\"] in the configuration"))?;
        registered.may_be_about(event.what.record.as_ref())?;
        Ok(self.by_event.get(name).cloned().unwrap_or_default())
    }

    fn context(&self, event: &Event) -> Context {
        let what = &event.what;
        let instance = &self.config.instance;
        let context = Context::new(self.config.schema.clone(), self.directory.clone())
            .instance(&instance.name, &instance.url)
            .preferences(&instance.preferences_url)
            .value(
                "event",
                json!({
                    "id": event.id,
                    "name": what.name,
                    "parm1": what.parm1,
                    "parm2": what.parm2,
                    "actor": what.actor,
                    "created": event.created.to_string(),
                }),
            );
        match &what.record {
            Some(key) => context
                .record("current", key.clone(), what.current.clone())
                .change(what.kind, what.previous.clone())
                .moment(event.created, &what.actor),
            None => context,
        }
    }

    /// What one notification says to an event.
    fn ask(&self, asked: Question<'_>) -> Result<(Match, Vec<Draft>), StoreError> {
        let ended =
            |verdict, detail: String| Ok((found(asked.notification, verdict, detail), Vec::new()));
        if !asked.notification.active {
            return ended(MatchVerdict::Inactive, "active = false".into());
        }
        let because = match self.holds(asked) {
            Ok(Verdict {
                holds: true,
                because,
            }) => because,
            Ok(Verdict {
                holds: false,
                because,
            }) => return ended(MatchVerdict::ConditionFalse, because),
            Err(TemplateError::Store(error)) => return Err(error),
            Err(error) => return ended(MatchVerdict::Error, format!("the condition: {error}")),
        };
        match self.config.account(asked.notification) {
            Some(account) => self.tell(asked, account, because),
            None => ended(
                MatchVerdict::Error,
                "there is no account to go out by".into(),
            ),
        }
    }

    /// Whom a notification that applies tells, and what.
    fn tell(
        &self,
        asked: Question<'_>,
        account: &SmtpAccount,
        because: String,
    ) -> Result<(Match, Vec<Draft>), StoreError> {
        let around = Surroundings {
            schema: &self.config.schema,
            directory: &*self.directory,
            own: &self.own,
            account: &account.name,
            now: asked.now,
        };
        let chosen = choose(asked.notification, asked.event, around)?;
        let mut found = found(asked.notification, MatchVerdict::Matched, because);
        found.recipients = chosen.excluded;
        let mut drafts = Vec::new();
        let mut recipients = chosen.recipients;
        recipients.retain(|recipient| {
            let denied = self.config.outgoing.denied(&recipient.address);
            let told = denied.is_none();
            let row = denied.map(|why| verdict(recipient, "denied_domain", why));
            found.recipients.extend(row);
            told
        });
        if recipients.is_empty() {
            found.verdict = MatchVerdict::NoRecipients;
            return Ok((found, drafts));
        }
        let files = self.files(asked)?;
        for recipient in recipients {
            match self.draft(asked, account, &recipient, &files) {
                Ok(draft) => drafts.push(draft),
                Err(RenderError::Template(TemplateError::Store(error))) => return Err(error),
                Err(error) => {
                    found.detail = error.to_string();
                    let failed = verdict(&recipient, "render_error", found.detail.clone());
                    found.recipients.push(failed);
                }
            }
        }
        if drafts.is_empty() {
            found.verdict = MatchVerdict::RenderError;
        }
        Ok((found, drafts))
    }

    /// The files that go along, read once for all recipients.
    fn files(&self, asked: Question<'_>) -> Result<Files, StoreError> {
        match &asked.event.what.record {
            Some(record) if asked.notification.content.include_attachments => {
                Files::of(record, &*self.directory, &self.config.outgoing)
            }
            _ => Ok(Files::default()),
        }
    }

    /// The message, and what is to be said about its files. It goes without them rather than not at all.
    fn message(
        &self,
        cover: &Cover<'_>,
        recipient: &Recipient,
        content: &Content,
        files: &Files,
    ) -> Result<(Vec<u8>, String), RenderError> {
        let limit = self.config.outgoing.max_message;
        let with = |files| cover.message(recipient, content, files);
        let raw = with(&files.files).map_err(RenderError::Build)?;
        if raw.len() <= limit {
            return Ok((raw, files.left_out()));
        }
        let raw = with(&[]).map_err(RenderError::Build)?;
        match raw.len() <= limit {
            true => Ok((raw, files.all_left_out(limit))),
            false => Err(RenderError::TooLarge("max_message", limit)),
        }
    }

    /// A body beyond the limit is no mail for anybody.
    fn refuse_large_body(&self, content: &Content) -> Result<(), RenderError> {
        let limit = self.config.outgoing.max_body;
        let html = content.html.as_deref().unwrap_or_default();
        // There are at most as many characters as octets.
        let large = |text: &str| text.len() > limit && text.chars().count() > limit;
        match large(html) || large(&content.text) {
            true => Err(RenderError::TooLarge("max_body", limit)),
            false => Ok(()),
        }
    }

    /// What its condition is asked about.
    fn facts<'a>(&'a self, asked: Question<'a>) -> Facts<'a> {
        let what = &asked.event.what;
        Facts {
            schema: &self.config.schema,
            directory: &*self.directory,
            table: what.record.as_ref().map_or("", |key| &key.table),
            id: what.record.as_ref().map(|key| key.id.as_str()),
            current: &what.current,
            previous: &what.previous,
            kind: what.kind,
            now: asked.now,
        }
    }

    fn holds(&self, asked: Question<'_>) -> Result<Verdict, TemplateError> {
        match (&asked.notification.condition, asked.query) {
            (None, _) => Ok(Verdict {
                holds: true,
                because: "no condition".into(),
            }),
            (Some(Condition::Expression(text)), _) => {
                self.config.templates.verdict(text, asked.context)
            }
            (Some(Condition::Query(_)), Some(query)) => query
                .evaluate(&self.facts(asked))
                .map_err(TemplateError::Store),
            // Such a configuration does not load; one put together by hand could be so.
            (Some(Condition::Query(text)), None) => Ok(Verdict {
                holds: false,
                because: format!("`{text}` cannot be read"),
            }),
        }
    }

    fn draft(
        &self,
        asked: Question<'_>,
        account: &SmtpAccount,
        recipient: &Recipient,
        files: &Files,
    ) -> Result<Draft, RenderError> {
        let Question {
            notification,
            event,
            now,
            ..
        } = asked;
        let cover = Cover {
            event: event.id,
            notification,
            record: event.what.record.as_ref(),
            account,
            mail_domain: &self.config.instance.mail_domain,
            unsubscribe_url: &self.config.instance.unsubscribe_url,
            signer: &self.signer,
            now,
        };
        let context = asked
            .context
            .clone()
            .value("recipient", cover.named(recipient));
        let templates = &self.config.templates;
        let variant = Variant::of(notification, templates, &recipient.locale);
        let content =
            content(notification, &variant, templates, &context).map_err(RenderError::Template)?;
        self.refuse_large_body(&content)?;
        let about_variant = variant.in_words(notification, &recipient.locale);
        if let Some(interval) = recipient.digest {
            let part = digest::part(notification, event, recipient, interval, &content);
            let without = notification.content.include_attachments;
            let without = without.then(|| "files do not go along in a digest".to_owned());
            return Ok(Draft {
                recipient: recipient.clone(),
                content,
                going: Going::Part(part),
                remarks: joined([about_variant, without.unwrap_or_default()]),
            });
        }
        let (raw, about_files) = self.message(&cover, recipient, &content, files)?;
        // Time spent in waiting for a schedule is no time spent in trying.
        let starts = recipient.hold.as_ref().map_or(now, |hold| hold.until);
        let mail = OutgoingMail {
            message_id: cover.message_id(recipient),
            sender: with_name(&account.from)
                .map_or("", |(_, address)| address)
                .to_owned(),
            recipient: recipient.address.clone(),
            subject: content.subject.clone(),
            raw,
            account: account.name.clone(),
            record: event.what.record.clone(),
            expires: expires(starts),
            not_before: recipient.hold.as_ref().map(|hold| hold.until),
            rank: self.rank(notification, &content),
        };
        Ok(Draft {
            recipient: recipient.clone(),
            content,
            going: Going::Mail(mail),
            remarks: joined([about_variant, about_files]),
        })
    }
}

impl Processor {
    /// How a mail compares with others; one of weight 0 always goes out.
    fn rank(&self, notification: &Notification, content: &Content) -> Option<Rank> {
        (notification.weight > 0).then(|| Rank {
            weight: notification.weight,
            fingerprint: content.fingerprint(),
            window: self.config.weight_window,
        })
    }
}

impl std::fmt::Debug for Processor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Processor({} notifications)",
            self.config.notifications.len()
        )
    }
}

fn found(notification: &Notification, verdict: MatchVerdict, detail: String) -> Match {
    Match {
        notification: notification.name.clone(),
        verdict,
        detail,
        recipients: Vec::new(),
        mails: Vec::new(),
        digests: Vec::new(),
    }
}

/// When a mail that may go from this moment on is given up.
fn expires(starts: Timestamp) -> Timestamp {
    starts.saturating_add(EXPIRY).unwrap_or(Timestamp::MAX)
}

/// Remarks in one line; empty ones are left out.
fn joined(remarks: impl IntoIterator<Item = String>) -> String {
    let all = remarks.into_iter().filter(|remark| !remark.is_empty());
    all.collect::<Vec<_>>().join("; ")
}

fn verdict(recipient: &Recipient, verdict: &'static str, detail: String) -> RecipientVerdict {
    RecipientVerdict {
        address: recipient.address.clone(),
        via: recipient.via.clone(),
        verdict,
        detail,
    }
}

fn query(notification: &Notification, config: &Config) -> Option<Query> {
    let Some(Condition::Query(text)) = &notification.condition else {
        return None;
    };
    Query::parse(text, notification.table.as_deref()?, &config.schema).ok()
}

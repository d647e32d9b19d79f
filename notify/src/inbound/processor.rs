//! From a stored mail to its effects: read it, find its author, classify it, apply the actions, commit.
//!
//! A mail that cannot be processed stays, in state `error` with the reason, and is tried again, later each time;
//! in the end it is held for a person. No mail is dropped, and none holds up another.

use super::action::{ActionError, Actions, Applied};
use super::author::Author;
use super::classify::{Bounced, Classification, Classifier, Verdict};
use super::mail::{Address, Mail};
use super::{Class, Inbound, InboundId, InboundOutcome, InboundRow, InboundState};
use crate::config::Config;
use crate::delivery::{hard, next_attempt};
use crate::store::{Store, StoreError, Work};
use crate::suppression::{Reason, Suppression};
use crate::token::Signer;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Mails in one round.
const BATCH: usize = 50;

/// After so many attempts a mail is held.
const MAX_ATTEMPTS: u32 = 8;

/// More mails than this from one address within [`LOOP_TIME`] look like a loop.
const LOOP_MAILS: usize = 30;

/// See [`LOOP_MAILS`].
const LOOP_TIME: Duration = Duration::from_secs(60 * 60);

/// So many of the newest mails are looked at for a loop.
const LOOP_LOOK: usize = 100;

/// Processes stored mail.
pub struct Processor {
    config: Arc<Config>,
    pub(super) store: Arc<dyn Store>,
    signer: Signer,
    actions: Actions,
    own: Vec<String>,
}

/// What became of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processed {
    /// Its outcome, as stored.
    pub outcome: InboundOutcome,
    /// The address in From.
    pub from: String,
}

impl Processor {
    /// A processor for the inbound actions of a configuration. `signer` is the one that signed the reply addresses.
    pub fn new(config: Arc<Config>, store: Arc<dyn Store>, signer: Signer) -> Self {
        let actions = Actions::new(Arc::clone(&config), Arc::clone(&store));
        let own = config.own_addresses();
        Self {
            config,
            store,
            signer,
            actions,
            own,
        }
    }

    /// Processes the mail that is due, oldest first. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails; mail that was not processed is due again.
    pub fn run_once(&self, now: Timestamp) -> Result<Vec<Processed>, StoreError> {
        let due = self.store.due_inbound(now, BATCH)?;
        let mut done = Vec::with_capacity(due.len());
        for inbound in &due {
            done.extend(self.one(inbound, now)?);
        }
        Ok(done)
    }

    /// Processes one mail; `None` if somebody else did so meanwhile.
    fn one(&self, inbound: &Inbound, now: Timestamp) -> Result<Option<Processed>, StoreError> {
        let mail = Mail::parse(&inbound.what.raw);
        let from = mail.from.as_ref().map(|from| from.address.clone());
        let from = from.unwrap_or_default();
        let work = match self.work(inbound.id, &mail, now) {
            Ok(work) => work,
            Err(ActionError::Action(why)) => failed(inbound, &why, now),
            // A record that cannot be read concerns this mail, and holds up no other.
            Err(ActionError::Store(error @ StoreError::Corrupt(_))) => {
                failed(inbound, &error.to_string(), now)
            }
            Err(ActionError::Store(error)) => return Err(error),
        };
        match self.store.commit(&work) {
            Ok(committed) => Ok(work.inbound.map(|mut outcome| {
                outcome.record = outcome.record.or(committed.records.into_iter().next());
                Processed { outcome, from }
            })),
            Err(StoreError::AlreadyProcessed(_)) => Ok(None),
            Err(
                error @ (StoreError::NoRecord(_)
                | StoreError::RecordExists(_)
                | StoreError::Corrupt(_)),
            ) => {
                let work = failed(inbound, &error.to_string(), now);
                self.store.commit(&work)?;
                Ok(work.inbound.map(|outcome| Processed { outcome, from }))
            }
            Err(error) => Err(error),
        }
    }

    fn work(&self, id: InboundId, mail: &Mail, now: Timestamp) -> Result<Work, ActionError> {
        let Some(from) = &mail.from else {
            return Ok(only(outcome(
                id,
                &unknown(),
                InboundState::Held,
                "it has no sender address".to_owned(),
            )));
        };
        let store = self.store.as_ref();
        let author = Author::find(store, from)?;
        let classifier = Classifier {
            store,
            schema: &self.config.schema,
            signer: &self.signer,
            own: &self.own,
        };
        let found = classifier.classify(mail, &author)?;
        if let Some(bounced) = &found.bounced {
            // Before the outcome is written: a crash in between counts a hit twice, and loses none.
            store.suppress(&suppression(bounced, now))?;
        }
        let (state, why) = match &found.verdict {
            Verdict::Ignore(why) => (InboundState::Ignored, why.clone()),
            Verdict::Hold(why) => (InboundState::Held, why.clone()),
            Verdict::Act => match self.loops(from, now)? {
                Some(why) => (InboundState::Held, why),
                None => return self.act(id, mail, &author, &found),
            },
        };
        Ok(only(outcome(id, &found, state, why)))
    }

    /// Why a sender looks like a program in a loop with us; acknowledgements and answers stop with it.
    fn loops(&self, from: &Address, now: Timestamp) -> Result<Option<String>, StoreError> {
        let since = now.checked_sub(LOOP_TIME).unwrap_or(Timestamp::MIN);
        let is_theirs = |row: &InboundRow| {
            let from = from.address.to_ascii_lowercase();
            row.mail.received >= since
                && row.outcome.state == InboundState::Processed
                && row.from.to_ascii_lowercase().contains(&from)
        };
        let rows = self.store.inbound_log(LOOP_LOOK)?;
        let count = rows.iter().filter(|row| is_theirs(row)).count();
        let why = || {
            let minutes = LOOP_TIME.as_secs() / 60;
            format!(
                "{count} mails of {} came within {minutes} minutes: perhaps a loop",
                from.address
            )
        };
        Ok((count >= LOOP_MAILS).then(why))
    }

    pub(super) fn act(
        &self,
        id: InboundId,
        mail: &Mail,
        author: &Author,
        found: &Classification,
    ) -> Result<Work, ActionError> {
        let record = match &found.record {
            Some(key) => match self.store.record(key)? {
                Some(record) => Some(record),
                None => {
                    let why = format!("{key} does not exist any more");
                    return Ok(only(outcome(id, found, InboundState::Held, why)));
                }
            },
            None => None,
        };
        let applied = self.actions.apply(mail, author, found, record.as_ref())?;
        let (state, why) = judged(&applied, found);
        let mut outcome = outcome(id, found, state, why);
        outcome.action = (!applied.ran.is_empty()).then(|| applied.ran.join(", "));
        Ok(Work {
            inbound: Some(outcome),
            ..applied.work
        })
    }
}

/// The state of a mail whose actions are applied, and why.
fn judged(applied: &Applied, found: &Classification) -> (InboundState, String) {
    let notes = applied.notes.join("; ");
    let acted = !applied.work.changes.is_empty() || !applied.work.events.is_empty();
    if acted {
        return (InboundState::Processed, notes);
    }
    if applied.ran.is_empty() && notes.is_empty() {
        let about = found.record.as_ref();
        let about = about.map_or_else(String::new, |key| {
            format!(" about a record of {}", key.table)
        });
        let why = format!(
            "no inbound action takes a {} mail{about}",
            found.class.name()
        );
        return (InboundState::Held, why);
    }
    (InboundState::Ignored, notes)
}

pub(super) fn only(outcome: InboundOutcome) -> Work {
    Work {
        inbound: Some(outcome),
        ..Work::default()
    }
}

pub(super) fn outcome(
    id: InboundId,
    found: &Classification,
    state: InboundState,
    reason: String,
) -> InboundOutcome {
    InboundOutcome {
        id,
        class: found.class,
        matched_by: found.matched_by.clone(),
        record: found.record.clone(),
        state,
        reason,
        action: None,
        next_at: None,
    }
}

/// A hard bounce ends: people come back, and servers err. A complaint does not.
fn suppression(bounced: &Bounced, now: Timestamp) -> Suppression {
    match bounced.reason {
        Reason::Hard => hard(&bounced.address, &bounced.account, &bounced.detail, now),
        reason => Suppression {
            address: bounced.address.clone(),
            account: None,
            reason,
            detail: bounced.detail.clone(),
            since: now,
            until: None,
            hits: 1,
        },
    }
}

pub(super) fn unknown() -> Classification {
    Classification {
        class: Class::New,
        matched_by: "none".to_owned(),
        record: None,
        verdict: Verdict::Act,
        bounced: None,
    }
}

/// The outcome of a mail that could not be processed: tried again later, and in the end held.
fn failed(inbound: &Inbound, why: &str, now: Timestamp) -> Work {
    let attempts = inbound.attempts + 1;
    let mut outcome = outcome(inbound.id, &unknown(), InboundState::Error, why.to_owned());
    if attempts < MAX_ATTEMPTS {
        outcome.next_at = Some(next_attempt(inbound.id, attempts, now));
    } else {
        outcome.state = InboundState::Held;
        outcome.reason = format!("given up after {attempts} attempts: {why}");
    }
    only(outcome)
}

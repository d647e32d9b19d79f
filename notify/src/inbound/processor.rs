//! From a stored mail to its effects: read it, find its author, classify it, apply the actions, commit.
//!
//! A mail that cannot be processed stays, in state `error` with the reason, and is tried again, later each time;
//! in the end it is held for a person. No mail is dropped, and none holds up another.

use super::action::{ActionError, Actions, Applied, Call, Incoming};
use super::author::Author;
use super::batch::{Batch, Judged};
use super::classify::{Bounced, Classification, Classifier, Verdict};
use super::mail::{Address, Mail};
use super::policy::Bounces;
use super::{Class, Inbound, InboundId, InboundOutcome, InboundState};
use crate::config::Config;
use crate::delivery::next_attempt;
use crate::record::RecordKey;
use crate::store::{Bounce, Store, StoreError, Work};
use crate::suppression::{Reason, Suppression};
use crate::token::Signer;
use jiff::Timestamp;
use std::sync::Arc;

/// Mails that are written together.
const TOGETHER: usize = 250;

/// After so many attempts a mail is held.
const MAX_ATTEMPTS: u32 = 8;

/// Processes stored mail.
pub struct Processor {
    config: Arc<Config>,
    pub(super) store: Arc<dyn Store>,
    pub(super) signer: Signer,
    actions: Actions,
    own: Arc<[String]>,
    pub(super) together: usize,
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
        let own = config.own_addresses().into();
        Self {
            config,
            store,
            signer,
            actions,
            own,
            together: TOGETHER,
        }
    }

    /// Mails that are written together, while those after them are judged: 250 unless it is set here, and at least one.
    #[must_use]
    pub fn written_together(self, mails: usize) -> Self {
        Self {
            together: mails.max(1),
            ..self
        }
    }

    /// The same processor, which looks things up in another store, and writes there.
    pub(super) fn in_store(&self, store: Arc<dyn Store>) -> Self {
        Self {
            config: Arc::clone(&self.config),
            signer: self.signer.clone(),
            actions: self.actions.in_store(Arc::clone(&store)),
            own: Arc::clone(&self.own),
            together: self.together,
            store,
        }
    }

    /// What is to become of a mail; `None` if that cannot be said before the batch is written.
    pub(super) fn judged(
        &self,
        inbound: &Inbound,
        mail: &Arc<Mail>,
        batch: &Batch<'_>,
        now: Timestamp,
    ) -> Result<Option<Judged>, StoreError> {
        let from = mail.from.as_ref().map(|from| from.address.clone());
        let from = from.unwrap_or_default();
        if batch.is_full_for(&from) {
            return Ok(None);
        }
        let (work, calls) = match self.work(inbound, mail, batch.of(&from), now) {
            Ok(work) => work,
            Err(ActionError::Action(why)) => (failed(inbound, &why, now), Vec::new()),
            // A record that cannot be read concerns this mail, and holds up no other.
            Err(ActionError::Store(error @ StoreError::Corrupt(_))) => {
                (failed(inbound, &error.to_string(), now), Vec::new())
            }
            Err(ActionError::Store(error)) => return Err(error),
        };
        Ok(Some(Judged { work, calls, from }))
    }

    fn work(
        &self,
        inbound: &Inbound,
        mail: &Arc<Mail>,
        before: usize,
        now: Timestamp,
    ) -> Result<(Work, Vec<Call>), ActionError> {
        let Some(from) = &mail.from else {
            let why = "it has no sender address".to_owned();
            let held = outcome(inbound.id, &unknown(), InboundState::Held, why);
            return Ok((only(held), Vec::new()));
        };
        if let Some(work) = self.leave(inbound.id, mail)? {
            return Ok((work, Vec::new()));
        }
        let author = Author::find(self.store.as_ref(), from)?;
        let found = self.classified(mail, &author)?;
        let state = match &found.verdict {
            Verdict::Ignore(why) => Some((InboundState::Ignored, why.clone())),
            Verdict::Hold(why) => Some((InboundState::Held, why.clone())),
            Verdict::Act | Verdict::Comment(_) => {
                let looped = self.loops(from, found.record.as_ref(), before, now)?;
                looped.map(|why| (InboundState::Held, why))
            }
        };
        let Some((state, why)) = state else {
            return self.planned(inbound, mail, &author, &found, now);
        };
        let mut work = only(outcome(inbound.id, &found, state, why));
        let policy = self.config.incoming.bounces;
        work.bounces
            .extend(found.bounced.map(|bounced| bounce(bounced, policy, now)));
        Ok((work, Vec::new()))
    }

    fn classified(&self, mail: &Mail, author: &Author) -> Result<Classification, StoreError> {
        let classifier = Classifier {
            store: self.store.as_ref(),
            schema: &self.config.schema,
            signer: &self.signer,
            own: &self.own,
            policy: &self.config.incoming,
        };
        classifier.classify(mail, author)
    }

    /// What would become of a mail if it were processed at the moment that it was received: nothing is written, and nothing called.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn dry_run(&self, inbound: &Inbound) -> Result<InboundOutcome, StoreError> {
        let nothing = || outcome(inbound.id, &unknown(), InboundState::Error, String::new());
        let work = self.supposed(inbound)?;
        Ok(work.inbound.unwrap_or_else(nothing))
    }

    /// The same, with all that would be written: changes, events and files.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn supposed(&self, inbound: &Inbound) -> Result<Work, StoreError> {
        let mail = Arc::new(Mail::parse(&inbound.what.raw));
        let now = inbound.received;
        match self.work(inbound, &mail, 0, now) {
            Ok((work, _)) => Ok(work),
            Err(ActionError::Action(why)) => Ok(failed(inbound, &why, now)),
            Err(ActionError::Store(error)) => Err(error),
        }
    }

    /// Why a sender looks like a program in a loop with us; acknowledgements and answers stop with it.
    fn loops(
        &self,
        from: &Address,
        record: Option<&RecordKey>,
        before: usize,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let policy = &self.config.incoming;
        let since = now.checked_sub(policy.loop_time).unwrap_or(Timestamp::MIN);
        let minutes = policy.loop_time.as_secs() / 60;
        let all = before + self.store.acted_inbound(&from.address, since, None)?;
        if all >= policy.sender_rate {
            let who = &from.address;
            let why = format!("{all} mails of {who} came within {minutes} minutes: perhaps a loop");
            return Ok(Some(why));
        }
        let Some(key) = record else { return Ok(None) };
        let count = self.store.acted_inbound(&from.address, since, record)?;
        let who = &from.address;
        let why = || {
            format!(
                "{count} mails of {who} about {key} came within {minutes} minutes: perhaps a loop"
            )
        };
        Ok((count >= policy.thread_rate).then(why))
    }

    /// The effects of a mail, after everything outside was called.
    pub(super) fn act(
        &self,
        inbound: &Inbound,
        mail: &Arc<Mail>,
        author: &Author,
        found: &Classification,
        now: Timestamp,
    ) -> Result<Work, ActionError> {
        let (mut work, calls) = self.planned(inbound, mail, author, found, now)?;
        make(&calls, &mut work).map_err(ActionError::Action)?;
        Ok(work)
    }

    /// The effects of a mail, and what is to be called before they are written.
    fn planned(
        &self,
        inbound: &Inbound,
        mail: &Arc<Mail>,
        author: &Author,
        found: &Classification,
        now: Timestamp,
    ) -> Result<(Work, Vec<Call>), ActionError> {
        let record = match &found.record {
            Some(key) => match self.store.record(key)? {
                Some(record) => Some(record),
                None => {
                    let why = format!("{key} does not exist any more");
                    let held = outcome(inbound.id, found, InboundState::Held, why);
                    return Ok((only(held), Vec::new()));
                }
            },
            None => None,
        };
        let applied = self.actions.apply(&Incoming {
            inbound,
            mail,
            author,
            found,
            record: record.as_ref(),
            now,
        })?;
        let (state, why) = judged(&applied, found);
        let mut outcome = outcome(inbound.id, found, state, why);
        let ran = applied.ran();
        outcome.action = (!ran.is_empty()).then(|| ran.join(", "));
        let work = Work {
            inbound: Some(InboundOutcome {
                verdicts: applied.verdicts,
                ..outcome
            }),
            unanswered: mail.list.is_some(),
            ..applied.work
        };
        Ok((work, applied.calls))
    }
}

/// Calls what a mail calls. If that fails, the mail is tried again.
pub(super) fn called(inbound: &Inbound, mut judged: Judged, now: Timestamp) -> Judged {
    if let Err(why) = make(&judged.calls, &mut judged.work) {
        judged.work = failed(inbound, &why, now);
    }
    judged
}

/// Makes calls, and notes what came back.
fn make(calls: &[Call], work: &mut Work) -> Result<(), String> {
    for call in calls {
        let said = call.make();
        let said = said.map_err(|why| format!("inbound action {}: {why}", call.action))?;
        let outcome = work.inbound.iter_mut();
        let mut verdicts = outcome.flat_map(|outcome| &mut outcome.verdicts);
        let verdict = verdicts.find(|verdict| verdict.action == call.action);
        if let Some(verdict) = verdict.filter(|_| !said.is_empty()) {
            verdict.detail = format!("{}; it said: {said}", verdict.detail);
        }
    }
    Ok(())
}

/// The state of a mail whose actions are applied, and why.
fn judged(applied: &Applied, found: &Classification) -> (InboundState, String) {
    let mut notes = applied.notes();
    if let Verdict::Comment(why) = &found.verdict {
        notes = format!("only a comment: {why}");
    }
    let work = &applied.work;
    let acted = !work.changes.is_empty()
        || !work.events.is_empty()
        || !work.attachments.is_empty()
        || !applied.calls.is_empty();
    if acted {
        return (InboundState::Processed, notes);
    }
    if applied.ran().is_empty() && notes.is_empty() {
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
    if !applied.wordless {
        return (InboundState::Ignored, notes);
    }
    if found.verdict != Verdict::Act {
        notes = format!("{notes}; {}", applied.notes());
    }
    (InboundState::Held, notes)
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
        verdicts: Vec::new(),
        next_at: None,
    }
}

/// A bounce ends: people come back, and servers err. A complaint does not.
fn bounce(bounced: Bounced, policy: Bounces, now: Timestamp) -> Bounce {
    let points = match bounced.reason {
        Reason::Hard => policy.hard,
        Reason::Soft => policy.soft,
        _ => 1,
    };
    let complaint = bounced.reason == Reason::Complaint;
    Bounce {
        delivery: bounced.delivery,
        failed: bounced.failed.then_some(bounced.words),
        suppression: Suppression {
            address: bounced.address,
            account: (!complaint).then_some(bounced.account),
            reason: bounced.reason,
            detail: bounced.detail,
            since: now,
            until: None,
            hits: points,
        },
        policy,
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
pub(super) fn failed(inbound: &Inbound, why: &str, now: Timestamp) -> Work {
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

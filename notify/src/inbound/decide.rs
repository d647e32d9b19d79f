//! What a person decides about a mail that was held, has failed or was ignored.

use super::action::ActionError;
use super::author::Author;
use super::classify::{Classification, PERSON, Verdict};
use super::mail::Mail;
use super::processor::{Processed, Processor, only, outcome, unknown};
use super::{Class, Inbound, InboundId, InboundState};
use crate::record::RecordKey;
use crate::store::StoreError;
use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;

/// A decision that could not be carried out. No record was changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecideError {
    /// There is no such mail.
    NoMail(InboundId),
    /// The mail has no sender, and so nobody whose words they would be.
    NoSender,
    /// The record does not exist.
    NoRecord(RecordKey),
    /// The inbound action failed, or none takes such a mail.
    Action(String),
    /// The store could not do it; the mail may be processed already.
    Store(StoreError),
}

impl fmt::Display for DecideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMail(id) => write!(f, "there is no inbound mail {id}"),
            Self::NoSender => f.write_str("the mail has no sender address"),
            Self::NoRecord(key) => write!(f, "there is no record {key}"),
            Self::Action(why) => f.write_str(why),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DecideError {}

impl From<StoreError> for DecideError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ActionError> for DecideError {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::Action(why) => Self::Action(why),
            ActionError::Store(error) => Self::Store(error),
        }
    }
}

impl Processor {
    /// Acts upon a mail that was held, has failed or was ignored: as an answer about the record, or as new mail. What
    /// classification said of it does not count.
    ///
    /// # Errors
    /// [`DecideError`]; no record was changed then. A mail that has acted already does not act again.
    pub fn accept(
        &self,
        id: InboundId,
        record: Option<RecordKey>,
        now: Timestamp,
    ) -> Result<Processed, DecideError> {
        let inbound = self.mail(id)?;
        let mail = Arc::new(Mail::parse(&inbound.what.raw));
        let from = mail.from.as_ref().ok_or(DecideError::NoSender)?;
        let author = Author::find(self.store.as_ref(), from)?;
        if let Some(key) = &record {
            let exists = self.store.record(key)?;
            exists.ok_or_else(|| DecideError::NoRecord(key.clone()))?;
        }
        let class = if record.is_some() {
            Class::Reply
        } else {
            Class::New
        };
        let decided = Classification {
            class,
            matched_by: PERSON.to_owned(),
            record,
            verdict: Verdict::Act,
            bounced: None,
        };
        let work = self.act(&inbound, &mail, &author, &decided, now)?;
        let Some(mut outcome) = work.inbound.clone() else {
            return Err(DecideError::NoMail(id));
        };
        if outcome.state != InboundState::Processed {
            return Err(DecideError::Action(outcome.reason));
        }
        self.store.reopen_inbound(id, "a person has taken it")?;
        let committed = self.store.commit(&work)?;
        outcome.record = outcome.record.or(committed.records.into_iter().next());
        let from = from.address.clone();
        Ok(Processed { outcome, from })
    }

    /// Lets a mail rest, for the stated reason.
    ///
    /// # Errors
    /// [`DecideError`] if there is no such mail, or it has acted already.
    pub fn ignore(&self, id: InboundId, why: &str) -> Result<(), DecideError> {
        self.mail(id)?;
        let outcome = outcome(id, &unknown(), InboundState::Ignored, why.to_owned());
        self.store.commit(&only(outcome))?;
        Ok(())
    }

    /// Judges a mail that was held, has failed or was ignored anew, as if it had just come.
    ///
    /// What an ignored report has said about an address is not counted again.
    ///
    /// # Errors
    /// [`DecideError`] if there is no such mail, or it has acted already.
    pub fn reprocess(&self, id: InboundId, now: Timestamp) -> Result<Processed, DecideError> {
        let inbound = self.mail(id)?;
        let counted = self.store.reopen_inbound(id, "it is being judged anew")?;
        let done = self.again(&inbound, counted, now)?;
        done.ok_or(DecideError::Store(StoreError::AlreadyProcessed(id)))
    }

    fn mail(&self, id: InboundId) -> Result<Inbound, DecideError> {
        let inbound = self.store.inbound(id)?;
        inbound.ok_or(DecideError::NoMail(id))
    }
}

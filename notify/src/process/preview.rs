//! A notification rendered about an event, also where it would tell nobody. Nothing is written.

use super::weight::going_out;
use super::{Draft, Match, Processor, Question};
use crate::condition::TermVerdict;
use crate::event::Event;
use crate::outgoing::{MatchVerdict, RecipientVerdict};
use crate::schema::InvalidField;
use crate::store::{Store, StoreError};
use crate::suggest::nearest;
use jiff::Timestamp;
use std::fmt;

/// What one notification would do about one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// What it would come to.
    pub verdict: MatchVerdict,
    /// Why.
    pub detail: String,
    /// Its condition term by term; empty if it has none, or a MiniJinja expression, which has no terms.
    pub terms: Vec<TermVerdict>,
    /// Who would be told, or not. Where the notification would not apply: who would be, if it did.
    pub recipients: Vec<RecipientVerdict>,
    /// What they would read, also where the notification would not apply, or a heavier one would take its place.
    pub drafts: Vec<Draft>,
}

/// Why there is no preview.
#[derive(Debug)]
#[non_exhaustive]
pub enum PreviewError {
    /// There is no such notification.
    Unknown {
        /// The name.
        name: String,
        /// The one that may have been meant.
        did_you_mean: Option<String>,
    },
    /// The notification is not about such an event, in a sentence.
    NotAbout(String),
    /// A value does not fit its field.
    Invalid(InvalidField),
    /// The store could not be read.
    Store(StoreError),
}

impl fmt::Display for PreviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, did_you_mean } => {
                write!(f, "there is no notification `{name}`")?;
                match did_you_mean {
                    Some(meant) => write!(f, "; did you mean `{meant}`?"),
                    None => Ok(()),
                }
            }
            Self::NotAbout(why) => f.write_str(why),
            Self::Invalid(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PreviewError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Unknown { .. } | Self::NotAbout(_) => None,
        }
    }
}

impl From<StoreError> for PreviewError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Processor {
    /// What a notification would do about an event. The mails are those that [`settle`](Self::settle) would queue, octet by octet,
    /// if event and moment are the same.
    ///
    /// # Errors
    /// See [`PreviewError`].
    pub fn preview(
        &self,
        notification: &str,
        event: &Event,
        now: Timestamp,
    ) -> Result<Preview, PreviewError> {
        let n = self.named(notification)?;
        let candidates = self.candidates(event).map_err(PreviewError::NotAbout)?;
        if !candidates.contains(&n) {
            let why = format!("`{notification}` is not about {}", event.what.name);
            return Err(PreviewError::NotAbout(why));
        }
        let context = self.context(event);
        let Some(asked) = self.question(n, event, &context, now) else {
            return Err(self.unknown(notification));
        };
        let terms = match asked.query {
            Some(query) => query.explain(&self.facts(asked))?,
            None => Vec::new(),
        };
        let (found, drafts) = self.ask(asked)?;
        let (found, drafts) = match found.verdict {
            MatchVerdict::ConditionFalse | MatchVerdict::Inactive => {
                self.if_it_applied(asked, found)?
            }
            _ => (self.beside_others(event, &candidates, found, now)?, drafts),
        };
        Ok(Preview {
            verdict: found.verdict,
            detail: found.detail,
            terms,
            recipients: found.recipients,
            drafts,
        })
    }

    /// The same about an event that waits in a [rehearsal](crate::store::SqliteStore::rehearse): settled there, so that its mails
    /// are also compared with those of earlier events.
    ///
    /// # Errors
    /// See [`PreviewError`].
    pub fn preview_in(
        &self,
        store: &dyn Store,
        notification: &str,
        event: &Event,
        now: Timestamp,
    ) -> Result<Preview, PreviewError> {
        let mut preview = self.preview(notification, event, now)?;
        let settled = self.settle_in(store, event.id, now)?;
        let matches = settled.and_then(|settled| settled.settlement);
        let matches = matches.map_or(Vec::new(), |settlement| settlement.matches);
        let own = matches.into_iter().find(|m| m.notification == notification);
        if let (MatchVerdict::Matched, Some(own)) = (preview.verdict, own) {
            (preview.verdict, preview.recipients) = (own.verdict, own.recipients);
        }
        Ok(preview)
    }

    pub(super) fn named(&self, name: &str) -> Result<usize, PreviewError> {
        let mut all = self.config.notifications.iter();
        all.position(|notification| notification.name == name)
            .ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> PreviewError {
        let names = self.config.notifications.iter().map(|n| n.name.as_str());
        PreviewError::Unknown {
            name: name.to_owned(),
            did_you_mean: nearest(name, names).map(str::to_owned),
        }
    }

    /// The verdict stays as it is; recipients and mails are those of a notification that applies.
    fn if_it_applied(
        &self,
        asked: Question<'_>,
        found: Match,
    ) -> Result<(Match, Vec<Draft>), StoreError> {
        let Some(account) = self.config.account(asked.notification) else {
            return Ok((found, Vec::new()));
        };
        let (mut would, drafts) = self.tell(asked, account, found.detail)?;
        would.verdict = found.verdict;
        let told = drafts.iter().map(going_out);
        would.recipients.extend(told);
        Ok((would, drafts))
    }

    /// With the weights of the other notifications compared.
    fn beside_others(
        &self,
        event: &Event,
        candidates: &[usize],
        found: Match,
        now: Timestamp,
    ) -> Result<Match, StoreError> {
        let mut all = self.matches(event, candidates, now)?.into_iter();
        let own = all.find(|other| other.notification == found.notification);
        Ok(own.unwrap_or(found))
    }
}

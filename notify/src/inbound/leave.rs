//! Mails that switch a notification off: `unsubscribe TOKEN` in the subject, as List-Unsubscribe prepares them.

use super::action::ActionError;
use super::mail::Mail;
use super::processor::{Processor, only, outcome, unknown};
use super::{Class, InboundId, InboundState};
use crate::store::Work;
use crate::unsubscribe::{UnsubscribeError, UnsubscribeToken, unsubscribe};

impl Processor {
    /// What such a mail does; `None` for every other mail. It comes before all other rules, because mail programs
    /// send it by themselves, and no person waits for an answer.
    pub(super) fn leave(&self, id: InboundId, mail: &Mail) -> Result<Option<Work>, ActionError> {
        let Some(token) = UnsubscribeToken::in_subject(&mail.subject) else {
            return Ok(None);
        };
        let mut found = unknown();
        found.class = Class::Auto;
        found.matched_by = "unsubscribe".to_owned();
        match unsubscribe(self.store.as_ref(), &self.signer, &token) {
            Ok(change) => {
                let (address, notification) = (token.address(), token.notification());
                let why = format!("{address} is not told by {notification} any more");
                // The store notes the preference as the record that it acted upon.
                let outcome = outcome(id, &found, InboundState::Processed, why);
                Ok(Some(Work {
                    changes: vec![change],
                    ..only(outcome)
                }))
            }
            Err(UnsubscribeError::NotOurs) => {
                let why = "its token to unsubscribe was not made here".to_owned();
                let outcome = outcome(id, &found, InboundState::Ignored, why);
                Ok(Some(only(outcome)))
            }
            Err(UnsubscribeError::Store(error)) => Err(ActionError::Store(error)),
        }
    }
}

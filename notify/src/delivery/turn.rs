//! Whose turn it was when a connection was lost or took no more, and what becomes of those behind.
//!
//! * The mail that the server had to answer next has made an attempt: it may be what the connection broke on.
//! * Mails behind it are given back as if they had not been claimed, also where MAIL was sent ahead with the message before
//!   (RFC 2920 §3.1): replies come in order, so the server said nothing about them, and it has the message of none. They are due at once.
//! * A mail whose message was written to its end may have arrived: that is an attempt, and its outcome is unknown.
//!
//! A connection that is lost before the server has decided on any mail is **fruitless**. After [`MOST_FRUITLESS`] in a row, or
//! one that follows on a pause, the account rests; so it does at once where the server says 421. A batch that a fruitless connection
//! of such a server ends has made an attempt as a whole: else no mail would ever be given up whose server is there, and does nothing.
//!
//! Servers limit the mails of one connection. Some say 421 then (Exim behind 1,000): behind [`MANY`] mails or more that asks for no
//! rest. Others say 4yz to each further MAIL (OpenSMTPD behind 100): mails that are turned away behind one that was decided on are given
//! back. Either way the connection is **spent**, and the next one is opened at once; what it has taken, if it was many, is not exceeded
//! any more. Over a new connection a mail that is turned away before all others has made an attempt.

use super::outbox::{Answer, Heard, Outbox};
use super::outcome::{is_answered, is_closing, is_turned_away, is_untried};
use super::policy::return_tokens;
use crate::account::SmtpAccount;
use crate::blocking::with_store;
use crate::outgoing::Claimed;
use crate::store::{Store, StoreError};
use jiff::Timestamp;
use postrider_smtp::{Outcome, RecipientOutcome};
use std::sync::Arc;

/// A server that has decided on so many mails over a connection is there, and in order.
const MANY: usize = 10;

/// Fruitless connections in a row, of which the last one pauses the account.
const MOST_FRUITLESS: u32 = 3;

/// What a batch says about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Fruitless connections in a row, this one counted.
    pub(super) fruitless: u32,
    /// They are reason enough to pause the account.
    pub(super) rests: bool,
    /// Mails that the server has decided on over this connection.
    pub(super) decided: usize,
    /// The first mail of the batch that was turned away behind one of those.
    turned_away: Option<usize>,
    /// No further mail is for this connection.
    pub(super) is_spent: bool,
    /// How many mails the server takes over one, if it has shown that.
    pub(super) takes: Option<usize>,
}

impl Turn {
    pub(super) fn of(heard: &Heard) -> Self {
        let outcomes = || heard.answers.iter().filter_map(Answer::outcome);
        let is_fruitless =
            !heard.reused && outcomes().any(is_broken) && !outcomes().any(is_answered);
        let fruitless = match is_fruitless {
            true => heard.fruitless.saturating_add(1),
            false => 0,
        };
        let rests = is_fruitless && (fruitless >= MOST_FRUITLESS || heard.failures > 0);
        let (mut decided, mut turned_away) = (heard.decided, None);
        for (n, answer) in heard.answers.iter().enumerate() {
            match answer.outcome() {
                Some(outcome) if !is_turned_away(outcome) => {
                    decided += usize::from(is_answered(outcome));
                }
                Some(_) if decided > 0 => {
                    turned_away.get_or_insert(n);
                }
                _ => {}
            }
        }
        let is_limit = turned_away.is_some() || outcomes().any(is_closing);
        let takes = match is_limit && decided >= MANY {
            true => Some(decided),
            false => heard.takes,
        };
        Self {
            fruitless,
            rests,
            decided,
            turned_away,
            is_spent: turned_away.is_some() || takes.is_some_and(|takes| decided >= takes),
            takes,
        }
    }

    /// Whether the server asks to be left alone, and not only to be written to over another connection.
    pub(super) fn wants_rest(self, outcome: &RecipientOutcome) -> bool {
        is_closing(outcome) && self.decided < MANY
    }

    /// Whether the `n`th mail is given back; `paused` if the batch pauses the account.
    pub(super) fn gives_back(self, n: usize, answer: &Answer, paused: bool) -> bool {
        let all_have_tried = self.fruitless > 0 && paused;
        let is_over =
            |outcome| self.turned_away.is_some_and(|first| n >= first) && is_turned_away(outcome);
        answer
            .outcome()
            .is_some_and(|outcome| is_over(outcome) || (!all_have_tried && is_untried(outcome)))
    }
}

/// True if the connection was lost over it, or before it.
pub(super) fn is_broken(outcome: &RecipientOutcome) -> bool {
    matches!(outcome.outcome, Outcome::Deferred | Outcome::Unknown) && !is_answered(outcome)
}

/// As if they had not been claimed: due at once, in the order in which they were queued.
pub(super) fn give_back(
    claimed: &[Claimed],
    account: &SmtpAccount,
    store: &dyn Store,
    now: Timestamp,
) -> Result<(), StoreError> {
    if claimed.is_empty() {
        return Ok(());
    }
    let held: Vec<_> = claimed
        .iter()
        .map(|c| (c.delivery, c.lease_epoch))
        .collect();
    store.release(now, &held, None)?;
    return_tokens(claimed, account, store)
}

impl Outbox {
    /// Gives back what was claimed and not sent.
    pub(super) async fn give_back(
        &self,
        claimed: Vec<Claimed>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let account = Arc::clone(&self.account);
        with_store(&self.store, move |store| {
            give_back(&claimed, &account, store, now)
        })
        .await
    }
}

#[cfg(test)]
mod tests;

//! Connections in the pool's hands: those in use, and those kept.

use super::{Pool, Shared};
use crate::content::Source;
use crate::{Cause, Client, Envelope, ErrorKind, Mail, Outcome, RecipientOutcome};
use std::sync::{Arc, Weak};
use tokio::time::{Instant, sleep_until};

/// A connection, and what it has done.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) client: Client,
    pub(super) mails: usize,
    since: Instant,
}

impl Kept {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            mails: 0,
            since: Instant::now(),
        }
    }

    /// Sends, and says whether the same mails may go once more over another connection: this one was dead before the
    /// server had answered anything, and nothing was at stake.
    pub(super) async fn send(&mut self, mails: &[Mail<'_>]) -> (Vec<Vec<RecipientOutcome>>, bool) {
        let mut outcomes = vec![Vec::new(); mails.len()];
        let heard = self.client.send_heard(mails, |index, settled| {
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = settled;
            }
        });
        let heard = heard.await;
        self.mails += mails.len();
        let again = !heard && nothing_happened(&outcomes);
        (outcomes, again)
    }

    /// The same with a message that is read while it is sent: as long as nothing of it was sent, or if it can be read
    /// again and the connection was lost before its end.
    pub(super) async fn send_from(
        &mut self,
        envelope: &Envelope,
        source: &mut Source<'_>,
    ) -> (Vec<Vec<RecipientOutcome>>, bool) {
        let (outcomes, heard) = self.client.send_source(envelope, source).await;
        self.mails += 1;
        let outcomes = vec![outcomes];
        let again = match source.is_untouched() {
            true => !heard && nothing_happened(&outcomes),
            false => was_lost(&outcomes) && source.restart().await.is_ok(),
        };
        (outcomes, again)
    }
}

/// Whether the connection was lost, and with it the mail for everybody, before its final dot.
fn was_lost(outcomes: &[Vec<RecipientOutcome>]) -> bool {
    let lost = |outcome: &RecipientOutcome| match &outcome.cause {
        Cause::Error(error) => matches!(error.kind(), ErrorKind::Closed | ErrorKind::Io(_)),
        Cause::Reply(_) => false,
    };
    nothing_happened(outcomes) && outcomes.iter().flatten().all(lost)
}

/// Whether sending all of it again can do no harm.
fn nothing_happened(outcomes: &[Vec<RecipientOutcome>]) -> bool {
    let mut all = outcomes.iter().flatten();
    all.all(|outcome| outcome.outcome == Outcome::Deferred)
}

impl Pool {
    /// The newest connection that is kept, and not for too long.
    pub(super) fn take_idle(&self) -> Option<Kept> {
        self.0.close_expired();
        let mut state = self.0.state();
        let kept = state.idle.pop_back()?;
        state.metrics.reused += 1;
        Some(kept)
    }

    pub(super) fn put_back(&self, mut kept: Kept) {
        if !kept.client.is_usable() {
            return;
        }
        if kept.mails >= self.0.limits.mails {
            self.0.state().metrics.retired += 1;
            return say_goodbye(kept);
        }
        kept.since = Instant::now();
        let mut state = self.0.state();
        state.idle.push_back(kept);
        if !std::mem::replace(&mut state.watched, true) {
            tokio::spawn(watch(Arc::downgrade(&self.0)));
        }
    }
}

impl Shared {
    /// Closes the connections that were kept too long, and says when the next will be, if there is one.
    fn close_expired(&self) -> Option<Instant> {
        let mut state = self.state();
        let now = Instant::now();
        while let Some(oldest) = state.idle.front() {
            // Before the clock's end, or never.
            let end = oldest.since.checked_add(self.limits.idle);
            if end.is_none_or(|end| now < end) {
                return end;
            }
            state.metrics.retired += 1;
            if let Some(expired) = state.idle.pop_front() {
                say_goodbye(expired);
            }
        }
        state.watched = false;
        None
    }
}

/// Closes connections when their time is over, as long as there are any, and the pool.
async fn watch(pool: Weak<Shared>) {
    while let Some(end) = pool.upgrade().and_then(|pool| pool.close_expired()) {
        sleep_until(end).await;
    }
}

/// QUIT, without making anybody wait for it.
pub(super) fn say_goodbye(kept: Kept) {
    tokio::spawn(kept.client.quit());
}

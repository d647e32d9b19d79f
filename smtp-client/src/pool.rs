//! Connections kept for the next mail.

use crate::limits::LONGEST;
use crate::{Cause, Client, Config, Envelope, Error, Mail, Outcome, RecipientOutcome};
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Connections to one server, opened when needed and kept for the next mail. Cheap to clone; all clones share them.
///
/// Nothing is sent to find out whether a kept connection is still alive: if it turns out to be dead before the server
/// has answered anything, the mail goes once more over a new one, and the caller sees nothing of it.
/// Whoever waits for a connection is served in the order of asking.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use postrider_smtp::{Config, Endpoint, Envelope, Pool, PoolLimits};
///
/// let pool = Pool::new(Config::new(Endpoint::new("smtp.example.org", 587)?), PoolLimits::default());
/// let envelope = Envelope::parse("ada@example.org", ["bob@example.net"])?;
/// let outcomes = pool.send(&envelope, b"Subject: Hello\r\n\r\nIt works.\r\n").await;
/// assert!(outcomes[0].is_accepted());
/// pool.close_idle().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    limits: PoolLimits,
    /// One permit for each connection that may exist.
    room: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    idle: VecDeque<Kept>,
    /// When the next mail may go.
    next: Instant,
}

/// A connection, and what it has done.
#[derive(Debug)]
struct Kept {
    client: Client,
    mails: usize,
    since: Instant,
}

/// How much a [`Pool`] asks of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolLimits {
    /// Connections at any time, those in use and those kept: 5. One that is just saying QUIT does not count.
    pub connections: usize,
    /// Mails over one connection, after which it is closed: 100. A server's own limit (RFC 9422) counts as well.
    pub mails: usize,
    /// How long a connection is kept without a mail: 30 seconds. Servers close idle ones after minutes.
    pub idle: Duration,
    /// Mails in a time over all connections; no limit by default.
    pub rate: Option<Rate>,
}

/// So many mails in such a time, evenly spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many mails.
    pub mails: NonZeroU32,
    /// In which time.
    pub per: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connections: 5,
            mails: 100,
            idle: Duration::from_secs(30),
            rate: None,
        }
    }
}

impl Pool {
    /// A pool without connections. Limits of zero count as one.
    pub fn new(config: Config, mut limits: PoolLimits) -> Self {
        limits.connections = limits.connections.clamp(1, Semaphore::MAX_PERMITS);
        limits.mails = limits.mails.max(1);
        Self(Arc::new(Shared {
            config,
            limits,
            room: Semaphore::new(limits.connections),
            state: Mutex::new(State {
                idle: VecDeque::new(),
                next: Instant::now(),
            }),
        }))
    }

    /// Sends a message as [`Client::send`] does. If no connection can be opened, everybody is
    /// [`Deferred`](Outcome::Deferred), with the error as the cause.
    pub async fn send(&self, envelope: &Envelope, message: &[u8]) -> Vec<RecipientOutcome> {
        let mut outcomes = self.send_all(&[Mail { envelope, message }]).await;
        outcomes.pop().unwrap_or_default()
    }

    /// Sends many mails over one connection, or one after the other where its limits ask for that. To use several at
    /// once, call this from several tasks.
    pub async fn send_all(&self, mails: &[Mail<'_>]) -> Vec<Vec<RecipientOutcome>> {
        let mut outcomes = Vec::with_capacity(mails.len());
        while let Some(rest) = mails.get(outcomes.len()..).filter(|rest| !rest.is_empty()) {
            let Ok(permit) = self.0.room.acquire().await else {
                break;
            };
            outcomes.extend(self.send_some(rest, permit).await);
        }
        outcomes
    }

    /// Closes the connections that are not in use.
    pub async fn close_idle(&self) {
        let idle = std::mem::take(&mut self.state().idle);
        for kept in idle {
            kept.client.quit().await;
        }
    }

    /// How many connections are kept and not in use.
    pub fn idle(&self) -> usize {
        self.state().idle.len()
    }

    /// Sends as many mails from the front as one connection takes; at least one.
    async fn send_some(
        &self,
        mails: &[Mail<'_>],
        _room: SemaphorePermit<'_>,
    ) -> Vec<Vec<RecipientOutcome>> {
        if let Some(mut kept) = self.take_idle() {
            let some = self.portion(&kept, mails);
            self.wait_for_turn(some.len()).await;
            let (outcomes, alive) = kept.send(some).await;
            if alive || !nothing_happened(&outcomes) {
                self.put_back(kept);
                return outcomes;
            }
        } else {
            self.wait_for_turn(1).await;
        }
        let mut kept = match Client::connect(&self.0.config).await {
            Ok(client) => Kept::new(client),
            Err(error) => return mails.iter().map(|mail| deferred(mail, &error)).collect(),
        };
        let some = self.portion(&kept, mails);
        self.wait_for_turn(some.len().saturating_sub(1)).await;
        let (outcomes, _) = kept.send(some).await;
        self.put_back(kept);
        outcomes
    }

    /// The newest connection that is fit to be used; those kept too long are closed.
    fn take_idle(&self) -> Option<Kept> {
        let mut state = self.state();
        let now = Instant::now();
        let patience = self.0.limits.idle;
        while state
            .idle
            .front()
            .is_some_and(|kept| now - kept.since > patience)
        {
            say_goodbye(state.idle.pop_front());
        }
        state.idle.pop_back()
    }

    fn put_back(&self, mut kept: Kept) {
        if !kept.client.is_usable() {
            return;
        }
        if kept.mails >= self.0.limits.mails {
            return say_goodbye(Some(kept));
        }
        kept.since = Instant::now();
        self.state().idle.push_back(kept);
    }

    /// As many mails from the front as a connection may still carry.
    fn portion<'s, 'm>(&self, kept: &Kept, mails: &'s [Mail<'m>]) -> &'s [Mail<'m>] {
        let ours = self.0.limits.mails.saturating_sub(kept.mails).max(1);
        let theirs = kept.client.mails_left().unwrap_or(u64::MAX);
        let theirs = usize::try_from(theirs).unwrap_or(usize::MAX).max(1);
        let paced = if self.0.limits.rate.is_some() {
            1
        } else {
            usize::MAX
        };
        mails.get(..ours.min(theirs).min(paced)).unwrap_or(mails)
    }

    /// Waits until so many mails may go.
    async fn wait_for_turn(&self, mails: usize) {
        let Some(Rate { mails: many, per }) = self.0.limits.rate else {
            return;
        };
        if mails == 0 {
            return;
        }
        let mails = u32::try_from(mails).unwrap_or(u32::MAX);
        let step = (per / many.get()).saturating_mul(mails).min(LONGEST);
        let turn = {
            let mut state = self.state();
            let turn = state.next.max(Instant::now());
            state.next = turn + step;
            turn
        };
        sleep_until(turn).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn new(client: Client) -> Self {
        Self {
            client,
            mails: 0,
            since: Instant::now(),
        }
    }

    /// Sends, and says whether the server had anything to say.
    async fn send(&mut self, mails: &[Mail<'_>]) -> (Vec<Vec<RecipientOutcome>>, bool) {
        let mut outcomes = vec![Vec::new(); mails.len()];
        let alive = self.client.send_heard(mails, |index, settled| {
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = settled;
            }
        });
        let alive = alive.await;
        self.mails += mails.len();
        (outcomes, alive)
    }
}

/// Whether sending all of it again can do no harm.
fn nothing_happened(outcomes: &[Vec<RecipientOutcome>]) -> bool {
    let mut all = outcomes.iter().flatten();
    all.all(|outcome| outcome.outcome == Outcome::Deferred)
}

fn deferred(mail: &Mail<'_>, error: &Error) -> Vec<RecipientOutcome> {
    let outcome = |recipient: &crate::ForwardPath| RecipientOutcome {
        recipient: recipient.clone(),
        outcome: Outcome::Deferred,
        stage: error.stage(),
        cause: Cause::Error(error.clone()),
    };
    mail.envelope.recipients().iter().map(outcome).collect()
}

/// QUIT, without making anybody wait for it.
fn say_goodbye(kept: Option<Kept>) {
    if let Some(kept) = kept {
        tokio::spawn(kept.client.quit());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;

    #[tokio::test(start_paused = true)]
    async fn the_rate_holds_over_all_clones() {
        let per = Duration::from_secs(1);
        let limits = PoolLimits {
            rate: NonZeroU32::new(10).map(|mails| Rate { mails, per }),
            ..PoolLimits::default()
        };
        let pool = Pool::new(Config::new(Endpoint::new("mx", 25).unwrap()), limits);
        let begin = Instant::now();
        for _ in 0..3 {
            pool.wait_for_turn(1).await;
            pool.clone().wait_for_turn(1).await;
        }
        assert_eq!(begin.elapsed().as_millis(), 500, "the first goes at once");
    }
}

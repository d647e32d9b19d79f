//! Connections kept for the next mail.

mod kept;
mod limits;
mod metrics;
mod pace;

pub use limits::{PoolLimits, Rate};
pub use metrics::PoolMetrics;

use crate::content::Source;
use crate::{Client, Config, Envelope, Mail, Outcome, RecipientOutcome};
use kept::Kept;
use pace::Pace;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Connections to one server, opened when needed and kept for the next mail. Cheap to clone; all clones share them.
///
/// Nothing is sent to find out whether a kept connection is still alive: if it turns out to be dead before the server
/// has answered anything, the mail goes once more over a new one, and the caller sees nothing of it.
/// Whoever waits for a connection is served in the order of asking, and nobody holds one while waiting for a turn
/// ([`PoolLimits::rate`]).
///
/// # Cancel safety
/// Every future may be dropped at any point. A connection that was in use then is closed, and its place is free again.
/// Mails whose verdict was not given are as good as [`Unknown`](Outcome::Unknown), as with [`Client`]. A mail that waited
/// for its turn has used it up.
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

#[derive(Debug, Default)]
struct State {
    /// The longest kept in front.
    idle: VecDeque<Kept>,
    /// A task closes them when their time is over.
    watched: bool,
    pace: Pace,
    /// Without what is counted when it is asked for.
    metrics: PoolMetrics,
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
            state: Mutex::default(),
        }))
    }

    /// Sends a message as [`Client::send`] does. If no connection can be opened, everybody is
    /// [`Deferred`](Outcome::Deferred), with the error as the cause.
    pub async fn send(&self, envelope: &Envelope, message: &[u8]) -> Vec<RecipientOutcome> {
        let mut outcomes = self.send_all(&[Mail::new(envelope, message)]).await;
        outcomes.pop().unwrap_or_default()
    }

    /// Sends many mails over one connection, or one after the other where its limits ask for that. To use several at
    /// once, call this from several tasks.
    pub async fn send_all(&self, mails: &[Mail<'_>]) -> Vec<Vec<RecipientOutcome>> {
        let mut outcomes = Vec::with_capacity(mails.len());
        while let Some(rest) = mails.get(outcomes.len()..).filter(|rest| !rest.is_empty()) {
            let (some, room) = self.enter(rest).await;
            let settled = self.send_some(some, room).await;
            self.0.state().metrics.count(&settled);
            outcomes.extend(settled);
        }
        outcomes
    }

    /// Sends a message while it is read, as [`Client::send_from`] does. A kept connection that is lost before the
    /// message is sent to its end is replaced once, if nothing was sent of the message yet, or if it can be read again
    /// ([`Source::rewindable`]).
    pub async fn send_from(
        &self,
        envelope: &Envelope,
        mut source: Source<'_>,
    ) -> Vec<RecipientOutcome> {
        let (_, _room) = self.enter(&[Mail::new(envelope, b"")]).await;
        let settled = self.send_source(envelope, &mut source).await;
        self.0.state().metrics.count(&settled);
        settled.into_iter().next().unwrap_or_default()
    }

    /// Closes the connections that are not in use, all at once, and waits for that.
    pub async fn close_idle(&self) {
        let idle = std::mem::take(&mut self.0.state().idle);
        let goodbyes: Vec<_> = idle
            .into_iter()
            .map(|kept| tokio::spawn(kept.client.quit()))
            .collect();
        for goodbye in goodbyes {
            let _ = goodbye.await;
        }
    }

    /// How many connections are kept and not in use.
    pub fn idle(&self) -> usize {
        self.0.state().idle.len()
    }

    /// What the pool is doing, and has done.
    pub fn metrics(&self) -> PoolMetrics {
        let active = self.0.limits.connections - self.0.room.available_permits();
        let state = self.0.state();
        PoolMetrics {
            active,
            idle: state.idle.len(),
            ..state.metrics
        }
    }

    /// Waits for the turn of the first mail, and for room: with a rate for that mail alone, without one for all of them.
    async fn enter<'s, 'm>(
        &self,
        mails: &'s [Mail<'m>],
    ) -> (&'s [Mail<'m>], Option<SemaphorePermit<'_>>) {
        let _waiting = Waiting::new(&self.0);
        let limits = &self.0.limits;
        let paced = limits.rate.is_some() || limits.rate_by_domain.is_some();
        let some = mails.get(..1).filter(|_| paced).unwrap_or(mails);
        if let Some(mail) = some.first().filter(|_| paced) {
            self.wait_for_turn(mail.envelope).await;
        }
        // Nobody closes the semaphore.
        (some, self.0.room.acquire().await.ok())
    }

    async fn wait_for_turn(&self, envelope: &Envelope) {
        let now = Instant::now();
        let turn = {
            let mut state = self.0.state();
            let turn = state.pace.turn(now.into_std(), &self.0.limits, envelope);
            Instant::from_std(turn)
        };
        sleep_until(turn).await;
        self.0.state().metrics.held_back += turn - now;
    }

    /// Sends as many mails from the front as one connection takes; at least one.
    async fn send_some(
        &self,
        mails: &[Mail<'_>],
        _room: Option<SemaphorePermit<'_>>,
    ) -> Vec<Vec<RecipientOutcome>> {
        if let Some(mut kept) = self.take_idle() {
            let (outcomes, again) = kept.send(self.portion(&kept, mails)).await;
            if !again {
                self.put_back(kept);
                return outcomes;
            }
            self.0.state().metrics.replaced += 1;
        }
        let mut kept = match self.connect().await {
            Ok(kept) => kept,
            Err(error) => {
                let deferred = |mail: &Mail<'_>| {
                    crate::outcome::settled_by(mail.envelope, Outcome::Deferred, &error)
                };
                return mails.iter().map(deferred).collect();
            }
        };
        let (outcomes, _) = kept.send(self.portion(&kept, mails)).await;
        self.put_back(kept);
        outcomes
    }

    async fn send_source(
        &self,
        envelope: &Envelope,
        source: &mut Source<'_>,
    ) -> Vec<Vec<RecipientOutcome>> {
        if let Some(mut kept) = self.take_idle() {
            let (outcomes, again) = kept.send_from(envelope, source).await;
            if !again {
                self.put_back(kept);
                return outcomes;
            }
            self.0.state().metrics.replaced += 1;
        }
        let mut kept = match self.connect().await {
            Ok(kept) => kept,
            Err(error) => {
                let deferred = crate::outcome::settled_by(envelope, Outcome::Deferred, &error);
                return vec![deferred];
            }
        };
        let (outcomes, _) = kept.send_from(envelope, source).await;
        self.put_back(kept);
        outcomes
    }

    async fn connect(&self) -> Result<Kept, crate::Error> {
        let connected = Client::connect(&self.0.config).await;
        let metrics = &mut self.0.state().metrics;
        match connected {
            Ok(_) => metrics.opened += 1,
            Err(_) => metrics.failed += 1,
        }
        connected.map(Kept::new)
    }

    /// As many mails from the front as a connection may still carry.
    fn portion<'s, 'm>(&self, kept: &Kept, mails: &'s [Mail<'m>]) -> &'s [Mail<'m>] {
        let ours = self.0.limits.mails.saturating_sub(kept.mails).max(1);
        let theirs = kept.client.mails_left().unwrap_or(u64::MAX);
        let theirs = usize::try_from(theirs).unwrap_or(usize::MAX).max(1);
        mails.get(..ours.min(theirs)).unwrap_or(mails)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One caller more that waits, until this is dropped.
struct Waiting<'p>(&'p Shared);

impl<'p> Waiting<'p> {
    fn new(pool: &'p Shared) -> Self {
        pool.state().metrics.waiting += 1;
        Self(pool)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().metrics.waiting -= 1;
    }
}

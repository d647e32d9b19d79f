//! The work of a [`Mailbox`](super::Mailbox), whatever carries the bytes: sessions until all is done, or none gets further.

use super::event::SyncEvent;
use super::intake::Vault;
use super::journal::{Journal, Log};
use super::policy::Policy;
use super::shorten::{FEW, index_of};
use super::store::Store;
use super::{Summary, SyncError, session};
use crate::driver::{Link, Session};
use crate::{Config, Error};
use std::future::Future;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// How a session begins. One implementation waits, the other blocks.
pub(super) trait Connect {
    type Link: Link;

    fn connect(config: &Config) -> impl Future<Output = Result<Session<Self::Link>, Error>>;
}

/// What a mailbox works with.
#[derive(Debug)]
pub(super) struct Work<S, J> {
    vault: Vault<S, J>,
    /// Memory is ahead of the journal, because something could not be made durable.
    stale: bool,
}

impl<S: Store, J: Journal> Work<S, J> {
    pub(super) fn new(account: String, journal: J, store: S) -> io::Result<Self> {
        let mut journal = Log::new(journal);
        let index = index_of(&journal.load()?);
        let vault = Vault {
            account,
            journal,
            index,
            store,
        };
        Ok(Self {
            vault,
            stale: false,
        })
    }

    pub(super) async fn sync<C: Connect>(
        &mut self,
        config: &Config,
        policy: &Policy,
        now: Option<SystemTime>,
        events: &mut dyn FnMut(SyncEvent),
    ) -> Result<Summary, SyncError> {
        let ready = self.prepare(policy, now);
        // What a repair has taken out is told even if another one failed.
        let salvaged = [self.vault.store.salvaged(), self.vault.journal.salvaged()];
        let paths = salvaged.into_iter().flatten();
        paths.for_each(|path| events(SyncEvent::SetAside { path }));
        ready?;
        let result = self.sessions::<C>(config, policy, now, events).await;
        self.stale = matches!(result, Err(SyncError::Storage(_)));
        result
    }

    /// Puts in order what an earlier sync has left, and shortens the journal.
    fn prepare(&mut self, policy: &Policy, now: Option<SystemTime>) -> io::Result<()> {
        if self.stale {
            self.vault.store.recover()?;
            self.vault.index = index_of(&self.vault.journal.load()?);
        }
        // Until the sync has come to a known end.
        self.stale = true;
        let horizon = present(now).saturating_sub(policy.remember.as_secs());
        self.vault.shorten(horizon, FEW)
    }

    async fn sessions<C: Connect>(
        &mut self,
        config: &Config,
        policy: &Policy,
        now: Option<SystemTime>,
        events: &mut dyn FnMut(SyncEvent),
    ) -> Result<Summary, SyncError> {
        let (mut summary, mut fruitless) = (Summary::default(), 0);
        for left in (0..policy.connections.max(1)).rev() {
            let before = self.progress(config, &summary);
            let error = match self
                .session::<C>(config, policy, now, &mut summary, events)
                .await
            {
                Ok(()) => return Ok(summary),
                Err(error) => error,
            };
            let after = self.progress(config, &summary);
            // One command at a time, it may go well.
            let slower = before.pipelines && !after.pipelines;
            // What fails goes last, and the others can be had. If they all fail, it is not the message.
            let fails = after.failed > before.failed;
            fruitless += u32::from(fails && after.done == before.done);
            let worth = after != before && fruitless < 2 && (error.is_retryable() || fails);
            // A server that wants time between logins gets it: the caller decides when.
            let wants_time = summary.login_delay.is_some_and(|delay| !delay.is_zero());
            // What could not be made durable is in the index all the same: the next session would delete it.
            let lost = matches!(error, SyncError::Storage(_));
            if left == 0 || !(worth || slower) || wants_time || lost {
                return Err(error);
            }
            events(SyncEvent::Reconnecting {
                error: error.to_string(),
            });
        }
        Ok(summary)
    }

    async fn session<C: Connect>(
        &mut self,
        config: &Config,
        policy: &Policy,
        now: Option<SystemTime>,
        summary: &mut Summary,
        events: &mut dyn FnMut(SyncEvent),
    ) -> Result<(), SyncError> {
        let session = C::connect(config).await?;
        let now = present(now);
        session::run(session, &mut self.vault, policy, now, summary, events).await
    }

    /// What a new connection is worth trying for: more is stored, or what broke the last one is known.
    fn progress(&self, config: &Config, summary: &Summary) -> Progress {
        Progress {
            done: summary.stored + summary.duplicates + summary.recognised + summary.deleted,
            failed: self.vault.index.failed(),
            pipelines: config.may_pipeline(),
            top_broken: self.vault.index.top_broken(),
        }
    }
}

#[derive(PartialEq, Eq)]
struct Progress {
    done: usize,
    failed: usize,
    pipelines: bool,
    top_broken: bool,
}

/// In seconds since 1970.
fn present(now: Option<SystemTime>) -> u64 {
    let now = now.unwrap_or_else(SystemTime::now);
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

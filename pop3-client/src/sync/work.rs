//! The work of a [`Mailbox`](super::Mailbox), whatever carries the bytes: sessions until all is done, or none gets further.

use super::event::SyncEvent;
use super::index::{Index, uid_key};
use super::intake::Vault;
use super::journal::{Journal, JournalEntry, Log};
use super::policy::Policy;
use super::record::Record;
use super::store::Store;
use super::{Summary, SyncError, session};
use crate::driver::{Link, Session};
use crate::{Config, Error, ErrorKind, Violation};
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
        let index = load(&mut journal, seconds_now())?;
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
        if self.stale {
            self.vault.store.recover()?;
            self.vault.index = load(&mut self.vault.journal, seconds_now())?;
        }
        // Until this has come to a known end.
        self.stale = true;
        let result = self.sessions::<C>(config, policy, now, events).await;
        self.stale = matches!(result, Err(SyncError::Storage(_)));
        result
    }

    async fn sessions<C: Connect>(
        &mut self,
        config: &Config,
        policy: &Policy,
        now: Option<SystemTime>,
        events: &mut dyn FnMut(SyncEvent),
    ) -> Result<Summary, SyncError> {
        let mut summary = Summary::default();
        for left in (0..policy.connections.max(1)).rev() {
            let before = self.progress(config, &summary);
            let error = match self
                .session::<C>(config, policy, now, &mut summary, events)
                .await
            {
                Ok(()) => return Ok(summary),
                Err(error) => error,
            };
            let moved = self.progress(config, &summary) != before;
            // A server that wants time between logins gets it: the caller decides when.
            if left == 0 || !moved || !is_worth_another(&error) || summary.login_delay.is_some() {
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
        let now = now.map_or_else(seconds_now, seconds);
        session::run(session, &mut self.vault, policy, now, summary, events).await
    }

    /// What a new connection is worth trying for: more is stored, or what broke the last one is known.
    fn progress(&self, config: &Config, summary: &Summary) -> (usize, usize, bool, bool) {
        let done = summary.stored + summary.duplicates + summary.recognised + summary.deleted;
        (
            done,
            self.vault.index.failed(),
            config.may_pipeline(),
            self.vault.index.top_broken(),
        )
    }
}

/// A message without end broke the session; the others can be had in another one, where it comes last.
fn is_worth_another(error: &SyncError) -> bool {
    let endless = match error {
        SyncError::Pop3(error) => matches!(
            error.kind(),
            ErrorKind::Violation(Violation::MessageTooLarge { .. })
        ),
        _ => false,
    };
    endless || error.is_retryable()
}

/// How long a message is remembered after the server has it no more, in seconds: it may come back under a new name.
const REMEMBER: u64 = 90 * 24 * 60 * 60;

/// Reads a journal, and shortens it if more than half of it says nothing any more.
pub(super) fn load<J: Journal>(journal: &mut Log<J>, now: u64) -> io::Result<Index> {
    let mut entries = journal.load()?;
    let index = index_of(&entries);
    let (before, horizon) = (entries.len(), now.saturating_sub(REMEMBER));
    if before <= 1_000 {
        return Ok(index);
    }
    entries.retain(|entry| is_worth_keeping(&index, &entry.0, horizon));
    if entries.len() >= before / 2 {
        return Ok(index);
    }
    journal.replace(&entries)?;
    Ok(index_of(&entries))
}

fn index_of(entries: &[JournalEntry]) -> Index {
    let mut index = Index::default();
    entries.iter().for_each(|entry| index.apply(&entry.0));
    index
}

fn is_worth_keeping(index: &Index, record: &Record, horizon: u64) -> bool {
    match record {
        Record::Seen(seen) => index.is_worth_keeping(seen.id, horizon),
        Record::DelePending(id) | Record::Committed(id, _) | Record::Gone(id, _) => {
            index.is_worth_keeping(*id, horizon)
        }
        Record::Failed(uid, _) => index.failures(uid_key(uid)).count > 0,
        Record::TopBroken => true,
    }
}

fn seconds_now() -> u64 {
    seconds(SystemTime::now())
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

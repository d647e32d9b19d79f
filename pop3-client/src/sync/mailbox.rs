use super::event::SyncEvent;
use super::index::Index;
use super::intake::Vault;
use super::journal::{FileMedium, Journal, Medium};
use super::policy::Policy;
use super::record::Record;
use super::store::Store;
use super::{Summary, SyncError, session};
use crate::{Client, Config, ErrorKind, Violation};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// One maildrop of a server, and the store that it goes into.
///
/// ```no_run
/// use postrider_pop3::sync::{Deletion, Mailbox, Maildir, Policy, SyncEvent};
/// use postrider_pop3::{Config, Credentials, Endpoint};
///
/// # async fn fetch() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::new(Endpoint::new("pop.example.org", 995)?)
///     .credentials(Credentials::password("ada", "tanstaaf")?);
/// let mut mailbox = Mailbox::open(config, "ada.journal", Maildir::open("Mail")?)?
///     .policy(Policy { deletion: Deletion::Now, ..Policy::default() });
///
/// let summary = mailbox.sync(|event: SyncEvent| println!("{event:?}")).await?;
/// println!("{} new messages", summary.stored);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Mailbox<S> {
    config: Config,
    policy: Policy,
    inner: Arc<Mutex<Inner<S>>>,
}

#[derive(Debug)]
struct Inner<S> {
    vault: Vault<S, FileMedium>,
    path: PathBuf,
    /// Memory is ahead of the journal, because something could not be made durable.
    stale: bool,
}

impl<S: Store + 'static> Mailbox<S> {
    /// Opens the journal, or begins one, in a folder that is there. Nothing is deleted on the server unless
    /// [`policy`](Self::policy) says so.
    ///
    /// The name of the account is [`Config::account`]; all keys are made from it.
    ///
    /// # Errors
    /// If the journal cannot be read or written.
    pub fn open(config: Config, journal: impl Into<PathBuf>, store: S) -> io::Result<Self> {
        let path = journal.into();
        let (journal, index) = load(FileMedium::open(&path)?, seconds_now())?;
        let vault = Vault {
            account: config.account(),
            journal,
            index,
            store,
        };
        let inner = Inner {
            vault,
            path,
            stale: false,
        };
        Ok(Self {
            config,
            policy: Policy::default(),
            inner: Arc::new(Mutex::new(inner)),
        })
    }

    /// What is fetched and deleted, and when.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Fetches what is new, and deletes what is due. `on_event` hears of each thing when it is durable.
    ///
    /// The work is done on a thread of its own, because stores block; it goes on to its end if this future is dropped.
    ///
    /// # Errors
    /// [`SyncError`]; what was stored until then is stored, and is not fetched again.
    pub async fn sync(
        &mut self,
        on_event: impl FnMut(SyncEvent) + Send + 'static,
    ) -> Result<Summary, SyncError> {
        let (config, policy, inner) = (
            self.config.clone(),
            self.policy.clone(),
            Arc::clone(&self.inner),
        );
        let runtime = tokio::runtime::Handle::current();
        let work = move || {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            let mut on_event = on_event;
            runtime.block_on(inner.sync(&config, &policy, &mut on_event))
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or(Err(SyncError::Interrupted))
    }
}

impl<S: Store> Inner<S> {
    async fn sync(
        &mut self,
        config: &Config,
        policy: &Policy,
        events: &mut dyn FnMut(SyncEvent),
    ) -> Result<Summary, SyncError> {
        if self.stale {
            reload(&mut self.vault, &self.path)?;
        }
        // Until this has come to a known end.
        self.stale = true;
        let result = self.sessions(config, policy, events).await;
        self.stale = matches!(result, Err(SyncError::Storage(_)));
        result
    }

    async fn sessions(
        &mut self,
        config: &Config,
        policy: &Policy,
        events: &mut dyn FnMut(SyncEvent),
    ) -> Result<Summary, SyncError> {
        let mut summary = Summary::default();
        for left in (0..policy.connections.max(1)).rev() {
            let before = progress(config, &self.vault, &summary);
            let error = match self.once(config, policy, &mut summary, events).await {
                Ok(()) => return Ok(summary),
                Err(error) => error,
            };
            let moved = progress(config, &self.vault, &summary) != before;
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

    async fn once(
        &mut self,
        config: &Config,
        policy: &Policy,
        summary: &mut Summary,
        events: &mut dyn FnMut(SyncEvent),
    ) -> Result<(), SyncError> {
        let session = Client::connect(config).await?.into_session();
        session::run(
            session,
            &mut self.vault,
            policy,
            seconds_now(),
            summary,
            events,
        )
        .await
    }
}

/// What a new connection is worth trying for: more is stored, or what broke the last one is known.
fn progress<S, M>(
    config: &Config,
    vault: &Vault<S, M>,
    summary: &Summary,
) -> (usize, usize, bool, bool) {
    let done = summary.stored + summary.duplicates + summary.recognised + summary.deleted;
    (
        done,
        vault.index.failed(),
        config.may_pipeline(),
        vault.index.top_broken(),
    )
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

fn reload<S: Store>(vault: &mut Vault<S, FileMedium>, path: &Path) -> io::Result<()> {
    vault.store.abort()?;
    (vault.journal, vault.index) = load(FileMedium::open(path)?, seconds_now())?;
    Ok(())
}

/// How long a message is remembered after the server has it no more, in seconds: it may come back under a new name.
const REMEMBER: u64 = 90 * 24 * 60 * 60;

/// Reads a journal, and shortens it if more than half of it says nothing any more.
pub(super) fn load<M: Medium>(medium: M, now: u64) -> io::Result<(Journal<M>, Index)> {
    let (mut journal, records, _torn) = Journal::open(medium)?;
    let index = index_of(&records);
    let horizon = now.saturating_sub(REMEMBER);
    let kept: Vec<_> = records
        .iter()
        .filter(|record| is_worth_keeping(&index, record, horizon))
        .collect();
    if kept.len() < records.len() / 2 && records.len() > 1_000 {
        journal.rewrite(kept.iter().copied())?;
        let index = index_of(kept);
        return Ok((journal, index));
    }
    Ok((journal, index))
}

fn index_of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Index {
    let mut index = Index::default();
    records.into_iter().for_each(|record| index.apply(record));
    index
}

fn is_worth_keeping(index: &Index, record: &Record, horizon: u64) -> bool {
    match record {
        Record::Seen(seen) => index.is_worth_keeping(seen.id, horizon),
        Record::DelePending(id) | Record::Committed(id, _) | Record::Gone(id, _) => {
            index.is_worth_keeping(*id, horizon)
        }
        Record::Failed(uid, _) => index.failures(super::index::uid_key(uid)).count > 0,
        Record::TopBroken => true,
    }
}

fn seconds_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

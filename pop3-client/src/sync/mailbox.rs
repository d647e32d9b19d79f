use super::event::SyncEvent;
use super::journal::{Journal, JournalFile};
use super::policy::Policy;
use super::store::Store;
use super::work::{Connect, Work};
use super::{Summary, SyncError};
use crate::driver::Session;
use crate::{Config, Error};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

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
/// # #[cfg(feature = "tokio")] {
///
/// let summary = mailbox.sync(|event: SyncEvent| println!("{event:?}")).await?;
/// println!("{} new messages", summary.stored);
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Mailbox<S, J = JournalFile> {
    config: Config,
    policy: Policy,
    now: Option<SystemTime>,
    work: Arc<Mutex<Work<S, J>>>,
}

impl<S: Store> Mailbox<S> {
    /// Opens the journal, or begins one, in a folder that is there. Nothing is deleted on the server unless
    /// [`policy`](Self::policy) says so.
    ///
    /// The name of the account is [`Config::account`]; all keys are made from it.
    ///
    /// # Errors
    /// As [`JournalFile::open`]: [`io::ErrorKind::ResourceBusy`] if the journal is in use. [`io::ErrorKind::InvalidData`] if a
    /// later version has written it.
    pub fn open(config: Config, journal: impl Into<PathBuf>, store: S) -> io::Result<Self> {
        Self::with_journal(config, JournalFile::open(journal)?, store)
    }
}

impl<S: Store, J: Journal> Mailbox<S, J> {
    /// The same with a [`Journal`] of the caller's own.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn with_journal(config: Config, journal: J, store: S) -> io::Result<Self> {
        let work = Work::new(config.account(), journal, store)?;
        Ok(Self {
            config,
            policy: Policy::default(),
            now: None,
            work: Arc::new(Mutex::new(work)),
        })
    }

    /// What is fetched and deleted, and when.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// From now on connects in this way: a password or a token has changed. It must be the same maildrop.
    pub fn reconfigure(&mut self, config: Config) {
        self.config = config.with_the_memory_of(&self.config);
    }

    /// From now on takes this for the present, instead of what the system's clock says: for a caller that has a clock of its
    /// own. It decides what is due for deletion, and when a quarantine is over.
    pub fn set_now(&mut self, now: SystemTime) {
        self.now = Some(now);
    }

    /// Fetches what is new, and deletes what is due. `on_event` hears of each thing when it is durable.
    ///
    /// The work is done on a thread of its own, because stores block; it goes on to its end if this future is dropped, and
    /// the journal stays in use as long.
    ///
    /// # Errors
    /// [`SyncError`]; what was stored until then is stored, and is not fetched again.
    #[cfg(feature = "tokio")]
    pub async fn sync(
        &mut self,
        on_event: impl FnMut(SyncEvent) + Send + 'static,
    ) -> Result<Summary, SyncError>
    where
        S: 'static,
        J: 'static,
    {
        let (config, policy, now) = (self.config.clone(), self.policy.clone(), self.now);
        let work = Arc::clone(&self.work);
        let runtime = tokio::runtime::Handle::current();
        let sync = move || {
            let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
            let mut on_event = on_event;
            runtime.block_on(work.sync::<Waiting>(&config, &policy, now, &mut on_event))
        };
        tokio::task::spawn_blocking(sync)
            .await
            .unwrap_or(Err(SyncError::Interrupted))
    }

    /// The same on this thread, over the standard library's sockets, without a runtime.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    #[cfg(feature = "blocking")]
    pub fn sync_blocking(
        &mut self,
        mut on_event: impl FnMut(SyncEvent),
    ) -> Result<Summary, SyncError> {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let sync = work.sync::<Blocking>(&self.config, &self.policy, self.now, &mut on_event);
        crate::driver::blocking::ready(sync)
    }
}

#[cfg(feature = "tokio")]
struct Waiting;

#[cfg(feature = "tokio")]
impl Connect for Waiting {
    type Link = crate::driver::TokioLink;

    async fn connect(config: &Config) -> Result<Session<Self::Link>, Error> {
        Ok(crate::Client::connect(config).await?.into_session())
    }
}

#[cfg(feature = "blocking")]
struct Blocking;

#[cfg(feature = "blocking")]
impl Connect for Blocking {
    type Link = crate::driver::StdLink;

    async fn connect(config: &Config) -> Result<Session<Self::Link>, Error> {
        Ok(crate::blocking::Client::connect(config)?.into_session())
    }
}

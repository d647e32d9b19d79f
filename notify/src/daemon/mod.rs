//! Everything that runs: events are settled, mail is sent, mailboxes are read, inbound mail is acted upon.
//!
//! Each of these is a loop of its own, so that a slow server holds up nobody else. A loop works until there is
//! nothing left and then sleeps until the store changes (also by another process), or until a second has passed,
//! because deliveries become due by time. A fault of the store, such as a full disk, is reported once for each
//! change of its words; meanwhile nothing is called sent, nothing is deleted from a server, and work resumes
//! by itself.

mod heartbeat;
mod leaving;
mod log_event;
mod loops;
mod metrics;
mod once;
mod report;
mod signal;
mod together;
mod upkeep;

pub use heartbeat::Heartbeat;
pub use log_event::{Level, LogEvent};
pub use metrics::Metrics;

use crate::account::SmtpAccount;
use crate::blocking::with_store;
use crate::config::Config;
use crate::delivery::{Policy, Sender, protocol_log};
use crate::inbound::InboundAction;
use crate::inbound::processor as inbound;
use crate::inbound::reader::Reader;
use crate::process::Processor;
use crate::store::{Store, StoreError};
use crate::token::{KEY_LEN, Signer};
use jiff::Timestamp;
use postrider_wire::Transcript;
use signal::Signal;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How long work in flight may take to end once it is asked to.
const GRACE: Duration = Duration::from_secs(30);

/// Receives what happens.
pub type Observer = Arc<dyn Fn(LogEvent) + Send + Sync>;

/// Runs a configuration on a store.
pub struct Daemon {
    config: Arc<Config>,
    store: Arc<dyn Store>,
    events: Arc<Processor>,
    inbound: Arc<inbound::Processor>,
    signer: Signer,
    transcript: Transcript,
    observer: Observer,
    heartbeat: Heartbeat,
}

/// What [`Daemon::run_once`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Mails fetched and stored.
    pub fetched: usize,
    /// Inbound mails processed.
    pub processed: usize,
    /// Events settled, and digests.
    pub settled: usize,
    /// Mails that a server accepted.
    pub delivered: usize,
    /// Mails that were refused, put off, or whose fate is unknown.
    pub undelivered: usize,
    /// Accounts that could not be used.
    pub faults: usize,
}

impl Daemon {
    /// A daemon. Makes the key that signs reply tokens, if the store has none yet.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read or written.
    pub fn new(
        config: Arc<Config>,
        store: Arc<dyn Store>,
        observer: Observer,
    ) -> Result<Self, StoreError> {
        let signer = signer(store.as_ref())?;
        let events = Processor::new(Arc::clone(&config), Arc::clone(&store), signer.clone());
        let inbound =
            inbound::Processor::new(Arc::clone(&config), Arc::clone(&store), signer.clone());
        Ok(Self {
            config,
            store,
            events: Arc::new(events),
            inbound: Arc::new(inbound),
            signer,
            transcript: Transcript::off(),
            observer,
            heartbeat: Heartbeat::default(),
        })
    }

    /// Has each look for work noted here.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    /// Writes every dialogue down.
    #[must_use]
    pub fn transcript(mut self, transcript: Transcript) -> Self {
        self.transcript = transcript;
        self
    }

    /// Runs until `shutdown` is done, then finishes what is in flight.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot even be read at the start. Later faults are reported and waited out.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let first = with_store(&self.store, |store| store.change_counter()).await?;
        self.orphans().await?;
        let signal = Signal::new(first);
        let daemon = Arc::new(self);
        let mut tasks = tokio::task::JoinSet::new();
        daemon.say(
            LogEvent::new(Level::Info, "started").with("instance", &daemon.config.instance.name),
        );
        tasks.spawn(signal.ends_all(Arc::clone(&daemon).watch_store(signal.clone())));
        tasks.spawn(signal.ends_all(Arc::clone(&daemon).event_loop(signal.listen())));
        tasks.spawn(signal.ends_all(Arc::clone(&daemon).inbound_loop(signal.listen())));
        tasks.spawn(signal.ends_all(Arc::clone(&daemon).upkeep_loop(signal.listen())));
        if let Some(address) = daemon.config.instance.unsubscribe_listen {
            let leaving = Arc::clone(&daemon).unsubscribe_loop(address, signal.clone());
            tasks.spawn(signal.ends_all(leaving));
        }
        for sender in daemon.senders() {
            tasks.spawn(signal.ends_all(Arc::clone(&daemon).sender_loop(sender, signal.listen())));
        }
        for reader in daemon.readers() {
            tasks.spawn(signal.ends_all(Arc::clone(&daemon).reader_loop(reader, signal.listen())));
        }
        let stop = tokio::spawn(signal.ends_all(shutdown));
        signal.stopped().await;
        stop.abort();
        daemon.say(LogEvent::new(Level::Info, "stopping"));
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            let late = LogEvent::new(Level::Warning, "aborted").with("after", format!("{GRACE:?}"));
            daemon.say(late);
            tasks.shutdown().await;
        }
        daemon.say(LogEvent::new(Level::Info, "stopped"));
        Ok(())
    }

    /// Reports mail that waits for an account which the configuration does not have any more.
    async fn orphans(&self) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let backlog = with_store(&self.store, move |store| store.backlog(now)).await?;
        for account in self.config.missing_accounts(&backlog.accounts) {
            self.say(LogEvent::new(Level::Error, "no_account").with("account", account));
        }
        Ok(())
    }

    fn senders(&self) -> impl Iterator<Item = Sender> {
        let outgoing = self.config.outgoing.active;
        let active = move |account: &&SmtpAccount| outgoing && account.sending.active;
        self.config.smtp.iter().filter(active).map(|account| {
            let transcript = match &account.sending.protocol_log {
                Some(path) => protocol_log(path),
                None => self.transcript.clone(),
            };
            Sender::new(account.clone(), Arc::clone(&self.store), transcript)
                .policy(Policy::of(account, &self.config))
        })
    }

    fn readers(&self) -> impl Iterator<Item = Reader> {
        let apart = self
            .config
            .inbound_actions
            .iter()
            .any(InboundAction::goes_by_account);
        self.config.pop3.iter().map(move |account| {
            Reader::new(
                account.clone(),
                Arc::clone(&self.store),
                self.transcript.clone(),
            )
            .apart(apart)
        })
    }

    fn say(&self, event: LogEvent) {
        (self.observer)(event);
    }
}

/// The signer of this store; its key is made at the first use and never leaves the store.
///
/// # Errors
/// [`StoreError`] if the store cannot be read or written, or this machine gives no random numbers.
pub fn signer(store: &dyn Store) -> Result<Signer, StoreError> {
    let key = store.setting("signing_key", &random_key)?;
    let bad = || {
        StoreError::Corrupt("the signing key is empty: this machine gave no random numbers".into())
    };
    if key.len() < KEY_LEN {
        return Err(bad());
    }
    Signer::new(&key).ok_or_else(bad)
}

/// Random octets, or none if there are none to be had.
fn random_key() -> Vec<u8> {
    let mut key = vec![0; KEY_LEN];
    let provider = rustls::crypto::ring::default_provider();
    match provider.secure_random.fill(&mut key) {
        Ok(()) => key,
        Err(_) => Vec::new(),
    }
}

//! Fetching mail by POP3: stored durably first, deleted from the server afterwards, never the other way round.
//!
//! The work is that of [`postrider_pop3::sync`]; its store and its journal are tables of ours, written in one transaction.
//! So a session that breaks anywhere, or a process that ends anywhere, is made good by the next one: what is stored is
//! neither fetched nor stored again, and nothing is deleted that is not stored.

use super::InboundId;
use super::arrivals::{Arrivals, Counter, Ledger, new_ones, store_fault};
use crate::account::{DeletePolicy, Pop3Account};
use crate::blocking::{on_thread, with_store};
use crate::clock::{later, system_time};
use crate::connect::explained;
use crate::delivery;
use crate::store::{Pause, Store, StoreError};
use jiff::Timestamp;
use postrider_pop3::sync::{Deletion, LeftAlone, Mailbox, Policy, SyncError, SyncEvent};
use postrider_wire::Transcript;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest pause of an account, whatever its server wants.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Mails that are made durable together.
const GROUP: usize = 250;

/// Reads one POP3 account.
pub struct Reader {
    account: Arc<Pop3Account>,
    store: Arc<dyn Store>,
    transcript: Transcript,
    counter: Counter,
    /// Opened at the first fetch.
    mailbox: Option<Mailbox<Arrivals, Ledger>>,
}

/// What [`Reader::run_once`] came to.
#[derive(Debug)]
pub enum Round {
    /// The account is paused; nothing was done.
    Paused(Pause),
    /// The mailbox was read.
    Fetched(Fetched),
    /// The server, the way to it or the account is not in order: paused from now on.
    Failed {
        /// What was done before it went wrong.
        fetched: Fetched,
        /// What went wrong.
        error: FetchError,
        /// Until when nothing is tried.
        pause: Pause,
    },
}

/// What a fetch came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Mails in the maildrop.
    pub listed: usize,
    /// Mails stored.
    pub new: Vec<InboundId>,
    /// Mails that turned out to be stored already, most of them after they were retrieved.
    pub duplicates: usize,
    /// Mails deleted from the server, which said so.
    pub deleted: usize,
    /// Mails left on the server against the policy, and what else was odd.
    pub left: Vec<String>,
    /// The least time until the next login that the server asks for (RFC 2449 §6.5).
    pub login_delay: Option<Duration>,
}

/// A fetch that broke off. What was stored before stays stored.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// The account cannot be used as it is configured.
    Account(crate::connect::AccountError),
    /// The server, or the way to it.
    Pop3(postrider_pop3::Error),
    /// The store. Nothing was deleted that is not stored.
    Store(StoreError),
    /// The thread of the fetch ended before its time.
    Interrupted,
    /// An earlier fetch from the account has not come to its end.
    Busy,
}

impl FetchError {
    /// How long to wait at least before the next fetch, where the server or its answer says so.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Pop3(error) => error.retry_after(),
            Self::Account(_) | Self::Store(_) | Self::Interrupted | Self::Busy => None,
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(error) => error.fmt(f),
            Self::Pop3(error) => f.write_str(&explained(error)),
            Self::Store(error) => error.fmt(f),
            Self::Interrupted => f.write_str("the fetch was interrupted"),
            Self::Busy => f.write_str("an earlier fetch has not come to its end"),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Account(error) => Some(error),
            Self::Pop3(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Interrupted | Self::Busy => None,
        }
    }
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SyncError> for FetchError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Pop3(error) => Self::Pop3(error),
            SyncError::Storage(error) => Self::Store(store_fault(error)),
            _ => Self::Interrupted,
        }
    }
}

impl Reader {
    /// A reader for an account. `transcript` receives its dialogues.
    pub fn new(account: Pop3Account, store: Arc<dyn Store>, transcript: Transcript) -> Self {
        Self {
            counter: Counter::new(&account.name, Arc::clone(&store)),
            account: Arc::new(account),
            store,
            transcript,
            mailbox: None,
        }
    }

    /// A copy of a mail in another account's mailbox is a mail of its own (default false: a mail that comes to two of them acts once).
    #[must_use]
    pub fn apart(mut self, apart: bool) -> Self {
        self.counter = self.counter.apart(apart);
        self
    }

    /// The account.
    pub fn account(&self) -> &Pop3Account {
        &self.account
    }

    /// The name under which the account's pause is stored.
    pub fn pause_name(account: &str) -> String {
        format!("pop3:{account}")
    }

    /// Fetches, unless the account is paused; a failure pauses it, longer each time, and at least as long as the server wants.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails. What the server does wrong is in the [`Round`].
    pub async fn run_once(&mut self, now: Timestamp) -> Result<Round, StoreError> {
        let name = Self::pause_name(&self.account.name);
        let paused = with_store(&self.store, {
            let name = name.clone();
            move |store| store.pause(&name)
        });
        let failures = match paused.await? {
            Some(pause) if pause.holds(now, LONGEST_PAUSE) => return Ok(Round::Paused(pause)),
            Some(pause) => pause.failures,
            None => 0,
        };
        let (fetched, result) = self.fetch(now).await;
        let round = match result {
            Ok(()) => Round::Fetched(fetched),
            Err(FetchError::Store(error)) => return Err(error),
            Err(error) => Round::Failed {
                pause: pause(failures + 1, &error, now),
                fetched,
                error,
            },
        };
        let pause = match &round {
            Round::Failed { pause, .. } => Some(pause.clone()),
            _ => None,
        };
        if pause.is_some() || failures > 0 {
            with_store(&self.store, move |s| s.set_pause(&name, pause.as_ref())).await?;
        }
        Ok(round)
    }

    /// Connects, fetches what is new, deletes by the policy, and quits; connects again as long as a broken session got further.
    ///
    /// # Errors
    /// [`FetchError`]; what was stored by then stays stored, and nothing else was deleted.
    pub async fn fetch_once(&mut self, now: Timestamp) -> Result<Fetched, FetchError> {
        let (fetched, result) = self.fetch(now).await;
        result.map(|()| fetched)
    }

    async fn fetch(&mut self, now: Timestamp) -> (Fetched, Result<(), FetchError>) {
        let noticed = Arc::new(Mutex::new(Fetched::default()));
        let result = self.synced(now, &noticed).await;
        let mut fetched = std::mem::take(&mut *lock(&noticed));
        let stored = self.counter.stored();
        fetched.new = new_ones(&stored);
        fetched.duplicates += stored.len() - fetched.new.len();
        (fetched, result)
    }

    async fn synced(
        &mut self,
        now: Timestamp,
        noticed: &Arc<Mutex<Fetched>>,
    ) -> Result<(), FetchError> {
        let account = Arc::clone(&self.account);
        let transcript = self.transcript.clone();
        let config = on_thread(move || account.connection(transcript)).await?;
        let config = config.map_err(FetchError::Account)?;
        let mailbox = match &mut self.mailbox {
            Some(mailbox) => {
                mailbox.reconfigure(config);
                mailbox
            }
            none => none.insert(open(&self.counter, &self.account, config).await?),
        };
        self.counter.open(now);
        mailbox.set_now(system_time(now));
        let notes = Arc::clone(noticed);
        let summary = mailbox.sync(move |event| note(&mut lock(&notes), event));
        let summary = summary.await?;
        let mut fetched = lock(noticed);
        fetched.listed = summary.listed as usize;
        fetched.login_delay = summary.login_delay.map(|delay| {
            if delay > LONGEST_PAUSE {
                let (wanted, pause) = (delay.as_secs(), LONGEST_PAUSE.as_secs());
                fetched.left.push(format!(
                    "the server wants {wanted} s between two logins; it gets {pause} s"
                ));
            }
            delay.min(LONGEST_PAUSE)
        });
        Ok(())
    }
}

/// Opens the mailbox: reads what fetching from the account remembers.
async fn open(
    counter: &Counter,
    account: &Pop3Account,
    config: postrider_pop3::Config,
) -> Result<Mailbox<Arrivals, Ledger>, FetchError> {
    let policy = Policy {
        deletion: match account.delete {
            DeletePolicy::Now => Deletion::Now,
            DeletePolicy::After(time) => Deletion::After(time),
            DeletePolicy::Never => Deletion::Never,
        },
        max_message: account.max_message,
        remember: account.remember,
        group: GROUP,
        ..Policy::default()
    };
    let arrivals = counter.arrivals();
    let ledger = counter.ledger().ok_or(FetchError::Busy)?;
    let opened = on_thread(move || Mailbox::with_journal(config, ledger, arrivals)).await?;
    let mailbox = opened.map_err(|error| FetchError::Store(store_fault(error)))?;
    Ok(mailbox.policy(policy))
}

/// What a sync noticed, for the report.
fn note(fetched: &mut Fetched, event: SyncEvent) {
    let left = match event {
        SyncEvent::Deleted { count } => return fetched.deleted += count,
        SyncEvent::Duplicate { .. } | SyncEvent::Recognised { .. } => {
            return fetched.duplicates += 1;
        }
        SyncEvent::Refused { number, reply, .. } => {
            format!("message {number} was not given to us: {reply}")
        }
        SyncEvent::NotDeleted { number, reply } => {
            format!("message {number} was not deleted: {reply}")
        }
        SyncEvent::LeftAlone {
            number,
            octets,
            why: LeftAlone::TooLarge,
            ..
        } => format!("message {number} has {octets} octets, more than the account's limit"),
        SyncEvent::LeftAlone { number, .. } => {
            format!("message {number} broke too many sessions: it is left alone for a day")
        }
        SyncEvent::UidReused { uid } => {
            format!("the server uses the unique-id {uid} for another message; both are kept")
        }
        SyncEvent::UidlReset { vanished } => {
            format!(
                "the server has probably renamed all messages: {vanished} are gone under their names"
            )
        }
        SyncEvent::Reconnecting { error } => {
            format!("connected again after: {}", explained(&error))
        }
        _ => return,
    };
    fetched.left.push(left);
}

/// The pause of an account that failed so many times in a row.
fn pause(failures: u32, error: &FetchError, now: Timestamp) -> Pause {
    let pause = delivery::pause(failures, error.to_string(), now);
    let wanted = error.retry_after().unwrap_or_default().min(LONGEST_PAUSE);
    Pause {
        until: pause.until.max(later(now, wanted)),
        ..pause
    }
}

fn lock(fetched: &Mutex<Fetched>) -> std::sync::MutexGuard<'_, Fetched> {
    fetched.lock().unwrap_or_else(PoisonError::into_inner)
}

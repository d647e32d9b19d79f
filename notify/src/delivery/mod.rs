//! Sending what is queued: one [`Sender`] for each SMTP account.
//!
//! The order of a round is the point of it: **connect, then claim**. A server that cannot be reached,
//! or that does not want us, pauses the account and uses up no attempt of any mail. What was claimed is
//! completed with what the server said, and a lease is renewed for as long as the server moves, so that
//! it runs out only when this process does not live any more.
//!
//! A connection that is lost counts as an attempt of the mail that the server had to answer next. Mails behind it are given back, and
//! sent by the next connection at once; a server that gets nothing done before it hangs up, again and again, pauses the account (`turn.rs`).

mod dial;
mod hard;
mod outbox;
mod outcome;
mod pass;
mod policy;
mod protocol_log;
mod retry;
mod turn;

pub use dial::Dial;
pub use hard::{hard, is_hard};
pub use policy::{Policy, StandIn};
pub use protocol_log::protocol_log;
pub(crate) use retry::attempts_within;
pub use retry::{LONGEST_PAUSE, next_attempt, pause};

use crate::account::SmtpAccount;
use crate::blocking::on_thread;
use crate::connect::explained;
use crate::outgoing::{Claimed, Completion, DeliveryId, DeliveryState};
use crate::store::{Pause, Store, StoreError};
use jiff::Timestamp;
use outbox::Outbox;
use outcome::Peer;
use postrider_smtp::Client;
use postrider_wire::Transcript;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Mails in one batch: one transaction claims them, one completes them.
pub const BATCH: usize = 100;

/// How long a claim holds without being renewed: the wait after a crash until somebody else may take over.
const LEASE: Duration = Duration::from_secs(60);

/// An idle connection is kept for so long, in case that more mail comes.
const KEEP_IDLE: Duration = Duration::from_secs(10);

/// How soon mails are tried again that lost their connection through no fault of theirs.
const SOON: Duration = Duration::from_secs(2);

/// Sends the mail of one account.
pub struct Sender {
    outbox: Outbox,
    transcript: Transcript,
    dial: Option<Dial>,
    connection: Option<Connection>,
    /// Connections in a row that were lost before anything was done.
    fruitless: u32,
    /// How many mails the server takes over one connection, as far as it has shown that.
    takes: Option<usize>,
}

struct Connection {
    client: Client,
    peer: Peer,
    last_used: Instant,
    /// Mails that the server has decided on over it.
    decided: usize,
}

/// What one round came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// What became of each mail that was tried.
    pub attempts: Vec<Attempted>,
    /// Deliveries whose turn had not come when the connection was lost: they are due as they were, and no attempt is counted.
    pub given_back: Vec<DeliveryId>,
    /// The account is paused since this round.
    pub paused: Option<Pause>,
    /// Deliveries that somebody else had taken over meanwhile.
    pub late: Vec<DeliveryId>,
}

/// What became of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The delivery with its mail; the raw bytes are left out.
    pub claimed: Claimed,
    /// What it came to.
    pub completion: Completion,
}

impl Sent {
    /// How many mails ended in a state.
    pub fn count(&self, state: DeliveryState) -> usize {
        let is = |a: &&Attempted| a.completion.state == state;
        self.attempts.iter().filter(is).count()
    }

    /// True if there was nothing to do.
    pub fn is_idle(&self) -> bool {
        self.attempts.is_empty() && self.given_back.is_empty() && self.paused.is_none()
    }
}

impl Sender {
    /// A sender for the mail of an account. `transcript` receives its dialogues.
    pub fn new(account: SmtpAccount, store: Arc<dyn Store>, transcript: Transcript) -> Self {
        let owner = format!("{}/{}", std::process::id(), account.name);
        Self {
            outbox: Outbox {
                account: Arc::new(account),
                store,
                owner,
                policy: Policy::default(),
            },
            transcript,
            dial: None,
            connection: None,
            fruitless: 0,
            takes: None,
        }
    }

    /// Connects by `dial` instead of TCP. What the account says about TLS and log-in holds all the same.
    #[must_use]
    pub fn over(mut self, dial: Dial) -> Self {
        self.dial = Some(dial);
        self
    }

    /// Takes the place of other accounts, and keeps to what holds for all mail.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.outbox.policy = policy;
        self
    }

    /// The account's name.
    pub fn account(&self) -> &str {
        &self.outbox.account.name
    }

    /// One round: connects if need be, claims a batch of what is due, sends it and writes down what came of it.
    /// With nothing due, or while the account is paused, nothing is done.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails. What was claimed then stays leased, and is due again when the lease has run out.
    pub async fn run_once(&mut self, now: Timestamp) -> Result<Sent, StoreError> {
        let mut round = Sent::default();
        self.pass(now, || false, |sent| round = sent).await?;
        Ok(round)
    }

    /// Says QUIT, if a connection is open.
    pub async fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.client.quit().await;
        }
    }

    /// True if there is a connection that can be expected to live.
    fn is_open(&self) -> bool {
        let lives = |c: &Connection| c.last_used.elapsed() <= KEEP_IDLE && c.client.is_usable();
        self.connection.as_ref().is_some_and(lives)
    }

    async fn close_if_idle(&mut self) {
        if !self.is_open() {
            self.close().await;
        }
    }

    /// The open connection or a new one; the inner error is why the account cannot be used.
    async fn connect(&mut self) -> Result<Result<Connection, String>, StoreError> {
        self.close_if_idle().await;
        if let Some(connection) = self.connection.take() {
            return Ok(Ok(connection));
        }
        let account = Arc::clone(&self.outbox.account);
        let transcript = self.transcript.clone();
        let config = match on_thread(move || account.connection(transcript)).await? {
            Ok(config) => config,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let connected = match &self.dial {
            None => Client::connect(&config).await,
            Some(dial) => match dial.connect().await {
                Ok(stream) => Client::connect_over(&config, stream).await,
                Err(error) => {
                    let endpoint = &self.outbox.account.endpoint;
                    return Ok(Err(format!("cannot connect to {endpoint}: {error}")));
                }
            },
        };
        Ok(match connected {
            Ok(client) => Ok(Connection {
                peer: Peer {
                    endpoint: self.outbox.account.endpoint.to_string(),
                    tls: client.tls_description().unwrap_or_default(),
                },
                client,
                last_used: Instant::now(),
                decided: 0,
            }),
            Err(error) => Err(explained(&error)),
        })
    }
}

impl Attempted {
    fn new(mut claimed: Claimed, completion: Completion) -> Self {
        claimed.mail.raw = Vec::new();
        Self {
            claimed,
            completion,
        }
    }
}

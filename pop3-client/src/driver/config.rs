use crate::Limits;
use postrider_wire::sasl::Credentials;
use postrider_wire::{Endpoint, Route, Security, Tls, Transcript};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where a client connects to, as whom, and how patiently.
///
/// Cloning is cheap, and clones share one memory: whether this server ever dropped a connection while several commands
/// were in flight.
///
/// ```
/// use postrider_pop3::{Config, Credentials, Endpoint, Security};
///
/// let config = Config::new(Endpoint::new("pop.example.org", 110)?)
///     .security(Security::StartTls)
///     .credentials(Credentials::password("ada", "tanstaaf")?);
/// assert_eq!(config.account(), "ada@pop.example.org:110");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) route: Route,
    pub(crate) binds_channel: bool,
    pub(crate) security: Security,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) tls: Option<Tls>,
    pub(crate) timeouts: Timeouts,
    pub(crate) transcript: Transcript,
    pub(crate) limits: Limits,
    pub(crate) clear_text_credentials: bool,
    pub(crate) utf8: bool,
    #[cfg(feature = "apop")]
    pub(crate) apop: bool,
    pipelining: Pipelining,
    dropped: Arc<AtomicBool>,
}

/// Whether several commands may be in flight (RFC 2449 §6.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pipelining {
    /// If the server lists PIPELINING, until it drops a connection with several commands in flight.
    #[default]
    Automatic,
    /// One command at a time.
    Off,
}

/// How long to wait, for each thing that is waited for.
///
/// A server may log an idle client out after 10 minutes (RFC 1939 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the TCP connection, and again for the TLS handshake. Default 30 s.
    pub connect: Duration,
    /// For the greeting. Default 60 s.
    pub greeting: Duration,
    /// For the whole status line of an answer. Default 2 min.
    pub reply: Duration,
    /// For the next [`body_octets`](Self::body_octets) of a message or a listing. Default 60 s.
    pub body_idle: Duration,
    /// The least that must arrive of a message or a listing within [`body_idle`](Self::body_idle), unless it ends
    /// before. Default 1,024 octets: a server that drips is as bad as a silent one.
    pub body_octets: usize,
    /// For the answer to QUIT, while the server removes messages. Default 5 min.
    pub quit: Duration,
    /// For the whole session. Default: none.
    pub session: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(60),
            reply: Duration::from_secs(120),
            body_idle: Duration::from_secs(60),
            body_octets: 1_024,
            quit: Duration::from_secs(300),
            session: None,
        }
    }
}

impl Config {
    /// A connection to this server, protected as the port demands ([`Security::for_port`]), without a login.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            security: Security::for_port(endpoint.port()),
            endpoint,
            route: Route::direct(),
            binds_channel: true,
            credentials: None,
            tls: None,
            timeouts: Timeouts::default(),
            transcript: Transcript::off(),
            limits: Limits::default(),
            clear_text_credentials: false,
            utf8: false,
            #[cfg(feature = "apop")]
            apop: false,
            pipelining: Pipelining::Automatic,
            dropped: Arc::default(),
        }
    }

    /// How the connection is protected.
    #[must_use]
    pub fn security(self, security: Security) -> Self {
        Self { security, ..self }
    }

    /// Who logs in. Without, the session stays in the Authorization state.
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self {
        Self {
            credentials: Some(credentials),
            ..self
        }
    }

    /// From which address of ours, and through which proxy. Default: neither is chosen.
    #[must_use]
    pub fn route(self, route: Route) -> Self {
        Self { route, ..self }
    }

    /// Which certificates are trusted, and which one is shown. Default: those of the public authorities.
    #[must_use]
    pub fn tls(self, tls: Tls) -> Self {
        Self {
            tls: Some(tls),
            ..self
        }
    }

    /// How long to wait.
    #[must_use]
    pub fn timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Where the dialogue is written down, without secrets and without the content of messages.
    #[must_use]
    pub fn transcript(self, transcript: Transcript) -> Self {
        Self { transcript, ..self }
    }

    /// How much the server may send.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Whether several commands may be in flight.
    #[must_use]
    pub fn pipelining(self, pipelining: Pipelining) -> Self {
        Self { pipelining, ..self }
    }

    /// Asks for messages and names in UTF-8, if the server can (RFC 6856 §2).
    #[must_use]
    pub fn utf8(self) -> Self {
        Self { utf8: true, ..self }
    }

    /// Logs in with APOP if the greeting has a timestamp, also without TLS (RFC 1939 §7).
    ///
    /// The password does not cross the wire, but its MD5 digest does: whoever listens can try passwords against it.
    #[cfg(feature = "apop")]
    #[must_use]
    pub fn apop(self) -> Self {
        Self { apop: true, ..self }
    }

    /// Does not bind the login to the TLS connection (SCRAM-…-PLUS). For a server that offers it and then cannot do it with
    /// TLS 1.3, against RFC 9266.
    #[must_use]
    pub fn without_channel_binding(self) -> Self {
        Self {
            binds_channel: false,
            ..self
        }
    }

    /// Sends the credentials even where anybody on the path can read them. For tests on one's own machine.
    #[must_use]
    pub fn danger_allow_clear_text_credentials(self) -> Self {
        Self {
            clear_text_credentials: true,
            ..self
        }
    }

    /// Where the connection goes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A name for the maildrop: `user@host:port`, or `host:port` without credentials.
    pub fn account(&self) -> String {
        match &self.credentials {
            Some(credentials) => format!("{}@{}", credentials.user(), self.endpoint),
            None => self.endpoint.to_string(),
        }
    }

    /// What was learned of the server under another configuration holds for this one, if it is the same server.
    #[cfg(feature = "sync")]
    pub(crate) fn with_the_memory_of(self, other: &Self) -> Self {
        match self.endpoint == other.endpoint {
            true => Self {
                dropped: Arc::clone(&other.dropped),
                ..self
            },
            false => self,
        }
    }

    pub(crate) fn may_pipeline(&self) -> bool {
        self.pipelining == Pipelining::Automatic && !self.dropped.load(Ordering::Relaxed)
    }

    /// The server dropped the connection while several commands were in flight: from now on one at a time.
    pub(crate) fn pipelining_failed(&self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

//! The same client for threads: the standard library's sockets and rustls, no runtime.
//!
//! ```no_run
//! use postrider_pop3::{Config, Credentials, Endpoint, blocking::Client};
//!
//! let config = Config::new(Endpoint::new("pop.example.org", 995)?)
//!     .credentials(Credentials::password("ada", "tanstaaf")?);
//! let mut client = Client::connect(&config)?;
//! for (number, id) in client.uidl()? {
//!     println!("{id}: {} octets", client.retr_to_vec(number, 50 << 20)?.len());
//! }
//! client.quit()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything keeps to [`Timeouts`](super::Timeouts), looking up a host name as well.

use super::config::Config;
use super::error::{Error, ErrorKind, Stage};
use super::retrieve::{DeleReplies, Retrieved};
use super::session::Session;
use super::std_link::StdLink;
use crate::{
    Capabilities, Command, CustomCommand, DropListing, Event, LanguageTag, MessageNumber, Reply,
    ScanListing, State, UniqueId,
};
use postrider_wire::sasl::Credentials;
use postrider_wire::{Endpoint, Security, Tls};
use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// A POP3 session on a blocking socket.
///
/// Dropping it closes the connection without QUIT, and then the server removes nothing (RFC 1939 §6). An error that is
/// not [`ErrorKind::Refused`] ends the session.
pub struct Client(Session<StdLink>);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.pop3).finish()
    }
}

/// The link never waits, so neither does what is built on it.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return value;
        }
    }
}

impl Client {
    /// Connects, and brings the session as far as the configuration says: greeting, CAPA, STLS, CAPA again, login.
    ///
    /// # Errors
    /// [`Error`], with the stage at which it went wrong.
    pub fn connect(config: &Config) -> Result<Self, Error> {
        let (endpoint, timeout) = (&config.endpoint, config.timeouts.connect);
        let fail = |kind| Error::new(endpoint, Stage::Connect, kind);
        let stream = config.route.connect_blocking(endpoint, timeout);
        let mut link = StdLink::new(stream.map_err(|e| fail(ErrorKind::Connect(e)))?);
        if config.security == Security::Tls {
            let tls = config.tls.clone().map_or_else(Tls::webpki_roots, Ok);
            let tls = tls.map_err(|e| fail(ErrorKind::TlsConfig(e)))?;
            link.handshake(endpoint, &tls, timeout).map_err(fail)?;
        }
        ready(Session::open(link, config)).map(Self)
    }

    #[cfg(feature = "sync")]
    pub(crate) fn into_session(self) -> Session<StdLink> {
        self.0
    }

    /// Logs in, if the configuration had no credentials.
    ///
    /// # Errors
    /// [`Error::is_credential_fault`] tells whether the server did not believe them.
    pub fn login(&mut self, credentials: &Credentials) -> Result<(), Error> {
        self.0.config.credentials = Some(credentials.clone());
        ready(self.0.login())
    }

    /// How many messages there are, and their size together (RFC 1939 §5, STAT).
    ///
    /// # Errors
    /// [`Error`] if the server refuses, or the connection fails.
    pub fn stat(&mut self) -> Result<DropListing, Error> {
        ready(self.0.stat())
    }

    /// The sizes of all messages (RFC 1939 §5, LIST). It also bounds what RETR may bring; see [`Limits`](crate::Limits).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn list(&mut self) -> Result<Vec<ScanListing>, Error> {
        ready(self.0.list(None))
    }

    /// The size of one message.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn list_one(&mut self, number: MessageNumber) -> Result<ScanListing, Error> {
        ready(self.0.list_one(number))
    }

    /// The unique-ids of all messages (RFC 1939 §7, UIDL). A message for which the server has none is left out.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn uidl(&mut self) -> Result<Vec<(MessageNumber, UniqueId)>, Error> {
        let listings = ready(self.0.uidl(None))?;
        Ok(listings
            .into_iter()
            .filter_map(|listing| Some((listing.number, listing.id?)))
            .collect())
    }

    /// The unique-id of one message; `None` if the server has none for it.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn uidl_one(&mut self, number: MessageNumber) -> Result<Option<UniqueId>, Error> {
        let listings = ready(self.0.uidl(Some(number)))?;
        Ok(listings.into_iter().find_map(|listing| listing.id))
    }

    /// A message, in pieces, as it arrives (RFC 1939 §5, RETR): its octets.
    ///
    /// Stuffed dots are gone, line endings are as sent. **The pieces are worth nothing unless this returns `Ok`:** the
    /// connection may break in the middle.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn retr(
        &mut self,
        number: MessageNumber,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<u64, Error> {
        ready(self.0.message(&Command::Retr(number), &mut sink))
    }

    /// A message in memory, of at most `limit` octets.
    ///
    /// # Errors
    /// As [`Client::stat`]; a message beyond the limit ends the session, for there is no other way to stop it.
    pub fn retr_to_vec(&mut self, number: MessageNumber, limit: usize) -> Result<Vec<u8>, Error> {
        ready(self.0.retr_to_vec(number, limit))
    }

    /// Many messages, in the order given, as many in flight as the server bears.
    ///
    /// A message that the server refuses fails alone; after `[SYS/PERM]` no more are asked for. If the sink breaks off,
    /// the session ends.
    ///
    /// # Errors
    /// As [`Client::stat`]. What was not reported as [`Retrieved::End`] was not retrieved.
    pub fn retr_many(
        &mut self,
        numbers: &[MessageNumber],
        mut sink: impl FnMut(Retrieved<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        ready(self.0.retr_many(numbers, &mut sink))
    }

    /// The header of a message and the first `lines` lines of its body (RFC 1939 §7, TOP): the octets.
    ///
    /// # Errors
    /// As [`Client::stat`]. TOP is optional, and some servers answer it wrongly.
    pub fn top(
        &mut self,
        number: MessageNumber,
        lines: u32,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<u64, Error> {
        ready(self.0.message(&Command::Top(number, lines), &mut sink))
    }

    /// The headers of many messages and the first `lines` lines of their bodies, as [`retr_many`](Self::retr_many) does it.
    ///
    /// # Errors
    /// As [`Client::top`]. What was not reported as [`Retrieved::End`] was not retrieved.
    pub fn top_many(
        &mut self,
        numbers: &[MessageNumber],
        lines: u32,
        mut sink: impl FnMut(Retrieved<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        ready(self.0.top_many(numbers, lines, &mut sink))
    }

    /// Marks a message as deleted (RFC 1939 §5, DELE). It is removed by [`quit`](Self::quit), and by nothing else.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn dele(&mut self, number: MessageNumber) -> Result<(), Error> {
        ready(self.0.simple(&Command::Dele(number))).map(drop)
    }

    /// Marks many messages as deleted: what the server said to each.
    ///
    /// # Errors
    /// If the connection fails.
    pub fn dele_many(&mut self, numbers: &[MessageNumber]) -> Result<DeleReplies, Error> {
        ready(self.0.dele_many(numbers))
    }

    /// Keeps the session alive (RFC 1939 §5, NOOP).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn noop(&mut self) -> Result<(), Error> {
        ready(self.0.simple(&Command::Noop)).map(drop)
    }

    /// Unmarks what was marked as deleted (RFC 1939 §5, RSET).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn rset(&mut self) -> Result<(), Error> {
        ready(self.0.simple(&Command::Rset)).map(drop)
    }

    /// Asks again what the server can do (RFC 2449 §5, CAPA).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn capa(&mut self) -> Result<&Capabilities, Error> {
        ready(self.0.collect(&Command::Capa, &mut |_: Event| {}))?;
        Ok(self.0.pop3.capabilities())
    }

    /// The languages of the server's words (RFC 6856 §3, LANG): a tag and a description each.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn languages(&mut self) -> Result<Vec<String>, Error> {
        ready(self.0.lines(&Command::Lang(None)))
    }

    /// Chooses the language of the server's words (RFC 6856 §3, LANG).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn lang(&mut self, tag: LanguageTag) -> Result<(), Error> {
        ready(self.0.simple(&Command::Lang(Some(tag)))).map(drop)
    }

    /// Sends a command that this crate has no type for: the lines of the answer, its status line first.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub fn custom(&mut self, command: CustomCommand) -> Result<Vec<String>, Error> {
        ready(self.0.lines(&Command::Custom(command)))
    }

    /// Ends the session; the server now removes what is marked as deleted (RFC 1939 §6, QUIT).
    ///
    /// # Errors
    /// After `-ERR` some messages were not removed; after a lost connection nobody knows, and the next session must look.
    pub fn quit(mut self) -> Result<(), Error> {
        ready(self.0.simple(&Command::Quit)).map(drop)
    }

    /// What the server can do, as it said when last asked.
    pub fn capabilities(&self) -> &Capabilities {
        self.0.pop3.capabilities()
    }

    /// The greeting; `None` if it came before STLS, when anybody could have written it.
    pub fn greeting(&self) -> Option<&Reply> {
        self.0.pop3.greeting()
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.0.pop3.state()
    }

    /// With which server.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.config.endpoint
    }

    /// Protocol version and cipher suite; `None` in clear text.
    pub fn tls_description(&self) -> Option<String> {
        self.0.tls_description()
    }
}

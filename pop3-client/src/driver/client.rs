use super::config::Config;
use super::error::{Error, ErrorKind, Stage};
use super::retrieve::{DeleReplies, Retrieved};
use super::session::Session;
use super::tokio_link::TokioLink;
use crate::{
    Capabilities, Command, CustomCommand, DropListing, Event, LanguageTag, MessageNumber, Reply,
    ScanListing, State, UniqueId,
};
use postrider_wire::sasl::Credentials;
use postrider_wire::{ConnectError, Endpoint, Security, Stream, Tls, start_tls};
use std::ops::ControlFlow;

/// A POP3 session over tokio.
///
/// Dropping it closes the connection without QUIT, and then the server removes nothing (RFC 1939 §6). An error that is
/// not [`ErrorKind::Refused`] ends the session. A call whose future is dropped half-way ends it as well.
#[derive(Debug)]
pub struct Client(Session<TokioLink>);

impl Client {
    /// Connects, and brings the session as far as the configuration says: greeting, CAPA, STLS, CAPA again, login.
    ///
    /// # Errors
    /// [`Error`], with the stage at which it went wrong.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let (endpoint, timeout) = (&config.endpoint, config.timeouts.connect);
        let stream = config.route.connect(endpoint, timeout).await;
        Self::over(stream.map_err(|e| connect_error(config, e))?, config).await
    }

    /// The same over a stream of the caller's own, such as a proxy tunnel. [`Security::Tls`] makes the handshake first,
    /// unless the stream is inside TLS already.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn over(stream: Stream, config: &Config) -> Result<Self, Error> {
        let stream = match config.security {
            Security::Tls if !stream.is_tls() => begin_tls(stream, config).await?,
            _ => stream,
        };
        Session::open(TokioLink::new(stream), config)
            .await
            .map(Self)
    }

    #[cfg(feature = "sync")]
    pub(crate) fn into_session(self) -> Session<TokioLink> {
        self.0
    }

    /// Logs in, if the configuration had no credentials.
    ///
    /// # Errors
    /// [`Error::is_credential_fault`] tells whether the server did not believe them.
    pub async fn login(&mut self, credentials: &Credentials) -> Result<(), Error> {
        self.0.config.credentials = Some(credentials.clone());
        self.0.login().await
    }

    /// How many messages there are, and their size together (RFC 1939 §5, STAT).
    ///
    /// # Errors
    /// [`Error`] if the server refuses, or the connection fails.
    pub async fn stat(&mut self) -> Result<DropListing, Error> {
        self.0.stat().await
    }

    /// The sizes of all messages (RFC 1939 §5, LIST). It also bounds what RETR may bring; see [`Limits`](crate::Limits).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn list(&mut self) -> Result<Vec<ScanListing>, Error> {
        self.0.list(None).await
    }

    /// The size of one message.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn list_one(&mut self, number: MessageNumber) -> Result<ScanListing, Error> {
        self.0.list_one(number).await
    }

    /// The unique-ids of all messages (RFC 1939 §7, UIDL). A message for which the server has none is left out.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn uidl(&mut self) -> Result<Vec<(MessageNumber, UniqueId)>, Error> {
        let listings = self.0.uidl(None).await?;
        Ok(listings
            .into_iter()
            .filter_map(|listing| Some((listing.number, listing.id?)))
            .collect())
    }

    /// The unique-id of one message; `None` if the server has none for it.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn uidl_one(&mut self, number: MessageNumber) -> Result<Option<UniqueId>, Error> {
        let listings = self.0.uidl(Some(number)).await?;
        Ok(listings.into_iter().find_map(|listing| listing.id))
    }

    /// A message, in pieces, as it arrives (RFC 1939 §5, RETR): its octets.
    ///
    /// Stuffed dots are gone, line endings are as sent. **The pieces are worth nothing unless this returns `Ok`:** the
    /// connection may break in the middle.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn retr(
        &mut self,
        number: MessageNumber,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<u64, Error> {
        self.0.message(&Command::Retr(number), &mut sink).await
    }

    /// A message in memory, of at most `limit` octets.
    ///
    /// # Errors
    /// As [`Client::stat`]; a message beyond the limit ends the session, for there is no other way to stop it.
    pub async fn retr_to_vec(
        &mut self,
        number: MessageNumber,
        limit: usize,
    ) -> Result<Vec<u8>, Error> {
        self.0.retr_to_vec(number, limit).await
    }

    /// Many messages, in the order given, as many in flight as the server bears.
    ///
    /// A message that the server refuses fails alone; after `[SYS/PERM]` no more are asked for. If the sink breaks off,
    /// the session ends.
    ///
    /// # Errors
    /// As [`Client::stat`]. What was not reported as [`Retrieved::End`] was not retrieved.
    pub async fn retr_many(
        &mut self,
        numbers: &[MessageNumber],
        mut sink: impl FnMut(Retrieved<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.0.retr_many(numbers, &mut sink).await
    }

    /// The header of a message and the first `lines` lines of its body (RFC 1939 §7, TOP): the octets.
    ///
    /// # Errors
    /// As [`Client::stat`]. TOP is optional, and some servers answer it wrongly.
    pub async fn top(
        &mut self,
        number: MessageNumber,
        lines: u32,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<u64, Error> {
        self.0
            .message(&Command::Top(number, lines), &mut sink)
            .await
    }

    /// The headers of many messages and the first `lines` lines of their bodies, as [`retr_many`](Self::retr_many) does it.
    ///
    /// # Errors
    /// As [`Client::top`]. What was not reported as [`Retrieved::End`] was not retrieved.
    pub async fn top_many(
        &mut self,
        numbers: &[MessageNumber],
        lines: u32,
        mut sink: impl FnMut(Retrieved<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.0.top_many(numbers, lines, &mut sink).await
    }

    /// Marks a message as deleted (RFC 1939 §5, DELE). It is removed by [`quit`](Self::quit), and by nothing else.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn dele(&mut self, number: MessageNumber) -> Result<(), Error> {
        self.0.simple(&Command::Dele(number)).await.map(drop)
    }

    /// Marks many messages as deleted: what the server said to each.
    ///
    /// # Errors
    /// If the connection fails.
    pub async fn dele_many(&mut self, numbers: &[MessageNumber]) -> Result<DeleReplies, Error> {
        self.0.dele_many(numbers).await
    }

    /// Keeps the session alive (RFC 1939 §5, NOOP).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn noop(&mut self) -> Result<(), Error> {
        self.0.simple(&Command::Noop).await.map(drop)
    }

    /// Unmarks what was marked as deleted (RFC 1939 §5, RSET).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn rset(&mut self) -> Result<(), Error> {
        self.0.simple(&Command::Rset).await.map(drop)
    }

    /// Asks again what the server can do (RFC 2449 §5, CAPA).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn capa(&mut self) -> Result<&Capabilities, Error> {
        self.0.collect(&Command::Capa, &mut |_: Event| {}).await?;
        Ok(self.0.pop3.capabilities())
    }

    /// The languages of the server's words (RFC 6856 §3, LANG): a tag and a description each.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn languages(&mut self) -> Result<Vec<String>, Error> {
        self.0.lines(&Command::Lang(None)).await
    }

    /// Chooses the language of the server's words (RFC 6856 §3, LANG).
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn lang(&mut self, tag: LanguageTag) -> Result<(), Error> {
        self.0.simple(&Command::Lang(Some(tag))).await.map(drop)
    }

    /// Sends a command that this crate has no type for: the lines of the answer, its status line first.
    ///
    /// # Errors
    /// As [`Client::stat`].
    pub async fn custom(&mut self, command: CustomCommand) -> Result<Vec<String>, Error> {
        self.0.lines(&Command::Custom(command)).await
    }

    /// Ends the session; the server now removes what is marked as deleted (RFC 1939 §6, QUIT).
    ///
    /// # Errors
    /// After `-ERR` some messages were not removed; after a lost connection nobody knows, and the next session must look.
    pub async fn quit(mut self) -> Result<(), Error> {
        self.0.simple(&Command::Quit).await.map(drop)
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

/// TLS from the first byte (RFC 8314 §3).
async fn begin_tls(stream: Stream, config: &Config) -> Result<Stream, Error> {
    let tls = config.tls.clone().map_or_else(Tls::webpki_roots, Ok);
    let tls = tls.map_err(|e| {
        let kind = ErrorKind::TlsConfig(e);
        Error::new(&config.endpoint, Stage::Connect, kind)
    })?;
    start_tls(stream, &config.endpoint, &tls, config.timeouts.connect)
        .await
        .map_err(|e| connect_error(config, e))
}

fn connect_error(config: &Config, error: ConnectError) -> Error {
    Error::new(&config.endpoint, Stage::Connect, ErrorKind::Connect(error))
}

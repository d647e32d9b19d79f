//! The connection to the server that is asked.

use super::chain::Chain;
use super::report::Findings;
use crate::exit::{Code, Failure};
use crate::url::{ServerUrl, in_words_of_a_url};
use bytes::BytesMut;
use postrider_notify::connect::explained;
use postrider_wire::escape::Escaped;
use postrider_wire::line::trim_ending;
use postrider_wire::{ConnectError, Endpoint, Security, Stream, Tls};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// Why an attempt ended.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server's certificate does not hold up, in these words.
    Certificate(String),
    /// Anything else.
    Other(Failure),
}

/// Socket and buffer.
pub(super) struct Link {
    stream: Stream,
    endpoint: Endpoint,
    tls: Tls,
    patience: Duration,
    /// When the answer that is awaited must be there, however its octets drip.
    deadline: Instant,
    pub(super) security: Security,
    pub(super) input: BytesMut,
}

type Result<T = ()> = std::result::Result<T, Trouble>;

impl Link {
    pub(super) async fn open(url: &ServerUrl, tls: Tls, patience: Duration) -> Result<Self> {
        let stream = postrider_wire::connect(&url.endpoint, patience).await;
        Ok(Self {
            stream: stream.map_err(|error| Trouble::of(&error))?,
            endpoint: url.endpoint.clone(),
            tls,
            patience,
            deadline: Instant::now() + patience,
            security: url.security,
            input: BytesMut::new(),
        })
    }

    /// Makes the TLS handshake, and writes down what was agreed and what the server showed.
    pub(super) async fn start_tls(&mut self, found: &mut Findings) -> Result {
        let clear = std::mem::replace(&mut self.stream, Stream::from_io(tokio::io::empty()));
        let stream =
            postrider_wire::start_tls(clear, &self.endpoint, &self.tls, self.patience).await;
        self.stream = stream.map_err(|error| match self.security {
            Security::Tls => Trouble::of(&error),
            _ => Trouble::of(&error.after_upgrade()),
        })?;
        self.deadline = Instant::now() + self.patience;
        found.tls = self.stream.tls_description();
        found.chain = Chain::of(self.stream.peer_certificates());
        Ok(())
    }

    /// Writes all of it; the time for the answer begins. What the server has said before it was asked would be taken for the
    /// answer.
    pub(super) async fn write(&mut self, out: &mut BytesMut) -> Result {
        if !self.input.is_empty() {
            let mut lines = self.input.as_ref().split(|octet: &u8| *octet == b'\n');
            let line = trim_ending(lines.next().unwrap_or_default());
            let line = Escaped(line.get(..200).unwrap_or(line));
            return Err(self.nonsense(format_args!("it says what nobody asked for: {line}")));
        }
        self.deadline = Instant::now() + self.patience;
        let write = async {
            self.stream.write_all(out).await?;
            self.stream.flush().await
        };
        match timeout_at(self.deadline, write).await {
            Ok(Ok(())) => out.clear(),
            Ok(Err(error)) => return Err(self.broken(error)),
            Err(_) => return Err(self.silent()),
        }
        Ok(())
    }

    /// Reads more; the end of the stream is a failure.
    pub(super) async fn read(&mut self) -> Result {
        match timeout_at(self.deadline, self.stream.read_buf(&mut self.input)).await {
            Ok(Ok(0)) => Err(self.broken("the server closed the connection")),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.broken(error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// What comes before its command is no answer to it: perhaps somebody else said it, before TLS.
    pub(super) async fn nothing_unasked(&mut self) -> Result {
        if self.input.is_empty() {
            tokio::task::yield_now().await;
            let read = self.stream.read_buf(&mut self.input);
            // Only what is there already: a closed connection is noticed by the next command.
            let _ = timeout_at(Instant::now(), read).await;
        }
        match self.input.is_empty() {
            true => Ok(()),
            false => Err(self.nonsense("the server sent what nobody asked for")),
        }
    }

    /// What the server said makes no sense.
    pub(super) fn nonsense(&self, what: impl std::fmt::Display) -> Trouble {
        let sentence = format!("{}: {what}", self.endpoint);
        Trouble::Other(Failure::new(Code::Protocol, sentence))
    }

    /// The server wants nothing to do with us, for now or at all.
    pub(super) fn turned_away(&self, what: impl std::fmt::Display, for_now: bool) -> Trouble {
        let sentence = format!("{} turns us away: {what}", self.endpoint);
        let code = match for_now {
            true => Code::Temporary,
            false => Code::Unavailable,
        };
        Trouble::Other(Failure::new(code, sentence))
    }

    /// All has been said; for the last answer, which does not matter, nobody waits for long.
    pub(super) fn take_leave(&mut self) {
        self.patience = self.patience.min(Duration::from_secs(2));
    }

    fn broken(&self, what: impl std::fmt::Display) -> Trouble {
        let sentence = format!("{}: {what}", self.endpoint);
        Trouble::Other(Failure::new(Code::Temporary, sentence))
    }

    fn silent(&self) -> Trouble {
        let hint = match self.security {
            Security::Tls => "",
            _ => " (a server that expects TLS from the first byte is smtps:// or pop3s://)",
        };
        let sentence = format!(
            "{}: no answer within {:?}{hint}",
            self.endpoint, self.patience
        );
        Trouble::Other(Failure::new(Code::Temporary, sentence))
    }
}

impl Trouble {
    fn of(error: &ConnectError) -> Self {
        let inner = error.io_error().get_ref();
        match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => {
                Self::Certificate(in_words_of_a_url(&explained(error)))
            }
            _ => Self::Other(Failure::connect(error)),
        }
    }
}

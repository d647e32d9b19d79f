//! The connection to the server that is asked.

use super::chain::Chain;
use super::report::Findings;
use crate::exit::{Code, Failure};
use crate::url::ServerUrl;
use bytes::BytesMut;
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
        self.stream = stream.map_err(|error| Trouble::of(&error))?;
        self.deadline = Instant::now() + self.patience;
        found.tls = self.stream.tls_description();
        found.chain = Chain::of(self.stream.peer_certificates());
        Ok(())
    }

    /// Writes all of it; the time for the answer begins.
    pub(super) async fn write(&mut self, out: &mut BytesMut) -> Result {
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

    /// What the server said makes no sense.
    pub(super) fn nonsense(&self, what: impl std::fmt::Display) -> Trouble {
        let sentence = format!("{}: {what}", self.endpoint);
        Trouble::Other(Failure::new(Code::Protocol, sentence))
    }

    /// The server wants nothing to do with us.
    pub(super) fn turned_away(&self, what: impl std::fmt::Display) -> Trouble {
        let sentence = format!("{} turns us away: {what}", self.endpoint);
        Trouble::Other(Failure::new(Code::Unavailable, sentence))
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
            Some(rustls::Error::InvalidCertificate(_)) => Self::Certificate(error.to_string()),
            _ => Self::Other(Failure::connect(error)),
        }
    }
}

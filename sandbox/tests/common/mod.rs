//! A client that knows no protocol: it writes octets and reads lines, with a deadline for everything.
#![allow(dead_code)]

use postrider_sandbox::{Builder, Sandbox};
use postrider_wire::{Endpoint, Stream, Tls, connect, connect_tls, start_tls};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) fn builder() -> Builder {
    Sandbox::builder()
        .mailbox("ada@example.org", "ada", "secret")
        .mailbox("bob@example.org", "bob", "secret")
}

/// Without passwords and without TLS.
pub(crate) fn open() -> Builder {
    builder().require_auth(false).clear_text_auth(true)
}

pub(crate) struct Client {
    stream: Option<Stream>,
    endpoint: Endpoint,
    read: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(endpoint: &Endpoint) -> Self {
        Self::over(connect(endpoint, SOON).await.unwrap(), endpoint)
    }

    pub(crate) async fn connect_tls(endpoint: &Endpoint, tls: &Tls) -> Self {
        Self::over(connect_tls(endpoint, tls, SOON).await.unwrap(), endpoint)
    }

    fn over(stream: Stream, endpoint: &Endpoint) -> Self {
        Self {
            stream: Some(stream),
            endpoint: endpoint.clone(),
            read: Vec::new(),
        }
    }

    pub(crate) async fn start_tls(&mut self, tls: &Tls) {
        let stream = self.stream.take().unwrap();
        let secure = start_tls(stream, &self.endpoint, tls, SOON).await.unwrap();
        self.stream = Some(secure);
    }

    pub(crate) async fn say(&mut self, octets: impl AsRef<[u8]>) {
        let stream = self.stream.as_mut().unwrap();
        let all = stream.write_all(octets.as_ref());
        timeout(SOON, all).await.unwrap().unwrap();
        stream.flush().await.unwrap();
    }

    /// Reads until the end of these octets has come, and returns everything up to there.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            let found = self
                .read
                .windows(end.len())
                .position(|w| w == end.as_bytes());
            if let Some(at) = found {
                let rest = self.read.split_off(at + end.len());
                let read = std::mem::replace(&mut self.read, rest);
                return String::from_utf8_lossy(&read).into_owned();
            }
            if self.read_some().await == 0 {
                let read = String::from_utf8_lossy(&self.read);
                panic!("closed before {end:?}: {read:?}");
            }
        }
    }

    pub(crate) async fn line(&mut self) -> String {
        self.until("\r\n").await.trim_end().to_owned()
    }

    /// A whole reply of SMTP, up to the line without `-`.
    pub(crate) async fn reply(&mut self) -> String {
        loop {
            let line = self.line().await;
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.read_some().await > 0 {}
        std::mem::take(&mut self.read)
    }

    pub(crate) async fn rest_text(&mut self) -> String {
        String::from_utf8_lossy(&self.rest().await).into_owned()
    }

    /// One read, as large as it comes; 0 is the end, however it came.
    pub(crate) async fn read_some(&mut self) -> usize {
        let mut piece = [0; 4096];
        let read = self.stream.as_mut().unwrap().read(&mut piece);
        let count = timeout(SOON, read)
            .await
            .expect("the server is silent")
            .unwrap_or(0);
        self.read.extend_from_slice(&piece[..count]);
        count
    }

    /// Whether nothing comes for this long.
    pub(crate) async fn is_silent_for(&mut self, time: Duration) -> bool {
        let mut piece = [0; 1];
        let read = self.stream.as_mut().unwrap().read(&mut piece);
        timeout(time, read).await.is_err()
    }

    /// How the connection ended, after whatever came before.
    pub(crate) async fn end(&mut self) -> std::io::Result<usize> {
        let mut rest = Vec::new();
        let read = self.stream.as_mut().unwrap().read_to_end(&mut rest);
        timeout(SOON, read).await.expect("the server is silent")
    }

    /// Closes the client's side only.
    pub(crate) async fn close_writing(&mut self) {
        self.stream.as_mut().unwrap().shutdown().await.unwrap();
    }
}

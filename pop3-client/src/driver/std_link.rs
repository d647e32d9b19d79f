use super::error::ErrorKind;
use super::link::{Link, Transfer, is_closed};
use bytes::BytesMut;
use postrider_wire::blocking::Stream;
use postrider_wire::sasl::ChannelBinding;
use postrider_wire::{Endpoint, Tls, WriteBuffer};
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

/// A socket of the standard library, in clear text or under rustls. Its futures are always ready.
#[derive(Debug)]
pub(crate) struct StdLink(Stream);

/// How long one wait is that has no end; then comes the next.
const NO_END: Duration = Duration::from_secs(24 * 60 * 60);

impl StdLink {
    pub(crate) fn new(stream: Stream) -> Self {
        Self(stream)
    }

    /// TLS, finished within `timeout`.
    pub(crate) fn handshake(
        &mut self,
        endpoint: &Endpoint,
        tls: &Tls,
        timeout: Duration,
    ) -> Result<(), ErrorKind> {
        let started = self.0.start_tls(endpoint, tls, timeout);
        started.map_err(ErrorKind::Connect)
    }

    fn write(&mut self, mut out: &[u8], deadline: Option<Instant>) -> io::Result<()> {
        while !out.is_empty() || self.0.wants_flush() {
            let left = left(deadline).ok_or(io::ErrorKind::TimedOut)?;
            let written = self.0.write(&[IoSlice::new(out)], left)?;
            out = out.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn read(&mut self, input: &mut BytesMut, deadline: Option<Instant>) -> io::Result<Transfer> {
        while let Some(left) = left(deadline) {
            if let Some(read) = transferred(self.0.read(input, left))? {
                return Ok(read);
            }
        }
        Ok(Transfer::Expired)
    }
}

impl Link for StdLink {
    /// It does not read while it writes. So many command lines fit into 4 KiB, which every transport takes, and the
    /// server never has to wait for us while we wait for it (RFC 2449 §6.6).
    const MOST_IN_FLIGHT: usize = 256;

    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn transfer(
        &mut self,
        out: &mut WriteBuffer,
        input: &mut BytesMut,
        deadline: Option<Instant>,
    ) -> io::Result<Transfer> {
        if !out.is_empty() {
            // What the server said before it closed is worth more than that it did; the read will tell.
            let _ = self.write(out, deadline);
            out.clear();
        }
        self.read(input, deadline)
    }

    async fn peek(&mut self, input: &mut BytesMut) -> io::Result<Option<Transfer>> {
        transferred(self.0.peek(input))
    }

    async fn start_tls(
        &mut self,
        endpoint: &Endpoint,
        tls: &Tls,
        timeout: Duration,
    ) -> Result<(), ErrorKind> {
        let started = self.0.start_tls(endpoint, tls, timeout);
        started.map_err(|e| ErrorKind::Connect(e.after_upgrade()))
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }

    fn channel_binding(&self) -> Option<ChannelBinding> {
        self.0.channel_binding()
    }

    fn tls_description(&self) -> Option<String> {
        self.0.tls_description()
    }
}

/// How long the next operation may take; `None` if the time is over.
fn left(deadline: Option<Instant>) -> Option<Duration> {
    let Some(deadline) = deadline else {
        return Some(NO_END);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

fn transferred(read: io::Result<Option<usize>>) -> io::Result<Option<Transfer>> {
    match read {
        Ok(octets) => Ok(octets.map(Transfer::Read)),
        Err(error) if is_closed(&error) => Ok(Some(Transfer::Closed)),
        Err(error) => Err(error),
    }
}

//! Octets in and out of a socket, under a clock, in clear text or TLS.

use crate::planner::{Planner, SLICES};
use crate::{Endpoint, Error, ErrorKind, Stage, Timeouts};
use bytes::BytesMut;
use postrider_wire::Tls;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one attempt to write may take before it is the turn of reading.
const WRITE_SLICE: Duration = Duration::from_millis(5);
/// How long one attempt to read may take while there is something to write.
const READ_SLICE: Duration = Duration::from_millis(1);
/// Octets read at once.
const READ: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Wire {
    /// `None` after it was closed.
    socket: Option<TcpStream>,
    tls: Option<Box<ClientConnection>>,
    input: BytesMut,
    /// Since when a reply is awaited, or the server to read on.
    since: Instant,
    may_write: bool,
}

/// What came of an attempt to read.
pub(super) enum Read {
    Octets,
    Nothing,
}

pub(super) fn connect(endpoint: &Endpoint, patience: Duration) -> Result<TcpStream, Error> {
    let fail = |error: io::Error| Error::new(Stage::Connect, error.into());
    let deadline = Instant::now() + patience;
    let addresses = (endpoint.host(), endpoint.port()).to_socket_addrs();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses.map_err(fail)? {
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(Error::new(Stage::Connect, ErrorKind::Timeout(patience)));
        }
        match TcpStream::connect_timeout(&address, rest) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(fail(last))
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        // Replies are awaited after every flight: Nagle's delay would be paid each time.
        let _ = socket.set_nodelay(true);
        let _ = socket.set_write_timeout(Some(WRITE_SLICE));
        Self {
            socket: Some(socket),
            tls: None,
            input: BytesMut::with_capacity(READ),
            since: Instant::now(),
            may_write: true,
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    pub(super) fn begin_to_wait(&mut self) {
        self.since = Instant::now();
    }

    pub(super) fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.flush();
        }
        self.socket = None;
    }

    /// Gives up writing after an error; false if that was done already.
    pub(super) fn stop_writing(&mut self) -> bool {
        std::mem::replace(&mut self.may_write, false)
    }

    pub(super) fn start_tls(
        &mut self,
        tls: &Tls,
        endpoint: &Endpoint,
        patience: Duration,
    ) -> Result<(), Error> {
        let fail = |error: io::Error| Error::new(Stage::Tls, error.into());
        let name = ServerName::try_from(endpoint.host().to_owned())
            .map_err(|e| fail(io::Error::new(io::ErrorKind::InvalidInput, e)))?;
        let tls = ClientConnection::new(Arc::clone(tls.config()), name)
            .map_err(|e| fail(io::Error::other(e)))?;
        self.tls = Some(Box::new(tls));
        let deadline = Instant::now() + patience;
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Err(Error::new(Stage::Tls, ErrorKind::Timeout(patience)));
            }
            self.flush().map_err(fail)?;
            let handshaking = self.tls.as_ref().is_some_and(|tls| tls.is_handshaking());
            if handshaking {
                self.read_tls(rest).map_err(fail)?;
            }
        }
        Ok(())
    }

    /// Writes all of `out`, within the time of the stage.
    pub(super) fn write_all(
        &mut self,
        out: &[u8],
        stage: Stage,
        times: &Timeouts,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + times.of(stage);
        let mut rest = out;
        while !rest.is_empty() || self.wants_flush() {
            if Instant::now() > deadline {
                let kind = ErrorKind::Timeout(times.of(stage));
                return Err(Error::new(stage, kind));
            }
            let written = self.write_some(&[IoSlice::new(rest)]);
            let written = written.map_err(|error| Error::new(stage, error.into()))?;
            rest = rest.get(written..).unwrap_or_default();
        }
        self.begin_to_wait();
        Ok(())
    }

    /// Reads once, within what is left of the time of the stage.
    pub(super) fn read(&mut self, stage: Stage, times: &Timeouts) -> Result<(), Error> {
        loop {
            let rest = self.time_left(stage, times);
            let read = rest.and_then(|rest| Ok(self.read_some(rest)?));
            match read.map_err(|kind| Error::new(stage, kind))? {
                Read::Octets => return Ok(()),
                Read::Nothing => {}
            }
        }
    }

    /// Writes what the planner has, as far as the server takes it; false if it takes nothing now.
    pub(super) fn write_planned(&mut self, planner: &mut Planner<'_>) -> Result<bool, ErrorKind> {
        if !self.may_write || !(planner.wants_write() || self.wants_flush()) {
            return Ok(false);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let n = planner.slices(&mut slices);
        let written = self.write_some(slices.get(..n).unwrap_or_default())?;
        planner.advance(written);
        if written > 0 {
            self.begin_to_wait();
        }
        Ok(written > 0)
    }

    /// Reads for the planner: as long as its stage permits, or a moment if there is something to write.
    pub(super) fn read_planned(
        &mut self,
        planner: &Planner<'_>,
        times: &Timeouts,
    ) -> Result<Read, ErrorKind> {
        let rest = self.time_left(planner.stage(), times)?;
        let busy = self.may_write && (planner.wants_write() || self.wants_flush());
        Ok(self.read_some(if busy { READ_SLICE.min(rest) } else { rest })?)
    }

    /// Whether there is anything to be read, or the end, on a connection that should be silent.
    pub(super) fn has_spoken(&mut self) -> bool {
        if !self.input.is_empty() {
            return true;
        }
        let Some(socket) = &self.socket else {
            return true;
        };
        let _ = socket.set_nonblocking(true);
        let read = self.read_now();
        if let Some(socket) = &self.socket {
            let _ = socket.set_nonblocking(false);
        }
        !matches!(read, Ok(Read::Nothing))
    }

    fn time_left(&self, stage: Stage, times: &Timeouts) -> Result<Duration, ErrorKind> {
        let time = times.of(stage);
        let rest = (self.since + time).saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(ErrorKind::Timeout(time));
        }
        Ok(rest)
    }

    fn wants_flush(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    fn write_some(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            return or_nothing(socket.write_vectored(slices)).map(Option::unwrap_or_default);
        };
        let mut written = 0;
        if !tls.wants_write() {
            written = tls.writer().write_vectored(slices)?;
        }
        self.flush()?;
        Ok(written)
    }

    /// Writes what TLS has made ready, as far as the server takes it.
    fn flush(&mut self) -> io::Result<()> {
        let (Some(tls), Some(socket)) = (&mut self.tls, &mut self.socket) else {
            return Ok(());
        };
        while tls.wants_write() {
            if or_nothing(tls.write_tls(socket))?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn read_some(&mut self, wait: Duration) -> io::Result<Read> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        // Zero would mean forever.
        socket.set_read_timeout(Some(wait.max(Duration::from_micros(1))))?;
        self.read_now()
    }

    fn read_now(&mut self) -> io::Result<Read> {
        let mut buffer = [0; READ];
        if self.tls.is_some() {
            return self.read_now_tls(&mut buffer);
        }
        let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        match or_nothing(socket.read(&mut buffer))? {
            Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Some(n) => {
                let read = buffer.get(..n).unwrap_or_default();
                self.input.extend_from_slice(read);
                Ok(Read::Octets)
            }
            None => Ok(Read::Nothing),
        }
    }

    fn read_now_tls(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        if !self.take_plain_text(buffer)? {
            if !self.receive_tls()? {
                return Ok(Read::Nothing);
            }
            if !self.take_plain_text(buffer)? {
                return Ok(Read::Nothing);
            }
        }
        Ok(Read::Octets)
    }

    /// Takes what TLS has decrypted; false if that is nothing.
    fn take_plain_text(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            return Ok(false);
        };
        match or_nothing(tls.reader().read(buffer))? {
            Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Some(n) => {
                let read = buffer.get(..n).unwrap_or_default();
                self.input.extend_from_slice(read);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn read_tls(&mut self, wait: Duration) -> io::Result<bool> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        socket.set_read_timeout(Some(wait.max(Duration::from_micros(1))))?;
        self.receive_tls()
    }

    /// Reads from the socket into TLS; false if nothing was there.
    fn receive_tls(&mut self) -> io::Result<bool> {
        let (Some(tls), Some(socket)) = (&mut self.tls, &mut self.socket) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        match or_nothing(tls.read_tls(socket))? {
            Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Some(_) => {
                let processed = tls.process_new_packets().map_err(tls_error);
                // An alert tells the server why; it may go unread.
                let alerted = self.flush();
                processed?;
                alerted?;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

/// A certificate that is not trusted will not be later either: `InvalidData`.
fn tls_error(error: rustls::Error) -> io::Error {
    let kind = match error {
        rustls::Error::InvalidCertificate(_) => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// `None` for an attempt that timed out or was interrupted.
fn or_nothing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {
                Ok(None)
            }
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_not_trusted_is_no_reason_to_try_again() {
        let is_retryable = |error| Error::new(Stage::Tls, tls_error(error).into()).is_retryable();
        let certificate = rustls::CertificateError::UnknownIssuer;
        assert!(!is_retryable(rustls::Error::InvalidCertificate(
            certificate
        )));
        assert!(is_retryable(rustls::Error::DecryptError));
    }
}

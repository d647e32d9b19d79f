//! The standard library's sockets and rustls: what the drivers without a runtime run over.

mod connect;

use crate::sasl::ChannelBinding;
use crate::tls::session;
use crate::{ConnectError, ConnectStage, Endpoint, Tls};
use bytes::BytesMut;
use rustls::ClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use std::fmt;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection to a server, in clear text or inside TLS; every operation has a time of its own, and ends in it.
///
/// [`Route::connect_blocking`](crate::Route::connect_blocking) opens one.
pub struct Stream {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    buffer: Box<[u8]>,
    /// The timeouts that the socket has: setting one is a call of the system.
    times: Times,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Times {
    read: Option<Duration>,
    write: Option<Duration>,
}

/// Octets read at once.
const READ: usize = 64 * 1024;

impl Stream {
    /// Octets that TLS holds back because the socket did not take them. [`write`](Self::write) with nothing writes them.
    pub fn wants_flush(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Writes as much as the server takes at once, and says how much that is: zero if it takes nothing in this time.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn write(&mut self, slices: &[IoSlice<'_>], time: Duration) -> io::Result<usize> {
        self.write_within(Some(time))?;
        let Some(tls) = &mut self.tls else {
            return or_nothing((&self.socket).write_vectored(slices))
                .map(Option::unwrap_or_default);
        };
        let mut written = 0;
        if !tls.wants_write() {
            written = tls.writer().write_vectored(slices)?;
        }
        self.flush()?;
        Ok(written)
    }

    /// Reads once, and appends it to `input`: how many octets; `None` if the server was silent for this time.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the server has closed; anything else if the connection is broken.
    pub fn read(&mut self, input: &mut BytesMut, time: Duration) -> io::Result<Option<usize>> {
        let deadline = Instant::now().checked_add(time);
        let mut left = time;
        loop {
            self.read_within(Some(left))?;
            if let Some(octets) = self.read_now(input)? {
                return Ok(Some(octets));
            }
            left = deadline.map_or(time, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// Reads what is there already, without waiting; `None` if that is nothing.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn peek(&mut self, input: &mut BytesMut) -> io::Result<Option<usize>> {
        self.socket.set_nonblocking(true)?;
        let read = self.read_now(input);
        self.socket.set_nonblocking(false)?;
        read
    }

    /// Upgrades the connection to TLS, after the server has agreed to it. The certificate must be for the endpoint's host.
    ///
    /// The caller makes sure that nothing the server sent in clear text is left in a buffer.
    ///
    /// # Errors
    /// [`ConnectError`] at the stage [`ConnectStage::Tls`].
    pub fn start_tls(
        &mut self,
        endpoint: &Endpoint,
        tls: &Tls,
        timeout: Duration,
    ) -> Result<(), ConnectError> {
        let handshake = self.shake_hands(endpoint, tls, timeout);
        handshake.map_err(|error| ConnectError::new(endpoint, ConnectStage::Tls, timeout, error))
    }

    /// True once TLS is in place.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Protocol version and cipher suite, such as `TLSv1_3, TLS13_AES_256_GCM_SHA384`; `None` in clear text.
    pub fn tls_description(&self) -> Option<String> {
        session::description(self.tls.as_ref()?)
    }

    /// The certificates that the server showed, its own first; none in clear text.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        let certificates = self.tls.as_ref().and_then(|tls| tls.peer_certificates());
        certificates.unwrap_or_default()
    }

    /// What binds a login to this connection; `None` in clear text and before TLS 1.3.
    pub fn channel_binding(&self) -> Option<ChannelBinding> {
        session::channel_binding(self.tls.as_ref()?)
    }

    /// Says goodbye to TLS, if there is any, and closes.
    pub fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.write_within(Some(GOODBYE));
            let _ = self.flush();
        }
    }

    fn read_within(&mut self, time: Option<Duration>) -> io::Result<()> {
        let time = time.map(no_zero);
        if self.times.read != time {
            self.socket.set_read_timeout(time)?;
            self.times.read = time;
        }
        Ok(())
    }

    fn write_within(&mut self, time: Option<Duration>) -> io::Result<()> {
        let time = time.map(no_zero);
        if self.times.write != time {
            self.socket.set_write_timeout(time)?;
            self.times.write = time;
        }
        Ok(())
    }

    fn shake_hands(&mut self, endpoint: &Endpoint, tls: &Tls, timeout: Duration) -> io::Result<()> {
        let deadline = Instant::now().checked_add(timeout);
        let name = ServerName::try_from(endpoint.host().to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let session =
            ClientConnection::new(Arc::clone(tls.config()), name).map_err(io::Error::other)?;
        self.tls = Some(Box::new(session));
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.write_within(left)?;
            self.read_within(left)?;
            self.flush()?;
            if self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
                self.receive_tls()?;
            }
        }
        // The last of the handshake is ours.
        self.flush()
    }

    /// Reads once, in clear text, and no more than that many octets.
    fn read_at_most(
        &mut self,
        octets: usize,
        input: &mut BytesMut,
        time: Duration,
    ) -> io::Result<()> {
        self.read_within(Some(time))?;
        let buffer = self.buffer.get_mut(..octets).unwrap_or_default();
        let read = or_nothing(self.socket.read(buffer))?;
        append(input, &self.buffer, read).map(|_| ())
    }

    /// Writes what TLS has made ready, as far as the server takes it.
    fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while tls.wants_write() {
            if or_nothing(tls.write_tls(&mut self.socket))?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn read_now(&mut self, input: &mut BytesMut) -> io::Result<Option<usize>> {
        if self.tls.is_some() {
            let decrypted = self.take_plain_text(input)?;
            if decrypted.is_some() || !self.receive_tls()? {
                return Ok(decrypted);
            }
            return self.take_plain_text(input);
        }
        let read = or_nothing(self.socket.read(&mut self.buffer))?;
        append(input, &self.buffer, read)
    }

    fn take_plain_text(&mut self, input: &mut BytesMut) -> io::Result<Option<usize>> {
        let Some(tls) = &mut self.tls else {
            return Ok(None);
        };
        let read = or_nothing(tls.reader().read(&mut self.buffer))?;
        append(input, &self.buffer, read)
    }

    /// Reads from the socket into TLS; false if nothing was there.
    fn receive_tls(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            return Ok(false);
        };
        match or_nothing(tls.read_tls(&mut self.socket))? {
            // What the end means, without a close_notify or in the handshake, TLS knows.
            Some(0) if tls.is_handshaking() => Err(io::ErrorKind::UnexpectedEof.into()),
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

/// How long a goodbye may take that nobody needs.
const GOODBYE: Duration = Duration::from_millis(100);

impl From<TcpStream> for Stream {
    /// A socket of the caller's own. TCP_NODELAY is set.
    fn from(socket: TcpStream) -> Self {
        // Replies are awaited after every flight: Nagle's delay would be paid each time.
        let _ = socket.set_nodelay(true);
        let times = Times {
            read: socket.read_timeout().unwrap_or_default(),
            write: socket.write_timeout().unwrap_or_default(),
        };
        Self {
            socket,
            tls: None,
            buffer: vec![0; READ].into(),
            times,
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.tls {
            Some(_) => "Stream(TLS)",
            None => "Stream(clear text)",
        })
    }
}

/// A timeout of zero would mean none.
fn no_zero(time: Duration) -> Duration {
    time.max(Duration::from_micros(1))
}

fn append(input: &mut BytesMut, buffer: &[u8], read: Option<usize>) -> io::Result<Option<usize>> {
    match read {
        Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Some(octets) => {
            input.extend_from_slice(buffer.get(..octets).unwrap_or_default());
            Ok(Some(octets))
        }
        None => Ok(None),
    }
}

/// As tokio-rustls has it: [`ConnectError`] looks into it.
fn tls_error(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
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

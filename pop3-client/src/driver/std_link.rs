use super::error::ErrorKind;
use super::link::{Link, Transfer, is_closed};
use bytes::BytesMut;
use postrider_wire::{Endpoint, Tls};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A socket of the standard library, in clear text or under rustls. Its futures are always ready.
pub(crate) struct StdLink {
    layer: Layer,
    buffer: Box<[u8]>,
}

enum Layer {
    Tcp(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
    /// TLS could not be started.
    Gone,
}

/// A socket with a deadline for everything that is done on it, however many reads or writes that takes: TLS reads on until
/// it has a whole record.
struct Timed {
    tcp: TcpStream,
    deadline: Option<Instant>,
}

impl Timed {
    /// How long the next operation may take; a timeout of zero would mean none.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match left {
            Some(left) if left.is_zero() => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(self.left()?)?;
        self.tcp.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(self.left()?)?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// Octets asked for in one read.
const READ: usize = 64 << 10;

impl StdLink {
    /// Opens a connection, trying each address of the host in turn.
    pub(crate) fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<Self, ErrorKind> {
        let deadline = Instant::now().checked_add(timeout);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let addresses = (endpoint.host(), endpoint.port()).to_socket_addrs();
        for address in addresses.map_err(ErrorKind::Unreachable)? {
            match connect_one(&address, deadline) {
                Ok(tcp) => {
                    let layer = Layer::Tcp(Timed { tcp, deadline });
                    return Ok(Self {
                        layer,
                        buffer: vec![0; READ].into(),
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(ErrorKind::Unreachable(last))
    }

    /// TLS, finished within `timeout`.
    pub(crate) fn handshake(
        &mut self,
        endpoint: &Endpoint,
        tls: &Tls,
        timeout: Duration,
    ) -> Result<(), ErrorKind> {
        let Layer::Tcp(mut tcp) = std::mem::replace(&mut self.layer, Layer::Gone) else {
            return Err(ErrorKind::Handshake(io::ErrorKind::NotConnected.into()));
        };
        let invalid = |e: &dyn std::fmt::Display| {
            ErrorKind::Handshake(io::Error::new(io::ErrorKind::InvalidInput, e.to_string()))
        };
        let name = ServerName::try_from(endpoint.host().to_owned()).map_err(|e| invalid(&e))?;
        let mut session =
            ClientConnection::new(Arc::clone(tls.config()), name).map_err(|e| invalid(&e))?;
        tcp.deadline = Instant::now().checked_add(timeout);
        while session.is_handshaking() {
            session
                .complete_io(&mut tcp)
                .map_err(ErrorKind::Handshake)?;
        }
        self.layer = Layer::Tls(Box::new(StreamOwned::new(session, tcp)));
        Ok(())
    }

    fn socket(&mut self) -> io::Result<&mut Timed> {
        match &mut self.layer {
            Layer::Tcp(tcp) => Ok(tcp),
            Layer::Tls(tls) => Ok(&mut tls.sock),
            Layer::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn write(&mut self, out: &[u8]) -> io::Result<()> {
        match &mut self.layer {
            Layer::Tcp(tcp) => tcp.write_all(out),
            Layer::Tls(tls) => tls.write_all(out).and_then(|()| tls.flush()),
            Layer::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn read(&mut self, input: &mut BytesMut) -> io::Result<Transfer> {
        let read = match &mut self.layer {
            Layer::Tcp(tcp) => tcp.read(&mut self.buffer),
            Layer::Tls(tls) => tls.read(&mut self.buffer),
            Layer::Gone => Err(io::ErrorKind::NotConnected.into()),
        };
        match read {
            Ok(0) => Ok(Transfer::Closed),
            Ok(octets) => {
                input.extend_from_slice(self.buffer.get(..octets).unwrap_or_default());
                Ok(Transfer::Read(octets))
            }
            Err(e) if is_timeout(&e) => Ok(Transfer::Expired),
            Err(e) if is_closed(&e) => Ok(Transfer::Closed),
            Err(e) => Err(e),
        }
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
        out: &mut BytesMut,
        input: &mut BytesMut,
        deadline: Option<Instant>,
    ) -> io::Result<Transfer> {
        self.socket()?.deadline = deadline;
        if !out.is_empty() {
            // What the server said before it closed is worth more than that it did; the read will tell.
            let _ = self.write(out);
            out.clear();
        }
        self.read(input)
    }

    async fn peek(&mut self, input: &mut BytesMut) -> io::Result<Option<Transfer>> {
        let socket = self.socket()?;
        socket.deadline = None;
        socket.tcp.set_nonblocking(true)?;
        let read = self.read(input);
        self.socket()?.tcp.set_nonblocking(false)?;
        read.map(|read| match read {
            Transfer::Expired => None,
            other => Some(other),
        })
    }

    async fn start_tls(
        &mut self,
        endpoint: &Endpoint,
        tls: &Tls,
        timeout: Duration,
    ) -> Result<(), ErrorKind> {
        self.handshake(endpoint, tls, timeout)
    }

    fn is_tls(&self) -> bool {
        matches!(self.layer, Layer::Tls(_))
    }

    fn tls_description(&self) -> Option<String> {
        let Layer::Tls(tls) = &self.layer else {
            return None;
        };
        let version = tls.conn.protocol_version()?.as_str()?.to_owned();
        let suite = tls.conn.negotiated_cipher_suite()?.suite();
        Some(format!(
            "{version}, {}",
            suite.as_str().unwrap_or("unknown cipher suite")
        ))
    }
}

fn connect_one(address: &SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
    let tcp = match deadline {
        // The system takes no timeout of zero.
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            TcpStream::connect_timeout(address, left.max(Duration::from_millis(1)))
        }
        None => TcpStream::connect(address),
    }?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// Systems differ in what they call it.
fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

use bytes::BytesMut;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a closed connection waits for the client to close it as well.
const LINGER: Duration = Duration::from_secs(2);
/// The pause between writes that are meant to arrive apart.
const APART: Duration = Duration::from_millis(1);

/// A client's connection, in clear text or inside TLS.
pub(super) enum Link {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Link {
    /// Reads what is there; 0 means that the client has closed its side.
    pub(super) async fn read(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        input.reserve(16 << 10);
        match self {
            Self::Clear(tcp) => tcp.read_buf(input).await,
            Self::Tls(tls) => tls.read_buf(input).await,
        }
    }

    /// Writes everything, in one write as far as the system allows.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(tcp) => tcp.write_all(bytes).await,
            Self::Tls(tls) => {
                tls.write_all(bytes).await?;
                tls.flush().await
            }
        }
    }

    /// Writes in pieces of the given size, or less, each by itself.
    pub(super) async fn write_pieces(&mut self, bytes: &[u8], size: usize) -> io::Result<()> {
        for piece in bytes.chunks(size.max(1)) {
            self.write(piece).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Writes in two parts, with a moment between them.
    pub(super) async fn write_split(&mut self, bytes: &[u8], at: usize) -> io::Result<()> {
        let (first, second) = bytes.split_at(at.min(bytes.len()));
        self.write(first).await?;
        tokio::time::sleep(APART).await;
        self.write(second).await
    }

    /// The server's side of a TLS handshake.
    pub(super) async fn start_tls(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        match self {
            Self::Clear(tcp) => Ok(Self::Tls(Box::new(acceptor.accept(tcp).await?))),
            tls @ Self::Tls(_) => Ok(tls),
        }
    }

    /// Version and cipher suite; `None` in clear text.
    pub(super) fn tls_description(&self) -> Option<String> {
        let Self::Tls(tls) = self else {
            return None;
        };
        let session = tls.get_ref().1;
        let version = session.protocol_version()?.as_str()?;
        let suite = session.negotiated_cipher_suite()?.suite();
        Some(format!("{version}, {}", suite.as_str().unwrap_or_default()))
    }

    /// Says goodbye to TLS as well.
    pub(super) async fn close(mut self) {
        if let Self::Tls(tls) = &mut self {
            let _ = timeout(LINGER, tls.shutdown()).await;
        }
        self.cut().await;
    }

    /// Ends the connection below TLS. What was written still arrives: octets of the client that nobody has read
    /// would make the system reset the connection, so they are read for a while.
    pub(super) async fn cut(self) {
        let mut tcp = match self {
            Self::Clear(tcp) => tcp,
            Self::Tls(tls) => tls.into_inner().0,
        };
        let _ = tcp.shutdown().await;
        let drain = async {
            let mut unread = [0; 4096];
            while matches!(tcp.read(&mut unread).await, Ok(1..)) {}
        };
        let _ = timeout(LINGER, drain).await;
    }
}

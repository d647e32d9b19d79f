use crate::sasl::ChannelBinding;
use crate::tls::session;
use rustls::pki_types::CertificateDer;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A byte stream that a driver can run over: a socket, a tunnel, or a pipe in a test.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection to a server, in clear text or inside TLS.
pub struct Stream(Layer);

enum Layer {
    Tcp(TcpStream),
    Other(Box<dyn Io>),
    Tls(Box<TlsStream<Stream>>),
}

impl Stream {
    /// Runs over a stream of the caller's own, such as a proxy tunnel or `tokio::io::duplex`.
    pub fn from_io(io: impl Io + 'static) -> Self {
        Self(Layer::Other(Box::new(io)))
    }

    /// True once TLS is in place.
    pub fn is_tls(&self) -> bool {
        matches!(self.0, Layer::Tls(_))
    }

    /// Protocol version and cipher suite, such as `TLSv1_3, TLS13_AES_256_GCM_SHA384`; `None` in clear text.
    pub fn tls_description(&self) -> Option<String> {
        let Layer::Tls(tls) = &self.0 else {
            return None;
        };
        session::description(tls.get_ref().1)
    }

    /// What binds a login to this connection; `None` in clear text and before TLS 1.3.
    pub fn channel_binding(&self) -> Option<ChannelBinding> {
        let Layer::Tls(tls) = &self.0 else {
            return None;
        };
        session::channel_binding(tls.get_ref().1)
    }

    /// The certificates that the server showed, its own first; none in clear text.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        let Layer::Tls(tls) = &self.0 else {
            return &[];
        };
        tls.get_ref().1.peer_certificates().unwrap_or_default()
    }

    /// Asks the system to acknowledge what it receives at once, until it changes its mind, which it does after a few
    /// packets. Only Linux has that; elsewhere, and over a stream of the caller's own, nothing happens.
    ///
    /// A server that answers in two segments without TCP_NODELAY waits with the second for our acknowledgement of the
    /// first, and our system delays that by 40 ms.
    pub fn acknowledge_quickly(&self) {
        match &self.0 {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Layer::Tcp(tcp) => {
                // A hint: whether it was taken does not matter.
                let _ = socket2::SockRef::from(tcp).set_tcp_quickack(true);
            }
            Layer::Tls(tls) => tls.get_ref().0.acknowledge_quickly(),
            _ => {}
        }
    }

    pub(crate) fn from_tls(tls: TlsStream<Stream>) -> Self {
        Self(Layer::Tls(Box::new(tls)))
    }

    fn layer(self: Pin<&mut Self>) -> Pin<&mut dyn Io> {
        match &mut self.get_mut().0 {
            Layer::Tcp(tcp) => Pin::new(tcp),
            Layer::Other(io) => Pin::new(io),
            Layer::Tls(tls) => Pin::new(tls),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self(Layer::Tcp(tcp))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_tls() {
            "Stream(TLS)"
        } else {
            "Stream(clear text)"
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.layer().poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.layer().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.layer().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Layer::Tcp(tcp) => tcp.is_write_vectored(),
            Layer::Other(io) => io.is_write_vectored(),
            Layer::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.layer().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.layer().poll_shutdown(cx)
    }
}

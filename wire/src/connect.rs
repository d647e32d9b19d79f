use crate::{Endpoint, Stream, Tls};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, InvalidMessage};
use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

/// Opens a TCP connection: resolves the host, tries each address in turn, sets TCP_NODELAY.
///
/// `timeout` bounds the whole of it.
///
/// # Errors
/// [`ConnectError`] with the stage: resolving or connecting.
pub async fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<Stream, ConnectError> {
    let deadline = Instant::now().checked_add(timeout);
    let fail = |stage, source| ConnectError::new(endpoint, stage, timeout, source);
    let found = within(deadline, lookup_host((endpoint.host(), endpoint.port()))).await;
    let addresses = found.map_err(|e| fail(ConnectStage::Resolve, e))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match within(deadline, TcpStream::connect(address)).await {
            Ok(tcp) => {
                // Replies are awaited after every flight: Nagle's delay would be paid each time.
                tcp.set_nodelay(true)
                    .map_err(|e| fail(ConnectStage::Connect, e))?;
                return Ok(Stream::from(tcp));
            }
            Err(error) => last = error,
        }
    }
    Err(fail(ConnectStage::Connect, last))
}

/// Opens a TCP connection and speaks TLS from the first byte (RFC 8314 §3).
///
/// # Errors
/// [`ConnectError`] with the stage: resolving, connecting, or the handshake.
pub async fn connect_tls(
    endpoint: &Endpoint,
    tls: &Tls,
    timeout: Duration,
) -> Result<Stream, ConnectError> {
    let stream = connect(endpoint, timeout).await?;
    start_tls(stream, endpoint, tls, timeout).await
}

/// Upgrades a connection to TLS, after the server has agreed to it. The certificate must be for the endpoint's host.
///
/// The caller makes sure that nothing the server sent in clear text is left in a buffer.
///
/// # Errors
/// [`ConnectError`] at the stage [`ConnectStage::Tls`].
pub async fn start_tls(
    stream: Stream,
    endpoint: &Endpoint,
    tls: &Tls,
    timeout: Duration,
) -> Result<Stream, ConnectError> {
    let fail = |source| ConnectError::new(endpoint, ConnectStage::Tls, timeout, source);
    let name = ServerName::try_from(endpoint.host().to_owned())
        .map_err(|e| fail(io::Error::new(io::ErrorKind::InvalidInput, e)))?;
    let connector = TlsConnector::from(tls.config().clone());
    let deadline = Instant::now().checked_add(timeout);
    within(deadline, connector.connect(name, stream))
        .await
        .map(Stream::from_tls)
        .map_err(fail)
}

/// `None` is a deadline beyond what the clock can say: there is none.
async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        None => work.await,
    }
}

/// What was being done when a connection could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectStage {
    /// Looking up the host's addresses.
    Resolve,
    /// Opening the TCP connection.
    Connect,
    /// The TLS handshake, certificate verification included.
    Tls,
}

/// A connection that could not be made: where, at which stage, why, and what may help.
#[derive(Debug)]
pub struct ConnectError {
    endpoint: Endpoint,
    stage: ConnectStage,
    timeout: Duration,
    source: io::Error,
}

impl ConnectError {
    fn new(endpoint: &Endpoint, stage: ConnectStage, timeout: Duration, source: io::Error) -> Self {
        Self {
            endpoint: endpoint.clone(),
            stage,
            timeout,
            source,
        }
    }

    /// Where the connection was to go.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What was being done.
    pub fn stage(&self) -> ConnectStage {
        self.stage
    }

    /// The error of the operating system, the resolver, or rustls.
    pub fn io_error(&self) -> &io::Error {
        &self.source
    }

    /// Whether the same attempt may succeed later without anybody changing a setting.
    pub fn is_retryable(&self) -> bool {
        !matches!(self.tls_error(), Some(rustls::Error::InvalidCertificate(_)))
    }

    fn tls_error(&self) -> Option<&rustls::Error> {
        self.source.get_ref()?.downcast_ref()
    }

    fn hint(&self) -> Option<&'static str> {
        use rustls::Error::{InvalidCertificate, InvalidMessage as BadMessage};
        Some(match self.tls_error()? {
            BadMessage(InvalidMessage::InvalidContentType) => {
                "the server answered in plain text: did you mean Security::StartTls (usual on ports 587, 25 and 110)?"
            }
            InvalidCertificate(CertificateError::UnknownIssuer) => {
                "the certificate is signed by an authority that is not trusted here: add that authority's certificate to the trusted roots"
            }
            InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => {
                "the server's certificate has expired: its administrator must renew it (or this machine's clock is wrong)"
            }
            InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => "the certificate belongs to another name: connect by a name that it lists",
            InvalidCertificate(CertificateError::Other(why)) if is_authority(why) => {
                "the server's certificate is that of an authority, probably self-signed: pin its SHA-256 fingerprint"
            }
            InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
                "the certificate is not the one that is pinned: it was renewed, or this is another server"
            }
            _ => return None,
        })
    }
}

/// The verifier has no name of its own for this.
fn is_authority(why: &rustls::OtherError) -> bool {
    format!("{why:?}").contains("CaUsedAsEndEntity")
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoint, source, ..
        } = self;
        match self.stage {
            ConnectStage::Resolve => write!(f, "cannot resolve {}", endpoint.host())?,
            ConnectStage::Connect => write!(f, "cannot connect to {endpoint}")?,
            ConnectStage::Tls => write!(f, "TLS handshake with {endpoint} failed")?,
        }
        if source.kind() == io::ErrorKind::TimedOut && source.get_ref().is_none() {
            write!(f, ": no answer within {:?}", self.timeout)
        } else if self.stage == ConnectStage::Tls && source.kind() == io::ErrorKind::UnexpectedEof {
            f.write_str(": the server closed the connection")
        } else {
            write!(f, ": {source}")
        }?;
        match self.hint() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const SHORT: Duration = Duration::from_millis(200);

    async fn listener() -> (TcpListener, Endpoint) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, Endpoint::new("127.0.0.1", port).unwrap())
    }

    #[tokio::test]
    async fn a_refused_connection_names_host_and_port() {
        let (listener, endpoint) = listener().await;
        drop(listener);
        let error = connect(&endpoint, SHORT).await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot connect to {endpoint}: ")),
            "{error}"
        );
        assert!(error.is_retryable());
    }

    #[tokio::test]
    async fn a_plain_text_answer_on_a_tls_port_asks_for_starttls() {
        let (listener, endpoint) = listener().await;
        let server = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            peer.write_all(b"220 mx.example.org ESMTP\r\n")
                .await
                .unwrap();
            let mut rest = Vec::new();
            let _ = peer.read_to_end(&mut rest).await;
        });
        let tls = Tls::webpki_roots().unwrap();
        let error = connect_tls(&endpoint, &tls, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("did you mean Security::StartTls"),
            "{error}"
        );
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_silent_server_ends_in_a_timeout() {
        let (_listener, endpoint) = listener().await;
        let tls = Tls::webpki_roots().unwrap();
        let error = connect_tls(&endpoint, &tls, SHORT).await.unwrap_err();
        assert_eq!(error.stage(), ConnectStage::Tls);
        assert!(
            error.to_string().ends_with("no answer within 200ms"),
            "{error}"
        );
    }

    #[test]
    fn a_certificate_that_calls_itself_an_authority_is_to_be_pinned() {
        // The words of the verifier, as a server with a certificate of `openssl req -x509` brings them about.
        #[derive(Debug)]
        struct CaUsedAsEndEntity;
        impl fmt::Display for CaUsedAsEndEntity {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
        impl std::error::Error for CaUsedAsEndEntity {}
        let why = rustls::OtherError(std::sync::Arc::new(CaUsedAsEndEntity));
        let why = rustls::Error::InvalidCertificate(CertificateError::Other(why));
        let endpoint = Endpoint::new("localhost", 465).unwrap();
        let source = io::Error::new(io::ErrorKind::InvalidData, why);
        let error = ConnectError::new(&endpoint, ConnectStage::Tls, SHORT, source);
        assert!(
            error.to_string().ends_with("pin its SHA-256 fingerprint)"),
            "{error}"
        );
        assert!(!error.is_retryable());
    }

    #[tokio::test]
    async fn a_time_that_never_ends_is_no_deadline() {
        let (listener, endpoint) = listener().await;
        let stream = connect(&endpoint, Duration::MAX).await.unwrap();
        drop(listener.accept().await.unwrap());
        let tls = Tls::webpki_roots().unwrap();
        let error = start_tls(stream, &endpoint, &tls, Duration::MAX)
            .await
            .unwrap_err();
        assert_eq!(error.stage(), ConnectStage::Tls);
    }
}

use crate::{Endpoint, Proxy, ProxyError};
use rustls::{CertificateError, InvalidMessage};
use std::fmt;
use std::io;
use std::time::Duration;

/// What was being done when a connection could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectStage {
    /// Looking up the host's addresses.
    Resolve,
    /// Opening the TCP connection.
    Connect,
    /// Getting a tunnel from a proxy: reaching the proxy, and what it says.
    Proxy,
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
    /// `socks5://host:port`
    proxy: Option<String>,
    /// The server had agreed to TLS.
    upgrade: bool,
}

impl ConnectError {
    pub(crate) fn new(
        endpoint: &Endpoint,
        stage: ConnectStage,
        timeout: Duration,
        source: io::Error,
    ) -> Self {
        Self {
            endpoint: endpoint.clone(),
            stage,
            timeout,
            source,
            proxy: None,
            upgrade: false,
        }
    }

    /// The same, if it was a proxy that could not be reached or said no.
    pub(crate) fn through(mut self, proxy: &Proxy) -> Self {
        self.stage = ConnectStage::Proxy;
        self.proxy = Some(proxy.to_string());
        self
    }

    /// The same, if the handshake came after STARTTLS or STLS: nobody need be told to try that.
    #[must_use]
    pub fn after_upgrade(mut self) -> Self {
        self.upgrade = true;
        self
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
        let certificate = matches!(self.tls_error(), Some(rustls::Error::InvalidCertificate(_)));
        let refused = self
            .proxy_error()
            .is_some_and(|error| !error.is_retryable());
        !certificate && !refused
    }

    /// The error of rustls, if it was one: why a certificate is not trusted, for example.
    pub fn tls_error(&self) -> Option<&rustls::Error> {
        self.source.get_ref()?.downcast_ref()
    }

    /// What the proxy said, if it was a proxy that opened no tunnel.
    pub fn proxy_error(&self) -> Option<&ProxyError> {
        self.source.get_ref()?.downcast_ref()
    }

    /// What a verifier says for which rustls has no name; rustls would show it as a programmer sees it.
    fn verifiers_own_words(&self) -> Option<&dyn std::error::Error> {
        match self.tls_error()? {
            rustls::Error::InvalidCertificate(CertificateError::Other(why)) => Some(&*why.0),
            _ => None,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        use rustls::Error::{InvalidCertificate, InvalidMessage as BadMessage};
        Some(match self.tls_error()? {
            BadMessage(InvalidMessage::InvalidContentType) if self.upgrade => {
                "the server agreed to TLS, and went on in plain text"
            }
            BadMessage(InvalidMessage::InvalidContentType) => {
                "the server answered in plain text: did you mean Security::StartTls (usual on ports 587, 25 and 110)?"
            }
            InvalidCertificate(CertificateError::UnknownIssuer) => {
                "the certificate is signed by an authority that is not trusted here, or the server leaves out a certificate in between: add the authority's certificate to the trusted roots, or have the server send its whole chain"
            }
            InvalidCertificate(CertificateError::BadSignature) => {
                "the certificate names an authority that is trusted here, and is not signed by it: a self-signed certificate that was made anew, or somebody in between"
            }
            InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => {
                "the server's certificate has expired: its administrator must renew it (or this machine's clock is wrong)"
            }
            InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })
                if presented.is_empty() =>
            {
                "the certificate lists no name, and a common name alone does not count: its administrator must have it issued with subject alternative names"
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
            ConnectStage::Proxy => write!(
                f,
                "cannot connect to {endpoint} through the proxy {}",
                self.proxy.as_deref().unwrap_or_default()
            )?,
            ConnectStage::Tls => write!(f, "TLS handshake with {endpoint} failed")?,
        }
        if source.kind() == io::ErrorKind::TimedOut && source.get_ref().is_none() {
            write!(f, ": no answer within {:?}", self.timeout)
        } else if source.kind() == io::ErrorKind::UnexpectedEof {
            let peer = if self.stage == ConnectStage::Proxy {
                "proxy"
            } else {
                "server"
            };
            write!(f, ": the {peer} closed the connection")
        } else if let Some(why) = self.verifiers_own_words() {
            write!(f, ": invalid peer certificate: {why}")
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

    fn tls(why: rustls::Error) -> ConnectError {
        let endpoint = Endpoint::new("localhost", 465).unwrap();
        let source = io::Error::new(io::ErrorKind::InvalidData, why);
        ConnectError::new(&endpoint, ConnectStage::Tls, Duration::ZERO, source)
    }

    #[test]
    fn nobody_is_told_to_try_starttls_after_it() {
        let plain = || {
            tls(rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType,
            ))
        };
        let shown = plain().to_string();
        assert!(shown.contains("did you mean Security::StartTls"), "{shown}");
        let shown = plain().after_upgrade().to_string();
        assert!(!shown.contains("did you mean"), "{shown}");
        assert!(shown.contains("agreed to TLS"), "{shown}");
    }

    #[test]
    fn a_certificate_without_names_is_told_from_one_with_others() {
        let shown = |presented: &[&str]| {
            let why = CertificateError::NotValidForNameContext {
                expected: rustls::pki_types::ServerName::try_from("localhost").unwrap(),
                presented: presented.iter().map(|&name| name.to_owned()).collect(),
            };
            tls(rustls::Error::InvalidCertificate(why)).to_string()
        };
        assert!(shown(&[]).contains("a common name alone does not count"));
        assert!(shown(&["mx.example.org"]).contains("connect by a name that it lists"));
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
        let error = tls(rustls::Error::InvalidCertificate(CertificateError::Other(
            why,
        )));
        assert!(
            error.to_string().ends_with("pin its SHA-256 fingerprint)"),
            "{error}"
        );
        assert!(!error.is_retryable());
    }
}

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::hash::{Hash, HashAlgorithm};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use std::fmt;
use std::sync::Arc;

/// How TLS is done: which certificates are trusted. Cheap to clone.
///
/// The crypto provider (ring) is passed explicitly; the process-wide default is neither read nor set.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts the certificate authorities that Mozilla trusts (compiled in; no file is read).
    ///
    /// # Errors
    /// As [`TlsBuilder::build`].
    pub fn webpki_roots() -> Result<Self, TlsConfigError> {
        TlsBuilder::new().build()
    }

    /// Trusts what the builder is told to.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::new()
    }

    /// Uses a configuration of the caller's own.
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self(config)
    }

    /// The rustls configuration.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.0
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

/// Collects what [`Tls`] shall trust.
#[derive(Debug)]
pub struct TlsBuilder {
    roots: RootCertStore,
    accept_invalid: bool,
    pins: Vec<[u8; 32]>,
}

impl TlsBuilder {
    fn new() -> Self {
        let roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        Self {
            roots,
            accept_invalid: false,
            pins: Vec::new(),
        }
    }

    /// Forgets the public certificate authorities: only those added afterwards are trusted.
    #[must_use]
    pub fn only_added_roots(mut self) -> Self {
        self.roots = RootCertStore::empty();
        self
    }

    /// Also trusts the certificate authorities in a PEM text. A self-signed server certificate may be given as well, unless
    /// it calls itself an authority, as those of `openssl req -x509` do: for these there is [`pin_sha256`](Self::pin_sha256).
    ///
    /// # Errors
    /// [`TlsConfigError`] if the text holds no certificate, or one that cannot be a root.
    pub fn add_root_pem(mut self, pem: &[u8]) -> Result<Self, TlsConfigError> {
        let mut found = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|e| TlsConfigError(format!("not a PEM certificate: {e:?}")))?;
            self.roots
                .add(certificate)
                .map_err(|e| TlsConfigError(format!("not usable as a trusted root: {e}")))?;
            found += 1;
        }
        if found == 0 {
            return Err(TlsConfigError(
                "there is no PEM certificate in it".to_owned(),
            ));
        }
        Ok(self)
    }

    /// Accepts the server certificate with this SHA-256 fingerprint, over the whole of it in DER, and no other. Several may
    /// be given, so that a server can change from one to the next.
    ///
    /// The fingerprint is all that is asked for then: authorities, names, dates and
    /// [`danger_accept_invalid_certs`](Self::danger_accept_invalid_certs) do not count.
    #[must_use]
    pub fn pin_sha256(mut self, fingerprint: [u8; 32]) -> Self {
        self.pins.push(fingerprint);
        self
    }

    /// Accepts **any** certificate: whoever sits on the path can read and change everything, passwords included.
    /// For experiments on one's own machine only.
    #[must_use]
    pub fn danger_accept_invalid_certs(mut self) -> Self {
        self.accept_invalid = true;
        self
    }

    /// The finished configuration.
    ///
    /// # Errors
    /// [`TlsConfigError`] if the crypto provider supports none of the TLS versions.
    pub fn build(self) -> Result<Tls, TlsConfigError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| TlsConfigError(e.to_string()))?;
        let config = if self.accept_invalid || !self.pins.is_empty() {
            let identity = Identity {
                hash: sha256(&provider),
                pins: (!self.pins.is_empty()).then_some(self.pins),
                provider,
            };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(identity))
                .with_no_client_auth()
        } else {
            builder
                .with_root_certificates(self.roots)
                .with_no_client_auth()
        };
        Ok(Tls(Arc::new(config)))
    }
}

/// Certificates that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfigError(String);

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsConfigError {}

/// The SHA-256 of the provider, which the cipher suites of TLS 1.3 bring.
fn sha256(provider: &CryptoProvider) -> Option<&'static dyn Hash> {
    let suites = provider.cipher_suites.iter();
    let mut hashes = suites.filter_map(|suite| Some(suite.tls13()?.common.hash_provider));
    hashes.find(|hash| hash.algorithm() == HashAlgorithm::SHA256)
}

/// The verifier behind [`TlsBuilder::pin_sha256`] and [`TlsBuilder::danger_accept_invalid_certs`]: signatures are
/// checked, and the fingerprint, or no identity at all.
struct Identity {
    provider: Arc<CryptoProvider>,
    hash: Option<&'static dyn Hash>,
    /// `None` accepts any certificate.
    pins: Option<Vec<[u8; 32]>>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl Identity {
    fn is_pinned(&self, certificate: &[u8]) -> bool {
        let Some(pins) = &self.pins else {
            return true;
        };
        let hash = self.hash.map(|hash| hash.hash(certificate));
        hash.is_some_and(|hash| pins.iter().any(|pin| pin == hash.as_ref()))
    }
}

impl ServerCertVerifier for Identity {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.is_pinned(end_entity) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

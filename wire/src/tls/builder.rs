use super::identity::Identity;
use super::{Tls, TlsConfigError};
use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use std::fmt;
use std::sync::Arc;

/// Collects what [`Tls`] shall trust, and what it shall show.
pub struct TlsBuilder {
    roots: RootCertStore,
    accept_invalid: bool,
    #[cfg(feature = "platform-verifier")]
    platform: bool,
    #[cfg(feature = "platform-verifier")]
    added: Vec<CertificateDer<'static>>,
    pins: Vec<[u8; 32]>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl TlsBuilder {
    pub(super) fn new() -> Self {
        let roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        Self {
            roots,
            accept_invalid: false,
            #[cfg(feature = "platform-verifier")]
            platform: false,
            #[cfg(feature = "platform-verifier")]
            added: Vec::new(),
            pins: Vec::new(),
            client: None,
        }
    }

    /// Forgets the public certificate authorities: only those added afterwards are trusted.
    #[must_use]
    pub fn only_added_roots(mut self) -> Self {
        self.roots = RootCertStore::empty();
        #[cfg(feature = "platform-verifier")]
        self.added.clear();
        self
    }

    /// Also trusts the certificate authorities in a PEM text. A self-signed server certificate may be given as well, unless
    /// it calls itself an authority, as those of `openssl req -x509` do: for these there is [`pin_sha256`](Self::pin_sha256).
    ///
    /// # Errors
    /// [`TlsConfigError`] if the text holds no certificate, or one that cannot be a root.
    pub fn add_root_pem(mut self, pem: &[u8]) -> Result<Self, TlsConfigError> {
        for certificate in certificates(pem)? {
            #[cfg(feature = "platform-verifier")]
            self.added.push(certificate.clone());
            self.roots
                .add(certificate)
                .map_err(|e| TlsConfigError(format!("not usable as a trusted root: {e}")))?;
        }
        Ok(self)
    }

    /// Trusts the authorities that this machine's system trusts, **instead of** those compiled in; call it before
    /// [`add_root_pem`](Self::add_root_pem). Certificates in the system's store that cannot be read are left out.
    ///
    /// The crate behind it, rustls-native-certs, lets the variables `SSL_CERT_FILE` and `SSL_CERT_DIR` of the environment
    /// name the store.
    ///
    /// # Errors
    /// [`TlsConfigError`] if the system has none that can be used.
    #[cfg(feature = "native-certs")]
    pub fn native_roots(mut self) -> Result<Self, TlsConfigError> {
        let found = rustls_native_certs::load_native_certs();
        self.roots = RootCertStore::empty();
        let (usable, _) = self.roots.add_parsable_certificates(found.certs);
        match (usable, found.errors.first()) {
            (1.., _) => Ok(self),
            (0, Some(error)) => Err(TlsConfigError(format!(
                "the system's certificate authorities cannot be read: {error}"
            ))),
            (0, None) => Err(TlsConfigError(
                "the system has no certificate authorities".to_owned(),
            )),
        }
    }

    /// Leaves it to the operating system whom to trust, **instead of** the authorities compiled in: its policies,
    /// revocation lists and added authorities count then. Authorities added here count as well, where the system permits it.
    #[cfg(feature = "platform-verifier")]
    #[must_use]
    pub fn platform_verifier(mut self) -> Self {
        self.platform = true;
        self
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

    /// Shows this certificate to servers that ask for one, and proves that the key is ours: both as PEM texts, the chain
    /// with our own certificate first, the key as PKCS #8, PKCS #1 or SEC 1, not encrypted. One file may hold both.
    ///
    /// With [`Credentials::external`](crate::sasl::Credentials::external) it can be the log-in.
    ///
    /// # Errors
    /// [`TlsConfigError`] if a text holds no certificate or no key. Whether they belong together is found out by
    /// [`build`](Self::build).
    pub fn client_certificate_pem(
        mut self,
        chain: &[u8],
        key: &[u8],
    ) -> Result<Self, TlsConfigError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
            TlsConfigError("there is no PEM private key in it that is not encrypted".to_owned())
        })?;
        self.client = Some((chain, key));
        Ok(self)
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
    /// [`TlsConfigError`] if the crypto provider supports none of the TLS versions, if certificate and key of ours do not
    /// belong together, or if the platform's verifier cannot be had.
    pub fn build(mut self) -> Result<Tls, TlsConfigError> {
        let provider = Arc::new(ring::default_provider());
        let client = self.client.take();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let builder = self.verifier(builder, provider)?;
        let config = match client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
                TlsConfigError(format!("not usable as a client certificate: {error}"))
            })?,
        };
        Ok(Tls(Arc::new(config)))
    }

    fn verifier(
        self,
        builder: ConfigBuilder<ClientConfig, WantsVerifier>,
        provider: Arc<CryptoProvider>,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsConfigError> {
        if self.accept_invalid || !self.pins.is_empty() {
            let identity = Arc::new(Identity::new(provider, self.pins));
            return Ok(builder
                .dangerous()
                .with_custom_certificate_verifier(identity));
        }
        #[cfg(feature = "platform-verifier")]
        if self.platform {
            use rustls_platform_verifier::Verifier;
            let verifier = Verifier::new_with_extra_roots(self.added, provider).map_err(failed)?;
            let verifier = Arc::new(verifier);
            return Ok(builder
                .dangerous()
                .with_custom_certificate_verifier(verifier));
        }
        Ok(builder.with_root_certificates(self.roots))
    }
}

/// Shows what is trusted, and not the key.
impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder")
            .field("roots", &self.roots.len())
            .field("pins", &self.pins.len())
            .field("accept_invalid", &self.accept_invalid)
            .field("client_certificate", &self.client.is_some())
            .finish_non_exhaustive()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|e| TlsConfigError(format!("not a PEM certificate: {e:?}")))?;
    match found.is_empty() {
        true => Err(TlsConfigError(
            "there is no PEM certificate in it".to_owned(),
        )),
        false => Ok(found),
    }
}

fn failed(error: rustls::Error) -> TlsConfigError {
    TlsConfigError(error.to_string())
}

mod builder;
mod identity;
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) mod session;

pub use builder::TlsBuilder;

use rustls::ClientConfig;
use std::fmt;
use std::sync::Arc;

/// How TLS is done: which certificates are trusted, and which one is shown. Cheap to clone.
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
        Self::builder().build()
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

impl From<Arc<ClientConfig>> for Tls {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self(config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

/// Certificates or keys that cannot be used. No key is ever shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfigError(String);

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsConfigError {}

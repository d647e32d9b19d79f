//! How a server is reached, and how it and we are known to be who we say.

use postrider_wire::{Proxy, Route, Secret, TlsBuilder, TlsConfigError};
use std::net::IpAddr;

/// The way to a server and its TLS, as far as they are not the usual ones.
#[derive(Clone, Debug, Default)]
pub struct Transport {
    /// Accept the certificates with these SHA-256 fingerprints, and no others (`tls_pin`).
    pub pins: Vec<[u8; 32]>,
    /// Our own certificate for servers that ask for one (`client_certificate_file`, `client_key_file`).
    pub client_certificate: Option<ClientCertificate>,
    /// Through this proxy: `socks5://HOST:PORT` or `http://HOST:PORT`.
    pub proxy: Option<Proxy>,
    /// From this address of ours.
    pub source_address: Option<IpAddr>,
}

/// A certificate of ours and its key.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The chain, as PEM text, our own certificate first.
    pub chain: String,
    /// The key, as PEM text; never shown.
    pub key: Secret,
}

impl Transport {
    pub(crate) fn route(&self) -> Route {
        let mut route = Route::direct();
        if let Some(address) = self.source_address {
            route = route.source_address(address);
        }
        if let Some(proxy) = &self.proxy {
            route = route.proxy(proxy.clone());
        }
        route
    }

    pub(crate) fn tls(&self, mut builder: TlsBuilder) -> Result<TlsBuilder, TlsConfigError> {
        for pin in &self.pins {
            builder = builder.pin_sha256(*pin);
        }
        if let Some(own) = &self.client_certificate {
            let key = own.key.expose_secret();
            builder = builder.client_certificate_pem(own.chain.as_bytes(), key)?;
        }
        Ok(builder)
    }
}

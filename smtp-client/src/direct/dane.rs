//! DANE for SMTP: certificates matched against TLSA records that DNSSEC vouches for (RFC 7672, RFC 6698).
//!
//! Not supported: usages 0 and 1, which SMTP does not have (RFC 7672 §3.1.3); names behind an alias as the base of TLSA
//! records; an authority given by its bare key that does not show its certificate.

use super::Tlsa;
use postrider_wire::{Tls, TlsConfigError};
use ring::digest::{Algorithm, SHA256, SHA512, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use std::fmt;
use std::sync::Arc;

const WHOLE: u8 = 0;
const PUBLIC_KEY: u8 = 1;
const AUTHORITY: u8 = 2;
const END_ENTITY: u8 = 3;

impl Tlsa {
    /// Whether SMTP can use it: DANE-TA or DANE-EE, a selector and a matching type that are known, data of that length.
    pub fn is_usable(&self) -> bool {
        let length = match self.matching {
            0 => !self.data.is_empty(),
            1 => self.data.len() == 32,
            2 => self.data.len() == 64,
            _ => false,
        };
        length && matches!(self.usage, AUTHORITY | END_ENTITY) && self.selector <= PUBLIC_KEY
    }

    /// Whether a certificate is the one that is meant.
    fn matches(&self, certificate: &CertificateDer<'_>) -> bool {
        let same = |octets: &[u8]| match self.matching {
            0 => octets == self.data,
            1 => hashed(&SHA256, octets, &self.data),
            2 => hashed(&SHA512, octets, &self.data),
            _ => false,
        };
        match self.selector {
            WHOLE => same(certificate),
            PUBLIC_KEY => ParsedCertificate::try_from(certificate)
                .is_ok_and(|parsed| same(&parsed.subject_public_key_info())),
            _ => false,
        }
    }
}

fn hashed(algorithm: &'static Algorithm, octets: &[u8], expected: &[u8]) -> bool {
    digest(algorithm, octets).as_ref() == expected
}

/// TLS that accepts a server by its TLSA records. Those that are not usable are left out; with none at all TLS is made
/// without knowing with whom (RFC 7672 §2.2).
///
/// `domain` is the one that mail is for: a certificate under DANE-TA may be for it, in the place of the host
/// (RFC 7672 §3.2.2).
///
/// # Errors
/// If the crypto provider supports none of the TLS versions.
pub(crate) fn tls(records: &[Tlsa], domain: &str) -> Result<Tls, TlsConfigError> {
    let usable = records.iter().filter(|record| record.is_usable());
    let records: Vec<Tlsa> = usable.cloned().collect();
    if records.is_empty() {
        return Tls::builder().danger_accept_invalid_certs().build();
    }
    let base = Tls::builder().build()?;
    let provider = Arc::clone(base.config().crypto_provider());
    let verifier = Arc::new(Dane {
        records,
        domain: ServerName::try_from(domain.to_owned()).ok(),
        provider,
    });
    // What the builder has made, with another verifier.
    let mut config = ClientConfig::clone(base.config());
    config.dangerous().set_certificate_verifier(verifier);
    Ok(Tls::from_config(Arc::new(config)))
}

struct Dane {
    records: Vec<Tlsa>,
    domain: Option<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
}

/// The certificate does not match any TLSA record.
#[derive(Debug)]
pub(crate) struct NoMatch;

impl fmt::Display for NoMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it matches none of the TLSA records of the host")
    }
}

impl std::error::Error for NoMatch {}

impl fmt::Debug for Dane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dane({} records)", self.records.len())
    }
}

impl Dane {
    /// The certificates among those shown, and those in the records, that are to be trusted as authorities.
    fn authorities(&self, shown: &[CertificateDer<'_>]) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let records = self.records.iter();
        for record in records.filter(|record| record.usage == AUTHORITY) {
            let matching = shown
                .iter()
                .filter(|certificate| record.matches(certificate));
            for certificate in matching {
                let _ = roots.add(certificate.clone().into_owned());
            }
            if (record.selector, record.matching) == (WHOLE, 0) {
                let _ = roots.add(CertificateDer::from(record.data.clone()));
            }
        }
        roots
    }
}

impl ServerCertVerifier for Dane {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // RFC 7672 §3.1.1: neither names nor dates count then.
        let own = |record: &Tlsa| record.usage == END_ENTITY && record.matches(end_entity);
        if self.records.iter().any(own) {
            return Ok(ServerCertVerified::assertion());
        }
        let no_match = || {
            let why = CertificateError::Other(OtherError(Arc::new(NoMatch)));
            rustls::Error::InvalidCertificate(why)
        };
        let roots = self.authorities(intermediates);
        let provider = Arc::clone(&self.provider);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .map_err(|_| no_match())?;
        let for_name =
            |name| verifier.verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
        match (for_name(server_name), &self.domain) {
            (Err(_), Some(domain)) => for_name(domain),
            (verified, _) => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

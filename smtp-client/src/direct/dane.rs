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

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    fn record([usage, selector, matching]: [u8; 3], data: &[u8]) -> Tlsa {
        Tlsa {
            usage,
            selector,
            matching,
            data: data.to_vec(),
        }
    }

    fn dane(record: Tlsa) -> Dane {
        let base = Tls::builder().build().unwrap();
        Dane {
            records: vec![record],
            domain: None,
            provider: Arc::clone(base.config().crypto_provider()),
        }
    }

    #[test]
    fn rfc7672_3_1_a_record_is_usable_if_smtp_has_its_fields_and_its_data_their_length() {
        for (fields, octets, usable) in [
            ([3, 1, 1], 32, true),
            ([3, 1, 2], 64, true),
            ([3, 0, 0], 1, true),
            ([2, 0, 1], 32, true),
            ([3, 1, 1], 64, false),
            ([3, 1, 2], 32, false),
            ([3, 0, 0], 0, false),
            ([3, 1, 3], 32, false),
            ([3, 2, 1], 32, false),
            ([0, 1, 1], 32, false),
            ([1, 1, 1], 32, false),
            ([4, 1, 1], 32, false),
        ] {
            let record = record(fields, &vec![0; octets]);
            assert_eq!(record.is_usable(), usable, "{record}");
        }
    }

    #[test]
    fn rfc7672_3_1_2_an_authority_is_shown_by_the_server_or_stands_in_the_record() {
        let mut params = CertificateParams::new(["authority".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let shown = std::slice::from_ref(certificate.der());
        let whole: &[u8] = certificate.der();
        let hash = digest(&SHA256, whole);
        let hash = hash.as_ref();
        for (fields, data, shown, trusted) in [
            ([2, 0, 0], whole, &[][..], true),
            ([2, 0, 1], hash, &[][..], false),
            ([2, 0, 1], hash, shown, true),
            ([2, 0, 1], &[0; 32][..], shown, false),
            ([3, 0, 0], whole, shown, false),
        ] {
            let roots = dane(record(fields, data)).authorities(shown);
            assert_eq!(!roots.is_empty(), trusted, "{fields:?}");
        }
    }

    #[test]
    fn a_verifier_is_shown_by_the_number_of_its_records() {
        let shown = format!("{:?}", dane(record([3, 1, 1], &[0; 32])));
        assert_eq!(shown, "Dane(1 records)");
    }
}

//! A certificate authority for one run, and what it issues.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io;
use std::sync::Arc;

/// What is right or wrong with the certificate that the servers show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Certificate {
    /// Issued by the sandbox's authority for localhost, 127.0.0.1 and ::1.
    #[default]
    Valid,
    /// The same, but it expired in 2001.
    Expired,
    /// Issued by the sandbox's authority, but for elsewhere.example only.
    ForeignName,
    /// For the right names, but issued by an authority that nobody has heard of.
    ForeignAuthority,
    /// For the right names, but issued by itself.
    SelfSigned,
}

/// What the TLS side of a sandbox needs.
pub(crate) struct Identity {
    /// The authority's certificate in PEM.
    pub(crate) ca_pem: String,
    /// The servers' configuration.
    pub(crate) config: Arc<ServerConfig>,
}

impl Identity {
    /// Makes an authority and a certificate, with new keys.
    pub(crate) fn generate(kind: Certificate) -> io::Result<Self> {
        let authority = Authority::generate("Postrider sandbox")?;
        let (chain, key) = issue(kind, &authority)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        Ok(Self {
            ca_pem: pem(&authority.certificate),
            config: Arc::new(config),
        })
    }
}

type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn issue(kind: Certificate, authority: &Authority) -> io::Result<Chain> {
    let names: &[&str] = match kind {
        Certificate::ForeignName => &["elsewhere.example"],
        _ => &["localhost", "127.0.0.1", "::1"],
    };
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Postrider sandbox server");
    if kind == Certificate::Expired {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = match kind {
        Certificate::SelfSigned => params.self_signed(&key),
        Certificate::ForeignAuthority => {
            let foreign = Authority::generate("An authority nobody has heard of")?;
            params.signed_by(&key, &foreign.issuer)
        }
        _ => params.signed_by(&key, &authority.issuer),
    };
    let chain = vec![certificate.map_err(io::Error::other)?.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok((chain, key))
}

struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn generate(name: &str) -> io::Result<Self> {
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }
}

/// RFC 7468: base64 in lines of 64 characters.
fn pem(certificate: &CertificateDer<'_>) -> String {
    let encoded = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest
            .split_at_checked(rest.len().min(64))
            .unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

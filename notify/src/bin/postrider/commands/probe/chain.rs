//! The certificates that a server showed, its own first.

use super::certificate::Certificate;
use crate::output::{self, Style, foreign, paint};
use jiff::Timestamp;
use postrider_notify::digest::sha256;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use serde_json::{Value, json};

/// Each with what it says of itself, or `None` if that cannot be read.
#[derive(Debug)]
pub(super) struct Chain {
    certificates: Vec<(CertificateDer<'static>, Option<Certificate>)>,
    now: Timestamp,
}

impl Default for Chain {
    fn default() -> Self {
        Self::of(&[])
    }
}

impl Chain {
    /// As they are today.
    pub(super) fn of(certificates: &[CertificateDer<'static>]) -> Self {
        let read = |der: &CertificateDer<'static>| (der.clone(), Certificate::read(der));
        Self {
            certificates: certificates.iter().map(read).collect(),
            now: Timestamp::now(),
        }
    }

    /// What is wrong with it, or soon will be, whoever issued it.
    pub(super) fn warnings(&self, host: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some((der, Some(own))) = self.certificates.first()
            && !is_for(der, host)
        {
            let names = match own.names.is_empty() {
                true => "no host".to_owned(),
                false => own.names.join(", "),
            };
            warnings.push(format!("the certificate is for {names}, not for {host}"));
        }
        for (_, certificate) in &self.certificates {
            match certificate.as_ref().map(|c| (c.time_fault(self.now), c)) {
                None => warnings.push("a certificate cannot be read".to_owned()),
                Some((Some(fault), c)) => {
                    warnings.push(format!("the certificate of {} {fault}", c.subject));
                }
                Some((None, _)) => {}
            }
        }
        warnings
    }

    pub(super) fn json(&self) -> Value {
        let one = |(der, certificate): &(CertificateDer<'static>, Option<Certificate>)| {
            let c = certificate.as_ref();
            json!({
                "subject": c.map(|c| &c.subject),
                "issuer": c.map(|c| &c.issuer),
                "names": c.map(|c| &c.names),
                "not_before": c.map(|c| c.not_before.to_string()),
                "not_after": c.map(|c| c.not_after.to_string()),
                "days_left": c.map(|c| c.days_left(self.now)),
                "key": c.map(|c| &c.key),
                "sha256": sha256(der),
                "octets": der.len(),
            })
        };
        self.certificates.iter().map(one).collect()
    }

    pub(super) fn show(&self) {
        for (i, (der, certificate)) in self.certificates.iter().enumerate() {
            if i > 0 {
                let name = paint(Style::Head, &format!("{:<12}", "issued by"));
                output::line(name.trim_end());
            }
            match certificate {
                Some(certificate) => certificate.show(self.now),
                None => line("", "it cannot be read"),
            }
            line("sha256", &sha256(der));
        }
    }
}

impl Certificate {
    fn show(&self, now: Timestamp) {
        line("subject", &self.subject);
        if !self.names.is_empty() {
            line("names", &self.names.join(", "));
        }
        line("issuer", &self.issuer);
        line("valid", &self.validity(now));
        line("key", &self.key);
    }
}

fn line(name: &str, value: &str) {
    output::line(format!("  {name:<10} {}", foreign(value)));
}

/// Whether one of the certificate's names is that of the host (RFC 9525 §6).
fn is_for(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let parsed = ParsedCertificate::try_from(certificate);
    match (parsed, ServerName::try_from(host)) {
        (Ok(parsed), Ok(host)) => verify_server_name(&parsed, &host).is_ok(),
        _ => false,
    }
}

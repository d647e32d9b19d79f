//! The keys of an account that say how its server is reached: `tls_pin`, `client_certificate_file`, `client_key_file`,
//! `proxy`, `source_address`.

use super::document::{At, Section};
use crate::account::{ClientCertificate, Transport};
use postrider_wire::{Proxy, Secret};
use std::path::Path;

pub(super) fn read(section: &Section<'_>, dir: &Path) -> Transport {
    let pins = section.texts("tls_pin");
    let source = section.text("source_address");
    let source_address = source.and_then(|text| {
        let address = text.value.parse().ok();
        if address.is_none() {
            let message = format!("`{}` is no IP address", text.value);
            section.document.fault(&text.span, message);
        }
        address
    });
    Transport {
        pins: pins.iter().filter_map(|text| pin(section, text)).collect(),
        client_certificate: client_certificate(section, dir),
        proxy: section.text("proxy").and_then(|text| proxy(section, &text)),
        source_address,
    }
}

/// 64 hexadecimal digits, with or without colons between the octets.
fn pin(section: &Section<'_>, text: &At<String>) -> Option<[u8; 32]> {
    let digits: String = text.value.chars().filter(|c| *c != ':').collect();
    let octets: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(octet).collect();
    let pin = octets.and_then(|octets| <[u8; 32]>::try_from(octets).ok());
    if pin.is_none() {
        let message =
            "the SHA-256 fingerprint of a certificate is expected here: 64 hexadecimal digits";
        section.document.fault(&text.span, message);
    }
    pin
}

/// Two hexadecimal digits.
fn octet(pair: &[u8]) -> Option<u8> {
    let digits = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(pair).ok().filter(|_| digits)?;
    u8::from_str_radix(text, 16).ok()
}

fn client_certificate(section: &Section<'_>, dir: &Path) -> Option<ClientCertificate> {
    let chain = section.text("client_certificate_file");
    let key = section.text("client_key_file");
    let Some(chain) = chain else {
        if let Some(key) = key {
            let message = "a `client_certificate_file` is needed as well";
            section.document.fault(&key.span, message);
        }
        return None;
    };
    // One file may hold both.
    let key = key.unwrap_or_else(|| chain.clone());
    let read = |path: &At<String>| {
        let file = dir.join(&path.value);
        let text = std::fs::read_to_string(&file);
        let said = |error| format!("{}: cannot be read: {error}", file.display());
        text.map_err(|error| section.document.fault(&path.span, said(error)))
            .ok()
    };
    Some(ClientCertificate {
        chain: read(&chain)?,
        key: Secret::new(read(&key)?.into_bytes()),
    })
}

fn proxy(section: &Section<'_>, text: &At<String>) -> Option<Proxy> {
    if text.value.contains('@') {
        let message = "a log-in does not belong into this file, which many may read";
        section.document.fault(&text.span, message);
        return None;
    }
    super::document::accept(section.document, &text.span, text.value.parse::<Proxy>())
}

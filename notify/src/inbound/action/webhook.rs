//! A webhook as an action: one POST over HTTP/1.1 (RFC 9112), JSON in, a status back.
//!
//! ```text
//! POST /path HTTP/1.1
//! Host: hooks.example.org
//! Content-Type: application/json
//! Idempotency-Key: 3f7a…
//! X-Postrider-Signature: t=1800000000,v1=HMAC-SHA-256 of "1800000000." and the body, in hex
//! ```
//!
//! Not supported: redirections (they are failures, because the signed body would go elsewhere), HTTP/2, answers that are read.

use crate::account::SecretSource;
use crate::digest::hex;
use crate::inbound::rule::Webhook;
use bytes::BytesMut;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use postrider_wire::blocking::Stream;
use postrider_wire::{Endpoint, Route, Tls};
use sha2::Sha256;
use std::io::IoSlice;
use std::time::{Duration, Instant};

/// Octets of the answer's head that are read.
const MOST_HEAD: usize = 16 * 1024;

/// A web address as far as it is needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    tls: bool,
    endpoint: Endpoint,
    host: String,
    path: String,
}

/// Posts the payload. Gives the status line; anything but 2xx is an error in words.
pub(super) fn post(webhook: &Webhook, key: &str, payload: &str) -> Result<String, String> {
    let target = target(&webhook.url)?;
    let deadline = Instant::now() + webhook.timeout;
    let left = || deadline.saturating_duration_since(Instant::now());
    let signature = webhook
        .secret
        .as_ref()
        .map(|secret| sign(secret, payload, Timestamp::now().as_second()));
    let request = request(&target, key, payload, signature.transpose()?.as_deref());
    let connected = Route::direct().connect_blocking(&target.endpoint, left());
    let mut stream = connected.map_err(|error| error.to_string())?;
    if target.tls {
        let tls = tls(webhook.ca.as_deref())?;
        stream
            .start_tls(&target.endpoint, &tls, left())
            .map_err(|error| error.to_string())?;
    }
    write(&mut stream, request.as_bytes(), &left)?;
    let line = status_line(&mut stream, &left)?;
    let code = line.split(' ').nth(1).unwrap_or_default();
    if line.starts_with("HTTP/1.") && code.len() == 3 && code.starts_with('2') {
        return Ok(line);
    }
    Err(format!("{} answered: {line}", target.host))
}

fn tls(ca: Option<&str>) -> Result<Tls, String> {
    let builder = Tls::builder();
    let builder = match ca {
        Some(pem) => builder
            .add_root_pem(pem.as_bytes())
            .map_err(|error| error.to_string())?,
        None => builder,
    };
    builder.build().map_err(|error| error.to_string())
}

/// Reads `https://host:port/path?query`; what cannot stand in a request line is refused. No sentence about it has a piece of it, which
/// may be a secret.
pub(super) fn target(url: &str) -> Result<Target, String> {
    let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err("an address that begins with https:// is expected here".to_owned()),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    if host.contains('@') {
        let why = "a user or a secret does not belong into this address, which many may read: say where a secret is with \
                   `webhook_secret_env`, `webhook_secret_file` or `webhook_secret_command`, and the calls are signed with it";
        return Err(why.to_owned());
    }
    if !url.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("an address has neither blanks nor letters beyond ASCII".to_owned());
    }
    let customary = if tls { 443 } else { 80 };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse::<u16>().ok()),
        _ => (host, Some(customary)),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let endpoint = port.and_then(|port| Endpoint::new(name, port).ok());
    let endpoint = endpoint.ok_or("there is no host, or no port, that this could be")?;
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(Target {
        tls,
        endpoint,
        host: host.to_owned(),
        path: format!("{slash}{path}"),
    })
}

fn sign(secret: &SecretSource, payload: &str, at: i64) -> Result<String, String> {
    let secret = secret.read().map_err(|error| error.to_string())?;
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret());
    let mut mac = mac.map_err(|_| "the webhook's secret cannot be used".to_owned())?;
    mac.update(format!("{at}.").as_bytes());
    mac.update(payload.as_bytes());
    Ok(format!("t={at},v1={}", hex(&mac.finalize().into_bytes())))
}

fn request(target: &Target, key: &str, payload: &str, signature: Option<&str>) -> String {
    let signature = signature.map(|value| format!("X-Postrider-Signature: {value}\r\n"));
    format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: postrider/{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Idempotency-Key: {key}\r\n{}Accept: */*\r\nConnection: close\r\n\r\n{payload}",
        target.path,
        target.host,
        env!("CARGO_PKG_VERSION"),
        payload.len(),
        signature.unwrap_or_default(),
    )
}

fn write(
    stream: &mut Stream,
    mut octets: &[u8],
    left: &dyn Fn() -> Duration,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("while sending: {error}");
    while !octets.is_empty() || stream.wants_flush() {
        if left().is_zero() {
            return Err("the server did not take the request in time".to_owned());
        }
        let written = stream
            .write(&[IoSlice::new(octets)], left())
            .map_err(failed)?;
        octets = octets.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// The first line of the answer; provisional ones (RFC 9110 §15.2) are passed over.
fn status_line(stream: &mut Stream, left: &dyn Fn() -> Duration) -> Result<String, String> {
    let mut input = BytesMut::new();
    loop {
        let end = memchr::memmem::find(&input, b"\r\n");
        if let Some(line) = end.and_then(|end| input.get(..end)) {
            let line = String::from_utf8_lossy(line).into_owned();
            let provisional = line
                .split(' ')
                .nth(1)
                .is_some_and(|code| code.starts_with('1'));
            if !provisional {
                return Ok(line.chars().filter(|c| !c.is_control()).take(200).collect());
            }
            if let Some(end) = memchr::memmem::find(&input, b"\r\n\r\n") {
                drop(input.split_to(end + 4));
                continue;
            }
        }
        if input.len() > MOST_HEAD {
            return Err("the server's answer has no end".to_owned());
        }
        let read = stream.read(&mut input, left());
        let read = read.map_err(|error| format!("while waiting for the answer: {error}"))?;
        if read.is_none() && left().is_zero() {
            return Err("the server did not answer in time".to_owned());
        }
    }
}

#[cfg(test)]
mod tests;

//! What a certificate says of itself (RFC 5280 §4.1): for whom, by whom, from when to when, and with what key.
//!
//! Nothing here decides whether to trust it; rustls does that. Not supported: signatures, and extensions other than names.

use super::der::{Der, dotted, tag};
use super::distinguished_name;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The fields of a certificate that a person wants to see.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// Subject alternative names: the hosts it is for.
    pub(super) names: Vec<String>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// Algorithm and strength.
    pub(super) key: String,
}

impl Certificate {
    /// `None` if it is no certificate as RFC 5280 has them.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let mut certificate = Der::new(der).enter(tag::SEQUENCE)?;
        let mut body = certificate.enter(tag::SEQUENCE)?;
        // Version 1 does not say so.
        let _version = body.value(tag::context(0, true));
        let _serial = body.value(tag::INTEGER)?;
        let _signature = body.value(tag::SEQUENCE)?;
        let issuer = distinguished_name::read(body.enter(tag::SEQUENCE)?);
        let mut validity = body.enter(tag::SEQUENCE)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        let subject = distinguished_name::read(body.enter(tag::SEQUENCE)?);
        let key = key(body.enter(tag::SEQUENCE)?)?;
        let mut extensions = body.find(|(kind, _)| *kind == tag::context(3, true));
        Some(Self {
            subject,
            issuer,
            names: extensions
                .as_mut()
                .map_or_else(Vec::new, |(_, list)| names(Der::new(list))),
            not_before,
            not_after,
            key,
        })
    }

    /// Whole days until it expires, or since then as a negative number.
    pub(super) fn days_left(&self, now: Timestamp) -> i64 {
        let left = self.not_after.duration_since(now);
        left.as_secs().div_euclid(SECONDS_A_DAY)
    }

    /// What is wrong with its time, or soon will be.
    pub(super) fn time_fault(&self, now: Timestamp) -> Option<String> {
        let days = self.days_left(now);
        if now < self.not_before {
            let begins = day(self.not_before);
            return Some(format!("is not valid before {begins}"));
        }
        if now > self.not_after {
            let expired = day(self.not_after);
            return Some(format!("expired on {expired}, {}", ago(-days - 1)));
        }
        let lifetime = self.not_after.duration_since(self.not_before);
        let left = self.not_after.duration_since(now);
        let soon = left < SOON && left < lifetime / 3;
        soon.then(|| format!("expires {}, on {}", until(days), day(self.not_after)))
    }

    /// The days between which it is valid, and how many are left.
    pub(super) fn validity(&self, now: Timestamp) -> String {
        let (from, to) = (day(self.not_before), day(self.not_after));
        let days = self.days_left(now);
        let left = match now > self.not_after {
            true => format!("expired {}", ago(-days - 1)),
            false => format!("expires {}", until(days)),
        };
        format!("{from} to {to} ({left})")
    }
}

const SECONDS_A_DAY: i64 = 86_400;

/// Three weeks before the end somebody should look, but for a short lifetime: whoever renews by machine does so when a
/// third of it is left.
const SOON: SignedDuration = SignedDuration::from_secs(21 * SECONDS_A_DAY);

fn until(days: i64) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    }
}

fn ago(days: i64) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "1 day ago".to_owned(),
        days => format!("{days} days ago"),
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// Time ::= CHOICE { UTCTime, GeneralizedTime }, in UTC and with seconds (RFC 5280 §4.1.2.5).
fn time(validity: &mut Der<'_>) -> Option<Timestamp> {
    let (kind, text) = validity.next()?;
    let text = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match kind {
        tag::UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = number(year)?;
            // RFC 5280 §4.1.2.5.1.
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        tag::GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let pair = |i: usize| rest.get(i..i + 2).and_then(number::<i8>);
    let time = DateTime::new(year, pair(0)?, pair(2)?, pair(4)?, pair(6)?, pair(8)?, 0);
    TimeZone::UTC.to_timestamp(time.ok()?).ok()
}

/// Digits, and nothing else.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// SubjectPublicKeyInfo ::= SEQUENCE { algorithm, BIT STRING } (RFC 3279, 5480, 8410).
fn key(mut info: Der<'_>) -> Option<String> {
    let mut algorithm = info.enter(tag::SEQUENCE)?;
    let oid = algorithm.value(tag::OID)?;
    let bits = info.value(tag::BIT_STRING)?;
    let named = match oid {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01] => {
            return Some(format!("RSA {} bits", modulus(bits)?));
        }
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => {
            return Some(format!("ECDSA {}", curve(algorithm.value(tag::OID)?)));
        }
        [0x2b, 0x65, 0x70] => "Ed25519",
        [0x2b, 0x65, 0x71] => "Ed448",
        _ => return Some(dotted(oid)),
    };
    Some(named.to_owned())
}

/// The length of RSAPublicKey's modulus (RFC 3279 §2.3.1).
fn modulus(bits: &[u8]) -> Option<usize> {
    let (&unused, octets) = bits.split_first()?;
    let modulus = Der::new(octets).enter(tag::SEQUENCE)?.value(tag::INTEGER)?;
    let zeros = modulus.iter().take_while(|octet| **octet == 0).count();
    let first = modulus.get(zeros)?;
    let length = (modulus.len() - zeros) * 8 - first.leading_zeros() as usize;
    (unused == 0).then_some(length)
}

/// RFC 5480 §2.1.1.1.
fn curve(oid: &[u8]) -> String {
    let name = match oid {
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => "P-256",
        [0x2b, 0x81, 0x04, 0x00, 0x22] => "P-384",
        [0x2b, 0x81, 0x04, 0x00, 0x23] => "P-521",
        _ => return dotted(oid),
    };
    name.to_owned()
}

/// The subject alternative names among the extensions (RFC 5280 §4.2.1.6).
fn names(mut list: Der<'_>) -> Vec<String> {
    const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
    let extensions = list.enter(tag::SEQUENCE);
    let value = extensions.into_iter().flatten().find_map(|(_, extension)| {
        let mut extension = Der::new(extension);
        let oid = extension.value(tag::OID)?;
        let _critical = extension.value(tag::BOOLEAN);
        let value = extension.value(tag::OCTET_STRING)?;
        (oid == SUBJECT_ALT_NAME).then_some(value)
    });
    let names = value.and_then(|value| Der::new(value).enter(tag::SEQUENCE));
    names.into_iter().flatten().map(general_name).collect()
}

/// `GeneralName ::= CHOICE { … rfc822Name [1], dNSName [2], uniformResourceIdentifier [6], iPAddress [7] … }`
fn general_name((kind, value): (u8, &[u8])) -> String {
    const TEXT: [u8; 3] = [
        tag::context(1, false),
        tag::context(2, false),
        tag::context(6, false),
    ];
    const ADDRESS: u8 = tag::context(7, false);
    match kind {
        kind if TEXT.contains(&kind) => String::from_utf8_lossy(value).into_owned(),
        ADDRESS => match address(value) {
            Some(address) => address.to_string(),
            None => format!("an IP address of {} octets", value.len()),
        },
        kind => format!("a name of kind [{}]", kind & 0x1f),
    }
}

fn address(value: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(value).map(|octets| Ipv4Addr::from(octets).into());
    let v6 = || <[u8; 16]>::try_from(value).map(|octets| Ipv6Addr::from(octets).into());
    v4.or_else(|_| v6()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    const RSA: &str = include_str!("testdata/rsa.pem");
    const P384: &str = include_str!("testdata/p384.pem");
    const ED25519: &str = include_str!("testdata/ed25519.pem");

    fn der(pem: &str) -> Vec<u8> {
        let lines = pem.lines().filter(|line| !line.starts_with('-'));
        BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn rfc5280_4_1_the_fields_of_a_certificate() {
        let read = Certificate::read(&der(RSA)).unwrap();
        assert_eq!(read.subject, r"CN=mail.example.org,O=Example\, Ltd.,C=DE");
        assert_eq!(read.issuer, read.subject);
        assert_eq!(read.not_before, at("2026-11-28T21:45:09Z"));
        assert_eq!(read.not_after, at("2027-11-28T21:45:09Z"));
        assert_eq!(read.key, "RSA 1024 bits");
        let names = [
            "mail.example.org",
            "*.example.net",
            "192.0.2.1",
            "2001:db8::1",
            "postmaster@example.org",
            "https://example.org/",
            "a name of kind [8]",
        ];
        assert_eq!(read.names, names);
    }

    #[test]
    fn rfc5280_4_1_2_5_years_after_2049_are_written_in_full() {
        let read = Certificate::read(&der(P384)).unwrap();
        assert_eq!(read.not_after, at("2109-01-17T21:45:09Z"));
        assert_eq!(read.key, "ECDSA P-384");
        assert_eq!(read.names, [""; 0]);
        assert_eq!(Certificate::read(&der(ED25519)).unwrap().key, "Ed25519");
    }

    #[test]
    fn a_certificate_cut_off_anywhere_or_with_any_octet_changed_is_survived() {
        for pem in [RSA, P384, ED25519] {
            let der = der(pem);
            for length in 0..der.len() {
                assert!(Certificate::read(&der[..length]).is_none(), "{length}");
            }
            for position in 0..der.len() {
                for octet in [0x00, 0x7f, 0x80, 0x81, 0x84, 0xff] {
                    let mut der = der.clone();
                    der[position] = octet;
                    // Whatever it says then: it is read to the end, or not at all.
                    let _ = Certificate::read(&der);
                }
            }
        }
    }

    /// A certificate of so many days, looked at when `left` of them are left.
    fn fault(days: i32, left: i32) -> Option<String> {
        let mut read = Certificate::read(&der(RSA)).unwrap();
        let day = SignedDuration::from_secs(SECONDS_A_DAY);
        let now = at("2026-06-01T12:00:00Z");
        read.not_after = now + day * left + SignedDuration::from_secs(60);
        read.not_before = read.not_after - day * days;
        read.time_fault(now)
    }

    #[test]
    fn the_end_is_near_for_three_weeks_or_the_last_third() {
        assert_eq!(fault(365, 22), None);
        let soon = "expires in 20 days, on 2026-06-21";
        assert_eq!(fault(365, 20).as_deref(), Some(soon));
        assert_eq!(fault(6, 3), None);
        assert_eq!(
            fault(6, 1).as_deref(),
            Some("expires in 1 day, on 2026-06-02")
        );
        assert_eq!(
            fault(90, 0).as_deref(),
            Some("expires today, on 2026-06-01")
        );
        let past = "expired on 2026-05-30, 1 day ago";
        assert_eq!(fault(90, -2).as_deref(), Some(past));
        assert_eq!(
            fault(5, 9).as_deref(),
            Some("is not valid before 2026-06-05")
        );
    }
}

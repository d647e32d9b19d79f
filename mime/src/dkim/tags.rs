//! The values that stand in the tags of a signature (RFC 6376 §3.5).

use std::fmt;

use super::error::DkimError;
use crate::mailbox::AddrSpec;

/// The latest time that `t=` and `x=` can name.
///
/// ```text
/// sig-t-tag = %x74 [FWS] "=" [FWS] 1*12DIGIT
/// ```
pub(super) const LATEST: u64 = 999_999_999_999;

/// Whether a signature can be made for a domain.
///
/// ```text
/// domain-name = sub-domain 1*("." sub-domain)
/// sub-domain  = Let-dig [Ldh-str]
/// ```
pub(super) fn is_domain(domain: &str) -> bool {
    domain.len() <= 253 && domain.contains('.') && domain.split('.').all(is_sub_domain)
}

/// Whether a selector can be one, of a domain.
///
/// ```text
/// selector = sub-domain *( "." sub-domain )
/// ```
pub(super) fn is_selector(selector: &str, domain: &str) -> bool {
    let length = selector.len() + "._domainkey.".len() + domain.len();
    length <= 253 && selector.split('.').all(is_sub_domain)
}

fn is_sub_domain(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// For whom is signed: the value of `i=`.
///
/// ```text
/// sig-i-tag = %x69 [FWS] "=" [FWS] [ Local-part ] "@" domain-name
/// ```
#[derive(Debug)]
pub(super) struct Identity(String);

impl Identity {
    pub(super) fn parse(identity: &str, domain: &str) -> Result<Self, DkimError> {
        let refused = || DkimError::Identity(identity.to_owned());
        let (local, below) = identity.rsplit_once('@').ok_or_else(refused)?;
        let inside = below.len().checked_sub(domain.len());
        let inside = inside.and_then(|at| below.split_at_checked(at));
        let (labels, end) = inside.ok_or_else(refused)?;
        let same = end.eq_ignore_ascii_case(domain) && (labels.is_empty() || labels.ends_with('.'));
        let local_is_one = local.is_empty()
            || AddrSpec::parse(identity).is_ok_and(|addr| addr.is_ascii() && identity.len() <= 320);
        if !is_domain(below) || !same || !local_is_one {
            return Err(refused());
        }
        Ok(Self(identity.to_owned()))
    }
}

/// As dkim-quoted-printable (RFC 6376 §2.11).
///
/// ```text
/// dkim-quoted-printable = *(FWS / hex-octet / dkim-safe-char)
/// hex-octet             = "=" 2HEXDIG
/// dkim-safe-char        = %x21-3A / %x3C / %x3E-7E   ; not ";" and not "="
/// ```
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_graphic() && byte != b';' && byte != b'=' {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "={byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6376_3_5_domains_and_selectors() {
        for domain in ["example.org", "a.b.c.example", "xn--caf-dma.example", "1.2"] {
            assert!(is_domain(domain), "{domain}");
        }
        let long = format!("{}.example", "a".repeat(64));
        for domain in [
            "", "org", ".org", "a.", "a..b", "-a.b", "a-.b", "é.org", "a b.org", "a_b.org", &long,
        ] {
            assert!(!is_domain(domain), "{domain}");
        }
        for selector in ["s", "mail2026", "a.b", "s-1"] {
            assert!(is_selector(selector, "example.org"), "{selector}");
        }
        for selector in ["", "a;b", "a\r\nb", "a.", "a_b"] {
            assert!(!is_selector(selector, "example.org"), "{selector}");
        }
        let long = [
            "a".repeat(60),
            "b".repeat(60),
            "c".repeat(60),
            "d".repeat(60),
        ]
        .join(".");
        assert!(!is_selector(&long, "example.org"));
    }

    #[test]
    fn rfc6376_3_5_identities_are_in_the_domain_or_below_it() {
        let parse = |identity| Identity::parse(identity, "example.org").map(|i| i.to_string());
        for identity in [
            "@example.org",
            "jo@example.org",
            "@eu.example.org",
            "jo@EXAMPLE.org",
        ] {
            assert_eq!(parse(identity).as_deref(), Ok(identity));
        }
        assert_eq!(
            parse("\"a;b= c\"@example.org").as_deref(),
            Ok("\"a=3Bb=3D=20c\"@example.org")
        );
        for identity in [
            "",
            "jo",
            "jo@example.com",
            "jo@badexample.org",
            "@org",
            "@.example.org",
            "jö@example.org",
            "a b@example.org",
            "@éexample.org",
        ] {
            assert_eq!(parse(identity), Err(DkimError::Identity(identity.into())));
        }
    }
}

//! Domains with letters beyond ASCII: U-labels, which people write, and A-labels, which DNS has (RFC 5890, UTS #46).

use crate::{Endpoint, InvalidHost};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use std::fmt;

/// The domain in A-labels. Capital letters become small, and what is the same to Unicode becomes the same. ASCII stays as
/// it is, but in small letters; an address literal stays too.
///
/// ```
/// use postrider_wire::idna;
/// assert_eq!(idna::to_ascii("Bücher.example")?, "xn--bcher-kva.example");
/// assert_eq!(idna::to_unicode("xn--bcher-kva.example"), "bücher.example");
/// # Ok::<(), idna::InvalidDomain>(())
/// ```
///
/// # Errors
/// [`InvalidDomain`] for what cannot be in DNS: letters that IDNA does not have, a label that is empty, or has more than 63
/// octets.
pub fn to_ascii(domain: &str) -> Result<String, InvalidDomain> {
    if domain.starts_with('[') {
        return Ok(domain.to_owned());
    }
    // Hosts whose names have an underscore exist.
    let (deny, hyphens) = (AsciiDenyList::URL, Hyphens::CheckFirstLast);
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), deny, hyphens, DnsLength::Verify);
    ascii.map(Into::into).map_err(|_| InvalidDomain)
}

/// The domain in U-labels, to be shown. One that has a label which only looks like an A-label stays as it is.
pub fn to_unicode(domain: &str) -> String {
    let (deny, hyphens) = (AsciiDenyList::EMPTY, Hyphens::Allow);
    let (unicode, valid) = Uts46::new().to_unicode(domain.as_bytes(), deny, hyphens);
    match valid {
        Ok(()) => unicode.into(),
        Err(_) => domain.to_owned(),
    }
}

impl Endpoint {
    /// An endpoint of a host that people write in U-labels: DNS and certificates know its A-labels only.
    ///
    /// # Errors
    /// As [`Endpoint::new`], and for what cannot be in DNS.
    pub fn from_unicode(host: &str, port: u16) -> Result<Self, InvalidHost> {
        if host.is_ascii() {
            return Self::new(host, port);
        }
        let ascii = to_ascii(host).map_err(|InvalidDomain| InvalidHost::new(host));
        Self::new(ascii?, port)
    }
}

/// A domain that cannot be in DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDomain;

impl fmt::Display for InvalidDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no domain that DNS could have")
    }
}

impl std::error::Error for InvalidDomain {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5891_4_labels_become_ascii() {
        for (unicode, ascii) in [
            ("example.org", "example.org"),
            ("Example.ORG", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"),
            ("例え.jp", "xn--r8jz45g.jp"),
            ("straße.example", "xn--strae-oqa.example"),
            ("_dmarc.example.org", "_dmarc.example.org"),
            ("[192.0.2.1]", "[192.0.2.1]"),
        ] {
            assert_eq!(to_ascii(unicode).as_deref(), Ok(ascii), "{unicode}");
        }
        let long = format!("{}.example", "ü".repeat(64));
        for bad in [
            "",
            "a..b",
            "\u{200d}.example",
            "xn--a.example",
            "a b",
            "a\r\nb.ü",
            "a<b.ü",
            &long,
        ] {
            assert_eq!(to_ascii(bad), Err(InvalidDomain), "{bad:?}");
        }
    }

    #[test]
    fn labels_are_shown_as_people_write_them() {
        assert_eq!(to_unicode("xn--r8jz45g.jp"), "例え.jp");
        assert_eq!(to_unicode("xn--a.example"), "xn--a.example");
        assert_eq!(to_unicode("example.org"), "example.org");
    }

    #[test]
    fn an_endpoint_has_the_name_that_certificates_have() {
        let endpoint = Endpoint::from_unicode("bücher.example", 465).unwrap();
        assert_eq!(endpoint.to_string(), "xn--bcher-kva.example:465");
        let shown = Endpoint::from_unicode("::1", 25).unwrap().to_string();
        assert_eq!(shown, "[::1]:25");
        assert!(Endpoint::from_unicode("a bü", 25).is_err());
    }
}

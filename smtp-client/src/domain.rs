use crate::InvalidAddress;
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while1};
use nom::character::complete::char;
use nom::combinator::{all_consuming, map_res, opt, recognize, verify};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A domain name or an address literal, as EHLO and addresses have it (RFC 5321 §4.1.2, §4.1.3; RFC 6531 §3.3).
///
/// ```
/// use postrider_smtp::Domain;
/// assert!("mx.example.org".parse::<Domain>().is_ok());
/// assert!("[IPv6:::1]".parse::<Domain>().is_ok());
/// assert!("x\r\nMAIL FROM:<>".parse::<Domain>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// The address literal of an IP address: `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    pub fn from_ip(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        })
    }

    /// As it is written on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match all_consuming(domain_or_literal).parse(text) {
            Ok(_) if text.len() <= MAX_DOMAIN => Ok(Self(text.to_owned())),
            _ => Err(InvalidAddress::new(
                text,
                "not a domain name or address literal",
            )),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Octets in a domain (RFC 5321 §4.5.3.1.2).
const MAX_DOMAIN: usize = 255;

/// ```abnf
/// Domain          = sub-domain *("." sub-domain)
/// address-literal = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal ) "]"
/// ```
/// Not supported: General-address-literal; no tag but `IPv6` was ever registered.
pub(crate) fn domain_or_literal(input: &str) -> IResult<&str, &str> {
    alt((address_literal, domain)).parse(input)
}

fn domain(input: &str) -> IResult<&str, &str> {
    recognize((sub_domain, many0_count(preceded(char('.'), sub_domain)))).parse(input)
}

/// ```abnf
/// sub-domain = Let-dig [Ldh-str]      ; RFC 6531: =/ U-label
/// ```
/// We also accept `_` in a label, because hosts that are named so exist and the character is harmless.
fn sub_domain(input: &str) -> IResult<&str, &str> {
    let in_label = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || is_utf8(c);
    verify(take_while1(in_label), |label: &str| {
        label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    })
    .parse(input)
}

fn address_literal(input: &str) -> IResult<&str, &str> {
    let in_literal = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    let address = (opt(tag_no_case("IPv6:")), take_while1(in_literal));
    let checked = map_res(address, |(v6, text): (Option<&str>, &str)| match v6 {
        Some(_) => text.parse::<Ipv6Addr>().map(IpAddr::from),
        None => text.parse::<Ipv4Addr>().map(IpAddr::from),
    });
    recognize(delimited(char('['), checked, char(']'))).parse(input)
}

/// `UTF8-non-ascii` of RFC 6531, without what would break a line or hide in one.
pub(crate) fn is_utf8(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5321_domains_and_literals() {
        for good in [
            "a",
            "example.org",
            "xn--bcher-kva.example",
            "bücher.example",
            "1.2",
            "[192.0.2.1]",
            "[IPv6:::1]",
            "[ipv6:2001:db8::1]",
        ] {
            assert_eq!(good.parse::<Domain>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn anything_else_is_refused_and_never_repaired() {
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "-a",
            "a-.b",
            "a b",
            "a\r\nb",
            "a\n",
            "a\0",
            "[1.2.3]",
            "[::1]",
            "[IPv6:1.2.3.4]",
            "[1.2.3.4",
            "a<",
            "a>b",
            "a\u{85}b",
            "a\u{2028}b",
        ] {
            assert!(bad.parse::<Domain>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn literals_are_made_from_addresses() {
        assert_eq!(
            Domain::from_ip(Ipv4Addr::LOCALHOST.into()).as_str(),
            "[127.0.0.1]"
        );
        assert_eq!(
            Domain::from_ip(Ipv6Addr::LOCALHOST.into()).as_str(),
            "[IPv6:::1]"
        );
    }

    #[test]
    fn rfc5321_4_5_3_1_2_a_domain_has_255_octets_at_most_and_a_label_63() {
        let longest = format!("{}a", "a.".repeat(127));
        let label = "a".repeat(63);
        for good in [&longest, &label] {
            assert!(good.parse::<Domain>().is_ok(), "{good}");
            let more = format!("{good}a");
            assert!(more.parse::<Domain>().is_err(), "{more}");
        }
    }
}

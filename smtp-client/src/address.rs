use crate::domain::{domain_or_literal, is_utf8};
use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::{char, satisfy};
use nom::combinator::{all_consuming, recognize};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, separated_pair};
use nom::{IResult, Parser};
use postrider_wire::escape::Escaped;
use std::fmt;
use std::str::FromStr;

/// An address that mail can be sent to: `local-part@domain` (RFC 5321 §4.1.2, with UTF-8 by RFC 6531 §3.3).
///
/// A value exists only if it can be written into a command safely: text outside the grammar is refused, never repaired.
///
/// ```
/// use postrider_smtp::Mailbox;
/// let quoted: Mailbox = r#""a b"@example.org"#.parse()?;
/// assert_eq!(quoted.domain(), "example.org");
/// assert!("a@b>\r\nRCPT TO:<evil@x.y".parse::<Mailbox>().is_err());
/// # Ok::<(), postrider_smtp::InvalidAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    text: String,
    at: usize,
}

impl Mailbox {
    /// As it is written on the wire, without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`, with its quotes if it has any.
    pub fn local_part(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// What stands after the `@`: a domain or an address literal.
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// True if the server must know SMTPUTF8 to take this address (RFC 6531).
    pub fn needs_smtp_utf8(&self) -> bool {
        !self.text.is_ascii()
    }
}

impl FromStr for Mailbox {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.len() > MAX_MAILBOX {
            return Err(InvalidAddress::new(text, "too long"));
        }
        let (_, (local, _)) = all_consuming(mailbox)
            .parse(text)
            .map_err(|_| InvalidAddress::new(text, "not of the form local-part@domain"))?;
        Ok(Self {
            at: local.len(),
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Octets in an address. RFC 5321 §4.5.3.1.3 has 254, but bounce addresses in use are longer; a command line must hold it.
const MAX_MAILBOX: usize = 448;

/// ```abnf
/// Mailbox = Local-part "@" ( Domain / address-literal )
/// ```
fn mailbox(input: &str) -> IResult<&str, (&str, &str)> {
    separated_pair(local_part, char('@'), domain_or_literal).parse(input)
}

/// ```abnf
/// Local-part = Dot-string / Quoted-string
/// Dot-string = Atom *("." Atom)
/// ```
fn local_part(input: &str) -> IResult<&str, &str> {
    let dot_string = recognize((atom, many0_count(preceded(char('.'), atom))));
    alt((quoted_string, dot_string)).parse(input)
}

/// ```abnf
/// Atom = 1*atext      ; RFC 6531: atext =/ UTF8-non-ascii
/// ```
fn atom(input: &str) -> IResult<&str, &str> {
    let is_atext =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_utf8(c);
    take_while1(is_atext).parse(input)
}

/// ```abnf
/// Quoted-string   = DQUOTE *QcontentSMTP DQUOTE
/// QcontentSMTP    = qtextSMTP / quoted-pairSMTP
/// quoted-pairSMTP = %d92 %d32-126
/// qtextSMTP       = %d32-33 / %d35-91 / %d93-126      ; RFC 6531: =/ UTF8-non-ascii
/// ```
fn quoted_string(input: &str) -> IResult<&str, &str> {
    let is_qtext = |c: char| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~') || is_utf8(c);
    let qtext = recognize(take_while1(is_qtext));
    let pair = recognize(preceded(char('\\'), satisfy(|c| matches!(c, ' '..='~'))));
    let content = many0_count(alt((qtext, pair)));
    recognize(delimited(char('"'), content, char('"'))).parse(input)
}

/// Text that is not the address, domain or argument it was to be. It was refused as it is; nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidAddress {
    text: String,
    why: &'static str,
}

impl InvalidAddress {
    pub(crate) fn new(text: &str, why: &'static str) -> Self {
        let shown: String = text.chars().take(80).collect();
        let text = Escaped(shown.as_bytes()).to_string();
        Self { text, why }
    }
}

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}> is {}", self.text, self.why)
    }
}

impl std::error::Error for InvalidAddress {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc5321_4_1_2_mailboxes() {
        for good in [
            "a@b",
            "ada.lovelace+x@example.org",
            "\"a b\"@pf.test",
            "\"a\\\"<>b\"@pf.test",
            "a@[192.0.2.1]",
            "a@[IPv6:::1]",
            "\"\"@x.org",
            "jörg@bücher.example",
        ] {
            let mailbox: Mailbox = good.parse().unwrap();
            assert_eq!(mailbox.to_string(), good);
            assert_eq!(
                format!("{}@{}", mailbox.local_part(), mailbox.domain()),
                good
            );
        }
    }

    #[test]
    fn arguments_that_would_inject_are_refused() {
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b>",
            "<a@b>",
            "a@b>\r\nRCPT TO:<evil@x.y",
            "a@b>\r\nRCPT TO:<x@y>",
            "a b@c",
            "a@b c",
            "a@b\n",
            "a@b\r",
            "a\0@b",
            "a@b\nX",
            ".a@b",
            "a.@b",
            "a..b@c",
            "\"a@b",
            "\"a\r\n\"@b",
            "\"\\\r\"@b",
            "a\u{7f}@b",
            "a\u{85}@b",
            "a@b SIZE=1",
        ] {
            assert!(bad.parse::<Mailbox>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_error_shows_the_text_escaped() {
        let error = "a\r\nb".parse::<Mailbox>().unwrap_err().to_string();
        assert_eq!(error, r"<a\x0d\x0ab> is not of the form local-part@domain");
    }

    #[test]
    fn an_address_has_448_octets_at_most() {
        let domain = "@example.org";
        let of = |octets: usize| format!("{}{domain}", "a".repeat(octets - domain.len()));
        assert!(of(448).parse::<Mailbox>().is_ok());
        let error = of(449).parse::<Mailbox>().unwrap_err().to_string();
        assert!(error.ends_with("> is too long"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_safe_on_a_command_line(text in "[ -~\r\n\0\u{80}-\u{a0}é@.<>\"\\\\]{0,40}") {
            if let Ok(mailbox) = text.parse::<Mailbox>() {
                prop_assert_eq!(mailbox.as_str(), &text);
                prop_assert!(!text.chars().any(char::is_control));
                let quoted = text.starts_with('"');
                prop_assert!(quoted || !text.contains([' ', '<', '>']));
            }
        }
    }
}

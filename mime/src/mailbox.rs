//! Addresses that can be written safely (RFC 5322 §3.4, RFC 5321 §4.1.2).

use std::fmt;
use std::str::FromStr;

use crate::grammar::word::is_atext;
use crate::value_error::ValueError;

/// An address: `local-part "@" domain` (RFC 5322 §3.4.1). It exists only if it can be written safely.
///
/// The local part is a dot-atom or, written in quotes, any text without controls; the domain is a dot-atom or a
/// literal in brackets. Both may have characters beyond ASCII (RFC 6532), which [`is_ascii`](Self::is_ascii) tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddrSpec {
    /// The local part without quotes, `@`, and the domain.
    text: String,
    /// Where the `@` between the two stands.
    at: u8,
    /// Whether the local part needs no quotes.
    plain: bool,
}

/// RFC 5321 §4.5.3.1.1 and §4.5.3.1.2.
const MAX_LOCAL: u8 = 64;
const MAX_DOMAIN: usize = 255;

impl AddrSpec {
    /// Reads an address, without white space or comments around or within.
    ///
    /// ```
    /// use postrider_mime::AddrSpec;
    ///
    /// let addr = AddrSpec::parse("jo@example.org")?;
    /// assert_eq!((addr.local_part(), addr.domain()), ("jo", "example.org"));
    /// assert!(AddrSpec::parse("jo@example.org>\r\nBcc: <x@y").is_err());
    /// # Ok::<(), postrider_mime::ValueError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let at = text.rfind('@').ok_or(ValueError::NoAt)?;
        let (local, domain) = (
            text.get(..at).unwrap_or_default(),
            text.get(at + 1..).unwrap_or_default(),
        );
        match local.strip_prefix('"') {
            Some(quoted) => Self::new(&unquote(quoted)?, domain),
            None if is_dot_atom(local) => Self::checked(local, true, domain),
            None => Err(ValueError::LocalPart),
        }
    }

    /// Makes an address of a local part without quotes and a domain.
    pub fn new(local: &str, domain: &str) -> Result<Self, ValueError> {
        Self::checked(local, is_dot_atom(local), domain)
    }

    fn checked(local: &str, plain: bool, domain: &str) -> Result<Self, ValueError> {
        let safe = plain || !local.chars().any(char::is_control);
        let at = u8::try_from(local.len()).unwrap_or(u8::MAX);
        if !(1..=MAX_LOCAL).contains(&at) || !safe {
            return Err(ValueError::LocalPart);
        }
        if domain.len() > MAX_DOMAIN || !(is_dot_atom(domain) || is_literal(domain)) {
            return Err(ValueError::Domain);
        }
        let mut text = String::with_capacity(local.len() + 1 + domain.len());
        text.extend([local, "@", domain]);
        Ok(Self { text, at, plain })
    }

    /// The part before the `@`, without quotes.
    pub fn local_part(&self) -> &str {
        self.text.get(..usize::from(self.at)).unwrap_or_default()
    }

    /// The part after the `@`; a literal has its brackets.
    pub fn domain(&self) -> &str {
        let after = usize::from(self.at) + 1;
        self.text.get(after..).unwrap_or_default()
    }

    /// The whole address, if the local part needs no quotes.
    pub(crate) fn plain(&self) -> Option<&str> {
        self.plain.then_some(&*self.text)
    }

    /// Whether the address can be used without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }
}

/// ```text
/// dot-atom-text = 1*atext *("." 1*atext)
/// ```
fn is_dot_atom(text: &str) -> bool {
    let mut before = b'.';
    let mut all = 0;
    for byte in text.bytes() {
        let allowed = if byte == b'.' {
            before != b'.'
        } else {
            is_atext(byte)
        };
        if !allowed {
            return false;
        }
        all |= byte;
        before = byte;
    }
    before != b'.' && (all < 0x80 || !text.chars().any(is_unsafe))
}

/// Whether a control character stands in a text.
pub(crate) fn has_control(text: &str) -> bool {
    let odd = |odd, b| odd | !matches!(b, b' '..=b'~');
    text.bytes().fold(false, odd) && text.chars().any(char::is_control)
}

/// What is a control or a space beyond ASCII.
fn is_unsafe(c: char) -> bool {
    c.is_control() || c.is_whitespace()
}

/// ```text
/// domain-literal = "[" *dtext "]"
/// dtext          = %d33-90 / %d94-126
/// ```
///
/// We refuse `<` and `>` in it: no address literal of RFC 5321 §4.1.3 has them, and a reader that looks for the end of
/// an angle address would find it in the middle.
fn is_literal(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    inside.is_some_and(|t| {
        !t.is_empty()
            && t.bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'['..=b']' | b'<' | b'>'))
    })
}

/// Reads what follows an opening quote as the rest of a quoted string.
fn unquote(text: &str) -> Result<String, ValueError> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    loop {
        match chars.next() {
            Some('"') if chars.as_str().is_empty() => return Ok(out),
            Some('\\') => out.push(chars.next().ok_or(ValueError::LocalPart)?),
            None | Some('"') => return Err(ValueError::LocalPart),
            Some(c) => out.push(c),
        }
    }
}

impl fmt::Display for AddrSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(plain) = self.plain() {
            return f.write_str(plain);
        }
        f.write_str("\"")?;
        for c in self.local_part().chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.domain())
    }
}

impl FromStr for AddrSpec {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::parse(text)
    }
}

/// A display name and an address (RFC 5322 §3.4). It exists only if it can be written safely.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    name: String,
    addr: AddrSpec,
}

impl Mailbox {
    /// Puts a name to an address; an empty name is none. Gives the address back when the name has control characters.
    pub fn new(name: &str, addr: AddrSpec) -> Result<Self, (AddrSpec, ValueError)> {
        if has_control(name) {
            return Err((addr, ValueError::Control));
        }
        Ok(Self {
            name: name.trim().to_owned(),
            addr,
        })
    }

    /// Reads `name <address>`, `"name" <address>` or an address alone. There must be nothing wrong with it.
    ///
    /// ```
    /// use postrider_mime::Mailbox;
    ///
    /// let jo = Mailbox::parse("\"Jo, Doe\" <jo@example.org>")?;
    /// assert_eq!((jo.name(), jo.addr().to_string()), (Some("Jo, Doe"), "jo@example.org".to_owned()));
    /// # Ok::<(), postrider_mime::ValueError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.chars().any(char::is_control) {
            return Err(ValueError::Control);
        }
        let mut list = Vec::new();
        crate::grammar::address::address_list(text.as_bytes(), &mut list);
        match list.as_slice() {
            [crate::Address::Mailbox(one)] if one.regular => {
                let addr = AddrSpec::parse(one.address.as_deref().unwrap_or_default())?;
                Self::new(one.name.as_deref().unwrap_or_default(), addr).map_err(|(_, error)| error)
            }
            _ => Err(ValueError::Mailbox),
        }
    }

    /// The display name.
    pub fn name(&self) -> Option<&str> {
        (!self.name.is_empty()).then_some(&*self.name)
    }

    /// The address.
    pub fn addr(&self) -> &AddrSpec {
        &self.addr
    }
}

impl From<AddrSpec> for Mailbox {
    fn from(addr: AddrSpec) -> Self {
        Self {
            name: String::new(),
            addr,
        }
    }
}

impl FromStr for Mailbox {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::parse(text)
    }
}

/// For people: `Jö <jo@example.org>`. A header is written by the [`MessageBuilder`](crate::MessageBuilder).
impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} <{}>", self.addr),
            None => write!(f, "{}", self.addr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_literal_holds_no_angle_bracket() {
        assert!("bob@[192.0.2.1]".parse::<AddrSpec>().is_ok());
        assert!("bob@[192.0>2.1]".parse::<AddrSpec>().is_err());
    }

    #[test]
    fn rfc5322_3_4_1_addresses_that_exist() {
        for text in [
            "a@b",
            "a.b+c@d-e.f",
            "\"a b\"@c",
            "\"a\\\"\\\\b\"@c",
            "a@[192.0.2.1]",
            "a@[IPv6:::1]",
            "é@ü.example",
        ] {
            assert_eq!(AddrSpec::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            AddrSpec::parse("\"plain\"@b").unwrap().to_string(),
            "plain@b"
        );
        assert_eq!(AddrSpec::parse("\"x@y\"@b").unwrap().domain(), "b");
    }

    #[test]
    fn addresses_that_could_harm_do_not_exist() {
        for text in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b c",
            "a@b@c",
            "a..b@c",
            ".a@c",
            "a@b.",
            "<a@b>",
            "a@b>\r\nRCPT TO:<x@y>",
            "a@b\0",
            "a\n@b",
            "\"a\r\nb\"@c",
            "\"a@b",
            "a@[x]y]",
            "a@[",
            "a@b,c@d",
            "a(x)@b",
            "a\u{85}@b",
            "a@b\u{2028}c",
        ] {
            assert!(AddrSpec::parse(text).is_err(), "{text:?}");
        }
        assert!(AddrSpec::new(&"a".repeat(65), "b").is_err());
    }

    #[test]
    fn a_mailbox_is_exactly_one_regular_entry() {
        assert_eq!(
            Mailbox::parse("Jö Doe <jo@x.y>").unwrap().name(),
            Some("Jö Doe")
        );
        assert_eq!(Mailbox::parse("jo@x.y").unwrap().name(), None);
        for text in [
            "",
            "jo",
            "a@b, c@d",
            "G: a@b;",
            "a@b <c@d>",
            "Jo <jo@x.y",
            "Jo\n <jo@x.y>",
        ] {
            assert!(Mailbox::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn rfc5321_4_5_3_1_a_local_part_has_64_octets_at_most_and_a_domain_255() {
        for (local, domain, expected) in [
            (64, 255, Ok(())),
            (65, 1, Err(ValueError::LocalPart)),
            (0, 1, Err(ValueError::LocalPart)),
            (1, 256, Err(ValueError::Domain)),
            (1, 0, Err(ValueError::Domain)),
        ] {
            let addr = AddrSpec::new(&"a".repeat(local), &"b".repeat(domain));
            assert_eq!(addr.map(|_| ()), expected, "{local}@{domain}");
        }
    }

    #[test]
    fn rfc5322_3_2_4_a_quoted_string_ends_at_its_quote() {
        for text in ["\"a\"b\"@c", "\"a\"b@c", "\"@c", "\"a\\\"@c"] {
            assert_eq!(AddrSpec::parse(text), Err(ValueError::LocalPart), "{text}");
        }
    }

    #[test]
    fn a_display_name_has_no_control() {
        for (name, fits) in [
            ("J\u{f6} ~", true),
            ("\u{f6}", true),
            ("\n", false),
            ("a\r\nb", false),
            ("\t", false),
            ("\u{7f}", false),
            ("\u{f6}\u{85}", false),
        ] {
            let mailbox = Mailbox::new(name, AddrSpec::parse("a@b").unwrap());
            assert_eq!(mailbox.is_ok(), fits, "{name:?}");
        }
    }

    #[test]
    fn a_mailbox_is_shown_with_its_name_and_read_as_it_is_shown() {
        for (text, name) in [("J\u{f6} <jo@x.y>", Some("J\u{f6}")), ("jo@x.y", None)] {
            let mailbox: Mailbox = text.parse().unwrap();
            assert_eq!((&*mailbox.to_string(), mailbox.name()), (text, name));
        }
    }
}

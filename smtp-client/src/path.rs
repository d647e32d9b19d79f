use crate::{Domain, InvalidAddress, Mailbox};
use std::fmt;
use std::str::FromStr;

/// Where errors go: the argument of MAIL FROM (RFC 5321 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReversePath {
    /// `<>`: nowhere. Bounces and automatic answers have it, so that they are not answered again.
    Null,
    /// A mailbox.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// As it is written between the angle brackets; empty for the null path.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Mailbox(mailbox) => mailbox.as_str(),
        }
    }

    /// True if the server must know SMTPUTF8 to take this address (RFC 6531).
    pub fn needs_smtp_utf8(&self) -> bool {
        matches!(self, Self::Mailbox(mailbox) if mailbox.needs_smtp_utf8())
    }
}

impl FromStr for ReversePath {
    type Err = InvalidAddress;

    /// With or without angle brackets; `<>` and the empty text are the null path.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match without_route(without_brackets(text))? {
            "" => Ok(Self::Null),
            mailbox => mailbox.parse().map(Self::Mailbox),
        }
    }
}

impl From<Mailbox> for ReversePath {
    fn from(mailbox: Mailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A recipient: the argument of RCPT TO (RFC 5321 §4.1.2). A mailbox, or `postmaster` without a domain (§4.5.1).
///
/// A source route (`<@a,@b:c@d>`) is read and dropped, as RFC 5321 §3.6.1 and appendix C have it: the mailbox stays.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForwardPath(String);

impl ForwardPath {
    /// As it is written between the angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands after the `@`: a domain or an address literal; empty for `postmaster`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// True if the server must know SMTPUTF8 to take this address (RFC 6531).
    pub fn needs_smtp_utf8(&self) -> bool {
        !self.0.is_ascii()
    }
}

impl FromStr for ForwardPath {
    type Err = InvalidAddress;

    /// With or without angle brackets.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let text = without_route(without_brackets(text))?;
        if text.eq_ignore_ascii_case("postmaster") {
            return Ok(Self(text.to_owned()));
        }
        text.parse::<Mailbox>().map(Self::from)
    }
}

impl From<Mailbox> for ForwardPath {
    fn from(mailbox: Mailbox) -> Self {
        Self(mailbox.as_str().to_owned())
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn without_brackets(text: &str) -> &str {
    text.strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .unwrap_or(text)
}

/// ```abnf
/// Path      = "<" [ A-d-l ":" ] Mailbox ">"
/// A-d-l     = At-domain *( "," At-domain )
/// At-domain = "@" Domain
/// ```
fn without_route(text: &str) -> Result<&str, InvalidAddress> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let wrong = || InvalidAddress::new(text, "not of the form @domain,@domain:local-part@domain");
    let mut rest = text;
    loop {
        rest = rest.strip_prefix('@').ok_or_else(wrong)?;
        let end = rest.find([',', ':']).ok_or_else(wrong)?;
        let (domain, after) = rest.split_at_checked(end).ok_or_else(wrong)?;
        if domain.starts_with('[') || domain.parse::<Domain>().is_err() {
            return Err(wrong());
        }
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => {
                return after
                    .strip_prefix(':')
                    .filter(|m| !m.is_empty())
                    .ok_or_else(wrong);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5321_3_6_1_a_source_route_is_dropped() {
        let path = |text: &str| {
            text.parse::<ForwardPath>()
                .map(|path| path.as_str().to_owned())
        };
        assert_eq!(path("<@a.org,@b.org:c@d.org>").unwrap(), "c@d.org");
        assert_eq!(path("@a.org:\"c:d\"@d.org").unwrap(), "\"c:d\"@d.org");
        let back: ReversePath = "<@a.org:c@d.org>".parse().unwrap();
        assert_eq!(back.as_str(), "c@d.org");
        for bad in [
            "<@a.org:>",
            "<@a.org>",
            "<@a.org,c@d>",
            "<@:c@d>",
            "<@a\r\nb:c@d>",
            "<@a.org:@b.org:c@d>",
            "<@[1.2.3.4]:c@d>",
            "@a>\r\nRCPT TO:<x@y>:c@d",
        ] {
            assert!(path(bad).is_err(), "{bad:?}");
            assert!(bad.parse::<ReversePath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rfc5321_4_5_5_the_null_reverse_path() {
        assert_eq!("<>".parse(), Ok(ReversePath::Null));
        assert_eq!("".parse(), Ok(ReversePath::Null));
        assert!("< >".parse::<ReversePath>().is_err());
    }

    #[test]
    fn rfc5321_4_5_1_postmaster_needs_no_domain() {
        assert_eq!(
            "<Postmaster>".parse::<ForwardPath>().unwrap().as_str(),
            "Postmaster"
        );
        assert!("ada".parse::<ForwardPath>().is_err());
        assert!("".parse::<ForwardPath>().is_err());
    }

    #[test]
    fn brackets_are_taken_off_once_and_nothing_is_repaired() {
        assert_eq!("<a@b>".parse::<ForwardPath>().unwrap().as_str(), "a@b");
        for bad in [
            "<<a@b>>",
            "<a@b",
            "a@b>",
            "<a@b>\r\nRCPT TO:<x@y>",
            "a@b>\r\nRCPT TO:<x@y",
        ] {
            assert!(bad.parse::<ForwardPath>().is_err(), "{bad:?}");
            assert!(bad.parse::<ReversePath>().is_err(), "{bad:?}");
        }
    }
}

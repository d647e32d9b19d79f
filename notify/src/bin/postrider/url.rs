//! A mail server as an argument: `pop3s://ada@pop.example.org`.

use crate::exit::{Code, Failure, Result};
use postrider_wire::{Endpoint, Security};
use std::net::Ipv6Addr;

/// Where a server is, how the way there is protected, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    /// The user, without percent signs.
    pub(crate) user: Option<String>,
    pub(crate) endpoint: Endpoint,
    pub(crate) security: Security,
}

/// What a server is asked for. Each has a scheme for the upgrade command, and one for TLS from the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `pop3://` (port 110, STLS) and `pop3s://` (port 995).
    Pop3,
    /// `smtp://` (port 587, STARTTLS) and `smtps://` (port 465).
    Smtp,
}

impl Protocol {
    /// Scheme, port and protection: the upgrade command first.
    fn schemes(self) -> [(&'static str, u16, Security); 2] {
        match self {
            Self::Pop3 => [
                ("pop3", 110, Security::StartTls),
                ("pop3s", 995, Security::Tls),
            ],
            Self::Smtp => [
                ("smtp", 587, Security::StartTls),
                ("smtps", 465, Security::Tls),
            ],
        }
    }
}

impl ServerUrl {
    /// Reads `SCHEME://[USER@]HOST[:PORT][?security=tls|starttls|none]` with a scheme of this protocol.
    ///
    /// A user may hold `@`; `:` and `%` are written `%3A` and `%25`. No sentence about a wrong URL shows one that may hold
    /// a password.
    pub(crate) fn parse(text: &str, protocol: Protocol) -> Result<Self> {
        let [upgrade, direct] = protocol.schemes();
        let known = |name: &str| {
            let scheme = [upgrade, direct].into_iter().find(|s| s.0 == name);
            scheme.ok_or_else(|| {
                let (upgrade, direct) = (upgrade.0, direct.0);
                wrong(format!(
                    "a server is written {direct}://USER@HOST, or {upgrade}://USER@HOST for TLS by the upgrade command"
                ))
            })
        };
        let (name, rest) = text.split_once("://").unwrap_or_default();
        let (_, port, security) = known(&name.to_ascii_lowercase())?;
        // Before anything else is looked at, so that no other sentence can show a piece of a password.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(password_in_url()),
            Some((user, rest)) => (Some(decoded(user)?), rest),
            None => (None, rest),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let place = place.strip_suffix('/').unwrap_or(place);
        Ok(Self {
            user: user.filter(|user| !user.is_empty()),
            endpoint: endpoint(place, port)?,
            security: asked(query)?.unwrap_or(security),
        })
    }

    /// The same, if it says who we are.
    pub(crate) fn with_user(self) -> Result<Self> {
        match self.user {
            Some(_) => Ok(self),
            None => Err(wrong(format!(
                "the URL does not say who you are: write USER@ before {}",
                self.endpoint
            ))),
        }
    }

    /// A failure whose hint speaks of the configuration, in the words of a URL.
    pub(crate) fn in_its_words(failure: Failure) -> Failure {
        Failure::new(failure.code(), in_words_of_a_url(&failure.to_string()))
    }
}

/// A sentence whose hint speaks of the configuration, in the words of a URL and its options.
pub(crate) fn in_words_of_a_url(sentence: &str) -> String {
    sentence
        .replace("security = \"starttls\"", "?security=starttls")
        .replace("security = \"tls\"", "?security=tls")
        .replace("security = \"none\"", "?security=none")
        .replace(
            "danger_allow_clear_text_credentials = true",
            "--danger-allow-clear-text",
        )
}

fn wrong(sentence: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Usage, sentence)
}

fn password_in_url() -> Failure {
    wrong(
        "a password in the URL can be read by everybody on this machine, and stays in the shell's history: \
         leave it out, and use --password-env, --password-file or --password-command \
         (a user's name with a colon has %3A for it)",
    )
}

fn endpoint(place: &str, default: u16) -> Result<Endpoint> {
    if place.parse::<Ipv6Addr>().is_ok() {
        let host = format!("an IPv6 address stands in brackets: [{place}]");
        return Err(wrong(host));
    }
    // The colons of an IPv6 address stand in brackets.
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    };
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| wrong(format!("{port:?} is no port")))?,
        None => default,
    };
    if host.contains(':') && !host.starts_with('[') {
        let host = format!("an IPv6 address stands in brackets: [{host}]");
        return Err(wrong(host));
    }
    Endpoint::new(host, port).map_err(wrong)
}

/// The protection that the query asks for.
fn asked(query: &str) -> Result<Option<Security>> {
    match query {
        "" => Ok(None),
        "security=tls" => Ok(Some(Security::Tls)),
        "security=starttls" => Ok(Some(Security::StartTls)),
        "security=none" => Ok(Some(Security::None)),
        _ => Err(wrong(format!(
            "?{query} means nothing here; there are ?security=tls, ?security=starttls and ?security=none"
        ))),
    }
}

/// The user without percent signs (RFC 3986 §2.1).
fn decoded(user: &str) -> Result<String> {
    let mut out = Vec::with_capacity(user.len());
    let mut rest = user.bytes();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(wrong("a percent sign in the user's name is written %25")),
            },
            byte => byte,
        });
    }
    String::from_utf8(out).map_err(|_| wrong("the user's name is not UTF-8"))
}

fn digit(byte: Option<u8>) -> Option<u8> {
    let value = char::from(byte?).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<String>, String, Security) {
        let protocol = match text.starts_with("smtp") {
            true => Protocol::Smtp,
            false => Protocol::Pop3,
        };
        let url = ServerUrl::parse(text, protocol).unwrap();
        (url.user, url.endpoint.to_string(), url.security)
    }

    fn refused(text: &str) -> String {
        let failure = ServerUrl::parse(text, Protocol::Pop3).unwrap_err();
        assert_eq!(failure.code(), Code::Usage);
        failure.to_string()
    }

    #[test]
    fn port_and_protection_follow_the_scheme() {
        let ada = || Some("ada".to_owned());
        for (text, endpoint, security) in [
            ("pop3://ada@h", "h:110", Security::StartTls),
            ("pop3s://ada@h/", "h:995", Security::Tls),
            ("POP3S://ada@h:1995", "h:1995", Security::Tls),
            ("smtp://ada@h", "h:587", Security::StartTls),
            ("smtps://ada@[::1]", "[::1]:465", Security::Tls),
            ("pop3://ada@[::1]:11", "[::1]:11", Security::StartTls),
            ("pop3://ada@h?security=none", "h:110", Security::None),
            ("pop3://ada@h:9?security=tls", "h:9", Security::Tls),
        ] {
            assert_eq!(read(text), (ada(), endpoint.to_owned(), security), "{text}");
        }
    }

    #[test]
    fn a_user_may_be_an_address_or_encoded_or_nobody() {
        assert_eq!(read("pop3s://ada@a.org@h").0.as_deref(), Some("ada@a.org"));
        assert_eq!(read("pop3s://a%3ab%25%C3%A9@h").0.as_deref(), Some("a:b%é"));
        assert_eq!(read("smtp://h:25").0, None);
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_shown() {
        for text in [
            "pop3://ada:hunter2@h",
            "pop3://ada:hun?ter2@h",
            "pop3://ada:hun/t@er2@h:1:2",
        ] {
            let said = refused(text);
            assert!(said.starts_with("a password in the URL"), "{said}");
            assert!(!said.contains("hun"), "{said}");
        }
    }

    #[test]
    fn hints_are_in_the_words_of_the_url() {
        let hint = "security = \"tls\" or security = \"none\"";
        let failure = ServerUrl::in_its_words(Failure::new(Code::Protocol, hint));
        assert_eq!(failure.to_string(), "?security=tls or ?security=none");
        assert_eq!(failure.code(), Code::Protocol);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(
            refused("smtp://h"),
            "a server is written pop3s://USER@HOST, or pop3://USER@HOST for TLS by the upgrade command"
        );
        assert_eq!(refused("h"), refused(""));
        assert_eq!(refused("pop3://ada@h:x"), "\"x\" is no port");
        assert_eq!(refused("pop3://ada@h:0"), "\"0\" is no port");
        let nobody = ServerUrl::parse("pop3://h", Protocol::Pop3).unwrap();
        let said = nobody.with_user().unwrap_err().to_string();
        assert!(said.contains("USER@ before h:110"), "{said}");
        assert!(refused("pop3://::1").ends_with("stands in brackets: [::1]"));
        assert!(refused("pop3://ada@fe80::1:11").ends_with("[fe80::1:11]"));
        assert!(refused("pop3://ada@").contains("neither a host name"));
        assert!(refused("pop3://ada@h/inbox").contains("neither a host name"));
        assert!(refused("pop3://a%4@h").contains("%25"));
        assert!(refused("pop3://a@h?tls=no").contains("?security=starttls"));
    }
}

use std::fmt;

/// How a connection is protected.
///
/// The default follows the port (RFC 8314): see [`Security::for_port`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Security {
    /// TLS from the first byte (RFC 8314 §3): ports 465 and 995.
    Tls,
    /// Clear text until STARTTLS (RFC 3207) or STLS (RFC 2595), then TLS; without it, an error. Ports 587, 25 and 110.
    StartTls,
    /// STARTTLS where the server offers it, clear text otherwise. An attacker who can change bytes can also remove
    /// the offer, so this protects against listening only. Nobody logs in in the clear, by whatever mechanism, unless the
    /// caller opts in to that.
    StartTlsIfOffered,
    /// No TLS at all. Credentials are not sent unless the caller opts in to that as well.
    None,
}

impl Security {
    /// The customary protection on a port: TLS on 465 and 995, the upgrade command everywhere else.
    pub fn for_port(port: u16) -> Self {
        match port {
            465 | 995 => Self::Tls,
            _ => Self::StartTls,
        }
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "tls",
            Self::StartTls => "starttls",
            Self::StartTlsIfOffered => "starttls-if-offered",
            Self::None => "none",
        })
    }
}

/// A host name or address, and a port.
///
/// The host is a DNS name, an IPv4 address, or an IPv6 address without brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// An endpoint, if `host` is one that can be connected to and shown.
    ///
    /// # Errors
    /// [`InvalidHost`] for an empty host or one with characters that no host name or address has.
    pub fn new(host: impl Into<String>, port: u16) -> Result<Self, InvalidHost> {
        let host = host.into();
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .map_or(host.clone(), str::to_owned);
        let in_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '%');
        if host.is_empty() || host.len() > 255 || !host.chars().all(in_name) {
            return Err(InvalidHost { host });
        }
        Ok(Self { host, port })
    }

    /// The host name or address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A host that is neither a name nor an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHost {
    host: String,
}

#[cfg(feature = "idna")]
impl InvalidHost {
    pub(crate) fn new(host: &str) -> Self {
        let host = host.to_owned();
        Self { host }
    }
}

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is neither a host name nor an IP address",
            self.host
        )
    }
}

impl std::error::Error for InvalidHost {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_shown_as_people_write_them() {
        let shown = |host, port| Endpoint::new(host, port).unwrap().to_string();
        assert_eq!(shown("mx.example.org", 25), "mx.example.org:25");
        assert_eq!(shown("::1", 587), "[::1]:587");
        assert_eq!(shown("[::1]", 587), "[::1]:587");
    }

    #[test]
    fn a_host_with_a_line_end_or_space_is_refused() {
        for host in ["", "a b", "a\r\nb", "a\0", "a/b", "user@host"] {
            assert!(Endpoint::new(host, 25).is_err(), "{host:?}");
        }
    }

    #[test]
    fn rfc8314_security_follows_the_port() {
        assert_eq!(Security::for_port(465), Security::Tls);
        assert_eq!(Security::for_port(995), Security::Tls);
        assert_eq!(Security::for_port(587), Security::StartTls);
    }
}

//! Proxies: SOCKS5 (RFC 1928, RFC 1929) and HTTP CONNECT (RFC 9110 §9.3.6), the client's side of both as machines without a socket.

mod error;
mod http;
mod socks5;
mod url;

pub use error::ProxyError;
pub use url::InvalidProxy;

use crate::{Endpoint, Secret};
use std::fmt;

/// A proxy that connections go through. It looks the server's name up itself; nothing is resolved here but its own name.
///
/// ```
/// use postrider_wire::{Endpoint, Proxy};
/// let proxy = Proxy::socks5(Endpoint::new("127.0.0.1", 1080)?).login("ada", "s3cret")?;
/// assert_eq!(proxy.to_string(), "socks5://127.0.0.1:1080");
/// let same: Proxy = "socks5://ada:s3cret@127.0.0.1:1080".parse()?;
/// assert_eq!(same.to_string(), "socks5://127.0.0.1:1080");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Not supported: TLS to the proxy itself, SOCKS4, GSSAPI, HTTP authentication other than Basic. Name and password go to
/// the proxy in clear text: that is what both protocols do.
#[derive(Clone)]
pub struct Proxy {
    protocol: ProxyProtocol,
    endpoint: Endpoint,
    login: Option<Login>,
}

/// How a [`Proxy`] is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyProtocol {
    /// SOCKS5 (RFC 1928).
    Socks5,
    /// HTTP with CONNECT (RFC 9110 §9.3.6).
    Http,
}

#[derive(Clone)]
struct Login {
    user: String,
    password: Secret,
}

impl Proxy {
    /// A SOCKS5 proxy. The usual port is 1080.
    pub fn socks5(endpoint: Endpoint) -> Self {
        Self::new(ProxyProtocol::Socks5, endpoint)
    }

    /// An HTTP proxy that knows CONNECT.
    pub fn http(endpoint: Endpoint) -> Self {
        Self::new(ProxyProtocol::Http, endpoint)
    }

    fn new(protocol: ProxyProtocol, endpoint: Endpoint) -> Self {
        Self {
            protocol,
            endpoint,
            login: None,
        }
    }

    /// Logs in to the proxy, if it asks for that.
    ///
    /// # Errors
    /// [`InvalidProxy`] for a user name or password that the protocol cannot carry: an empty user name, more than 255
    /// octets (RFC 1929 §2), a control character, or a colon in the user name of an HTTP proxy (RFC 7617 §2).
    pub fn login(
        mut self,
        user: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Result<Self, InvalidProxy> {
        let (user, password) = (user.into(), password.into());
        let lengths = [user.len(), password.expose_secret().len()];
        let control = |octets: &[u8]| octets.iter().any(u8::is_ascii_control);
        if user.is_empty() || lengths.iter().any(|&length| length > 255) {
            return Err(InvalidProxy("user name or password is empty or too long"));
        }
        if control(user.as_bytes()) || control(password.expose_secret()) {
            return Err(InvalidProxy(
                "user name or password holds a control character",
            ));
        }
        if self.protocol == ProxyProtocol::Http && user.contains(':') {
            return Err(InvalidProxy("the user name holds a colon"));
        }
        self.login = Some(Login { user, password });
        Ok(self)
    }

    /// How it is spoken to.
    pub fn protocol(&self) -> ProxyProtocol {
        self.protocol
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Begins a handshake for a connection to `target`. What is to be written first is appended to `out`.
    pub fn handshake(&self, target: &Endpoint, out: &mut Vec<u8>) -> ProxyHandshake {
        ProxyHandshake(match self.protocol {
            ProxyProtocol::Socks5 => {
                Machine::Socks5(socks5::Socks5::new(target, self.login.clone(), out))
            }
            ProxyProtocol::Http => Machine::Http(http::Http::new(target, self.login.as_ref(), out)),
        })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            ProxyProtocol::Socks5 => "socks5",
            ProxyProtocol::Http => "http",
        };
        write!(f, "{scheme}://{}", self.endpoint)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.login.is_some() { ", login" } else { "" };
        write!(f, "Proxy({self}{login})")
    }
}

/// A dialogue with a proxy, until the tunnel is open.
///
/// # The contract
/// Write what was appended to `out`. As long as [`wanted`](Self::wanted) is not zero, read **at most** so many octets and
/// hand them to [`receive`](Self::receive). So nothing is read that belongs to the tunnel, and no buffer has to be handed on.
pub struct ProxyHandshake(Machine);

enum Machine {
    Socks5(socks5::Socks5),
    Http(http::Http),
}

impl ProxyHandshake {
    /// How many octets may be read now; zero when the tunnel is open.
    pub fn wanted(&self) -> usize {
        match &self.0 {
            Machine::Socks5(socks5) => socks5.wanted(),
            Machine::Http(http) => http.wanted(),
        }
    }

    /// Takes octets from the proxy, and appends to `out` what is to be written.
    ///
    /// # Errors
    /// [`ProxyError`] if the proxy refuses, or is none of its kind.
    pub fn receive(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), ProxyError> {
        match &mut self.0 {
            Machine::Socks5(socks5) => socks5.receive(input, out),
            Machine::Http(http) => http.receive(input),
        }
    }
}

impl fmt::Debug for ProxyHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyHandshake(wants {} octets)", self.wanted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_display_nor_debug_shows_name_or_password() {
        let proxy = Proxy::http(Endpoint::new("proxy", 8080).unwrap());
        let proxy = proxy.login("ada", "hunter2").unwrap();
        for shown in [proxy.to_string(), format!("{proxy:?}")] {
            assert!(
                !shown.contains("ada") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
        let handshake = proxy.handshake(&Endpoint::new("mx", 25).unwrap(), &mut Vec::new());
        assert_eq!(format!("{handshake:?}"), "ProxyHandshake(wants 2 octets)");
    }

    #[test]
    fn a_login_that_the_protocol_cannot_carry_is_refused() {
        let long = "x".repeat(256);
        for (user, password) in [
            ("", "x"),
            ("a\r\nb", "x"),
            ("a", "x\n"),
            (&*long, "x"),
            ("a", &*long),
        ] {
            for proxy in [Proxy::socks5, Proxy::http] {
                let proxy = proxy(Endpoint::new("proxy", 1080).unwrap());
                assert!(
                    proxy.login(user, password).is_err(),
                    "{user:?} {password:?}"
                );
            }
        }
        let endpoint = Endpoint::new("proxy", 1080).unwrap();
        assert!(Proxy::http(endpoint.clone()).login("a:b", "x").is_err());
        assert!(Proxy::socks5(endpoint).login("a:b", "x").is_ok());
    }
}

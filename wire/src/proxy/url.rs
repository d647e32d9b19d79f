use super::Proxy;
use crate::{Endpoint, Secret};
use std::fmt;
use std::str::FromStr;

/// A proxy that cannot be: what is wrong with it. The text that it came from is not shown, for it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidProxy(pub(super) &'static str);

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a proxy: {}", self.0)
    }
}

impl std::error::Error for InvalidProxy {}

/// ```abnf
/// proxy    = ( "socks5" / "socks5h" / "http" ) "://" [ userinfo "@" ] host [ ":" port ] [ "/" ]
/// userinfo = user [ ":" password ]          ; with percent-encoding (RFC 3986 §2.1)
/// ```
/// The port may be left out for SOCKS5 only, and is 1080 then.
impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(url: &str) -> Result<Self, InvalidProxy> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or(InvalidProxy("socks5:// or http:// is missing"))?;
        let (make, default_port): (fn(Endpoint) -> Self, _) = match scheme {
            "socks5" | "socks5h" => (Self::socks5, Some(1080)),
            "http" => (Self::http, None),
            _ => return Err(InvalidProxy("the scheme is neither socks5 nor http")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (userinfo, host) = match rest.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, rest),
        };
        let proxy = make(endpoint(host, default_port)?);
        let Some(userinfo) = userinfo else {
            return Ok(proxy);
        };
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let user = String::from_utf8(decoded(user)?).map_err(|_| BAD_PERCENT)?;
        proxy.login(user, Secret::new(decoded(password)?))
    }
}

const BAD_PERCENT: InvalidProxy = InvalidProxy("a percent-encoded character is wrong");

fn endpoint(text: &str, default_port: Option<u16>) -> Result<Endpoint, InvalidProxy> {
    let bare_v6 = text.starts_with('[') && text.ends_with(']');
    let (host, port) = match text.rsplit_once(':').filter(|_| !bare_v6) {
        Some((host, port)) => (host, port.parse().ok().filter(|&port| port != 0)),
        None => (text, default_port),
    };
    let port = port.ok_or(InvalidProxy("the port is missing or no number"))?;
    let v6 = host.starts_with('[') && host.ends_with(']');
    if host.contains(':') && !v6 {
        return Err(InvalidProxy("an IPv6 address needs brackets"));
    }
    Endpoint::new(host, port).map_err(|_| InvalidProxy("the host is neither a name nor an address"))
}

fn decoded(text: &str) -> Result<Vec<u8>, InvalidProxy> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let digits = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        octets.push(octet.ok_or(BAD_PERCENT)?);
        rest = tail.get(2..).unwrap_or_default();
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        url.parse::<Proxy>().unwrap().to_string()
    }

    #[test]
    fn urls_name_protocol_place_and_login() {
        assert_eq!(shown("socks5://localhost"), "socks5://localhost:1080");
        assert_eq!(shown("socks5h://[::1]:99"), "socks5://[::1]:99");
        assert_eq!(shown("socks5://[::1]"), "socks5://[::1]:1080");
        assert_eq!(shown("http://a:b@proxy:3128/"), "http://proxy:3128");
        let proxy: Proxy = "http://ada%40x:p%3Aq@proxy:1".parse().unwrap();
        let login = proxy.login.unwrap();
        assert_eq!(login.user, "ada@x");
        assert_eq!(login.password.expose_secret(), b"p:q");
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_showing_it() {
        for url in [
            "",
            "proxy:1080",
            "https://hunter2:x@proxy:1",
            "http://proxy",
            "http://proxy:0",
            "http://proxy:x",
            "http://a:hunter2%0d@proxy:1",
            "http://a:hunter2%zz@proxy:1",
            "http://a:hunter2%+1@proxy:1",
            "http://:hunter2@proxy:1",
            "socks5://::1:1080",
            "socks5://pro xy:1080",
            "socks5://",
        ] {
            let error = url.parse::<Proxy>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

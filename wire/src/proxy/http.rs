//! HTTP CONNECT: one request, one header as the answer (RFC 9110 §9.3.6, RFC 9112 §3.2.3, RFC 7617).

use super::{Login, ProxyError};
use crate::escape::Escaped;
use crate::{Endpoint, Redactor, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Octets in the answer's header.
const LONGEST: usize = 16_384;

pub(super) struct Http {
    /// The login, which a proxy may repeat in its words.
    secrets: Redactor,
    seen: Vec<u8>,
    /// Octets of interim answers (`1xx`) before.
    before: usize,
    open: bool,
}

impl Http {
    pub(super) fn new(target: &Endpoint, login: Option<&Login>, out: &mut Vec<u8>) -> Self {
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        out.extend_from_slice(request.as_bytes());
        let mut secrets = Redactor::default();
        if let Some(login) = login {
            secrets.add(&login.password);
            let password = login.password.expose_secret();
            let pair = Secret::new([login.user.as_bytes(), b":", password].concat());
            let pair = Secret::new(STANDARD.encode(pair.expose_secret()));
            out.extend_from_slice(b"Proxy-Authorization: Basic ");
            out.extend_from_slice(pair.expose_secret());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        Self {
            secrets,
            seen: Vec::new(),
            before: 0,
            open: false,
        }
    }

    /// No more than what is missing if the header ends as early as it can: two octets, LF LF, or one after an LF.
    pub(super) fn wanted(&self) -> usize {
        if self.open {
            return 0;
        }
        match self.seen.as_slice() {
            [.., b'\n'] | [.., b'\n', b'\r'] => 1,
            _ => 2,
        }
    }

    pub(super) fn receive(&mut self, input: &[u8]) -> Result<(), ProxyError> {
        for &octet in input {
            if self.open {
                // More than was wanted.
                return Err(ProxyError::NotOfTheProtocol);
            }
            if self.before + self.seen.len() == LONGEST {
                return Err(ProxyError::TooLong);
            }
            self.seen.push(octet);
            self.check_start()?;
            if self.seen.ends_with(b"\n\n") || self.seen.ends_with(b"\n\r\n") {
                self.answered()?;
            }
        }
        Ok(())
    }

    /// Whoever speaks another protocol is found out by the first octet that is wrong.
    fn check_start(&self) -> Result<(), ProxyError> {
        const START: &[u8] = b"HTTP/1.";
        let common = self.seen.len().min(START.len());
        match self.seen.get(..common) == START.get(..common) {
            true => Ok(()),
            false => Err(ProxyError::NotOfTheProtocol),
        }
    }

    /// ```abnf
    /// status-line = HTTP-version SP status-code SP [ reason-phrase ] CRLF
    /// ```
    /// We also accept a line that ends in LF, or after the status code: harmless, and proxies do it.
    fn answered(&mut self) -> Result<(), ProxyError> {
        let line = self.seen.split(|&octet| octet == b'\n').next();
        let line = line.unwrap_or_default().trim_ascii_end();
        let mut words = line.splitn(3, |&octet| octet == b' ');
        let _version = words.next();
        let code = words.next().unwrap_or_default();
        let reason = words.next().unwrap_or_default();
        let digits = code.len() == 3 && code.iter().all(u8::is_ascii_digit);
        let code = std::str::from_utf8(code).ok().filter(|_| digits);
        let code: u16 = code
            .and_then(|code| code.parse().ok())
            .ok_or(ProxyError::NotOfTheProtocol)?;
        match code {
            100..200 => {
                self.before += self.seen.len();
                self.seen.clear();
                Ok(())
            }
            200..300 => {
                self.open = true;
                Ok(())
            }
            407 => Err(ProxyError::LoginNeeded),
            _ => {
                let reason = self.secrets.redact(reason);
                let reason = reason.get(..100).unwrap_or(&reason);
                Err(ProxyError::Http(code, Escaped(reason).to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Proxy;
    use super::*;
    use proptest::prelude::*;

    fn proxy() -> Proxy {
        Proxy::http(Endpoint::new("proxy", 3128).unwrap())
    }

    /// Hands the server's octets over, as many at once as are wanted but no more than a piece, and says how many were left.
    fn left(server: &[u8], piece: usize) -> Result<usize, ProxyError> {
        let mut out = Vec::new();
        let mut handshake = proxy().handshake(&Endpoint::new("mx", 25).unwrap(), &mut out);
        let mut rest = server;
        while handshake.wanted() > 0 && !rest.is_empty() {
            let (now, later) = rest.split_at(handshake.wanted().min(piece).min(rest.len()));
            handshake.receive(now, &mut out)?;
            rest = later;
        }
        assert_eq!(handshake.wanted(), 0, "the tunnel is open");
        Ok(rest.len())
    }

    #[test]
    fn rfc9110_9_3_6_the_request_names_host_and_port() {
        let mut out = Vec::new();
        proxy().handshake(&Endpoint::new("::1", 25).unwrap(), &mut out);
        assert_eq!(out, b"CONNECT [::1]:25 HTTP/1.1\r\nHost: [::1]:25\r\n\r\n");
    }

    #[test]
    fn a_proxy_that_repeats_the_password_does_not_get_it_into_an_error() {
        let proxy = proxy().login("Aladdin", "open sesame").unwrap();
        let mut handshake = proxy.handshake(&Endpoint::new("mx", 25).unwrap(), &mut Vec::new());
        let words = b"HTTP/1.1 403 not with open sesame or QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
        let error = handshake.receive(words, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("not with (…) or "), "{error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("sesame") && !shown.contains("pvcGVuIHNlc2FtZQ"));
    }

    #[test]
    fn rfc7617_basic_login() {
        let mut out = Vec::new();
        let proxy = proxy().login("Aladdin", "open sesame").unwrap();
        proxy.handshake(&Endpoint::new("mx", 25).unwrap(), &mut out);
        let line = b"\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
        assert!(out.ends_with(line));
    }

    #[test]
    fn what_follows_the_header_belongs_to_the_tunnel() {
        for header in [
            &b"HTTP/1.1 200 Connection established\r\n\r\n"[..],
            b"HTTP/1.0 200 OK\r\nVia: x\r\nContent-Length: 7\r\n\r\n",
            b"HTTP/1.1 200\n\n",
            b"HTTP/1.1 299 x\nA: b\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            let server = [header, b"220 mx\r\n"].concat();
            for piece in 1..5 {
                assert_eq!(left(&server, piece), Ok(8), "{}", Escaped(header));
            }
        }
    }

    #[test]
    fn refusals_say_why() {
        let error = |server: &[u8]| left(server, 100).unwrap_err();
        let forbidden = error(b"HTTP/1.1 403 For\x1b[31mbidden\r\n\r\n");
        assert_eq!(
            forbidden,
            ProxyError::Http(403, r"For\x1b[31mbidden".to_owned())
        );
        assert!(!forbidden.is_retryable());
        assert!(error(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").is_retryable());
        assert_eq!(error(b"HTTP/1.1 407 x\r\n\r\n"), ProxyError::LoginNeeded);
        assert_eq!(
            error(b"220 mx.example.org\r\n"),
            ProxyError::NotOfTheProtocol
        );
        assert_eq!(error(b"HTTP/2 200\r\n\r\n"), ProxyError::NotOfTheProtocol);
        assert_eq!(
            error(b"HTTP/1.1 2x0 \r\n\r\n"),
            ProxyError::NotOfTheProtocol
        );
    }

    #[test]
    fn a_header_of_the_limit_passes_and_one_octet_more_does_not() {
        let header = |length: usize| {
            let (start, end) = (b"HTTP/1.1 200 OK\r\nX: ", b"\r\n\r\n");
            let filling = vec![b'x'; length - start.len() - end.len()];
            [&start[..], &filling, end].concat()
        };
        assert_eq!(left(&header(16_384), 100), Ok(0));
        assert_eq!(left(&header(16_385), 100), Err(ProxyError::TooLong));
        let endless = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000);
        assert_eq!(left(&endless, 100), Err(ProxyError::TooLong));
    }

    proptest! {
        #[test]
        fn chunking_never_matters(fields in proptest::collection::vec("[A-Za-z]{1,9}: [ -~]{0,20}", 0..5), code in 100..600u16, piece in 1..50usize) {
            let mut header = format!("HTTP/1.1 {code} words\r\n");
            fields.iter().for_each(|field| header += &format!("{field}\r\n"));
            let server = format!("{header}\r\nHTTP/1.1 200 ok\r\n\r\n");
            let expected = match code {
                100..200 => Ok(0),
                200..300 => Ok(19),
                407 => Err(ProxyError::LoginNeeded),
                _ => Err(ProxyError::Http(code, "words".to_owned())),
            };
            prop_assert_eq!(left(server.as_bytes(), piece), expected);
        }
    }
}

//! SOCKS5: method, login, request (RFC 1928 §3, §4, §6; RFC 1929).

use super::{Login, ProxyError};
use crate::Endpoint;
use std::net::IpAddr;

pub(super) struct Socks5 {
    target: Endpoint,
    login: Option<Login>,
    awaited: Awaited,
    /// Octets of the answer that is awaited.
    seen: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// `VER METHOD`
    Method,
    /// `VER STATUS`
    Login,
    /// `VER REP RSV ATYP BND.ADDR BND.PORT`
    Reply,
    Nothing,
}

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_WILL_DO: u8 = 0xff;

impl Socks5 {
    pub(super) fn new(target: &Endpoint, login: Option<Login>, out: &mut Vec<u8>) -> Self {
        match login {
            Some(_) => out.extend([VERSION, 2, NO_LOGIN, USER_AND_PASSWORD]),
            None => out.extend([VERSION, 1, NO_LOGIN]),
        }
        Self {
            target: target.clone(),
            login,
            awaited: Awaited::Method,
            seen: Vec::new(),
        }
    }

    pub(super) fn wanted(&self) -> usize {
        self.length().saturating_sub(self.seen.len())
    }

    pub(super) fn receive(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ProxyError> {
        while self.wanted() > 0 && !input.is_empty() {
            let (now, rest) = input.split_at(self.wanted().min(input.len()));
            self.seen.extend_from_slice(now);
            input = rest;
            if self.wanted() == 0 {
                self.answered(out)?;
            }
        }
        match input {
            [] => Ok(()),
            // More than was wanted.
            _ => Err(ProxyError::NotOfTheProtocol),
        }
    }

    /// How long the awaited answer is, as far as that is known.
    fn length(&self) -> usize {
        match (self.awaited, self.seen.as_slice()) {
            (Awaited::Nothing, _) => 0,
            (Awaited::Method | Awaited::Login, _) => 2,
            (Awaited::Reply, [_, _, _, 1, ..]) => 4 + 4 + 2,
            (Awaited::Reply, [_, _, _, 4, ..]) => 4 + 16 + 2,
            (Awaited::Reply, [_, _, _, 3, name, ..]) => 4 + 1 + usize::from(*name) + 2,
            (Awaited::Reply, [_, _, _, 3]) => 5,
            // An answer that says no, or is none, may end anywhere after the code.
            (Awaited::Reply, [version, code, ..]) if *version != VERSION || *code != 0 => 2,
            (Awaited::Reply, [_, _, ..]) => 4,
            (Awaited::Reply, _) => 2,
        }
    }

    fn answered(&mut self, out: &mut Vec<u8>) -> Result<(), ProxyError> {
        match (self.awaited, self.seen.as_slice()) {
            (Awaited::Method, [VERSION, NO_LOGIN]) => self.request(out),
            (Awaited::Method, [VERSION, USER_AND_PASSWORD]) => self.log_in(out)?,
            (Awaited::Method, [VERSION, NONE_WILL_DO]) => return Err(ProxyError::LoginNeeded),
            (Awaited::Login, [1, 0]) => self.request(out),
            (Awaited::Login, [1, _]) => return Err(ProxyError::LoginRefused),
            (Awaited::Reply, [VERSION, 0, _, 1 | 3 | 4, _, ..]) => {
                self.await_next(Awaited::Nothing)
            }
            (Awaited::Reply, [VERSION, code, ..]) if *code != 0 => {
                return Err(ProxyError::Socks(*code));
            }
            _ => return Err(ProxyError::NotOfTheProtocol),
        }
        Ok(())
    }

    fn await_next(&mut self, awaited: Awaited) {
        self.awaited = awaited;
        self.seen.clear();
    }

    /// `VER ULEN UNAME PLEN PASSWD` (RFC 1929 §2).
    fn log_in(&mut self, out: &mut Vec<u8>) -> Result<(), ProxyError> {
        let login = self.login.as_ref().ok_or(ProxyError::NotOfTheProtocol)?;
        out.push(1);
        for field in [login.user.as_bytes(), login.password.expose_secret()] {
            push_short(field, out);
        }
        self.await_next(Awaited::Login);
        Ok(())
    }

    /// `VER CMD RSV ATYP DST.ADDR DST.PORT`, with the name as it is: the proxy resolves it.
    fn request(&mut self, out: &mut Vec<u8>) {
        const CONNECT: u8 = 1;
        out.extend([VERSION, CONNECT, 0]);
        match self.target.host().parse() {
            Ok(IpAddr::V4(address)) => {
                out.push(1);
                out.extend(address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                out.push(4);
                out.extend(address.octets());
            }
            Err(_) => {
                out.push(3);
                push_short(self.target.host().as_bytes(), out);
            }
        }
        out.extend(self.target.port().to_be_bytes());
        self.await_next(Awaited::Reply);
    }
}

/// A field of at most 255 octets, which those who call made sure of, with its length before it.
fn push_short(field: &[u8], out: &mut Vec<u8>) {
    out.push(u8::try_from(field.len()).unwrap_or(u8::MAX));
    out.extend(field.iter().take(usize::from(u8::MAX)));
}

#[cfg(test)]
mod tests {
    use super::super::Proxy;
    use super::*;
    use proptest::prelude::*;

    const OPEN: &[u8] = &[5, 0, 0, 1, 10, 0, 0, 1, 0x1f, 0x90];

    /// Hands the server's octets over in such pieces, and says what was written, and what was left unread.
    fn dialogue(
        login: Option<(&str, &str)>,
        host: &str,
        server: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, Vec<u8>), ProxyError> {
        let mut proxy = Proxy::socks5(Endpoint::new("proxy", 1080).unwrap());
        if let Some((user, password)) = login {
            proxy = proxy.login(user, password).unwrap();
        }
        let mut out = Vec::new();
        let target = Endpoint::new(host, 25).unwrap();
        let mut handshake = proxy.handshake(&target, &mut out);
        let mut rest = server;
        while handshake.wanted() > 0 && !rest.is_empty() {
            let (now, later) = rest.split_at(handshake.wanted().min(piece).min(rest.len()));
            handshake.receive(now, &mut out)?;
            rest = later;
        }
        assert_eq!(
            handshake.wanted() == 0,
            !rest.is_empty() || server.is_empty()
        );
        Ok((out, rest.to_vec()))
    }

    #[test]
    fn rfc1928_a_name_goes_to_the_proxy_unresolved() {
        let server = [&[5, 0][..], OPEN, b"220 mx"].concat();
        let (out, rest) = dialogue(None, "mx.example.org", &server, 100).unwrap();
        let request = [&[5, 1, 0, 5, 1, 0, 3, 14][..], b"mx.example.org", &[0, 25]].concat();
        assert_eq!(out, request);
        assert_eq!(rest, b"220 mx", "what follows belongs to the tunnel");
    }

    #[test]
    fn rfc1928_addresses_have_their_own_form() {
        let server = [&[5, 0][..], OPEN, b"2"].concat();
        let (out, _) = dialogue(None, "192.0.2.1", &server, 100).unwrap();
        assert_eq!(&out[3..], [5, 1, 0, 1, 192, 0, 2, 1, 0, 25]);
        let (out, _) = dialogue(None, "::1", &server, 100).unwrap();
        let address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(&out[3..], [&[5, 1, 0, 4][..], &address, &[0, 25]].concat());
    }

    #[test]
    fn rfc1929_user_and_password_are_given_if_they_are_asked_for() {
        let server = [&[5, 2, 1, 0][..], OPEN, b"2"].concat();
        let (out, _) = dialogue(Some(("ada", "pw")), "a", &server, 100).unwrap();
        assert_eq!(
            &out[..13],
            [&[5, 2, 0, 2, 1, 3][..], b"ada", &[2], b"pw", &[5]].concat()
        );
        let unasked = [&[5, 0][..], OPEN, b"2"].concat();
        let (out, _) = dialogue(Some(("ada", "pw")), "a", &unasked, 100).unwrap();
        assert!(!out.windows(2).any(|octets| octets == b"pw"));
    }

    #[test]
    fn refusals_say_why() {
        let error = |login, server: &[u8]| dialogue(login, "a", server, 100).unwrap_err();
        let ada = Some(("ada", "pw"));
        assert_eq!(error(None, &[5, 0xff]), ProxyError::LoginNeeded);
        assert_eq!(error(ada, &[5, 2, 1, 1]), ProxyError::LoginRefused);
        // A method that was not offered.
        assert_eq!(error(None, &[5, 2]), ProxyError::NotOfTheProtocol);
        assert_eq!(error(None, b"HTTP"), ProxyError::NotOfTheProtocol);
        assert_eq!(error(None, &[5, 0, 5, 5]), ProxyError::Socks(5));
        assert_eq!(
            error(None, &[5, 0, 5, 0, 0, 9]),
            ProxyError::NotOfTheProtocol
        );
        assert_eq!(
            error(None, &[5, 0, 4, 0, 0, 1, 1]),
            ProxyError::NotOfTheProtocol
        );
        assert_eq!(
            ProxyError::Socks(5).to_string(),
            "it refuses: connection refused (5)"
        );
        assert!(ProxyError::Socks(4).is_retryable() && !ProxyError::Socks(2).is_retryable());
    }

    proptest! {
        #[test]
        fn chunking_never_matters(name in proptest::collection::vec(any::<u8>(), 0..256), kind in 0..3u8, piece in 1..300usize, login: bool) {
            let bound = match kind {
                0 => vec![1, 10, 0, 0, 1],
                1 => [&[4][..], &[7; 16]].concat(),
                _ => [&[3, name.len() as u8][..], &name].concat(),
            };
            let method: &[u8] = if login { &[5, 2, 1, 0] } else { &[5, 0] };
            let server = [method, &[5, 0, 0], &bound, &[0, 25], b"220 mx\r\n"].concat();
            let ada = login.then_some(("ada", "pw"));
            let whole = dialogue(ada, "mx", &server, usize::MAX).unwrap();
            prop_assert_eq!(&whole.1, b"220 mx\r\n");
            prop_assert_eq!(dialogue(ada, "mx", &server, piece).unwrap(), whole);
        }

        #[test]
        fn nothing_makes_it_panic_or_want_without_end(server in proptest::collection::vec(any::<u8>(), 1..600)) {
            let mut out = Vec::new();
            let proxy = Proxy::socks5(Endpoint::new("proxy", 1080).unwrap());
            let mut handshake = proxy.handshake(&Endpoint::new("mx", 25).unwrap(), &mut out);
            let mut rest = &server[..];
            while handshake.wanted() > 0 && !rest.is_empty() {
                let (now, later) = rest.split_at(handshake.wanted().min(rest.len()));
                rest = later;
                if handshake.receive(now, &mut out).is_err() {
                    break;
                }
            }
            prop_assert!(server.len() - rest.len() <= 2 + 262);
        }
    }
}

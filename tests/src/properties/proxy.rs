use super::naive;
use postrider_wire::{Endpoint, Proxy, ProxyError};

/// The input plays a proxy: its first octet says which protocol, whether there is a login, and how it is cut; the rest is
/// what the proxy says, and then what the server behind it says.
///
/// * How it is cut never matters. Nothing is read that belongs to the tunnel.
/// * The tunnel is open exactly when a naive reading of RFC 1928 §4–§6 or RFC 9112 §4 says so.
/// * The password goes to a SOCKS5 proxy only if it asks, and is in no error, also where the proxy repeats it.
/// * What an error shows moves no cursor.
pub fn proxy(input: &[u8]) {
    let (&how, said) = input.split_first().unwrap_or((&0, &[]));
    let (cut, http, login) = (usize::from(how & 15) + 1, how & 16 != 0, how & 32 != 0);
    let whole = play(said, usize::MAX, http, login);
    assert_eq!(
        whole,
        play(said, cut, http, login),
        "the pieces matter: {cut}"
    );
    let naive = match http {
        true => http_tunnel(said),
        false => socks_tunnel(said, login),
    };
    assert_eq!(whole.tunnel, naive, "{whole:?}");
    let asked = login && said.starts_with(&[5, 2]);
    if !http && !asked {
        assert_eq!(naive::occurrences(&whole.written, b"tanstaaf"), 0);
    }
    if let Some(error) = whole.error {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(!login || !shown.contains("tanstaaf"), "{shown:?}");
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Dialogue {
    written: Vec<u8>,
    error: Option<ProxyError>,
    /// Where the tunnel begins.
    tunnel: Option<usize>,
}

fn play(said: &[u8], cut: usize, http: bool, login: bool) -> Dialogue {
    let endpoint = Endpoint::new("proxy.example", 1080).expect("an endpoint");
    let mut proxy = if http {
        Proxy::http(endpoint)
    } else {
        Proxy::socks5(endpoint)
    };
    if login {
        proxy = proxy.login("ada", "tanstaaf").expect("a login");
    }
    let target = Endpoint::new("mx.example.org", 25).expect("an endpoint");
    let mut written = Vec::new();
    let mut handshake = proxy.handshake(&target, &mut written);
    let (mut at, mut error) = (0, None);
    while handshake.wanted() > 0 && at < said.len() && error.is_none() {
        let end = said.len().min(at + handshake.wanted().min(cut));
        error = handshake.receive(&said[at..end], &mut written).err();
        at = end;
    }
    let open = error.is_none() && handshake.wanted() == 0;
    Dialogue {
        written,
        error,
        tunnel: open.then_some(at),
    }
}

/// `VER METHOD`, `VER STATUS` if a login was asked for, then the reply, whose length its address decides.
fn socks_tunnel(said: &[u8], login: bool) -> Option<usize> {
    let reply = match said {
        [5, 0, ..] => 2,
        [5, 2, 1, 0, ..] if login => 4,
        _ => return None,
    };
    let address = match &said[reply..] {
        [5, 0, _, 1, ..] => 4,
        [5, 0, _, 4, ..] => 16,
        [5, 0, _, 3, length, ..] => 1 + usize::from(*length),
        _ => return None,
    };
    let end = reply + 4 + address + 2;
    (said.len() >= end).then_some(end)
}

/// Headers that end at an empty line; the first whose code is not 1yz decides, in the first 16 KiB.
fn http_tunnel(said: &[u8]) -> Option<usize> {
    let mut rest = said;
    loop {
        let header = rest;
        while !naive::trimmed(naive::line(&mut rest)?).is_empty() || header.len() == rest.len() {}
        let end = said.len() - rest.len();
        let first = header.split(|octet| *octet == b'\n').next()?;
        let mut words = first
            .trim_ascii_end()
            .splitn(3, |octet| *octet == b' ')
            .skip(1);
        let code = words
            .next()
            .filter(|c| c.len() == 3 && c.iter().all(u8::is_ascii_digit))?;
        match code[0] {
            _ if !header.starts_with(b"HTTP/1.") || end > 16_384 => return None,
            b'1' => {}
            b'2' => return Some(end),
            _ => return None,
        }
    }
}

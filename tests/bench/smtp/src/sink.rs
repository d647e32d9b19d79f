use crate::Certificate;
use memchr::memmem;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::TcpStreamExt;
use std::sync::Arc;
use std::thread;

const EHLO: &[u8] = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 200000000\r\n250 CHUNKING\r\n";

/// A server that takes every mail as fast as it can and keeps none.
///
/// It acknowledges what it reads at once (TCP_QUICKACK), so that clients without TCP_NODELAY need not wait 40 ms for
/// each command: beside this sink everybody is as fast as with TCP_NODELAY. It stops with the process.
#[derive(Debug)]
pub struct Sink {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// Its certificate, if it speaks TLS.
    pub certificate: Option<Certificate>,
}

impl Sink {
    /// Without TLS.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        serve(listener, |tcp| {
            let quick = tcp.try_clone()?;
            session(tcp, &quick)
        });
        Ok(Self { port, certificate: None })
    }

    /// With TLS from the first byte.
    pub fn start_tls() -> io::Result<Self> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).map_err(io::Error::other)?;
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .map_err(io::Error::other)?;
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        serve(listener, move |tcp| {
            let quick = tcp.try_clone()?;
            let connection = rustls::ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            session(rustls::StreamOwned::new(connection, tcp), &quick)
        });
        Ok(Self { port, certificate: Some(Certificate { pem: made.cert.pem() }) })
    }
}

fn serve(listener: TcpListener, session: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) {
    let session = Arc::new(session);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = session.clone();
            let named = thread::Builder::new().name("sink".into());
            // A client that goes away is nothing to tell.
            let _ = named.spawn(move || stream.set_nodelay(true).and_then(|()| session(stream)));
        }
    });
}

#[derive(Clone, Copy)]
enum State {
    Command,
    Data,
    /// So many octets of a chunk are missing.
    Chunk(usize),
    Quit,
}

fn session(mut stream: impl Read + Write, quick: &TcpStream) -> io::Result<()> {
    stream.write_all(b"220 sink ESMTP\r\n")?;
    stream.flush()?;
    let (mut buffer, mut filled) = (vec![0; 256 * 1024], 0);
    let (mut state, mut replies) = (State::Command, Vec::new());
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        quick.set_quickack(true)?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let used = take(&buffer[..filled], &mut state, &mut replies);
        buffer.copy_within(used..filled, 0);
        filled -= used;
        if !replies.is_empty() {
            stream.write_all(&replies)?;
            stream.flush()?;
            replies.clear();
        }
        if matches!(state, State::Quit) {
            return Ok(());
        }
    }
}

/// Takes what is whole from the front; gives how many octets that were.
fn take(input: &[u8], state: &mut State, replies: &mut Vec<u8>) -> usize {
    let mut used = 0;
    loop {
        let rest = &input[used..];
        match state {
            State::Command => {
                let Some(end) = memchr::memchr(b'\n', rest) else {
                    return used;
                };
                *state = command(&rest[..end], replies);
                used += end + 1;
            }
            State::Data => {
                let Some(at) = memmem::find(rest, b"\r\n.\r\n") else {
                    return used + rest.len().saturating_sub(4);
                };
                replies.extend(b"250 2.0.0 taken\r\n");
                *state = State::Command;
                used += at + 5;
            }
            State::Chunk(missing) if *missing > rest.len() => {
                *missing -= rest.len();
                return input.len();
            }
            State::Chunk(missing) => {
                used += *missing;
                replies.extend(b"250 2.0.0 taken\r\n");
                *state = State::Command;
            }
            State::Quit => return used,
        }
    }
}

fn command(line: &[u8], replies: &mut Vec<u8>) -> State {
    let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
    match &verb[..] {
        b"EHLO" => replies.extend(EHLO),
        b"DATA" => {
            replies.extend(b"354 go on\r\n");
            return State::Data;
        }
        b"BDAT" => {
            let size = line[4..].split(|b| b.is_ascii_whitespace()).find(|w| !w.is_empty());
            let size = size.and_then(|w| std::str::from_utf8(w).ok()).and_then(|w| w.parse().ok());
            return State::Chunk(size.unwrap_or(0));
        }
        b"QUIT" => {
            replies.extend(b"221 2.0.0 bye\r\n");
            return State::Quit;
        }
        _ => replies.extend(b"250 2.0.0 ok\r\n"),
    }
    State::Command
}

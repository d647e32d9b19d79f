use super::naive;
use super::pop3_session::LIMITS;
use postrider_pop3::{
    Client, Config, Credentials, Endpoint, ErrorKind, Security, Stream, Timeouts, Transcript,
};
use std::io;
use std::mem::Discriminant;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The password as it is, and as it stands in AUTH PLAIN and in AUTH LOGIN.
const SECRETS: [&[u8]; 3] = [b"hunter2", b"AGFkYQBodW50ZXIy", b"aHVudGVyMg=="];

/// A script needs no clock: none of these moments comes.
const NEVER: Timeouts = Timeouts {
    connect: Duration::MAX,
    greeting: Duration::MAX,
    reply: Duration::MAX,
    body_idle: Duration::MAX,
    body_octets: 1,
    quit: Duration::MAX,
    session: None,
};

/// The input plays a POP3 server while a client with a password opens its session over TLS: its first octet says how it is cut into
/// reads (16 ways) and whether TLS is wanted only where it is offered (32); the rest is what the server says, line by line.
///
/// * CAPA and STLS are said in clear text, and nothing else, whatever the client is told (RFC 2595 §4).
/// * No secret is shown, neither in the transcript nor in an error.
/// * How the input is cut never matters.
pub fn pop3_opening(input: &[u8]) {
    let (&how, server) = input.split_first().unwrap_or((&0, &[]));
    let cut = usize::from(how % 16) + 1;
    let security = match how & 32 {
        0 => Security::StartTls,
        _ => Security::StartTlsIfOffered,
    };
    let whole = Opened::of(config(security), server, server.len().max(1));
    let pieces = Opened::of(config(security), server, cut);
    assert_eq!(whole, pieces, "the opening depends on the chunks");
    for line in whole.written.split_inclusive(|octet| *octet == b'\n') {
        let permitted = matches!(line, b"CAPA\r\n" | b"STLS\r\n");
        assert!(permitted, "{:?} in clear text", line.escape_ascii());
    }
    // A fuzzer may learn the password and let the server say it: then it is no secret. Its first letter may be the last one of
    // what a control character is shown as.
    let secrets = SECRETS.iter().filter(|secret| !has(server, &secret[1..]));
    for secret in secrets {
        assert!(!has(whole.shown.as_bytes(), secret), "a secret shown");
    }
}

fn has(text: &[u8], word: &[u8]) -> bool {
    naive::occurrences(text, word) > 0
}

/// A client with a password.
fn config(security: Security) -> Config {
    let endpoint = Endpoint::new("pop.example.org", 110).expect("a host");
    let credentials = Credentials::password("ada", "hunter2").expect("credentials");
    Config::new(endpoint)
        .security(security)
        .credentials(credentials)
        .timeouts(NEVER)
        .limits(LIMITS)
}

/// What came of an opening in clear text.
#[derive(Debug, PartialEq)]
struct Opened {
    /// What was written, up to where TLS begins.
    written: Vec<u8>,
    /// Transcript and error, as a person sees them.
    shown: String,
    /// Why it ended; `None` if the session is as far as it can go.
    end: Option<Discriminant<ErrorKind>>,
}

impl Opened {
    fn of(config: Config, server: &[u8], cut: usize) -> Self {
        let (transcript, lines) = Transcript::in_memory();
        let written = Arc::default();
        let script = Script {
            rest: server.to_vec(),
            cut,
            begins: true,
            is_due: true,
            written: Arc::clone(&written),
        };
        let config = config.transcript(transcript);
        let opened = ready(Client::over(Stream::from_io(script), &config));
        let mut shown: String = lines().iter().map(|line| format!("{line}\n")).collect();
        let end = opened.err().map(|error| {
            shown += &format!("{error} {error:?}");
            std::mem::discriminant(error.kind())
        });
        let written = written.lock().expect("nobody has it").clone();
        Self {
            written,
            shown,
            end,
        }
    }
}

/// The script waits for nothing but its next turn, so neither does what is built on it.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// A link to a server that speaks in turn, line by line; what it is told changes nothing of what it says.
struct Script {
    rest: Vec<u8>,
    /// The longest read.
    cut: usize,
    /// No line is half read.
    begins: bool,
    /// The next read finds something. After each one comes a pause, in which a client that looks whether more is there finds
    /// nothing and goes on.
    is_due: bool,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Script {
    /// What the next read finds: of one line at most. Where the server agrees to STLS, the script is over: what follows is TLS.
    fn says(&mut self) -> Vec<u8> {
        let asked = self.written.lock().expect("nobody has it");
        if self.begins && asked.ends_with(b"STLS\r\n") && self.rest.starts_with(b"+OK") {
            return Vec::new();
        }
        let end = self.rest.iter().position(|octet| *octet == b'\n');
        let line = end.map_or(self.rest.len(), |end| end + 1);
        self.begins = line <= self.cut;
        self.rest.drain(..line.min(self.cut)).collect()
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_due = !self.is_due;
        if self.is_due {
            return Poll::Pending;
        }
        self.cut = self.cut.min(buffer.remaining());
        buffer.put_slice(&self.says());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_due = true;
        let mut written = self.written.lock().expect("nobody has it");
        written.extend_from_slice(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that would take a login in clear text, and what it says to STLS.
    fn server(capabilities: &str, to_stls: &str) -> Vec<u8> {
        let greeting = "+OK ready\r\n+OK\r\n";
        let login = "+OK\r\n+OK\r\n+OK\r\nUIDL\r\n.\r\n";
        format!("{greeting}{capabilities}.\r\n{to_stls}{login}").into_bytes()
    }

    fn opened(security: Security, server: &[u8]) -> (String, Option<Discriminant<ErrorKind>>) {
        let opened = Opened::of(config(security), server, 3);
        (String::from_utf8(opened.written).unwrap(), opened.end)
    }

    #[test]
    fn a_login_in_clear_text_would_be_seen() {
        let config = config(Security::None).danger_allow_clear_text_credentials();
        let opened = Opened::of(config, &server("USER\r\n", ""), 3);
        let written = String::from_utf8(opened.written).unwrap();
        assert_eq!(written, "CAPA\r\nUSER ada\r\nPASS hunter2\r\nCAPA\r\n");
        assert_eq!(opened.end, None, "{}", opened.shown);
        assert!(!opened.shown.contains("hunter2"), "{}", opened.shown);
    }

    #[test]
    fn no_login_follows_an_stls_that_is_refused_or_missing() {
        let refused = server("STLS\r\nUSER\r\nSASL PLAIN\r\n", "-ERR not today\r\n");
        let missing = server("USER\r\nSASL PLAIN\r\n", "");
        for (security, server, expected) in [
            (Security::StartTls, &refused, "CAPA\r\nSTLS\r\n"),
            (Security::StartTls, &missing, "CAPA\r\n"),
            (Security::StartTlsIfOffered, &refused, "CAPA\r\nSTLS\r\n"),
            (Security::StartTlsIfOffered, &missing, "CAPA\r\n"),
        ] {
            let (written, end) = opened(security, server);
            assert_eq!(written, expected, "{security}");
            assert!(end.is_some(), "{security}: the session is open");
        }
    }

    #[test]
    fn the_script_is_over_where_tls_begins() {
        let agrees = server("STLS\r\nUSER\r\n", "+OK begin\r\n");
        let (written, end) = opened(Security::StartTls, &agrees);
        assert_eq!(written, "CAPA\r\nSTLS\r\n");
        assert!(end.is_some(), "the script went on");
    }
}

//! The blocking driver, over loopback sockets.
#![cfg(feature = "blocking")]
#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use postrider_smtp::blocking::Client;
use postrider_smtp::content::{self, Content, Rewind, Source};
use postrider_smtp::{
    Config, Endpoint, ErrorKind, LineEnds, Mail, Outcome, Pipelining, Protocol, RecipientOutcome,
    Security, Stage, Timeouts,
};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::task::{Context, Poll, Waker};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;
use support::{BODY, BODY_ON_THE_WIRE, Chunking, Server, envelope};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

fn config(listener: &TcpListener) -> Config {
    let port = listener.local_addr().unwrap().port();
    Config::new(Endpoint::new("127.0.0.1", port).unwrap())
        .security(Security::None)
        .timeouts(Timeouts::all(Duration::from_secs(10)))
}

/// Runs a scripted server on a thread, for one connection.
fn serve(server: Server) -> (Config, JoinHandle<Server>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(&listener);
    let thread = spawn(move || converse(listener.accept().unwrap().0, server.start()));
    (config, thread)
}

fn converse(mut peer: TcpStream, mut server: Server) -> Server {
    let mut buffer = [0; 4096];
    loop {
        peer.write_all(&server.take(Chunking::Whole)).unwrap();
        if server.closed {
            return server;
        }
        match peer.read(&mut buffer) {
            Ok(0) | Err(_) => return server,
            Ok(n) => server.feed(&buffer[..n]),
        }
    }
}

#[test]
fn mails_go_out_at_every_level() {
    for level in [
        Pipelining::Off,
        Pipelining::Flight,
        Pipelining::LookAhead,
        Pipelining::Chunked,
    ] {
        let (config, thread) = serve(Server::new());
        let mut client = Client::connect(&config.pipelining(level)).unwrap();
        let envelope = envelope();
        let mails = [Mail::new(&envelope, MESSAGE), Mail::new(&envelope, BODY)];
        let outcomes = client.send_all(&mails);
        assert!(outcomes.iter().flatten().all(RecipientOutcome::is_accepted));
        assert!(client.is_usable());
        client.quit();
        let log = thread.join().unwrap().log;
        assert!(log.contains(&BODY_ON_THE_WIRE.to_owned()));
        assert_eq!(log.last().unwrap(), "QUIT");
    }
}

#[test]
fn a_refused_recipient_and_a_lost_connection_are_told_as_they_are() {
    let server = Server::new()
        .on("RCPT TO:<r2", &["550 5.1.1 no\r\n"])
        .on("end", &["<close>"]);
    let (config, thread) = serve(server);
    let mut client = Client::connect(&config).unwrap();
    let outcomes = client.send(&envelope(), MESSAGE);
    let verdicts: Vec<Outcome> = outcomes.iter().map(|o| o.outcome).collect();
    assert_eq!(
        verdicts,
        [Outcome::Unknown, Outcome::Refused, Outcome::Unknown]
    );
    assert!(!client.is_usable());
    thread.join().unwrap();
}

#[test]
fn a_silent_server_ends_in_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(&listener).timeouts(Timeouts::all(Duration::from_millis(100)));
    let error = Client::connect(&config).unwrap_err();
    assert_eq!(error.stage(), Stage::Greeting);
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
}

#[test]
fn t5k_a_refusal_during_a_large_message_stops_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(&listener);
    let thread = spawn(move || {
        let mut peer = listener.accept().unwrap().0;
        let (mut read, mut buffer) = (Vec::new(), [0; 512]);
        for (until, say) in [
            ("", "220 x\r\n"),
            ("EHLO [127.0.0.1]\r\n", "250-x\r\n250 PIPELINING\r\n"),
            (
                "DATA\r\n",
                "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n550 no\r\n",
            ),
        ] {
            while !read.ends_with(until.as_bytes()) {
                let n = peer.read(&mut buffer).unwrap();
                read.extend_from_slice(&buffer[..n]);
            }
            peer.write_all(say.as_bytes()).unwrap();
        }
        peer
    });
    let mut client = Client::connect(&config).unwrap();
    // More than the system buffers on its own.
    let message = vec![b'x'; 64 << 20];
    let outcomes = client.send(&envelope(), &message);
    assert_eq!(outcomes[0].outcome, Outcome::Refused, "{}", outcomes[0]);
    assert_eq!(outcomes[0].stage, Stage::Content);
    thread.join().unwrap();
}

#[test]
fn what_came_while_idle_is_seen_before_anything_is_written() {
    let (config, thread) = serve(Server::new().on("end", &["250 queued\r\n<close>"]));
    let mut client = Client::connect(&config).unwrap();
    assert!(client.send(&envelope(), MESSAGE)[0].is_accepted());
    thread.join().unwrap();
    let outcomes = client.send(&envelope(), MESSAGE);
    assert_eq!(outcomes[0].outcome, Outcome::Deferred);
    assert!(!client.is_usable());
}

#[test]
fn a_message_is_read_while_it_is_sent() {
    let line = ".a line of a large message\r\n";
    let message = format!("Subject: x\r\n\r\n{}", line.repeat(10_000));
    let length = message.len() as u64;
    for level in [Pipelining::Off, Pipelining::LookAhead, Pipelining::Chunked] {
        let server = Server::new().offering(&["PIPELINING", "8BITMIME", "SIZE", "CHUNKING"]);
        let (config, thread) = serve(server);
        let mut client = Client::connect(&config.pipelining(level)).unwrap();
        let mut content = content::from_read(std::io::Cursor::new(message.clone()));
        let source = Source::rewindable(&mut content).length(length);
        let outcomes = client.send_from(&envelope(), source);
        assert!(
            outcomes.iter().all(RecipientOutcome::is_accepted),
            "{outcomes:?}"
        );
        let mut short = content::from_read(std::io::Cursor::new(message.clone()));
        let source = Source::rewindable(&mut short).length(length + 1);
        let outcomes = client.send_from(&envelope(), source);
        assert_eq!(outcomes[0].outcome, Outcome::Deferred);
        assert_eq!(outcomes[0].stage, Stage::Content);
        assert_eq!(client.is_usable(), level == Pipelining::Chunked);
        drop(client);
        let log = thread.join().unwrap().log;
        let ends = |l: &&String| l.ends_with("\r\n.\r\n") || l.ends_with(" LAST");
        assert_eq!(log.iter().filter(ends).count(), 1, "{level:?}");
    }
}

/// Neither the message from its start again nor an LF whose CR came before is anything to be written.
#[test]
fn no_reply_is_waited_for_while_more_of_a_message_is_wanted() {
    let mut times = Timeouts::default();
    times.message = Duration::from_secs(20);
    let line = "a line of a large message\r\n";
    let message = format!("Subject: x\r\n\r\n{}", line.repeat(10_000));
    let (front, lf) = message.split_at(message.len() - 1);
    let mut parts: Vec<Bytes> = [lf, front]
        .into_iter()
        .map(|part| Bytes::copy_from_slice(part.as_bytes()))
        .collect();
    let mut torn = content::from_fn(|_| Poll::Ready(Ok(parts.pop().unwrap_or_default())));
    let mut again = content::from_octets(message.clone());
    for (source, limit) in [
        (Source::once(&mut torn), "LIMITS RCPTMAX=3"),
        (Source::rewindable(&mut again), "LIMITS RCPTMAX=1"),
    ] {
        let (config, thread) = serve(Server::new().offering(&["PIPELINING", limit]));
        let mut client = Client::connect(&config.timeouts(times)).unwrap();
        let outcomes = client.send_from(&envelope(), source);
        assert!(
            outcomes.iter().all(RecipientOutcome::is_accepted),
            "{limit}: {outcomes:?}"
        );
        client.quit();
        let log = thread.join().unwrap().log;
        assert!(log.contains(&format!("{message}.\r\n")));
    }
}

#[test]
fn a_socket_of_the_callers_own_is_spoken_over_like_any_other() {
    let (config, thread) = serve(Server::new().offering(&["SIZE 1000"]));
    let address = (config.endpoint().host(), config.endpoint().port());
    let socket = TcpStream::connect(address).unwrap();
    let mut client = Client::connect_over(&config, socket).unwrap();
    assert_eq!(client.endpoint(), config.endpoint());
    assert!(!client.is_tls());
    assert!(!client.capabilities().server_name().is_empty());
    assert!(client.send(&envelope(), MESSAGE)[0].is_accepted());
    client.quit();
    let log = thread.join().unwrap().log;
    assert!(log.iter().any(|line| line.starts_with("QUIT")), "{log:?}");
}

#[test]
fn content_that_cannot_be_begun_writes_nothing() {
    let (config, thread) = serve(Server::new());
    let mut client = Client::connect(&config).unwrap();
    let mut fails = content::from_fn(|_| Poll::Ready(Err(io::ErrorKind::NotFound.into())));
    let outcomes = client.send_from(&envelope(), Source::once(&mut fails));
    assert_eq!(outcomes[0].outcome, Outcome::Deferred);
    assert_eq!(outcomes[0].stage, Stage::Local);
    let mut late = content::from_fn(|_| Poll::Pending);
    let outcomes = client.send_from(&envelope(), Source::once(&mut late));
    assert_eq!(
        outcomes[0].stage,
        Stage::Local,
        "there is nobody to wake us"
    );
    assert!(client.is_usable());
    client.quit();
    let log = thread.join().unwrap().log;
    assert!(!log.iter().any(|line| line.starts_with("MAIL")), "{log:?}");
}

#[test]
fn content_that_is_not_there_when_it_is_asked_for_never_gets_its_dot() {
    let (config, thread) = serve(Server::new());
    let mut client = Client::connect(&config).unwrap();
    let line = "a line of a large message\r\n";
    let start = format!("Subject: x\r\n\r\n{}", line.repeat(10_000));
    let mut start = Some(Bytes::from(start));
    let mut stalls = content::from_fn(|_| match start.take() {
        Some(start) => Poll::Ready(Ok(start)),
        None => Poll::Pending,
    });
    let outcomes = client.send_from(&envelope(), Source::once(&mut stalls));
    assert_eq!(outcomes[0].outcome, Outcome::Deferred);
    assert_eq!(outcomes[0].stage, Stage::Content);
    assert!(!client.is_usable());
    drop(client);
    let log = thread.join().unwrap().log;
    assert!(!log.iter().any(|line| line.ends_with("\r\n.\r\n")));
}

#[test]
fn rfc2033_lmtp_is_spoken_where_it_is_asked_for() {
    let greeting = "250-evil\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
    let (config, thread) = serve(Server::new().on("LHLO", &[greeting]));
    let config = config.protocol(Protocol::Lmtp).line_ends(LineEnds::Reject);
    let mut client = Client::connect(&config).unwrap();
    let bare = client.send(&envelope(), b"Subject: x\r\n\r\na\nb");
    assert_eq!(bare[0].stage, Stage::Local, "{bare:?}");
    drop(client);
    let log = thread.join().unwrap().log;
    assert!(log.iter().any(|line| line.starts_with("LHLO ")), "{log:?}");
    assert!(!log.iter().any(|line| line.starts_with("MAIL")), "{log:?}");
}

#[test]
fn content_is_read_on_after_an_interruption_and_from_the_start_again() {
    /// Interrupted once, then it reads, and at the end it fails if it is told to.
    struct Reads(bool, std::io::Cursor<&'static [u8]>, Option<io::ErrorKind>);
    impl Read for Reads {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if !std::mem::replace(&mut self.0, true) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match (self.1.read(buffer)?, self.2) {
                (0, Some(kind)) => Err(kind.into()),
                (octets, _) => Ok(octets),
            }
        }
    }
    impl io::Seek for Reads {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.1.seek(to)
        }
    }
    let mut context = Context::from_waker(Waker::noop());
    let mut reader = content::from_read(Reads(false, std::io::Cursor::new(MESSAGE), None));
    for _ in 0..2 {
        let Poll::Ready(Ok(chunk)) = reader.poll_chunk(&mut context) else {
            unreachable!("it waits for nobody");
        };
        assert_eq!(chunk, MESSAGE);
        assert!(reader.poll_rewind(&mut context).is_ready());
    }
    let broken = Some(io::ErrorKind::BrokenPipe);
    let mut reader = content::from_read(Reads(true, std::io::Cursor::new(MESSAGE), broken));
    assert!(matches!(
        reader.poll_chunk(&mut context),
        Poll::Ready(Err(_))
    ));
    let mut octets = content::from_octets(MESSAGE);
    assert!(octets.poll_chunk(&mut context).is_ready());
    assert_eq!(
        format!("{octets:?}"),
        format!("Octets(0 of {})", MESSAGE.len())
    );
}

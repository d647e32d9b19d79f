//! POP3: three messages fetched and deleted.

use super::faulty::{Fault, Faulty};
use super::{FATAL, HARMLESS};
use postrider_pop3::{
    Client, Config, Credentials, Endpoint, Error, MessageNumber, Retrieved, Security, Timeouts,
};
use postrider_wire::Stream;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex};
use tokio::time::Instant;

/// On the wire, and as they are.
const MESSAGES: [(&str, &str); 3] = [
    ("Subject: a\r\n\r\n..dot\r\n", "Subject: a\r\n\r\n.dot\r\n"),
    ("\r\n", "\r\n"),
    (
        "Subject: c\r\n\r\nlong line\r\n...\r\n",
        "Subject: c\r\n\r\nlong line\r\n..\r\n",
    ),
];

/// What the server saw.
#[derive(Default)]
struct Maildrop {
    marked: Vec<u32>,
    /// Removed at QUIT.
    deleted: Vec<u32>,
}

async fn serve(pipe: DuplexStream, pipelining: bool) -> Maildrop {
    let (mut peer, mut maildrop) = (BufStream::new(pipe), Maildrop::default());
    let _ = peer.write_all(b"+OK ready\r\n").await;
    loop {
        let mut line = String::new();
        if peer.flush().await.is_err()
            || !matches!(peer.read_line(&mut line).await, Ok(1..))
            || !line.ends_with('\n')
        {
            return maildrop;
        }
        let mut words = line.split_whitespace();
        let (verb, number) = (
            words.next().unwrap_or_default(),
            words.next().and_then(|n| n.parse::<u32>().ok()),
        );
        let reply = match (verb, number) {
            ("CAPA", _) if pipelining => "+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n".to_owned(),
            ("CAPA", _) => "+OK\r\nUSER\r\nUIDL\r\n.\r\n".to_owned(),
            ("STAT", _) => "+OK 3 60\r\n".to_owned(),
            ("LIST", None) => "+OK\r\n1 22\r\n2 2\r\n3 31\r\n.\r\n".to_owned(),
            ("LIST", Some(number)) => {
                format!("+OK {number} {}\r\n", MESSAGES[number as usize - 1].1.len())
            }
            ("UIDL", None) => "+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n".to_owned(),
            ("RETR", Some(number)) => format!("+OK\r\n{}.\r\n", MESSAGES[number as usize - 1].0),
            ("DELE", Some(number)) => {
                maildrop.marked.push(number);
                "+OK marked\r\n".to_owned()
            }
            ("QUIT", _) => {
                maildrop.deleted = maildrop.marked.clone();
                let _ = peer.write_all(b"+OK bye\r\n").await;
                let _ = peer.flush().await;
                return maildrop;
            }
            _ => "+OK\r\n".to_owned(),
        };
        let _ = peer.write_all(reply.as_bytes()).await;
    }
}

#[derive(Default)]
struct Seen {
    /// The messages of which the end was told, with their octets.
    whole: BTreeMap<u32, Vec<u8>>,
    deleted: usize,
    result: Option<Result<(), Error>>,
    took: Duration,
    /// How many passed, one way or the other.
    octets: usize,
}

async fn play(pipelining: bool, fault: Fault, at: usize) -> (Seen, Maildrop) {
    let begun = Instant::now();
    let (near, far) = duplex(16 * 1024);
    let server = tokio::spawn(serve(far, pipelining));
    let timeouts = Timeouts {
        session: Some(Duration::from_secs(600)),
        ..Timeouts::default()
    };
    let config = Config::new(Endpoint::new("pop.example.org", 110).unwrap())
        .security(Security::None)
        .credentials(Credentials::password("ada", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials()
        .timeouts(timeouts);
    let mut seen = Seen::default();
    let faulty = Faulty::new(near, fault, at);
    let passed = faulty.passed();
    seen.result = Some(session(&config, Stream::from_io(faulty), &mut seen).await);
    seen.took = begun.elapsed();
    seen.octets = passed.octets();
    (seen, server.await.unwrap())
}

async fn session(config: &Config, stream: Stream, seen: &mut Seen) -> Result<(), Error> {
    let mut client = Client::over(stream, config).await?;
    assert_eq!(client.stat().await?.count, 3);
    assert_eq!(client.list().await?.len(), 3);
    assert_eq!(client.uidl().await?.len(), 3);
    let numbers: Vec<_> = MessageNumber::all(3).collect();
    let mut body = Vec::new();
    let fetched = client.retr_many(&numbers, |retrieved| {
        match retrieved {
            Retrieved::Chunk { bytes, .. } => body.extend_from_slice(bytes),
            Retrieved::End { number, .. } => {
                seen.whole.insert(number.value(), std::mem::take(&mut body));
            }
            Retrieved::Refused { number, reply } => panic!("{number}: {reply:?}"),
        }
        ControlFlow::Continue(())
    });
    fetched.await?;
    seen.deleted = client
        .dele_many(&numbers)
        .await?
        .iter()
        .filter(|(_, reply)| reply.is_ok())
        .count();
    client.quit().await
}

fn is_whole(seen: &Seen, what: &str) {
    assert!(
        matches!(seen.result, Some(Ok(()))),
        "{what}: {:?}",
        seen.result
    );
    assert_eq!((seen.whole.len(), seen.deleted), (3, 3), "{what}");
}

fn is_true(seen: &Seen, maildrop: &Maildrop, what: &str) {
    assert!(
        seen.took <= Duration::from_secs(700),
        "{what}: {:?}",
        seen.took
    );
    for (number, octets) in &seen.whole {
        assert_eq!(
            octets,
            MESSAGES[*number as usize - 1].1.as_bytes(),
            "{what}: message {number}"
        );
    }
    // Nothing is asked to be deleted before all are whole, and nothing is told deleted that was not asked.
    assert!(
        maildrop.marked.is_empty() || seen.whole.len() == 3,
        "{what}: {:?}",
        maildrop.marked
    );
    assert!(seen.deleted <= maildrop.marked.len(), "{what}");
    if let Some(Ok(())) = &seen.result {
        assert_eq!(maildrop.deleted, [1, 2, 3], "{what}");
    }
}

/// Every byte that passes in a dialogue without faults, and some more.
const BYTES: usize = 330;

#[tokio::test(start_paused = true)]
async fn a_connection_that_fails_at_any_byte_never_makes_a_message_whole_that_is_not() {
    let mut cut_short = 0;
    for pipelining in [false, true] {
        for fault in FATAL {
            for at in 0..BYTES {
                let what = format!("pipelining {pipelining}, {fault:?} at {at}");
                let (seen, maildrop) = play(pipelining, *fault, at).await;
                is_true(&seen, &maildrop, &what);
                cut_short += usize::from(
                    seen.result.is_some_and(|result| result.is_err()) && !seen.whole.is_empty(),
                );
            }
            let what = format!("pipelining {pipelining}, {fault:?} beyond the end");
            let (seen, maildrop) = play(pipelining, *fault, 100_000).await;
            is_true(&seen, &maildrop, &what);
            is_whole(&seen, &what);
            assert!(seen.octets < BYTES, "{what}: {} octets", seen.octets);
        }
    }
    assert!(
        cut_short > 100,
        "{cut_short}: hardly ever between two messages"
    );
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_that_end_at_any_byte_change_nothing() {
    for pipelining in [false, true] {
        for fault in HARMLESS {
            for at in 0..BYTES {
                let what = format!("pipelining {pipelining}, {fault:?} at {at}");
                let (seen, maildrop) = play(pipelining, *fault, at).await;
                is_true(&seen, &maildrop, &what);
                is_whole(&seen, &what);
            }
        }
    }
}

//! Memory stays flat, whatever a server sends: the peak of the process, as the kernel counts it.

#![cfg(all(feature = "sync", feature = "tokio", target_os = "linux"))]
// Each test has a runtime of its own: whoever holds the lock is never kept waiting by another one's task.
#![allow(clippy::unwrap_used, clippy::panic, clippy::await_holding_lock)]

use postrider_pop3::sync::{Files, Mailbox, Policy};
use postrider_pop3::{
    Client, Config, Connection, Credentials, Endpoint, Error, ErrorKind, Event, Limits, Security,
    Violation,
};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The peak is that of the whole process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

/// How far the peak rises above what is there already, in MiB.
struct Peak(u64);

impl Peak {
    fn start() -> Self {
        // proc(5): 5 resets the peak resident set size.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        Self(kib("VmRSS:"))
    }

    fn at_most(self, mib: u64) {
        let risen = kib("VmHWM:").saturating_sub(self.0) / 1024;
        assert!(risen <= mib, "{risen} MiB, and not {mib}");
    }
}

const MIB: usize = 1 << 20;

/// A line of 76 characters.
const LINE: &str =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";

/// So many octets of lines.
fn lines(octets: usize) -> Vec<u8> {
    LINE.bytes().cycle().take(octets / 78 * 78).collect()
}

/// A server that answers some commands with a beginning, then with so many times a piece, then with an end, and then waits.
fn flood(answers: Vec<(&'static str, String, Vec<u8>, usize, &'static str)>) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut commands = BufReader::new(peer.try_clone().unwrap()).lines();
        let greeting = std::iter::once(Ok(String::new()));
        let mut commands = greeting.chain(&mut commands);
        while let Some(Ok(command)) = commands.next() {
            let one = command.strip_prefix("LIST ");
            let one = one.map(|number| ("", format!("+OK {number} 60\r\n"), Vec::new(), 0, ""));
            let mut all = one.iter().chain(&answers);
            let answer = all.find(|(start, ..)| {
                one.is_some()
                    || match *start {
                        "" => command.is_empty(),
                        start => command.starts_with(start),
                    }
            });
            let (begin, piece, times, end) = match answer {
                Some((_, begin, piece, times, end)) => (begin.as_str(), &piece[..], *times, *end),
                None => ("+OK\r\n", &[][..], 0, ""),
            };
            let sent = peer
                .write_all(begin.as_bytes())
                .and_then(|()| (0..times).try_for_each(|_| peer.write_all(piece)))
                .and_then(|()| peer.write_all(end.as_bytes()));
            if sent.is_err() {
                return;
            }
        }
    });
    Endpoint::new("127.0.0.1", port).unwrap()
}

const CAPA: &str = "+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n";

fn capa() -> (&'static str, String, Vec<u8>, usize, &'static str) {
    ("CAPA", CAPA.to_owned(), Vec::new(), 0, "")
}

fn config(endpoint: Endpoint) -> Config {
    Config::new(endpoint)
        .security(Security::None)
        .credentials(Credentials::password("ada", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials()
}

fn violation(error: &Error) -> &Violation {
    match error.kind() {
        ErrorKind::Violation(violation) => violation,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn s7_a_message_without_end_is_stopped_at_twice_its_size_and_never_held() {
    let _alone = alone();
    // 24 MiB by LIST; a quarter of a GiB comes.
    let size = 24 * MIB;
    let endpoint = flood(vec![
        capa(),
        (
            "LIST",
            format!("+OK\r\n1 {size}\r\n.\r\n"),
            Vec::new(),
            0,
            "",
        ),
        ("RETR", "+OK\r\n".to_owned(), lines(MIB), 256, ""),
    ]);
    let mut client = Client::connect(&config(endpoint)).await.unwrap();
    let number = client.list().await.unwrap()[0].number;
    let mut received = 0;
    let peak = Peak::start();
    let error = client
        .retr(number, |bytes| received += bytes.len())
        .await
        .unwrap_err();
    peak.at_most(4);
    assert!(
        matches!(violation(&error), Violation::MessageTooLarge { .. }),
        "{error}"
    );
    let limit = 2 * size + (64 << 10);
    assert!(
        (limit - MIB..=limit).contains(&received),
        "{received} of {limit}"
    );
}

#[tokio::test]
async fn s8_listings_without_end_are_stopped_at_the_count_of_stat() {
    let _alone = alone();
    let uid = format!("1 {}\r\n", "u".repeat(65)).into_bytes();
    for command in ["UIDL", "LIST"] {
        let line = match command {
            "UIDL" => uid.clone(),
            _ => b"1 60\r\n".to_vec(),
        };
        let endpoint = flood(vec![
            capa(),
            ("STAT", "+OK 1 60\r\n".to_owned(), Vec::new(), 0, ""),
            (command, "+OK\r\n".to_owned(), line.repeat(10_000), 100, ""),
        ]);
        let mut client = Client::connect(&config(endpoint)).await.unwrap();
        client.stat().await.unwrap();
        let peak = Peak::start();
        let error = match command {
            "UIDL" => client.uidl().await.map(drop).unwrap_err(),
            _ => client.list().await.map(drop).unwrap_err(),
        };
        peak.at_most(2);
        violation(&error);
    }
}

#[tokio::test]
async fn s8_capabilities_without_end_are_stopped() {
    let _alone = alone();
    let piece = b"X-CAPABILITY\r\n".repeat(10_000);
    let endpoint = flood(vec![("CAPA", "+OK\r\n".to_owned(), piece, 500, "")]);
    let peak = Peak::start();
    let error = Client::connect(&config(endpoint)).await.unwrap_err();
    peak.at_most(2);
    violation(&error);
}

#[tokio::test]
async fn s6_a_status_line_without_end_is_stopped() {
    let _alone = alone();
    for at in ["", "CAPA"] {
        let endpoint = flood(vec![(
            at,
            "+OK ".to_owned(),
            vec![b'a'; 10_000],
            10_000,
            "",
        )]);
        let peak = Peak::start();
        let error = Client::connect(&config(endpoint)).await.unwrap_err();
        peak.at_most(2);
        violation(&error);
    }
}

#[test]
fn s8_a_listing_is_never_longer_than_its_limit() {
    let _alone = alone();
    let limits = Limits::default();
    assert_eq!(limits.max_entries, 1_000_000);
    let mut pop3 = Connection::new(Limits {
        max_entries: 100_000,
        ..limits
    });
    let mut input = bytes::BytesMut::from("+OK\r\n");
    let mut out = bytes::BytesMut::new();
    let drain = |pop3: &mut Connection, input: &mut bytes::BytesMut| {
        let mut items = 0;
        loop {
            match pop3.receive(input) {
                Ok(Some(Event::UniqueId(_))) => items += 1,
                Ok(Some(_)) => {}
                Ok(None) => return Ok(items),
                Err(violation) => return Err((violation, items)),
            }
        }
    };
    drain(&mut pop3, &mut input).unwrap();
    for (command, answer) in [
        (
            postrider_pop3::Command::User(postrider_pop3::UserName::new("ada").unwrap()),
            "+OK\r\n",
        ),
        (
            postrider_pop3::Command::Pass(
                postrider_pop3::Password::new(postrider_pop3::Secret::new("x")).unwrap(),
            ),
            "+OK\r\n",
        ),
        (postrider_pop3::Command::Uidl(None), "+OK\r\n"),
    ] {
        pop3.send(&command, &mut out).unwrap();
        input.extend_from_slice(answer.as_bytes());
        drain(&mut pop3, &mut input).unwrap();
    }
    let peak = Peak::start();
    let (mut listed, mut number) = (0, 0);
    let ended = loop {
        let mut piece = String::new();
        for _ in 0..10_000 {
            number += 1;
            piece.push_str(&format!("{number} {}\r\n", "u".repeat(65)));
        }
        input.extend_from_slice(piece.as_bytes());
        match drain(&mut pop3, &mut input) {
            Ok(items) => listed += items,
            Err((_, items)) => break listed + items,
        }
        assert!(number < 200_000, "nobody stops it");
    };
    assert_eq!(ended, 100_000);
    peak.at_most(4);
}

#[tokio::test]
async fn messages_of_10_mib_pass_through_a_sync_without_being_held() {
    let _alone = alone();
    let folder = std::env::temp_dir().join(format!("postrider-memory-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let piece = lines(MIB);
    let (count, size) = (12, piece.len() * 10);
    let listing = |item: &dyn Fn(usize) -> String| {
        let lines: String = (1..=count)
            .map(|n| format!("{n} {}\r\n", item(n)))
            .collect();
        format!("+OK\r\n{lines}.\r\n")
    };
    let endpoint = flood(vec![
        capa(),
        (
            "STAT",
            format!("+OK {count} {}\r\n", count * size),
            Vec::new(),
            0,
            "",
        ),
        ("LIST", listing(&|_| size.to_string()), Vec::new(), 0, ""),
        ("UIDL", listing(&|n| format!("uid{n}")), Vec::new(), 0, ""),
        ("RETR", "+OK\r\n".to_owned(), piece, 10, ".\r\n"),
    ]);
    let store = Files::open(folder.join("mail")).unwrap();
    let mut mailbox = Mailbox::open(config(endpoint), folder.join("journal"), store)
        .unwrap()
        .policy(Policy {
            group: 4,
            ..Policy::default()
        });
    let peak = Peak::start();
    let summary = mailbox.sync(|_| {}).await.unwrap();
    peak.at_most(8);
    assert_eq!(summary.octets, (count * size) as u64);
    fs::remove_dir_all(&folder).unwrap();
}

//! Answers that are out of step with the commands: whatever is lost, doubled or too much, no message is taken for another.

#![cfg(all(feature = "sync", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::driver::config;
use common::server::{Act, Server, say};
use postrider_pop3::sync::{Deletion, Files, Mailbox, Policy, Summary, SyncError, SyncEvent};
use postrider_pop3::{Client, Endpoint, MessageNumber, Stream, Timeouts};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

fn folder(name: &str) -> PathBuf {
    let name = format!("postrider-order-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// As RETR gives it.
fn message(n: u32) -> String {
    format!("+OK\r\nSubject: {n}\r\n\r\n{n}\r\n.\r\n")
}

/// So many messages of one size under `u1`, `u2` and so on.
fn server(count: u32, capa: &str) -> Server {
    let listing = |item: &dyn Fn(u32) -> String| {
        let lines: String = (1..=count)
            .map(|n| format!("{n} {}\r\n", item(n)))
            .collect();
        say(format!("+OK\r\n{lines}.\r\n"))
    };
    Server::new()
        .on("CAPA", say(format!("+OK\r\nUSER\r\nUIDL\r\n{capa}.\r\n")))
        .on("STAT", say(format!("+OK {count} 0\r\n")))
        .on("LIST", listing(&|_| "60".to_owned()))
        .on("UIDL", listing(&|n| format!("u{n}")))
}

fn with_messages(server: Server, count: u32) -> Server {
    (1..=count).fold(server, |server, n| {
        server.on(&format!("RETR {n}"), say(message(n)))
    })
}

/// A mailbox that is emptied, and what was stored under each unique-id.
struct Mail {
    folder: PathBuf,
    mailbox: Mailbox<Files>,
    stored: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Mail {
    fn open(endpoint: Endpoint, folder: &Path) -> Self {
        let soon = Duration::from_millis(200);
        let config = config(endpoint).timeouts(Timeouts {
            reply: soon,
            body_idle: soon,
            ..Timeouts::default()
        });
        let store = Files::open(folder.join("mail")).unwrap();
        let opened = Mailbox::open(config, folder.join("journal"), store).unwrap();
        let mailbox = opened.policy(Policy {
            deletion: Deletion::Now,
            ..Policy::default()
        });
        Self {
            folder: folder.join("mail"),
            mailbox,
            stored: Arc::default(),
        }
    }

    async fn sync(&mut self) -> Result<Summary, SyncError> {
        let (folder, stored) = (self.folder.clone(), Arc::clone(&self.stored));
        let events = move |event| {
            if let SyncEvent::Stored { uid, place, .. } = event {
                let text = std::fs::read_to_string(folder.join(place)).unwrap();
                let uid = uid.unwrap().as_str().to_owned();
                assert_eq!(stored.lock().unwrap().insert(uid, text), None);
            }
        };
        self.mailbox.sync(events).await
    }

    /// Under each unique-id of these numbers its own message, and nothing else.
    fn has_exactly(&self, numbers: impl Iterator<Item = u32>) {
        let text = |n| format!("Subject: {n}\r\n\r\n{n}\r\n");
        let expected: BTreeMap<_, _> = numbers.map(|n| (format!("u{n}"), text(n))).collect();
        assert_eq!(*self.stored.lock().unwrap(), expected);
    }
}

#[tokio::test]
async fn s19_a_flight_that_is_out_of_step_is_noticed_before_anything_is_taken_for_another() {
    let surplus = |line| say(format!("{}{line}\r\n", message(1)));
    let errors = |n| say(format!("-ERR\r\n-ERR\r\n{}", message(n)));
    let unended = message(1).replace("1\r\n.\r\n", "1.\r\n");
    for (name, command, act) in [
        ("missing", "RETR 1", say("")),
        ("closed", "RETR 5", Act::SayAndClose(Vec::new())),
        ("error", "RETR 1", surplus("-ERR read error")),
        ("success", "RETR 1", surplus("+OK")),
        ("unended", "RETR 1", say(unended)),
        (
            "unended-last",
            "RETR 5",
            say("+OK\r\nSubject: 5\r\n\r\n5.\r\n"),
        ),
        // The next message begins with a reply then, and is asked for again: no other session is needed.
        ("listed-twice", "LIST 1", say("+OK 1 60\r\n+OK 1 60\r\n")),
        ("listed-ahead", "LIST 1", say("+OK 1 60\r\n+OK 2 60\r\n")),
        ("not-listed", "LIST 3", say("-ERR no\r\n")),
        ("errors", "RETR 4", errors(4)),
        ("errors-last", "RETR 5", errors(5)),
        ("no-names", "UIDL", say("")),
    ] {
        let folder = folder(name);
        let slips = server(5, "PIPELINING\r\n");
        // What is said first counts.
        let slips = with_messages(slips.first(command, act), 5);
        let good = with_messages(server(5, "PIPELINING\r\n"), 5);
        let (endpoint, commands) = Server::start_in_turn(vec![slips, good]);
        let mut mail = Mail::open(endpoint, &folder);
        let summary = mail.sync().await.unwrap();
        assert_eq!((summary.stored, summary.deleted), (5, 5), "{name}");
        mail.has_exactly(1..=5);
        if !name.starts_with("listed") {
            let sessions = commands.join().unwrap();
            let deletes = |c: &String| c.starts_with("DELE") || c == "QUIT";
            assert!(!sessions[0].iter().any(deletes), "{name}: {sessions:?}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// Such a line cannot be told from the answer to the next command: but that the message is refused, and STAT gets a message.
#[tokio::test]
async fn s19_an_error_that_comes_late_is_noticed_one_at_a_time_as_well() {
    let folder = folder("late");
    let late = say(format!("-ERR read error\r\n{}", message(2)));
    let slips = with_messages(server(3, "").first("RETR 2", late), 3);
    let good = with_messages(server(3, ""), 3);
    let (endpoint, _commands) = Server::start_in_turn(vec![slips, good]);
    let mut mail = Mail::open(endpoint, &folder);
    let summary = mail.sync().await.unwrap();
    assert_eq!((summary.stored, summary.deleted), (3, 3));
    mail.has_exactly(1..=3);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Each kind of failure, of one message among three.
#[tokio::test]
async fn one_message_that_breaks_every_session_holds_up_no_other() {
    for (name, act) in [
        ("close", Act::SayAndClose(Vec::new())),
        ("begun", Act::SayAndClose(b"+OK\r\n".to_vec())),
        ("silence", Act::Silence),
        ("garbage", say("Internal error 42\r\n")),
        ("refused-close", Act::SayAndClose(b"-ERR x\r\n".to_vec())),
        ("refused-silence", Act::SayAndIgnore(b"-ERR x\r\n".to_vec())),
    ] {
        for capa in ["", "PIPELINING\r\n"] {
            let folder = folder(name);
            let bad = || with_messages(server(3, capa).first("RETR 1", act.clone()), 3);
            let (endpoint, _commands) = Server::start_in_turn((0..12).map(|_| bad()).collect());
            let mut mail = Mail::open(endpoint, &folder);
            mail.sync().await.unwrap_err();
            mail.has_exactly(2..=3);
            let mut runs = 1;
            let summary = loop {
                runs += 1;
                match mail.sync().await {
                    Ok(summary) => break summary,
                    Err(error) => assert!(runs < 4, "{name}: {error}"),
                }
            };
            assert_eq!((summary.left_alone, summary.deleted), (1, 2), "{name}");
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
}

#[tokio::test]
async fn a_server_that_gives_no_message_at_all_has_none_put_into_quarantine() {
    let folder = folder("outage");
    let broken = || server(2, "").on("RETR", Act::SayAndClose(Vec::new()));
    let mut servers: Vec<_> = (0..20).map(|_| broken()).collect();
    servers.push(with_messages(server(2, ""), 2));
    let (endpoint, _commands) = Server::start_in_turn(servers);
    let mut mail = Mail::open(endpoint, &folder);
    let mut failed = 0;
    let summary = loop {
        match mail.sync().await {
            Ok(summary) => break summary,
            Err(error) => assert!(failed < 20, "{error}"),
        }
        failed += 1;
    };
    assert!(failed >= 10, "{failed}");
    assert_eq!((summary.stored, summary.left_alone), (2, 0));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Answers everything that has arrived at once, and counts how often it had to wait for more.
async fn flights(mut peer: DuplexStream) -> usize {
    let mut buffer = vec![0; 1 << 20];
    let (mut said, mut flights) = ("+OK\r\n".to_owned(), 0);
    loop {
        peer.write_all(said.as_bytes()).await.unwrap();
        let read = peer.read(&mut buffer).await.unwrap();
        let text = std::str::from_utf8(&buffer[..read]).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        let answer = |line: &str| match line.split_once(' ').unwrap_or((line, "")) {
            ("CAPA", _) => "+OK\r\nUSER\r\nPIPELINING\r\n.\r\n".to_owned(),
            ("RETR", n) => message(n.parse().unwrap()),
            ("LIST", n) => format!("+OK {n} 60\r\n"),
            _ => "+OK\r\n".to_owned(),
        };
        said = text.lines().map(answer).collect();
        flights += 1;
        if read == 0 {
            return flights;
        }
    }
}

#[tokio::test]
async fn what_proves_the_order_costs_no_round_trip() {
    let mut counted = Vec::new();
    for retrieves in [true, false] {
        let (near, far) = tokio::io::duplex(1 << 20);
        let server = tokio::spawn(flights(far));
        let config = config(Endpoint::new("test.example", 110).unwrap());
        let mut client = Client::over(Stream::from_io(near), &config).await.unwrap();
        let numbers: Vec<_> = MessageNumber::all(2_000).collect();
        match retrieves {
            true => client
                .retr_many(&numbers, |_| ControlFlow::Continue(()))
                .await
                .unwrap(),
            false => assert_eq!(client.dele_many(&numbers).await.unwrap().len(), 2_000),
        }
        drop(client);
        counted.push(server.await.unwrap());
    }
    // DELE goes without: its answers say nothing about content.
    assert!(counted[0] <= counted[1], "{counted:?}");
    assert!(counted[0] < 20, "{counted:?}");
}

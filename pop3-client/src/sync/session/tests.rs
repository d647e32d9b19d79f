//! What a session makes of a server, and what is durable when it is over.

use super::*;
use crate::driver::Transfer;
use crate::sync::index::Index;
use crate::sync::journal::{JournalEntry, Log};
use crate::sync::model::ready;
use crate::sync::plan::LeftAlone;
use crate::sync::policy::Deletion;
use crate::sync::shorten::index_of;
use crate::sync::store::Arrived;
use crate::{Config, Credentials, Endpoint, Limits, Security};
use bytes::BytesMut;
use postrider_wire::{Tls, WriteBuffer};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A server with messages of 60 octets under these names.
#[derive(Default)]
struct Server {
    capabilities: &'static str,
    uids: &'static [&'static str],
    /// What it says to commands that begin so, instead of what is usual.
    says: Vec<(&'static str, &'static str)>,
    /// Behind its answer to this command it closes.
    last: Option<&'static str>,
    heard: Arc<Mutex<Vec<String>>>,
    greeted: bool,
    closed: bool,
}

impl Server {
    fn of(uids: &'static [&'static str]) -> Self {
        Self {
            capabilities: "UIDL\r\nTOP\r\nPIPELINING\r\n",
            uids,
            ..Self::default()
        }
    }

    /// It has no UIDL, and as many messages.
    fn nameless(uids: &'static [&'static str], capabilities: &'static str) -> Self {
        Self {
            capabilities,
            uids,
            says: vec![("UIDL", "-ERR no\r\n")],
            ..Self::default()
        }
    }

    /// The answer to this command is so much, and then it closes.
    fn until(mut self, command: &'static str, answer: &'static str) -> Self {
        self.says.push((command, answer));
        self.last = Some(command);
        self
    }

    fn answer(&self, line: &str) -> String {
        let said = self.says.iter().find(|(begin, _)| line.starts_with(*begin));
        if let Some((_, words)) = said {
            return (*words).to_owned();
        }
        let listing = |item: &dyn Fn(&str) -> String| {
            let lines = self.uids.iter().zip(1..);
            let lines: String = lines
                .map(|(uid, n)| format!("{n} {}\r\n", item(uid)))
                .collect();
            format!("+OK\r\n{lines}.\r\n")
        };
        match line.split_once(' ').unwrap_or((line, "")) {
            ("CAPA", _) => format!("+OK\r\nUSER\r\n{}.\r\n", self.capabilities),
            ("STAT", _) => format!("+OK {} 0\r\n", self.uids.len()),
            ("UIDL", _) => listing(&|uid| uid.to_owned()),
            ("LIST", "") => listing(&|_| "60".to_owned()),
            ("LIST", number) => format!("+OK {number} 60\r\n"),
            ("RETR", number) => format!("+OK\r\n{number}\r\n.\r\n"),
            ("TOP", _) => "+OK\r\nMessage-ID: <1>\r\n\r\n.\r\n".to_owned(),
            _ => "+OK\r\n".to_owned(),
        }
    }
}

impl Link for Server {
    const MOST_IN_FLIGHT: usize = 2_048;

    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn transfer(
        &mut self,
        out: &mut WriteBuffer,
        input: &mut BytesMut,
        _deadline: Option<Instant>,
    ) -> io::Result<Transfer> {
        let before = input.len();
        if !std::mem::replace(&mut self.greeted, true) {
            input.extend_from_slice(b"+OK\r\n");
        }
        while let (false, Some(end)) = (self.closed, out.iter().position(|b| *b == b'\n')) {
            let line = String::from_utf8_lossy(&out[..end]).trim_end().to_owned();
            out.advance(end + 1);
            input.extend_from_slice(self.answer(&line).as_bytes());
            self.closed = self.last.is_some_and(|last| line.starts_with(last));
            self.heard.lock().unwrap().push(line);
        }
        Ok(match input.len() - before {
            0 => Transfer::Closed,
            read => Transfer::Read(read),
        })
    }

    async fn peek(&mut self, _input: &mut BytesMut) -> io::Result<Option<Transfer>> {
        Ok(self.closed.then_some(Transfer::Closed))
    }

    async fn start_tls(&mut self, _: &Endpoint, _: &Tls, _: Duration) -> Result<(), ErrorKind> {
        Ok(())
    }

    fn is_tls(&self) -> bool {
        false
    }

    fn tls_description(&self) -> Option<String> {
        None
    }
}

/// Store and journal.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    open: String,
    finished: Vec<String>,
    /// Durable, as is the journal.
    stored: Vec<String>,
    journal: Vec<JournalEntry>,
    commits: usize,
    /// The next commit of the store fails; those after it say that all is well.
    breaks: bool,
}

impl Disk {
    fn that_knows(records: Vec<Record>) -> Self {
        let disk = Self::default();
        disk.0.lock().unwrap().journal = records.into_iter().map(JournalEntry).collect();
        disk
    }

    fn stored(&self) -> Vec<String> {
        self.0.lock().unwrap().stored.clone()
    }

    /// The entries of the journal that begin so.
    fn journal(&self, word: &str) -> Vec<String> {
        let kept = self.0.lock().unwrap();
        let lines = kept.journal.iter().map(ToString::to_string);
        lines.filter(|line| line.starts_with(word)).collect()
    }
}

impl Store for Disk {
    fn begin(&mut self) -> io::Result<()> {
        self.abort()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(bytes);
        self.0.lock().unwrap().open.push_str(&text);
        Ok(())
    }

    fn finish(&mut self, _: &Arrived<'_>) -> io::Result<String> {
        let mut kept = self.0.lock().unwrap();
        let text = std::mem::take(&mut kept.open);
        kept.finished.push(text);
        Ok(String::new())
    }

    fn abort(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().open.clear();
        Ok(())
    }

    fn commit(&mut self) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap();
        kept.commits += 1;
        if std::mem::take(&mut kept.breaks) {
            return Err(io::Error::other("the disk broke"));
        }
        let finished = std::mem::take(&mut kept.finished);
        kept.stored.extend(finished);
        Ok(())
    }
}

impl Journal for Disk {
    fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
        Ok(self.0.lock().unwrap().journal.clone())
    }

    fn commit(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        self.0.lock().unwrap().journal.extend_from_slice(entries);
        Ok(())
    }

    fn replace(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        self.0.lock().unwrap().journal = entries.to_vec();
        Ok(())
    }
}

fn config() -> Config {
    Config::new(Endpoint::new("pop.example.org", 110).unwrap())
        .security(Security::None)
        .credentials(Credentials::password("ada", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials()
}

/// What came of a session of a process that has just begun, and which messages and headers it asked for.
fn session(
    disk: &Disk,
    config: &Config,
    policy: &Policy,
    server: Server,
) -> (Result<(), SyncError>, Vec<String>) {
    let heard = Arc::clone(&server.heard);
    let mut journal = Log::new(disk.clone());
    let index = index_of(&journal.load().unwrap());
    let mut vault = Vault {
        account: config.account(),
        journal,
        index,
        store: disk.clone(),
    };
    let (mut summary, mut events) = (Summary::default(), |_: SyncEvent| {});
    let result = ready(async {
        let session = Session::open(server, config).await?;
        run(session, &mut vault, policy, 9, &mut summary, &mut events).await
    });
    let mut asked = std::mem::take(&mut *heard.lock().unwrap());
    asked.retain(|line| line.starts_with("RETR") || line.starts_with("TOP"));
    (result, asked)
}

fn seen(id: u64, uid: &str) -> Record {
    let content = Digest::of(&[b"one"]);
    Record::Seen(Seen {
        id,
        from: None,
        uid: UniqueId::new(uid).ok(),
        listed: 60,
        content,
        header: content,
        at: 5,
        place: String::new(),
    })
}

#[test]
fn what_arrived_whole_before_the_connection_broke_is_durable_and_not_fetched_again() {
    let (disk, policy) = (Disk::default(), Policy::default());
    let breaking = Server::of(&["A", "B"]).until("RETR 2", "+OK\r\nhalf");
    let (result, _) = session(&disk, &config(), &policy, breaking);
    assert!(matches!(result, Err(SyncError::Pop3(_))), "{result:?}");
    assert_eq!(disk.stored(), ["1\r\n"]);
    assert_eq!(disk.journal("seen 1 - =A ").len(), 1);
    // Of several in flight, nobody knows which one it was.
    assert_eq!(disk.journal("").len(), 1);

    let (result, asked) = session(&disk, &config(), &policy, Server::of(&["A", "B"]));
    result.unwrap();
    assert_eq!(asked, ["RETR 2"]);
    assert_eq!(disk.stored(), ["1\r\n", "2\r\n"]);
}

#[test]
fn a_commit_that_failed_is_not_tried_again_whatever_it_would_say() {
    let disk = Disk::default();
    disk.0.lock().unwrap().breaks = true;
    let policy = Policy {
        group: 1,
        ..Policy::default()
    };
    let (result, _) = session(&disk, &config(), &policy, Server::of(&["A"]));
    assert!(matches!(result, Err(SyncError::Storage(_))), "{result:?}");
    assert_eq!(disk.0.lock().unwrap().commits, 1);
    assert!(disk.stored().is_empty() && disk.journal("").is_empty());
}

#[test]
fn a_message_that_is_too_large_has_failed_though_several_were_in_flight() {
    let disk = Disk::default();
    let config = config().limits(Limits {
        max_message: 10,
        ..Limits::default()
    });
    let large = "+OK\r\nmore than ten octets\r\n.\r\n";
    let server = Server::of(&["A", "B"]).until("RETR 2", large);
    let (result, _) = session(&disk, &config, &Policy::default(), server);
    assert!(matches!(result, Err(SyncError::Pop3(_))), "{result:?}");
    assert_eq!(disk.stored(), ["1\r\n"]);
    assert_eq!(disk.journal("failed"), ["failed =B 9"]);
}

#[test]
fn what_breaks_each_session_rests_where_known_messages_wait_to_be_deleted() {
    for (deletion, rests) in [(Deletion::Now, true), (Deletion::Never, false)] {
        let disk = Disk::that_knows(vec![seen(1, "A")]);
        let policy = Policy {
            deletion,
            quarantine_after: 1,
            ..Policy::default()
        };
        let server = Server::of(&["A", "B"]).until("RETR 2", "");
        let (result, asked) = session(&disk, &config(), &policy, server);
        assert!(matches!(result, Err(SyncError::Pop3(_))), "{result:?}");
        assert_eq!(asked, ["RETR 2"]);
        assert_eq!(!disk.journal("failed =B").is_empty(), rests, "{deletion:?}");
    }
}

#[test]
fn top_is_broken_where_it_fails_alone_and_not_where_several_were_in_flight() {
    let disk = Disk::that_knows(vec![seen(1, ""), seen(2, "")]);
    // One server, of which each session remembers what the one before has learned.
    let (config, policy) = (config(), Policy::default());
    let server = || Server::nameless(&["", ""], "TOP\r\nPIPELINING\r\n");
    for broken in [false, true] {
        let failing = server().until("TOP", "");
        let (result, asked) = session(&disk, &config, &policy, failing);
        assert!(matches!(result, Err(SyncError::Pop3(_))), "{result:?}");
        assert_eq!(asked, ["TOP 1 0"]);
        assert_eq!(!disk.journal("top-broken").is_empty(), broken);
    }
    let (result, asked) = session(&disk, &config, &policy, server());
    result.unwrap();
    assert_eq!(asked, ["RETR 1", "RETR 2"]);
}

#[test]
fn rfc2449_6_1_headers_are_asked_for_only_of_a_server_that_says_it_has_top() {
    for (capability, expected) in [
        ("TOP\r\n", &["TOP 1 0", "RETR 1"][..]),
        ("", &["RETR 1"][..]),
    ] {
        let disk = Disk::that_knows(vec![seen(1, "")]);
        let server = Server::nameless(&[""], capability);
        let (result, asked) = session(&disk, &config(), &Policy::default(), server);
        result.unwrap();
        assert_eq!(asked, expected);
    }
}

fn announced(index: &Index, listed: &[(u32, u64, &str)]) -> (Summary, Vec<SyncEvent>) {
    let policy = Policy {
        max_message: 100,
        ..Policy::default()
    };
    let listed = listed.iter().map(|(number, octets, uid)| Listed {
        number: MessageNumber::new(*number).unwrap(),
        octets: *octets,
        uid: UniqueId::new(uid).ok(),
    });
    let plan = plan(index, listed.collect(), &policy, 9);
    let (mut summary, mut events) = (Summary::default(), Vec::new());
    announce(&plan, &mut summary, &mut |event| events.push(event));
    (summary, events)
}

#[test]
fn what_is_to_be_fetched_and_what_is_left_alone_is_told_beforehand() {
    let there = [(1, 60, "A"), (2, 101, "B"), (3, 40, "C"), (4, 999, "D")];
    let (summary, events) = announced(&Index::default(), &there);
    assert_eq!(summary.left_alone, 2);
    let left_alone = |number, octets, uid| SyncEvent::LeftAlone {
        number: MessageNumber::new(number).unwrap(),
        uid: UniqueId::new(uid).ok(),
        octets,
        why: LeftAlone::TooLarge,
    };
    let (count, octets) = (2, 100);
    let expected = [
        left_alone(2, 101, "B"),
        left_alone(4, 999, "D"),
        SyncEvent::Fetching { count, octets },
    ];
    assert_eq!(events, expected);
}

#[test]
fn where_nothing_is_new_nothing_is_told() {
    let mut index = Index::default();
    index.apply(&seen(1, "A"));
    let (summary, events) = announced(&index, &[(1, 60, "A")]);
    assert_eq!((summary, events), (Summary::default(), Vec::new()));
}

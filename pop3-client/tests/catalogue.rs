//! The hostile servers of a catalogue: `POSTRIDER_CATALOGUE` names its file `hostile.jsonl`, or the folder that it is in.
//!
//! An entry is a script of what the server says and of what it expects the client to have said. A command that the script
//! does not speak of gets the answer of an ordinary server.

#![cfg(all(feature = "sync", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use postrider_pop3::sync::{Deletion, Files, Mailbox, Policy, Summary, SyncError, SyncEvent};
use postrider_pop3::{Config, Credentials, Endpoint, ErrorKind, Security, Timeouts};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[tokio::test]
async fn every_hostile_server_is_survived() {
    let Some(entries) = entries() else {
        println!("skipped: POSTRIDER_CATALOGUE is not set");
        return;
    };
    assert!(!entries.is_empty(), "the catalogue has no pop3 entry");
    for entry in &entries {
        let id = entry["id"].as_str().unwrap().to_owned();
        println!(
            "{id}: {}",
            entry["safe_behaviour"].as_str().unwrap_or_default()
        );
        let outcome = Outcome::of(entry).await;
        outcome.check(&id, &entry["expect"]);
    }
    println!("{} entries", entries.len());
}

fn entries() -> Option<Vec<Value>> {
    let named = PathBuf::from(std::env::var_os("POSTRIDER_CATALOGUE")?);
    let file = if named.is_dir() {
        named.join("hostile.jsonl")
    } else {
        named
    };
    let text = std::fs::read_to_string(file).unwrap();
    let entries = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    Some(
        entries
            .filter(|entry| entry["component"] == "pop3")
            .collect(),
    )
}

/// What came of one entry.
struct Outcome {
    result: Result<Summary, SyncError>,
    events: Vec<SyncEvent>,
    messages: Vec<Vec<u8>>,
    /// The client's lines.
    heard: Vec<String>,
    grown_mb: u64,
    took: Duration,
}

impl Outcome {
    async fn of(entry: &Value) -> Self {
        let client = &entry["client"];
        let text = |name: &str, usual: &str| client[name].as_str().unwrap_or(usual).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let Ok(credentials) = Credentials::password(text("user", "u"), text("pass", "p").as_str())
        else {
            return Self::refused_at_once();
        };
        let script = Script::new(entry);
        let server = std::thread::spawn(move || script.serve(&listener));
        let (before, begun) = (resident_mb(), Instant::now());
        let folder = Folder::new(entry["id"].as_str().unwrap());
        let config = config(port, credentials, client["tls"] == "required");
        let policy = Policy {
            deletion: Deletion::Now,
            connections: 1,
            ..Policy::default()
        };
        let mut mailbox = Mailbox::open(
            config,
            folder.0.join("journal"),
            Files::open(folder.0.join("mail")).unwrap(),
        )
        .unwrap()
        .policy(policy);
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let result = mailbox
            .sync(move |event| sink.lock().unwrap().push(event))
            .await;
        let (took, grown_mb) = (begun.elapsed(), resident_mb().saturating_sub(before));
        let events = events.lock().unwrap().clone();
        Self {
            result,
            events,
            messages: folder.messages(),
            heard: server.join().unwrap(),
            grown_mb,
            took,
        }
    }

    /// The client would not even take such arguments.
    fn refused_at_once() -> Self {
        let (events, messages, heard) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            result: Err(SyncError::Interrupted),
            events,
            messages,
            heard,
            grown_mb: 0,
            took: Duration::ZERO,
        }
    }

    fn check(&self, id: &str, expect: &Value) {
        self.is_sane(id);
        match id {
            "pop3-stls-inject" => self.violates(id),
            "pop3-uidl-dup" => {
                let summary = self.result.as_ref().unwrap();
                // The two are alike: both are fetched, one is stored, both are deleted.
                assert_eq!(
                    (summary.stored, summary.duplicates, summary.deleted),
                    (1, 1, 2),
                    "{id}"
                );
            }
            "pop3-dele-err" => assert_eq!(self.result.as_ref().unwrap().stored, 1, "{id}"),
            "pop3-retr-dotstuff" | "pop3-retr-dot-split" => {
                assert!(self.result.is_ok(), "{id}: {:?}", self.result)
            }
            "pop3-inj-user" => assert!(self.heard.is_empty(), "{id}: {:?}", self.heard),
            _ => assert!(self.result.is_err(), "{id}: {:?}", self.result),
        }
        if expect["error"] == "ProtocolViolation" {
            self.violates(id);
        }
        if let Some(message) = expect["message"].as_str() {
            assert_eq!(self.messages, [message.as_bytes()], "{id}");
        }
        if let Some(count) = expect["messages"].as_u64() {
            assert_eq!(self.messages.len() as u64, count, "{id}");
        }
        if let Some(limit) = expect["max_rss_mb"].as_u64() {
            assert!(self.grown_mb <= limit, "{id}: grew by {} MB", self.grown_mb);
        }
    }

    fn violates(&self, id: &str) {
        let Err(SyncError::Pop3(error)) = &self.result else {
            panic!("{id}: {:?}", self.result)
        };
        assert!(
            matches!(error.kind(), ErrorKind::Violation(_)),
            "{id}: {error}"
        );
    }

    /// What holds for every entry.
    fn is_sane(&self, id: &str) {
        assert!(
            self.took < Duration::from_secs(10),
            "{id} took {:?}",
            self.took
        );
        if let Err(error) = &self.result {
            assert!(
                !error.to_string().chars().any(char::is_control),
                "{id}: {error}"
            );
            assert!(
                !self.heard.iter().any(|line| line.starts_with("QUIT")),
                "{id}: QUIT after {error}"
            );
        }
        let stored = self
            .events
            .iter()
            .filter(|event| matches!(event, SyncEvent::Stored { .. }))
            .count();
        assert_eq!(stored, self.messages.len(), "{id}");
    }
}

fn config(port: u16, credentials: Credentials, tls: bool) -> Config {
    let quick = Duration::from_millis(500);
    let config = Config::new(Endpoint::new("127.0.0.1", port).unwrap())
        .credentials(credentials)
        .timeouts(Timeouts {
            greeting: quick,
            reply: quick,
            body_idle: quick,
            quit: quick,
            connect: quick,
            ..Timeouts::default()
        });
    if tls {
        config
    } else {
        config
            .security(Security::None)
            .danger_allow_clear_text_credentials()
    }
}

/// A server that follows a script.
struct Script {
    steps: Vec<Value>,
    /// How many messages the ordinary answers speak of.
    messages: u32,
    stls: bool,
}

impl Script {
    fn new(entry: &Value) -> Self {
        let steps = entry["script"].as_array().unwrap().clone();
        let listed = |step: &&Value| step["S"].as_str().is_some_and(|said| said.contains("\n2 "));
        let messages = if steps.iter().any(|step| listed(&step)) {
            2
        } else {
            1
        };
        Self {
            steps,
            messages,
            stls: entry["client"]["tls"] == "required",
        }
    }

    fn serve(&self, listener: &TcpListener) -> Vec<String> {
        let mut heard = Vec::new();
        let Ok((peer, _)) = listener.accept() else {
            return heard;
        };
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut lines = BufReader::new(peer.try_clone().unwrap());
        let mut steps = self.steps.iter().peekable();
        loop {
            while let Some(step) = steps.next_if(|step| step.get("C").is_none()) {
                if say(&peer, step).is_none() {
                    return heard;
                }
            }
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return heard;
            }
            heard.push(line.trim_end().to_owned());
            let awaited = steps.peek().and_then(|step| step["C"].as_str());
            if awaited.is_some_and(|pattern| matches(pattern, &line)) {
                steps.next();
            } else if (&peer)
                .write_all(self.usual(line.trim_end()).as_bytes())
                .is_err()
                || line.starts_with("QUIT")
            {
                return heard;
            }
        }
    }

    fn usual(&self, command: &str) -> String {
        let listing = |item: &str| {
            let lines: String = (1..=self.messages)
                .map(|n| format!("{n} {}\r\n", item.replace('n', &n.to_string())))
                .collect();
            format!("+OK\r\n{lines}.\r\n")
        };
        match command.split(' ').next().unwrap_or_default() {
            "CAPA" if self.stls => "+OK\r\nSTLS\r\nUSER\r\n.\r\n".into(),
            "CAPA" => "+OK\r\nUSER\r\nUIDL\r\n.\r\n".into(),
            "STAT" => format!("+OK {} 60\r\n", self.messages),
            "LIST" => listing("60"),
            "UIDL" => listing("uidn"),
            "RETR" => "+OK\r\nSubject: x\r\n\r\nb\r\n.\r\n".into(),
            _ => "+OK\r\n".into(),
        }
    }
}

/// Performs a step; `None` ends the session.
fn say(mut peer: &TcpStream, step: &Value) -> Option<()> {
    if step.get("close").is_some() || step.get("tls").is_some() {
        return None;
    }
    let latin1 = |text: &Value| {
        text.as_str()
            .unwrap_or_default()
            .chars()
            .map(|c| c as u8)
            .collect::<Vec<_>>()
    };
    if let Some(generated) = step.get("Sgen") {
        peer.write_all(&latin1(&generated["prefix"])).ok()?;
        let block = latin1(&generated["repeat"]).repeat(10_000);
        for _ in 0..generated["count"].as_u64().unwrap_or_default() / 10_000 {
            peer.write_all(&block).ok()?;
        }
        return peer.write_all(&latin1(&generated["suffix"])).ok();
    }
    let said = latin1(&step["S"]);
    if let Some(pause) = step["drip_ms"].as_u64() {
        for _ in 0..step["count"].as_u64().unwrap_or(1) {
            peer.write_all(&said).ok()?;
            std::thread::sleep(Duration::from_millis(pause));
        }
        return Some(());
    }
    for piece in said.chunks(usize::try_from(step["split"].as_u64().unwrap_or(1 << 20)).unwrap()) {
        peer.write_all(piece).ok()?;
        peer.flush().ok()?;
    }
    Some(())
}

/// The few forms of pattern that the catalogue has: `^(A|B)`, `A|B`, `.*`.
fn matches(pattern: &str, line: &str) -> bool {
    let bare = pattern
        .trim_start_matches('^')
        .trim_start_matches('(')
        .trim_end_matches(')');
    // CAPA comes first in every session; a script that waits for STLS as well means STLS.
    let alternatives: Vec<_> = bare
        .split('|')
        .filter(|word| !(bare.contains("STLS") && *word == "CAPA"))
        .collect();
    alternatives
        .iter()
        .any(|word| *word == ".*" || line.starts_with(word))
}

struct Folder(PathBuf);

impl Folder {
    fn new(id: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("postrider-catalogue-{}-{id}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn messages(&self) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.0.join("mail"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .filter(|path| path.is_file())
            .map(|path| std::fs::read(path).unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The memory of this process; 0 where there is no such file.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1_024
}

//! The catalogue of hostile servers and callers: `POSTRIDER_CATALOGUE` names its folder, or its file.
//!
//! Each entry is a scripted server and what the client is asked to do. The scripts run against the machines; those that
//! need a clock run against the driver. A key of `expect` that is not known here is a failure, so that no entry passes
//! unseen.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use bytes::BytesMut;
use postrider_smtp::opening::{Opening, Progress, Terms};
use postrider_smtp::planner::{Planner, Policy, SLICES};
use postrider_smtp::*;
use postrider_wire::Stream;
use serde_json::Value;
use std::io::IoSlice;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// The entries for SMTP; `None`, said aloud, if no catalogue is to be had.
fn entries() -> Option<Vec<Value>> {
    let Some(place) = std::env::var_os("POSTRIDER_CATALOGUE") else {
        eprintln!("left out: POSTRIDER_CATALOGUE is not set");
        return None;
    };
    let mut file = PathBuf::from(place);
    if file.is_dir() {
        file.push("hostile.jsonl");
    }
    let text = std::fs::read_to_string(file).unwrap();
    let all = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let ours: Vec<Value> = all.filter(|e: &Value| e["component"] == "smtp").collect();
    assert!(!ours.is_empty());
    Some(ours)
}

/// What was seen when an entry was played.
struct Seen {
    /// Everything the client wrote.
    sent: Vec<u8>,
    /// Octets the server had said when the client had enough.
    heard: usize,
    /// Where what was written after the last EHLO begins.
    after_ehlo: usize,
    verdict: Verdict,
}

enum Verdict {
    /// An address or name was refused by its constructor.
    NotBuilt(String),
    NotOpened(Error),
    Outcomes(Vec<RecipientOutcome>),
}

#[test]
fn every_entry_ends_as_it_should() {
    let Some(entries) = entries() else { return };
    for entry in &entries {
        let id = entry["id"].as_str().unwrap();
        let steps = entry["script"].as_array().unwrap();
        let needs_clock =
            |step: &Value| !step["drip_ms"].is_null() || !step["stop_reading"].is_null();
        let seen = if steps.iter().any(needs_clock) {
            by_the_clock(entry)
        } else {
            Play::new(entry).run()
        };
        eprintln!("{id}: {}", seen.verdict.shown());
        check(id, entry, &seen);
    }
}

impl Verdict {
    fn shown(&self) -> String {
        match self {
            Self::NotBuilt(error) => format!("not built: {error}"),
            Self::NotOpened(error) => format!("not opened: {error}"),
            Self::Outcomes(outcomes) => outcomes[0].to_string(),
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Outcomes(outcomes) => Some(outcomes[0].outcome),
            _ => None,
        }
    }
}

fn check(id: &str, entry: &Value, seen: &Seen) {
    if id == "smtp-zero-window" {
        let Verdict::Outcomes(outcomes) = &seen.verdict else {
            panic!("{id}: {}", seen.verdict.shown());
        };
        assert_eq!(outcomes[0].stage, Stage::Content, "{id}");
    }
    let Some(expect) = entry["expect"].as_object() else {
        assert_ne!(seen.verdict.outcome(), Some(Outcome::Accepted), "{id}");
        return;
    };
    let sent = String::from_utf8_lossy(&seen.sent);
    for (key, value) in expect {
        let holds = match (key.as_str(), value.as_str().unwrap_or_default()) {
            ("never_sent", text) => !sent.contains(text),
            ("not", "Delivered") => seen.verdict.outcome() != Some(Outcome::Accepted),
            ("is", "InDoubt") => seen.verdict.outcome() == Some(Outcome::Unknown),
            ("is", "Permanent") => seen.verdict.outcome() == Some(Outcome::Refused),
            ("max_rss_mb", _) => seen.heard < 1 << 20,
            // The clock of the test is simulated: that the entry ended is what there is to see.
            ("max_ms" | "no_panic", _) => true,
            ("end_of_data_sequences", _) => ends_of_data(&sent) == value.as_u64().unwrap(),
            ("no_bare_cr_lf", _) => sent.replace("\r\n", "").find(['\r', '\n']).is_none(),
            ("roundtrip_unstuffed", _) => {
                unstuffed(&sent) == normalised(entry["client"]["data"].as_str().unwrap())
            }
            ("bytes_written_after_ehlo", _) => {
                matches!(seen.verdict, Verdict::NotBuilt(_)) && seen.sent.len() == seen.after_ehlo
            }
            unknown => panic!("{id}: nobody knows how to check {unknown:?}"),
        };
        assert!(
            holds,
            "{id}: {key} = {value}; {}\n{sent:?}",
            seen.verdict.shown()
        );
    }
}

fn content(sent: &str) -> &str {
    sent.split_once("DATA\r\n").unwrap().1
}

fn ends_of_data(sent: &str) -> u64 {
    let framed = format!("\r\n{}", content(sent));
    framed.matches("\r\n.\r\n").count() as u64
}

fn unstuffed(sent: &str) -> String {
    let text = content(sent);
    let (message, _) = text.split_at(format!("\r\n{text}").find("\r\n.\r\n").unwrap());
    let lines = message.split_inclusive("\r\n");
    lines
        .map(|line| line.strip_prefix('.').unwrap_or(line))
        .collect()
}

fn normalised(data: &str) -> String {
    let lf = data.replace("\r\n", "\n").replace('\r', "\n");
    let ended = if lf.ends_with('\n') {
        lf
    } else {
        format!("{lf}\n")
    };
    ended.replace('\n', "\r\n")
}

/// Latin-1, as the catalogue writes octets.
fn octets(text: &str) -> Vec<u8> {
    if text.is_ascii() {
        return text.as_bytes().to_vec();
    }
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

/// The client of an entry.
struct Asked {
    terms: Terms,
    envelope: Envelope,
    message: Vec<u8>,
}

impl Asked {
    fn new(client: &Value) -> Result<Self, Box<dyn std::error::Error>> {
        assert_eq!(client["op"], "send");
        let text = |key: &str, default: &str| client[key].as_str().unwrap_or(default).to_owned();
        let credentials = match client["auth"].as_array() {
            Some(pair) => {
                let (user, password) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
                Some(Credentials::password(user, password)?)
            }
            None => None,
        };
        let terms = Terms {
            protocol: Protocol::Smtp,
            ehlo_name: text("helo", "[127.0.0.1]").parse()?,
            security: match client["tls"].as_str() {
                Some("required") => Security::StartTls,
                Some("opportunistic") => Security::StartTlsIfOffered,
                _ => Security::None,
            },
            xclient: Vec::new(),
            credentials,
            clear_text_credentials: false,
            limits: Limits::default(),
            transcript: Transcript::off(),
        };
        let to = client["rcpt"].as_array().map(|to| to[0].as_str().unwrap());
        let mut parameters = MailParameters::default();
        if let Some(id) = client["envid"].as_str() {
            parameters.envelope_id = Some(id.parse()?);
        }
        let from = text("from", "a@b.c");
        let generated = &client["data_gen"];
        let message = match generated["repeat"].as_str() {
            Some(text) => text.repeat(generated["count"].as_u64().unwrap() as usize),
            None => text("data", "x\r\n"),
        };
        Ok(Self {
            terms,
            envelope: Envelope::parse(&from, [to.unwrap_or("d@e.f")])?.with_parameters(parameters),
            message: octets(&message),
        })
    }
}

/// A script played against the machines.
struct Play<'e> {
    entry: &'e Value,
    steps: std::slice::Iter<'e, Value>,
    /// Said by the server, and not read yet.
    said: Vec<u8>,
    sent: Vec<u8>,
    /// How much of what was sent the script has matched.
    matched: usize,
    heard: usize,
    after_ehlo: usize,
    /// A step that waits for the client.
    awaits: Option<&'e str>,
}

impl<'e> Play<'e> {
    fn new(entry: &'e Value) -> Self {
        Self {
            entry,
            steps: entry["script"].as_array().unwrap().iter(),
            said: Vec::new(),
            sent: Vec::new(),
            matched: 0,
            heard: 0,
            after_ehlo: 0,
            awaits: None,
        }
    }

    fn run(mut self) -> Seen {
        let verdict = match Asked::new(&self.entry["client"]) {
            Ok(asked) => self.session(asked),
            Err(error) => Verdict::NotBuilt(error.to_string()),
        };
        Seen {
            sent: self.sent,
            heard: self.heard,
            after_ehlo: self.after_ehlo,
            verdict,
        }
    }

    fn session(&mut self, asked: Asked) -> Verdict {
        let mut opening = Opening::new(asked.terms, false);
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        loop {
            match opening.receive(&mut input, &mut out) {
                Ok(Progress::Ready) => break,
                Ok(Progress::StartTls) => opening.tls_started(&mut out).unwrap(),
                Ok(Progress::Read) => {}
                Err(error) => return Verdict::NotOpened(error),
            }
            self.client_says(&out.split());
            match self.server_says() {
                Some(octets) => input.extend_from_slice(&octets),
                None => return Verdict::NotOpened(opening.connection().closed().unwrap_err()),
            }
        }
        self.after_ehlo = self.sent.len();
        let mut connection = opening.into_connection();
        let mails = [Mail::new(&asked.envelope, &asked.message)];
        let mut planner = Planner::new(&mut connection, Policy::default(), &mails);
        while !planner.is_done() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let n = planner.slices(&mut slices);
            let octets: Vec<u8> = slices[..n].iter().flat_map(|s| s.to_vec()).collect();
            planner.advance(octets.len());
            self.client_says(&octets);
            match self.server_says() {
                Some(octets) => {
                    input.extend_from_slice(&octets);
                    let _ = planner.receive(&mut input);
                }
                None if octets.is_empty() => {
                    planner.lost(ErrorKind::Closed);
                }
                None => {}
            }
        }
        Verdict::Outcomes(planner.settled().unwrap().1)
    }

    fn client_says(&mut self, octets: &[u8]) {
        self.sent.extend_from_slice(octets);
    }

    /// Plays on until the server says something; `None` if it closes, or waits for what the client never says.
    fn server_says(&mut self) -> Option<Vec<u8>> {
        while self.said.is_empty() {
            if let Some(pattern) = self.awaits.take() {
                if !self.matches(pattern) {
                    self.awaits = Some(pattern);
                    return None;
                }
            }
            let step = self.steps.next()?;
            if let Some(text) = step["S"].as_str() {
                self.said = octets(text);
            } else if let Some(generated) = step["Sgen"].as_object() {
                let part = |key: &str| generated[key].as_str().unwrap();
                let count = generated["count"].as_u64().unwrap() as usize;
                let text = [
                    part("prefix"),
                    &part("repeat").repeat(count),
                    part("suffix"),
                ]
                .concat();
                self.said = octets(&text);
            } else if let Some(pattern) = step["C"].as_str() {
                self.awaits = Some(pattern);
            } else if step["close"] == true {
                return None;
            } else {
                assert_eq!(step["tls"], true, "an unknown step: {step}");
            }
        }
        let n = self.said.len().min(4096);
        self.heard += n;
        Some(self.said.drain(..n).collect())
    }

    /// The patterns of the catalogue: a text, perhaps at the start, perhaps at the end.
    fn matches(&mut self, pattern: &str) -> bool {
        let pending = String::from_utf8_lossy(&self.sent[self.matched..]).into_owned();
        if pattern == ".*" {
            return true;
        }
        let plain = |p: &str| {
            p.replace("\\r", "\r")
                .replace("\\n", "\n")
                .replace("\\.", ".")
        };
        if let Some(end) = pattern.strip_suffix('$') {
            let all = pending.ends_with(&plain(end));
            self.matched += if all { pending.len() } else { 0 };
            return all;
        }
        let (text, at_start) = match pattern.strip_prefix('^') {
            Some(text) => (plain(text), true),
            None => (plain(pattern), false),
        };
        match pending.find(&text) {
            Some(at) if at == 0 || !at_start => {
                let rest = &pending[at..];
                self.matched += at + rest.find('\n').map_or(rest.len(), |end| end + 1);
                true
            }
            _ => false,
        }
    }
}

/// A script with a clock in it, played against the driver in simulated time.
fn by_the_clock(entry: &Value) -> Seen {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let asked = Asked::new(&entry["client"]).unwrap();
        let (near, far) = duplex(64 * 1024);
        let steps = entry["script"].as_array().unwrap().clone();
        let server = tokio::spawn(slow_server(far, steps));
        let time = Duration::from_secs(30);
        let config = Config::new(Endpoint::new("mx", 25).unwrap())
            .security(Security::None)
            .timeouts(Timeouts::all(time));
        let begin = tokio::time::Instant::now();
        let verdict = match Client::connect_over(&config, Stream::from_io(near)).await {
            Ok(mut client) => Verdict::Outcomes(client.send(&asked.envelope, &asked.message).await),
            Err(error) => Verdict::NotOpened(error),
        };
        assert!(begin.elapsed() < 2 * time, "one deadline and no more");
        let (sent, heard) = server.await.unwrap();
        Seen {
            sent,
            heard,
            after_ehlo: 0,
            verdict,
        }
    })
}

/// Says what the script says when a line has come in; returns what it read and how much it said.
async fn slow_server(mut far: tokio::io::DuplexStream, steps: Vec<Value>) -> (Vec<u8>, usize) {
    let (mut read, mut said) = (Vec::new(), 0);
    for step in steps {
        if let Some(gap) = step["drip_ms"].as_u64() {
            let octets = octets(step["S"].as_str().unwrap());
            while far.write_all(&octets).await.is_ok() {
                said += octets.len();
                tokio::time::sleep(Duration::from_millis(gap)).await;
            }
        } else if let Some(text) = step["S"].as_str() {
            // An entry offers a limit and sends more than that, which is refused before MAIL. Without the limit it
            // comes to what the entry is about.
            let text = text.replace("SIZE 1000000", "SIZE");
            far.write_all(&octets(&text)).await.unwrap();
            said += text.len();
        } else if let Some(pattern) = step["C"].as_str() {
            while !String::from_utf8_lossy(&read).contains(pattern.trim_start_matches('^')) {
                if far.read_buf(&mut read).await.unwrap() == 0 {
                    return (read, said);
                }
            }
        } else if step["stop_reading"] == true {
            // Longer than the client has patience.
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
    }
    (read, said)
}

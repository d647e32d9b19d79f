//! A scripted server in memory, and a client made of the machines alone: no socket, no clock, no task.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic
)]

use bytes::{Bytes, BytesMut};
use postrider_smtp::opening::{Opening, Progress, Terms};
use postrider_smtp::planner::{Outline, Planner, Policy, SLICES, Wanted};
use postrider_smtp::*;
use std::collections::VecDeque;
use std::io::{self, IoSlice};

/// The worst message of all, and how it must look on the wire.
pub const BODY: &[u8] =
    b".\r\nMAIL FROM:<first@line>\r\n\nA\n.\nB\r.\rC\n.\r\nD\r\n.E\r\nF\r.\r\nend";
pub const BODY_ON_THE_WIRE: &str = "..\r\nMAIL FROM:<first@line>\r\n\r\nA\r\n..\r\nB\r\n..\r\nC\r\n..\r\nD\r\n..E\r\nF\r\n..\r\nend\r\n.\r\n";

/// After this in a reply the server closes the connection.
pub const CLOSE: &str = "<close>";

/// How the octets are cut into reads and writes.
#[derive(Clone, Copy, Debug)]
pub enum Chunking {
    Whole,
    Octets(usize),
    SplitAt(usize),
}

impl Chunking {
    /// Whole, one octet at a time, three at a time, and split at every offset.
    pub fn all() -> impl Iterator<Item = Self> {
        let some = [Self::Whole, Self::Octets(1), Self::Octets(3)];
        some.into_iter().chain((1..400).map(Self::SplitAt))
    }

    fn cut(self, position: usize, available: usize) -> usize {
        match self {
            Self::Octets(n) => n.min(available),
            Self::SplitAt(at) if position < at => available.min(at - position),
            Self::Whole | Self::SplitAt(_) => available,
        }
    }
}

/// A server that answers by rules: the first rule whose text begins the command line gives the reply, in turn; its last
/// reply stays.
#[derive(Clone, Debug)]
pub struct Server {
    rules: Vec<(&'static str, VecDeque<String>)>,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    state: Reading,
    pub closed: bool,
    /// Everything received, one entry a command or message.
    pub log: Vec<String>,
    /// The reply to each command and message.
    pub answers: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    Commands,
    Message,
    Chunk(usize),
}

impl Server {
    /// The default script of the project: every command is answered, 8BITMIME and PIPELINING are offered.
    pub fn new() -> Self {
        let mut server = Self {
            rules: Vec::new(),
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            state: Reading::Commands,
            closed: false,
            log: Vec::new(),
            answers: Vec::new(),
        };
        for (command, reply) in [
            ("banner", "220 evil ESMTP\r\n"),
            (
                "EHLO",
                "250-evil\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n",
            ),
            ("AUTH", "235 ok\r\n"),
            ("DATA", "354 go\r\n"),
            ("end", "250 queued\r\n"),
            ("QUIT", "221 bye\r\n"),
        ] {
            server = server.on(command, &[reply]);
        }
        server
    }

    /// Offers these extensions in place of the default ones.
    pub fn offering(self, keywords: &[&str]) -> Self {
        let mut lines = vec!["evil"];
        lines.extend(keywords);
        let last = lines.pop().unwrap();
        let first: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
        self.on("EHLO", &[&format!("{first}250 {last}\r\n")])
    }

    /// Answers command lines that begin so with these replies, one after the other. Replaces an older rule.
    pub fn on(mut self, command: &'static str, replies: &[&str]) -> Self {
        self.rules.retain(|(old, _)| *old != command);
        let replies = replies.iter().map(|r| (*r).to_owned()).collect();
        self.rules.insert(0, (command, replies));
        self
    }

    pub fn start(mut self) -> Self {
        self.reply("banner");
        self
    }

    /// Takes octets from the client.
    pub fn feed(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
        while !self.closed && self.step() {}
    }

    /// Octets for the client.
    pub fn take(&mut self, chunking: Chunking) -> Vec<u8> {
        let n = chunking.cut(self.sent, self.output.len());
        self.sent += n;
        self.output.drain(..n).collect()
    }

    /// Loses everything that the client has not read by this many octets, and closes.
    pub fn cut(&mut self, at: usize) {
        if self.sent + self.output.len() >= at {
            self.output.truncate(at.saturating_sub(self.sent));
            self.closed = true;
        }
    }

    pub fn push(&mut self, octets: &str) {
        self.output.extend_from_slice(octets.as_bytes());
    }

    fn step(&mut self) -> bool {
        match self.state {
            Reading::Commands => self.command(),
            Reading::Message => self.message(),
            Reading::Chunk(n) => self.chunk(n),
        }
    }

    fn command(&mut self) -> bool {
        let Some(end) = self.input.iter().position(|&b| b == b'\n') else {
            return false;
        };
        let line: Vec<u8> = self.input.drain(..=end).collect();
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(line.ends_with("\r\n"), "{line:?}");
        let command = line.trim_end().to_owned();
        self.log.push(command.clone());
        if let Some(size) = command.strip_prefix("BDAT ") {
            let size = size.trim_end_matches(" LAST").parse().unwrap();
            self.state = Reading::Chunk(size);
            return true;
        }
        let reply = self.reply(&command);
        if command == "DATA" && reply.starts_with("354") {
            self.state = Reading::Message;
        }
        true
    }

    fn message(&mut self) -> bool {
        let framed = [b"\r\n", &self.input[..]].concat();
        let Some(at) = framed.windows(5).position(|w| w == b"\r\n.\r\n") else {
            return false;
        };
        let message: Vec<u8> = self.input.drain(..at + 3).collect();
        self.log
            .push(String::from_utf8_lossy(&message).into_owned());
        self.state = Reading::Commands;
        self.reply("end");
        true
    }

    fn chunk(&mut self, size: usize) -> bool {
        if self.input.len() < size {
            return false;
        }
        let message: Vec<u8> = self.input.drain(..size).collect();
        self.log
            .push(String::from_utf8_lossy(&message).into_owned());
        self.state = Reading::Commands;
        self.reply("end");
        true
    }

    fn reply(&mut self, command: &str) -> String {
        let rule = self.rules.iter_mut().find(|(c, _)| command.starts_with(c));
        let reply = match rule {
            Some((_, replies)) if replies.len() > 1 => replies.pop_front().unwrap(),
            Some((_, replies)) => replies.front().cloned().unwrap_or_default(),
            None => "250 ok\r\n".to_owned(),
        };
        let what = match command {
            "end" => self.log.last().cloned().unwrap_or_default(),
            command => command.to_owned(),
        };
        self.answers.push((what, reply.clone()));
        let (octets, close) = match reply.strip_suffix(CLOSE) {
            Some(octets) => (octets, true),
            None => (&reply[..], false),
        };
        self.push(octets);
        self.closed |= close;
        reply
    }
}

/// A client on the machines alone.
pub struct Session {
    pub server: Server,
    pub connection: Connection,
    pub chunking: Chunking,
    /// Where both sides wait, the client's time runs out. Otherwise that is a failure of the test.
    pub gives_up: bool,
    /// After so many octets the server is gone.
    pub cut: Option<usize>,
    /// How often a message was read again.
    pub rewinds: usize,
    /// Read, and not yet understood.
    pub input: BytesMut,
    written: usize,
}

pub fn terms() -> Terms {
    Terms {
        protocol: Protocol::Smtp,
        ehlo_name: "[127.0.0.1]".parse().unwrap(),
        security: Security::None,
        xclient: Vec::new(),
        credentials: None,
        clear_text_credentials: false,
        limits: Limits::default(),
        transcript: Transcript::off(),
    }
}

/// Opens a session against a scripted server.
pub fn open(
    server: Server,
    terms: Terms,
    chunking: Chunking,
) -> (Server, Result<Connection, Error>) {
    let mut server = server.start();
    let encrypted = terms.security == Security::Tls;
    let mut opening = Opening::new(terms, encrypted);
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    loop {
        let octets = server.take(chunking);
        if octets.is_empty() {
            let stage = opening.stage();
            let lost = opening.connection().closed().unwrap_err();
            assert_eq!(lost.stage(), stage);
            return (server, Err(lost));
        }
        input.extend_from_slice(&octets);
        let progress = opening.receive(&mut input, &mut out);
        server.feed(&out.split());
        match progress {
            Ok(Progress::Read) => {}
            Ok(Progress::StartTls) => panic!("no TLS here"),
            Ok(Progress::Ready) => return (server, Ok(opening.into_connection())),
            Err(error) => return (server, Err(error)),
        }
    }
}

impl Session {
    pub fn open(server: Server, chunking: Chunking) -> Self {
        Self::open_on(server, terms(), chunking)
    }

    pub fn open_on(server: Server, terms: Terms, chunking: Chunking) -> Self {
        let (mut server, connection) = open(server, terms, chunking);
        server.log.clear();
        server.answers.clear();
        Self {
            server,
            connection: connection.unwrap(),
            chunking,
            gives_up: false,
            cut: None,
            rewinds: 0,
            input: BytesMut::new(),
            written: 0,
        }
    }

    /// Sends mails; panics if client and server both wait.
    pub fn send(&mut self, policy: Policy, mails: &[Mail<'_>]) -> Vec<Vec<RecipientOutcome>> {
        let mut outcomes = vec![Vec::new(); mails.len()];
        let mut planner = Planner::new(&mut self.connection, policy, mails);
        let input = &mut self.input;
        loop {
            while let Some((index, settled)) = planner.settled() {
                assert!(outcomes[index].is_empty(), "mail {index} was settled twice");
                outcomes[index] = settled;
            }
            if planner.is_done() {
                break;
            }
            let wrote = write(
                &mut planner,
                &mut self.server,
                self.chunking,
                &mut self.written,
            );
            if let Some(at) = self.cut {
                self.server.cut(at);
            }
            let octets = self.server.take(self.chunking);
            if !octets.is_empty() {
                input.extend_from_slice(&octets);
                let _ = planner.receive(input);
            } else if self.server.closed || !wrote && self.gives_up {
                planner.lost(ErrorKind::Closed);
            } else {
                assert!(wrote, "both sides wait: {:#?}", self.server.log);
            }
        }
        for (mail, outcomes) in mails.iter().zip(&outcomes) {
            let named: Vec<_> = outcomes.iter().map(|o| o.recipient.clone()).collect();
            assert_eq!(named, mail.envelope.recipients());
        }
        outcomes
    }

    /// Sends one mail whose message comes in these pieces; an error among them ends the content.
    pub fn stream(
        &mut self,
        policy: Policy,
        envelope: &Envelope,
        outline: Outline,
        pieces: &[Result<&[u8], io::ErrorKind>],
    ) -> Vec<RecipientOutcome> {
        let mut planner = Planner::streaming(&mut self.connection, policy, envelope, outline);
        let mut outcomes = Vec::new();
        let mut given = pieces.iter();
        self.rewinds = 0;
        loop {
            let mut fed = true;
            match planner.wanted() {
                Wanted::Nothing => fed = false,
                Wanted::Rewind => {
                    given = pieces.iter();
                    self.rewinds += 1;
                    planner.rewound();
                }
                Wanted::Chunk => match given.next() {
                    Some(Ok(piece)) => planner.content(Bytes::copy_from_slice(piece)),
                    Some(Err(kind)) => planner.content_failed((*kind).into()),
                    None => planner.content(Bytes::new()),
                },
            }
            while let Some((_, settled)) = planner.settled() {
                assert!(outcomes.is_empty(), "settled twice");
                outcomes = settled;
            }
            if planner.is_done() {
                break;
            }
            let (server, chunking) = (&mut self.server, self.chunking);
            let wrote = write(&mut planner, server, chunking, &mut self.written);
            if let Some(at) = self.cut {
                self.server.cut(at);
            }
            let octets = self.server.take(chunking);
            if !octets.is_empty() {
                self.input.extend_from_slice(&octets);
                let _ = planner.receive(&mut self.input);
            } else if self.server.closed {
                planner.lost(ErrorKind::Closed);
            } else {
                assert!(wrote || fed, "both sides wait: {:#?}", self.server.log);
            }
        }
        assert_eq!(outcomes.len(), envelope.recipients().len());
        outcomes
    }

    /// Octets that the server has said.
    pub fn server_sent(&self) -> usize {
        self.server.sent
    }

    pub fn is_usable(&self) -> bool {
        self.connection.state() == State::Ready && self.connection.awaited() == 0
    }
}

fn write(
    planner: &mut Planner<'_>,
    server: &mut Server,
    chunking: Chunking,
    written: &mut usize,
) -> bool {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let n = planner.slices(&mut slices);
    let octets: Vec<u8> = slices[..n].iter().flat_map(|s| s.to_vec()).collect();
    let n = chunking.cut(*written, octets.len());
    *written += n;
    server.feed(&octets[..n]);
    planner.advance(n);
    n > 0
}

pub fn policy(pipelining: Pipelining) -> Policy {
    Policy {
        pipelining,
        ..Policy::default()
    }
}

pub const LEVELS: [Pipelining; 3] = [Pipelining::Off, Pipelining::Flight, Pipelining::LookAhead];

pub fn envelope() -> Envelope {
    let to = ["r1@example.com", "r2@example.com", "r3@example.com"];
    Envelope::parse("a@example.com", to).unwrap()
}

/// `accepted`, `refused 550`, `deferred at MAIL` and so on.
pub fn verdicts(outcomes: &[RecipientOutcome]) -> Vec<String> {
    let verdict = |o: &RecipientOutcome| match o.reply() {
        Some(reply) => format!("{} at {}: {reply}", o.outcome, o.stage),
        None => format!("{} at {}", o.outcome, o.stage),
    };
    outcomes.iter().map(verdict).collect()
}

//! A server whose connection breaks, and its maildrop.

use super::Random;
use super::disk::{Disk, Shared, lock};
use crate::driver::{Link, Transfer};
use crate::sync::Digest;
use crate::{Endpoint, ErrorKind};
use bytes::BytesMut;
use postrider_wire::{Tls, WriteBuffer};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A mail on the server.
#[derive(Clone)]
pub(super) struct Mail {
    pub(super) id: u64,
    pub(super) uid: String,
    pub(super) text: Vec<u8>,
}

/// What the server notes at the head of a mail when it was read, if it does such a thing.
const NOTE: &[u8] = b"Status: RO\r\n";

/// A unique-id before the server renamed it.
fn first_name(uid: &str) -> &str {
    uid.trim_start_matches("new-")
}

/// A mail without the server's note.
pub(super) fn lasting(text: &[u8]) -> &[u8] {
    text.strip_prefix(NOTE).unwrap_or(text)
}

/// The server's maildrop, and everything that there ever was.
pub(super) struct World {
    pub(super) maildrop: Vec<Mail>,
    pub(super) ever: BTreeMap<u64, Vec<u8>>,
    pub(super) taken_by_others: BTreeSet<u64>,
    /// A mail that the server never gives.
    pub(super) broken: Option<u64>,
    /// Nor is that mail listed alone, and it has no header.
    pub(super) unlisted: bool,
    /// For now the server gives no mail at all.
    pub(super) gives_none: bool,
    pub(super) has_uidl: bool,
    pub(super) has_top: bool,
    pub(super) has_pipelining: bool,
    pub(super) takes_notes: bool,
    /// The sizes that messages have had under each unique-id, by the first name that it had.
    sizes: BTreeSet<(String, usize)>,
    pub(super) random: Random,
}

impl World {
    pub(super) fn new(mut random: Random) -> Self {
        Self {
            maildrop: Vec::new(),
            ever: BTreeMap::new(),
            taken_by_others: BTreeSet::new(),
            broken: None,
            has_uidl: !random.one_in(5),
            has_top: !random.one_in(3),
            has_pipelining: !random.one_in(4),
            takes_notes: random.one_in(3),
            unlisted: random.one_in(2),
            gives_none: false,
            sizes: BTreeSet::new(),
            random,
        }
    }

    pub(super) fn deliver(&mut self) {
        let id = self.ever.len() as u64 + 1;
        let filler = "x".repeat(usize::try_from(self.random.below(3) * 20).unwrap());
        let mut text = format!("Message-ID: <{id}>\r\n\r\n.dot\r\n{filler}\r\n..\r\n").into_bytes();
        // Now and then messages share a unique-id, though they are not alike. Of equal size nobody could tell them apart if
        // they are not there at the same time.
        let uid = match self.maildrop.last() {
            Some(last) if self.random.one_in(20) => last.uid.clone(),
            _ => format!("uid{id}"),
        };
        let sizes = |text: &[u8]| [text.len(), text.len() + NOTE.len()];
        while self.had_size(&uid, sizes(&text)) {
            text.extend_from_slice(b"longer\r\n");
        }
        for size in sizes(&text) {
            self.sizes.insert((first_name(&uid).to_owned(), size));
        }
        if self.random.one_in(30) && self.broken.is_none() {
            self.broken = Some(id);
        }
        self.ever.insert(id, text.clone());
        self.maildrop.push(Mail { id, uid, text });
    }

    /// Whether a message under a unique-id had one of these sizes at any time.
    fn had_size(&self, uid: &str, sizes: [usize; 2]) -> bool {
        let uid = first_name(uid);
        sizes
            .iter()
            .any(|size| self.sizes.contains(&(uid.to_owned(), *size)))
    }

    /// Some of the mails are noted to be read: each becomes larger.
    fn note(&mut self) {
        for at in 0..self.maildrop.len() {
            if self.random.one_in(2) {
                let text = &mut self.maildrop[at].text;
                *text = [NOTE, lasting(text)].concat();
            }
        }
    }

    /// What happens to the maildrop while nobody looks.
    pub(super) fn live(&mut self, may_rename: bool) {
        (0..self.random.below(4)).for_each(|_| self.deliver());
        if self.random.one_in(6) && !self.maildrop.is_empty() {
            let at = self.random.below(self.maildrop.len() as u64);
            let mail = self.maildrop.remove(usize::try_from(at).unwrap());
            self.taken_by_others.insert(mail.id);
        }
        if self.takes_notes {
            self.note();
        }
        if may_rename && self.random.one_in(8) {
            for mail in &mut self.maildrop {
                mail.uid = format!("new-{}", mail.uid);
            }
        }
    }
}

/// When a connection breaks: at this command, before it is obeyed, after it, or in the middle of its answer.
#[derive(Clone, Copy)]
pub(super) struct Drop {
    pub(super) command: u64,
    pub(super) how: How,
}

#[derive(Clone, Copy)]
pub(super) enum How {
    Unheard,
    Unanswered,
    /// Of the answer only so many octets arrive, taken modulo its length.
    HalfAnswered(u64),
}

/// The answer to this command leaves the order of the commands, as it may where several are in flight.
#[derive(Clone, Copy)]
pub(super) struct Slip {
    pub(super) command: u64,
    pub(super) wrong: Wrong,
}

#[derive(Clone, Copy)]
pub(super) enum Wrong {
    /// It never comes.
    Missing,
    /// It comes behind the next one.
    Late,
    /// It comes twice.
    Twice,
    /// A line more comes behind it.
    Surplus(&'static str),
    /// Its last line has no end, so that the dot behind it ends nothing.
    Unended,
    /// A line more comes, but only when the next command is there already: one command at a time is no help.
    Afterwards(&'static str),
}

impl Slip {
    fn new(random: &mut Random) -> Self {
        let line = ["-ERR\r\n", "+OK\r\n"][usize::from(random.one_in(2))];
        Self {
            command: 1 + random.below(40),
            wrong: match random.below(6) {
                0 => Wrong::Missing,
                1 => Wrong::Late,
                2 => Wrong::Twice,
                3 => Wrong::Surplus(line),
                4 => Wrong::Unended,
                _ => Wrong::Afterwards(line),
            },
        }
    }

    /// So many mistakes of a session. Where one answer is missing and another one late, a whole message may stand in the place of the one
    /// before, with `LIST n` behind it: that is another message, which nobody can tell, and no line too many or too few. Where the end of one
    /// is missing and its `LIST n` comes late, behind the next message, both are one message in the same way.
    pub(super) fn several(count: u64, random: &mut Random) -> Vec<Self> {
        let mut slips: Vec<Self> = (0..count).map(|_| Self::new(random)).collect();
        if slips
            .iter()
            .any(|slip| matches!(slip.wrong, Wrong::Missing | Wrong::Unended))
        {
            slips.retain(|slip| !matches!(slip.wrong, Wrong::Late));
        }
        slips
    }

    /// Whether the server makes this mistake here. Of one command at a time it may only say too much, and too late.
    fn happens(self, verb: &str, together: bool) -> bool {
        match self.wrong {
            Wrong::Afterwards(_) => verb == "RETR",
            Wrong::Unended => together && verb == "RETR",
            _ => together,
        }
    }
}

/// One session of the model server, which is also the client's byte stream.
pub(super) struct ModelLink {
    pub(super) world: Shared<World>,
    pub(super) disk: Shared<Disk>,
    pub(super) session: Vec<Mail>,
    pub(super) marked: BTreeSet<u64>,
    pub(super) drop: Option<Drop>,
    pub(super) slips: Vec<Slip>,
    /// Of a slip: what comes behind the next answer, and what before it.
    late: Vec<u8>,
    afterwards: Vec<u8>,
    /// An answer to DELE was none, or not its own.
    dele_slipped: bool,
    /// It waits for ever where it has nothing to say; or else it closes.
    pub(super) silent: bool,
    pub(super) commands: u64,
    pub(super) greeted: bool,
    pub(super) closed: bool,
}

impl ModelLink {
    pub(super) fn new(world: &Shared<World>, disk: &Shared<Disk>, drop: Option<Drop>) -> Self {
        Self {
            session: lock(world).maildrop.clone(),
            world: Arc::clone(world),
            disk: Arc::clone(disk),
            marked: BTreeSet::new(),
            drop,
            slips: Vec::new(),
            late: Vec::new(),
            afterwards: Vec::new(),
            dele_slipped: false,
            silent: false,
            commands: 0,
            greeted: false,
            closed: false,
        }
    }

    /// Obeys a command that came alone, or together with others.
    pub(super) fn command(&mut self, line: &str, together: bool, input: &mut BytesMut) {
        self.commands += 1;
        let drop = self.drop.filter(|drop| drop.command == self.commands);
        if let Some(Drop {
            how: How::Unheard, ..
        }) = drop
        {
            self.closed = true;
            return;
        }
        let answer = self.obey(line);
        let answer = self.slipped(line, together, answer);
        let heard = match drop.map(|drop| drop.how) {
            Some(How::HalfAnswered(octets)) => {
                usize::try_from(octets).unwrap() % answer.len().max(1)
            }
            Some(_) => 0,
            None => answer.len(),
        };
        self.closed |= drop.is_some();
        input.extend_from_slice(&answer[..heard]);
    }

    /// The answer as it is sent.
    fn slipped(&mut self, line: &str, together: bool, mut answer: Vec<u8>) -> Vec<u8> {
        let verb = line.split(' ').next().unwrap_or_default();
        let late = std::mem::take(&mut self.late);
        let here = |slip: &&Slip| slip.command == self.commands && slip.happens(verb, together);
        let wrong = self.slips.iter().find(here).map(|slip| slip.wrong);
        self.dele_slipped |= verb == "DELE" && (wrong.is_some() || !late.is_empty());
        match wrong {
            None => {}
            Some(Wrong::Missing) => answer.clear(),
            Some(Wrong::Late) => self.late = std::mem::take(&mut answer),
            Some(Wrong::Twice) => answer = answer.repeat(2),
            Some(Wrong::Surplus(line)) => answer.extend_from_slice(line.as_bytes()),
            Some(Wrong::Afterwards(line)) => self.afterwards = line.into(),
            Some(Wrong::Unended) => {
                if let Some(end) = answer.strip_suffix(b"\r\n.\r\n") {
                    answer = [end, b".\r\n"].concat();
                }
            }
        }
        answer.extend_from_slice(&late);
        answer
    }

    pub(super) fn obey(&mut self, line: &str) -> Vec<u8> {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let world = lock(&self.world);
        let number = argument
            .split(' ')
            .next()
            .and_then(|n| n.parse::<usize>().ok())
            .unwrap_or_default();
        let mail = number.checked_sub(1).and_then(|at| self.session.get(at));
        let listing = |item: &dyn Fn(&Mail) -> String| {
            let lines = self
                .session
                .iter()
                .enumerate()
                .map(|(at, mail)| format!("{} {}\r\n", at + 1, item(mail)));
            format!("+OK\r\n{}.\r\n", lines.collect::<String>()).into_bytes()
        };
        match (verb, mail) {
            ("CAPA", _) => {
                let capa = [
                    (world.has_uidl, "UIDL"),
                    (world.has_top, "TOP"),
                    (world.has_pipelining, "PIPELINING"),
                ];
                let lines = capa
                    .iter()
                    .filter(|(has, _)| *has)
                    .map(|(_, name)| format!("{name}\r\n"));
                format!("+OK\r\nUSER\r\n{}.\r\n", lines.collect::<String>()).into_bytes()
            }
            ("STAT", _) => format!("+OK {} 1\r\n", self.session.len()).into_bytes(),
            ("LIST" | "TOP", Some(mail)) if world.unlisted && world.broken == Some(mail.id) => {
                b"-ERR\r\n".to_vec()
            }
            ("LIST", Some(mail)) => format!("+OK {number} {}\r\n", mail.text.len()).into_bytes(),
            ("LIST", _) => listing(&|mail| mail.text.len().to_string()),
            ("UIDL", _) if world.has_uidl => listing(&|mail| mail.uid.clone()),
            ("RETR", Some(_)) if world.gives_none => b"-ERR [SYS/TEMP] backend down\r\n".to_vec(),
            ("RETR", Some(mail)) if world.broken != Some(mail.id) => message(&mail.text),
            ("TOP", Some(mail)) if world.has_top => {
                let end = mail.text.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
                message(&mail.text[..end])
            }
            ("DELE", Some(mail)) => {
                let id = mail.id;
                if self.marked.insert(id) {
                    b"+OK\r\n".to_vec()
                } else {
                    b"-ERR\r\n".to_vec()
                }
            }
            ("QUIT", _) => {
                std::mem::drop(world);
                self.update();
                self.closed = true;
                b"+OK\r\n".to_vec()
            }
            ("USER" | "PASS", _) => b"+OK\r\n".to_vec(),
            _ => b"-ERR\r\n".to_vec(),
        }
    }

    /// The Update state: what is marked goes. It must be durable on our side by now: message, record, and that it is about to go.
    pub(super) fn update(&mut self) {
        let (mut world, disk) = (lock(&self.world), lock(&self.disk));
        let journal = String::from_utf8_lossy(&disk.journal);
        for id in &self.marked {
            let text = &world.ever[id];
            assert!(
                disk.messages.values().any(|stored| lasting(stored) == text),
                "mail {id} deleted before it was durable"
            );
            let digest = Digest::of(&[text]).to_string();
            let seen = || journal.lines().filter(|line| line.contains(&digest));
            assert!(
                seen().next().is_some(),
                "mail {id} deleted before it was recorded"
            );
            let pending = |line: &str| {
                let name = line.split(' ').nth(3).unwrap_or_default();
                let pending = format!(" pending {name}");
                journal.lines().any(|line| line.ends_with(&pending))
            };
            // Then it may be thought to be refused.
            assert!(
                self.dele_slipped || seen().any(pending),
                "mail {id} deleted before it was recorded that it would be"
            );
        }
        world
            .maildrop
            .retain(|mail| !self.marked.contains(&mail.id));
    }
}

pub(super) fn message(text: &[u8]) -> Vec<u8> {
    let mut answer = b"+OK\r\n".to_vec();
    for line in text.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            answer.push(b'.');
        }
        answer.extend_from_slice(line);
    }
    answer.extend_from_slice(b".\r\n");
    answer
}

impl Link for ModelLink {
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
        if !self.greeted {
            self.greeted = true;
            input.extend_from_slice(b"+OK\r\n");
        }
        let together = out.iter().filter(|b| **b == b'\n').count() > 1;
        while let (false, Some(end)) = (self.closed, out.iter().position(|b| *b == b'\n')) {
            let line = String::from_utf8_lossy(&out[..end]).trim_end().to_owned();
            out.advance(end + 1);
            self.dele_slipped |= line.starts_with("DELE") && !self.afterwards.is_empty();
            input.extend_from_slice(&std::mem::take(&mut self.afterwards));
            self.command(&line, together, input);
        }
        match input.len() - before {
            0 if self.silent && !self.closed => Ok(Transfer::Expired),
            0 => Ok(Transfer::Closed),
            read => Ok(Transfer::Read(read)),
        }
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

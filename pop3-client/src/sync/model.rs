//! The promise of the sync, against a model: a server that drops the connection at any step, a disk that forgets at any
//! step what was not synced, mails that come, go and are renamed, over thousands of seeded histories.

use super::intake::Vault;
use super::journal::Medium;
use super::mailbox::load;
use super::store::{Arrived, Store};
use super::{Deletion, Digest, Policy, Summary, SyncError, SyncEvent, session};
use crate::driver::{Link, Session, Transfer};
use crate::{Config, Credentials, Endpoint, ErrorKind, Security};
use bytes::{Buf, BytesMut};
use postrider_wire::Tls;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A small generator of numbers that look random (xorshift).
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// A mail on the server.
#[derive(Clone)]
struct Mail {
    id: u64,
    uid: String,
    text: Vec<u8>,
}

/// The server's maildrop, and everything that there ever was.
struct World {
    maildrop: Vec<Mail>,
    ever: BTreeMap<u64, Vec<u8>>,
    taken_by_others: BTreeSet<u64>,
    /// A mail that the server never gives.
    broken: Option<u64>,
    has_uidl: bool,
    has_top: bool,
    has_pipelining: bool,
    random: Random,
}

impl World {
    fn new(mut random: Random) -> Self {
        Self {
            maildrop: Vec::new(),
            ever: BTreeMap::new(),
            taken_by_others: BTreeSet::new(),
            broken: None,
            has_uidl: !random.one_in(5),
            has_top: !random.one_in(3),
            has_pipelining: !random.one_in(4),
            random,
        }
    }

    fn deliver(&mut self) {
        let id = self.ever.len() as u64 + 1;
        let filler = "x".repeat(usize::try_from(self.random.below(3) * 20).unwrap());
        let mut text = format!("Message-ID: <{id}>\r\n\r\n.dot\r\n{filler}\r\n..\r\n").into_bytes();
        // Now and then two messages share a unique-id, though they are not alike. Of equal size nobody could tell them
        // apart if they are not there at the same time.
        let uid = match self.maildrop.last() {
            Some(last) if self.random.one_in(20) => last.uid.clone(),
            _ => format!("uid{id}"),
        };
        while self.sizes_under(&uid).any(|other| other == text.len()) {
            text.extend_from_slice(b"longer\r\n");
        }
        if self.random.one_in(30) && self.broken.is_none() {
            self.broken = Some(id);
        }
        self.ever.insert(id, text.clone());
        self.maildrop.push(Mail { id, uid, text });
    }

    /// The sizes of all messages that are there under a unique-id.
    fn sizes_under<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.maildrop
            .iter()
            .filter(move |mail| mail.uid == uid)
            .map(|mail| mail.text.len())
    }

    /// What happens to the maildrop while nobody looks.
    fn live(&mut self, may_rename: bool) {
        (0..self.random.below(4)).for_each(|_| self.deliver());
        if self.random.one_in(6) && !self.maildrop.is_empty() {
            let at = self.random.below(self.maildrop.len() as u64);
            let mail = self.maildrop.remove(usize::try_from(at).unwrap());
            self.taken_by_others.insert(mail.id);
        }
        if may_rename && self.random.one_in(8) {
            for mail in &mut self.maildrop {
                mail.uid = format!("new-{}", mail.uid);
            }
        }
    }
}

/// A disk that keeps only what was synced, and breaks at a given operation.
#[derive(Default)]
struct Disk {
    operations: usize,
    breaks_at: Option<usize>,
    journal: Vec<u8>,
    journal_unsynced: Vec<u8>,
    messages: BTreeMap<String, Vec<u8>>,
    messages_unsynced: Vec<(String, Vec<u8>)>,
    spool: Option<Vec<u8>>,
}

impl Disk {
    fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.breaks_at {
            Some(at) if self.operations >= at => Err(io::Error::other("the power went")),
            _ => Ok(()),
        }
    }

    /// The power comes back: of what was not synced, some is there, some is not, some is there in part.
    fn restart(&mut self, random: &mut Random) {
        let kept = random.below(self.journal_unsynced.len() as u64 + 1);
        let unsynced = std::mem::take(&mut self.journal_unsynced);
        self.journal
            .extend_from_slice(&unsynced[..usize::try_from(kept).unwrap()]);
        for (key, text) in std::mem::take(&mut self.messages_unsynced) {
            let kept = random.below(3);
            if kept > 0 {
                self.messages.insert(
                    key,
                    text[..text.len() / (3 - usize::try_from(kept).unwrap())].to_vec(),
                );
            }
        }
        self.spool = None;
        self.breaks_at = None;
    }
}

type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap()
}

struct ModelMedium(Shared<Disk>);

impl Medium for ModelMedium {
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let disk = lock(&self.0);
        Ok([&disk.journal[..], &disk.journal_unsynced[..]].concat())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        lock(&self.0)
            .journal
            .truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = lock(&self.0);
        let broken = disk.operation();
        // Even an operation that fails may have written something.
        disk.journal_unsynced.extend_from_slice(bytes);
        broken
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.operation()?;
        let unsynced = std::mem::take(&mut disk.journal_unsynced);
        disk.journal.extend_from_slice(&unsynced);
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.operation()?;
        disk.journal_unsynced.clear();
        disk.journal = bytes.to_vec();
        Ok(())
    }
}

struct ModelStore(Shared<Disk>);

impl Store for ModelStore {
    fn begin(&mut self) -> io::Result<()> {
        let mut disk = lock(&self.0);
        assert!(disk.spool.is_none(), "one message at a time");
        disk.spool = Some(Vec::new());
        disk.operation()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.spool.as_mut().unwrap().extend_from_slice(bytes);
        disk.operation()
    }

    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String> {
        let mut disk = lock(&self.0);
        disk.operation()?;
        let text = disk.spool.take().unwrap();
        assert_eq!(Digest::of(&[&text]), message.content);
        disk.messages_unsynced.push((message.key.to_string(), text));
        Ok(message.key.to_string())
    }

    fn abort(&mut self) -> io::Result<()> {
        lock(&self.0).spool = None;
        Ok(())
    }

    fn commit(&mut self) -> io::Result<()> {
        let mut disk = lock(&self.0);
        disk.operation()?;
        let unsynced = std::mem::take(&mut disk.messages_unsynced);
        disk.messages.extend(unsynced);
        Ok(())
    }
}

/// When a connection breaks: at this command, before it is obeyed, after it, or in the middle of its answer.
#[derive(Clone, Copy)]
struct Drop {
    command: u64,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    Unheard,
    Unanswered,
    HalfAnswered,
}

/// One session of the model server, which is also the client's byte stream.
struct ModelLink {
    world: Shared<World>,
    disk: Shared<Disk>,
    session: Vec<Mail>,
    marked: BTreeSet<u64>,
    drop: Option<Drop>,
    commands: u64,
    greeted: bool,
    closed: bool,
}

impl ModelLink {
    fn new(world: &Shared<World>, disk: &Shared<Disk>, drop: Option<Drop>) -> Self {
        Self {
            session: lock(world).maildrop.clone(),
            world: Arc::clone(world),
            disk: Arc::clone(disk),
            marked: BTreeSet::new(),
            drop,
            commands: 0,
            greeted: false,
            closed: false,
        }
    }

    fn command(&mut self, line: &str, input: &mut BytesMut) {
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
        let heard = match drop.map(|drop| drop.how) {
            Some(How::Unanswered) => 0,
            Some(_) => answer.len() / 2,
            None => answer.len(),
        };
        self.closed |= drop.is_some();
        input.extend_from_slice(&answer[..heard]);
    }

    fn obey(&mut self, line: &str) -> Vec<u8> {
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
            ("LIST", _) => listing(&|mail| mail.text.len().to_string()),
            ("UIDL", _) if world.has_uidl => listing(&|mail| mail.uid.clone()),
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

    /// The Update state: what is marked goes. It must be durable on our side by now, message and record.
    fn update(&mut self) {
        let (mut world, disk) = (lock(&self.world), lock(&self.disk));
        let journal = String::from_utf8_lossy(&disk.journal);
        for id in &self.marked {
            let text = &world.ever[id];
            assert!(
                disk.messages.values().any(|stored| stored == text),
                "mail {id} deleted before it was durable"
            );
            let digest = Digest::of(&[text]).to_string();
            assert!(
                journal.contains(&digest),
                "mail {id} deleted before it was recorded"
            );
        }
        world
            .maildrop
            .retain(|mail| !self.marked.contains(&mail.id));
    }
}

fn message(text: &[u8]) -> Vec<u8> {
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
        out: &mut BytesMut,
        input: &mut BytesMut,
        _deadline: Option<Instant>,
    ) -> io::Result<Transfer> {
        let before = input.len();
        if !self.greeted {
            self.greeted = true;
            input.extend_from_slice(b"+OK\r\n");
        }
        while let (false, Some(end)) = (self.closed, out.iter().position(|b| *b == b'\n')) {
            let line = String::from_utf8_lossy(&out[..end]).trim_end().to_owned();
            out.advance(end + 1);
            self.command(&line, input);
        }
        match input.len() - before {
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

/// Nothing here ever waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the model never waits"),
    }
}

/// A client that lives through one history.
struct History {
    world: Shared<World>,
    disk: Shared<Disk>,
    vault: Option<Vault<ModelStore, ModelMedium>>,
    config: Config,
    policy: Policy,
    now: u64,
    stored: BTreeMap<Digest, usize>,
    crashes: usize,
}

impl History {
    fn new(world: World, policy: Policy) -> Self {
        let config = Config::new(Endpoint::new("pop.example.org", 110).unwrap())
            .security(Security::None)
            .credentials(Credentials::password("ada", "tanstaaf").unwrap())
            .danger_allow_clear_text_credentials();
        Self {
            world: Arc::new(Mutex::new(world)),
            disk: Arc::default(),
            vault: None,
            config,
            policy,
            now: 1_700_000_000,
            stored: BTreeMap::new(),
            crashes: 0,
        }
    }

    /// One session, and what becomes of the process after it.
    fn session(&mut self, drop: Option<Drop>, random: &mut Random) -> Result<Summary, SyncError> {
        let booted = self.vault.take().map_or_else(|| self.boot(), Ok);
        let mut vault = match booted {
            Ok(vault) => vault,
            Err(error) => {
                self.crashes += 1;
                lock(&self.disk).restart(random);
                return Err(error.into());
            }
        };
        let link = ModelLink::new(&self.world, &self.disk, drop);
        let (mut summary, stored) = (Summary::default(), &mut self.stored);
        let disk = Arc::clone(&self.disk);
        let mut events = |event| {
            if let SyncEvent::Stored { key, .. } = event {
                let disk = lock(&disk);
                let text = disk
                    .messages
                    .get(&key.to_string())
                    .expect("reported before it was durable");
                *stored.entry(Digest::of(&[text])).or_default() += 1;
            }
        };
        let (config, policy, now) = (&self.config, &self.policy, self.now);
        let result = ready(async {
            let session = Session::open(link, config).await?;
            session::run(session, &mut vault, policy, now, &mut summary, &mut events).await
        });
        match &result {
            Err(SyncError::Storage(_)) => {
                self.crashes += 1;
                lock(&self.disk).restart(random);
            }
            // The process lives on, or is started anew: it must not matter.
            _ if random.one_in(2) => self.vault = Some(vault),
            _ => lock(&self.disk).restart(random),
        }
        result.map(|()| summary)
    }

    fn boot(&self) -> io::Result<Vault<ModelStore, ModelMedium>> {
        let (journal, index) = load(ModelMedium(Arc::clone(&self.disk)), self.now)?;
        Ok(Vault {
            account: self.config.account(),
            journal,
            index,
            store: ModelStore(Arc::clone(&self.disk)),
        })
    }

    /// Every mail is here once, unless somebody else took it or the server does not give it.
    fn check(&self, exactly_once: bool) {
        let (world, disk) = (lock(&self.world), lock(&self.disk));
        for (id, text) in &world.ever {
            let copies = disk
                .messages
                .values()
                .filter(|stored| *stored == text)
                .count();
            if world.broken == Some(*id) {
                assert_eq!(copies, 0);
                assert!(
                    !exactly_once
                        || world.taken_by_others.contains(id)
                        || world.maildrop.iter().any(|m| m.id == *id)
                );
            } else if world.taken_by_others.contains(id) {
                assert!(copies <= 1);
            } else {
                assert_eq!(copies, 1, "mail {id} is stored {copies} times");
                let reported = self
                    .stored
                    .get(&Digest::of(&[text]))
                    .copied()
                    .unwrap_or_default();
                assert!(
                    self.crashes > 0 || reported == 1,
                    "mail {id} was reported {reported} times"
                );
            }
        }
        let texts: Vec<_> = world.ever.values().collect();
        for stored in disk.messages.values() {
            assert!(
                self.crashes > 0 || texts.contains(&stored),
                "something is stored that never was a mail"
            );
        }
    }
}

fn policy(random: &mut Random) -> Policy {
    let deletion = match random.below(3) {
        0 => Deletion::Now,
        1 => Deletion::Never,
        _ => Deletion::After(Duration::from_secs(3 * 60)),
    };
    let group = usize::try_from(1 + random.below(4)).unwrap();
    Policy {
        deletion,
        group,
        quarantine_after: u32::MAX,
        ..Policy::default()
    }
}

fn live_through(seed: u64, disk_breaks: bool) {
    let mut random = Random::new(seed);
    let policy = policy(&mut random);
    let mut history = History::new(World::new(random.clone()), policy);
    for _ in 0..1 + random.below(6) {
        history.now += 60;
        // Renaming in the very moment between two commits may store a mail under two names: at least once, as promised.
        lock(&history.world).live(!disk_breaks);
        let how = [How::Unheard, How::Unanswered, How::HalfAnswered]
            [usize::try_from(random.below(3)).unwrap()];
        let drop = (!random.one_in(4)).then(|| Drop {
            command: 1 + random.below(20),
            how,
        });
        if disk_breaks && random.one_in(2) {
            let mut disk = lock(&history.disk);
            disk.breaks_at = Some(disk.operations + 1 + usize::try_from(random.below(20)).unwrap());
        }
        let _ = history.session(drop, &mut random);
        lock(&history.disk).breaks_at = None;
    }
    // In the end nothing breaks any more, and it takes one session to have everything, and two to have deleted it.
    for _ in 0..2 {
        history.now += 1_000;
        history
            .session(None, &mut random)
            .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    history.check(!disk_breaks);
    let world = lock(&history.world);
    if history.policy.deletion == Deletion::Now {
        let left = world
            .maildrop
            .iter()
            .filter(|mail| world.broken != Some(mail.id))
            .count();
        assert_eq!(left, 0, "seed {seed}: not everything was deleted");
    }
    if history.policy.deletion == Deletion::Never {
        let there = world.ever.len() - world.taken_by_others.len();
        assert_eq!(
            world.maildrop.len(),
            there,
            "seed {seed}: something was deleted"
        );
    }
}

fn all(seeds: std::ops::Range<u64>, disk_breaks: bool) {
    for seed in seeds {
        let lived = std::panic::catch_unwind(|| live_through(seed, disk_breaks));
        assert!(lived.is_ok(), "seed {seed}");
    }
}

#[test]
fn no_mail_is_lost_or_stored_twice_whenever_the_connection_breaks() {
    all(0..2_000, false);
}

#[test]
fn no_mail_is_lost_whenever_the_disk_breaks() {
    all(10_000..12_000, true);
}

#[test]
fn a_connection_that_breaks_at_each_command_in_turn_loses_nothing() {
    for how in [How::Unheard, How::Unanswered, How::HalfAnswered] {
        for command in 1..=24 {
            let mut random = Random::new(command);
            let mut world = World::new(Random::new(7));
            (world.has_uidl, world.has_pipelining, world.broken) = (true, true, None);
            (0..5).for_each(|_| world.deliver());
            let mut history = History::new(
                world,
                Policy {
                    deletion: Deletion::Now,
                    ..Policy::default()
                },
            );
            let first = history.session(Some(Drop { command, how }), &mut random);
            let second = history.session(None, &mut random).unwrap();
            assert!(second.stored + first.map_or(0, |s| s.stored) <= 5);
            history.check(true);
            assert!(
                lock(&history.world)
                    .maildrop
                    .iter()
                    .all(|m| Some(m.id) == lock(&history.world).broken)
            );
        }
    }
}

#[test]
fn a_deletion_that_was_begun_is_finished_even_if_nothing_is_due_any_more() {
    let mut begun = 0;
    for command in 1..=24 {
        let mut random = Random::new(command);
        let mut world = World::new(Random::new(7));
        (0..3).for_each(|_| world.deliver());
        (world.has_uidl, world.broken) = (true, None);
        let mut history = History::new(
            world,
            Policy {
                deletion: Deletion::Now,
                ..Policy::default()
            },
        );
        let _ = history.session(
            Some(Drop {
                command,
                how: How::Unheard,
            }),
            &mut random,
        );
        let pending = String::from_utf8_lossy(&lock(&history.disk).journal).contains("pending");
        history.policy.deletion = Deletion::Never;
        history.session(None, &mut random).unwrap();
        let left = lock(&history.world).maildrop.len();
        assert!(
            left == if pending { 0 } else { 3 } || command > 12,
            "{left} left, dropped at {command}"
        );
        begun += usize::from(pending && left == 0);
    }
    assert!(begun > 0);
}

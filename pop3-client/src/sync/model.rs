//! The promise of the sync, against a model: a server that drops the connection at any step, a disk that forgets at any
//! step what was not synced, a server whose answers leave the order of the commands, mails that come, go and are renamed, over more than ten thousand seeded histories.
//!
//! Chance is a seed, or the octets of a fuzzer. A history that fails prints its seed.
//! `POSTRIDER_SYNC_SEED=SEED cargo test sync::model` lives through that one again, and `POSTRIDER_SYNC_HISTORIES=COUNT` through
//! so many of each kind.

use super::intake::Vault;
use super::journal::Log;
use super::shorten::index_of;
use super::{Deletion, Digest, Policy, Summary, SyncError, SyncEvent, session};
use crate::driver::Session;
use crate::{Config, Credentials, Endpoint, Security};
use disk::{Disk, ModelJournal, ModelStore, Shared, lock};
use server::{Drop, How, ModelLink, Slip, World, lasting};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

mod disk;
mod server;
#[cfg(test)]
mod tests;

/// Chance: octets that somebody chose, and after them a small generator of numbers that look random (xorshift).
#[derive(Clone)]
struct Random {
    chosen: VecDeque<u8>,
    state: u64,
}

impl Random {
    fn new(seed: u64) -> Self {
        Self {
            chosen: VecDeque::new(),
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        }
    }

    fn chosen(octets: &[u8]) -> Self {
        Self {
            chosen: octets.iter().copied().collect(),
            ..Self::new(0)
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        if let Some(octet) = self.chosen.pop_front() {
            return u64::from(octet) % bound;
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// Lines from which on a journal is shortened: one that every history has soon.
const FEW: usize = 4;

/// Nothing here ever waits.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the model never waits"),
    }
}

/// A client that lives through one history.
struct History {
    world: Shared<World>,
    disk: Shared<Disk>,
    vault: Option<Vault<ModelStore, ModelJournal>>,
    config: Config,
    policy: Policy,
    now: u64,
    stored: BTreeMap<Digest, usize>,
    crashes: usize,
    /// What the server answers out of order in the next session.
    slips: Vec<Slip>,
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
            slips: Vec::new(),
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
        let horizon = self.now.saturating_sub(self.policy.remember.as_secs());
        if let Err(error) = vault.shorten(horizon, FEW) {
            self.crashes += 1;
            lock(&self.disk).restart(random);
            return Err(error.into());
        }
        let mut link = ModelLink::new(&self.world, &self.disk, drop);
        link.slips = std::mem::take(&mut self.slips);
        link.silent = !link.slips.is_empty() && random.one_in(2);
        let (mut summary, stored) = (Summary::default(), &mut self.stored);
        let disk = Arc::clone(&self.disk);
        let mut events = |event| {
            if let SyncEvent::Stored { key, .. } = event {
                let disk = lock(&disk);
                let text = disk
                    .messages
                    .get(&key.to_string())
                    .expect("reported before it was durable");
                *stored.entry(Digest::of(&[lasting(text)])).or_default() += 1;
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

    fn boot(&self) -> io::Result<Vault<ModelStore, ModelJournal>> {
        let mut journal = Log::new(ModelJournal::new(&self.disk));
        let index = index_of(&journal.load()?);
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
                .filter(|stored| lasting(stored) == text)
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
        let texts: Vec<&[u8]> = world.ever.values().map(Vec::as_slice).collect();
        for stored in disk.messages.values() {
            assert!(
                texts.contains(&lasting(stored)),
                "something is stored that never was a mail"
            );
        }
        let twice = disk.transactional && disk.inserts.values().any(|times| *times > 1);
        assert!(
            !twice,
            "a mail was stored again in spite of the transaction"
        );
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

/// What may go wrong beside the connection.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Nothing.
    Connection,
    /// The disk loses what was not synced.
    Disk,
    /// The same, and what is stored is in one transaction with what is known of it.
    Database,
    /// The server answers out of order.
    Order,
}

/// A history of the first octet's kind, in which the others are chance.
pub(super) fn live_through_octets(octets: &[u8]) {
    let (&kind, chance) = octets.split_first().unwrap_or((&0, &[]));
    let kind = [Kind::Connection, Kind::Disk, Kind::Database, Kind::Order][usize::from(kind % 4)];
    live_through(Random::chosen(chance), kind);
}

fn live_through(mut random: Random, kind: Kind) {
    let mut policy = policy(&mut random);
    if kind == Kind::Disk {
        // Where nothing is renamed, what the server has no more need not be remembered.
        policy.remember = Duration::ZERO;
    }
    let mut history = History::new(World::new(random.clone()), policy);
    lock(&history.disk).transactional = kind == Kind::Database;
    for _ in 0..1 + random.below(6) {
        history.now += 60;
        // Renaming in the very moment between two commits may store a mail under two names: at least once, as promised.
        lock(&history.world).live(kind != Kind::Disk);
        let how = match random.below(3) {
            0 => How::Unheard,
            1 => How::Unanswered,
            _ => How::HalfAnswered(random.below(1 << 16)),
        };
        let drop = (!random.one_in(4)).then(|| Drop {
            command: 1 + random.below(20),
            how,
        });
        if kind == Kind::Order {
            let count = random.below(4);
            history.slips = Slip::several(count, &mut random);
        }
        if matches!(kind, Kind::Disk | Kind::Database) && random.one_in(2) {
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
            .unwrap_or_else(|e| panic!("nothing breaks, and yet: {e}"));
    }
    history.check(matches!(kind, Kind::Connection | Kind::Order));
    let world = lock(&history.world);
    if history.policy.deletion == Deletion::Now {
        let left = world
            .maildrop
            .iter()
            .filter(|mail| world.broken != Some(mail.id))
            .count();
        assert_eq!(left, 0, "not everything was deleted");
    }
    if history.policy.deletion == Deletion::Never {
        let there = world.ever.len() - world.taken_by_others.len();
        assert_eq!(world.maildrop.len(), there, "something was deleted");
    }
}

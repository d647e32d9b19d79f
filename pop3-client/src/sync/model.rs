//! The promise of the sync, against a model: a server that drops the connection at any step, a disk that forgets at any
//! step what was not synced, mails that come, go and are renamed, over thousands of seeded histories.

use super::intake::Vault;
use super::journal::{Lines, Log};
use super::work::load;
use super::{Deletion, Digest, Policy, Summary, SyncError, SyncEvent, session};
use crate::driver::Session;
use crate::{Config, Credentials, Endpoint, Security};
use disk::{Disk, ModelMedium, ModelStore, Shared, lock};
use server::{Drop, How, ModelLink, World};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

mod disk;
mod server;

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
    vault: Option<Vault<ModelStore, Lines<ModelMedium>>>,
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

    fn boot(&self) -> io::Result<Vault<ModelStore, Lines<ModelMedium>>> {
        let mut journal = Log::new(Lines(ModelMedium(Arc::clone(&self.disk))));
        let index = load(&mut journal, self.now)?;
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

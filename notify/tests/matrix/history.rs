//! One history: events are fired, mail goes out, the process dies and lives again, until everything is done with.

use crate::checks;
use crate::mortal::{Mortal, Sabotage, Stalled};
use crate::reaper::{Op, POINTS, Point, Reaper, read};
use crate::rng::Rng;
use crate::sink::{At, Does, Sink};
use jiff::Timestamp;
use postrider_notify::config::Config;
use postrider_notify::daemon::signer;
use postrider_notify::delivery::{Dial, Sender};
use postrider_notify::event::{EventId, EventKind, NewEvent};
use postrider_notify::process::Processor;
use postrider_notify::record::{Fields, RecordKey};
use postrider_notify::store::{LogFilter, SqliteStore, Store, StoreError, Work};
use postrider_wire::{Stream, Transcript};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Rounds after which something must have come to its end.
const ROUNDS: usize = 400;

/// What every history starts from.
pub struct Start {
    pub config: Arc<Config>,
    /// A database with its tables and its key, and nothing else.
    pub template: Vec<u8>,
}

/// What one history is made from.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    pub seed: u64,
    pub point: Point,
    pub hostile: (At, Does),
    pub sabotage: Option<Sabotage>,
}

/// An event that somebody fires, and fires again until it is acknowledged.
pub struct Fired {
    pub key: String,
    pub event: NewEvent,
    pub recipients: Vec<String>,
    pub acknowledged: Option<EventId>,
}

pub struct World {
    pub script: Script,
    pub rng: Rng,
    pub reaper: Arc<Reaper>,
    pub sink: Sink,
    pub fired: Vec<Fired>,
    /// What was written down as delivered when a life ended, with its generation.
    pub delivered: BTreeMap<String, u32>,
    /// The most attempts seen of each delivery.
    pub attempts: BTreeMap<i64, u32>,
    /// Events that retention may have taken.
    pub forgotten: BTreeSet<EventId>,
    config: Arc<Config>,
    clock: Arc<AtomicI64>,
    stalled: Arc<Stalled>,
    pub process: Process,
    generation: u32,
    _folder: TempDir,
}

/// What dies.
pub struct Process {
    pub store: Arc<Mortal>,
    processor: Processor,
    sender: Sender,
}

/// The point struck.
pub type Reached = bool;

/// Plays a history to its end.
///
/// # Errors
/// What was violated.
pub async fn play(start: &Start, script: Script) -> Result<Reached, String> {
    let (_, reached) = played(start, script).await?;
    Ok(reached)
}

/// Plays a history to its end, and tells everything of it that could be seen.
///
/// # Errors
/// What was violated.
pub async fn trace(start: &Start, script: Script) -> Result<String, String> {
    let (world, reached) = played(start, script).await?;
    let mut told = format!("struck: {reached}, deaths: {}\n", world.reaper.kills());
    for fired in &world.fired {
        told += &format!("{} {:?}\n", fired.key, fired.acknowledged);
    }
    for row in world.log()? {
        let attempts = world.store_error(|s| s.attempts(row.delivery))?;
        told += &format!("{row:?}\n{attempts:?}\n");
    }
    let heard = world.sink.ledger();
    for mail in &heard.accepted {
        told += &format!("{mail:?}\n");
    }
    told += &format!("refused: {:?}\n", heard.refused);
    let counts = (heard.connections, heard.asked, heard.hung_up);
    told += &format!("connections, MAIL commands, hang-ups: {counts:?}\n");
    Ok(told)
}

async fn played(start: &Start, script: Script) -> Result<(World, Reached), String> {
    let mut world = World::new(start, script);
    world.act().await?;
    let reached = !world.reaper.is_armed();
    world.reaper.disarm();
    world.drain().await?;
    checks::at_the_end(&world)?;
    Ok((world, reached))
}

pub fn scratch() -> TempDir {
    // A kill loses nothing that was handed to the operating system, so that no disk is needed to show it.
    let shared = Path::new("/dev/shm");
    match shared.is_dir() {
        true => tempfile::tempdir_in(shared).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

impl World {
    fn new(start: &Start, script: Script) -> Self {
        let mut rng = Rng(script.seed);
        let folder = scratch();
        let reaper = Reaper::new(folder.path(), script.point, Rng(rng.next()));
        std::fs::write(reaper.database(), &start.template).unwrap();
        let (times, skip) = (1 + rng.below(4) as u32, rng.below(4) as u32);
        let sink = Sink::new(script.hostile, times, skip, Arc::clone(&reaper));
        let begin: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let clock = Arc::new(AtomicI64::new(begin.as_second()));
        let stalled = Arc::default();
        let process = Process::start(
            &start.config,
            &reaper,
            &sink,
            &clock,
            &stalled,
            script,
            true,
        );
        Self {
            script,
            rng,
            reaper,
            sink,
            fired: Vec::new(),
            delivered: BTreeMap::new(),
            attempts: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            config: Arc::clone(&start.config),
            clock,
            stalled,
            process,
            generation: 0,
            _folder: folder,
        }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The busy part: something is always happening when the process dies.
    async fn act(&mut self) -> Result<(), String> {
        for step in 0..14 {
            match step {
                0 => self.fire().await?,
                3 | 9 => self.settle().await?,
                4 | 10 => self.send().await?,
                6 => self.checkpoint().await?,
                7 => self.trim().await?,
                _ => match self.rng.below(6) {
                    0 | 1 => self.fire().await?,
                    2 => self.settle().await?,
                    3 => self.send().await?,
                    4 => {
                        let minutes = self.rng.below(40) as i64;
                        self.pass(60 * minutes);
                    }
                    _ => self.jump(),
                },
            }
            if self.reaper.kills() == 1 && !self.reaper.is_armed() && self.rng.one_in(8) {
                // A second death, anywhere.
                let (_, point) = POINTS[self.rng.below(POINTS.len())];
                self.reaper.arm(point);
            }
        }
        // Most points are passed while the rest is sent; those of the application and of upkeep are not.
        // Digests want time to gather.
        let (most, seconds) = match self.script.point.is_of(Op::Digest) {
            true => (12, 1_800),
            false => (6, 600),
        };
        let mut more = 0;
        while self.reaper.is_armed() && more < most {
            more += 1;
            self.fire().await?;
            self.settle().await?;
            self.send().await?;
            self.pass(seconds);
            self.checkpoint().await?;
            self.trim().await?;
        }
        Ok(())
    }

    /// Until nothing waits any more.
    async fn drain(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS {
            self.release_stalled()?;
            self.fire_again()?;
            self.settle().await?;
            self.send().await?;
            let log = self.log()?;
            let open = log
                .iter()
                .filter(|row| row.state.mailbox() == "Outbox")
                .count();
            let fired = self.fired.iter().all(|f| f.acknowledged.is_some());
            let waiting = self.store_error(|s| s.due_events(Timestamp::MAX, 1))?;
            let gathering = self.store_error(|s| s.due_digests(Timestamp::MAX, 1))?;
            if open == 0 && fired && waiting.is_empty() && gathering.is_empty() {
                return Ok(());
            }
            self.pass(600);
        }
        Err(format!("not done after {ROUNDS} rounds: {:?}", self.log()?))
    }

    pub fn log(&self) -> Result<Vec<postrider_notify::outgoing::LogRow>, String> {
        let everything = LogFilter {
            limit: 100_000,
            ..LogFilter::default()
        };
        self.store_error(|s| s.log(&everything))
    }

    pub fn store_error<T>(
        &self,
        f: impl FnOnce(&Mortal) -> Result<T, StoreError>,
    ) -> Result<T, String> {
        f(&self.process.store).map_err(|error| error.to_string())
    }

    /// An application fires an event with one to three recipients; two of three times about one of three records.
    async fn fire(&mut self) -> Result<(), String> {
        let n = self.fired.len();
        let about = self.rng.below(4);
        let recipients: Vec<String> = match about {
            // Mail about one record to one person keeps its order, and waits.
            0 | 1 => vec![format!("watcher{about}@example.org")],
            // Told in digests.
            2 => vec![format!("reader{}@example.org", self.rng.below(2))],
            _ => (0..1 + self.rng.below(3))
                .map(|r| format!("r{n}.{r}@example.org"))
                .collect(),
        };
        let event = NewEvent {
            name: if about == 2 { "gather" } else { "note" }.into(),
            kind: EventKind::Fired,
            record: (about < 2).then(|| RecordKey::new("item", about.to_string())),
            parm1: recipients.join(","),
            parm2: n.to_string(),
            actor: String::new(),
            current: Fields::new(),
            previous: Fields::new(),
            idempotency_key: Some(format!("key {n}")),
            due: None,
        };
        self.fired.push(Fired {
            key: format!("key {n}"),
            event,
            recipients,
            acknowledged: None,
        });
        self.fire_again()
    }

    /// Whoever has no acknowledgement fires again, with the same key.
    fn fire_again(&mut self) -> Result<(), String> {
        for n in 0..self.fired.len() {
            if self.fired[n].acknowledged.is_some() {
                continue;
            }
            let work = Work {
                events: vec![self.fired[n].event.clone()],
                ..Work::default()
            };
            match self.process.store.commit(&work) {
                Ok(committed) => self.fired[n].acknowledged = committed.events.first().copied(),
                Err(error) => self.buried(error)?,
            }
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), String> {
        let now = self.now();
        let process = &self.process;
        let settle = || {
            let due = process.store.due_events(now, 3)?;
            let settled = process.processor.settle_all(&due, now)?;
            process.store.settle(&settled)?;
            let due = process.store.due_digests(now, 2)?;
            let ended: Result<Vec<_>, _> = due
                .iter()
                .map(|d| process.processor.digest(d, now))
                .collect();
            match ended? {
                ended if ended.is_empty() => Ok(()),
                ended => process.store.end_digests(&ended).map(drop),
            }
        };
        match settle() {
            Ok(()) => Ok(()),
            Err(error) => self.buried(error),
        }
    }

    async fn send(&mut self) -> Result<(), String> {
        let now = self.now();
        let started = tokio::time::Instant::now();
        let reaper = Arc::clone(&self.reaper);
        let mut batches = Vec::new();
        let told = |sent| batches.push(sent);
        let sent = tokio::select! {
            biased;
            () = reaper.death() => None,
            sent = self.process.sender.pass(now, || true, told) => Some(sent),
        };
        batches.iter().try_for_each(checks::who_tried)?;
        self.pass(started.elapsed().as_secs() as i64);
        match sent {
            Some(Ok(_)) => checks::on_the_way(self),
            Some(Err(error)) => self.buried(error),
            None => self.buried(StoreError::Corrupt("killed".into())),
        }
    }

    async fn checkpoint(&mut self) -> Result<(), String> {
        let database = self.reaper.database();
        let before = read(&database);
        let connection = rusqlite::Connection::open(&database).map_err(|e| e.to_string())?;
        connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(|e| e.to_string())?;
        if self.reaper.strikes(Point::Checkpoint) {
            self.reaper.kill_in_checkpoint(&before);
            self.buried(StoreError::Corrupt("killed".into()))?;
        }
        Ok(())
    }

    async fn trim(&mut self) -> Result<(), String> {
        // What is forgotten no longer answers to its key: nobody waits so long with firing again.
        while self.fired.iter().any(|fired| fired.acknowledged.is_none()) {
            self.fire_again()?;
        }
        let before = self.now();
        self.note_forgettable()?;
        match self.process.store.trim(before) {
            Ok(_) => Ok(()),
            Err(error) => self.buried(error),
        }
    }

    /// Events with nothing left to send may be gone from now on.
    fn note_forgettable(&mut self) -> Result<(), String> {
        for fired in &self.fired {
            let Some(id) = fired.acknowledged else {
                continue;
            };
            let Some(why) = self.store_error(|s| s.explain(id))? else {
                continue;
            };
            let done = |row: &postrider_notify::outgoing::LogRow| row.state.mailbox() != "Outbox";
            if why.state != "ready" && why.deliveries.iter().all(done) {
                self.forgotten.insert(id);
            }
        }
        Ok(())
    }

    /// The clock is set, by up to a day.
    fn jump(&mut self) {
        let by = self.rng.below(2 * 86_400) as i64 - 86_400;
        self.pass(by);
    }

    /// If the process died, another one starts; any other error is a violation.
    fn buried(&mut self, error: StoreError) -> Result<(), String> {
        if self.stalled.lock().unwrap().is_some() && !self.reaper.is_dead() {
            // Others take over when the lease has run out; what the stopped one holds is not released for it.
            let asleep = 61 + self.rng.below(600) as i64;
            self.pass(asleep);
            self.sink.next_generation();
            self.generation += 1;
            self.process = self.start(false);
            return Ok(());
        }
        if !self.reaper.is_dead() {
            return Err(format!("a store that lives says: {error}"));
        }
        self.generation += 1;
        self.sink.next_generation();
        self.reaper.revive();
        let clean = !self.rng.one_in(4);
        self.process = self.start(clean);
        checks::after_a_death(self)?;
        Ok(())
    }

    fn start(&self, alone: bool) -> Process {
        let Self {
            config,
            reaper,
            sink,
            clock,
            stalled,
            script,
            ..
        } = self;
        Process::start(config, reaper, sink, clock, stalled, *script, alone)
    }

    /// The one that was stopped wakes up, and writes what it knows.
    fn release_stalled(&mut self) -> Result<(), String> {
        let Some((now, rows)) = self.stalled.lock().unwrap().take() else {
            return Ok(());
        };
        let before = self.log()?;
        let late = self.store_error(|s| s.store.complete(now, &rows))?;
        let after = self.log()?;
        for delivery in &late {
            let find = |log: &[postrider_notify::outgoing::LogRow]| {
                let row = log.iter().find(|row| row.delivery == *delivery);
                row.map(|row| (row.state, row.next_at))
            };
            if find(&before) != find(&after) {
                return Err(format!("a late worker changed delivery {delivery}"));
            }
        }
        Ok(())
    }

    pub fn generation(&self) -> u32 {
        self.generation
    }
}

impl Process {
    fn start(
        config: &Arc<Config>,
        reaper: &Arc<Reaper>,
        sink: &Sink,
        clock: &Arc<AtomicI64>,
        stalled: &Arc<Stalled>,
        script: Script,
        alone: bool,
    ) -> Self {
        let store = SqliteStore::open(&reaper.database()).unwrap();
        let time = Arc::clone(clock);
        let store =
            store.with_clock(move || Timestamp::from_second(time.load(Ordering::SeqCst)).unwrap());
        if alone {
            // What a daemon does that knows itself to be the only one.
            drop(store.lock_daemon().unwrap());
        }
        let store = Arc::new(Mortal {
            store,
            reaper: Arc::clone(reaper),
            stalled: Arc::clone(stalled),
            sabotage: script.sabotage,
        });
        let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        let signer = signer(&*shared).unwrap();
        let processor = Processor::new(Arc::clone(config), Arc::clone(&shared), signer);
        let mut account = config.smtp[0].clone();
        account.timeout = Some(Duration::from_secs(200));
        let sink = sink.clone();
        let dial = Dial::new(move || {
            let stream = sink.connect();
            async move { stream.map(Stream::from_io) }
        });
        let sender = Sender::new(account, shared, Transcript::off()).over(dial);
        Self {
            store,
            processor,
            sender,
        }
    }
}

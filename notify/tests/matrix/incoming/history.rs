//! One history: mail arrives, is fetched and acted upon, the process dies and lives again, until everything is done with.

use super::checks;
use super::server::{Hostile, Server};
use crate::mortal::{Mortal, Sabotage};
use crate::reaper::{Point, Reaper};
use crate::rng::Rng;
use crate::support::{house, pop3_account_at};
use jiff::Timestamp;
use postrider_notify::account::DeletePolicy;
use postrider_notify::config::Config;
use postrider_notify::daemon::signer;
use postrider_notify::inbound::processor::Processor;
use postrider_notify::inbound::reader::{Reader, Round};
use postrider_notify::record::RecordKey;
use postrider_notify::store::{SqliteStore, Store, StoreError};
use postrider_wire::Transcript;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Rounds after which everything must have come to its end.
const ROUNDS: usize = 200;

/// What every history starts from.
pub struct Start {
    pub config: Arc<Config>,
    /// A database with an incident of Ada's.
    pub template: Vec<u8>,
    /// The events about it.
    pub first_event: usize,
}

/// What one history is made from.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    pub seed: u64,
    pub point: Point,
    pub hostile: Hostile,
    pub sabotage: Option<Sabotage>,
}

/// A mail that somebody sent.
pub struct Sent {
    pub text: Vec<u8>,
    /// It answers; otherwise it asks for something new.
    pub reply: bool,
}

pub struct World {
    pub script: Script,
    pub server: Server,
    pub sent: Vec<Sent>,
    pub first_event: usize,
    pub delete: DeletePolicy,
    pub store: Arc<Mortal>,
    rng: Rng,
    reaper: Arc<Reaper>,
    config: Arc<Config>,
    processor: Processor,
    reader: Reader,
    now: Timestamp,
    _folder: TempDir,
}

/// The incident that is answered about.
pub fn about() -> RecordKey {
    house::first_incident()
}

/// Plays a history to its end; true if its point struck.
///
/// # Errors
/// What was violated.
pub async fn play(start: &Start, script: Script) -> Result<bool, String> {
    let mut world = World::new(start, script).await;
    for step in 0..10 {
        match step {
            0 | 4 => world.send(),
            2 | 7 => world.fetch().await?,
            3 | 9 => world.process()?,
            _ => match world.rng.below(4) {
                0 => world.send(),
                1 => world.fetch().await?,
                2 => world.process()?,
                _ => world.pass(),
            },
        }
    }
    let mut more = 0;
    while world.reaper.is_armed() && more < 6 {
        more += 1;
        world.send();
        world.fetch().await?;
        world.process()?;
        world.pass();
    }
    let struck = !world.reaper.is_armed();
    world.reaper.disarm();
    world.drain().await?;
    checks::at_the_end(&world)?;
    Ok(struck)
}

impl World {
    async fn new(start: &Start, script: Script) -> Self {
        let mut rng = Rng(script.seed);
        let folder = crate::history::scratch();
        // A list is reconciled after something broke.
        let first = match script.point {
            Point::Reconciled if rng.one_in(2) => Point::QuitObeyed,
            Point::Reconciled => Point::DeleReceived,
            point => point,
        };
        let reaper = Reaper::new(folder.path(), first, Rng(rng.next()));
        std::fs::write(reaper.database(), &start.template).unwrap();
        let server = Server::start(script.hostile, Arc::clone(&reaper), Rng(rng.next())).await;
        let deletes_at_quit = matches!(
            script.point,
            Point::DeleReceived
                | Point::DeleAnswered
                | Point::QuitReceived
                | Point::QuitObeyed
                | Point::Reconciled
        );
        let delete = match rng.below(6) {
            0 if !deletes_at_quit => DeletePolicy::Never,
            1 => DeletePolicy::After(Duration::from_secs(1200)),
            _ => DeletePolicy::Now,
        };
        let life = Life::start(&start.config, &reaper, server.port, delete, script);
        Self {
            script,
            server,
            sent: Vec::new(),
            first_event: start.first_event,
            delete,
            store: life.store,
            rng,
            reaper,
            config: Arc::clone(&start.config),
            processor: life.processor,
            reader: life.reader,
            now: "2026-11-23T12:00:00Z".parse().unwrap(),
            _folder: folder,
        }
    }

    fn pass(&mut self) {
        let minutes = 10 + self.rng.below(20) as i64;
        self.now = self
            .now
            .checked_add(jiff::SignedDuration::from_mins(minutes))
            .unwrap();
    }

    /// One to four mails arrive.
    fn send(&mut self) {
        for _ in 0..=self.rng.below(4) {
            let n = self.sent.len();
            let reply = self.rng.one_in(3);
            let (from, subject) = match reply {
                true => (
                    "ada@example.org".to_owned(),
                    format!("Re: INC0010001 mail {n}."),
                ),
                false => (format!("guest{n}@example.net"), format!("mail {n}.")),
            };
            // Not every mail has a Message-ID.
            let id = match self.rng.one_in(5) {
                true => String::new(),
                false => format!("Message-ID: <{n}@example.net>\r\n"),
            };
            let lines = "a line of it\r\n.dot\r\n".repeat(self.rng.below(40));
            let text = format!(
                "From: {from}\r\nTo: support@example.org\r\nSubject: {subject}\r\n{id}\r\nmail {n}.\r\n{lines}"
            )
            .into_bytes();
            self.server.deliver(n, text.clone());
            self.sent.push(Sent { text, reply });
        }
    }

    async fn fetch(&mut self) -> Result<(), String> {
        match self.reader.run_once(self.now).await {
            Ok(Round::Paused(_)) => {
                self.pass();
                Ok(())
            }
            Ok(_) if !self.reaper.is_dead() => Ok(()),
            Ok(_) => self.buried("killed"),
            Err(error) => self.buried(&error.to_string()),
        }
    }

    fn process(&mut self) -> Result<(), String> {
        match self.processor.run_once(self.now) {
            Ok(_) => Ok(()),
            Err(error) => self.buried(&error.to_string()),
        }
    }

    /// Until everything is fetched and acted upon, and gone from the server if that is the policy.
    async fn drain(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS {
            self.fetch().await?;
            self.process()?;
            let waiting = self.look(|s| s.due_inbound(self.now, 1))?;
            let rows = self.look(|s| s.inbound_log(100_000))?;
            let there = self.server.there().len();
            let done = there == 0 || self.delete == DeletePolicy::Never;
            if waiting.is_empty() && rows.len() >= self.sent.len() && done {
                // Once more, with nothing to do.
                self.fetch().await?;
                return self.process();
            }
            checks::nothing_is_lost(self)?;
            self.pass();
        }
        Err(format!(
            "not done after {ROUNDS} rounds: {:?} are there",
            self.server.there()
        ))
    }

    pub fn look<T>(
        &self,
        f: impl FnOnce(&SqliteStore) -> Result<T, StoreError>,
    ) -> Result<T, String> {
        f(&self.store.store).map_err(|error| error.to_string())
    }

    /// If the process died, another one starts; any other fault of the store is a violation.
    fn buried(&mut self, why: &str) -> Result<(), String> {
        if !self.reaper.is_dead() {
            return Err(format!("a store that lives says: {why}"));
        }
        self.reaper.revive();
        if self.script.point == Point::Reconciled && self.reaper.kills() == 1 {
            self.reaper.arm(Point::Reconciled);
        } else if self.reaper.kills() == 1 && self.rng.one_in(4) {
            // A second death, anywhere.
            let (_, point) = super::POINTS[self.rng.below(super::POINTS.len())];
            self.reaper.arm(point);
        }
        let life = Life::start(
            &self.config,
            &self.reaper,
            self.server.port,
            self.delete,
            self.script,
        );
        self.store = life.store;
        self.processor = life.processor;
        self.reader = life.reader;
        checks::nothing_is_lost(self)
    }
}

/// What dies.
struct Life {
    store: Arc<Mortal>,
    processor: Processor,
    reader: Reader,
}

impl Life {
    fn start(
        config: &Arc<Config>,
        reaper: &Arc<Reaper>,
        port: u16,
        delete: DeletePolicy,
        script: Script,
    ) -> Self {
        let store = Arc::new(Mortal {
            store: SqliteStore::open(&reaper.database()).unwrap(),
            reaper: Arc::clone(reaper),
            stalled: Arc::default(),
            sabotage: script.sabotage,
        });
        let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        let signer = signer(&store.store).unwrap();
        let mut account = pop3_account_at(port);
        account.delete = delete;
        account.timeout = Some(match script.hostile {
            Hostile::Hangs => Duration::from_millis(60),
            _ => Duration::from_secs(20),
        });
        Self {
            store,
            processor: Processor::new(Arc::clone(config), Arc::clone(&shared), signer),
            reader: Reader::new(account, shared, Transcript::off()),
        }
    }
}

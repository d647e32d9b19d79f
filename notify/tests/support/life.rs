//! A daemon that runs on an incident desk at a sandbox.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic
)]

use crate::support::desk;
use postrider_notify::config::Config;
use postrider_notify::daemon::{Daemon, LogEvent, Observer};
use postrider_notify::record::{Fields, RecordKey};
use postrider_notify::records::Records;
use postrider_notify::store::{SqliteStore, Store};
use postrider_sandbox::Sandbox;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;

pub const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration for a sandbox, and a database, in a folder.
pub struct Desk {
    pub dir: TempDir,
    pub config: Arc<Config>,
}

impl Desk {
    pub fn new(sandbox: &Sandbox) -> Self {
        Self::with(sandbox, |text| text)
    }

    /// After a change to the configuration.
    pub fn with(sandbox: &Sandbox, change: impl Fn(String) -> String) -> Self {
        let dir = desk(sandbox, change);
        let config = Config::load(dir.path()).unwrap_or_else(|error| panic!("{error}"));
        let desk = Self {
            dir,
            config: Arc::new(config),
        };
        let records = desk.records(&desk.store());
        for seed in &desk.config.records {
            let id = Some(seed.id.clone());
            records.insert(&seed.table, id, &seed.fields, "").unwrap();
        }
        desk
    }

    pub fn database(&self) -> &Path {
        &self.config.database
    }

    /// The store, opened anew: what another process, or the next life of this one, sees.
    pub fn store(&self) -> Arc<dyn Store> {
        assert!(self.database().starts_with(self.dir.path()));
        Arc::new(SqliteStore::open(self.database()).unwrap())
    }

    pub fn records(&self, store: &Arc<dyn Store>) -> Records {
        Records::new(Arc::clone(store), Arc::clone(&self.config.schema))
    }

    /// An incident that Ada is told of.
    pub fn incident(&self, store: &Arc<dyn Store>) -> RecordKey {
        let fields = [("short_description", "Tea"), ("assigned_to", "ada")];
        let fields = fields.map(|(name, value)| (name.to_owned(), Value::from(value)));
        let fields = Fields::from_iter(fields);
        self.records(store)
            .insert("incident", None, &fields, "")
            .unwrap()
    }

    /// Runs statements behind the daemon's back.
    pub fn sql(&self, statements: &str) {
        let side = rusqlite::Connection::open(self.database()).unwrap();
        side.busy_timeout(PATIENCE).unwrap();
        side.execute_batch(statements).unwrap();
    }
}

/// What is kept of a daemon's reports, and who keeps it.
pub fn kept() -> (Arc<Mutex<Vec<LogEvent>>>, Observer) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&events);
    (
        events,
        Arc::new(move |event| kept.lock().unwrap().push(event)),
    )
}

/// A daemon that runs until it is stopped.
pub struct Running {
    pub events: Arc<Mutex<Vec<LogEvent>>>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub fn start(desk: &Desk, store: &Arc<dyn Store>) -> Self {
        let (events, observer) = kept();
        let daemon = Daemon::new(Arc::clone(&desk.config), Arc::clone(store), observer).unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { drop(stopped.await) };
        let task = tokio::spawn(async move { daemon.run(shutdown).await.unwrap() });
        Self { events, stop, task }
    }

    pub fn named(&self, name: &str) -> Vec<LogEvent> {
        let events = self.events.lock().unwrap();
        events
            .iter()
            .filter(|event| event.name == name)
            .cloned()
            .collect()
    }

    /// Waits until something was reported.
    pub async fn wait_for(&self, name: &str) -> LogEvent {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.named(name).into_iter().next() {
                return event;
            }
            assert!(
                tokio::time::Instant::now() < until,
                "{name}: {:?}",
                self.events
            );
            tokio::task::yield_now().await;
        }
    }

    pub async fn stop(self) -> Vec<LogEvent> {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        Arc::into_inner(self.events).unwrap().into_inner().unwrap()
    }
}

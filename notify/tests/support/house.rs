//! The example's house: its configuration, a store with its people, and everything that works on them.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use super::{PASSWORD, now, store};
use postrider_notify::config::{Config, ExampleParts, example};
use postrider_notify::daemon;
use postrider_notify::inbound::mail::Mail;
use postrider_notify::inbound::processor::{Processed, Processor as Inbound};
use postrider_notify::inbound::{InboundState, NewInbound, Stored};
use postrider_notify::outgoing::{OutgoingMail, Settlement};
use postrider_notify::process::Processor as Events;
use postrider_notify::record::{Fields, RecordKey};
use postrider_notify::records::Records;
use postrider_notify::store::Store;
use postrider_notify::token::Signer;
use postrider_sandbox::Sandbox;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

pub struct House {
    pub dir: TempDir,
    pub config: Arc<Config>,
    pub store: Arc<dyn Store>,
    pub records: Records,
    pub inbound: Inbound,
    pub events: Events,
    pub signer: Signer,
}

/// The first incident of every house; Ada's.
pub fn first_incident() -> RecordKey {
    RecordKey::new("incident", "INC0010001")
}

pub fn fields(value: Value) -> Fields {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

impl House {
    /// The example with a store in memory.
    pub fn new() -> Self {
        Self::with(|config| config)
    }

    /// The example after a change to its configuration.
    pub fn with(change: impl Fn(String) -> String) -> Self {
        Self::over(store(), change)
    }

    /// The example with inbound actions before its own.
    pub fn with_actions(actions: &str) -> Self {
        let first = "[inbound.reply_comment]\n";
        Self::with(|config| config.replacen(first, &format!("{actions}\n{first}"), 1))
    }

    /// The example over a store, which gets its people and one incident.
    pub fn over(store: Arc<dyn Store>, change: impl Fn(String) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::build(dir, store, &ExampleParts::default(), change)
    }

    /// The example with its accounts at a sandbox, where `support` has a mailbox.
    pub fn at(sandbox: &Sandbox, store: Arc<dyn Store>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
        std::fs::write(dir.path().join("password"), PASSWORD).unwrap();
        let parts = ExampleParts {
            smtp_host: sandbox.smtp().host().into(),
            smtp_port: sandbox.smtp().port(),
            pop3_host: sandbox.pop3().host().into(),
            pop3_port: sandbox.pop3().port(),
            pop3_security: "starttls",
            user: "support".into(),
            password: "password_file = \"password\"".into(),
            ca_file: Some("ca.pem".into()),
            ..ExampleParts::default()
        };
        Self::build(dir, store, &parts, |config| config)
    }

    fn build(
        dir: TempDir,
        store: Arc<dyn Store>,
        parts: &ExampleParts,
        change: impl Fn(String) -> String,
    ) -> Self {
        for (name, text) in example(parts) {
            let is_config = name.ends_with("postrider.toml");
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, if is_config { change(text) } else { text }).unwrap();
        }
        let config = Arc::new(Config::load(dir.path()).unwrap_or_else(|error| panic!("{error}")));
        let signer = daemon::signer(&*store).unwrap();
        let inbound = Inbound::new(Arc::clone(&config), Arc::clone(&store), signer.clone());
        let events = Events::new(Arc::clone(&config), Arc::clone(&store), signer.clone());
        let records = Records::new(Arc::clone(&store), Arc::clone(&config.schema));
        let house = Self {
            dir,
            config,
            store,
            records,
            inbound,
            events,
            signer,
        };
        for seed in &house.config.records {
            let id = Some(seed.id.clone());
            house
                .records
                .insert(&seed.table, id, &seed.fields, "")
                .unwrap();
        }
        house.incident(json!({"short_description": "Tea", "assigned_to": "ada"}));
        house.settle();
        house
    }

    pub fn incident(&self, values: Value) -> RecordKey {
        self.records
            .insert("incident", None, &fields(values), "")
            .unwrap()
    }

    /// A field of a record; `null` if it is not set.
    pub fn field(&self, key: &RecordKey, name: &str) -> Value {
        let record = self.store.record(key).unwrap().unwrap();
        record.fields.get(name).cloned().unwrap_or_default()
    }

    pub fn incidents(&self) -> usize {
        self.store.records("incident").unwrap().len()
    }

    pub fn comments(&self, key: &RecordKey) -> Vec<String> {
        let journal = self.store.journal(key).unwrap();
        journal.into_iter().map(|entry| entry.text).collect()
    }

    /// Stores a mail as a reader does, each time under a unique-id of its own. False if it is stored already.
    pub fn put(&self, raw: &[u8]) -> bool {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let new = NewInbound {
            apart: false,
            account: "support".into(),
            uidl: Some(NEXT.fetch_add(1, Ordering::Relaxed).to_string()),
            sha256: sha256(raw),
            message_id: Mail::parse(raw).message_id,
            raw: raw.to_vec(),
        };
        let stored = self.store.store_inbound(now(), &[new]).unwrap();
        matches!(stored[..], [Stored::New(_)])
    }

    /// Stores a mail and processes it.
    pub fn take(&self, raw: &[u8]) -> Processed {
        assert!(self.put(raw), "a mail is taken once");
        let mut done = self.inbound.run_once(now()).unwrap();
        assert_eq!(done.len(), 1);
        done.remove(0)
    }

    /// What a mail did: the record it made or changed.
    pub fn acts(&self, raw: &[u8]) -> RecordKey {
        let done = self.take(raw).outcome;
        assert_eq!(done.state, InboundState::Processed, "{}", done.reason);
        done.record.unwrap()
    }

    /// Settles every event that waits, and writes it.
    pub fn settle(&self) -> Vec<Settlement> {
        let due = self.store.due_events(now(), 1000).unwrap();
        let settled = due.iter().map(|event| self.events.settle(event, now()));
        let settled: Vec<Settlement> = settled.collect::<Result<_, _>>().unwrap();
        self.store.settle(&settled).unwrap();
        settled
    }

    /// The mails that the events which wait lead to.
    pub fn mails(&self) -> Vec<OutgoingMail> {
        let matches = self.settle().into_iter().flat_map(|s| s.matches);
        matches.flat_map(|found| found.mails).collect()
    }

    /// The incident made by a mail, with the mails that tell of it.
    pub fn told(&self, raw: &[u8]) -> (RecordKey, Vec<OutgoingMail>) {
        let key = self.acts(raw);
        (key, self.mails())
    }

    /// The address that lets this person, and nobody else, answer about a record.
    pub fn reply_address(&self, key: &RecordKey, person: &str) -> String {
        let token = self.signer.reply_token(key, person);
        token.in_address("support@example.org").unwrap()
    }
}

/// The hash that a reader gives a mail, in lower-case hex.
pub fn sha256(raw: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let hex = Sha256::digest(raw).into_iter().map(|b| format!("{b:02x}"));
    hex.collect()
}

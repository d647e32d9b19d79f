//! `kill -9` while mail is in flight: what was acknowledged arrives, under one Message-ID, and no mailbox loses a mail.
//!
//! Here the daemon is killed when something moves; `points` kills a sender at each point of the matrix that can be met from
//! outside a store, `checkpoints` a writer while its log moves into the database. `disk` is about disks that cannot be written.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checkpoints;
#[path = "../support/desk.rs"]
mod desk;
mod disk;
mod life;
mod points;
mod server;
#[path = "../support/mod.rs"]
mod support;

use life::Life;
use postrider_mime::Message;
use postrider_notify::config::{ExampleParts, example};
use postrider_notify::outgoing::DeliveryState;
use postrider_notify::store::{LogFilter, SqliteStore, Store};
use postrider_sandbox::{Action, Fault, Sandbox, Stage};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Each cycle kills the daemon twice and lets it finish the third time: a delivery that crashes three times in a
/// row is set aside as poison, by design.
const CYCLES: usize = 3;
const INCIDENTS_A_KILL: usize = 4;
const MAILS_A_KILL: usize = 3;
const LATE: Duration = Duration::from_millis(40);
/// More than a minute: a mailbox whose last session was killed may still be locked, and is then left alone for so long.
const PATIENCE: Duration = Duration::from_secs(150);

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let mut desk = Desk::open();
    for _ in 0..CYCLES {
        for _ in 0..2 {
            desk.acknowledge();
            desk.run_until_something_moves_and_kill();
            desk.check_that_no_mail_is_lost();
        }
        desk.run_until_drained();
    }
    desk.check_deliveries();
    desk.check_incidents_by_mail();
}

/// An incident desk on a sandbox, driven through the `postrider` binary.
struct Desk {
    /// The sandbox runs on it.
    _runtime: Runtime,
    sandbox: Sandbox,
    folder: TempDir,
    /// Records whose creation was acknowledged: the command printed the number and ended well.
    acknowledged: BTreeSet<String>,
    /// Subjects of mails that were laid into the support mailbox.
    written: BTreeSet<String>,
}

impl Desk {
    fn open() -> Self {
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(
            Sandbox::builder()
                .mailbox("ada@example.org", "ada", "pw-ada")
                .mailbox("grace@example.org", "grace", "pw-grace")
                .mailbox("customer@example.org", "customer", "pw-customer")
                .mailbox("support@example.org", "support", "pw-support")
                // Every answer that decides something comes late, so that a kill finds work in flight.
                .fault(Fault::smtp(Stage::EndOfData, late()).every())
                .fault(Fault::pop3(Stage::Dele, late()).every())
                .fault(Fault::pop3(Stage::Quit, late()).every())
                .start(),
        );
        let (sandbox, folder) = (sandbox.unwrap(), TempDir::new().unwrap());
        let desk = Self {
            _runtime: runtime,
            sandbox,
            folder,
            acknowledged: BTreeSet::new(),
            written: BTreeSet::new(),
        };
        desk.configure();
        desk
    }

    fn configure(&self) {
        std::fs::write(self.path("ca.pem"), self.sandbox.ca_pem()).unwrap();
        let parts = ExampleParts {
            smtp_host: "127.0.0.1".to_owned(),
            smtp_port: self.sandbox.smtp().port(),
            smtp_security: "starttls",
            pop3_host: "127.0.0.1".to_owned(),
            pop3_port: self.sandbox.pop3().port(),
            pop3_security: "starttls",
            user: "support".to_owned(),
            password: r#"password_env = "SUPPORT_PASSWORD""#.to_owned(),
            ca_file: Some("ca.pem".to_owned()),
            database: "desk.db".to_owned(),
            mail_domain: "example.org".to_owned(),
        };
        for (name, text) in example(&parts) {
            let file = self.path(&name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            // The mailbox is read as often as the configuration allows.
            std::fs::write(
                file,
                text.replace("interval = \"30s\"", "interval = \"1s\""),
            )
            .unwrap();
        }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    fn postrider(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
        command
            .arg("-C")
            .arg(self.folder.path())
            .args(arguments)
            .env("SUPPORT_PASSWORD", "pw-support")
            .stderr(Stdio::null());
        command
    }

    /// Incidents by command, and mails into the support mailbox.
    fn acknowledge(&mut self) {
        for _ in 0..INCIDENTS_A_KILL {
            let create = [
                "record",
                "create",
                "incident",
                "assigned_to=ada",
                "short_description=It crashed",
            ];
            let output = self.postrider(&create).output().unwrap();
            assert!(output.status.success());
            let key = String::from_utf8(output.stdout).unwrap();
            let number = key
                .trim()
                .strip_prefix("incident/")
                .expect("incident/NUMBER");
            assert!(self.acknowledged.insert(number.to_owned()));
        }
        for _ in 0..MAILS_A_KILL {
            let subject = format!("Question {}", self.written.len());
            let mail = format!(
                "From: customer@example.org\r\nTo: support@example.org\r\nMessage-ID: <{}@example.org>\r\nSubject: {subject}\r\n\r\nWhy?\r\n",
                self.written.len()
            );
            self.sandbox.deliver("support@example.org", mail).unwrap();
            self.written.insert(subject);
        }
    }

    fn run_until_something_moves_and_kill(&self) {
        let before = (
            self.sandbox.messages("ada@example.org").len(),
            self.sandbox.messages("support@example.org").len(),
        );
        let mut daemon = self.daemon();
        wait_until(
            "a mail moves",
            || {
                let (sent, waiting) = (
                    self.sandbox.messages("ada@example.org").len(),
                    self.sandbox.messages("support@example.org").len(),
                );
                sent > before.0 || waiting < before.1
            },
            || self.state(),
        );
        daemon.kill();
    }

    fn run_until_drained(&self) {
        let mut daemon = self.daemon();
        wait_until(
            "everything is delivered and fetched",
            || {
                let store = self.store();
                let log = store.log(&everything()).unwrap();
                let inbound = store.inbound_log(10_000).unwrap();
                self.sandbox.messages("support@example.org").is_empty()
                    && inbound.len() == self.written.len()
                    && inbound
                        .iter()
                        .all(|row| row.outcome.state.name() == "processed")
                    && log.len() == self.acknowledged.len() + self.written.len()
                    && log.iter().all(|row| row.state == DeliveryState::Delivered)
            },
            || self.state(),
        );
        daemon.kill();
    }

    /// What is not done yet.
    fn state(&self) -> String {
        let store = self.store();
        let log = store.log(&everything()).unwrap();
        let unsent: Vec<_> = log
            .iter()
            .filter(|row| row.state != DeliveryState::Delivered)
            .collect();
        let inbound = store.inbound_log(10_000).unwrap();
        let undone: Vec<_> = inbound
            .iter()
            .filter(|row| row.outcome.state.name() != "processed")
            .collect();
        let waiting = self.sandbox.messages("support@example.org").len();
        let pauses = ["main", "pop3:support"].map(|account| store.pause(account).unwrap());
        format!(
            "{} mails queued of {}, {unsent:#?}; {} fetched of {}, {undone:#?}; {waiting} on the server; {pauses:#?}",
            log.len(),
            self.acknowledged.len() + self.written.len(),
            inbound.len(),
            self.written.len()
        )
    }

    /// `postrider run`.
    fn daemon(&self) -> Life {
        // The server lets go of the mailbox once its late answer is out; a locked one is left alone for a minute.
        std::thread::park_timeout(4 * LATE);
        let mut run = self.postrider(&["run"]);
        Life(run.stdout(Stdio::null()).spawn().unwrap())
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.path("desk.db")).unwrap()
    }

    /// Nothing is deleted from the server that is not stored here.
    fn check_that_no_mail_is_lost(&self) {
        let on_server = self.sandbox.messages("support@example.org");
        let on_server = on_server.iter().map(|mail| subject(&mail.content));
        let stored = stored_subjects(&self.store());
        let kept: BTreeSet<String> = on_server.chain(stored).collect();
        assert_eq!(kept, self.written);
    }

    /// Each acknowledged incident reached Ada at least once, and all copies of a mail are one mail.
    fn check_deliveries(&self) {
        let mut copies: BTreeMap<String, BTreeSet<(String, Vec<u8>)>> = BTreeMap::new();
        for mail in self.sandbox.messages("ada@example.org") {
            let message = Message::parse(&mail.content);
            let id = message.message_id().expect("a Message-ID").to_string();
            let number = subject(&mail.content).split(' ').next().unwrap().to_owned();
            copies
                .entry(number)
                .or_default()
                .insert((id, mail.content.to_vec()));
        }
        assert_eq!(
            copies.keys().cloned().collect::<BTreeSet<_>>(),
            self.acknowledged
        );
        for (number, copies) in copies {
            assert_eq!(copies.len(), 1, "{number} went out as different mails");
        }
    }

    /// Each mail became one incident.
    fn check_incidents_by_mail(&self) {
        let store = self.store();
        let incidents = store.records("incident").unwrap();
        let by_mail = incidents.iter().filter(|incident| {
            incident
                .fields
                .get("contact_type")
                .is_some_and(|v| v == "email")
        });
        let mut by_mail: Vec<&str> = by_mail
            .filter_map(|incident| incident.fields["short_description"].as_str())
            .collect();
        by_mail.sort_unstable();
        assert_eq!(by_mail, self.written.iter().cloned().collect::<Vec<_>>());
        assert_eq!(store.integrity().unwrap(), "ok");
    }
}

/// The subjects of all mails in the store, processed or not.
fn stored_subjects(store: &SqliteStore) -> Vec<String> {
    let rows = store.inbound_log(10_000).unwrap();
    let raw = rows
        .iter()
        .map(|row| store.inbound(row.mail.id).unwrap().unwrap().what.raw);
    raw.map(|raw| subject(&raw)).collect()
}

fn subject(raw: &[u8]) -> String {
    Message::parse(raw)
        .subject()
        .unwrap_or_default()
        .to_string()
}

fn late() -> Action {
    Action::Delay(LATE)
}

fn everything() -> LogFilter {
    LogFilter {
        limit: 10_000,
        ..LogFilter::default()
    }
}

/// Waits for `happened`; where it does not come, the panic says how far things are.
fn wait_until(what: &str, mut happened: impl FnMut() -> bool, state: impl FnOnce() -> String) {
    let end = Instant::now() + PATIENCE;
    while !happened() {
        if Instant::now() > end {
            panic!("not within {PATIENCE:?}: {what}\n{}", state());
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

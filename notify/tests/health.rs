//! `postrider health` for people and machines, and `postrider log --export`.

#![cfg(all(feature = "cli", unix))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;

use desk::*;
use jiff::{SignedDuration, Timestamp};
use postrider_notify::store::{Pause, SqliteStore, Store};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The example in a folder, with a database.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.run(&["init", "."]).good();
        desk
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(self.0.path(), args)
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.0.path().join("postrider.db")).unwrap()
    }

    fn create(&self) {
        let create = [
            "record",
            "create",
            "incident",
            "short_description=a \"b\", c",
            "assigned_to=ada",
        ];
        self.run(&create).good();
    }
}

fn before(seconds: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(seconds)
}

#[test]
fn without_a_daemon_it_is_not_healthy() {
    let desk = Desk::new();
    let ran = desk.run(&["health"]);
    assert_eq!(ran.code, 69, "{}", ran.err);
    assert!(ran.err.contains("no daemon has run"), "{}", ran.err);
    desk.create();
    let ran = desk.run(&["health"]);
    ran.says(
        69,
        "no daemon works on the database (`postrider run` starts one)",
    );
    assert!(
        ran.out.contains("daemon        not running\n"),
        "{}",
        ran.out
    );
    let quiet = desk.run(&["health", "--quiet"]);
    assert_eq!(
        (quiet.code, quiet.out, quiet.err),
        (69, String::new(), String::new())
    );
}

#[test]
fn what_waits_too_long_a_pause_and_a_heart_that_stopped_are_told_apart() {
    let desk = Desk::new();
    desk.create();
    let store = desk.store();
    let lock = store.lock_daemon().unwrap();
    lock.note_round(Some(Timestamp::now()), None).unwrap();
    let well = desk.run(&["health"]).good();
    assert!(
        well.contains("daemon        running, last round "),
        "{well}"
    );
    assert!(well.ends_with("healthy\n"), "{well}");
    // The events of the desk wait since a moment ago.
    let hasty = desk.run(&["health", "--patience", "0s", "--json"]);
    let object = json(&hasty.out).remove(0);
    assert_eq!(object["daemon"], true);
    assert!(object["event_due_for"].as_i64().is_some(), "{object}");
    let pause = Pause {
        until: Timestamp::now() + SignedDuration::from_hours(1),
        reason: "535 5.7.8 wrong password".into(),
        failures: 1,
    };
    store.set_pause("main", Some(&pause)).unwrap();
    desk.run(&["health"])
        .says(75, "the account main is paused: 535 5.7.8 wrong password");
    store.set_pause("main", None).unwrap();
    lock.note_round(Some(before(100)), None).unwrap();
    let ran = desk.run(&["health", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (69, ""));
    let object = json(&ran.out).remove(0);
    assert_eq!(object["healthy"], false);
    let why = object["why"].as_str().unwrap();
    assert!(
        why.starts_with("the daemon made its last round 10"),
        "{why}"
    );
}

#[test]
fn a_store_that_cannot_be_written_is_no_health() {
    let desk = Desk::new();
    desk.create();
    let lock = desk.store().lock_daemon().unwrap();
    let full = "cannot store a mail in postrider.db: database or\ndisk is full";
    lock.note_round(Some(Timestamp::now()), Some(full)).unwrap();
    let ran = desk.run(&["health"]);
    ran.says(
        75,
        "the daemon cannot use its database: cannot store a mail in postrider.db: database or disk is full",
    );
    let object = json(&desk.run(&["health", "--json"]).out).remove(0);
    assert!(object["store_fault"].as_str().unwrap().ends_with("is full"));
    lock.note_round(Some(Timestamp::now()), None).unwrap();
    desk.run(&["health"]).good();
    lock.note_round(None, Some(&"é".repeat(999))).unwrap();
    assert_eq!(desk.run(&["health", "--quiet"]).code, 75);
    drop(lock);
    let ran = desk.run(&["health"]);
    assert_eq!(ran.code, 69, "the fault ended with the daemon: {}", ran.err);
}

#[test]
fn a_daemon_tells_health_of_its_store_and_json_has_numbers() {
    let desk = Desk::new();
    let sick = "CREATE TRIGGER sick BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END";
    desk.create();
    let database = desk.0.path().join("postrider.db");
    let own = rusqlite::Connection::open(database).unwrap();
    own.execute_batch(sick).unwrap();
    let mut child = postrider()
        .current_dir(desk.0.path())
        .args(["run", "--log", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut objects = lines.map(|line| json(&line.unwrap()).remove(0));
    let fault = objects.find(|object| object["event"] == "store_fault");
    let remedy = &fault.unwrap()["remedy"];
    assert!(
        remedy.as_str().unwrap().starts_with("make room"),
        "{remedy}"
    );
    let fault = || {
        let object = json(&desk.run(&["health", "--json"]).out).remove(0);
        object["store_fault"].as_str().map(str::to_owned)
    };
    let seen = (0..500).find_map(|_| fault()).unwrap();
    assert!(seen.contains("disk is full"), "{seen}");
    own.execute_batch("DROP TRIGGER sick").unwrap();
    let settled = objects.find(|object| object["event"] == "settled").unwrap();
    assert!(settled["event_id"].is_i64(), "{settled}");
    assert!(objects.any(|object| object["event"] == "store_ok"));
    assert!((0..500).any(|_| fault().is_none()), "it is well again");
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    child.wait().unwrap();
}

#[test]
fn mail_of_an_account_that_is_gone_and_held_mail_are_told() {
    let desk = Desk::new();
    desk.create();
    desk.run(&["run", "--once"]);
    let path = desk.0.path().join("postrider.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("[smtp.main]", "[smtp.primary]");
    std::fs::write(
        &path,
        text.replace("account = \"main\"", "account = \"primary\""),
    )
    .unwrap();
    let held = postrider_notify::inbound::NewInbound {
        apart: false,
        account: "support".into(),
        uidl: None,
        raw: b"Subject: From nobody\r\n\r\nx\r\n".to_vec(),
        sha256: "1".into(),
        message_id: None,
    };
    desk.store()
        .store_inbound(Timestamp::now(), &[held])
        .unwrap();
    desk.run(&["inbound", "reprocess", "1"]).good();
    let _lock = desk.store().lock_daemon().unwrap();
    let ran = desk.run(&["health"]);
    ran.says(
        75,
        "mail waits for the SMTP account main, which the configuration does not have: [smtp.main] with `active = false` and `fall_back` would let another account send it",
    );
    assert!(ran.out.contains("held mails    1 ("), "{}", ran.out);
    let object = json(&desk.run(&["health", "--json"]).out).remove(0);
    assert_eq!(object["held"], 1);
    assert_eq!(object["stranded"].as_array().unwrap().len(), 1);
    for args in [&["check", "--offline"][..], &["queue", "list"]] {
        let ran = desk.run(args);
        assert_eq!(ran.code, 0);
        assert!(
            ran.err.contains("the SMTP account main, which"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn what_has_been_due_for_too_long_is_no_health() {
    let desk = Desk::new();
    let path = desk.0.path().join("postrider.db");
    let long_ago = before(3_600);
    let old = SqliteStore::open(&path)
        .unwrap()
        .with_clock(move || long_ago);
    let event = postrider_notify::event::NewEvent {
        name: "incident.escalated".into(),
        kind: postrider_notify::event::EventKind::Fired,
        record: None,
        parm1: String::new(),
        parm2: String::new(),
        actor: String::new(),
        current: Default::default(),
        previous: Default::default(),
        idempotency_key: None,
        due: None,
    };
    let work = postrider_notify::store::Work {
        events: vec![event],
        ..Default::default()
    };
    old.commit(&work).unwrap();
    let _lock = old.lock_daemon().unwrap();
    let ran = desk.run(&["health"]);
    assert_eq!(ran.code, 75, "{}", ran.out);
    assert!(
        ran.err.contains("events that is due has waited for 36"),
        "{}",
        ran.err
    );
    desk.run(&["health", "--patience", "2h"]).good();
}

#[test]
fn a_daemon_that_runs_is_healthy_and_notes_its_rounds() {
    let desk = Desk::new();
    let mut child = postrider()
        .current_dir(desk.0.path())
        .arg("run")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(" info started")));
    let seen = (0..500).any(|_| {
        let object = json(&desk.run(&["health", "--json"]).out).remove(0);
        assert_eq!(object["daemon"], true, "{object}");
        !object["last_round"].is_null()
    });
    assert!(seen, "no round was noted");
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    child.wait().unwrap();
    assert_eq!(desk.run(&["health"]).code, 69);
}

#[test]
fn the_log_is_exported_whole_as_json_lines_and_as_csv() {
    let desk = Desk::new();
    for _ in 0..3 {
        desk.create();
    }
    let config = postrider_notify::config::Config::load(desk.0.path()).unwrap();
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(desk.store());
    let signer = postrider_notify::daemon::signer(&*store).unwrap();
    let processor = postrider_notify::process::Processor::new(
        config.into(),
        std::sync::Arc::clone(&store),
        signer,
    );
    let now = Timestamp::now();
    for event in store.due_events(now, 100).unwrap() {
        processor.settle_in(&*store, event.id, now).unwrap();
    }
    let listed = desk.run(&["log", "--json"]).good();
    assert_eq!(listed.lines().count(), 3);
    assert_eq!(desk.run(&["log", "--export", "-"]).good(), listed);
    assert_eq!(desk.run(&["log", "--export", "a.jsonl"]).good(), "");
    let path = |name: &str| desk.0.path().join(name);
    assert_eq!(std::fs::read_to_string(path("a.jsonl")).unwrap(), listed);
    let mode = std::fs::metadata(path("a.jsonl")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o077, 0, "it is its owner's alone");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = postrider();
    command.current_dir(desk.0.path());
    command.args(["log", "--export", "-"]).stdout(writer);
    let gone = Ran::of(command.output().unwrap());
    assert_eq!((gone.code, gone.err.as_str()), (0, ""), "as `head` goes");
    desk.run(&[
        "log",
        "--export",
        "a.csv",
        "--where",
        "recipient=ada@example.org",
        "--limit",
        "2",
    ])
    .good();
    let csv = std::fs::read_to_string(path("a.csv")).unwrap();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(
        lines[0].starts_with("delivery,created,state,mailbox,"),
        "{csv}"
    );
    assert!(
        lines[1].contains(",\"INC0010003 is yours: a \"\"b\"\", c\",main,"),
        "{csv}"
    );
    let columns = lines[0].split(',').count();
    assert_eq!(columns, 22, "the columns do not change");
    let again = desk.run(&["log", "--export", "a.csv"]);
    assert_eq!(
        again.code, 73,
        "what is there is not overwritten: {}",
        again.err
    );
}

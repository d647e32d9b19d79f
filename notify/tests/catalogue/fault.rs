//! Faults of the machine: a kill, a disk that refuses, a clock that jumps.

use super::support::house::House;
use super::support::{after, log, now, queue, sandbox, smtp_account, states};
use jiff::{SignedDuration, Timestamp};
use postrider_notify::daemon::{Daemon, Observer};
use postrider_notify::delivery::Sender;
use postrider_notify::outgoing::DeliveryState::{Deferred, Delivered, Leased};
use postrider_notify::store::{SqliteStore, Store};
use postrider_sandbox::Sandbox;
use postrider_wire::Transcript;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

const CRASH: &str = "notify-crash-after-250";
const DISK: &str = "notify-enospc";
const CLOCK: &str = "notify-clock-jump";

/// The entries of the catalogue that the tests below are made for. Each test says which one it is about, and nobody says so for it.
pub(super) const CLASSES: [&str; 3] = [CRASH, DISK, CLOCK];

fn database() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("desk.db");
    (dir, path)
}

fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(
        SqliteStore::open(path)
            .unwrap()
            .with_clock(super::support::now),
    )
}

/// Runs a statement behind the store's back.
fn sql(path: &Path, statement: &str) {
    let side = rusqlite::Connection::open(path).unwrap();
    side.execute_batch(statement).unwrap();
}

fn sender(sandbox: &Sandbox, store: &Arc<dyn Store>) -> Sender {
    Sender::new(smtp_account(sandbox), Arc::clone(store), Transcript::off())
}

#[tokio::test]
async fn killed_between_250_and_its_commit_a_mail_goes_again_under_the_same_message_id() {
    eprintln!("{CRASH}");
    let sandbox = sandbox().await;
    let (_dir, path) = database();
    {
        let store = open(&path);
        queue(&*store, None, &["ada@example.org", "bob@example.org"]);
        // What the server accepted is never written: as if the process ended in between.
        sql(
            &path,
            "CREATE TRIGGER ends BEFORE UPDATE ON attempt BEGIN SELECT RAISE(ABORT, 'ends'); END",
        );
        assert!(sender(&sandbox, &store).run_once(now()).await.is_err());
        sql(&path, "DROP TRIGGER ends");
    }
    assert_eq!(sandbox.messages("ada@example.org").len(), 1);
    let sqlite = Arc::new(SqliteStore::open(&path).unwrap());
    let store: Arc<dyn Store> = Arc::clone(&sqlite) as Arc<dyn Store>;
    assert_eq!(states(&*store), [Leased, Leased], "in doubt, not sent");
    let open_attempt = store.attempts(log(&*store)[0].delivery).unwrap().remove(0);
    assert_eq!(open_attempt.ended, None, "the doubt can be seen");
    let _lock = sqlite.lock_daemon().unwrap();
    let mut sender = sender(&sandbox, &store);
    while !sender.run_once(after(2)).await.unwrap().is_idle() {}
    assert_eq!(states(&*store), [Delivered, Delivered]);
    for person in ["ada@example.org", "bob@example.org"] {
        let copies = sandbox.messages(person);
        assert_eq!(copies.len(), 2, "at most one more than one");
        assert_eq!(copies[0].content, copies[1].content);
    }
    let attempts = store.attempts(log(&*store)[0].delivery).unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|a| a.outcome.as_str()).collect();
    assert_eq!(outcomes, ["crashed", "delivered"]);
}

/// Every statement that writes on the way from a change to a sent mail.
const WRITES: [(&str, &str); 9] = [
    ("INSERT", "record"),
    ("INSERT", "event"),
    ("UPDATE", "event"),
    ("INSERT", "match"),
    ("INSERT", "recipient_verdict"),
    ("INSERT", "message"),
    ("INSERT", "delivery"),
    ("UPDATE", "delivery"),
    ("INSERT", "attempt"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_refuses_any_write_is_an_error_and_nothing_is_called_sent() {
    eprintln!("{DISK}");
    let sandbox = sandbox().await;
    for (what, table) in WRITES {
        sandbox.clear();
        let (_dir, path) = database();
        let house = House::at(&sandbox, open(&path));
        once(&house, &path).await.unwrap();
        sandbox.clear();
        sql(
            &path,
            &format!(
                "CREATE TRIGGER full BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            ),
        );
        let acknowledged = acknowledge(&house);
        let refused = match &acknowledged {
            Err(error) => error.clone(),
            Ok(()) => once(&house, &path).await.unwrap_err(),
        };
        assert!(
            refused.contains("disk is full"),
            "{what} {table}: {refused}"
        );
        let sent = log(&*house.store);
        assert!(
            sent.iter().skip(1).all(|row| row.state != Delivered),
            "{what} {table}"
        );
        sql(&path, "DROP TRIGGER full");
        if acknowledged.is_err() {
            assert_eq!(house.incidents(), 1, "{what} {table}: all or nothing");
            acknowledge(&house).unwrap();
        }
        once(&house, &path).await.unwrap();
        assert_eq!(house.incidents(), 2);
        assert_eq!(states(&*house.store), [Delivered, Delivered]);
        let copies = sandbox.messages("ada@example.org").len();
        assert_eq!(copies, 1, "{what} {table}");
    }
}

/// An incident of Ada's, as an application makes it.
fn acknowledge(house: &House) -> Result<(), String> {
    let values = super::support::house::fields(json!({"assigned_to": "ada"}));
    let made = house.records.insert("incident", None, &values, "");
    made.map(drop).map_err(|error| error.to_string())
}

/// A life of the daemon, until nothing is due.
async fn once(house: &House, path: &Path) -> Result<(), String> {
    let sqlite = SqliteStore::open(path).unwrap();
    let _lock = sqlite.lock_daemon().map_err(|error| error.to_string())?;
    let observer: Observer = Arc::new(|_| {});
    let daemon = Daemon::new(Arc::clone(&house.config), Arc::new(sqlite), observer);
    let daemon = daemon.map_err(|error| error.to_string())?;
    let done = daemon.run_once().await;
    done.map(drop).map_err(|error| error.to_string())
}

fn days(n: i64) -> Timestamp {
    now()
        .checked_add(SignedDuration::from_hours(24 * n))
        .unwrap()
}

#[tokio::test]
async fn a_clock_that_jumps_makes_neither_a_storm_nor_a_starvation() {
    eprintln!("{CLOCK}");
    let sandbox = sandbox().await;
    let store = super::support::store();
    queue(&*store, None, &["defer-450@example.org"]);
    let mut sender = sender(&sandbox, &store);
    let attempts = || store.attempts(log(&*store)[0].delivery).unwrap().len();
    sender.run_once(now()).await.unwrap();
    assert_eq!((attempts(), states(&*store)), (1, vec![Deferred]));
    // An hour back: nothing is tried again and again, and the wait ends all the same.
    for minutes in [-60, -59, -58] {
        sender.run_once(after(minutes)).await.unwrap();
    }
    assert_eq!(attempts(), 1, "not before its time");
    sender.run_once(after(2)).await.unwrap();
    assert_eq!(attempts(), 2);
    // A year ahead: due once, not once for each minute that is missing.
    for _ in 0..3 {
        sender.run_once(days(365)).await.unwrap();
    }
    assert_eq!(attempts(), 3);
    // And back again: what was put off until next year waits four hours at the most.
    sender.run_once(days(0)).await.unwrap();
    assert_eq!(attempts(), 3);
    sender.run_once(after(4 * 60 + 1)).await.unwrap();
    assert_eq!(attempts(), 4);
}

#[tokio::test]
async fn a_mail_that_a_clock_made_too_old_is_sent_all_the_same() {
    eprintln!("{CLOCK}");
    let sandbox = sandbox().await;
    let store = super::support::store();
    let house = House::at(&sandbox, Arc::clone(&store));
    let mut sender = Sender::new(
        house.config.smtp[0].clone(),
        Arc::clone(&store),
        Transcript::off(),
    );
    sender.run_once(days(365)).await.unwrap();
    assert_eq!(states(&*store), [Delivered]);
    assert_eq!(sandbox.messages("ada@example.org").len(), 1);
}

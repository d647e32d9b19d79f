//! The daemon as a whole: it wakes when there is work, ends when told, waits out a sick store, and a crash costs nothing.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/life.rs"]
mod life;
mod support;

use jiff::Timestamp;
use life::{Desk, PATIENCE, Running};
use postrider_notify::config::Config;
use postrider_notify::daemon::{Daemon, Level, LogEvent, Observer};
use postrider_notify::delivery::Sender;
use postrider_notify::inbound::InboundState;
use postrider_notify::inbound::reader::Reader;
use postrider_notify::outgoing::DeliveryState::{self, Delivered, Leased};
use postrider_notify::record::Fields;
use postrider_notify::store::{SqliteStore, Store, Work, enqueue};
use postrider_sandbox::{Action, Fault, Mail, Stage};
use postrider_wire::Transcript;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

fn to_ada(mail: &Mail) -> bool {
    mail.to == "ada@example.org"
}

fn now_or_later() -> Timestamp {
    Timestamp::now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_anybody_wakes_the_daemon() {
    let sandbox = sandbox().await;
    let desk = Desk::new(&sandbox);
    let running = Running::start(&desk, &desk.store());
    running.wait_for("started").await;
    // Another process would open the file just so.
    desk.incident(&desk.store());
    sandbox.wait_for(to_ada, PATIENCE).await.unwrap();
    let sent = running.wait_for("delivered").await;
    assert_eq!(sent.level, Level::Info);
    let events = running.stop().await;
    assert_eq!(events.last().unwrap().name, "stopped");
    let quits = sandbox
        .transcript()
        .iter()
        .filter(|line| line.to_string().contains("C: QUIT"))
        .count();
    assert!(quits >= 2, "every connection ends with QUIT: {quits}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_fetched_acted_upon_and_told() {
    let sandbox = sandbox().await;
    let desk = Desk::new(&sandbox);
    let question = "From: bob@example.org\r\nTo: support@example.org\r\nSubject: Help\r\nMessage-ID: <q@x>\r\n\r\nIt is broken.\r\n";
    sandbox.deliver("support@example.org", question).unwrap();
    let store = desk.store();
    let running = Running::start(&desk, &store);
    let answer = sandbox.wait_for(|mail| mail.to == "bob@example.org", PATIENCE);
    let answer = answer.await.unwrap();
    let text = String::from_utf8(answer.content.to_vec()).unwrap();
    assert!(text.contains("Auto-Submitted: auto-"), "{text}");
    running.wait_for("delivered").await;
    running.stop().await;
    assert_eq!(store.records("incident").unwrap().len(), 1);
    assert!(sandbox.messages("support@example.org").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sick_store_is_reported_once_and_work_resumes() {
    let sandbox = sandbox().await;
    let desk = Desk::new(&sandbox);
    desk.sql("CREATE TRIGGER sick BEFORE INSERT ON delivery BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END");
    let store = desk.store();
    let running = Running::start(&desk, &store);
    let incident = desk.incident(&store);
    let fault = running.wait_for("store_fault").await;
    assert_eq!(fault.level, Level::Error);
    assert!(
        fault.to_string().contains("database or disk is full"),
        "{fault}"
    );
    desk.sql("DROP TRIGGER sick");
    running.wait_for("store_ok").await;
    sandbox.wait_for(to_ada, PATIENCE).await.unwrap();
    running.wait_for("delivered").await;
    let events = running.stop().await;
    let faults = events
        .iter()
        .filter(|event| event.name == "store_fault")
        .count();
    assert_eq!(faults, 1, "once, however often it was tried");
    let filter = postrider_notify::store::LogFilter {
        record: Some(incident),
        limit: 10,
        ..Default::default()
    };
    assert_eq!(store.log(&filter).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_is_read_again_soon_after_the_store_was_sick() {
    let sandbox = sandbox().await;
    let mut desk = Desk::new(&sandbox);
    let mut config = Config::clone(&desk.config);
    config.pop3[0].interval = Duration::from_secs(3600);
    desk.config = Arc::new(config);
    let mail = "From: a@b.example\r\n\r\nx\r\n";
    sandbox.deliver("support@example.org", mail).unwrap();
    desk.sql(
        "CREATE TRIGGER sick BEFORE INSERT ON inbound BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    );
    let running = Running::start(&desk, &desk.store());
    running.wait_for("store_fault").await;
    desk.sql("DROP TRIGGER sick");
    running.wait_for("store_ok").await;
    let fetched = running.wait_for("fetched").await;
    let deleted = ("deleted", "1".to_owned());
    assert!(fetched.fields.contains(&deleted), "{fetched}");
    running.stop().await;
}

#[tokio::test]
async fn what_the_store_cannot_write_is_not_called_sent() {
    let sandbox = sandbox().await;
    let desk = Desk::new(&sandbox);
    let store = desk.store();
    queue(&*store, None, &["ada@example.org"]);
    desk.sql("CREATE TRIGGER sick BEFORE UPDATE ON delivery WHEN NEW.state = 'delivered' BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    let account = desk.config.smtp[0].clone();
    let mut sender = Sender::new(account, Arc::clone(&store), Transcript::off());
    assert!(sender.run_once(now()).await.is_err());
    assert_eq!(
        states(&*store),
        [Leased],
        "accepted, but nobody could write it down"
    );
    desk.sql("DROP TRIGGER sick");
    // The next life, or this one once the lease is over.
    assert_eq!(sender.run_once(after(2)).await.unwrap().count(Delivered), 1);
    let copies = sandbox.messages("ada@example.org");
    assert_eq!(copies.len(), 2, "at least once");
    assert_eq!(copies[0].content, copies[1].content, "under one Message-ID");
}

#[tokio::test]
async fn mail_that_cannot_be_stored_stays_on_the_server() {
    let sandbox = sandbox().await;
    let desk = Desk::new(&sandbox);
    sandbox
        .deliver("support@example.org", "From: a@b\r\n\r\nx\r\n")
        .unwrap();
    desk.sql(
        "CREATE TRIGGER sick BEFORE INSERT ON inbound BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    );
    let store = desk.store();
    let mut reader = Reader::new(
        desk.config.pop3[0].clone(),
        Arc::clone(&store),
        Transcript::off(),
    );
    assert!(reader.run_once(now()).await.is_err());
    assert_eq!(sandbox.messages("support@example.org").len(), 1);
    assert!(store.inbound_log(10).unwrap().is_empty());
    desk.sql("DROP TRIGGER sick");
    reader.run_once(now()).await.unwrap();
    assert_eq!(sandbox.messages("support@example.org").len(), 0);
    assert_eq!(store.inbound_log(10).unwrap().len(), 1);
}

fn all(store: &dyn Store, state: DeliveryState) -> bool {
    states(store).iter().all(|s| *s == state)
}

/// Runs a life of the daemon until nothing is due, as after a restart.
async fn next_life(desk: &Desk) -> Arc<dyn Store> {
    let sqlite = Arc::new(SqliteStore::open(desk.database()).unwrap());
    let lock = sqlite.lock_daemon().unwrap();
    let store: Arc<dyn Store> = sqlite;
    let observer: Observer = Arc::new(|_| {});
    let daemon = Daemon::new(Arc::clone(&desk.config), Arc::clone(&store), observer).unwrap();
    daemon.run_once().await.unwrap();
    drop(lock);
    store
}

#[tokio::test]
async fn a_life_that_ends_between_claim_and_completion_costs_at_most_a_second_copy() {
    let sandbox = sandbox().await;
    let desk = Desk::new(&sandbox);
    {
        let store = desk.store();
        desk.incident(&store);
        let accounts = store.due_accounts(now_or_later()).unwrap();
        assert!(accounts.is_empty(), "nothing is settled yet");
    }
    drop(next_life(&desk).await);
    assert_eq!(sandbox.messages("ada@example.org").len(), 1);
    {
        // This life claims and then ends.
        let store = desk.store();
        queue(&*store, None, &["ada@example.org", "bob@example.org"]);
        let lease = Duration::from_secs(3600);
        let claimed = store
            .claim(&["main"], "dead", now_or_later(), lease, 10)
            .unwrap();
        assert_eq!(claimed.len(), 2);
    }
    let store = next_life(&desk).await;
    assert!(all(&*store, Delivered), "{:?}", states(&*store));
    assert_eq!(sandbox.messages("bob@example.org").len(), 1);
    let crashed = store.attempts(log(&*store)[1].delivery).unwrap();
    let outcomes: Vec<&str> = crashed
        .iter()
        .map(|attempt| attempt.outcome.as_str())
        .collect();
    assert_eq!(
        outcomes,
        ["crashed", "delivered"],
        "each attempt has its row"
    );
}

#[tokio::test]
async fn a_mail_fetched_in_one_life_acts_once_in_the_next() {
    let sandbox = sandbox().await;
    let desk = Desk::new(&sandbox);
    let question = "From: bob@example.org\r\nTo: support@example.org\r\nSubject: Help\r\nMessage-ID: <q@x>\r\n\r\nx\r\n";
    sandbox.deliver("support@example.org", question).unwrap();
    // Every connection breaks when the mail is stored and DELE is on its way.
    sandbox.add_fault(Fault::pop3(Stage::Dele, Action::DropBefore).every());
    {
        let store = desk.store();
        let mut reader = Reader::new(
            desk.config.pop3[0].clone(),
            Arc::clone(&store),
            Transcript::off(),
        );
        assert!(reader.fetch_once(now()).await.is_err());
        assert_eq!(
            store.inbound_log(10).unwrap().len(),
            1,
            "stored before DELE"
        );
    }
    assert_eq!(sandbox.messages("support@example.org").len(), 1);
    sandbox.clear_faults();
    let store = next_life(&desk).await;
    assert_eq!(
        sandbox.messages("support@example.org").len(),
        0,
        "made good"
    );
    drop(next_life(&desk).await);
    let inbound = store.inbound_log(10).unwrap();
    assert_eq!(
        (inbound.len(), inbound[0].outcome.state),
        (1, InboundState::Processed)
    );
    assert_eq!(store.records("incident").unwrap().len(), 1);
    assert_eq!(
        sandbox.messages("bob@example.org").len(),
        1,
        "one acknowledgement"
    );
}

#[tokio::test]
async fn mail_for_an_account_that_is_gone_is_reported() {
    let sandbox = sandbox().await;
    let desk = Desk::new(&sandbox);
    let store = desk.store();
    queue(&*store, None, &["ada@example.org"]);
    let mut config = Config::clone(&desk.config);
    config.smtp[0].name = "renamed".into();
    let said = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&said);
    let observer: Observer = Arc::new(move |event: LogEvent| {
        kept.lock().unwrap().push((event.name, event.fields));
    });
    let daemon = Daemon::new(Arc::new(config), store, observer).unwrap();
    daemon.run_once().await.unwrap();
    let expected = ("no_account", vec![("account", "main".to_owned())]);
    assert!(said.lock().unwrap().contains(&expected), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_kept_as_long_as_the_configuration_says() {
    let sandbox = sandbox().await;
    let mut desk = Desk::new(&sandbox);
    drop(next_life(&desk).await);
    // Two days ago: one mail that is delivered meanwhile, one that still waits.
    let two_days = jiff::SignedDuration::from_hours(48);
    let long_ago = Timestamp::now() - two_days;
    let past: Arc<dyn Store> = Arc::new(
        SqliteStore::open(desk.database())
            .unwrap()
            .with_clock(move || long_ago),
    );
    let incident = desk.incident(&past);
    drop(next_life(&desk).await);
    queue(&*past, None, &["bob@example.org"]);
    desk.sql("UPDATE delivery SET state = 'deferred', next_at = 9e18 WHERE state = 'ready'");
    let two_days = 48 * 3_600 * 1_000_000_000_i64;
    desk.sql(&format!(
        "UPDATE attempt SET started = started - {two_days}, ended = ended - {two_days}"
    ));
    let told = past.events_of(&incident).unwrap()[0];
    assert!(
        past.explain(told).unwrap().is_some(),
        "kept without a limit"
    );

    let mut config = Config::clone(&desk.config);
    config.outgoing.keep_log = Some(Duration::from_secs(3 * 86_400));
    desk.config = Arc::new(config);
    drop(next_life(&desk).await);
    assert!(past.explain(told).unwrap().is_some(), "younger than that");

    let mut config = Config::clone(&desk.config);
    config.outgoing.keep_log = Some(Duration::from_secs(86_400));
    desk.config = Arc::new(config);
    let recent = desk.incident(&desk.store());
    let running = Running::start(&desk, &desk.store());
    let trimmed = running.wait_for("trimmed").await;
    assert!(trimmed.fields.contains(&("inbound", "0".to_owned())));
    running.wait_for("delivered").await;
    running.stop().await;
    let store = desk.store();
    assert!(store.explain(told).unwrap().is_none());
    assert_eq!(store.events_of(&recent).unwrap().len(), 1, "of today");
    assert_eq!(store.records("incident").unwrap().len(), 2, "records stay");
    let left: Vec<String> = log(&*store)
        .into_iter()
        .map(|row| row.mail.recipient)
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left.contains(&"bob@example.org".to_owned()),
        "it still waits"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_application_commits_in_its_own_transaction_is_processed() {
    let sandbox = sandbox().await;
    let desk = Desk::new(&sandbox);
    let store = desk.store();
    let running = Running::start(&desk, &store);
    running.wait_for("started").await;
    let mut own = rusqlite::Connection::open(desk.database()).unwrap();
    own.busy_timeout(PATIENCE).unwrap();
    own.execute_batch("CREATE TABLE app_order (item TEXT)")
        .unwrap();
    for (item, keep) in [("Coffee", false), ("Tea", true)] {
        let fields = [("short_description", item), ("assigned_to", "ada")];
        let fields = fields.map(|(name, value)| (name.to_owned(), Value::from(value)));
        let change = desk
            .records(&store)
            .insert_change("incident", None, &Fields::from_iter(fields), "")
            .unwrap();
        let work = Work {
            changes: vec![change],
            ..Work::default()
        };
        let immediate = rusqlite::TransactionBehavior::Immediate;
        let mut transaction = own.transaction_with_behavior(immediate).unwrap();
        transaction
            .execute("INSERT INTO app_order VALUES (?1)", [item])
            .unwrap();
        enqueue(&mut transaction, Timestamp::now(), &work).unwrap();
        if keep {
            transaction.commit().unwrap();
        }
    }
    let told = sandbox.wait_for(to_ada, PATIENCE).await.unwrap();
    let text = String::from_utf8(told.content.to_vec()).unwrap();
    assert!(text.contains("Tea") && !text.contains("Coffee"), "{text}");
    running.wait_for("delivered").await;
    running.stop().await;
    assert_eq!(sandbox.messages("ada@example.org").len(), 1);
    assert_eq!(store.records("incident").unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_event_that_cannot_be_read_holds_up_no_other() {
    let sandbox = sandbox().await;
    let repeated = "[event.\"incident.late\"]\ntable = \"incident\"\nevery = \"1m\"\ncondition = \"assigned_toISNOTEMPTY\"\n";
    let desk = Desk::with(&sandbox, |config| format!("{config}\n{repeated}"));
    let store = desk.store();
    let spoilt = desk.incident(&store);
    desk.incident(&store);
    // The first moment is only noted.
    drop(next_life(&desk).await);
    desk.sql(&format!(
        "UPDATE repeated SET fired = 1; UPDATE record SET fields = 'x' WHERE id = '{}'",
        spoilt.id
    ));
    let running = Running::start(&desk, &store);
    let fired = running.wait_for("repeated").await;
    assert_eq!(fired.level, Level::Error);
    for one in ["events", "left_out"] {
        assert!(fired.fields.contains(&(one, "1".to_owned())), "{fired}");
    }
    assert!(fired.to_string().contains(&spoilt.id), "{fired}");

    // Not even the moments can be read.
    desk.sql("UPDATE repeated SET fired = 'never'");
    running.wait_for("store_fault").await;
    desk.incident(&store);
    running.wait_for("delivered").await;
    running.stop().await;
}

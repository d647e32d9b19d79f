//! Soak: the daemon at full speed, mails going out and coming in, with faults on, for as long as it is asked to. Memory,
//! descriptors, tasks and rows are written down twice a second; at the end they have to be flat.
//!
//! `tests/soak --minutes N` runs it, into the folder of `POSTRIDER_SOAK_FOLDER`. The server runs in the same process: what it
//! keeps is cleared away as it grows, and its tasks are counted with the daemon's.
//!
//! Two things are done here and not by the daemon, because it does them too seldom for a run of minutes: it forgets what is old
//! once an hour, and an account rests for minutes after a fault. So the test trims the store, and ends each pause.
//!
//! Of ten mails that come in, nine are ignored and one becomes a comment on an incident. Comments are not trimmed: their table
//! has to grow, by no more than the mails that were to become one.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod plot;
mod samples;
#[path = "../support/mod.rs"]
mod support;

use jiff::{SignedDuration, Timestamp};
use postrider_notify::config::Config;
use postrider_notify::daemon::{Daemon, Observer};
use postrider_notify::event::{EventKind, NewEvent};
use postrider_notify::record::{Fields, RecordKey};
use postrider_notify::records::Records;
use postrider_notify::store::{SqliteStore, Store, Work};
use postrider_sandbox::{Action, Fault, Sandbox, Stage};
use samples::Samples;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::*;
use tokio::sync::oneshot;

/// What is older and done with is trimmed, as the daemon does it by `keep_log`.
const RETENTION: SignedDuration = SignedDuration::from_secs(20);
/// Mails at once that are to be sent, or to be fetched.
const WAITING: i64 = 200;
/// What the mails are about, in turn: one that waits to be tried again holds up those to the same person about the same record.
const INCIDENTS: usize = 4_000;
/// What Ada answers about, in turn, so that no incident gets more comments than people write.
const ANSWERED: usize = 400;
/// One mail in so many that come in is such an answer.
const ANSWERS: u64 = 10;
/// No answer of Ada's is to be taken for a loop.
const RATES: &str = "\n[incoming]\nsender_rate = 100000\nthread_rate = 100000\n";

/// A mail in forty waits for a minute, and a connection breaks in nearly every batch.
fn faulty() -> postrider_sandbox::Builder {
    let later = Action::Reply(b"450 4.2.1 later".to_vec());
    Sandbox::builder()
        .seed(1)
        .mailbox("grace@example.org", "grace", PASSWORD)
        .fault(Fault::smtp(Stage::Rcpt, later).one_in(40))
        .fault(Fault::smtp(Stage::Content, Action::DropBefore).one_in(90))
        .fault(Fault::smtp(Stage::EndOfData, Action::DropUnanswered).one_in(150))
        .fault(Fault::smtp(Stage::EndOfData, Action::OneByteWrites).one_in(10))
        .fault(Fault::pop3(Stage::Retr, Action::DropAfterBytes(40)).one_in(90))
        .fault(Fault::pop3(Stage::Dele, Action::DropBefore).one_in(150))
        .fault(Fault::pop3(Stage::Quit, Action::DropUnanswered).one_in(20))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/soak"]
async fn memory_descriptors_tasks_and_rows_stay_flat() -> Result<(), String> {
    let minutes = std::env::var("POSTRIDER_SOAK_MINUTES").unwrap_or("1".into());
    let folder = PathBuf::from(std::env::var_os("POSTRIDER_SOAK_FOLDER").unwrap());
    let until = Instant::now() + Duration::from_secs_f64(60.0 * minutes.parse::<f64>().unwrap());
    let sandbox = prepared(faulty()).await;
    let dir = desk(&sandbox, |text| {
        let often = format!("interval = \"1s\"\nremember = \"{}s\"", RETENTION.as_secs());
        text.replace("interval = \"30s\"", &often) + RATES
    });
    let config = Arc::new(Config::load(dir.path()).unwrap_or_else(|error| panic!("{error}")));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.database).unwrap());
    let records = Records::new(Arc::clone(&store), Arc::clone(&config.schema));
    for seed in &config.records {
        let id = Some(seed.id.clone());
        records.insert(&seed.table, id, &seed.fields, "").unwrap();
    }
    let incidents = insert(&records, INCIDENTS, json!({"short_description": "Tea"}));
    // Ada may answer, and Grace is told of it.
    let hers = json!({"short_description": "Tea", "assigned_to": "ada", "watch_list": "grace"});
    let hers = insert(&records, ANSWERED, hers);

    let delivered = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&delivered);
    let observer: Observer = Arc::new(move |event| {
        counted.fetch_add(u64::from(event.name == "delivered"), Ordering::Relaxed);
    });
    let daemon = Daemon::new(Arc::clone(&config), Arc::clone(&store), observer).unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(async move { daemon.run(async move { drop(stopped.await) }).await });

    let mut samples = Samples::new(&config.database);
    let (mut fetched, mut answers) = (0, 0);
    let (mut about, mut answered) = (incidents.iter().cycle(), hers.iter().cycle());
    while Instant::now() < until {
        let waiting = samples.take(delivered.load(Ordering::Relaxed));
        for number in waiting.to_send..WAITING {
            let incident = about.next().unwrap();
            store.commit(&escalated(incident, number)).unwrap();
        }
        for _ in sandbox.messages("support@example.org").len()..50 {
            fetched += 1;
            let mail = match fetched % ANSWERS {
                0 => {
                    answers += 1;
                    answer(answered.next().unwrap(), fetched)
                }
                _ => absence(fetched),
            };
            sandbox.deliver("support@example.org", mail).unwrap();
        }
        store.trim(Timestamp::now() - RETENTION).unwrap();
        // A fault pauses its account for minutes, and nothing would happen for most of the time.
        for account in ["main", "pop3:support"] {
            store.set_pause(account, None).unwrap();
        }
        for mail in ["ada@example.org", "grace@example.org"]
            .map(|to| sandbox.messages(to))
            .concat()
        {
            sandbox.remove(&mail.to, &mail.uidl);
        }
        sandbox.clear_transcript();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    let sent = delivered.load(Ordering::Relaxed);
    let comments = samples.comments();
    println!(
        "{sent} mails delivered, {fetched} put into the maildrop, {comments} comments of {answers} answers, faults on"
    );
    std::fs::write(folder.join("soak.csv"), samples.csv()).unwrap();
    std::fs::write(folder.join("soak.svg"), plot::svg(&samples)).unwrap();
    let Some(flat) = samples.verdict() else {
        let taken = samples.seconds.len();
        return Err(format!(
            "the run is too short to be judged: {taken} samples, and it takes three"
        ));
    };
    assert!(sent > 0 && fetched > 0 && comments > 0);
    assert!(comments <= answers, "some answer became two comments");
    match flat {
        true => Ok(()),
        false => Err("not flat".to_owned()),
    }
}

fn insert(records: &Records, count: usize, values: Value) -> Vec<RecordKey> {
    let values = support::house::fields(values);
    let one = |_| records.insert("incident", None, &values, "").unwrap();
    (0..count).map(one).collect()
}

/// An event that the group is told about.
fn escalated(incident: &RecordKey, number: i64) -> Work {
    let event = NewEvent {
        name: "incident.escalated".into(),
        kind: EventKind::Fired,
        record: Some(incident.clone()),
        parm1: number.to_string(),
        parm2: String::new(),
        actor: String::new(),
        current: Fields::default(),
        previous: Fields::default(),
        idempotency_key: None,
        due: None,
    };
    Work {
        events: vec![event],
        ..Work::default()
    }
}

/// A mail that becomes a comment.
fn answer(incident: &RecordKey, number: u64) -> String {
    format!(
        "From: ada@example.org\r\nTo: support@example.org\r\nSubject: Re: {}: Tea\r\nMessage-ID: <{number}@x>\r\n\
         \r\nStill hot, {number}.\r\n",
        incident.id
    )
}

/// A mail that is stored, classified, and ignored with a reason.
fn absence(number: u64) -> String {
    format!(
        "From: bob@example.org\r\nTo: support@example.org\r\nSubject: Away\r\nMessage-ID: <{number}@x>\r\n\
         Auto-Submitted: auto-replied\r\n\r\nI am away, {number}.\r\n"
    )
}

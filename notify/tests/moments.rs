//! What the daemon does by the clock, and what it does at a click: repeated events, digests, the page to unsubscribe.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/life.rs"]
mod life;
mod support;

use life::{Desk, PATIENCE, Running, kept};
use postrider_mime::Message;
use postrider_notify::daemon::{Daemon, Level, LogEvent};
use postrider_notify::record::{Fields, RecordKey};
use postrider_notify::store::Store;
use postrider_sandbox::{Mail, Sandbox};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use support::sandbox;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One round of a daemon; gives what it reported.
async fn round(desk: &Desk, store: &Arc<dyn Store>) -> Vec<LogEvent> {
    let (events, observer) = kept();
    let daemon = Daemon::new(Arc::clone(&desk.config), Arc::clone(store), observer).unwrap();
    daemon.run_once().await.unwrap();
    drop(daemon);
    Arc::into_inner(events).unwrap().into_inner().unwrap()
}

/// The values of the events of a name.
fn reported(events: &[LogEvent], name: &str) -> Vec<Value> {
    let named = events.iter().filter(|event| event.name == name);
    named.map(LogEvent::json).collect()
}

fn comment(desk: &Desk, store: &Arc<dyn Store>, incident: &RecordKey, text: &str) {
    let fields = Fields::from_iter([("comments".to_owned(), Value::from(text))]);
    desk.records(store)
        .update(incident, &fields, "grace")
        .unwrap();
}

/// The mails to Ada about comments.
fn about_comments(sandbox: &Sandbox) -> Vec<Mail> {
    let mut mails = sandbox.messages("ada@example.org");
    mails.retain(|mail| !String::from_utf8_lossy(&mail.content).contains(" is yours: "));
    mails
}

#[tokio::test]
async fn an_event_that_repeats_is_fired_once_for_each_record_and_told() {
    let sandbox = sandbox().await;
    let waiting = "[event.\"incident.waiting\"]\ntable = \"incident\"\nevery = \"1d\"\ncondition = \"assigned_to=ada\"\n\n\
        [notification.incident_waiting]\nevent = \"incident.waiting\"\nfields = [\"assigned_to\"]\n\
        subject = \"${number} waits\"\ntext = \"Still.\"\n";
    let desk = Desk::with(&sandbox, |config| format!("{config}\n{waiting}"));
    let store = desk.store();
    desk.incident(&store);
    desk.incident(&store);
    let begun = round(&desk, &store).await;
    assert!(
        reported(&begun, "repeated").is_empty(),
        "it begins with the next moment"
    );
    let two_days = 2 * 86_400 * 1_000_000_000_i64;
    desk.sql(&format!("UPDATE repeated SET fired = fired - {two_days}"));
    let fired = round(&desk, &store).await;
    let told = reported(&fired, "repeated");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["name"], "incident.waiting");
    assert_eq!(told[0]["events"], 2);
    let again = round(&desk, &store).await;
    assert!(reported(&again, "repeated").is_empty(), "{again:?}");
    let waits = |mail: &&Mail| String::from_utf8_lossy(&mail.content).contains(" waits\r\n");
    let mails = sandbox.messages("ada@example.org");
    assert_eq!(mails.iter().filter(waits).count(), 2);
}

#[tokio::test]
async fn one_pass_sends_what_is_due_though_repeated_events_cannot_be_read() {
    let sandbox = sandbox().await;
    let late = "[event.\"incident.late\"]\ntable = \"incident\"\nevery = \"1m\"\ncondition = \"assigned_toISNOTEMPTY\"\n";
    let desk = Desk::with(&sandbox, |config| format!("{config}\n{late}"));
    let store = desk.store();
    // The first moment is only noted.
    round(&desk, &store).await;
    desk.sql("UPDATE repeated SET fired = 'never'");
    desk.incident(&store);
    let (events, observer) = kept();
    let daemon = Daemon::new(Arc::clone(&desk.config), Arc::clone(&store), observer).unwrap();
    let error = daemon.run_once().await.unwrap_err().to_string();
    assert!(error.contains("when events were repeated"), "{error}");
    assert!(!reported(&events.lock().unwrap(), "delivered").is_empty());
    assert_eq!(sandbox.messages("ada@example.org").len(), 1);
}

#[tokio::test]
async fn a_digest_goes_out_when_it_is_due_with_all_its_parts() {
    let sandbox = sandbox().await;
    let desk = Desk::with(&sandbox, |config| {
        config.replacen(
            "[notification.incident_commented.digest]",
            "[notification.incident_commented.digest]\ndefault = true",
            1,
        )
    });
    let store = desk.store();
    let incident = desk.incident(&store);
    comment(&desk, &store, &incident, "One lump.");
    comment(&desk, &store, &incident, "No milk.");
    let gathering = round(&desk, &store).await;
    assert!(reported(&gathering, "digested").is_empty());
    assert!(about_comments(&sandbox).is_empty());
    desk.sql("UPDATE digest SET due_at = 1");
    let due = round(&desk, &store).await;
    let told = reported(&due, "digested");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["to"], &told[0]["parts"]),
        (&Value::from("ada@example.org"), &Value::from(2))
    );
    let mails = about_comments(&sandbox);
    assert_eq!(mails.len(), 1);
    let text = Message::parse(&mails[0].content).body_text().unwrap();
    assert!(
        text.contains("One lump.") && text.contains("No milk."),
        "{text}"
    );
    assert!(reported(&round(&desk, &store).await, "digested").is_empty());
}

const PAGE: &str = "unsubscribe_url = \"https://desk.example.org/u\"\nunsubscribe_listen";

/// A desk whose page to unsubscribe is at an address.
fn with_page(sandbox: &Sandbox, address: SocketAddr) -> Desk {
    let page = format!("[instance]\n{PAGE} = \"{address}\"");
    Desk::with(sandbox, |config| config.replacen("[instance]", &page, 1))
}

fn field<'e>(event: &'e LogEvent, name: &str) -> &'e str {
    let mut fields = event.fields.iter();
    &fields.find(|(field, _)| *field == name).unwrap().1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc8058_the_daemon_answers_a_click_and_tells_no_more() {
    let sandbox = sandbox().await;
    let desk = with_page(&sandbox, "127.0.0.1:0".parse().unwrap());
    let store = desk.store();
    let incident = desk.incident(&store);
    let running = Running::start(&desk, &store);
    let page = running.wait_for("unsubscribe_page").await;
    let address: SocketAddr = field(&page, "address").parse().unwrap();
    comment(&desk, &store, &incident, "One lump.");
    let commented = |mail: &Mail| String::from_utf8_lossy(&mail.content).contains("One lump.");
    let mail = sandbox.wait_for(commented, PATIENCE).await.unwrap();
    let message = Message::parse(&mail.content);
    let ways = message
        .header("List-Unsubscribe")
        .unwrap()
        .text()
        .into_owned();
    let (_, target) = ways.split_once("<https://desk.example.org").unwrap();
    let (target, _) = target.split_once('>').unwrap();
    let click = "List-Unsubscribe=One-Click";
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("POST {target} HTTP/1.1\r\nHost: desk\r\nContent-Length: 26\r\n\r\n{click}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    comment(&desk, &store, &incident, "No milk.");
    let events = running.stop().await;
    assert_eq!(events.last().unwrap().name, "stopped");
    round(&desk, &store).await;
    assert_eq!(about_comments(&sandbox).len(), 1);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "the page ends with the daemon"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_taken_is_reported_and_stops_no_mail() {
    let sandbox = sandbox().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let desk = with_page(&sandbox, taken.local_addr().unwrap());
    let store = desk.store();
    let running = Running::start(&desk, &store);
    let fault = running.wait_for("unsubscribe_fault").await;
    assert_eq!(fault.level, Level::Error);
    assert_eq!(
        field(&fault, "address"),
        taken.local_addr().unwrap().to_string()
    );
    desk.incident(&store);
    running.wait_for("delivered").await;
    running.stop().await;
}

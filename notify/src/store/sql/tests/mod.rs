//! The promises of the store, one by one.

mod attachments;
mod crash;
mod digests;
mod enqueue;
mod group;
mod inbound;
mod log;
mod outbox;
mod plans;
mod rate;
mod records;
mod rehearsal;
mod settings;
mod settle;
mod spoilt;
mod twin;
mod upkeep;

use super::SqliteStore;
use crate::event::{Event, EventId, EventKind, NewEvent};
use crate::outgoing::{
    Claimed, Completion, DeliveryState, Evidence, Match, MatchVerdict, OutgoingMail,
    RecipientVerdict, Settlement,
};
use crate::record::{Change, Fields, NewId, RecordKey};
use crate::schema::Numbering;
use crate::store::{LogFilter, Store, Work};
use jiff::Timestamp;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(60);

/// The beginning of time in these tests; `at(5)` is five seconds later.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn memory() -> SqliteStore {
    SqliteStore::open_in_memory().unwrap().with_clock(|| at(0))
}

fn fields(json: serde_json::Value) -> Fields {
    json.as_object().unwrap().clone()
}

fn incident() -> NewId {
    NewId::Numbered(Numbering {
        prefix: "INC".to_owned(),
        digits: 7,
    })
}

fn insert(table: &str, id: NewId, values: serde_json::Value) -> Change {
    Change::Insert {
        table: table.to_owned(),
        id,
        fields: fields(values),
        journal: Vec::new(),
        actor: "ada".to_owned(),
    }
}

fn update(key: &RecordKey, values: serde_json::Value) -> Change {
    Change::Update {
        key: key.clone(),
        fields: fields(values),
        journal: Vec::new(),
        actor: "ada".to_owned(),
    }
}

fn changes(changes: Vec<Change>) -> Work {
    Work {
        changes,
        ..Work::default()
    }
}

fn fired(name: &str) -> NewEvent {
    NewEvent {
        name: name.to_owned(),
        kind: EventKind::Fired,
        record: None,
        parm1: "one".to_owned(),
        parm2: String::new(),
        actor: String::new(),
        current: Fields::new(),
        previous: Fields::new(),
        idempotency_key: None,
        due: None,
    }
}

fn fire(store: &SqliteStore, name: &str) -> EventId {
    let work = Work {
        events: vec![fired(name)],
        ..Work::default()
    };
    store.commit(&work).unwrap().events[0]
}

fn mail(message_id: &str, recipient: &str) -> OutgoingMail {
    OutgoingMail {
        message_id: format!("{message_id}@example.org"),
        sender: "bounces@example.org".to_owned(),
        recipient: recipient.to_owned(),
        subject: format!("About {message_id}"),
        raw: format!("Subject: About {message_id}\r\n\r\nHello\r\n").into_bytes(),
        account: "main".to_owned(),
        record: None,
        expires: at(5 * 86_400),
        not_before: None,
        rank: None,
    }
}

fn about(record: &RecordKey, mut mail: OutgoingMail) -> OutgoingMail {
    mail.record = Some(record.clone());
    mail
}

fn settlement(event: EventId, mails: Vec<OutgoingMail>) -> Settlement {
    let recipients = mails.iter().map(|mail| RecipientVerdict {
        address: mail.recipient.clone(),
        via: "parm1".to_owned(),
        verdict: "queued",
        detail: String::new(),
    });
    Settlement {
        event,
        matches: vec![Match {
            notification: "told".to_owned(),
            verdict: MatchVerdict::Matched,
            detail: "always".to_owned(),
            recipients: recipients.collect(),
            mails,
            digests: Vec::new(),
        }],
        error: None,
    }
}

/// Queues mails as one event would.
fn queue(store: &SqliteStore, mails: Vec<OutgoingMail>) -> EventId {
    let event = fire(store, "tell");
    store.settle(&[settlement(event, mails)]).unwrap();
    event
}

fn claim(store: &SqliteStore, now: Timestamp, limit: usize) -> Vec<Claimed> {
    store.claim(&["main"], "worker", now, LEASE, limit).unwrap()
}

fn completion(claimed: &Claimed, state: DeliveryState, next_at: Option<Timestamp>) -> Completion {
    Completion {
        delivery: claimed.delivery,
        lease_epoch: claimed.lease_epoch,
        attempt: claimed.attempt,
        state,
        next_at,
        evidence: evidence("the server's words"),
    }
}

fn evidence(text: &str) -> Evidence {
    Evidence {
        peer: "127.0.0.1:25".to_owned(),
        tls: "TLS1.3".to_owned(),
        stage: "dot".to_owned(),
        code: 250,
        enhanced: "2.0.0".to_owned(),
        text: text.to_owned(),
    }
}

fn state_of(store: &SqliteStore, delivery: i64) -> (DeliveryState, String) {
    let filter = LogFilter {
        limit: usize::MAX,
        ..LogFilter::default()
    };
    let rows = store.log(&filter).unwrap();
    let row = rows.into_iter().find(|row| row.delivery == delivery);
    row.map(|row| (row.state, row.reason)).unwrap()
}

fn only_event(store: &SqliteStore) -> Event {
    let mut events = store.due_events(at(0), 10).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

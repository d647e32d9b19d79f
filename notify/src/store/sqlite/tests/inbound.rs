use super::*;
use crate::inbound::{Class, InboundOutcome, InboundState, NewInbound, Stored};
use crate::store::StoreError;
use serde_json::json;

fn mail_in(uidl: Option<&str>, message_id: Option<&str>, text: &str) -> NewInbound {
    NewInbound {
        account: "support".to_owned(),
        uidl: uidl.map(str::to_owned),
        raw: format!("From: Ada <ada@b>\r\nSubject: {text}\r\n\r\n{text}\r\n").into_bytes(),
        sha256: format!("{text:064}"),
        message_id: message_id.map(str::to_owned),
    }
}

fn store_in(store: &SqliteStore, mail: NewInbound) -> Stored {
    store.store_inbound(at(0), &[mail]).unwrap().remove(0)
}

fn outcome(id: i64, state: InboundState) -> InboundOutcome {
    InboundOutcome {
        id,
        class: Class::Reply,
        matched_by: "token: incident.INC1.x".to_owned(),
        record: None,
        state,
        reason: "an action ran".to_owned(),
        action: Some("reply_comment".to_owned()),
        verdicts: Vec::new(),
        next_at: None,
    }
}

fn finished(outcome: InboundOutcome) -> Work {
    Work {
        inbound: Some(outcome),
        ..Work::default()
    }
}

#[test]
fn a_mail_is_stored_once_by_uidl_and_by_message_id_with_content() {
    let store = memory();
    let stored = |uidl, id, text| store_in(&store, mail_in(uidl, id, text));
    assert_eq!(stored(Some("1"), Some("m"), "x"), Stored::New(1));
    assert_eq!(
        stored(Some("1"), Some("other"), "other"),
        Stored::Duplicate(1)
    );
    // The server counts its unique-ids anew: the same mail comes under another one.
    assert_eq!(stored(Some("9"), Some("m"), "x"), Stored::Duplicate(1));
    assert_eq!(stored(Some("9"), None, "z"), Stored::Duplicate(1));
    // The same Message-ID over another content is another mail.
    assert_eq!(stored(Some("2"), Some("m"), "y"), Stored::New(2));
    // Without a Message-ID two unique-ids are two mails; without either the octets decide.
    assert_eq!(stored(Some("3"), None, "x"), Stored::New(3));
    assert_eq!(stored(None, None, "q"), Stored::New(4));
    assert_eq!(stored(None, None, "q"), Stored::Duplicate(4));
    let mut other = mail_in(Some("1"), None, "other account");
    other.account = "sales".to_owned();
    assert_eq!(store_in(&store, other), Stored::New(5));
    let mut seen = store.seen_uidls("support").unwrap();
    seen.sort();
    let uidls: Vec<&str> = seen.iter().map(|(uidl, _)| uidl.as_str()).collect();
    assert_eq!(uidls, ["1", "2", "3", "9"]);
    assert_eq!(seen[0].1, at(0));
}

#[test]
fn a_forgotten_uidl_used_again_is_new() {
    let store = memory();
    store_in(&store, mail_in(Some("1"), None, "x"));
    store
        .forget_uidls("support", &["1".to_owned(), "none".to_owned()])
        .unwrap();
    assert!(store.seen_uidls("support").unwrap().is_empty());
    assert_eq!(
        store_in(&store, mail_in(Some("1"), None, "y")),
        Stored::New(2)
    );
}

#[test]
fn a_stored_mail_is_due_and_its_attempts_are_counted_before_the_work() {
    let store = memory();
    let what = mail_in(Some("1"), Some("m"), "x");
    store_in(&store, what.clone());
    for attempts in 0..3 {
        let due = store.due_inbound(at(0), 9).unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(
            (due[0].attempts, &due[0].what, due[0].received),
            (attempts, &what, at(0))
        );
    }
    assert_eq!(store.inbound(1).unwrap().unwrap().attempts, 3);
    assert_eq!(store.inbound(2).unwrap(), None);
}

#[test]
fn processing_and_its_effects_are_one_and_happen_once() {
    let store = memory();
    store_in(&store, mail_in(Some("1"), None, "x"));
    let work = Work {
        changes: vec![insert("incident", incident(), json!({"priority": 1}))],
        ..finished(outcome(1, InboundState::Processed))
    };
    let key = store.commit(&work).unwrap().records.remove(0);
    assert!(matches!(
        store.commit(&work),
        Err(StoreError::AlreadyProcessed(1))
    ));
    assert_eq!(store.records("incident").unwrap().len(), 1);
    assert!(store.due_inbound(at(0), 9).unwrap().is_empty());
    let row = store.inbound_log(9).unwrap().remove(0);
    assert_eq!(
        (row.from.as_str(), row.subject.as_str()),
        ("Ada <ada@b>", "x")
    );
    assert!(row.mail.what.raw.is_empty());
    let mut expected = outcome(1, InboundState::Processed);
    expected.record = Some(key);
    assert_eq!(row.outcome, expected);
}

#[test]
fn an_error_is_tried_again_at_its_time_and_what_is_held_waits_for_a_person() {
    let store = memory();
    store_in(&store, mail_in(Some("1"), None, "x"));
    let mut error = outcome(1, InboundState::Error);
    error.next_at = Some(at(60));
    store.commit(&finished(error)).unwrap();
    assert!(store.due_inbound(at(59), 9).unwrap().is_empty());
    assert_eq!(store.due_inbound(at(60), 9).unwrap().len(), 1);
    store
        .commit(&finished(outcome(1, InboundState::Held)))
        .unwrap();
    assert!(store.due_inbound(at(99), 9).unwrap().is_empty());
    store
        .commit(&finished(outcome(1, InboundState::Ignored)))
        .unwrap();
    assert!(
        store
            .commit(&finished(outcome(1, InboundState::Held)))
            .is_err()
    );
    assert_eq!(
        store.inbound_log(9).unwrap()[0].outcome.state,
        InboundState::Ignored
    );
}

#[test]
fn an_error_far_ahead_is_looked_at_within_four_hours() {
    let store = memory();
    store_in(&store, mail_in(Some("1"), None, "x"));
    let mut error = outcome(1, InboundState::Error);
    error.next_at = Some(at(9 * 86_400));
    store.commit(&finished(error)).unwrap();
    assert!(store.due_inbound(at(0), 9).unwrap().is_empty());
    assert_eq!(store.due_inbound(at(4 * 3600), 9).unwrap().len(), 1);
}

use super::*;
use crate::inbound::{Class, InboundOutcome, InboundState, NewInbound, Stored};
use crate::store::StoreError;
use serde_json::json;

fn mail_in(uidl: Option<&str>, message_id: Option<&str>, text: &str) -> NewInbound {
    NewInbound {
        apart: false,
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
fn one_mail_to_two_mailboxes_is_one_by_its_message_id_and_all_but_its_trace() {
    let store = memory();
    let copy = |account: &str, id: Option<&str>, trace: &str, text: &str| {
        let mut mail = mail_in(Some("1"), id, text);
        mail.account = account.to_owned();
        mail.raw = [trace.as_bytes(), &mail.raw].concat();
        mail.sha256 = crate::digest::sha256(&mail.raw);
        store_in(&store, mail)
    };
    let desk = "Delivered-To: desk@x\r\nReceived: id 1\r\n";
    let sales = "Delivered-To: sales@x\r\nReceived: id 2\r\n";
    assert_eq!(copy("desk", Some("m"), desk, "x"), Stored::New(1));
    assert_eq!(copy("sales", Some("m"), sales, "x"), Stored::Duplicate(1));
    assert_eq!(copy("sales", Some("n"), sales, "x"), Stored::New(2));
    assert_eq!(copy("sales", Some("m"), sales, "y"), Stored::New(3));
    assert_eq!(copy("desk", None, desk, "z"), Stored::New(4));
    assert_eq!(copy("sales", None, sales, "z"), Stored::New(5));
    assert_eq!(rows(&store).iter().map(|row| row.copies).sum::<u32>(), 1);
}

#[test]
fn where_actions_go_by_the_account_each_mailbox_has_a_mail_of_its_own() {
    let store = memory();
    let copy = |account: &str, trace: &str| {
        let mut mail = mail_in(Some("1"), Some("m"), "x");
        mail.account = account.to_owned();
        mail.apart = true;
        mail.raw = [trace.as_bytes(), &mail.raw].concat();
        mail.sha256 = crate::digest::sha256(&mail.raw);
        store_in(&store, mail)
    };
    assert_eq!(copy("desk", "Received: id 1\r\n"), Stored::New(1));
    assert_eq!(copy("sales", "Received: id 2\r\n"), Stored::New(2));
    assert_eq!(copy("sales", "Received: id 2\r\n"), Stored::Duplicate(2));
}

#[test]
fn a_mail_of_an_older_version_is_known_by_its_octets() {
    let store = memory();
    let mail = || mail_in(Some("1"), Some("m"), "x");
    assert_eq!(store_in(&store, mail()), Stored::New(1));
    let forget = "UPDATE inbound SET as_sent = NULL";
    crate::store::sql::lock(&store.writing)
        .execute(forget, [])
        .unwrap();
    let mut again = mail();
    again.uidl = Some("2".to_owned());
    assert_eq!(store_in(&store, again), Stored::Duplicate(1));
}

#[test]
fn the_same_octets_are_one_mail_by_message_id_or_by_unique_id() {
    let store = memory();
    let stored = |uidl, id, text| store_in(&store, mail_in(uidl, id, text));
    assert_eq!(stored(Some("1"), Some("m"), "x"), Stored::New(1));
    assert_eq!(stored(Some("1"), Some("m"), "x"), Stored::Duplicate(1));
    // The server counts its unique-ids anew: the same mail comes under another one.
    assert_eq!(stored(Some("9"), Some("m"), "x"), Stored::Duplicate(1));
    // The same Message-ID over another content is another mail, and so is the same unique-id.
    assert_eq!(stored(Some("2"), Some("m"), "y"), Stored::New(2));
    assert_eq!(stored(Some("1"), Some("other"), "other"), Stored::New(3));
    // Without a Message-ID two unique-ids are two mails; without either the octets decide.
    assert_eq!(stored(Some("3"), None, "x"), Stored::New(4));
    assert_eq!(stored(Some("3"), None, "x"), Stored::Duplicate(4));
    assert_eq!(stored(None, None, "q"), Stored::New(5));
    assert_eq!(stored(None, None, "q"), Stored::Duplicate(5));
    let mut other = mail_in(Some("3"), None, "x");
    other.account = "sales".to_owned();
    assert_eq!(store_in(&store, other), Stored::New(6));
    let copies: Vec<u32> = rows(&store).iter().map(|row| row.copies).collect();
    assert_eq!(copies, [0, 1, 1, 0, 0, 2], "newest first");
}

fn rows(store: &SqliteStore) -> Vec<crate::inbound::InboundRow> {
    store.inbound_log(99).unwrap()
}

#[test]
fn mails_and_what_fetching_remembers_of_them_are_one() {
    let store = memory();
    let lines = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mails = [mail_in(Some("1"), Some("m"), "x")];
    let stored = store.store_fetched(at(0), "support", &mails, &lines(&["a", "b"]));
    assert_eq!(stored.unwrap(), [Stored::New(1)]);
    store
        .store_fetched(at(0), "support", &[], &lines(&["c"]))
        .unwrap();
    store
        .store_fetched(at(0), "sales", &[], &lines(&["other"]))
        .unwrap();
    assert_eq!(
        store.fetch_journal("support").unwrap(),
        lines(&["a", "b", "c"])
    );
    store
        .replace_fetch_journal("support", &lines(&["d"]))
        .unwrap();
    assert_eq!(store.fetch_journal("support").unwrap(), lines(&["d"]));
    assert_eq!(store.fetch_journal("sales").unwrap(), lines(&["other"]));
    // What cannot be stored is not remembered either.
    crate::store::sql::lock(&store.writing)
        .execute_batch(
            "CREATE TRIGGER sick BEFORE INSERT ON inbound BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .unwrap();
    let mails = [mail_in(Some("2"), None, "y")];
    assert!(
        store
            .store_fetched(at(0), "support", &mails, &lines(&["e"]))
            .is_err()
    );
    assert_eq!(store.fetch_journal("support").unwrap(), lines(&["d"]));
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
fn mails_that_are_large_are_taken_a_few_at_a_time() {
    let store = memory();
    for n in 0..3 {
        let mut large = mail_in(Some(&n.to_string()), None, &n.to_string());
        large.raw.resize(9 << 20, b'x');
        store_in(&store, large);
    }
    let due = store.due_inbound(at(0), 9).unwrap();
    assert_eq!(due.iter().map(|mail| mail.id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.inbound(3).unwrap().unwrap().attempts, 0);
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

#[test]
fn a_message_id_longer_than_a_line_keeps_no_mail_from_being_stored() {
    let store = memory();
    let named = |uidl, letters| {
        let id = "x".repeat(letters);
        store_in(&store, mail_in(Some(uidl), Some(&id), "x"))
    };
    assert_eq!(named("1", 999), Stored::New(1));
    assert_eq!(store.inbound(1).unwrap().unwrap().what.message_id, None);
    // It is known as one without a Message-ID is.
    assert_eq!(named("1", 999), Stored::Duplicate(1));
    assert_eq!(named("2", 999), Stored::New(2));
    assert_eq!(named("3", 998), Stored::New(3));
    assert_eq!(named("4", 998), Stored::Duplicate(3));
}

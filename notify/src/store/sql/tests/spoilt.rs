//! Rows that another program, another version or a sick disk has spoilt.

use super::*;
use crate::preference::Person;
use crate::store::sql::lock;
use serde_json::json;

/// Writes something into an event behind the store's back.
fn spoil(store: &SqliteStore, event: EventId, (table, assignment): (&str, &str)) {
    let sql = format!("UPDATE {table} SET {assignment} WHERE id = {event}");
    assert_eq!(lock(&store.writing).execute(&sql, []).unwrap(), 1);
}

#[test]
fn an_event_that_cannot_be_read_is_settled_with_the_reason_and_holds_up_no_other() {
    for (table, assignment, reason) in [
        (
            "event_fields",
            "current = '{\"a\":'",
            "fields that are no JSON: EOF",
        ),
        (
            "event_fields",
            "previous = '[1]'",
            "fields that are no JSON: invalid type",
        ),
        (
            "event",
            "kind = 'deleted'",
            "an event of the kind \"deleted\"",
        ),
    ] {
        let store = memory();
        let ids: Vec<EventId> = (0..3).map(|n| fire(&store, &format!("tell{n}"))).collect();
        spoil(&store, ids[0], (table, assignment));
        spoil(&store, ids[1], (table, assignment));
        // One at a time: those that are spoilt do not use up the limit either.
        let due = store.due_events(at(0), 1).unwrap();
        assert_eq!(
            due.iter().map(|event| event.id).collect::<Vec<_>>(),
            [ids[2]],
            "{assignment}"
        );
        assert_eq!(store.due_events(at(0), 9).unwrap().len(), 1);
        let explained = store.explain(ids[0]).unwrap().unwrap();
        assert_eq!(
            (explained.state.as_str(), explained.event.what.name.as_str()),
            ("error", "tell0")
        );
        let why = explained.settlement.unwrap().error.unwrap();
        assert!(why.contains(reason), "{assignment}: {why}");
    }
}

#[test]
fn the_fields_of_an_event_that_nobody_hears_are_not_read() {
    let store = memory();
    let (heard, unheard) = (fire(&store, "heard"), fire(&store, "unheard"));
    spoil(&store, heard, ("event_fields", "current = '{\"a\":1}'"));
    spoil(&store, unheard, ("event_fields", "current = '{\"a\":'"));
    let hears = |event: &Event| event.what.name == "heard";
    let due = store.due_events_heard(at(0), 9, &hears).unwrap();
    let ids: Vec<EventId> = due.iter().map(|event| event.id).collect();
    assert_eq!(ids, [heard, unheard]);
    assert_eq!(due[0].what.current.get("a"), Some(&json!(1)));
    assert!(due[1].what.current.is_empty());
    assert_eq!(only_event(&store).id, heard);
}

#[test]
fn an_event_with_octets_for_text_holds_up_no_other() {
    let store = memory();
    let (spoilt, good) = (fire(&store, "tell"), fire(&store, "tell"));
    spoil(&store, spoilt, ("event_fields", "current = x'00ff'"));
    assert_eq!(only_event(&store).id, good);
    assert_eq!(only_event(&store).id, good, "it is settled, not skipped");
}

#[test]
fn a_read_that_sets_nothing_aside_writes_nothing() {
    let store = memory();
    fire(&store, "tell");
    let before = store.change_counter().unwrap();
    store.due_events(at(0), 9).unwrap();
    assert_eq!(store.change_counter().unwrap(), before);
}

#[test]
fn a_spoilt_record_is_an_error_that_says_so() {
    let store = memory();
    let work = changes(vec![insert("incident", incident(), json!({}))]);
    let key = store.commit(&work).unwrap().records.remove(0);
    let sql = "UPDATE record SET fields = 'x' WHERE table_name = 'incident'";
    lock(&store.writing).execute(sql, []).unwrap();
    let error = store.record(&key).unwrap_err().to_string();
    assert!(error.contains("fields that are no JSON"), "{error}");
}

#[test]
fn a_spoilt_record_does_not_stand_in_the_way_of_the_others() {
    let store = memory();
    let one = || insert("incident", incident(), json!({}));
    store.commit(&changes(vec![one(), one()])).unwrap();
    let sql = "UPDATE record SET fields = 'x' WHERE id = 'INC0010001'";
    assert_eq!(lock(&store.writing).execute(sql, []).unwrap(), 1);
    let found = store.readable_records("incident").unwrap();
    assert_eq!(found.records.len(), 1);
    assert_eq!(found.records[0].key.id, "INC0010002");
    let (key, why) = &found.spoilt[0];
    assert_eq!(key.id, "INC0010001");
    assert!(why.contains("fields that are no JSON"), "{why}");
}

#[test]
fn a_device_that_cannot_be_read_keeps_nobody_else_from_leaving() {
    let store = memory();
    let given = |id: &str| NewId::Given(id.to_owned());
    let device = json!({"user": "grace", "email": "grace@example.org"});
    let work = changes(vec![
        insert("user", given("ada"), json!({"email": "ada@example.org"})),
        insert("notification_device", given("1"), device),
    ]);
    store.commit(&work).unwrap();
    let sql = "UPDATE record SET fields = '[]' WHERE table_name = 'notification_device'";
    assert_eq!(lock(&store.writing).execute(sql, []).unwrap(), 1);
    let found = Person::find(&store, "ada@example.org", "told").unwrap();
    assert_eq!(found, Person::User("ada".to_owned()));
}

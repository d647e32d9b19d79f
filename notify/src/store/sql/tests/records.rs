use super::*;
use crate::store::StoreError;
use crate::store::sql::lock;
use serde_json::json;

#[test]
fn records_are_numbered_one_after_the_other_and_taken_numbers_are_left_out() {
    let store = memory();
    let taken = insert("incident", NewId::Given("INC0010002".to_owned()), json!({}));
    let one = || insert("incident", incident(), json!({"priority": 1}));
    let work = changes(vec![taken, one(), one()]);
    let keys: Vec<String> = store
        .commit(&work)
        .unwrap()
        .records
        .into_iter()
        .map(|key| key.id)
        .collect();
    assert_eq!(keys, ["INC0010002", "INC0010001", "INC0010003"]);
    let short = NewId::Numbered(Numbering {
        prefix: "T".to_owned(),
        digits: 3,
    });
    let work = changes(vec![insert("task", short, json!({}))]);
    assert_eq!(store.commit(&work).unwrap().records[0].id, "T001");
    assert_eq!(store.records("incident").unwrap().len(), 3);
}

#[test]
fn an_insert_queues_its_event_with_the_record_and_the_entry_just_made() {
    let store = memory();
    let change = Change::Insert {
        table: "incident".to_owned(),
        id: incident(),
        fields: fields(json!({"priority": 1, "state": null})),
        journal: vec![("comments".to_owned(), "Help".to_owned())],
        actor: "grace".to_owned(),
    };
    let committed = store.commit(&changes(vec![change])).unwrap();
    let key = &committed.records[0];
    let event = only_event(&store);
    assert_eq!(event.id, committed.events[0]);
    assert_eq!(event.created, at(0));
    assert_eq!(event.what.name, "incident.inserted");
    assert_eq!(event.what.kind, EventKind::Inserted);
    assert_eq!(event.what.record.as_ref(), Some(key));
    assert_eq!(event.what.actor, "grace");
    assert!(event.what.previous.is_empty());
    let moment = at(0).to_string();
    let expected = json!({"id": "INC0010001", "number": "INC0010001", "priority": 1, "comments": "Help",
                          "created": moment, "updated": moment});
    assert_eq!(event.what.current, fields(expected));
    let record = store.record(key).unwrap().unwrap();
    assert_eq!(record.fields, fields(json!({"priority": 1})));
    let journal = store.journal(key).unwrap();
    assert_eq!(journal.len(), 1);
    assert_eq!(
        (journal[0].text.as_str(), journal[0].author.as_str()),
        ("Help", "grace")
    );
}

#[test]
fn an_update_carries_before_and_after_and_null_removes() {
    let store = memory();
    let values = json!({"priority": 1, "state": 2});
    let key = store
        .commit(&changes(vec![insert("incident", incident(), values)]))
        .unwrap()
        .records
        .remove(0);
    let store = store.with_clock(|| at(9));
    let change = update(&key, json!({"priority": 3, "state": null}));
    let committed = store.commit(&changes(vec![change])).unwrap();
    let events = store.due_events(at(9), 10).unwrap();
    let event = events.iter().find(|e| e.id == committed.events[0]).unwrap();
    assert_eq!(event.what.name, "incident.updated");
    assert_eq!(event.what.previous["priority"], 1);
    assert_eq!(event.what.previous["state"], 2);
    assert_eq!(event.what.current["priority"], 3);
    assert_eq!(event.what.current.get("state"), None);
    let record = store.record(&key).unwrap().unwrap();
    assert_eq!((record.created, record.updated), (at(0), at(9)));
}

#[test]
fn a_change_that_changes_nothing_gives_its_key_and_no_event() {
    let store = memory();
    let work = changes(vec![insert(
        "user",
        NewId::Given("ada".to_owned()),
        json!({"name": "Ada"}),
    )]);
    let key = store.commit(&work).unwrap().records.remove(0);
    let same = changes(vec![update(&key, json!({"name": "Ada", "email": null}))]);
    let committed = store.with_clock(|| at(9)).commit(&same).unwrap();
    assert_eq!(committed.records, [key]);
    assert!(committed.events.is_empty());
}

#[test]
fn work_is_done_whole_or_not_at_all() {
    let store = memory();
    let nobody = RecordKey::new("user", "nobody");
    let work = changes(vec![
        insert("user", NewId::Given("ada".to_owned()), json!({})),
        update(&nobody, json!({"name": "x"})),
    ]);
    assert!(matches!(store.commit(&work), Err(StoreError::NoRecord(key)) if key == nobody));
    assert!(store.records("user").unwrap().is_empty());
    assert!(store.due_events(at(0), 10).unwrap().is_empty());
    let ada = changes(vec![insert(
        "user",
        NewId::Given("ada".to_owned()),
        json!({}),
    )]);
    store.commit(&ada).unwrap();
    assert!(matches!(
        store.commit(&ada),
        Err(StoreError::RecordExists(_))
    ));
}

#[test]
fn an_idempotency_key_queues_one_event() {
    let store = memory();
    let mut event = fired("incident.escalated");
    event.idempotency_key = Some("ticket 7".to_owned());
    let work = Work {
        events: vec![event],
        ..Work::default()
    };
    let first = store.commit(&work).unwrap().events;
    assert_eq!(store.commit(&work).unwrap().events, first);
    assert_eq!(only_event(&store).what, work.events[0]);
}

#[test]
fn events_about_a_change_get_its_record() {
    let store = memory();
    let change = |priority: u8| insert("incident", incident(), json!({"priority": priority}));
    let work = Work {
        changes: vec![change(1), change(2)],
        events: vec![
            fired("about.nothing"),
            fired("incident.escalated"),
            fired("incident.escalated"),
        ],
        events_about: [(1, 1), (2, 0)].into(),
        ..Work::default()
    };
    let committed = store.commit(&work).unwrap();
    let events = store.due_events(at(0), 10).unwrap();
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    assert_eq!(committed.events, ids);
    let [first, second, nothing, about_second, about_first] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(nothing.what.record, None);
    for (event, change, record) in [
        (about_second, second, &committed.records[1]),
        (about_first, first, &committed.records[0]),
    ] {
        assert_eq!(event.what.record.as_ref(), Some(record));
        assert_eq!(event.what.current, change.what.current);
    }
}

#[test]
fn an_event_about_a_record_without_fields_gets_them() {
    let store = memory();
    let work = changes(vec![insert("incident", incident(), json!({"priority": 1}))]);
    let key = store.commit(&work).unwrap().records.remove(0);
    let mut event = fired("incident.escalated");
    event.record = Some(key);
    let work = Work {
        events: vec![event],
        ..Work::default()
    };
    let id = store.commit(&work).unwrap().events[0];
    let explanation = store.explain(id).unwrap().unwrap();
    assert_eq!(explanation.event.what.current["priority"], 1);
}

#[test]
fn people_are_found_by_address_without_case_and_by_group() {
    let store = memory();
    let given = |id: &str| NewId::Given(id.to_owned());
    let work = changes(vec![
        insert(
            "user",
            given("ada"),
            json!({"email": "Ada@Example.org", "groups": ["a", "b"], "age": 36}),
        ),
        insert(
            "user",
            given("grace"),
            json!({"email": "grace@example.org"}),
        ),
        insert(
            "group_member",
            given("support.ada"),
            json!({"group": "support", "user": "ada"}),
        ),
    ]);
    store.commit(&work).unwrap();
    let ids = |table: &str, field: &str, value: &str| -> Vec<String> {
        let records = store.records_where(table, field, value).unwrap();
        records.into_iter().map(|record| record.key.id).collect()
    };
    assert_eq!(ids("user", "email", "ada@example.ORG"), ["ada"]);
    assert_eq!(ids("group_member", "group", "support"), ["support.ada"]);
    assert_eq!(ids("user", "groups", "b"), ["ada"]);
    assert_eq!(ids("user", "age", "36"), ["ada"]);
    assert!(ids("user", "email", "' OR 1=1 --").is_empty());
}

#[test]
fn a_long_value_is_looked_up_by_index_too() {
    let store = memory();
    let given = |id: &str| NewId::Given(id.to_owned());
    let long = format!("{}@example.org", "ü".repeat(700));
    let beginning: String = long.chars().take(600).collect();
    let work = changes(vec![
        insert("user", given("ada"), json!({"email": long})),
        insert("user", given("bob"), json!({"email": beginning})),
        insert("user", given("cyn"), json!({})),
    ]);
    store.commit(&work).unwrap();
    // Whoever reads the whole table finds a record that cannot be read.
    let sql = "UPDATE record SET fields = '[]' WHERE id = 'cyn'";
    assert_eq!(lock(&store.writing).execute(sql, []).unwrap(), 1);
    for (email, id) in [(&long, "ada"), (&beginning, "bob")] {
        let found = store.records_where("user", "email", &email.to_ascii_uppercase());
        let ids: Vec<String> = found.unwrap().into_iter().map(|user| user.key.id).collect();
        assert_eq!(ids, [id]);
    }
}

#[test]
fn an_event_is_due_at_its_time_and_at_once_without_one_whatever_the_clock() {
    let store = memory();
    let mut later = fired("later");
    later.due = Some(at(60));
    let work = Work {
        events: vec![later, fired("now")],
        ..Work::default()
    };
    store.commit(&work).unwrap();
    let names = |now| -> Vec<String> {
        let events = store.due_events(now, 10).unwrap();
        events.into_iter().map(|event| event.what.name).collect()
    };
    assert_eq!(names(at(-86_400)), ["now"]);
    assert_eq!(names(at(60)), ["now", "later"]);
    assert_eq!(store.due_events(at(60), 1).unwrap().len(), 1);
}

/// What the event of the insertion says of the priority.
fn told(store: &SqliteStore, event: EventId) -> serde_json::Value {
    let explained = store.explain(event).unwrap().unwrap();
    explained.event.what.current["priority"].clone()
}

fn own_fields(store: &SqliteStore) -> i64 {
    let count = "SELECT count(*) FROM event_fields";
    lock(&store.writing)
        .query_row(count, [], |row| row.get(0))
        .unwrap()
}

#[test]
fn what_a_record_and_the_event_of_its_insertion_have_in_common_is_written_once() {
    let store = memory();
    let values = json!({"priority": 1});
    let inserted = changes(vec![insert("incident", incident(), values)]);
    let done = store.commit(&inserted).unwrap();
    assert_eq!(own_fields(&store), 0);
    assert_eq!(only_event(&store).what.current["priority"], 1);
    let change = update(&done.records[0], json!({"priority": 2}));
    store.commit(&changes(vec![change])).unwrap();
    assert_eq!(own_fields(&store), 2, "that of the insertion as well");
    assert_eq!(told(&store, done.events[0]), 1);
    let due = store.due_events(at(0), 9).unwrap();
    let said: Vec<_> = due.iter().map(|e| &e.what.current["priority"]).collect();
    assert_eq!(said, [1, 2]);
    let change = update(&done.records[0], json!({"priority": 3}));
    store.commit(&changes(vec![change])).unwrap();
    assert_eq!(own_fields(&store), 3);
    assert_eq!(
        told(&store, done.events[0]),
        1,
        "what it was at that moment"
    );
}

#[test]
fn the_event_of_an_insertion_keeps_its_fields_when_the_record_is_restored_over() {
    let store = memory();
    let values = json!({"priority": 1});
    let inserted = changes(vec![insert("incident", incident(), values)]);
    let done = store.commit(&inserted).unwrap();
    let mut record = store.record(&done.records[0]).unwrap().unwrap();
    record.fields = fields(json!({"priority": 5}));
    store.restore(&[(record, Vec::new())]).unwrap();
    assert_eq!(told(&store, done.events[0]), 1);
}

#[test]
fn a_record_changes_after_the_event_of_its_insertion_is_forgotten() {
    let store = memory();
    let inserted = changes(vec![insert("incident", incident(), json!({}))]);
    let done = store.commit(&inserted).unwrap();
    let settled = settlement(done.events[0], Vec::new());
    store.settle(&[settled]).unwrap();
    assert_eq!(store.trim(at(9)).unwrap().events, 1);
    let change = update(&done.records[0], json!({"priority": 2}));
    assert_eq!(
        store.commit(&changes(vec![change])).unwrap().events.len(),
        1
    );
    assert_eq!(only_event(&store).what.current["priority"], 2);
}

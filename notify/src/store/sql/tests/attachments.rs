//! Attachments: each content once, and with the record or not at all.

use super::*;
use crate::attachment::NewAttachment;
use crate::store::StoreError;
use crate::store::sql::lock;

fn file(name: &str, content: &'static [u8]) -> NewAttachment {
    NewAttachment::new(name.into(), "text/plain".into(), content.into(), "ada")
}

#[test]
fn a_file_comes_with_the_record_of_the_same_work() {
    let store = memory();
    let work = Work {
        changes: vec![insert("incident", incident(), serde_json::json!({}))],
        attachments: vec![file("a.txt", b"one"), file("b.txt", b"two")],
        ..Work::default()
    };
    let key = store.commit(&work).unwrap().records.remove(0);
    let found = store.attachments(&key).unwrap();
    let names: Vec<_> = found.iter().map(|a| (a.name.as_str(), a.size)).collect();
    assert_eq!(names, [("a.txt", 3), ("b.txt", 3)]);
    assert_eq!((found[0].author.as_str(), found[0].created), ("ada", at(0)));
    let content = store.attachment_content(found[1].id).unwrap();
    assert_eq!(content.as_deref(), Some(&b"two"[..]));
    assert_eq!(store.attachment_content(99).unwrap(), None);
}

#[test]
fn the_same_content_is_kept_once_and_attached_once_under_one_name() {
    let store = memory();
    let work = Work {
        changes: vec![insert("incident", incident(), serde_json::json!({}))],
        attachments: vec![file("a.txt", b"same"), file("b.txt", b"same")],
        ..Work::default()
    };
    let key = store.commit(&work).unwrap().records.remove(0);
    let again = Work {
        attachments: vec![file("a.txt", b"same").of(key.clone())],
        ..Work::default()
    };
    store.commit(&again).unwrap();
    assert_eq!(store.attachments(&key).unwrap().len(), 2);
    let sql = "SELECT count(*) FROM blob";
    let blobs: i64 = lock(&store.reading)
        .query_row(sql, [], |row| row.get(0))
        .unwrap();
    assert_eq!(blobs, 1);
}

#[test]
fn a_file_without_a_record_stops_the_whole_work() {
    let store = memory();
    let work = Work {
        attachments: vec![file("a.txt", b"one")],
        events: vec![fired("x")],
        ..Work::default()
    };
    assert!(matches!(store.commit(&work), Err(StoreError::Corrupt(_))));
    assert!(store.due_events(at(0), 10).unwrap().is_empty());
}

#[test]
fn an_event_about_a_change_that_is_not_there_is_refused_as_a_file_is() {
    let store = memory();
    let change = || insert("incident", incident(), serde_json::json!({}));
    let mut of_record = fired("x");
    of_record.record = Some(RecordKey::new("incident", "INC1"));
    for (event, about) in [
        (fired("x"), (0, 1)),
        (fired("x"), (1, 0)),
        (of_record, (0, 0)),
    ] {
        let work = Work {
            changes: vec![change()],
            events: vec![event],
            events_about: [about].into(),
            ..Work::default()
        };
        assert!(matches!(store.commit(&work), Err(StoreError::Corrupt(_))));
        assert!(store.records("incident").unwrap().is_empty());
    }
}

//! Work inside a transaction of the caller's own.

use super::*;
use crate::store::{StoreError, enqueue};
use rusqlite::Connection;
use serde_json::json;

/// A store, and an application that has a table in its file.
fn shared() -> (tempfile::TempDir, SqliteStore, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shared.db");
    let store = SqliteStore::open(&path).unwrap();
    let own = Connection::open(&path).unwrap();
    own.execute_batch("CREATE TABLE app_order (item TEXT)")
        .unwrap();
    (dir, store, own)
}

fn orders(own: &Connection) -> i64 {
    own.query_row("SELECT count(*) FROM app_order", [], |row| row.get(0))
        .unwrap()
}

fn work() -> Work {
    Work {
        changes: vec![insert("incident", incident(), json!({"priority": 1}))],
        events: vec![fired("tell")],
        events_about: [(0, 0)].into(),
        ..Work::default()
    }
}

#[test]
fn what_is_rolled_back_leaves_nothing() {
    let (_dir, store, mut own) = shared();
    for number in ["INC0010001", "INC0010001"] {
        let mut transaction = own.transaction().unwrap();
        transaction
            .execute("INSERT INTO app_order VALUES ('tea')", [])
            .unwrap();
        let committed = enqueue(&mut transaction, at(0), &work()).unwrap();
        assert_eq!(
            committed.records[0].id, number,
            "not even a number is used up"
        );
        assert_eq!(committed.events.len(), 2);
        // Dropped: rolled back.
    }
    assert_eq!(orders(&own), 0);
    assert!(store.records("incident").unwrap().is_empty());
    assert!(store.due_events(at(0), 9).unwrap().is_empty());
}

#[test]
fn what_is_committed_is_as_if_the_store_had_committed_it() {
    let (_dir, store, mut own) = shared();
    let counter = store.change_counter().unwrap();
    let mut transaction = own.transaction().unwrap();
    transaction
        .execute("INSERT INTO app_order VALUES ('tea')", [])
        .unwrap();
    let by_us = enqueue(&mut transaction, at(0), &work()).unwrap();
    assert!(store.due_events(at(0), 9).unwrap().is_empty(), "not yet");
    transaction.commit().unwrap();
    assert_ne!(store.change_counter().unwrap(), counter, "a daemon wakes");
    let by_store = memory();
    assert_eq!(by_store.commit(&work()).unwrap(), by_us);
    assert_eq!(
        by_store.due_events(at(0), 9).unwrap(),
        store.due_events(at(0), 9).unwrap()
    );
    assert_eq!(
        by_store.records("incident").unwrap(),
        store.records("incident").unwrap()
    );
    assert_eq!(orders(&own), 1);
}

#[test]
fn refused_work_leaves_the_rest_of_the_transaction() {
    let (_dir, store, mut own) = shared();
    let mut transaction = own.transaction().unwrap();
    transaction
        .execute("INSERT INTO app_order VALUES ('tea')", [])
        .unwrap();
    let nowhere = RecordKey::new("incident", "INC0099999");
    let mut refused = work();
    refused
        .changes
        .push(update(&nowhere, json!({"priority": 2})));
    let error = enqueue(&mut transaction, at(0), &refused).unwrap_err();
    assert!(matches!(error, StoreError::NoRecord(key) if key == nowhere));
    transaction.commit().unwrap();
    assert_eq!(orders(&own), 1);
    assert!(store.records("incident").unwrap().is_empty());
    assert!(store.due_events(at(0), 9).unwrap().is_empty());
}

#[test]
fn a_database_that_is_no_store_is_refused() {
    let mut other = Connection::open_in_memory().unwrap();
    let mut transaction = other.transaction().unwrap();
    let error = enqueue(&mut transaction, at(0), &work()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
}

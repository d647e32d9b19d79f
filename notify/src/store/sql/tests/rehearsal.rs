//! A store on which everything can be done, and nothing stays.

use super::*;
use serde_json::json;

#[test]
fn what_is_done_in_a_rehearsal_is_seen_there_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let work = changes(vec![insert("incident", incident(), json!({"priority": 1}))]);
    let first = SqliteStore::open(&path).unwrap().commit(&work).unwrap();
    let before = std::fs::read(&path).unwrap();

    let rehearsal = SqliteStore::rehearse(&path).unwrap();
    let second = rehearsal.commit(&work).unwrap();
    assert_eq!(second.records[0].id, "INC0010002", "the next number");
    assert_eq!(second.events, [first.events[0] + 1], "the next event");
    let works = [work.clone(), work.clone()];
    assert!(rehearsal.commit_all(&works).iter().all(Result::is_ok));
    let update = Change::Update {
        key: RecordKey::new("incident", "INC1"),
        fields: fields(json!({"priority": 2})),
        journal: Vec::new(),
        actor: String::new(),
    };
    assert!(
        rehearsal.commit(&changes(vec![update])).is_err(),
        "no such record"
    );
    rehearsal
        .settle(&[Settlement {
            event: second.events[0],
            matches: Vec::new(),
            error: None,
        }])
        .unwrap();
    assert_eq!(
        rehearsal.explain(second.events[0]).unwrap().unwrap().state,
        "done"
    );
    assert_eq!(rehearsal.records("incident").unwrap().len(), 4);

    let beside = SqliteStore::open(&path).unwrap();
    assert_eq!(
        beside.records("incident").unwrap().len(),
        1,
        "nobody else sees it"
    );
    drop(rehearsal);
    assert_eq!(
        beside.records("incident").unwrap().len(),
        1,
        "nothing stays"
    );
    drop(beside);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let real = SqliteStore::open(&path).unwrap().commit(&work).unwrap();
    assert_eq!(
        real, second,
        "the numbers are free again, and the lock is gone"
    );
}

#[test]
fn a_rehearsal_makes_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let rehearsal = SqliteStore::rehearse(&path).unwrap();
    let work = changes(vec![insert("incident", incident(), json!({}))]);
    assert_eq!(rehearsal.commit(&work).unwrap().events.len(), 1);
    drop(rehearsal);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_rehearsal_begins_again_as_the_database_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let work = changes(vec![insert("incident", incident(), json!({}))]);
    let store = SqliteStore::open(&path).unwrap();
    store.commit(&work).unwrap();
    assert!(store.rehearse_again().is_err(), "this is no rehearsal");
    assert_eq!(store.records("incident").unwrap().len(), 1);

    for (path, before) in [(path, 1), (dir.path().join("none.db"), 0)] {
        let rehearsal = SqliteStore::rehearse(&path).unwrap();
        let first = rehearsal.commit(&work).unwrap();
        rehearsal.rehearse_again().unwrap();
        assert_eq!(rehearsal.records("incident").unwrap().len(), before);
        assert_eq!(rehearsal.commit(&work).unwrap(), first);
    }
}

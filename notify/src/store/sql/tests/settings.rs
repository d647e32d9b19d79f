use super::*;
use crate::store::{Pause, StoreError};
use serde_json::json;
use std::path::PathBuf;

fn file(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("mail?.db")
}

#[test]
fn a_setting_is_made_once() {
    let store = memory();
    assert_eq!(store.setting("key", &|| vec![1]).unwrap(), [1]);
    assert_eq!(store.setting("key", &|| vec![2]).unwrap(), [1]);
}

#[test]
fn an_account_is_paused_until_the_pause_ends() {
    let store = memory();
    let pause = Pause {
        until: at(60),
        reason: "535 wrong password".to_owned(),
        failures: 2,
    };
    assert_eq!(store.pause("main").unwrap(), None);
    store.set_pause("main", Some(&pause)).unwrap();
    store.set_pause("main", Some(&pause)).unwrap();
    assert_eq!(store.pause("main").unwrap(), Some(pause));
    store.set_pause("main", None).unwrap();
    assert_eq!(store.pause("main").unwrap(), None);
}

#[test]
fn the_change_counter_moves_with_every_commit_of_anybody() {
    let dir = tempfile::tempdir().unwrap();
    for store in [memory(), SqliteStore::open(&file(&dir)).unwrap()] {
        let before = store.change_counter().unwrap();
        assert_eq!(store.change_counter().unwrap(), before);
        store.due_events(at(0), 1).unwrap();
        assert_eq!(store.change_counter().unwrap(), before);
        fire(&store, "tell");
        let after = store.change_counter().unwrap();
        assert!(after > before);
        store.set_pause("x", None).unwrap();
    }
    let daemon = SqliteStore::open(&file(&dir)).unwrap();
    let before = daemon.change_counter().unwrap();
    fire(&SqliteStore::open(&file(&dir)).unwrap(), "tell");
    assert!(daemon.change_counter().unwrap() > before);
}

#[test]
fn one_daemon_works_on_a_file_and_inherits_its_leases() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir);
    let first = SqliteStore::open(&path).unwrap();
    let lock = first.lock_daemon().unwrap();
    let second = SqliteStore::open(&path).unwrap();
    assert!(matches!(second.lock_daemon(), Err(StoreError::Locked(_))));
    queue(&first, vec![mail("a", "a@b")]);
    assert_eq!(claim(&first, at(0), 1).len(), 1);
    drop(lock);
    let _lock = second.lock_daemon().unwrap();
    assert_eq!(claim(&second, at(1), 1).len(), 1);
    memory().lock_daemon().unwrap();
}

#[cfg(unix)]
#[test]
fn one_daemon_works_on_a_file_whatever_links_lead_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir);
    let linked = dir.path().join("linked.db");
    let folder = dir.path().join("folder");
    std::os::unix::fs::symlink(&path, &linked).unwrap();
    std::os::unix::fs::symlink(dir.path(), &folder).unwrap();
    let first = SqliteStore::open(&path).unwrap();
    let _lock = first.lock_daemon().unwrap();
    for other in [linked, folder.join("mail?.db")] {
        let second = SqliteStore::open(&other).unwrap();
        assert!(matches!(second.lock_daemon(), Err(StoreError::Locked(_))));
        assert!(SqliteStore::daemon_life(&other).unwrap().alive);
    }
}

#[test]
fn a_file_that_is_no_database_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(
        &path,
        "This is a text of some length, and no database at all.\n".repeat(99),
    )
    .unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert!(SqliteStore::open(dir.path()).is_err());
}

#[test]
fn a_snapshot_shows_one_state_and_the_next_one_a_newer() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("desk.db")).unwrap();
    let key = |id: &str| RecordKey::new("user", id);
    let put = |id: &str| {
        let change = insert("user", NewId::Given(id.to_owned()), json!({}));
        store.commit(&changes(vec![change])).unwrap();
    };
    put("ada");
    for newer in ["bob", "cyn", "dan"] {
        let snapshot = store.snapshot().unwrap().unwrap();
        put(newer);
        assert!(store.record(&key(newer)).unwrap().is_some());
        assert!(snapshot.record(&key("ada")).unwrap().is_some());
        assert_eq!(snapshot.record(&key(newer)).unwrap(), None);
        assert_eq!(snapshot.explain(1).unwrap().unwrap().event.id, 1);
    }
    assert_eq!(store.integrity().unwrap(), "ok");
    // In memory there is one connection, and no state but the present one.
    assert!(memory().snapshot().unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn a_database_is_its_owners_alone_and_so_is_what_lies_beside_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("desk.db");
    let store = SqliteStore::open(&path).unwrap();
    fire(&store, "x");
    for file in ["desk.db", "desk.db-wal", "desk.db-shm"] {
        let mode = std::fs::metadata(dir.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    // What an administrator has opened to others stays so.
    drop(store);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    fire(&SqliteStore::open(&path).unwrap(), "y");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

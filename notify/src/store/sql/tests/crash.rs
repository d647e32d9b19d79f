//! What is left when a store ends in the middle, runs out of space, or shares its file.

use super::*;
use crate::inbound::{NewInbound, Stored};
use crate::store::StoreError;
use DeliveryState::{Delivered, Leased};
use serde_json::json;
use std::path::Path;

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).unwrap().with_clock(|| at(0))
}

/// A copy of the files as they are now: what another process would find after a kill.
fn killed(path: &Path, name: &str) -> SqliteStore {
    let copy = path.with_file_name(name);
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", path.display());
        if Path::new(&from).exists() {
            std::fs::copy(from, format!("{}{suffix}", copy.display())).unwrap();
        }
    }
    open(&copy)
}

fn incoming(n: usize, size: usize) -> NewInbound {
    NewInbound {
        apart: false,
        account: "support".to_owned(),
        uidl: Some(n.to_string()),
        raw: vec![b'x'; size],
        sha256: format!("{n:064}"),
        message_id: None,
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let store = open(&path);
    let key = store
        .commit(&changes(vec![insert(
            "incident",
            incident(),
            json!({"priority": 1}),
        )]))
        .unwrap()
        .records
        .remove(0);
    let queued = killed(&path, "1.db");
    assert!(queued.record(&key).unwrap().is_some());
    let event = only_event(&queued).id;

    store
        .settle(&[settlement(event, vec![mail("a", "a@b")])])
        .unwrap();
    let settled = killed(&path, "2.db");
    assert!(settled.due_events(at(0), 9).unwrap().is_empty());
    let again = claim(&settled, at(0), 9);
    assert_eq!(again.len(), 1);

    let claimed = claim(&store, at(0), 9).remove(0);
    let leased = killed(&path, "3.db");
    assert_eq!(state_of(&leased, claimed.delivery).0, Leased);
    assert_eq!(leased.attempts(claimed.delivery).unwrap().len(), 1);
    assert!(claim(&leased, at(59), 9).is_empty());
    let second = claim(&leased, at(60), 9).remove(0);
    assert_eq!((second.attempts, &second.mail), (2, &claimed.mail));

    store
        .complete(at(1), &[completion(&claimed, Delivered, None)])
        .unwrap();
    let done = killed(&path, "4.db");
    assert_eq!(state_of(&done, claimed.delivery).0, Delivered);
    assert!(claim(&done, at(60), 9).is_empty());

    store.store_inbound(at(0), &[incoming(1, 10)]).unwrap();
    let fetched = killed(&path, "5.db");
    assert_eq!(fetched.due_inbound(at(0), 9).unwrap().len(), 1);
    assert_eq!(
        fetched.store_inbound(at(0), &[incoming(1, 10)]).unwrap(),
        [Stored::Duplicate(1)]
    );
    for store in [queued, settled, leased, done, fetched] {
        assert_eq!(store.integrity().unwrap(), "ok");
    }
}

#[test]
fn a_panic_in_the_middle_of_a_transaction_leaves_nothing_behind() {
    let store = memory();
    let panicking = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.setting("key", &|| panic!("on purpose"))
    }));
    assert!(panicking.is_err());
    assert_eq!(store.setting("key", &|| vec![7]).unwrap(), [7]);
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged_and_calls_nothing_sent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("full.db");
    let store = open(&path);
    queue(&store, vec![mail("a", "a@b"), mail("b", "b@b")]);
    let held = claim(&store, at(0), 1).remove(0);
    store.limit_pages(8).unwrap();
    let mut stored = 0;
    let refused = loop {
        match store.store_inbound(at(0), &[incoming(stored, 2000)]) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1000, "the disk never filled up");
    };
    assert!(matches!(&refused, StoreError::Database { .. }), "{refused}");
    assert!(
        refused.to_string().starts_with("cannot store a mail in "),
        "{refused}"
    );

    // Whatever else succeeds or fails, it is all or nothing.
    let mut events = 0;
    let big = NewEvent {
        parm2: "x".repeat(5000),
        ..fired("tell")
    };
    let work = Work {
        events: vec![big],
        ..Work::default()
    };
    while store.commit(&work).is_ok() {
        events += 1;
        assert!(events < 1000, "the disk never filled up");
    }
    let mut words = completion(&held, Delivered, None);
    words.evidence.text = "y".repeat(50_000);
    assert!(store.complete(at(1), &[words]).is_err());
    assert_eq!(state_of(&store, held.delivery).0, Leased);
    drop(store);

    let after = open(&path);
    assert_eq!(after.inbound_log(9999).unwrap().len(), stored);
    assert_eq!(after.due_events(at(0), 9999).unwrap().len(), events);
    assert_eq!(state_of(&after, held.delivery).0, Leased);
    assert_eq!(claim(&after, at(60), 9).len(), 2);
    assert_eq!(after.integrity().unwrap(), "ok");
}

#[test]
fn two_stores_on_one_file_see_each_others_work() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shared.db");
    let (cli, daemon) = (open(&path), open(&path));
    let key = cli
        .commit(&changes(vec![insert(
            "incident",
            incident(),
            json!({"priority": 1}),
        )]))
        .unwrap()
        .records
        .remove(0);
    let event = only_event(&daemon).id;
    cli.commit(&changes(vec![update(&key, json!({"priority": 2}))]))
        .unwrap();
    daemon
        .settle(&[settlement(event, vec![mail("a", "a@b")])])
        .unwrap();
    assert_eq!(cli.due_events(at(0), 9).unwrap().len(), 1);
    let one = claim(&daemon, at(0), 9).remove(0);
    assert!(claim(&cli, at(0), 9).is_empty());
    daemon
        .complete(at(1), &[completion(&one, Delivered, None)])
        .unwrap();
    assert_eq!(state_of(&cli, one.delivery).0, Delivered);
}

#[test]
fn many_threads_and_two_stores_lose_nothing_and_claim_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("busy.db");
    let stores = [open(&path), open(&path)];
    std::thread::scope(|scope| {
        for (n, store) in stores.iter().chain(&stores).enumerate() {
            scope.spawn(move || {
                for m in 0..10 {
                    queue(store, vec![mail(&format!("{n}.{m}"), "a@b")]);
                }
            });
        }
    });
    let workers: Vec<_> = std::thread::scope(|scope| {
        let work = |store| {
            move || {
                std::iter::repeat_with(|| claim(store, at(0), 3))
                    .take(20)
                    .flatten()
                    .collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = stores
            .iter()
            .chain(&stores)
            .map(|store| scope.spawn(work(store)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut ids: Vec<i64> = workers.iter().flatten().map(|one| one.delivery).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=40).collect::<Vec<i64>>());
}

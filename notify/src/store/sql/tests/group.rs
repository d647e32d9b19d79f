use super::super::connection::Connection;
use super::super::engine::Engine;
use super::super::fault::Fault;
use super::super::group::Group;
use super::*;
use crate::store::{Committed, StoreError};
use serde_json::json;

/// Lets pieces of work wait until all of them do, and then go on. Gives their answers, and the transactions it took.
fn at_once(store: &SqliteStore, pieces: &[Work]) -> (Vec<Result<Committed, StoreError>>, u64) {
    let before = *store.commits.borrow();
    let answers = std::thread::scope(|scope| {
        let held = store.group.lead();
        let waiting: Vec<_> = pieces
            .iter()
            .map(|work| scope.spawn(|| store.commit(work)))
            .collect();
        while store.group.len() < pieces.len() {
            std::thread::yield_now();
        }
        drop(held);
        waiting
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    (answers, *store.commits.borrow() - before)
}

fn user(id: &str) -> Work {
    changes(vec![insert("user", NewId::Given(id.to_owned()), json!({}))])
}

#[test]
fn what_waits_together_is_written_together_and_refused_alone() {
    let store = memory();
    let nobody = update(&RecordKey::new("user", "nobody"), json!({"name": "x"}));
    let refused = changes(vec![
        insert("user", NewId::Given("half".to_owned()), json!({})),
        nobody,
    ]);
    let pieces = [user("a"), refused, user("b"), user("c")];
    let (answers, transactions) = at_once(&store, &pieces);
    assert_eq!(transactions, 1);
    assert!(matches!(&answers[1], Err(StoreError::NoRecord(_))));
    for (answer, id) in [(&answers[0], "a"), (&answers[2], "b"), (&answers[3], "c")] {
        assert_eq!(answer.as_ref().unwrap().records[0].id, id);
    }
    assert_eq!(store.records("user").unwrap().len(), 3);
    assert_eq!(store.due_events(at(0), 99).unwrap().len(), 3);
}

/// A database that is lost while it ends a transaction, which it has kept.
struct Lost<'s>(&'s SqliteStore);

impl Engine for Lost<'_> {
    fn read<T>(
        &self,
        doing: &str,
        read: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.0.read(doing, read)
    }
    fn acknowledge<T>(
        &self,
        doing: &str,
        write: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.0.acknowledge(doing, write)?;
        Err(StoreError::Uncertain("the network is down".to_owned()))
    }
    fn work<T>(
        &self,
        doing: &str,
        write: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.0.work(doing, write)
    }
    fn group(&self) -> &Group {
        &self.0.group
    }
    fn now(&self) -> i64 {
        self.0.now()
    }
    fn worker(&self) -> i64 {
        self.0.worker()
    }
    fn abandoned(&self) -> &'static str {
        self.0.abandoned()
    }
    fn lead(&self, role: &str) -> Result<bool, StoreError> {
        Engine::lead(self.0, role)
    }
    fn commits(&self) -> Result<u64, StoreError> {
        Engine::commits(self.0)
    }
}

#[test]
fn what_may_have_been_written_is_not_written_again() {
    let store = memory();
    let event = |name: &str| Work {
        events: vec![fired(name)],
        ..Work::default()
    };
    let lost = Lost(&store);
    let answers = lost.group().commit(&lost, &[event("a"), event("b")]);
    for answer in answers {
        let why = answer.unwrap_err().to_string();
        assert!(why.contains("may have written"), "{why}");
    }
    assert_eq!(store.due_events(at(0), 99).unwrap().len(), 2);
}

#[test]
fn more_than_one_group_can_hold_are_several() {
    let store = memory();
    let pieces: Vec<Work> = (0..300).map(|n| user(&n.to_string())).collect();
    let (answers, transactions) = at_once(&store, &pieces);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(transactions, 2);
    assert_eq!(store.records("user").unwrap().len(), 300);
}

#[test]
fn where_the_disk_is_full_for_one_the_others_are_still_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("full.db")).unwrap();
    store.commit(&user("first")).unwrap();
    store.limit_pages(30).unwrap();
    let name = "x".repeat(1_000_000);
    let big = insert(
        "user",
        NewId::Given("big".to_owned()),
        json!({"name": name}),
    );
    let pieces = [user("a"), changes(vec![big]), user("b")];
    let (answers, _) = at_once(&store, &pieces);
    let full = answers[1].as_ref().unwrap_err();
    assert!(matches!(full, StoreError::Database { .. }), "{full}");
    assert!(answers[0].is_ok() && answers[2].is_ok());
    let users: Vec<String> = store
        .records("user")
        .unwrap()
        .into_iter()
        .map(|user| user.key.id)
        .collect();
    assert_eq!(users, ["a", "b", "first"]);
    assert_eq!(store.due_events(at(0), 99).unwrap().len(), 3);
}

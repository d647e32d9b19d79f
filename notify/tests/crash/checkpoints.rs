//! A process that is killed while its log moves into the database.

use super::life::{begin, say};
use postrider_notify::event::{EventId, EventKind, NewEvent};
use postrider_notify::record::Fields;
use postrider_notify::store::{SqliteStore, Store, Work};
use std::collections::BTreeSet;
use std::path::Path;

const DATABASE: &str = "POSTRIDER_LIFE_DATABASE";

const KILLS: usize = 4;
/// Commits before each kill, and as many checkpoints.
const COMMITS: usize = 12;

#[test]
fn killed_among_checkpoints_a_store_has_all_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let mut acknowledged: BTreeSet<EventId> = BTreeSet::new();
    for _ in 0..KILLS {
        let variables = [(DATABASE, path.to_str().unwrap().to_owned())];
        let mut life = begin("checkpoints::a_life_of_commits_and_checkpoints", &variables);
        let mut said = life.said().map(|id| id.parse::<EventId>().unwrap());
        let first: Vec<_> = said.by_ref().take(COMMITS).collect();
        assert_eq!(first.len(), COMMITS, "the process ended before");
        life.kill();
        // What it said before it died counts as well.
        acknowledged.extend(first.into_iter().chain(said));

        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.integrity().unwrap(), "ok");
        for id in &acknowledged {
            let found = store.explain(*id).unwrap();
            let found = found.unwrap_or_else(|| panic!("the event {id} is lost"));
            assert_eq!(found.event.what.parm2, event().parm2);
        }
    }
    assert!(acknowledged.len() >= KILLS * COMMITS, "{acknowledged:?}");
}

/// An event of more than a page.
pub(crate) fn event() -> NewEvent {
    NewEvent {
        name: "test.fired".into(),
        kind: EventKind::Fired,
        record: None,
        parm1: String::new(),
        parm2: "x".repeat(20_000),
        actor: String::new(),
        current: Fields::new(),
        previous: Fields::new(),
        idempotency_key: None,
        due: None,
    }
}

#[test]
#[ignore = "a process that another test begins, and kills"]
fn a_life_of_commits_and_checkpoints() {
    let Some(path) = std::env::var_os(DATABASE) else {
        return;
    };
    let store = SqliteStore::open(Path::new(&path)).unwrap();
    let side = rusqlite::Connection::open(&path).unwrap();
    let work = Work {
        events: vec![event()],
        ..Work::default()
    };
    loop {
        let committed = store.commit(&work).unwrap();
        say(&committed.events[0].to_string());
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        side.query_row(checkpoint, [], |_| Ok(())).unwrap();
    }
}

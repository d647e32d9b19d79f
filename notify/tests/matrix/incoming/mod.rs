//! The crash matrix of incoming mail: every kill point of a fetch and of what comes after it, against every hostile maildrop.
//!
//! `POSTRIDER_HISTORIES=20000` plays more of them, `POSTRIDER_HISTORY=17` plays one. The seed decides what both sides do; sockets
//! and time are those of the machine, so that a fetch may have come less far, or further, when its process dies.

mod checks;
mod history;
mod server;

use crate::mortal::Sabotage;
use crate::reaper::{Op, Point};
use crate::rng::Rng;
use crate::support::house::House;
use crate::{asked_for, combination, histories, name_of, play_all};
use history::{Script, Start, play};
use postrider_notify::store::SqliteStore;
use server::HOSTILES;
use std::sync::Arc;

/// Every point, with the name that the matrix of the design gives it.
const POINTS: &[(&str, Point)] = &[
    ("I1 UIDL list read", Point::Listed),
    ("I2 inside RETR", Point::InsideRetr),
    ("I3 RETR complete, not stored", Point::Before(Op::Fetch)),
    ("I3 written, not committed", Point::Torn(Op::Fetch)),
    ("I4 stored", Point::After(Op::Fetch)),
    ("I5 about to be taken", Point::Before(Op::Take)),
    ("I5 taken, not classified", Point::After(Op::Take)),
    ("I5 classified, action not run", Point::Before(Op::Commit)),
    ("I6 action written, not committed", Point::Torn(Op::Commit)),
    ("I6 action committed", Point::After(Op::Commit)),
    ("I7 DELE sent", Point::DeleReceived),
    ("I8 DELE answered, no QUIT", Point::DeleAnswered),
    ("I9 QUIT sent, not obeyed", Point::QuitReceived),
    ("I9 QUIT obeyed, no answer", Point::QuitObeyed),
    ("I10 reconnected, list reconciled", Point::Reconciled),
];

/// Each kill point against each maildrop.
pub const COMBINATIONS: u64 = (POINTS.len() * HOSTILES.len()) as u64;

/// Histories of a test run that nobody asked more of: each combination five times.
const SOME: u64 = 5 * COMBINATIONS;

fn start() -> Start {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.db");
    let house = House::over(Arc::new(SqliteStore::open(&path).unwrap()), |config| config);
    let config = Arc::clone(&house.config);
    let first_event = house.store.events_of(&history::about()).unwrap().len();
    // The last connection to close moves the log into the file.
    drop(house);
    Start {
        config,
        template: std::fs::read(&path).unwrap(),
        first_event,
    }
}

/// History n: the combinations in turn, each time round with other numbers.
fn script(n: u64) -> Script {
    let combination = combination(n, COMBINATIONS);
    Script {
        seed: Rng(n).next(),
        point: POINTS[combination % POINTS.len()].1,
        hostile: HOSTILES[combination / POINTS.len()],
        sabotage: None,
    }
}

fn run(start: &Start, script: Script) -> Result<bool, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(play(start, script))
}

#[test]
fn at_every_kill_point_against_every_maildrop_no_mail_is_lost_and_none_acts_twice() {
    let start = start();
    if let Some(n) = asked_for() {
        let script = script(n);
        let said = run(&start, script);
        assert!(said.is_ok(), "history {n} ({script:?}): {said:?}");
        return;
    }
    let all = histories(SOME, COMBINATIONS);
    let played = play_all(all, |n| {
        let script = script(n);
        let struck = run(&start, script).unwrap_or_else(|violated| {
            panic!(
                "history {n}: {violated}\n{script:?}\nPOSTRIDER_HISTORY={n} cargo test -p postrider-notify --test matrix incoming plays it again"
            )
        });
        let combination = combination(n, COMBINATIONS);
        (combination, name_of(POINTS, script.point), struck)
    });
    played.meets_each_of(COMBINATIONS, all);
    for (name, (times, of)) in &played.reached {
        assert!(
            2 * times >= *of,
            "{name} struck in {times} of {of} histories only"
        );
    }
}

/// Each promise broken on purpose is noticed, by the words that belong to it.
#[test]
fn the_checks_of_incoming_mail_can_fail() {
    let start = start();
    let cases = [
        (Sabotage::ForgetsMails, "is nowhere"),
        (Sabotage::StoresTwice, "is stored 2 times"),
        (Sabotage::ChangesMails, "is not what was sent"),
        (Sabotage::ForgetsOutcomes, "acted 2 times"),
        (Sabotage::ForgetsActions, "acted 0 times"),
        (Sabotage::ForgetsEvents, "explain"),
    ];
    for (sabotage, words) in cases {
        let said = (0..60).find_map(|n| {
            let script = Script {
                sabotage: Some(sabotage),
                point: Point::QuitReceived,
                ..script(n)
            };
            run(&start, script).err()
        });
        let said = said.unwrap_or_else(|| panic!("{sabotage:?} went unnoticed"));
        assert!(said.contains(words), "{sabotage:?}: {said}");
    }
}

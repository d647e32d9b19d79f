//! The crash matrix of the outbox: every kill point against every hostile server, as seeded histories.
//!
//! A history fires events, settles them, sends their mail and dies at its kill point, perhaps twice; what the disk held at
//! that moment is all that the next life has. Servers are scripts over pipes, and time is virtual, so that a history
//! takes milliseconds and can be played again: a failure names its seed.
//!
//! `POSTRIDER_HISTORIES=20000` plays more of them, `POSTRIDER_HISTORIES=all` every combination at least once, and
//! `POSTRIDER_HISTORY=17` plays one.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod checks;
mod history;
mod incoming;
mod mortal;
mod reaper;
mod rng;
mod sink;
#[path = "../support/mod.rs"]
mod support;

use history::{Script, Start, play, trace};
use mortal::Sabotage;
use postrider_notify::config::Config;
use postrider_notify::daemon::signer;
use postrider_notify::store::SqliteStore;
use reaper::{POINTS, Point};
use rng::Rng;
use sink::{At, Does, SINKS};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

const CONFIG: &str = r#"
[instance]
name = "Matrix"
mail_domain = "example.org"

[smtp.main]
host = "sink.test"
port = 25
security = "none"
from = "Matrix <matrix@example.org>"

[table.item]
label = "Item"
[table.item.fields]
name = "string"

[event.note]

[event.gather]

[notification.note]
event = "note"
parm1 = true
subject = "${event.parm2}"
text = "Event ${event.parm2} for ${recipient.address}."

[notification.gathered]
event = "gather"
parm1 = true
subject = "${event.parm2}"
text = "Event ${event.parm2}."

[notification.gathered.digest]
default = true
subject = "digest"
text = "{% for item in items %}${item.subject} {% endfor %}"
"#;

fn start() -> Start {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("postrider.toml"), CONFIG).unwrap();
    let config = Config::load(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let path = folder.path().join("template.db");
    let store = SqliteStore::open(&path).unwrap();
    signer(&store).unwrap();
    // The last connection to close moves the log into the file.
    drop(store);
    Start {
        config: Arc::new(config),
        template: std::fs::read(&path).unwrap(),
    }
}

/// Histories of a test run that nobody asked more of.
const SOME: u64 = 240;

/// Each kill point against each server.
const COMBINATIONS: u64 = (POINTS.len() * SINKS.len()) as u64;

/// Histories at a time: most of one is waiting.
const LANES: u64 = 4;

/// What history n is about: a stride that meets every combination, and in a short run something of everything.
fn combination(n: u64, combinations: u64) -> usize {
    (n.wrapping_mul(379) % combinations) as usize
}

/// History n: the combinations in turn, each time round with other numbers.
fn script(n: u64) -> Script {
    let combination = combination(n, COMBINATIONS);
    Script {
        seed: Rng(n).next(),
        point: POINTS[combination % POINTS.len()].1,
        hostile: SINKS[combination / POINTS.len()],
        sabotage: None,
    }
}

/// A runtime of one thread whose time is virtual.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

fn run(start: &Start, script: Script) -> Result<bool, String> {
    runtime().block_on(play(start, script))
}

/// What came of histories.
#[derive(Default)]
struct Played {
    /// How often each point struck, and in how many histories.
    reached: BTreeMap<&'static str, (u64, u64)>,
    /// The combinations of point and server that were played.
    met: BTreeSet<usize>,
}

impl Played {
    /// Where there were histories enough for it, each combination was one of them.
    fn meets_each_of(&self, combinations: u64, all: u64) {
        let met = self.met.len() as u64;
        assert!(
            all < combinations || met == combinations,
            "{all} histories met {met} of {combinations} combinations"
        );
    }
}

fn name_of(points: &[(&'static str, Point)], of: Point) -> &'static str {
    points.iter().find(|(_, point)| *point == of).unwrap().0
}

/// Plays histories from 0 upward, several at a time; `play` says which combination and which point they were about, and
/// whether the point struck.
fn play_all(all: u64, play: impl Fn(u64) -> (usize, &'static str, bool) + Sync) -> Played {
    let played = Mutex::new(Played::default());
    let lane = |first: u64| {
        for n in (first..all).step_by(LANES as usize) {
            let (combination, name, struck) = play(n);
            let mut played = played.lock().unwrap();
            played.met.insert(combination);
            let (times, of) = played.reached.entry(name).or_default();
            *times += u64::from(struck);
            *of += 1;
        }
    };
    std::thread::scope(|scope| {
        let lane = &lane;
        for first in 0..LANES {
            scope.spawn(move || lane(first));
        }
    });
    played.into_inner().unwrap()
}

/// The one history that is asked for.
fn asked_for() -> Option<u64> {
    let text = std::env::var("POSTRIDER_HISTORY").ok()?;
    Some(text.parse().expect("the number of a history"))
}

/// How many histories are asked for, `some` if nobody says.
fn histories(some: u64, combinations: u64) -> u64 {
    match std::env::var("POSTRIDER_HISTORIES") {
        Err(_) => some,
        Ok(text) if text == "all" => some.max(combinations),
        Ok(text) => text.parse().expect("a number of histories, or `all`"),
    }
}

#[test]
fn at_every_kill_point_against_every_server_nothing_acknowledged_is_lost() {
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
                "history {n}: {violated}\n{script:?}\nPOSTRIDER_HISTORY={n} cargo test -p postrider-notify --test matrix plays it again"
            )
        });
        let combination = combination(n, COMBINATIONS);
        (combination, name_of(POINTS, script.point), struck)
    });
    played.meets_each_of(COMBINATIONS, all);
    for (name, (times, of)) in &played.reached {
        // Few servers give a reason to pause an account, or to give mails back.
        let is_rare = name.contains("pause") || name.contains("given back");
        let enough = of / if is_rare { 20 } else { 2 };
        assert!(
            *times >= enough,
            "{name} struck in {times} of {of} histories only"
        );
    }
}

/// A stride that shared a factor with the number of combinations would leave some out for ever.
#[test]
fn as_many_histories_as_there_are_combinations_meet_each_of_them() {
    for combinations in [COMBINATIONS, incoming::COMBINATIONS] {
        let met: BTreeSet<usize> = (0..combinations)
            .map(|n| combination(n, combinations))
            .collect();
        assert_eq!(met.len() as u64, combinations);
    }
}

/// All that could be seen of them: what the server heard and took, each delivery, each attempt with its times.
#[test]
fn a_history_that_is_played_again_is_the_same() {
    let start = start();
    let told = |n| runtime().block_on(trace(&start, script(n))).unwrap();
    let mut before = String::new();
    for n in 0..32 {
        let (once, again) = (told(n), told(n));
        let differs = once.lines().zip(again.lines()).find(|(a, b)| a != b);
        assert!(once == again, "history {n}: {differs:?}");
        assert!(once != before, "history {n} tells what the one before did");
        before = once;
    }
}

#[test]
fn a_history_that_violates_something_does_so_again_in_the_same_words() {
    let start = start();
    let broken = Script {
        sabotage: Some(Sabotage::LosesMails),
        ..script(11)
    };
    let said = run(&start, broken);
    assert!(said.is_err(), "{said:?}");
    assert_eq!(said, run(&start, broken));
}

/// Each promise broken on purpose is noticed, by the words that belong to it.
#[test]
fn the_checks_can_fail() {
    let start = start();
    let cases = [
        (Sabotage::LosesEvents, "did not reach"),
        (Sabotage::LosesMails, "did not reach"),
        (Sabotage::ChangesMessageIds, "Message-ID"),
        (Sabotage::ForgetsDeliveries, "again"),
        (Sabotage::CallsItDelivered, "did not reach"),
        (Sabotage::ForgetsAttempts, "attempt"),
        (Sabotage::CountsAll, "attempts are counted"),
    ];
    for (sabotage, words) in cases {
        let hostile = match sabotage {
            Sabotage::CountsAll => (At::Mail, Does::Drop),
            _ => (At::Dot, Does::Says("451 4.3.0 later")),
        };
        let said = (0..200).find_map(|n| {
            let point = Point::Before(reaper::Op::Complete);
            let script = Script {
                sabotage: Some(sabotage),
                hostile,
                point,
                ..script(n)
            };
            run(&start, script).err()
        });
        let said = said.unwrap_or_else(|| panic!("{sabotage:?} went unnoticed"));
        assert!(said.contains(words), "{sabotage:?}: {said}");
    }
}

use super::*;
use crate::schedule::time;
use crate::store::SqliteStore;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn daily(hour: &str, days: [bool; 7]) -> Repeat {
    Repeat {
        every: DAY,
        at: time(hour).unwrap(),
        days,
        zone: crate::schedule::time_zone("Europe/Vienna").unwrap(),
        condition: None,
    }
}

#[test]
fn the_latest_moment_is_by_the_clock_of_the_zone() {
    let latest = |repeat: &Repeat, now: &str| repeat.latest(at(now)).map(|at| at.to_string());
    let every_day = daily("08:00", [true; 7]);
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(
        latest(&every_day, "2026-07-01T06:00:00Z"),
        said("2026-07-01T06:00:00Z")
    );
    assert_eq!(
        latest(&every_day, "2026-07-01T05:59:59Z"),
        said("2026-06-30T06:00:00Z")
    );
    assert_eq!(
        latest(&every_day, "2026-12-01T08:00:00Z"),
        said("2026-12-01T07:00:00Z")
    );
    // 2026-11-23 is a Monday.
    let mut monday = [false; 7];
    monday[0] = true;
    let mondays = daily("08:00", monday);
    assert_eq!(
        latest(&mondays, "2026-11-29T12:00:00Z"),
        said("2026-11-23T07:00:00Z")
    );
    assert_eq!(
        latest(&mondays, "2026-11-23T06:00:00Z"),
        said("2026-11-16T07:00:00Z")
    );
    assert_eq!(
        latest(&daily("08:00", [false; 7]), "2026-11-23T06:00:00Z"),
        None
    );
    let quarter = Repeat {
        every: Duration::from_secs(900),
        ..every_day
    };
    assert_eq!(
        latest(&quarter, "2026-11-23T06:44:59Z"),
        said("2026-11-23T06:30:00Z")
    );
}

fn house() -> (Config, Arc<dyn Store>) {
    let text = r#"
[instance]
name = "Test"
mail_domain = "example.org"
[table.task.fields]
priority = "integer"
[event."day.began"]
every = "1d"
at = "08:00"
[event."task.late"]
table = "task"
every = "1h"
condition = "priority<=2"
"#;
    let config =
        Config::parse("test.toml".as_ref(), text).unwrap_or_else(|error| panic!("{error}"));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_in_memory().unwrap());
    let records = crate::records::Records::new(Arc::clone(&store), Arc::clone(&config.schema));
    for (id, priority) in [("one", 1), ("two", 2), ("three", 3)] {
        let fields = Fields::from_iter([("priority".to_owned(), priority.into())]);
        records
            .insert("task", Some(id.to_owned()), &fields, "")
            .unwrap();
    }
    (config, store)
}

/// Fires what is due at a moment; gives what was fired about.
fn fire(house: &(Config, Arc<dyn Store>), now: &str) -> Vec<String> {
    let (config, store) = house;
    let mut fired = Vec::new();
    for firing in due(config, store, at(now)).unwrap() {
        assert!(store.repeat(&firing).unwrap());
        assert!(
            !store.repeat(&firing).unwrap(),
            "whoever else saw it fires nothing"
        );
        let about = |event: &NewEvent| {
            event
                .record
                .as_ref()
                .map_or(event.name.clone(), |key| key.id.clone())
        };
        fired.extend(firing.events.iter().map(about));
    }
    assert!(due(config, store, at(now)).unwrap().is_empty());
    fired
}

#[test]
fn an_event_fires_once_for_all_that_was_missed_and_about_each_record_that_it_holds_for() {
    let house = house();
    let nothing: [&str; 0] = [];
    assert_eq!(
        fire(&house, "2026-11-23T10:30:00Z"),
        nothing,
        "it begins with the next moment"
    );
    assert_eq!(fire(&house, "2026-11-23T10:59:00Z"), nothing);
    assert_eq!(fire(&house, "2026-11-23T11:00:00Z"), ["one", "two"]);
    // A week without a daemon, or a clock that leapt, is no storm.
    assert_eq!(
        fire(&house, "2026-11-30T09:10:00Z"),
        ["day.began", "one", "two"]
    );
    let queued = house.1.due_events(Timestamp::MAX, 100).unwrap();
    let fired = queued
        .iter()
        .filter(|event| event.what.kind == EventKind::Fired);
    assert_eq!(fired.count(), 5, "the events are in the queue");
}

#[test]
fn a_clock_that_was_set_back_fires_nothing_again_and_goes_on() {
    let house = house();
    let nothing: [&str; 0] = [];
    fire(&house, "2036-11-23T10:30:00Z");
    assert_eq!(fire(&house, "2026-11-23T10:30:00Z"), nothing);
    assert_eq!(fire(&house, "2026-11-23T11:00:00Z"), ["one", "two"]);
    // Set back by less than an hour, it waits for the same hour to be over.
    for again in ["2026-11-23T10:58:00Z", "2026-11-23T11:00:00Z"] {
        assert_eq!(fire(&house, again), nothing);
    }
    assert_eq!(fire(&house, "2026-11-23T12:00:00Z"), ["one", "two"]);
}

#[test]
fn a_condition_that_cannot_be_read_is_told_of_with_the_reason() {
    let (mut config, store) = house();
    let late = config.events.get_mut("task.late").unwrap();
    late.repeat.as_mut().unwrap().condition = Some("priority<=2^urgency=1".to_owned());
    let house = (config, store);
    fire(&house, "2026-11-23T10:30:00Z");
    let firings = due(&house.0, &house.1, at("2026-11-23T11:00:00Z")).unwrap();
    let [late] = &firings[..] else {
        panic!("{firings:?}")
    };
    assert!(late.events.is_empty());
    let why = "the condition of [event.\"task.late\"] cannot be read: column 13: ";
    assert!(late.left_out[0].starts_with(why), "{:?}", late.left_out);
}

//! `postrider replay`: past events against a changed configuration, with what would be different and why.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;

use desk::*;
use jiff::Timestamp;
use postrider_notify::config::Config;
use postrider_notify::daemon;
use postrider_notify::process::Processor;
use postrider_notify::store::{SqliteStore, Store};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// The example in a folder, where Ada was assigned two incidents, and all is settled.
struct Past(TempDir);

impl Past {
    fn new() -> Self {
        Self::with(|text| text)
    }

    fn with(change: impl Fn(String) -> String) -> Self {
        let past = Self(tempfile::tempdir().unwrap());
        past.run(&["init", "."]).good();
        past.change(change);
        let create = ["record", "create", "incident", "assigned_to=ada"];
        for priority in ["priority=1", "priority=4"] {
            let create = [&create[..], &[priority, "short_description=Tea"]].concat();
            past.run(&create).good();
        }
        past.settle();
        past
    }

    /// Settles what waits, as the daemon does.
    fn settle(&self) {
        let config = Arc::new(Config::load(&self.config()).unwrap());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.database).unwrap());
        let signer = daemon::signer(&*store).unwrap();
        let processor = Processor::new(config, Arc::clone(&store), signer);
        let now = Timestamp::now();
        for event in store.due_events(now, 100).unwrap() {
            let settled = processor
                .settle_in(&*store, event.id, now)
                .unwrap()
                .unwrap();
            assert_eq!(settled.state, "done");
        }
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("postrider.toml")
    }

    fn change(&self, change: impl Fn(String) -> String) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(self.config(), change(text)).unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(self.0.path(), args)
    }

    fn replay(&self, args: &[&str]) -> Ran {
        let database = self.0.path().join("postrider.db");
        let before = std::fs::read(&database).unwrap();
        let ran = self.run(&[&["replay"], args].concat());
        assert!(
            std::fs::read(&database).unwrap() == before,
            "the store changed"
        );
        ran
    }
}

fn urgent_only(text: String) -> String {
    let changed = text.replace("^assigned_toCHANGES\"", "^assigned_toCHANGES^priority=1\"");
    assert_ne!(changed, text);
    changed
}

#[test]
fn nothing_is_different_where_nothing_changed() {
    let past = Past::new();
    let out = past.replay(&[]).good();
    assert_eq!(out, "7 events with 2 mails: nothing would be different\n");
}

#[test]
fn a_mail_that_would_not_be_there_is_named_with_the_term() {
    let past = Past::new();
    past.change(urgent_only);
    let ran = past.replay(&[]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    for said in [
        "incident.inserted  incident/INC0010002",
        "  incident_assigned to ada@example.org\n",
        "    - told then: INC0010002 is yours: Tea\n",
        "      not now: condition_false (`priority=1` is false: priority is 4)\n",
        "7 events with 2 mails: 1 would be different (1 told then and not now, 0 told now and not then, 0 otherwise)\n",
    ] {
        assert!(ran.out.contains(said), "{said:?} is not in\n{}", ran.out);
    }
    assert!(
        !ran.out.contains("INC0010001"),
        "its mail is the same\n{}",
        ran.out
    );
}

#[test]
fn a_mail_that_would_be_new_says_why_it_was_not_there() {
    let past = Past::with(urgent_only);
    past.change(|text| text.replace("^priority=1\"", "\""));
    let objects = json(&past.replay(&["--json"]).out);
    assert_eq!(objects.len(), 2, "{objects:?}");
    assert_eq!(objects[0]["then"]["told"], false);
    assert_eq!(objects[0]["then"]["verdict"], "condition_false");
    assert_eq!(objects[0]["now"]["subject"], "INC0010002 is yours: Tea");
    assert_eq!(objects[1]["told_now_not_then"], 1);
}

#[test]
fn another_text_is_shown_as_a_diff() {
    let past = Past::new();
    let other = past.0.path().join("other");
    std::fs::create_dir_all(other.join("templates")).unwrap();
    for file in std::fs::read_dir(past.0.path().join("templates")).unwrap() {
        let file = file.unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let text = text.replace("Hello ", "Dear ");
        std::fs::write(other.join("templates").join(file.file_name()), text).unwrap();
    }
    let text = std::fs::read_to_string(past.config()).unwrap();
    std::fs::write(
        other.join("postrider.toml"),
        text.replace("is yours", "is for you"),
    )
    .unwrap();
    let out = past.replay(&["--with", "other", "--where", "record=incident/INC0010001"]);
    assert_eq!(out.code, 1, "{}", out.err);
    for said in [
        "incident_assigned to ada@example.org says something else\n",
        "    -Subject: INC0010001 is yours: Tea\n    +Subject: INC0010001 is for you: Tea\n",
        "    -Hello Ada Lovelace,\n    +Dear Ada Lovelace,\n",
        "1 events with 1 mails: 1 would be different",
    ] {
        assert!(out.out.contains(said), "{said:?} is not in\n{}", out.out);
    }
    assert!(
        !other.join("postrider.db").exists(),
        "the database is that of --config"
    );
}

#[test]
fn a_mail_that_lost_against_another_event_is_no_difference() {
    let past = Past::with(|text| {
        let heavier = "weight = 20\ntemplate = \"incident_assigned\" ";
        let lighter = "weight = 10\ntemplate = \"incident_commented\"";
        let text = text.replace("template = \"incident_assigned\" ", heavier);
        text.replace("template = \"incident_commented\"", lighter)
    });
    past.run(&["record", "update", "incident/INC0010001", "comments=Hello"])
        .good();
    past.settle();
    let explain = past
        .run(&["explain", "--record", "incident/INC0010001"])
        .good();
    assert!(
        explain.contains("incident_commented: weight_lost"),
        "{explain}"
    );
    past.replay(&[]).good();
    past.change(|text| text.replace("weight = 10", "weight = 30"));
    let ran = past.replay(&[]);
    assert!(
        ran.out.contains("not told then: weight_lost"),
        "{}",
        ran.out
    );
    assert_eq!(ran.code, 1);
}

#[test]
fn events_are_chosen_by_number_time_and_condition() {
    let past = Past::new();
    let all = ["--since", "-1h", "--until", "+1h"];
    assert!(past.replay(&all).good().starts_with("7 events "));
    assert!(
        past.replay(&["--until", "-1h"])
            .good()
            .starts_with("0 events ")
    );
    assert!(
        past.replay(&["--event", "6"])
            .good()
            .starts_with("1 events with 1 mails")
    );
    assert!(
        past.replay(&["--where", "name=user.inserted"])
            .good()
            .starts_with("2 events ")
    );
    past.replay(&["--event", "77"])
        .says(66, "there is no event 77 in the past");
    assert_eq!(past.replay(&["--where", "nam=x"]).code, 64);
}

//! `postrider preference` and `postrider subscription` as people run them.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;
mod support;

use desk::*;

fn desk() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init", "."]).good();
    dir
}

#[test]
fn a_preference_is_set_changed_and_listed() {
    let dir = desk();
    let set = |user: &str, switch: &str| {
        let args = ["preference", "set", user, "incident_commented", switch];
        run(dir.path(), &args).good().trim().to_owned()
    };
    assert_eq!(
        set("ada", "off"),
        "notification_preference/ada.incident_commented"
    );
    // Her address is hers; somebody else's is kept as it is.
    assert_eq!(
        set("ADA@example.org", "on"),
        "notification_preference/ada.incident_commented"
    );
    set("Eve@example.net", "off");
    let out = run(dir.path(), &["preference", "list"]).good();
    let lines: Vec<Vec<&str>> = out
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(lines[1], ["ada", "incident_commented", "on"]);
    assert_eq!(lines[2], ["eve@example.net", "incident_commented", "off"]);
    let one = ["preference", "list", "--user", "ada", "--json"];
    let out = run(dir.path(), &one).good();
    assert_eq!(out.lines().count(), 1);
    assert!(out.contains(r#""active":true"#), "{out}");
}

#[test]
fn a_preference_about_nothing_or_of_nobody_is_refused() {
    let dir = desk();
    let says = |args: &[&str], code, sentence: &str| {
        run(dir.path(), &[&["preference", "set"], args].concat()).says(code, sentence);
    };
    says(
        &["ada", "incident_comented", "off"],
        65,
        "there is no notification \"incident_comented\" (did you mean incident_commented?)",
    );
    says(
        &["nobody", "incident_commented", "off"],
        65,
        "notification_preference.user: there is no record user/nobody",
    );
}

#[test]
fn a_subscription_is_checked_when_it_is_made() {
    let dir = desk();
    let file = dir.path().join("postrider.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let add = |notification: &str, condition: &str| {
        let args = ["subscription", "add", "ada", notification, "--condition"];
        run(dir.path(), &[&args[..], &[condition]].concat())
    };
    add("incident_escalated", "").says(
        65,
        "incident_escalated tells no subscribers (`subscribers = true` in its table would change that)",
    );
    let config = config.replace(
        "groups = [\"support\"]",
        "groups = [\"support\"]\nsubscribers = true",
    );
    std::fs::write(&file, config).unwrap();
    add("incident_escalated", "priorty<=2").says(
        65,
        "priorty<=2: column 1: the table `incident` has no field `priorty`; did you mean `priority`?",
    );
    add("incident_escalated", "priority<=2").good();
    let list = || run(dir.path(), &["subscription", "list"]).good();
    assert!(list().contains("priority<=2"), "{}", list());
    let remove = ["subscription", "remove", "ada", "incident_escalated"];
    run(dir.path(), &remove).good();
    assert!(!list().contains("ada"), "{}", list());
    let remove = ["subscription", "remove", "grace", "incident_escalated"];
    run(dir.path(), &remove).says(66, "grace does not subscribe to incident_escalated");
}

#[test]
fn digests_are_chosen_where_there_are_any() {
    let dir = desk();
    let set = |rest: &[&str]| {
        let args = [&["preference", "set", "ada", "incident_commented"], rest].concat();
        run(dir.path(), &args)
    };
    let none =
        "incident_assigned has no digests: there is no [notification.incident_assigned.digest]";
    let assigned = ["preference", "set", "ada", "incident_assigned", "digest"];
    run(dir.path(), &assigned).says(65, none);
    let listed = || {
        let out = run(dir.path(), &["preference", "list"]).good();
        let row = out.lines().nth(1).unwrap().split_whitespace();
        row.skip(2).collect::<Vec<_>>().join(" ")
    };
    set(&["digest"]).good();
    assert_eq!(listed(), "digest");
    set(&["digest", "--every", "2d"]).good();
    assert_eq!(listed(), "digest of 48h");
    set(&["digest", "--every", "8d"]).says(65, "\"8d\" is no time from 1h to 7d");
    set(&["off", "--every", "1h"]).says(65, "--every is for digests");
    set(&["on"]).good();
    assert_eq!(listed(), "on");
    set(&["off"]).good();
    assert_eq!(listed(), "off");
    let out = run(dir.path(), &["queue", "digests"]).good();
    assert!(out.starts_with("DUE"), "{out}");
}

#[test]
fn the_digests_of_two_people_at_one_address_are_told_apart() {
    let dir = desk();
    let list = |rest: &[&str]| run(dir.path(), &[&["queue", "digests"], rest].concat()).good();
    list(&[]);
    let side = rusqlite::Connection::open(dir.path().join("postrider.db")).unwrap();
    let two = "INSERT INTO digest (notification, user_id, address, via, table_name, record_id, opened, due_at)
               VALUES ('told', 'ada', 'team@example.org', '', '', '', 1, 2), ('told', 'bob', 'team@example.org', '', '', '', 1, 3)";
    side.execute_batch(two).unwrap();
    let table = list(&[]);
    let rows = table.lines().skip(1);
    let people: Vec<&str> = rows
        .filter_map(|row| row.split_whitespace().nth(3))
        .collect();
    assert_eq!(people, ["ada", "bob"], "{table}");
    let objects = json(&list(&["--json"]));
    let people: Vec<_> = objects.iter().map(|one| one["user"].as_str()).collect();
    assert_eq!(people, [Some("ada"), Some("bob")]);
}

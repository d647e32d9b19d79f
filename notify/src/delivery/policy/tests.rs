use super::*;
use crate::store::{Pause, SqliteStore};
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// Accounts of these names, each with who takes its place; `off` in front of a name switches it off.
fn config(accounts: &[(&str, Option<&str>)]) -> Config {
    let account = |(name, fall_back): &(&str, Option<&str>)| {
        let (name, active) = match name.strip_prefix("off ") {
            Some(name) => (name, false),
            None => (*name, true),
        };
        let fall_back = fall_back.map_or_else(String::new, |f| format!("fall_back = \"{f}\"\n"));
        format!(
            "[smtp.{name}]\nhost = \"{name}.example.org\"\nfrom = \"{name}@example.org\"\nactive = {active}\n{fall_back}"
        )
    };
    let accounts: String = accounts.iter().map(account).collect();
    let text = format!("[instance]\nname = \"x\"\nmail_domain = \"example.org\"\n{accounts}");
    Config::parse("test.toml".as_ref(), &text).unwrap_or_else(|error| panic!("{error}"))
}

/// Whose place an account takes, and who has to be paused for it.
fn stands_in(account: &str, config: &Config) -> Vec<(String, Vec<String>)> {
    let own = config.smtp.iter().find(|a| a.name == account).unwrap();
    let stands_in = Policy::of(own, config).stands_in;
    let mut found: Vec<_> = stands_in
        .into_iter()
        .map(|s| (s.account, s.unless))
        .collect();
    found.sort();
    found
}

fn place(account: &str, unless: &[&str]) -> (String, Vec<String>) {
    let unless = unless.iter().map(|&name| name.to_owned()).collect();
    (account.to_owned(), unless)
}

fn pause(store: &SqliteStore, account: &str, until: Timestamp) {
    let pause = Pause {
        until,
        reason: "535 no".to_owned(),
        failures: 1,
    };
    store.set_pause(account, Some(&pause)).unwrap();
}

#[test]
fn an_account_takes_the_place_of_those_that_fall_back_on_it() {
    let config = config(&[
        ("one", Some("two")),
        ("two", Some("three")),
        ("three", None),
    ]);
    assert_eq!(stands_in("one", &config), []);
    assert_eq!(stands_in("two", &config), [place("one", &["one"])]);
    let both = [place("one", &["one", "two"]), place("two", &["two"])];
    assert_eq!(stands_in("three", &config), both);
}

#[test]
fn accounts_that_are_off_need_not_be_paused() {
    let config = config(&[
        ("one", Some("two")),
        ("off two", Some("three")),
        ("three", None),
    ]);
    let both = [place("one", &["one"]), place("two", &[])];
    assert_eq!(stands_in("three", &config), both);
}

#[test]
fn a_place_is_taken_while_all_before_are_paused() {
    let store = SqliteStore::open_in_memory().unwrap();
    let config = config(&[
        ("one", Some("two")),
        ("two", Some("three")),
        ("three", None),
    ]);
    let three = config.smtp.iter().find(|a| a.name == "three").unwrap();
    let policy = Policy::of(three, &config);
    let sends = |now| {
        let mut accounts = policy.accounts("three", &store, at(now)).unwrap();
        accounts.sort();
        accounts
    };
    assert_eq!(sends(0), ["three"], "nobody is paused");
    pause(&store, "one", at(60));
    assert_eq!(sends(0), ["three"], "two comes first");
    pause(&store, "two", at(30));
    assert_eq!(sends(0), ["one", "three", "two"]);
    assert_eq!(sends(29), ["one", "three", "two"]);
    assert_eq!(sends(30), ["three"], "a pause is over at its end");
    store.set_pause("one", None).unwrap();
    pause(&store, "two", at(90));
    assert_eq!(sends(30), ["three", "two"]);
}

#[test]
fn what_a_domain_has_no_room_for_is_left_and_counted_by_domain_without_case() {
    let store = SqliteStore::open_in_memory().unwrap();
    let rate = Rate {
        mails: 2,
        per: Duration::from_secs(60),
    };
    let recipients = [
        "a@one.example",
        "b@two.example",
        "c@ONE.example",
        "d@one.example",
    ];
    let claimed: Vec<Claimed> = recipients.into_iter().map(claimed).collect();
    let over = |account, now| over_domain_rate(&claimed, account, rate, &store, at(now)).unwrap();
    assert_eq!(over("main", 0), [3]);
    assert_eq!(
        over("main", 0),
        [0, 2, 3],
        "one mail to two.example had room"
    );
    assert_eq!(over("other", 0), [3], "each account has its own");
    assert_eq!(over("main", 60), [3]);
}

fn claimed(recipient: &str) -> Claimed {
    Claimed {
        delivery: 1,
        lease_epoch: 1,
        attempt: 1,
        attempts: 1,
        earlier: 0,
        mail: crate::outgoing::OutgoingMail {
            message_id: "a@example.org".to_owned(),
            sender: "bounces@example.org".to_owned(),
            recipient: recipient.to_owned(),
            subject: String::new(),
            raw: Vec::new(),
            account: "main".to_owned(),
            record: None,
            expires: at(0),
            not_before: None,
            rank: None,
        },
    }
}

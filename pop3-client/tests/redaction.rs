//! A server that repeats a secret is quoted without it.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Cut, play, turn};
use postrider_pop3::{Command, Event, Limits, Password, UserName};

#[test]
fn t7_a_server_that_repeats_the_password_is_quoted_without_it() {
    let user = || Command::User(UserName::new("tim").unwrap());
    let pass = || Command::Pass(Password::new("hunter2").unwrap());
    let says = |reply: &str| {
        let turns = [
            turn([], "+OK\r\n"),
            turn([user()], "+OK\r\n"),
            turn([pass()], reply),
        ];
        let heard = play(&Limits::default(), &turns, Cut::Whole, false);
        format!("{:?} {:?}", heard.events, heard.error)
    };
    for reply in [
        "-ERR bad password hunter2\r\n",
        "+OK welcome tim:hunter2\r\n",
        "-ERR AHRpbQBodW50ZXIy\r\n",
        "PASS hunter2\r\n",
    ] {
        let shown = says(reply);
        assert!(
            !shown.contains("hunter2") && !shown.contains("odW50"),
            "{shown}"
        );
        assert!(
            shown.contains("(…)") || shown.contains("\\xe2\\x80\\xa6"),
            "{shown}"
        );
    }
    // Later on, a number is a number.
    let pass = Command::Pass(Password::new("12345").unwrap());
    let turns = [
        turn([], "+OK\r\n"),
        turn([user()], "+OK\r\n"),
        turn([pass], "+OK\r\n"),
        turn([Command::Stat], "+OK 2 12345\r\n"),
    ];
    let heard = play(&Limits::default(), &turns, Cut::EveryByte, false);
    assert_eq!(heard.error, None);
    let stat = heard.events.iter().find_map(|event| match event {
        Event::DropListing(listing) => Some(listing.octets),
        _ => None,
    });
    assert_eq!(stat, Some(12_345));
}

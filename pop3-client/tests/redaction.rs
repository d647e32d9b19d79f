//! A server that repeats a secret is quoted without it.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Cut, play, turn};
use postrider_pop3::{Command, Event, Limits, MessageNumber, Password, UserName};

#[cfg(feature = "cram-md5")]
#[test]
fn t7_a_digest_that_a_server_repeats_is_left_out() {
    use postrider_pop3::Credentials;
    use postrider_wire::sasl::Mechanism;
    // The dialogue of RFC 2195 §2.
    let challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
    let digest = "b913a602c7eda7a495b4e6e7334d3890";
    for reply in [
        format!("-ERR {digest} does not match\r\n"),
        format!("-ERR no: tim {digest}\r\n"),
        format!("tim {digest}\r\n"),
        "-ERR dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n".to_owned(),
    ] {
        let credentials = Credentials::password("tim", "tanstaaftanstaaf").unwrap();
        let turns = [
            turn([], "+OK\r\n"),
            turn(
                [Command::Auth(Mechanism::CramMd5, credentials)],
                format!("+ {challenge}\r\n{reply}"),
            ),
        ];
        let heard = play(&Limits::default(), &turns, Cut::Whole, false);
        let shown = format!("{:?} {:?}", heard.events, heard.error);
        assert!(
            !shown.contains("b913a602") && !shown.contains("YjkxM2E2"),
            "{shown}"
        );
        assert!(
            shown.contains("(…)") || shown.contains("\\xe2\\x80\\xa6"),
            "{shown}"
        );
    }
}

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
    // Later on as well, in a refusal, a welcome and what nobody asked for.
    for later in [
        "-ERR no such message, hunter2\r\n",
        "+OK hunter2\r\nx\r\n.\r\n",
        "hunter2\r\n",
        "-ERR\r\n+OK hunter2\r\n",
    ] {
        let turns = [
            turn([], "+OK\r\n"),
            turn([user()], "+OK\r\n"),
            turn([pass()], "+OK\r\n"),
            turn([Command::Retr(MessageNumber::new(1).unwrap())], later),
        ];
        let heard = play(&Limits::default(), &turns, Cut::Whole, false);
        let shown = format!("{:?} {:?}", heard.events, heard.error);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    // But a number is a number.
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

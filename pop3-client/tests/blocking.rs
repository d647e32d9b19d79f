//! The blocking client against a scripted server.

#![cfg(feature = "blocking")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::n;
use common::server::{Act, Server, say};
use postrider_pop3::blocking::Client;
use postrider_pop3::{
    Config, Credentials, Endpoint, ErrorKind, MessageNumber, Retrieved, Security, Stage, Timeouts,
    Violation,
};
use std::ops::ControlFlow;
use std::time::Duration;

fn config(endpoint: Endpoint) -> Config {
    Config::new(endpoint)
        .security(Security::None)
        .credentials(Credentials::password("tim", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials()
}

#[test]
fn a_mailbox_is_read() {
    let (endpoint, commands) = Server::new().start();
    let mut client = Client::connect(&config(endpoint)).unwrap();
    assert_eq!(client.stat().unwrap().count, 1);
    assert_eq!(client.uidl().unwrap()[0].1.as_str(), "AAA");
    assert_eq!(
        client.retr_to_vec(n(1), 100).unwrap(),
        b"Subject: x\r\n\r\nb\r\n"
    );
    client.dele(n(1)).unwrap();
    client.quit().unwrap();
    let expected = [
        "CAPA",
        "USER tim",
        "PASS tanstaaf",
        "CAPA",
        "STAT",
        "UIDL",
        "RETR 1",
        "DELE 1",
        "QUIT",
    ];
    assert_eq!(commands.join().unwrap(), expected);
}

#[test]
fn many_messages_come_in_order() {
    let (endpoint, _commands) = Server::new().on("STAT", say("+OK 3000 60000\r\n")).start();
    let mut client = Client::connect(&config(endpoint)).unwrap();
    let numbers: Vec<_> = MessageNumber::all(3_000).collect();
    let mut seen = Vec::new();
    client
        .retr_many(&numbers, |retrieved| {
            if let Retrieved::End { number, octets: 17 } = retrieved {
                seen.push(number);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(seen, numbers);
    assert_eq!(client.dele_many(&numbers).unwrap().len(), 3_000);
    client.quit().unwrap();
}

#[cfg(feature = "sync")]
#[test]
fn a_mailbox_is_mirrored_and_emptied_without_a_runtime() {
    use postrider_pop3::sync::{Deletion, Files, Mailbox, Policy, SyncEvent};
    let folder = std::env::temp_dir().join(format!("postrider-blocking-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (endpoint, commands) =
        Server::start_in_turn(vec![Server::new(), Server::new().on("QUIT", say(""))]);
    let store = Files::open(folder.join("mail")).unwrap();
    let mut mailbox = Mailbox::open(config(endpoint), folder.join("journal"), store).unwrap();

    // The events may borrow: everything happens on this thread.
    let mut places = Vec::new();
    let summary = mailbox
        .sync_blocking(|event| {
            if let SyncEvent::Stored { place, .. } = event {
                places.push(place);
            }
        })
        .unwrap();
    assert_eq!((summary.listed, summary.stored, places.len()), (1, 1, 1));
    let stored = std::fs::read(folder.join("mail").join(&places[0])).unwrap();
    assert_eq!(stored, b"Subject: x\r\n\r\nb\r\n");

    // The answer to QUIT never comes: what was stored is not fetched again, and nothing is said to be deleted.
    let policy = Policy {
        deletion: Deletion::Now,
        connections: 1,
        ..Policy::default()
    };
    let mut mailbox = mailbox.policy(policy);
    let error = mailbox.sync_blocking(|_| {}).unwrap_err();
    assert!(error.is_retryable(), "{error}");
    let commands = commands.join().unwrap();
    let second: Vec<_> = commands[1].iter().skip(4).collect();
    assert_eq!(second, ["STAT", "UIDL", "STAT", "LIST", "DELE 1", "QUIT"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn s24_silence_ends_in_a_timeout() {
    for act in [Act::Silence, say("+O"), say("+OK\r\npart of a li")] {
        let (endpoint, _commands) = Server::new().on("RETR", act).start();
        let soon = Duration::from_millis(50);
        let timeouts = Timeouts {
            reply: soon,
            body_idle: soon,
            ..Timeouts::default()
        };
        let mut client = Client::connect(&config(endpoint).timeouts(timeouts)).unwrap();
        let error = client.retr_to_vec(n(1), 100).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
    }
}

#[test]
fn s3_s19_a_cut_and_a_surplus_reply_are_errors() {
    let cut = Act::SayAndClose(b"+OK\r\npart\r\n".to_vec());
    let (endpoint, _commands) = Server::new().on("RETR", cut).start();
    let error = Client::connect(&config(endpoint))
        .unwrap()
        .retr_to_vec(n(1), 100)
        .unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Violation(Violation::Truncated { .. })
        ),
        "{error}"
    );

    let (endpoint, _commands) = Server::new()
        .on("NOOP", say("+OK\r\n+OK surplus\r\n"))
        .start();
    let mut client = Client::connect(&config(endpoint)).unwrap();
    client.noop().unwrap();
    let error = client.stat().unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Violation(Violation::Unsolicited(_))
        ),
        "{error}"
    );
}

#[test]
fn a_closed_port_and_a_server_without_tls_are_named() {
    let (endpoint, commands) = Server::new().start();
    let tls = Config::new(endpoint.clone()).security(Security::Tls);
    let error = Client::connect(&tls).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error}");
    assert_eq!(error.stage(), Stage::Connect);
    let _ = commands.join();
    let error = Client::connect(&tls).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error}");
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot connect to {endpoint}: "))
    );
}

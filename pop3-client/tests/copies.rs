//! `Mailbox` and servers that fail at one command of several, give one unique-id to two messages, or new ones to all.

#![cfg(all(feature = "sync", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::server::{Server, say};
use postrider_pop3::sync::{Deletion, Files, Mailbox, Policy, Summary, SyncError};
use postrider_pop3::{Config, Credentials, ResponseCode, Security};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    let name = format!("postrider-copies-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Messages of 60 octets under these unique-ids; each has its number for a body.
fn server(uids: &[&str]) -> Server {
    let listing = |item: &dyn Fn(&str) -> String| {
        let lines = uids.iter().zip(1..);
        let lines: String = lines
            .map(|(uid, n)| format!("{n} {}\r\n", item(uid)))
            .collect();
        say(format!("+OK\r\n{lines}.\r\n"))
    };
    Server::new()
        .on("STAT", say(format!("+OK {} 0\r\n", uids.len())))
        .on("LIST", listing(&|_| "60".to_owned()))
        .on("UIDL", listing(&|uid| uid.to_owned()))
}

fn with_bodies(server: Server, count: usize) -> Server {
    (1..=count).fold(server, |server, n| {
        let body = format!("+OK\r\nSubject: x\r\n\r\n{n}\r\n.\r\n");
        server.on(&format!("RETR {n}"), say(body))
    })
}

/// What came of a sync that deletes at once, and the commands from the first message on.
async fn sync(folder: &Path, server: Server) -> (Result<Summary, SyncError>, Vec<String>) {
    sync_with(Deletion::Now, folder, server).await
}

async fn sync_with(
    deletion: Deletion,
    folder: &Path,
    server: Server,
) -> (Result<Summary, SyncError>, Vec<String>) {
    let (endpoint, commands) = server.start();
    // The account's name has a port in it; the journal does not care.
    let config = Config::new(endpoint)
        .security(Security::None)
        .credentials(Credentials::password("ada", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials();
    let store = Files::open(folder.join("mail")).unwrap();
    let policy = Policy {
        deletion,
        connections: 1,
        ..Policy::default()
    };
    let mut mailbox = Mailbox::open(config, folder.join("journal"), store)
        .unwrap()
        .policy(policy);
    let result = mailbox.sync(|_| {}).await;
    drop(mailbox);
    let commands = commands.join().unwrap().into_iter().skip(8);
    // Those between messages say whose answer is whose.
    let shown = commands.filter(|command| !command.starts_with("LIST ") && command != "STAT");
    (result, shown.collect())
}

fn stored(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder.join("mail")).unwrap();
    files
        .filter(|file| file.as_ref().unwrap().path().is_file())
        .count()
}

#[tokio::test]
async fn s20_a_message_that_was_refused_is_neither_seen_nor_deleted() {
    let folder = folder("temp");
    let uids = ["A", "B", "C"];
    let refusing = server(&uids).on("RETR 2", say("-ERR [SYS/TEMP] x\r\n"));
    let (result, commands) = sync(&folder, with_bodies(refusing, 3)).await;
    let summary = result.unwrap();
    assert_eq!(
        (summary.stored, summary.refused, summary.deleted),
        (2, 1, 2)
    );
    assert_eq!(commands[3..], ["DELE 1", "DELE 3", "QUIT"]);

    let only = server(&uids[1..2]).on("RETR 1", say("+OK\r\nSubject: x\r\n\r\n2\r\n.\r\n"));
    let (result, commands) = sync(&folder, only).await;
    assert_eq!(result.unwrap().stored, 1);
    assert_eq!(commands, ["RETR 1", "DELE 1", "QUIT"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn s20_after_sys_perm_nothing_more_is_seen_or_deleted() {
    let folder = folder("perm");
    let uids = ["A", "B", "C"];
    let refusing = server(&uids).on("RETR 2", say("-ERR [SYS/PERM] x\r\n"));
    let (result, commands) = sync(&folder, with_bodies(refusing, 3)).await;
    match result.unwrap_err() {
        SyncError::Pop3(error) => assert_eq!(error.response_code(), Some(&ResponseCode::SysPerm)),
        other => panic!("{other}"),
    }
    let deleted = commands
        .iter()
        .any(|c| c.starts_with("DELE") || c == "QUIT");
    assert!(!deleted, "{commands:?}");

    let (result, commands) = sync(&folder, with_bodies(server(&uids), 3)).await;
    let summary = result.unwrap();
    assert_eq!(summary.deleted, 3);
    assert!(commands.contains(&"RETR 2".to_owned()), "{commands:?}");
    assert_eq!(stored(&folder), 3);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn s9_two_messages_under_one_unique_id_are_both_stored_before_either_is_deleted() {
    let folder = folder("shared");
    let uids = ["AAA", "AAA"];
    // The second one cannot be had: only the first may go, which is known by its content.
    let half = server(&uids).on("RETR 2", say("-ERR [SYS/TEMP] x\r\n"));
    let (result, commands) = sync(&folder, with_bodies(half, 2)).await;
    assert_eq!(result.unwrap().stored, 1);
    assert_eq!(commands[2..], ["DELE 1", "QUIT"]);

    // It did not go after all, and now the other one can be had.
    let (result, _) = sync(&folder, with_bodies(server(&uids), 2)).await;
    let summary = result.unwrap();
    assert_eq!(
        (summary.stored, summary.duplicates, summary.deleted),
        (1, 1, 2)
    );
    assert_eq!(stored(&folder), 2);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_listing_that_is_refused_is_an_error_unless_there_is_nothing_to_list() {
    let folder = folder("refused");
    for (stat, fails) in [
        ("+OK 1 60\r\n", true),
        ("+OK 0 0\r\n", false),
        ("-ERR no\r\n", true),
    ] {
        let server = Server::new()
            .on("STAT", say(stat))
            .on("LIST", say("-ERR no\r\n"))
            .on("UIDL", say("-ERR no\r\n"));
        let (result, commands) = sync(&folder, server).await;
        assert_eq!(result.is_err(), fails, "{stat}");
        let quit = commands.iter().any(|command| command == "QUIT");
        assert_eq!(quit, !fails, "{stat}");
    }
    assert_eq!(stored(&folder), 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Without their names, all messages would be fetched again, and forgotten under those that they had.
#[tokio::test]
async fn unique_ids_that_are_refused_for_now_are_no_sign_that_there_are_none() {
    let folder = folder("unnamed");
    let uids = ["A", "B"];
    let (result, _) = sync_with(Deletion::Never, &folder, with_bodies(server(&uids), 2)).await;
    assert_eq!(result.unwrap().stored, 2);
    let no_uidl = "+OK\r\nUSER\r\n.\r\n";
    for (capa, refusal, fails) in [
        (no_uidl, "-ERR [SYS/TEMP] x\r\n", true),
        ("+OK\r\nUSER\r\nUIDL\r\n.\r\n", "-ERR x\r\n", true),
        (no_uidl, "-ERR x\r\n", false),
    ] {
        let refusing = with_bodies(server(&uids), 2)
            .first("UIDL", say(refusal))
            .on("CAPA", say(capa));
        let (result, commands) = sync_with(Deletion::Never, &folder, refusing).await;
        assert_eq!(result.is_err(), fails, "{capa} {refusal}");
        assert_eq!(commands.iter().any(|c| c.starts_with("RETR")), !fails);
    }
    assert_eq!(stored(&folder), 2);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn messages_with_new_names_are_known_by_their_headers_and_not_fetched() {
    let folder = folder("renamed");
    let header = |n| format!("Message-ID: <{n}@x>\r\n\r\n");
    let with_headers = |server: Server| {
        (1..=3).fold(server, |server, n| {
            let (top, body) = (header(n), format!("{}{n}\r\n", header(n)));
            server
                .on(&format!("TOP {n}"), say(format!("+OK\r\n{top}.\r\n")))
                .on(&format!("RETR {n}"), say(format!("+OK\r\n{body}.\r\n")))
        })
    };
    let first = with_headers(server(&["A", "B"]));
    let (result, _) = sync_with(Deletion::Never, &folder, first).await;
    assert_eq!(result.unwrap().stored, 2);
    let second = with_headers(server(&["C", "D", "E"]));
    let (result, commands) = sync_with(Deletion::Never, &folder, second).await;
    let summary = result.unwrap();
    assert_eq!((summary.recognised, summary.stored), (2, 1));
    let fetched: Vec<_> = commands.iter().filter(|c| c.starts_with("RETR")).collect();
    assert_eq!(fetched, ["RETR 3"]);
    assert_eq!(stored(&folder), 3);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn rfc1939_6_a_quit_that_is_refused_is_an_error_if_something_was_to_be_removed() {
    for (deletion, fails) in [(Deletion::Never, false), (Deletion::Now, true)] {
        let folder = folder("quit");
        let refusing = with_bodies(server(&["A"]), 1).on("QUIT", say("-ERR not removed\r\n"));
        let (result, commands) = sync_with(deletion, &folder, refusing).await;
        assert_eq!(result.is_err(), fails, "{deletion:?}");
        assert_eq!(commands.last().unwrap(), "QUIT");
        assert_eq!(stored(&folder), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

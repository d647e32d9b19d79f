//! `Mailbox` over a socket, a journal in a file, and each store.

#![cfg(all(feature = "sync", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::server::{Act, Server, say};
use postrider_pop3::sync::{
    Deletion, Files, Mailbox, Maildir, Mboxrd, Policy, Store, Summary, SyncError, SyncEvent,
};
use postrider_pop3::{Config, Credentials, Endpoint, Security};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "postrider-pop3-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config(endpoint: Endpoint) -> Config {
    // The account's name has a port in it; a maildrop keeps its name in these tests though the port changes.
    Config::new(endpoint)
        .security(Security::None)
        .credentials(Credentials::password("ada", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials()
}

async fn sync(
    server: Server,
    journal: &Path,
    store: impl Store + 'static,
    deletion: Deletion,
) -> (Result<Summary, SyncError>, Vec<String>, Vec<SyncEvent>) {
    let (endpoint, commands) = server.start();
    let policy = Policy {
        deletion,
        connections: 1,
        ..Policy::default()
    };
    let mut mailbox = Mailbox::open(config(endpoint), journal, store)
        .unwrap()
        .policy(policy);
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let result = mailbox
        .sync(move |event| heard.lock().unwrap().push(event))
        .await;
    drop(mailbox);
    let commands = commands.join().unwrap().into_iter().skip(4).collect();
    let events = events.lock().unwrap().clone();
    (result, commands, events)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_file())
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_maildir_is_filled_once_and_the_server_emptied() {
    let folder = Folder::new();
    let (journal, mail) = (folder.path("journal"), folder.path("Mail"));
    let (result, commands, events) = sync(
        Server::new(),
        &journal,
        Maildir::open(&mail).unwrap(),
        Deletion::Now,
    )
    .await;
    let summary = result.unwrap();
    assert_eq!(
        (
            summary.listed,
            summary.stored,
            summary.octets,
            summary.deleted
        ),
        (1, 1, 17, 1)
    );
    assert_eq!(
        commands,
        ["STAT", "UIDL", "STAT", "LIST", "RETR 1", "DELE 1", "QUIT"]
    );
    assert!(
        matches!(
            &events[..],
            [
                SyncEvent::Fetching {
                    count: 1,
                    octets: 60
                },
                SyncEvent::Stored { .. },
                SyncEvent::Deleted { count: 1 }
            ]
        ),
        "{events:?}"
    );
    let new = files_in(&mail.join("new"));
    assert_eq!(new.len(), 1);
    assert_eq!(fs::read(&new[0]).unwrap(), b"Subject: x\r\n\r\nb\r\n");
    assert!(files_in(&mail.join("tmp")).is_empty());

    // The same unique-id is there again, though it was deleted: perhaps a new message, so it is fetched, and found known.
    let (result, commands, _) = sync(
        Server::new(),
        &journal,
        Maildir::open(&mail).unwrap(),
        Deletion::Never,
    )
    .await;
    let summary = result.unwrap();
    assert_eq!(
        (summary.stored, summary.duplicates + summary.recognised),
        (0, 1),
        "{commands:?}"
    );
    assert_eq!(files_in(&mail.join("new")).len(), 1);
}

#[tokio::test]
async fn what_stays_on_the_server_is_not_fetched_again() {
    let folder = Folder::new();
    let (journal, mail) = (folder.path("journal"), folder.path("Mail"));
    let open = || Files::open(&mail).unwrap();
    assert_eq!(
        sync(Server::new(), &journal, open(), Deletion::Never)
            .await
            .0
            .unwrap()
            .stored,
        1
    );
    let (result, commands, events) = sync(Server::new(), &journal, open(), Deletion::Never).await;
    assert_eq!(result.unwrap().stored, 0);
    assert_eq!(commands, ["STAT", "UIDL", "STAT", "LIST", "QUIT"]);
    assert!(events.is_empty());
    let files = files_in(&mail);
    assert_eq!(files.len(), 1);
    assert_eq!(fs::read(&files[0]).unwrap(), b"Subject: x\r\n\r\nb\r\n");
}

/// As mailutils does, and others that keep mail in an mbox.
#[tokio::test]
async fn s25_a_message_that_grows_by_what_the_server_notes_in_it_is_the_same_one() {
    let folder = Folder::new();
    let (journal, mail) = (folder.path("journal"), folder.path("Mail"));
    let open = || Files::open(&mail).unwrap();
    let server = |size: u32, note: &str| {
        let text = format!("+OK\r\n{note}Subject: x\r\n\r\nb\r\n.\r\n");
        let (stat, list) = (
            format!("+OK 1 {size}\r\n"),
            format!("+OK\r\n1 {size}\r\n.\r\n"),
        );
        Server::new()
            .on("STAT", say(stat))
            .on("LIST", say(list))
            .on("RETR", say(text))
    };
    let noted = "X-IMAPbase: 1795960828                    4\r\nX-UID: 1\r\nStatus: OR\r\n";
    for (size, note, stored) in [(60, "", 1), (134, noted, 0), (134, noted, 0), (60, "", 0)] {
        let (result, _, events) = sync(server(size, note), &journal, open(), Deletion::Never).await;
        assert_eq!(result.unwrap().stored, stored, "{size}");
        let reused = |event: &SyncEvent| matches!(event, SyncEvent::UidReused { .. });
        assert!(!events.iter().any(reused), "{events:?}");
    }
    let (result, _, events) = sync(server(20, "To: y\r\n"), &journal, open(), Deletion::Now).await;
    let summary = result.unwrap();
    assert_eq!((summary.stored, summary.deleted), (1, 1), "another message");
    assert!(
        events
            .iter()
            .any(|event| matches!(event, SyncEvent::UidReused { .. }))
    );
    assert_eq!(files_in(&mail).len(), 2);
}

#[tokio::test]
async fn a_new_message_is_fetched_even_if_its_header_and_size_are_those_of_one_that_was_deleted() {
    let folder = Folder::new();
    let (journal, mail) = (folder.path("journal"), folder.path("Mail"));
    let open = || Files::open(&mail).unwrap();
    let server = |uid: &str, body: &str| {
        Server::new()
            .on("UIDL", say(format!("+OK\r\n1 {uid}\r\n.\r\n")))
            .on("TOP", say("+OK\r\nMessage-ID: <1>\r\n\r\n.\r\n"))
            .on(
                "RETR",
                say(format!("+OK\r\nMessage-ID: <1>\r\n\r\n{body}\r\n.\r\n")),
            )
    };
    for (uid, body) in [("AAA", "yes"), ("BBB", "nay")] {
        let (result, commands, _) = sync(server(uid, body), &journal, open(), Deletion::Now).await;
        let summary = result.unwrap();
        assert_eq!((summary.stored, summary.deleted), (1, 1), "{commands:?}");
    }
    assert_eq!(files_in(&mail).len(), 2);
}

#[tokio::test]
async fn s3_a_message_cut_off_leaves_nothing_behind_and_is_not_deleted() {
    let folder = Folder::new();
    let (journal, mail) = (folder.path("journal"), folder.path("Mail"));
    let cut = Act::SayAndClose(b"+OK 1000 octets\r\nSubject: x\r\n\r\npart\r\n".to_vec());
    let (result, commands, events) = sync(
        Server::new().on("RETR", cut),
        &journal,
        Maildir::open(&mail).unwrap(),
        Deletion::Now,
    )
    .await;
    assert!(result.unwrap_err().is_retryable());
    assert!(
        !commands
            .iter()
            .any(|c| c.starts_with("DELE") || c == "QUIT"),
        "{commands:?}"
    );
    assert!(
        matches!(&events[..], [SyncEvent::Fetching { .. }]),
        "{events:?}"
    );
    for part in ["new", "cur", "tmp"] {
        assert!(files_in(&mail.join(part)).is_empty(), "{part}");
    }
    let (result, ..) = sync(
        Server::new(),
        &journal,
        Maildir::open(&mail).unwrap(),
        Deletion::Now,
    )
    .await;
    assert_eq!(result.unwrap().stored, 1);
}

#[tokio::test]
async fn s11_a_unique_id_never_becomes_a_file_name() {
    for uid in ["../../../../etc/pwn", "a/b", "CON", ".", ".."] {
        let folder = Folder::new();
        let mail = folder.path("Mail");
        let server = Server::new().on("UIDL", say(format!("+OK\r\n1 {uid}\r\n.\r\n")));
        sync(
            server,
            &folder.path("journal"),
            Files::open(&mail).unwrap(),
            Deletion::Never,
        )
        .await
        .0
        .unwrap();
        let names: Vec<_> = files_in(&mail)
            .iter()
            .map(|p| p.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names.len(), 1);
        assert!(
            names[0].len() == 64 && names[0].bytes().all(|b| b.is_ascii_hexdigit()),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn an_mbox_is_cut_back_to_the_last_whole_group() {
    let folder = Folder::new();
    let (mbox, length) = (folder.path("mbox"), folder.path("mbox.postrider-length"));
    let from = say("+OK\r\nSubject: x\r\n\r\nFrom me\r\n.\r\n");
    let server = Server::new().on("RETR", from);
    sync(
        server,
        &folder.path("journal"),
        Mboxrd::open(&mbox).unwrap(),
        Deletion::Never,
    )
    .await
    .0
    .unwrap();
    let text = fs::read_to_string(&mbox).unwrap();
    assert!(
        text.starts_with("From MAILER-DAEMON ") && text.ends_with("\nSubject: x\n\n>From me\n\n"),
        "{text:?}"
    );
    assert!(!length.exists());

    fs::write(&mbox, format!("{text}From MAILER-DAEMON half of a mess")).unwrap();
    fs::write(&length, format!("{}\n", text.len())).unwrap();
    let mut opened = Mboxrd::open(&mbox).unwrap();
    assert_eq!(fs::read_to_string(&mbox).unwrap(), text);
    assert!(!length.exists());
    let cut = fs::read_to_string(opened.salvaged().unwrap()).unwrap();
    assert_eq!(cut, "From MAILER-DAEMON half of a mess");
}

#[tokio::test]
async fn a_server_without_uidl_is_emptied_by_content() {
    let folder = Folder::new();
    let (journal, mail) = (folder.path("journal"), folder.path("Mail"));
    let server = || {
        let capa = say("+OK\r\nUSER\r\nTOP\r\nPIPELINING\r\n.\r\n");
        let server = Server::new().on("CAPA", capa);
        server.on("UIDL", say("-ERR no\r\n"))
    };
    let open = || Files::open(&mail).unwrap();
    assert_eq!(
        sync(server(), &journal, open(), Deletion::Never)
            .await
            .0
            .unwrap()
            .stored,
        1
    );
    let again = sync(server(), &journal, open(), Deletion::Now)
        .await
        .0
        .unwrap();
    assert_eq!((again.stored, again.duplicates, again.deleted), (0, 1, 1));
    assert_eq!(files_in(&mail).len(), 1);
}

#[tokio::test]
async fn a_dele_that_is_refused_is_no_error_and_the_message_is_not_fetched_again() {
    let folder = Folder::new();
    let (journal, mail) = (folder.path("journal"), folder.path("Mail"));
    let server = || Server::new().on("DELE", say("-ERR locked\r\n"));
    let open = || Files::open(&mail).unwrap();
    let first = sync(server(), &journal, open(), Deletion::Now)
        .await
        .0
        .unwrap();
    assert_eq!((first.stored, first.deleted, first.refused), (1, 0, 1));
    let (result, commands, _) = sync(server(), &journal, open(), Deletion::Now).await;
    assert_eq!(result.unwrap().stored, 0);
    assert_eq!(commands, ["STAT", "UIDL", "STAT", "LIST", "DELE 1", "QUIT"]);
}

/// A store whose disk is full.
struct Full;

impl Store for Full {
    fn begin(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn write(&mut self, _: &[u8]) -> std::io::Result<()> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn finish(&mut self, _: &postrider_pop3::sync::Arrived<'_>) -> std::io::Result<String> {
        Ok(String::new())
    }

    fn abort(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn commit(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn when_the_store_fails_nothing_is_deleted() {
    let folder = Folder::new();
    let (result, commands, _) =
        sync(Server::new(), &folder.path("journal"), Full, Deletion::Now).await;
    assert!(matches!(result, Err(SyncError::Storage(_))));
    assert!(
        !commands
            .iter()
            .any(|c| c.starts_with("DELE") || c == "QUIT"),
        "{commands:?}"
    );
}

/// A disk that says once that it could not write, and from then on that all is well (as some do for `fsync`).
#[derive(Default)]
struct Forgetful(bool);

impl Store for Forgetful {
    fn begin(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn write(&mut self, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &postrider_pop3::sync::Arrived<'_>) -> std::io::Result<String> {
        Ok(String::new())
    }

    fn abort(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn commit(&mut self) -> std::io::Result<()> {
        match std::mem::replace(&mut self.0, true) {
            true => Ok(()),
            false => Err(std::io::Error::other("the disk broke")),
        }
    }
}

#[tokio::test]
async fn what_could_not_be_made_durable_is_fetched_again_whatever_a_second_commit_would_say() {
    let folder = Folder::new();
    let journal = folder.path("journal");
    let (endpoint, commands) = Server::new().start();
    let policy = Policy {
        deletion: Deletion::Now,
        group: 1,
        ..Policy::default()
    };
    let mut mailbox = Mailbox::open(config(endpoint), &journal, Forgetful::default())
        .unwrap()
        .policy(policy);
    let error = mailbox.sync(|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("the disk broke"), "{error}");
    drop(mailbox);
    let commands = commands.join().unwrap();
    let deletes = |c: &String| c.starts_with("DELE") || c == "QUIT";
    assert!(!commands.iter().any(deletes), "{commands:?}");

    let store = Files::open(folder.path("Mail")).unwrap();
    let (result, commands, _) = sync(Server::new(), &journal, store, Deletion::Now).await;
    let summary = result.unwrap();
    assert_eq!((summary.stored, summary.deleted), (1, 1), "{commands:?}");
}

#[tokio::test]
async fn what_could_not_be_made_durable_ends_the_sync_though_another_message_was_refused_too() {
    let folder = Folder::new();
    let server = Server::new()
        .on("STAT", say("+OK 2 120\r\n"))
        .on("LIST", say("+OK\r\n1 60\r\n2 60\r\n.\r\n"))
        .on("UIDL", say("+OK\r\n1 AAA\r\n2 BBB\r\n.\r\n"))
        .on("RETR 1", say("-ERR no\r\n"));
    let (endpoint, commands) = server.start();
    let policy = Policy {
        deletion: Deletion::Now,
        ..Policy::default()
    };
    let store = Forgetful::default();
    let mut mailbox = Mailbox::open(config(endpoint), folder.path("journal"), store)
        .unwrap()
        .policy(policy);
    // Another session would store nothing, and delete what it takes for stored.
    let error = mailbox.sync(|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("the disk broke"), "{error}");
    drop(mailbox);
    let commands = commands.join().unwrap();
    assert!(commands.contains(&"RETR 2".to_owned()), "{commands:?}");
}

#[tokio::test]
async fn a_dropped_flight_is_taken_up_again_in_the_same_sync_one_by_one() {
    let folder = Folder::new();
    let list: String = (1..=5).map(|n| format!("{n} 60\r\n")).collect();
    let uidl: String = (1..=5).map(|n| format!("{n} uid{n}\r\n")).collect();
    let server = || {
        let server = Server::new()
            .on("STAT", say("+OK 5 300\r\n"))
            .on("LIST", say(format!("+OK\r\n{list}.\r\n")))
            .on("UIDL", say(format!("+OK\r\n{uidl}.\r\n")));
        // Five mails that are not alike.
        (1..=5).fold(server, |server, n| {
            server.on(
                &format!("RETR {n}"),
                say(format!("+OK\r\nMessage-ID: <{n}>\r\n\r\nb\r\n.\r\n")),
            )
        })
    };
    let dropping = Server::new()
        .on(
            "RETR 3",
            Act::SayAndClose(b"+OK\r\nhalf a mail\r\n".to_vec()),
        )
        .on("STAT", say("+OK 5 300\r\n"))
        .on("LIST", say(format!("+OK\r\n{list}.\r\n")))
        .on("UIDL", say(format!("+OK\r\n{uidl}.\r\n")))
        .on("RETR 1", say("+OK\r\nMessage-ID: <1>\r\n\r\nb\r\n.\r\n"))
        .on("RETR 2", say("+OK\r\nMessage-ID: <2>\r\n\r\nb\r\n.\r\n"));
    let (endpoint, commands) = Server::start_in_turn(vec![dropping, server()]);
    let store = Maildir::open(folder.path("Mail")).unwrap();
    let policy = Policy {
        deletion: Deletion::Now,
        ..Policy::default()
    };
    let mut mailbox = Mailbox::open(config(endpoint), folder.path("journal"), store)
        .unwrap()
        .policy(policy);
    let summary = mailbox.sync(|_| {}).await.unwrap();
    assert_eq!(
        (summary.stored, summary.duplicates, summary.deleted),
        (5, 0, 5)
    );
    assert_eq!(files_in(&folder.path("Mail/new")).len(), 5);
    let second = &commands.join().unwrap()[1];
    let fetched: Vec<_> = second.iter().filter(|c| c.starts_with("RETR")).collect();
    assert_eq!(fetched.len(), 3, "{second:?}");
}

#[tokio::test]
async fn one_message_without_end_holds_up_no_other() {
    let folder = Folder::new();
    let server = || {
        Server::new()
            .on("STAT", say("+OK 2 120\r\n"))
            .on("LIST", say("+OK\r\n1 60\r\n2 60\r\n.\r\n"))
            .on("UIDL", say("+OK\r\n1 endless\r\n2 AAA\r\n.\r\n"))
            .on("RETR 1", say(format!("+OK\r\n{}", "x\r\n".repeat(30_000))))
    };
    let (endpoint, commands) = Server::start_in_turn((0..6).map(|_| server()).collect());
    let store = Maildir::open(folder.path("Mail")).unwrap();
    let policy = Policy {
        deletion: Deletion::Now,
        ..Policy::default()
    };
    let mut mailbox = Mailbox::open(config(endpoint), folder.path("journal"), store)
        .unwrap()
        .policy(policy);
    let error = mailbox.sync(|_| {}).await.unwrap_err();
    assert!(
        error.to_string().contains("message 1 is larger than"),
        "{error}"
    );
    assert_eq!(files_in(&folder.path("Mail/new")).len(), 1);

    mailbox.sync(|_| {}).await.unwrap_err();
    let summary = mailbox.sync(|_| {}).await.unwrap();
    assert_eq!(
        (summary.stored, summary.left_alone, summary.deleted),
        (0, 1, 1)
    );
    let last = commands.join().unwrap().pop().unwrap();
    assert_eq!(last[last.len() - 2..], ["DELE 2", "QUIT"]);
}

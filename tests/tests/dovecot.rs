//! POP3 against Dovecot: every way to log in, and a full mailbox that is emptied.
#![cfg(feature = "drivers")]

use bytes::BytesMut;
use postrider_pop3::sync::{Deletion, Mailbox, Maildir, Policy, Summary};
use postrider_pop3::{
    Client, Command, Config, Connection, Credentials, Event, Limits, Password, Request, Security,
    Transcript, UserName,
};
use postrider_tests::servers::{MailServers, PASSWORD, or_left_out};
use postrider_wire::sasl::Mechanism;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Messages in the full mailbox.
const FULL: usize = 20_000;

fn servers(test: &str) -> Option<Arc<MailServers>> {
    or_left_out(test, MailServers::shared())
}

fn config(servers: &MailServers, user: &str, security: Security) -> Config {
    let endpoint = match security {
        Security::Tls => servers.pop3s(),
        _ => servers.pop3(),
    };
    Config::new(endpoint)
        .security(security)
        .tls(servers.tls())
        .credentials(Credentials::password(user, PASSWORD).unwrap())
}

fn credentials() -> Credentials {
    Credentials::password("judy", PASSWORD).unwrap()
}

/// The machine over a socket of its own: greeting, the commands one after another, and what the client wrote.
fn talk(servers: &MailServers, commands: &[Command]) -> (Vec<Event>, String) {
    let endpoint = servers.pop3();
    let mut socket = TcpStream::connect((endpoint.host(), endpoint.port())).unwrap();
    let mut pop3 = Connection::new(Limits::default());
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let (mut events, mut written) = (Vec::new(), String::new());
    let mut commands = commands.iter();
    let mut buffer = [0; 4_096];
    loop {
        while let Some(event) = pop3.receive(&mut input).unwrap() {
            let next = match &event {
                Event::Challenge => {
                    pop3.respond(&mut out).unwrap();
                    None
                }
                Event::Greeting(_)
                | Event::Accepted { .. }
                | Event::Finished { .. }
                | Event::Refused { .. } => Some(commands.next()),
                _ => None,
            };
            events.push(event);
            match next {
                Some(Some(command)) => pop3.send(command, &mut out).unwrap(),
                Some(None) => return (events, written),
                None => {}
            }
        }
        socket.write_all(&out).unwrap();
        written.push_str(std::str::from_utf8(&out.split()).unwrap());
        let read = socket.read(&mut buffer).unwrap();
        assert!(read > 0, "closed after {events:?}");
        input.extend_from_slice(&buffer[..read]);
    }
}

fn is_accepted(events: &[Event], login: Request) -> bool {
    events
        .iter()
        .any(|event| matches!(event, Event::Accepted { request, .. } if *request == login))
}

#[tokio::test]
async fn every_mechanism_logs_in_with_one_line_and_with_two() {
    let Some(servers) = servers("SASL mechanisms") else {
        return;
    };
    for mechanism in [
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
        Mechanism::ScramSha1,
        Mechanism::ScramSha256,
    ] {
        let client_first = !matches!(mechanism, Mechanism::Login | Mechanism::CramMd5);
        // Only CAPA tells that the server takes an initial response; without it, the client waits to be asked.
        for one_line in [true, false] {
            let auth = Command::Auth(mechanism, credentials());
            let commands: &[Command] = match one_line {
                true => &[Command::Capa, auth, Command::Stat],
                false => &[auth, Command::Stat],
            };
            let (events, written) = talk(&servers, commands);
            assert!(
                is_accepted(&events, Request::Auth),
                "{mechanism:?} {events:?}"
            );
            let opened = |event: &Event| matches!(event, Event::DropListing(_));
            assert!(events.iter().any(opened), "{mechanism:?} {events:?}");
            let auth = written
                .lines()
                .find(|line| line.starts_with("AUTH"))
                .unwrap();
            let words = auth.split(' ').count();
            let expected = if one_line && client_first { 3 } else { 2 };
            assert_eq!(words, expected, "{mechanism:?}: {auth}");
        }
    }
}

#[tokio::test]
async fn apop_and_user_and_pass_log_in() {
    let Some(servers) = servers("APOP") else {
        return;
    };
    let name = || UserName::new("judy").unwrap();
    let password = || Password::new(PASSWORD).unwrap();
    let (events, written) = talk(&servers, &[Command::Apop(name(), password())]);
    assert!(is_accepted(&events, Request::Apop), "{events:?}");
    assert!(!written.contains(PASSWORD), "{written}");
    let wrong = Password::new("wrong").unwrap();
    let (events, _) = talk(&servers, &[Command::Apop(name(), wrong)]);
    assert!(!is_accepted(&events, Request::Apop), "{events:?}");
    let (events, _) = talk(
        &servers,
        &[Command::User(name()), Command::Pass(password())],
    );
    assert!(is_accepted(&events, Request::Pass), "{events:?}");
}

#[tokio::test]
async fn the_client_takes_the_strongest_way_in_under_any_protection() {
    let Some(servers) = servers("logging in under TLS") else {
        return;
    };
    for (security, apop, verb) in [
        (Security::StartTls, false, "AUTH SCRAM-SHA-256"),
        (Security::Tls, false, "AUTH SCRAM-SHA-256"),
        (Security::Tls, true, "APOP judy"),
        // Nothing that a listener could use is said: no need to allow it.
        (Security::None, false, "AUTH SCRAM-SHA-256"),
        (Security::None, true, "APOP judy"),
    ] {
        let (transcript, lines) = Transcript::in_memory();
        let config = config(&servers, "judy", security).transcript(transcript);
        let config = if apop { config.apop() } else { config };
        let mut client = Client::connect(&config).await.unwrap();
        assert_eq!(
            client.tls_description().is_some(),
            security != Security::None
        );
        assert_eq!(client.stat().await.unwrap().count, 0);
        client.quit().await.unwrap();
        let said: Vec<String> = lines().iter().map(ToString::to_string).collect();
        let found = said
            .iter()
            .any(|line| line.starts_with(&format!("C: {verb}")));
        assert!(found, "{security}: {said:?}");
    }
}

/// A message of about 1 KiB, with lines that begin with dots.
fn message(number: usize) -> String {
    let mut text = format!("Subject: {number}\r\nX-Number: {number}\r\n\r\n.\r\n..{number}\r\n");
    for line in 0..11 {
        text.push_str(&format!(
            "{}{line} {} é {}\r\n",
            if line % 3 == 0 { "." } else { "" },
            number * 7 + line,
            "x".repeat(64 + (number + line) % 13)
        ));
    }
    text
}

/// A folder in memory, where there is such a thing: twenty thousand times making durable is the disk's test, not ours.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}

/// One sync, as a process that was started for it would do it: its summary, and what the client asked.
async fn sync(config: Config, folder: &Path, deletion: Deletion) -> (Summary, Vec<String>) {
    let (transcript, lines) = Transcript::in_memory();
    let store = Maildir::open(folder.join("Mail")).unwrap();
    let config = config.transcript(transcript);
    let mailbox = Mailbox::open(config, folder.join("journal"), store).unwrap();
    let policy = Policy {
        deletion,
        ..Policy::default()
    };
    let summary = mailbox.policy(policy).sync(|_| {}).await.unwrap();
    let commands = lines().iter().map(ToString::to_string).collect();
    (summary, commands)
}

fn count(commands: &[String], verb: &str) -> usize {
    let verb = format!("C: {verb} ");
    commands
        .iter()
        .filter(|line| line.starts_with(&verb))
        .count()
}

/// What lies in a Maildir, by the number in its header.
fn stored(folder: &Path) -> HashMap<usize, String> {
    let files = std::fs::read_dir(folder.join("Mail").join("new")).unwrap();
    let mut stored = HashMap::new();
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let number = text
            .lines()
            .nth(1)
            .and_then(|line| line.strip_prefix("X-Number: "));
        let number = number.and_then(|number| number.parse().ok());
        let before = stored.insert(number.expect("a number"), text);
        assert_eq!(before, None, "stored twice");
    }
    stored
}

#[tokio::test]
async fn twenty_thousand_messages_are_mirrored_octet_by_octet_and_then_gone() {
    let Some(servers) = servers("a full mailbox") else {
        return;
    };
    let folder = folder();
    let messages: Vec<String> = (0..FULL).map(message).collect();
    servers.store("kevin", messages.iter().map(String::as_str));
    let config = config(&servers, "kevin", Security::StartTls);

    let (summary, commands) = sync(config.clone(), folder.path(), Deletion::Now).await;
    let octets: usize = messages.iter().map(String::len).sum();
    assert_eq!((summary.stored, summary.deleted), (FULL, FULL));
    assert_eq!(summary.octets, octets as u64);
    assert_eq!(
        (count(&commands, "RETR"), count(&commands, "DELE")),
        (FULL, FULL)
    );
    let stored = stored(folder.path());
    assert_eq!(stored.len(), FULL);
    for (number, message) in messages.iter().enumerate() {
        assert_eq!(stored.get(&number), Some(message), "message {number}");
    }
    assert_eq!(servers.delivered("kevin"), 0);

    let (summary, commands) = sync(config, folder.path(), Deletion::Now).await;
    assert_eq!((summary.listed, summary.stored, summary.deleted), (0, 0, 0));
    assert_eq!((count(&commands, "RETR"), count(&commands, "DELE")), (0, 0));
}

#[tokio::test]
async fn what_was_kept_is_known_the_next_time_and_deleted_without_being_fetched() {
    let Some(servers) = servers("a mailbox that is kept") else {
        return;
    };
    const KEPT: usize = 300;
    let folder = folder();
    let messages: Vec<String> = (0..KEPT).map(message).collect();
    servers.store("laura", messages.iter().map(String::as_str));
    let config = config(&servers, "laura", Security::Tls);
    for (deletion, fetched, deleted) in [
        (Deletion::Never, KEPT, 0),
        (Deletion::Never, 0, 0),
        (Deletion::Now, 0, KEPT),
    ] {
        let (summary, commands) = sync(config.clone(), folder.path(), deletion).await;
        assert_eq!(summary.listed as usize, KEPT);
        assert_eq!((summary.stored, summary.deleted), (fetched, deleted));
        assert_eq!(count(&commands, "RETR"), fetched);
    }
    assert_eq!(stored(folder.path()).len(), KEPT);
    assert_eq!(servers.delivered("laura"), 0);
}

//! From a mail to a program or a webhook: what they are told, when, and what becomes of the mail if they fail.

#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_notify::inbound::InboundOutcome;
use postrider_notify::inbound::InboundState::{Error, Held, Processed};
use serde_json::{Value, json};
use std::path::PathBuf;
use support::house::{House, first_incident};
use support::now;
use tempfile::TempDir;

const QUESTION: &str = "From: Carol <carol@example.net>\r\nTo: support@example.org\r\nSubject: Help\r\n\r\nIt does not work.\r\n";

/// A house whose mails go to a program, which files what it is told.
struct Desk {
    house: House,
    files: TempDir,
}

/// The program writes its input to the next file, its key to `keys`, and fails where there is a file called `broken`.
const PROGRAM: &str = r#"cd "$1" && echo "$POSTRIDER_IDEMPOTENCY_KEY" >>keys && cat >"$(wc -l <keys).json" &&
    if test -e broken; then echo no paper >&2; exit 3; fi; echo ticket 17; echo and more"#;

impl Desk {
    /// The action `print` before those of the example: the program, for the mails that `takes` says.
    fn new(takes: &str) -> Self {
        Self::with(&format!(
            "[inbound.print]\ntable = \"incident\"\n{takes}\nPROGRAM\n"
        ))
    }

    /// Actions before those of the example; `PROGRAM` is a line that calls the program.
    fn with(actions: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let words = json!(["sh", "-c", PROGRAM, "sh", files.path()]);
        let actions = actions.replace("PROGRAM", &format!("command = {words}"));
        let house = House::with_actions(&actions);
        Self { house, files }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// The keys that the program was called with.
    fn keys(&self) -> Vec<String> {
        let keys = std::fs::read_to_string(self.file("keys")).unwrap_or_default();
        keys.lines().map(str::to_owned).collect()
    }

    /// What it was told the `n`th time.
    fn told(&self, n: usize) -> Value {
        serde_json::from_slice(&std::fs::read(self.file(&format!("{n}.json"))).unwrap()).unwrap()
    }

    fn take(&self, mail: &str) -> InboundOutcome {
        self.house.take(mail.as_bytes()).outcome
    }

    fn reply(&self, from: &str) -> String {
        let to = self
            .house
            .reply_address(&first_incident(), "ada@example.org");
        format!("From: {from}\r\nTo: {to}\r\nSubject: Re: Tea\r\n\r\nWith milk.\r\n")
    }
}

/// What an action said.
fn verdict<'o>(outcome: &'o InboundOutcome, action: &str) -> (&'o str, &'o str) {
    let mut verdicts = outcome.verdicts.iter();
    let verdict = verdicts.find(|verdict| verdict.action == action).unwrap();
    (verdict.verdict, verdict.detail.as_str())
}

#[test]
fn a_program_is_told_of_the_mail_its_sender_and_the_record() {
    let desk = Desk::new("class = \"reply\"\nstop = false");
    let done = desk.take(&desk.reply("ada@example.org"));
    assert_eq!(done.state, Processed, "{done:?}");
    assert_eq!(done.action.as_deref(), Some("print, reply_comment"));
    let (said, detail) = verdict(&done, "print");
    assert_eq!(said, "ran");
    assert!(detail.ends_with("; it said: ticket 17"), "{detail}");
    let told = desk.told(1);
    assert_eq!(told["version"], 1);
    assert_eq!(told["action"], "print");
    assert_eq!(told["idempotency_key"], desk.keys()[0]);
    assert_eq!(told["class"], "reply");
    assert!(told["matched_by"].as_str().unwrap().starts_with("token: "));
    assert_eq!(told["inbound"]["account"], "support");
    assert_eq!(told["mail"]["text"], "With milk.");
    assert_eq!(told["sender"]["user"], "ada");
    let record = &told["record"];
    assert_eq!(
        (&record["table"], &record["id"]),
        (&json!("incident"), &json!("INC0010001"))
    );
    assert_eq!(
        record["fields"]["short_description"], "Tea",
        "as it was before"
    );
}

#[test]
fn a_program_alone_is_enough_for_a_mail_to_be_processed() {
    let desk = Desk::new("class = \"new\"\nstop = true");
    let done = desk.take(QUESTION);
    assert_eq!(
        (done.state, done.action.as_deref()),
        (Processed, Some("print"))
    );
    assert_eq!(desk.told(1)["record"], Value::Null);
    assert_eq!(desk.house.incidents(), 1, "the action after it was stopped");
}

#[test]
fn a_text_reaches_a_program_whole_however_long_it_is() {
    let desk = Desk::new("class = \"new\"");
    let text = "All of it is needed.\r\n".repeat(20_000);
    desk.take(&QUESTION.replace("It does not work.", &text));
    let told = desk.told(1);
    assert_eq!(
        told["mail"]["text"].as_str().unwrap().lines().count(),
        20_000
    );
}

#[test]
fn a_program_that_fails_keeps_the_mail_and_gets_the_same_key_again() {
    let desk = Desk::new("class = \"new\"\nstop = false");
    std::fs::write(desk.file("broken"), "").unwrap();
    let failed = desk.take(QUESTION);
    assert_eq!(failed.state, Error);
    let why = "inbound action print: sh failed (exit status: 3): no paper";
    assert_eq!(failed.reason, why);
    assert_eq!(
        desk.house.incidents(),
        1,
        "no other action of the mail took effect"
    );
    std::fs::remove_file(desk.file("broken")).unwrap();
    assert!(
        desk.house.inbound.run_once(now()).unwrap().is_empty(),
        "not before its time"
    );
    let done = desk
        .house
        .inbound
        .run_once(failed.next_at.unwrap())
        .unwrap()
        .remove(0)
        .outcome;
    assert_eq!((done.state, desk.house.incidents()), (Processed, 2));
    let keys = desk.keys();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    assert_eq!(desk.told(1), desk.told(2));
}

#[test]
fn a_program_that_always_fails_leaves_the_mail_to_a_person() {
    let desk = Desk::new("class = \"new\"\nstop = false");
    std::fs::write(desk.file("broken"), "").unwrap();
    let mut outcome = desk.take(QUESTION);
    while let Some(at) = outcome.next_at {
        outcome = desk.house.inbound.run_once(at).unwrap().remove(0).outcome;
    }
    assert_eq!((outcome.state, desk.keys().len()), (Held, 8));
    assert!(
        outcome
            .reason
            .starts_with("given up after 8 attempts: inbound action print: ")
    );
    std::fs::remove_file(desk.file("broken")).unwrap();
    let done = desk
        .house
        .inbound
        .accept(outcome.id, None, now())
        .unwrap()
        .outcome;
    assert_eq!((done.state, desk.house.incidents()), (Processed, 2));
    assert_eq!(desk.keys()[8], desk.keys()[0]);
}

#[test]
fn two_mails_and_two_actions_have_keys_of_their_own() {
    let action = |name: &str| {
        format!("[inbound.{name}]\nclass = \"new\"\ntable = \"incident\"\nstop = false\nPROGRAM\n")
    };
    let desk = Desk::with(&(action("print") + &action("file")));
    desk.take(QUESTION);
    desk.take(&QUESTION.replace("Help", "Help me"));
    let mut keys = desk.keys();
    assert_eq!(desk.told(2)["action"], "file", "one after the other");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 4, "{keys:?}");
}

#[test]
fn a_program_that_fails_behind_another_keeps_the_mail_as_well() {
    let desk = Desk::with(
        "[inbound.print]\nclass = \"new\"\ntable = \"incident\"\nstop = false\nPROGRAM\n[inbound.fails]\nclass = \"new\"\ntable = \"incident\"\ncommand = [\"false\"]\n",
    );
    let failed = desk.take(QUESTION);
    assert_eq!(failed.state, Error);
    assert!(
        failed
            .reason
            .starts_with("inbound action fails: false failed"),
        "{}",
        failed.reason
    );
    assert_eq!((desk.house.incidents(), desk.keys().len()), (1, 1));
}

#[test]
fn nobody_is_called_for_a_stranger() {
    let comment = "[incoming]\nstrangers = \"comment\"\n[inbound.print]\nclass = \"reply\"\ntable = \"incident\"\nPROGRAM\n";
    let desk = Desk::with(comment);
    let strange = desk.take(&desk.reply("mallory@example.org"));
    assert_eq!(strange.action.as_deref(), Some("reply_comment"));
    assert_eq!(
        verdict(&strange, "print"),
        ("nothing", "it changes nothing")
    );
    assert!(desk.keys().is_empty());
}

#[test]
fn nobody_is_called_where_it_is_only_asked_what_would_be() {
    let desk = Desk::new("class = \"new\"");
    assert!(desk.house.put(QUESTION.as_bytes()));
    let stored = desk.house.store.due_inbound(now(), 1).unwrap().remove(0);
    let found = desk.house.inbound.dry_run(&stored).unwrap();
    assert_eq!(
        (found.state, verdict(&found, "print").0),
        (Processed, "ran")
    );
    assert!(desk.keys().is_empty());
}

/// The body of the one request that is taken, and the value of a header field.
#[cfg(feature = "webhook")]
fn request(listener: &std::net::TcpListener) -> (Value, String) {
    use std::io::{BufRead, BufReader, Read, Write};
    let (mut socket, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().unwrap(),
            Some(("Idempotency-Key", value)) => key = value.to_owned(),
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    socket.write_all(b"HTTP/1.1 200 Filed\r\n\r\n").unwrap();
    (serde_json::from_slice(&body).unwrap(), key)
}

#[cfg(feature = "webhook")]
#[test]
fn a_webhook_is_told_what_a_program_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mail", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || request(&listener));
    let desk = Desk::with(&format!(
        "[inbound.print]\nclass = \"new\"\ntable = \"incident\"\nPROGRAM\nwebhook = \"{url}\"\n"
    ));
    let done = desk.take(QUESTION);
    let (_, detail) = verdict(&done, "print");
    assert!(
        detail.ends_with("; it said: ticket 17; it said: HTTP/1.1 200 Filed"),
        "{detail}"
    );
    let (body, key) = server.join().unwrap();
    assert_eq!(body, desk.told(1));
    assert_eq!(vec![key], desk.keys());
}

#[cfg(feature = "webhook")]
#[test]
fn a_webhook_that_nobody_answers_keeps_the_mail() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mail", listener.local_addr().unwrap());
    drop(listener);
    let desk = Desk::with(&format!(
        "[inbound.print]\nclass = \"new\"\ntable = \"incident\"\nwebhook = \"{url}\"\n"
    ));
    let failed = desk.take(QUESTION);
    assert_eq!((failed.state, desk.house.incidents()), (Error, 1));
    assert!(
        failed.reason.starts_with("inbound action print: "),
        "{}",
        failed.reason
    );
}

/// A mail server that speaks TLS from the first octet is no webhook, and says so: by then the certificate was looked at.
#[cfg(feature = "webhook")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_of_a_webhook_is_verified() {
    let sandbox = support::sandbox().await;
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), sandbox.ca_pem()).unwrap();
    let hook = |more: &str| {
        let url = format!("https://localhost:{}/mail", sandbox.smtps().port());
        let desk = Desk::with(&format!(
            "[inbound.print]\nclass = \"new\"\ntable = \"incident\"\nwebhook = \"{url}\"\n{more}"
        ));
        let failed = desk.take(QUESTION);
        assert_eq!((failed.state, desk.house.incidents()), (Error, 1));
        failed.reason
    };
    let (trusted, unknown) = tokio::task::block_in_place(|| {
        let ca = format!("webhook_ca_file = {}\n", json!(ca.path()));
        (hook(&ca), hook(""))
    });
    assert!(trusted.contains(" answered: 220 "), "{trusted}");
    assert!(unknown.contains("certificate"), "{unknown}");
}

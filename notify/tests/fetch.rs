//! `postrider fetch` and `postrider mailbox` against the sandbox: what lands on the disk, what stays on the server, exit codes.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_sandbox::{Action, Fault, Sandbox, Stage};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use support::{PASSWORD, prepared, sandbox};
use tempfile::TempDir;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    fn json(self) -> Vec<Value> {
        let lines = self.good();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A folder with the authority of the sandbox.
fn desk(sandbox: &Sandbox) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
    dir
}

/// Runs the command with the right password, unless `password` is another, as somebody who trusts the sandbox.
async fn with(dir: &TempDir, password: Option<&str>, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
    command
        .current_dir(dir.path())
        .args(args)
        .args(["--ca-file", "ca.pem"])
        .env_remove("POSTRIDER_PASSWORD");
    if let Some(password) = password {
        command.env("POSTRIDER_PASSWORD", password);
    }
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn ran(dir: &TempDir, args: &[&str]) -> Ran {
    with(dir, Some(PASSWORD), args).await
}

fn pop3(sandbox: &Sandbox) -> String {
    format!("pop3://ada@{}", sandbox.pop3())
}

fn mail(n: usize) -> String {
    format!(
        "From: Grace <grace@example.org>\r\nDate: Mon, 23 Nov 2026 12:00:0{n} +0000\r\n\
         Subject: =?utf-8?q?num=C3=A9ro_{n}?=\r\n\r\n.dot {n}\r\n"
    )
}

fn deliver(sandbox: &Sandbox, numbers: std::ops::Range<usize>) {
    for n in numbers {
        sandbox.deliver("ada@example.org", mail(n)).unwrap();
    }
}

fn left(sandbox: &Sandbox) -> usize {
    sandbox.messages("ada@example.org").len()
}

/// The mails of a Maildir, sorted by their octets.
fn maildir(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder.join("new")).unwrap();
    let mut mails: Vec<String> = files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    mails.sort();
    mails
}

fn mails(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(mail).collect()
}

/// How often the server was asked for a message.
fn retrieved(sandbox: &Sandbox) -> usize {
    let lines = sandbox.transcript();
    let asked = |line: &&_| ToString::to_string(*line).contains("C: RETR");
    lines.iter().filter(asked).count()
}

#[tokio::test]
async fn a_second_fetch_fetches_what_is_new_and_nothing_twice() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    deliver(&sandbox, 0..3);
    let said = ran(&dir, &["fetch", &url, "--maildir", "Mail"]).await;
    let said = said.good();
    assert!(said.starts_with("3 new of 3 messages"), "{said}");
    assert!(said.ends_with("0 deleted on the server\n"), "{said}");
    assert_eq!(maildir(&dir.path().join("Mail")), mails(0..3));

    deliver(&sandbox, 3..5);
    let lines = ran(&dir, &["fetch", &url, "--maildir", "Mail/", "--json"]).await;
    let lines = lines.json();
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].clone()).collect();
    assert_eq!(kinds, ["stored", "stored", "summary"]);
    assert_eq!(lines[2]["listed"], 5);
    assert_eq!(lines[2]["stored"], 2);
    let place = lines[0]["place"].as_str().unwrap();
    assert!(place.contains(lines[0]["key"].as_str().unwrap()), "{place}");
    assert_eq!(maildir(&dir.path().join("Mail")), mails(0..5));
    assert_eq!(retrieved(&sandbox), 5);
    assert_eq!(left(&sandbox), 5, "the server keeps all, unless told");
}

#[tokio::test]
async fn a_fetch_that_was_cut_off_goes_on_where_it_was() {
    let cut = Fault::pop3(Stage::Retr, Action::DropAfterBytes(30)).nth(3);
    let again = Fault::pop3(Stage::Greeting, Action::DropBefore).nth(2);
    let sandbox = prepared(Sandbox::builder().fault(cut).fault(again)).await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    deliver(&sandbox, 0..5);
    let fetch = ["fetch", &url, "--maildir", "Mail", "--delete"];
    let first = ran(&dir, &fetch).await;
    assert_eq!(first.code, 75, "{}{}", first.out, first.err);
    assert_eq!(maildir(&dir.path().join("Mail")), mails(0..2));
    assert_eq!(left(&sandbox), 5, "nothing is deleted without QUIT");

    sandbox.clear_transcript();
    let said = ran(&dir, &fetch).await.good();
    assert!(said.starts_with("3 new of 5 messages"), "{said}");
    assert!(said.ends_with("5 deleted on the server\n"), "{said}");
    assert_eq!(maildir(&dir.path().join("Mail")), mails(0..5));
    assert_eq!(retrieved(&sandbox), 3);
    assert_eq!(left(&sandbox), 0);
}

#[tokio::test]
async fn an_mbox_over_tls_from_the_first_byte_with_a_password_file() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    std::fs::write(dir.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    deliver(&sandbox, 0..2);
    let url = format!("pop3s://ada@{}", sandbox.pop3s());
    let mut fetch = vec![
        "fetch",
        &url,
        "--mbox",
        "mail.mbox",
        "--delete-after",
        "30d",
    ];
    fetch.extend(["--password-file", "password"]);
    with(&dir, None, &fetch).await.good();
    let mbox = std::fs::read_to_string(dir.path().join("mail.mbox")).unwrap();
    assert_eq!(mbox.matches("\nFrom ").count() + 1, 2, "{mbox}");
    assert!(mbox.contains("\n.dot 1\n"), "{mbox}");
    assert_eq!(left(&sandbox), 2, "thirty days are not over");

    let last = fetch.iter().position(|arg| *arg == "30d").unwrap();
    fetch[last] = "0s";
    let said = with(&dir, None, &fetch).await.good();
    assert!(said.ends_with("; 2 deleted on the server\n"), "{said}");
    assert_eq!(left(&sandbox), 0);
    assert_eq!(
        std::fs::read_to_string(dir.path().join("mail.mbox")).unwrap(),
        mbox
    );
}

#[tokio::test]
async fn what_is_cut_off_an_mbox_is_kept_and_somebody_is_told_where() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    deliver(&sandbox, 0..1);
    let path = |name: &str| dir.path().join(name);
    let theirs = "From bob Thu Jan  1 00:00:00 1970\n\nappended since\n\n";
    std::fs::write(path("mail.mbox"), theirs).unwrap();
    std::fs::write(path("mail.mbox.postrider-length"), "0\n").unwrap();
    let fetch = ["fetch", &url, "--mbox", "mail.mbox"];
    let said = ran(&dir, &fetch).await;
    assert!(said.err.contains("mail.mbox.postrider-cut"), "{}", said.err);
    said.good();
    let cut = std::fs::read_to_string(path("mail.mbox.postrider-cut")).unwrap();
    assert_eq!(cut, theirs);
    let again = ran(&dir, &fetch).await;
    assert!(!again.err.contains("postrider-cut"), "{}", again.err);
    again.good();

    let held = postrider_pop3::sync::Mboxrd::open(path("mail.mbox")).unwrap();
    let busy = ran(&dir, &fetch).await;
    assert_eq!(busy.code, 75, "{}", busy.err);
    assert!(busy.err.contains("mbox is in use"), "{}", busy.err);
    drop(held);
}

#[tokio::test]
async fn the_mailbox_is_listed_and_left_as_it_is() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    deliver(&sandbox, 0..3);
    let mut rows = ran(&dir, &["mailbox", &url, "--json"]).await.json();
    assert_eq!(rows.len(), 3);
    let uid = rows[1].as_object_mut().unwrap().remove("uid").unwrap();
    assert!(uid.is_string());
    assert_eq!(
        rows[1],
        serde_json::json!({
            "number": 2, "octets": mail(1).len(), "date": "2026-11-23T12:00:01Z",
            "from": "Grace <grace@example.org>", "subject": "numéro 1",
        })
    );
    let two = ran(&dir, &["mailbox", &url, "--last", "2"]).await;
    assert_eq!(two.err, "the last 2 of 3 messages; --last 3 shows all\n");
    let lines: Vec<String> = two.good().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("NO  OCTETS"), "{lines:?}");
    assert!(lines[1].starts_with("2   "), "{lines:?}");
    assert!(lines[2].contains("2026-11-23 12:00:02"), "{lines:?}");
    assert!(lines[2].ends_with("numéro 2"), "{lines:?}");
    assert_eq!((retrieved(&sandbox), left(&sandbox)), (0, 3));
}

#[tokio::test]
async fn a_server_without_top_shows_the_message_instead() {
    let capa = Action::Reply(b"+OK\r\nUSER\r\nUIDL\r\nSTLS\r\n.".to_vec());
    let top = Action::Reply(b"-ERR unknown command".to_vec());
    let builder = Sandbox::builder()
        .fault(Fault::pop3(Stage::Ehlo, capa).every())
        .fault(Fault::pop3(Stage::Top, top).every());
    let sandbox = prepared(builder).await;
    let dir = desk(&sandbox);
    deliver(&sandbox, 0..2);
    sandbox
        .deliver(
            "ada@example.org",
            format!("Subject: large\r\n\r\n{}", "x\r\n".repeat(400_000)),
        )
        .unwrap();
    let rows = ran(&dir, &["mailbox", &pop3(&sandbox), "--json"]).await;
    let rows = rows.json();
    let subjects: Vec<_> = rows.iter().map(|row| row["subject"].clone()).collect();
    assert_eq!(
        subjects,
        ["numéro 0".into(), "numéro 1".into(), Value::Null]
    );
    assert_eq!(retrieved(&sandbox), 2, "the large one is not fetched");
    // A server with EXPIRE 0 may take each RETR for a DELE, at QUIT (RFC 2449 §6.7).
    let quit = |line: &&_| ToString::to_string(*line).contains("C: QUIT");
    assert_eq!(sandbox.transcript().iter().filter(quit).count(), 0);
}

#[tokio::test]
async fn a_server_that_wants_a_pause_gets_it_if_there_is_patience_for_it() {
    // It wants a second between logins, and says so.
    let delay = Action::Reply(b"+OK\r\nUSER\r\nSTLS\r\nUIDL\r\nLOGIN-DELAY 1\r\n.\r\n".to_vec());
    let refusal = Action::Reply(b"-ERR [LOGIN-DELAY] too soon".to_vec());
    let builder = Sandbox::builder()
        .fault(Fault::pop3(Stage::Ehlo, delay).every())
        .fault(Fault::pop3(Stage::Pass, refusal.clone()).nth(1))
        .fault(Fault::pop3(Stage::Pass, refusal).nth(2));
    let sandbox = prepared(builder).await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    deliver(&sandbox, 0..1);
    let fetch = ["fetch", &url, "--maildir", "Mail"];
    let hasty = ran(&dir, &fetch).await;
    assert_eq!(hasty.code, 75, "{}", hasty.err);
    assert!(hasty.err.contains("LOGIN-DELAY"), "{}", hasty.err);
    let patient = ran(&dir, &[&fetch[..], &["--patience", "20s"]].concat()).await;
    assert!(
        patient.err.contains("trying again in 1 s"),
        "{}",
        patient.err
    );
    assert!(patient.good().starts_with("1 new of 1 messages"));
}

#[tokio::test]
async fn a_server_that_wants_a_pause_for_ever_gets_an_end() {
    let never = format!(
        "+OK\r\nUSER\r\nSTLS\r\nUIDL\r\nLOGIN-DELAY {}\r\n.\r\n",
        u64::MAX
    );
    let refusal = Action::Reply(b"-ERR [IN-USE] locked".to_vec());
    let builder = Sandbox::builder()
        .fault(Fault::pop3(Stage::Ehlo, Action::Reply(never.into_bytes())).every())
        .fault(Fault::pop3(Stage::Pass, refusal).every());
    let sandbox = prepared(builder).await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    let fetch = ["fetch", &url, "--maildir", "Mail", "--patience", "20s"];
    let said = ran(&dir, &fetch).await;
    assert_eq!(said.code, 75, "{}", said.err);
    assert!(said.err.contains("IN-USE"), "{}", said.err);
}

#[tokio::test]
async fn one_journal_is_used_by_one_fetch_at_a_time() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    let path = dir.path().join("ada.journal");
    let held = postrider_pop3::sync::JournalFile::open(&path).unwrap();
    // Into different places, so that only the journal is in the way.
    let fetch = |into| ["fetch", &url, "--maildir", into, "--journal", "ada.journal"];
    let busy = ran(&dir, &fetch("Mail")).await;
    assert_eq!(busy.code, 75, "{}", busy.err);
    assert!(busy.err.contains("journal is in use"), "{}", busy.err);
    drop(held);
    ran(&dir, &fetch("Other")).await.good();
}

#[tokio::test]
async fn an_empty_mailbox_is_no_failure() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    assert_eq!(ran(&dir, &["mailbox", &url, "--json"]).await.good(), "");
    let said = ran(&dir, &["fetch", &url, "--maildir", "Mail"]).await;
    assert!(said.good().starts_with("0 new of 0 messages"));
}

#[tokio::test]
async fn a_wrong_password_is_told_from_a_server_that_is_not_there() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    for command in [
        &["fetch", &url, "--maildir", "Mail"][..],
        &["mailbox", &url],
    ] {
        let wrong = with(&dir, Some("hunter2"), command).await;
        assert_eq!(wrong.code, 77, "{}", wrong.err);
        assert!(wrong.err.contains("check user name"), "{}", wrong.err);
        assert!(!wrong.err.contains("hunter2"), "{}", wrong.err);
    }
    drop(sandbox);
    let gone = ran(&dir, &["mailbox", &url]).await;
    assert!(matches!(gone.code, 69 | 75), "{} {}", gone.code, gone.err);
}

#[tokio::test]
async fn exit_codes_say_whether_it_may_work_later() {
    for (stage, line, code) in [
        (Stage::Greeting, "-ERR [SYS/PERM] closed for good", 69),
        (Stage::Greeting, "-ERR [SYS/TEMP] closed for now", 75),
        (Stage::StartTls, "-ERR no TLS", 69),
        (Stage::Auth, "-ERR [SYS/PERM] no mailbox", 69),
        (Stage::Quit, "-ERR some were not removed", 75),
    ] {
        let sandbox = sandbox().await;
        deliver(&sandbox, 0..1);
        let refusal = Action::Reply(line.as_bytes().to_vec());
        sandbox.add_fault(Fault::pop3(stage, refusal));
        let dir = desk(&sandbox);
        let args = ["fetch", &pop3(&sandbox), "--maildir", "in", "--delete"];
        let said = ran(&dir, &args).await;
        assert_eq!(said.code, code, "{line}: {}{}", said.out, said.err);
    }
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    sandbox.add_fault(Fault::pop3(
        Stage::Ehlo,
        Action::Raw(b"+OK\r\nUSER\r\n.\r\n".to_vec()),
    ));
    let long = "x".repeat(255);
    let args = [
        "mailbox",
        &format!("{}?security=none", pop3(&sandbox)),
        "--danger-allow-clear-text",
    ];
    let said = with(&dir, Some(&long), &args).await;
    assert_eq!(said.code, 65, "{}", said.err);
    assert!(said.err.contains("login at"), "{}", said.err);
}

#[tokio::test]
async fn hints_speak_of_the_url() {
    let capa = Action::Reply(b"+OK\r\nUSER\r\nUIDL\r\n.".to_vec());
    let builder = Sandbox::builder().fault(Fault::pop3(Stage::Ehlo, capa).every());
    let sandbox = prepared(builder).await;
    let dir = desk(&sandbox);
    let said = ran(&dir, &["mailbox", &pop3(&sandbox)]).await;
    assert_eq!(said.code, 69, "{}", said.err);
    assert!(said.err.contains("?security=tls"), "{}", said.err);
}

#[tokio::test]
async fn what_the_command_line_must_not_say() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    let url = pop3(&sandbox);
    let clear = format!("{url}?security=none");
    let secret = url.replace("ada@", "ada:hunter2@");
    for (args, sentence) in [
        (vec!["mailbox", &secret], "a password in the URL"),
        (
            vec!["mailbox", &url, "--password", "hunter2"],
            "a password on the command line",
        ),
        (
            vec!["mailbox", &url, "--password=hunter2"],
            "a password on the command line",
        ),
        (vec!["mailbox", &clear], "--danger-allow-clear-text"),
        (vec!["mailbox", "pop3s://example.org"], "USER@"),
        (vec!["fetch", &url], "--maildir"),
        (
            vec!["fetch", &url, "--maildir", "a", "--mbox", "b"],
            "--mbox",
        ),
        (
            vec!["fetch", &url, "--maildir", "a", "--keep", "--delete"],
            "--delete",
        ),
        (
            vec!["fetch", &url, "--maildir", "a", "--delete-after", "30"],
            "such as 30d",
        ),
    ] {
        let said = ran(&dir, &args).await;
        assert_eq!(said.code, 64, "{args:?}: {}", said.err);
        assert!(said.err.contains(sentence), "{args:?}: {}", said.err);
        assert!(!said.err.contains("hunter2"), "{args:?}: {}", said.err);
    }
    let none = with(&dir, None, &["mailbox", &url]).await;
    assert_eq!(none.code, 64);
    assert!(none.err.contains("set POSTRIDER_PASSWORD"), "{}", none.err);
    assert!(sandbox.transcript().is_empty(), "nobody connected");
}

#[tokio::test]
async fn clear_text_is_spoken_only_where_it_is_asked_for_loudly() {
    let sandbox = prepared(Sandbox::builder().clear_text_auth(true)).await;
    let dir = desk(&sandbox);
    let url = format!("{}?security=none", pop3(&sandbox));
    deliver(&sandbox, 0..1);
    let list = ["mailbox", &url, "--danger-allow-clear-text", "--json"];
    assert_eq!(ran(&dir, &list).await.json().len(), 1);
}

#[tokio::test]
async fn mail_that_cannot_be_stored_stays_on_the_server() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox);
    deliver(&sandbox, 0..1);
    std::fs::write(dir.path().join("file"), "").unwrap();
    let fetch = ["fetch", &pop3(&sandbox), "--maildir", "file", "--delete"];
    let said = ran(&dir, &fetch).await;
    assert_eq!(said.code, 73, "{}", said.err);
    assert_eq!(left(&sandbox), 1);
}

//! Running the program: events by the line, the daemon's signals, its log and its counters, mail by condition.
#![cfg(all(unix, feature = "cli"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;
mod support;

use desk::{as_it_is, json, ran, run};
use postrider_notify::store::{SqliteStore, Store};
use postrider_notify::suppression::{Reason, Suppression};
use postrider_sandbox::Sandbox;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use support::sandbox;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

async fn house() -> (Sandbox, TempDir) {
    let sandbox = sandbox().await;
    let dir = support::desk(&sandbox, as_it_is);
    (sandbox, dir)
}

struct Daemon {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Daemon {
    fn start(dir: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_postrider"))
            .current_dir(dir)
            .arg("run")
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// Reads until a line holds this.
    fn until(&mut self, what: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(
                self.out.read_line(&mut line).unwrap() > 0,
                "it ended without saying {what:?}"
            );
            if line.contains(what) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn intake(dir: &Path, lines: &str) -> (i32, Vec<Value>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postrider"))
        .current_dir(dir)
        .args(["event", "intake"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), json(&out))
}

#[test]
fn an_input_that_cannot_be_read_ends_the_intake() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init", "."]).good();
    let mut command = desk::postrider();
    command
        .current_dir(dir.path())
        .args(["event", "intake"])
        .stdin(std::fs::File::open(dir.path()).unwrap());
    let ran = desk::Ran::of(command.output().unwrap());
    assert_eq!((ran.code, ran.out.as_str()), (74, ""), "{}", ran.err);
    let said = "postrider: cannot read standard input: ";
    assert!(ran.err.starts_with(said), "{}", ran.err);
}

#[tokio::test]
async fn each_line_of_the_intake_is_acknowledged_and_a_bad_one_stops_no_other() {
    let (_sandbox, dir) = house().await;
    let create = ["record", "create", "incident", "short_description=x"];
    ran(dir.path(), &create).await.good();
    let lines = concat!(
        r#"{"name": "incident.escalated", "record": "incident/INC0010001", "key": "k"}"#,
        "\n",
        "not json\n",
        r#"{"name": "incident.escalated", "record": "incident/INC0010001", "key": "k"}"#,
        "\n",
        r#"{"name": "nobody.knows"}"#,
        "\n",
        r#"{"name": "incident.escalated", "parm3": "x"}"#,
        "\n",
        r#"{"name": "incident.escalated"}"#,
        "\n",
        r#"{"name": "incident.escalated", "record": "incident/INC0010001", "at": "+1h"}"#,
    );
    let path = dir.path().to_owned();
    let (code, answers) = spawn_blocking(move || intake(&path, lines)).await.unwrap();
    assert_eq!(code, 65);
    assert_eq!(answers.len(), 7);
    assert!(answers[0]["event"].is_i64());
    assert_eq!(
        answers[0]["event"], answers[2]["event"],
        "one key, one event"
    );
    assert!(answers[1]["error"].as_str().unwrap().contains("expected"));
    assert_eq!(
        answers[3]["error"],
        "the event `nobody.knows` is not registered"
    );
    assert_eq!(answers[4]["error"], "there is no key `parm3`");
    assert!(answers[6]["event"].as_i64() > answers[0]["event"].as_i64());
    let alone = answers[5]["error"].as_str().unwrap();
    assert!(
        alone.ends_with("and this one is about no record"),
        "{alone}"
    );
    // The one with a time is not due yet.
    let once = ran(dir.path(), &["run", "--once"]).await;
    assert!(once.err.contains("7 events settled"), "{}", once.err);
}

#[tokio::test]
async fn an_event_can_be_fired_for_later() {
    let (_sandbox, dir) = house().await;
    let create = ["record", "create", "incident", "short_description=x"];
    ran(dir.path(), &create).await.good();
    let fire = [
        "event",
        "fire",
        "incident.escalated",
        "--record",
        "incident/INC0010001",
        "--at",
        "+2d",
    ];
    ran(dir.path(), &fire).await.good();
    let once = ran(dir.path(), &["run", "--once"]).await;
    assert!(once.err.contains("6 events settled"), "{}", once.err);
    let wrong = ran(
        dir.path(),
        &["event", "fire", "incident.escalated", "--at", "soon"],
    )
    .await;
    assert_eq!(wrong.code, 64);
    assert!(wrong.err.contains("+90m from now"), "{}", wrong.err);
}

#[tokio::test]
async fn a_reload_takes_a_good_configuration_and_keeps_the_old_one_instead_of_a_bad() {
    let (_sandbox, dir) = house().await;
    let path = dir.path().to_owned();
    spawn_blocking(move || {
        let file = path.join("postrider.toml");
        let good = std::fs::read_to_string(&file).unwrap();
        let metrics = path.join("counters.prom");
        let mut daemon = Daemon::start(&path, &["--log", "json", "--metrics", "counters.prom"]);
        let line: Value = serde_json::from_str(&daemon.until("\"started\"")).unwrap();
        assert_eq!(
            (line["event"].as_str(), line["level"].as_str()),
            (Some("started"), Some("info"))
        );

        std::fs::write(
            &file,
            good.replace("[smtp.main]", "[smtp.main]\nfrmo = \"x\""),
        )
        .unwrap();
        daemon.signal("-HUP");
        let line: Value = serde_json::from_str(&daemon.until("reload_failed")).unwrap();
        assert!(line["reason"].as_str().unwrap().contains("frmo"), "{line}");

        std::fs::write(
            &file,
            good.replace("database = \"postrider.db\"", "database = \"other.db\""),
        )
        .unwrap();
        daemon.signal("-HUP");
        assert!(daemon.until("reload_failed").contains("needs a restart"));

        std::fs::write(&file, good.replace("is yours", "is all yours")).unwrap();
        daemon.signal("-HUP");
        daemon.until("\"reloaded\"");
        daemon.until("\"started\"");
        let create = Command::new(env!("CARGO_BIN_EXE_postrider"))
            .current_dir(&path)
            .args([
                "record",
                "create",
                "incident",
                "short_description=x",
                "assigned_to=ada",
            ])
            .output()
            .unwrap();
        assert!(create.status.success());
        daemon.until("\"delivered\"");
        let log = Command::new(env!("CARGO_BIN_EXE_postrider"))
            .current_dir(&path)
            .args(["log", "--json"])
            .output()
            .unwrap();
        let rows = json(&String::from_utf8(log.stdout).unwrap());
        assert_eq!(rows[0]["subject"], "INC0010001 is all yours: x");

        daemon.signal("-TERM");
        daemon.until("\"stopped\"");
        assert!(
            daemon.child.wait().unwrap().success(),
            "it drained and ended well"
        );
        let text = std::fs::read_to_string(metrics).unwrap();
        assert!(
            text.contains("postrider_events_total{event=\"delivered\",account=\"main\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("postrider_events_total{event=\"reload_failed\",account=\"\"} 2"),
            "{text}"
        );
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn mail_is_chosen_by_condition_shown_whole_and_sent_again() {
    let (_sandbox, dir) = house().await;
    for to in [
        "fail-550@example.org",
        "fail-450@example.org",
        "ada@example.org",
    ] {
        let caller = format!("caller_email={to}");
        let create = [
            "record",
            "create",
            "incident",
            "short_description=x",
            "contact_type=email",
            &caller,
        ];
        ran(dir.path(), &create).await.good();
    }
    ran(dir.path(), &["run", "--once"]).await;
    let listed = ran(
        dir.path(),
        &[
            "log",
            "--json",
            "--where",
            "code=550^recipientENDSWITH@example.org",
        ],
    )
    .await;
    let rows = json(&listed.good());
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["recipient"], "fail-550@example.org");
    let id = rows[0]["delivery"].to_string();
    let shown = ran(dir.path(), &["log", "show", &id]).await.good();
    assert!(
        shown.contains("Subject: ") && shown.contains("text/plain"),
        "{shown}"
    );
    assert!(
        shown.contains("attempt 1 at ") && shown.contains("rcpt: 550 5.1.1"),
        "{shown}"
    );
    assert!(shown.ends_with("state failed (Failed)\n"), "{shown}");
    for (condition, said) in [
        ("colour=red", "`colour` (the fields are: state, mailbox, "),
        ("recipent=x", "; did you mean `recipient`?"),
        (
            "code=550^ORstate=defered",
            "there is no state `defered`; did you mean `deferred`? (the states are: ready, ",
        ),
    ] {
        let wrong = ran(dir.path(), &["log", "--where", condition]).await;
        assert_eq!(wrong.code, 64);
        assert!(wrong.err.contains(said), "{}", wrong.err);
    }
    let none = ran(dir.path(), &["queue", "requeue", "--where", "code=554"])
        .await
        .good();
    assert_eq!(none.trim(), "0 requeued");
    for condition in ["code=550", "code=450^state=deferred"] {
        let requeue = ["queue", "requeue", "--where", condition];
        let again = ran(dir.path(), &requeue).await.good();
        assert_eq!(again.trim(), "1 requeued");
    }
}

#[test]
fn of_a_mail_that_was_never_tried_the_state_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    run(dir, &["init", "."]).good();
    run(dir, &["record", "create", "incident", "assigned_to=ada"]).good();
    run(dir, &["run", "--once"]);
    let shown = || run(dir, &["log", "show", "1"]).good();
    assert!(
        shown().ends_with("no attempt yet\nstate ready (Outbox)\n"),
        "{}",
        shown()
    );
    run(dir, &["queue", "cancel", "1"]).good();
    let ended = "no attempt was made\nstate cancelled (Failed): cancelled\n";
    assert!(shown().ends_with(ended), "{}", shown());
}

#[test]
fn an_address_with_too_few_points_is_listed_as_one_that_gets_mail() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    run(dir, &["init", "."]).good();
    run(dir, &["suppression", "add", "ada@example.org"]).good();
    let now = jiff::Timestamp::now();
    let long_ago = now - jiff::SignedDuration::from_hours(48);
    let store = SqliteStore::open(&dir.join("postrider.db")).unwrap();
    for (address, hits) in [("bob@example.org", 1), ("carol@example.org", 4)] {
        let counted = Suppression {
            address: address.into(),
            account: None,
            reason: Reason::Soft,
            detail: "4.2.2".into(),
            since: long_ago,
            until: Some(long_ago),
            hits,
        };
        store.suppress(&counted).unwrap();
    }
    let list = run(dir, &["suppression", "list"]).good();
    let over = format!("over since {}", long_ago.strftime("%Y-%m-%d"));
    for (line, said) in list
        .lines()
        .skip(1)
        .zip(["for good", "not yet: 1 of 4 points", &over])
    {
        assert!(line.contains(said), "{said}: {line}");
    }
    let objects = json(&run(dir, &["suppression", "list", "--json"]).good());
    let in_force: Vec<_> = objects.iter().map(|s| s["in_force"].clone()).collect();
    assert_eq!(in_force, [true, false, false]);
}

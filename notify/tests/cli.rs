//! The `postrider` command as people run it: exit codes, sentences, and the whole way of a mail.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;
mod support;

use desk::*;
use std::process::Command;
use support::*;

#[test]
fn try_tells_both_stories_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let output = postrider()
        .arg("try")
        .env("TMPDIR", dir.path())
        .output()
        .unwrap();
    let out = Ran::of(output).good();
    for said in [
        "✓ one mail about incident/INC0010001 is queued, for ada@example.org",
        "C: STARTTLS",
        "C: RCPT TO:<ada@example.org>",
        "✓ Ada's answer belongs to incident/INC0010001, by its signed token",
        "✓ an acknowledgement with INC0010002 lies in Carol's mailbox",
        "✓ nothing was fetched",
        "Everything holds, in ",
    ] {
        assert!(out.contains(said), "{said} is not in\n{out}");
    }
    assert!(!out.contains('\x1b'), "no colour outside a terminal");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn try_keep_runs_until_it_is_told_to_stop() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let mut child = postrider()
        .args(["try", "--keep"])
        .env("TMPDIR", dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |word: &str| {
        lines
            .find_map(|line| line.ok().filter(|line| line.contains(word)))
            .unwrap_or_else(|| panic!("{word} was not said"))
    };
    let config = next("configuration   ");
    let config = config.split_whitespace().last().unwrap().to_owned();
    next(" info started ");
    let create = [
        "-C",
        &config,
        "record",
        "create",
        "incident",
        "short_description=Tea",
        "assigned_to=ada",
    ];
    assert_eq!(
        run(dir.path(), &create).good().trim(),
        "incident/INC0010003"
    );
    next(" delivered delivery=");
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    next(" info stopped");
    assert!(child.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn init_writes_an_example_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = run(dir.path(), &["init", "desk"]).good();
    assert!(
        out.lines().any(|line| line == "desk/postrider.toml"),
        "{out}"
    );
    assert!(
        run(dir.path(), &["-C", "desk", "check", "--offline"])
            .good()
            .contains("ok")
    );
    run(dir.path(), &["init", "desk"]).says(
        73,
        "desk/postrider.toml exists already (choose another folder, or remove it)",
    );
}

#[test]
fn without_a_configuration_it_says_where_it_looked() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().canonicalize().unwrap();
    let sentence = format!(
        "there is no configuration at {}/postrider.toml (name one with --config PATH, or write an example with `postrider init DIR`)",
        here.display()
    );
    run(&here, &["check"]).says(78, &sentence);
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path(), &["nope"]).code, 64);
    assert_eq!(
        run(dir.path(), &["record", "update", "INC1", "a=b"]).code,
        64
    );
    assert_eq!(run(dir.path(), &["--help"]).code, 0);
    assert_eq!(run(dir.path(), &["--version"]).code, 0);
}

#[test]
fn broken_toml_is_shown_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init", "."]).good();
    let path = dir.path().join("postrider.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("[instance]", "[instance")).unwrap();
    let ran = run(dir.path(), &["check"]);
    assert_eq!(ran.code, 78);
    let line = text.lines().position(|line| line == "[instance]").unwrap() + 1;
    assert!(
        ran.err.contains(&format!("postrider.toml:{line}:")),
        "{}",
        ran.err
    );
    assert!(ran.err.contains('^'), "a caret shows where: {}", ran.err);
}

#[test]
fn a_broken_template_is_shown_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init", "."]).good();
    let path = dir.path().join("templates/incident_assigned.txt");
    std::fs::write(&path, "Hello\n${assigned_to.nam}\n").unwrap();
    let ran = run(dir.path(), &["check"]);
    assert_eq!(ran.code, 78);
    assert!(ran.err.contains("incident_assigned.txt:2:"), "{}", ran.err);
    assert!(ran.err.contains("name"), "what was meant: {}", ran.err);
}

#[tokio::test]
async fn a_mail_goes_all_the_way_and_every_list_speaks_json() {
    let sandbox = sandbox().await;
    let desk = desk(&sandbox, as_it_is);
    let dir = desk.path();
    assert_eq!(
        run(
            dir,
            &[
                "record",
                "create",
                "incident",
                "short_description=Tea",
                "assigned_to=ada"
            ]
        )
        .good(),
        "incident/INC0010001\n"
    );
    let once = ran(dir, &["run", "--once"]).await;
    assert!(
        once.err.contains("1 delivered, 0 not delivered"),
        "{}",
        once.err
    );
    once.good();
    let log = json(&run(dir, &["log", "--record", "incident/INC0010001", "--json"]).good());
    assert_eq!(
        (log.len(), &log[0]["state"], &log[0]["mailbox"]),
        (1, &"delivered".into(), &"Sent".into())
    );
    assert_eq!(log[0]["last"]["code"], 250);
    let event = log[0]["event"].to_string();
    let explained = json(&run(dir, &["explain", &event, "--json"]).good());
    assert_eq!(explained.len(), 1);
    assert!(
        run(dir, &["explain", "--record", "incident/INC0010001"])
            .good()
            .contains("incident_assigned: matched")
    );

    let mail = &sandbox.messages("ada@example.org")[0].content;
    let reply_to = postrider_mime::Message::parse(mail)
        .reply_to()
        .first_address()
        .unwrap()
        .to_owned();
    let answer = format!(
        "From: Ada <ada@example.org>\r\nTo: {reply_to}\r\nSubject: Re: tea\r\nMessage-ID: <1@x>\r\n\r\nWith \x1b[31mmilk\r\n"
    );
    sandbox.deliver("support@example.org", answer).unwrap();
    ran(dir, &["run", "--once"]).await.good();
    let inbound = json(&run(dir, &["inbound", "list", "--json"]).good());
    assert_eq!(
        (&inbound[0]["state"], &inbound[0]["class"]),
        (&"processed".into(), &"reply".into())
    );
    assert_eq!(inbound[0]["record"], "incident/INC0010001");
    let shown = run(dir, &["record", "show", "incident/INC0010001"]).good();
    assert!(
        shown.contains(r"With \x1b[31mmilk"),
        "control characters are escaped: {shown}"
    );
    let shown = run(dir, &["inbound", "show", "1"]).good();
    assert!(
        shown.contains("matched by  token: support+incident.INC0010001."),
        "{shown}"
    );
    let records = json(&run(dir, &["record", "list", "incident", "--json"]).good());
    assert_eq!(records[0]["fields"]["short_description"], "Tea");
    run(dir, &["inbound", "accept", "1"]).says(65, "the inbound mail 1 is processed already");
    run(dir, &["inbound", "ignore", "9"]).says(66, "there is no inbound mail 9");
}

#[tokio::test]
async fn a_refused_recipient_is_in_the_log_and_can_be_sent_again() {
    let sandbox = sandbox().await;
    let desk = desk(&sandbox, as_it_is);
    let dir = desk.path();
    let create = [
        "record",
        "create",
        "incident",
        "short_description=x",
        "contact_type=email",
        "caller_email=fail-550@example.org",
    ];
    run(dir, &create).good();
    let once = ran(dir, &["run", "--once"]).await;
    assert!(
        once.err.contains("0 delivered, 1 not delivered"),
        "{}",
        once.err
    );
    let log = json(&run(dir, &["log", "--json"]).good());
    assert_eq!(
        (&log[0]["state"], &log[0]["last"]["stage"]),
        (&"failed".into(), &"rcpt".into())
    );
    assert!(
        log[0]["last"]["text"]
            .as_str()
            .unwrap()
            .starts_with("550 5.1.1 "),
        "{log:?}"
    );
    let id = log[0]["delivery"].to_string();
    assert_eq!(run(dir, &["queue", "requeue", &id]).good(), "1 requeued\n");
    let queue = json(&run(dir, &["queue", "list", "--json"]).good());
    assert_eq!(queue[0]["state"], "ready");
    assert_eq!(run(dir, &["queue", "cancel", &id]).good(), "1 cancelled\n");
    let cancelled = run(dir, &["queue", "requeue", "--state", "cancelled"]);
    assert_eq!(cancelled.good(), "1 requeued\n");
    run(dir, &["queue", "requeue", "77"]).says(
        65,
        "1 of 1 deliveries were not requeued: they do not exist, or are delivered or being sent",
    );
}

/// The cells of a table, without its head.
fn cells(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().skip(1);
    rows.map(|row| row.split_whitespace().collect()).collect()
}

#[tokio::test]
async fn lists_are_tables_for_people_and_objects_for_programs() {
    let sandbox = sandbox().await;
    let digests = "[notification.incident_commented.digest]\ndefault = true";
    let desk = desk(&sandbox, |text| {
        text.replace("[notification.incident_commented.digest]", digests)
    });
    let dir = desk.path();
    let said = |args: &[&str]| run(dir, args).good();
    for title in ["Tea", "Milk"] {
        let title = format!("short_description={title}");
        said(&["record", "create", "incident", &title, "assigned_to=ada"]);
    }
    said(&[
        "record",
        "update",
        "incident/INC0010001",
        "comments=One lump",
    ]);
    ran(dir, &["run", "--once"]).await.good();
    let records = said(&["record", "list", "incident"]);
    assert_eq!(cells(&records)[1][..2], ["INC0010002", "Milk"]);
    assert_eq!(
        json(&said(&["record", "list", "incident", "--json"])).len(),
        2
    );

    said(&[
        "suppression",
        "add",
        "eve@example.net",
        "--remark",
        "asked us",
    ]);
    let suppressed = said(&["suppression", "list"]);
    assert_eq!(
        cells(&suppressed),
        [[
            "eve@example.net",
            "all",
            "manual",
            "for",
            "good",
            "asked",
            "us"
        ]]
    );

    let gathering = said(&["queue", "digests"]);
    assert_eq!(
        cells(&gathering)[0][2..],
        ["incident_commented", "ada", "ada@example.org", "1"]
    );
    let digest = json(&said(&["queue", "digests", "--json"])).remove(0);
    assert_eq!(
        (&digest["record"], &digest["parts"]),
        (&"incident/INC0010001".into(), &1.into())
    );

    let show = json(&said(&["log", "show", "1", "--json"])).remove(0);
    let attempt = &show["attempts"][0];
    assert_eq!(
        (&attempt["outcome"], &attempt["code"]),
        (&"delivered".into(), &250.into())
    );
    assert_eq!(
        (&attempt["stage"], &attempt["late"]),
        (&"dot".into(), &false.into())
    );
    assert!(
        show["headers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|field| field[0] == "Message-ID")
    );
}

#[test]
fn a_list_that_is_cut_says_so() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init", "."]).good();
    let store: std::sync::Arc<dyn postrider_notify::store::Store> = std::sync::Arc::new(
        postrider_notify::store::SqliteStore::open(&dir.path().join("postrider.db")).unwrap(),
    );
    queue(&*store, None, &["ada@example.org"; 3]);
    drop(store);
    let listed = run(dir.path(), &["queue", "list", "--limit", "2", "--json"]);
    assert_eq!(json(&listed.out).len(), 2);
    let remark = "more mail waits than these: of a state, 2 are shown (`--limit`)";
    assert!(listed.err.contains(remark), "{}", listed.err);
    let all = run(dir.path(), &["queue", "list"]);
    assert!(!all.err.contains("more mail waits"), "{}", all.err);
}

#[tokio::test]
async fn an_address_that_does_not_work_is_suppressed_and_explain_says_so() {
    let sandbox = sandbox().await;
    let desk = desk(&sandbox, as_it_is);
    let dir = desk.path();
    let address = "caller_email=fail-550@example.org";
    let create = [
        "record",
        "create",
        "incident",
        "contact_type=email",
        address,
    ];
    run(dir, &create).good();
    ran(dir, &["run", "--once"]).await.good();
    let list = json(&run(dir, &["suppression", "list", "--json"]).good());
    assert_eq!(
        (&list[0]["address"], &list[0]["reason"]),
        (&"fail-550@example.org".into(), &"hard".into())
    );
    let list = run(dir, &["suppression", "list"]).good();
    assert!(list.contains(" hard "), "{list}");
    let again = run(dir, &["queue", "requeue", "1"]);
    assert!(
        again
            .err
            .starts_with("fail-550@example.org is suppressed (hard) and gets no mail: "),
        "{}",
        again.err
    );
    run(dir, &["queue", "cancel", "1"]).good();
    run(dir, &create).good();
    let once = ran(dir, &["run", "--once"]).await;
    assert!(
        once.err.contains("0 delivered, 0 not delivered"),
        "{}",
        once.err
    );
    let explained = run(dir, &["explain", "--record", "incident/INC0010002"]).good();
    assert!(explained.contains("suppressed"), "{explained}");
    assert_eq!(
        run(dir, &["suppression", "remove", "fail-550@example.org"]).good(),
        ""
    );
    run(dir, &["suppression", "remove", "x@y"]).says(
        66,
        "x@y is not suppressed (`postrider suppression list` lists who is)",
    );
    assert_eq!(
        run(dir, &["trim", "1"]).good(),
        "0 events and 0 inbound mails forgotten\n"
    );
}

#[test]
fn mistakes_about_records_and_events_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    run(dir, &["init", "."]).good();
    run(dir, &["record", "create", "incident", "short_descriptio=x"]).says(
        65,
        "incident.short_descriptio is not a field of this table; did you mean `short_description`?",
    );
    run(dir, &["record", "create", "incident", "assigned_to=bob"])
        .says(65, "incident.assigned_to: there is no record user/bob");
    run(dir, &["record", "show", "incident/INC1"]).says(
        66,
        "there is no record incident/INC1 (`postrider record list incident` lists them)",
    );
    run(dir, &["record", "list", "incidents"]).says(
        65,
        "there is no table \"incidents\" (there are: group, group_member, incident, notification_device, notification_preference, notification_subscription, schedule, user, user_delegate)",
    );
    let unknown = format!(
        "the event \"incident.closed\" is not registered in {}/postrider.toml (registered are: incident.escalated)",
        dir.canonicalize().unwrap().display()
    );
    run(dir, &["event", "fire", "incident.closed"]).says(65, &unknown);
    run(dir, &["event", "fire", "incident.escalated"]).says(
        65,
        "`incident.escalated` is about a record of `incident`, and this one is about no record (`--record TABLE/ID` names one)",
    );
    let of_ada = "event fire incident.escalated --record user/ada";
    let of_ada: Vec<&str> = of_ada.split(' ').collect();
    run(dir, &of_ada).says(
        65,
        "`incident.escalated` is about a record of `incident`, and this one is about a record of `user`",
    );
    let create = ["record", "create", "incident", "--as"];
    let by = |who| run(dir, &[&create[..], &[who]].concat());
    by("garce").says(
        65,
        "there is no user `garce`, and it is no address; did you mean `grace`?",
    );
    by("somebody@example.net").good();
    by("grace").good();
    run(dir, &["suppression", "add", "bad"]).says(65, "\"bad\" is no address: NAME@DOMAIN");
    run(dir, &["explain", "99"]).says(66, "there is no event 99");
    run(dir, &["explain", "--record", "incident/INC1"])
        .says(66, "there is no event about incident/INC1");
}

#[test]
fn an_event_with_a_key_is_queued_once() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    run(dir, &["init", "."]).good();
    run(
        dir,
        &["record", "create", "incident", "short_description=x"],
    )
    .good();
    let fire = [
        "event",
        "fire",
        "incident.escalated",
        "--record",
        "incident/INC0010001",
        "--key",
        "k",
        "--parm1",
        "a@b",
    ];
    let first = run(dir, &fire).good();
    assert_eq!(run(dir, &fire).good(), first);
}

#[cfg(unix)]
#[test]
fn a_full_disk_acknowledges_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init", "."]).good();
    run(
        dir.path(),
        &["record", "create", "incident", "short_description=first"],
    )
    .good();
    // No file may grow beyond what the database needs already: to SQLite, the disk is full.
    let script =
        "trap '' XFSZ; ulimit -f 1; exec \"$0\" record create incident short_description=second";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_postrider")])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let ran = Ran::of(output);
    assert_eq!(ran.code, 74, "{}{}", ran.out, ran.err);
    assert_eq!(ran.out, "", "nothing was acknowledged");
    assert!(ran.err.contains("make room on the disk"), "{}", ran.err);
    let records = json(&run(dir.path(), &["record", "list", "incident", "--json"]).good());
    assert_eq!(
        records.len(),
        1,
        "what was acknowledged is there, and nothing else"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn one_daemon_runs_on_a_database_and_ends_on_sigterm() {
    use std::io::{BufRead, BufReader};
    let sandbox = sandbox().await;
    let desk = desk(&sandbox, as_it_is);
    let mut child = postrider()
        .arg("run")
        .current_dir(desk.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = lines.next().unwrap().unwrap();
    assert!(started.contains(" info started instance="), "{started}");
    let second = ran(desk.path(), &["run"]).await;
    assert_eq!(second.code, 75, "{}", second.err);
    assert!(
        second.err.contains("another postrider is running on "),
        "{}",
        second.err
    );
    let kill = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    assert!(child.wait().unwrap().success());
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.ends_with(" info stopped"))
    );
}

#[test]
fn inspect_shows_the_structure_of_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mail.eml");
    let mail = "From: \x1b]0;x\x07 <a@b>\r\nSubject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/png; name=\"x.png\"\r\n\r\n..\r\n--b--\r\n";
    std::fs::write(&path, mail).unwrap();
    let out = run(dir.path(), &["inspect", "mail.eml"]).good();
    assert!(
        out.contains("├─ text/plain, 4 octets\n└─ image/png, 2 octets, x.png"),
        "{out}"
    );
    assert!(!out.contains('\x1b') && !out.contains('\x07'));
    let object = &json(&run(dir.path(), &["inspect", "mail.eml", "--json"]).good())[0];
    assert_eq!(object["agreed"]["structure"][2][1], "image/png");
    assert_eq!(object["agreed"]["1.2/filename"], "x.png");
    let missing = run(dir.path(), &["inspect", "none.eml"]);
    missing.says(
        66,
        "cannot read none.eml: No such file or directory (os error 2)",
    );
    std::fs::write(&path, [0xff, 0x00, 0x1b]).unwrap();
    run(dir.path(), &["inspect", "mail.eml"]).good();
}

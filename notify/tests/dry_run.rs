//! `postrider preview` and `--dry-run`: shown as they would be, and nothing stored or sent.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;

use desk::*;
use postrider_notify::daemon;
use postrider_notify::store::SqliteStore;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::TcpListener;
use tempfile::TempDir;

/// The example in a folder, with an incident of Ada's. Its mail servers are there, and nobody may call.
struct Desk {
    dir: TempDir,
    server: TcpListener,
}

impl Desk {
    fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let port = server.local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), &["init", "."]).good();
        let path = dir.path().join("postrider.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let local = |line: &str| match line.split(" = ").next() {
            Some("host") => "host = \"127.0.0.1\"".to_owned(),
            Some("port") => format!("port = {port}"),
            _ => line.to_owned(),
        };
        let lines: Vec<String> = text.lines().map(local).collect();
        std::fs::write(path, lines.join("\n")).unwrap();
        let desk = Self { dir, server };
        desk.run(&[
            "record",
            "create",
            "incident",
            "short_description=Fire",
            "assigned_to=ada",
        ])
        .good();
        // The key that signs Message-IDs is there once a daemon has run.
        let store = SqliteStore::open(&desk.dir.path().join("postrider.db")).unwrap();
        daemon::signer(&store).unwrap();
        desk
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(self.dir.path(), args)
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(Result::unwrap);
        let files = files.filter(|file| file.path().is_file());
        files
            .map(|file| {
                let name = file.file_name().into_string().unwrap();
                (name, std::fs::read(file.path()).unwrap())
            })
            .collect()
    }

    /// Runs something that has no effect.
    fn rehearse(&self, args: &[&str]) -> Ran {
        let before = self.files();
        assert!(before.contains_key("postrider.db"));
        let ran = self.run(args);
        assert!(self.files() == before, "{args:?} changed a file");
        let called = self.server.accept().map(|_| ()).unwrap_err();
        assert_eq!(called.kind(), ErrorKind::WouldBlock, "{args:?} connected");
        ran
    }
}

#[test]
fn a_preview_shows_terms_recipients_and_the_mail() {
    let desk = Desk::new();
    let about = [
        "preview",
        "incident_assigned",
        "--record",
        "incident/INC0010001",
    ];
    let out = desk.rehearse(&about).good();
    for said in [
        "incident_assigned about incident/INC0010001, on incident.inserted\n",
        "  would tell 1 (",
        "  ✓ assigned_toISNOTEMPTY  assigned_to is \"ada\"\n",
        "  ✓ assigned_toCHANGES     assigned_to is \"ada\", was empty\n",
        "  ✓ ada@example.org",
        "field assigned_to\n",
        "mail to ada@example.org\n  Subject: INC0010001 is yours: Fire\n",
    ] {
        assert!(out.contains(said), "{said:?} is not in\n{out}");
    }
    let by_ada = desk
        .rehearse(&[&about[..], &["--as", "ada"]].concat())
        .good();
    assert!(
        by_ada.contains("would tell nobody: no_recipients"),
        "{by_ada}"
    );
    assert!(
        by_ada.contains("✗ ada@example.org") && by_ada.contains("excluded_actor: caused the event"),
        "{by_ada}"
    );
    let html = desk.rehearse(&[&about[..], &["--html"]].concat()).good();
    assert!(html.contains("<p"), "{html}");
    let same = ["--event", "incident.updated"];
    let same = desk.rehearse(&[&about[..], &same].concat()).good();
    assert!(
        same.contains("would tell nobody: condition_false"),
        "{same}"
    );
    assert!(
        same.contains("  ✗ assigned_toCHANGES     assigned_to is \"ada\", was \"ada\"\n"),
        "{same}"
    );
    assert!(
        same.contains("Subject: INC0010001 is yours: Fire"),
        "{same}"
    );
}

#[test]
fn a_preview_gives_the_octets_as_json_as_files_and_as_they_are() {
    let desk = Desk::new();
    let explain = ["explain", "--record", "incident/INC0010001", "--json"];
    let event = json(&desk.run(&explain).good())[0]["event"].to_string();
    let about = ["preview", "incident_assigned", "--event", &event];
    let object = json(&desk.rehearse(&[&about[..], &["--json"]].concat()).good()).remove(0);
    assert_eq!(object["verdict"], "matched");
    assert_eq!(object["terms"][1]["term"], "assigned_toCHANGES");
    assert_eq!(object["recipients"][0]["told"], true);
    let raw = desk.rehearse(&[&about[..], &["--raw"]].concat()).good();
    let id = object["mails"][0]["message_id"].as_str().unwrap();
    assert!(raw.contains(&format!("Message-ID: <{id}>\r\n")), "{raw}");
    let out = desk.dir.path().join("out");
    let save = [&about[..], &["--raw", "--out", out.to_str().unwrap()]].concat();
    let raw = desk.rehearse(&save).good();
    let file = std::fs::read_to_string(out.join("1-ada@example.org.eml")).unwrap();
    assert_eq!(file, raw);
    #[cfg(unix)]
    for path in [&out, &out.join("1-ada@example.org.eml")] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "it is its owner's alone");
    }
    assert_eq!(desk.run(&save).code, 73, "what is there is not overwritten");
    let nobody = [&about[..], &["--to", "bob@example.org"]].concat();
    assert_eq!(desk.rehearse(&nobody).code, 65);
}

#[test]
fn a_preview_of_what_is_not_there_is_refused() {
    let desk = Desk::new();
    desk.rehearse(&[
        "preview",
        "incident_asigned",
        "--record",
        "incident/INC0010001",
    ])
    .says(
        65,
        "there is no notification `incident_asigned`; did you mean `incident_assigned`?",
    );
    desk.rehearse(&["preview", "incident_assigned", "--record", "incident/INC1"])
        .says(66, "there is no record incident/INC1");
    desk.rehearse(&["preview", "incident_assigned", "--event", "99"])
        .says(66, "there is no event 99");
    assert_eq!(desk.rehearse(&["preview", "incident_assigned"]).code, 64);
}

#[test]
fn a_dry_run_carries_a_change_through_to_its_mails_and_neither_stores_nor_sends() {
    let desk = Desk::new();
    let create = [
        "record",
        "create",
        "incident",
        "short_description=Tea",
        "assigned_to=grace",
    ];
    let dry = desk.rehearse(&[&create[..], &["--dry-run"]].concat());
    assert_eq!(
        dry.err,
        "dry run: nothing was stored, and nothing was sent\n"
    );
    let out = dry.good();
    for said in [
        "incident/INC0010002\n",
        "incident_assigned: matched",
        "✓ grace@example.org  field assigned_to  queued  ready  mail 1\n",
        "incident_received: condition_false (`contact_type=email` is false: contact_type is empty)  → postrider.toml:",
        "mail to grace@example.org\n  Subject: INC0010002 is yours: Tea\n",
    ] {
        assert!(out.contains(said), "{said:?} is not in\n{out}");
    }
    let json_dry = [&create[..], &["--dry-run", "--json"]].concat();
    let object = json(&desk.rehearse(&json_dry).good()).remove(0);
    assert_eq!(object["dry_run"], true);
    assert_eq!(object["record"], "incident/INC0010002");
    let (previewed, id) = (&object["mails"][0], &object["event"]);

    // The same in earnest has the same numbers, and says the same.
    assert_eq!(desk.run(&create).good(), "incident/INC0010002\n");
    let event = id.to_string();
    let real = ["preview", "incident_assigned", "--event", &event, "--json"];
    let real = &json(&desk.run(&real).good()).remove(0)["mails"][0];
    for same in ["to", "message_id", "subject", "text", "html"] {
        assert_eq!(real[same], previewed[same]);
    }
}

#[test]
fn updates_and_events_have_dry_runs_too() {
    let desk = Desk::new();
    let update = ["record", "update", "incident/INC0010001"];
    let out = [&update[..], &["assigned_to=grace", "--dry-run"]].concat();
    let out = desk.rehearse(&out).good();
    assert!(
        out.contains("assigned_to is \"grace\", was \"ada\""),
        "{out}"
    );
    assert!(out.contains("mail to grace@example.org"), "{out}");
    let same = [&update[..], &["assigned_to=ada", "--dry-run"]].concat();
    let same = desk.rehearse(&same);
    assert!(same.err.starts_with("nothing would change"), "{}", same.err);
    let fire = [
        "event",
        "fire",
        "incident.escalated",
        "--record",
        "incident/INC0010001",
    ];
    let later = [&fire[..], &["--at", "+2h", "--dry-run"]].concat();
    let out = desk.rehearse(&later).good();
    assert!(out.contains("incident_escalated: matched"), "{out}");
    assert!(out.contains("mail to grace@example.org"), "{out}");
    assert_eq!(desk.rehearse(&[&fire[..], &["--json"]].concat()).code, 64);
    let refused = [&update[..], &["assigned_to=nobody", "--dry-run"]].concat();
    desk.rehearse(&refused)
        .says(65, "incident.assigned_to: there is no record user/nobody");
}

#[test]
fn lines_of_the_intake_are_tried_without_effect() {
    let desk = Desk::new();
    let lines = "{\"name\": \"incident.escalated\", \"record\": \"incident/INC0010001\"}\n{\"name\": \"x\"}\n";
    std::fs::write(desk.dir.path().join("events.jsonl"), lines).unwrap();
    let before = desk.files();
    let output = postrider()
        .current_dir(desk.dir.path())
        .args(["event", "intake", "--dry-run"])
        .stdin(std::fs::File::open(desk.dir.path().join("events.jsonl")).unwrap())
        .output();
    let ran = Ran::of(output.unwrap());
    assert!(desk.files() == before, "a file was changed");
    assert_eq!(ran.code, 65);
    let answers = json(&ran.out);
    assert_eq!(answers[0]["line"], 1);
    assert_eq!(
        answers[0]["mails"].as_array().unwrap().len(),
        2,
        "{}",
        answers[0]
    );
    assert_eq!(answers[1]["error"], "the event `x` is not registered");
}

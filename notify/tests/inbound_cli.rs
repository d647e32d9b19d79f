//! `postrider explain --mail`, `postrider inbound list` and `reprocess` with a condition, as people run them.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;

use desk::*;
use jiff::Timestamp;
use postrider_notify::config::Config;
use postrider_notify::daemon;
use postrider_notify::inbound::NewInbound;
use postrider_notify::inbound::mail::Mail;
use postrider_notify::inbound::processor::Processor;
use postrider_notify::store::{SqliteStore, Store};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// The example in a folder, with mails in its store.
struct Desk(TempDir);

const QUESTION: &str =
    "From: carol@example.net\nTo: support@example.org\nSubject: Help\n\nIt does not work.\n";
const NOBODYS: &str = "To: support@example.org\nSubject: Help from nobody\n\nx\n";
const MACHINES: &str = "From: dora@example.net\nTo: support@example.org\nAuto-Submitted: auto-replied\nSubject: Away\n\nx\n";

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), &["init", "."]).good();
        Self(dir)
    }

    fn change(&self, change: impl Fn(String) -> String) {
        let path = self.path();
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text);
        std::fs::write(path, changed).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("postrider.toml")
    }

    fn store(&self) -> (Arc<Config>, Arc<dyn Store>) {
        let config = Arc::new(Config::load(&self.path()).unwrap());
        let store = SqliteStore::open(&config.database).unwrap();
        (config, Arc::new(store))
    }

    fn put(&self, mails: &[&str]) {
        let mail = |(n, text): (usize, &&str)| NewInbound {
            apart: false,
            account: "support".into(),
            uidl: Some(n.to_string()),
            raw: text.replace('\n', "\r\n").into_bytes(),
            sha256: n.to_string(),
            message_id: Mail::parse(text.replace('\n', "\r\n").as_bytes()).message_id,
        };
        let mails: Vec<NewInbound> = mails.iter().enumerate().map(mail).collect();
        let (_, store) = self.store();
        store.store_inbound(Timestamp::now(), &mails).unwrap();
    }

    fn process(&self) {
        let (config, store) = self.store();
        let signer = daemon::signer(&*store).unwrap();
        let processor = Processor::new(config, store, signer);
        processor.run_once(Timestamp::now()).unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(self.0.path(), args)
    }

    fn ids(&self, args: &[&str]) -> Vec<i64> {
        let list = [&["inbound", "list", "--json"], args].concat();
        let rows = json(&self.run(&list).good());
        rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
    }
}

#[test]
fn a_mail_is_explained_by_its_number_with_the_term_that_decided() {
    let desk = Desk::new();
    desk.change(|text| {
        let condition = "[inbound.new_incident]\ncondition = \"mail.subjectLIKEurgent\"";
        text.replace("[inbound.new_incident]", condition)
    });
    desk.put(&[QUESTION]);
    let waits = desk.run(&["explain", "--mail", "1"]).good();
    assert!(waits.contains("state    would be ignored: "), "{waits}");
    desk.process();
    let text = desk.run(&["explain", "--mail", "1"]).good();
    for said in [
        "mail 1 from carol@example.net: Help\n",
        "  class    new\n",
        "  evidence none\n",
        "  state    ignored: the condition of new_incident is false",
        "  action reply_comment: other_class: the mail is new\n",
        "  action new_incident: condition_false: ",
        "mail.subjectLIKEurgent",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    let object = json(&desk.run(&["explain", "--mail", "1", "--json"]).good()).remove(0);
    assert_eq!(
        (&object["mail"], &object["would"]),
        (&1.into(), &false.into())
    );
    assert_eq!(object["actions"][1]["verdict"], "condition_false");
    desk.run(&["explain", "--mail", "9"]).says(
        66,
        "there is no inbound mail 9 (`postrider inbound list` lists them)",
    );
}

#[test]
fn a_file_is_explained_as_if_it_came_now_and_nothing_happens() {
    let desk = Desk::new();
    std::fs::write(desk.0.path().join("a.eml"), QUESTION).unwrap();
    let text = desk.run(&["explain", "--mail", "a.eml"]).good();
    assert!(
        text.starts_with("mail from carol@example.net: Help\n"),
        "{text}"
    );
    assert!(text.contains("  state    would be processed"), "{text}");
    assert!(text.contains("  action new_incident: ran"), "{text}");
    for written in [
        "  would insert incident\n",
        "    short_description: Help\n",
        "    description: It does not work.",
        "    caller_email: carol@example.net\n",
    ] {
        assert!(text.contains(written), "{written} is not in\n{text}");
    }
    let object = json(&desk.run(&["explain", "--mail", "a.eml", "--json"]).good()).remove(0);
    assert_eq!(
        (&object["state"], &object["would"]),
        (&"processed".into(), &true.into())
    );
    let change = &object["writes"]["changes"][0];
    assert_eq!(
        (&change["table"], &change["fields"]["short_description"]),
        (&"incident".into(), &"Help".into())
    );
    let (_, store) = desk.store();
    assert!(store.records("incident").unwrap().is_empty());
    assert!(desk.ids(&[]).is_empty());
    assert_eq!(
        desk.run(&["explain", "a.eml"]).good(),
        text,
        "without --mail"
    );
    let missing = desk.run(&["explain", "--mail", "b.eml"]);
    assert_eq!(missing.code, 66, "{}", missing.err);
    assert_eq!(
        desk.run(&["explain", "1", "--mail", "a.eml"]).code,
        64,
        "one at a time"
    );
}

#[test]
fn inbound_mail_is_listed_by_state_and_condition() {
    let desk = Desk::new();
    desk.put(&[QUESTION, NOBODYS, MACHINES]);
    assert_eq!(desk.ids(&["--state", "ready"]), [3, 2, 1]);
    desk.process();
    assert_eq!(desk.ids(&["--state", "held"]), [2]);
    assert_eq!(desk.ids(&["--state", "processed"]), [1]);
    assert_eq!(desk.ids(&["--where", "class=auto"]), [3]);
    assert_eq!(desk.ids(&["--where", "subjectLIKEHelp"]), [2, 1]);
    assert_eq!(
        desk.ids(&["--where", "subjectLIKEHelp", "--limit", "1"]),
        [2]
    );
    let both = [
        "--state",
        "held",
        "--where",
        "fromENDSWITH@example.net^ORid=2",
    ];
    assert_eq!(desk.ids(&both), [2]);
    let wrong = desk.run(&["inbound", "list", "--where", "colour=red"]);
    assert_eq!(wrong.code, 64);
    assert!(wrong.err.contains("colour"), "{}", wrong.err);
    assert_eq!(desk.run(&["inbound", "list", "--state", "lost"]).code, 64);
}

#[test]
fn mail_is_judged_anew_by_condition_where_it_was_held_or_has_failed() {
    let desk = Desk::new();
    desk.change(|text| text + "\n[incoming]\nguests = \"hold\"\n");
    desk.put(&[
        QUESTION,
        &QUESTION.replace("Help", "Other"),
        NOBODYS,
        MACHINES,
    ]);
    desk.process();
    assert_eq!(desk.ids(&["--state", "held"]), [3, 2, 1]);
    desk.change(|text| text.replace("guests = \"hold\"", "guests = \"accept\""));
    let again = |args: &[&str]| desk.run(&[&["inbound", "reprocess"], args].concat());
    assert_eq!(again(&["--where", "subject=none of these"]).good(), "");
    assert_eq!(
        again(&["--where", "subject=Help"]).good().trim(),
        "1 processed"
    );
    assert_eq!(
        again(&["--where", "idISNOTEMPTY"]).good(),
        "2 processed\n3 held it has no sender address\n",
        "neither what has acted nor what was ignored"
    );
    let (_, store) = desk.store();
    assert_eq!(store.records("incident").unwrap().len(), 2);
    assert_eq!(
        again(&["--where", "class=auto", "--ignored"]).good(),
        "4 ignored no person wrote it: Auto-Submitted: auto-replied\n"
    );
    assert_eq!(again(&[]).code, 64);
    assert_eq!(again(&["1", "--where", "id=1"]).code, 64);
}

#[test]
fn of_a_mail_that_failed_it_is_not_said_that_nobody_was_asked() {
    let desk = Desk::new();
    desk.change(|text| {
        let set = "[inbound.new_incident.set]\nassigned_to = \"nobody\"";
        text.replace("[inbound.new_incident.set]", set)
    });
    desk.put(&[QUESTION, MACHINES]);
    desk.process();
    let failed = desk.run(&["explain", "--mail", "1"]).good();
    assert!(
        failed.contains("error: inbound action new_incident: "),
        "{failed}"
    );
    assert!(!failed.contains("was asked"), "{failed}");
    let ignored = desk.run(&["explain", "--mail", "2"]).good();
    assert!(ignored.contains("no inbound action was asked"), "{ignored}");
}

#[test]
fn a_mail_that_was_ignored_by_mistake_acts_once_after_all() {
    let desk = Desk::new();
    desk.put(&[QUESTION]);
    desk.run(&["inbound", "ignore", "1", "--reason", "a mistake"])
        .good();
    let again = || desk.run(&["inbound", "reprocess", "1"]);
    assert_eq!(again().good(), "1 processed\n");
    assert_ne!(again().code, 0, "what has acted does not act again");
    let (_, store) = desk.store();
    assert_eq!(store.records("incident").unwrap().len(), 1);
}

#[test]
fn a_person_takes_a_mail_that_was_ignored() {
    let desk = Desk::new();
    desk.put(&[MACHINES]);
    desk.process();
    assert_eq!(desk.ids(&["--state", "ignored"]), [1]);
    let accept = || desk.run(&["inbound", "accept", "1"]);
    accept().good();
    let (_, store) = desk.store();
    assert_eq!(store.records("incident").unwrap().len(), 1);
    let again = accept();
    assert_eq!(again.code, 65, "{}", again.err);
    assert_eq!(store.records("incident").unwrap().len(), 1);
}

#[test]
fn a_mail_is_shown_whole_with_its_copies() {
    let desk = Desk::new();
    let mail = QUESTION.replace("Subject", "Message-ID: <once@x>\nSubject");
    desk.put(&[&mail]);
    let (_, store) = desk.store();
    let mut copy = store.inbound(1).unwrap().unwrap().what;
    copy.uidl = Some("another".into());
    store.store_inbound(Timestamp::now(), &[copy]).unwrap();
    drop(store);
    desk.process();
    let shown = desk.run(&["inbound", "show", "1"]).good();
    for said in [
        "message-id  once@x\n",
        "copies      came 1 more times, and acted once\n",
        &format!("size        {} octets\n", mail.replace('\n', "\r\n").len()),
        "state       processed\n",
        "  new_incident ran",
    ] {
        assert!(shown.contains(said), "{said} is not in\n{shown}");
    }
    let object = json(&desk.run(&["inbound", "show", "1", "--json"]).good()).remove(0);
    assert_eq!(object["copies"], 1);
}

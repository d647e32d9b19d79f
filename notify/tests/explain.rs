//! `postrider explain` names what decided: the term, the setting with its line, or the record.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;

use desk::*;
use jiff::Timestamp;
use postrider_notify::config::Config;
use postrider_notify::daemon;
use postrider_notify::process::Processor;
use postrider_notify::store::{SqliteStore, Store};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

struct Desk(TempDir);

impl Desk {
    /// The example with a few more lines, of tables that it does not have, or in front.
    fn with(change: impl Fn(String) -> String) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.run(&["init", "."]).good();
        let text = std::fs::read_to_string(desk.config()).unwrap();
        std::fs::write(desk.config(), change(text)).unwrap();
        desk
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("postrider.toml")
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(self.0.path(), args)
    }

    /// Creates an incident of Ada's, settles it, and explains it.
    fn assigned(&self, more: &[&str]) -> String {
        let create = ["record", "create", "incident", "short_description=Tea"];
        let create = [&create[..], more].concat();
        let record = self.run(&create).good();
        self.settle();
        self.run(&["explain", record.trim()]).good()
    }

    /// Settles what waits, as the daemon does.
    fn settle(&self) {
        let config = Arc::new(Config::load(&self.config()).unwrap());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.database).unwrap());
        let signer = daemon::signer(&*store).unwrap();
        let processor = Processor::new(config, Arc::clone(&store), signer);
        let now = Timestamp::now();
        for event in store.due_events(now, 100).unwrap() {
            processor
                .settle_in(&*store, event.id, now)
                .unwrap()
                .unwrap();
        }
    }

    /// `postrider.toml:N`, where a line of the file begins so.
    fn line(&self, begins: &str) -> String {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let line = text.lines().position(|line| line.starts_with(begins));
        format!("postrider.toml:{}", line.unwrap() + 1)
    }
}

fn has(out: &str, said: &str) {
    assert!(out.contains(said), "{said:?} is not in\n{out}");
}

fn same(text: String) -> String {
    text
}

const ADA: &str = "assigned_to=ada";

#[test]
fn a_false_condition_is_named_with_its_term_its_values_and_its_line() {
    let desk = Desk::with(same);
    let out = desk.assigned(&["contact_type=phone"]);
    let place = desk.line("condition = \"contact_type=email\"");
    has(
        &out,
        &format!(
            "incident_received: condition_false (`contact_type=email` is false: contact_type is \"phone\")  → {place} condition\n"
        ),
    );
    let place = desk.line("condition = \"assigned_toISNOTEMPTY");
    has(
        &out,
        &format!("(`assigned_toISNOTEMPTY` is false: assigned_to is empty)  → {place} condition\n"),
    );
}

#[test]
fn a_lost_weight_names_the_winner_and_the_line_of_the_weight() {
    let desk = Desk::with(|text| {
        let text = text.replace(
            "template = \"incident_received\"",
            "weight = 5\ntemplate = \"incident_received\"",
        );
        text.replace(
            "template = \"incident_assigned\" ",
            "weight = 20\ntemplate = \"incident_assigned\" ",
        )
    });
    let out = desk.assigned(&[ADA, "contact_type=email", "caller=ada"]);
    let place = desk.line("weight = 5");
    has(
        &out,
        &format!("incident_received: weight_lost (contact_type is \"email\")  → {place} weight\n"),
    );
    has(
        &out,
        &format!("weight_lost  `incident_assigned` has weight 20, this one 5  → {place} weight\n"),
    );
}

#[test]
fn whoever_opted_out_is_named_with_the_record_that_says_so() {
    let desk = Desk::with(same);
    desk.run(&["preference", "set", "ada", "incident_assigned", "off"])
        .good();
    let out = desk.assigned(&[ADA]);
    has(
        &out,
        "✗ ada@example.org  field assigned_to  opted_out  the user ada has switched it off: notification_preference/ada",
    );
}

#[test]
fn quiet_hours_name_the_schedule_and_its_line() {
    let desk = Desk::with(|text| {
        let text = text.replace("[user.ada]\n", "[user.ada]\nschedule = \"never_now\"\n");
        let later = Timestamp::now() + jiff::SignedDuration::from_hours(48);
        let day = later.strftime("%a").to_string().to_lowercase();
        format!("{text}\n[schedule.never_now]\ndays = \"{day}\"\n")
    });
    let out = desk.assigned(&[ADA]);
    has(
        &out,
        "✓ ada@example.org  field assigned_to  quiet_hours  held until ",
    );
    has(
        &out,
        &format!(
            "schedule never_now of the user ada  held  mail 1  → {} schedule/never_now\n",
            desk.line("[schedule.never_now]")
        ),
    );
}

#[test]
fn a_suppressed_address_is_named_with_reason_and_way_out() {
    let desk = Desk::with(same);
    desk.run(&[
        "suppress",
        "add",
        "ada@example.org",
        "--remark",
        "asked by phone",
    ])
    .good();
    let out = desk.assigned(&[ADA]);
    has(
        &out,
        "✗ ada@example.org  field assigned_to  suppressed  manual: asked by phone  → postrider suppression remove ada@example.org\n",
    );
}

#[test]
fn a_denied_domain_is_named_with_its_line() {
    let desk = Desk::with(|text| {
        text.replace(
            "[instance]",
            "[outgoing]\ndeny_domains = [\"example.org\"]\n\n[instance]",
        )
    });
    let out = desk.assigned(&[ADA]);
    has(
        &out,
        &format!(
            "denied_domain  `deny_domains` has example.org  → {} deny_domains\n",
            desk.line("deny_domains")
        ),
    );
}

#[test]
fn no_address_and_an_inactive_user_are_named_with_the_record() {
    let desk = Desk::with(same);
    desk.run(&["record", "create", "user", "--id", "bob", "name=Bob"])
        .good();
    let out = desk.assigned(&["assigned_to=bob"]);
    has(&out, "incident_assigned: no_recipients");
    has(
        &out,
        "✗ -  field assigned_to  no_address  the user bob has no address  → user/bob\n",
    );
    desk.run(&["record", "update", "user/ada", "active=false"])
        .good();
    let out = desk.assigned(&[ADA]);
    let place = desk.line("[user.ada]");
    has(
        &out,
        &format!(
            "✗ ada@example.org  field assigned_to  user_inactive  the user ada is not active  → {place} user/ada\n"
        ),
    );
}

#[test]
fn whoever_caused_it_is_named_with_the_setting_that_would_include_them() {
    let desk = Desk::with(same);
    let out = desk.assigned(&[ADA, "--as", "ada"]);
    let place = desk.line("[notification.incident_assigned]");
    has(
        &out,
        &format!("excluded_actor  caused the event  → {place} send_to_event_creator is not set\n"),
    );
}

#[test]
fn a_duplicate_says_how_the_first_was_found_and_an_inactive_notification_where() {
    let desk = Desk::with(|text| {
        text.replace(
            "[notification.incident_escalated]",
            "[notification.incident_escalated]\nactive = false",
        )
    });
    let record = "incident/INC0010001";
    desk.assigned(&[ADA, "watch_list=ada,grace"]);
    desk.run(&["record", "update", record, "comments=hello"])
        .good();
    desk.run(&["event", "fire", "incident.escalated", "--record", record])
        .good();
    desk.settle();
    let out = desk.run(&["explain", record]).good();
    has(
        &out,
        "✗ ada@example.org    field watch_list    duplicate  is told already: field assigned_to\n",
    );
    has(
        &out,
        &format!(
            "incident_escalated: inactive (active = false)  → {} active\n",
            desk.line("active = false")
        ),
    );
    assert!(!out.contains('\x1b'), "no colour outside a terminal");
}

#[test]
fn a_mail_of_ours_is_explained_by_its_number_or_message_id_and_json_says_the_same() {
    let desk = Desk::with(same);
    let out = desk.assigned(&[ADA]);
    let log = json(&desk.run(&["log", "--json"]).good()).remove(0);
    let id = log["message_id"].as_str().unwrap();
    assert_eq!(desk.run(&["explain", id]).good(), out);
    assert_eq!(desk.run(&["explain", &format!("<{id}>")]).good(), out);
    assert_eq!(desk.run(&["explain", "--sent", "1"]).good(), out);
    let object = json(&desk.run(&["explain", id, "--json"]).good()).remove(0);
    let place = desk.line("condition = \"assigned_toISNOTEMPTY");
    assert_eq!(
        object["notifications"][0]["decided_by"],
        format!("{place} condition")
    );
    desk.run(&["explain", "x@y"])
        .says(66, "we sent no mail x@y");
    desk.run(&["explain", "--sent", "9"])
        .says(66, "there is no mail 9");
    desk.run(&["explain", "what"]).says(
        64,
        "\"what\" is no number of an event, no TABLE/ID, no Message-ID and no file",
    );
}

//! Whoever writes templates, and cannot touch the configuration beside them, makes no other mail and reads no other file.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use postrider_mime::Message;
use postrider_notify::config::{Config, ExampleParts, example};
use postrider_notify::outgoing::{MatchVerdict, OutgoingMail};
use serde_json::{Value, json};
use support::house::House;

const SUBJECT: &str = "subject = \"${number} is yours: ${short_description}\"";

/// The configuration, with this template for the subject of what Ada is told.
fn with_subject(config: &str, template: &str) -> String {
    assert!(config.contains(SUBJECT));
    config.replace(SUBJECT, &format!("subject = {}", Value::from(template)))
}

/// What Ada is told of an incident, under a subject made by this template.
fn told(template: &str, short_description: &str) -> (House, OutgoingMail) {
    let house = House::with(|config| with_subject(&config, template));
    std::fs::write(house.dir.path().join("outside.txt"), "hunter2").unwrap();
    house.incident(json!({"assigned_to": "ada", "short_description": short_description}));
    let mut mails = house.mails();
    assert_eq!(mails.len(), 1);
    (house, mails.remove(0))
}

#[test]
fn line_ends_of_a_template_begin_no_header() {
    let template = "Tea\r\nBcc: eve@example.net\r\n\r\n${'\\r\\nCc'}: eve@example.net";
    let (_, mail) = told(template, "x");
    let message = Message::parse(&mail.raw);
    assert_eq!(message.defects(), []);
    for name in ["Bcc", "Cc"] {
        assert!(message.header(name).is_none(), "{name}");
    }
    assert_eq!(message.to().mailboxes().count(), 1);
    assert_eq!(mail.recipient, "ada@example.org");
    let subject = "Tea Bcc: eve@example.net Cc: eve@example.net";
    assert_eq!(message.subject().unwrap(), subject);
}

/// What is said of the example with this template, where a file lies beside the folder of templates, and another in it.
fn said(template: &str) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in example(&ExampleParts::default()) {
        let path = dir.path().join(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = match name.ends_with("postrider.toml") {
            true => {
                let outside = dir.path().join("outside.txt");
                with_subject(
                    &text,
                    &template.replace("ABSOLUTE", outside.to_str().unwrap()),
                )
            }
            false => text,
        };
        std::fs::write(path, text).unwrap();
    }
    std::fs::write(dir.path().join("outside.txt"), "hunter2").unwrap();
    std::fs::write(dir.path().join("templates/inside.txt"), "tea").unwrap();
    let loaded = Config::load(dir.path());
    loaded.map(drop).map_err(|error| error.to_string())
}

#[test]
fn no_file_outside_the_folder_is_a_template() {
    for form in [
        "{% include 'NAME' %}",
        "{% extends 'NAME' %}",
        "{% import 'NAME' as other %}",
        "{% set name = 'NAME' %}{% include name %}",
    ] {
        let of = |name: &str| said(&form.replace("NAME", name));
        assert_eq!(of("inside.txt"), Ok(()), "{form}");
        for outside in [
            "../outside.txt",
            "./../outside.txt",
            "inside.txt/../../outside.txt",
            "..\\\\outside.txt",
            "ABSOLUTE",
        ] {
            let refused = of(outside).unwrap_err();
            assert!(!refused.contains("hunter2"), "{outside}: {refused}");
        }
    }
}

#[test]
fn a_record_that_names_a_file_outside_the_folder_has_nothing_included() {
    let template = "Told: {% include short_description ignore missing %}";
    let (house, mail) = told(template, "layout.txt");
    assert!(
        mail.subject.contains("Example help desk"),
        "{}",
        mail.subject
    );
    let outside = house.dir.path().join("outside.txt");
    for name in ["../outside.txt", outside.to_str().unwrap()] {
        house.incident(json!({"assigned_to": "ada", "short_description": name}));
        let mails = house.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].subject, "Told:", "{name}");
    }
}

#[test]
fn a_template_without_end_is_no_mail_and_says_so() {
    // A record decides when it does not end, so that nobody sees it while the configuration is loaded.
    let template = "{% macro again() %}${again()}{% endmacro %}\
        Tea{% if short_description == 'loop' %}${again()}{% endif %}";
    let (house, mail) = told(template, "x");
    assert_eq!(mail.subject, "Tea");
    house.incident(json!({"assigned_to": "ada", "short_description": "loop"}));
    let settled = house.settle();
    let mut matches = settled.iter().flat_map(|settlement| &settlement.matches);
    let found = matches.find(|found| found.notification == "incident_assigned");
    let found = found.unwrap();
    assert_eq!(found.verdict, MatchVerdict::RenderError, "{}", found.detail);
    assert!(found.mails.is_empty());
}

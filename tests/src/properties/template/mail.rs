//! The mail that is made of a notification: what its header and its parts are does not depend on what anybody wrote.

use crate::properties::desk::{DESK, parse};
use crate::properties::naive;
use postrider_mime::Message;
use postrider_notify::config::{Config, ConfigError};
use postrider_notify::directory::Directory;
use postrider_notify::event::{Event, EventKind, NewEvent};
use postrider_notify::process::Processor;
use postrider_notify::record::{Fields, JournalEntry, RecordKey};
use postrider_notify::store::StoreError;
use postrider_notify::token::{KEY_LEN, Signer};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// When it is written.
const NOW: &str = "2026-11-23T12:00:00Z";

/// The fields of its header, in order.
const HEADER: [&str; 15] = [
    "Date",
    "From",
    "Reply-To",
    "To",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "X-Loop",
    "List-Id",
    "List-Unsubscribe",
    "MIME-Version",
    "Content-Type",
];

/// The longest subject, in characters.
const MAX_SUBJECT: usize = 250;

/// Of a text that somebody wrote into a record and called themselves: the subject is the text in one line, the mail goes to one
/// address, and the HTML has no more markup than the template.
pub(super) fn of_record(written: &str) {
    static TELLS: LazyLock<Arc<Config>> = LazyLock::new(|| {
        let config = telling("<${short_description}>", "<p>${short_description}</p>");
        Arc::new(config.expect("a configuration that is right"))
    });
    let mail = told(&TELLS, written).expect("a mail");
    has_what_was_asked_for(&mail);
    let message = Message::parse(&mail);
    let subject = in_one_line(&format!("<{written}>"));
    assert_eq!(message.subject().as_deref(), Some(&*subject));
    let to = message.to();
    assert_eq!(to.mailboxes().count(), 1);
    assert_eq!(to.first_address(), Some("ada@example.org"));
    let html = message.body_html().expect("HTML");
    assert_eq!(html.matches('<').count(), 2, "{html}");
}

/// Of a template that is the subject, and the HTML as well: if such a configuration is one, and it gives a text.
pub(super) fn of_template(template: &str, written: &str) {
    let Ok(config) = telling(&format!("s{template}"), &format!("<p>{template}")) else {
        return;
    };
    if let Some(mail) = told(&Arc::new(config), written) {
        has_what_was_asked_for(&mail);
    }
}

/// A desk that tells Ada of every new incident.
fn telling(subject: &str, html: &str) -> Result<Config, ConfigError> {
    // Strings of JSON are strings of TOML, but for one character.
    let quoted = |text: &str| Value::from(text).to_string().replace('\u{7f}', "\\u007f");
    let (subject, html) = (quoted(subject), quoted(html));
    let notification = format!(
        "[notification.told]\ntable = \"incident\"\nwhen = [\"inserted\"]\nusers = [\"ada\"]\nsubject = {subject}\nhtml = {html}\n"
    );
    parse(&format!("{DESK}\n{notification}"))
}

/// The mail about a new incident, if there is one.
fn told(config: &Arc<Config>, written: &str) -> Option<Vec<u8>> {
    let signer = Signer::new(&[7; KEY_LEN]).expect("a key");
    let ada = Arc::new(Ada(written.to_owned()));
    let processor = Processor::with_directory(Arc::clone(config), ada, signer);
    let now = NOW.parse().expect("a moment");
    let settled = processor.settle(&inserted(written), now);
    let mut settled = settled.expect("nothing is wrong with the directory");
    assert_eq!(settled.error, None);
    let mut found = settled.matches.pop().expect("the notification");
    found.mails.pop().map(|mail| mail.raw)
}

fn inserted(written: &str) -> Event {
    let what = NewEvent {
        name: "incident.inserted".into(),
        kind: EventKind::Inserted,
        record: Some(RecordKey::new("incident", "INC0010001")),
        parm1: String::new(),
        parm2: String::new(),
        actor: String::new(),
        current: super::fields(written),
        previous: Fields::new(),
        idempotency_key: None,
        due: None,
    };
    Event {
        id: 1,
        created: NOW.parse().expect("a moment"),
        unanswered: false,
        what,
    }
}

/// Read line by line: the header has the fields that it is to have, no more and no less; so have the parts.
fn has_what_was_asked_for(mail: &[u8]) {
    assert_eq!(names(mail), HEADER, "{}", mail.escape_ascii());
    let message = Message::parse(mail);
    let parts: Vec<_> = message.parts().collect();
    assert_eq!(parts.len(), 3, "{}", mail.escape_ascii());
    for part in &parts[1..] {
        for name in names(part.raw()) {
            let of_content = ["Content-Type", "Content-Transfer-Encoding"].contains(&&*name);
            assert!(of_content, "{name} in a part: {}", mail.escape_ascii());
        }
    }
}

/// The names of a header: what stands in front of a colon in each line of it that does not begin with a blank.
fn names(entity: &[u8]) -> Vec<String> {
    let (mut rest, mut names) = (entity, Vec::new());
    while let Some(line) = naive::line(&mut rest) {
        let text = naive::trimmed(line);
        assert!(!text.contains(&b'\r'), "a CR alone");
        assert!(line.ends_with(b"\r\n"), "an LF alone");
        match text.first() {
            None => return names,
            Some(b' ' | b'\t') => {}
            Some(_) => {
                let name = text.split(|octet| *octet == b':').next().unwrap_or(text);
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
    names
}

fn in_one_line(text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || c.is_control();
    let spaced: String = text
        .chars()
        .map(|c| if is_space(c) { ' ' } else { c })
        .collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.chars().count() > MAX_SUBJECT {
        true => line.chars().take(MAX_SUBJECT).chain(['…']).collect(),
        false => line,
    }
}

/// A directory with Ada in it, and what she calls herself.
struct Ada(String);

impl Directory for Ada {
    fn record(&self, key: &RecordKey) -> Result<Option<Fields>, StoreError> {
        let is_ada = *key == RecordKey::new("user", "ada");
        let fields = [("name", &*self.0), ("email", "ada@example.org")];
        let fields = fields.map(|(name, value)| (name.to_owned(), Value::from(value)));
        Ok(is_ada.then(|| fields.into_iter().collect()))
    }

    fn members(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn user_by_address(&self, _: &str) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    fn journal(&self, _: &RecordKey) -> Result<Vec<JournalEntry>, StoreError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_more_would_be_seen_wherever_a_line_begins_with_it() {
        let mail = b"Subject: x\r\n To: y\r\nBcc: z\r\n\r\nCc: text\r\n";
        assert_eq!(names(mail), ["Subject", "Bcc"]);
    }

    #[test]
    fn a_template_with_line_ends_gives_a_mail_with_a_subject_of_one_line() {
        let template = "${short_description}\r\nBcc: b@example.net\r\n\r\nbody";
        let config = telling(template, template).expect("a configuration that is right");
        let mail = told(&Arc::new(config), "x\r\nCc: c@example.net").expect("a mail");
        has_what_was_asked_for(&mail);
        let message = Message::parse(&mail);
        let subject = "x Cc: c@example.net Bcc: b@example.net body";
        assert_eq!(message.subject().as_deref(), Some(subject));
    }
}

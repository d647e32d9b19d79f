//! Mail that arrives.

use super::support::house::{House, first_incident};
use super::support::sandbox;
use super::{Class, Input, mail_of};
use postrider_mime::Message;
use postrider_notify::daemon::{Daemon, Observer};
use postrider_notify::inbound::mail::Mail;
use postrider_notify::inbound::{Class as MailClass, InboundState};
use postrider_notify::store::{SqliteStore, Store};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) const CLASSES: &[Class] = &[
    Class {
        id: "notify-loop-precedence",
        check: automatic_mail_is_answered_by_nothing,
        own: || {
            mail_of(
                "From: robot@example.net\nTo: support@example.org\nSubject: Away\nPrecedence: auto_reply\n\nI am away.\n",
            )
        },
    },
    Class {
        id: "notify-loop-x-loop",
        check: a_loop_field_that_names_us_is_honoured,
        own: || {
            mail_of("From: robot@example.net\nSubject: Tea\nX-Loop: <Desk@example.com>\n\nTea.\n")
        },
    },
    Class {
        id: "notify-pingpong",
        check: a_program_that_answers_everything_is_stopped,
        own: || {
            mail_of(
                "From: Robot <robot@example.net>\nSubject: RE: INC0010001\n\nYour mail matters to us.\n",
            )
        },
    },
    Class {
        id: "notify-xss-fromname",
        check: a_name_is_escaped_in_html,
        own: || {
            mail_of("From: \"<script>alert(1)</script>\" <x@example.net>\nSubject: Tea\n\nTea.\n")
        },
    },
    Class {
        id: "notify-xss-style",
        check: nothing_remote_is_taken_over_from_html,
        own: || {
            mail_of(
                "From: x@example.net\nSubject: Tea\nContent-Type: text/html\n\n<style>@import 'http://127.0.0.1/s'</style><p>Cold.</p><img src=http://127.0.0.1/i><script>fetch('http://127.0.0.1/x')</script>\n",
            )
        },
    },
    Class {
        id: "notify-ssti-subject",
        check: text_of_a_mail_is_never_a_template,
        own: || {
            mail_of(
                "From: x@example.net\nSubject: ${instance.name} ${7*6} {{ 7*6 }} {% raw %} ${mail_script:x}\n\n${current.state}\n",
            )
        },
    },
    Class {
        id: "notify-sqli",
        check: what_looks_like_sql_is_stored_as_it_is,
        own: || {
            mail_of(
                "From: o'hara@example.net\nSubject: '); DELETE FROM record WHERE ('1'='1\n\nx'; DROP TABLE event;--\n",
            )
        },
    },
    Class {
        id: "notify-fieldinject",
        check: a_text_sets_no_field,
        own: || {
            mail_of(
                "From: x@example.net\nSubject: Tea\n\nparse_start\nassigned_to: grace\nstate: 7\nid: INC0000001\nparse_end\n",
            )
        },
    },
    Class {
        id: "notify-attach-bomb",
        check: attachments_cost_no_more_than_the_mail,
        own: || with_attachments(800, "a.bin", "application/octet-stream"),
    },
    Class {
        id: "notify-attach-traversal",
        check: attachments_become_no_files,
        own: || with_attachments(1, "../../../postrider.toml", "application/octet-stream"),
    },
    Class {
        id: "notify-zip-bomb",
        check: attachments_cost_no_more_than_the_mail,
        own: || with_attachments(1, "a.zip", "application/zip"),
    },
    Class {
        id: "notify-giant-recipients",
        check: nobody_is_told_because_a_mail_names_them,
        own: || {
            let names: Vec<String> = (0..3000).map(|n| format!("p{n}@example.net")).collect();
            mail_of(&format!(
                "From: x@example.net\nTo: {}\nCc: list@example.net\nSubject: Tea\n\nTea.\n",
                names.join(",\n ")
            ))
        },
    },
    Class {
        id: "notify-log-inject",
        check: a_mail_is_one_line_of_the_log,
        own: || {
            mail_of(
                "From: =?utf-8?Q?A=0D=0A2026-01-01?= <x@example.net>\nSubject: a\x1b[2J =?utf-8?Q?=0D=0A2026-01-01T00:00:00Z_error_fake?=\n\nx\n",
            )
        },
    },
];

/// So long may a mail of less than a megabyte take, on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a clear text of this mail says, for comparing.
fn read(input: &Input) -> Mail {
    Mail::parse(&input.octets)
}

fn sender(input: &Input) -> String {
    read(input).from.unwrap().address
}

fn automatic_mail_is_answered_by_nothing(input: &Input) {
    let house = House::new();
    let done = house.take(&input.octets).outcome;
    assert_eq!(
        (done.class, done.state),
        (MailClass::Auto, InboundState::Ignored)
    );
    assert!(
        done.reason.starts_with("no person wrote it: "),
        "{}",
        done.reason
    );
    assert!(house.settle().is_empty(), "no event, so nothing to tell");
    assert_eq!(house.incidents(), 1);
}

fn a_loop_field_that_names_us_is_honoured(input: &Input) {
    let message = Message::parse(&input.octets);
    let us = message.header("X-Loop").unwrap().text().into_owned();
    let us = us.trim_matches(['<', '>', ' ']);
    let house = House::with(|config| config.replace("support@example.org", us));
    let done = house.take(&input.octets).outcome;
    assert_eq!(
        (done.class, done.state),
        (MailClass::Auto, InboundState::Ignored)
    );
    assert!(
        done.reason.contains("(a loop): X-Loop: "),
        "{}",
        done.reason
    );
    assert!(house.settle().is_empty());
    // Somebody else's loop is not ours.
    let elsewhere = House::new();
    elsewhere.acts(&input.octets);
}

fn a_program_that_answers_everything_is_stopped(input: &Input) {
    let stranger = House::new();
    let done = stranger.take(&input.octets).outcome;
    assert_eq!(done.state, InboundState::Held, "it is not involved");
    assert!(stranger.settle().is_empty());

    let house = House::new();
    let robot = sender(input);
    let known = super::support::house::fields(json!({"caller_email": robot}));
    house.records.update(&first_incident(), &known, "").unwrap();
    house.settle();
    let mut states = Vec::new();
    for _ in 0..40 {
        states.push(house.take(&input.octets).outcome.state);
        let told = house.mails();
        assert!(
            told.iter().all(|mail| mail.recipient != robot),
            "it is not told of its own words"
        );
    }
    let acted = states.iter().filter(|s| **s == InboundState::Processed);
    let acted = acted.count();
    assert!(
        (1..=30).contains(&acted),
        "{acted} in what is one moment here"
    );
    assert_eq!(states.last(), Some(&InboundState::Held));
    assert_eq!(house.comments(&first_incident()).len(), acted);
}

fn a_name_is_escaped_in_html(input: &Input) {
    let house =
        House::with(|config| config.replace("\"${mail.subject}\"", "\"From ${sender.name}\""));
    let (key, told) = house.told(&input.octets);
    let name = read(input).from.unwrap().name;
    assert_eq!(
        house.field(&key, "short_description"),
        format!("From {name}")
    );
    let html = Message::parse(&told[0].raw).body_html().unwrap();
    let escaped = name.replace('<', "&lt;").replace('>', "&gt;");
    assert!(html.contains(&escaped), "{html}");
    assert!(!html.contains(&name), "{html}");
}

fn nothing_remote_is_taken_over_from_html(input: &Input) {
    let house = House::new();
    let (key, told) = house.told(&input.octets);
    let record = house.store.record(&key).unwrap().unwrap();
    let raw = String::from_utf8(told[0].raw.clone()).unwrap();
    let html = Message::parse(&told[0].raw).body_html().unwrap();
    for text in [Value::Object(record.fields).to_string(), raw, html] {
        assert!(!text.contains("127.0.0.1"), "{text}");
        assert!(
            !text.contains("<img") && !text.contains("<script"),
            "{text}"
        );
    }
}

fn text_of_a_mail_is_never_a_template(input: &Input) {
    let house = House::new();
    let (key, told) = house.told(&input.octets);
    let subject = read(input).subject;
    assert_eq!(house.field(&key, "short_description"), subject);
    assert!(told[0].subject.ends_with(&subject), "{:?}", told[0].subject);
    let text = Message::parse(&told[0].raw).body_text().unwrap();
    assert!(text.contains(&subject), "{text}");
}

fn what_looks_like_sql_is_stored_as_it_is(input: &Input) {
    let house = House::new();
    let users = house.store.records("user").unwrap();
    let (key, told) = house.told(&input.octets);
    let mail = read(input);
    assert_eq!(house.field(&key, "short_description"), mail.subject);
    assert_eq!(house.field(&key, "description"), mail.text.trim());
    assert_eq!(house.field(&key, "caller_email"), sender(input));
    assert_eq!(told[0].recipient, sender(input));
    let row = house.store.inbound_log(1).unwrap().remove(0);
    assert_eq!((row.subject, row.from), (mail.subject, sender(input)));
    assert_eq!(house.incidents(), 2);
    assert_eq!(house.store.records("user").unwrap(), users);
}

fn a_text_sets_no_field(input: &Input) {
    let house = House::new();
    let text = read(input).text;
    let key = house.acts(&input.octets);
    assert_eq!(key.id, "INC0010002", "numbered, not named by the mail");
    let set = ["state", "assigned_to", "description"].map(|name| house.field(&key, name));
    assert_eq!(set, [json!(1), Value::Null, json!(text.trim())]);

    let before = house.store.record(&first_incident()).unwrap().unwrap();
    let to = house.reply_address(&first_incident(), "ada@example.org");
    let answer = format!("From: ada@example.org\r\nTo: {to}\r\nSubject: Re: Tea\r\n\r\n{text}");
    assert_eq!(house.acts(answer.as_bytes()), first_incident());
    let after = house.store.record(&first_incident()).unwrap().unwrap();
    assert_eq!(before.fields, after.fields, "a comment, and nothing else");
    assert_eq!(house.comments(&first_incident()), [text.trim()]);
}

/// Attachments stay inside the stored mail: none is unpacked, copied into a record, or sent on.
fn attachments_cost_no_more_than_the_mail(input: &Input) {
    let started = Instant::now();
    let house = House::new();
    let done = house.take(&input.octets).outcome;
    assert_eq!(done.state, InboundState::Processed, "{}", done.reason);
    let stored = house.store.inbound(done.id).unwrap().unwrap();
    assert_eq!(
        stored.what.raw, input.octets,
        "kept whole, for whoever looks"
    );
    let record = house.store.record(&done.record.unwrap()).unwrap().unwrap();
    assert!(Value::Object(record.fields).to_string().len() < 1000);
    let told = house.mails();
    assert_eq!(told.len(), 1);
    assert!(told[0].raw.len() < 10_000, "{}", told[0].raw.len());
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
}

fn attachments_become_no_files(input: &Input) {
    let dir = tempfile::tempdir().unwrap();
    let files = || {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&dir.path().join("desk.db")).unwrap());
    let house = House::over(store, |config| config);
    let before = files();
    house.acts(&input.octets);
    house.settle();
    assert_eq!(files(), before);
    let names = read(input).attachments;
    assert!(!names.is_empty());
    for name in names {
        assert!(
            !name.contains(['/', '\\']) && !name.starts_with('.'),
            "{name}"
        );
    }
}

fn nobody_is_told_because_a_mail_names_them(input: &Input) {
    let started = Instant::now();
    let house = House::new();
    let (key, told) = house.told(&input.octets);
    let told: Vec<_> = told.iter().map(|mail| mail.recipient.clone()).collect();
    assert_eq!(told, [sender(input)], "the acknowledgement");
    assert_eq!(house.field(&key, "watch_list"), Value::Null);

    // The same people copied in an answer about Ada's incident.
    let to = house.reply_address(&first_incident(), "ada@example.org");
    let text = String::from_utf8(input.octets.clone()).unwrap();
    let answer = text.replace(&format!("From: {}", sender(input)), "From: ada@example.org");
    let answer = format!("Delivered-To: {to}\r\n{answer}");
    assert_eq!(house.acts(answer.as_bytes()), first_incident());
    assert!(
        house.mails().is_empty(),
        "Ada wrote it, and nobody else is involved"
    );
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
}

fn a_mail_is_one_line_of_the_log(input: &Input) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (lines, row) = runtime.block_on(fetched(&input.octets));
    for text in lines.iter().chain([&row.from, &row.subject]) {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    let about = lines.iter().filter(|line| line.contains(" inbound"));
    assert_eq!(about.count(), 1, "{lines:#?}");
    assert_eq!(row.outcome.state, InboundState::Processed);
}

/// Lets the daemon fetch and process a mail; gives its log, and the row of the mail.
async fn fetched(raw: &[u8]) -> (Vec<String>, postrider_notify::inbound::InboundRow) {
    let sandbox = sandbox().await;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_in_memory().unwrap());
    let house = House::at(&sandbox, Arc::clone(&store));
    sandbox
        .deliver("support@example.org", raw.to_vec())
        .unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let observer: Observer = Arc::new(move |event| kept.lock().unwrap().push(event.to_string()));
    let daemon = Daemon::new(Arc::clone(&house.config), store, observer).unwrap();
    daemon.run_once().await.unwrap();
    let row = house.store.inbound_log(1).unwrap().remove(0);
    let lines = lines.lock().unwrap().clone();
    (lines, row)
}

/// A mail with so many attachments of the same name.
fn with_attachments(count: usize, name: &str, kind: &str) -> Input {
    let part = format!(
        "--=b\nContent-Type: {kind}\nContent-Disposition: attachment; filename=\"{name}\"\nContent-Transfer-Encoding: base64\n\nUEsDBBQ=\n"
    );
    mail_of(&format!(
        "From: x@example.net\nSubject: Tea\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=b\"\n\n\
         --=b\nContent-Type: text/plain\n\nSee these.\n{}--=b--\n",
        part.repeat(count)
    ))
}

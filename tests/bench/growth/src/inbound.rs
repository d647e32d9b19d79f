//! Mails to a desk, judged as if they had come now: read, classified, their own text found, the actions applied. Nothing is
//! written.

use super::Input;
use super::mail::repeated;
use postrider_notify::config::Config;
use postrider_notify::inbound::processor::Processor;
use postrider_notify::inbound::{Inbound, NewInbound};
use postrider_notify::store::SqliteStore;
use postrider_notify::token::Signer;
use std::path::Path;
use std::sync::{Arc, OnceLock};

const CONFIG: &str = r#"
database = "desk.db"

[instance]
name = "Growth"
mail_domain = "example.org"

[smtp.main]
host = "127.0.0.1"
from = "desk@example.org"

[table.incident]
number = { prefix = "INC", digits = 7 }
[table.incident.fields]
short_description = "string"
description = "string"
priority = "integer"

[inbound.new_incident]
class = "new"
table = "incident"
expression = "'wrote' in mail.text or mail.headers is defined"
lines = ["priority"]
[inbound.new_incident.set]
short_description = "${mail.subject}"
description = "${mail.text}"
"#;

fn processor() -> &'static Processor {
    static PROCESSOR: OnceLock<Processor> = OnceLock::new();
    PROCESSOR.get_or_init(|| {
        let config = Config::parse(Path::new("postrider.toml"), CONFIG).expect("the configuration");
        let store = Arc::new(SqliteStore::open_in_memory().expect("a store"));
        Processor::new(Arc::new(config), store, Signer::new(&[7; 32]).expect("a key"))
    })
}

pub(crate) fn judge(mail: &[u8]) -> usize {
    let what = NewInbound {
        apart: false,
        account: "support".to_owned(),
        uidl: None,
        raw: mail.to_vec(),
        sha256: String::new(),
        message_id: None,
    };
    let inbound = Inbound { id: 1, received: "2026-11-23T12:00:00Z".parse().expect("a moment"), attempts: 0, what };
    processor().dry_run(&inbound).expect("an outcome").reason.len()
}

const FROM: &str = "From: Eve Ning <eve@example.net>\r\n";

/// What is repeated in the header, and how often at first.
const FIELDS: [(&str, &str, usize); 8] = [
    ("Delivered-To", "Delivered-To: a@b.example\r\n", 1_500),
    ("X-Loop", "X-Loop: a@b.example\r\n", 1_500),
    ("Authentication-Results", "Authentication-Results: example.org; spf=pass\r\n", 1_500),
    ("prefixes in Subject", "Re: ", 5_000),
    ("numbers in Subject", "INC0010001 ", 3_000),
    ("ids in References", "<1234567890@example.org> ", 2_000),
    ("tokens in To", "desk+incident.INC0010001.aaaaaaaaaaaaaaaa@example.org, ", 1_000),
    ("results in one field", "; spf=pass", 5_000),
];

/// What is repeated in the text, and how often at first.
const TEXTS: [(&str, &str, usize); 15] = [
    ("nothing", "\r\n", 20_000),
    ("words", "The quick brown fox jumps over the lazy dog.\r\n", 1_500),
    ("quotes", "> On 23 Nov 2026 a@b.example wrote:\r\n", 2_000),
    ("quotes and answers", "> one\r\ntwo\r\n", 4_000),
    ("attributions", "On 23 Nov 2026 a@b.example wrote:\r\n\r\n", 2_000),
    ("heads", "From: a@b.example 2026\r\n\r\n", 2_000),
    ("formulas", "Regards\r\nEve\r\n", 4_000),
    ("names", "Eve Ning\r\n\r\n", 4_000),
    ("delimiters", "-- \r\nEve\r\n", 4_000),
    ("dashes", "--\r\n", 10_000),
    ("devices", "Sent from my phone\r\n\r\n", 3_000),
    ("disclaimers", "This message is confidential and meant for its recipient.\r\n\r\n", 1_000),
    ("empty lines", "\r\n\r\n1\r\n", 8_000),
    ("dots", "a.b\r\n", 10_000),
    ("tokens", "incident.INC0010001.aaaaaaaaaaaaaaaa ", 1_500),
];

pub(crate) fn inputs() -> Vec<Input> {
    let fields = FIELDS.iter().map(|&(name, unit, count)| {
        let (begin, end) = match name {
            "prefixes in Subject" | "numbers in Subject" => ("Subject: ", "\r\n"),
            "ids in References" => ("References: ", "\r\n"),
            "tokens in To" => ("To: ", "a@b\r\n"),
            "results in one field" => ("Authentication-Results: example.org", "\r\n"),
            _ => ("", ""),
        };
        let (before, after) = (format!("{FROM}{begin}"), format!("{end}\r\nhello\r\n"));
        repeated(&format!("inbound: {name}"), judge, before, unit, count, after)
    });
    let texts = TEXTS.iter().map(|&(name, unit, count)| {
        let before = format!("{FROM}\r\nHello,\r\n");
        repeated(&format!("inbound: {name}"), judge, before, unit, count, String::new())
    });
    let parts = [
        (
            "recipients of a report",
            REPORT,
            "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n",
            800,
        ),
        (
            "files",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
            "--b\r\nContent-Disposition: attachment; filename=a\r\n\r\nx\r\n",
            800,
        ),
        ("html quotes", "Content-Type: text/html\r\n\r\n", "<div class=\"gmail_quote\">a</div>", 1_500),
        (
            "attendees",
            "Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\n",
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@b.example\r\n",
            1_500,
        ),
        ("lines for fields", "\r\nparse_start\r\n", "priority: 1\r\n", 4_000),
    ];
    let parts = parts.into_iter().map(|(name, before, unit, count)| {
        repeated(&format!("inbound: {name}"), judge, format!("{FROM}{before}"), unit, count, "--b--\r\n".to_owned())
    });
    fields.chain(texts).chain(parts).collect()
}

const REPORT: &str = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nx\r\n\
    --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a.example\r\n\r\n";

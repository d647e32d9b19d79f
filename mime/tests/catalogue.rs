//! Hostile input and the safe behaviour.
//!
//! Runs when `POSTRIDER_CATALOGUE` names the file `hostile.jsonl` or its folder; passes, saying so, when it does not.

// A catalogue that cannot be read, or an entry that nothing checks, has to fail the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{check_lines, read_all};
use postrider_mime::{
    AddrSpec, BuildError, DefectKind, Mailbox, Message, MessageBuilder, html_to_text,
};
use serde_json::Value;

/// The entries for this crate; `None`, with a word about it, when there is no catalogue.
fn entries(kind: &str) -> Option<Vec<Value>> {
    let Some(path) = std::env::var_os("POSTRIDER_CATALOGUE").map(PathBuf::from) else {
        println!("POSTRIDER_CATALOGUE is not set: nothing was checked");
        return None;
    };
    let path = if path.is_dir() {
        path.join("hostile.jsonl")
    } else {
        path
    };
    let text = std::fs::read_to_string(path).unwrap();
    let all = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ours: Vec<_> = all
        .filter(|e| e["component"] == "mime" && e["kind"] == kind)
        .collect();
    assert!(!ours.is_empty());
    Some(ours)
}

/// The bytes of an entry, its repeats divided by `part`.
fn input(entry: &Value, part: usize) -> Vec<u8> {
    let bytes = |b64: &Value| STANDARD.decode(b64.as_str().unwrap()).unwrap();
    match entry["input_parts"].as_array() {
        None => bytes(&entry["input_b64"]),
        Some(parts) => parts
            .iter()
            .flat_map(|p| {
                bytes(&p["b64"]).repeat((p["repeat"].as_u64().unwrap() as usize).div_ceil(part))
            })
            .collect(),
    }
}

#[test]
fn hostile_mail_is_read_safely() {
    let Some(entries) = entries("parse") else {
        return;
    };
    for entry in entries {
        let id = entry["id"].as_str().unwrap();
        println!("{id}");
        let bytes = input(&entry, 1);
        let message = Message::parse(&bytes);
        let small = bytes.len() < 100_000;
        if small {
            read_all(&message);
        }
        expected(&message, &entry["expect"]);
        safe(id, &message);
    }
}

/// Checks the keys that an entry itself expects.
fn expected(message: &Message<'_>, expect: &Value) {
    let names = || message.parts().map(|p| p.safe_file_name());
    for (key, value) in expect.as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        match key.as_str() {
            "no_panic" | "max_ms_per_mb" => {}
            "attachments" => {
                assert_eq!(message.attachments().len() as u64, value.as_u64().unwrap())
            }
            "header_absent" => assert!(message.header(text).is_none()),
            "subject" => assert_eq!(message.subject().unwrap(), text),
            "body" => assert_eq!(message.root().text().text, text),
            "from_domain" => assert!(
                message
                    .from()
                    .first_address()
                    .unwrap()
                    .ends_with(&format!("@{text}"))
            ),
            "from" => assert_eq!(message.from().first_address(), value[0].as_str()),
            "flag" => {
                assert_eq!(text, "duplicate-parameter");
                assert!(
                    message
                        .root()
                        .content_type()
                        .defects()
                        .contains(&DefectKind::DuplicateParameter)
                );
            }
            "filename_no" => {
                let banned: Vec<_> = value
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|b| b.as_str().unwrap())
                    .collect();
                assert!(names().all(|name| banned.iter().all(|b| !name.contains(b))));
            }
            other => panic!("nothing checks {other}"),
        }
    }
}

fn has(message: &Message<'_>, kind: DefectKind) -> bool {
    message.defects().iter().any(|d| d.kind == kind)
}

/// Checks the behaviour that an entry describes in words.
fn safe(id: &str, message: &Message<'_>) {
    let last = message.parts().last().unwrap();
    let attached = || message.attachments().pop().unwrap();
    match id {
        // One boundary for all levels: past the depth limit each delimiter begins one more sibling.
        "mime-bomb-nested-multipart" => {
            assert!(has(message, DefectKind::DepthLimit) && has(message, DefectKind::PartLimit));
            assert_eq!(message.parts().count(), 10_000);
            assert!(
                last.raw_body().len() > 100_000,
                "the rest is one opaque part"
            );
        }
        "mime-bomb-nested-distinct-boundary" => {
            assert!(has(message, DefectKind::DepthLimit));
            assert_eq!(message.parts().count(), 64);
            assert!(last.raw_body().len() > 1000, "the rest is one opaque part");
        }
        "mime-bomb-many-parts" => {
            assert!(has(message, DefectKind::PartLimit));
            assert_eq!(message.parts().count(), 10_000);
        }
        "mime-bomb-address-headers" => assert_eq!(message.to().mailboxes().count(), 100_000),
        "mime-bomb-huge-header" => assert_eq!(message.subject().unwrap().len(), 5_000_000),
        "mime-bomb-folded-header" => assert_eq!(message.subject().unwrap().len(), 800_001),
        "mime-bomb-folded-empty" => assert_eq!(message.subject().unwrap(), "x"),
        "mime-bomb-encoded-words" => assert_eq!(message.subject().unwrap(), "A".repeat(100_000)),
        "mime-bomb-ew-open" => assert_eq!(message.subject().unwrap().len(), 600_000),
        "mime-bomb-commas" | "mime-bomb-comment-depth" => {
            assert!(message.to().is_empty() && message.from().is_empty());
        }
        "mime-bomb-params" => {
            assert!(
                message
                    .root()
                    .content_type()
                    .defects()
                    .contains(&DefectKind::ParameterLimit)
            );
        }
        "mime-2231-huge-index" => assert_eq!(message.root().file_name().unwrap(), "ok"),
        "mime-bomb-dash-lines" => {
            assert!(has(message, DefectKind::MissingDelimiter));
            assert_eq!(message.parts().count(), 1);
        }
        "mime-bomb-qp-softbreaks" => assert!(message.root().content().bytes.is_empty()),
        "mime-bomb-qp-trailing-ws" => assert_eq!(message.root().content().bytes.len(), 500_003),
        "mime-bomb-received" => assert!(message.header("Received").unwrap().text().len() > 300_000),
        "mime-bomb-html-entities" => {
            assert_eq!(html_to_text(&message.root().text().text).len(), 300_001)
        }
        "mime-bomb-colonless" => assert!(has(message, DefectKind::NoHeader)),
        "mime-amb-dup-boundary-param" => {
            assert_eq!(message.root().content_type().boundary().unwrap(), b"aaa");
            assert_eq!(message.parts().count(), 2);
        }
        "mime-amb-name-vs-filename" => {
            assert_eq!(attached().file_name().unwrap(), "a.txt");
            assert_eq!(
                attached().content_type().parameter("name").unwrap(),
                "a.exe"
            );
        }
        "mime-amb-filename-star-both" => {
            let disposition = attached().content_disposition().unwrap();
            assert_eq!(disposition.parameter("filename").unwrap(), "evil.exe");
            assert!(
                disposition
                    .parameters()
                    .defects()
                    .contains(&DefectKind::ConflictingParameter)
            );
        }
        "mime-amb-boundary-space" | "mime-amb-boundary-unquoted-special" => {
            assert_eq!(message.parts().count(), 3);
            assert!(message.defects().is_empty());
            assert_eq!(&*attached().content().bytes, b"EICAR");
        }
        "mime-amb-boundary-missing" => {
            assert!(has(message, DefectKind::MissingBoundary));
            assert!(message.root().raw_body().starts_with(b"--x"));
        }
        "mime-amb-nul-boundary" => {
            assert_eq!(
                message.parts().count(),
                2,
                "a NUL after the boundary makes the line text"
            );
            assert!(message.root().preamble().contains(&0));
        }
        "mime-amb-header-space-colon" => assert_eq!(message.attachments().len(), 1),
        "mime-amb-missing-blank" => {
            assert!(has(message, DefectKind::JunkLine));
            assert_eq!(message.header("X").unwrap().text(), "y");
            assert_eq!(message.body_text().unwrap(), "body");
        }
        "mime-amb-mbox-from" => {
            assert!(has(message, DefectKind::MboxFromLine));
            assert_eq!(message.subject().unwrap(), "a");
        }
        "mime-amb-cte-quoted" => assert_eq!(&*message.root().content().bytes, b"EICAR"),
        "mime-amb-cte-on-multipart" => {
            assert!(has(message, DefectKind::EncodedContainer));
            assert!(message.root().content().bytes.starts_with(b"LS1i"));
        }
        "mime-amb-b64-urlsafe" => {
            assert_eq!(message.root().content().defect, Some(DefectKind::BadBase64));
        }
        "mime-amb-qp-lower-hex" => assert_eq!(message.root().text().text, "€"),
        "mime-amb-qp-bad-hex" => assert_eq!(&*message.root().content().bytes, b"=ZZ=4"),
        "mime-amb-yenc" => assert!(message.root().content().bytes.len() < 100),
        "mime-amb-ct-no-subtype" => {
            assert_eq!(message.root().content_type().essence(), "text/plain");
            assert!(
                message
                    .root()
                    .content_type()
                    .defects()
                    .contains(&DefectKind::BadContentType)
            );
        }
        "mime-amb-ct-empty" => assert_eq!(message.body_text().unwrap(), "x"),
        "mime-rfc822-b64" => {
            assert_eq!(last.content_type().essence(), "text/plain");
            assert_eq!(&*last.content().bytes, b"inner");
        }
        "mime-cs-unknown" => {
            assert_eq!(
                message.root().text().defect,
                Some(DefectKind::UnknownCharset)
            );
            assert_eq!(message.root().raw_body(), b"\xFF\xFE\x80");
        }
        "mime-cs-overlong" => {
            assert!(!message.root().text().text.contains('/'));
            assert!(!message.subject().unwrap().contains('/'));
        }
        "mime-ew-split-multibyte" => assert_eq!(message.subject().unwrap(), "€"),
        "mime-ew-quoted" => {
            assert_eq!(message.from().first().unwrap().name.as_deref(), Some("Jö"));
        }
        "mime-ew-long" => assert!(!message.subject().unwrap().contains("=?")),
        "mime-fn-dot" => assert!(attached().safe_file_name().starts_with("part-")),
        "mime-fn-fullwidth" => assert!(!attached().safe_file_name().contains('／')),
        "mime-fn-badpct" => assert_eq!(attached().file_name().unwrap(), "%ZZ%4"),
        "mime-date-0" | "mime-date-3" => assert!(message.date().is_none()),
        "mime-date-4" => assert_eq!(message.date().unwrap().to_rfc3339(), "2038-01-19T03:14:08Z"),
        "mime-empty" | "mime-crlf-only" => assert_eq!(message.parts().count(), 1),
        // The entry expects keys of its own, or no more than that nothing panics.
        "mime-bomb-ew-open2"
        | "mime-amb-lf-only"
        | "mime-amb-cr-only"
        | "mime-amb-epilogue-part"
        | "mime-amb-header-fold-ct"
        | "mime-amb-qp-softbreak-ws"
        | "mime-corrupt-nested-eml"
        | "mime-ew-in-addrspec"
        | "mime-ew-lang"
        | "mime-fn-drive"
        | "mime-fn-ctl"
        | "mime-fn-crlf"
        | "mime-fn-badcs" => {}
        other => panic!("nothing checks {other}"),
    }
}

#[test]
fn hostile_mail_takes_time_in_proportion_to_its_size() {
    let Some(entries) = entries("parse") else {
        return;
    };
    for entry in entries
        .iter()
        .filter(|e| e["expect"]["max_ms_per_mb"].is_u64())
    {
        let (quarter, whole) = (input(entry, 4), input(entry, 1));
        let (short, long) = (best_time(&quarter), best_time(&whole));
        println!(
            "{}: {short:?}, {long:?} for {} bytes",
            entry["id"],
            whole.len()
        );
        // Four times the input: quadratic work would take sixteen times as long.
        assert!(
            long <= short * 9 + Duration::from_millis(20),
            "{}",
            entry["id"]
        );
        let limit = entry["expect"]["max_ms_per_mb"].as_u64().unwrap() as f64;
        let megabytes = (whole.len() as f64 / 1e6).max(0.25);
        // Without optimization everything takes several times as long.
        let slack = if cfg!(debug_assertions) { 10.0 } else { 1.0 };
        assert!(
            long.as_secs_f64() * 1000.0 <= limit * slack * megabytes,
            "{}",
            entry["id"]
        );
    }
}

/// How long this thread has run, if the system tells: other programs do not count. The time of day otherwise.
fn clock(start: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// The shorter time of two for parsing and reading all values that the entry is about.
fn best_time(bytes: &[u8]) -> Duration {
    let epoch = Instant::now();
    let once = || {
        let start = clock(epoch);
        let message = Message::parse(bytes);
        let root = message.root();
        let read = message.subject().map_or(0, |s| s.len())
            + message.to().mailboxes().count()
            + message.from().mailboxes().count()
            + message
                .header("Received")
                .map_or(0, |f| f.text().len() + f.addresses().entries().count())
            + root.content_type().defects().len()
            + message.body_text().map_or(0, |t| t.len())
            + message.attachments().len();
        assert!(read < bytes.len() * 4 + 100);
        clock(epoch).saturating_sub(start)
    };
    (0..2).map(|_| once()).min().unwrap()
}

#[test]
fn hostile_addresses_are_read_safely() {
    let Some(entries) = entries("address") else {
        return;
    };
    for entry in entries {
        let id = entry["id"].as_str().unwrap();
        println!("{id}");
        let bytes = input(&entry, 1);
        let message = Message::parse(&bytes);
        read_all(&message);
        let list = message.to();
        let first = list.first();
        let address = first.and_then(|m| m.address.as_deref()).unwrap_or_default();
        let expect = &entry["expect"];
        if let Some(domain) = expect["addr_domain"].as_str() {
            let mailbox = first.unwrap().mailbox().unwrap();
            assert_eq!(mailbox.addr().domain(), domain, "{id}");
        }
        if let Some(domain) = expect["addr_not_domain"].as_str() {
            assert!(!address.ends_with(&format!("@{domain}")), "{id}: {address}");
            assert!(AddrSpec::parse(address).is_err(), "{id}");
        }
        if let Some(all) = expect["addr"].as_array() {
            let found: Vec<_> = list
                .mailboxes()
                .filter_map(|m| m.address.as_deref())
                .collect();
            assert_eq!(
                found,
                all.iter().map(|a| a.as_str().unwrap()).collect::<Vec<_>>(),
                "{id}"
            );
        }
        if expect["build"] == "error" {
            assert!(
                MessageBuilder::new()
                    .from("a@b")
                    .to(entry["address"].as_str().unwrap())
                    .build()
                    .is_err(),
                "{id}"
            );
        }
        let regular = first.is_some_and(|m| m.regular);
        match id {
            "mime-ad-27043-c" => {
                assert!(!regular && address == "bob@example.com");
                assert!(Mailbox::parse(entry["address"].as_str().unwrap()).is_err());
            }
            "mime-ad-domain-literal" => assert_eq!(address, "a@[127.0.0.1]"),
            "mime-ad-nested-angle" => assert!(!regular && first.unwrap().mailbox().is_none()),
            "mime-ad-group" => assert!(first.is_none() && !list.is_empty()),
            "mime-ad-space-at" => assert_eq!(address, "a@b.c"),
            "mime-ad-missing-gt" => assert!(!regular && address == "a@b.c"),
            "mime-ad-smuggle-semicolon" => assert_eq!(list.mailboxes().count(), 2),
            _ => {}
        }
    }
}

#[test]
fn hostile_values_are_not_built() {
    let Some(entries) = entries("build") else {
        return;
    };
    for entry in entries {
        let id = entry["id"].as_str().unwrap();
        println!("{id}");
        let args = &entry["build"];
        let mut builder = MessageBuilder::new()
            .from("a@example.org")
            .to("b@example.net");
        for (key, value) in args.as_object().unwrap() {
            let text = value.as_str().unwrap_or_default();
            builder = match key.as_str() {
                "subject" => builder.subject(text),
                "text" => builder.text(text),
                "boundary" => builder
                    .boundary(text)
                    .attach("a", "text/plain", b"x".as_slice()),
                "message_id" => builder.message_id(text),
                "attachment" => {
                    let data = STANDARD
                        .decode(value["data_b64"].as_str().unwrap())
                        .unwrap();
                    let field = |name: &str| value[name].as_str().unwrap().to_owned();
                    builder.attach(field("filename"), &field("content_type"), data)
                }
                other => panic!("nothing sets {other}"),
            };
        }
        let built = builder.build();
        match id {
            "mime-build-subject-crlf"
            | "mime-build-subject-cr"
            | "mime-build-ctype"
            | "mime-build-msgid" => {
                assert!(matches!(built, Err(BuildError::Invalid { .. })), "{id}");
            }
            _ => {
                let bytes = built.unwrap();
                check_lines(&bytes);
                let message = Message::parse(&bytes);
                assert!(
                    message.defects().is_empty() && message.header("Bcc").is_none(),
                    "{id}"
                );
                let text = args["text"]
                    .as_str()
                    .unwrap()
                    .replace("\r\n", "\n")
                    .replace('\r', "\n");
                assert_eq!(
                    message.body_text().unwrap().trim_end(),
                    text.trim_end(),
                    "{id}"
                );
            }
        }
    }
}

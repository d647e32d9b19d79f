//! What the builder writes, the parser reads back equal.

#![allow(clippy::unwrap_used)] // Strategies are made outside the tests themselves.

mod common;

use common::check_lines;
use postrider_mime::{AddrSpec, BodyPart, DateTime, Mailbox, Message, MessageBuilder, ValueError};
use proptest::prelude::*;

/// Text without control characters.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,100}",
        "\\PC{0,60}",
        "[a-z]{1,5}( [a-zäöü=?_]{1,40}){0,12}",
        Just("=?utf-8?Q?x?= \"quoted\" <a@b>, (c) ".to_owned()),
    ]
    .prop_map(|text| text.chars().filter(|c| !c.is_control()).collect())
}

fn mailbox() -> impl Strategy<Value = Mailbox> {
    let local = prop_oneof!["[a-z0-9+._-]{1,20}", "[ -~]{1,20}"];
    let domain = prop_oneof![
        "[a-z]{1,10}(\\.[a-z]{2,5}){0,3}",
        Just("[192.0.2.1]".to_owned())
    ];
    (text(), local, domain).prop_map(|(name, local, domain)| {
        Mailbox::new(&name, AddrSpec::new(&local, &domain).unwrap()).unwrap()
    })
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        "([ -~é]{0,90}\r?\n){0,12}",
        "\\PC{0,200}",
        prop::collection::vec(any::<char>(), 0..80).prop_map(|chars| chars.into_iter().collect()),
        "x{0,2500}",
        Just("--=_0123\r\n.\r\n..\r\nFrom me \r\n\t\r\n".to_owned()),
    ]
}

/// The text as the parser gives it: LF, the last line ended, no byte order mark.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = if text.is_empty() || text.ends_with('\n') {
        text
    } else {
        text + "\n"
    };
    text.strip_prefix('\u{FEFF}').unwrap_or(&text).to_owned()
}

fn read(mailboxes: &postrider_mime::AddressList<'_>) -> Vec<Mailbox> {
    mailboxes
        .mailboxes()
        .map(|m| m.mailbox().unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn headers_read_back_equal(
        from in mailbox(),
        to in prop::collection::vec(mailbox(), 0..5),
        subject in text(),
        extra in text(),
        ids in prop::collection::vec("[a-z0-9.]{1,30}@[a-z]{1,20}", 0..6),
        seconds in -62_135_596_800_i64..253_402_214_400,
        offset in -720_i16..840,
    ) {
        let date = DateTime::from_unix(seconds, offset);
        prop_assume!(date.is_some());
        let mut builder = MessageBuilder::new()
            .from(&from)
            .bcc("hidden@example.org")
            .subject(&subject)
            .date(date.unwrap())
            .references(&ids)
            .header("X-Extra", &extra);
        for mailbox in &to {
            builder = builder.to(mailbox);
        }
        let bytes = builder.build().unwrap();
        check_lines(&bytes);
        let message = Message::parse(&bytes);
        prop_assert!(message.defects().is_empty());
        prop_assert_eq!(read(&message.from()), vec![from]);
        prop_assert_eq!(read(&message.to()), to.clone());
        prop_assert!(message.from().mailboxes().chain(message.to().mailboxes()).all(|m| m.regular));
        prop_assert_eq!(message.subject().map(|s| s.into_owned()), Some(subject.clone()));
        prop_assert_eq!(message.header("x-extra").map(|f| f.text().into_owned()), Some(extra));
        prop_assert_eq!(message.references().collect::<Vec<_>>(), ids.clone());
        prop_assert_eq!(message.date(), date);
        let mut names: Vec<_> = message.headers().map(|f| f.name().to_owned()).collect();
        names.sort();
        let mut expected = vec!["Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "X-Extra"];
        if !to.is_empty() { expected.push("To"); }
        if !ids.is_empty() { expected.push("References"); }
        expected.sort_unstable();
        prop_assert_eq!(names, expected);
    }

    #[test]
    fn bodies_and_attachments_read_back_equal(
        plain in prop::option::of(body()),
        html in prop::option::of(body()),
        files in prop::collection::vec((text(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..4),
        image in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
    ) {
        let mut builder = MessageBuilder::new().from("a@b").date(DateTime::from_unix(0, 0).unwrap());
        if let Some(text) = &plain { builder = builder.text(text); }
        if let Some(html) = &html { builder = builder.html(html); }
        if let Some(image) = &image { builder = builder.inline("logo@x", "image/png", image); }
        for (name, is_text, content) in &files {
            let kind = if *is_text { "text/csv; charset=utf-8" } else { "application/octet-stream" };
            builder = builder.attach(name, kind, content);
        }
        let bytes = builder.build().unwrap();
        check_lines(&bytes);
        prop_assert_eq!(&bytes, &builder.build().unwrap());
        prop_assert_eq!(bytes.len(), builder.size().unwrap());
        let message = Message::parse(&bytes);
        prop_assert!(message.defects().is_empty(), "{:?}", message.defects());
        let part = |kind: &str| message.parts().find(|p| p.content_type().is("text", kind) && p.file_name().is_none());
        if let Some(text) = &plain {
            prop_assert_eq!(part("plain").unwrap().text().text.replace("\r\n", "\n"), lines(text));
        }
        if let Some(html) = &html {
            prop_assert_eq!(part("html").unwrap().text().text.replace("\r\n", "\n"), lines(html));
        }
        if let Some(image) = &image {
            prop_assert_eq!(&*message.part_by_content_id("logo@x").unwrap().content().bytes, &image[..]);
        }
        let attached: Vec<_> = message.parts()
            .filter(|p| p.content_disposition().is_some_and(|d| d.is_attachment()))
            .map(|p| (p.file_name().unwrap_or_default().into_owned(), p.content().bytes.into_owned()))
            .collect();
        let expected: Vec<_> = files.iter().map(|(name, _, content)| (name.clone(), content.clone())).collect();
        prop_assert_eq!(attached, expected);
    }

    #[test]
    fn no_value_adds_a_header_field(value in "[ -~\r\n\0\t]{0,40}", at in 0_usize..8) {
        let builder = MessageBuilder::new().from("a@b");
        let builder = match at {
            0 => builder.subject(&value),
            1 => builder.to(&value),
            2 => builder.to((&value, "c@d")),
            3 => builder.message_id(&value),
            4 => builder.references([&value]),
            5 => builder.header("X-Value", &value),
            6 => builder.header(&value, "x"),
            _ => builder.attach(&value, &value, b"".as_slice()),
        };
        if let Ok(bytes) = builder.build() {
            check_lines(&bytes);
            let message = Message::parse(&bytes);
            prop_assert!(message.headers().count() <= 8);
            prop_assert!(message.header("Bcc").is_none());
            prop_assert!(message.defects().is_empty());
        } else {
            prop_assert!(true);
        }
    }
}

#[test]
fn rfc5322_2_1_1_neither_blanks_nor_quotes_make_a_line_too_long() {
    let (few, many) = (" ".repeat(800), " ".repeat(1000));
    let long = "word ".repeat(300);
    for text in [
        format!("a{many}b"),
        format!("a{few}{}", "b".repeat(800)),
        format!("{long} two blanks"),
        format!("{long}{few}{long}{many}b"),
        "\"".repeat(500),
        format!("{long}{}", "\\".repeat(500)),
    ] {
        let new = || {
            let builder = MessageBuilder::new().from((&text, "a@b")).subject(&text);
            builder.attach(&text, "a/b", b"x".as_slice())
        };
        for builder in [new(), new().with_utf8_headers()] {
            let bytes = builder.build().unwrap();
            check_lines(&bytes);
            let message = Message::parse(&bytes);
            let from = message.from();
            assert_eq!(from.first().unwrap().name.as_deref(), Some(&*text));
            assert_eq!(message.subject().as_deref(), Some(&*text));
            let file = message.attachments()[0].file_name();
            assert_eq!(file.as_deref(), Some(&*text));
        }
    }
    let part = |subtype: &str| {
        let text = BodyPart::text("plain", "x").unwrap();
        BodyPart::multipart(subtype, [text])
    };
    assert!(part(&"x".repeat(127)).is_ok());
    assert_eq!(part(&"x".repeat(128)).unwrap_err(), ValueError::ContentType);
}

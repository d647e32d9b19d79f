use super::*;

fn build(builder: MessageBuilder<'_>) -> Result<String, String> {
    let bytes = builder
        .from("a@b")
        .date(DateTime::from_unix(0, 0).unwrap())
        .build();
    bytes
        .map(|b| String::from_utf8(b).unwrap())
        .map_err(|e| e.to_string())
}

#[test]
fn a_raw_header_is_one_whole_field() {
    let text = build(MessageBuilder::new().raw_header("X-Signature: a=b;\r\n\tc=d\r\n")).unwrap();
    assert!(text.contains("\r\nX-Signature: a=b;\r\n\tc=d\r\n"));
    for field in [
        "X",
        "X: a\r\nBcc: b",
        "X: a\nb",
        "X: a\r\n \r\nb",
        ": x",
        "To: x",
        "X: é",
        "X: \0",
    ] {
        assert!(
            build(MessageBuilder::new().raw_header(field)).is_err(),
            "{field:?}"
        );
    }
}

#[test]
fn rfc8058_3_1_one_click() {
    let uris = ["https://example.org/leave?1", "mailto:leave@example.org"];
    let text = build(MessageBuilder::new().list_unsubscribe(uris)).unwrap();
    let message = crate::Message::parse(text.as_bytes());
    let list = message.mailing_list().unwrap();
    assert_eq!(list.unsubscribe, uris);
    assert_eq!(list.one_click_unsubscribe.as_deref(), Some(uris[0]));
    assert!(build(MessageBuilder::new().list_unsubscribe(["a>\r\nX: y"])).is_err());
}

#[test]
fn rfc6047_2_4_a_calendar_object_is_an_alternative() {
    let text = build(
        MessageBuilder::new()
            .text("Come.")
            .calendar("REQUEST", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
    );
    let text = text.unwrap();
    let message = crate::Message::parse(text.as_bytes());
    assert_eq!(
        message.root().content_type().essence(),
        "multipart/alternative"
    );
    let role = message.calendars().next().unwrap().role();
    assert_eq!(
        role,
        crate::Role::Calendar {
            method: Some("REQUEST".into())
        }
    );
}

#[test]
fn the_tree_fits_what_was_given() {
    let shape = |builder| {
        let text = build(builder).unwrap();
        let message = crate::Message::parse(text.as_bytes());
        let types: Vec<_> = message
            .parts()
            .map(|p| p.content_type().essence())
            .collect();
        types.join(" ")
    };
    let new = MessageBuilder::new;
    let png = || b"\x89PNG".as_slice();
    assert_eq!(shape(new()), "text/plain");
    assert_eq!(shape(new().html("x")), "text/html");
    assert_eq!(
        shape(new().text("x").html("x")),
        "multipart/alternative text/plain text/html"
    );
    assert_eq!(
        shape(
            new()
                .text("x")
                .html("x")
                .inline("i@x", "image/png", png())
                .attach("a", "a/b", png())
        ),
        "multipart/mixed multipart/alternative text/plain multipart/related text/html image/png a/b"
    );
    assert_eq!(
        shape(new().inline("i@x", "image/png", png())),
        "multipart/mixed text/plain image/png"
    );
}

#[test]
fn what_is_wrong_is_named() {
    let error = |builder| build(builder).unwrap_err();
    assert_eq!(
        error(MessageBuilder::new().to("a b")),
        "To cannot be written: it is not one mailbox (`name <address>` or an address)"
    );
    assert!(
        error(MessageBuilder::new().header("Bcc", "x"))
            .starts_with("Bcc cannot be written: this field has")
    );
    assert!(error(MessageBuilder::new().header("X\r\nY", "x")).starts_with("X\\r\\nY cannot"));
    assert!(error(MessageBuilder::new().to("é@x.y")).contains("SMTPUTF8"));
    assert!(
        build(MessageBuilder::new().to("é@x.y").with_utf8_headers())
            .unwrap()
            .contains("To: é@x.y\r\n")
    );
    assert!(matches!(
        MessageBuilder::new().build(),
        Err(BuildError::NoFrom)
    ));
}

#[test]
fn rfc5322_3_6_each_verb_writes_its_field_and_bcc_none() {
    let builder = MessageBuilder::new()
        .sender("s@x")
        .reply_to("r@x")
        .to("t@x")
        .to(("Jo", "j@x"))
        .cc("c@x")
        .bcc("b@x")
        .message_id(MessageId::parse("1@x").unwrap())
        .in_reply_to("<2@x>")
        .references(["3@x", "<4@x>"])
        .header("X-One", "one");
    let recipients = builder.recipients().map(|addr| addr.to_string());
    let recipients: Vec<_> = recipients.collect();
    assert_eq!(recipients, ["t@x", "j@x", "c@x", "b@x"]);
    let text = build(builder).unwrap();
    let (header, _) = text.split_once("MIME-Version: 1.0\r\n").unwrap();
    let expected = [
        "Date: Thu, 1 Jan 1970 00:00:00 +0000",
        "From: a@b",
        "Sender: s@x",
        "Reply-To: r@x",
        "To: t@x, Jo <j@x>",
        "Cc: c@x",
        "Message-ID: <1@x>",
        "In-Reply-To: <2@x>",
        "References: <3@x> <4@x>",
        "X-One: one",
        "",
    ];
    assert_eq!(header, expected.join("\r\n"));
}

#[test]
fn rfc2183_2_1_what_html_shows_is_inline_and_has_an_identifier() {
    let html = MessageBuilder::new().html("<img src=\"cid:i@x\">");
    let text = build(html.inline("<i@x>", "image/png", &b"\x89PNG"[..])).unwrap();
    assert!(text.contains("\r\nContent-ID: <i@x>\r\nContent-Disposition: inline\r\n"));
}

#[test]
fn rfc5322_2_2_a_field_name_is_printable_without_a_colon_and_of_70_at_most() {
    for (name, fits) in [
        ("X-Y", true),
        (&*"x".repeat(70), true),
        (&*"x".repeat(71), false),
        ("", false),
        ("X Y", false),
        ("X:", false),
        ("\u{c9}", false),
    ] {
        let built = build(MessageBuilder::new().header(name, "x"));
        assert_eq!(built.is_ok(), fits, "{name:?}");
    }
}

#[test]
fn rfc2369_2_a_list_field_has_uris_of_900_at_most() {
    for (uri, fits) in [
        ("mailto:a@b", true),
        (&*format!("mailto:{}", "x".repeat(893)), true),
        (&*format!("mailto:{}", "x".repeat(894)), false),
        ("", false),
        ("a b", false),
        ("a,b", false),
        ("<a", false),
        ("\u{e9}", false),
    ] {
        let built = build(MessageBuilder::new().list_unsubscribe([uri]));
        assert_eq!(built.is_ok(), fits, "{uri:?}");
    }
}

#[test]
fn rfc6047_2_4_a_method_is_letters_digits_and_hyphens() {
    for (method, fits) in [
        ("REQUEST", true),
        ("X-A1", true),
        ("", false),
        ("A B", false),
        ("A;b=c", false),
    ] {
        let built = build(MessageBuilder::new().calendar(method, "x"));
        assert_eq!(built.is_ok(), fits, "{method:?}");
    }
}

#[test]
fn rfc2046_5_1_1_the_beginning_of_boundaries_has_1_to_60_characters_without_a_space() {
    for (stem, fits) in [
        ("'()+_,-./:=?", true),
        (&*"x".repeat(60), true),
        (&*"x".repeat(61), false),
        ("", false),
        ("a b", false),
        ("a\"b", false),
        ("\u{e9}", false),
    ] {
        let built = build(MessageBuilder::new().boundary(stem));
        assert_eq!(built.is_ok(), fits, "{stem:?}");
    }
}

#[test]
fn boundaries_are_made_of_the_content_whatever_has_the_parts() {
    fn new<'a>() -> MessageBuilder<'a> {
        MessageBuilder::new().message_id("1@x")
    }
    let ways: [fn(&'static str) -> MessageBuilder<'static>; 4] = [
        |text| new().text(text).html("x"),
        |text| new().attach("a", "a/b", text),
        |text| new().inline("i@x", "a/b", text),
        |text| {
            let part = BodyPart::text("plain", text).unwrap();
            new().body(BodyPart::multipart("mixed", [part]).unwrap())
        },
    ];
    let boundary = |builder| {
        let text = build(builder).unwrap();
        let message = crate::Message::parse(text.as_bytes());
        message.root().content_type().boundary().unwrap()
    };
    for (number, way) in ways.iter().enumerate() {
        assert_ne!(boundary(way("one")), boundary(way("two")), "{number}");
    }
}

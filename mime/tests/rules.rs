//! Rules that take a whole message to show.

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::read_all;
use postrider_mime::{AutoSubmitted, DefectKind, HeaderField, Limits, Message, Part};
use std::borrow::Cow;

#[test]
fn rfc8621_4_1_4_bodies_of_the_example() {
    // The tree of the section; each part is described by its letter.
    let part = |kind: &str, letter: &str| {
        format!(
            "Content-Type: {kind}\r\nContent-Description: {letter}\r\n\r\nX: y\r\n\r\n{letter}\r\n"
        )
    };
    let inline =
        |kind: &str, letter: &str| format!("Content-Disposition: inline\r\n{}", part(kind, letter));
    let multipart = |kind: &str, boundary: &str, parts: &[String]| {
        let parts: String = parts
            .iter()
            .map(|part| format!("--{boundary}\r\n{part}"))
            .collect();
        format!(
            "Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n{parts}--{boundary}--\r\n"
        )
    };
    let shown = [
        inline("text/plain", "B"),
        inline("image/jpeg", "C"),
        inline("text/plain", "D"),
    ];
    let related = [part("text/html", "E"), part("image/jpeg", "F")];
    let ways = [
        multipart("mixed", "b4", &shown),
        multipart("related", "b5", &related),
    ];
    let inner = [
        multipart("alternative", "b3", &ways),
        format!(
            "Content-Disposition: attachment\r\n{}",
            part("image/jpeg", "G")
        ),
        part("application/x-excel", "H"),
        part("message/rfc822", "J"),
    ];
    let all = [
        inline("text/plain", "A"),
        multipart("mixed", "b2", &inner),
        inline("text/plain", "K"),
    ];
    let mail = multipart("mixed", "b1", &all);
    let message = Message::parse(mail.as_bytes());
    assert_eq!(message.defects(), []);
    let bodies = message.bodies();
    let letters = |parts: &[Part<'_>]| {
        let letters = parts.iter().filter_map(|part| part.content_description());
        letters.collect::<Vec<_>>().concat()
    };
    assert_eq!(letters(&bodies.text), "ABCDK");
    assert_eq!(letters(&bodies.html), "AEK");
    assert_eq!(letters(&bodies.attachments), "CFGHJ");
}

#[test]
fn rfc2392_2_and_rfc2557_4_parts_are_found_by_what_html_calls_them() {
    let message = Message::parse(
        b"Content-Type: multipart/related; boundary=b; type=\"text/html\"; start=\"<1@x>\"\r\n\r\n\
          --b\r\nContent-Type: text/html\r\nContent-ID: <1@x>\r\n\r\n<img src=cid:2@x>\r\n\
          --b\r\nContent-Type: image/png\r\nContent-ID: <2@x>\r\nContent-Location: http://x/y.png\r\n\r\nPNG\r\n--b--\r\n",
    );
    let image = message.part_by_content_id("2@x");
    assert_eq!(image.map(|part| part.raw_body()), Some(&b"PNG"[..]));
    assert_eq!(
        image.and_then(|part| part.content_location()).as_deref(),
        Some("http://x/y.png")
    );
    let start = message.root().content_type().parameter("start");
    assert_eq!(start.as_deref(), Some("<1@x>"));
    assert!(message.part_by_content_id("3@x").is_none());
}

#[test]
fn rfc2183_2_the_parameters_of_a_disposition() {
    let message = Message::parse(
        b"Content-Disposition: ATTACHMENT; filename=genome.jpeg;\r\n \
          modification-date=\"Wed, 12 Feb 1997 16:29:51 -0500\"; size=3\r\n\r\n",
    );
    let disposition = message.root().content_disposition();
    let parameter = |name| disposition.as_ref().and_then(|d| d.parameter(name));
    assert!(disposition.as_ref().is_some_and(|d| d.is_attachment()));
    assert_eq!(parameter("filename").as_deref(), Some("genome.jpeg"));
    assert_eq!(
        parameter("modification-date").as_deref(),
        Some("Wed, 12 Feb 1997 16:29:51 -0500")
    );
    assert_eq!(parameter("size").as_deref(), Some("3"));
}

#[test]
fn rfc2369_2919_8058_what_a_list_says_of_itself() {
    let message = Message::parse(
        b"List-Id: News <news.example.org>\r\nList-Post: NO (posting not allowed)\r\n\
          List-Help: <mailto:help@example.org> (by mail),\r\n <https://example.org/help>\r\n\
          List-Unsubscribe: <mailto:leave@example.org>, <https://example.org/leave?1>\r\n\
          List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n",
    );
    let list = message.mailing_list().unwrap_or_default();
    assert_eq!(list.id.as_deref(), Some("news.example.org"));
    assert!(list.post.is_empty());
    assert_eq!(
        list.help,
        ["mailto:help@example.org", "https://example.org/help"]
    );
    assert_eq!(
        list.one_click_unsubscribe.as_deref(),
        Some("https://example.org/leave?1")
    );
    let plain = Message::parse(b"List-Unsubscribe: <https://example.org/leave>\r\n\r\n");
    let plain = plain.mailing_list().unwrap_or_default();
    assert_eq!(plain.one_click_unsubscribe, None);
}

#[test]
fn rfc3834_5_what_was_sent_by_no_person_says_so() {
    for (value, told) in [
        ("auto-replied", Some(AutoSubmitted::Replied)),
        (
            " (hello) Auto-Generated; owner-email=a@b",
            Some(AutoSubmitted::Generated),
        ),
        ("no", Some(AutoSubmitted::No)),
        (
            "auto-notified",
            Some(AutoSubmitted::Other("auto-notified".into())),
        ),
        ("", None),
    ] {
        let mail = format!("Auto-Submitted: {value}\r\n\r\n");
        assert_eq!(
            Message::parse(mail.as_bytes()).auto_submitted(),
            told,
            "{value}"
        );
    }
}

fn preview(mail: &str, characters: usize) -> Option<String> {
    Message::parse(mail.as_bytes()).preview(characters)
}

#[test]
fn a_preview_ends_before_a_character_that_was_cut() {
    for shift in 0..3 {
        let text = "x".repeat(shift) + &"日本語".repeat(3000);
        let expected: String = text.chars().take(100).collect();
        let lines = text.as_bytes().chunks(24).map(|line| {
            let octets = line.iter().map(|octet| format!("={octet:02X}"));
            octets.collect::<String>() + "=\r\n"
        });
        for (encoding, body) in [
            ("8bit", text.clone()),
            ("quoted-printable", lines.collect()),
            ("base64", STANDARD.encode(&text)),
        ] {
            let mail = format!("Content-Transfer-Encoding: {encoding}\r\n\r\n{body}");
            let read = preview(&mail, 100);
            assert_eq!(read.as_ref(), Some(&expected), "{encoding} {shift}");
        }
    }
}

#[test]
fn a_preview_reads_on_where_only_markup_was_met() {
    let html = |html: &str| preview(&format!("Content-Type: text/html\r\n\r\n{html}"), 100);
    let style = "p { margin: 0 }\n".repeat(1300);
    let page = format!("<html><head><style>{style}</style></head><body><p>Hello</p></body></html>");
    assert_eq!(html(&page).as_deref(), Some("Hello"));
    assert_eq!(html(&"<br>\n".repeat(5000)).as_deref(), Some(""));
    // Wherever the first look ends, it ends in the text.
    for length in 10_450..10_500 {
        let title = "x".repeat(length);
        let page = format!("<b title=\"{title}\">caf&eacute; au lait</b>");
        assert_eq!(html(&page).as_deref(), Some("café au lait"), "{length}");
    }
    let blanks = format!("\r\n{}Hello", " \r\n".repeat(10_000));
    assert_eq!(preview(&blanks, 100).as_deref(), Some("Hello"));
}

#[test]
fn a_preview_shows_nothing_of_an_attribute_that_was_cut() {
    for times in [1_500, 3_000, 20_000] {
        let data = "{'a':'<b>bold</b> > 1'} ".repeat(times);
        for (open, close) in [("<div data-x=\"", "\">"), ("<template>", "</template>")] {
            let page = format!("Content-Type: text/html\r\n\r\n{open}{data}{close}Hello</div>");
            assert_eq!(preview(&page, 100).as_deref(), Some("Hello"), "{open}");
        }
    }
}

#[test]
fn where_the_plain_text_is_blank_the_preview_is_that_of_the_html() {
    let mail = |plain: &str, html: &str| {
        format!(
            "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n{plain}\r\n\
             --b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b--\r\n"
        )
    };
    for (plain, html, read) in [
        ("", "<p>Hello", "Hello"),
        (" \r\n\t\r\n", "<p>Hello", "Hello"),
        ("Hi", "<p>Hello", "Hi"),
        ("", "<br>", ""),
    ] {
        let read = Some(read.to_owned());
        assert_eq!(preview(&mail(plain, html), 100), read, "{plain:?} {html}");
    }
}

#[test]
fn a_preview_is_the_beginning_of_the_text_to_read() {
    let part = |kind: &str, text: &str| format!("--b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n");
    let mail = [
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        &part("text/plain", ""),
        &part("text/plain; format=flowed; delsp=yes", "日本 \r\n語"),
        &part("text/html", "<p>two"),
        "--b--\r\n",
    ]
    .concat();
    for (characters, read) in [(100, "日本語 two"), (5, "日本語 t"), (3, "日本語")] {
        assert_eq!(preview(&mail, characters).as_deref(), Some(read));
    }
    assert_eq!(preview("Content-Type: image/png\r\n\r\nx", 5), None);
}

#[test]
fn no_getter_of_a_header_gives_a_line_break_or_a_nul() {
    let mail = b"From: \"a\r\n b\"@c.d, \"a\rX: y\"@b, \"a\0b\"@c, <a@[1\r\n .2]>, a\0b@c\r\n\
        To: \"a\rb\" <c@d>, a\0b: (c\0d) e@f;\r\nSubject: a\rb\0c\r\n\
        Received: from a\0b (c\r\n\t[192.0.2.1]\0d\re) by f\0\r\n\
        Authentication-Results: a\0b; spf=pa\0ss reason=\"a\rb\" smtp.mailfrom=\"a\r\n b\"@c\0d x.\0=y\r\n\
        Auto-Submitted: x\0y\r\n\
        Content-Type: te\0xt/x\0y; na\0me=\"a\rb\"\r\n\
        Content-Disposition: in\0line; filename*=utf-8''a%0D%0A%00b\r\n\r\n";
    let message = Message::parse(mail);
    read_all(&message);
    let from = message.from();
    let read: Vec<_> = from
        .mailboxes()
        .map(|m| (m.address.as_deref().unwrap_or_default(), m.regular))
        .collect();
    let expected = [
        ("\"a b\"@c.d", true),
        ("\"a X: y\"@b", false),
        ("\"a b\"@c", false),
        ("a@[1 .2]", true),
        ("a b@c", false),
    ];
    assert_eq!(read, expected);
    let writable: Vec<_> = from.mailboxes().map(|m| m.mailbox().is_some()).collect();
    assert_eq!(writable, [true, true, true, false, false]);
    let hop = message.received().next().unwrap_or_default();
    assert_eq!(hop.from.as_deref(), Some("a b"));
    assert_eq!(hop.from_info.as_deref(), Some("c\t[192.0.2.1] d e"));
    let found = message.authentication_results().next().unwrap_or_default();
    let spf = found.result("spf");
    let spf = spf.map(|spf| (spf.reason.as_deref(), spf.properties.clone()));
    let property = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let properties = [("smtp.mailfrom", "\"a b\"@c d"), ("x. ", "y")].map(property);
    assert_eq!(spf, Some((Some("a b"), properties.to_vec())));
    let content_type = message.root().content_type();
    assert_eq!(content_type.essence(), "te xt/x y");
    assert!(content_type.parameters().names().eq(["na me"]));
    assert_eq!(content_type.parameter("na me").as_deref(), Some("a b"));
}

/// A part that holds a message, as it is or in quoted-printable.
fn enclosing(message: &str, encoded: bool) -> String {
    let (encoding, message) = match encoded {
        true => ("quoted-printable", message.replace('=', "=3D")),
        false => ("7bit", message.to_owned()),
    };
    format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: {encoding}\n\n{message}")
}

/// What can be asked of a part, but for its encoding.
#[derive(Debug, PartialEq)]
struct Told {
    parent: Option<usize>,
    fields: Vec<String>,
    /// Of a leaf.
    body: Option<Vec<u8>>,
    defects: Vec<DefectKind>,
}

fn structure(message: &Message<'_>) -> Vec<Told> {
    let parts: Vec<_> = message.root().walk().collect();
    let place = |part: Part<'_>| parts.iter().position(|other| other.id() == part.id());
    let told = parts.iter().map(|part| {
        let named = |field: &HeaderField<'_>| field.name() != "Content-Transfer-Encoding";
        let fields = part.headers().filter(named).map(|field| field.text());
        let kinds = part.defects().map(|defect| defect.kind);
        Told {
            parent: part.parent().and_then(place),
            fields: fields.map(Cow::into_owned).collect(),
            body: (part.first_child().is_none()).then(|| part.raw_body().to_vec()),
            defects: kinds
                .filter(|kind| *kind != DefectKind::EncodedContainer)
                .collect(),
        }
    });
    told.collect()
}

#[test]
fn rfc2046_5_2_1_an_encoded_message_reads_as_if_it_were_not_encoded() {
    let read = |encoded: bool, depth: usize| {
        let innermost = "Subject: innermost\nSubject: again\n\ninnermost text";
        let inner = format!(
            "Subject: inner\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nfirst\n--i\n{}\n--i\n\nlast\n--i--\n",
            enclosing(innermost, encoded)
        );
        let alone = "Subject: alone\n\nalone text";
        let mail = format!(
            "Subject: outer\nContent-Type: multipart/mixed; boundary=o\n\n--o\n{}\n--o\n{}\n--o\n\nend\n--o--\n",
            enclosing(&inner, encoded),
            enclosing(alone, encoded)
        );
        let mut limits = Limits::default();
        limits.depth = depth;
        let message = Message::parse_with(mail.as_bytes(), &limits, Default::default());
        assert_eq!(message.parts().count(), message.root().walk().count());
        structure(&message)
    };
    assert_eq!(read(true, 20).len(), 10);
    assert_eq!(read(true, 20), read(false, 20));
    for depth in 1..8 {
        assert_eq!(read(true, depth).len(), read(false, depth).len(), "{depth}");
    }
}

#[test]
fn rfc2183_2_3_a_file_name_that_is_empty_is_none() {
    let name = |disposition: &str, kind: &str| {
        let mail = format!(
            "Content-Type: a/b{kind}\r\nContent-Disposition: attachment{disposition}\r\n\r\nx"
        );
        let message = Message::parse(mail.as_bytes());
        message.root().file_name().map(String::from)
    };
    for disposition in [
        "",
        "; filename=",
        "; filename=\"\"",
        "; filename=\" \"",
        "; filename*=",
        "; filename*=utf-8''",
        "; filename*0=\"\"",
    ] {
        let named = name(disposition, "; name=a.pdf");
        assert_eq!(named.as_deref(), Some("a.pdf"), "{disposition}");
        assert_eq!(name(disposition, "; name=\"\""), None, "{disposition}");
        assert_eq!(name(disposition, ""), None, "{disposition}");
    }
    let both = name("; filename*=; filename=b.pdf", "; name=a.pdf");
    assert_eq!(both.as_deref(), Some("b.pdf"));
}

//! Hostile mail and hostile values of our own. `catalogue.rs` plays those of a catalogue, where there is one.

mod common;

use common::read_all;
use postrider_mime::{BuildError, DefectKind, Limits, Message, MessageBuilder};

fn has(message: &Message<'_>, kind: DefectKind) -> bool {
    message.defects().iter().any(|defect| defect.kind == kind)
}

#[test]
fn multiparts_within_one_another_are_opened_up_to_the_limit() {
    let level = |n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
    let mail: String = (0..1_000).map(level).collect();
    let message = Message::parse(mail.as_bytes());
    read_all(&message);
    assert!(has(&message, DefectKind::DepthLimit));
    assert!(message.parts().count() <= Limits::default().depth + 1);
}

#[test]
fn parts_are_read_up_to_the_limit() {
    let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    let mail = head.to_owned() + &"--b\r\n\r\nx\r\n".repeat(20_000);
    let message = Message::parse(mail.as_bytes());
    assert!(has(&message, DefectKind::PartLimit));
    assert_eq!(message.parts().count(), Limits::default().parts);
}

#[test]
fn header_fields_are_read_up_to_the_limit() {
    let mail = "a: b\r\n".repeat(150_000) + "\r\nbody";
    let message = Message::parse(mail.as_bytes());
    assert!(has(&message, DefectKind::HeaderLimit));
    assert_eq!(message.headers().count(), Limits::default().fields);
}

#[test]
fn a_value_that_would_begin_a_line_is_not_built() {
    let new = || {
        MessageBuilder::new()
            .from("a@example.org")
            .to("b@example.net")
    };
    let evil = "x\r\nBcc: c@example.net";
    for (what, builder) in [
        ("a subject", new().subject(evil)),
        ("a lone CR", new().subject("x\rBcc: c@example.net")),
        ("a lone LF", new().subject("x\nBcc: c@example.net")),
        (
            "an address",
            new().to("d@example.net>\r\nBcc: <c@example.net"),
        ),
        ("a display name", new().to((evil, "d@example.net"))),
        (
            "an identifier",
            new().message_id("<a@b>\r\nBcc: c@example.net"),
        ),
        ("the value of a field", new().header("X-Note", evil)),
        ("the name of a field", new().header("X-Note: x\r\nBcc", "x")),
        (
            "a file name",
            new().attach(evil, "text/plain", b"x".as_slice()),
        ),
        (
            "a content type",
            new().attach("x", "text/plain\r\nBcc: c@example.net", b"x".as_slice()),
        ),
    ] {
        let built = builder.build();
        assert!(matches!(built, Err(BuildError::Invalid { .. })), "{what}");
    }
    assert!(new().subject("x Bcc: c@example.net").build().is_ok());
}

//! U+FEFF is a character of a header, wherever it stands.

use postrider_mime::{Message, MessageBuilder};

#[test]
fn u_feff_at_the_start_of_a_header_text_or_a_file_name_round_trips() {
    let text = "\u{FEFF}an odd beginning \u{FEFF}and middle, in words enough for more than one line of seventy-six";
    for utf_8 in [false, true] {
        let builder = MessageBuilder::new()
            .from((text, "a@example.org"))
            .subject(text)
            .header("X-Extra", text)
            .attach("\u{FEFF}a.bin", "application/octet-stream", &b"x"[..]);
        let builder = if utf_8 {
            builder.with_utf8_headers()
        } else {
            builder
        };
        let bytes = builder.build().unwrap();
        let message = Message::parse(&bytes);
        assert_eq!(message.subject().as_deref(), Some(text));
        assert_eq!(message.header("X-Extra").unwrap().text(), text);
        let from = message.from();
        assert_eq!(from.first().and_then(|m| m.name.as_deref()), Some(text));
        assert_eq!(
            message.attachments()[0].file_name().as_deref(),
            Some("\u{FEFF}a.bin")
        );
    }
}

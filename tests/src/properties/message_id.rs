use postrider_mime::{Message, MessageBuilder, MessageId};

/// The input is what stands in References, and an identifier as somebody gives it.
///
/// * An identifier that exists is one word of ASCII, and is read back equal from every field that names it.
/// * Whatever is read from a header has neither angle brackets nor CR, LF or NUL in it, and is not empty.
/// * Those of them that can be written are read back, in order (RFC 5322 §3.6.4).
pub fn message_id(input: &[u8]) {
    if let Ok(id) = String::from_utf8_lossy(input).parse::<MessageId>() {
        assert!(id.as_str().bytes().all(|b| b.is_ascii_graphic()), "{id}");
        are_read_back(std::slice::from_ref(&id));
    }
    let mail = [b"References: ", input, b"\r\n\r\n"].concat();
    let message = Message::parse(&mail);
    let field = message.header("references");
    let bracketed = field.is_some_and(|field| field.raw().contains(&b'<'));
    let mut ids = Vec::new();
    for read in message.references() {
        assert!(
            !read.is_empty() && !read.contains(['\r', '\n', '\0']),
            "{read:?}"
        );
        assert!(!bracketed || !read.contains(['<', '>']), "{read:?}");
        ids.extend(MessageId::parse(&read));
    }
    are_read_back(&ids);
}

fn are_read_back(ids: &[MessageId]) {
    let Some(first) = ids.first() else {
        return;
    };
    let builder = MessageBuilder::new()
        .from("a@example.org")
        .message_id(first)
        .in_reply_to(first)
        .references(ids);
    let built = builder.build().expect("an identifier can be written");
    let message = Message::parse(&built);
    assert_eq!(message.message_id().as_deref(), Some(first.as_str()));
    assert!(message.in_reply_to().eq([first.as_str()]));
    let read: Vec<_> = message.references().collect();
    assert!(read.iter().eq(ids.iter().map(MessageId::as_str)), "{ids:?}");
    assert!(built.split(|b| *b == b'\n').all(|line| line.len() <= 999));
}

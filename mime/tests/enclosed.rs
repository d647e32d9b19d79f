//! Messages within a message that is built (RFC 2046 §5.2.1): what is not encoded, and what says so.

use postrider_mime::{BodyPart, DateTime, Message, MessageBuilder, Source, TransferEncoding};

type Done = Result<(), Box<dyn std::error::Error>>;

const EIGHT_BIT: &str = "Subject: inner\r\nContent-Type: text/plain; charset=utf-8\r\n\
                         Content-Transfer-Encoding: 8bit\r\n\r\nGr\u{fc}\u{df}e \r\n";

fn builder<'a>() -> MessageBuilder<'a> {
    let date = DateTime::from_unix(1_700_000_000, 0);
    let builder = MessageBuilder::new().from("a@example.org").subject("outer");
    match date {
        Some(date) => builder.date(date),
        None => builder,
    }
}

/// The encoding of each part, as its header says.
fn encodings(message: &Message<'_>) -> Vec<(String, TransferEncoding)> {
    let parts = message.parts();
    parts
        .map(|part| (part.content_type().essence(), part.transfer_encoding()))
        .collect()
}

#[test]
fn rfc2045_6_4_multiparts_around_an_eight_bit_message_say_so() -> Done {
    use TransferEncoding::{EightBit, SevenBit};
    let text = BodyPart::text("plain", "forwarded")?;
    let inner = BodyPart::content("message/rfc822", EIGHT_BIT)?;
    let plain = BodyPart::multipart("mixed", [BodyPart::text("plain", "x")?])?;
    let report = BodyPart::multipart("report", [text, inner, plain])?;
    let bytes = builder()
        .body(report)
        .attach("a.txt", "text/plain", b"a")
        .build()?;
    let message = Message::parse(&bytes);
    assert_eq!(message.defects(), []);
    let named = |essence: &str, encoding| (essence.to_owned(), encoding);
    assert_eq!(
        encodings(&message),
        [
            named("multipart/mixed", EightBit),
            named("multipart/report", EightBit),
            named("text/plain", SevenBit),
            named("message/rfc822", EightBit),
            named("text/plain", EightBit),
            named("multipart/mixed", SevenBit),
            named("text/plain", SevenBit),
            named("text/plain", SevenBit),
        ]
    );
    let inner = message.parts().find(|part| part.is_message());
    assert_eq!(
        inner.map(|part| part.raw_body()),
        Some(EIGHT_BIT.as_bytes()),
        "the very bytes"
    );
    Ok(())
}

#[test]
fn a_message_that_was_read_is_enclosed_as_it_was() -> Done {
    let first = builder()
        .attach("inner.eml", "message/rfc822", EIGHT_BIT)
        .build()?;
    let message = Message::parse(&first);
    let again = builder()
        .text("see below")
        .attach("first.eml", "message/rfc822", message.raw())
        .build()?;
    let again = Message::parse(&again);
    let raw: Vec<_> = again
        .parts()
        .filter(|p| p.is_message())
        .map(|p| p.raw_body().to_vec())
        .collect();
    assert_eq!(raw, [first.clone(), EIGHT_BIT.as_bytes().to_vec()]);
    Ok(())
}

#[test]
fn no_boundary_occurs_in_a_message_that_is_enclosed() -> Done {
    let inner = "Subject: x\r\n\r\n--given\r\n";
    let refused = builder()
        .boundary("given")
        .attach("a.eml", "message/rfc822", inner)
        .build();
    assert_eq!(
        refused.map_err(|error| error.to_string()),
        Err(
            "boundary cannot be written: it occurs in a message that must not be encoded"
                .to_owned()
        )
    );
    // What the boundary would be, put into the message: it is another then, whatever it is made of.
    let mut inner = inner.to_owned();
    for _ in 0..3 {
        let mail = builder()
            .attach("a.eml", "message/rfc822", inner.clone())
            .build()?;
        let message = Message::parse(&mail);
        assert_eq!(message.parts().count(), 4, "no part is cut off");
        let boundary = message.root().content_type().boundary().unwrap_or_default();
        inner = format!("{inner}--{}--\r\n", String::from_utf8(boundary)?);
    }
    Ok(())
}

#[test]
fn a_message_that_is_not_at_hand_is_refused() {
    let source = Source::once(&b"Subject: x"[..]);
    let refused = builder().attach("a.eml", "message/rfc822", source).build();
    assert_eq!(
        refused.map_err(|error| error.to_string()),
        Err(
            "Content-Type cannot be written: a message within the message has to be given as bytes"
                .to_owned()
        )
    );
}

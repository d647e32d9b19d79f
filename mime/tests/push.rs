//! A message that arrives in pieces: what is kept of it, and what is told of what.

use postrider_mime::{DefectKind, HeaderField, Limits, Message, Part, PushEvent, PushParser};

const PIECE: usize = 4 << 10;
const MAIL: usize = 64 << 20;
const LESS: usize = 4 << 20;

/// Feeds so many bytes: what comes first, and then the same over and over. How many bytes of bodies were told, and how many bytes
/// were held at the most.
fn fed(mail: usize, limits: &Limits, first: &[u8], again: &[u8]) -> (usize, usize) {
    let again = again.repeat((PIECE / again.len()).max(1));
    let mut parser = PushParser::new(limits.clone());
    let (mut told, mut held) = (0, 0);
    let mut take = |parser: &mut PushParser| {
        while let Some(event) = parser.next_event() {
            if let PushEvent::Body { bytes, .. } = event {
                told += bytes.len();
            }
        }
        held = held.max(parser.held());
    };
    parser.feed(first);
    take(&mut parser);
    for _ in 0..mail / again.len() {
        parser.feed(&again);
        take(&mut parser);
    }
    parser.finish();
    take(&mut parser);
    (told, held)
}

const MULTIPART: &[u8] = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n";

#[test]
fn of_a_body_of_any_size_a_line_is_kept() {
    let line = [b"A".repeat(76), b"\r\n".to_vec()].concat();
    for (mail, first, again) in [
        (
            MAIL,
            &b"Content-Transfer-Encoding: base64\r\n\r\n"[..],
            line.as_slice(),
        ),
        (LESS, b"\r\n", b"a line that never ends "),
        (LESS, MULTIPART, &line),
        (LESS, MULTIPART, b"\r\n"),
        (LESS, MULTIPART, b"--bb\r\n--b-\r\n--\r\n"),
        (
            LESS,
            MULTIPART,
            b"--b                                              ",
        ),
    ] {
        let (told, held) = fed(mail, &Limits::default(), first, again);
        assert!(told >= mail - 2 * PIECE, "{told} of the body told");
        assert!(held <= 4 * PIECE, "{held} held");
    }
}

#[test]
fn of_many_parts_no_more_is_kept_than_records_of_them() {
    for again in [&b"\r\n--b\r\n"[..], b"\r\n--b\r\nA: b\r\n\r\nc"] {
        let (_, held) = fed(LESS, &Limits::default(), MULTIPART, again);
        assert!(held <= 1 << 20, "{held} held");
    }
}

#[test]
fn a_header_that_reaches_a_limit_is_not_kept_further() {
    let mut limits = Limits::default();
    limits.header_bytes = 64 << 10;
    for again in [
        &b"X-Spam: yes\r\n"[..],
        b"X-Spam: yes\r\n folded",
        b"Subject:    ",
    ] {
        let (told, held) = fed(LESS, &limits, b"Subject: ", again);
        assert_eq!(told, 0, "it is all header");
        assert!(held <= 512 << 10, "{held} held");
    }
}

#[test]
fn what_is_no_header_as_far_as_the_limit_lets_see_is_body() {
    let mut limits = Limits::default();
    limits.header_bytes = 64 << 10;
    for again in [&b"no header at all\r\n"[..], b"not even a line"] {
        let (told, held) = fed(LESS, &limits, b"", again);
        assert!(told >= LESS - 2 * PIECE, "{told} of the body told");
        assert!(held <= 512 << 10, "{held} held");
    }
}

/// The parts, the fields and the defects of a message with small limits, both ways.
fn limited(bytes: &[u8], header_bytes: usize) -> Vec<DefectKind> {
    let mut limits = Limits::default();
    limits.header_bytes = header_bytes;
    let message = Message::parse_with(bytes, &limits, Default::default());
    let whole: Vec<_> = message.defects().iter().map(|d| d.kind).collect();
    let mut parser = PushParser::new(limits);
    bytes.chunks(1).for_each(|piece| parser.feed(piece));
    parser.finish();
    let mut pushed = Vec::new();
    while let Some(event) = parser.next_event() {
        if let PushEvent::Defect(defect) = event {
            pushed.push(defect.kind);
        }
    }
    assert_eq!(pushed, whole);
    whole
}

#[test]
fn a_limit_settles_what_a_header_is() {
    let long = "x".repeat(100);
    let junk = format!("junk\n{long}\n{long}");
    assert_eq!(
        limited(junk.as_bytes(), 60),
        [
            DefectKind::JunkLine,
            DefectKind::HeaderLimit,
            DefectKind::NoHeader
        ]
    );
    let field = format!("Subject: {long}\nTo: a@b\n\nbody");
    assert_eq!(limited(field.as_bytes(), 60), [DefectKind::HeaderLimit]);
    let marked = format!("\u{FEFF}{field}");
    assert_eq!(limited(marked.as_bytes(), 60), [DefectKind::HeaderLimit]);
    let mixed = format!("junk\nSubject: {long}\nno end");
    assert_eq!(
        limited(mixed.as_bytes(), 60),
        [DefectKind::JunkLine, DefectKind::HeaderLimit]
    );
}

#[test]
fn a_byte_order_mark_before_the_first_field_may_arrive_in_pieces() {
    let text = "\u{FEFF}To: a@b\n\nbody";
    let told = limited(text.as_bytes(), 60);
    assert_eq!(told, [DefectKind::ByteOrderMark]);
    let told = limited(text.as_bytes(), "\u{FEFF}To: a@".len());
    assert_eq!(told, [DefectKind::HeaderLimit]);
    let behind = format!("From a\n{text}");
    let told = limited(behind.as_bytes(), 60);
    assert_eq!(told, [DefectKind::MboxFromLine, DefectKind::ByteOrderMark]);
    let told = limited(behind.as_bytes(), "From a\n\u{FEFF}To: a@".len());
    assert_eq!(told, [DefectKind::MboxFromLine, DefectKind::HeaderLimit]);
}

#[test]
fn rfc2046_5_1_5_the_header_of_a_part_of_a_digest_knows_its_type() {
    let mut parser = PushParser::new(Limits::default());
    parser.feed(b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\n");
    let mut types = Vec::new();
    while let Some(event) = parser.next_event() {
        if let PushEvent::Header { header, .. } = event {
            types.push(header.root().content_type().essence());
        }
    }
    assert_eq!(types, ["multipart/digest", "message/rfc822", "text/plain"]);
}

#[test]
fn the_header_that_is_told_of_a_part_is_the_one_it_has_in_the_whole() {
    let mail = b"Subject: outer\r\nContent-Type: multipart/mixed;\r\n boundary=b\r\n\r\npreamble\r\n--b\r\n\
        X-One : folded\r\n over lines\r\nSubject:\r\n\r\nbody: no field\r\n--b\r\n\
        Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext\r\n--b--\r\n";
    let whole = Message::parse(mail);
    let told = |part: Part<'_>| {
        let field = |field: HeaderField<'_>| (field.name().to_owned(), field.raw().to_vec());
        let fields: Vec<_> = part.headers().map(field).collect();
        (fields, part.raw_header().to_vec(), part.is_multipart())
    };
    let mut parser = PushParser::new(Limits::default());
    let mut headers = 0;
    for piece in mail.chunks(7).chain([&b""[..]]) {
        parser.feed(piece);
        if piece.is_empty() {
            parser.finish();
        }
        while let Some(event) = parser.next_event() {
            let PushEvent::Header { part, header } = event else {
                continue;
            };
            headers += 1;
            let (alone, within) = (header.root(), whole.part(part).unwrap());
            assert_eq!(told(alone), told(within), "{part:?}");
            assert_eq!(alone.raw(), within.raw_header(), "{part:?}");
            assert_eq!(alone.raw_body(), b"", "{part:?}");
        }
    }
    assert_eq!(headers, 4);
}

#[test]
fn a_message_that_was_not_taken_is_kept_until_it_is() {
    let mut parser = PushParser::new(Limits::default());
    for piece in ["A: b\r\n\r\n", "one ", "two ", "three"] {
        parser.feed(piece.as_bytes());
    }
    parser.finish();
    let mut body = Vec::new();
    while let Some(event) = parser.next_event() {
        if let PushEvent::Body { bytes, .. } = event {
            body.extend_from_slice(bytes);
        }
    }
    assert_eq!(body, b"one two three");
}

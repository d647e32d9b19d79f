//! What is read and not changed is written as it came, octet by octet.

use postrider_mime::{BodyPart, DateTime, Message, MessageBuilder, Part};
use proptest::prelude::*;

/// A message of many lines that mean something, with both kinds of line ends.
fn mail() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("Content-Type: multipart/mixed; boundary=a"),
        Just("Content-Type: multipart/alternative;\r\n boundary=\"b\""),
        Just("Content-Type: message/rfc822"),
        Just("Subject: =?utf-8?Q?x?="),
        Just("X-Odd :  folded \r\n\t value "),
        Just("no field"),
        Just(""),
        Just(""),
        Just("--a"),
        Just("--a--"),
        Just("--b "),
        Just("--b--"),
        Just("Größe \t"),
    ];
    let end = prop_oneof![3 => Just("\r\n"), 1 => Just("\n")];
    prop::collection::vec((line, end), 0..40).prop_map(|lines| {
        let lines = lines.into_iter().flat_map(|(line, end)| [line, end]);
        lines.collect::<String>().into_bytes()
    })
}

/// Writes a part from its pieces: header, preamble, delimiter lines, children, epilogue.
fn written(part: Part<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(part.raw_header());
    let (source, mut at) = (part.source(), part.body_span().start);
    for child in part.children() {
        assert!(at <= child.span().start, "children stand in order");
        out.extend_from_slice(&source[at..child.span().start]);
        written(child, out);
        at = child.span().end;
    }
    out.extend_from_slice(&source[at..part.body_span().end]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_message_or_part_written_from_its_pieces_is_the_same(bytes in mail()) {
        let message = Message::parse(&bytes);
        for part in message.parts() {
            let mut out = Vec::new();
            written(part, &mut out);
            prop_assert_eq!(&out[..], part.raw());
        }
        prop_assert_eq!(message.root().raw(), &bytes[..]);
        let owned = message.into_owned();
        prop_assert_eq!(owned.raw(), &bytes[..]);
    }

    #[test]
    fn a_message_or_part_that_is_passed_on_arrives_as_it_was(bytes in mail()) {
        let message = Message::parse(&bytes);
        let originals: Vec<_> = message.parts().map(Part::raw).collect();
        let forwarded = originals.iter().map(|raw| BodyPart::attachment("part", "application/octet-stream", *raw).unwrap());
        let built = MessageBuilder::new()
            .from("a@example.org")
            .date(DateTime::from_unix(0, 0).unwrap())
            .body(BodyPart::multipart("mixed", forwarded).unwrap())
            .build()
            .unwrap();
        let read = Message::parse(&built);
        let arrived: Vec<_> = read.attachments().into_iter().map(|part| part.content().bytes).collect();
        prop_assert_eq!(arrived.len(), originals.len());
        prop_assert!(arrived.iter().zip(&originals).all(|(arrived, original)| **arrived == **original));
    }
}

//! Properties of the parser that hold for every byte string.

mod common;

use common::{pushed, read_all};
use postrider_mime::{Buffers, Delimiters, Limits, Message, html_to_text};
use proptest::prelude::*;

/// Bytes that look like mail often enough to reach all of the parser.
fn mail_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("From: ".to_owned()),
        Just("To: a@b, \"x\" <c@d>, G: e@f;\r\n".to_owned()),
        Just("Subject: =?utf-8?Q?a=20?= =?iso-8859-1?B?6Q==?=\r\n".to_owned()),
        Just("Date: 1 Jan 2024 00:00 Z\r\n".to_owned()),
        Just("Content-Type: multipart/mixed; boundary=b\r\n".to_owned()),
        Just("Content-Type: multipart/digest; boundary=\"bb\"\n".to_owned()),
        Just("Content-Type: message/rfc822\r\n".to_owned()),
        Just("Content-Type: text/html; charset*0=utf; charset*1=-8\r\n".to_owned()),
        Just("Content-Disposition: attachment; filename*=utf-8''%41\r\n".to_owned()),
        Just("Content-Transfer-Encoding: base64\r\n".to_owned()),
        Just("Content-Transfer-Encoding: quoted-printable\r\n".to_owned()),
        Just("Received: from a\0 (b\r\n\tc\r) by d\r\n".to_owned()),
        Just("Authentication-Results: a; b=c d.e=\"f\r\n \0\"@g\r\n".to_owned()),
        Just("Cc: \"a\r\n b\"@c, [d\r\n e]\0<\"f\r\"@g>\r\n".to_owned()),
        Just("\u{FEFF}".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just(" \r\n".to_owned()),
        Just("--b\r\n".to_owned()),
        Just("--b--\r\n".to_owned()),
        Just("--b x\r\n".to_owned()),
        Just("--bb\n".to_owned()),
        Just("--".to_owned()),
        Just(" folded\r\n".to_owned()),
        Just("U3ViamVjdDogeA0KDQp4".to_owned()),
        Just("=C3=A9=\r\n".to_owned()),
        "[ -~]{0,12}",
        "\\PC{0,4}",
    ];
    prop_oneof![
        3 => prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_bytes_are_a_message_and_every_span_lies_inside(bytes in mail_like()) {
        read_all(&Message::parse(&bytes));
    }

    #[test]
    fn small_limits_keep_every_promise(bytes in mail_like(), depth in 1_usize..4, parts in 1_usize..4) {
        let mut limits = Limits::default();
        limits.depth = depth;
        limits.parts = parts;
        limits.fields = 3;
        limits.header_bytes = 60;
        limits.encoded_nesting = 1;
        for delimiters in [Delimiters::Exact, Delimiters::Loose] {
            limits.delimiters = delimiters;
            let message = Message::parse_with(&bytes, &limits, Buffers::default());
            read_all(&message);
            prop_assert!(message.parts().count() <= parts.max(1));
        }
    }

    #[test]
    fn a_message_that_arrives_in_pieces_is_the_same(bytes in mail_like(), cuts in prop::collection::vec(1_usize..40, 1..30)) {
        let limits = Limits::default();
        let whole = pushed::whole(&bytes, &limits);
        prop_assert_eq!(&pushed::in_pieces(&bytes, &cuts, &limits), &whole);
        prop_assert_eq!(&pushed::in_pieces(&bytes, &[1], &limits), &whole);
    }

    #[test]
    fn a_message_that_arrives_in_pieces_meets_the_same_limits(
        bytes in mail_like(),
        cuts in prop::collection::vec(1_usize..40, 1..30),
        (depth, parts, fields, header_bytes) in (1_usize..4, 1_usize..5, 0_usize..6, 0_usize..90),
    ) {
        let mut limits = Limits::default();
        (limits.depth, limits.parts, limits.fields, limits.header_bytes) = (depth, parts, fields, header_bytes);
        let whole = pushed::whole(&bytes, &limits);
        prop_assert_eq!(&pushed::in_pieces(&bytes, &cuts, &limits), &whole);
        prop_assert_eq!(&pushed::in_pieces(&bytes, &[1], &limits), &whole);
    }

    #[test]
    fn an_owned_message_reads_the_same(bytes in mail_like()) {
        let message = Message::parse(&bytes);
        let owned = message.clone().into_owned();
        prop_assert_eq!(format!("{message:?}"), format!("{owned:?}"));
        prop_assert_eq!(message.body_text(), owned.body_text());
    }

    #[test]
    fn html_of_any_kind_becomes_text(html in "(<[a-z/!]{0,4}( href=['\"]?)?|[ -~]|&[a-z#0-9]{0,5};?|>|\n|é){0,60}") {
        let text = html_to_text(&html);
        prop_assert!(text.is_empty() || text.ends_with('\n'));
    }
}

#[test]
fn rfc2046_5_1_1_the_line_end_between_two_delimiters_belongs_to_the_second_one_however_it_arrives()
{
    let text = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
        Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\none\r\n--c--\r\n--b\r\n\r\n--b--\r\n";
    let limits = Limits::default();
    let whole = pushed::whole(text, &limits);
    for cut in 1..text.len() {
        let pieces = pushed::in_pieces(text, &[cut, text.len()], &limits);
        assert_eq!(pieces, whole, "{cut}");
    }
}

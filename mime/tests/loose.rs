//! Multiparts in which no line is exactly a delimiter.

use postrider_mime::{DefectKind, Delimiters, Limits, Message};

const MAIL: &[u8] = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\
    preamble\r\n--b junk\r\n\r\none\r\n--b (two)\r\nContent-Type: text/html\r\n\r\ntwo\r\n--b-- end\r\nepilogue";

fn read(bytes: &[u8], delimiters: Delimiters) -> Message<'_> {
    let mut limits = Limits::default();
    limits.delimiters = delimiters;
    Message::parse_with(bytes, &limits, Default::default())
}

fn defects(message: &Message<'_>) -> Vec<DefectKind> {
    message.defects().iter().map(|d| d.kind).collect()
}

fn bodies<'m>(message: &'m Message<'_>) -> Vec<&'m [u8]> {
    let leaves = message.parts().filter(|part| !part.is_multipart());
    leaves.map(|part| part.raw_body()).collect()
}

#[test]
fn by_default_a_multipart_without_exact_delimiters_has_no_parts() {
    let message = Message::parse(MAIL);
    assert_eq!(message.parts().count(), 1);
    assert_eq!(defects(&message), [DefectKind::MissingDelimiter]);
    assert!(message.root().raw_body().ends_with(b"epilogue"));
}

#[test]
fn rfc2046_5_1_1_a_multipart_whose_only_delimiter_is_the_last_one_has_no_parts_and_says_so() {
    let mail = b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b--\r\nepilogue";
    for delimiters in [Delimiters::Exact, Delimiters::Loose] {
        let message = read(mail, delimiters);
        assert_eq!(message.parts().count(), 1);
        assert_eq!(defects(&message), [DefectKind::NoParts]);
        assert_eq!(message.defects()[0].offset, 55);
        assert_eq!(message.root().epilogue(), b"epilogue");
    }
    let inner = Message::parse(
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\
        Content-Type: multipart/mixed; boundary=i\n\n--i--\n--b--\n",
    );
    assert_eq!(defects(&inner), [DefectKind::NoParts]);
}

#[test]
fn text_after_the_boundary_is_a_flagged_fall_back() {
    let message = read(MAIL, Delimiters::Loose);
    assert_eq!(bodies(&message), [&b"one"[..], b"two"]);
    assert_eq!(
        defects(&message),
        [DefectKind::MissingDelimiter, DefectKind::LooseDelimiter]
    );
    assert_eq!(message.root().epilogue(), b"epilogue");
    assert_eq!(message.root().preamble(), b"preamble");
}

#[test]
fn the_fall_back_is_none_where_one_line_is_exact() {
    let mail = b"Content-Type: multipart/mixed; boundary=b\n\n--b junk\n\none\n--b\n\ntwo\n--b-- junk\n--b--\n";
    let (exact, loose) = (Message::parse(mail), read(mail, Delimiters::Loose));
    assert_eq!(bodies(&loose), [b"two\n--b-- junk"]);
    assert_eq!(format!("{exact:?}"), format!("{loose:?}"));
}

#[test]
fn the_fall_back_holds_within_parts_and_encoded_messages() {
    let inner = "Content-Type: multipart/mixed; boundary=i\n\n--i x\n\ninner\n--i-- x\n";
    let mail = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n--b x\n{inner}\n--b x\n\nlast\n--b-- x\n"
    );
    let message = read(mail.as_bytes(), Delimiters::Loose);
    assert_eq!(bodies(&message), [&b"inner"[..], b"last"]);
    let escaped = inner.replace('=', "=3D");
    let mail = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n--b x\nContent-Type: message/rfc822\n\
         Content-Transfer-Encoding: quoted-printable\n\n{escaped}\n--b-- x\n"
    );
    let message = read(mail.as_bytes(), Delimiters::Loose);
    assert!(bodies(&message).contains(&&b"inner"[..]), "{message:?}");
}

#[test]
fn limits_hold_in_the_fall_back() {
    let mail = [
        "Content-Type: multipart/mixed; boundary=b\n\n",
        &"--b x\n\nbody\n".repeat(100),
    ]
    .concat();
    let mut limits = Limits::default();
    (limits.delimiters, limits.parts) = (Delimiters::Loose, 5);
    let message = Message::parse_with(mail.as_bytes(), &limits, Default::default());
    assert_eq!(message.parts().count(), 5);
    assert!(defects(&message).contains(&DefectKind::PartLimit));
    limits.depth = 1;
    let message = Message::parse_with(mail.as_bytes(), &limits, Default::default());
    assert_eq!(message.parts().count(), 1);
}

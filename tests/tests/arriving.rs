//! A mail that arrives by POP3 is read piece by piece as the client hands it out, and is what it is when it is read as a whole.

#[path = "../../mime/tests/common/pushed.rs"]
mod pushed;

use bytes::{Bytes, BytesMut};
use postrider_mime::Limits;
use postrider_pop3::{Command, Connection, Event, MessageNumber, Password, UserName};
use postrider_tests::messages::{TRICKY, arrived};
use proptest::prelude::*;

/// A mail with parts of all kinds, in which dots and boundaries stand where they do not mean what they seem to.
const PARTS: &[u8] = b"Subject: =?utf-8?Q?=2Eparts?=\r\nContent-Type: multipart/mixed;\r\n boundary=\".b\"\r\n\r\n\
    .preamble\r\n--.b\r\nContent-Type: text/plain\r\n\r\n.\r\n..\r\n--.bb\r\n--.b\r\n\
    Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n\
    --i\r\n\r\n.text\r\n--i\r\nContent-Type: text/html\r\n.no field\r\n\r\n<p>.</p>\r\n--.b\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nLi4u\r\n--.b--\r\n.epilogue\r\n";

/// How a server sends a mail (RFC 1939 §3): a line that begins with a dot gets another one, and a dot ends it.
fn multi_line(mail: &[u8]) -> Vec<u8> {
    let mut reply = b"+OK\r\n".to_vec();
    for line in mail.split_inclusive(|b| *b == b'\n') {
        reply.extend(line.strip_prefix(b".").map(|_| b'.'));
        reply.extend(line);
    }
    reply.extend(b".\r\n");
    reply
}

/// A connection that has logged in and asked for the first message.
fn retrieving() -> Connection {
    let mut pop3 = Connection::new(Default::default());
    let mut out = BytesMut::new();
    let login = [
        Command::User(UserName::new("ada").unwrap()),
        Command::Pass(Password::new("secret").unwrap()),
    ];
    let heard = |pop3: &mut Connection| {
        let mut input = BytesMut::from("+OK\r\n");
        assert!(pop3.receive(&mut input).unwrap().is_some());
    };
    heard(&mut pop3);
    for command in login {
        pop3.send(&command, &mut out).unwrap();
        heard(&mut pop3);
    }
    let first = MessageNumber::new(1).unwrap();
    pop3.send(&Command::Retr(first), &mut out).unwrap();
    pop3
}

/// The pieces in which the client hands a mail out that the network cuts into these lengths, over and over.
fn handed_out(mail: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let (mut pop3, mut input) = (retrieving(), BytesMut::new());
    let (mut pieces, mut finished) = (Vec::new(), false);
    let reply = multi_line(mail);
    let mut rest = &reply[..];
    for cut in cuts.iter().cycle() {
        let (now, later) = rest.split_at(rest.len().min(*cut));
        rest = later;
        input.extend_from_slice(now);
        while let Some(event) = pop3.receive(&mut input).unwrap() {
            match event {
                Event::Body { bytes, .. } => pieces.push(bytes),
                Event::Finished { .. } => finished = true,
                _ => {}
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    assert!(finished);
    pieces
}

fn is_the_same(mail: &[u8], cuts: &[usize]) {
    let limits = Limits::default();
    let pieces = handed_out(mail, cuts);
    assert_eq!(pieces.concat(), mail, "as it was sent");
    let arrived = pushed::of_pieces(mail, pieces.iter().map(|piece| &piece[..]), &limits);
    assert_eq!(arrived, pushed::whole(mail, &limits));
    assert_eq!(arrived, pushed::in_pieces(mail, cuts, &limits));
}

#[test]
fn rfc1939_5_a_mail_is_the_same_whether_it_arrives_or_is_there() {
    for mail in TRICKY.map(arrived) {
        for cut in [1, 2, 3, 7, 64 << 10] {
            is_the_same(&mail, &[cut]);
        }
    }
    let (parts, _) = pushed::whole(PARTS, &Limits::default());
    assert_eq!(parts.len(), 7);
    for cut in 1..PARTS.len() + 8 {
        is_the_same(PARTS, &[cut]);
    }
}

proptest! {
    #[test]
    fn rfc1939_3_dots_and_cuts_change_no_mail(
        lines in prop::collection::vec("[.]{0,2}(--b(--)?|Content-Type: multipart/mixed; boundary=b|[a-z:. -]{0,9})", 0..30),
        cuts in prop::collection::vec(1..40_usize, 1..6),
    ) {
        let mail: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        is_the_same(mail.as_bytes(), &cuts);
    }
}

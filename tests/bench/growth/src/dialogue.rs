//! What a server may say at length, to the machines of SMTP and POP3; and bodies on their way out.

use super::Input;
use bytes::{BufMut, BytesMut};
use postrider_pop3 as pop3;
use postrider_smtp as smtp;
use postrider_smtp::transparency::Transparency;
use std::hint::black_box;

type Row = (&'static str, fn(&[u8]) -> usize, &'static str, &'static str, usize, &'static str);

const ROWS: &[Row] = &[
    ("smtp: lines of one reply", smtp_whole, "", "250-and so on\r\n", 2_000, "250 ok\r\n"),
    ("smtp: lines of one reply, octet by octet", smtp_octets, "", "250-and so on\r\n", 500, "250 ok\r\n"),
    ("smtp: one long line, octet by octet", smtp_octets, "250 ", "x", 10_000, "\r\n"),
    ("smtp: extensions", smtp_whole, "", "250-X-EXTENSION A B\r\n", 2_000, "250 ok\r\n"),
    ("smtp: dots on their way out", transparency, "", ".\r\n", 20_000, ""),
    ("smtp: line feeds on their way out", transparency, "", "\n", 40_000, ""),
    ("pop3: UIDL", pop3_uidl, "+OK\r\n", "1 abcdef\r\n", 0, ".\r\n"),
    ("pop3: UIDL, octet by octet", pop3_uidl_octets, "+OK\r\n", "1 abcdef\r\n", 0, ".\r\n"),
    ("pop3: a message", pop3_message, "+OK\r\n", "The quick brown fox\r\n", 3_000, ".\r\n"),
    ("pop3: dots of a message", pop3_message, "+OK\r\n", "..\r\n", 8_000, ".\r\n"),
    ("pop3: dots of a message, octet by octet", pop3_message_octets, "+OK\r\n", "..\r\n", 3_000, ".\r\n"),
    ("pop3: one long line, octet by octet", pop3_message_octets, "+OK\r\n", "x", 10_000, "\r\n.\r\n"),
];

pub(crate) fn inputs() -> impl Iterator<Item = Input> {
    ROWS.iter().map(|&(name, read, before, unit, count, after)| {
        let middle = move |times| if count > 0 { unit.repeat(count * times) } else { listing(times) };
        let make = move |times| [before, &middle(times), after].concat().into_bytes();
        Input { name: name.to_owned(), read, make: Box::new(make), whole: None }
    })
}

fn listing(times: usize) -> String {
    (1..=1_000 * times).map(|number| format!("{number} uid-of-{number}\r\n")).collect()
}

fn smtp_whole(said: &[u8]) -> usize {
    smtp_replies(said, 4_096)
}

fn smtp_octets(said: &[u8]) -> usize {
    smtp_replies(said, 1)
}

/// The answer to EHLO, in pieces.
fn smtp_replies(said: &[u8], piece: usize) -> usize {
    let mut limits = smtp::Limits::default();
    (limits.line, limits.reply, limits.lines) = (1 << 30, 1 << 30, 1 << 30);
    let mut connection = smtp::Connection::new(smtp::Protocol::Smtp, limits);
    let (mut input, mut out) = (BytesMut::from(&b"220 ready\r\n"[..]), BytesMut::new());
    connection.receive(&mut input).expect("a greeting");
    let name = smtp::Domain::from_ip(std::net::Ipv4Addr::LOCALHOST.into());
    connection.send(&smtp::Command::Ehlo(&name), &mut out).expect("EHLO");
    let mut replies = 0;
    for piece in said.chunks(piece) {
        input.put_slice(piece);
        while let Some(event) = connection.receive(&mut input).expect("a reply") {
            replies += black_box(event.reply).lines().count();
        }
    }
    replies
}

fn transparency(message: &[u8]) -> usize {
    let mut encoder = Transparency::new();
    let written: usize = message.chunks(4_096).map(|chunk| encoder.encode(chunk).map(<[u8]>::len).sum::<usize>()).sum();
    written + encoder.end().len()
}

fn pop3_uidl(said: &[u8]) -> usize {
    pop3_answer(&pop3::Command::Uidl(None), said, 4_096)
}

fn pop3_uidl_octets(said: &[u8]) -> usize {
    pop3_answer(&pop3::Command::Uidl(None), said, 1)
}

fn pop3_message(said: &[u8]) -> usize {
    pop3_answer(&pop3::Command::Retr(message()), said, 4_096)
}

fn pop3_message_octets(said: &[u8]) -> usize {
    pop3_answer(&pop3::Command::Retr(message()), said, 1)
}

fn message() -> pop3::MessageNumber {
    pop3::MessageNumber::new(1).expect("a number")
}

fn pop3_answer(command: &pop3::Command, said: &[u8], piece: usize) -> usize {
    let mut connection = pop3::Connection::new(pop3::Limits::default());
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let mut events = 0;
    let mut hear = |connection: &mut pop3::Connection, said: &[u8], piece: usize| {
        for piece in said.chunks(piece) {
            input.put_slice(piece);
            while let Some(event) = connection.receive(&mut input).expect("an answer") {
                black_box(event);
                events += 1;
            }
        }
    };
    hear(&mut connection, b"+OK\r\n", 100);
    for (login, reply) in [
        (pop3::Command::User(pop3::UserName::new("ada").expect("a name")), b"+OK\r\n"),
        (pop3::Command::Pass(pop3::Password::new("secret").expect("a password")), b"+OK\r\n"),
    ] {
        connection.send(&login, &mut out).expect("a login");
        hear(&mut connection, reply, 100);
    }
    connection.send(command, &mut out).expect("a command");
    hear(&mut connection, said, piece);
    events
}

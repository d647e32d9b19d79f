use super::naive;
use bytes::BytesMut;
use postrider_smtp::{Command, Connection, Domain, ErrorKind, Limits, Protocol, Reply};
use std::net::Ipv4Addr;

/// Commands that await a reply when the input begins.
const AWAITED: usize = 8;

/// The input is what a server answers to eight commands; its first octet says into what reads it is cut.
///
/// * How it is cut never matters, nor for what kind of error it ends with.
/// * A reply is taken exactly where a naive reading of RFC 5321 §4.2 finds one, with the same lines.
/// * Nothing that is shown of a reply can move a terminal's cursor.
/// * What is held back unread stays within the limits.
pub fn smtp_reply(input: &[u8]) {
    let (&cut, server) = input.split_first().unwrap_or((&0, &[]));
    let whole = replies(server, server.len().max(1));
    let pieces = replies(server, usize::from(cut % 16) + 1);
    assert_eq!(whole, pieces, "the chunks matter");
    let (replies, error) = whole;
    let mut rest = server;
    for reply in &replies {
        let raw = naive_reply(&mut rest).expect("a reply that a naive reading does not see");
        assert_eq!(Reply::parse(&raw.concat()).as_ref(), Ok(reply));
        let texts: Vec<&[u8]> = raw.iter().map(|line| text(line)).collect();
        assert_eq!(reply.lines().collect::<Vec<_>>(), texts);
        assert_eq!(reply.code().value().to_string().as_bytes(), &raw[0][..3]);
        let shown = reply.to_string() + &format!("{reply:?}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
    // After 421 nothing more is read.
    let closing = replies
        .last()
        .is_some_and(|reply| reply.code().value() == 421);
    if error.is_none() && !closing && replies.len() < AWAITED {
        assert_eq!(naive_reply(&mut rest), None, "a reply was missed");
    }
}

type Ending = Option<std::mem::Discriminant<ErrorKind>>;

fn replies(server: &[u8], size: usize) -> (Vec<Reply>, Ending) {
    let limits = Limits::default();
    let mut connection = waiting(limits);
    let (mut input, mut replies) = (BytesMut::new(), Vec::new());
    for chunk in server.chunks(size) {
        input.extend_from_slice(chunk);
        loop {
            match connection.receive(&mut input) {
                Ok(Some(event)) => replies.push(event.reply),
                Ok(None) => break,
                Err(error) => return (replies, Some(std::mem::discriminant(error.kind()))),
            }
        }
        assert!(input.len() <= limits.reply);
    }
    (replies, None)
}

/// A connection on which eight RSET have been sent.
fn waiting(limits: Limits) -> Connection {
    let mut connection = Connection::new(Protocol::Smtp, limits);
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let name = Domain::from_ip(Ipv4Addr::LOCALHOST.into());
    input.extend_from_slice(b"220 ready\r\n");
    connection.receive(&mut input).expect("a greeting");
    connection
        .send(&Command::Ehlo(&name), &mut out)
        .expect("EHLO comes first");
    input.extend_from_slice(b"250-here\r\n250 PIPELINING\r\n");
    connection.receive(&mut input).expect("an offer");
    for _ in 0..AWAITED {
        connection
            .send(&Command::Rset, &mut out)
            .expect("RSET may be pipelined");
    }
    connection
}

/// The lines of the next reply, line ends included; `None` if there is none, or it is cut off, or it is not one.
fn naive_reply<'a>(rest: &mut &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let mut lines = Vec::new();
    loop {
        let line = naive::line(rest)?;
        let code = line.get(..3)?;
        let is_code = (b'2'..=b'5').contains(&code[0]) && code.iter().all(u8::is_ascii_digit);
        let same = lines
            .first()
            .is_none_or(|first: &&[u8]| first[..3] == *code);
        if !is_code || !same || !line.ends_with(b"\r\n") || lines.len() >= 128 {
            return None;
        }
        lines.push(line);
        match &line[3..] {
            b"\r\n" => return Some(lines),
            [b' ', ..] => return Some(lines),
            [b'-', ..] => {}
            _ => return None,
        }
    }
}

fn text(line: &[u8]) -> &[u8] {
    let line = naive::trimmed(line);
    line.get(4..).unwrap_or_default()
}

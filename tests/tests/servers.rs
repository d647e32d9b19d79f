//! The harness itself: servers that others wrote do start here, and are gone afterwards.
#![cfg(feature = "drivers")]

use postrider_tests::servers::{MailServers, Postgres, SmtpPort, SmtpSink, or_left_out};
use postrider_wire::Endpoint;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// Says `lines`, one at a time, each after an answer; gives back the first line of every answer.
fn converse(endpoint: &Endpoint, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect((endpoint.host(), endpoint.port())).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut heard = Vec::new();
    for line in lines {
        heard.push(answer(&mut answers));
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }
    heard.push(answer(&mut answers));
    heard
}

fn answer(from: &mut impl BufRead) -> String {
    let mut lines = from.lines().map(Result::unwrap);
    let first = lines.next().expect("an answer");
    if first.as_bytes().get(3) == Some(&b'-') && !first.starts_with('-') {
        lines.find(|line| line.as_bytes().get(3) == Some(&b' '));
    }
    first
}

#[test]
fn a_mail_given_to_postfix_lies_in_dovecots_maildrop() {
    let Some(servers) = or_left_out("Postfix and Dovecot", MailServers::start()) else {
        return;
    };
    let submission = [
        "HELO client.test",
        "MAIL FROM:<sender@pf.test>",
        "RCPT TO:<alice@mail.test>",
        "DATA",
        "Subject: one\r\n\r\nhello\r\n.",
        "QUIT",
    ];
    let heard = converse(&servers.smtp(SmtpPort::Full), &submission);
    let codes: Vec<&str> = heard.iter().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "221"]);
    servers.await_delivery("alice", 1);
    let login = [
        "USER alice",
        &format!("PASS {}", postrider_tests::servers::PASSWORD),
        "STAT",
        "QUIT",
    ];
    let heard = converse(&servers.pop3(), &login);
    assert!(heard[3].starts_with("+OK 1 "), "{heard:?}");
    let (smtp, pop3) = (servers.smtp(SmtpPort::Full), servers.pop3());
    drop(servers);
    for gone in [smtp, pop3] {
        TcpStream::connect((gone.host(), gone.port())).expect_err("stopped with its owner");
    }
}

#[test]
fn smtp_sink_answers() {
    if let Some(sink) = or_left_out("smtp-sink", SmtpSink::start(&[])) {
        let heard = converse(&sink.endpoint(), &["HELO client.test", "QUIT"]);
        assert!(heard[1].starts_with("250"), "{heard:?}");
    }
}

#[test]
fn postgresql_answers() {
    let Some(database) = or_left_out("PostgreSQL", Postgres::start()) else {
        return;
    };
    let port = database
        .url()
        .rsplit([':', '/'])
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // SSLRequest (PostgreSQL protocol 3.0): a server with TLS answers with the one letter S.
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let mut answer = [0];
    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
    assert_eq!(answer, *b"S");
}

//! AUTH: when the initial response goes along, and what a wrong challenge leads to (RFC 5034).

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use bytes::BytesMut;
use common::{play_every_way, turn};
use postrider_pop3::{Command, Connection, Credentials, Event, Limits, Local, State, Violation};
use postrider_wire::sasl::{Mechanism, SaslError};

fn auth(mechanism: Mechanism) -> Command {
    Command::Auth(
        mechanism,
        Credentials::password("tim", "tanstaaftanstaaf").unwrap(),
    )
}

fn dialogue(capa: &str, command: Command, replies: &str) -> common::Heard {
    let capa = format!("+OK\r\n{capa}.\r\n");
    let turns = [
        turn([], "+OK\r\n"),
        turn([Command::Capa], capa),
        turn([command], replies),
    ];
    play_every_way(&Limits::default(), &turns, false)
}

#[test]
fn rfc5034_the_initial_response_goes_along_if_sasl_is_listed() {
    let heard = dialogue("SASL PLAIN\r\n", auth(Mechanism::Plain), "+OK\r\n");
    assert_eq!(heard.error, None);
    assert_eq!(
        heard.written,
        b"CAPA\r\nAUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n"
    );
    let without = dialogue("USER\r\n", auth(Mechanism::Plain), "+ \r\n+OK\r\n");
    assert_eq!(without.error, None);
    assert_eq!(
        without.written,
        b"CAPA\r\nAUTH PLAIN\r\nAHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n"
    );
}

/// What SCRAM says of channel binding, over a connection that can be bound.
#[cfg(feature = "scram")]
#[test]
fn rfc5802_6_scram_says_what_is_known_of_channel_binding() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use postrider_wire::sasl::ChannelBinding;
    for (listed, mechanism, flag) in [
        (
            "SCRAM-SHA-256-PLUS SCRAM-SHA-256",
            Mechanism::ScramSha256Plus,
            "p=tls-exporter,,",
        ),
        (
            "SCRAM-SHA-256-PLUS SCRAM-SHA-256",
            Mechanism::ScramSha256,
            "n,,",
        ),
        ("SCRAM-SHA-256", Mechanism::ScramSha256, "y,,"),
    ] {
        let (mut pop3, mut out) = (Connection::new(Limits::default()), BytesMut::new());
        pop3.tls_started();
        pop3.bind(Some(ChannelBinding::tls_exporter("x")));
        let capa = format!("+OK\r\n+OK\r\nSASL {listed}\r\n.\r\n");
        let (greeting, capa) = capa.split_at(5);
        pop3.receive(&mut BytesMut::from(greeting)).unwrap();
        pop3.send(&Command::Capa, &mut out).unwrap();
        let mut capa = BytesMut::from(capa);
        while pop3.receive(&mut capa).unwrap().is_some() {}
        out.clear();
        pop3.send(&auth(mechanism), &mut out).unwrap();
        let line = String::from_utf8(out.to_vec()).unwrap();
        let first = line.trim_end().rsplit(' ').next().unwrap();
        let first = String::from_utf8(STANDARD.decode(first).unwrap()).unwrap();
        assert!(first.starts_with(flag), "{first}");
    }
}

#[test]
fn rfc2449_4_an_initial_response_beyond_255_octets_goes_in_a_line_of_its_own() {
    let token = "t".repeat(2_000);
    let bearer = Credentials::bearer("tim", token.as_str()).unwrap();
    let heard = dialogue(
        "SASL XOAUTH2\r\n",
        Command::Auth(Mechanism::Xoauth2, bearer),
        "+ \r\n+OK\r\n",
    );
    assert_eq!(heard.error, None);
    assert!(
        heard.written.starts_with(b"CAPA\r\nAUTH XOAUTH2\r\n"),
        "{:?}",
        heard.written
    );
    assert!(heard.written.len() > 2_600);
}

#[test]
fn rfc2449_4_a_command_line_has_at_most_255_octets_with_its_initial_response() {
    let lines = (110..170).map(|length| {
        let bearer = Credentials::bearer("tim", "t".repeat(length).as_str()).unwrap();
        let command = Command::Auth(Mechanism::Xoauth2, bearer);
        let heard = dialogue("SASL XOAUTH2\r\n", command, "+OK\r\n");
        let after = heard.written.strip_prefix(b"CAPA\r\n").unwrap();
        after.split_inclusive(|b| *b == b'\n').next().unwrap().len()
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.iter().max(), Some(&255), "{lines:?}");
    assert_eq!(lines.last(), Some(&"AUTH XOAUTH2\r\n".len()), "{lines:?}");
}

#[test]
fn login_answers_two_prompts_and_opens_the_maildrop() {
    let heard = dialogue(
        "SASL LOGIN\r\n",
        auth(Mechanism::Login),
        "+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n+OK\r\n",
    );
    assert_eq!(heard.error, None);
    assert!(
        heard
            .written
            .ends_with(b"AUTH LOGIN\r\ndGlt\r\ndGFuc3RhYWZ0YW5zdGFhZg==\r\n")
    );
}

#[test]
fn s18_a_challenge_that_is_no_base64_is_cancelled_with_a_star() {
    let heard = dialogue(
        "SASL PLAIN\r\n",
        auth(Mechanism::Login),
        "+ !!!\r\n-ERR cancelled\r\n",
    );
    assert_eq!(heard.error, Some(Violation::Sasl(SaslError::NotBase64)));
    assert_eq!(heard.written, b"CAPA\r\nAUTH LOGIN\r\n*\r\n");
}

#[test]
fn s18_rounds_are_capped() {
    let endless = "+ AAAA\r\n".repeat(40);
    let heard = dialogue("SASL LOGIN\r\n", auth(Mechanism::Login), &endless);
    assert!(
        matches!(heard.error, Some(Violation::Sasl(_))),
        "{:?}",
        heard.error
    );
}

#[test]
fn s18_success_before_the_mechanism_is_through_is_an_error() {
    let heard = dialogue(
        "SASL LOGIN\r\n",
        auth(Mechanism::Login),
        "+OK welcome, whoever you are\r\n",
    );
    assert_eq!(
        heard.error,
        Some(Violation::Sasl(SaslError::PrematureSuccess(
            Mechanism::Login
        )))
    );
}

#[test]
fn a_refusal_leaves_the_session_open_for_another_attempt() {
    let heard = dialogue(
        "SASL PLAIN\r\n",
        auth(Mechanism::Plain),
        "-ERR [AUTH] no\r\n",
    );
    assert_eq!(heard.error, None);
    assert!(matches!(heard.events.last(), Some(Event::Refused { .. })));
}

#[test]
fn nothing_is_said_that_was_not_asked() {
    let mut pop3 = Connection::new(Limits::default());
    let mut out = BytesMut::new();
    pop3.receive(&mut BytesMut::from(&b"+OK\r\n"[..])).unwrap();
    assert_eq!(pop3.respond(&mut out), Err(Local::NoChallenge));
    pop3.send(&auth(Mechanism::Login), &mut out).unwrap();
    out.clear();
    assert_eq!(pop3.respond(&mut out), Err(Local::NoChallenge));
    assert!(out.is_empty());
    assert_eq!(pop3.state(), State::Authorization);
    let token = Command::Auth(Mechanism::Xoauth2, Credentials::password("a", "b").unwrap());
    let mut fresh = Connection::new(Limits::default());
    fresh.receive(&mut BytesMut::from(&b"+OK\r\n"[..])).unwrap();
    assert_eq!(
        fresh.send(&token, &mut out),
        Err(Local::Mechanism(Mechanism::Xoauth2))
    );
    assert!(out.is_empty());
}

/// A SCRAM dialogue as far as the server's first message, which is made from the client's nonce: the machine, and what it
/// writes in answer.
#[cfg(feature = "scram")]
fn scram(server_first: impl Fn(&str) -> String) -> (Connection, Vec<u8>) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (mut pop3, mut out) = (Connection::new(Limits::default()), BytesMut::new());
    pop3.receive(&mut BytesMut::from(&b"+OK\r\n"[..])).unwrap();
    pop3.send(&auth(Mechanism::ScramSha256), &mut out).unwrap();
    let hear = |pop3: &mut Connection, out: &mut BytesMut, line: &str| {
        out.clear();
        let event = pop3.receive(&mut BytesMut::from(line.as_bytes())).unwrap();
        assert_eq!(event, Some(Event::Challenge));
        pop3.respond(out).unwrap();
    };
    hear(&mut pop3, &mut out, "+ \r\n");
    let first = String::from_utf8(STANDARD.decode(out.trim_ascii_end()).unwrap()).unwrap();
    let nonce = first.split("r=").nth(1).unwrap();
    let challenge = STANDARD.encode(server_first(nonce));
    hear(&mut pop3, &mut out, &format!("+ {challenge}\r\n"));
    (pop3, out.to_vec())
}

#[cfg(feature = "scram")]
#[test]
fn s18_a_scram_server_must_extend_our_nonce_and_want_a_sane_number_of_rounds() {
    let bad: [&dyn Fn(&str) -> String; 4] = [
        &|_| "r=another,s=c2FsdA==,i=4096".into(),
        &|nonce| format!("r={nonce}x,s=c2FsdA==,i=1"),
        &|nonce| format!("r={nonce}x,s=c2FsdA==,i=2147483648"),
        &|nonce| format!("r={nonce}x,i=4096"),
    ];
    for (at, server_first) in bad.iter().enumerate() {
        let (mut pop3, written) = scram(server_first);
        assert_eq!(written, b"*\r\n", "{at}");
        let end = pop3.receive(&mut BytesMut::from(&b"-ERR cancelled\r\n"[..]));
        assert!(matches!(end, Err(Violation::Sasl(_))), "{at}: {end:?}");
    }
}

#[cfg(feature = "scram")]
#[test]
fn s18_a_scram_server_must_prove_itself_before_its_ok_counts() {
    let good = |nonce: &str| format!("r={nonce}x,s=c2FsdA==,i=4096");
    let (mut pop3, written) = scram(good);
    assert!(written.len() > 40, "{written:?}");
    let early = pop3.receive(&mut BytesMut::from(&b"+OK welcome\r\n"[..]));
    assert!(
        matches!(early, Err(Violation::Sasl(SaslError::PrematureSuccess(_)))),
        "{early:?}"
    );

    let (mut pop3, _) = scram(good);
    let mut out = BytesMut::new();
    // "v=" and a signature that is not the right one.
    let event = pop3
        .receive(&mut BytesMut::from(&b"+ dj1BQUFB\r\n"[..]))
        .unwrap();
    assert_eq!(event, Some(Event::Challenge));
    pop3.respond(&mut out).unwrap();
    assert_eq!(out, &b"*\r\n"[..]);
    let end = pop3.receive(&mut BytesMut::from(&b"+OK all the same\r\n"[..]));
    assert!(matches!(end, Err(Violation::Sasl(_))), "{end:?}");
    assert_eq!(pop3.state(), State::Closed);
}

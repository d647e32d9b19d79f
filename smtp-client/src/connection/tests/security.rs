//! AUTH and TLS: what may be said, what is forgotten, and what is written down.

use super::*;

#[test]
fn rfc8689_requiretls_is_said_inside_tls_alone() {
    let require_tls = MailParameters {
        require_tls: true,
        ..MailParameters::default()
    };
    let from = from();
    let mail = Command::Mail(&from, &require_tls);
    let mut talk = Talk::ready(&["REQUIRETLS"]);
    assert!(!talk.connection.is_encrypted());
    assert!(matches!(talk.may_not_say(&mail), ErrorKind::ClearText));
    let mut talk = Talk::of(connection(Protocol::Smtp, &["REQUIRETLS"]).inside_tls());
    assert!(talk.connection.is_encrypted());
    talk.says(&mail);
}

#[test]
fn rfc4954_4_there_is_no_second_auth_after_one_that_succeeded() {
    let mut talk = Talk::ready(&["AUTH PLAIN", "XCLIENT LOGIN"]);
    talk.says(&Command::Auth(plain(), None));
    talk.hears("535 no");
    talk.says(&Command::Auth(plain(), None));
    talk.hears("235 ok");
    let state = Misuse::State(State::Ready);
    assert_eq!(
        misuse(talk.may_not_say(&Command::Auth(plain(), None))),
        state
    );

    // After XCLIENT we are somebody else.
    let attributes = [Attribute::new("LOGIN", "x").unwrap()];
    talk.says(&Command::XClient(&attributes));
    talk.hears("220 mx");
    assert_eq!(talk.connection.state(), State::Greeted);
    assert!(!talk.connection.capabilities().offers(Extension::Auth));
    talk.hello(&["AUTH PLAIN"]);
    talk.says(&Command::Auth(plain(), None));
}

#[test]
fn auth_is_not_said_in_the_middle_of_a_transaction() {
    let mut talk = Talk::ready(&["AUTH PLAIN"]).with_recipients(1);
    let state = Misuse::State(State::Rcpt);
    assert_eq!(
        misuse(talk.may_not_say(&Command::Auth(plain(), None))),
        state
    );
}

#[test]
fn a_response_of_auth_answers_a_challenge_and_has_12286_octets_at_most() {
    let of = |octets| Secret::new(vec![b'x'; octets]);
    let (longest, too_long) = (of(12_286), of(12_287));
    let mut talk = Talk::ready(&["AUTH PLAIN"]);
    let state = Misuse::State(State::Ready);
    assert_eq!(
        misuse(talk.may_not_say(&Command::AuthResponse(&longest))),
        state
    );
    assert_eq!(misuse(talk.may_not_say(&Command::AuthCancel)), state);
    talk.says(&Command::Auth(plain(), None));
    talk.hears("334 ");
    assert_eq!(talk.connection.state(), State::Auth);
    let kind = talk.may_not_say(&Command::AuthResponse(&too_long));
    assert_eq!(misuse(kind), Misuse::LineTooLong);
    assert_eq!(talk.says(&Command::AuthResponse(&longest)).len(), 12_288);
    talk.hears("334 ");
    assert_eq!(talk.says(&Command::AuthCancel), "*\r\n");
}

#[test]
fn t7_what_we_said_in_auth_is_left_out_of_every_reply_from_then_on() {
    let secret = Secret::new("AHVzZXIAc2VjcmV0");
    let mut talk = Talk::ready(&["AUTH PLAIN"]);
    talk.says(&Command::Auth(plain(), Some(&secret)));
    let event = talk.hears("535 not AHVzZXIAc2VjcmV0");
    assert!(!event.reply.to_string().contains("AHVz"), "{}", event.reply);
    talk.says(&Command::Noop);
    let event = talk.hears("250 AHVzZXIAc2VjcmV0");
    assert_eq!(event.reply.to_string(), "250 (…)");
    talk.says(&Command::Noop);
    let event = talk.hears("250 ok");
    assert_eq!(event.reply.to_string(), "250 ok");
}

/// As CRAM-MD5 has it (RFC 2195 §2), and not only as it went over the wire, in base64 with the name before it.
#[test]
fn t7_a_digest_that_a_server_repeats_is_left_out() {
    let response = Secret::new("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
    let mut talk = Talk::ready(&["AUTH CRAM-MD5"]);
    talk.says(&Command::Auth(plain(), None));
    talk.hears("334 PDE4OTYu");
    talk.says(&Command::AuthResponse(&response));
    let event = talk.hears("535 b913a602c7eda7a495b4e6e7334d3890 does not match, tim");
    assert_eq!(event.reply.to_string(), "535 (…) does not match, tim");
}

#[test]
fn t7_a_reply_too_many_is_quoted_without_what_we_said_in_auth() {
    let secret = Secret::new("AHVzZXIAc2VjcmV0");
    for unasked in [
        "535 not AHVzZXIAc2VjcmV0",
        "334 AHVzZXIAc2VjcmV0",
        "AHVzZXIAc2VjcmV0",
    ] {
        let mut talk = Talk::ready(&["AUTH PLAIN"]);
        talk.says(&Command::Auth(plain(), Some(&secret)));
        talk.hears("235 welcome");
        let mut input = BytesMut::from(&*format!("{unasked}\r\n"));
        let error = talk.connection.receive(&mut input).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("(…)") && !shown.contains("AHVz"), "{shown}");
    }
}

#[test]
fn rfc3207_4_2_after_tls_the_offers_are_forgotten_and_nothing_may_have_followed() {
    let mut talk = Talk::ready(&["STARTTLS", "PIPELINING"]);
    assert!(talk.connection.tls_started().is_err());
    talk.says(&Command::StartTls);
    talk.hears("220 go");
    assert_eq!(talk.connection.state(), State::Tls);
    assert!(
        talk.connection
            .receive(&mut BytesMut::new())
            .unwrap()
            .is_none()
    );
    talk.connection.tls_started().unwrap();
    assert!(talk.connection.is_encrypted());
    assert!(!talk.connection.capabilities().offers(Extension::Pipelining));
    assert_eq!(talk.connection.state(), State::Greeted);
    talk.hello(&["PIPELINING"]);

    for (first, then) in [
        ("220 go\r\n250 injected", None),
        ("220 go", Some("250 injected")),
    ] {
        let mut talk = Talk::ready(&["STARTTLS"]);
        talk.says(&Command::StartTls);
        let mut heard = talk.hear(first);
        if let Some(then) = then {
            assert!(heard.is_ok());
            heard = talk.hear(then);
        }
        let error = heard.unwrap_err();
        assert_eq!(error.stage(), Stage::StartTls);
        assert!(matches!(error.kind(), ErrorKind::StartTlsInjection));
        assert_eq!(talk.connection.state(), State::Closed);
        assert!(talk.connection.tls_started().is_err());
    }
}

#[test]
fn the_transcript_has_both_sides_without_challenges_and_secrets() {
    let (transcript, lines) = Transcript::in_memory();
    let mut talk =
        Talk::of(connection(Protocol::Smtp, &["AUTH PLAIN"]).with_transcript(transcript));
    assert!(talk.connection.transcript().is_on());
    talk.says(&Command::Auth(plain(), None));
    talk.hears("334 c2VjcmV0");
    talk.says(&Command::AuthResponse(&Secret::new("cGFzc3dvcmQ=")));
    talk.hears("235-well\r\n235 done");
    let lines: Vec<_> = lines().iter().map(ToString::to_string).collect();
    let said: Vec<_> = lines.iter().map(|l| l.split_once(' ').unwrap().1).collect();
    assert_eq!(
        said,
        [
            "AUTH PLAIN",
            "334 (challenge)",
            "(secret)",
            "235-well",
            "235 done"
        ]
    );
}

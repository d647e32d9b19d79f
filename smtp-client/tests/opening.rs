//! Opening a session, on the machine alone, in every chunking: what is tolerated, what is not, AUTH, limits.

#![allow(clippy::unwrap_used)]

mod support;

use bytes::BytesMut;
use postrider_smtp::opening::{Opening, Progress, Terms};
use postrider_smtp::*;
use postrider_wire::sasl::SaslError;
use support::*;

fn with_credentials(credentials: Credentials) -> Terms {
    Terms {
        credentials: Some(credentials),
        clear_text_credentials: true,
        ..terms()
    }
}

fn password() -> Terms {
    with_credentials(Credentials::password("user", "secret").unwrap())
}

fn every_chunking(
    server: &Server,
    terms: &Terms,
    check: impl Fn(Server, Result<Connection, Error>),
) {
    for chunking in Chunking::all() {
        let (server, result) = open(server.clone(), terms.clone(), chunking);
        check(server, result);
    }
}

#[test]
fn t7_a_server_that_repeats_the_password_is_quoted_without_it() {
    let terms = with_credentials(Credentials::password("user", "hunter2").unwrap());
    for echo in [
        "535-5.7.8 bad password\r\n535 5.7.8 hunter2\r\n",
        "535 5.7.8 AHVzZXIAaHVudGVyMg==\r\n",
        "535 5.7.8 aHVudGVyMg==\r\n",
        "AUTH PLAIN AHVzZXIAaHVudGVyMg==\r\n",
        "250 hunter2\r\n",
    ] {
        let (transcript, lines) = Transcript::in_memory();
        let terms = Terms {
            transcript,
            ..terms.clone()
        };
        let server = Server::new().on("AUTH", &[echo]);
        let error = open(server, terms, Chunking::Whole).1.unwrap_err();
        let shown = format!("{error} {error:?} {:?}", lines());
        assert!(shown.contains("(…)"), "{shown}");
        for secret in ["hunter2", "aHVudGVyM"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    // Longer than what an error quotes.
    let token = "t0ken".repeat(40);
    let terms = with_credentials(Credentials::bearer("user", token.as_str()).unwrap());
    let said = format!("what is {token}\r\n");
    let server = Server::new()
        .offering(&["AUTH XOAUTH2"])
        .on("AUTH", &[&said]);
    let error = open(server, terms, Chunking::Whole).1.unwrap_err();
    assert!(!error.to_string().contains("t0ken"), "{error}");
}

/// Whatever the mechanism: initial responses, tokens, digests, and what answers a challenge.
#[test]
fn t7_nothing_that_is_said_in_auth_is_written_down() {
    let token = || Credentials::bearer("user", "t0ken").unwrap();
    let password = || Credentials::password("user", "secret").unwrap();
    let mut rows = vec![
        ("PLAIN", "235 ok\r\n", password()),
        ("LOGIN", "334 VXNlcm5hbWU6\r\n", password()),
        ("XOAUTH2", "334 e30=\r\n", token()),
        ("OAUTHBEARER", "334 e30=\r\n", token()),
    ];
    if cfg!(feature = "cram-md5") {
        rows.push(("CRAM-MD5", "334 PDEyMzRAZXhhbXBsZS5vcmc+\r\n", password()));
    }
    if cfg!(feature = "scram") {
        rows.push((
            "SCRAM-SHA-256",
            "334 cj14LHM9WFhYLGk9NDA5Ng==\r\n",
            password(),
        ));
    }
    for (mechanism, challenge, credentials) in rows {
        let (transcript, lines) = Transcript::in_memory();
        let terms = Terms {
            transcript,
            ..with_credentials(credentials)
        };
        let offered = format!("250-evil\r\n250 AUTH {mechanism}\r\n");
        let server = Server::new()
            .on("", &[challenge, "535 5.7.8 no\r\n"])
            .on("banner", &["220 evil\r\n"])
            .on("EHLO", &[&offered])
            .on("AUTH", &[challenge]);
        let (server, result) = open(server, terms, Chunking::Whole);
        let shown = format!("{:?} {:?}", lines(), result.as_ref().err());
        let begin = format!("AUTH {mechanism}");
        let said = server.log.iter().skip(1);
        let said: Vec<&str> = said
            .map(|line| line.trim_start_matches(&begin).trim())
            .collect();
        let secrets = said.iter().filter(|line| line.len() > 1);
        assert!(secrets.clone().count() > 0, "{mechanism}: {:?}", server.log);
        for secret in secrets {
            assert!(!shown.contains(secret), "{mechanism}: {secret} in {shown}");
        }
        assert!(shown.contains(&begin), "{shown}");
    }
}

#[cfg(feature = "cram-md5")]
#[test]
fn t7_our_digest_is_in_no_error_and_no_transcript() {
    let digest = "b913a602c7eda7a495b4e6e7334d3890";
    let challenge = "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n";
    let (transcript, lines) = Transcript::in_memory();
    let credentials = Credentials::password("tim", "tanstaaftanstaaf").unwrap();
    let terms = Terms {
        transcript,
        ..with_credentials(credentials)
    };
    let verdict = format!("535 5.7.8 {digest} does not match\r\n");
    let server = Server::new()
        .offering(&["AUTH CRAM-MD5"])
        .on("AUTH", &[challenge])
        .on("dGltIGI5", &[&verdict]);
    let error = open(server, terms, Chunking::Whole).1.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", lines());
    assert!(shown.contains("(…) does not match"), "{shown}");
    assert!(!shown.contains(digest), "{shown}");
}

#[test]
fn t9_forms_of_ehlo_that_are_tolerated() {
    for ehlo in [
        "250-evil\r\n250-PIPELINING\r\n250 \r\n",
        "250-evil\r\n250-pipelining\r\n250\r\n",
        "250-evil\r\n250 Pipelining\r\n",
        "250-caf\u{e9} \u{1b}[31m\r\n250 PIPELINING\r\n",
    ] {
        every_chunking(&Server::new().on("EHLO", &[ehlo]), &terms(), |_, result| {
            let connection = result.unwrap();
            assert!(
                connection.capabilities().offers(Extension::Pipelining),
                "{ehlo:?}"
            );
        });
    }
    every_chunking(
        &Server::new().on("EHLO", &["250 evil\r\n"]),
        &terms(),
        |_, result| {
            assert_eq!(result.unwrap().capabilities().keywords().count(), 0);
        },
    );
}

#[test]
fn t9_what_is_no_reply_ends_the_session() {
    for bad in [
        "250-a\r\n251 b\r\n",
        "150 x\r\n",
        "600 x\r\n",
        "25\r\n",
        "2500 x\r\n",
        "abc\r\n",
        "250 bare\n",
        "220 not an answer to this\r\n",
        "354 nor this\r\n",
    ] {
        every_chunking(
            &Server::new().on("EHLO", &[bad]),
            &terms(),
            |server, result| {
                let error = result.unwrap_err();
                assert_eq!(error.stage(), Stage::Ehlo, "{bad:?}");
                assert_eq!(server.log, ["EHLO [127.0.0.1]"], "nothing more was said");
            },
        );
    }
}

#[test]
fn a_greeting_that_refuses_us_is_an_error_with_its_words() {
    let server = Server::new().on("banner", &["554 no service here\r\n"]);
    every_chunking(&server, &terms(), |server, result| {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "greeting: refused: 554 no service here");
        assert!(server.log.is_empty());
    });
}

#[test]
fn nothing_is_said_before_the_greeting() {
    let mut connection = Connection::new(Protocol::Smtp, Limits::default());
    let (name, mut out) = ("a".parse().unwrap(), BytesMut::new());
    assert!(connection.send(&Command::Ehlo(&name), &mut out).is_err());
    assert!(connection.send(&Command::Quit, &mut out).is_err());
    assert!(out.is_empty());
}

#[test]
fn t4_s5_an_endless_line_is_an_error_after_8192_octets() {
    let mut opening = Opening::new(terms(), false);
    let (mut input, mut out) = (BytesMut::from(&b"220 "[..]), BytesMut::new());
    let mut fed = input.len();
    let error = loop {
        input.extend_from_slice(&[b'x'; 512]);
        fed += 512;
        match opening.receive(&mut input, &mut out) {
            Ok(progress) => assert_eq!(progress, Progress::Read),
            Err(error) => break error,
        }
    };
    assert!(fed <= 8192 + 512, "{fed}");
    assert!(matches!(
        error.kind(),
        ErrorKind::InvalidReply(InvalidReply::LineTooLong(8192))
    ));
}

#[test]
fn t4_s6_a_reply_without_end_is_an_error_after_its_limits() {
    for (line, limit) in [
        (format!("220-{}\r\n", "x".repeat(500)), 128 * 506),
        (format!("220-{}\r\n", "x".repeat(4000)), 65_536),
    ] {
        let mut opening = Opening::new(terms(), false);
        let (mut input, mut out) = (BytesMut::from(&b"220-hi\r\n"[..]), BytesMut::new());
        let mut fed = input.len();
        let error = loop {
            input.extend_from_slice(line.as_bytes());
            fed += line.len();
            match opening.receive(&mut input, &mut out) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(fed <= limit + line.len(), "{fed}");
        assert!(matches!(error.kind(), ErrorKind::InvalidReply(_)));
    }
}

#[test]
fn t8_a_challenge_that_is_no_base64_is_given_up() {
    let server = Server::new()
        .offering(&["AUTH LOGIN"])
        .on("AUTH", &["334 !!!\r\n"])
        .on("*", &["501 5.7.0 cancelled\r\n"]);
    every_chunking(&server, &password(), |server, result| {
        let error = result.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Sasl(SaslError::NotBase64)),
            "{error}"
        );
        assert_eq!(server.log[1..], ["AUTH LOGIN", "*"]);
    });
}

#[test]
fn t8_an_empty_challenge_asks_for_the_initial_response() {
    for empty in ["334 \r\n", "334\r\n"] {
        // Longer than a command line, so that it does not go with the command.
        let long = "p".repeat(600);
        let terms = with_credentials(Credentials::password("user", long.as_str()).unwrap());
        let server = Server::new()
            .offering(&["AUTH PLAIN"])
            .on("AUTH", &[empty])
            .on("AHVzZXIAcHB", &["235 ok\r\n"]);
        every_chunking(&server, &terms, |server, result| {
            result.unwrap();
            assert_eq!(server.log[1], "AUTH PLAIN");
            assert!(server.log[2].len() > 800);
        });
    }
}

#[test]
fn t8_endless_challenges_end_in_an_error() {
    for again in ["334 AAAA\r\n", "334 \r\n"] {
        let server = Server::new()
            .offering(&["AUTH LOGIN PLAIN"])
            .on("AUTH", &[again])
            .on("", &[again])
            .on("EHLO", &["250-evil\r\n250 AUTH LOGIN PLAIN\r\n"])
            .on("banner", &["220 evil\r\n"]);
        every_chunking(&server, &password(), |server, result| {
            let error = result.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Sasl(_)), "{error}");
            assert!(server.log.len() <= 20);
        });
    }
}

#[test]
fn t8_250_is_no_success_of_auth() {
    let server = Server::new().on("AUTH", &["250 2.0.0 Ok\r\n"]);
    every_chunking(&server, &password(), |_, result| {
        let error = result.unwrap_err();
        assert_eq!(error.stage(), Stage::Auth);
        assert!(matches!(error.kind(), ErrorKind::Unexpected(_)), "{error}");
    });
}

#[test]
fn t8_235_before_login_is_complete_is_an_error() {
    let server = Server::new()
        .offering(&["AUTH LOGIN"])
        .on("AUTH", &["334 VXNlcm5hbWU6\r\n"])
        .on("dXNlcg==", &["235 come in\r\n"]);
    every_chunking(&server, &password(), |_, result| {
        let error = result.unwrap_err();
        assert!(matches!(
            error.kind(),
            ErrorKind::Sasl(SaslError::PrematureSuccess(_))
        ));
    });
}

#[test]
fn t8_535_is_an_error_of_the_account_with_its_words() {
    let server = Server::new().on("AUTH", &["535 5.7.8 bad password\r\n"]);
    every_chunking(&server, &password(), |server, result| {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "AUTH: refused: 535 5.7.8 bad password");
        assert_eq!(error.fault(), Fault::Account);
        assert!(!error.is_retryable());
        assert_eq!(server.log.len(), 2, "no other mechanism was tried");
    });
}

#[test]
fn xoauth2_answers_the_explanation_of_a_refusal_with_an_empty_line() {
    let terms = with_credentials(Credentials::bearer("user", "token").unwrap());
    let server = Server::new()
        .offering(&["AUTH PLAIN XOAUTH2"])
        .on("AUTH XOAUTH2", &["334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"])
        .on("", &["535 5.7.8 expired\r\n"])
        .on("EHLO", &["250-evil\r\n250 AUTH PLAIN XOAUTH2\r\n"])
        .on("AUTH", &["334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"])
        .on("banner", &["220 evil\r\n"]);
    every_chunking(&server, &terms, |server, result| {
        assert_eq!(result.unwrap_err().reply().unwrap().code().value(), 535);
        assert_eq!(server.log[2], "");
    });
}

#[test]
fn t1d_t6c_after_tls_only_the_new_capabilities_count() {
    let mut terms = password();
    terms.security = Security::StartTls;
    terms.clear_text_credentials = false;
    let mut opening = Opening::new(terms, false);
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    input.extend_from_slice(b"220 x\r\n");
    opening.receive(&mut input, &mut out).unwrap();
    input.extend_from_slice(b"250-x\r\n250-SIZE 1\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n");
    opening.receive(&mut input, &mut out).unwrap();
    input.extend_from_slice(b"220 go\r\n");
    let progress = opening.receive(&mut input, &mut out).unwrap();
    assert_eq!(progress, Progress::StartTls);
    assert!(out.ends_with(b"STARTTLS\r\n"));
    out.clear();
    opening.tls_started(&mut out).unwrap();
    assert_eq!(
        opening.connection().capabilities(),
        &Capabilities::default()
    );
    assert_eq!(out, &b"EHLO [127.0.0.1]\r\n"[..]);
    input.extend_from_slice(b"250-x\r\n250 AUTH GSSAPI\r\n");
    let error = opening.receive(&mut input, &mut out).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoMechanism(_)), "{error}");
    assert_eq!(opening.connection().capabilities().size(), None);
}

#[test]
fn t1_nothing_but_tls_follows_the_answer_to_starttls() {
    for injected in [
        "220 go\r\n250-injected\r\n250 x\r\n",
        "220 go\r\n250-evil",
        "220 go\r\n\n",
    ] {
        let mut terms = terms();
        terms.security = Security::StartTls;
        let mut opening = Opening::new(terms, false);
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        input.extend_from_slice(b"220 x\r\n");
        opening.receive(&mut input, &mut out).unwrap();
        input.extend_from_slice(b"250-x\r\n250 STARTTLS\r\n");
        opening.receive(&mut input, &mut out).unwrap();
        input.extend_from_slice(injected.as_bytes());
        let error = opening.receive(&mut input, &mut out).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::StartTlsInjection),
            "{error}"
        );
        assert!(out.ends_with(b"STARTTLS\r\n"));
        assert!(opening.tls_started(&mut out).is_err());
        let before = out.len();
        opening.say_goodbye(&mut out);
        assert_eq!(out.len(), before, "not even QUIT");
    }
}

#[test]
fn a_refused_command_changes_nothing_and_writes_nothing() {
    let (_, connection) = open(Server::new(), terms(), Chunking::Whole);
    let (mut connection, mut out) = (connection.unwrap(), BytesMut::new());
    let (to, parameters) = ("a@b".parse().unwrap(), RcptParameters::default());
    for command in [
        Command::Rcpt(&to, &parameters),
        Command::Data,
        Command::StartTls,
        Command::Bdat {
            octets: 1,
            last: true,
        },
        Command::AuthCancel,
    ] {
        assert!(connection.send(&command, &mut out).is_err(), "{command}");
        assert!(connection.content().is_err());
        assert_eq!(connection.state(), State::Ready);
        assert_eq!(connection.awaited(), 0);
        assert!(out.is_empty());
    }
}

#[test]
fn rfc2920_3_1_nothing_follows_a_command_that_ends_a_group() {
    let (_, connection) = open(Server::new(), terms(), Chunking::Whole);
    let (mut connection, mut out) = (connection.unwrap(), BytesMut::new());
    connection.send(&Command::Rset, &mut out).unwrap();
    connection.send(&Command::Noop, &mut out).unwrap();
    let refused = connection.send(&Command::Rset, &mut out).unwrap_err();
    assert!(matches!(
        refused.kind(),
        ErrorKind::Misuse(Misuse::AwaitReply)
    ));
    assert_eq!(out, &b"RSET\r\nNOOP\r\n"[..]);
}

#[test]
fn xclient_is_said_once_and_ehlo_again_after_it() {
    let mut terms = password();
    terms.xclient = vec![Attribute::new("ADDR", "192.0.2.1").unwrap()];
    let first = "250-evil\r\n250-AUTH LOGIN\r\n250 XCLIENT NAME ADDR\r\n";
    let second = "250-evil\r\n250 AUTH PLAIN\r\n";
    let server = Server::new()
        .on("EHLO", &[first, second])
        .on("XCLIENT", &["220 evil ESMTP\r\n"]);
    every_chunking(&server, &terms, |server, result| {
        result.unwrap();
        assert_eq!(
            server.log[1..3],
            ["XCLIENT ADDR=192.0.2.1", "EHLO [127.0.0.1]"]
        );
        assert!(server.log[3].starts_with("AUTH PLAIN"));
    });
    let server = Server::new();
    every_chunking(&server, &terms, |_, result| {
        let error = result.unwrap_err();
        assert!(matches!(
            error.kind(),
            ErrorKind::Missing(Extension::XClient)
        ));
    });
}

#[cfg(feature = "scram")]
#[test]
fn t8_success_in_the_middle_of_scram_is_none_and_a_broken_rule_gets_no_proof() {
    let strong = Server::new().offering(&["AUTH PLAIN LOGIN SCRAM-SHA-256"]);
    for (challenge, verdict) in [
        ("235 ok\r\n", "235 ok\r\n"),
        ("334 cj14LHM9WFhYLGk9NDA5Ng==\r\n", "501 ok\r\n"),
    ] {
        let server = strong.clone().on("AUTH", &[challenge]).on("*", &[verdict]);
        every_chunking(&server, &password(), |server, result| {
            let error = result.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Sasl(_)), "{error}");
            let others = server.log[2..].iter().filter(|line| *line != "*");
            assert_eq!(others.count(), 0, "no proof, and no PLAIN in place of it");
        });
    }
}

#[test]
fn pipe_connect_the_early_ehlo_is_not_said_again_and_comes_only_first() {
    for name in ["PIPECONNECT", "X_PIPE_CONNECT"] {
        let mut opening = Opening::new(terms(), false);
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        opening.begin_early(&mut out).unwrap();
        assert_eq!(out.split(), "EHLO [127.0.0.1]\r\n");
        assert!(opening.begin_early(&mut out).is_err(), "once");
        let reply = format!("220 x\r\n250-x\r\n250 {name}\r\n");
        input.extend_from_slice(reply.as_bytes());
        let progress = opening.receive(&mut input, &mut out).unwrap();
        assert_eq!(progress, Progress::Ready);
        assert!(out.is_empty() && opening.offered_pipe_connect());
    }
    let mut opening = Opening::new(terms(), false);
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    input.extend_from_slice(b"220 x\r\n");
    opening.receive(&mut input, &mut out).unwrap();
    assert!(
        opening.begin_early(&mut out).is_err(),
        "the greeting is there"
    );
}

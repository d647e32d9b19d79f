//! Servers that nobody has listed: what they say comes too early, at odd places, or makes no sense.

#![allow(clippy::unwrap_used)]

mod support;

use postrider_smtp::opening::Terms;
use postrider_smtp::*;
use support::*;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";
const ACCEPTED: &str = "accepted at end of data: 250 queued";
const CLOSING: &str = "421 4.3.2 closing\r\n<close>";

fn password() -> Terms {
    Terms {
        credentials: Credentials::password("user", "secret").ok(),
        clear_text_credentials: true,
        ..terms()
    }
}

/// Sends these mails at every level in every chunking.
fn at_every_level(
    server: &Server,
    mails: &[Mail<'_>],
    check: impl Fn(&Session, Vec<Vec<RecipientOutcome>>),
) {
    for level in LEVELS {
        for chunking in Chunking::all() {
            let mut session = Session::open(server.clone(), chunking);
            session.gives_up = true;
            let outcomes = session.send(policy(level), mails);
            check(&session, outcomes);
        }
    }
}

fn is(outcomes: &[RecipientOutcome], outcome: Outcome) -> bool {
    outcomes.iter().all(|o| o.outcome == outcome)
}

/// What is said before it is asked must not answer what is asked next, or every reply after it belongs to another command.
#[test]
fn rfc5321_4_3_1_a_server_that_answers_before_it_is_asked_gets_nothing_more() {
    for (command, reply) in [
        ("banner", "220 evil\r\n250-evil\r\n250 PIPELINING\r\n"),
        ("banner", "220 evil\r\n250-ev"),
        (
            "EHLO",
            "250-evil\r\n250 AUTH PLAIN LOGIN\r\n235 welcome\r\n",
        ),
        ("EHLO", "250-evil\r\n250 AUTH LOGIN\r\n334 VXNlcm5hbWU6\r\n"),
        ("AUTH", "235 welcome\r\n250 ok\r\n"),
        ("AUTH", "235 welcome\r\n250"),
    ] {
        let server = Server::new().on(command, &[reply]);
        let (server, result) = open(server, password(), Chunking::Whole);
        let error = result.unwrap_err();
        let early = matches!(
            error.kind(),
            ErrorKind::Unsolicited(_) | ErrorKind::InvalidReply(InvalidReply::Unasked)
        );
        assert!(early, "{reply:?}: {error}");
        let last = server.log.last().map_or("banner", String::as_str);
        assert!(last.starts_with(command), "{reply:?}: {:?}", server.log);
    }
}

#[test]
fn a_421_in_place_of_any_other_answer_ends_the_connection_and_says_why() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 2];
    // The answer to RSET belongs to nobody: who was settled stays so, and the next mail has another time.
    let server = Server::new()
        .on("RCPT", &["550 no\r\n"])
        .on("DATA", &["503 no recipient\r\n"])
        .on("RSET", &[CLOSING]);
    at_every_level(&server, &mails, |session, outcomes| {
        assert!(is(&outcomes[0], Outcome::Refused), "{outcomes:?}");
        let behind = &outcomes[1];
        assert!(is(behind, Outcome::Deferred), "{outcomes:?}");
        assert!(behind[0].to_string().contains("421"), "{}", behind[0]);
        assert!(!session.is_usable());
    });
}

#[test]
fn a_421_to_a_chunk_or_a_cancelled_login_is_no_other_verdict() {
    let server = Server::new()
        .offering(&["AUTH LOGIN"])
        .on("AUTH", &["334 !!!\r\n"])
        .on("*", &[CLOSING]);
    for chunking in Chunking::all() {
        let error = open(server.clone(), password(), chunking).1.unwrap_err();
        assert_eq!(error.stage(), Stage::Auth);
        assert!(!matches!(error.kind(), ErrorKind::Closed), "{error}");
    }
    let envelope = envelope();
    for chunking in Chunking::all() {
        let server = Server::new()
            .offering(&["PIPELINING", "CHUNKING"])
            .on("end", &[CLOSING]);
        let mut session = Session::open(server, chunking);
        let mails = [Mail::new(&envelope, MESSAGE); 3];
        for outcomes in session.send(policy(Pipelining::Chunked), &mails) {
            assert!(is(&outcomes, Outcome::Deferred), "{outcomes:?}");
        }
    }
}

#[test]
fn t5b_t5c_whatever_is_said_to_the_lone_dot_is_no_verdict() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE)];
    for dot in [
        "250 queued\r\n",
        "554 no valid recipients\r\n",
        "451 later\r\n",
    ] {
        let nobody = Server::new().on("RCPT", &["550 no\r\n"]).on("end", &[dot]);
        at_every_level(&nobody, &mails, |session, outcomes| {
            assert_eq!(verdicts(&outcomes[0]), ["refused at RCPT: 550 no"; 3]);
            assert_eq!(session.server.log.last().unwrap(), "RSET");
            assert!(session.is_usable());
        });
        let no_mail = Server::new()
            .on("MAIL", &["550 5.7.1 no\r\n"])
            .on("RCPT", &["250 ok\r\n"])
            .on("end", &[dot]);
        at_every_level(&no_mail, &mails, |session, outcomes| {
            assert_eq!(verdicts(&outcomes[0]), ["refused at MAIL: 550 5.7.1 no"; 3]);
            let log = session.server.log.concat();
            assert!(!log.contains("hello"), "{log}");
            assert!(session.is_usable());
        });
    }
}

#[test]
fn t1f_nothing_follows_starttls_in_its_flight() {
    let server = Server::new().offering(&["PIPELINING", "AUTH PLAIN", "STARTTLS"]);
    let (_, connection) = open(server, terms(), Chunking::Whole);
    let (mut connection, mut out) = (connection.unwrap(), bytes::BytesMut::new());
    // A group may end with it, and has to.
    connection.send(&Command::Rset, &mut out).unwrap();
    connection.send(&Command::StartTls, &mut out).unwrap();
    let (name, from) = ("a".parse().unwrap(), "a@b.c".parse().unwrap());
    let parameters = MailParameters::default();
    for command in [
        Command::Ehlo(&name),
        Command::Mail(&from, &parameters),
        Command::Rset,
        Command::Noop,
        Command::Quit,
    ] {
        assert!(connection.send(&command, &mut out).is_err(), "{command}");
    }
    assert_eq!(out, "RSET\r\nSTARTTLS\r\n");
}

#[test]
fn t9_quit_may_be_answered_by_the_end_of_the_connection() {
    let (_, connection) = open(Server::new(), terms(), Chunking::Whole);
    let mut connection = connection.unwrap();
    let mut out = bytes::BytesMut::new();
    connection.send(&Command::Quit, &mut out).unwrap();
    assert!(connection.closed().is_ok());
}

#[test]
fn what_the_server_offers_is_what_it_offered_last() {
    let mut terms = password();
    terms.xclient = vec![Attribute::new("ADDR", "192.0.2.1").unwrap()];
    let first = "250-evil\r\n250-PIPELINING\r\n250-DSN\r\n250-SIZE 10\r\n250 XCLIENT ADDR\r\n";
    let server = Server::new()
        .on("EHLO", &[first, "250-evil\r\n250 AUTH PLAIN\r\n"])
        .on("XCLIENT", &["220 evil\r\n"]);
    for chunking in Chunking::all() {
        let (_, result) = open(server.clone(), terms.clone(), chunking);
        let connection = result.unwrap();
        let offered = connection.capabilities();
        assert_eq!(offered.size(), None);
        assert!(!offered.offers(Extension::Pipelining) && !offered.offers(Extension::Dsn));
    }
}

#[test]
fn offers_that_make_no_sense_promise_nothing_and_forbid_nothing() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 2];
    for offers in [
        "SIZE",
        "SIZE 0",
        "SIZE -1",
        "SIZE 10 20 x",
        "SIZE 18446744073709551616",
        "LIMITS",
        "LIMITS MAILMAX",
        "LIMITS MAILMAX=0 RCPTMAX=0 RCPTDOMAINMAX=0",
        "LIMITS RCPTMAX=-1 MAILMAX=99999999999999999999 =3 RCPTDOMAINMAX=1=2",
        "FUTURERELEASE x y",
        "-- \u{1b}[31m",
        "PIPELINING\0",
    ] {
        let server = Server::new().offering(&["PIPELINING", offers]);
        let mut session = Session::open(server, Chunking::Whole);
        let outcomes = session.send(policy(Pipelining::LookAhead), &mails);
        for outcomes in outcomes {
            assert_eq!(verdicts(&outcomes), [ACCEPTED; 3], "{offers:?}");
        }
        let log = &session.server.log;
        let mails = log.iter().filter(|line| line.starts_with("MAIL"));
        assert_eq!(mails.count(), 2, "{offers:?}");
    }
}

#[test]
fn text_that_is_no_text_is_shown_without_its_effect() {
    let envelope = envelope();
    let server = Server::new().on("end", &["250 \0\u{1b}]0;x\u{7}caf\u{e9} \u{202e}ok\r\n"]);
    at_every_level(&server, &[Mail::new(&envelope, MESSAGE)], |_, outcomes| {
        let shown = outcomes[0][0].to_string();
        assert!(outcomes[0][0].is_accepted());
        assert!(
            !shown.contains(['\0', '\u{1b}', '\u{7}', '\u{202e}']),
            "{shown}"
        );
        assert!(shown.contains("caf\u{e9}"), "{shown}");
    });
}

/// Replies are matched by their count and place: one that cannot stand there is the end.
#[test]
fn replies_out_of_their_order_are_never_an_acceptance() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE)];
    for (command, reply) in [
        // 354 before it is DATA's turn.
        ("MAIL", "354 go\r\n"),
        ("RCPT TO:<r1", "354 go\r\n"),
        ("RCPT TO:<r3", "334 VXNlcm5hbWU6\r\n"),
        ("DATA", "250 ok\r\n"),
        ("DATA", "235 ok\r\n"),
        ("end", "354 go\r\n"),
        ("end", "334 \r\n"),
    ] {
        let server = Server::new().on(command, &[reply]);
        at_every_level(&server, &mails, |session, outcomes| {
            assert!(!is(&outcomes[0], Outcome::Accepted), "{command} {reply}");
            assert!(outcomes[0].iter().all(|o| !o.is_accepted()), "{command}");
            assert!(!session.is_usable());
        });
    }
}

#[test]
fn rfc6531_a_recipient_that_is_refused_for_its_letters_does_not_hold_up_the_others() {
    let to = ["r1@example.com", "\u{e4}@example.com"];
    let envelope = Envelope::parse("a@example.com", to).unwrap();
    let mails = [Mail::new(&envelope, MESSAGE)];
    let server = Server::new()
        .offering(&["PIPELINING", "8BITMIME", "SMTPUTF8"])
        .on("RCPT TO:<\u{e4}", &["553 5.6.7 not here\r\n"]);
    at_every_level(&server, &mails, |session, outcomes| {
        let refused = "refused at RCPT: 553 5.6.7 not here";
        assert_eq!(verdicts(&outcomes[0]), [ACCEPTED, refused]);
        assert!(session.is_usable());
    });
    // The whole mail, where MAIL itself is refused for it.
    let server = Server::new()
        .offering(&["PIPELINING", "8BITMIME", "SMTPUTF8"])
        .on(
            "MAIL",
            &["555 5.5.4 SMTPUTF8 is not supported after all\r\n"],
        )
        .on("RCPT", &["503 no\r\n"])
        .on("DATA", &["503 no\r\n"]);
    at_every_level(&server, &mails, |session, outcomes| {
        assert!(is(&outcomes[0], Outcome::Refused));
        assert!(session.is_usable());
    });
}

#[test]
fn rfc4954_4_a_challenge_without_bounds_is_an_error() {
    for challenge in ["A".repeat(12_284), "A".repeat(1 << 20)] {
        let said = format!("334 {challenge}\r\n");
        let server = Server::new()
            .offering(&["AUTH LOGIN"])
            .on("AUTH", &[&said])
            .on("*", &["501 cancelled\r\n"]);
        let (server, result) = open(server, password(), Chunking::Octets(4096));
        let error = result.unwrap_err();
        assert_eq!(error.stage(), Stage::Auth);
        assert!(error.to_string().len() < 500, "{error}");
        assert!(server.log.len() <= 3, "{:?}", server.log);
    }
}

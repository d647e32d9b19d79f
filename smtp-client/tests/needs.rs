//! T2 and the extensions: what a mail needs of the server, and what is refused before anything is written.

#![allow(clippy::unwrap_used)]

mod support;

use postrider_smtp::planner::Policy;
use postrider_smtp::*;
use support::*;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";
const UTF8_BODY: &[u8] = "Subject: x\r\n\r\nh\u{e9}llo\r\n".as_bytes();
const UTF8_HEADER: &[u8] = "Subject: \u{e9}\r\n\r\nhello\r\n".as_bytes();

fn send(
    offers: &[&str],
    envelope: &Envelope,
    message: &[u8],
) -> (Vec<String>, Vec<RecipientOutcome>) {
    send_within(Security::Tls, offers, envelope, message)
}

fn send_within(
    security: Security,
    offers: &[&str],
    envelope: &Envelope,
    message: &[u8],
) -> (Vec<String>, Vec<RecipientOutcome>) {
    let terms = opening::Terms {
        security,
        ..terms()
    };
    let server = Server::new().offering(offers);
    let mut session = Session::open_on(server, terms, Chunking::Whole);
    let mails = [Mail::new(envelope, message)];
    let mut outcomes = session.send(Policy::default(), &mails);
    assert!(session.is_usable());
    (session.server.log, outcomes.remove(0))
}

#[test]
fn rfc8689_requiretls_is_never_said_in_clear_text() {
    let mut parameters = MailParameters::default();
    parameters.require_tls = true;
    let envelope = envelope().with_parameters(parameters);
    let (log, outcomes) = send_within(Security::None, &["REQUIRETLS"], &envelope, MESSAGE);
    assert!(log.is_empty());
    let Cause::Error(error) = &outcomes[0].cause else {
        unreachable!()
    };
    assert!(matches!(error.kind(), ErrorKind::ClearText), "{error}");
    assert_eq!(outcomes[0].outcome, Outcome::Refused);
    assert!(send(&["REQUIRETLS"], &envelope, MESSAGE).1[0].is_accepted());
}

fn missing(outcome: &RecipientOutcome) -> Option<Extension> {
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Refused, Stage::Local)
    );
    match &outcome.cause {
        Cause::Error(error) => match error.kind() {
            ErrorKind::Missing(extension) => Some(*extension),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn rfc6152_body_is_declared_only_if_offered_and_needed() {
    let (log, _) = send(&["8BITMIME"], &envelope(), MESSAGE);
    assert_eq!(log[0], "MAIL FROM:<a@example.com>");
    let (log, outcomes) = send(&["8BITMIME"], &envelope(), UTF8_BODY);
    assert_eq!(log[0], "MAIL FROM:<a@example.com> BODY=8BITMIME");
    assert!(outcomes[0].is_accepted());
    let (log, outcomes) = send(&["PIPELINING"], &envelope(), UTF8_BODY);
    assert!(log.is_empty());
    assert_eq!(missing(&outcomes[0]), Some(Extension::EightBitMime));
    assert_eq!(outcomes[0].fault(), Some(Fault::Message));
    assert!(
        outcomes[0].to_string().contains("8BITMIME"),
        "{}",
        outcomes[0]
    );
}

#[test]
fn rfc6531_smtputf8_is_declared_only_if_offered_and_needed() {
    let to = |address| Envelope::parse("a@example.com", [address, "b@example.com"]).unwrap();
    let envelope = to("j\u{f6}rg@example.com");
    let (log, _) = send(&["8BITMIME", "SMTPUTF8"], &envelope, MESSAGE);
    assert_eq!(log[0], "MAIL FROM:<a@example.com> SMTPUTF8");
    let (log, _) = send(&["8BITMIME", "SMTPUTF8"], &to("c@example.com"), UTF8_HEADER);
    assert_eq!(log[0], "MAIL FROM:<a@example.com> BODY=8BITMIME SMTPUTF8");
    let (log, _) = send(&["8BITMIME", "SMTPUTF8"], &to("c@example.com"), UTF8_BODY);
    assert_eq!(log[0], "MAIL FROM:<a@example.com> BODY=8BITMIME");

    // Without the extension only the recipient with such an address is refused.
    let (log, outcomes) = send(&["8BITMIME"], &envelope, MESSAGE);
    assert_eq!(missing(&outcomes[0]), Some(Extension::SmtpUtf8));
    assert!(outcomes[1].is_accepted());
    assert_eq!(
        log[..2],
        ["MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>"]
    );
    // The sender, and the header, concern everybody.
    let sender = Envelope::parse("j\u{f6}rg@example.com", ["b@example.com"]).unwrap();
    let (log, outcomes) = send(&["8BITMIME"], &sender, MESSAGE);
    assert!(log.is_empty());
    assert_eq!(missing(&outcomes[0]), Some(Extension::SmtpUtf8));
    let (log, outcomes) = send(&["8BITMIME"], &to("c@example.com"), UTF8_HEADER);
    assert!(log.is_empty());
    assert_eq!(missing(&outcomes[1]), Some(Extension::SmtpUtf8));
}

#[test]
fn rfc1870_the_size_is_declared_and_what_is_too_large_is_not_begun() {
    let (log, _) = send(&["SIZE 100"], &envelope(), b"a\nb\n");
    assert_eq!(log[0], "MAIL FROM:<a@example.com> SIZE=6");
    let (log, outcomes) = send(&["SIZE 5"], &envelope(), b"a\nb\n");
    assert!(log.is_empty());
    let Cause::Error(error) = &outcomes[0].cause else {
        panic!("{}", outcomes[0]);
    };
    assert!(matches!(
        error.kind(),
        ErrorKind::TooLarge { size: 6, limit: 5 }
    ));
    assert_eq!(outcomes[0].outcome, Outcome::Refused);
    let (log, _) = send(&["SIZE 99999999999999999999999"], &envelope(), b"a\r\n");
    assert_eq!(log[0], "MAIL FROM:<a@example.com> SIZE=3");
}

#[test]
fn t2_the_policy_reject_refuses_a_bare_cr_or_lf_before_anything_is_written() {
    let policy = Policy {
        line_ends: LineEnds::Reject,
        ..Policy::default()
    };
    for (message, offset) in [(&b"a\nb\r\n"[..], 1), (b"a\r\nb\rc", 4), (b"a\r", 1)] {
        let mut session = Session::open(Server::new(), Chunking::Whole);
        let envelope = envelope();
        let outcomes = session.send(policy, &[Mail::new(&envelope, message)]);
        let Cause::Error(error) = &outcomes[0][0].cause else {
            panic!("{}", outcomes[0][0]);
        };
        assert!(matches!(error.kind(), ErrorKind::BareLineEnd { offset: at } if *at == offset));
        assert!(session.server.log.is_empty());
        let outcomes = session.send(policy, &[Mail::new(&envelope, MESSAGE)]);
        assert!(
            outcomes[0][0].is_accepted(),
            "the connection is as good as before"
        );
    }
}

#[test]
fn rfc3461_dsn_parameters_go_with_mail_and_with_each_recipient() {
    let mut mail = MailParameters::default();
    mail.ret = Some(Return::Headers);
    mail.envelope_id = "id+1".parse().ok();
    let envelope = Envelope::parse("a@example.com", ["r1@example.com", "r2@example.com"])
        .unwrap()
        .with_parameters(mail)
        .with_recipient_parameters(|to| {
            let mut rcpt = RcptParameters::default();
            if to.as_str().starts_with("r2") {
                rcpt.notify = Some(Notify::Never);
            }
            rcpt
        });
    let (log, _) = send(&["DSN"], &envelope, MESSAGE);
    assert_eq!(
        log[..3],
        [
            "MAIL FROM:<a@example.com> RET=HDRS ENVID=id+2B1",
            "RCPT TO:<r1@example.com>",
            "RCPT TO:<r2@example.com> NOTIFY=NEVER"
        ]
    );
    let (log, outcomes) = send(&["SIZE"], &envelope, MESSAGE);
    assert!(log.is_empty());
    assert_eq!(missing(&outcomes[0]), Some(Extension::Dsn));
}

#[test]
fn what_is_demanded_and_not_offered_is_refused_by_its_name() {
    type Set = fn(&mut MailParameters);
    let demands: [(Set, Extension, &str); 5] = [
        (
            |p| p.require_tls = true,
            Extension::RequireTls,
            " REQUIRETLS",
        ),
        (
            |p| p.priority = Priority::new(4),
            Extension::MtPriority,
            " MT-PRIORITY=4",
        ),
        (
            |p| p.hold = Some(Hold::For { seconds: 60 }),
            Extension::FutureRelease,
            " HOLDFOR=60",
        ),
        (
            |p| p.deliver_by = DeliverBy::within(60, Late::Notify),
            Extension::DeliverBy,
            " BY=60;N",
        ),
        (
            |p| p.submitter = Some(Submitter::Unknown),
            Extension::Auth,
            " AUTH=<>",
        ),
    ];
    for (set, extension, written) in demands {
        let mut parameters = MailParameters::default();
        set(&mut parameters);
        let envelope = envelope().with_parameters(parameters);
        let (log, outcomes) = send(&["SIZE"], &envelope, MESSAGE);
        assert_eq!(missing(&outcomes[0]), Some(extension));
        assert!(log.is_empty());
        let (log, outcomes) = send(&[extension.keyword()], &envelope, MESSAGE);
        assert_eq!(log[0], format!("MAIL FROM:<a@example.com>{written}"));
        assert!(outcomes[0].is_accepted());
    }
}

#[test]
fn rfc4865_4_rfc2852_3_what_goes_beyond_a_bound_of_the_server_is_refused_in_its_words() {
    type Set = fn(&mut MailParameters);
    let demands: [(Set, Extension, &str); 3] = [
        (
            |p| p.hold = Some(Hold::For { seconds: 61 }),
            Extension::FutureRelease,
            "60 2027-01-31T08:00:00Z",
        ),
        (
            |p| p.hold = "2027-01-31T08:00:01Z".parse().map(Hold::Until).ok(),
            Extension::FutureRelease,
            "60 2027-01-31T08:00:00Z",
        ),
        (
            |p| p.deliver_by = DeliverBy::within(239, Late::Return),
            Extension::DeliverBy,
            "240",
        ),
    ];
    for (set, demanded, allowed) in demands {
        let mut parameters = MailParameters::default();
        set(&mut parameters);
        let envelope = envelope().with_parameters(parameters);
        let offer = format!("{demanded} {allowed}");
        let (log, outcomes) = send(&[&offer], &envelope, MESSAGE);
        assert!(log.is_empty(), "{log:?}");
        assert_eq!(outcomes[0].outcome, Outcome::Refused);
        let Cause::Error(error) = &outcomes[0].cause else {
            panic!("{}", outcomes[0]);
        };
        let ErrorKind::OutOfBounds { extension, bound } = error.kind() else {
            panic!("{error}");
        };
        assert_eq!((*extension, bound.as_str()), (demanded, allowed));
    }
}

#[test]
fn a_command_of_an_extension_is_permitted_where_the_server_offers_it() {
    let offering = |offers: &[&str]| {
        let mut connection = Connection::new(Protocol::Smtp, Limits::default());
        let hear = |connection: &mut Connection, text: &str| {
            connection
                .receive(&mut bytes::BytesMut::from(text))
                .unwrap();
        };
        hear(&mut connection, "220 mx\r\n");
        let name: Domain = "client.example".parse().unwrap();
        let mut out = bytes::BytesMut::new();
        connection.send(&Command::Ehlo(&name), &mut out).unwrap();
        let lines = offers.iter().map(|offer| format!("250-{offer}\r\n"));
        hear(
            &mut connection,
            &format!("250-mx\r\n{}250 HELP\r\n", lines.collect::<String>()),
        );
        connection
    };
    let node: Argument = "example.org".parse().unwrap();
    let offers = ["STARTTLS", "ETRN", "XCLIENT NAME", "XFORWARD NAME"];
    let commands = [
        Command::StartTls,
        Command::Etrn(&node),
        Command::XClient(&[]),
        Command::XForward(&[]),
    ];
    for (place, command) in commands.iter().enumerate() {
        let others = offers.iter().enumerate().filter(|(at, _)| *at != place);
        let others: Vec<_> = others.map(|(_, offer)| *offer).collect();
        assert!(offering(&offers).permits(command), "{command:?}");
        assert!(!offering(&others).permits(command), "{command:?}");
    }
}

//! What may be said when, and what each reply makes of it.

mod lmtp;
mod security;

use super::*;
use crate::text::{Argument, Attribute};
use crate::{Domain, Envelope, ForwardPath, MailParameters, RcptParameters, ReversePath};
use postrider_wire::Secret;
use postrider_wire::sasl::Mechanism;

/// A connection that is ready, to a server that offers these.
pub(crate) fn connection(protocol: Protocol, offers: &[&str]) -> Connection {
    let mut talk = Talk::of(Connection::new(protocol, Limits::default()));
    talk.hears("220 mx");
    talk.hello(offers);
    assert_eq!(talk.connection.state(), State::Ready);
    talk.connection
}

/// The connection and what was said last.
struct Talk {
    connection: Connection,
}

impl Talk {
    fn of(connection: Connection) -> Self {
        Self { connection }
    }

    fn ready(offers: &[&str]) -> Self {
        Self::of(connection(Protocol::Smtp, offers))
    }

    /// EHLO or LHLO, and its answer.
    fn hello(&mut self, offers: &[&str]) {
        let name = name();
        match self.connection.protocol() {
            Protocol::Smtp => self.says(&Command::Ehlo(&name)),
            Protocol::Lmtp => self.says(&Command::Lhlo(&name)),
        };
        let offers: String = offers.iter().map(|o| format!("250-{o}\r\n")).collect();
        self.hears(&format!("250-mx\r\n{offers}250 HELP"));
    }

    /// Says what is permitted, and gives it as it is written.
    #[track_caller]
    fn says(&mut self, command: &Command<'_>) -> String {
        assert!(self.connection.permits(command), "{command:?}");
        let mut out = BytesMut::new();
        self.connection.send(command, &mut out).unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    }

    /// Is not permitted to say this: nothing is written, and nothing changes.
    #[track_caller]
    fn may_not_say(&mut self, command: &Command<'_>) -> ErrorKind {
        assert!(!self.connection.permits(command), "{command:?}");
        let before = (self.connection.state(), self.connection.awaited());
        let mut out = BytesMut::new();
        let error = self.connection.send(command, &mut out).unwrap_err();
        assert!(out.is_empty());
        let after = (self.connection.state(), self.connection.awaited());
        assert_eq!(before, after);
        error.kind().clone()
    }

    fn hear(&mut self, text: &str) -> Result<Option<Event>, Error> {
        let mut input = BytesMut::from(&*format!("{text}\r\n"));
        self.connection.receive(&mut input)
    }

    #[track_caller]
    fn hears(&mut self, text: &str) -> Event {
        self.hear(text).unwrap().unwrap()
    }

    fn mail(&mut self) {
        let (from, parameters) = (from(), MailParameters::default());
        self.says(&Command::Mail(&from, &parameters));
    }

    fn rcpt(&mut self, address: &str) {
        let (to, parameters) = (to(address), RcptParameters::default());
        self.says(&Command::Rcpt(&to, &parameters));
    }

    /// A transaction with so many recipients, all of them accepted.
    fn with_recipients(mut self, recipients: usize) -> Self {
        self.mail();
        self.hears("250 ok");
        for _ in 0..recipients {
            self.rcpt("b@x");
            self.hears("250 ok");
        }
        self
    }
}

fn name() -> Domain {
    "[127.0.0.1]".parse().unwrap()
}

fn from() -> ReversePath {
    envelope().reverse_path().clone()
}

fn to(address: &str) -> ForwardPath {
    let envelope = Envelope::parse("a@x", [address]).unwrap();
    envelope.recipients()[0].clone()
}

fn envelope() -> Envelope {
    Envelope::parse("a@x", ["b@x"]).unwrap()
}

fn plain() -> Mechanism {
    Mechanism::Plain
}

const WAITS: Misuse = Misuse::AwaitReply;

#[track_caller]
fn misuse(kind: ErrorKind) -> Misuse {
    match kind {
        ErrorKind::Misuse(misuse) => misuse,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn missing(kind: ErrorKind) -> Extension {
    match kind {
        ErrorKind::Missing(extension) => extension,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_said_before_the_greeting() {
    let mut talk = Talk::of(Connection::new(Protocol::Smtp, Limits::default()));
    let name = name();
    assert_eq!(misuse(talk.may_not_say(&Command::Ehlo(&name))), WAITS);
    assert_eq!(talk.connection.awaiting(), Some(Awaited::Greeting));
    assert_eq!(talk.connection.awaited(), 1);
    talk.hears("220 mx");
    assert_eq!(talk.connection.state(), State::Greeted);
    assert_eq!(talk.says(&Command::Ehlo(&name)), "EHLO [127.0.0.1]\r\n");
}

#[test]
fn ehlo_alone_may_be_said_early_and_once() {
    let fresh = || Talk::of(Connection::new(Protocol::Smtp, Limits::default()));
    let name = name();
    let mut out = BytesMut::new();
    let mut talk = fresh();
    assert!(
        talk.connection
            .send_early(&Command::Helo(&name), &mut out)
            .is_err()
    );
    assert!(
        talk.connection
            .send_early(&Command::Noop, &mut out)
            .is_err()
    );
    assert!(out.is_empty());
    talk.connection
        .send_early(&Command::Ehlo(&name), &mut out)
        .unwrap();
    assert_eq!(&out[..], b"EHLO [127.0.0.1]\r\n");
    assert_eq!(talk.connection.awaited(), 2);
    assert!(
        talk.connection
            .send_early(&Command::Ehlo(&name), &mut out)
            .is_err()
    );
    talk.hears("220 mx");
    talk.hears("250 mx");
    assert_eq!(talk.connection.state(), State::Ready);
    let mut talk = fresh();
    talk.connection
        .send_early(&Command::Lhlo(&name), &mut out)
        .unwrap();
    let mut talk = fresh();
    talk.hears("220 mx");
    assert!(
        talk.connection
            .send_early(&Command::Ehlo(&name), &mut out)
            .is_err()
    );
}

#[test]
fn rfc2920_3_1_commands_run_ahead_of_the_replies_where_pipelining_is_offered() {
    let mut talk = Talk::ready(&["PIPELINING"]);
    talk.mail();
    talk.rcpt("b@x");
    talk.says(&Command::Data);
    assert_eq!(talk.connection.awaited(), 3);
    let mut talk = Talk::ready(&[]);
    talk.mail();
    assert_eq!(talk.connection.awaited(), 1);
    let (to, parameters) = (to("b@x"), RcptParameters::default());
    let rcpt = Command::Rcpt(&to, &parameters);
    assert_eq!(misuse(talk.may_not_say(&rcpt)), WAITS);
    talk.hears("250 ok");
    assert_eq!(talk.connection.awaited(), 0);
    talk.says(&rcpt);
}

#[test]
fn rfc2920_3_1_nothing_follows_a_command_that_ends_a_group() {
    let mut talk = Talk::ready(&["PIPELINING"]);
    talk.says(&Command::Noop);
    assert_eq!(misuse(talk.may_not_say(&Command::Rset)), WAITS);
    talk.hears("250 ok");
    talk.says(&Command::Rset);
}

#[test]
fn rfc9422_mails_are_counted_when_they_are_begun() {
    let left = |talk: &Talk| talk.connection.mails_left();
    let mut talk = Talk::ready(&["PIPELINING", "LIMITS MAILMAX=3"]);
    for mails in [3, 2, 1, 0] {
        assert_eq!(left(&talk), Some(mails));
        talk.says(&Command::Rset);
        talk.hears("250 ok");
        talk.mail();
        talk.hears("550 no");
    }
    assert_eq!(left(&talk), Some(0), "and not less");
    assert_eq!(left(&Talk::ready(&[])), None);
}

#[test]
fn a_command_of_an_extension_needs_the_offer() {
    let argument: Argument = "x".parse().unwrap();
    let attributes = [Attribute::new("NAME", "x").unwrap()];
    let chunk = Command::Bdat {
        octets: 0,
        last: true,
    };
    for (command, extension, offer) in [
        (Command::StartTls, Extension::StartTls, "STARTTLS"),
        (Command::Auth(plain(), None), Extension::Auth, "AUTH PLAIN"),
        (Command::Etrn(&argument), Extension::Etrn, "ETRN"),
        (
            Command::XClient(&attributes),
            Extension::XClient,
            "XCLIENT NAME",
        ),
        (
            Command::XForward(&attributes),
            Extension::XForward,
            "XFORWARD NAME",
        ),
        (chunk, Extension::Chunking, "CHUNKING"),
    ] {
        let at = |offers: &[&str]| match command {
            Command::Bdat { .. } => Talk::ready(offers).with_recipients(1),
            _ => Talk::ready(offers),
        };
        assert_eq!(missing(at(&[]).may_not_say(&command)), extension);
        at(&[offer]).says(&command);
    }
}

#[test]
fn an_address_or_parameter_of_an_extension_needs_the_offer() {
    let utf8 = Envelope::parse("\u{e9}@x", ["\u{e9}@x"]).unwrap();
    let (plain, parameters) = (MailParameters::default(), RcptParameters::default());
    let mail = Command::Mail(utf8.reverse_path(), &plain);
    let rcpt = Command::Rcpt(&utf8.recipients()[0], &parameters);
    assert_eq!(
        missing(Talk::ready(&[]).may_not_say(&mail)),
        Extension::SmtpUtf8
    );
    Talk::ready(&["SMTPUTF8"]).says(&mail);
    let mut talk = Talk::ready(&[]).with_recipients(1);
    assert_eq!(missing(talk.may_not_say(&rcpt)), Extension::SmtpUtf8);
    Talk::ready(&["SMTPUTF8"]).with_recipients(1).says(&rcpt);

    let sized = MailParameters {
        size: Some(7),
        ..MailParameters::default()
    };
    let from = from();
    let mail = Command::Mail(&from, &sized);
    assert_eq!(
        missing(Talk::ready(&[]).may_not_say(&mail)),
        Extension::Size
    );
    assert_eq!(
        Talk::ready(&["SIZE"]).says(&mail),
        "MAIL FROM:<a@x> SIZE=7\r\n"
    );
}

#[test]
fn rfc5321_3_8_421_ends_the_dialogue_whatever_it_answers() {
    let mut talk = Talk::ready(&["PIPELINING"]);
    talk.mail();
    talk.rcpt("b@x");
    let event = talk.hears("421 bye");
    assert_eq!((event.to, event.meaning), (Awaited::Mail, Meaning::Refused));
    assert_eq!(
        (talk.connection.state(), talk.connection.awaited()),
        (State::Closed, 0)
    );
    assert!(
        talk.hear("250 ok").unwrap().is_none(),
        "nothing is heard any more"
    );
    assert_eq!(
        misuse(talk.may_not_say(&Command::Noop)),
        Misuse::State(State::Closed)
    );
}

#[test]
fn a_reply_that_was_not_asked_for_or_is_no_answer_ends_the_dialogue() {
    let mut talk = Talk::ready(&[]);
    let error = talk.hear("250 ok").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsolicited(_)), "{error}");
    assert_eq!(talk.connection.state(), State::Closed);
    let mut talk = Talk::ready(&[]).with_recipients(1);
    talk.says(&Command::Data);
    let error = talk.hear("250 ok").unwrap_err();
    assert_eq!(error.stage(), Stage::Data);
    assert!(matches!(error.kind(), ErrorKind::Unexpected(_)), "{error}");
    assert_eq!(talk.connection.state(), State::Closed);
}

#[test]
fn octets_that_came_when_nothing_was_awaited_are_an_error_even_if_they_are_no_reply() {
    for (octets, unsolicited) in [("250 ok\r\n", true), ("250 o", false)] {
        let mut talk = Talk::ready(&[]);
        let error = talk.connection.unasked(&mut BytesMut::from(octets));
        assert_eq!(
            matches!(error.kind(), ErrorKind::Unsolicited(_)),
            unsolicited,
            "{error}"
        );
        assert_eq!(talk.connection.state(), State::Closed);
    }
}

#[test]
fn the_end_of_the_connection_is_an_error_but_after_quit() {
    let mut talk = Talk::ready(&[]);
    assert_eq!(talk.connection.closed().unwrap_err().stage(), Stage::Other);
    assert!(talk.connection.closed().is_ok(), "said already");
    let mut talk = Talk::ready(&[]);
    talk.mail();
    assert_eq!(talk.connection.closed().unwrap_err().stage(), Stage::Mail);
    assert_eq!(talk.connection.awaited(), 0);
    let mut talk = Talk::ready(&[]);
    talk.says(&Command::Quit);
    assert!(talk.connection.closed().is_ok());
    assert_eq!(talk.connection.state(), State::Closed);
    let mut talk = Talk::ready(&[]);
    talk.connection.abandon();
    assert!(talk.connection.closed().is_ok());
}

#[test]
fn helo_offers_nothing() {
    let mut talk = Talk::ready(&["PIPELINING"]);
    let name = name();
    assert_eq!(talk.says(&Command::Helo(&name)), "HELO [127.0.0.1]\r\n");
    talk.hears("250 mx");
    assert!(!talk.connection.capabilities().offers(Extension::Pipelining));
}

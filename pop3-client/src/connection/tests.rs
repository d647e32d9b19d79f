//! What a session knows of itself: its phase, what may be sent, and what it remembers.

use super::*;
use crate::{Command, Local, MessageNumber, Password, UserName};

fn user(name: &str) -> Command {
    Command::User(UserName::new(name).unwrap())
}

fn pass() -> Command {
    Command::Pass(Password::new("secret").unwrap())
}

fn one() -> MessageNumber {
    MessageNumber::new(1).unwrap()
}

/// What the server says, up to where more bytes are needed.
fn hear(pop3: &mut Connection, text: &str) -> Vec<Event> {
    let (mut input, mut events) = (BytesMut::from(text), Vec::new());
    while let Some(event) = pop3.receive(&mut input).unwrap() {
        events.push(event);
    }
    events
}

fn send(pop3: &mut Connection, command: &Command) -> Result<(), Local> {
    pop3.send(command, &mut BytesMut::new())
}

fn exchange(pop3: &mut Connection, command: &Command, reply: &str) -> Vec<Event> {
    send(pop3, command).unwrap();
    hear(pop3, reply)
}

fn greeted() -> Connection {
    let mut pop3 = Connection::new(Limits::default());
    hear(&mut pop3, "+OK ready <1.2@x>\r\n");
    pop3
}

fn logged_in() -> Connection {
    let mut pop3 = greeted();
    exchange(&mut pop3, &user("u"), "+OK\r\n");
    exchange(&mut pop3, &pass(), "+OK\r\n");
    pop3
}

#[test]
fn the_phase_names_what_a_driver_waits_for() {
    let mut pop3 = Connection::new(Limits::default());
    assert_eq!(pop3.phase(), Phase::Greeting);
    hear(&mut pop3, "+OK\r\n");
    assert_eq!(pop3.phase(), Phase::Idle);
    for (command, begins, phase) in [
        (Command::Noop, "+O", Phase::Reply),
        (Command::List(None), "+OK\r\n1 5\r\n", Phase::Listing),
        (Command::Retr(one()), "+OK\r\nhalf a line", Phase::Body),
    ] {
        let mut pop3 = logged_in();
        send(&mut pop3, &command).unwrap();
        assert_eq!(pop3.phase(), Phase::Reply, "{command}");
        hear(&mut pop3, begins);
        assert_eq!(pop3.phase(), phase, "{command}");
    }
    exchange(&mut pop3, &Command::Quit, "");
    assert_eq!(pop3.phase(), Phase::Quit);
    hear(&mut pop3, "+OK\r\n");
    assert_eq!((pop3.phase(), pop3.state()), (Phase::Idle, State::Closed));
}

#[test]
fn rfc1939_7_pass_is_sent_after_a_user_that_was_accepted() {
    let mut pop3 = greeted();
    let refused = Err(Local::PassWithoutUser);
    assert_eq!(send(&mut pop3, &pass()), refused);
    exchange(&mut pop3, &user("nobody"), "-ERR no such mailbox\r\n");
    assert_eq!(send(&mut pop3, &pass()), refused);
    exchange(&mut pop3, &user("u"), "+OK\r\n");
    exchange(&mut pop3, &pass(), "-ERR wrong\r\n");
    assert_eq!(
        send(&mut pop3, &pass()),
        refused,
        "the server wants USER again"
    );
    exchange(&mut pop3, &user("u"), "+OK\r\n");
    exchange(&mut pop3, &pass(), "+OK\r\n");
    assert_eq!(pop3.state(), State::Transaction);
}

#[test]
fn rfc2595_4_the_name_that_was_given_in_clear_text_is_forgotten() {
    let mut pop3 = greeted();
    exchange(&mut pop3, &user("u"), "+OK\r\n");
    exchange(&mut pop3, &Command::Stls, "+OK\r\n");
    pop3.tls_started();
    assert_eq!(send(&mut pop3, &pass()), Err(Local::PassWithoutUser));
}

#[test]
fn rfc6856_2_1_stls_is_not_sent_after_utf8_nor_inside_tls() {
    let mut pop3 = greeted();
    exchange(&mut pop3, &Command::Utf8, "-ERR no\r\n");
    exchange(&mut pop3, &Command::Stls, "-ERR no\r\n");
    exchange(&mut pop3, &Command::Utf8, "+OK\r\n");
    assert_eq!(send(&mut pop3, &Command::Stls), Err(Local::TooLateForStls));

    let mut pop3 = Connection::new(Limits::default());
    pop3.tls_started();
    assert_eq!(
        pop3.state(),
        State::Greeting,
        "the server still speaks first"
    );
    hear(&mut pop3, "+OK <1.2@x>\r\n");
    assert!(pop3.greeting().is_some());
    assert_eq!(send(&mut pop3, &Command::Stls), Err(Local::TooLateForStls));
}

#[test]
fn the_capabilities_are_those_of_the_last_capa() {
    let mut pop3 = logged_in();
    exchange(&mut pop3, &Command::Capa, "+OK\r\nTOP\r\nUIDL\r\n.\r\n");
    exchange(&mut pop3, &Command::List(None), "+OK\r\n1 5\r\n.\r\n");
    let has = |pop3: &Connection| ["TOP", "UIDL"].map(|name| pop3.capabilities().has(name));
    assert_eq!(has(&pop3), [true, true]);
    exchange(&mut pop3, &Command::Capa, "+OK\r\nUIDL\r\n.\r\n");
    assert_eq!(has(&pop3), [false, true]);
}

#[test]
fn the_end_of_input_is_an_error_while_an_answer_is_awaited() {
    let truncated = |request| Err(Violation::Truncated { request });
    let mut silent = Connection::new(Limits::default());
    assert_eq!(silent.end_of_input(), truncated(None));
    let mut idle = logged_in();
    assert_eq!(idle.end_of_input(), Ok(()));
    assert_eq!(idle.state(), State::Closed);
    let mut waiting = logged_in();
    send(&mut waiting, &Command::Stat).unwrap();
    assert_eq!(waiting.end_of_input(), truncated(Some(Request::Stat)));
    assert_eq!(
        (waiting.state(), waiting.phase()),
        (State::Closed, Phase::Idle)
    );
}

#[test]
fn after_a_violation_nothing_is_awaited_and_nothing_may_be_sent() {
    let mut pop3 = logged_in();
    send(&mut pop3, &Command::List(None)).unwrap();
    let mut input = BytesMut::from("+OK\r\nno listing\r\n");
    while let Ok(Some(_)) = pop3.receive(&mut input) {}
    assert_eq!((pop3.state(), pop3.phase()), (State::Closed, Phase::Idle));
    assert_eq!(pop3.awaited().len(), 0);
    let refused = send(&mut pop3, &Command::Quit);
    assert!(matches!(refused, Err(Local::WrongState { .. })));
}

#[test]
fn after_dele_stat_counts_fewer_messages_than_there_are_numbers() {
    let mut pop3 = logged_in();
    exchange(&mut pop3, &Command::Stat, "+OK 2 9\r\n");
    exchange(&mut pop3, &Command::Dele(one()), "+OK\r\n");
    exchange(&mut pop3, &Command::Stat, "+OK 1 5\r\n");
    let listed = exchange(&mut pop3, &Command::List(None), "+OK\r\n2 5\r\n.\r\n");
    assert!(matches!(listed.last(), Some(Event::Finished { .. })));
}

#[test]
fn a_message_may_be_as_large_as_its_limit_and_no_larger() {
    let limits = Limits {
        max_message: 7,
        ..Limits::default()
    };
    for (text, fits) in [("12345\r\n", true), ("123456\r\n", false)] {
        let mut pop3 = Connection::new(limits.clone());
        hear(&mut pop3, "+OK\r\n");
        exchange(&mut pop3, &user("u"), "+OK\r\n");
        exchange(&mut pop3, &pass(), "+OK\r\n");
        exchange(&mut pop3, &Command::Retr(one()), "+OK\r\n");
        let body = pop3.receive(&mut BytesMut::from(text));
        assert_eq!(body.is_ok(), fits, "{body:?}");
    }
}

#[test]
fn a_login_can_be_bound_once_there_is_something_to_bind_it_to() {
    let mut pop3 = greeted();
    assert!(!pop3.can_be_bound());
    pop3.bind(Some(ChannelBinding::tls_exporter("octets")));
    assert!(pop3.can_be_bound());
    pop3.bind(None);
    assert!(!pop3.can_be_bound());
}

#[test]
fn what_a_server_says_unasked_is_shown_without_secrets_and_not_without_end() {
    let mut pop3 = greeted();
    exchange(&mut pop3, &user("u"), "+OK\r\n");
    exchange(&mut pop3, &pass(), "-ERR no\r\n");
    let long = "x".repeat(900);
    let mut input = BytesMut::from(&*format!("+OK secret {long}\r\nmore"));
    let Err(Violation::Unsolicited(shown)) = pop3.receive(&mut input) else {
        panic!("it was asked for");
    };
    assert!(
        shown.starts_with("+OK ") && !shown.contains("secret"),
        "{shown}"
    );
    assert!(shown.len() < 300, "{shown}");
}

#[cfg(feature = "apop")]
#[test]
fn rfc2449_4_an_apop_line_has_at_most_255_octets() {
    let apop = |length| {
        let (mut pop3, mut out) = (greeted(), BytesMut::new());
        let name = UserName::new("n".repeat(length)).unwrap();
        let sent = pop3.send(&Command::Apop(name, Password::new("p").unwrap()), &mut out);
        (sent, out.len())
    };
    assert_eq!(apop(215), (Ok(()), 255));
    assert_eq!(apop(216), (Err(Local::LineTooLong), 0));
}

#[cfg(feature = "apop")]
#[test]
fn rfc1939_7_apop_needs_a_timestamp_and_its_digest_is_a_secret() {
    let apop = Command::Apop(
        UserName::new("mrose").unwrap(),
        Password::new("tanstaaf").unwrap(),
    );
    let mut plain = Connection::new(Limits::default());
    hear(&mut plain, "+OK no timestamp\r\n");
    assert_eq!(send(&mut plain, &apop), Err(Local::NoTimestamp));

    let (mut pop3, mut out) = (Connection::new(Limits::default()), BytesMut::new());
    hear(&mut pop3, "+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n");
    pop3.send(&apop, &mut out).unwrap();
    let digest = "c4c9334bac560ecc979e58001b3e22fb";
    assert_eq!(out, format!("APOP mrose {digest}\r\n").as_bytes());
    let heard = hear(&mut pop3, &format!("-ERR not {digest} of tanstaaf\r\n"));
    let shown = format!("{heard:?}");
    assert!(
        !shown.contains(digest) && !shown.contains("tanstaaf"),
        "{shown}"
    );
}

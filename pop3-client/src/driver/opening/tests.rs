//! What is said from the greeting to an open maildrop, and what is not: the server's words in, ours out, and no socket.

use super::*;
use crate::{Limits, MessageNumber, State, Status};
use bytes::{Bytes, BytesMut};
use postrider_wire::Endpoint;
use postrider_wire::sasl::Mechanism;

struct Dialogue {
    opening: Opening,
    pop3: Connection,
    out: BytesMut,
}

impl Dialogue {
    fn new(config: &Config) -> Self {
        let encrypted = config.security == Security::Tls;
        let mut pop3 = Connection::new(Limits::default());
        if encrypted {
            pop3.tls_started();
        }
        Self {
            opening: Opening::new(config, encrypted),
            pop3,
            out: BytesMut::new(),
        }
    }

    /// The server has greeted us, with a timestamp.
    fn greeted(config: &Config) -> Self {
        let mut dialogue = Self::new(config);
        let greeting = "+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n";
        assert_eq!(dialogue.hears(greeting), "CAPA");
        dialogue
    }

    /// What comes of an answer: the first two words of the line that we send, or else the step, or the kind of error.
    fn hears(&mut self, answer: &str) -> String {
        let (mut input, mut step) = (BytesMut::from(answer), "wait".to_owned());
        while let Some(event) = self.pop3.receive(&mut input).unwrap() {
            assert_eq!(step, "wait", "{event:?} is not the end of the answer");
            let next = self.opening.next(&event, &self.pop3);
            step = self.take(next);
        }
        step
    }

    fn tls_started(&mut self) -> String {
        self.pop3.tls_started();
        let step = self.opening.tls_started();
        self.take(Ok(step))
    }

    fn take(&mut self, step: Result<Step, ErrorKind>) -> String {
        self.out.clear();
        match step {
            Ok(Step::Wait) => return "wait".to_owned(),
            Ok(Step::StartTls) => return "TLS".to_owned(),
            Ok(Step::Done) => return "done".to_owned(),
            Ok(Step::Send(command)) => self.pop3.send(&command, &mut self.out).unwrap(),
            Ok(Step::Respond) => self.pop3.respond(&mut self.out).unwrap(),
            Err(kind) => {
                let shown = format!("{kind:?}");
                return shown.split('(').next().unwrap().to_owned();
            }
        }
        let line = String::from_utf8(self.out.to_vec()).unwrap();
        let words: Vec<_> = line.trim_end().split(' ').take(2).collect();
        words.join(" ")
    }
}

fn password() -> Credentials {
    Credentials::password("tim", "tanstaaf").unwrap()
}

fn config(security: Security) -> Config {
    let endpoint = Endpoint::new("pop.example.org", 110).unwrap();
    Config::new(endpoint)
        .security(security)
        .credentials(password())
}

/// What comes of the first answer to CAPA.
fn after_capa(config: &Config, answer: &str) -> String {
    Dialogue::greeted(config).hears(answer)
}

#[test]
fn rfc2595_4_stls_is_sent_where_the_caller_wants_it_and_the_server_may_have_it() {
    let (stls, without) = ("+OK\r\nSTLS\r\nUSER\r\n.\r\n", "+OK\r\nUSER\r\n.\r\n");
    for (security, answer, step) in [
        (Security::StartTls, stls, "STLS"),
        (Security::StartTls, without, "TlsNotOffered"),
        // A server without CAPA may have STLS all the same, and TLS is required.
        (Security::StartTls, "-ERR what?\r\n", "STLS"),
        (Security::StartTls, "+OK\r\n.\r\n", "STLS"),
        (Security::StartTlsIfOffered, stls, "STLS"),
        (Security::StartTlsIfOffered, without, "ClearText"),
        (Security::StartTlsIfOffered, "-ERR what?\r\n", "ClearText"),
        (Security::None, stls, "ClearText"),
        (Security::Tls, stls, "USER tim"),
    ] {
        assert_eq!(
            after_capa(&config(security), answer),
            step,
            "{security}: {answer:?}"
        );
    }
}

#[test]
fn rfc2595_4_inside_tls_the_server_is_asked_anew_and_not_for_tls_again() {
    let mut dialogue = Dialogue::greeted(&config(Security::StartTls));
    assert_eq!(dialogue.hears("+OK\r\nSTLS\r\n.\r\n"), "STLS");
    assert_eq!(dialogue.hears("+OK begin\r\n"), "TLS");
    assert_eq!(dialogue.tls_started(), "CAPA");
    let capa = "+OK\r\nSTLS\r\nUSER\r\n.\r\n";
    assert_eq!(dialogue.hears(capa), "USER tim");
    assert_eq!(dialogue.hears("+OK\r\n"), "PASS tanstaaf");
    assert_eq!(dialogue.hears("+OK\r\n"), "CAPA");
    assert_eq!(dialogue.hears(capa), "done");
}

#[test]
fn a_refused_stls_ends_the_session_unless_the_caller_can_do_without_tls() {
    let optional = config(Security::StartTlsIfOffered);
    let allowed = optional.clone().danger_allow_clear_text_credentials();
    for (config, step) in [
        (config(Security::StartTls), "TlsRefused"),
        (optional, "ClearText"),
        (allowed, "USER tim"),
    ] {
        let mut dialogue = Dialogue::greeted(&config);
        assert_eq!(dialogue.hears("+OK\r\nSTLS\r\n.\r\n"), "STLS");
        assert_eq!(dialogue.hears("-ERR not now\r\n"), step);
    }
}

#[test]
fn rfc2449_5_a_server_without_capa_is_asked_all_the_same_and_logged_in_to() {
    let mut dialogue = Dialogue::greeted(&config(Security::Tls));
    assert_eq!(dialogue.hears("-ERR what?\r\n"), "USER tim");
    assert_eq!(dialogue.hears("+OK\r\n"), "PASS tanstaaf");
    assert_eq!(dialogue.hears("+OK\r\n"), "CAPA");
    assert_eq!(dialogue.hears("-ERR what?\r\n"), "done");
}

#[test]
fn rfc5034_sasl_comes_before_user_and_user_where_the_server_does_not_rule_it_out() {
    for (answer, step) in [
        ("+OK\r\nUSER\r\nSASL LOGIN PLAIN\r\n.\r\n", "AUTH PLAIN"),
        ("+OK\r\nSASL LOGIN\r\n.\r\n", "AUTH LOGIN"),
        ("+OK\r\nUSER\r\nSASL GSSAPI\r\n.\r\n", "USER tim"),
        ("+OK\r\nSASL GSSAPI\r\n.\r\n", "NoMechanism"),
        ("+OK\r\nTOP\r\n.\r\n", "USER tim"),
    ] {
        assert_eq!(
            after_capa(&config(Security::Tls), answer),
            step,
            "{answer:?}"
        );
    }
}

#[test]
fn rfc5034_4_each_challenge_is_answered_until_the_maildrop_is_open() {
    let mut dialogue = Dialogue::greeted(&config(Security::Tls));
    assert_eq!(dialogue.hears("+OK\r\nSASL LOGIN\r\n.\r\n"), "AUTH LOGIN");
    assert_eq!(dialogue.hears("+ VXNlcm5hbWU6\r\n"), "dGlt");
    assert_eq!(dialogue.hears("+ UGFzc3dvcmQ6\r\n"), "dGFuc3RhYWY=");
    assert_eq!(dialogue.hears("+OK\r\n"), "CAPA");
    assert_eq!(dialogue.hears("+OK\r\nTOP\r\n.\r\n"), "done");
}

#[test]
fn what_is_refused_is_not_tried_in_another_way() {
    let capa = "+OK\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n";
    let no = "-ERR no\r\n";
    for (answers, sent) in [
        (&[no][..], &["Refused"][..]),
        (&["+OK\r\n", capa, no], &["CAPA", "AUTH PLAIN", "Refused"]),
        (&["+OK\r\n", no, no], &["CAPA", "USER tim", "Refused"]),
        (
            &["+OK\r\n", no, "+OK\r\n", no],
            &["CAPA", "USER tim", "PASS tanstaaf", "Refused"],
        ),
    ] {
        let mut dialogue = Dialogue::new(&config(Security::Tls));
        let steps: Vec<_> = answers.iter().map(|says| dialogue.hears(says)).collect();
        assert_eq!(steps, sent);
    }
}

#[test]
fn nothing_that_shows_the_password_goes_in_clear_text_unless_the_caller_has_said_so() {
    let careful = config(Security::None);
    let allowed = careful.clone().danger_allow_clear_text_credentials();
    let user = "+OK\r\nUSER\r\n.\r\n";
    assert_eq!(after_capa(&careful, user), "ClearText");
    assert_eq!(after_capa(&allowed, user), "USER tim");
    let sasl = "+OK\r\nSASL PLAIN\r\n.\r\n";
    assert_eq!(after_capa(&careful, sasl), "NoMechanism");
    assert_eq!(after_capa(&allowed, sasl), "AUTH PLAIN");
}

#[test]
fn credentials_for_sasl_alone_are_shown_by_no_other_command() {
    let restricted = password().only([Mechanism::Plain]);
    let token = Credentials::bearer("tim", "token").unwrap();
    for credentials in [restricted, token] {
        let config = config(Security::Tls).credentials(credentials);
        #[cfg(feature = "apop")]
        let config = config.apop();
        for answer in ["+OK\r\nUSER\r\n.\r\n", "-ERR what?\r\n"] {
            assert_eq!(after_capa(&config, answer), "NoMechanism", "{answer:?}");
        }
        let sasl = "+OK\r\nSASL PLAIN XOAUTH2\r\n.\r\n";
        assert!(after_capa(&config, sasl).starts_with("AUTH "));
    }
}

#[test]
fn rfc2449_4_a_name_or_password_that_fits_no_line_is_noticed_before_either_is_sent() {
    let (fits, long) = ("x".repeat(248), "x".repeat(249));
    let step = |user: &str, password: &str| {
        let credentials = Credentials::password(user, password).unwrap();
        let config = config(Security::Tls).credentials(credentials);
        after_capa(&config, "+OK\r\nUSER\r\n.\r\n")
    };
    assert_eq!(step(&fits, &fits), format!("USER {fits}"));
    assert_eq!(step(&long, &fits), "Argument");
    assert_eq!(step(&fits, &long), "Argument");
}

#[test]
fn rfc6856_2_utf8_is_sent_before_the_login_where_it_is_wanted_and_offered() {
    let (with, without) = ("+OK\r\nUTF8\r\nUSER\r\n.\r\n", "+OK\r\nUSER\r\n.\r\n");
    let unasked = config(Security::Tls);
    let wanted = unasked.clone().utf8();
    assert_eq!(after_capa(&unasked, with), "USER tim");
    assert_eq!(after_capa(&wanted, without), "USER tim");
    // The login follows, whatever comes of it.
    for answer in ["+OK\r\n", "-ERR no\r\n"] {
        let mut dialogue = Dialogue::greeted(&wanted);
        assert_eq!(dialogue.hears(with), "UTF8");
        assert_eq!(dialogue.hears(answer), "USER tim", "{answer:?}");
    }
}

#[test]
fn without_credentials_a_session_stays_in_the_authorization_state() {
    let endpoint = Endpoint::new("pop.example.org", 995).unwrap();
    let config = Config::new(endpoint);
    for answer in ["+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n", "-ERR what?\r\n"] {
        let mut dialogue = Dialogue::greeted(&config);
        assert_eq!(dialogue.hears(answer), "done", "{answer:?}");
        assert_eq!(dialogue.pop3.state(), State::Authorization);
    }
}

#[test]
fn rfc1939_4_a_login_is_what_opens_the_maildrop_and_nothing_else_is() {
    let one = MessageNumber::new(1).unwrap();
    let pop3 = Connection::new(Limits::default());
    for request in [
        Request::Capa,
        Request::Stls,
        Request::User,
        Request::Pass,
        #[cfg(feature = "apop")]
        Request::Apop,
        Request::Auth,
        Request::Dele(one),
        Request::Noop,
        Request::Rset,
        Request::Quit,
        Request::Utf8,
        Request::Lang,
        Request::Custom,
    ] {
        let mut opening = Opening::new(&config(Security::Tls), true);
        let reply = Reply::parse(&Bytes::from_static(b"+OK")).unwrap();
        let step = opening.next(&Event::Accepted { request, reply }, &pop3);
        let opens = State::Authorization.after_reply(request, Status::Ok) == State::Transaction;
        assert_eq!(is_login(request), opens, "{request}");
        // What the server can do is asked again behind a login.
        let asks = matches!(step, Ok(Step::Send(Command::Capa)));
        assert_eq!(asks, opens, "{request}");
    }
}

#[cfg(feature = "apop")]
mod apop {
    use super::*;

    const USER: &str = "+OK\r\nUSER\r\n.\r\n";

    #[test]
    fn rfc1939_7_it_comes_first_where_it_is_wanted_and_nobody_may_have_stripped_tls() {
        for (security, answer, step) in [
            (Security::Tls, "+OK\r\nSASL PLAIN\r\n.\r\n", "APOP tim"),
            (Security::None, USER, "APOP tim"),
            // Whoever took STLS away may have written the timestamp as well.
            (Security::StartTlsIfOffered, USER, "ClearText"),
        ] {
            let config = config(security).apop();
            assert_eq!(after_capa(&config, answer), step, "{security}");
        }
        let unasked = config(Security::Tls);
        assert_eq!(after_capa(&unasked, USER), "USER tim");
    }

    #[test]
    fn rfc1939_7_it_opens_the_maildrop() {
        let mut dialogue = Dialogue::greeted(&config(Security::None).apop());
        assert_eq!(dialogue.hears(USER), "APOP tim");
        assert_eq!(dialogue.hears("+OK\r\n"), "CAPA");
        assert_eq!(dialogue.hears(USER), "done");
    }

    #[test]
    fn rfc1939_7_it_needs_a_timestamp_in_the_greeting() {
        let mut dialogue = Dialogue::new(&config(Security::Tls).apop());
        assert_eq!(dialogue.hears("+OK ready\r\n"), "CAPA");
        assert_eq!(dialogue.hears(USER), "USER tim");
    }

    #[test]
    fn rfc2595_4_a_timestamp_that_was_heard_in_clear_text_counts_for_nothing_inside_tls() {
        let mut dialogue = Dialogue::greeted(&config(Security::StartTls).apop());
        assert_eq!(dialogue.hears("+OK\r\nSTLS\r\n.\r\n"), "STLS");
        assert_eq!(dialogue.hears("+OK begin\r\n"), "TLS");
        assert_eq!(dialogue.tls_started(), "CAPA");
        assert_eq!(dialogue.hears(USER), "USER tim");
    }

    #[test]
    fn rfc2449_4_a_name_that_fits_no_line_is_an_error() {
        let credentials = Credentials::password("x".repeat(249), "p").unwrap();
        let config = config(Security::Tls).credentials(credentials).apop();
        assert_eq!(after_capa(&config, USER), "Argument");
    }
}

#[cfg(feature = "scram")]
#[test]
fn rfc5802_6_a_login_is_bound_to_tls_where_it_can_be() {
    use postrider_wire::sasl::ChannelBinding;
    let capa = "+OK\r\nSASL PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n.\r\n";
    let bindings = [None, Some(ChannelBinding::tls_exporter("octets"))];
    for (binding, step) in bindings
        .into_iter()
        .zip(["AUTH SCRAM-SHA-256", "AUTH SCRAM-SHA-256-PLUS"])
    {
        let mut dialogue = Dialogue::greeted(&config(Security::Tls));
        dialogue.pop3.bind(binding);
        assert_eq!(dialogue.hears(capa), step);
    }
}

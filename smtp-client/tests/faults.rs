//! Servers that fail, and servers that answer anything: what the client says about a mail is what became of it.

#![allow(clippy::unwrap_used)]

mod support;

use postrider_smtp::*;
use proptest::prelude::*;
use support::*;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";
const ALL_LEVELS: [Pipelining; 4] = [
    Pipelining::Off,
    Pipelining::Flight,
    Pipelining::LookAhead,
    Pipelining::Chunked,
];

fn server() -> Server {
    Server::new().offering(&["PIPELINING", "CHUNKING", "8BITMIME"])
}

/// Three mails, each with recipients of its own.
fn envelopes() -> Vec<Envelope> {
    let to = |mail: usize| (0..3).map(move |i| format!("r{i}.m{mail}@example.com"));
    let envelope = |mail| Envelope::parse("a@example.com", to(mail)).unwrap();
    (0..3).map(envelope).collect()
}

/// Whom the server has taken a message for, by its own answers.
fn delivered(answers: &[(String, String)]) -> Vec<String> {
    let (mut open, mut to, mut done) = (false, Vec::new(), Vec::new());
    for (command, reply) in answers {
        let yes = reply.starts_with('2');
        if command.starts_with("MAIL") {
            (open, to) = (yes, Vec::new());
        } else if let Some(path) = command.strip_prefix("RCPT TO:") {
            if open && yes {
                to.push(path.trim_matches(['<', '>']).to_owned());
            }
        } else if command == "RSET" {
            (open, to) = (false, Vec::new());
        } else if command.contains("hello") {
            if yes {
                done.append(&mut to);
            }
            (open, to) = (false, Vec::new());
        } else if command == ".\r\n" {
            (open, to) = (false, Vec::new());
        }
    }
    done
}

fn check(session: &Session, outcomes: &[Vec<RecipientOutcome>], connection_was_lost: bool) {
    let delivered = delivered(&session.server.answers);
    for outcome in outcomes.iter().flatten() {
        let times = delivered
            .iter()
            .filter(|to| **to == outcome.recipient.as_str())
            .count();
        let answers = &session.server.answers;
        assert!(
            times <= 1,
            "{outcome} was delivered {times} times: {answers:#?}"
        );
        let told = match outcome.outcome {
            Outcome::Accepted => times == 1,
            Outcome::Unknown => connection_was_lost,
            Outcome::Refused | Outcome::Deferred => times == 0,
        };
        assert!(told, "{outcome}, and delivered {times} times: {answers:#?}");
    }
}

#[test]
fn a_connection_dropped_after_any_octet_never_hides_a_delivery() {
    let envelopes = envelopes();
    let mails: Vec<Mail<'_>> = envelopes.iter().map(|e| Mail::new(e, MESSAGE)).collect();
    for level in ALL_LEVELS {
        for chunking in [Chunking::Whole, Chunking::Octets(7)] {
            for cut in 80..500 {
                let mut session = Session::open(server(), chunking);
                session.cut = Some(cut);
                let outcomes = session.send(policy(level), &mails);
                check(&session, &outcomes, session.server.closed);
            }
        }
    }
}

fn replies(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(of), 1..8)
}

const MAIL: &[&str] = &["250 ok\r\n", "250 ok\r\n", "550 no\r\n", "451 later\r\n"];
const RCPT: &[&str] = &[
    "250 ok\r\n",
    "250-two\r\n250 lines\r\n",
    "550 5.1.1 no\r\n",
    "450 later\r\n",
    "452 4.5.3 too many\r\n",
    "452 4.3.1 full\r\n",
];
const DATA: &[&str] = &[
    "354 go\r\n",
    "354 go\r\n",
    "354 go\r\n",
    "451 no\r\n",
    "554 no\r\n",
];
const END: &[&str] = &[
    "250 queued\r\n",
    "250 queued\r\n",
    "452 full\r\n",
    "554 spam\r\n",
];
const ANY: &[&str] = &[
    "250 ok\r\n",
    "354 go\r\n",
    "550 no\r\n",
    "421 bye\r\n<close>",
    "<close>",
    "250 one\r\n250 two\r\n",
    "garbage\r\n",
    "250-open",
    "",
];

proptest! {
    #[test]
    fn what_the_client_says_is_what_became_of_it(
        mail in replies(MAIL), rcpt in replies(RCPT), data in replies(DATA), end in replies(END),
        level in proptest::sample::select(&ALL_LEVELS[..]), octets in 1usize..60,
    ) {
        let envelopes = envelopes();
        let mails: Vec<Mail<'_>> = envelopes.iter().map(|e| Mail::new(e, MESSAGE)).collect();
        let server = server().on("MAIL", &mail).on("RCPT", &rcpt).on("DATA", &data).on("end", &end);
        let mut session = Session::open(server, Chunking::Octets(octets));
        let outcomes = session.send(policy(level), &mails);
        check(&session, &outcomes, false);
        prop_assert!(session.is_usable());
    }

    #[test]
    fn a_server_that_answers_anything_gets_every_recipient_settled(
        mail in replies(ANY), rcpt in replies(ANY), data in replies(ANY), end in replies(ANY), reset in replies(ANY),
        level in proptest::sample::select(&ALL_LEVELS[..]), octets in 1usize..60,
    ) {
        let envelopes = envelopes();
        let mails: Vec<Mail<'_>> = envelopes.iter().map(|e| Mail::new(e, MESSAGE)).collect();
        let server = server()
            .on("MAIL", &mail).on("RCPT", &rcpt).on("DATA", &data).on("end", &end).on("RSET", &reset);
        let mut session = Session::open(server, Chunking::Octets(octets));
        session.gives_up = true;
        // The session checks that every recipient is settled, and once.
        session.send(policy(level), &mails);
    }
}

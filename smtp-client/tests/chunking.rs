//! Level 3: whole transactions with BDAT in flight (RFC 3030), and BINARYMIME.

#![allow(clippy::unwrap_used)]

mod support;

use postrider_smtp::*;
use support::*;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.hello\r\n";
const OFFERS: [&str; 4] = ["PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME"];

fn server() -> Server {
    Server::new().offering(&OFFERS)
}

fn send(server: Server, mails: &[Mail<'_>], chunking: Chunking) -> (Session, Vec<Vec<String>>) {
    let mut session = Session::open(server, chunking);
    let outcomes = session.send(policy(Pipelining::Chunked), mails);
    let shown = outcomes.iter().map(|o| verdicts(o)).collect();
    (session, shown)
}

fn all(verdict: &str) -> Vec<String> {
    vec![verdict.to_owned(); 3]
}

#[test]
fn rfc3030_transactions_follow_each_other_without_waiting() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 3];
    for chunking in Chunking::all() {
        let (session, verdicts) = send(server(), &mails, chunking);
        for verdict in verdicts {
            assert_eq!(verdict, all("accepted at end of data: 250 queued"));
        }
        let log = &session.server.log;
        assert_eq!(log[4], "BDAT 22 LAST");
        assert_eq!(log[5].as_bytes(), MESSAGE, "as it is, no dot added");
        assert_eq!(log[6], "RSET", "a known state before the next transaction");
        assert!(session.is_usable());
    }
}

#[test]
fn rfc3030_replies_to_bdat_may_have_two_lines() {
    let envelope = envelope();
    let reply = "250- 14 byte chunk, total 14\r\n250 OK id=x\r\n";
    let mails = [Mail::new(&envelope, MESSAGE); 2];
    for chunking in Chunking::all() {
        let (_, verdicts) = send(server().on("end", &[reply]), &mails, chunking);
        assert!(verdicts[1][0].starts_with("accepted"), "{verdicts:?}");
    }
}

#[test]
fn t5m_a_refused_transaction_in_the_middle_is_counted_once() {
    let envelopes: Vec<Envelope> = (1..=3)
        .map(|i| Envelope::parse("a@example.com", [format!("m{i}@example.com")]).unwrap())
        .collect();
    let mails: Vec<Mail<'_>> = envelopes.iter().map(|e| Mail::new(e, MESSAGE)).collect();
    for chunking in Chunking::all() {
        let server = server().on("RCPT TO:<m2", &["550 5.1.1 no\r\n"]).on(
            "end",
            &[
                "250 one\r\n",
                "554 no valid recipients\r\n",
                "250 three\r\n",
            ],
        );
        let (session, verdicts) = send(server, &mails, chunking);
        assert_eq!(
            verdicts,
            [
                ["accepted at end of data: 250 one"],
                ["refused at RCPT: 550 5.1.1 no"],
                ["accepted at end of data: 250 three"]
            ]
        );
        assert!(session.is_usable());
    }
}

#[test]
fn rfc3030_2_a_failed_last_chunk_is_followed_by_rset() {
    let envelope = envelope();
    for chunking in Chunking::all() {
        let server = server().on("end", &["452 4.3.1 full\r\n"]);
        let (session, verdicts) = send(server, &[Mail::new(&envelope, MESSAGE)], chunking);
        assert_eq!(verdicts[0], all("deferred at end of data: 452 4.3.1 full"));
        assert_eq!(session.server.log.last().unwrap(), "RSET");
        assert!(session.is_usable());
    }
}

#[test]
fn a_connection_lost_leaves_every_message_in_flight_unknown() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 4];
    let server = server().on("end", &["250 queued\r\n", "<close>"]);
    let (session, verdicts) = send(server, &mails, Chunking::Whole);
    assert!(verdicts[0][0].starts_with("accepted"));
    assert!(
        verdicts[1..]
            .iter()
            .flatten()
            .all(|v| v.starts_with("unknown")),
        "{verdicts:?}"
    );
    assert!(!session.is_usable());
    // Octet by octet, only those whose last octet was written.
    let server = crate::server().on("end", &["250 queued\r\n", "<close>"]);
    let (_, verdicts) = send(server, &mails, Chunking::Octets(1));
    assert!(verdicts[1][0].starts_with("unknown"));
    assert!(verdicts[3][0].starts_with("deferred"));
}

#[test]
fn t5e_behind_a_421_nothing_was_processed() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 3];
    let server = server().on("end", &["250 queued\r\n", "421 4.3.2 closing\r\n<close>"]);
    let (_, verdicts) = send(server, &mails, Chunking::Whole);
    assert!(verdicts[0][0].starts_with("accepted"));
    assert_eq!(
        verdicts[1],
        all("deferred at end of data: 421 4.3.2 closing")
    );
    assert_eq!(verdicts[2], all("deferred at queue: 421 4.3.2 closing"));
}

#[test]
fn what_has_bare_line_ends_or_is_large_goes_with_data() {
    let envelope = envelope();
    let large = "x\r\n".repeat(30_000);
    let mails = [
        Mail::new(&envelope, MESSAGE),
        Mail::new(&envelope, BODY),
        Mail::new(&envelope, large.as_bytes()),
        Mail::new(&envelope, MESSAGE),
    ];
    for chunking in [
        Chunking::Whole,
        Chunking::Octets(4096),
        Chunking::SplitAt(99),
    ] {
        let (session, verdicts) = send(server(), &mails, chunking);
        assert!(verdicts.iter().flatten().all(|v| v.starts_with("accepted")));
        let log = &session.server.log;
        assert_eq!(log.iter().filter(|l| l.starts_with("BDAT")).count(), 2);
        assert_eq!(log.iter().filter(|l| *l == "DATA").count(), 2);
        assert!(log.iter().any(|l| l == BODY_ON_THE_WIRE));
    }
}

#[test]
fn the_octets_in_flight_are_bounded() {
    let envelope = Envelope::parse("", ["r@example.com"]).unwrap();
    let message = "x\r\n".repeat(1_000);
    let mails = vec![Mail::new(&envelope, message.as_bytes()); 20];
    let mut session = Session::open(server(), Chunking::Whole);
    let mut policy = policy(Pipelining::Chunked);
    policy.limits.chunks = 1;
    let outcomes = session.send(policy, &mails);
    assert!(outcomes.iter().flatten().all(RecipientOutcome::is_accepted));
    let is_reset = |line: &&String| *line == "RSET";
    assert_eq!(session.server.log.iter().filter(is_reset).count(), 20);
}

#[test]
fn rfc3030_3_binary_messages_go_with_bdat_at_every_level() {
    let mut parameters = MailParameters::default();
    parameters.body = Some(Body::BinaryMime);
    let envelope = envelope().with_parameters(parameters);
    let binary = b"a\nb\r\0\xff\r\n.\r\n";
    for level in [
        Pipelining::Off,
        Pipelining::Flight,
        Pipelining::LookAhead,
        Pipelining::Chunked,
    ] {
        for chunking in Chunking::all() {
            let mut session = Session::open(server(), chunking);
            let outcomes = session.send(policy(level), &[Mail::new(&envelope, binary); 2]);
            assert!(outcomes.iter().flatten().all(RecipientOutcome::is_accepted));
            let log = &session.server.log;
            assert_eq!(log[0], "MAIL FROM:<a@example.com> BODY=BINARYMIME");
            assert_eq!(log[4], "BDAT 11 LAST");
            assert_eq!(log[5], String::from_utf8_lossy(binary));
        }
    }
    let mut session = Session::open(Server::new(), Chunking::Whole);
    let outcomes = session.send(
        policy(Pipelining::LookAhead),
        &[Mail::new(&envelope, binary)],
    );
    assert!(
        outcomes[0][0].to_string().contains("BINARYMIME"),
        "{}",
        outcomes[0][0]
    );
    assert!(session.server.log.is_empty());
}

#[test]
fn a_chunk_that_is_taken_for_nobody_ends_its_transaction_all_the_same() {
    let envelope = envelope();
    for chunking in Chunking::all() {
        let server = server().on("RCPT", &["550 5.1.1 no\r\n"]);
        let (session, verdicts) = send(server, &[Mail::new(&envelope, MESSAGE)], chunking);
        assert_eq!(verdicts[0], all("refused at RCPT: 550 5.1.1 no"));
        assert!(session.is_usable());
    }
}

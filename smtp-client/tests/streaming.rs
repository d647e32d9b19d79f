//! Messages that come in chunks while they are sent: the same on the wire as those in memory, and never a part of one.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use bytes::BytesMut;
use postrider_smtp::planner::{Outline, Policy};
use postrider_smtp::*;
use std::io;
use support::{
    BODY, BODY_ON_THE_WIRE, Chunking, LEVELS, Server, Session, envelope, policy, verdicts,
};

type Piece<'a> = Result<&'a [u8], io::ErrorKind>;

const LINES: &[u8] = b"Subject: x\r\n\r\n.\r\none\r\ntwo\r\n";
const FAILURE: Piece<'static> = Err(io::ErrorKind::BrokenPipe);

fn chunked() -> Policy {
    policy(Pipelining::Chunked)
}

fn server(extensions: &[&str]) -> Server {
    let all = [&["PIPELINING", "8BITMIME", "CHUNKING"], extensions].concat();
    Server::new().offering(&all)
}

fn stream(server: Server, policy: Policy, pieces: &[Piece<'_>]) -> (Session, Vec<String>) {
    stream_as(server, policy, Outline::default(), pieces)
}

fn stream_as(
    server: Server,
    policy: Policy,
    outline: Outline,
    pieces: &[Piece<'_>],
) -> (Session, Vec<String>) {
    let mut session = Session::open(server, Chunking::Whole);
    let outcomes = session.stream(policy, &envelope(), outline, pieces);
    (session, verdicts(&outcomes))
}

fn all(verdict: &str) -> Vec<String> {
    vec![verdict.to_owned(); 3]
}

/// The octets of all chunks, in order.
fn chunks(session: &Session) -> String {
    let mut log = session.server.log.iter();
    let mut octets = String::new();
    while let Some(line) = log.next() {
        if line.starts_with("BDAT ") {
            octets.push_str(log.next().unwrap());
        }
    }
    octets
}

#[test]
fn t2_however_the_message_is_cut_it_is_the_same_on_the_wire() {
    for level in LEVELS {
        for cut in 0..=BODY.len() {
            let (front, back) = BODY.split_at(cut);
            let pieces: Vec<Piece<'_>> = [front, back]
                .into_iter()
                .filter(|piece| !piece.is_empty())
                .map(Ok)
                .collect();
            let (session, verdicts) = stream(server(&[]), policy(level), &pieces);
            assert_eq!(session.server.log.last().unwrap(), BODY_ON_THE_WIRE);
            assert_eq!(verdicts, all("accepted at end of data: 250 queued"));
            assert!(session.is_usable());
        }
        let octets: Vec<Piece<'_>> = BODY.chunks(1).map(Ok).collect();
        let (session, _) = stream(server(&[]), policy(level), &octets);
        assert_eq!(session.server.log.last().unwrap(), BODY_ON_THE_WIRE);
    }
}

#[test]
fn however_the_dialogue_is_cut_the_message_is_the_same() {
    let pieces: Vec<Piece<'_>> = BODY.chunks(7).map(Ok).collect();
    for chunking in Chunking::all() {
        for policy in [policy(Pipelining::LookAhead), chunked()] {
            let mut session = Session::open(server(&[]), chunking);
            let outcomes = session.stream(policy, &envelope(), Outline::default(), &pieces);
            assert!(outcomes.iter().all(RecipientOutcome::is_accepted));
            assert!(session.is_usable());
        }
    }
}

#[test]
fn rfc3030_a_message_in_chunks_has_crlf_and_no_dots_and_ends_with_last() {
    for size in 1..=BODY.len() {
        let pieces: Vec<Piece<'_>> = BODY.chunks(size).map(Ok).collect();
        let (session, verdicts) = stream(server(&[]), chunked(), &pieces);
        let unstuffed = BODY_ON_THE_WIRE.strip_suffix(".\r\n").unwrap();
        let unstuffed: String = unstuffed
            .split_inclusive('\n')
            .map(|line| line.strip_prefix('.').unwrap_or(line))
            .collect();
        assert_eq!(chunks(&session), unstuffed, "chunks of {size}");
        let lasts = session.server.log.iter().filter(|l| l.ends_with(" LAST"));
        assert_eq!(lasts.count(), 1);
        assert_eq!(verdicts, all("accepted at end of data: 250 queued"));
    }
}

#[test]
fn rfc3030_binary_content_is_passed_as_it_is() {
    let binary = b"\0\r\n.\r\n\r\xff\n";
    let mut parameters = MailParameters::default();
    parameters.body = Some(Body::BinaryMime);
    let envelope = envelope().with_parameters(parameters);
    let pieces: Vec<Piece<'_>> = binary.chunks(2).map(Ok).collect();
    for line_ends in [LineEnds::Normalise, LineEnds::Reject] {
        let mut session = Session::open(server(&["BINARYMIME"]), Chunking::Whole);
        let policy = Policy {
            line_ends,
            ..Policy::default()
        };
        let outcomes = session.stream(policy, &envelope, Outline::default(), &pieces);
        assert!(outcomes.iter().all(RecipientOutcome::is_accepted));
        assert_eq!(
            chunks(&session),
            String::from_utf8_lossy(b"\0\r\n.\r\n\r").into_owned() + "\u{fffd}\n"
        );
    }
}

#[test]
fn rfc3030_2_no_chunk_is_sent_before_somebody_is_accepted() {
    let server = server(&[]).on("RCPT", &["550 5.1.1 nobody\r\n"]);
    let (session, verdicts) = stream(server, chunked(), &[Ok(LINES)]);
    assert!(!session.server.log.iter().any(|line| line.contains("BDAT")));
    assert_eq!(session.server.log.last().unwrap(), "RSET");
    assert_eq!(verdicts, all("refused at RCPT: 550 5.1.1 nobody"));
    assert!(session.is_usable());
}

#[test]
fn content_that_fails_ends_without_the_final_dot() {
    for level in LEVELS {
        for pieces in [&[Ok(LINES), FAILURE][..], &[FAILURE]] {
            let (session, verdicts) = stream(server(&[]), policy(level), pieces);
            assert_eq!(verdicts, all("deferred at message content"), "{level:?}");
            assert_eq!(session.server.log.last().unwrap(), "DATA", "nothing ended");
            assert_eq!(session.connection.state(), State::Closed);
        }
    }
}

#[test]
fn content_that_fails_in_chunks_has_no_last_one_and_costs_no_connection() {
    for pieces in [&[Ok(LINES), Ok(LINES), FAILURE][..], &[FAILURE]] {
        let (session, verdicts) = stream(server(&[]), chunked(), pieces);
        assert_eq!(verdicts, all("deferred at message content"));
        assert!(!session.server.log.iter().any(|line| line.contains("LAST")));
        assert_eq!(session.server.log.last().unwrap(), "RSET");
        assert!(session.is_usable());
    }
}

#[test]
fn content_is_as_long_as_was_said_or_given_up() {
    let outline = |length| Outline {
        length: Some(length),
        ..Outline::default()
    };
    let length = LINES.len() as u64;
    for wrong in [length - 1, length + 1, 2 * length] {
        let pieces = [Ok(LINES)];
        let (session, verdicts) = stream_as(server(&[]), chunked(), outline(wrong), &pieces);
        assert_eq!(verdicts, all("deferred at message content"), "{wrong}");
        assert!(!session.server.log.iter().any(|line| line.contains("LAST")));
        let (session, _) = stream_as(server(&[]), Policy::default(), outline(wrong), &pieces);
        assert_eq!(session.server.log.last().unwrap(), "DATA");
    }
    let server = server(&["SIZE 1000"]);
    let (session, verdicts) = stream_as(
        server.clone(),
        Policy::default(),
        outline(length),
        &[Ok(LINES)],
    );
    assert!(verdicts[0].starts_with("accepted"));
    assert!(session.server.log[0].ends_with(&format!(" SIZE={length} BODY=8BITMIME")));
    let (session, verdicts) = stream_as(server, Policy::default(), outline(1001), &[Ok(LINES)]);
    assert_eq!(verdicts, all("refused at local check"));
    assert!(session.server.log.is_empty());
}

#[test]
fn rfc1870_content_of_unknown_length_is_given_up_where_the_server_takes_no_more() {
    let server = server(&["SIZE 30"]);
    let pieces = [Ok(LINES), Ok(LINES)];
    let (session, verdicts) = stream(server.clone(), chunked(), &pieces);
    assert_eq!(verdicts, all("refused at message content"));
    assert!(session.is_usable());
    let (session, verdicts) = stream(server, Policy::default(), &pieces);
    assert_eq!(verdicts, all("refused at message content"));
    assert_eq!(session.server.log.last().unwrap(), "DATA");
}

#[test]
fn rfc6152_octets_above_127_are_given_up_without_8bitmime() {
    let server = Server::new().offering(&["PIPELINING"]);
    let (session, verdicts) = stream(server.clone(), Policy::default(), &[Ok(LINES)]);
    assert_eq!(session.server.log[0], "MAIL FROM:<a@example.com>");
    assert!(verdicts[0].starts_with("accepted"));
    let (session, verdicts) = stream(server, Policy::default(), &[Ok(LINES), Ok(b"\xe9\r\n")]);
    assert_eq!(verdicts, all("refused at message content"));
    assert_eq!(session.server.log.last().unwrap(), "DATA");
}

#[test]
fn t2_the_policy_reject_gives_up_at_a_bare_cr_or_lf() {
    let reject = Policy {
        line_ends: LineEnds::Reject,
        ..Policy::default()
    };
    for pieces in [
        &[Ok(&b"a\r"[..]), Ok(b"b\r\n")][..],
        &[Ok(b"a\r\n"), Ok(b"\n")],
        &[Ok(b"a\r")],
    ] {
        let (session, verdicts) = stream(server(&[]), reject, pieces);
        assert_eq!(verdicts, all("refused at message content"));
        assert_eq!(session.server.log.last().unwrap(), "DATA");
    }
    let (session, verdicts) = stream(server(&[]), reject, &[Ok(b"a\r"), Ok(b"\nb\r\n")]);
    assert!(verdicts[0].starts_with("accepted"));
    assert_eq!(session.server.log.last().unwrap(), "a\r\nb\r\n.\r\n");
}

#[test]
fn rfc6531_a_header_in_utf8_asks_for_smtputf8() {
    let outline = Outline {
        utf8_header: Outline::has_utf8_header("Subject: é\r\n\r\nx".as_bytes()),
        ..Outline::default()
    };
    let (session, _) = stream_as(
        server(&["SMTPUTF8"]),
        Policy::default(),
        outline,
        &[Ok(LINES)],
    );
    assert!(session.server.log[0].ends_with("BODY=8BITMIME SMTPUTF8"));
    let (session, verdicts) = stream_as(server(&[]), Policy::default(), outline, &[Ok(LINES)]);
    assert_eq!(verdicts, all("refused at local check"));
    assert!(session.server.log.is_empty());
    assert!(!Outline::has_utf8_header("Subject: e\r\n\r\né".as_bytes()));
}

#[test]
fn rfc9422_content_that_can_be_read_again_goes_to_everybody_in_several_transactions() {
    let again = Outline {
        rewindable: true,
        ..Outline::default()
    };
    for policy in LEVELS.map(policy).into_iter().chain([chunked()]) {
        let server = server(&["LIMITS RCPTMAX=1"]);
        let pieces = [Ok(LINES), Ok(LINES)];
        let (session, verdicts) = stream_as(server.clone(), policy, again, &pieces);
        assert_eq!(verdicts, all("accepted at end of data: 250 queued"));
        assert_eq!(session.rewinds, 2);
        assert!(session.is_usable());

        let (session, verdicts) = stream(server, policy, &pieces);
        assert_eq!(
            verdicts,
            [
                "accepted at end of data: 250 queued",
                "deferred at queue",
                "deferred at queue"
            ]
        );
        assert!(session.is_usable());
    }
}

#[test]
fn content_that_nobody_took_is_still_there_for_the_next_transaction() {
    let server = server(&["LIMITS RCPTMAX=1"]).on("RCPT", &["550 no\r\n", "250 ok\r\n"]);
    let (session, verdicts) = stream(server, Policy::default(), &[Ok(LINES)]);
    assert_eq!(
        verdicts,
        [
            "refused at RCPT: 550 no",
            "accepted at end of data: 250 queued",
            "deferred at queue"
        ]
    );
    assert_eq!(session.rewinds, 0);
}

#[test]
fn rfc3030_2_a_refused_chunk_ends_the_message() {
    let server = server(&[]).on("end", &["250 ok\r\n", "452 4.3.1 full\r\n"]);
    let pieces = [Ok(LINES), Ok(LINES), Ok(LINES)];
    let mut pieces = pieces.to_vec();
    // So many that replies arrive before the end.
    pieces.extend(vec![Ok(LINES); 100]);
    let (session, verdicts) = stream(server, chunked(), &pieces);
    assert_eq!(verdicts, all("deferred at message content: 452 4.3.1 full"));
    assert_eq!(session.server.log.last().unwrap(), "RSET");
    assert!(session.server.log.len() < 30, "it goes on for nothing");
    assert!(session.is_usable());
}

#[test]
fn t5k_a_refusal_in_the_middle_of_the_message_stops_it() {
    let server = server(&[]).on("DATA", &["354 go\r\n550 This violates SMTP\r\n"]);
    let (session, verdicts) = stream(server, Policy::default(), &[Ok(LINES), Ok(LINES)]);
    let verdict = "refused at message content: 550 This violates SMTP";
    assert_eq!(verdicts, all(verdict));
    assert_eq!(session.connection.state(), State::Closed);
}

#[test]
fn t5b_content_is_not_asked_for_where_mail_was_refused_and_354_comes() {
    let server = server(&[]).on("MAIL", &["550 5.7.1 no\r\n"]);
    let (session, verdicts) = stream(server, Policy::default(), &[Ok(LINES)]);
    assert_eq!(verdicts, all("refused at MAIL: 550 5.7.1 no"));
    let dot = session.server.log.iter().position(|line| line == ".\r\n");
    assert!(dot.is_some(), "{:?}", session.server.log);
}

#[test]
fn a_connection_dropped_after_any_octet_never_hides_a_delivery() {
    let pieces: Vec<Piece<'_>> = LINES.chunks(5).map(Ok).collect();
    for policy in [policy(Pipelining::LookAhead), chunked()] {
        let (mut unknown, mut deferred) = (0, 0);
        for at in 0..400 {
            let mut session = Session::open(server(&[]), Chunking::Whole);
            session.cut = Some(session.server_sent() + at);
            let outcomes = session.stream(policy, &envelope(), Outline::default(), &pieces);
            let answers = &session.server.answers;
            let last = answers.last().map(|(what, _)| what.clone());
            let ended = last.is_some_and(|what| what.ends_with(".\r\n") || what.is_empty());
            for outcome in outcomes {
                match outcome.outcome {
                    Outcome::Unknown => unknown += 1,
                    Outcome::Deferred => deferred += 1,
                    Outcome::Accepted => continue,
                    Outcome::Refused => panic!("nobody refused"),
                }
                let safe = outcome.outcome == Outcome::Unknown || !ended;
                assert!(safe, "at {at}: {outcome}");
            }
        }
        assert!(unknown > 0 && deferred > 0, "{unknown} {deferred}");
    }
}

#[test]
fn rfc2033_content_in_lmtp_has_a_final_reply_for_each_recipient() {
    let mut terms = support::terms();
    terms.protocol = Protocol::Lmtp;
    let replies = "250 one\r\n452 two\r\n550 three\r\n";
    let server = Server::new()
        .on(
            "LHLO",
            &["250-lmtp\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n"],
        )
        .on("end", &[replies]);
    let mut session = Session::open_on(server, terms, Chunking::Whole);
    let policy = Policy::default();
    let outcomes = session.stream(policy, &envelope(), Outline::default(), &[Ok(LINES)]);
    assert_eq!(
        verdicts(&outcomes),
        [
            "accepted at end of data: 250 one",
            "deferred at end of data: 452 two",
            "refused at end of data: 550 three"
        ]
    );
    let mut input = BytesMut::new();
    assert!(session.connection.receive(&mut input).unwrap().is_none());
}

#[test]
fn rfc2033_content_in_chunks_in_lmtp_has_a_final_reply_for_each_recipient() {
    let mut terms = support::terms();
    terms.protocol = Protocol::Lmtp;
    let offers = "250-lmtp\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 8BITMIME\r\n";
    let replies = "250 one\r\n452 two\r\n550 three\r\n";
    let server = Server::new()
        .on("LHLO", &[offers])
        .on("end", &["250 chunk\r\n", "250 chunk\r\n", replies]);
    let mut parameters = MailParameters::default();
    parameters.body = Some(Body::BinaryMime);
    let binary = envelope().with_parameters(parameters);
    for (policy, envelope) in [
        (chunked(), envelope()),
        (Policy::default(), binary.clone()),
        (policy(Pipelining::Off), binary),
    ] {
        for chunking in Chunking::all() {
            let mut session = Session::open_on(server.clone(), terms.clone(), chunking);
            let pieces = [Ok(LINES), Ok(LINES)];
            let outcomes = session.stream(policy, &envelope, Outline::default(), &pieces);
            assert_eq!(
                verdicts(&outcomes),
                [
                    "accepted at end of data: 250 one",
                    "deferred at end of data: 452 two",
                    "refused at end of data: 550 three"
                ]
            );
            assert!(session.is_usable());
        }
    }
}

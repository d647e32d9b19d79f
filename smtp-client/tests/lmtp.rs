//! LMTP (RFC 2033): LHLO, and one final reply for each recipient that was accepted.

#![allow(clippy::unwrap_used)]

mod support;

use postrider_smtp::*;
use support::*;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

fn lmtp() -> opening::Terms {
    opening::Terms {
        protocol: Protocol::Lmtp,
        ..terms()
    }
}

fn server() -> Server {
    Server::new().on("LHLO", &["250-evil\r\n250-PIPELINING\r\n250 8BITMIME\r\n"])
}

#[test]
fn rfc2033_4_2_each_accepted_recipient_has_its_own_final_reply() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 2];
    for level in LEVELS {
        for chunking in Chunking::all() {
            let server = server().on("RCPT TO:<r2", &["550 5.1.1 no\r\n"]).on(
                "end",
                &[
                    "250 one\r\n452 4.2.2 over quota\r\n",
                    "250 one\r\n250 three\r\n",
                ],
            );
            let mut session = Session::open_on(server, lmtp(), chunking);
            let outcomes = session.send(policy(level), &mails);
            assert_eq!(
                verdicts(&outcomes[0]),
                [
                    "accepted at end of data: 250 one",
                    "refused at RCPT: 550 5.1.1 no",
                    "deferred at end of data: 452 4.2.2 over quota"
                ]
            );
            assert_eq!(
                verdicts(&outcomes[1])[2],
                "accepted at end of data: 250 three"
            );
            assert!(session.is_usable());
        }
    }
}

#[test]
fn a_connection_lost_between_final_replies_leaves_the_rest_unknown() {
    let envelope = envelope();
    for level in LEVELS {
        for chunking in Chunking::all() {
            let server = server().on("end", &["250 one\r\n<close>"]);
            let mut session = Session::open_on(server, lmtp(), chunking);
            let outcomes = session.send(policy(level), &[Mail::new(&envelope, MESSAGE)]);
            let verdicts: Vec<Outcome> = outcomes[0].iter().map(|o| o.outcome).collect();
            assert_eq!(
                verdicts,
                [Outcome::Accepted, Outcome::Unknown, Outcome::Unknown]
            );
        }
    }
}

#[test]
fn a_server_that_closes_between_final_replies_leaves_those_to_come_unknown() {
    let envelope = envelope();
    for level in LEVELS {
        for chunking in Chunking::all() {
            let server = server().on("end", &["250 one\r\n421 4.3.2 closing\r\n<close>"]);
            let mut session = Session::open_on(server, lmtp(), chunking);
            let outcomes = session.send(policy(level), &[Mail::new(&envelope, MESSAGE); 2]);
            let verdicts = |mail: usize| outcomes[mail].iter().map(|o| o.outcome);
            assert_eq!(
                verdicts(0).collect::<Vec<_>>(),
                [Outcome::Accepted, Outcome::Deferred, Outcome::Unknown]
            );
            assert!(verdicts(1).all(|outcome| outcome == Outcome::Deferred));
        }
    }
}

#[test]
fn rfc2033_4_2_without_recipient_data_is_refused_and_no_final_reply_comes() {
    let envelope = envelope();
    for level in LEVELS {
        for chunking in Chunking::all() {
            let server = server()
                .on("RCPT", &["550 no\r\n"])
                .on("DATA", &["503 5.5.1 no valid recipients\r\n"]);
            let mut session = Session::open_on(server, lmtp(), chunking);
            let outcomes = session.send(policy(level), &[Mail::new(&envelope, MESSAGE); 2]);
            assert!(
                outcomes
                    .iter()
                    .flatten()
                    .all(|o| o.outcome == Outcome::Refused)
            );
            assert!(session.is_usable());
        }
    }
}

#[test]
fn a_server_that_refuses_lhlo_is_not_asked_helo() {
    let server = server().on("LHLO", &["500 what?\r\n"]);
    let (server, result) = open(server, lmtp(), Chunking::Whole);
    assert_eq!(result.unwrap_err().stage(), Stage::Ehlo);
    assert_eq!(server.log, ["LHLO [127.0.0.1]"]);
}

#[test]
fn chunks_wait_until_it_is_known_how_many_replies_there_will_be() {
    let envelope = envelope();
    for chunking in Chunking::all() {
        let server = server()
            .on("LHLO", &["250-evil\r\n250-PIPELINING\r\n250 CHUNKING\r\n"])
            .on("RCPT TO:<r2", &["550 5.1.1 no\r\n"])
            .on("end", &["250 one\r\n250 three\r\n"]);
        let mut session = Session::open_on(server, lmtp(), chunking);
        let outcomes = session.send(
            policy(Pipelining::Chunked),
            &[Mail::new(&envelope, MESSAGE); 2],
        );
        for outcomes in &outcomes {
            assert_eq!(verdicts(outcomes)[0], "accepted at end of data: 250 one");
            assert_eq!(verdicts(outcomes)[2], "accepted at end of data: 250 three");
        }
        assert!(session.is_usable());
    }
}

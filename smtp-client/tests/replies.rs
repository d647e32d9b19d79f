//! T5: every reply is matched by count and position, and every status is looked at.

#![allow(clippy::unwrap_used)]

mod support;

use postrider_smtp::*;
use support::*;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

/// Sends one mail at every level in every chunking, and looks at the verdicts.
fn one_mail(server: impl Fn() -> Server, check: impl Fn(&Session, Vec<String>)) {
    let envelope = envelope();
    for level in LEVELS {
        for chunking in Chunking::all() {
            let mut session = Session::open(server(), chunking);
            let outcomes = session.send(policy(level), &[Mail::new(&envelope, MESSAGE)]);
            check(&session, verdicts(&outcomes[0]));
        }
    }
}

fn all(verdict: &str) -> Vec<String> {
    vec![verdict.to_owned(); 3]
}

#[test]
fn a_mail_is_accepted_for_everybody_and_looks_right() {
    one_mail(Server::new, |session, verdicts| {
        assert_eq!(verdicts, all("accepted at end of data: 250 queued"));
        assert_eq!(
            session.server.log,
            [
                "MAIL FROM:<a@example.com>",
                "RCPT TO:<r1@example.com>",
                "RCPT TO:<r2@example.com>",
                "RCPT TO:<r3@example.com>",
                "DATA",
                "Subject: x\r\n\r\nhello\r\n.\r\n"
            ]
        );
        assert!(session.is_usable());
    });
}

#[test]
fn t5a_one_refused_recipient_does_not_lose_the_others_and_the_next_mail_is_clean() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, BODY), Mail::new(&envelope, MESSAGE)];
    for level in LEVELS {
        for chunking in Chunking::all() {
            let refusal = "550 5.1.1 no such user\r\n";
            let server = Server::new().on("RCPT TO:<r2", &[refusal, "250 ok\r\n"]);
            let mut session = Session::open(server, chunking);
            let outcomes = session.send(policy(level), &mails);
            assert_eq!(
                verdicts(&outcomes[0]),
                [
                    "accepted at end of data: 250 queued",
                    "refused at RCPT: 550 5.1.1 no such user",
                    "accepted at end of data: 250 queued"
                ]
            );
            assert_eq!(
                verdicts(&outcomes[1]),
                all("accepted at end of data: 250 queued")
            );
            assert_eq!(session.server.log[5], BODY_ON_THE_WIRE);
            assert_eq!(session.server.log[6], "MAIL FROM:<a@example.com>");
            assert_eq!(session.server.log.len(), 12);
            assert!(session.is_usable());
        }
    }
}

#[test]
fn t5b_mail_refused_and_354_all_the_same_gives_a_lone_dot() {
    let server = || {
        Server::new()
            .on("MAIL", &["550 5.7.1 no\r\n"])
            .on("RCPT", &["503 5.5.1 x\r\n"])
    };
    one_mail(server, |session, verdicts| {
        assert_eq!(verdicts, all("refused at MAIL: 550 5.7.1 no"));
        let log = &session.server.log;
        let after_data: Vec<_> = log.iter().skip_while(|l| *l != "DATA").skip(1).collect();
        // At level 0 the client knows better than to say DATA.
        assert!(
            after_data.is_empty() || after_data == [".\r\n", "RSET"],
            "{log:?}"
        );
        assert_eq!(log.last().unwrap(), "RSET");
        assert!(session.is_usable());
    });
}

#[test]
fn t5c_rfc2920_3_1_no_recipient_and_354_gives_a_lone_dot_and_nothing_is_sent() {
    let server = || Server::new().on("RCPT", &["550 no\r\n"]);
    one_mail(server, |session, verdicts| {
        assert_eq!(verdicts, all("refused at RCPT: 550 no"));
        let log = &session.server.log;
        let after_data: Vec<_> = log.iter().skip_while(|l| *l != "DATA").skip(1).collect();
        assert!(
            after_data.is_empty() || after_data == [".\r\n", "RSET"],
            "{log:?}"
        );
        assert_eq!(log.last().unwrap(), "RSET");
        assert!(session.is_usable());
    });
}

#[test]
fn t5d_no_recipient_and_data_refused_gives_rset_and_a_usable_connection() {
    let server = || {
        Server::new()
            .on("RCPT", &["550 no\r\n"])
            .on("DATA", &["554 5.5.1 Error: no valid recipients\r\n"])
    };
    one_mail(server, |session, verdicts| {
        assert_eq!(verdicts, all("refused at RCPT: 550 no"));
        assert_eq!(session.server.log.last().unwrap(), "RSET");
        assert!(session.is_usable());
    });
}

#[test]
fn t5e_421_is_the_verdict_for_whom_it_concerns_and_ends_the_connection() {
    let closing = "421 4.3.2 closing\r\n<close>";
    for (command, stage) in [("MAIL", "MAIL"), ("DATA", "DATA"), ("end", "end of data")] {
        let verdict = format!("deferred at {stage}: 421 4.3.2 closing");
        one_mail(
            || Server::new().on(command, &[closing]),
            |session, verdicts| {
                assert_eq!(verdicts, all(&verdict));
                assert!(!session.is_usable());
            },
        );
    }
    for recipient in ["RCPT TO:<r1", "RCPT TO:<r2", "RCPT TO:<r3"] {
        one_mail(
            || Server::new().on(recipient, &[closing]),
            |session, verdicts| {
                assert_eq!(verdicts, all("deferred at RCPT: 421 4.3.2 closing"));
                assert!(!session.is_usable());
            },
        );
    }
}

#[test]
fn t5e_mails_behind_a_421_were_not_processed() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 3];
    for level in LEVELS {
        for chunking in Chunking::all() {
            let server = Server::new().on("end", &["421 4.3.2 closing\r\n<close>"]);
            let mut session = Session::open(server, chunking);
            let stages = ["end of data", "queue", "queue"];
            for (outcomes, stage) in session.send(policy(level), &mails).iter().zip(stages) {
                let closing = format!("deferred at {stage}: 421 4.3.2 closing");
                assert_eq!(verdicts(outcomes), all(&closing));
            }
        }
    }
}

#[test]
fn t5e_421_while_opening_is_an_error_with_stage_and_text() {
    for (command, stage) in [
        ("banner", Stage::Greeting),
        ("EHLO", Stage::Ehlo),
        ("AUTH", Stage::Auth),
    ] {
        for chunking in Chunking::all() {
            let mut terms = terms();
            terms.credentials = Credentials::password("user", "secret").ok();
            terms.clear_text_credentials = true;
            let server = Server::new().on(command, &["421 4.3.2 closing\r\n<close>"]);
            let (_, result) = open(server, terms, chunking);
            let error = result.unwrap_err();
            assert_eq!(error.stage(), stage);
            assert_eq!(error.reply().unwrap().to_string(), "421 4.3.2 closing");
            assert!(error.is_retryable());
        }
    }
}

#[test]
fn t5f_one_deferred_recipient_does_not_hold_up_the_others() {
    let server = || Server::new().on("RCPT TO:<r1", &["450 4.2.1 try later\r\n"]);
    one_mail(server, |session, verdicts| {
        assert_eq!(verdicts[0], "deferred at RCPT: 450 4.2.1 try later");
        assert_eq!(
            verdicts[1..],
            all("accepted at end of data: 250 queued")[1..]
        );
        assert!(session.is_usable());
    });
}

#[test]
fn t5g_a_connection_lost_before_the_final_dot_defers_and_after_it_is_unknown() {
    for (command, verdict) in [
        ("MAIL", "deferred"),
        ("RCPT TO:<r3", "deferred"),
        ("DATA", "deferred"),
        ("end", "unknown"),
    ] {
        one_mail(
            || Server::new().on(command, &["<close>"]),
            |session, verdicts| {
                assert!(
                    verdicts.iter().all(|v| v.starts_with(verdict)),
                    "{verdicts:?}"
                );
                assert!(!session.is_usable());
            },
        );
    }
}

#[test]
fn t5g_at_level_2_only_the_mail_whose_dot_was_sent_is_unknown() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 3];
    for chunking in Chunking::all() {
        let server = Server::new().on("end", &["250 queued\r\n", "<close>"]);
        let mut session = Session::open(server, chunking);
        let outcomes = session.send(policy(Pipelining::LookAhead), &mails);
        let verdict = |i: usize| outcomes[i][0].outcome;
        assert_eq!(verdict(0), Outcome::Accepted);
        assert_eq!(verdict(1), Outcome::Unknown);
        assert_eq!(verdict(2), Outcome::Deferred);
    }
}

#[test]
fn t5h_a_reply_too_many_before_the_message_ends_it_before_its_dot() {
    let envelope = envelope();
    for level in LEVELS {
        for chunking in Chunking::all() {
            let server = Server::new().on("DATA", &["354 go\r\n250 too many\r\n"]);
            let mut session = Session::open(server, chunking);
            let outcomes = session.send(policy(level), &[Mail::new(&envelope, MESSAGE)]);
            // Where the extra reply comes in a later read, it looks like the one to the final dot.
            let late = session.server.log.len() > 5;
            let expected = if late {
                Outcome::Accepted
            } else {
                Outcome::Deferred
            };
            assert_eq!(outcomes[0][0].outcome, expected, "{chunking:?}");
            assert!(!session.is_usable() || late);
        }
    }
    let mut session = Session::open(
        Server::new().on("DATA", &["354 go\r\n250 too many\r\n"]),
        Chunking::Whole,
    );
    let outcomes = session.send(policy(Pipelining::Flight), &[Mail::new(&envelope, MESSAGE)]);
    assert!(outcomes[0][0].to_string().contains("nothing was asked for"));
    assert_eq!(session.server.log.len(), 5, "no message was written");
}

#[test]
fn t5h_a_reply_too_many_after_the_message_closes_the_connection() {
    let envelope = envelope();
    for chunking in Chunking::all() {
        let server = Server::new().on("end", &["250 queued\r\n250 too many\r\n"]);
        let mut session = Session::open(server, chunking);
        let mails = [Mail::new(&envelope, MESSAGE)];
        let outcomes = session.send(policy(Pipelining::Flight), &mails);
        assert_eq!(
            verdicts(&outcomes[0]),
            all("accepted at end of data: 250 queued")
        );
        // If it has not been read yet, the next mail finds it before anything is written.
        let rest = session.server.take(Chunking::Whole);
        session.input.extend_from_slice(&rest);
        if session.is_usable() {
            assert!(session.connection.receive(&mut session.input).is_err());
        }
        assert!(!session.is_usable());
    }
}

#[test]
fn t5j_a_code_that_is_no_answer_to_the_command_ends_the_dialogue_before_any_message() {
    for (command, reply) in [("DATA", "250 ok\r\n"), ("RCPT TO:<r2", "354 go\r\n")] {
        one_mail(
            || Server::new().on(command, &[reply]),
            |session, verdicts| {
                assert!(
                    verdicts.iter().all(|v| v.starts_with("deferred")),
                    "{verdicts:?}"
                );
                assert!(session.server.log.len() <= 5);
                assert!(!session.is_usable());
            },
        );
    }
}

#[test]
fn t5k_a_refusal_during_the_message_stops_it() {
    let envelope = envelope();
    let message = "x".repeat(70).repeat(100_000);
    for level in LEVELS {
        let refusal = "354 go\r\n550 This violates SMTP\r\n";
        let server = Server::new().on("DATA", &[refusal]);
        let mut session = Session::open(server, Chunking::Octets(4096));
        let outcomes = session.send(policy(level), &[Mail::new(&envelope, message.as_bytes())]);
        assert_eq!(
            verdicts(&outcomes[0]),
            all("refused at message content: 550 This violates SMTP")
        );
        assert!(!session.is_usable());
    }
}

#[test]
fn t5l_level_2_a_refused_message_does_not_touch_the_next_one() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 3];
    for level in LEVELS {
        for chunking in Chunking::all() {
            let replies = ["250 queued\r\n", "452 4.3.1 x\r\n", "250 queued\r\n"];
            let mut session = Session::open(Server::new().on("end", &replies), chunking);
            let outcomes = session.send(policy(level), &mails);
            let accepted = all("accepted at end of data: 250 queued");
            assert_eq!(verdicts(&outcomes[0]), accepted);
            assert_eq!(
                verdicts(&outcomes[1]),
                all("deferred at end of data: 452 4.3.1 x")
            );
            assert_eq!(verdicts(&outcomes[2]), accepted);
            assert!(session.is_usable());
        }
    }
}

#[test]
fn t5n_rset_comes_before_the_next_mail_after_one_that_was_refused() {
    let envelope = envelope();
    let mails = [Mail::new(&envelope, MESSAGE); 2];
    for level in LEVELS {
        for chunking in Chunking::all() {
            let server = Server::new()
                .offering(&["PIPELINING", "SIZE"])
                .on("MAIL", &["552 5.3.4 too big\r\n", "250 ok\r\n"])
                .on("RCPT TO:<r1", &["503 5.5.1 MAIL first\r\n", "250 ok\r\n"])
                .on("RCPT TO:<r2", &["503 5.5.1 MAIL first\r\n", "250 ok\r\n"])
                .on("RCPT TO:<r3", &["503 5.5.1 MAIL first\r\n", "250 ok\r\n"])
                .on("DATA", &["503 5.5.1 MAIL first\r\n", "354 go\r\n"]);
            // At level 0 the client stops after MAIL, so that the rules of the rest are not used up.
            let server = match level {
                Pipelining::Off => Server::new()
                    .offering(&["PIPELINING", "SIZE"])
                    .on("MAIL", &["552 5.3.4 too big\r\n", "250 ok\r\n"]),
                _ => server,
            };
            let mut session = Session::open(server, chunking);
            let outcomes = session.send(policy(level), &mails);
            assert_eq!(
                verdicts(&outcomes[0]),
                all("refused at MAIL: 552 5.3.4 too big")
            );
            assert_eq!(outcomes[0][0].fault(), Some(Fault::Message));
            assert_eq!(
                verdicts(&outcomes[1]),
                all("accepted at end of data: 250 queued")
            );
            let log = &session.server.log;
            let second = log.iter().rposition(|l| l.starts_with("MAIL")).unwrap();
            assert_eq!(log[second - 1], "RSET");
        }
    }
}

#[test]
fn t5o_recipients_that_do_not_fit_go_into_a_further_transaction() {
    let to: Vec<String> = (0..25).map(|i| format!("r{i}@example.com")).collect();
    let envelope = Envelope::parse("a@example.com", &to).unwrap();
    for level in LEVELS {
        for chunking in [Chunking::Whole, Chunking::Octets(1), Chunking::SplitAt(77)] {
            // Ten fit into a transaction.
            let full = "452 4.5.3 Error: too many recipients\r\n";
            let mut replies = vec!["250 ok\r\n"; 10];
            replies.extend(match level {
                Pipelining::Off => vec![full; 1],
                _ => vec![full; 15],
            });
            replies.push("250 ok\r\n");
            let server = Server::new().on("RCPT", &replies);
            let mut session = Session::open(server, chunking);
            let outcomes = session.send(policy(level), &[Mail::new(&envelope, MESSAGE)]);
            assert!(
                outcomes[0].iter().all(RecipientOutcome::is_accepted),
                "{level:?}"
            );
            let mails = session.server.log.iter().filter(|l| l.starts_with("MAIL"));
            assert_eq!(mails.count(), 2, "{level:?}");
            assert!(session.is_usable());
        }
    }
}

#[test]
fn rfc9422_recipients_are_divided_by_the_limit_that_the_server_names() {
    let to: Vec<String> = (0..5).map(|i| format!("r{i}@example.com")).collect();
    let envelope = Envelope::parse("a@example.com", &to).unwrap();
    for level in LEVELS {
        let server = Server::new().offering(&["PIPELINING", "LIMITS RCPTMAX=2"]);
        let mut session = Session::open(server, Chunking::Whole);
        let outcomes = session.send(policy(level), &[Mail::new(&envelope, MESSAGE)]);
        assert!(outcomes[0].iter().all(RecipientOutcome::is_accepted));
        let mails = session.server.log.iter().filter(|l| l.starts_with("MAIL"));
        assert_eq!(mails.count(), 3);
    }
}

#[test]
fn a_server_without_pipelining_gets_one_command_at_a_time() {
    let envelope = envelope();
    for level in LEVELS {
        let server = Server::new().on("EHLO", &["250 evil\r\n"]);
        let mut session = Session::open(server, Chunking::Whole);
        let outcomes = session.send(policy(level), &[Mail::new(&envelope, MESSAGE); 2]);
        assert!(outcomes.iter().flatten().all(RecipientOutcome::is_accepted));
        assert_eq!(session.server.log.len(), 12);
    }
}

#[test]
fn rfc9422_mailmax_defers_what_does_not_go_over_this_connection() {
    let envelope = envelope();
    for level in LEVELS {
        for chunking in Chunking::all() {
            let server = Server::new().offering(&["PIPELINING", "LIMITS MAILMAX=2"]);
            let mut session = Session::open(server, chunking);
            let outcomes = session.send(policy(level), &[Mail::new(&envelope, MESSAGE); 4]);
            let verdict = |i: usize| outcomes[i][0].outcome;
            assert_eq!(
                (verdict(0), verdict(1)),
                (Outcome::Accepted, Outcome::Accepted)
            );
            assert_eq!(
                (verdict(2), verdict(3)),
                (Outcome::Deferred, Outcome::Deferred)
            );
            assert_eq!(session.connection.mails_left(), Some(0));
        }
    }
}

#[test]
fn rfc9422_recipients_are_divided_by_their_domains_where_the_server_names_a_limit() {
    let to = [
        "a@x",
        "b@y",
        "c@X",
        "d@z",
        "e@y",
        "f@z",
        "g@[192.0.2.1]",
        "postmaster",
    ];
    let envelope = Envelope::parse("s@x", to).unwrap();
    let mails = [Mail::new(&envelope, b"x\r\n")];
    let divided = |limits: &str| {
        let server = Server::new().offering(&["PIPELINING", limits]);
        let mut session = Session::open(server, Chunking::Whole);
        let outcomes = session.send(policy(Pipelining::LookAhead), &mails);
        assert!(outcomes.concat().iter().all(RecipientOutcome::is_accepted));
        let log = session.server.log.iter();
        let mut groups: Vec<Vec<String>> = Vec::new();
        for line in log {
            if line.starts_with("MAIL") {
                groups.push(Vec::new());
            } else if let Some(to) = line.strip_prefix("RCPT TO:") {
                groups.last_mut().unwrap().push(to.to_owned());
            }
        }
        groups
    };
    assert_eq!(
        divided("LIMITS RCPTDOMAINMAX=1"),
        [
            &["<a@x>", "<c@X>"][..],
            &["<b@y>", "<e@y>"],
            &["<d@z>", "<f@z>"],
            &["<g@[192.0.2.1]>"],
            &["<postmaster>"],
        ]
    );
    assert_eq!(
        divided("LIMITS RCPTDOMAINMAX=2 RCPTMAX=3"),
        [
            &["<a@x>", "<c@X>", "<b@y>"][..],
            &["<e@y>"],
            &["<d@z>", "<f@z>", "<g@[192.0.2.1]>"],
            &["<postmaster>"],
        ]
    );
    assert_eq!(divided("LIMITS RCPTDOMAINMAX=9 RCPTMAX=9").len(), 1);
}

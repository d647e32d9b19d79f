//! What is made of each reply.

use super::*;

#[test]
fn mail_refused_is_the_verdict_for_everybody_and_rset_goes_with_the_next_mail() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["550 no"]);
    dialogue.settles(0, &["refused at MAIL: 550 no"; 2]);
    dialogue.hears(&["503 bad", "503 bad"]);
    dialogue.says(&[]);
    dialogue.hears(&["503 bad"]);
    let flight = ["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "RCPT TO:<2@x>", "DATA"];
    dialogue.says(&[&["RSET"], &flight[..]].concat());
    dialogue.hears(&["250 ok", "250 ok", "250 ok", "250 ok", "354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(1, &[QUEUED; 2]);
    dialogue.is_over();
}

#[test]
fn mail_refused_ends_a_flight_that_the_window_has_held_up() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    // The window holds MAIL alone, MAIL and one RCPT, or all but DATA.
    for (window, lines) in [(17, 1), (18, 2), (47, 3)] {
        let mut connection = ready(&["PIPELINING"]);
        let mut policy = at(Pipelining::Flight);
        policy.limits.window = window;
        let mut dialogue = Dialogue::new(&mut connection, policy, &mails);
        assert_eq!(dialogue.written(usize::MAX).lines().count(), lines);
        dialogue.hears(&["451 later"]);
        dialogue.settles(0, &["deferred at MAIL: 451 later"; 2]);
        let further: Vec<_> = std::iter::repeat_n("503 bad", lines - 1).collect();
        dialogue.hears(&further);
        dialogue.says(&["RSET"]);
        dialogue.hears(&["250 ok"]);
        dialogue.is_over();
    }
}

#[test]
fn each_recipient_has_the_verdict_of_its_own_reply() {
    let envelope = to(&["1@x", "2@x", "3@x", "4@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&[
        "250 ok",
        "550 5.1.1 who?",
        "250 ok",
        "450 4.2.1 busy",
        "250 ok",
    ]);
    dialogue.hears(&["354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    let verdicts = [
        "refused at RCPT: 550 5.1.1 who?",
        QUEUED,
        "deferred at RCPT: 450 4.2.1 busy",
        QUEUED,
    ];
    dialogue.settles(0, &verdicts);
    dialogue.is_over();
}

#[test]
fn a_mail_is_settled_as_soon_as_its_last_recipient_is() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "550 one"]);
    assert_eq!(dialogue.settled(), None);
    dialogue.hears(&["550 two"]);
    dialogue.settles(0, &["refused at RCPT: 550 one", "refused at RCPT: 550 two"]);
    assert!(!dialogue.planner.is_done(), "DATA is not answered");
}

#[test]
fn rfc2920_3_1_354_without_a_recipient_is_answered_by_the_dot_alone() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    for said_to_dot in ["250 queued", "554 nobody"] {
        let mut connection = ready(&["PIPELINING"]);
        let mut dialogue = flight(&mut connection, &mails);
        dialogue.hears(&["250 ok", "550 no", "354 go"]);
        dialogue.settles(0, &["refused at RCPT: 550 no"]);
        dialogue.says(&[".", "RSET"]);
        assert_eq!(dialogue.planner.stage(), Stage::EndOfData);
        dialogue.hears(&[said_to_dot]);
        assert!(!dialogue.planner.is_done());
        dialogue.hears(&["250 ok"]);
        dialogue.is_over();
    }
}

#[test]
fn data_refused_is_the_verdict_for_those_who_were_accepted() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "550 who?", "250 ok", "451 later"]);
    dialogue.settles(
        0,
        &["refused at RCPT: 550 who?", "deferred at DATA: 451 later"],
    );
    dialogue.says(&["RSET"]);
    dialogue.hears(&["250 ok"]);
    dialogue.is_over();
}

#[test]
fn rfc5321_4_5_3_1_10_whoever_does_not_fit_goes_into_a_further_transaction() {
    for full in ["452 too many", "452 4.5.3 too many", "552 5.5.3 too many"] {
        let envelope = to(&["1@x", "2@x", "3@x"]);
        let mails = [Mail::new(&envelope, HELLO)];
        let mut connection = ready(&["PIPELINING"]);
        let mut dialogue = flight(&mut connection, &mails);
        dialogue.hears(&["250 ok", "250 ok", full, full, "354 go"]);
        dialogue.says(&["hello", "."]);
        dialogue.hears(&["250 queued"]);
        assert_eq!(dialogue.settled(), None);
        dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<2@x>", "RCPT TO:<3@x>", "DATA"]);
        dialogue.hears(&["250 ok", "250 ok", "250 ok", "354 go"]);
        dialogue.says(&["hello", "."]);
        dialogue.hears(&["250 queued"]);
        dialogue.settles(0, &[QUEUED; 3]);
        dialogue.is_over();
    }
}

#[test]
fn a_recipient_that_is_refused_for_other_reasons_does_not_fill_the_transaction() {
    for (reply, verdict) in [
        (
            "452 4.2.2 mailbox full",
            "deferred at RCPT: 452 4.2.2 mailbox full",
        ),
        (
            "552 5.2.2 mailbox full",
            "refused at RCPT: 552 5.2.2 mailbox full",
        ),
        ("552 mailbox full", "refused at RCPT: 552 mailbox full"),
        ("450 4.5.3 too many", "deferred at RCPT: 450 4.5.3 too many"),
        ("550 5.5.3 too many", "refused at RCPT: 550 5.5.3 too many"),
    ] {
        let envelope = to(&["1@x", "2@x"]);
        let mails = [Mail::new(&envelope, HELLO)];
        let mut connection = ready(&["PIPELINING"]);
        let mut dialogue = flight(&mut connection, &mails);
        dialogue.hears(&["250 ok", "250 ok", reply, "354 go"]);
        dialogue.says(&["hello", "."]);
        dialogue.hears(&["250 queued"]);
        dialogue.settles(0, &[QUEUED, verdict]);
        dialogue.is_over();
    }
}

#[test]
fn a_transaction_that_is_full_before_anybody_was_accepted_is_no_full_one() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "452 too many"]);
    dialogue.settles(0, &["deferred at RCPT: 452 too many"]);
    dialogue.hears(&["503 bad"]);
    dialogue.says(&["RSET"]);
    dialogue.hears(&["250 ok"]);
    dialogue.is_over();
}

#[test]
fn a_full_transaction_gets_no_further_recipient_and_the_next_mails_are_as_small() {
    let (first, second) = (to(&["1@x", "2@x", "3@x"]), to(&["4@x", "5@x"]));
    let mails = [Mail::new(&first, HELLO), Mail::new(&second, HELLO)];
    let mut connection = ready(&[]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Off), &mails);
    dialogue.says(&["MAIL FROM:<a@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["RCPT TO:<1@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["RCPT TO:<2@x>"]);
    dialogue.hears(&["452 too many"]);
    dialogue.says(&["DATA"]);
    dialogue.hears(&["354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.says(&["MAIL FROM:<a@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["RCPT TO:<2@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["RCPT TO:<3@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["DATA"]);
    dialogue.hears(&["354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &[QUEUED; 3]);
    for recipient in ["RCPT TO:<4@x>", "RCPT TO:<5@x>"] {
        dialogue.says(&["MAIL FROM:<a@x>"]);
        dialogue.hears(&["250 ok"]);
        dialogue.says(&[recipient]);
        dialogue.hears(&["250 ok"]);
        dialogue.says(&["DATA"]);
        dialogue.hears(&["354 go"]);
        dialogue.says(&["hello", "."]);
        dialogue.hears(&["250 queued"]);
    }
    dialogue.settles(1, &[QUEUED; 2]);
    dialogue.is_over();
}

#[test]
fn a_transaction_that_takes_somebody_after_452_alone_was_not_full() {
    let envelope = to(&["1@x", "2@x", "3@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    for mail in 0..2 {
        dialogue.hears(&["250 ok", "250 ok", "452 mailbox full", "250 ok", "354 go"]);
        dialogue.says(&["hello", "."]);
        dialogue.hears(&["250 queued"]);
        let full = "deferred at RCPT: 452 mailbox full";
        dialogue.settles(mail, &[QUEUED, full, QUEUED]);
        dialogue.written(usize::MAX);
    }
    dialogue.is_over();
}

#[test]
fn the_next_mails_are_smaller_only_after_whoever_had_452_alone_was_taken() {
    for was_full in [true, false] {
        let (first, second) = (to(&["1@x", "2@x"]), to(&["3@x", "4@x"]));
        let mails = [Mail::new(&first, HELLO), Mail::new(&second, HELLO)];
        let mut connection = ready(&["PIPELINING"]);
        let mut dialogue = flight(&mut connection, &mails);
        dialogue.hears(&["250 ok", "250 ok", "452 mailbox full", "354 go"]);
        dialogue.says(&["hello", "."]);
        dialogue.hears(&["250 queued"]);
        dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<2@x>", "DATA"]);
        if was_full {
            dialogue.hears(&["250 ok", "250 ok", "354 go"]);
            dialogue.says(&["hello", "."]);
            dialogue.hears(&["250 queued"]);
            dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<3@x>", "DATA"]);
        } else {
            dialogue.hears(&["250 ok", "452 mailbox full", "503 nobody"]);
            let both = ["RCPT TO:<3@x>", "RCPT TO:<4@x>", "DATA"];
            dialogue.says(&[&["RSET", "MAIL FROM:<a@x>"][..], &both].concat());
        }
    }
}

#[test]
fn nobody_is_postponed_from_a_transaction_whose_message_is_refused() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "250 ok", "452 too many", "354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["554 spam"]);
    dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<2@x>", "DATA"]);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &["refused at end of data: 554 spam", QUEUED]);
    dialogue.is_over();
}

#[test]
fn rfc5321_3_8_421_is_the_verdict_for_the_transaction_and_what_is_behind_it_is_deferred() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    for (replies, stage) in [
        (&["421 bye"][..], "MAIL"),
        (&["250 ok", "250 ok", "421 bye"], "RCPT"),
        (&["250 ok", "250 ok", "250 ok", "421 bye"], "DATA"),
    ] {
        let mut connection = ready(&["PIPELINING"]);
        let mut dialogue = flight(&mut connection, &mails);
        let error = dialogue.hears_the_end(replies);
        assert!(matches!(error.kind(), ErrorKind::Closing(_)), "{error}");
        assert_eq!(dialogue.planner.has_heard(), replies.len() > 1);
        let verdict = format!("deferred at {stage}: 421 bye");
        dialogue.settles(0, &[&verdict, &verdict]);
        let (mail, verdicts) = dialogue.settled().unwrap();
        assert_eq!(mail, 1);
        let closing = "deferred at queue: Closing(";
        assert!(
            verdicts.iter().all(|v| v.starts_with(closing)),
            "{verdicts:?}"
        );
        dialogue.is_over();
        assert_eq!(connection.state(), State::Closed);
    }
}

#[test]
fn rfc5321_3_8_421_to_the_message_is_its_verdict_and_the_next_mail_is_deferred() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::LookAhead), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.written(usize::MAX);
    dialogue.hears_the_end(&["421 4.3.2 bye"]);
    dialogue.settles(0, &["deferred at end of data: 421 4.3.2 bye"]);
    let (mail, verdicts) = dialogue.settled().unwrap();
    assert_eq!(mail, 1);
    assert!(
        verdicts[0].starts_with("deferred at queue: Closing("),
        "{verdicts:?}"
    );
    dialogue.is_over();
}

#[test]
fn rset_refused_ends_the_dialogue() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["550 no", "503 bad", "503 bad"]);
    dialogue.settles(0, &["refused at MAIL: 550 no"]);
    dialogue.written(usize::MAX);
    let error = dialogue.hears_the_end(&["500 what?"]);
    assert_eq!(error.stage(), Stage::Reset);
    assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error}");
    let (mail, verdicts) = dialogue.settled().unwrap();
    assert_eq!(mail, 1);
    assert!(
        verdicts[0].starts_with("deferred at RSET: Refused("),
        "{verdicts:?}"
    );
    dialogue.is_over();
}

#[test]
fn rfc3030_2_a_last_chunk_that_fails_was_followed_by_rset() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING", "CHUNKING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "250 ok", "554 spam"]);
    dialogue.settles(0, &["refused at end of data: 554 spam"]);
    dialogue.says(&[]);
    dialogue.hears(&["250 ok"]);
    dialogue.is_over();
}

#[test]
fn rfc3030_2_a_last_chunk_that_fails_was_followed_by_rset_if_another_transaction_is_under_way() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING", "CHUNKING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "550 who?", "503 nobody", "250 ok"]);
    dialogue.settles(0, &["refused at RCPT: 550 who?"]);
    dialogue.says(&[]);
    dialogue.hears(&["250 ok", "250 ok", "250 queued", "250 ok"]);
    dialogue.settles(1, &[QUEUED]);
    dialogue.is_over();
}

#[test]
fn a_message_that_is_taken_for_nobody_is_no_verdict() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING", "CHUNKING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "550 who?", "250 queued", "250 ok"]);
    dialogue.settles(0, &["refused at RCPT: 550 who?"]);
    dialogue.is_over();
}

#[test]
fn rfc3030_2_a_last_chunk_that_fails_is_followed_by_rset_below_level_3() {
    let envelope = binary();
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING", "CHUNKING", "BINARYMIME"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::LookAhead), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "250 ok"]);
    dialogue.says(&["BDAT 7 LAST", "hello"]);
    dialogue.hears(&["554 spam"]);
    dialogue.settles(0, &["refused at end of data: 554 spam"]);
    dialogue.says(&["RSET"]);
    dialogue.hears(&["250 ok"]);
    dialogue.is_over();
}

#[test]
fn a_refusal_while_the_message_is_written_is_its_verdict_and_ends_the_dialogue() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    assert_eq!(dialogue.written(7), "hello\r\n");
    let error = dialogue.hears_the_end(&["554 enough"]);
    assert_eq!(error.stage(), Stage::Content);
    assert!(matches!(error.kind(), ErrorKind::Closing(_)), "{error}");
    dialogue.settles(0, &["refused at message content: 554 enough"]);
    let (_, verdicts) = dialogue.settled().unwrap();
    assert!(
        verdicts[0].starts_with("deferred at queue: Closing("),
        "{verdicts:?}"
    );
}

#[test]
fn an_acceptance_before_the_message_is_written_accepts_nothing() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.written(9);
    let error = dialogue.hears_the_end(&["250 queued"]);
    assert_eq!(error.stage(), Stage::EndOfData);
    assert!(matches!(error.kind(), ErrorKind::Unsolicited(_)), "{error}");
    let (_, verdicts) = dialogue.settled().unwrap();
    assert!(
        verdicts[0].starts_with("deferred at end of data: Unsolicited("),
        "{verdicts:?}"
    );
}

#[test]
fn an_acceptance_before_a_chunk_is_written_to_its_end_accepts_nothing() {
    let bdat = "BDAT 7 LAST\r\nhe".len();
    for (pipelining, envelope, commands) in [
        (Pipelining::LookAhead, binary(), None),
        (Pipelining::Chunked, to(&["1@x"]), Some(17 + 15)),
    ] {
        let mails = [Mail::new(&envelope, HELLO)];
        let mut connection = ready(&["PIPELINING", "CHUNKING", "BINARYMIME"]);
        let mut dialogue = Dialogue::new(&mut connection, at(pipelining), &mails);
        dialogue.written(commands.unwrap_or(usize::MAX));
        dialogue.hears(&["250 ok", "250 ok"]);
        dialogue.written(bdat);
        let error = dialogue.hears_the_end(&["250 ok"]);
        assert!(matches!(error.kind(), ErrorKind::Unsolicited(_)), "{error}");
        let (_, verdicts) = dialogue.settled().unwrap();
        assert!(
            verdicts[0].starts_with("deferred at end of data: Unsolicited("),
            "{verdicts:?}"
        );
    }
}

#[test]
fn rfc3030_2_a_chunk_for_nobody_that_is_refused_early_does_not_end_the_connection() {
    let (first, second) = (to(&["1@x"]), to(&["2@x"]));
    let mails = [Mail::new(&first, HELLO), Mail::new(&second, HELLO)];
    let command = "MAIL FROM:<a@x>\r\nRCPT TO:<1@x>\r\nBDAT 7 LAST\r\n".len();
    for (replies, verdict) in [
        (
            ["250 ok", "550 who?", "503 nobody"],
            "refused at RCPT: 550 who?",
        ),
        (["550 no", "503 bad", "503 bad"], "refused at MAIL: 550 no"),
    ] {
        for written in [command, command + 2] {
            let mut connection = ready(&["PIPELINING", "CHUNKING"]);
            let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
            dialogue.written(written);
            dialogue.hears(&replies);
            dialogue.settles(0, &[verdict]);
            let (rest, next) = (dialogue.written(usize::MAX), "llo\r\nRSET\r\nMAIL");
            assert!(rest.contains(next), "{rest}");
            dialogue.hears(&["250 ok", "250 ok", "250 ok", "250 queued", "250 ok"]);
            dialogue.settles(1, &[QUEUED]);
            dialogue.is_over();
        }
        // It answers something else while the command is not there.
        let mut connection = ready(&["PIPELINING", "CHUNKING"]);
        let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
        dialogue.written(command - 1);
        dialogue.hears_the_end(&replies);
        dialogue.settles(0, &[verdict]);
    }
}

#[test]
fn a_refusal_of_a_command_that_is_not_written_is_no_verdict() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    dialogue.written(16);
    let error = dialogue.hears_the_end(&["550 no"]);
    assert!(matches!(error.kind(), ErrorKind::Unsolicited(_)), "{error}");
    let (_, verdicts) = dialogue.settled().unwrap();
    assert!(
        verdicts[0].starts_with("deferred at queue: Unsolicited("),
        "{verdicts:?}"
    );
}

#[test]
fn rfc2033_4_2_each_recipient_that_was_accepted_has_a_final_reply_of_its_own() {
    let envelope = to(&["1@x", "2@x", "3@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = connection(Protocol::Lmtp, &["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "250 ok", "550 who?", "250 ok", "354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    assert_eq!(dialogue.settled(), None);
    assert!(!dialogue.planner.is_done());
    dialogue.hears(&["552 5.2.2 full"]);
    let verdicts = [
        QUEUED,
        "refused at RCPT: 550 who?",
        "refused at end of data: 552 5.2.2 full",
    ];
    dialogue.settles(0, &verdicts);
    dialogue.is_over();
}

#[test]
fn rfc2033_421_between_final_replies_leaves_those_to_come_unknown() {
    let envelope = to(&["1@x", "2@x", "3@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = connection(Protocol::Lmtp, &["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "250 ok", "250 ok", "250 ok", "354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.hears_the_end(&["421 bye"]);
    let (_, verdicts) = dialogue.settled().unwrap();
    assert_eq!(verdicts[..2], [QUEUED, "deferred at end of data: 421 bye"]);
    assert!(
        verdicts[2].starts_with("unknown at end of data: Closing("),
        "{verdicts:?}"
    );
}

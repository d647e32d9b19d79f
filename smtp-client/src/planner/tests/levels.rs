//! What is written in one flight, at each level.

use super::*;

#[test]
fn level_0_each_command_waits_for_the_reply_to_the_one_before() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    for (pipelining, offers) in [
        (Pipelining::Off, &["PIPELINING", "CHUNKING"][..]),
        (Pipelining::Flight, &[]),
        (Pipelining::LookAhead, &[]),
    ] {
        let mut connection = ready(offers);
        let mut dialogue = Dialogue::new(&mut connection, at(pipelining), &mails);
        for mail in 0..2 {
            dialogue.says(&["MAIL FROM:<a@x>"]);
            dialogue.hears(&["250 ok"]);
            dialogue.says(&["RCPT TO:<1@x>"]);
            dialogue.hears(&["250 ok"]);
            dialogue.says(&["RCPT TO:<2@x>"]);
            dialogue.hears(&["250 ok"]);
            dialogue.says(&["DATA"]);
            dialogue.hears(&["354 go"]);
            dialogue.says(&["hello", "."]);
            assert_eq!(dialogue.settled(), None);
            dialogue.hears(&["250 queued"]);
            dialogue.settles(mail, &["accepted at end of data: 250 queued"; 2]);
        }
        dialogue.is_over();
    }
}

#[test]
fn level_0_a_failed_transaction_is_reset_before_the_next_mail() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Off), &mails);
    dialogue.says(&["MAIL FROM:<a@x>"]);
    dialogue.hears(&["550 no"]);
    dialogue.settles(0, &["refused at MAIL: 550 no"]);
    dialogue.says(&["RSET"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["MAIL FROM:<a@x>"]);
}

#[test]
fn rfc2920_3_1_level_1_has_everything_up_to_data_in_one_flight() {
    let (first, second) = (to(&["1@x", "2@x"]), to(&["3@x"]));
    let mails = [Mail::new(&first, HELLO), Mail::new(&second, b"again\r\n")];
    let mut connection = ready(&["PIPELINING", "CHUNKING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "RCPT TO:<2@x>", "DATA"]);
    dialogue.hears(&["250 ok", "250 ok", "250 ok"]);
    dialogue.says(&[]);
    dialogue.hears(&["354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &["accepted at end of data: 250 queued"; 2]);
    dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<3@x>", "DATA"]);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.says(&["again", "."]);
    dialogue.hears(&["250 queued too"]);
    dialogue.settles(1, &["accepted at end of data: 250 queued too"]);
    dialogue.is_over();
}

#[test]
fn rfc2920_3_1_level_2_has_the_message_and_the_next_mail_in_one_flight() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 3];
    for pipelining in [Pipelining::LookAhead, Pipelining::Chunked] {
        let mut connection = ready(&["PIPELINING"]);
        let mut dialogue = Dialogue::new(&mut connection, at(pipelining), &mails);
        let flight = ["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "DATA"];
        dialogue.says(&flight);
        dialogue.hears(&["250 ok", "250 ok", "354 go"]);
        for mail in 0..2 {
            dialogue.says(&[&["hello", "."], &flight[..]].concat());
            dialogue.hears(&["250 queued"]);
            dialogue.settles(mail, &["accepted at end of data: 250 queued"]);
            dialogue.hears(&["250 ok", "250 ok", "354 go"]);
        }
        dialogue.says(&["hello", "."]);
        assert!(!dialogue.planner.wants_quick_acknowledgement());
        dialogue.hears(&["250 queued"]);
        dialogue.settles(2, &["accepted at end of data: 250 queued"]);
        dialogue.is_over();
    }
}

#[test]
fn rfc3030_level_3_has_whole_transactions_in_one_flight_with_rset_behind_each() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING", "CHUNKING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
    let transaction = ["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "BDAT 7 LAST", "hello"];
    dialogue.says(&[&transaction[..], &["RSET"], &transaction, &["RSET"]].concat());
    assert!(dialogue.planner.wants_quick_acknowledgement());
    dialogue.hears(&["250 ok", "250 ok", "250 one"]);
    assert_eq!(dialogue.settled(), None);
    dialogue.hears(&["250 ok"]);
    dialogue.settles(0, &["accepted at end of data: 250 one"]);
    dialogue.hears(&["250 ok", "250 ok", "250 two", "250 ok"]);
    dialogue.settles(1, &["accepted at end of data: 250 two"]);
    dialogue.is_over();
    assert!(!dialogue.planner.wants_quick_acknowledgement());
}

#[test]
fn a_transaction_in_chunks_is_not_followed_by_another_below_level_3() {
    let envelope = binary();
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING", "CHUNKING", "BINARYMIME"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::LookAhead), &mails);
    let mail = "MAIL FROM:<a@x> BODY=BINARYMIME";
    dialogue.says(&[mail, "RCPT TO:<1@x>"]);
    dialogue.hears(&["250 ok", "250 ok"]);
    dialogue.says(&["BDAT 7 LAST", "hello"]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &["accepted at end of data: 250 queued"]);
    dialogue.says(&[mail, "RCPT TO:<1@x>"]);
}

#[test]
fn rfc3030_2_below_level_3_no_chunk_goes_before_every_recipient_is_answered() {
    let envelope = to(&["1@x", "2@x"]).with_parameters(binary().parameters().clone());
    let mails = [Mail::new(&envelope, HELLO)];
    let offers = ["PIPELINING", "CHUNKING", "BINARYMIME"];
    let commands = [
        "MAIL FROM:<a@x> BODY=BINARYMIME",
        "RCPT TO:<1@x>",
        "RCPT TO:<2@x>",
    ];
    for pipelining in [Pipelining::Flight, Pipelining::LookAhead] {
        let mut connection = ready(&offers);
        let mut dialogue = Dialogue::new(&mut connection, at(pipelining), &mails);
        dialogue.says(&commands);
        dialogue.hears(&["250 ok", "250 ok"]);
        dialogue.says(&[]);
        dialogue.hears(&["550 who?"]);
        dialogue.says(&["BDAT 7 LAST", "hello"]);
        dialogue.hears(&["250 queued"]);
        dialogue.settles(0, &[QUEUED, "refused at RCPT: 550 who?"]);
        dialogue.is_over();

        // For nobody it does not go at all.
        let mut connection = ready(&offers);
        let mut dialogue = Dialogue::new(&mut connection, at(pipelining), &mails);
        dialogue.says(&commands);
        dialogue.hears(&["250 ok", "550 who?", "550 who?"]);
        dialogue.says(&["RSET"]);
        dialogue.hears(&["250 ok"]);
        dialogue.settles(0, &["refused at RCPT: 550 who?"; 2]);
        dialogue.is_over();

        // A reply too many is not taken for its verdict.
        let mut connection = ready(&offers);
        let mut dialogue = Dialogue::new(&mut connection, at(pipelining), &mails);
        dialogue.says(&commands);
        let error = dialogue.hears_the_end(&["250 ok", "250 ok", "250 ok", "250 ok", "552 no"]);
        assert!(matches!(error.kind(), ErrorKind::Unsolicited(_)), "{error}");
        let (_, verdicts) = dialogue.settled().unwrap();
        let deferred = |verdict: &String| verdict.starts_with("deferred at end of data");
        assert!(verdicts.iter().all(deferred), "{verdicts:?}");
    }
}

#[test]
fn a_message_over_64_kib_or_with_other_line_ends_travels_as_lines() {
    let largest = format!("{}\r\n", "x".repeat(64 * 1024 - 2));
    let envelope = to(&["1@x"]);
    for (message, last) in [
        (largest.clone(), "BDAT 65536 LAST"),
        (format!("x{largest}"), "DATA"),
        ("\r\n".to_owned(), "BDAT 2 LAST"),
        ("no line end".to_owned(), "DATA"),
        ("alone\nis none\r\n".to_owned(), "DATA"),
    ] {
        let mut connection = ready(&["PIPELINING", "CHUNKING"]);
        let mails = [Mail::new(&envelope, message.as_bytes())];
        let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
        let written = dialogue.written(usize::MAX);
        assert_eq!(written.split("\r\n").nth(2), Some(last));
    }
}

#[test]
fn no_more_commands_are_unanswered_than_the_window_holds() {
    // 17 octets of MAIL, 15 of each RCPT. The command that fills the window is still written.
    let envelope = to(&["1@x", "2@x", "3@x", "4@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    for (window, first) in [(33, 3), (32, 2), (31, 2), (17, 1), (1, 1)] {
        let mut connection = ready(&["PIPELINING"]);
        let mut policy = at(Pipelining::Flight);
        policy.limits.window = window;
        let mut dialogue = Dialogue::new(&mut connection, policy, &mails);
        let written = dialogue.written(usize::MAX);
        assert_eq!(written.lines().count(), first, "window of {window}");
    }
    let mut connection = ready(&["PIPELINING"]);
    let mut policy = at(Pipelining::Flight);
    policy.limits.window = 33;
    let mut dialogue = Dialogue::new(&mut connection, policy, &mails);
    dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "RCPT TO:<2@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["RCPT TO:<3@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["RCPT TO:<4@x>"]);
    dialogue.hears(&["250 ok", "250 ok"]);
    dialogue.says(&["DATA"]);
}

#[test]
fn no_more_octets_of_chunks_are_unanswered_than_the_limit_holds() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 4];
    let mut connection = ready(&["PIPELINING", "CHUNKING"]);
    let mut policy = at(Pipelining::Chunked);
    policy.limits.chunks = 2 * HELLO.len();
    let mut dialogue = Dialogue::new(&mut connection, policy, &mails);
    let transaction = ["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "BDAT 7 LAST", "hello"];
    let next = [&transaction[..], &["RSET"]].concat();
    dialogue.says(&[&next[..], &next].concat());
    dialogue.hears(&["250 ok", "250 ok", "250 one"]);
    dialogue.says(&[]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&next);
}

#[test]
fn the_stage_is_that_of_the_reply_that_is_awaited_and_content_while_the_message_is_written() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    assert_eq!(dialogue.planner.stage(), Stage::Mail);
    assert_eq!(dialogue.written(usize::MAX).len(), 38);
    dialogue.hears(&["250 ok"]);
    assert_eq!(dialogue.planner.stage(), Stage::Rcpt);
    dialogue.hears(&["250 ok"]);
    assert_eq!(dialogue.planner.stage(), Stage::Data);
    dialogue.hears(&["354 go"]);
    assert_eq!(dialogue.planner.stage(), Stage::Content);
    assert_eq!(dialogue.written(9), "hello\r\n.\r");
    assert_eq!(dialogue.planner.stage(), Stage::Content);
    assert_eq!(dialogue.written(1), "\n");
    assert_eq!(dialogue.planner.stage(), Stage::EndOfData);
}

#[test]
fn replies_are_counted_when_they_are_whole() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250-a reply"]);
    assert!(!dialogue.planner.has_heard());
    assert_eq!(dialogue.planner.replies(), 0);
    dialogue.hears(&["250 in two lines"]);
    assert!(dialogue.planner.has_heard());
    assert_eq!(dialogue.planner.replies(), 1);
    dialogue.hears(&["250 ok", "354 go"]);
    assert_eq!(dialogue.planner.replies(), 3);
}

#[test]
fn the_transcript_has_the_size_of_the_message_and_not_the_message() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let (transcript, lines) = postrider_wire::Transcript::in_memory();
    let mut connection = ready(&["PIPELINING"]).with_transcript(transcript);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.written(usize::MAX);
    let lines: Vec<_> = lines().iter().map(ToString::to_string).collect();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("7 octets of message")),
        "{lines:?}"
    );
    assert!(!lines.iter().any(|line| line.contains("hello")));
}

//! Who is what when the connection is lost.

use super::*;

const NOT_YET: &str = "deferred at queue: Closed";

fn lost(dialogue: &mut Dialogue<'_>) {
    dialogue.planner.lost(ErrorKind::Closed);
    assert!(dialogue.planner.is_done() && !dialogue.planner.wants_write());
}

#[test]
fn a_mail_is_unknown_once_the_last_octet_of_its_message_is_written_and_deferred_before() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    for (written, verdict) in [
        (0, "deferred at message content: Closed"),
        (9, "deferred at message content: Closed"),
        (10, "unknown at end of data: Closed"),
    ] {
        let mut connection = ready(&["PIPELINING"]);
        let mut dialogue = flight(&mut connection, &mails);
        dialogue.hears(&["250 ok", "550 who?", "250 ok", "354 go"]);
        dialogue.written(written);
        lost(&mut dialogue);
        dialogue.settles(0, &["refused at RCPT: 550 who?", verdict]);
        dialogue.is_over();
        assert_eq!(connection.state(), State::Closed);
    }
}

#[test]
fn everybody_is_deferred_where_the_dialogue_has_not_come_to_the_message() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 3];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok"]);
    lost(&mut dialogue);
    dialogue.settles(0, &["deferred at RCPT: Closed"]);
    dialogue.settles(1, &[NOT_YET]);
    dialogue.settles(2, &[NOT_YET]);
    dialogue.is_over();
}

#[test]
fn at_level_2_only_the_mail_whose_message_was_written_is_unknown() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 3];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::LookAhead), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.written(usize::MAX);
    lost(&mut dialogue);
    dialogue.settles(0, &["unknown at end of data: Closed"]);
    dialogue.settles(1, &[NOT_YET]);
    dialogue.settles(2, &[NOT_YET]);
    dialogue.is_over();
}

/// Its MAIL was sent ahead; the server owed another answer when it went.
#[test]
fn rfc2920_3_1_a_mail_is_in_the_queue_until_the_server_has_to_answer_it() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 3];
    for (answers, verdicts) in [
        (&["250 queued"][..], ["deferred at MAIL: Closed", NOT_YET]),
        (
            &["250 queued", "250 ok"],
            ["deferred at RCPT: Closed", NOT_YET],
        ),
        (
            &["250 queued", "250 ok", "250 ok", "354 go"],
            ["deferred at message content: Closed", NOT_YET],
        ),
    ] {
        let mut connection = ready(&["PIPELINING"]);
        let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::LookAhead), &mails);
        dialogue.written(usize::MAX);
        dialogue.hears(&["250 ok", "250 ok", "354 go"]);
        assert!(dialogue.written(usize::MAX).contains("MAIL"), "sent ahead");
        dialogue.hears(answers);
        lost(&mut dialogue);
        dialogue.settles(0, &[QUEUED]);
        dialogue.settles(1, &verdicts[..1]);
        dialogue.settles(2, &verdicts[1..]);
        dialogue.is_over();
    }
}

/// It says so behind its 250, and the next MAIL is not written yet.
#[test]
fn rfc5321_3_8_a_mail_is_in_the_queue_where_the_server_closed_before_its_mail_was_written() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.written(usize::MAX);
    dialogue.hears_the_end(&["250 queued", "421 enough"]);
    dialogue.settles(0, &[QUEUED]);
    let unasked = "deferred at queue: Unsolicited(Reply(421 enough))";
    dialogue.settles(1, &[unasked]);
    dialogue.is_over();
}

#[test]
fn at_level_3_whoever_may_have_been_accepted_with_a_message_that_was_written_is_unknown() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO); 3];
    let mut connection = ready(&["PIPELINING", "CHUNKING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
    let all = dialogue.planner.output.mark();
    assert_eq!((all.commands, all.messages), (3 * 66, 3));
    dialogue.written(60 + 7 + 6 + 60 + 7);
    dialogue.hears(&["250 ok", "550 who?"]);
    lost(&mut dialogue);
    let unknown = "unknown at RCPT: Closed";
    dialogue.settles(0, &["refused at RCPT: 550 who?", unknown]);
    dialogue.settles(1, &[unknown, unknown]);
    dialogue.settles(2, &[NOT_YET; 2]);
    dialogue.is_over();
}

#[test]
fn at_level_3_a_reply_too_many_accepts_nobody_that_the_last_one_does_not() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let offers = ["PIPELINING", "CHUNKING"];
    // The second 250 to RCPT is taken for that to BDAT, and what BDAT has for the one to RSET.
    let mut connection = ready(&offers);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
    dialogue.written(usize::MAX);
    let error = dialogue.hears_the_end(&["250 ok", "250 ok", "250 ok", "552 no"]);
    assert_eq!(error.stage(), Stage::Reset);
    dialogue.settles(0, &["unknown at RSET: Refused(Reply(552 no))"]);
    dialogue.settled().unwrap();
    dialogue.is_over();
    for end in ["421 full", "354 go"] {
        let mut connection = ready(&offers);
        let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
        dialogue.written(usize::MAX);
        dialogue.hears_the_end(&["250 ok", "250 ok", "250 ok", end]);
        let (_, verdicts) = dialogue.settled().unwrap();
        assert!(verdicts[0].starts_with("unknown"), "{verdicts:?}");
    }
    // Neither does the end of the connection prove anything.
    let mut connection = ready(&offers);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails[..1]);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "250 ok", "250 ok"]);
    lost(&mut dialogue);
    dialogue.settles(0, &["unknown at RSET: Closed"]);
    dialogue.is_over();
}

#[test]
fn nobody_is_unknown_where_mail_was_refused() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING", "CHUNKING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Chunked), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["550 no"]);
    dialogue.settles(0, &["refused at MAIL: 550 no"]);
    lost(&mut dialogue);
    dialogue.is_over();
}

#[test]
fn what_was_settled_stays_settled() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = flight(&mut connection, &mails);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 queued"]);
    lost(&mut dialogue);
    dialogue.settles(0, &[QUEUED]);
    dialogue.settles(1, &[NOT_YET]);
    dialogue.is_over();
}

#[test]
fn nothing_is_sent_over_a_connection_that_is_not_ready() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO); 2];
    let closed = {
        let mut connection = ready(&[]);
        connection.abandon();
        connection
    };
    let busy = {
        let mut connection = ready(&[]);
        connection
            .send(&Command::Noop, &mut BytesMut::new())
            .unwrap();
        connection
    };
    let ungreeted = Connection::new(Protocol::Smtp, Limits::default());
    for mut connection in [closed, busy, ungreeted] {
        let mut dialogue = Dialogue::new(&mut connection, Policy::default(), &mails);
        dialogue.settles(0, &[NOT_YET]);
        dialogue.settles(1, &[NOT_YET]);
        dialogue.is_over();
    }
}

#[test]
fn what_is_no_reply_ends_the_dialogue() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, Policy::default(), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok"]);
    dialogue.hears_the_end(&["hello?"]);
    let (_, verdicts) = dialogue.settled().unwrap();
    assert!(
        verdicts[0].starts_with("deferred at RCPT: InvalidReply("),
        "{verdicts:?}"
    );
}

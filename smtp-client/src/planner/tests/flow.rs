//! A message that comes in chunks: when it is asked for, and what becomes of each chunk.

use super::*;
use crate::planner::flow::wrong_length;
use bytes::Bytes;
use std::io;

const EIGHT: &[&str] = &["PIPELINING", "8BITMIME"];
const CHUNKS: &[&str] = &["PIPELINING", "8BITMIME", "CHUNKING"];

fn streaming<'m>(
    connection: &'m mut Connection,
    policy: Policy,
    envelope: &'m Envelope,
    outline: Outline,
) -> Dialogue<'m> {
    Dialogue::of(Planner::streaming(connection, policy, envelope, outline))
}

/// The dialogue up to where the first chunk is wanted: DATA was said, or nothing but MAIL and RCPT.
fn wanting<'m>(
    connection: &'m mut Connection,
    policy: Policy,
    envelope: &'m Envelope,
    outline: Outline,
) -> Dialogue<'m> {
    let mut dialogue = streaming(connection, policy, envelope, outline);
    assert_eq!(dialogue.planner.wanted(), Wanted::Nothing);
    let written = dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "250 ok"]);
    if written.ends_with("DATA\r\n") {
        assert_eq!(dialogue.planner.wanted(), Wanted::Nothing);
        dialogue.hears(&["354 go"]);
    }
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
    dialogue
}

impl Dialogue<'_> {
    fn gives(&mut self, chunk: &'static [u8]) {
        self.planner.content(Bytes::from_static(chunk));
    }
}

fn of_length(length: u64) -> Outline {
    Outline {
        length: Some(length),
        ..Outline::default()
    }
}

#[test]
fn the_next_chunk_is_wanted_when_the_one_before_is_written() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(EIGHT);
    let policy = at(Pipelining::LookAhead);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    assert_eq!(dialogue.planner.stage(), Stage::Content);
    dialogue.gives(b"one\r\n.two\r");
    assert_eq!(dialogue.planner.wanted(), Wanted::Nothing);
    assert_eq!(dialogue.written(usize::MAX), "one\r\n..two\r\n");
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
    assert_eq!(dialogue.planner.stage(), Stage::Content);
    dialogue.gives(b"\n3");
    assert_eq!(dialogue.written(usize::MAX), "3");
    dialogue.gives(b"");
    assert_eq!(dialogue.planner.wanted(), Wanted::Nothing);
    assert_eq!(dialogue.written(usize::MAX), "\r\n.\r\n");
    assert_eq!(dialogue.planner.stage(), Stage::EndOfData);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &[QUEUED]);
    dialogue.is_over();
}

#[test]
fn a_chunk_that_is_not_wanted_is_not_sent() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(EIGHT);
    let policy = at(Pipelining::Flight);
    let mut dialogue = streaming(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives(b"early\r\n");
    dialogue
        .planner
        .content_failed(io::ErrorKind::BrokenPipe.into());
    dialogue.says(&["MAIL FROM:<a@x> BODY=8BITMIME", "RCPT TO:<1@x>", "DATA"]);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.gives(b"one\r\n");
    dialogue.gives(b"two\r\n");
    dialogue.says(&["one"]);
}

#[test]
fn rfc2920_3_1_no_content_is_wanted_for_nobody() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(EIGHT);
    let policy = at(Pipelining::Flight);
    let mut dialogue = streaming(&mut connection, policy, &envelope, Outline::default());
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "550 who?", "354 go"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Nothing);
    dialogue.says(&[".", "RSET"]);
    dialogue.hears(&["554 nobody", "250 ok"]);
    dialogue.settles(0, &["refused at RCPT: 550 who?"]);
    dialogue.is_over();
}

#[test]
fn rfc3030_2_chunks_follow_each_other_once_somebody_is_accepted() {
    let envelope = to(&["1@x", "2@x"]);
    let mut connection = ready(CHUNKS);
    let policy = at(Pipelining::Chunked);
    let mut dialogue = streaming(&mut connection, policy, &envelope, Outline::default());
    dialogue.says(&[
        "MAIL FROM:<a@x> BODY=8BITMIME",
        "RCPT TO:<1@x>",
        "RCPT TO:<2@x>",
    ]);
    dialogue.hears(&["250 ok", "250 ok"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Nothing);
    dialogue.hears(&["550 who?"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
    dialogue.gives(b".one\n");
    dialogue.says(&["BDAT 6", ".one"]);
    dialogue.gives(b"two");
    assert_eq!(dialogue.written(usize::MAX), "BDAT 3\r\ntwo");
    dialogue.hears(&["250 ok", "250 ok"]);
    dialogue.gives(b"");
    dialogue.says(&["BDAT 2 LAST", "", "RSET"]);
    dialogue.hears(&["250 queued", "250 ok"]);
    dialogue.settles(0, &[QUEUED, "refused at RCPT: 550 who?"]);
    dialogue.is_over();
}

#[test]
fn rfc3030_a_message_that_ends_with_a_line_ends_with_an_empty_chunk() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(CHUNKS);
    let policy = at(Pipelining::Chunked);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives(HELLO);
    dialogue.says(&["BDAT 7", "hello"]);
    dialogue.gives(b"");
    dialogue.says(&["BDAT 0 LAST", "RSET"]);
}

#[test]
fn rfc3030_3_binary_content_travels_as_it_is_at_every_level() {
    let envelope = binary();
    let mut connection = ready(&["BINARYMIME", "CHUNKING"]);
    let policy = Policy {
        line_ends: LineEnds::Reject,
        ..at(Pipelining::Off)
    };
    let mut dialogue = streaming(&mut connection, policy, &envelope, Outline::default());
    dialogue.says(&["MAIL FROM:<a@x> BODY=BINARYMIME"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["RCPT TO:<1@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.gives(b".\n\0");
    assert_eq!(dialogue.written(usize::MAX), "BDAT 3\r\n.\n\0");
    assert_eq!(
        dialogue.planner.wanted(),
        Wanted::Nothing,
        "one command at a time"
    );
    dialogue.hears(&["250 ok"]);
    dialogue.gives(b"");
    dialogue.says(&["BDAT 0 LAST"]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &[QUEUED]);
    dialogue.is_over();
}

#[test]
fn no_more_octets_of_chunks_are_unanswered_than_the_limit_holds() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(CHUNKS);
    let mut policy = at(Pipelining::Chunked);
    policy.limits.chunks = 14;
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    for wanted in [Wanted::Chunk, Wanted::Nothing] {
        dialogue.gives(HELLO);
        dialogue.says(&["BDAT 7", "hello"]);
        assert_eq!(dialogue.planner.wanted(), wanted);
    }
    dialogue.hears(&["250 ok"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
    dialogue.gives(b"more\r\n");
    dialogue.says(&["BDAT 6", "more"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk, "13 of 14 octets");
}

#[test]
fn no_more_commands_with_chunks_are_unanswered_than_the_window_holds() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(CHUNKS);
    let mut policy = at(Pipelining::Chunked);
    policy.limits.window = 4 * "BDAT 7\r\n".len();
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    for wanted in [Wanted::Chunk, Wanted::Chunk, Wanted::Chunk, Wanted::Nothing] {
        dialogue.gives(HELLO);
        dialogue.says(&["BDAT 7", "hello"]);
        assert_eq!(dialogue.planner.wanted(), wanted);
    }
    dialogue.hears(&["250 ok"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
}

#[test]
fn without_pipelining_each_chunk_waits_for_the_reply_to_the_one_before() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(&["CHUNKING"]);
    let policy = at(Pipelining::Chunked);
    let mut dialogue = streaming(&mut connection, policy, &envelope, Outline::default());
    dialogue.says(&["MAIL FROM:<a@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.says(&["RCPT TO:<1@x>"]);
    dialogue.hears(&["250 ok"]);
    dialogue.gives(HELLO);
    dialogue.says(&["BDAT 7", "hello"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Nothing);
    dialogue.hears(&["250 ok"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
}

/// The last one has as many replies as there are recipients, and nobody knows before which one that is.
#[test]
fn rfc2033_in_lmtp_a_chunk_waits_for_the_reply_to_the_one_before() {
    let offers = ["PIPELINING", "CHUNKING", "BINARYMIME"];
    for (level, envelope) in [
        (Pipelining::Flight, binary()),
        (Pipelining::LookAhead, binary()),
        (Pipelining::Chunked, to(&["1@x"])),
    ] {
        let mut connection = connection(Protocol::Lmtp, &offers);
        let outline = Outline::default();
        let mut dialogue = wanting(&mut connection, at(level), &envelope, outline);
        dialogue.gives(HELLO);
        dialogue.says(&["BDAT 7", "hello"]);
        assert_eq!(dialogue.planner.wanted(), Wanted::Nothing, "{level:?}");
        dialogue.hears(&["250 ok"]);
        assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
        dialogue.gives(b"");
        let written = dialogue.written(usize::MAX);
        assert!(written.starts_with("BDAT 0 LAST\r\n"), "{written}");
        dialogue.hears(&["250 queued"]);
        if written.ends_with("RSET\r\n") {
            dialogue.hears(&["250 ok"]);
        }
        dialogue.settles(0, &[QUEUED]);
        dialogue.is_over();
    }
}

#[test]
fn a_limit_that_holds_no_chunk_lets_them_go_one_by_one() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(CHUNKS);
    let mut policy = at(Pipelining::Chunked);
    policy.limits.chunks = 0;
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives(HELLO);
    dialogue.says(&["BDAT 7", "hello"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Nothing);
    dialogue.hears(&["250 ok"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
}

#[test]
fn a_chunk_that_is_refused_is_the_verdict_and_rset_follows() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(CHUNKS);
    let policy = at(Pipelining::Chunked);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives(HELLO);
    dialogue.says(&["BDAT 7", "hello"]);
    dialogue.gives(HELLO);
    dialogue.says(&["BDAT 7", "hello"]);
    dialogue.hears(&["452 full"]);
    dialogue.settles(0, &["deferred at message content: 452 full"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Nothing);
    dialogue.says(&["RSET"]);
    dialogue.hears(&["503 bad", "250 ok"]);
    dialogue.is_over();
}

#[test]
fn rfc3030_2_a_chunk_behind_a_refused_one_may_be_refused_before_its_end() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(CHUNKS);
    let policy = at(Pipelining::Chunked);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives(HELLO);
    dialogue.says(&["BDAT 7", "hello"]);
    dialogue.gives(HELLO);
    assert_eq!(dialogue.written(10), "BDAT 7\r\nhe");
    dialogue.hears(&["452 full", "503 bad"]);
    dialogue.settles(0, &["deferred at message content: 452 full"]);
    dialogue.says(&["llo", "RSET"]);
    dialogue.hears(&["250 ok"]);
    dialogue.is_over();
}

#[test]
fn a_chunk_that_is_refused_after_the_last_one_was_sent_is_the_verdict() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(CHUNKS);
    let policy = at(Pipelining::Chunked);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives(HELLO);
    dialogue.says(&["BDAT 7", "hello"]);
    dialogue.gives(b"");
    dialogue.says(&["BDAT 0 LAST", "RSET"]);
    dialogue.hears(&["452 full"]);
    dialogue.settles(0, &["deferred at message content: 452 full"]);
    dialogue.hears(&["503 bad", "250 ok"]);
    dialogue.is_over();
}

#[test]
fn content_is_as_long_as_was_said_or_the_dialogue_ends_without_the_dot() {
    let envelope = to(&["1@x"]);
    for (length, chunks) in [(6, &[HELLO][..]), (8, &[HELLO, b""]), (7, &[HELLO, b"x"])] {
        let mut connection = ready(EIGHT);
        let policy = at(Pipelining::Flight);
        let mut dialogue = wanting(&mut connection, policy, &envelope, of_length(length));
        for chunk in chunks {
            assert_eq!(dialogue.settled(), None);
            dialogue.gives(chunk);
            assert!(!dialogue.written(usize::MAX).ends_with(".\r\n"));
        }
        let (_, verdicts) = dialogue.settled().unwrap();
        assert!(
            verdicts[0].starts_with("deferred at message content: Content("),
            "{verdicts:?}"
        );
        dialogue.is_over();
        assert_eq!(connection.state(), State::Closed);
    }
}

#[test]
fn content_of_the_length_that_was_said_is_sent() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(EIGHT);
    let policy = at(Pipelining::Flight);
    let mut dialogue = wanting(&mut connection, policy, &envelope, of_length(9));
    for chunk in [HELLO, b"\r\n", b""] {
        dialogue.gives(chunk);
        dialogue.written(usize::MAX);
    }
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &[QUEUED]);
}

#[test]
fn the_error_says_how_long_the_content_was_and_should_have_been() {
    let said = |octets, length| wrong_length(octets, length).to_string();
    assert_eq!(
        said(8, 7),
        "the message has more than the 7 octets that were announced"
    );
    assert_eq!(said(6, 7), "the message ended after 6 of 7 octets");
    assert_eq!(wrong_length(6, 7).kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn rfc1870_content_that_turns_out_larger_than_the_server_takes_is_given_up() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(&["PIPELINING", "8BITMIME", "SIZE 7"]);
    let policy = at(Pipelining::Flight);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives(HELLO);
    dialogue.says(&["hello"]);
    dialogue.gives(b"x");
    dialogue.settles(
        0,
        &["refused at message content: TooLarge { size: 8, limit: 7 }"],
    );
    dialogue.is_over();
}

#[test]
fn rfc6152_content_that_turns_out_not_to_be_ascii_is_given_up_without_8bitmime() {
    let envelope = to(&["1@x"]);
    let mut connection = ready(&["PIPELINING"]);
    let policy = at(Pipelining::Flight);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives("\u{e9}\r\n".as_bytes());
    dialogue.settles(0, &["refused at message content: Missing(EightBitMime)"]);
    dialogue.is_over();
    let mut connection = ready(EIGHT);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives("\u{e9}\r\n".as_bytes());
    dialogue.says(&["\u{e9}"]);
}

#[test]
fn a_line_end_alone_is_given_up_at_its_place_if_the_policy_says_so() {
    let envelope = to(&["1@x"]);
    let policy = Policy {
        line_ends: LineEnds::Reject,
        ..at(Pipelining::Flight)
    };
    for (second, offset) in [(&b"x\n"[..], 8), (b"\rx", 7), (b"x\r", 8)] {
        let mut connection = ready(EIGHT);
        let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
        for chunk in [HELLO, second, b"y"] {
            dialogue.gives(chunk);
            dialogue.written(usize::MAX);
        }
        let verdict = format!("refused at message content: BareLineEnd {{ offset: {offset} }}");
        dialogue.settles(0, &[&verdict]);
    }
    let mut connection = ready(EIGHT);
    let policy = at(Pipelining::Flight);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives(b"x\n");
    dialogue.says(&["x"]);
}

#[test]
fn content_that_cannot_be_read_ends_the_dialogue_with_data_and_the_transaction_with_bdat() {
    let envelope = to(&["1@x"]);
    for (offers, after) in [(EIGHT, &[][..]), (CHUNKS, &["RSET"])] {
        let mut connection = ready(offers);
        let policy = at(Pipelining::Chunked);
        let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
        dialogue
            .planner
            .content_failed(io::ErrorKind::BrokenPipe.into());
        let (_, verdicts) = dialogue.settled().unwrap();
        assert!(
            verdicts[0].starts_with("deferred at message content: Content("),
            "{verdicts:?}"
        );
        dialogue.says(after);
        if !after.is_empty() {
            dialogue.hears(&["250 ok"]);
        }
        dialogue.is_over();
        let state = if after.is_empty() {
            State::Closed
        } else {
            State::Ready
        };
        assert_eq!(connection.state(), state);
    }
}

#[test]
fn content_is_wanted_again_from_its_start_for_another_transaction_if_that_can_be() {
    let envelope = to(&["1@x", "2@x"]);
    let again = Outline {
        rewindable: true,
        ..of_length(7)
    };
    let offers = ["PIPELINING", "8BITMIME", "LIMITS RCPTMAX=1"];
    let mut connection = ready(&offers);
    let policy = at(Pipelining::Flight);
    let mut dialogue = wanting(&mut connection, policy, &envelope, again);
    dialogue.gives(HELLO);
    dialogue.written(usize::MAX);
    dialogue.gives(b"");
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 queued"]);
    dialogue.says(&["MAIL FROM:<a@x> BODY=8BITMIME", "RCPT TO:<2@x>", "DATA"]);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Rewind);
    dialogue.gives(b"not from the start");
    assert!(!dialogue.planner.wants_write());
    dialogue.planner.rewound();
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
    dialogue.gives(HELLO);
    dialogue.says(&["hello"]);
    dialogue.gives(b"");
    dialogue.says(&["."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &[QUEUED; 2]);
    dialogue.is_over();
}

#[test]
fn whoever_needs_another_transaction_is_deferred_if_the_content_can_be_read_once() {
    let envelope = to(&["1@x", "2@x", "3@x"]);
    let offers = ["PIPELINING", "8BITMIME", "LIMITS RCPTMAX=1"];
    let mut connection = ready(&offers);
    let policy = at(Pipelining::Flight);
    let mut dialogue = streaming(&mut connection, policy, &envelope, Outline::default());
    // Nobody took it in the first transaction, so it is whole for the second.
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "550 who?", "554 nobody"]);
    dialogue.says(&[
        "RSET",
        "MAIL FROM:<a@x> BODY=8BITMIME",
        "RCPT TO:<2@x>",
        "DATA",
    ]);
    dialogue.hears(&["250 ok", "250 ok", "250 ok", "354 go"]);
    assert_eq!(dialogue.planner.wanted(), Wanted::Chunk);
    dialogue.gives(HELLO);
    dialogue.written(usize::MAX);
    dialogue.gives(b"");
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 queued"]);
    let deferred = "deferred at queue: LimitReached(RcptMax)";
    dialogue.settles(0, &["refused at RCPT: 550 who?", QUEUED, deferred]);
    dialogue.is_over();
}

#[test]
fn the_transcript_has_the_size_of_the_content() {
    let (transcript, lines) = postrider_wire::Transcript::in_memory();
    let envelope = to(&["1@x"]);
    let mut connection = ready(EIGHT).with_transcript(transcript);
    let policy = at(Pipelining::Flight);
    let mut dialogue = wanting(&mut connection, policy, &envelope, Outline::default());
    dialogue.gives(HELLO);
    dialogue.written(usize::MAX);
    dialogue.gives(b"");
    let lines: Vec<_> = lines().iter().map(ToString::to_string).collect();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("7 octets of message")),
        "{lines:?}"
    );
}

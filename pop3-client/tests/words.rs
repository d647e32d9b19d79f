//! What errors say: which command, which message, and what is the matter; never a bare code.

#![allow(clippy::unwrap_used)]

mod common;

use common::n;
use postrider_pop3::{Local, Request, State, Violation};

#[test]
fn a_command_that_may_not_be_sent_is_named_with_the_reason() {
    let mechanism = postrider_wire::sasl::Mechanism::Plain;
    let request = Request::Stat;
    for (local, said) in [
        (
            Local::WrongState {
                request,
                state: State::Authorization,
            },
            "STAT may not be sent in the",
        ),
        (
            Local::InFlight {
                request,
                awaited: Request::Capa,
            },
            "STAT has to wait for the answer to CAPA",
        ),
        (Local::PassWithoutUser, "USER"),
        (Local::TooLateForStls, "STLS"),
        (Local::NoChallenge, "has not asked"),
        (Local::NoTimestamp, "APOP"),
        (Local::LineTooLong, "255 octets"),
        (Local::Mechanism(mechanism), "PLAIN takes another kind"),
    ] {
        assert!(local.to_string().contains(said), "{local}: {said}");
    }
}

#[test]
fn what_a_server_did_wrong_is_said_with_the_message_it_concerns() {
    for (violation, said) in [
        (Violation::LineTooLong { limit: 512 }, "512"),
        (Violation::NotAReply("220 mx".into()), "220 mx"),
        (Violation::Unsolicited("+OK".into()), "nobody asked"),
        (Violation::Duplicate(n(3)), "message 3 twice"),
        (
            Violation::OutOfRange {
                number: n(9),
                count: 2,
            },
            "message 9 of 2",
        ),
        (
            Violation::TooManyLines {
                request: Request::Uidl(None),
                limit: 10,
            },
            "10",
        ),
        (
            Violation::MessageTooLarge {
                number: n(4),
                limit: 99,
                listed: Some(9),
            },
            "message 4 is larger than 99 octets, though the server lists it with 9",
        ),
        (
            Violation::OutOfStep {
                request: Request::List(Some(n(4))),
                line: "+OK".to_owned(),
            },
            "out of step with the commands: \"+OK\" is none to LIST 4",
        ),
        (
            Violation::Truncated { request: None },
            "before its greeting",
        ),
        (
            Violation::Truncated {
                request: Some(Request::Retr(n(5))),
            },
            "RETR 5",
        ),
        (Violation::Closed, "closed"),
    ] {
        assert!(violation.to_string().contains(said), "{violation}: {said}");
    }
}

#[cfg(feature = "sync")]
#[test]
fn a_sync_that_ended_says_whether_and_when_another_may_help() {
    use postrider_pop3::sync::SyncError;
    use std::error::Error;
    use std::time::Duration;
    let disk = SyncError::from(std::io::Error::other("disk full"));
    assert!(!disk.is_retryable());
    assert_eq!(disk.retry_after(), None);
    assert_eq!(
        disk.to_string(),
        "the messages could not be stored, and nothing was deleted: disk full"
    );
    assert_eq!(disk.source().unwrap().to_string(), "disk full");
    let interrupted = SyncError::Interrupted;
    assert!(interrupted.is_retryable());
    assert_eq!(interrupted.retry_after(), Some(Duration::ZERO));
    assert_eq!(interrupted.to_string(), "the sync was interrupted");
    assert!(interrupted.source().is_none());
}

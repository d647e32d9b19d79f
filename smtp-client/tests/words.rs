//! What errors say: the stage, the reason, and never octets that move a cursor.

#![allow(clippy::unwrap_used)]

use postrider_smtp::{Connection, Error, ErrorKind, Limits, Misuse, Protocol, Stage, State};
use std::error::Error as _;
use std::sync::Arc;

fn said(kind: ErrorKind) -> String {
    Error::new(Stage::Mail, kind).to_string()
}

#[test]
fn an_error_says_what_is_the_matter_with_the_mail() {
    let size = said(ErrorKind::TooLarge {
        size: 12,
        limit: 10,
    });
    assert!(
        size.contains("12 octets, and the server takes 10"),
        "{size}"
    );
    let bare = said(ErrorKind::BareLineEnd { offset: 17 });
    assert!(bare.contains("CR or LF alone at octet 17"), "{bare}");
    let io = std::io::Error::other("gone\r\n\u{1b}[2J");
    let io = said(ErrorKind::Io(Arc::new(io)));
    assert!(
        io.contains("gone") && !io.contains(char::is_control),
        "{io:?}"
    );
}

#[test]
fn a_command_that_is_not_permitted_says_why() {
    for (misuse, words) in [
        (
            Misuse::State(State::Closed),
            "not permitted in the state Closed",
        ),
        (Misuse::AwaitReply, "a reply must be received first"),
        (Misuse::LineTooLong, "too long"),
    ] {
        assert!(misuse.to_string().contains(words), "{misuse}");
        assert!(said(ErrorKind::Misuse(misuse)).contains(words));
    }
}

#[test]
fn what_lies_below_an_error_can_be_asked_for() {
    let io = Arc::new(std::io::Error::other("gone"));
    let error = Error::new(Stage::Mail, ErrorKind::Io(io));
    assert_eq!(error.source().unwrap().to_string(), "gone");
    assert!(
        Error::new(Stage::Mail, ErrorKind::Closed)
            .source()
            .is_none()
    );
}

#[test]
fn a_connection_that_ends_before_its_time_is_an_error_once() {
    let mut connection = Connection::new(Protocol::Smtp, Limits::default());
    let error = connection.closed().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
    assert!(connection.closed().is_ok(), "it is closed already");
}

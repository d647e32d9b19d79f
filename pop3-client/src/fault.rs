//! What can go wrong between us and the server: `Local` if we broke the protocol, `Violation` if the server did.

use crate::{MessageNumber, Request, State};
use postrider_wire::sasl::{Mechanism, SaslError};
use std::fmt;

/// A command that may not be sent. Nothing was written, nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Local {
    /// The command does not belong into this state (RFC 1939 §4–6).
    WrongState {
        /// The command.
        request: Request,
        /// The state.
        state: State,
    },
    /// Another command is in flight, and one of the two cannot share (RFC 2449 §6.6), or the server has no PIPELINING.
    InFlight {
        /// The command.
        request: Request,
        /// The command whose answer must come first.
        awaited: Request,
    },
    /// PASS without an accepted USER before it (RFC 1939 §7).
    PassWithoutUser,
    /// STLS twice, or after UTF8 (RFC 2595 §4, RFC 6856 §2).
    TooLateForStls,
    /// [`respond`](crate::Connection::respond) without a challenge.
    NoChallenge,
    /// APOP, but the greeting had no timestamp that is a message-id (RFC 1939 §7).
    NoTimestamp,
    /// The command line would be longer than 255 octets (RFC 2449 §4).
    LineTooLong,
    /// The mechanism does not accept credentials of this kind.
    Mechanism(Mechanism),
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongState { request, state } => {
                write!(f, "{request} may not be sent in the {state} state")
            }
            Self::InFlight { request, awaited } => {
                write!(f, "{request} has to wait for the answer to {awaited}")
            }
            Self::PassWithoutUser => f.write_str("PASS needs an accepted USER before it"),
            Self::TooLateForStls => f.write_str("STLS may be sent once, and not after UTF8"),
            Self::NoChallenge => f.write_str("the server has not asked anything"),
            Self::NoTimestamp => f.write_str("the server's greeting has no timestamp for APOP"),
            Self::LineTooLong => f.write_str("the command line would be longer than 255 octets"),
            Self::Mechanism(mechanism) => {
                write!(f, "{mechanism} takes another kind of credentials")
            }
        }
    }
}

impl std::error::Error for Local {}

/// The server broke the protocol. The connection cannot be used any further.
///
/// What the server sent is escaped and shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A line longer than [`Limits::status_line`](crate::Limits::status_line).
    LineTooLong {
        /// The limit in octets.
        limit: usize,
    },
    /// Neither `+OK` nor `-ERR`.
    NotAReply(String),
    /// Bytes that answer nothing: a second reply, or one before its command. As much of the line as has arrived.
    Unsolicited(String),
    /// With several commands in flight: no answer to this one. One before it is missing, or there is one too many.
    OutOfStep {
        /// The command whose turn it was.
        request: Request,
        /// What came instead.
        line: String,
    },
    /// Numbers that are none, or a unique-id with forbidden bytes.
    Unreadable {
        /// What was asked.
        request: Request,
        /// The line.
        line: String,
    },
    /// A message number that is listed twice.
    Duplicate(MessageNumber),
    /// A message number beyond the count of STAT.
    OutOfRange {
        /// The number.
        number: MessageNumber,
        /// The count.
        count: u32,
    },
    /// More lines than [`Limits`](crate::Limits) or STAT allow.
    TooManyLines {
        /// What was asked.
        request: Request,
        /// The limit.
        limit: usize,
    },
    /// A message larger than [`Limits::message`](crate::Limits::message) allows.
    MessageTooLarge {
        /// The message.
        number: MessageNumber,
        /// The limit in octets.
        limit: u64,
        /// Its size as LIST gave it, if it did.
        listed: Option<u64>,
    },
    /// Clear text after the server agreed to TLS: somebody may have put it there (RFC 2595 §4).
    ClearTextAfterStls,
    /// The server ended the connection in the middle of an answer.
    Truncated {
        /// What was asked; `None` for the greeting.
        request: Option<Request>,
    },
    /// The authentication dialogue went wrong.
    Sasl(SaslError),
    /// An earlier violation closed the session.
    Closed,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong { limit } => {
                write!(f, "the server sent a line longer than {limit} octets")
            }
            Self::NotAReply(line) => {
                write!(f, "the server's line is neither +OK nor -ERR: {line:?}")
            }
            Self::Unsolicited(line) => write!(f, "the server sent what nobody asked for: {line:?}"),
            Self::OutOfStep { request, line } => write!(
                f,
                "the server's answers are out of step with the commands: {line:?} is none to {request}"
            ),
            Self::Unreadable { request, line } => write!(
                f,
                "the server's answer to {request} is unreadable: {line:?}"
            ),
            Self::Duplicate(number) => write!(f, "the server listed message {number} twice"),
            Self::OutOfRange { number, count } => {
                write!(f, "the server listed message {number} of {count}")
            }
            Self::TooManyLines { request, limit } => {
                write!(
                    f,
                    "the server's answer to {request} has more than {limit} lines"
                )
            }
            Self::MessageTooLarge {
                number,
                limit,
                listed,
            } => {
                write!(f, "message {number} is larger than {limit} octets")?;
                match listed {
                    Some(listed) => write!(f, ", though the server lists it with {listed}"),
                    None => Ok(()),
                }
            }
            Self::ClearTextAfterStls => {
                f.write_str("the server sent clear text after it agreed to TLS")
            }
            Self::Truncated {
                request: Some(request),
            } => {
                write!(
                    f,
                    "the server closed the connection before its answer to {request} was complete"
                )
            }
            Self::Truncated { request: None } => {
                f.write_str("the server closed the connection before its greeting")
            }
            Self::Sasl(error) => error.fmt(f),
            Self::Closed => f.write_str("the session is closed"),
        }
    }
}

impl std::error::Error for Violation {}

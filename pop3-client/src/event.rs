use crate::{DropListing, MessageNumber, Reply, Request, ScanListing, UniqueIdListing};
use bytes::Bytes;

/// Something that the server said, whole and in order.
///
/// A command is answered in one of three ways: [`Accepted`](Event::Accepted); [`Refused`](Event::Refused); or
/// [`Began`](Event::Began), then what was asked for, then [`Finished`](Event::Finished). Before `Finished` nothing of it
/// is complete: a connection may break in the middle of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server's first line, if it is willing (RFC 1939 §4). An unwilling one is a `Refused` without a request.
    Greeting(Reply),
    /// `+OK`, and that is all.
    Accepted {
        /// What was asked.
        request: Request,
        /// The server's words.
        reply: Reply,
    },
    /// `-ERR`. Other commands in flight are not affected.
    Refused {
        /// What was asked; `None` if the greeting was the refusal.
        request: Option<Request>,
        /// The server's words.
        reply: Reply,
    },
    /// The server asks the SASL mechanism something: call [`Connection::respond`](crate::Connection::respond).
    Challenge,
    /// `+OK`, and what was asked for follows.
    Began {
        /// What was asked.
        request: Request,
        /// The server's words.
        reply: Reply,
    },
    /// The answer to STAT.
    DropListing(DropListing),
    /// A line of LIST.
    ScanListing(ScanListing),
    /// A line of UIDL.
    UniqueId(UniqueIdListing),
    /// A line of CAPA, LANG or a custom command, without its ending.
    Line(Bytes),
    /// A piece of a message (RETR, TOP), dots removed, line endings as sent. Never empty.
    Body {
        /// The message.
        number: MessageNumber,
        /// The piece.
        bytes: Bytes,
    },
    /// The answer is complete.
    Finished {
        /// What was asked.
        request: Request,
        /// Octets of the message (RETR, TOP); otherwise 0.
        octets: u64,
    },
}

//! Incoming mail: stored first, then judged, then acted upon.

mod action;
mod arrivals;
pub(crate) mod as_sent;
pub mod author;
mod automatic;
mod batch;
mod beginning;
mod body;
mod bounce;
pub mod calendar;
pub mod classify;
pub mod decide;
mod file;
pub mod involved;
mod leave;
pub mod mail;
pub mod policy;
pub mod processor;
pub(crate) mod query;
pub mod reader;
pub mod report;
mod round;
pub mod rule;
pub mod spam;
pub mod subject;
pub mod text;
mod tokens;
pub mod verdict;

pub(crate) use action::{table_of, webhook_address};
pub use policy::Policy;
pub use rule::InboundAction;
pub use verdict::ActionVerdict;

use crate::record::RecordKey;
use jiff::Timestamp;

/// The number of an inbound mail.
pub type InboundId = i64;

/// A mail just fetched, to be stored before anything else happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInbound {
    /// The POP3 account.
    pub account: String,
    /// The server's unique-id; `None` where the server has none.
    pub uidl: Option<String>,
    /// The mail, byte by byte as the server sent it.
    pub raw: Vec<u8>,
    /// SHA-256 of `raw`, in lower-case hex.
    pub sha256: String,
    /// Its Message-ID without angle brackets, if it has one.
    pub message_id: Option<String>,
    /// Actions go by the account: a copy in another account's mailbox is a mail of its own.
    pub apart: bool,
}

/// What storing a mail came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is new.
    New(InboundId),
    /// The same mail is stored already: under the same Message-ID, but for what servers added on its way, or octet for octet under
    /// the same unique-id of the same account.
    Duplicate(InboundId),
}

/// A stored mail that waits to be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// Its number.
    pub id: InboundId,
    /// When it was stored.
    pub received: Timestamp,
    /// Attempts at processing so far.
    pub attempts: u32,
    /// What was stored.
    pub what: NewInbound,
}

/// What kind of mail it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It begins something new.
    New,
    /// It answers a mail of ours, or is about a record.
    Reply,
    /// It forwards something.
    Forward,
    /// A delivery report.
    Bounce,
    /// Written by a machine: an automatic answer, our own mail, a loop.
    Auto,
    /// An answer to an invitation.
    Calendar,
    /// A server that we trust calls it spam.
    Spam,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Reply,
        Self::Forward,
        Self::Bounce,
        Self::Auto,
        Self::Calendar,
        Self::Spam,
    ];

    /// The word used in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reply => "reply",
            Self::Forward => "forward",
            Self::Bounce => "bounce",
            Self::Auto => "auto",
            Self::Calendar => "calendar",
            Self::Spam => "spam",
        }
    }
}

/// The state of an inbound mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InboundState {
    /// Waiting to be processed.
    Ready,
    /// An action was taken.
    Processed,
    /// Nothing was to be done, for the stated reason.
    Ignored,
    /// A person must look at it, for the stated reason.
    Held,
    /// Processing failed; it is tried again until attempts run out.
    Error,
}

impl InboundState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Ready,
        Self::Processed,
        Self::Ignored,
        Self::Held,
        Self::Error,
    ];

    /// The word used in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Processed => "processed",
            Self::Ignored => "ignored",
            Self::Held => "held",
            Self::Error => "error",
        }
    }
}

/// What processing a mail came to; written in the transaction that changes the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundOutcome {
    /// Which mail.
    pub id: InboundId,
    /// Its class.
    pub class: Class,
    /// How the record was found: `token`, `in_reply_to`, `record_number`, `message_id` (a report, or our own mail), `person` (who decided), `none`;
    /// with the evidence behind a colon.
    pub matched_by: String,
    /// The record it belongs to. For an insert in the same transaction, leave it `None`: the store fills it in.
    pub record: Option<RecordKey>,
    /// The new state.
    pub state: InboundState,
    /// Why.
    pub reason: String,
    /// The inbound action that was run, if any.
    pub action: Option<String>,
    /// What each action said, where actions were asked.
    pub verdicts: Vec<ActionVerdict>,
    /// When it is tried again, for [`InboundState::Error`].
    pub next_at: Option<Timestamp>,
}

/// A row of the inbound log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundRow {
    /// The mail, with `raw` left empty.
    pub mail: Inbound,
    /// Sender and subject as read from the mail, for lists.
    pub from: String,
    /// The subject.
    pub subject: String,
    /// How often the same mail came once more: by another account, or under another unique-id. It acts once.
    pub copies: u32,
    /// What processing came to; for a mail not yet processed the state is Ready.
    pub outcome: InboundOutcome,
}

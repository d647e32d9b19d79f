//! Events: something happened, and notifications may want to tell somebody.

use crate::record::{Fields, RecordKey};
use jiff::Timestamp;

/// The number of an event in its store.
pub type EventId = i64;

/// How an event came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A record was inserted. The name is `TABLE.inserted`.
    Inserted,
    /// A record was changed. The name is `TABLE.updated`.
    Updated,
    /// Somebody fired it by its registered name.
    Fired,
}

/// An event to be queued.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Its name: `incident.inserted`, `incident.escalated`.
    pub name: String,
    /// How it came about.
    pub kind: EventKind,
    /// The record it is about.
    pub record: Option<RecordKey>,
    /// First parameter, for recipients and templates.
    pub parm1: String,
    /// Second parameter.
    pub parm2: String,
    /// Who caused it: a user id or an address; empty if nobody did.
    pub actor: String,
    /// The record's fields at that moment. A journal field holds the entry just made, and is absent otherwise.
    pub current: Fields,
    /// The record's fields before the change; empty for an insert or a fired event.
    pub previous: Fields,
    /// A second event with the same key is not queued again.
    pub idempotency_key: Option<String>,
    /// Not to be processed before this moment.
    pub due: Option<Timestamp>,
}

/// An event in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number.
    pub id: EventId,
    /// When it was queued.
    pub created: Timestamp,
    /// It came of mail through a list: whoever caused it is not told by it, whatever a notification says (RFC 3834 §2).
    pub unanswered: bool,
    /// What was queued.
    pub what: NewEvent,
}

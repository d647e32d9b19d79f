//! The store: records, events, the outbox, the email log and inbound mail, in one place with one promise.
//!
//! What a method returned `Ok` for is on disk. Each method is one transaction. All of them block:
//! asynchronous callers run them on a blocking thread.

mod error;
mod sql;

pub use error::StoreError;
#[cfg(feature = "postgres")]
pub use sql::PostgresStore;
pub use sql::{DaemonLife, DaemonLock, SqliteStore, enqueue};

use crate::account::Rate;
use crate::attachment::{Attachment, AttachmentId, NewAttachment};
use crate::clock::later;
use crate::email_digest::{DigestOutcome, DueDigest};
use crate::event::{Event, EventId, NewEvent};
use crate::inbound::policy::Bounces;
use crate::inbound::{
    Inbound, InboundId, InboundOutcome, InboundRow, InboundState, NewInbound, Stored,
};
use crate::outgoing::{
    Attempt, Claimed, Completion, DeliveryId, DeliveryState, LogRow, Settlement,
};
use crate::record::{Change, JournalEntry, Record, RecordKey};
use crate::repeat::Firing;
use crate::suppression::Suppression;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// No more mails, events or digests are taken together once they have so many octets, so that they have room in memory.
pub(crate) const MOST_OCTETS: usize = 16 << 20;

/// What happens together or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Changes to records; each queues its `TABLE.inserted` or `TABLE.updated` event.
    pub changes: Vec<Change>,
    /// Events to queue beside those.
    pub events: Vec<NewEvent>,
    /// The events without a record that are about the one of a change, each by its place with the place of the change: they get its key and
    /// its fields.
    pub events_about: BTreeMap<usize, usize>,
    /// Whoever caused it is not told by its events: see [`Event::unanswered`](crate::event::Event::unanswered).
    pub unanswered: bool,
    /// Files to attach to records.
    pub attachments: Vec<NewAttachment>,
    /// Mails of ours that came back.
    pub bounces: Vec<Bounce>,
    /// What processing an inbound mail came to.
    pub inbound: Option<InboundOutcome>,
}

/// A mail of ours that came back, or that its recipient complained about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// Which.
    pub delivery: DeliveryId,
    /// The remote server's words, if it did not arrive: its state becomes `bounced`, and the words its reason.
    pub failed: Option<String>,
    /// The address, as we wrote to it, with why, and what the report says. Its hits count points: see [`Bounces`].
    pub suppression: Suppression,
    /// What bounces lead to.
    pub policy: Bounces,
}

/// What a [`Work`] came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The key of each changed record, in order.
    pub records: Vec<RecordKey>,
    /// The events queued: those of the changes first, then the others. An event whose idempotency key was there already gives the id of the first one.
    pub events: Vec<EventId>,
}

/// Which events of the past to list: those that are settled, oldest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter {
    /// Only those with a greater number: where the list before ended.
    pub after: EventId,
    /// Only those queued at this moment or later.
    pub since: Option<Timestamp>,
    /// Only those queued before.
    pub until: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// Which rows of the email log to list. Newest first.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Only this record's.
    pub record: Option<RecordKey>,
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only to this recipient.
    pub recipient: Option<String>,
    /// Only of this event.
    pub event: Option<EventId>,
    /// Only those with a smaller number: where the list before ended.
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: usize,
}

/// Which rows of the inbound log to list. Newest first.
#[derive(Clone, Debug, Default)]
pub struct InboundFilter {
    /// Only this mail.
    pub id: Option<InboundId>,
    /// Only in this state.
    pub state: Option<InboundState>,
    /// Only about this record.
    pub record: Option<RecordKey>,
    /// At most so many.
    pub limit: usize,
}

/// An account that is not to be used for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Until when.
    pub until: Timestamp,
    /// Why, in a sentence for an administrator.
    pub reason: String,
    /// How many failures in a row led to it; the next pause is longer.
    pub failures: u32,
}

impl Pause {
    /// Whether the account is to rest at this moment, if no pause is longer than `longest`: one that ends later was begun by a
    /// clock that was ahead and has been set since, and is over.
    pub fn holds(&self, now: Timestamp, longest: Duration) -> bool {
        now < self.until && self.until <= later(now, longest)
    }
}

/// What waits, and what was given up: a glance at a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Since when the oldest event waits that is due.
    pub event: Option<Timestamp>,
    /// Since when the oldest delivery waits that is due.
    pub delivery: Option<Timestamp>,
    /// Since when the oldest inbound mail waits that is due.
    pub inbound: Option<Timestamp>,
    /// Deliveries that were given up.
    pub dead: usize,
    /// Deliveries that were refused for good.
    pub failed: usize,
    /// Inbound mails that are held for a person.
    pub held: usize,
    /// The SMTP accounts that deliveries wait for, due or not.
    pub accounts: Vec<String>,
}

/// The records of a table, as far as they can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readable {
    /// Those that can be, by id.
    pub records: Vec<Record>,
    /// Those that another program, another version or a sick disk has spoilt, and what is wrong with each.
    pub spoilt: Vec<(RecordKey, String)>,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Events, with everything that came of them.
    pub events: usize,
    /// Inbound mails.
    pub inbound: usize,
}

/// A stored explanation: what happened to one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The event.
    pub event: Event,
    /// `ready`, `done` or `error`.
    pub state: String,
    /// The settlement as it was stored; mails carry their Message-ID but no raw bytes. `None` while the event waits.
    pub settlement: Option<Settlement>,
    /// The deliveries that came of it.
    pub deliveries: Vec<LogRow>,
}

/// Where everything is kept.
///
/// The implementations are interchangeable: `SqliteStore` on a file, or in memory for tests.
pub trait Store: Send + Sync {
    /// One record.
    fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError>;

    /// All records of a table, by id.
    fn records(&self, table: &str) -> Result<Vec<Record>, StoreError>;

    /// The same, where one that cannot be read does not stand in the way of the others.
    fn readable_records(&self, table: &str) -> Result<Readable, StoreError>;

    /// The records of a table in which a field has a value, or a list has it among its values, compared as text without ASCII case:
    /// users by address, members by group.
    fn records_where(
        &self,
        table: &str,
        field: &str,
        value: &str,
    ) -> Result<Vec<Record>, StoreError>;

    /// What a user has said about being told: their records of `notification_preference`, `notification_device` and
    /// `user_delegate`, by table and id.
    fn personal(&self, user: &str) -> Result<Vec<Record>, StoreError>;

    /// The journal entries of a record, oldest first.
    fn journal(&self, key: &RecordKey) -> Result<Vec<JournalEntry>, StoreError>;

    /// The attachments of a record, oldest first.
    fn attachments(&self, key: &RecordKey) -> Result<Vec<Attachment>, StoreError>;

    /// The octets of an attachment.
    fn attachment_content(&self, id: AttachmentId) -> Result<Option<Vec<u8>>, StoreError>;

    /// Does all of it in one transaction, and returns only when it is on disk.
    ///
    /// A change that changes nothing gives its key and queues no event. An event about a record that brings no fields gets
    /// the record's. An outcome for an inbound mail that is processed or ignored already is
    /// [`StoreError::AlreadyProcessed`], and then nothing at all is written.
    fn commit(&self, work: &Work) -> Result<Committed, StoreError>;

    /// Does several works, each whole or not at all, and waits for the disk once. An answer for each, in their order.
    fn commit_all(&self, works: &[Work]) -> Vec<Result<Committed, StoreError>> {
        works.iter().map(|work| self.commit(work)).collect()
    }

    /// The moment at which each repeated event was fired last.
    fn repeated(&self) -> Result<Vec<(String, Timestamp)>, StoreError>;

    /// Queues the events of a repeated event and notes their moment, in one transaction. False, and nothing is written, if another
    /// moment was noted meanwhile.
    fn repeat(&self, firing: &Firing) -> Result<bool, StoreError>;

    /// Events that are due, oldest first. One that cannot be read any more is settled, with the reason as its error.
    fn due_events(&self, now: Timestamp, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.due_events_heard(now, limit, &|_| true)
    }

    /// The same, where some events are not `heard` by anybody: those come without the fields of their records, which are not read
    /// then, and of which nobody learns that they cannot be.
    fn due_events_heard(
        &self,
        now: Timestamp,
        limit: usize,
        heard: &dyn Fn(&Event) -> bool,
    ) -> Result<Vec<Event>, StoreError>;

    /// Writes what became of events: matches, verdicts, mails and deliveries. An event that is settled already stays as it is.
    /// Mails with a [`Rank`](crate::outgoing::Rank) are compared with those that are not delivered yet: the loser is not queued,
    /// or skipped if it was, and its verdict names the winner.
    fn settle(&self, settlements: &[Settlement]) -> Result<(), StoreError>;

    /// Digests that are due, with as many of their parts as one mail may need, the oldest first. Fewer are given than are due
    /// once they have 16 MiB together.
    fn due_digests(&self, now: Timestamp, limit: usize) -> Result<Vec<DueDigest>, StoreError>;

    /// All digests that gather, due or not, without their parts; the one that is due first comes first.
    fn open_digests(&self) -> Result<Vec<DueDigest>, StoreError>;

    /// Ends digests: in one transaction their mail is queued and their parts are done with, each with its verdict. A digest that has
    /// more parts by now than its mail stays due; one that has ended already stays as it is. Gives how many ended.
    fn end_digests(&self, outcomes: &[DigestOutcome]) -> Result<usize, StoreError>;

    /// Claims deliveries of these accounts that are due: counts the attempt, opens its row, sets a lease.
    /// Deliveries whose lease ran out are due again; after three such crashes in a row they are dead. Expired ones are dead as well.
    /// Fewer are claimed than are due once they have 16 MiB together.
    fn claim(
        &self,
        accounts: &[&str],
        owner: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Accounts that have deliveries due.
    fn due_accounts(&self, now: Timestamp) -> Result<Vec<String>, StoreError>;

    /// Writes what attempts came to. Gives the deliveries whose lease was lost meanwhile: their attempt is recorded, their state is not changed.
    fn complete(
        &self,
        now: Timestamp,
        completions: &[Completion],
    ) -> Result<Vec<DeliveryId>, StoreError>;

    /// Makes leases last until `now + lease`, for a worker that sees its server move. Gives the deliveries whose lease was lost meanwhile.
    fn renew(
        &self,
        now: Timestamp,
        lease: Duration,
        held: &[(DeliveryId, i64)],
    ) -> Result<Vec<DeliveryId>, StoreError>;

    /// Gives claims back as if they had not been: no attempt is counted. They are due again at `next_at`, or else at once, and
    /// those that were never tried have their place again. Gives how many.
    fn release(
        &self,
        now: Timestamp,
        held: &[(DeliveryId, i64)],
        next_at: Option<Timestamp>,
    ) -> Result<usize, StoreError>;

    /// Takes up to `want` tokens from a bucket; one that is not there yet is full. Gives how many there were.
    fn take_tokens(
        &self,
        bucket: &str,
        rate: Rate,
        want: u32,
        now: Timestamp,
    ) -> Result<u32, StoreError>;

    /// Puts tokens back that were not used.
    fn return_tokens(&self, bucket: &str, tokens: u32) -> Result<(), StoreError>;

    /// The email log.
    fn log(&self, filter: &LogFilter) -> Result<Vec<LogRow>, StoreError>;

    /// Every attempt at a delivery, oldest first.
    fn attempts(&self, delivery: DeliveryId) -> Result<Vec<Attempt>, StoreError>;

    /// The message of a delivery, exactly as sent.
    fn raw_message(&self, delivery: DeliveryId) -> Result<Option<Vec<u8>>, StoreError>;

    /// The delivery of a Message-ID of ours (without angle brackets).
    fn delivery_by_message_id(&self, message_id: &str) -> Result<Option<LogRow>, StoreError>;

    /// The events about a record, oldest first.
    fn events_of(&self, key: &RecordKey) -> Result<Vec<EventId>, StoreError>;

    /// The events of the past that a filter lets through.
    fn past_events(&self, filter: &EventFilter) -> Result<Vec<EventId>, StoreError>;

    /// What happened to an event.
    fn explain(&self, event: EventId) -> Result<Option<Explanation>, StoreError>;

    /// What waits, and what was given up.
    fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError>;

    /// Makes deliveries that failed, died or wait due at once, as a new life: they expire, and wait between attempts, as if they had
    /// not been tried before. Gives how many.
    fn requeue(
        &self,
        deliveries: &[DeliveryId],
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<usize, StoreError>;

    /// Cancels deliveries that wait. Gives how many.
    fn cancel(&self, deliveries: &[DeliveryId]) -> Result<usize, StoreError>;

    /// Stores mails; they are on disk when this returns.
    fn store_inbound(
        &self,
        now: Timestamp,
        mails: &[NewInbound],
    ) -> Result<Vec<Stored>, StoreError> {
        self.store_fetched(now, "", mails, &[])
    }

    /// Stores fetched mails and adds lines to the end of the account's fetch journal, in one transaction; all of it is on disk
    /// when this returns.
    fn store_fetched(
        &self,
        now: Timestamp,
        account: &str,
        mails: &[NewInbound],
        journal: &[String],
    ) -> Result<Vec<Stored>, StoreError>;

    /// What fetching from an account remembers, in the order in which it was added.
    fn fetch_journal(&self, account: &str) -> Result<Vec<String>, StoreError>;

    /// Replaces all that fetching from an account remembers.
    fn replace_fetch_journal(&self, account: &str, journal: &[String]) -> Result<(), StoreError>;

    /// Takes inbound mails that are due for processing, oldest first, and counts the attempt before the work: what is
    /// returned says how many there were before. What is processed, ignored or held is not due. Fewer are taken than there are
    /// once they have 16 MiB together.
    fn due_inbound(&self, now: Timestamp, limit: usize) -> Result<Vec<Inbound>, StoreError>;

    /// One inbound mail, whole.
    fn inbound(&self, id: InboundId) -> Result<Option<Inbound>, StoreError>;

    /// The inbound log, newest first.
    fn inbound_log(&self, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        self.inbound_rows(&InboundFilter {
            limit,
            ..InboundFilter::default()
        })
    }

    /// The rows of the inbound log that a filter lets through.
    fn inbound_rows(&self, filter: &InboundFilter) -> Result<Vec<InboundRow>, StoreError>;

    /// Lets an ignored mail be judged anew: it is held, for the stated reason, until that has come to an outcome. False if it
    /// was not ignored.
    fn reopen_inbound(&self, id: InboundId, reason: &str) -> Result<bool, StoreError>;

    /// How many mails of this address, stored since a moment, were acted upon; those about one record, if it is given.
    fn acted_inbound(
        &self,
        author: &str,
        since: Timestamp,
        record: Option<&RecordKey>,
    ) -> Result<usize, StoreError>;

    /// The pause of an account, if it is paused.
    fn pause(&self, account: &str) -> Result<Option<Pause>, StoreError>;

    /// Pauses an account, or ends its pause.
    fn set_pause(&self, account: &str, pause: Option<&Pause>) -> Result<(), StoreError>;

    /// Suppresses an address: the newest reason counts, `since` stays that of the first, and the hits add up.
    fn suppress(&self, suppression: &Suppression) -> Result<(), StoreError>;

    /// The suppression that keeps mail of this account from an address at this moment, if there is one.
    fn suppressed(
        &self,
        address: &str,
        account: &str,
        now: Timestamp,
    ) -> Result<Option<Suppression>, StoreError>;

    /// All suppressions, those that are over included, by address.
    fn suppressions(&self) -> Result<Vec<Suppression>, StoreError>;

    /// Takes an address off the list, for all accounts. False if it was not on it.
    fn unsuppress(&self, address: &str) -> Result<bool, StoreError>;

    /// Forgets what is older than `before` and done with: settled events with their verdicts, mails and attempts, and inbound
    /// mail that was processed or ignored. An event is as old as the last of what happened: it was queued, it was due, an attempt
    /// at one of its mails ended; if that was due, or ended, more than a day from now, it was by a clock that was ahead, and does
    /// not count. What such a clock queued or received stays until that day. Records, their journals and what fetching remembers
    /// stay.
    /// What was forgotten no longer answers to its idempotency key, nor to a reply's In-Reply-To.
    fn trim(&self, before: Timestamp) -> Result<Trimmed, StoreError>;

    /// Writes records as they were elsewhere, with their times and journals, in one transaction. What is there under the same
    /// key is replaced. No event is queued: nobody is told about a record that only moved.
    fn restore(&self, records: &[(Record, Vec<JournalEntry>)]) -> Result<(), StoreError>;

    /// A setting that lives with the data, such as the key that signs reply tokens; made by `make` when it is not there yet.
    fn setting(&self, name: &str, make: &dyn Fn() -> Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// True if this process is the one that may do what only one may do at a time, such as reading a mailbox; it stays the one
    /// until it ends. On SQLite, where one daemon has the file, it always is.
    fn lead(&self, _role: &str) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// The store as it is now, to look things up in for a short while: it does not see what is written later, and each
    /// look costs less. `None` if there is no such thing.
    fn snapshot(&self) -> Result<Option<Arc<dyn Store>>, StoreError> {
        Ok(None)
    }

    /// A number that grows with every commit by anybody, also by another process: a cheap way to see that there may be work.
    fn change_counter(&self) -> Result<u64, StoreError>;

    /// Changes whenever this very value has written what may be work for somebody, so that a daemon beside it need not
    /// wait until it looks at the counter again. `None` if only the counter tells.
    fn written(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}

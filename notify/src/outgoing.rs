//! Outgoing mail on its way: what matching decided, what is queued, what became of each attempt.

use crate::email_digest::NewPart;
use crate::event::EventId;
use crate::record::RecordKey;
use jiff::Timestamp;
use std::time::Duration;

/// The number of a delivery: one mail to one recipient.
pub type DeliveryId = i64;

/// What became of one event: every notification that looked at it, with its verdict. Written in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The event.
    pub event: EventId,
    /// A row for each notification that waits for its name, or watches such changes of its table.
    pub matches: Vec<Match>,
    /// Set if the event could not be processed at all.
    pub error: Option<String>,
}

impl Settlement {
    /// Octets of what it queues, and of what it keeps for digests.
    pub(crate) fn octets(&self) -> usize {
        let mails = self.matches.iter().flat_map(|one| &one.mails);
        let parts = self.matches.iter().flat_map(|one| &one.digests);
        let of_part = |part: &NewPart| part.text.len() + part.html.as_deref().map_or(0, str::len);
        mails.map(|mail| mail.raw.len()).sum::<usize>() + parts.map(of_part).sum::<usize>()
    }
}

/// What one notification said to one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// The notification.
    pub notification: String,
    /// What it came to.
    pub verdict: MatchVerdict,
    /// Why: the first false term with the values it saw, the render error with file:line:column, …
    pub detail: String,
    /// A row for each person considered.
    pub recipients: Vec<RecipientVerdict>,
    /// The mails to be queued, one per recipient.
    pub mails: Vec<OutgoingMail>,
    /// What is kept for digests; empty in what is read back.
    pub digests: Vec<NewPart>,
}

/// What a notification came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchVerdict {
    /// Mail was queued, or kept for a digest.
    Matched,
    /// The condition was false.
    ConditionFalse,
    /// The notification is switched off.
    Inactive,
    /// Heavier ones of the same event took its place with everybody.
    WeightLost,
    /// Nobody was left to be told.
    NoRecipients,
    /// The content could not be rendered.
    RenderError,
    /// The condition could not be evaluated, or there is no account to go out by.
    Error,
}

impl MatchVerdict {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Matched,
        Self::ConditionFalse,
        Self::Inactive,
        Self::WeightLost,
        Self::NoRecipients,
        Self::RenderError,
        Self::Error,
    ];

    /// The word used in the store and in `explain`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::ConditionFalse => "condition_false",
            Self::Inactive => "inactive",
            Self::WeightLost => "weight_lost",
            Self::NoRecipients => "no_recipients",
            Self::RenderError => "render_error",
            Self::Error => "error",
        }
    }
}

/// What was decided about one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientVerdict {
    /// The address, as far as there is one.
    pub address: String,
    /// How the person came to be considered: `field assigned_to`, `group network`, `parm1`.
    pub via: String,
    /// `queued`, `user_inactive`, `no_address`, `invalid_address`, `excluded_actor`, `duplicate`, `suppressed`, `weight_lost`, …: one of [`WORDS`](Self::WORDS)
    pub verdict: &'static str,
    /// More, where there is more to say.
    pub detail: String,
}

impl RecipientVerdict {
    /// True if a mail was made, be it held or not.
    pub fn is_queued(&self) -> bool {
        matches!(self.verdict, "queued" | "quiet_hours")
    }

    /// The same for somebody whom a heavier mail tells instead.
    pub(crate) fn lost(&self, why: &str) -> Self {
        Self {
            verdict: "weight_lost",
            detail: why.to_owned(),
            ..self.clone()
        }
    }

    /// The same with the moment at which the digest is due.
    pub(crate) fn due(&self, at: Timestamp) -> Self {
        let due = format!("due {}", at.strftime("%Y-%m-%dT%H:%M:%SZ"));
        let detail = match self.detail.is_empty() {
            true => due,
            false => format!("{due}; {}", self.detail),
        };
        Self {
            detail,
            ..self.clone()
        }
    }

    /// The verdicts that are written. One that is read and is not among them was written by another version: it reads
    /// as `other`, with the word at the head of the detail.
    pub const WORDS: [&'static str; 22] = [
        "queued",
        "quiet_hours",
        "digest",
        "opted_out",
        "device_inactive",
        "device_filter",
        "device_schedule",
        "subscription_condition",
        "user_inactive",
        "user_notification_disabled",
        "group_inactive",
        "unknown_recipient",
        "no_address",
        "invalid_address",
        "excluded_actor",
        "own_address",
        "denied_domain",
        "suppressed",
        "duplicate",
        "weight_lost",
        "render_error",
        "error",
    ];
}

/// A mail ready to be queued: rendered once, one recipient, a Message-ID for life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMail {
    /// The Message-ID, without angle brackets.
    pub message_id: String,
    /// The envelope sender.
    pub sender: String,
    /// The envelope recipient.
    pub recipient: String,
    /// The subject, for the log.
    pub subject: String,
    /// The message, exactly as it will be sent.
    pub raw: Vec<u8>,
    /// The SMTP account.
    pub account: String,
    /// The record that it is about.
    pub record: Option<RecordKey>,
    /// After this moment it is not tried again.
    pub expires: Timestamp,
    /// Held until this moment, because a schedule is closed; `None` in what is read back.
    pub not_before: Option<Timestamp>,
    /// How it compares with other mails to the same person about the same record; `None` in what is read back.
    pub rank: Option<Rank>,
}

/// How a mail compares with others to the same person about the same record that are not delivered yet:
/// the heavier one goes out, and of two that are equally heavy and say the same, the earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rank {
    /// The weight of the notification, at least 1.
    pub weight: u16,
    /// Equal for mails that say the same.
    pub fingerprint: String,
    /// Only mails that were queued so shortly before are compared.
    pub window: Duration,
}

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Waiting for its first attempt.
    Ready,
    /// Waiting for a schedule to open; then it is ready.
    Held,
    /// A worker has it.
    Leased,
    /// Waiting for another attempt.
    Deferred,
    /// The server accepted it.
    Delivered,
    /// The server refused it for good.
    Failed,
    /// The connection was lost after the final dot; it will be sent again under the same Message-ID.
    Unknown,
    /// Given up: expired, or crashed three times.
    Dead,
    /// Cancelled by an operator.
    Cancelled,
    /// The server accepted it, and a report came later that it did not arrive.
    Bounced,
    /// A heavier mail took its place before it was sent.
    Skipped,
    /// Its recipient came onto the suppression list before it was sent.
    Suppressed,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 12] = [
        Self::Ready,
        Self::Held,
        Self::Leased,
        Self::Deferred,
        Self::Delivered,
        Self::Failed,
        Self::Unknown,
        Self::Dead,
        Self::Cancelled,
        Self::Bounced,
        Self::Skipped,
        Self::Suppressed,
    ];

    /// The word used in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Held => "held",
            Self::Leased => "leased",
            Self::Deferred => "deferred",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Bounced => "bounced",
            Self::Skipped => "skipped",
            Self::Suppressed => "suppressed",
        }
    }

    /// The mailbox of the email log that the state belongs to, as ServiceNow calls them: `Outbox`, `Sent`, `Failed`, `Skipped`.
    pub fn mailbox(self) -> &'static str {
        match self {
            Self::Ready | Self::Held | Self::Leased | Self::Deferred | Self::Unknown => "Outbox",
            Self::Delivered => "Sent",
            Self::Failed | Self::Dead | Self::Cancelled | Self::Bounced => "Failed",
            Self::Skipped | Self::Suppressed => "Skipped",
        }
    }

    /// True if it may still be sent, without anybody's doing.
    pub fn is_waiting(self) -> bool {
        self.mailbox() == "Outbox"
    }
}

/// A delivery that a worker has claimed: its attempt is counted and its attempt row is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The fence: a completion with an older epoch changes nothing.
    pub lease_epoch: i64,
    /// The open attempt row.
    pub attempt: i64,
    /// Attempts so far, this one included.
    pub attempts: u32,
    /// Those of them that were made before somebody put it back into the queue.
    pub earlier: u32,
    /// The mail.
    pub mail: OutgoingMail,
}

impl Claimed {
    /// Attempts since it was queued, or put back into the queue; this one included. The waits go by it.
    pub fn attempts_in_this_life(&self) -> u32 {
        self.attempts.saturating_sub(self.earlier)
    }
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The epoch it was claimed under.
    pub lease_epoch: i64,
    /// Its attempt row.
    pub attempt: i64,
    /// The new state: Delivered, Deferred, Failed, Unknown or Dead.
    pub state: DeliveryState,
    /// When it is tried again, for Deferred and Unknown.
    pub next_at: Option<Timestamp>,
    /// What happened on the wire.
    pub evidence: Evidence,
}

/// What happened on the wire, for the email log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// `host:port` of the server.
    pub peer: String,
    /// TLS version and cipher suite; empty in clear text.
    pub tls: String,
    /// The stage that decided: `connect`, `mail`, `rcpt`, `data`, `dot`, …
    pub stage: String,
    /// The reply code, 0 if there was no reply.
    pub code: u16,
    /// The enhanced status code, if there was one.
    pub enhanced: String,
    /// The server's own words, or our error.
    pub text: String,
}

/// A row of the email log: one delivery with its last attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When it was queued.
    pub created: Timestamp,
    /// Its state.
    pub state: DeliveryState,
    /// Why it is in that state, where the last attempt does not say it: `expired`, `poison`, `cancelled`, or the words of
    /// the report for Bounced; empty otherwise.
    pub reason: String,
    /// The event that caused it.
    pub event: EventId,
    /// The notification that made it.
    pub notification: String,
    /// Message-ID, sender, recipient, subject, account and record; `raw` is left empty.
    pub mail: OutgoingMail,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next; `None` if it is due at once, or not tried any more.
    pub next_at: Option<Timestamp>,
    /// The last attempt that ended.
    pub last: Option<Evidence>,
}

/// One attempt at a delivery, as the email log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number in the store.
    pub id: i64,
    /// Counted from 1 for each delivery.
    pub n: u32,
    /// Who made it.
    pub owner: String,
    /// When it was claimed.
    pub started: Timestamp,
    /// When it ended; `None` while it is under way.
    pub ended: Option<Timestamp>,
    /// What it came to: the state that it asked for, or `crashed`; empty while it is under way.
    pub outcome: String,
    /// True if it ended when somebody else had the delivery already, so that it changed no state.
    pub late: bool,
    /// What happened on the wire.
    pub evidence: Evidence,
}

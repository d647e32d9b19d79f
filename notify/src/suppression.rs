//! The suppression list: addresses that get no mail, for a reason, for a while.

use jiff::Timestamp;

/// An address that gets no mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The address, compared without ASCII case.
    pub address: String,
    /// The SMTP account that it is suppressed for; all of them if unset.
    pub account: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The server's words, the mail that asked for it, the administrator's remark.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; for good if unset.
    pub until: Option<Timestamp>,
    /// How many times there was a reason.
    pub hits: u32,
}

impl Suppression {
    /// Whether the address gets no mail at this moment. A bounce may be counted before there are enough of them, and a
    /// suppression that is over is remembered.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Why an address gets no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It does not exist: a reply such as 5.1.1, or a delivery report that says so.
    Hard,
    /// Mail to it failed again and again.
    Soft,
    /// Its owner called our mail spam.
    Complaint,
    /// An administrator decided it.
    Manual,
    /// Its owner unsubscribed.
    Unsubscribe,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 5] = [
        Self::Hard,
        Self::Soft,
        Self::Complaint,
        Self::Manual,
        Self::Unsubscribe,
    ];

    /// The word used in the store and in `explain`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
            Self::Complaint => "complaint",
            Self::Manual => "manual",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

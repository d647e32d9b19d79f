//! Email digests: what several notifications would have said to one person, in one mail.
//!
//! A digest opens with the first event that somebody is to hear of by it, and is due one interval later. Until then its parts are
//! kept in the store, as they were rendered when the events happened. When it is due, the person is looked at again: who has
//! switched the notification off meanwhile, or is suppressed, is not told. The mail and the end of its parts are one
//! transaction, so that no part is lost and none is told twice. Where one mail cannot hold all parts, it tells the first ones, and
//! those behind are due at once. A digest is of one person, also where two share an address.

use crate::event::EventId;
use crate::notification::{Delivery, Notification};
use crate::outgoing::OutgoingMail;
use crate::record::{Fields, RecordKey};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// The shortest time that parts are gathered.
pub const SHORTEST: Duration = Duration::from_secs(60 * 60);

/// The longest.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The number of a digest in its store.
pub type DigestId = i64;

/// How a notification is told in digests (`[notification.NAME.digest]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How long parts are gathered, from the first one on: one hour to seven days. A person may choose another time.
    pub interval: Duration,
    /// Whoever has chosen nothing is told in digests.
    pub by_default: bool,
    /// What one digest is about.
    pub scope: Scope,
    /// Stands between the parts in HTML.
    pub separator_html: String,
    /// Stands between the parts in plain text.
    pub separator_text: String,
    /// The name of a template: `incident_digest` stands for `incident_digest.html` and `incident_digest.txt`, whichever exist.
    pub template: Option<String>,
}

/// What one digest is about; ServiceNow calls it the digest's type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// One record.
    Single,
    /// All of them.
    #[default]
    Multiple,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            interval: SHORTEST,
            by_default: false,
            scope: Scope::Multiple,
            separator_html: "<hr>".to_owned(),
            separator_text: "-".repeat(70),
            template: None,
        }
    }
}

/// What one event contributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The event.
    pub event: EventId,
    /// The record that it was about.
    pub record: Option<RecordKey>,
    /// The subject that a mail of its own would have had.
    pub subject: String,
    /// Its HTML, if the notification has any.
    pub html: Option<String>,
    /// Its text.
    pub text: String,
    /// When it was kept.
    pub created: Timestamp,
}

/// A part to be kept, for a digest that is opened if there is none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPart {
    /// The user, if the address belongs to one.
    pub user: Option<String>,
    /// Where they are told.
    pub address: String,
    /// How they came to be told.
    pub via: String,
    /// The record that the whole digest is about, if it is about one.
    pub about: Option<RecordKey>,
    /// How long parts are gathered, if this is the first one.
    pub interval: Duration,
    /// The record that the event was about.
    pub record: Option<RecordKey>,
    /// The subject that a mail of its own would have had.
    pub subject: String,
    /// Its HTML.
    pub html: Option<String>,
    /// Its text.
    pub text: String,
}

/// A digest that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDigest {
    /// Its number.
    pub id: DigestId,
    /// The notification.
    pub notification: String,
    /// The user, if the address belonged to one.
    pub user: Option<String>,
    /// Where they were to be told.
    pub address: String,
    /// How they came to be told.
    pub via: String,
    /// The record that it is about, if it is about one.
    pub about: Option<RecordKey>,
    /// When its first part was kept.
    pub opened: Timestamp,
    /// When it is due.
    pub due: Timestamp,
    /// How many parts it has.
    pub count: usize,
    /// The parts, the oldest first; those that were read, which may be the first ones only.
    pub parts: Vec<Part>,
}

/// What became of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestOutcome {
    /// Which.
    pub digest: DigestId,
    /// How many parts it had. If it has more by now, nothing is written, and it is due again with all of them.
    pub parts: usize,
    /// How many of them, from the first one on, this is about. The others wait for the next mail.
    pub ended: usize,
    /// `digest` where a mail is queued, else why not: one of [`RecipientVerdict::WORDS`](crate::outgoing::RecipientVerdict::WORDS).
    pub verdict: &'static str,
    /// More, where there is more to say.
    pub detail: String,
    /// The mail.
    pub mail: Option<OutgoingMail>,
}

/// How long parts are gathered for somebody who said this about a notification; `None` tells them of each event at once.
pub(crate) fn interval(
    notification: &Notification,
    preference: Option<&Fields>,
) -> Option<Duration> {
    let digest = notification.digest.as_ref()?;
    let chosen = preference.and_then(|fields| fields.get("digest")?.as_str());
    let chosen = chosen.filter(|_| notification.delivery != Delivery::Forced);
    match chosen.map(Wish::parse) {
        Some(Some(Wish::Never)) => None,
        Some(Some(Wish::Usual)) => Some(digest.interval),
        Some(Some(Wish::Every(interval))) => Some(interval),
        Some(None) | None => digest.by_default.then_some(digest.interval),
    }
}

/// What somebody says about digests, in the field `digest` of their preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// `off`: a mail for each event.
    Never,
    /// `on`: digests as the notification has them.
    Usual,
    /// `4h`: digests of so long.
    Every(Duration),
}

impl Wish {
    /// Reads `off`, `on`, or a time from `1h` to `7d`; `None` for anything else, such as nothing at all.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Never),
            "on" => Some(Self::Usual),
            text => crate::config::period(text)
                .filter(|period| (SHORTEST..=LONGEST).contains(period))
                .map(Self::Every),
        }
    }

    /// As it stands in the preference. A time is written in hours.
    pub fn value(self) -> Value {
        match self {
            Self::Never => Value::from("off"),
            Self::Usual => Value::from("on"),
            Self::Every(period) => Value::from(format!("{}h", period.as_secs() / 3_600)),
        }
    }
}

/// What stands between `<body>` and `</body>`, so that several documents become one; all of it where there is no such element.
pub(crate) fn inner_html(document: &str) -> &str {
    let lower = document.to_ascii_lowercase();
    let begin = lower.find("<body").and_then(|at| {
        let end = lower.get(at..)?.find('>')?;
        Some(at + end + 1)
    });
    let begin = begin.unwrap_or(0);
    let end = lower.rfind("</body").filter(|end| *end >= begin);
    document
        .get(begin..end.unwrap_or(document.len()))
        .unwrap_or(document)
        .trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_on_off_or_a_time_from_an_hour_to_a_week() {
        let hours = |hours: u64| Some(Wish::Every(Duration::from_secs(hours * 3_600)));
        assert_eq!(Wish::parse("off"), Some(Wish::Never));
        assert_eq!(Wish::parse("on"), Some(Wish::Usual));
        assert_eq!(Wish::parse("1h"), hours(1));
        assert_eq!(Wish::parse("7d"), hours(168));
        for bad in ["", "59m", "8d", "daily", "1"] {
            assert_eq!(Wish::parse(bad), None, "{bad}");
        }
        assert_eq!(Wish::Every(LONGEST).value(), "168h");
    }

    #[test]
    fn several_documents_become_one() {
        let document = "<html><BODY class=\"a\">\n<p>One</p>\n</Body></html>";
        assert_eq!(inner_html(document), "<p>One</p>");
        assert_eq!(inner_html("<p>Ünï</p>"), "<p>Ünï</p>");
        assert_eq!(inner_html("<body"), "<body");
        assert_eq!(inner_html("</body><body>x"), "x");
    }
}

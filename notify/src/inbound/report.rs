//! Reports about mails of ours: that one did not arrive (RFC 3464), or that somebody calls it spam (RFC 5965).
//!
//! What a report says is kept in its own words. Whether it is about a mail of ours is decided elsewhere, by a Message-ID that
//! nobody can guess.

use super::bounce;
use postrider_mime::{Message, RecipientStatus};
use std::fmt;

/// What a report about a mail of ours says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The Message-IDs of the mail that it is about, as far as that mail came along: each candidate once.
    pub originals: Vec<String>,
    /// What became of each recipient.
    pub recipients: Vec<Reported>,
    /// The recipient called the mail spam.
    pub complaint: bool,
    /// What kind of report: `RFC 3464`, `RFC 5965`, or the program whose habit it follows.
    pub kind: &'static str,
}

/// What became of a mail for one recipient, in a report's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Whom the mail was for.
    pub address: String,
    /// Whom it was for at first, where that was said.
    pub original: String,
    /// What was done: `failed`, `delayed`, `delivered`, `relayed`, `expanded`, `complained`.
    pub action: String,
    /// The enhanced status code; empty without one.
    pub status: String,
    /// The server that said so; empty without one.
    pub remote: String,
    /// The server's own words.
    pub words: String,
}

impl Reported {
    /// True if it is about this address.
    pub fn is_about(&self, address: &str) -> bool {
        let is = |one: &str| one.eq_ignore_ascii_case(address);
        is(&self.address) || is(&self.original)
    }

    /// True if it is about somebody of the domain of this address, or does not say about whom.
    pub fn may_be_of_domain_of(&self, address: &str) -> bool {
        let domain = |address: &str| {
            let domain = address
                .rsplit_once('@')
                .map_or(address, |(_, domain)| domain);
            domain.to_ascii_lowercase()
        };
        let mut named = [self.address.as_str(), self.original.as_str()]
            .into_iter()
            .filter(|one| !one.is_empty())
            .peekable();
        named.peek().is_none() || named.any(|one| domain(one) == domain(address))
    }

    /// Status, server and words in one line.
    pub fn said(&self) -> String {
        let server = match self.remote.as_str() {
            "" => String::new(),
            remote => format!("{remote}:"),
        };
        let parts = [self.status.as_str(), &server, &self.words];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }
}

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [&self.address, &self.action, &self.status];
        let words = words.into_iter().filter(|word| !word.is_empty());
        f.write_str(&words.map(String::as_str).collect::<Vec<_>>().join(" "))
    }
}

/// Recipients that are named in a sentence; of the others it says how many they are.
const NAMED: usize = 20;

impl Report {
    /// What became of the recipients, in one line.
    pub(super) fn said(&self) -> String {
        let (named, others) = self.recipients.split_at(self.recipients.len().min(NAMED));
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        match others.len() {
            0 => named.join(", "),
            others => format!("{} and {others} more", named.join(", ")),
        }
    }

    /// The report in a message, if it is one about a delivery or a complaint (RFC 6522 §3), or looks like a bounce.
    pub(super) fn read(message: &Message<'_>) -> Option<Self> {
        if !message.root().content_type().is("multipart", "report") {
            return bounce::read(message);
        }
        let (recipients, complaint, kind): (Vec<_>, _, _) = match message.report() {
            Some(postrider_mime::Report::Delivery(status)) => {
                let recipients = status.recipients.iter().map(Reported::of);
                (recipients.collect(), false, "RFC 3464")
            }
            Some(postrider_mime::Report::Feedback(feedback)) => {
                let to = feedback.original_rcpt_to.into_iter();
                (to.map(Reported::complained).collect(), true, "RFC 5965")
            }
            Some(_) => return None,
            None => return bounce::read(message),
        };
        Some(Self {
            originals: originals(message),
            recipients,
            complaint,
            kind,
        })
    }
}

/// The Message-ID of the mail that came along, whole or only its header.
pub(super) fn originals(message: &Message<'_>) -> Vec<String> {
    let returned = message.returned_message();
    let id = returned.and_then(|m| m.message_id().map(|id| id.into_owned()));
    id.into_iter().collect()
}

impl Reported {
    fn of(status: &RecipientStatus) -> Self {
        let value = |typed: Option<&postrider_mime::Typed>| {
            typed.map_or_else(String::new, |typed| line(&typed.value))
        };
        let address = status.final_recipient.as_ref();
        let address = address.or(status.original_recipient.as_ref());
        let action = status.action;
        let action = action.map(|action| format!("{action:?}").to_lowercase());
        let code = status.status.map(|code| code.to_string());
        Self {
            address: value(address),
            original: value(status.original_recipient.as_ref()),
            action: action.unwrap_or_default(),
            status: code.unwrap_or_default(),
            remote: value(status.remote_mta.as_ref()),
            words: value(status.diagnostic_code.as_ref()),
        }
    }

    fn complained(address: String) -> Self {
        let address = line(&address);
        let bare = address.trim_start_matches('<').trim_end_matches('>');
        Self {
            address: bare.trim().to_owned(),
            action: "complained".to_owned(),
            ..Self::default()
        }
    }
}

/// On one line, without controls, no longer than anybody reads.
pub(super) fn line(text: &str) -> String {
    const KEEP: usize = 500;
    let words = text.split(|c: char| c.is_control() || c == ' ');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(KEEP).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_recipients_the_first_are_named_and_the_others_counted() {
        let reported = |n: usize| Reported {
            address: format!("u{n}@b.example"),
            action: "failed".to_owned(),
            ..Reported::default()
        };
        let report = |count| Report {
            recipients: (0..count).map(reported).collect(),
            ..Report::default()
        };
        assert_eq!(report(2).said(), "u0@b.example failed, u1@b.example failed");
        assert!(report(20).said().ends_with("u19@b.example failed"));
        assert!(
            report(23)
                .said()
                .ends_with("u19@b.example failed and 3 more")
        );
    }
}

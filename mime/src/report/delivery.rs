//! Delivery status notifications (RFC 3464).
//!
//! ```text
//! delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields )
//! ```
//!
//! We also accept recipient fields in the first block, blocks without the fields that are required, blocks in any number,
//! and other words for an action (`error`), because a bounce has to be understood whoever wrote it.

use std::fmt;
use std::str::FromStr;

use super::fields::{Block, Typed, blocks};
use crate::date_time::DateTime;

/// What became of a delivery (RFC 3464 §2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryStatus {
    /// Who reports (§2.2.2).
    pub reporting_mta: Option<Typed>,
    /// The ENVID that the sender gave (§2.2.1).
    pub original_envelope_id: Option<String>,
    /// Who handed the message over (§2.2.4).
    pub received_from_mta: Option<Typed>,
    /// When it arrived there (§2.2.5).
    pub arrival_date: Option<DateTime>,
    /// What became of it for each recipient (§2.3).
    pub recipients: Vec<RecipientStatus>,
}

/// What became of a message for one recipient (RFC 3464 §2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecipientStatus {
    /// The recipient as the sender named it (§2.3.1).
    pub original_recipient: Option<Typed>,
    /// The recipient that it is about (§2.3.2).
    pub final_recipient: Option<Typed>,
    /// What was done (§2.3.3).
    pub action: Option<Action>,
    /// Why, as a code (§2.3.4).
    pub status: Option<StatusCode>,
    /// Who refused it (§2.3.5).
    pub remote_mta: Option<Typed>,
    /// Why, in the words of whoever refused it (§2.3.6).
    pub diagnostic_code: Option<Typed>,
    /// When it was tried last (§2.3.7).
    pub last_attempt_date: Option<DateTime>,
    /// Until when it will be tried (§2.3.9).
    pub will_retry_until: Option<DateTime>,
}

/// What was done with a message for a recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// It could not be delivered.
    Failed,
    /// It could not be delivered yet.
    Delayed,
    /// It was delivered.
    Delivered,
    /// It was handed to a system that sends no such reports.
    Relayed,
    /// It was delivered to a list or the like.
    Expanded,
}

impl Action {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "failed" | "failure" | "error" => Self::Failed,
            "delayed" => Self::Delayed,
            "delivered" => Self::Delivered,
            "relayed" => Self::Relayed,
            "expanded" => Self::Expanded,
            _ => return None,
        })
    }
}

/// An enhanced status code (RFC 3463): `5.1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusCode {
    /// 2: it went well; 4: it may go well later; 5: it will not.
    pub class: u8,
    /// What it is about.
    pub subject: u16,
    /// What it is, exactly.
    pub detail: u16,
}

impl StatusCode {
    /// Whether trying again cannot help.
    pub fn is_permanent(self) -> bool {
        self.class == 5
    }
}

impl FromStr for StatusCode {
    type Err = ();

    /// ```text
    /// status-code = ("2" / "4" / "5") "." 1*3DIGIT "." 1*3DIGIT
    /// ```
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.trim().splitn(3, '.').map(|n| {
            let digits = n.bytes().all(|b| b.is_ascii_digit()) && (1..=3).contains(&n.len());
            n.parse::<u16>().ok().filter(|_| digits)
        });
        let mut next = || numbers.next().flatten().ok_or(());
        let (class, subject, detail) = (next()?, next()?, next()?);
        match class {
            2 | 4 | 5 => Ok(Self {
                class: class as u8,
                subject,
                detail,
            }),
            _ => Err(()),
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl DeliveryStatus {
    pub(super) fn parse(content: &[u8]) -> Self {
        let blocks = blocks(content);
        let mut status = Self::default();
        if let Some(first) = blocks.first() {
            status.reporting_mta = first.typed("Reporting-MTA");
            status.original_envelope_id = first.text("Original-Envelope-Id");
            status.received_from_mta = first.typed("Received-From-MTA");
            status.arrival_date = first.date("Arrival-Date");
        }
        status.recipients.extend(
            blocks
                .iter()
                .filter(|b| is_recipient(b))
                .map(RecipientStatus::read),
        );
        status
    }
}

fn is_recipient(block: &Block<'_>) -> bool {
    ["Final-Recipient", "Original-Recipient", "Action"]
        .into_iter()
        .any(|name| block.has(name))
}

impl RecipientStatus {
    fn read(block: &Block<'_>) -> Self {
        Self {
            original_recipient: block.typed("Original-Recipient"),
            final_recipient: block.typed("Final-Recipient"),
            action: block.word("Action").as_deref().and_then(Action::of),
            status: block.word("Status").and_then(|word| word.parse().ok()),
            remote_mta: block.typed("Remote-MTA"),
            diagnostic_code: block.typed("Diagnostic-Code"),
            last_attempt_date: block.date("Last-Attempt-Date"),
            will_retry_until: block.date("Will-Retry-Until"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3464_e_1_a_simple_dsn() {
        let status = DeliveryStatus::parse(
            b"Reporting-MTA: dns; cs.utk.edu\r\n\r\n\
            Original-Recipient: rfc822;louisl@larry.slip.umd.edu\r\n\
            Final-Recipient: rfc822;louisl@larry.slip.umd.edu\r\n\
            Action: failed\r\nStatus: 4.0.0\r\n\
            Diagnostic-Code: smtp; 426 connection timed out\r\n\
            Last-Attempt-Date: Thu, 7 Jul 1994 17:15:49 -0400\r\n",
        );
        assert_eq!(status.reporting_mta.unwrap().value, "cs.utk.edu");
        let [recipient] = status.recipients.as_slice() else {
            panic!("one recipient")
        };
        assert_eq!(recipient.final_recipient.as_ref().unwrap().kind, "rfc822");
        assert_eq!(recipient.action, Some(Action::Failed));
        assert_eq!(recipient.status.unwrap().to_string(), "4.0.0");
        assert!(!recipient.status.unwrap().is_permanent());
        assert_eq!(
            recipient.diagnostic_code.as_ref().unwrap().value,
            "426 connection timed out"
        );
        assert_eq!(
            recipient.last_attempt_date.unwrap().to_rfc3339(),
            "1994-07-07T21:15:49Z"
        );
    }

    #[test]
    fn loose_reports_are_understood() {
        let status = DeliveryStatus::parse(b"Final-Recipient: <a@b>\nAction: FAILED (really)\nStatus: 5.1.1 (no)\n\n\n\nAction: odd\n");
        let [first, second] = status.recipients.as_slice() else {
            panic!("two recipients")
        };
        assert_eq!(first.final_recipient.as_ref().unwrap().value, "a@b");
        assert_eq!(
            (first.action, first.status.unwrap().is_permanent()),
            (Some(Action::Failed), true)
        );
        assert_eq!(*second, RecipientStatus::default());
        for (word, action) in [
            ("failure", Some(Action::Failed)),
            ("Error", Some(Action::Failed)),
            ("errors", None),
        ] {
            let status = DeliveryStatus::parse(format!("Action: {word}\n").as_bytes());
            assert_eq!(status.recipients[0].action, action, "{word}");
        }
    }

    #[test]
    fn rfc3463_2_codes() {
        assert_eq!(
            "5.7.509".parse(),
            Ok(StatusCode {
                class: 5,
                subject: 7,
                detail: 509
            })
        );
        for text in ["", "5", "5.1", "3.1.1", "5.1.1.1", "5.+1.1", "5.1.1000"] {
            assert!(text.parse::<StatusCode>().is_err(), "{text}");
        }
    }

    #[test]
    fn rfc3464_2_3_3_actions() {
        for (word, action) in [
            ("failed", Action::Failed),
            ("delayed", Action::Delayed),
            ("delivered", Action::Delivered),
            ("relayed", Action::Relayed),
            ("expanded", Action::Expanded),
        ] {
            let status = DeliveryStatus::parse(format!("Action: {word}\r\n").as_bytes());
            assert_eq!(status.recipients[0].action, Some(action));
        }
    }
}

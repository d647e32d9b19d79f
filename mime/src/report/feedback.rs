//! Complaints: the Abuse Reporting Format (RFC 5965).

use super::fields::{Typed, blocks};
use crate::date_time::DateTime;

/// A complaint about a message (RFC 5965 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedbackReport {
    /// `abuse`, `fraud`, `virus`, `not-spam`, `other`, …, in lower case (§7.3).
    pub feedback_type: Option<String>,
    /// The program that reports.
    pub user_agent: Option<String>,
    /// The ENVID that the sender gave.
    pub original_envelope_id: Option<String>,
    /// The reverse path of the message.
    pub original_mail_from: Option<String>,
    /// The recipients of the message.
    pub original_rcpt_to: Vec<String>,
    /// When it arrived; `Received-Date` is the old name.
    pub arrival_date: Option<DateTime>,
    /// Where it came from.
    pub source_ip: Option<String>,
    /// Who reports.
    pub reporting_mta: Option<Typed>,
    /// The domains that the report names as to blame.
    pub reported_domain: Vec<String>,
    /// The addresses in the message that the report names.
    pub reported_uri: Vec<String>,
    /// How many complaints this one stands for.
    pub incidents: Option<u32>,
}

impl FeedbackReport {
    pub(super) fn parse(content: &[u8]) -> Self {
        let blocks = blocks(content);
        let Some(block) = blocks.first() else {
            return Self::default();
        };
        let texts = |name: &str| -> Vec<String> {
            block
                .all(name)
                .map(|f| f.text().trim_matches(['<', '>']).to_owned())
                .collect()
        };
        Self {
            feedback_type: block.word("Feedback-Type"),
            user_agent: block.text("User-Agent"),
            original_envelope_id: block.text("Original-Envelope-Id"),
            original_mail_from: texts("Original-Mail-From").into_iter().next(),
            original_rcpt_to: texts("Original-Rcpt-To"),
            arrival_date: block
                .date("Arrival-Date")
                .or_else(|| block.date("Received-Date")),
            source_ip: block.text("Source-IP"),
            reporting_mta: block.typed("Reporting-MTA"),
            reported_domain: texts("Reported-Domain"),
            reported_uri: texts("Reported-URI"),
            incidents: block.word("Incidents").and_then(|n| n.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5965_b_2_a_full_report() {
        let report = FeedbackReport::parse(
            b"Feedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n\
            Original-Mail-From: <somespammer@example.net>\r\n\
            Original-Rcpt-To: <user@example.com>\r\n\
            Received-Date: Thu, 8 Mar 2005 14:00:00 EDT\r\nSource-IP: 192.0.2.1\r\n\
            Reported-Domain: example.net\r\nReported-Uri: http://example.net/earn_money.html\r\n\
            Reported-Uri: mailto:user@example.com\r\n",
        );
        assert_eq!(report.feedback_type.as_deref(), Some("abuse"));
        assert_eq!(report.original_rcpt_to, ["user@example.com"]);
        assert_eq!(report.reported_uri.len(), 2);
        assert_eq!(
            report.arrival_date.unwrap().to_rfc3339(),
            "2005-03-08T18:00:00Z"
        );
    }
}

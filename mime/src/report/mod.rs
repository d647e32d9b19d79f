//! Reports that programs send about mail (RFC 6522): deliveries, dispositions, complaints.

mod delivery;
mod disposition;
mod feedback;
mod fields;

pub use delivery::{Action, DeliveryStatus, RecipientStatus, StatusCode};
pub use disposition::{Disposition, DispositionNotification};
pub use feedback::FeedbackReport;
pub use fields::Typed;

use crate::message::Message;
use crate::part::Part;

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// What became of a delivery (RFC 3464): a bounce, a delay, a confirmation.
    Delivery(DeliveryStatus),
    /// What became of a message that was delivered (RFC 8098): read, deleted, ….
    Disposition(DispositionNotification),
    /// A complaint about a message (RFC 5965).
    Feedback(FeedbackReport),
}

impl<'m> Part<'m> {
    /// What this part reports, if it is the machine-readable part of a report.
    pub fn report(self) -> Option<Report> {
        let content_type = self.content_type();
        if content_type.main() != "message" {
            return None;
        }
        let content = || self.content().bytes;
        match content_type.sub() {
            "delivery-status" | "global-delivery-status" => {
                Some(Report::Delivery(DeliveryStatus::parse(&content())))
            }
            "disposition-notification" | "global-disposition-notification" => Some(
                Report::Disposition(DispositionNotification::parse(&content())),
            ),
            "feedback-report" => Some(Report::Feedback(FeedbackReport::parse(&content()))),
            _ => None,
        }
    }
}

impl Message<'_> {
    /// What the message reports, if it is a report: the first machine-readable part counts.
    ///
    /// ```
    /// use postrider_mime::{Action, Message, Report};
    ///
    /// let bounce = Message::parse(b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
    ///     --b\r\nContent-Type: message/delivery-status\r\n\r\n\
    ///     Reporting-MTA: dns; mx.example.org\r\n\r\n\
    ///     Final-Recipient: rfc822; ann@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\
    ///     --b--\r\n");
    /// let Some(Report::Delivery(status)) = bounce.report() else { panic!("a delivery report") };
    /// assert_eq!(status.recipients[0].action, Some(Action::Failed));
    /// assert_eq!(status.recipients[0].final_recipient.as_ref().map(|r| &*r.value), Some("ann@example.net"));
    /// ```
    pub fn report(&self) -> Option<Report> {
        self.own_parts().find_map(Part::report)
    }

    /// The message that a report is about, as far as it was returned: whole, or its header alone (RFC 6522 §3).
    pub fn returned_message(&self) -> Option<Message<'static>> {
        self.own_parts().find_map(|part| {
            let content_type = part.content_type();
            let returned = match content_type.main() {
                "text" => content_type.sub() == "rfc822-headers",
                // The name of the header alone is a mistake that some programs make.
                "message" => matches!(
                    content_type.sub(),
                    "rfc822" | "global" | "global-headers" | "rfc822-headers"
                ),
                _ => false,
            };
            let content = part.content().bytes;
            returned.then(|| Message::parse(&content).into_owned())
        })
    }

    /// The parts of this message without those of messages within it.
    fn own_parts(&self) -> impl Iterator<Item = Part<'_>> {
        let top = self.root();
        let mut next = Some(top);
        std::iter::from_fn(move || {
            let part = next?;
            let inner = part.first_child().filter(|_| part.is_multipart());
            next = inner.or_else(|| part.after(top.id().0));
            Some(part)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6522_3_what_was_returned_is_a_message_or_its_header() {
        for (content_type, is_returned) in [
            ("message/rfc822", true),
            ("message/global", true),
            ("text/rfc822-headers", true),
            ("message/rfc822-headers", true),
            ("message/global-headers", true),
            ("text/plain", false),
            ("text/global", false),
            ("message/delivery-status", false),
            ("application/rfc822-headers", false),
        ] {
            let text = format!(
                "Content-Type: multipart/report; boundary=b\n\n--b\n\ntext\n--b\n\
                 Content-Type: {content_type}\n\nMessage-ID: <1@a>\n--b--\n"
            );
            let message = Message::parse(text.as_bytes());
            let returned = message.returned_message();
            let id = returned.as_ref().and_then(|message| message.message_id());
            assert_eq!(
                id.as_deref(),
                is_returned.then_some("1@a"),
                "{content_type}"
            );
        }
    }

    #[test]
    fn rfc6522_3_a_report_is_known_by_its_type() {
        for (content_type, kind) in [
            ("message/delivery-status", "delivery"),
            ("message/global-delivery-status", "delivery"),
            ("message/disposition-notification", "disposition"),
            ("message/global-disposition-notification", "disposition"),
            ("message/feedback-report", "feedback"),
            ("message/rfc822", "none"),
            ("text/delivery-status", "none"),
        ] {
            let text = format!(
                "Content-Type: multipart/report; boundary=b\n\n--b\n\ntext\n--b\n\
                 Content-Type: {content_type}\n\nA: b\n--b--\n"
            );
            let report = Message::parse(text.as_bytes()).report();
            let found = match report {
                Some(Report::Delivery(_)) => "delivery",
                Some(Report::Disposition(_)) => "disposition",
                Some(Report::Feedback(_)) => "feedback",
                None => "none",
            };
            assert_eq!(found, kind, "{content_type}");
        }
    }
}

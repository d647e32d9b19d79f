//! What a part is for, so that its readers need not work it out again.

use std::borrow::Cow;

use crate::message::Message;
use crate::part::Part;

/// What a part is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role<'m> {
    /// A multipart, or the wrapping of a message within the message.
    Container,
    /// Text to read, plain or HTML.
    Body,
    /// What the HTML of the same multipart/related shows by its Content-ID (RFC 2387, RFC 2392).
    Inline,
    /// An invitation or another calendar object (RFC 5545), with its method (RFC 5546 §1.4) in upper case.
    Calendar {
        /// `REQUEST`, `REPLY`, `CANCEL`, ….
        method: Option<Cow<'m, str>>,
    },
    /// The machine-readable part of a report (RFC 6522).
    Report,
    /// The signature of a signed message (RFC 1847).
    Signature,
    /// Anything else: a file.
    Attachment,
}

impl<'m> Part<'m> {
    /// What the part is for.
    pub fn role(self) -> Role<'m> {
        let content_type = self.content_type();
        let parent = self.parent().map(|p| p.content_type());
        let within = |sub: &str| parent.as_ref().is_some_and(|p| p.is("multipart", sub));
        let disposition = self.content_disposition();
        match (content_type.main(), content_type.sub()) {
            _ if self.first_child().is_some() || self.is_multipart() => Role::Container,
            ("text", "calendar") => {
                let method = content_type.parameter("method");
                Role::Calendar {
                    method: method.map(|m| Cow::Owned(m.to_ascii_uppercase())),
                }
            }
            ("message", "delivery-status" | "disposition-notification" | "feedback-report")
            | ("message", "global-delivery-status" | "global-disposition-notification") => {
                Role::Report
            }
            ("application", "pgp-signature" | "pkcs7-signature" | "x-pkcs7-signature")
                if within("signed") =>
            {
                Role::Signature
            }
            _ if disposition.as_ref().is_some_and(|d| d.is_attachment()) => Role::Attachment,
            ("text", "plain" | "html") if self.file_name().is_none() => Role::Body,
            _ if within("related")
                && (self.content_id().is_some() || self.content_location().is_some()) =>
            {
                Role::Inline
            }
            _ => Role::Attachment,
        }
    }
}

impl Message<'_> {
    /// Whether there is a file to save: an attachment that is not only shown within the HTML.
    pub fn has_attachments(&self) -> bool {
        self.attachments()
            .into_iter()
            .any(|part| part.role() == Role::Attachment)
    }

    /// The calendar objects of the message (RFC 6047).
    pub fn calendars(&self) -> impl Iterator<Item = Part<'_>> {
        self.parts()
            .filter(|part| part.content_type().is("text", "calendar"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(message: &str) -> Vec<Role<'static>> {
        let message = Message::parse(message.as_bytes()).into_owned();
        let owned = |role| match role {
            Role::Calendar { method } => Role::Calendar {
                method: method.map(|m: Cow<'_, str>| m.into_owned().into()),
            },
            Role::Container => Role::Container,
            Role::Body => Role::Body,
            Role::Inline => Role::Inline,
            Role::Report => Role::Report,
            Role::Signature => Role::Signature,
            Role::Attachment => Role::Attachment,
        };
        message.parts().map(|part| owned(part.role())).collect()
    }

    #[test]
    fn every_part_has_a_role() {
        let message = "Content-Type: multipart/mixed; boundary=m\n\n\
            --m\nContent-Type: multipart/related; boundary=r\n\n\
            --r\nContent-Type: text/html\n\nx\n\
            --r\nContent-Type: image/png\nContent-ID: <a@b>\n\nx\n--r--\n\
            --m\nContent-Type: text/calendar; method=request\n\nx\n\
            --m\nContent-Type: application/pdf; name=a.pdf\n\nx\n\
            --m\nContent-Type: message/delivery-status\n\nx\n--m--\n";
        let calendar = Role::Calendar {
            method: Some("REQUEST".into()),
        };
        assert_eq!(
            roles(message),
            [
                Role::Container,
                Role::Container,
                Role::Body,
                Role::Inline,
                calendar,
                Role::Attachment,
                Role::Report
            ]
        );
        assert!(Message::parse(message.as_bytes()).has_attachments());
        assert!(!Message::parse(b"Subject: x\n\ntext").has_attachments());
    }

    #[test]
    fn rfc1847_2_1_a_signature_is_made_over_the_raw_part() {
        let message = Message::parse(
            b"Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=s\r\n\r\n\
            --s\r\nContent-Type: text/plain\r\n\r\nSigned text \r\n\r\n\
            --s\r\nContent-Type: application/pgp-signature\r\n\r\nxyz\r\n--s--\r\n",
        );
        let parts: Vec<_> = message.root().children().collect();
        assert_eq!(
            parts[0].raw(),
            b"Content-Type: text/plain\r\n\r\nSigned text \r\n"
        );
        assert_eq!(parts[1].role(), Role::Signature);
    }
}

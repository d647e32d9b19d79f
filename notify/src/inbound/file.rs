//! The files that a mail brings: its attachments and, in place of a winmail.dat, what is in it.

use postrider_mime::tnef::TnefAttachment;
use postrider_mime::{Message, Part};

/// One file, not yet decoded where it is a part of the mail.
pub(super) enum MailFile<'m> {
    Part(Part<'m>),
    InWinmail(TnefAttachment),
}

impl<'m> MailFile<'m> {
    /// The files of a mail, in its order. A winmail.dat that breaks off is a file as well: it may hold more than could be read.
    pub(super) fn of(message: &'m Message<'_>) -> Vec<Self> {
        let attached = message.attachments().into_iter();
        attached.flat_map(Self::of_part).collect()
    }

    fn of_part(part: Part<'m>) -> Vec<Self> {
        let Some(tnef) = part.tnef() else {
            return vec![Self::Part(part)];
        };
        let inside = tnef.attachments.into_iter().map(Self::InWinmail);
        inside
            .chain(tnef.damaged.then_some(Self::Part(part)))
            .collect()
    }

    /// A name that is safe to save it under.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Part(part) => part.safe_file_name(),
            Self::InWinmail(file) => file.safe_name(),
        }
    }

    pub(super) fn media_type(&self) -> String {
        match self {
            Self::Part(part) => part.content_type().essence(),
            Self::InWinmail(file) => {
                let told = file.content_type.as_deref();
                told.unwrap_or("application/octet-stream")
                    .to_ascii_lowercase()
            }
        }
    }

    /// True if it is another mail (RFC 2046 §5.2.1, RFC 6532 §3.7), as programs forward one that is left as it was.
    pub(super) fn is_message(&self) -> bool {
        matches!(&*self.media_type(), "message/rfc822" | "message/global")
    }

    /// How many octets the content has, at the most.
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Part(part) => part.decoded_len(),
            Self::InWinmail(file) => file.content.len(),
        }
    }

    pub(super) fn content(self) -> Vec<u8> {
        match self {
            Self::Part(part) => part.content().bytes.into_owned(),
            Self::InWinmail(file) => file.content,
        }
    }
}

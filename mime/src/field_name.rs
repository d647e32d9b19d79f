//! Names of header fields (RFC 5322 §2.2): compared without regard to case, known ones by number.

macro_rules! field_ids {
    ($($id:ident = $name:literal),* $(,)?) => {
        /// A field name that is known by number, so that it is compared once, when the message is indexed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum FieldId { $($id),*, Other }

        const NAMES: &[(&str, FieldId)] = &[$(($name, FieldId::$id)),*];
    };
}

field_ids! {
    To = "To", Cc = "Cc",
    Bcc = "Bcc",
    From = "From", Date = "Date",
    Sender = "Sender",
    Subject = "Subject", ListId = "List-Id",
    Received = "Received", Reply = "Reply-To", Keywords = "Keywords", Comments = "Comments", ListPost = "List-Post",
    ListHelp = "List-Help",
    ResentTo = "Resent-To", ResentCc = "Resent-Cc", ListOwner = "List-Owner",
    ContentId = "Content-ID", MessageId = "Message-ID", References = "References", Precedence = "Precedence",
    ResentFrom = "Resent-From", ResentDate = "Resent-Date", ReturnPath = "Return-Path", InReplyTo = "In-Reply-To",
    MimeVersion = "MIME-Version", ContentType = "Content-Type", ListArchive = "List-Archive",
    DkimSignature = "DKIM-Signature", AutoSubmitted = "Auto-Submitted",
    ListSubscribe = "List-Subscribe",
    ContentLanguage = "Content-Language", ContentLocation = "Content-Location", ListUnsubscribe = "List-Unsubscribe",
    ContentDescription = "Content-Description", ContentDisposition = "Content-Disposition",
    ListUnsubscribePost = "List-Unsubscribe-Post",
    AuthenticationResults = "Authentication-Results",
    ContentTransferEncoding = "Content-Transfer-Encoding",
}

impl FieldId {
    /// The number of a name.
    pub(crate) fn of(name: &[u8]) -> Self {
        NAMES
            .iter()
            .find(|(known, _)| {
                known.len() == name.len() && known.as_bytes().eq_ignore_ascii_case(name)
            })
            .map_or(Self::Other, |(_, id)| *id)
    }

    /// Whether RFC 5322 §3.6 or RFC 2045 allows the field once only.
    pub(crate) fn is_single(self) -> bool {
        use FieldId::*;
        matches!(
            self,
            Date | From
                | Sender
                | Reply
                | To
                | Cc
                | Bcc
                | MessageId
                | InReplyTo
                | References
                | Subject
                | MimeVersion
                | ContentType
                | ContentTransferEncoding
                | ContentId
                | ContentDescription
                | ContentDisposition
        )
    }
}

/// Whether a byte may stand in a field name: `ftext = %d33-57 / %d59-126` (RFC 5322 §3.6.8).
pub(crate) fn is_ftext(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5322_1_2_2_names_are_compared_without_case() {
        assert_eq!(FieldId::of(b"content-TYPE"), FieldId::ContentType);
        assert_eq!(FieldId::of(b"message-id"), FieldId::MessageId);
        assert_eq!(FieldId::of(b"X-Message-ID"), FieldId::Other);
        assert_eq!(FieldId::of(b""), FieldId::Other);
    }
}

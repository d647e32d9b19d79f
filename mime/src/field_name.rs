//! Names of header fields (RFC 5322 §2.2): compared without regard to case, known ones by number.

macro_rules! field_ids {
    ($($id:ident = $name:literal),* $(,)?) => {
        /// A field name that is known by number, so that it is compared once, when the message is indexed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum FieldId { $($id),*, Other }

        const NAMES: &[(&str, FieldId)] = &[$(($name, FieldId::$id)),*];
    };
}

// In the order of their lengths.
field_ids! {
    Cc = "Cc", To = "To", Bcc = "Bcc", Date = "Date", From = "From", Sender = "Sender",
    ListId = "List-Id", Subject = "Subject", Comments = "Comments", Keywords = "Keywords",
    Received = "Received", Reply = "Reply-To", ListHelp = "List-Help", ListPost = "List-Post",
    ResentCc = "Resent-Cc", ResentTo = "Resent-To", ContentId = "Content-ID",
    ListOwner = "List-Owner", MessageId = "Message-ID", Precedence = "Precedence",
    References = "References", InReplyTo = "In-Reply-To", ResentDate = "Resent-Date",
    ResentFrom = "Resent-From", ReturnPath = "Return-Path", ContentType = "Content-Type",
    ListArchive = "List-Archive", MimeVersion = "MIME-Version", AutoSubmitted = "Auto-Submitted",
    DkimSignature = "DKIM-Signature", ListSubscribe = "List-Subscribe",
    ContentLanguage = "Content-Language", ContentLocation = "Content-Location",
    ListUnsubscribe = "List-Unsubscribe", ContentDescription = "Content-Description",
    ContentDisposition = "Content-Disposition", ListUnsubscribePost = "List-Unsubscribe-Post",
    AuthenticationResults = "Authentication-Results",
    ContentTransferEncoding = "Content-Transfer-Encoding",
}

/// No known name is longer.
const LONGEST: usize = 25;

/// Where the names of each length begin in [`NAMES`]: a name is compared with those of its own length only.
const LENGTHS: [usize; LONGEST + 2] = {
    let mut starts = [0; LONGEST + 2];
    let mut length = 1;
    while length < starts.len() {
        let mut at = starts[length - 1];
        while at < NAMES.len() && NAMES[at].0.len() < length {
            at += 1;
        }
        starts[length] = at;
        length += 1;
    }
    starts
};

impl FieldId {
    /// The number of a name.
    pub(crate) fn of(name: &[u8]) -> Self {
        let (Some(from), Some(to)) = (LENGTHS.get(name.len()), LENGTHS.get(name.len() + 1)) else {
            return Self::Other;
        };
        let candidates = NAMES.get(*from..*to).unwrap_or_default();
        let found = candidates
            .iter()
            .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        found.map_or(Self::Other, |(_, id)| *id)
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

    #[test]
    fn every_known_name_is_found() {
        for (name, id) in NAMES {
            assert_eq!(FieldId::of(name.to_ascii_uppercase().as_bytes()), *id);
        }
        assert!(NAMES.is_sorted_by_key(|(name, _)| name.len()));
        assert_eq!(FieldId::of(&[b'x'; 100]), FieldId::Other);
    }
}

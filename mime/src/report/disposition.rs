//! Message disposition notifications (RFC 8098).

use super::fields::{Typed, blocks};

/// What became of a message that was delivered (RFC 8098 §3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DispositionNotification {
    /// The program that reports (§3.2.1).
    pub reporting_ua: Option<String>,
    /// The recipient as the sender named it (§3.2.3).
    pub original_recipient: Option<Typed>,
    /// The recipient that reports (§3.2.4).
    pub final_recipient: Option<Typed>,
    /// The message that it is about, without angle brackets (§3.2.5).
    pub original_message_id: Option<String>,
    /// What was done (§3.2.6).
    pub disposition: Option<Disposition>,
}

/// What was done with a message, and how (RFC 8098 §3.2.6). Words are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disposition {
    /// `manual-action` or `automatic-action`.
    pub action_mode: String,
    /// `mdn-sent-manually` or `mdn-sent-automatically`.
    pub sending_mode: String,
    /// `displayed`, `deleted`, `dispatched`, `processed`.
    pub kind: String,
    /// What was added: `error`, ….
    pub modifiers: Vec<String>,
}

impl DispositionNotification {
    pub(super) fn parse(content: &[u8]) -> Self {
        let blocks = blocks(content);
        let Some(block) = blocks.first() else {
            return Self::default();
        };
        Self {
            reporting_ua: block.text("Reporting-UA"),
            original_recipient: block.typed("Original-Recipient"),
            final_recipient: block.typed("Final-Recipient"),
            original_message_id: block
                .field("Original-Message-ID")
                .and_then(|f| f.message_ids().next())
                .map(|id| id.into_owned()),
            disposition: block
                .text("Disposition")
                .map(|text| Disposition::read(&text)),
        }
    }
}

impl Disposition {
    /// ```text
    /// disposition = action-mode "/" sending-mode ";" disposition-type [ "/" modifier *( "," modifier ) ]
    /// ```
    fn read(text: &str) -> Self {
        let word = |text: &str| text.trim().to_ascii_lowercase();
        let (modes, kind) = text.split_once(';').unwrap_or(("", text));
        let (action_mode, sending_mode) = modes.split_once('/').unwrap_or((modes, ""));
        let (kind, modifiers) = kind.split_once('/').unwrap_or((kind, ""));
        Self {
            action_mode: word(action_mode),
            sending_mode: word(sending_mode),
            kind: word(kind),
            modifiers: modifiers
                .split(',')
                .map(word)
                .filter(|m| !m.is_empty())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8098_9_example() {
        let notification = DispositionNotification::parse(
            b"Reporting-UA: joes-pc.cs.example.com; Foomail 97.1\r\n\
            Original-Recipient: rfc822;Joe_Recipient@example.com\r\n\
            Final-Recipient: rfc822;Joe_Recipient@example.com\r\n\
            Original-Message-ID: <199509192301.23456@example.org>\r\n\
            Disposition: manual-action/MDN-sent-manually; displayed\r\n",
        );
        assert_eq!(
            notification.original_message_id.as_deref(),
            Some("199509192301.23456@example.org")
        );
        let disposition = notification.disposition.unwrap();
        assert_eq!(
            (&*disposition.kind, &*disposition.sending_mode),
            ("displayed", "mdn-sent-manually")
        );
    }

    #[test]
    fn modifiers_are_a_list() {
        let disposition =
            Disposition::read("automatic-action/MDN-sent-automatically; deleted/error, Expired");
        assert_eq!(disposition.modifiers, ["error", "expired"]);
        assert_eq!(Disposition::read("displayed").kind, "displayed");
    }
}

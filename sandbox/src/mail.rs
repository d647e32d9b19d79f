use bytes::Bytes;
use std::fmt;
use std::time::SystemTime;

/// A mail as it lies in one maildrop: its envelope, its content, and how it came.
///
/// A mail for three mailboxes is three values, with the same `id` and three unique-ids.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mail {
    /// The number of the mail transaction or injection, from 1 upward.
    pub id: u64,
    /// The unique-id that POP3 shows for it (RFC 1939 §7).
    pub uidl: String,
    /// The address of the maildrop that it lies in.
    pub to: String,
    /// The reverse-path without its brackets; empty for `<>`, and for a mail that was injected.
    pub from: String,
    /// Every recipient of the transaction that was accepted, in order.
    pub recipients: Vec<Recipient>,
    /// The parameters of the MAIL command as they were written, such as `BODY=8BITMIME`.
    pub parameters: Vec<String>,
    /// The content, without dot-stuffing.
    pub content: Bytes,
    /// Whether it came inside TLS.
    pub tls: bool,
    /// Who had logged in, if anybody had.
    pub user: Option<String>,
    /// The name that the client gave in EHLO or HELO.
    pub client: String,
    /// When it was accepted.
    pub received_at: SystemTime,
}

/// A forward-path of a mail transaction and what was asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The forward-path without its brackets.
    pub address: String,
    /// The parameters of the RCPT command as they were written, such as `NOTIFY=NEVER`.
    pub parameters: Vec<String>,
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.address)?;
        self.parameters.iter().try_for_each(|p| write!(f, " {p}"))
    }
}

/// Everything about a mail that does not depend on the maildrop it goes to.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) from: String,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) parameters: Vec<String>,
    pub(crate) content: Bytes,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) client: String,
    pub(crate) received_at: SystemTime,
}

impl Arrival {
    pub(crate) fn into_mail(self, id: u64, uidl: String, to: String) -> Mail {
        Mail {
            id,
            uidl,
            to,
            from: self.from,
            recipients: self.recipients,
            parameters: self.parameters,
            content: self.content,
            tls: self.tls,
            user: self.user,
            client: self.client,
            received_at: self.received_at,
        }
    }
}

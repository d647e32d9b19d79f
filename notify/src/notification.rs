//! Notifications: when somebody is told, who, and what.

use crate::email_digest::Digest;

/// A notification as the configuration defines it.
///
/// The condition and the templates are kept as they were written; loading the configuration
/// parses and lints them.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Its name.
    pub name: String,
    /// Off notifications still show up in `explain`, as `inactive`.
    pub active: bool,
    /// The table that it watches, or that its event is about.
    pub table: Option<String>,
    /// What triggers it.
    pub when: Trigger,
    /// The condition on the record, if any.
    pub condition: Option<Condition>,
    /// Who is told.
    pub recipients: Recipients,
    /// What they are told.
    pub content: Content,
    /// The SMTP account; the first one of the configuration if unset.
    pub account: Option<String>,
    /// Of two mails of one event to one person the heavier goes out; 0 always does (0–1000).
    pub weight: u16,
    /// Lower goes first among the notifications of one event (default 100).
    pub order: u16,
    /// What recipients may say against it.
    pub delivery: Delivery,
    /// The id of a schedule: outside of its hours, mails are held until it opens.
    pub schedule: Option<String>,
    /// How it is told in digests, if people may have it so.
    pub digest: Option<Digest>,
}

/// What recipients may say against a notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// They may switch it off.
    #[default]
    Optional,
    /// They may not; having switched off all notifications still counts.
    Mandatory,
    /// It goes out whatever they prefer, also in quiet hours.
    Forced,
}

/// What triggers a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A change to a record of the notification's table.
    Record {
        /// On insert.
        inserted: bool,
        /// On update.
        updated: bool,
    },
    /// An event of this name.
    Event(String),
}

/// A condition: one of two languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// An encoded query: `priority<=2^assigned_toCHANGES`.
    Query(String),
    /// A MiniJinja expression: `current.priority <= 2 and changed('assigned_to')`.
    Expression(String),
}

/// Who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients {
    /// User ids or bare addresses.
    pub users: Vec<String>,
    /// Group ids.
    pub groups: Vec<String>,
    /// Fields, dot-walked, that hold a user, a group, a list of them, or an address: `assigned_to`, `caller.manager`.
    pub fields: Vec<String>,
    /// The event's first parameter holds recipients, separated by commas.
    pub parm1: bool,
    /// The event's second parameter does.
    pub parm2: bool,
    /// Whoever subscribes to it is told.
    pub subscribers: bool,
    /// Whoever caused the event is told as well, if among the recipients; off by default.
    pub send_to_event_creator: bool,
    /// Those who stand in for a recipient are not told.
    pub exclude_delegates: bool,
}

/// What they are told. Templates are looked up in the templates folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The subject, a template.
    pub subject: String,
    /// The name of a template: `incident_assigned` stands for `incident_assigned.html` and `incident_assigned.txt`, whichever exist.
    pub template: Option<String>,
    /// An HTML body written in place, instead of a template file.
    pub html: Option<String>,
    /// A plain-text body written in place. Without any, it is made from the HTML.
    pub text: Option<String>,
    /// `Name <address>` in From, instead of the account's. The envelope keeps the account's address, so that bounces come back to us.
    pub from: Option<String>,
    /// The one address in Reply-To, as it is: answers to it carry no token, and are read by whoever reads that mailbox.
    pub reply_to: Option<String>,
    /// Which parts a mail has.
    pub parts: Parts,
    /// The locales that it has a variant for, as they are written: `[notification.NAME.locale.de]`, `incident_assigned.de.html`.
    pub locales: Vec<String>,
    /// How mail programs mark it.
    pub importance: Importance,
    /// The files that are attached to the record go along, within the limits of `[outgoing]`.
    pub include_attachments: bool,
}

/// Which parts a mail has; ServiceNow calls it the content type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parts {
    /// HTML, where there is any, and plain text.
    #[default]
    Both,
    /// HTML alone. Where there is none it is the text.
    Html,
    /// Plain text alone.
    Text,
}

/// How mail programs mark a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Importance {
    /// For when there is time.
    Low,
    /// Without a mark.
    #[default]
    Normal,
    /// With an exclamation mark.
    High,
}

impl Importance {
    /// The header fields that say so: `Importance` (RFC 2156 §2.2), `X-Priority`, and `Priority` for programs that read neither.
    /// None for a normal mail.
    pub fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Low => &[
                ("Importance", "low"),
                ("X-Priority", "5 (Lowest)"),
                ("Priority", "non-urgent"),
            ],
            Self::Normal => &[],
            Self::High => &[
                ("Importance", "high"),
                ("X-Priority", "1 (Highest)"),
                ("Priority", "urgent"),
            ],
        }
    }
}

//! From a notification and a recipient to the octets that are sent: rendered once, never changed.

mod digest;

pub(crate) use digest::{
    body_name as digest_body_name, digest_content, subject_name as digest_subject_name,
};

use crate::account::SmtpAccount;
use crate::address::with_name;
use crate::digest::hex;
use crate::event::EventId;
use crate::locale::{chain, folded};
use crate::notification::{Delivery, Notification, Parts};
use crate::recipients::Recipient;
use crate::record::RecordKey;
use crate::template::{Context, TemplateError, Templates};
use crate::token::Signer;
use crate::unsubscribe::Ways;
use jiff::Timestamp;
use postrider_mime::{
    AddrSpec, BuildError, DateTime, Mailbox, Message, MessageBuilder, html_to_text,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt;

/// The longest subject, in characters; what is longer is cut.
const MAX_SUBJECT: usize = 250;

/// The longest display name, in characters.
const MAX_NAME: usize = 100;

/// The name that the templates know a notification's subject by.
pub(crate) fn subject_name(notification: &str) -> String {
    format!("notification {notification}: subject")
}

/// The name that the templates know a body written in place by; `part` is `html` or `txt`.
pub(crate) fn body_name(notification: &str, part: &str) -> String {
    format!("notification {notification}: body.{part}")
}

/// The name that the templates know the subject of a variant by.
pub(crate) fn subject_in(notification: &str, locale: &str) -> String {
    format!("{}.{locale}", subject_name(notification))
}

/// The name that the templates know the body of a variant by: of a file beside the template, or of a text written in place.
pub(crate) fn body_in(notification: &Notification, locale: &str, part: &str) -> String {
    match &notification.content.template {
        Some(template) => format!("{template}.{locale}.{part}"),
        None => body_name(&notification.name, &format!("{locale}.{part}")),
    }
}

/// The Message-ID, without angle brackets, that every mail about a record refers to, so that they form one thread.
pub fn thread_root(record: &RecordKey, mail_domain: &str) -> String {
    // Dots may stand neither at the ends nor side by side.
    let id = word(&record.id)
        .replace("..", "._")
        .trim_matches('.')
        .to_owned();
    format!("record.{}.{id}@{mail_domain}", word(&record.table))
}

/// Letters, digits, `_`, `-` and `.`.
fn word(text: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || "_-.".contains(c) {
        true => c,
        false => '_',
    };
    text.chars().map(plain).collect()
}

/// What the recipient will read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// One line.
    pub subject: String,
    /// The HTML, if the notification has any.
    pub html: Option<String>,
    /// The plain text; made of the HTML if the notification has none.
    pub text: String,
}

impl Content {
    /// What the recipient of a message reads.
    pub fn of(message: &[u8]) -> Self {
        let message = Message::parse(message);
        Self {
            subject: message.subject().unwrap_or_default().into_owned(),
            html: message.body_html(),
            text: message.body_text().unwrap_or_default(),
        }
    }

    /// Equal for contents that are equal, and for no others: a SHA-256 in hex.
    pub(crate) fn fingerprint(&self) -> String {
        let html = self.html.as_deref().unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [self.subject.as_str(), html, self.text.as_str()] {
            // The length in front keeps ("ab", "c") apart from ("a", "bc").
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex(&hash.finalize())
    }
}

/// Why there is no mail.
#[derive(Debug)]
#[non_exhaustive]
pub enum RenderError {
    /// A template failed.
    Template(TemplateError),
    /// The message could not be put together.
    Build(BuildError),
    /// It is larger than this setting of `[outgoing]` allows.
    TooLarge(&'static str, usize),
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
            Self::TooLarge(setting, limit) => {
                write!(
                    f,
                    "the mail is larger than `{setting}` = {limit} of [outgoing]"
                )
            }
        }
    }
}

impl std::error::Error for RenderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Template(error) => Some(error),
            Self::Build(error) => Some(error),
            Self::TooLarge(..) => None,
        }
    }
}

/// Which variant of a notification somebody gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// The locale of its subject; `None` is the subject that has none.
    pub subject: Option<String>,
    /// The locale of its body. HTML and text are always of one locale.
    pub body: Option<String>,
}

impl Variant {
    /// The nearest one for somebody who reads this locale: `de-AT`, then `de`, then the one without a locale.
    pub fn of(notification: &Notification, templates: &Templates, locale: &str) -> Self {
        let locales = &notification.content.locales;
        let nearest = |has: &dyn Fn(&str) -> bool| {
            let served = chain(locale).into_iter().find_map(|wanted| {
                let mut same = locales.iter().filter(|known| folded(known) == wanted);
                same.find(|known| has(known))
            });
            served.cloned()
        };
        let has_body = |locale: &str| {
            let mut parts = ["html", "txt"].into_iter();
            parts.any(|part| templates.knows(&body_in(notification, locale, part)))
        };
        Self {
            subject: nearest(&|locale| templates.knows(&subject_in(&notification.name, locale))),
            body: nearest(&has_body),
        }
    }

    /// What was chosen, for the verdict; nothing where there was no choice.
    pub fn in_words(&self, notification: &Notification, locale: &str) -> String {
        if notification.content.locales.is_empty() {
            return String::new();
        }
        let reads = match locale.trim() {
            "" => "a recipient without a locale".to_owned(),
            locale => format!("locale {locale}"),
        };
        match (&self.subject, &self.body) {
            (None, None) => format!("{reads}: the default"),
            (Some(subject), Some(body)) if subject == body => format!("{reads}: in {body}"),
            (subject, body) => {
                let word = |part: &Option<String>| part.clone().unwrap_or("the default".into());
                let (subject, body) = (word(subject), word(body));
                format!("{reads}: subject in {subject}, body in {body}")
            }
        }
    }
}

/// Renders the templates of a notification, in a variant of it.
///
/// # Errors
/// Those of the templates.
pub fn content(
    notification: &Notification,
    variant: &Variant,
    templates: &Templates,
    context: &Context,
) -> Result<Content, TemplateError> {
    let name = &notification.name;
    let subject = match &variant.subject {
        Some(locale) => subject_in(name, locale),
        None => subject_name(name),
    };
    let subject = templates.render(&subject, context)?;
    let part = |part: &str| {
        let name = match (&variant.body, &notification.content.template) {
            (Some(locale), _) => body_in(notification, locale, part),
            (None, Some(template)) => format!("{template}.{part}"),
            (None, None) => body_name(name, part),
        };
        templates
            .knows(&name)
            .then(|| templates.render(&name, context))
            .transpose()
    };
    let html = part("html")?;
    let text = part("txt")?;
    let text = text.unwrap_or_else(|| html.as_deref().map(html_to_text).unwrap_or_default());
    Ok(Content {
        subject: one_line(&subject, MAX_SUBJECT),
        html,
        text,
    })
}

/// A file that goes along.
pub(crate) struct File {
    pub(crate) name: String,
    /// A type that may stand in a header, of a leaf.
    pub(crate) media_type: String,
    pub(crate) content: Vec<u8>,
}

/// What a message has beside its content.
pub(crate) struct Cover<'a> {
    pub(crate) event: EventId,
    pub(crate) notification: &'a Notification,
    pub(crate) record: Option<&'a RecordKey>,
    pub(crate) account: &'a SmtpAccount,
    pub(crate) mail_domain: &'a str,
    pub(crate) unsubscribe_url: &'a str,
    pub(crate) signer: &'a Signer,
    pub(crate) now: Timestamp,
}

impl Cover<'_> {
    /// The Message-ID, without angle brackets.
    pub(crate) fn message_id(&self, recipient: &Recipient) -> String {
        self.signer.message_id(
            self.event,
            &self.notification.name,
            &recipient.address,
            self.mail_domain,
        )
    }

    /// The message, as it will be sent.
    pub(crate) fn message(
        &self,
        recipient: &Recipient,
        content: &Content,
        files: &[File],
    ) -> Result<Vec<u8>, BuildError> {
        let text = match self.record {
            Some(record) => format!("{}\n\nRef: {}\n", content.text.trim_end(), record.id),
            None => content.text.clone(),
        };
        let of_notification = &self.notification.content;
        let from = of_notification.from.as_ref().unwrap_or(&self.account.from);
        let (name, from) = with_name(from).unwrap_or(("", from));
        let mut message = MessageBuilder::new()
            .from((name, from))
            .subject(content.subject.as_str())
            .message_id(self.message_id(recipient))
            .header("Auto-Submitted", "auto-generated")
            .header("X-Auto-Response-Suppress", "All")
            .header("X-Loop", from)
            .header("List-Id", self.list_id());
        if of_notification.parts != Parts::Html || content.html.is_none() {
            message = message.text(text);
        }
        message = match mailbox(recipient) {
            Some(mailbox) => message.to(mailbox),
            None => message.to(recipient.address.as_str()),
        };
        if let Some(date) = DateTime::from_unix(self.now.as_second(), 0) {
            message = message.date(date);
        }
        let html = content.html.as_ref();
        if let Some(html) = html.filter(|_| of_notification.parts != Parts::Text) {
            message = message.html(html.as_str());
        }
        for (name, value) in of_notification.importance.fields() {
            message = message.header(*name, *value);
        }
        for file in files {
            message = message.attach(file.name.as_str(), &file.media_type, &file.content);
        }
        let ways = self.ways_out(recipient);
        if let Some(header) = ways.header() {
            message = message.header("List-Unsubscribe", header);
        }
        if ways.has_one_click() {
            message = message.header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
        }
        let reply_to = self.reply_to(recipient);
        if let Some(address) = &reply_to {
            message = message.reply_to((name, address.as_str()));
        }
        if let Some(record) = self.record {
            let root = thread_root(record, self.mail_domain);
            message = message.in_reply_to(&root).references([&root]);
        }
        let addresses = [
            recipient.address.as_str(),
            from,
            reply_to.as_deref().unwrap_or_default(),
        ];
        if !addresses.iter().all(|address| address.is_ascii()) {
            message = message.with_utf8_headers();
        }
        message.build()
    }

    /// What the mails of one notification have in common (RFC 2919).
    fn list_id(&self) -> String {
        format!(
            "<{}.{}>",
            word(&self.notification.name).replace('.', "_"),
            self.mail_domain
        )
    }

    /// The recipient as templates know them.
    pub(crate) fn named(&self, recipient: &Recipient) -> serde_json::Value {
        let Recipient { name, address, .. } = recipient;
        json!({
            "id": recipient.user.as_deref().unwrap_or_default(),
            "name": if name.is_empty() { address } else { name },
            "address": address,
            "locale": recipient.locale,
            "time_zone": recipient.time_zone,
            "reply_to": self.reply_to(recipient).unwrap_or_default(),
            "unsubscribe": self.ways_out(recipient).link().unwrap_or_default(),
        })
    }

    /// Where a recipient leaves the notification; nowhere if it asks for no preference.
    pub(crate) fn ways_out(&self, recipient: &Recipient) -> Ways {
        if self.notification.delivery != Delivery::Optional {
            return Ways::default();
        }
        let signer = self.signer;
        let token = signer.unsubscribe_token(&self.notification.name, &recipient.address);
        Ways::new(
            &token,
            self.unsubscribe_url,
            self.account.reply_to.as_deref(),
        )
    }

    /// Where an answer goes: with a token for this record and this recipient, if there is room for it.
    pub(crate) fn reply_to(&self, recipient: &Recipient) -> Option<String> {
        if let Some(address) = &self.notification.content.reply_to {
            return Some(address.clone());
        }
        let mailbox = self.account.reply_to.as_deref()?;
        let tagged = self.record.and_then(|record| {
            let token = self.signer.reply_token(record, &recipient.address);
            token.in_address(mailbox)
        });
        Some(tagged.unwrap_or_else(|| mailbox.to_owned()))
    }
}

/// The recipient with their name, as long as that can stand in a header.
fn mailbox(recipient: &Recipient) -> Option<Mailbox> {
    let address = AddrSpec::parse(&recipient.address).ok()?;
    Mailbox::new(&one_line(&recipient.name, MAX_NAME), address).ok()
}

/// The text in one line: nothing that a record holds can begin another header field.
fn one_line(text: &str, most: usize) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control() || c == '\u{2028}' || c == '\u{2029}');
    let line = words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

//! Building a message: what is written here, [`Message::parse`](crate::Message::parse) reads back equal.

mod body;
mod error;
mod fold;
mod identity;
mod into_mailbox;
mod parameter;
mod words;

use std::borrow::Cow;
use std::io::Write;

use body::{BodyPart, BodyWriter, Leaf, Sink, Size};
pub use error::BuildError;
use fold::Field;
pub use into_mailbox::IntoMailbox;
use words::HeaderCharset;

use crate::date_time::DateTime;
use crate::field_name::{FieldId, is_ftext};
use crate::grammar::parameters::ContentValue;
use crate::mailbox::{AddrSpec, Mailbox};
use crate::message_id::MessageId;
use crate::value_error::ValueError;

/// Builds a message (RFC 5322, RFC 2045).
///
/// Give it what the message has; encodings, boundaries and the tree of parts are chosen. A value that cannot be written,
/// such as one with a line break in a header, is an error of [`build`](Self::build) that names the field.
///
/// The same input with the same date makes the same bytes. Without a date, it is the time of building; without a
/// Message-ID, one is made of the content, the date and the domain of the author.
///
/// ```
/// use postrider_mime::{Message, MessageBuilder};
///
/// let bytes = MessageBuilder::new()
///     .from(("Jo Doe", "jo@example.org"))
///     .to("ann@example.net")
///     .subject("Café at noon?")
///     .text("See you there.\n")
///     .attach("menu.pdf", "application/pdf", &b"%PDF-1.7"[..])
///     .build()?;
///
/// let message = Message::parse(&bytes);
/// assert_eq!(message.subject().as_deref(), Some("Café at noon?"));
/// assert_eq!(message.attachments()[0].file_name().as_deref(), Some("menu.pdf"));
/// # Ok::<(), postrider_mime::BuildError>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "nothing is written before build() or write_to()"]
pub struct MessageBuilder<'a> {
    from: Vec<Mailbox>,
    sender: Vec<Mailbox>,
    reply_to: Vec<Mailbox>,
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
    bcc: Vec<Mailbox>,
    subject: Option<Cow<'a, str>>,
    date: Option<DateTime>,
    message_id: Option<MessageId>,
    in_reply_to: Vec<MessageId>,
    references: Vec<MessageId>,
    headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    text: Option<Cow<'a, str>>,
    html: Option<Cow<'a, str>>,
    inlines: Vec<Leaf<'a>>,
    attachments: Vec<Leaf<'a>>,
    boundary: Option<Cow<'a, str>>,
    charset: HeaderCharset,
    /// The first thing that went wrong, told when the message is built.
    error: Option<(String, ValueError)>,
}

impl<'a> MessageBuilder<'a> {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    fn fail(&mut self, field: &str, reason: ValueError) {
        self.error.get_or_insert_with(|| (field.to_owned(), reason));
    }

    fn ok<T>(&mut self, field: &str, value: Result<T, ValueError>) -> Option<T> {
        value.map_err(|reason| self.fail(field, reason)).ok()
    }

    /// Adds an author (RFC 5322 §3.6.2): a [`Mailbox`], an address, `"Name <address>"` or `("Name", "address")`.
    pub fn from(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("From", mailbox.into_mailbox());
        self.from.extend(mailbox);
        self
    }

    /// Sets who sends it for the authors (RFC 5322 §3.6.2).
    pub fn sender(mut self, mailbox: impl IntoMailbox) -> Self {
        self.sender = self
            .ok("Sender", mailbox.into_mailbox())
            .into_iter()
            .collect();
        self
    }

    /// Adds where answers are to go (RFC 5322 §3.6.2).
    pub fn reply_to(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("Reply-To", mailbox.into_mailbox());
        self.reply_to.extend(mailbox);
        self
    }

    /// Adds a recipient (RFC 5322 §3.6.3).
    pub fn to(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("To", mailbox.into_mailbox());
        self.to.extend(mailbox);
        self
    }

    /// Adds a recipient of a copy (RFC 5322 §3.6.3).
    pub fn cc(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("Cc", mailbox.into_mailbox());
        self.cc.extend(mailbox);
        self
    }

    /// Adds a recipient that nobody sees (RFC 5322 §3.6.3): kept for [`recipients`](Self::recipients), never written.
    pub fn bcc(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("Bcc", mailbox.into_mailbox());
        self.bcc.extend(mailbox);
        self
    }

    /// Sets the subject (RFC 5322 §3.6.5).
    pub fn subject(mut self, text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        self.check_text("Subject", &text);
        self.subject = Some(text);
        self
    }

    fn check_text(&mut self, field: &str, text: &str) {
        if text.chars().any(char::is_control) {
            self.fail(field, ValueError::Control);
        }
    }

    /// Sets the date (RFC 5322 §3.6.1).
    pub fn date(mut self, date: DateTime) -> Self {
        self.date = Some(date);
        self
    }

    /// Sets the identifier (RFC 5322 §3.6.4), with or without angle brackets.
    pub fn message_id(mut self, id: impl AsRef<str>) -> Self {
        self.message_id = self.ok("Message-ID", MessageId::parse(id.as_ref()));
        self
    }

    /// Adds a message that this one answers (RFC 5322 §3.6.4).
    pub fn in_reply_to(mut self, id: impl AsRef<str>) -> Self {
        let id = self.ok("In-Reply-To", MessageId::parse(id.as_ref()));
        self.in_reply_to.extend(id);
        self
    }

    /// Adds messages of the thread, the oldest first (RFC 5322 §3.6.4).
    pub fn references<I: AsRef<str>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        for id in ids {
            let id = self.ok("References", MessageId::parse(id.as_ref()));
            self.references.extend(id);
        }
        self
    }

    /// Adds a header field with text as its value (RFC 5322 §3.6.8). Fields that have a method of their own are refused.
    pub fn header(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        let (name, value) = (name.into(), value.into());
        if name.is_empty() || name.len() > 70 || !name.bytes().all(is_ftext) {
            self.fail(&name, ValueError::FieldName);
        } else if is_reserved(FieldId::of(name.as_bytes())) {
            self.fail(&name, ValueError::ReservedField);
        }
        self.check_text(&name, &value);
        self.headers.push((name, value));
        self
    }

    /// Sets the plain text. Its lines end with CRLF in the message, the last one too.
    pub fn text(mut self, text: impl Into<Cow<'a, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Sets the HTML. Its lines end with CRLF in the message, the last one too.
    pub fn html(mut self, html: impl Into<Cow<'a, str>>) -> Self {
        self.html = Some(html.into());
        self
    }

    /// Adds an attachment (RFC 2183 §2.2) of a type such as `application/pdf`.
    pub fn attach(
        mut self,
        file_name: impl Into<Cow<'a, str>>,
        content_type: &str,
        content: impl Into<Cow<'a, [u8]>>,
    ) -> Self {
        let file_name = file_name.into();
        self.check_text("file name", &file_name);
        if let Some(leaf) = self.leaf(content_type, content.into()) {
            self.attachments.push(Leaf {
                disposition: Some("attachment"),
                file_name: Some(file_name),
                ..leaf
            });
        }
        self
    }

    /// Adds a part that the HTML shows as `cid:` and this identifier (RFC 2392), such as an image.
    pub fn inline(
        mut self,
        content_id: impl AsRef<str>,
        content_type: &str,
        content: impl Into<Cow<'a, [u8]>>,
    ) -> Self {
        let id = self.ok("Content-ID", MessageId::parse(content_id.as_ref()));
        if let Some((leaf, id)) = self.leaf(content_type, content.into()).zip(id) {
            let content_id = Some(Cow::Owned(id.as_str().to_owned()));
            self.inlines.push(Leaf {
                disposition: Some("inline"),
                content_id,
                ..leaf
            });
        }
        self
    }

    fn leaf(&mut self, content_type: &str, content: Cow<'a, [u8]>) -> Option<Leaf<'a>> {
        let (essence, parameters) = self.ok("Content-Type", checked_content_type(content_type))?;
        Some(Leaf {
            content_type: essence.into(),
            parameters,
            disposition: None,
            file_name: None,
            content_id: None,
            content,
        })
    }

    /// Sets the beginning of all boundaries (RFC 2046 §5.1.1) instead of one made of the content.
    ///
    /// A part in which it occurs is written in base64, so that it cannot end there.
    pub fn boundary(mut self, stem: impl Into<Cow<'a, str>>) -> Self {
        let stem = stem.into();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
        if stem.is_empty() || stem.len() > 60 || stem.contains(' ') || !stem.bytes().all(allowed) {
            self.fail("boundary", ValueError::Boundary);
        }
        self.boundary = Some(stem);
        self
    }

    /// Writes characters beyond ASCII in headers as they are (RFC 6532). The transport must offer SMTPUTF8.
    pub fn with_utf8_headers(mut self) -> Self {
        self.charset = HeaderCharset::Utf8;
        self
    }

    /// Whom the envelope has to name: everyone of To, Cc and Bcc.
    pub fn recipients(&self) -> impl Iterator<Item = &AddrSpec> {
        self.to
            .iter()
            .chain(&self.cc)
            .chain(&self.bcc)
            .map(Mailbox::addr)
    }

    /// The message as bytes.
    pub fn build(&self) -> Result<Vec<u8>, BuildError> {
        let content: usize = self
            .attachments
            .iter()
            .chain(&self.inlines)
            .map(|leaf| leaf.content.len())
            .sum();
        let texts =
            self.text.as_ref().map_or(0, |t| t.len()) + self.html.as_ref().map_or(0, |h| h.len());
        let mut out = Vec::with_capacity(content / 54 * 76 + texts + texts / 8 + 2048);
        self.write_to(&mut out)?;
        Ok(out)
    }

    /// Writes the message to a sink, in one pass.
    pub fn write_to(&self, out: &mut impl Write) -> Result<(), BuildError> {
        self.write(out)
    }

    /// How many bytes the message has, for the SIZE of SMTP (RFC 1870). Without a date of its own, it may differ by one
    /// from that of a message built on another day.
    pub fn size(&self) -> Result<usize, BuildError> {
        let mut size = Size::default();
        self.write(&mut size)?;
        Ok(size.0)
    }

    fn write(&self, out: &mut impl Sink) -> Result<(), BuildError> {
        let body = self.body();
        let mut header = Vec::with_capacity(1024);
        let stem = self.write_header(&mut header)?;
        BodyWriter {
            out,
            stem: &stem,
            multiparts: 0,
        }
        .part(&body, &mut header)?;
        Ok(())
    }

    /// The tree of parts: text and HTML as alternatives, what the HTML shows beside it, attachments behind them.
    fn body(&self) -> BodyPart<'_> {
        let text = self
            .text
            .as_deref()
            .map(|text| BodyPart::Leaf(Leaf::text("text/plain", text)));
        let html = self
            .html
            .as_deref()
            .map(|html| BodyPart::Leaf(Leaf::text("text/html", html)));
        let shown = html.is_some();
        let inlines = self.inlines.iter().cloned().map(BodyPart::Leaf);
        let attachments = self.attachments.iter().cloned().map(BodyPart::Leaf);
        let (related, mixed): (Vec<_>, Vec<_>) = if shown {
            (inlines.collect(), attachments.collect())
        } else {
            (Vec::new(), inlines.chain(attachments).collect())
        };
        let html = html.map(|html| multipart("related", html, related));
        let body = match (text, html) {
            (Some(text), Some(html)) => multipart("alternative", text, vec![html]),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => BodyPart::Leaf(Leaf::text("text/plain", "")),
        };
        multipart("mixed", body, mixed)
    }

    /// Writes the fields that are not about the content; gives the stem of the boundaries.
    fn write_header(&self, out: &mut Vec<u8>) -> Result<String, BuildError> {
        if let Some((field, reason)) = &self.error {
            return Err(BuildError::invalid(field, *reason));
        }
        let Some(author) = self.from.first() else {
            return Err(BuildError::NoFrom);
        };
        let now = identity::Now::of(self.date)?;
        let mut date = Field::begin(out, "Date");
        date.piece(&now.date.to_string());
        date.end();
        self.mailboxes(out, "From", &self.from)?;
        self.mailboxes(out, "Sender", &self.sender)?;
        self.mailboxes(out, "Reply-To", &self.reply_to)?;
        self.mailboxes(out, "To", &self.to)?;
        self.mailboxes(out, "Cc", &self.cc)?;
        if let Some(subject) = &self.subject {
            self.unstructured(out, "Subject", subject);
        }
        let mut digest = identity::Digest::new(now.salt);
        digest.text(out);
        for text in [&self.text, &self.html].into_iter().flatten() {
            digest.text(text.as_bytes());
        }
        for leaf in self.inlines.iter().chain(&self.attachments) {
            digest.sample(&leaf.content);
        }
        let id = match &self.message_id {
            Some(id) => id.clone(),
            None => digest
                .message_id(author.addr().domain())
                .map_err(|e| BuildError::invalid("Message-ID", e))?,
        };
        ids(out, "Message-ID", &[id]);
        ids(out, "In-Reply-To", &self.in_reply_to);
        ids(out, "References", &self.references);
        for (name, value) in &self.headers {
            self.unstructured(out, name, value);
        }
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        Ok(self
            .boundary
            .as_ref()
            .map_or_else(|| digest.boundary(), |b| b.to_string()))
    }

    fn unstructured(&self, out: &mut Vec<u8>, name: &str, value: &str) {
        let mut field = Field::begin(out, name);
        words::unstructured(&mut field, value, self.charset);
        field.end();
    }

    fn mailboxes(
        &self,
        out: &mut Vec<u8>,
        name: &str,
        mailboxes: &[Mailbox],
    ) -> Result<(), BuildError> {
        if mailboxes.is_empty() {
            return Ok(());
        }
        let mut field = Field::begin(out, name);
        for (i, mailbox) in mailboxes.iter().enumerate() {
            if !mailbox.addr().is_ascii() && self.charset == HeaderCharset::Ascii {
                return Err(BuildError::invalid(name, ValueError::NotAscii));
            }
            let comma = if i + 1 < mailboxes.len() { "," } else { "" };
            match mailbox.name() {
                Some(display) => {
                    words::phrase(&mut field, display, self.charset);
                    field.piece(&format!("<{}>{comma}", mailbox.addr()));
                }
                None => field.piece(&format!("{}{comma}", mailbox.addr())),
            }
        }
        field.end();
        Ok(())
    }
}

fn ids(out: &mut Vec<u8>, name: &str, ids: &[MessageId]) {
    if ids.is_empty() {
        return;
    }
    let mut field = Field::begin(out, name);
    ids.iter().for_each(|id| field.piece(&id.to_string()));
    field.end();
}

/// Puts `first` and `others` into a multipart, if there are others.
fn multipart<'a>(
    subtype: &'static str,
    first: BodyPart<'a>,
    others: Vec<BodyPart<'a>>,
) -> BodyPart<'a> {
    if others.is_empty() {
        return first;
    }
    BodyPart::Multipart {
        subtype,
        children: std::iter::once(first).chain(others).collect(),
    }
}

/// Whether the builder writes this field itself, or never.
fn is_reserved(id: FieldId) -> bool {
    use FieldId::*;
    matches!(
        id,
        Date | From
            | Sender
            | Reply
            | To
            | Cc
            | Bcc
            | Subject
            | MessageId
            | InReplyTo
            | References
            | MimeVersion
            | ContentType
            | ContentTransferEncoding
            | ContentDisposition
            | ContentId
    )
}

/// `type/subtype` in lower case, and parameters.
type CheckedType<'a> = (String, Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Reads the type of an attachment; there must be nothing wrong with it. A multipart is none.
fn checked_content_type<'a>(text: &str) -> Result<CheckedType<'a>, ValueError> {
    if text.bytes().any(|b| b.is_ascii_control()) {
        return Err(ValueError::Control);
    }
    let value = ContentValue::parse(text.as_bytes(), 20);
    let token =
        |t: &[u8]| !t.is_empty() && t.len() <= 127 && t.iter().all(|b| parameter::is_token(*b));
    let sub = value.sub.unwrap_or_default();
    if !token(value.main)
        || !token(sub)
        || value.main_is("multipart")
        || !value.all_defects().is_empty()
    {
        return Err(ValueError::ContentType);
    }
    let lower = |t: &[u8]| String::from_utf8_lossy(t).to_ascii_lowercase();
    let parameters = value.parameters.iter().map(|p| {
        let name = lower(p.name);
        if token(p.name) && name.len() <= 40 {
            Ok((name.into(), p.text().into_owned().into()))
        } else {
            Err(ValueError::ContentType)
        }
    });
    Ok((
        format!("{}/{}", lower(value.main), lower(sub)),
        parameters.collect::<Result<_, _>>()?,
    ))
}

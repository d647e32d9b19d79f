//! Building a message: what is written here, [`Message::parse`](crate::Message::parse) reads back equal within its limits.

mod body;
mod chunks;
mod content;
mod error;
mod fold;
mod identity;
mod into_mailbox;
mod leaf;
mod parameter;
mod quoted_printable;
mod sink;
mod source;
mod survey;
mod tree;
mod words;
mod write;

use std::borrow::Cow;
use std::io::Write;

pub use chunks::Chunks;
use chunks::Plan;
pub use content::Content;
pub use error::BuildError;
pub use into_mailbox::IntoMailbox;
use leaf::Leaf;
use sink::{Size, Writer};
pub use source::Source;
pub use tree::BodyPart;
use words::HeaderCharset;

use crate::date_time::DateTime;
use crate::field_name::{FieldId, is_ftext};
use crate::mailbox::{AddrSpec, Mailbox, has_control};
use crate::message_id::MessageId;
use crate::value_error::ValueError;

/// The value of a further header field.
#[derive(Debug)]
enum HeaderValue<'a> {
    /// Text, to be encoded and folded.
    Text(Cow<'a, str>),
    /// Pieces that are never broken nor encoded.
    Pieces(Vec<String>),
}

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
    /// In a box, because every verb moves the builder.
    given: Box<Given<'a>>,
}

#[derive(Debug, Default)]
struct Given<'a> {
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
    headers: Vec<(Cow<'a, str>, HeaderValue<'a>)>,
    /// Whole fields with their line ends.
    raw_headers: Vec<u8>,
    text: Option<Leaf<'a>>,
    html: Option<Leaf<'a>>,
    alternatives: Vec<Leaf<'a>>,
    body: Option<BodyPart<'a>>,
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
        self.given
            .error
            .get_or_insert_with(|| (field.to_owned(), reason));
    }

    fn ok<T>(&mut self, field: &str, value: Result<T, ValueError>) -> Option<T> {
        value.map_err(|reason| self.fail(field, reason)).ok()
    }

    /// Adds an author (RFC 5322 §3.6.2): a [`Mailbox`], an address, `"Name <address>"` or `("Name", "address")`.
    pub fn from(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("From", mailbox.into_mailbox());
        self.given.from.extend(mailbox);
        self
    }

    /// Sets who sends it for the authors (RFC 5322 §3.6.2).
    pub fn sender(mut self, mailbox: impl IntoMailbox) -> Self {
        self.given.sender = self
            .ok("Sender", mailbox.into_mailbox())
            .into_iter()
            .collect();
        self
    }

    /// Adds where answers are to go (RFC 5322 §3.6.2).
    pub fn reply_to(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("Reply-To", mailbox.into_mailbox());
        self.given.reply_to.extend(mailbox);
        self
    }

    /// Adds a recipient (RFC 5322 §3.6.3).
    pub fn to(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("To", mailbox.into_mailbox());
        self.given.to.extend(mailbox);
        self
    }

    /// Adds a recipient of a copy (RFC 5322 §3.6.3).
    pub fn cc(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("Cc", mailbox.into_mailbox());
        self.given.cc.extend(mailbox);
        self
    }

    /// Adds a recipient that nobody sees (RFC 5322 §3.6.3): kept for [`recipients`](Self::recipients), never written.
    pub fn bcc(mut self, mailbox: impl IntoMailbox) -> Self {
        let mailbox = self.ok("Bcc", mailbox.into_mailbox());
        self.given.bcc.extend(mailbox);
        self
    }

    /// Sets the subject (RFC 5322 §3.6.5).
    pub fn subject(mut self, text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        self.check_text("Subject", &text);
        self.given.subject = Some(text);
        self
    }

    fn check_text(&mut self, field: &str, text: &str) {
        if has_control(text) {
            self.fail(field, ValueError::Control);
        }
    }

    /// Sets the date (RFC 5322 §3.6.1). Without one it is the time of building; on `wasm32-unknown-unknown`, where no clock
    /// is, building is then [`BuildError::NoClock`].
    pub fn date(mut self, date: DateTime) -> Self {
        self.given.date = Some(date);
        self
    }

    /// Sets the identifier (RFC 5322 §3.6.4), with or without angle brackets.
    pub fn message_id(mut self, id: impl AsRef<str>) -> Self {
        self.given.message_id = self.ok("Message-ID", MessageId::parse(id.as_ref()));
        self
    }

    /// Adds a message that this one answers (RFC 5322 §3.6.4).
    pub fn in_reply_to(mut self, id: impl AsRef<str>) -> Self {
        let id = self.ok("In-Reply-To", MessageId::parse(id.as_ref()));
        self.given.in_reply_to.extend(id);
        self
    }

    /// Adds messages of the thread, the oldest first (RFC 5322 §3.6.4).
    pub fn references<I: AsRef<str>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        for id in ids {
            let id = self.ok("References", MessageId::parse(id.as_ref()));
            self.given.references.extend(id);
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
        self.given.headers.push((name, HeaderValue::Text(value)));
        self
    }

    /// Adds a header field as it shall stand in the message: a name, a colon, a value, folded with CRLF or not at all.
    ///
    /// It has to be one field, in lines of at most 998 characters; a signature that was made elsewhere is one.
    pub fn raw_header(mut self, field: impl AsRef<str>) -> Self {
        let field = field.as_ref().trim_end_matches(['\r', '\n']);
        let name = field.split(':').next().unwrap_or_default();
        if !is_whole_field(field) {
            self.fail(name, ValueError::RawField);
        } else if is_reserved(FieldId::of(name.as_bytes())) {
            self.fail(name, ValueError::ReservedField);
        }
        self.given.raw_headers.extend_from_slice(field.as_bytes());
        self.given.raw_headers.extend_from_slice(b"\r\n");
        self
    }

    /// Tells how to leave a mailing list (RFC 2369 §3.2): URIs such as `https:` and `mailto:`, the best one first.
    ///
    /// With an `https:` URI among them, one POST request to it is said to be enough (RFC 8058).
    pub fn list_unsubscribe<I: AsRef<str>>(mut self, uris: impl IntoIterator<Item = I>) -> Self {
        let mut pieces: Vec<String> = Vec::new();
        for uri in uris {
            let uri = uri.as_ref();
            if uri.is_empty()
                || uri.len() > 900
                || !uri
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && !b"<>,".contains(&b))
            {
                self.fail("List-Unsubscribe", ValueError::Uri);
            }
            if let Some(last) = pieces.last_mut() {
                last.push(',');
            }
            pieces.push(format!("<{uri}>"));
        }
        let one_click = pieces.iter().any(|uri| uri.starts_with("<https:"));
        self.given
            .headers
            .push(("List-Unsubscribe".into(), HeaderValue::Pieces(pieces)));
        if one_click {
            let value = HeaderValue::Pieces(vec!["List-Unsubscribe=One-Click".into()]);
            self.given
                .headers
                .push(("List-Unsubscribe-Post".into(), value));
        }
        self
    }

    /// Sets the plain text. Its lines end with CRLF in the message, the last one too.
    pub fn text(mut self, text: impl Into<Cow<'a, str>>) -> Self {
        self.given.text = Some(Leaf::text("text/plain", text.into()));
        self
    }

    /// Sets the HTML. Its lines end with CRLF in the message, the last one too.
    pub fn html(mut self, html: impl Into<Cow<'a, str>>) -> Self {
        self.given.html = Some(Leaf::text("text/html", html.into()));
        self
    }

    /// Adds an invitation or another calendar object (RFC 6047 §2.4) as one more way to read the message, with its
    /// method: `REQUEST`, `REPLY`, `CANCEL`, ….
    pub fn calendar(mut self, method: &str, object: impl Into<Cow<'a, str>>) -> Self {
        if method.is_empty()
            || !method
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            self.fail("method", ValueError::ContentType);
        }
        let leaf = Leaf::text("text/calendar", object.into());
        self.given
            .alternatives
            .push(leaf.with_parameter("method", method.to_owned()));
        self
    }

    /// Sets a body that was put together by hand, in place of or beside text and HTML.
    pub fn body(mut self, part: BodyPart<'a>) -> Self {
        self.given.body = Some(part);
        self
    }

    /// Adds an attachment (RFC 2183 §2.2) of a type such as `application/pdf`.
    pub fn attach(
        mut self,
        file_name: impl Into<Cow<'a, str>>,
        content_type: &str,
        content: impl Into<Content<'a>>,
    ) -> Self {
        let file_name = file_name.into();
        self.check_text("file name", &file_name);
        if let Some(leaf) = self.ok("Content-Type", Leaf::of(content_type, content.into())) {
            self.given.attachments.push(leaf.attached(file_name));
        }
        self
    }

    /// Adds a part that the HTML shows as `cid:` and this identifier (RFC 2392), such as an image.
    pub fn inline(
        mut self,
        content_id: impl AsRef<str>,
        content_type: &str,
        content: impl Into<Content<'a>>,
    ) -> Self {
        let id = self.ok("Content-ID", MessageId::parse(content_id.as_ref()));
        if let Some((leaf, id)) = self
            .ok("Content-Type", Leaf::of(content_type, content.into()))
            .zip(id)
        {
            self.given.inlines.push(leaf.shown_as(&id));
        }
        self
    }

    /// Sets the beginning of all boundaries (RFC 2046 §5.1.1) instead of one made of the content.
    ///
    /// A part in which it occurs is written in base64, so that it cannot end there; a message within the message cannot be,
    /// and is an error.
    pub fn boundary(mut self, stem: impl Into<Cow<'a, str>>) -> Self {
        let stem = stem.into();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
        if stem.is_empty() || stem.len() > 60 || stem.contains(' ') || !stem.bytes().all(allowed) {
            self.fail("boundary", ValueError::Boundary);
        }
        self.given.boundary = Some(stem);
        self
    }

    /// Writes characters beyond ASCII in headers as they are (RFC 6532). The transport must offer SMTPUTF8.
    pub fn with_utf8_headers(mut self) -> Self {
        self.given.charset = HeaderCharset::Utf8;
        self
    }

    /// Whom the envelope has to name: everyone of To, Cc and Bcc.
    pub fn recipients(&self) -> impl Iterator<Item = &AddrSpec> {
        self.given
            .to
            .iter()
            .chain(&self.given.cc)
            .chain(&self.given.bcc)
            .map(Mailbox::addr)
    }

    fn leaves(&self) -> impl Iterator<Item = &Leaf<'a>> {
        self.given
            .alternatives
            .iter()
            .chain(&self.given.inlines)
            .chain(&self.given.attachments)
    }

    /// The message as bytes.
    pub fn build(&self) -> Result<Vec<u8>, BuildError> {
        let texts = [&self.given.text, &self.given.html].into_iter().flatten();
        let parts: usize = self.leaves().chain(texts).map(Leaf::estimate).sum();
        let mut out = Vec::with_capacity(parts.saturating_add(768));
        self.write(&mut out)?;
        Ok(out)
    }

    /// Writes the message to a sink, in one pass and in pieces of some kilobytes.
    pub fn write_to(&self, out: &mut impl Write) -> Result<(), BuildError> {
        let mut out = Writer::new(out);
        self.write(&mut out)?;
        out.flush()?;
        Ok(())
    }

    /// The message in chunks that are made one by one, for a body that is streamed. They share the content with the
    /// builder, and outlive it.
    pub fn chunks(&self) -> Result<Chunks<'a>, BuildError> {
        let mut plan = Plan::default();
        self.write(&mut plan)?;
        Ok(plan.chunks())
    }

    /// How many bytes the message has, for the SIZE of SMTP (RFC 1870). Without a date of its own, it may differ by one
    /// from that of a message built on another day.
    pub fn size(&self) -> Result<usize, BuildError> {
        let mut size = Size::default();
        self.write(&mut size)?;
        Ok(size.total())
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

/// Whether text is one header field: its further lines begin with white space, and none of them is blank.
fn is_whole_field(field: &str) -> bool {
    let name = field.split(':').next().unwrap_or_default();
    let lines = || field.split("\r\n");
    let printable = |line: &str| line.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t'));
    field.contains(':')
        && !name.is_empty()
        && name.bytes().all(is_ftext)
        && lines().all(|line| line.len() <= 998 && printable(line) && !line.trim().is_empty())
        && lines().skip(1).all(|line| line.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests;

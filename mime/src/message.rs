use std::borrow::Cow;
use std::fmt;

use crate::address::AddressList;
use crate::bodies::Bodies;
use crate::buffers::Buffers;
use crate::coding;
use crate::date_time::DateTime;
use crate::defect::{Defect, DefectKind};
use crate::field::HeaderField;
use crate::field_name::FieldId;
use crate::flowed::unflowed;
use crate::grammar::message_id::MessageIds;
use crate::html::{beginning_to_text, html_to_text};
use crate::index::{Index, Indexer, LONGEST, Whole, read_loosely};
use crate::limits::{Delimiters, Limits};
use crate::line_ends::with_lf;
use crate::part::{Part, PartId};

/// A message (RFC 5322, RFC 2045): its bytes and an index of where everything is.
///
/// Parsing never fails; what is unusual is told by [`defects`](Self::defects). It finds the header fields and the
/// parts; values are read when they are asked for, so a getter that is called twice reads twice.
#[derive(Clone)]
pub struct Message<'a> {
    pub(crate) raw: Cow<'a, [u8]>,
    /// What transfer-encoded messages within this one decoded to.
    decoded: Vec<Vec<u8>>,
    pub(crate) index: Index,
    pub(crate) limits: Limits,
    /// Whether it is a message by default, because it stands in a digest (RFC 2046 §5.1.5): known of a header that is told
    /// without its multipart.
    pub(crate) in_digest: bool,
}

impl<'a> Message<'a> {
    /// Reads a message. Any bytes are one, none included.
    ///
    /// ```
    /// use postrider_mime::Message;
    ///
    /// let message = Message::parse(b"From: Jo <jo@example.org>\r\nSubject: =?utf-8?Q?Caf=C3=A9?=\r\n\r\nHello\r\n");
    /// assert_eq!(message.subject().as_deref(), Some("Café"));
    /// assert_eq!(message.from().first_address(), Some("jo@example.org"));
    /// assert_eq!(message.body_text().as_deref(), Some("Hello\n"));
    /// ```
    pub fn parse(bytes: &'a [u8]) -> Self {
        Self::parse_with(bytes, &Limits::default(), Buffers::default())
    }

    /// Reads a message within limits, in buffers that an earlier message left
    /// ([`into_buffers`](Self::into_buffers)).
    pub fn parse_with(bytes: &'a [u8], limits: &Limits, buffers: Buffers) -> Self {
        let indexer = Indexer::new(limits.clone(), buffers.index, buffers.open);
        let (mut index, _, mut encoded) = indexer.read(Whole::new(bytes));
        if limits.delimiters == Delimiters::Loose {
            read_loosely(&mut index, bytes, limits, &mut encoded);
        }
        let mut message = Self::over(bytes.into(), limits.clone());
        message.index = index;
        message.finish(encoded);
        message
    }

    /// Bytes without an index yet.
    pub(crate) fn over(raw: Cow<'a, [u8]>, limits: Limits) -> Self {
        Self {
            raw,
            decoded: Vec::new(),
            index: Index::default(),
            limits,
            in_digest: false,
        }
    }

    /// Does what follows the one pass.
    pub(crate) fn finish(&mut self, encoded: Vec<u32>) {
        if self.raw.len() > LONGEST {
            self.index.defect(DefectKind::TooLong, LONGEST, 0);
        }
        self.open_encoded(encoded);
    }

    /// Decodes and indexes the transfer-encoded messages within this one, level by level.
    fn open_encoded(&mut self, mut containers: Vec<u32>) {
        for level in 0.. {
            for container in std::mem::take(&mut containers) {
                if level >= self.limits.encoded_nesting
                    || self.decoded.len() >= usize::from(u16::MAX)
                {
                    self.index.defect(DefectKind::DepthLimit, 0, container);
                    continue;
                }
                containers.extend(self.open_one(container));
            }
            if containers.is_empty() {
                return;
            }
        }
    }

    /// Opens one; gives the encoded messages that are in it.
    fn open_one(&mut self, container: u32) -> Vec<u32> {
        let (content, depth) = {
            let Some(part) = Part::new(self, container) else {
                return Vec::new();
            };
            (
                coding::decode(part.transfer_encoding(), part.raw_body())
                    .bytes
                    .into_owned(),
                part.record().depth,
            )
        };
        let left = Limits {
            depth: self.limits.depth.saturating_sub(usize::from(depth) + 1),
            parts: self.limits.parts.saturating_sub(self.index.parts.len()),
            fields: self.limits.fields.saturating_sub(self.index.fields.len()),
            ..self.limits.clone()
        };
        if left.depth == 0 || left.parts == 0 {
            self.index.defect(DefectKind::PartLimit, 0, container);
            return Vec::new();
        }
        let indexer = Indexer::new(left.clone(), Index::default(), Default::default());
        let (mut index, _, mut encoded) = indexer.read(Whole::new(&content));
        if left.delimiters == Delimiters::Loose {
            read_loosely(&mut index, &content, &left, &mut encoded);
        }
        let base = self.index.parts.len() as u32;
        self.decoded.push(content);
        self.index
            .graft(index, container, self.decoded.len() as u16);
        encoded.into_iter().map(|id| id + base).collect()
    }

    /// The same message, with the bytes copied where they were borrowed.
    pub fn into_owned(self) -> Message<'static> {
        Message {
            raw: Cow::Owned(self.raw.into_owned()),
            decoded: self.decoded,
            index: self.index,
            limits: self.limits,
            in_digest: self.in_digest,
        }
    }

    /// Gives up the message for what can be used to read the next one.
    pub fn into_buffers(self) -> Buffers {
        Buffers {
            index: self.index,
            open: Default::default(),
        }
    }

    /// The bytes of the message.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub(crate) fn source(&self, number: u16) -> &[u8] {
        match usize::from(number).checked_sub(1) {
            None => &self.raw,
            Some(decoded) => self
                .decoded
                .get(decoded)
                .map(Vec::as_slice)
                .unwrap_or_default(),
        }
    }

    /// What was unusual about the structure, in the order in which it was met.
    pub fn defects(&self) -> &[Defect] {
        &self.index.defects
    }

    /// The message as a part: its own header and body.
    pub fn root(&self) -> Part<'_> {
        Part::root(self)
    }

    /// The part of a number.
    pub fn part(&self, id: PartId) -> Option<Part<'_>> {
        Part::new(self, id.0)
    }

    /// All parts, those of messages within this one included, each before its children.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.root().walk()
    }

    /// The part of a Content-ID, given without angle brackets (RFC 2392).
    pub fn part_by_content_id(&self, id: &str) -> Option<Part<'_>> {
        self.parts().find(|p| p.content_id().as_deref() == Some(id))
    }

    // Header fields.

    /// All header fields in order, repeated ones included.
    pub fn headers(&self) -> impl Iterator<Item = HeaderField<'_>> {
        self.root().headers()
    }

    /// The first header field of a name; case does not count.
    pub fn header(&self, name: &str) -> Option<HeaderField<'_>> {
        self.root().header(name)
    }

    /// The subject (RFC 5322 §3.6.5), decoded.
    pub fn subject(&self) -> Option<Cow<'_, str>> {
        self.root().text_of(FieldId::Subject)
    }

    /// Who wrote it (RFC 5322 §3.6.2).
    pub fn from(&self) -> AddressList<'_> {
        self.root().addresses(FieldId::From)
    }

    /// Who sent it, if that is another than the author (RFC 5322 §3.6.2).
    pub fn sender(&self) -> AddressList<'_> {
        self.root().addresses(FieldId::Sender)
    }

    /// Where answers are to go (RFC 5322 §3.6.2).
    pub fn reply_to(&self) -> AddressList<'_> {
        self.root().addresses(FieldId::Reply)
    }

    /// Whom it is for (RFC 5322 §3.6.3).
    pub fn to(&self) -> AddressList<'_> {
        self.root().addresses(FieldId::To)
    }

    /// Who else shall see it (RFC 5322 §3.6.3).
    pub fn cc(&self) -> AddressList<'_> {
        self.root().addresses(FieldId::Cc)
    }

    /// Who else shall see it unseen by others (RFC 5322 §3.6.3).
    pub fn bcc(&self) -> AddressList<'_> {
        self.root().addresses(FieldId::Bcc)
    }

    /// When it was written (RFC 5322 §3.6.1).
    pub fn date(&self) -> Option<DateTime> {
        self.root().date(FieldId::Date)
    }

    /// Its identifier, without angle brackets (RFC 5322 §3.6.4).
    pub fn message_id(&self) -> Option<Cow<'_, str>> {
        self.root().field(FieldId::MessageId)?.message_ids().next()
    }

    /// The messages that it answers (RFC 5322 §3.6.4).
    pub fn in_reply_to(&self) -> MessageIds<'_> {
        self.ids(FieldId::InReplyTo)
    }

    /// The messages of its thread, the oldest first (RFC 5322 §3.6.4).
    pub fn references(&self) -> MessageIds<'_> {
        self.ids(FieldId::References)
    }

    fn ids(&self, id: FieldId) -> MessageIds<'_> {
        MessageIds::new(self.root().field(id).map_or(&[], HeaderField::raw))
    }

    // Bodies.

    /// The parts to show as text, to show as HTML, and to keep apart (RFC 8621 §4.1.4).
    pub fn bodies(&self) -> Bodies<'_> {
        Bodies::of(self)
    }

    /// The parts that are no body text (RFC 8621 §4.1.4).
    pub fn attachments(&self) -> Vec<Part<'_>> {
        self.bodies().attachments
    }

    /// The text to read: the text bodies joined, HTML among them turned into text, flowed text into paragraphs
    /// (RFC 3676), line ends as LF.
    ///
    /// `None` if there is no text at all.
    pub fn body_text(&self) -> Option<String> {
        let bodies = self.bodies();
        let texts = bodies.text.iter().filter_map(|part| {
            let content_type = part.content_type();
            let text = part.text().text;
            match (content_type.main(), content_type.sub()) {
                ("text", "html") => Some(html_to_text(&text)),
                ("text", _) => Some(with_lf(unflowed(text, &content_type))),
                _ => None,
            }
        });
        join(texts)
    }

    /// The first `characters` of the text to read, on one line: for a list of messages. Where that is blank, those of the HTML to
    /// show.
    ///
    /// Of a long text no more is decoded than its beginning, as far as that takes.
    pub fn preview(&self, characters: usize) -> Option<String> {
        let bodies = self.bodies();
        let text = preview_of(&bodies.text, characters);
        if text.as_ref().is_some_and(|text| !text.is_empty()) {
            return text;
        }
        // As programs write it that have HTML only, and a plain text because they must.
        preview_of(&bodies.html, characters).or(text)
    }

    /// The HTML to show: the HTML bodies joined, line ends as LF. `None` if there is no HTML.
    ///
    /// It is what the sender wrote: never show it outside a sandbox.
    pub fn body_html(&self) -> Option<String> {
        let bodies = self.bodies();
        let html = bodies
            .html
            .iter()
            .filter(|p| p.content_type().is("text", "html"));
        join(html.map(|part| with_lf(part.text().text)))
    }
}

/// The first `characters` of the texts among these parts, on one line.
fn preview_of(parts: &[Part<'_>], characters: usize) -> Option<String> {
    let texts = parts
        .iter()
        .filter(|part| part.content_type().main() == "text");
    let mut preview: Option<String> = None;
    let mut left = characters;
    for part in texts {
        let preview = preview.get_or_insert_default();
        let line = first_line(*part, left);
        if line.is_empty() {
            continue;
        }
        if !preview.is_empty() {
            preview.push(' ');
        }
        preview.push_str(&line);
        left = left.saturating_sub(line.chars().count() + 1);
        if left == 0 {
            break;
        }
    }
    let mut preview = preview?;
    let end = preview
        .char_indices()
        .nth(characters)
        .map_or(preview.len(), |(at, _)| at);
    preview.truncate(end);
    Some(preview)
}

/// The text of a part on one line: all of it, or more characters than these.
fn first_line(part: Part<'_>, characters: usize) -> String {
    /// So many characters at the end of a text that was cut may be what is left of an entity or an escape sequence.
    const UNSURE: usize = 16;
    let content_type = part.content_type();
    let is_html = content_type.is("text", "html");
    let enough = characters.saturating_add(UNSURE);
    // Markup takes up most of an HTML text, and a character up to twelve bytes of an encoded one.
    let mut bytes = characters
        .saturating_mul(if is_html { 64 } else { 16 })
        .saturating_add(4096);
    loop {
        let is_cut = bytes < part.raw_body().len();
        let text = part.text_of_first(bytes);
        let text = match (is_html, is_cut) {
            (true, true) => Cow::Owned(beginning_to_text(&text)),
            (true, false) => Cow::Owned(html_to_text(&text)),
            (false, _) => unflowed(text, &content_type),
        };
        let line = on_one_line(&text, enough);
        if !is_cut || line.chars().nth(enough).is_some() {
            return line;
        }
        // Twice as much each time is no more than twice the whole.
        bytes = bytes.saturating_mul(2);
    }
}

/// The words of a text with one space between them, as many as it takes to have more characters than these.
fn on_one_line(text: &str, characters: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > characters.saturating_mul(4) {
            break;
        }
    }
    line
}

/// Joins texts, each on lines of its own.
fn join(texts: impl Iterator<Item = String>) -> Option<String> {
    texts.reduce(|mut all, next| {
        if !all.is_empty() && !all.ends_with('\n') {
            all.push('\n');
        }
        all.push_str(&next);
        all
    })
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("bytes", &self.raw.len())
            .field("parts", &self.parts().collect::<Vec<_>>())
            .field("defects", &self.index.defects)
            .finish()
    }
}

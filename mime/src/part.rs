use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::address::AddressList;
use crate::charset::{self, Text};
use crate::coding::{self, Decoded, TransferDecoder, TransferEncoding};
use crate::content::{ContentDisposition, ContentType};
use crate::date_time::DateTime;
use crate::defect::{Defect, DefectKind};
use crate::field::HeaderField;
use crate::field_name::FieldId;
use crate::file_name;
use crate::grammar::parameters::ContentValue;
use crate::index::{NONE, PartRecord, Shape};
use crate::message::Message;

/// The number of a part in its message. The message itself is part 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId(pub(crate) u32);

impl PartId {
    /// The message itself.
    pub const ROOT: Self = Self(0);

    /// The number.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A part of a message (RFC 2045 §2.6), or the message itself: a header and a body.
///
/// A view of three words; everything is read when it is asked for.
#[derive(Clone, Copy)]
pub struct Part<'m> {
    message: &'m Message<'m>,
    record: &'m PartRecord,
    id: u32,
}

impl<'m> Part<'m> {
    pub(crate) fn new(message: &'m Message<'m>, id: u32) -> Option<Self> {
        let record = message.index.part(id)?;
        Some(Self {
            message,
            record,
            id,
        })
    }

    /// The message itself: every index has it.
    pub(crate) fn root(message: &'m Message<'m>) -> Self {
        static NOTHING: PartRecord = PartRecord::nothing();
        Self {
            message,
            record: message.index.part(0).unwrap_or(&NOTHING),
            id: 0,
        }
    }

    /// The number of the part.
    pub fn id(self) -> PartId {
        PartId(self.id)
    }

    pub(crate) fn record(self) -> &'m PartRecord {
        self.record
    }

    /// The part of a number; there is none of [`NONE`].
    fn at(self, id: u32) -> Option<Part<'m>> {
        Part::new(self.message, id)
    }

    /// The part that this one stands in.
    pub fn parent(self) -> Option<Part<'m>> {
        self.at(self.record.parent)
    }

    /// The first part within this one.
    pub fn first_child(self) -> Option<Part<'m>> {
        self.at(self.record.first_child)
    }

    /// The next part of the same multipart.
    pub fn next_sibling(self) -> Option<Part<'m>> {
        self.at(self.record.next_sibling)
    }

    /// The parts of a multipart, or the one message within a `message/rfc822`.
    pub fn children(self) -> impl Iterator<Item = Part<'m>> {
        std::iter::successors(self.first_child(), |part| part.next_sibling())
    }

    /// This part and all parts within it, each before its children.
    pub fn walk(self) -> impl Iterator<Item = Part<'m>> {
        let top = self.id;
        std::iter::successors(Some(self), move |part| {
            part.first_child().or_else(|| part.after(top))
        })
    }

    /// The part that follows this one and its children, within `top`.
    pub(crate) fn after(self, top: u32) -> Option<Part<'m>> {
        let mut part = self;
        while part.id != top {
            match part.next_sibling() {
                Some(next) => return Some(next),
                None => part = part.parent()?,
            }
        }
        None
    }

    /// Whether the body is made of parts (RFC 2046 §5.1).
    pub fn is_multipart(self) -> bool {
        matches!(self.record.shape, Shape::Multipart { .. })
    }

    /// Whether the body is a message that was opened (RFC 2046 §5.2.1).
    pub fn is_message(self) -> bool {
        matches!(self.record.shape, Shape::Message | Shape::EncodedMessage)
            && self.first_child().is_some()
    }

    /// What was unusual about the structure of this part. Values tell their own defects when they are read.
    pub fn defects(self) -> impl Iterator<Item = &'m Defect> {
        self.message
            .index
            .defects
            .iter()
            .filter(move |d| d.part.0 == self.id)
    }

    // Bytes.

    /// The bytes that the offsets of this part count in: the input, or what a transfer-encoded message decoded to.
    pub fn source(self) -> &'m [u8] {
        self.message.source(self.record.source)
    }

    /// Where the part is in its [`source`](Self::source).
    pub fn span(self) -> Range<usize> {
        self.record.start as usize..self.record.end as usize
    }

    /// Where the body is in its [`source`](Self::source).
    pub fn body_span(self) -> Range<usize> {
        self.record.body as usize..self.record.end as usize
    }

    /// The header and the body, exactly as received; what a signature is made over (RFC 1847 §2.1).
    pub fn raw(self) -> &'m [u8] {
        self.source().get(self.span()).unwrap_or_default()
    }

    /// The header with the empty line after it, exactly as received.
    pub fn raw_header(self) -> &'m [u8] {
        self.source()
            .get(self.record.start as usize..self.record.body as usize)
            .unwrap_or_default()
    }

    /// The body, exactly as received.
    pub fn raw_body(self) -> &'m [u8] {
        self.source().get(self.body_span()).unwrap_or_default()
    }

    /// The text of a multipart before its first delimiter line (RFC 2046 §5.1.1).
    pub fn preamble(self) -> &'m [u8] {
        let Some(first) = self.first_child().filter(|_| self.is_multipart()) else {
            return &[];
        };
        let text = self
            .source()
            .get(self.record.body as usize..first.record().start as usize)
            .unwrap_or_default();
        // The last line is the delimiter, and the line end before it belongs to it.
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        let before = memchr::memrchr(b'\n', line).and_then(|at| line.get(..at));
        let before = before.unwrap_or_default();
        before.strip_suffix(b"\r").unwrap_or(before)
    }

    /// The text of a multipart after its close delimiter line.
    pub fn epilogue(self) -> &'m [u8] {
        match self.record {
            PartRecord { epilogue: NONE, .. } => &[],
            record => self
                .source()
                .get(record.epilogue as usize..record.end as usize)
                .unwrap_or_default(),
        }
    }

    // Header fields.

    /// All header fields in order, repeated ones included.
    pub fn headers(self) -> impl Iterator<Item = HeaderField<'m>> {
        let source = self.source();
        self.message
            .index
            .fields_of(self.record)
            .iter()
            .map(move |record| HeaderField {
                source,
                record: *record,
            })
    }

    /// The first header field of a name; case does not count.
    pub fn header(self, name: &str) -> Option<HeaderField<'m>> {
        match FieldId::of(name.as_bytes()) {
            FieldId::Other => self.headers().find(|f| f.is(name)),
            id => self.field(id),
        }
    }

    #[inline]
    pub(crate) fn field(self, id: FieldId) -> Option<HeaderField<'m>> {
        let mut fields = self.message.index.fields_of(self.record).iter();
        Some(HeaderField {
            record: *fields.find(|record| record.id == id)?,
            source: self.source(),
        })
    }

    pub(crate) fn fields(self, id: FieldId) -> impl Iterator<Item = HeaderField<'m>> {
        self.headers().filter(move |f| f.id() == id)
    }

    pub(crate) fn addresses(self, id: FieldId) -> AddressList<'m> {
        let mut list = AddressList::default();
        for field in self.fields(id) {
            crate::grammar::address::address_list(field.raw(), &mut list.entries);
        }
        list
    }

    /// The first date that can be read.
    pub(crate) fn date(self, id: FieldId) -> Option<DateTime> {
        self.fields(id).find_map(HeaderField::date)
    }

    pub(crate) fn text_of(self, id: FieldId) -> Option<Cow<'m, str>> {
        Some(self.field(id)?.text())
    }

    /// The type of the body: `text/plain` by default, `message/rfc822` in a digest (RFC 2046 §5.1.5).
    pub fn content_type(self) -> ContentType<'m> {
        match self.field(FieldId::ContentType) {
            Some(field) => ContentType::parse(field.raw(), self.message.limits.parameters),
            None if self.is_in_digest() => ContentType::plain("message", "rfc822"),
            None => ContentType::plain("text", "plain"),
        }
    }

    fn is_in_digest(self) -> bool {
        match self.parent() {
            Some(parent) => parent.record().shape == Shape::Multipart { digest: true },
            None => self.message.in_digest,
        }
    }

    /// The charset of the content type, which is not read any further.
    fn charset(self) -> Option<Cow<'m, str>> {
        let value = self.field(FieldId::ContentType)?.raw();
        let content_type = ContentValue::parse(value, self.message.limits.parameters);
        content_type.parameters.get("charset")
    }

    /// How the part wants to be shown (RFC 2183).
    pub fn content_disposition(self) -> Option<ContentDisposition<'m>> {
        let field = self.field(FieldId::ContentDisposition)?;
        ContentDisposition::parse(field.raw(), self.message.limits.parameters)
    }

    /// The transfer encoding of the body (RFC 2045 §6).
    pub fn transfer_encoding(self) -> TransferEncoding {
        self.field(FieldId::ContentTransferEncoding)
            .map_or(TransferEncoding::SevenBit, |field| {
                TransferEncoding::parse(field.raw())
            })
    }

    /// The identifier of the part, without angle brackets (RFC 2045 §7).
    pub fn content_id(self) -> Option<Cow<'m, str>> {
        self.field(FieldId::ContentId)?.message_ids().next()
    }

    /// A description of the part (RFC 2045 §8).
    pub fn content_description(self) -> Option<Cow<'m, str>> {
        self.text_of(FieldId::ContentDescription)
    }

    /// The URI that other parts call this one by (RFC 2557 §4).
    pub fn content_location(self) -> Option<Cow<'m, str>> {
        self.text_of(FieldId::ContentLocation)
    }

    /// The file name as its sender gave it: the `filename` of the disposition, or the `name` of the type. An empty one is none.
    ///
    /// It may hold anything. Use [`safe_file_name`](Self::safe_file_name) for a name to save under.
    pub fn file_name(self) -> Option<Cow<'m, str>> {
        let given = |name: &Cow<'_, str>| !name.is_empty();
        let disposition = self.content_disposition();
        disposition
            .and_then(|d| d.parameter("filename").filter(given))
            .or_else(|| self.content_type().parameter("name").filter(given))
    }

    /// A name that is safe to save the part under: no path, no reserved or control character; made up if need be.
    pub fn safe_file_name(self) -> String {
        file_name::safe(self.file_name().as_deref(), &self.content_type(), self.id)
    }

    // Content.

    /// The content of the body, its transfer encoding taken off. That of a multipart is its raw body.
    pub fn content(self) -> Decoded<'m> {
        coding::decode(self.encoding(), self.raw_body())
    }

    /// Appends the content of the body to a buffer that can be used again. What was wrong with the encoding is
    /// returned.
    pub fn decode_into(self, out: &mut Vec<u8>) -> Option<DefectKind> {
        coding::decode_into(self.encoding(), self.raw_body(), out)
    }

    /// Takes the transfer encoding off a body that comes in pieces, as a [`PushParser`](crate::PushParser) tells it.
    pub fn decoder(self) -> TransferDecoder {
        TransferDecoder::new(self.encoding())
    }

    /// How many bytes the content has. A base64 body is measured and not decoded.
    pub fn decoded_len(self) -> usize {
        match self.encoding() {
            TransferEncoding::Base64 => coding::base64::decoded_length(self.raw_body()),
            _ => self.content().bytes.len(),
        }
    }

    /// The encoding to take off: a multipart has none.
    fn encoding(self) -> TransferEncoding {
        if self.is_multipart() {
            TransferEncoding::Binary
        } else {
            self.transfer_encoding()
        }
    }

    /// The content as text in its charset. Line ends stay as they are.
    pub fn text(self) -> Text<'m> {
        let content = self.content();
        let mut text = self.in_charset(content.bytes);
        text.defect = content.defect.or(text.defect);
        text
    }

    /// The text of the first bytes of the raw body. Where they are not all of it, its last characters may be none of the text.
    pub(crate) fn text_of_first(self, bytes: usize) -> Cow<'m, str> {
        let body = self.raw_body();
        let Some(first) = body.get(..bytes).filter(|first| first.len() < body.len()) else {
            return self.text().text;
        };
        let mut content = Vec::new();
        self.decoder().decode(first, &mut content);
        // A character that was cut would keep text of no certain charset from being UTF-8.
        let cut = std::str::from_utf8(&content).err();
        if let Some(cut) = cut.filter(|cut| cut.error_len().is_none()) {
            content.truncate(cut.valid_up_to());
        }
        self.in_charset(content.into()).text
    }

    /// Bytes of the content as text.
    fn in_charset(self, bytes: Cow<'m, [u8]>) -> Text<'m> {
        let label = self.charset();
        let label = label.as_deref().map(str::as_bytes);
        match bytes {
            Cow::Borrowed(bytes) => charset::decode(label, bytes),
            Cow::Owned(bytes) => charset::decode_owned(label, bytes),
        }
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("id", &self.id)
            .field("content_type", &self.content_type().essence())
            .field("span", &self.span())
            .finish()
    }
}

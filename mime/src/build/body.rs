//! The bodies of a message that is built: leaves with their encoding, and the multiparts around them.

use std::borrow::Cow;
use std::io::{self, Write};

use memchr::{memchr_iter, memmem};

use super::fold::Field;
use super::parameter::{checked_content_type, parameter};
use crate::coding::{TransferEncoding, base64, quoted_printable};
use crate::value_error::ValueError;

/// A line may not have more characters (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;

/// A body part that is ready to be written.
#[derive(Clone, Debug)]
pub(crate) enum Node<'a> {
    Leaf(Leaf<'a>),
    Multipart {
        subtype: Cow<'a, str>,
        children: Vec<Node<'a>>,
    },
}

impl Node<'_> {
    pub(crate) fn reborrow(&self) -> Node<'_> {
        match self {
            Self::Leaf(leaf) => Node::Leaf(leaf.reborrow()),
            Self::Multipart { subtype, children } => Node::Multipart {
                subtype: Cow::Borrowed(subtype),
                children: children.iter().map(Node::reborrow).collect(),
            },
        }
    }
}

/// A body without parts.
#[derive(Clone, Debug)]
pub(crate) struct Leaf<'a> {
    /// `type/subtype`.
    pub(crate) content_type: Cow<'a, str>,
    pub(crate) parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(crate) disposition: Option<&'static str>,
    pub(crate) file_name: Option<Cow<'a, str>>,
    pub(crate) content_id: Option<Cow<'a, str>>,
    pub(crate) content: Cow<'a, [u8]>,
}

impl<'a> Leaf<'a> {
    /// Text: its lines end with CRLF, the last one too.
    pub(crate) fn text(subtype: &str, text: impl Into<Cow<'a, str>>) -> Self {
        let content = crlf_lines(text.into());
        Self {
            content_type: format!("text/{subtype}").into(),
            parameters: vec![("charset".into(), "utf-8".into())],
            disposition: None,
            file_name: None,
            content_id: None,
            content,
        }
    }

    /// Content of a type such as `application/pdf`; there must be nothing wrong with the type.
    pub(crate) fn of(content_type: &str, content: Cow<'a, [u8]>) -> Result<Self, ValueError> {
        let (essence, parameters) = checked_content_type(content_type)?;
        Ok(Self {
            content_type: essence.into(),
            parameters,
            disposition: None,
            file_name: None,
            content_id: None,
            content,
        })
    }

    /// The same as a file of this name.
    pub(crate) fn attached(self, file_name: Cow<'a, str>) -> Self {
        Self {
            disposition: Some("attachment"),
            file_name: Some(file_name),
            ..self
        }
    }

    /// The same, borrowed: content is never copied.
    pub(crate) fn reborrow(&self) -> Leaf<'_> {
        Leaf {
            content_type: Cow::Borrowed(&self.content_type),
            parameters: self.parameters.clone(),
            disposition: self.disposition,
            file_name: self.file_name.as_deref().map(Cow::Borrowed),
            content_id: self.content_id.as_deref().map(Cow::Borrowed),
            content: Cow::Borrowed(&self.content),
        }
    }

    /// The encoding that fits the content (RFC 2045 §6), in which no `boundary` can stand.
    fn encoding(&self, boundary: &[u8]) -> TransferEncoding {
        let bytes = &*self.content;
        let text =
            self.content_type.starts_with("text/") || self.content_type.starts_with("message/");
        if !text {
            return TransferEncoding::Base64;
        }
        let collides = boundary.first().is_some_and(|first| {
            memchr::memchr(*first, bytes).is_some() && memmem::find(bytes, boundary).is_some()
        });
        match Survey::of(bytes) {
            _ if collides => TransferEncoding::Base64,
            survey if survey.is_seven_bit() => TransferEncoding::SevenBit,
            survey if survey.crlf_only && survey.octets * 6 <= bytes.len() => {
                TransferEncoding::QuotedPrintable
            }
            _ => TransferEncoding::Base64,
        }
    }

    fn write_header(&self, encoding: TransferEncoding, out: &mut Vec<u8>) {
        let mut field = Field::begin(out, "Content-Type");
        field.piece(&self.content_type);
        for (name, value) in &self.parameters {
            parameter(&mut field, name, value);
        }
        field.end();
        let mut field = Field::begin(out, "Content-Transfer-Encoding");
        field.piece(encoding.name());
        field.end();
        if let Some(id) = &self.content_id {
            let mut field = Field::begin(out, "Content-ID");
            field.piece(&format!("<{id}>"));
            field.end();
        }
        if let Some(disposition) = self.disposition {
            let mut field = Field::begin(out, "Content-Disposition");
            field.piece(disposition);
            if let Some(name) = &self.file_name {
                parameter(&mut field, "filename", name);
            }
            field.end();
        }
    }

    fn write_content(&self, encoding: TransferEncoding, sink: &mut impl Sink) -> io::Result<()> {
        match encoding {
            TransferEncoding::Base64 => sink.base64(&self.content),
            TransferEncoding::QuotedPrintable => sink.quoted_printable(&self.content),
            _ => sink.bytes(&self.content),
        }
    }
}

/// Where a message goes: into a writer, or into nothing but its size.
pub(crate) trait Sink {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn base64(&mut self, content: &[u8]) -> io::Result<()>;
    fn quoted_printable(&mut self, content: &[u8]) -> io::Result<()>;
}

impl<W: Write> Sink for W {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn base64(&mut self, content: &[u8]) -> io::Result<()> {
        base64::write(content, self)
    }

    fn quoted_printable(&mut self, content: &[u8]) -> io::Result<()> {
        quoted_printable::write(content, self)
    }
}

/// Counts what would be written, without encoding attachments.
#[derive(Debug, Default)]
pub(crate) struct Size(pub(crate) usize);

impl Sink for Size {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0 += bytes.len();
        Ok(())
    }

    fn base64(&mut self, content: &[u8]) -> io::Result<()> {
        self.0 += base64::encoded_length(content.len());
        Ok(())
    }

    fn quoted_printable(&mut self, content: &[u8]) -> io::Result<()> {
        let mut out = Vec::with_capacity(content.len() * 2);
        quoted_printable::write(content, &mut out)?;
        self.bytes(&out)
    }
}

/// What decides the encoding of a content.
struct Survey {
    ascii: bool,
    crlf_only: bool,
    longest_line: usize,
    hazard: bool,
    /// How many bytes quoted-printable would write as three.
    octets: usize,
}

impl Survey {
    fn of(bytes: &[u8]) -> Self {
        let mut survey = Self {
            ascii: true,
            crlf_only: true,
            longest_line: 0,
            hazard: false,
            octets: 0,
        };
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes).chain((!bytes.ends_with(b"\n")).then_some(bytes.len()))
        {
            let line = bytes.get(start..end).unwrap_or_default();
            let ended = end < bytes.len();
            survey.line(line.strip_suffix(b"\r").filter(|_| ended).unwrap_or(line));
            survey.crlf_only &= !ended || line.ends_with(b"\r");
            start = end + 1;
        }
        survey
    }

    fn line(&mut self, line: &[u8]) {
        self.longest_line = self.longest_line.max(line.len());
        self.hazard |= line.ends_with(b" ") || line.ends_with(b"\t") || line.starts_with(b"From ");
        let unsafe_bytes = line
            .iter()
            .filter(|b| !matches!(b, b' '..=b'~' | b'\t'))
            .count();
        self.ascii &= unsafe_bytes == 0;
        // A CR within a line is one of those bytes.
        self.crlf_only &= unsafe_bytes == 0 || memchr::memchr(b'\r', line).is_none();
        self.octets += unsafe_bytes;
    }

    fn is_seven_bit(&self) -> bool {
        self.ascii && self.crlf_only && self.longest_line <= LONGEST_LINE && !self.hazard
    }
}

/// Text with CRLF at the end of every line, the last one included. Text that has them is not copied.
fn crlf_lines(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    if !has_crlf_lines(text.as_bytes()) {
        return with_crlf_lines(text.as_bytes()).into();
    }
    match text {
        Cow::Borrowed(text) => text.as_bytes().into(),
        Cow::Owned(text) => text.into_bytes().into(),
    }
}

fn has_crlf_lines(bytes: &[u8]) -> bool {
    let regular = memchr::memchr2_iter(b'\r', b'\n', bytes).all(|at| match bytes.get(at) {
        Some(b'\r') => bytes.get(at + 1) == Some(&b'\n'),
        _ => at > 0 && bytes.get(at - 1) == Some(&b'\r'),
    });
    regular && (bytes.is_empty() || bytes.ends_with(b"\r\n"))
}

fn with_crlf_lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32 + 2);
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        let (line, end) = rest.split_at(at);
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
        rest = end
            .strip_prefix(b"\r\n")
            .or(end.get(1..))
            .unwrap_or_default();
    }
    if !rest.is_empty() {
        out.extend_from_slice(rest);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Writes body parts to a sink, in one pass.
pub(crate) struct BodyWriter<'w, S> {
    pub(crate) out: &'w mut S,
    /// The first part of every boundary.
    pub(crate) stem: &'w str,
    pub(crate) multiparts: usize,
}

impl<S: Sink> BodyWriter<'_, S> {
    /// Writes the content fields, the empty line and the body. `header` holds what goes before the content fields.
    pub(crate) fn part(&mut self, part: &Node<'_>, header: &mut Vec<u8>) -> io::Result<()> {
        match part {
            Node::Leaf(leaf) => {
                let encoding = leaf.encoding(self.stem.as_bytes());
                leaf.write_header(encoding, header);
                header.extend_from_slice(b"\r\n");
                self.out.bytes(header)?;
                leaf.write_content(encoding, self.out)
            }
            Node::Multipart { subtype, children } => {
                let boundary = format!("{}.{:02}", self.stem, self.multiparts);
                self.multiparts += 1;
                let mut field = Field::begin(header, "Content-Type");
                field.piece(&format!("multipart/{subtype}"));
                field.glue(";");
                field.piece(&format!("boundary=\"{boundary}\""));
                field.end();
                self.out.bytes(header)?;
                for child in children {
                    header.clear();
                    header.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
                    self.part(child, header)?;
                }
                self.out.bytes(format!("\r\n--{boundary}--\r\n").as_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(text: &str) -> TransferEncoding {
        Leaf::text("plain", text).encoding(b"=_x")
    }

    #[test]
    fn the_encoding_fits_the_content() {
        assert_eq!(encoding("hello\nyou"), TransferEncoding::SevenBit);
        assert_eq!(
            encoding("a few words in English and one caf\u{e9}"),
            TransferEncoding::QuotedPrintable
        );
        assert_eq!(encoding("日本語"), TransferEncoding::Base64);
        assert_eq!(encoding(&"x".repeat(998)), TransferEncoding::SevenBit);
        assert_eq!(
            encoding(&"x".repeat(999)),
            TransferEncoding::QuotedPrintable
        );
        assert_eq!(encoding("From me"), TransferEncoding::QuotedPrintable);
        assert_eq!(encoding("trailing "), TransferEncoding::QuotedPrintable);
        assert_eq!(
            encoding("nul \0 in a long enough line"),
            TransferEncoding::QuotedPrintable
        );
        assert_eq!(encoding("--=_x"), TransferEncoding::Base64);
    }

    #[test]
    fn rfc5322_2_3_every_line_ends_with_crlf() {
        assert_eq!(
            &*crlf_lines("a\nb\rc\r\n.\nd".into()),
            b"a\r\nb\r\nc\r\n.\r\nd\r\n"
        );
        assert!(matches!(crlf_lines("a\r\nb\r\n".into()), Cow::Borrowed(_)));
        assert_eq!(&*crlf_lines("".into()), b"");
        assert_eq!(&*crlf_lines("\n\r".into()), b"\r\n\r\n");
    }
}

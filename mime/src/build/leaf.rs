use std::borrow::Cow;

use memchr::memmem;

use super::content::Content;
use super::fold::Field;
use super::parameter::{checked_content_type, parameter};
use super::survey::{Survey, domain, wider, with_crlf_lines};
use crate::coding::{TransferEncoding, base64};
use crate::message_id::MessageId;
use crate::value_error::ValueError;

/// A body without parts.
#[derive(Clone, Debug)]
pub(super) struct Leaf<'a> {
    /// `type/subtype`.
    content_type: Cow<'a, str>,
    parameters: Parameters<'a>,
    disposition: Option<&'static str>,
    pub(super) file_name: Option<Cow<'a, str>>,
    content_id: Option<String>,
    content: Content<'a>,
    /// What its content is made of; `None` where that does not matter, because it is written in base64 anyway.
    survey: Option<Survey>,
    /// What a message within the message asks of transport: it must not be encoded (RFC 2045 §6.4, RFC 2046 §5.2.1).
    domain: Option<TransferEncoding>,
}

#[derive(Clone, Debug)]
enum Parameters<'a> {
    /// `charset=utf-8`, as all text has it that is not given with a type of its own.
    Utf8,
    Given(Vec<(Cow<'a, str>, Cow<'a, str>)>),
}

impl<'a> Leaf<'a> {
    /// Text of a subtype: its lines end with CRLF, the last one too.
    pub(super) fn text(content_type: &'static str, text: Cow<'a, str>) -> Self {
        let survey = Survey::of(text.as_bytes());
        let (content, survey) = match with_crlf_lines(text.as_bytes(), survey) {
            Some(lines) => {
                let survey = Survey::of(&lines);
                (lines.into(), survey)
            }
            None => match text {
                Cow::Borrowed(text) => (text.into(), survey),
                Cow::Owned(text) => (text.into(), survey),
            },
        };
        Self {
            content_type: Cow::Borrowed(content_type),
            parameters: Parameters::Utf8,
            disposition: None,
            file_name: None,
            content_id: None,
            content,
            survey: Some(survey),
            domain: None,
        }
    }

    /// Content of a type such as `application/pdf`; there must be nothing wrong with the type.
    pub(super) fn of(content_type: &str, content: Content<'a>) -> Result<Self, ValueError> {
        let (essence, parameters) = checked_content_type(content_type)?;
        let is_message = essence.starts_with("message/");
        let content = match is_message {
            true => message_content(content)?,
            false => content,
        };
        let is_text = is_message || essence.starts_with("text/");
        let bytes = content.bytes().filter(|_| is_text);
        let survey = bytes.map(Survey::of);
        let asks = bytes.zip(survey).filter(|_| is_message);
        Ok(Self {
            content_type: essence.into(),
            parameters: Parameters::Given(parameters),
            disposition: None,
            file_name: None,
            content_id: None,
            domain: asks.map(|(bytes, survey)| domain(bytes, survey)),
            survey,
            content,
        })
    }

    /// The same with another type and its parameters.
    pub(super) fn with_type_of(self, other: Leaf<'a>) -> Self {
        Self {
            content_type: other.content_type,
            parameters: other.parameters,
            ..self
        }
    }

    /// The same with one parameter more.
    pub(super) fn with_parameter(mut self, name: &'static str, value: String) -> Self {
        let more = (name.into(), value.into());
        match &mut self.parameters {
            Parameters::Given(parameters) => parameters.push(more),
            Parameters::Utf8 => {
                self.parameters = Parameters::Given(vec![("charset".into(), "utf-8".into()), more]);
            }
        }
        self
    }

    /// The same as a file of this name.
    pub(super) fn attached(self, file_name: Cow<'a, str>) -> Self {
        Self {
            disposition: Some("attachment"),
            file_name: Some(file_name),
            ..self
        }
    }

    /// The same as a part that HTML shows by this identifier.
    pub(super) fn shown_as(self, id: &MessageId) -> Self {
        Self {
            disposition: Some("inline"),
            content_id: Some(id.as_str().to_owned()),
            ..self
        }
    }

    pub(super) fn content(&self) -> &Content<'a> {
        &self.content
    }

    /// What the part asks of transport.
    pub(super) fn domain(&self) -> TransferEncoding {
        self.domain.unwrap_or(TransferEncoding::SevenBit)
    }

    /// Whether text stands in the part that could end it if boundaries began with it, and no encoding can help.
    pub(super) fn is_ended_by(&self, stem: &str) -> bool {
        let bytes = self.content.bytes().filter(|_| self.domain.is_some());
        bytes.is_some_and(|bytes| memmem::find(bytes, stem.as_bytes()).is_some())
    }

    /// The encoding that fits the content (RFC 2045 §6), in which no delimiter of a boundary that begins with `stem` can
    /// stand.
    pub(super) fn encoding(&self, stem: &[u8]) -> TransferEncoding {
        if let Some(domain) = self.domain {
            return domain;
        }
        let Some((survey, bytes)) = self.survey.zip(self.content.bytes()) else {
            return TransferEncoding::Base64;
        };
        let few = survey.pairs_only && survey.octets.saturating_mul(6) <= bytes.len();
        let occurs = || memmem::find(bytes, stem).is_some();
        match survey {
            _ if survey.seven_bit && !(survey.dashes && occurs()) => TransferEncoding::SevenBit,
            // A soft line break can put any text at the start of a line.
            _ if !survey.seven_bit && few && !occurs() => TransferEncoding::QuotedPrintable,
            _ => TransferEncoding::Base64,
        }
    }

    /// How many bytes the part takes, about: rather too many than too few.
    pub(super) fn estimate(&self) -> usize {
        let length = self.content.length().unwrap_or(0);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let names = self.file_name.as_ref().map_or(0, |n| n.len() * 4);
        let content = match self.survey {
            Some(survey) if survey.seven_bit => length,
            Some(survey) if survey.pairs_only => length + length / 8 + survey.octets * 3,
            _ => base64::encoded_length(length.min(usize::MAX / 2)),
        };
        content.saturating_add(names + 320)
    }

    /// Writes the fields that tell of the content.
    pub(super) fn write_header(&self, encoding: TransferEncoding, out: &mut Vec<u8>) {
        match &self.parameters {
            // It fits a line, whatever the subtype is.
            Parameters::Utf8 => append(
                out,
                &["Content-Type: ", &self.content_type, "; charset=utf-8\r\n"],
            ),
            Parameters::Given(all) => {
                let mut field = Field::begin(out, "Content-Type");
                field.piece(&self.content_type);
                for (name, value) in all {
                    parameter(&mut field, name, value);
                }
                field.end();
            }
        }
        append(
            out,
            &["Content-Transfer-Encoding: ", encoding.name(), "\r\n"],
        );
        if let Some(id) = &self.content_id {
            let mut field = Field::begin(out, "Content-ID");
            field.pieces(&["<", id, ">"]);
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
}

/// What all of these ask of transport.
pub(super) fn domain_of<'l>(leaves: impl Iterator<Item = &'l Leaf<'l>>) -> TransferEncoding {
    leaves.fold(TransferEncoding::SevenBit, |all, leaf| {
        wider(all, leaf.domain())
    })
}

/// A message as it stands in another: with CRLF for LF where no CR is, as in files; else the bytes as they are.
fn message_content(content: Content<'_>) -> Result<Content<'_>, ValueError> {
    let bytes = content.bytes().ok_or(ValueError::NotAtHand)?;
    if memchr::memchr(b'\r', bytes).is_some() {
        return Ok(content);
    }
    let lines = with_crlf_lines(bytes, Survey::of(bytes));
    Ok(lines.map_or(content, Content::from))
}

/// Appends all of these.
pub(super) fn append(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(text: &str) -> TransferEncoding {
        Leaf::text("text/plain", text.into()).encoding(b"=_x")
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
    }

    #[test]
    fn rfc2046_5_1_1_no_delimiter_stands_in_a_part() {
        assert_eq!(encoding("--=_x"), TransferEncoding::Base64);
        assert_eq!(encoding("a\n--=_x.01--\n"), TransferEncoding::Base64);
        assert_eq!(encoding("From a\n--=_x"), TransferEncoding::Base64);
        assert_eq!(encoding("--\nno delimiter: =_x"), TransferEncoding::Base64);
        assert_eq!(encoding("no delimiter: =_x"), TransferEncoding::SevenBit);
    }

    #[test]
    fn rfc2046_5_2_1_a_message_is_not_encoded() {
        let message = |content: &'static [u8]| Leaf::of("message/rfc822", content.into()).unwrap();
        for (content, encoding) in [
            (&b"A: b\r\n\r\nFrom me \r\n"[..], TransferEncoding::SevenBit),
            (b"A: b\n\nc\n", TransferEncoding::SevenBit),
            (
                "A: b\r\n\r\n\u{e9}\r\n".as_bytes(),
                TransferEncoding::EightBit,
            ),
            (b"A: b\r\n\r\n\0", TransferEncoding::Binary),
        ] {
            assert_eq!(message(content).encoding(b"A"), encoding);
        }
        assert_eq!(message(b"A: b\n").content().bytes(), Some(&b"A: b\r\n"[..]));
        let source = super::super::Source::once(&b"A: b"[..]);
        let refused = Leaf::of("message/rfc822", source.into()).map(|_| ());
        assert_eq!(refused, Err(ValueError::NotAtHand));
    }

    #[test]
    fn a_source_is_written_in_base64() {
        let source = super::super::Source::once(&b"text"[..]);
        let leaf = Leaf::of("text/plain", source.into()).unwrap();
        assert_eq!(leaf.encoding(b"=_x"), TransferEncoding::Base64);
    }

    #[test]
    fn an_estimate_is_rather_too_many_than_too_few() {
        let text = |text: String| Leaf::text("text/plain", text.into());
        let long_lines = format!("{}\r\n", "x".repeat(900)).repeat(44);
        let many = format!("{}\r\n", "abcdefghij\u{e9}".repeat(70)).repeat(47);
        let (eighth, quarter) = (long_lines.len() / 8 + 512, many.len() / 4 + 512);
        let few = format!("{long_lines}\u{e9}");
        let lone = format!("{long_lines}\n").into_bytes();
        let named = Leaf::of("application/octet-stream", b"".into()).unwrap();
        for (leaf, encoding, slack) in [
            (text(long_lines), TransferEncoding::SevenBit, 512),
            (text(few), TransferEncoding::QuotedPrintable, eighth),
            (text(many), TransferEncoding::QuotedPrintable, quarter),
            (
                Leaf::of("text/csv", lone.into()).unwrap(),
                TransferEncoding::Base64,
                512,
            ),
            (
                named.attached("\u{e9}".repeat(300).into()),
                TransferEncoding::Base64,
                512,
            ),
        ] {
            let mut out: Vec<u8> = Vec::new();
            let mut writer = super::super::body::BodyWriter::new(&mut out, "=_x");
            writer.leaf(&leaf).unwrap();
            assert_eq!(leaf.encoding(b"=_x"), encoding);
            let fits = out.len()..=out.len() + slack;
            assert!(
                fits.contains(&leaf.estimate()),
                "{} {fits:?}",
                leaf.estimate()
            );
        }
    }
}

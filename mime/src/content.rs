//! Content-Type (RFC 2045 §5) and Content-Disposition (RFC 2183).

use std::borrow::Cow;

use crate::defect::DefectKind;
use crate::grammar::common_type::common_type;
use crate::grammar::parameters::{ContentValue, RawParameters};
use crate::grammar::text::without_breaks;

/// The parameters of a field (RFC 2045 §5.1, RFC 2231). Names are compared without case.
#[derive(Clone, Debug, Default)]
pub struct Parameters<'m>(RawParameters<'m>);

impl<'m> Parameters<'m> {
    /// The decoded value of a parameter: sections joined, charset and encoded words decoded.
    pub fn get(&self, name: &str) -> Option<Cow<'m, str>> {
        self.0.get(name)
    }

    /// The names of the parameters as text, without the marks of RFC 2231; a name may repeat. Each finds its value by
    /// [`get`](Self::get).
    pub fn names(&self) -> impl Iterator<Item = Cow<'m, str>> {
        self.0.iter().map(|p| p.name_text())
    }

    /// What is unusual about the parameters.
    pub fn defects(&self) -> Vec<DefectKind> {
        self.0.all_defects()
    }

    pub(crate) fn boundary(&self) -> Option<Vec<u8>> {
        self.0.boundary().map(Cow::into_owned)
    }
}

/// The type of a body (RFC 2045 §5): `text/plain` where the header does not say.
#[derive(Clone, Debug)]
pub struct ContentType<'m> {
    main: Cow<'m, str>,
    sub: Cow<'m, str>,
    parameters: Parameters<'m>,
    bad: bool,
}

impl<'m> ContentType<'m> {
    pub(crate) fn plain(main: &'static str, sub: &'static str) -> Self {
        Self {
            main: main.into(),
            sub: sub.into(),
            parameters: Parameters::default(),
            bad: false,
        }
    }

    /// What is no `type/subtype` is plain text (RFC 2045 §5.2).
    pub(crate) fn parse(value: &'m [u8], limit: usize) -> Self {
        if let Some((main, sub, text)) = common_type(value) {
            return Self {
                parameters: Parameters(RawParameters::new(text, limit)),
                ..Self::plain(main, sub)
            };
        }
        let value = ContentValue::parse(value, limit);
        let parameters = Parameters(value.parameters);
        match (value.main, value.sub) {
            (b"", _) | (_, None | Some(b"")) => Self {
                parameters,
                bad: true,
                ..Self::plain("text", "plain")
            },
            (main, Some(sub)) => Self {
                main: lower_case(main),
                sub: lower_case(sub),
                parameters,
                bad: value.junk,
            },
        }
    }

    /// `text` in `text/plain`, in lower case.
    pub fn main(&self) -> &str {
        &self.main
    }

    /// `plain` in `text/plain`, in lower case.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// Whether this is the type `main/sub`.
    pub fn is(&self, main: &str, sub: &str) -> bool {
        self.main.eq_ignore_ascii_case(main) && self.sub.eq_ignore_ascii_case(sub)
    }

    /// `type/subtype` in lower case, without parameters.
    pub fn essence(&self) -> String {
        format!("{}/{}", self.main, self.sub)
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters<'m> {
        &self.parameters
    }

    /// The decoded value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<Cow<'m, str>> {
        self.parameters.get(name)
    }

    /// The charset parameter as it was written.
    pub fn charset(&self) -> Option<Cow<'m, str>> {
        self.parameter("charset")
    }

    /// The boundary that separates the parts of a multipart (RFC 2046 §5.1.1).
    pub fn boundary(&self) -> Option<Vec<u8>> {
        self.parameters.boundary()
    }

    /// What is unusual about the value.
    pub fn defects(&self) -> Vec<DefectKind> {
        let mut defects = self.parameters.defects();
        defects.extend(self.bad.then_some(DefectKind::BadContentType));
        defects
    }
}

/// How a part wants to be shown (RFC 2183).
#[derive(Clone, Debug)]
pub struct ContentDisposition<'m> {
    kind: Cow<'m, str>,
    parameters: Parameters<'m>,
}

impl<'m> ContentDisposition<'m> {
    /// `None` when the field has no value.
    pub(crate) fn parse(value: &'m [u8], limit: usize) -> Option<Self> {
        let value = ContentValue::parse(value, limit);
        if value.main.is_empty() && value.parameters.iter().next().is_none() {
            return None;
        }
        Some(Self {
            kind: lower_case(value.main),
            parameters: Parameters(value.parameters),
        })
    }

    /// `inline`, `attachment` or another word, in lower case.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether the part is to be kept apart from the text.
    pub fn is_attachment(&self) -> bool {
        self.kind == "attachment"
    }

    /// The parameters: `filename`, `size`, `creation-date`, ….
    pub fn parameters(&self) -> &Parameters<'m> {
        &self.parameters
    }

    /// The decoded value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<Cow<'m, str>> {
        self.parameters.get(name)
    }
}

/// A word in lower case.
fn lower_case(word: &[u8]) -> Cow<'_, str> {
    let text = without_breaks(String::from_utf8_lossy(word));
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        text.to_ascii_lowercase().into()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_common_types_are_read_as_any_type_is(
            value in " (text|multipart|image|application)/(plain|html|mixed|png|octet-stream|pdf)[;=./ x]?[ -~]{0,9}",
        ) {
            let content_type = ContentType::parse(value.as_bytes(), 9);
            let any = ContentValue::parse_any(value.as_bytes(), 9);
            proptest::prop_assert_eq!(content_type.main().as_bytes(), any.main.to_ascii_lowercase());
            proptest::prop_assert_eq!(content_type.sub().as_bytes(), any.sub.unwrap_or_default().to_ascii_lowercase());
            let names: Vec<_> = content_type.parameters().names().collect();
            let expected: Vec<_> = any.parameters.iter().map(|p| String::from_utf8_lossy(p.name)).collect();
            proptest::prop_assert_eq!(names, expected);
            let mut defects = any.parameters.all_defects();
            defects.extend(any.junk.then_some(DefectKind::BadContentType));
            proptest::prop_assert_eq!(content_type.defects(), defects);
        }
    }

    #[test]
    fn rfc2045_5_1_a_type_ends_where_its_token_does() {
        for (value, essence, charset) in [
            ("text/html, charset=koi8-r", "text/html", Some("koi8-r")),
            ("text/html,charset=koi8-r", "text/html", Some("koi8-r")),
            ("text/html: charset=koi8-r", "text/html", Some("koi8-r")),
            ("text/html:", "text/html", None),
            ("text/html>; charset=koi8-r", "text/html", Some("koi8-r")),
            ("text/html\\; charset=koi8-r", "text/html", Some("koi8-r")),
            (
                "text/html/plain; charset=koi8-r",
                "text/html",
                Some("koi8-r"),
            ),
            ("text/html@x", "text/html", None),
            ("<text/html>", "text/plain", None),
            ("[text]/html; charset=koi8-r", "text/plain", Some("koi8-r")),
            ("te:xt/html", "text/plain", None),
            ("text/[html]", "text/plain", None),
            (
                "\"text/html\"; charset=koi8-r",
                "text/plain",
                Some("koi8-r"),
            ),
        ] {
            let read = ContentType::parse(value.as_bytes(), 9);
            assert_eq!(read.essence(), essence, "{value}");
            assert_eq!(read.charset().as_deref(), charset, "{value}");
            assert!(
                read.defects().contains(&DefectKind::BadContentType),
                "{value}"
            );
        }
        for value in [
            "text/html",
            "text / html (x) ;",
            "application/pdf name=x",
            "text/html(x); a=b",
        ] {
            let read = ContentType::parse(value.as_bytes(), 9);
            assert!(
                !read.defects().contains(&DefectKind::BadContentType),
                "{value}"
            );
        }
        let boundary = ContentType::parse(b"multipart/mixed, boundary=b", 9).boundary();
        assert_eq!(boundary.as_deref(), Some(&b"b"[..]));
    }

    #[test]
    fn every_name_of_a_parameter_finds_its_value() {
        for (written, name) in [
            (&b"Name=x"[..], "Name"),
            (b"na\0me=x", "na me"),
            (b"\0=x", " "),
            ("na\u{EF}ve=x".as_bytes(), "na\u{EF}ve"),
            (b"na\xEFve=x", "na\u{FFFD}ve"),
            (b"n\0\xEF*0=x", "n \u{FFFD}"),
        ] {
            let value = [b"a/b; other=y; ", written].concat();
            let read = ContentType::parse(&value, 9);
            let names: Vec<_> = read.parameters().names().skip(1).collect();
            assert_eq!(names, [name]);
            assert_eq!(read.parameter(name).as_deref(), Some("x"), "{name}");
            let upper_case = name.to_ascii_uppercase();
            assert_eq!(read.parameter(&upper_case).as_deref(), Some("x"), "{name}");
        }
        let read = ContentType::parse(b"a/b; na\0me=x", 9);
        assert_eq!(read.parameter("name"), None);
    }

    #[test]
    fn rfc2183_2_a_disposition_ends_where_its_token_does() {
        for value in [
            "attachment, filename=a.pdf",
            "attachment: filename=a.pdf",
            "ATTACHMENT; filename=a.pdf",
        ] {
            let read = ContentDisposition::parse(value.as_bytes(), 9).unwrap();
            assert!(read.is_attachment(), "{value}");
            assert_eq!(
                read.parameter("filename").as_deref(),
                Some("a.pdf"),
                "{value}"
            );
        }
    }
}

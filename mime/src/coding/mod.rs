//! Content transfer encodings (RFC 2045 §6).

pub(crate) mod base64;
mod decoder;
pub(crate) mod quoted_printable;
mod uuencode;
mod y_enc;

use std::borrow::Cow;

use crate::defect::DefectKind;

pub use decoder::TransferDecoder;

/// The transfer encoding of a body (RFC 2045 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferEncoding {
    /// Lines of ASCII.
    SevenBit,
    /// Lines of any bytes.
    EightBit,
    /// Any bytes.
    Binary,
    /// Base64 (RFC 2045 §6.8).
    Base64,
    /// Quoted-printable (RFC 2045 §6.7).
    QuotedPrintable,
    /// Uuencode, which is older than MIME and never was part of it.
    Uuencode,
    /// yEnc, as it is used on Usenet.
    YEnc,
    /// Anything else: the bytes are left as they are.
    Unknown,
}

impl TransferEncoding {
    /// Reads the value of a Content-Transfer-Encoding field. An empty value is `7bit`, the default.
    ///
    /// We also accept the name in quotes, and anything after it, because both occur.
    pub(crate) fn parse(value: &[u8]) -> Self {
        let (rest, ()) = crate::grammar::cfws::skip_cfws(value);
        let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
        let length = rest
            .iter()
            .take_while(|b| b.is_ascii_graphic() && !b"\";(,".contains(b))
            .count();
        let name = rest.get(..length).unwrap_or_default();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name {
            b"" => Self::SevenBit,
            _ if is("7bit") || is("7-bit") => Self::SevenBit,
            _ if is("8bit") || is("8-bit") => Self::EightBit,
            _ if is("binary") => Self::Binary,
            _ if is("base64") => Self::Base64,
            _ if is("quoted-printable") => Self::QuotedPrintable,
            _ if is("x-uuencode") || is("x-uue") || is("uuencode") => Self::Uuencode,
            _ if is("x-yenc") || is("yenc") => Self::YEnc,
            _ => Self::Unknown,
        }
    }

    /// The name in a Content-Transfer-Encoding field. An unknown encoding has none.
    pub fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::Binary => "binary",
            Self::Base64 => "base64",
            Self::QuotedPrintable => "quoted-printable",
            Self::Uuencode => "x-uuencode",
            Self::YEnc => "x-yenc",
            Self::Unknown => "",
        }
    }

    /// Whether the bytes of a body differ from its content.
    pub(crate) fn is_encoded(self) -> bool {
        matches!(
            self,
            Self::Base64 | Self::QuotedPrintable | Self::Uuencode | Self::YEnc
        )
    }
}

/// The content of a body after its transfer encoding was taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<'m> {
    /// The content.
    pub bytes: Cow<'m, [u8]>,
    /// What was wrong with the encoding, if anything was. The content is what could be read.
    pub defect: Option<DefectKind>,
}

/// Takes a transfer encoding off.
pub(crate) fn decode(encoding: TransferEncoding, body: &[u8]) -> Decoded<'_> {
    if encoding.is_encoded() {
        let mut out = Vec::new();
        let defect = decode_into(encoding, body, &mut out);
        return Decoded {
            bytes: out.into(),
            defect,
        };
    }
    Decoded {
        bytes: body.into(),
        defect: identity_defect(encoding),
    }
}

/// What is wrong with a body that is left as it is.
fn identity_defect(encoding: TransferEncoding) -> Option<DefectKind> {
    (encoding == TransferEncoding::Unknown).then_some(DefectKind::UnknownEncoding)
}

/// Appends the content of a body to `out`.
pub(crate) fn decode_into(
    encoding: TransferEncoding,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Option<DefectKind> {
    match encoding {
        TransferEncoding::Base64 => base64::decode(body, out),
        TransferEncoding::QuotedPrintable => quoted_printable::decode(body, out),
        TransferEncoding::Uuencode => uuencode::decode(body, out),
        TransferEncoding::YEnc => y_enc::decode(body, out),
        _ => {
            out.extend_from_slice(body);
            identity_defect(encoding)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2045_6_1_names_are_compared_without_case() {
        for (value, encoding) in [
            (" base64", TransferEncoding::Base64),
            ("BASE64 (for real)", TransferEncoding::Base64),
            (
                "(comment) Quoted-Printable",
                TransferEncoding::QuotedPrintable,
            ),
            ("\"base64\"", TransferEncoding::Base64),
            ("", TransferEncoding::SevenBit),
            ("8BIT;", TransferEncoding::EightBit),
            ("x-token", TransferEncoding::Unknown),
        ] {
            assert_eq!(
                TransferEncoding::parse(value.as_bytes()),
                encoding,
                "{value}"
            );
        }
    }

    #[test]
    fn rfc2045_6_1_each_encoding_is_known_by_its_names() {
        use TransferEncoding::{
            Base64, Binary, EightBit, QuotedPrintable, SevenBit, Uuencode, YEnc,
        };
        for (names, encoding) in [
            (&["7bit", "7-bit"][..], SevenBit),
            (&["8bit", "8-bit"], EightBit),
            (&["binary"], Binary),
            (&["base64"], Base64),
            (&["quoted-printable"], QuotedPrintable),
            (&["x-uuencode", "x-uue", "uuencode"], Uuencode),
            (&["x-yenc", "yenc"], YEnc),
        ] {
            for name in names {
                assert_eq!(TransferEncoding::parse(name.as_bytes()), encoding, "{name}");
            }
            assert_eq!(encoding.name(), names[0]);
        }
        assert_eq!(TransferEncoding::Unknown.name(), "");
    }
}

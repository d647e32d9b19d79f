use std::fmt;

use crate::PartId;

/// Something unusual that was met while a message was read. It never stops the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// What was met.
    pub kind: DefectKind,
    /// Where: a byte offset into the bytes that the part was read from.
    pub offset: usize,
    /// The part that it concerns.
    pub part: PartId,
}

/// The kinds of [`Defect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DefectKind {
    /// An mbox separator line (`From `) stood before the header.
    MboxFromLine,
    /// A byte order mark stood before the first field of a header.
    ByteOrderMark,
    /// A line in the header is no header field; it was skipped.
    JunkLine,
    /// There is no header at all: everything is body.
    NoHeader,
    /// The header is not followed by an empty line.
    NoBlankLine,
    /// A field that may occur once occurs again. The first one counts.
    DuplicateField,
    /// A parameter occurs twice in one field. The first one counts.
    DuplicateParameter,
    /// `name` and `name*` are both given and differ. The second form counts.
    ConflictingParameter,
    /// The sections of a parameter (RFC 2231 §3) have a gap.
    MissingSection,
    /// A parameter, or its quoted string, breaks off.
    BadParameter,
    /// A multipart has no boundary parameter; it was kept as one opaque part.
    MissingBoundary,
    /// A multipart holds no delimiter line of its boundary.
    MissingDelimiter,
    /// The only delimiter line of a multipart is its close delimiter: it has no parts.
    NoParts,
    /// A multipart holds no delimiter line of its boundary; lines with text after the boundary were taken for such
    /// ([`Delimiters::Loose`](crate::Delimiters::Loose)).
    LooseDelimiter,
    /// A multipart has no close delimiter; its last part ends where its parent goes on, or at the end.
    Unterminated,
    /// Two delimiter lines follow each other with nothing between them: an empty part.
    EmptyPart,
    /// A multipart or a message stands deeper than [`Limits::depth`](crate::Limits::depth) and was not opened.
    DepthLimit,
    /// [`Limits::parts`](crate::Limits::parts) was reached: the rest is one opaque part.
    PartLimit,
    /// [`Limits::fields`](crate::Limits::fields) or [`Limits::header_bytes`](crate::Limits::header_bytes) was reached.
    HeaderLimit,
    /// [`Limits::parameters`](crate::Limits::parameters) was reached.
    ParameterLimit,
    /// The message has more than 4 GiB: the rest is not indexed.
    TooLong,
    /// A multipart or a message names a transfer encoding that RFC 2045 §6.4 forbids there.
    EncodedContainer,
    /// The Content-Type is no `type/subtype`; RFC 2045 §5.2 says to take it as plain text.
    BadContentType,
    /// Base64 text breaks off, or holds characters outside its alphabet.
    BadBase64,
    /// A quoted-printable `=` is followed by something else than two hexadecimal digits or a line end.
    BadQuotedPrintable,
    /// Uuencoded, yEnc or TNEF data is damaged.
    BadEncodedData,
    /// The Content-Transfer-Encoding is unknown: the bytes were left as they are.
    UnknownEncoding,
    /// The charset is unknown here.
    UnknownCharset,
    /// The bytes are not valid in the charset that they claim.
    BadCharset,
    /// A header field holds 8-bit bytes that are not UTF-8; they were read as windows-1252.
    RawEightBit,
    /// A Date that cannot be read.
    BadDate,
    /// An address that RFC 5322 does not allow, read as well as could be.
    BadAddress,
}

impl fmt::Display for DefectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MboxFromLine => "mbox separator line before the header",
            Self::ByteOrderMark => "byte order mark before the header",
            Self::JunkLine => "line that is no header field",
            Self::NoHeader => "no header",
            Self::NoBlankLine => "no empty line after the header",
            Self::DuplicateField => "field occurs again",
            Self::DuplicateParameter => "parameter occurs again",
            Self::ConflictingParameter => "parameter given in two ways that differ",
            Self::MissingSection => "section of a parameter is missing",
            Self::BadParameter => "malformed parameter",
            Self::MissingBoundary => "multipart without a boundary",
            Self::MissingDelimiter => "multipart without a delimiter line",
            Self::NoParts => "multipart without a part",
            Self::LooseDelimiter => "text after the boundary on delimiter lines",
            Self::Unterminated => "multipart without a close delimiter",
            Self::EmptyPart => "nothing between two delimiter lines",
            Self::DepthLimit => "nested too deeply",
            Self::PartLimit => "too many parts",
            Self::HeaderLimit => "header too large",
            Self::ParameterLimit => "too many parameters",
            Self::TooLong => "message of more than 4 GiB",
            Self::EncodedContainer => "transfer encoding on a multipart or message",
            Self::BadContentType => "malformed content type",
            Self::BadBase64 => "malformed base64",
            Self::BadQuotedPrintable => "malformed quoted-printable",
            Self::BadEncodedData => "damaged encoded data",
            Self::UnknownEncoding => "unknown transfer encoding",
            Self::UnknownCharset => "unknown charset",
            Self::BadCharset => "bytes not valid in their charset",
            Self::RawEightBit => "8-bit header bytes that are not UTF-8",
            Self::BadDate => "unreadable date",
            Self::BadAddress => "malformed address",
        })
    }
}

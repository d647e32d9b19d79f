/// Which lines of a multipart separate its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delimiters {
    /// Lines that are nothing but a delimiter and white space (RFC 2046 §5.1.1). A multipart in which there is none has no
    /// parts, as with most parsers; its body stays readable, and a defect tells of it.
    #[default]
    Exact,
    /// Where a multipart has none of those, lines in which text follows a delimiter and white space as well, with the defect
    /// [`LooseDelimiter`](crate::DefectKind::LooseDelimiter). For this the body is read again, which a
    /// [`PushParser`](crate::PushParser) cannot do: it knows exact lines only.
    Loose,
}

/// How far a parse may go before the rest is kept as it is.
///
/// A limit never makes a parse fail: beyond it the rest is one opaque part, or fields that are not indexed, and a
/// [`Defect`](crate::Defect) says so. The defaults are generous: they stop attacks and leave real mail alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many multiparts and messages may stand inside one another. Default 64.
    pub depth: usize,
    /// How many parts a message may have in all. Default 10,000.
    pub parts: usize,
    /// How many transfer-encoded messages are opened inside one another. Default 3.
    pub encoded_nesting: usize,
    /// How many header fields are indexed in all. Default 100,000.
    pub fields: usize,
    /// How many bytes of one header block are indexed. Default 8 MiB.
    pub header_bytes: usize,
    /// How many parameters of one field are read. Default 1,000.
    pub parameters: usize,
    /// Which lines of a multipart separate its parts. Default [`Delimiters::Exact`].
    pub delimiters: Delimiters,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 64,
            parts: 10_000,
            encoded_nesting: 3,
            fields: 100_000,
            header_bytes: 8 << 20,
            parameters: 1_000,
            delimiters: Delimiters::Exact,
        }
    }
}

use std::fmt;

/// Why a value cannot be written into a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueError {
    /// A line break, a NUL or another control character stands in it.
    Control,
    /// An address without `@`.
    NoAt,
    /// The part of an address before the `@`.
    LocalPart,
    /// The part of an address after the `@`.
    Domain,
    /// Not one mailbox: `name <address>` or an address.
    Mailbox,
    /// Not one message identifier.
    MessageId,
    /// Not a field name: printable ASCII without a colon.
    FieldName,
    /// A field that has a method of its own, or that the builder writes itself.
    ReservedField,
    /// Not `type/subtype`.
    ContentType,
    /// Not a boundary: 1 to 70 characters of RFC 2046 §5.1.1, no space at the end.
    Boundary,
    /// A boundary that occurs in a message within the message, which must not be encoded (RFC 2045 §6.4).
    BoundaryOccurs,
    /// A message within the message that is not at hand as bytes: it must not be encoded, so its lines have to be known.
    NotAtHand,
    /// A character beyond ASCII where only SMTPUTF8 (RFC 6531) allows it.
    NotAscii,
    /// Longer than a line of 998 characters can hold.
    TooLong,
    /// Not a header field as it would stand in a message.
    RawField,
    /// Not a URI: printable ASCII without `<`, `>` and commas.
    Uri,
    /// A day outside the years 1 to 9999.
    Date,
    /// More multiparts within one another than a parser opens.
    TooDeep,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "a control character stands in it",
            Self::NoAt => "there is no @ in the address",
            Self::LocalPart => "the part before the @ is not valid",
            Self::Domain => "the part after the @ is not valid",
            Self::Mailbox => "it is not one mailbox (`name <address>` or an address)",
            Self::MessageId => "it is not one message identifier",
            Self::FieldName => "a field name has printable ASCII without a colon",
            Self::ReservedField => "this field has a method of its own",
            Self::ContentType => "it is no type/subtype",
            Self::Boundary => "it is no boundary of 1 to 70 allowed characters",
            Self::BoundaryOccurs => "it occurs in a message that must not be encoded",
            Self::NotAtHand => "a message within the message has to be given as bytes",
            Self::NotAscii => "it is not ASCII, which only SMTPUTF8 allows here",
            Self::TooLong => "it does not fit a line of 998 characters",
            Self::RawField => "it is not a whole header field",
            Self::Uri => "it is no URI of printable ASCII without <, > and commas",
            Self::Date => "there is no such date",
            Self::TooDeep => "too many multiparts stand within one another",
        })
    }
}

impl std::error::Error for ValueError {}

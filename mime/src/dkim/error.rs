use std::fmt;

/// Why a message cannot be signed. None of it passes by itself, so trying again is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DkimError {
    /// No domain name of at least two labels, in ASCII (RFC 6376 §3.5, `d=`).
    Domain(String),
    /// No selector (RFC 6376 §3.1), or a name in the DNS of more than 253 characters.
    Selector(String),
    /// No identity in the domain or a domain below it (RFC 6376 §3.5, `i=`).
    Identity(String),
    /// No name of a header field, or one that must not be signed.
    FieldName(String),
    /// From is not among the fields to be signed (RFC 6376 §5.4).
    FromNotSigned,
    /// A signature has to hold for at least one second.
    Lifetime,
    /// The time is beyond twelve digits (RFC 6376 §3.5, `t=` and `x=`).
    Time,
    /// The key cannot be read or is of no use; the reason says nothing about its content.
    Key(&'static str),
    /// The message has no From, so it must not be signed (RFC 6376 §5.4).
    NoFrom,
    /// The message has more than one From: which one a reader sees is not certain (RFC 6376 §8.15).
    RepeatedFrom,
    /// A CR or LF stands alone. It would be changed on the way, and the signature broken (RFC 6376 §5.3).
    LineEnd {
        /// Where, in bytes from the beginning.
        offset: u64,
    },
    /// The header is longer than [`HEADER_LIMIT`](super::HEADER_LIMIT).
    HeaderTooLong,
    /// The key did not sign.
    Signing,
}

impl DkimError {
    /// Always false.
    pub fn is_retryable(&self) -> bool {
        false
    }
}

impl fmt::Display for DkimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(d) => write!(f, "{d:?} is no domain to sign for, such as example.org"),
            Self::Selector(s) => write!(f, "{s:?} is no selector, such as mail2026"),
            Self::Identity(i) => write!(f, "{i:?} is no identity in the domain that signs"),
            Self::FieldName(name) => write!(f, "the header field {name:?} cannot be signed"),
            Self::FromNotSigned => f.write_str("From is not among the fields to be signed"),
            Self::Lifetime => f.write_str("a signature has to hold for at least one second"),
            Self::Time => f.write_str("the time of the signature is beyond twelve digits"),
            Self::Key(reason) => write!(f, "the key cannot be used: {reason}"),
            Self::NoFrom => f.write_str("the message has no From, so it cannot be signed"),
            Self::RepeatedFrom => f.write_str("the message has more than one From"),
            Self::LineEnd { offset } => write!(
                f,
                "a CR or LF stands alone at byte {offset}: lines of a message end with CRLF"
            ),
            Self::HeaderTooLong => f.write_str("the header is too long to be signed"),
            Self::Signing => f.write_str("the key did not sign"),
        }
    }
}

impl std::error::Error for DkimError {}

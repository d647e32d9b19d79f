use std::fmt;

/// A service extension that this client knows what to do with (RFC 5321 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extension {
    /// Commands without waiting for each reply (RFC 2920).
    Pipelining,
    /// Message sizes declared in advance (RFC 1870).
    Size,
    /// Octets above 127 in message bodies (RFC 6152).
    EightBitMime,
    /// UTF-8 in addresses and header fields (RFC 6531).
    SmtpUtf8,
    /// TLS on the same port (RFC 3207).
    StartTls,
    /// Authentication (RFC 4954).
    Auth,
    /// Delivery status notifications on demand (RFC 3461).
    Dsn,
    /// Status codes such as 5.1.1 in replies (RFC 2034).
    EnhancedStatusCodes,
    /// Messages in counted chunks (RFC 3030).
    Chunking,
    /// Bodies that are no lines at all (RFC 3030).
    BinaryMime,
    /// TLS demanded all the way (RFC 8689).
    RequireTls,
    /// Limits of the server, named in advance (RFC 9422).
    Limits,
    /// Priorities (RFC 6710).
    MtPriority,
    /// Release of a message later (RFC 4865).
    FutureRelease,
    /// Delivery within a time, or not at all (RFC 2852).
    DeliverBy,
    /// Starting a remote queue (RFC 1985).
    Etrn,
    /// The client's identity overridden (Postfix).
    XClient,
    /// The client's identity reported (Postfix).
    XForward,
    /// Commands before the greeting, in a session after the one that offered it (Exim).
    PipeConnect,
}

impl Extension {
    /// Every extension we know.
    pub const ALL: [Self; 19] = [
        Self::Pipelining,
        Self::Size,
        Self::EightBitMime,
        Self::SmtpUtf8,
        Self::StartTls,
        Self::Auth,
        Self::Dsn,
        Self::EnhancedStatusCodes,
        Self::Chunking,
        Self::BinaryMime,
        Self::RequireTls,
        Self::Limits,
        Self::MtPriority,
        Self::FutureRelease,
        Self::DeliverBy,
        Self::Etrn,
        Self::XClient,
        Self::XForward,
        Self::PipeConnect,
    ];

    /// The keyword in the answer to EHLO.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Pipelining => "PIPELINING",
            Self::Size => "SIZE",
            Self::EightBitMime => "8BITMIME",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Dsn => "DSN",
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES",
            Self::Chunking => "CHUNKING",
            Self::BinaryMime => "BINARYMIME",
            Self::RequireTls => "REQUIRETLS",
            Self::Limits => "LIMITS",
            Self::MtPriority => "MT-PRIORITY",
            Self::FutureRelease => "FUTURERELEASE",
            Self::DeliverBy => "DELIVERBY",
            Self::Etrn => "ETRN",
            Self::XClient => "XCLIENT",
            Self::XForward => "XFORWARD",
            Self::PipeConnect => "PIPECONNECT",
        }
    }

    pub(crate) fn from_keyword(keyword: &str) -> Option<Self> {
        // Its name before Exim 4.95.
        if keyword.eq_ignore_ascii_case("X_PIPE_CONNECT") {
            return Some(Self::PipeConnect);
        }
        Self::ALL
            .into_iter()
            .find(|extension| extension.keyword().eq_ignore_ascii_case(keyword))
    }

    pub(crate) fn bit(self) -> u64 {
        1 << (self as u64)
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

/// A limit that a server can name (RFC 9422 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Mail transactions on one connection.
    MailMax,
    /// Recipients in one transaction.
    RcptMax,
    /// Different recipient domains in one transaction.
    RcptDomainMax,
}

impl Limit {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::MailMax => "MAILMAX",
            Self::RcptMax => "RCPTMAX",
            Self::RcptDomainMax => "RCPTDOMAINMAX",
        }
    }
}

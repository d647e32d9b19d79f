use std::fmt;

/// What a connection is doing: the place of every error and outcome, and the name of every timeout (RFC 5321 §4.5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before anything was written: refused by our own rules.
    Local,
    /// Waiting for its turn: the server had answered nothing about it, and answers about others would have come first. The
    /// connection says nothing about it, and nothing speaks against another one at once.
    Queue,
    /// Resolving the host and opening the TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Waiting for the server's first words (§4.3.1).
    Greeting,
    /// EHLO, HELO or LHLO (§4.1.1.1).
    Ehlo,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// The AUTH dialogue (RFC 4954).
    Auth,
    /// MAIL (§4.1.1.2).
    Mail,
    /// RCPT (§4.1.1.3).
    Rcpt,
    /// DATA, until the server says 354 (§4.1.1.4).
    Data,
    /// Sending the message itself; the time is counted from block to block.
    Content,
    /// After the final dot, or the last BDAT chunk: the server takes responsibility now, or not.
    EndOfData,
    /// RSET (§4.1.1.5).
    Reset,
    /// QUIT (§4.1.1.10).
    Quit,
    /// Any other command.
    Other,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local check",
            Self::Queue => "queue",
            Self::Connect => "connect",
            Self::Tls => "TLS handshake",
            Self::Greeting => "greeting",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Content => "message content",
            Self::EndOfData => "end of data",
            Self::Reset => "RSET",
            Self::Quit => "QUIT",
            Self::Other => "command",
        })
    }
}

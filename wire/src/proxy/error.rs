use std::fmt;

/// Why a proxy opened no tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// What it said is not of the protocol.
    NotOfTheProtocol,
    /// It said more than 16,384 octets before the tunnel was open.
    TooLong,
    /// It wants a login, and there is none, or one of another kind.
    LoginNeeded,
    /// It does not accept user name and password.
    LoginRefused,
    /// A SOCKS5 proxy said no, with this code (RFC 1928 §6).
    Socks(u8),
    /// An HTTP proxy said no: the status code, and its words with control characters escaped.
    Http(u16, String),
}

impl ProxyError {
    /// Whether the same attempt may succeed later without anybody changing a setting.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotOfTheProtocol | Self::TooLong | Self::LoginNeeded | Self::LoginRefused => {
                false
            }
            // Not allowed by the rules; command or address type not known.
            Self::Socks(code) => !matches!(code, 2 | 7 | 8),
            Self::Http(status, _) => *status >= 500 && *status != 501 && *status != 505,
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOfTheProtocol => {
                f.write_str("it does not speak the protocol; is it a proxy of another kind?")
            }
            Self::TooLong => f.write_str("its answer has no end"),
            Self::LoginNeeded => f.write_str("it wants another login than it was offered"),
            Self::LoginRefused => f.write_str("it refuses user name and password"),
            Self::Socks(code) => write!(f, "it refuses: {} ({code})", socks_reason(*code)),
            Self::Http(status, reason) => write!(f, "it refuses: {status} {reason}"),
        }
    }
}

impl std::error::Error for ProxyError {}

/// RFC 1928 §6.
fn socks_reason(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unknown reason",
    }
}

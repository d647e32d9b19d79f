use crate::{InvalidArgument, Local, MessageNumber, Reply, Request, ResponseCode, Violation};
use postrider_wire::ConnectError;
use postrider_wire::sasl::NoMechanism;
use postrider_wire::{Endpoint, TlsConfigError};
use std::fmt;
use std::io;
use std::time::Duration;

/// What went wrong, at which stage, and with which server.
///
/// `Display` says so in one line, with the server's own words and, where there is one, a hint. No secret is in it.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    stage: Stage,
    kind: ErrorKind,
    login_delay: Option<Duration>,
}

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Connecting, TLS from the first byte included.
    Connect,
    /// Waiting for the greeting.
    Greeting,
    /// The TLS handshake after STLS.
    Tls,
    /// Proving who we are: USER, PASS, AUTH, APOP.
    Login,
    /// A command.
    Request(Request),
}

/// The kinds of error.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The connection, or its TLS handshake, could not be made.
    Connect(ConnectError),
    /// The TLS configuration cannot be used.
    TlsConfig(TlsConfigError),
    /// The connection broke.
    Io(io::Error),
    /// The server was silent, or too slow, for this long.
    Timeout(Duration),
    /// The server closed the connection, perhaps in the middle of an answer, which then counts for nothing.
    Closed,
    /// The server said `-ERR`.
    Refused(Reply),
    /// The server broke the protocol.
    Violation(Violation),
    /// TLS is required, and the server does not offer STLS.
    TlsNotOffered,
    /// TLS is required, and the server refused STLS.
    TlsRefused(Reply),
    /// No authentication mechanism in common.
    NoMechanism(NoMechanism),
    /// The credentials would go in clear text, and nobody said that they may.
    ClearText,
    /// A user name or password that USER and PASS cannot carry.
    Argument(InvalidArgument),
    /// The message is larger than the caller allowed.
    TooLarge {
        /// The message.
        number: MessageNumber,
        /// The limit in octets.
        limit: usize,
    },
    /// The caller's sink said stop.
    Stopped,
    /// An earlier call was dropped before it was complete; what the server says now cannot be told apart.
    Interrupted,
    /// The command may not be sent now.
    Local(Local),
}

impl Error {
    pub(crate) fn new(endpoint: &Endpoint, stage: Stage, kind: ErrorKind) -> Self {
        let endpoint = endpoint.clone();
        // They are noticed before anything is said.
        let stage = match kind {
            ErrorKind::NoMechanism(_) | ErrorKind::ClearText | ErrorKind::Argument(_) => {
                Stage::Login
            }
            _ => stage,
        };
        Self(Box::new(Inner {
            endpoint,
            stage,
            kind,
            login_delay: None,
        }))
    }

    /// The time between logins that the server asked for.
    pub(crate) fn with_login_delay(mut self, login_delay: Option<Duration>) -> Self {
        self.0.login_delay = login_delay;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What was being done.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// With which server.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// The server's refusal, if it was one.
    pub fn reply(&self) -> Option<&Reply> {
        match self.kind() {
            ErrorKind::Refused(reply) | ErrorKind::TlsRefused(reply) => Some(reply),
            _ => None,
        }
    }

    /// The response code of the refusal.
    pub fn response_code(&self) -> Option<&ResponseCode> {
        self.reply()?.code()
    }

    /// Whether the same attempt may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::Connect(error) => error.is_retryable(),
            ErrorKind::Io(_)
            | ErrorKind::Timeout(_)
            | ErrorKind::Closed
            | ErrorKind::Interrupted => true,
            ErrorKind::Refused(reply) => match reply.code() {
                Some(code) => code.is_temporary(),
                None => self.stage() == Stage::Greeting,
            },
            ErrorKind::Violation(
                Violation::Truncated { .. }
                | Violation::Unsolicited(_)
                | Violation::OutOfStep { .. },
            ) => true,
            _ => false,
        }
    }

    /// How long to wait at least before the same attempt is made again; `None` if it would not help.
    ///
    /// One minute for `[IN-USE]`: another session must end first. For `[LOGIN-DELAY]` what the server announced (RFC 2449
    /// §6.5), or else five minutes. Five minutes for `[SYS/TEMP]`. Half a minute after a lost connection, a timeout and the like.
    /// Never less than the announced delay between logins.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = match self.response_code() {
            _ if !self.is_retryable() => return None,
            Some(ResponseCode::InUse) => 60,
            Some(ResponseCode::LoginDelay) if self.0.login_delay.is_some() => 0,
            Some(ResponseCode::LoginDelay | ResponseCode::SysTemp) => 300,
            _ => 30,
        };
        let announced = self.0.login_delay.unwrap_or_default();
        Some(Duration::from_secs(seconds).max(announced))
    }

    /// Whether the credentials are at fault: stop, and ask a person. A refused login without a response code counts,
    /// because most servers send none.
    pub fn is_credential_fault(&self) -> bool {
        let refused = self.stage() == Stage::Login && matches!(self.kind(), ErrorKind::Refused(_));
        match self.response_code() {
            Some(ResponseCode::Auth) => true,
            Some(ResponseCode::Other(_)) | None => refused,
            Some(_) => false,
        }
    }

    /// What may help.
    pub fn hint(&self) -> Option<&'static str> {
        match self.kind() {
            ErrorKind::Refused(reply) => self.refusal_hint(reply),
            ErrorKind::TlsNotOffered | ErrorKind::TlsRefused(_) => {
                Some("did you mean Security::Tls (usual on port 995)?")
            }
            ErrorKind::ClearText => Some("use Security::Tls or Security::StartTls"),
            ErrorKind::Timeout(_) | ErrorKind::Closed if self.stage() == Stage::Greeting => {
                Some("if this port speaks TLS from the first byte, use Security::Tls")
            }
            ErrorKind::Violation(Violation::NotAReply(line)) if self.stage() == Stage::Greeting => {
                greeting_hint(line)
            }
            _ => None,
        }
    }

    fn refusal_hint(&self, reply: &Reply) -> Option<&'static str> {
        Some(match reply.code() {
            Some(ResponseCode::InUse) => "another session holds the maildrop: try again later",
            Some(ResponseCode::LoginDelay) => "the last login was too recent: try again later",
            Some(ResponseCode::SysTemp) => {
                "a fault of the server that should pass: try again later"
            }
            Some(ResponseCode::SysPerm) => "a fault of the server: its administrator must help",
            _ if self.is_credential_fault() => {
                "check user name and password; some providers want an app password or an OAuth token"
            }
            _ => return None,
        })
    }
}

/// Servers of other protocols say hello in their own way.
fn greeting_hint(line: &str) -> Option<&'static str> {
    if line.starts_with("220") {
        Some("this is an SMTP server; POP3 is usual on ports 995 and 110")
    } else if line.starts_with("* ") {
        Some("this is an IMAP server; POP3 is usual on ports 995 and 110")
    } else if line.starts_with("\\x15\\x03") {
        Some("this port speaks TLS: did you mean Security::Tls?")
    } else {
        None
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connection"),
            Self::Greeting => f.write_str("greeting"),
            Self::Tls => f.write_str("TLS"),
            Self::Login => f.write_str("login"),
            Self::Request(request) => request.fmt(f),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            endpoint,
            stage,
            kind,
            ..
        } = &*self.0;
        match kind {
            ErrorKind::Connect(error) => error.fmt(f),
            ErrorKind::TlsConfig(error) => write!(f, "{stage} to {endpoint}: {error}"),
            ErrorKind::Io(error) => {
                write!(f, "{stage}: the connection to {endpoint} broke: {error}")
            }
            ErrorKind::Timeout(after) => write!(
                f,
                "{stage}: nothing, or too little, from {endpoint} within {after:?}"
            ),
            ErrorKind::Closed => write!(f, "{stage}: {endpoint} closed the connection"),
            ErrorKind::Refused(reply) => write!(f, "{stage} refused by {endpoint}: {reply}"),
            ErrorKind::Violation(violation) => write!(f, "{stage} at {endpoint}: {violation}"),
            ErrorKind::TlsNotOffered => {
                write!(f, "{endpoint} does not offer STLS, and TLS is required")
            }
            ErrorKind::TlsRefused(reply) => write!(
                f,
                "STLS refused by {endpoint}, and TLS is required: {reply}"
            ),
            ErrorKind::NoMechanism(error) => write!(f, "{stage} at {endpoint}: {error}"),
            ErrorKind::ClearText => {
                write!(
                    f,
                    "{stage} at {endpoint}: the credentials would go in clear text and were not sent"
                )
            }
            ErrorKind::Argument(error) => write!(f, "{stage} at {endpoint}: {error}"),
            ErrorKind::TooLarge { number, limit } => {
                write!(
                    f,
                    "message {number} at {endpoint} is larger than {limit} octets"
                )
            }
            ErrorKind::Stopped => write!(f, "{stage} at {endpoint}: stopped by the caller"),
            ErrorKind::Interrupted => {
                write!(
                    f,
                    "{stage} at {endpoint}: an earlier call was dropped before it was complete"
                )
            }
            ErrorKind::Local(error) => write!(f, "{stage} at {endpoint}: {error}"),
        }?;
        match self.hint() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self.kind() {
            ErrorKind::Connect(error) => error,
            ErrorKind::TlsConfig(error) => error,
            ErrorKind::Io(error) => error,
            ErrorKind::Violation(error) => error,
            ErrorKind::NoMechanism(error) => error,
            ErrorKind::Argument(error) => error,
            ErrorKind::Local(error) => error,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;

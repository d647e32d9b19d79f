#[cfg(any(feature = "tokio", feature = "blocking"))]
use crate::Security;
use crate::{Extension, InvalidReply, Limit, Reply, Stage, State};
use postrider_wire::Endpoint;
use postrider_wire::escape::Escaped;
use postrider_wire::sasl::{NoMechanism, SaslError, Skipped};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What went wrong: at which stage, with which server, in whose words, and what may help. Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    stage: Stage,
    endpoint: Option<Endpoint>,
    kind: ErrorKind,
}

/// The kinds of [`Error`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The connection could not be opened, or TLS not established.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    Connect(Arc<postrider_wire::ConnectError>),
    /// The operating system reports an error on the connection.
    Io(Arc<io::Error>),
    /// The server closed the connection.
    Closed,
    /// The server did not answer, or did not read, within this time.
    Timeout(Duration),
    /// The server said no.
    Refused(Reply),
    /// The server closes the connection, and says so with `421` (RFC 5321 §3.8).
    Closing(Reply),
    /// What the server sent is no SMTP reply.
    InvalidReply(InvalidReply),
    /// The reply is no answer to the command.
    Unexpected(Reply),
    /// The server sent a reply too many: commands and replies are out of step.
    Unsolicited(Reply),
    /// Bytes in clear text followed the answer to STARTTLS: somebody on the path may have put them there.
    StartTlsInjection,
    /// TLS was required, and the server does not offer STARTTLS: perhaps somebody on the path removed the offer.
    StartTlsNotOffered,
    /// No SASL mechanism fits.
    NoMechanism(NoMechanism),
    /// The AUTH dialogue went wrong before the server gave its verdict.
    Sasl(SaslError),
    /// The mail needs an extension that the server does not offer.
    Missing(Extension),
    /// A value of a parameter lies outside what the server said with this extension that it allows.
    OutOfBounds {
        /// The extension whose parameter it is.
        extension: Extension,
        /// The bound, in the server's words.
        bound: String,
    },
    /// The message is larger than the server takes.
    TooLarge {
        /// Octets in the message.
        size: u64,
        /// Octets that the server takes.
        limit: u64,
    },
    /// The server has named a limit (RFC 9422), and it is reached.
    LimitReached(Limit),
    /// The message holds a CR without LF or an LF without CR, and the policy is to reject it.
    BareLineEnd {
        /// Where, counted in octets from 0.
        offset: usize,
    },
    /// The mail must travel in TLS all the way (RFC 8689), and the connection is in clear text.
    ClearText,
    /// The message could not be read to its end.
    Content(Arc<io::Error>),
    /// No host takes mail for the recipient's domain, or none that can be reached as it must be.
    #[cfg(feature = "direct")]
    NoRoute(crate::direct::NoRoute),
    /// The command may not be sent now.
    Misuse(Misuse),
}

/// A command that may not be sent now. Nothing was written, and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The state does not permit it.
    State(State),
    /// Replies must be received first.
    AwaitReply,
    /// The line would be too long.
    LineTooLong,
}

/// Whose business a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The account or its settings: credentials, TLS policy, or a sender that the server does not accept. Every mail of the account fails.
    Account,
    /// This recipient.
    Recipient,
    /// This message: its size, its content, or an extension that it needs.
    Message,
    /// The server or the network. Later may be better.
    Server,
}

impl Error {
    /// An error at a stage, for a driver of one's own.
    pub fn new(stage: Stage, kind: ErrorKind) -> Self {
        Self(Arc::new(Inner {
            stage,
            endpoint: None,
            kind,
        }))
    }

    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn of_connecting(error: postrider_wire::ConnectError) -> Self {
        let stage = match error.stage() {
            postrider_wire::ConnectStage::Tls => Stage::Tls,
            _ => Stage::Connect,
        };
        Self::new(stage, ErrorKind::Connect(Arc::new(error)))
    }

    /// The same of a handshake, which comes first or after STARTTLS.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn of_tls(error: postrider_wire::ConnectError, security: Security) -> Self {
        Self::of_connecting(match security {
            Security::Tls => error,
            _ => error.after_upgrade(),
        })
    }

    pub(crate) fn local(kind: ErrorKind) -> Self {
        Self::new(Stage::Local, kind)
    }

    /// Names the server, if none is named yet. The machines know no server; whoever drives them does.
    #[must_use]
    pub fn at(mut self, endpoint: &Endpoint) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.endpoint.get_or_insert_with(|| endpoint.clone());
        self
    }

    /// What was being done.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// With which server.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.0.endpoint.as_ref()
    }

    /// The server's own words, where it said any.
    pub fn reply(&self) -> Option<&Reply> {
        match self.kind() {
            ErrorKind::Refused(reply)
            | ErrorKind::Closing(reply)
            | ErrorKind::Unexpected(reply)
            | ErrorKind::Unsolicited(reply) => Some(reply),
            _ => None,
        }
    }

    /// Whether the same attempt may succeed later without anybody changing a setting.
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            #[cfg(any(feature = "tokio", feature = "blocking"))]
            ErrorKind::Connect(error) => error.is_retryable(),
            ErrorKind::Refused(reply) => reply.code().is_transient(),
            #[cfg(feature = "direct")]
            ErrorKind::NoRoute(why) => why.is_temporary(),
            ErrorKind::Io(_)
            | ErrorKind::Closed
            | ErrorKind::Timeout(_)
            | ErrorKind::Closing(_)
            | ErrorKind::InvalidReply(_)
            | ErrorKind::Unexpected(_)
            | ErrorKind::Unsolicited(_)
            | ErrorKind::LimitReached(_) => true,
            ErrorKind::StartTlsInjection
            | ErrorKind::StartTlsNotOffered
            | ErrorKind::NoMechanism(_)
            | ErrorKind::Sasl(_)
            | ErrorKind::Missing(_)
            | ErrorKind::OutOfBounds { .. }
            | ErrorKind::TooLarge { .. }
            | ErrorKind::BareLineEnd { .. }
            | ErrorKind::ClearText
            | ErrorKind::Content(_)
            | ErrorKind::Misuse(_) => false,
        }
    }

    /// Whose business it is.
    pub fn fault(&self) -> Fault {
        match self.kind() {
            ErrorKind::Refused(reply) => Fault::of_reply(self.stage(), reply),
            #[cfg(feature = "direct")]
            ErrorKind::NoRoute(why) if !why.is_temporary() => Fault::Recipient,
            ErrorKind::StartTlsNotOffered
            | ErrorKind::StartTlsInjection
            | ErrorKind::NoMechanism(_)
            | ErrorKind::Sasl(_) => Fault::Account,
            ErrorKind::Missing(_)
            | ErrorKind::OutOfBounds { .. }
            | ErrorKind::TooLarge { .. }
            | ErrorKind::BareLineEnd { .. }
            | ErrorKind::ClearText
            | ErrorKind::Content(_)
            | ErrorKind::Misuse(_) => Fault::Message,
            _ if self.is_retryable() => Fault::Server,
            _ => Fault::Account,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        let greeting = self.stage() == Stage::Greeting;
        Some(match self.kind() {
            ErrorKind::Timeout(_) | ErrorKind::Closed if greeting => {
                "if the server expects TLS from the first byte, as on port 465, use Security::Tls"
            }
            ErrorKind::InvalidReply(_) if greeting => "is this the port of an SMTP server?",
            ErrorKind::StartTlsNotOffered => {
                "try Security::Tls on port 465; Security::None gives up protection"
            }
            ErrorKind::NoMechanism(none) if wants_tls(none) => {
                "use TLS; danger_allow_clear_text_credentials() would show the password to everybody on the path"
            }
            ErrorKind::Missing(Extension::EightBitMime) => {
                "encode the message as quoted-printable or base64"
            }
            ErrorKind::Refused(reply) if reply.code().value() == 530 => {
                "the server wants STARTTLS or AUTH first: set the security or the credentials"
            }
            _ => return None,
        })
    }
}

/// Whether a mechanism would have done inside TLS.
fn wants_tls(none: &NoMechanism) -> bool {
    let mut reasons = none.skipped.iter().map(|(_, why)| why);
    reasons.any(|why| matches!(why, Skipped::ClearText | Skipped::NoTls))
}

impl Fault {
    /// Judges a refusal by the stage, the code and the enhanced code.
    pub(crate) fn of_reply(stage: Stage, reply: &Reply) -> Self {
        let subject = reply.enhanced().map(|enhanced| enhanced.subject());
        let detail = reply.enhanced().map_or(0, |enhanced| enhanced.detail());
        match (stage, reply.code().value()) {
            (Stage::Auth, 500..) | (_, 530 | 534 | 535 | 538) => Self::Account,
            (Stage::Mail | Stage::Data | Stage::EndOfData | Stage::Content, 552 | 555) => {
                Self::Message
            }
            (_, ..500) => Self::Server,
            (Stage::Mail, _) => match subject {
                Some(2 | 3) if matches!(detail, 3 | 4) => Self::Message,
                Some(6) => Self::Message,
                _ => Self::Account,
            },
            (Stage::Rcpt, _) => Self::Recipient,
            (Stage::Data | Stage::Content | Stage::EndOfData, _) => Self::Message,
            _ => Self::Account,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.names_its_own_place() {
            write!(f, "{}", self.stage())?;
            if let Some(endpoint) = self.endpoint() {
                write!(f, " with {endpoint}")?;
            }
            f.write_str(": ")?;
        }
        self.kind().fmt(f)?;
        match self.hint() {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl Error {
    fn names_its_own_place(&self) -> bool {
        match self.kind() {
            #[cfg(any(feature = "tokio", feature = "blocking"))]
            ErrorKind::Connect(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(any(feature = "tokio", feature = "blocking"))]
            Self::Connect(error) => error.fmt(f),
            Self::Io(error) => write!(f, "{}", Escaped(error.to_string().as_bytes())),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Timeout(time) => write!(f, "no answer within {time:?}"),
            Self::Refused(reply) => write!(f, "refused: {reply}"),
            Self::Closing(reply) => write!(f, "the server closes the connection: {reply}"),
            Self::InvalidReply(error) => error.fmt(f),
            Self::Unexpected(reply) => write!(f, "this is no answer to it: {reply}"),
            Self::Unsolicited(reply) => write!(f, "a reply that nothing was asked for: {reply}"),
            Self::StartTlsInjection => f.write_str(
                "clear text followed the answer to STARTTLS; somebody on the path may have put it there",
            ),
            Self::StartTlsNotOffered => {
                f.write_str("TLS is required, and the server does not offer STARTTLS")
            }
            Self::NoMechanism(error) => error.fmt(f),
            Self::Sasl(error) => error.fmt(f),
            Self::Missing(extension) => {
                write!(f, "the mail needs {extension}, which the server does not offer")
            }
            Self::OutOfBounds { extension, bound } => {
                let bound = Escaped(bound.as_bytes());
                write!(f, "the mail asks for more than the server allows: {extension} {bound}")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "the message has {size} octets, and the server takes {limit}")
            }
            Self::LimitReached(limit) => {
                write!(f, "the server's limit {} is reached on this connection", limit.name())
            }
            Self::BareLineEnd { offset } => {
                write!(f, "the message has a CR or LF alone at octet {offset}")
            }
            Self::ClearText => {
                f.write_str("the mail asks for REQUIRETLS, and the connection is in clear text")
            }
            Self::Content(error) => {
                let error = error.to_string();
                write!(f, "the message could not be read: {}", Escaped(error.as_bytes()))
            }
            #[cfg(feature = "direct")]
            Self::NoRoute(why) => why.fmt(f),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => write!(f, "not permitted in the state {state:?}"),
            Self::AwaitReply => f.write_str("a reply must be received first"),
            Self::LineTooLong => f.write_str("the command line would be too long"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            #[cfg(any(feature = "tokio", feature = "blocking"))]
            ErrorKind::Connect(error) => Some(error.as_ref()),
            ErrorKind::Io(error) | ErrorKind::Content(error) => Some(error.as_ref()),
            ErrorKind::InvalidReply(error) => Some(error),
            ErrorKind::NoMechanism(error) => Some(error),
            ErrorKind::Sasl(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for ErrorKind {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(Arc::new(error)),
        }
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::local(ErrorKind::Misuse(misuse))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(stage: Stage, text: &[u8]) -> Error {
        Error::new(stage, ErrorKind::Refused(Reply::parse(text).unwrap()))
    }

    #[test]
    fn errors_say_stage_server_words_and_hint() {
        let endpoint = Endpoint::new("mx.example.org", 25).unwrap();
        let error = refused(Stage::Mail, b"530 5.7.0 \x07authenticate first\r\n").at(&endpoint);
        assert_eq!(
            error.to_string(),
            "MAIL with mx.example.org:25: refused: 530 5.7.0 \\x07authenticate first (the server wants STARTTLS or AUTH first: set the security or the credentials)"
        );
    }

    #[test]
    fn faults_of_the_account_are_told_from_faults_of_the_message() {
        let fault = |stage, text: &str| refused(stage, text.as_bytes()).fault();
        assert_eq!(fault(Stage::Auth, "535 5.7.8 no\r\n"), Fault::Account);
        assert_eq!(fault(Stage::Auth, "454 4.7.0 later\r\n"), Fault::Server);
        assert_eq!(fault(Stage::Mail, "550 5.7.1 not you\r\n"), Fault::Account);
        assert_eq!(fault(Stage::Mail, "553 bad sender\r\n"), Fault::Account);
        assert_eq!(fault(Stage::Mail, "552 5.3.4 too big\r\n"), Fault::Message);
        assert_eq!(fault(Stage::Mail, "451 later\r\n"), Fault::Server);
        assert_eq!(fault(Stage::Rcpt, "550 5.1.1 who\r\n"), Fault::Recipient);
        assert_eq!(fault(Stage::Rcpt, "530 login\r\n"), Fault::Account);
        assert_eq!(fault(Stage::EndOfData, "554 spam\r\n"), Fault::Message);
        assert_eq!(fault(Stage::EndOfData, "452 full\r\n"), Fault::Server);
        assert_eq!(fault(Stage::Greeting, "554 no service\r\n"), Fault::Account);
    }
}

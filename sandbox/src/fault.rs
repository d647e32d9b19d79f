//! Faults: what the servers do wrong, on purpose and repeatably.

mod address;
mod plan;
mod script;

pub(crate) use address::AddressFault;
pub(crate) use plan::Plan;
pub(crate) use script::Script;

use std::time::Duration;

/// The protocol that a fault, or a line of the dialogue, belongs to. The TLS ports count with their protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// SMTP, on the clear-text port or the TLS port.
    Smtp,
    /// POP3, on the clear-text port or the TLS port.
    Pop3,
}

/// Where in a dialogue a fault can happen: a command, or one of the moments between commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The connection was accepted; nothing has been said, and on a TLS port there was no handshake yet.
    Connect,
    /// The server's greeting.
    Greeting,
    /// EHLO, HELO, or CAPA.
    Ehlo,
    /// STARTTLS or STLS.
    StartTls,
    /// AUTH, and every line of its dialogue.
    Auth,
    /// USER.
    User,
    /// PASS.
    Pass,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, answered by 354.
    Data,
    /// Message content is about to come in, after DATA or BDAT.
    Content,
    /// The final dot, or the last BDAT, and its reply.
    EndOfData,
    /// BDAT, the last one included.
    Bdat,
    /// STAT.
    Stat,
    /// LIST, with or without a number.
    List,
    /// UIDL, with or without a number.
    Uidl,
    /// RETR.
    Retr,
    /// TOP.
    Top,
    /// DELE.
    Dele,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// VRFY or EXPN.
    Vrfy,
    /// QUIT.
    Quit,
    /// Any other line.
    Other,
    /// Every stage but [`Stage::Connect`] and [`Stage::Content`].
    Any,
}

impl Stage {
    pub(crate) fn covers(self, point: Self) -> bool {
        match self {
            Self::Any => !matches!(point, Self::Connect | Self::Content),
            _ => self == point,
        }
    }
}

/// Which of its occurrences a fault takes. They are counted over all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nth {
    /// This one only; 1 is the first.
    Nth(u64),
    /// All of them.
    Every,
    /// About one in so many, chosen by the seed: the same seed chooses the same ones.
    OneIn(u32),
}

/// What happens instead of, or beside, the reply that the server would give.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// This line, or these lines, instead of the reply; a missing CRLF is added. If it refuses (it begins with `4`,
    /// `5` or `-`), the command has no effect; otherwise the command is carried out.
    Reply(Vec<u8>),
    /// Exactly these octets instead of the reply; the command is carried out.
    Raw(Vec<u8>),
    /// So many octets, chosen by the seed, instead of the reply; the command is carried out.
    Garbage(usize),
    /// One reply too many, before the proper one.
    ReplyBefore(Vec<u8>),
    /// One reply too many, after the proper one.
    ReplyAfter(Vec<u8>),
    /// The command is carried out and not answered; the dialogue goes on.
    Omit,
    /// The reply comes so much later.
    Delay(Duration),
    /// From here on the server says nothing. The connection stays open; what comes in is read and forgotten.
    Silence,
    /// The reply goes out, and then nothing more is read. The connection stays open.
    StopReading,
    /// The command has no effect; the connection is closed without a reply.
    DropBefore,
    /// The command is carried out; the connection is closed without a reply.
    DropUnanswered,
    /// The connection is closed after the reply.
    DropAfter,
    /// The command is carried out; the connection is closed after so many octets of the reply. At
    /// [`Stage::Content`]: after so many octets of content have come in, and the mail is not stored.
    DropAfterBytes(usize),
    /// From here on every octet is written by itself.
    OneByteWrites,
    /// The reply is written in two parts, the first of so many octets.
    SplitAt(usize),
    /// These octets over and over instead of the reply, until the client closes.
    Endless(Vec<u8>),
    /// At [`Stage::Connect`] on a TLS port: clear text is spoken there.
    PlainText,
}

impl Action {
    /// True if the command that is answered so must not take effect.
    fn refuses(&self) -> bool {
        match self {
            Self::Reply(line) => matches!(line.first(), Some(b'4' | b'5' | b'-')),
            Self::DropBefore => true,
            _ => false,
        }
    }
}

/// One thing that goes wrong: where, at which occurrence, and how.
///
/// ```
/// use postrider_sandbox::{Action, Fault, Stage};
///
/// let second_recipient = Fault::smtp(Stage::Rcpt, Action::Reply(b"450 4.2.1 later".to_vec())).nth(2);
/// let torn_message = Fault::pop3(Stage::Retr, Action::DropAfterBytes(100));
/// let bad_line = Fault::pop3(Stage::Any, Action::DropBefore).one_in(50);
/// # let _ = (second_recipient, torn_message, bad_line);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The protocol.
    pub protocol: Protocol,
    /// The point of the dialogue.
    pub stage: Stage,
    /// Which occurrence of that point.
    pub nth: Nth,
    /// What happens there.
    pub action: Action,
}

impl Fault {
    /// A fault of the SMTP server, at the first occurrence.
    pub fn smtp(stage: Stage, action: Action) -> Self {
        Self {
            protocol: Protocol::Smtp,
            stage,
            nth: Nth::Nth(1),
            action,
        }
    }

    /// A fault of the POP3 server, at the first occurrence.
    pub fn pop3(stage: Stage, action: Action) -> Self {
        Self {
            protocol: Protocol::Pop3,
            ..Self::smtp(stage, action)
        }
    }

    /// The same at the n-th occurrence; 1 is the first.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        Self {
            nth: Nth::Nth(n),
            ..self
        }
    }

    /// The same at every occurrence.
    #[must_use]
    pub fn every(self) -> Self {
        Self {
            nth: Nth::Every,
            ..self
        }
    }

    /// The same at about one occurrence in `n`, chosen by the seed.
    #[must_use]
    pub fn one_in(self, n: u32) -> Self {
        Self {
            nth: Nth::OneIn(n),
            ..self
        }
    }
}

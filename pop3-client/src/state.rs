use crate::Request;
use crate::Status;
use std::fmt;

/// Where a session stands. The states are RFC 1939's, with one before the greeting and one for the TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Connected; the server speaks first (RFC 1939 §4).
    Greeting,
    /// The server wants to know who we are (RFC 1939 §4).
    Authorization,
    /// STLS was accepted; the next bytes belong to the TLS handshake (RFC 2595 §4).
    TlsNegotiation,
    /// The maildrop is open and locked (RFC 1939 §5).
    Transaction,
    /// QUIT was sent from the Transaction state; the server removes what is marked (RFC 1939 §6).
    Update,
    /// Nothing more can be said.
    Closed,
}

impl State {
    /// Every state, in the order of a session.
    pub const ALL: [Self; 6] = [
        Self::Greeting,
        Self::Authorization,
        Self::TlsNegotiation,
        Self::Transaction,
        Self::Update,
        Self::Closed,
    ];

    /// Where a session stands once this command is sent; `None` if it may not be sent in this state.
    pub(crate) fn after_sending(self, request: Request) -> Option<Self> {
        use Request::{
            Auth, Capa, Custom, CustomMultiLine, Dele, Lang, LangList, List, Noop, Pass, Quit,
            Retr, Rset, Stat, Stls, Top, Uidl, User, Utf8,
        };
        match (self, request) {
            #[cfg(feature = "apop")]
            (Self::Authorization, Request::Apop) => Some(self),
            (Self::Transaction, Quit) => Some(Self::Update),
            (
                Self::Authorization,
                Capa | Stls | User | Pass | Auth | Quit | Utf8 | Lang | LangList | Custom
                | CustomMultiLine,
            ) => Some(self),
            (
                Self::Transaction,
                Capa | Stat | List(_) | Uidl(_) | Retr(_) | Top(_) | Dele(_) | Noop | Rset | Lang
                | LangList | Custom | CustomMultiLine,
            ) => Some(self),
            _ => None,
        }
    }

    /// Where a session stands once this command is answered.
    pub(crate) fn after_reply(self, request: Request, status: Status) -> Self {
        match (self, request, status) {
            (Self::Authorization, Request::Pass | Request::Auth, Status::Ok) => Self::Transaction,
            #[cfg(feature = "apop")]
            (Self::Authorization, Request::Apop, Status::Ok) => Self::Transaction,
            (Self::Authorization, Request::Stls, Status::Ok) => Self::TlsNegotiation,
            (Self::Authorization | Self::Update, Request::Quit, _) => Self::Closed,
            _ => self,
        }
    }

    /// Where a session stands after the greeting.
    pub(crate) fn after_greeting(status: Status) -> Self {
        match status {
            Status::Ok => Self::Authorization,
            Status::Err => Self::Closed,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "Greeting",
            Self::Authorization => "Authorization",
            Self::TlsNegotiation => "TlsNegotiation",
            Self::Transaction => "Transaction",
            Self::Update => "Update",
            Self::Closed => "Closed",
        })
    }
}

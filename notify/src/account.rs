//! Accounts: the SMTP servers that mail goes out by, and the POP3 mailboxes that it comes in from.

mod sending;
mod transport;

pub use sending::{Rate, Sending};
pub use transport::{ClientCertificate, Transport};

use postrider_wire::{Endpoint, Secret, Security};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// An SMTP account: a server that takes mail from us.
#[derive(Clone, Debug)]
pub struct SmtpAccount {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// How the connection is protected.
    pub security: Security,
    /// How we log in, if we do.
    pub login: Option<Login>,
    /// Extra certificate authorities, as PEM text, to be trusted besides those that come along (Mozilla's).
    pub ca: Option<String>,
    /// Accept any certificate. The configuration key is as loud as this comment: `danger_accept_invalid_certs`.
    pub accept_invalid_certs: bool,
    /// Send credentials without TLS (`danger_allow_clear_text_credentials`).
    pub allow_clear_text_credentials: bool,
    /// The address in From, with an optional display name: `Postrider <support@example.org>`.
    pub from: String,
    /// The mailbox that answers go to; reply tokens are added to its local part. Without it, answers go to `from`.
    pub reply_to: Option<String>,
    /// The name we give in EHLO; an address literal if unset.
    pub ehlo_name: Option<String>,
    /// One bound for every wait of the dialogue; RFC 5321's own time-outs if unset.
    pub timeout: Option<Duration>,
    /// How the server is reached.
    pub transport: Transport,
    /// When it sends, how much, and who takes its place.
    pub sending: Sending,
}

/// A POP3 account: a mailbox that we read.
#[derive(Clone, Debug)]
pub struct Pop3Account {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// How the connection is protected.
    pub security: Security,
    /// How we log in.
    pub login: Login,
    /// Extra certificate authorities, as PEM text.
    pub ca: Option<String>,
    /// Accept any certificate (`danger_accept_invalid_certs`).
    pub accept_invalid_certs: bool,
    /// Send credentials without TLS (`danger_allow_clear_text_credentials`).
    pub allow_clear_text_credentials: bool,
    /// What happens to a message on the server once it is stored here.
    pub delete: DeletePolicy,
    /// The pause between two fetches.
    pub interval: Duration,
    /// How long a message is remembered after the server has it no more, so that it is not taken for a new one should it
    /// come back.
    pub remember: Duration,
    /// The largest message that is fetched, in octets.
    pub max_message: u64,
    /// One bound for every wait of the dialogue; the defaults of `postrider-pop3` if unset.
    pub timeout: Option<Duration>,
    /// How the server is reached.
    pub transport: Transport,
}

/// A user name, and where its password or token comes from.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// What the secret is.
    pub kind: LoginKind,
    /// Where it comes from; read anew at each connection, so that it can be changed without a restart.
    pub secret: SecretSource,
}

/// What proves a user's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    /// A password.
    Password,
    /// An OAuth 2.0 access token.
    Token,
}

/// Where a secret comes from. It never stands on a command line.
#[derive(Clone)]
pub enum SecretSource {
    /// It is known already (tests, the sandbox).
    Value(Secret),
    /// An environment variable.
    Env(String),
    /// The first line of a file.
    File(PathBuf),
    /// The first line that a command prints, run without a shell.
    Command(Vec<String>),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("Value(…)"),
            Self::Env(name) => write!(f, "Env({name})"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Command(words) => {
                write!(f, "Command({})", words.first().map_or("", String::as_str))
            }
        }
    }
}

/// What happens to a message on the POP3 server once it is stored here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletePolicy {
    /// Deleted in the same session.
    Now,
    /// Deleted once it has been here for so long.
    After(Duration),
    /// Left on the server.
    Never,
}

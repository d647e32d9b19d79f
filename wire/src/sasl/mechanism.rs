use super::Credentials;
use super::credentials::Proof;
use std::fmt;

/// A SASL mechanism, in the order in which we prefer them: the last is the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// User name and password in answer to two prompts (never standardised, but everywhere).
    Login,
    /// User name and password in one message (RFC 4616).
    Plain,
    /// An OAuth 2.0 token in the form of the large mail providers.
    Xoauth2,
}

impl Mechanism {
    /// Every mechanism we have, weakest first.
    pub const ALL: [Self; 3] = [Self::Login, Self::Plain, Self::Xoauth2];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Plain => "PLAIN",
            Self::Xoauth2 => "XOAUTH2",
        }
    }

    /// The mechanism of that name, letters compared without case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// True if whoever reads the exchange can log in with what was read.
    pub fn exposes_credentials(self) -> bool {
        match self {
            Self::Login | Self::Plain | Self::Xoauth2 => true,
        }
    }

    /// True if these credentials are of the kind that the mechanism carries.
    pub fn accepts(self, credentials: &Credentials) -> bool {
        match credentials.proof() {
            Proof::Password(_) => matches!(self, Self::Login | Self::Plain),
            Proof::Bearer(_) => matches!(self, Self::Xoauth2),
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

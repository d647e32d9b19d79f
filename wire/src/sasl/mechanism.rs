use super::Credentials;
use super::credentials::Proof;
use std::fmt;

/// A SASL mechanism, in the order in which we prefer them: the last is the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// No identity at all (RFC 4505).
    Anonymous,
    /// A password proved by a keyed MD5 digest (RFC 2195). It hides the password from a listener, who can guess at it
    /// at leisure; better than nothing where there is no TLS, and worse than anything else where there is.
    #[cfg(feature = "cram-md5")]
    CramMd5,
    /// User name and password in answer to two prompts (never standardised, but everywhere).
    Login,
    /// User name and password in one message (RFC 4616).
    Plain,
    /// An OAuth 2.0 token in the form of the large mail providers.
    Xoauth2,
    /// An OAuth 2.0 token (RFC 7628).
    OauthBearer,
    /// A password proved without being shown, and the server proves that it knows it as well (RFC 5802).
    #[cfg(feature = "scram")]
    ScramSha1,
    /// The same with SHA-256 (RFC 7677).
    #[cfg(feature = "scram")]
    ScramSha256,
    /// SCRAM-SHA-1 bound to the TLS connection (RFC 5802 §6, RFC 9266): somebody in the middle who has a certificate that
    /// is trusted is found out all the same.
    #[cfg(feature = "scram")]
    ScramSha1Plus,
    /// The same with SHA-256 (RFC 7677).
    #[cfg(feature = "scram")]
    ScramSha256Plus,
    /// The identity is proved outside SASL, usually by a client certificate (RFC 4422, appendix A).
    External,
}

impl Mechanism {
    /// Every mechanism we have, weakest first.
    pub const ALL: &'static [Self] = &[
        Self::Anonymous,
        #[cfg(feature = "cram-md5")]
        Self::CramMd5,
        Self::Login,
        Self::Plain,
        Self::Xoauth2,
        Self::OauthBearer,
        #[cfg(feature = "scram")]
        Self::ScramSha1,
        #[cfg(feature = "scram")]
        Self::ScramSha256,
        #[cfg(feature = "scram")]
        Self::ScramSha1Plus,
        #[cfg(feature = "scram")]
        Self::ScramSha256Plus,
        Self::External,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "ANONYMOUS",
            #[cfg(feature = "cram-md5")]
            Self::CramMd5 => "CRAM-MD5",
            Self::Login => "LOGIN",
            Self::Plain => "PLAIN",
            Self::Xoauth2 => "XOAUTH2",
            Self::OauthBearer => "OAUTHBEARER",
            #[cfg(feature = "scram")]
            Self::ScramSha1 => "SCRAM-SHA-1",
            #[cfg(feature = "scram")]
            Self::ScramSha256 => "SCRAM-SHA-256",
            #[cfg(feature = "scram")]
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            #[cfg(feature = "scram")]
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::External => "EXTERNAL",
        }
    }

    /// The mechanism of that name, letters compared without case.
    pub fn from_name(name: &str) -> Option<Self> {
        let named = |mechanism: &&Self| mechanism.name().eq_ignore_ascii_case(name);
        Self::ALL.iter().find(named).copied()
    }

    /// True if whoever reads the exchange can log in with what was read.
    pub fn exposes_credentials(self) -> bool {
        matches!(
            self,
            Self::Login | Self::Plain | Self::Xoauth2 | Self::OauthBearer
        )
    }

    /// True if it binds the login to the TLS connection, and so needs TLS 1.3.
    pub fn binds_channel(self) -> bool {
        match self {
            #[cfg(feature = "scram")]
            Self::ScramSha1Plus | Self::ScramSha256Plus => true,
            _ => false,
        }
    }

    /// True if it is one of the SCRAM family.
    #[cfg(feature = "scram")]
    pub(super) fn is_scram(self) -> bool {
        matches!(self, Self::ScramSha1 | Self::ScramSha256) || self.binds_channel()
    }

    /// True if these credentials are of the kind that the mechanism carries.
    pub fn accepts(self, credentials: &Credentials) -> bool {
        let fits = match credentials.proof() {
            Proof::Password(_) => self.takes_password(),
            Proof::Bearer(_) => matches!(self, Self::Xoauth2 | Self::OauthBearer),
            Proof::External => self == Self::External,
            Proof::Anonymous => self == Self::Anonymous,
        };
        fits && (credentials.acting_as().is_none() || self.carries_another_identity())
    }

    fn takes_password(self) -> bool {
        match self {
            Self::Login | Self::Plain => true,
            #[cfg(feature = "cram-md5")]
            Self::CramMd5 => true,
            #[cfg(feature = "scram")]
            scram if scram.is_scram() => true,
            _ => false,
        }
    }

    /// Whether the mechanism can say whom to act as, besides who we are.
    fn carries_another_identity(self) -> bool {
        match self {
            Self::Plain | Self::External => true,
            #[cfg(feature = "scram")]
            scram if scram.is_scram() => true,
            _ => false,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

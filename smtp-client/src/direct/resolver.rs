use std::fmt;
use std::future::Future;
use std::net::IpAddr;

/// Where direct delivery gets its DNS from: a library, or an application's or a test's own answers.
///
/// Names are given without a final dot. A name that exists and has no such record is an [`Answer`] without records.
/// Where DNSSEC finds an answer bogus, that is [`ResolveError::Temporary`], never an answer.
pub trait Resolver: Send + Sync {
    /// The MX records of a domain (RFC 1035 §3.3.9).
    fn mail_exchangers(
        &self,
        domain: &str,
    ) -> impl Future<Output = Result<Answer<MailExchanger>, ResolveError>> + Send;

    /// The A and AAAA records of a host, in the order in which they are to be tried (RFC 6724). While one of the two is not
    /// known and the other gives no address, that is [`ResolveError::Temporary`], whatever is said of the other.
    fn addresses(
        &self,
        host: &str,
    ) -> impl Future<Output = Result<Answer<IpAddr>, ResolveError>> + Send;

    /// The TLSA records of a name such as `_25._tcp.mx.example.org` (RFC 6698 §2.1).
    fn tlsa(&self, name: &str) -> impl Future<Output = Result<Answer<Tlsa>, ResolveError>> + Send;

    /// The TXT records of a name, the strings of each joined (RFC 7208 §3.3).
    fn text(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Answer<Vec<u8>>, ResolveError>> + Send;
}

/// What DNS says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer<T> {
    /// The records; none if the name exists without any.
    pub records: Vec<T>,
    /// Whether DNSSEC vouches for all of it, and for any alias on the way: for that there are none as well.
    pub secure: bool,
}

/// An MX record: a host that takes mail for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailExchanger {
    /// The lower, the sooner it is tried.
    pub preference: u16,
    /// Its name; empty in a "null MX" (RFC 7505).
    pub host: String,
}

/// A TLSA record (RFC 6698 §2.1): what a server's certificate must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlsa {
    /// 2 for an authority (DANE-TA), 3 for the server's own certificate (DANE-EE); 0 and 1 are not used with SMTP
    /// (RFC 7672 §3.1.3).
    pub usage: u8,
    /// 0 for the whole certificate, 1 for its public key.
    pub selector: u8,
    /// 0 for the octets themselves, 1 for SHA-256, 2 for SHA-512.
    pub matching: u8,
    /// What is to be matched.
    pub data: Vec<u8>,
}

/// As in a zone file: `3 1 1 0C72AC70…`.
impl fmt::Display for Tlsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (usage, selector, matching) = (self.usage, self.selector, self.matching);
        write!(f, "{usage} {selector} {matching} ")?;
        self.data
            .iter()
            .try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

/// DNS said no, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is no such name (NXDOMAIN).
    NoSuchName,
    /// No answer, or none that can be believed; why.
    Temporary(String),
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName => f.write_str("there is no such name"),
            Self::Temporary(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ResolveError {}

impl<R: Resolver> Resolver for std::sync::Arc<R> {
    async fn mail_exchangers(&self, domain: &str) -> Result<Answer<MailExchanger>, ResolveError> {
        R::mail_exchangers(self, domain).await
    }

    async fn addresses(&self, host: &str) -> Result<Answer<IpAddr>, ResolveError> {
        R::addresses(self, host).await
    }

    async fn tlsa(&self, name: &str) -> Result<Answer<Tlsa>, ResolveError> {
        R::tlsa(self, name).await
    }

    async fn text(&self, name: &str) -> Result<Answer<Vec<u8>>, ResolveError> {
        R::text(self, name).await
    }
}

use super::{Answer, MailExchanger, ResolveError, Resolver, Tlsa};
use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::net::IpAddr;

/// DNS by hickory-resolver, with DNSSEC validated here: what a server on the path says about it does not count.
#[derive(Clone)]
pub struct Dns(TokioResolver);

impl Dns {
    /// Asks the servers that the system names (`/etc/resolv.conf`). They must hand DNSSEC records on, or nothing is ever
    /// secure.
    ///
    /// # Errors
    /// If the system's configuration cannot be read.
    pub fn from_system() -> Result<Self, ResolveError> {
        let mut builder = TokioResolver::builder_tokio().map_err(temporary)?;
        builder.options_mut().validate = true;
        let resolver = builder.build().map_err(temporary)?;
        Ok(Self(resolver))
    }

    /// Asks by a resolver of the caller's own. Answers count as secure where it was built to validate.
    pub fn new(resolver: TokioResolver) -> Self {
        Self(resolver)
    }

    async fn lookup<T>(
        &self,
        name: &str,
        kind: RecordType,
        take: impl Fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, ResolveError> {
        let mut fqdn = Name::from_utf8(name).map_err(|_| ResolveError::NoSuchName)?;
        fqdn.set_fqdn(true);
        match self.0.lookup(fqdn, kind).await {
            Ok(found) => {
                let answers = found.answers();
                Ok(Answer {
                    records: answers
                        .iter()
                        .filter_map(|record| take(&record.data))
                        .collect(),
                    secure: is_secure(answers),
                })
            }
            Err(error) if error.is_nx_domain() => Err(ResolveError::NoSuchName),
            Err(error) if error.is_no_records_found() => Ok(Answer {
                records: Vec::new(),
                secure: false,
            }),
            Err(error) => Err(temporary(error)),
        }
    }
}

/// Every record, aliases included.
fn is_secure(answers: &[Record]) -> bool {
    !answers.is_empty() && answers.iter().all(|record| record.proof.is_secure())
}

fn temporary(error: NetError) -> ResolveError {
    ResolveError::Temporary(error.to_string())
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dns(hickory)")
    }
}

impl Resolver for Dns {
    async fn mail_exchangers(&self, domain: &str) -> Result<Answer<MailExchanger>, ResolveError> {
        let take = |data: &RData| match data {
            RData::MX(mx) => Some(MailExchanger {
                preference: mx.preference,
                host: mx.exchange.to_ascii(),
            }),
            _ => None,
        };
        self.lookup(domain, RecordType::MX, take).await
    }

    async fn addresses(&self, host: &str) -> Result<Answer<IpAddr>, ResolveError> {
        let take = |data: &RData| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        let v6 = self.lookup(host, RecordType::AAAA, take).await;
        let v4 = self.lookup(host, RecordType::A, take).await;
        let (v6, v4) = match (v6, v4) {
            (Ok(v6), Ok(v4)) => (v6, v4),
            (Ok(one), Err(_)) | (Err(_), Ok(one)) if !one.records.is_empty() => return Ok(one),
            // While one of them is not known, nobody knows that there is no address (RFC 4074 §4.2).
            (Err(ResolveError::Temporary(why)), _) | (_, Err(ResolveError::Temporary(why))) => {
                return Err(ResolveError::Temporary(why));
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let secure = |answer: &Answer<IpAddr>| answer.secure || answer.records.is_empty();
        Ok(Answer {
            secure: secure(&v6) && secure(&v4) && (v6.secure || v4.secure),
            records: v6.records.into_iter().chain(v4.records).collect(),
        })
    }

    async fn tlsa(&self, name: &str) -> Result<Answer<Tlsa>, ResolveError> {
        let take = |data: &RData| match data {
            RData::TLSA(tlsa) => Some(Tlsa {
                usage: tlsa.cert_usage.into(),
                selector: tlsa.selector.into(),
                matching: tlsa.matching.into(),
                data: tlsa.cert_data.clone(),
            }),
            _ => None,
        };
        self.lookup(name, RecordType::TLSA, take).await
    }

    async fn text(&self, name: &str) -> Result<Answer<Vec<u8>>, ResolveError> {
        let take = |data: &RData| match data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        };
        self.lookup(name, RecordType::TXT, take).await
    }
}

//! Which hosts take mail for a domain, and in which order (RFC 5321 §5.1, RFC 7505).

use super::{MailExchanger, ResolveError, Resolver};
use std::fmt;
use std::net::IpAddr;

/// The hosts that take mail for a domain, in the order in which they are to be tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchangers {
    /// The names, or one address literal's address.
    pub hosts: Vec<Host>,
    /// Whether DNSSEC vouches for them.
    pub secure: bool,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name, without a final dot.
    Name(String),
    /// The address of a literal such as `[192.0.2.1]`.
    Address(IpAddr),
}

/// A domain that no host takes mail for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoRoute {
    /// DNS gave no answer that can be used: later, perhaps.
    Resolve(ResolveError),
    /// There is no such domain, or it has neither MX nor address records.
    NoSuchDomain,
    /// It takes no mail, and says so (RFC 7505).
    NullMx,
    /// The best of its hosts is this one: mail would come back (RFC 5321 §5.1).
    Loop,
    /// DNS has no address for any of its hosts.
    NoAddress,
    /// None of its hosts is one that its MTA-STS policy names (RFC 8461 §4.1).
    NotInPolicy,
    /// The mail requires TLS all the way, and nothing vouches for the names of the hosts (RFC 8689 §4.2.1).
    NotVouchedFor,
}

impl NoRoute {
    /// Whether the same mail may find a way later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Resolve(_) | Self::NoAddress | Self::NotInPolicy)
    }

    /// As an enhanced status code would say it (RFC 3463 §3.5, RFC 7505 §4.1, RFC 8689 §4.2).
    pub fn status(&self) -> &'static str {
        match self {
            Self::Resolve(_) | Self::NoAddress => "4.4.3",
            Self::NoSuchDomain => "5.1.2",
            Self::NullMx => "5.1.10",
            Self::Loop => "5.4.6",
            Self::NotInPolicy => "4.7.5",
            Self::NotVouchedFor => "5.7.30",
        }
    }
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.status())?;
        match self {
            Self::Resolve(error) => write!(f, "DNS: {error}"),
            Self::NoSuchDomain => {
                f.write_str("there is no such domain, or it has neither mail host nor address")
            }
            Self::NullMx => f.write_str("the domain takes no mail"),
            Self::Loop => f.write_str("the mail would come back to this host"),
            Self::NoAddress => f.write_str("none of the domain's mail hosts has an address"),
            Self::NotInPolicy => {
                f.write_str("none of the domain's mail hosts is in its MTA-STS policy")
            }
            Self::NotVouchedFor => f.write_str(
                "the mail requires TLS, and neither DNSSEC nor MTA-STS vouches for the domain's mail hosts",
            ),
        }
    }
}

impl std::error::Error for NoRoute {}

/// Looks the hosts up. A domain without MX records is its own host ("implicit MX") if it has an address. Hosts of the same
/// preference come in an order that `seed` decides, and this host, by any of its names, is left out, with all that is not
/// better than it.
///
/// # Errors
/// If there is nobody to try.
pub async fn exchangers<R: Resolver>(
    resolver: &R,
    domain: &str,
    own_names: &[String],
    seed: u64,
) -> Result<Exchangers, NoRoute> {
    if let Some(address) = literal(domain) {
        let hosts = vec![Host::Address(address)];
        return Ok(Exchangers {
            hosts,
            secure: false,
        });
    }
    let answer = match resolver.mail_exchangers(domain).await {
        Ok(answer) => answer,
        Err(ResolveError::NoSuchName) => return Err(NoRoute::NoSuchDomain),
        Err(error) => return Err(NoRoute::Resolve(error)),
    };
    let records = match answer.records.is_empty() {
        true => vec![implicit(resolver, domain).await?],
        false => answer.records,
    };
    Ok(Exchangers {
        hosts: ordered(records, own_names, seed)?,
        secure: answer.secure,
    })
}

/// The domain as its own host.
async fn implicit<R: Resolver>(resolver: &R, domain: &str) -> Result<MailExchanger, NoRoute> {
    match resolver.addresses(domain).await {
        Ok(answer) if answer.records.is_empty() => Err(NoRoute::NoSuchDomain),
        Err(ResolveError::NoSuchName) => Err(NoRoute::NoSuchDomain),
        Err(error) => Err(NoRoute::Resolve(error)),
        Ok(_) => Ok(MailExchanger {
            preference: 0,
            host: domain.to_owned(),
        }),
    }
}

fn ordered(
    mut records: Vec<MailExchanger>,
    own_names: &[String],
    seed: u64,
) -> Result<Vec<Host>, NoRoute> {
    // RFC 7505 §3: a null MX stands alone; among others it is no host.
    records.retain(|record| !named(record).is_empty());
    if records.is_empty() {
        return Err(NoRoute::NullMx);
    }
    shuffle(&mut records, seed);
    records.sort_by_key(|record| record.preference);
    let is_own = |record: &&MailExchanger| {
        let mut own = own_names.iter();
        own.any(|name| name.eq_ignore_ascii_case(named(record)))
    };
    let own = records.iter().find(is_own).map(|record| record.preference);
    records.retain(|record| own.is_none_or(|own| record.preference < own));
    if records.is_empty() {
        return Err(NoRoute::Loop);
    }
    let host = |record: MailExchanger| Host::Name(named(&record).to_owned());
    Ok(records.into_iter().map(host).collect())
}

fn named(record: &MailExchanger) -> &str {
    record.host.strip_suffix('.').unwrap_or(&record.host)
}

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3).
fn literal(domain: &str) -> Option<IpAddr> {
    let inside = domain.strip_prefix('[')?.strip_suffix(']')?;
    let v6 = inside
        .get(..5)
        .filter(|tag| tag.eq_ignore_ascii_case("IPv6:"));
    v6.and_then(|tag| inside.get(tag.len()..))
        .unwrap_or(inside)
        .parse()
        .ok()
}

/// Fisher and Yates, with xorshift: spread is wanted here, and not secrecy.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed | 1;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (last as u64 + 1)).unwrap_or(last);
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn records(list: &[(u16, &str)]) -> Vec<MailExchanger> {
        let record = |&(preference, host): &(u16, &str)| MailExchanger {
            preference,
            host: host.to_owned(),
        };
        list.iter().map(record).collect()
    }

    fn order(list: &[(u16, &str)], own: &[&str], seed: u64) -> Result<Vec<String>, NoRoute> {
        let own: Vec<String> = own.iter().map(ToString::to_string).collect();
        let hosts = ordered(records(list), &own, seed)?;
        let name = |host| match host {
            Host::Name(name) => name,
            Host::Address(address) => address.to_string(),
        };
        Ok(hosts.into_iter().map(name).collect())
    }

    #[test]
    fn rfc5321_5_1_the_lowest_preference_comes_first_and_equals_take_turns() {
        let list = [(20, "b"), (10, "a."), (20, "c"), (20, "d")];
        let mut seen = HashSet::new();
        for seed in 0..200 {
            let order = order(&list, &[], seed).unwrap();
            assert_eq!((order.len(), &order[0][..]), (4, "a"));
            seen.insert(order);
        }
        assert_eq!(seen.len(), 6, "every order of three");
    }

    #[test]
    fn rfc5321_5_1_this_host_and_what_is_no_better_is_left_out() {
        let list = [(10, "a"), (20, "Own.example"), (20, "b"), (30, "c")];
        assert_eq!(order(&list, &["own.example"], 1).unwrap(), ["a"]);
        assert_eq!(order(&list[1..], &["own.example."], 1).unwrap().len(), 3);
        assert_eq!(order(&list[1..], &["own.example"], 1), Err(NoRoute::Loop));
    }

    #[test]
    fn rfc7505_3_a_null_mx_takes_no_mail() {
        assert_eq!(order(&[(0, ".")], &[], 1), Err(NoRoute::NullMx));
        assert_eq!(order(&[(0, "")], &[], 1), Err(NoRoute::NullMx));
        assert_eq!(order(&[(0, "."), (10, "a")], &[], 1).unwrap(), ["a"]);
    }

    #[test]
    fn rfc5321_4_1_3_literals_are_their_own_hosts() {
        assert_eq!(literal("[192.0.2.1]"), "192.0.2.1".parse().ok());
        assert_eq!(literal("[IPv6:2001:db8::1]"), "2001:db8::1".parse().ok());
        assert_eq!(literal("[ipv6:::1]"), "::1".parse().ok());
        assert_eq!(literal("example.org"), None);
        assert_eq!(literal("[é]"), None);
    }
}

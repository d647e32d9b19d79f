//! One domain's hosts, and what TLS each of them must have.

use super::delivery::Direct;
use super::fetch::FetchPolicy;
use super::mta_sts::{Mode, Policy};
use super::policies::FetchProblem;
use super::report::{FailureType, Held, PolicyType};
use super::route::{Exchangers, Host, NoRoute};
use super::{Answer, ResolveError, Resolver, Tlsa, dane};
use crate::outcome::settled_by;
use crate::{
    Client, Config, Endpoint, Envelope, Error, ErrorKind, Outcome, RecipientOutcome, Security,
    Stage, Tls,
};
use rustls::CertificateError;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

/// What is known of a domain before its hosts are tried.
pub(super) struct Attempt<'a, R, F> {
    direct: &'a Direct<R, F>,
    domain: &'a str,
    exchangers: Exchangers,
    policy: Option<Arc<Policy>>,
    /// The account or the mail requires TLS with a certificate in order.
    required: bool,
}

/// What TLS one host must have.
enum Guard {
    /// A certificate that matches these (RFC 7672); any at all if none of them can be used.
    Dane(Vec<Tlsa>),
    /// A certificate in order, by MTA-STS or by our own demand.
    Verified,
    /// The same, but if it fails, mail goes all the same (RFC 8461 §5, `testing`).
    Tested,
    /// Whatever there is.
    Opportunistic,
}

impl<'a, R: Resolver, F: FetchPolicy> Attempt<'a, R, F> {
    pub(super) async fn new(
        direct: &'a Direct<R, F>,
        domain: &'a str,
        mut exchangers: Exchangers,
        required: bool,
        envelope: &Envelope,
    ) -> Result<Self, NoRoute> {
        let literal = matches!(exchangers.hosts[..], [Host::Address(_)]);
        let policy = match literal {
            true => Ok(None),
            false => {
                let policies = &direct.policies;
                policies.of(domain, &direct.resolver, &direct.fetch).await
            }
        };
        if let Err(problem) = &policy {
            direct.count_failure(&held(domain, None, &[]), (*problem).into(), "");
        }
        let policy = policy.unwrap_or_default();
        let all_the_way = envelope.parameters().require_tls;
        if all_the_way && !exchangers.secure && policy.is_none() && !literal {
            return Err(NoRoute::NotVouchedFor);
        }
        if let Some(policy) = policy.as_deref() {
            let covered = |host: &Host| matches!(host, Host::Name(name) if policy.covers(name));
            let held = held(domain, Some(policy), &[]);
            if exchangers.hosts.iter().any(|host| !covered(host)) {
                direct.count_failure(&held, FailureType::ValidationFailure, "");
            }
            if policy.mode == Mode::Enforce || all_the_way {
                // Where DANE stands, it counts, and not MTA-STS (RFC 8461 §2); but that is known of each host only later.
                exchangers
                    .hosts
                    .retain(|host| exchangers.secure || covered(host));
            }
            if exchangers.hosts.is_empty() {
                return Err(NoRoute::NotInPolicy);
            }
        }
        Ok(Self {
            direct,
            domain,
            exchangers,
            policy,
            required: required || all_the_way,
        })
    }

    pub(super) fn hosts(&self) -> &[Host] {
        &self.exchangers.hosts
    }

    /// Tries one host for everybody.
    pub(super) async fn send(
        &self,
        host: &Host,
        envelope: &Envelope,
        message: &[u8],
    ) -> Vec<RecipientOutcome> {
        match self.connect(host).await {
            Ok(mut client) => {
                let outcomes = client.send(envelope, message).await;
                // Nobody waits for the answer to QUIT.
                tokio::spawn(client.quit());
                outcomes
            }
            Err(error) => settled_by(envelope, Outcome::Deferred, &error),
        }
    }

    async fn connect(&self, host: &Host) -> Result<Client, Error> {
        let (endpoint, addresses) = self.resolve(host).await?;
        let no_tls_config = |error| {
            let error = std::io::Error::other(error);
            Error::new(Stage::Tls, ErrorKind::Io(Arc::new(error))).at(&endpoint)
        };
        let guard = self.guard(&endpoint, addresses.secure).await?;
        let config = self.config(&endpoint, addresses.records);
        let verified = self.direct.settings.tls.clone();
        let anybody = || Tls::builder().danger_accept_invalid_certs().build();
        match guard {
            Guard::Dane(records) => {
                let tls = dane::tls(&records, self.domain).map_err(no_tls_config)?;
                let held = held(self.domain, None, &records);
                self.counted(&config.security(Security::StartTls).tls(tls), &held)
                    .await
            }
            Guard::Verified => {
                let held = held(self.domain, self.policy.as_deref(), &[]);
                self.counted(&config.security(Security::StartTls).tls(verified), &held)
                    .await
            }
            Guard::Tested => {
                let held = held(self.domain, self.policy.as_deref(), &[]);
                let tested = config.clone().security(Security::StartTls).tls(verified);
                match self.counted(&tested, &held).await {
                    Err(error) if is_of_tls(&error) => {
                        let tls = anybody().map_err(no_tls_config)?;
                        opportunistic(&config.tls(tls)).await
                    }
                    connected => connected,
                }
            }
            Guard::Opportunistic => {
                let held = held(self.domain, None, &[]);
                let tls = anybody().map_err(no_tls_config)?;
                let client = opportunistic(&config.tls(tls)).await?;
                match client.is_tls() {
                    true => self.direct.count_success(&held),
                    false => {
                        let kind = FailureType::StarttlsNotSupported;
                        self.direct.count_failure(&held, kind, endpoint.host());
                    }
                }
                Ok(client)
            }
        }
    }

    async fn resolve(&self, host: &Host) -> Result<(Endpoint, Answer<IpAddr>), Error> {
        let no_route = |why| Error::new(Stage::Connect, ErrorKind::NoRoute(why));
        let (name, answer) = match host {
            Host::Address(address) => {
                let records = vec![*address];
                let secure = false;
                (address.to_string(), Answer { records, secure })
            }
            Host::Name(name) => {
                let answer = self.direct.resolver.addresses(name).await;
                let answer = answer.map_err(|error| no_route(NoRoute::Resolve(error)))?;
                (name.clone(), answer)
            }
        };
        if answer.records.is_empty() {
            return Err(no_route(NoRoute::NoAddress));
        }
        let endpoint = Endpoint::new(name, self.direct.settings.port);
        let endpoint = endpoint.map_err(|_| no_route(NoRoute::NoAddress))?;
        Ok((endpoint, answer))
    }

    /// What TLS the host must have. A TLSA lookup that fails is not the same as none (RFC 7672 §2.1.1): such a host is left
    /// alone.
    async fn guard(&self, endpoint: &Endpoint, secure: bool) -> Result<Guard, Error> {
        if secure && self.exchangers.secure {
            let name = format!("_{}._tcp.{}", endpoint.port(), endpoint.host());
            match self.direct.resolver.tlsa(&name).await {
                Ok(answer) if answer.secure && !answer.records.is_empty() => {
                    let usable = answer.records.iter().any(Tlsa::is_usable);
                    if !usable {
                        let held = held(self.domain, None, &answer.records);
                        let kind = FailureType::TlsaInvalid;
                        self.direct.count_failure(&held, kind, endpoint.host());
                    }
                    // Records of which none can be used want TLS with whomever (RFC 7672 §2.2). Others may want more.
                    if usable || !self.wants_certificate() {
                        return Ok(Guard::Dane(answer.records));
                    }
                }
                Ok(_) | Err(ResolveError::NoSuchName) => {}
                Err(error) => {
                    let held = Held {
                        kind: PolicyType::Tlsa,
                        ..held(self.domain, None, &[])
                    };
                    let kind = FailureType::DnssecInvalid;
                    self.direct.count_failure(&held, kind, endpoint.host());
                    let kind = ErrorKind::NoRoute(NoRoute::Resolve(error));
                    return Err(Error::new(Stage::Tls, kind).at(endpoint));
                }
            }
        }
        let covered = |policy: &&Arc<Policy>| policy.covers(endpoint.host());
        match self.policy.as_ref() {
            Some(policy) if policy.mode == Mode::Enforce && !policy.covers(endpoint.host()) => {
                let kind = ErrorKind::NoRoute(NoRoute::NotInPolicy);
                Err(Error::new(Stage::Tls, kind).at(endpoint))
            }
            Some(policy) if policy.mode == Mode::Enforce => Ok(Guard::Verified),
            _ if self.required => Ok(Guard::Verified),
            policy if policy.filter(covered).is_some() => Ok(Guard::Tested),
            _ => Ok(Guard::Opportunistic),
        }
    }

    /// Whether anybody but DANE wants a certificate in order: we, the mail, or the domain's MTA-STS policy.
    fn wants_certificate(&self) -> bool {
        let enforced = |policy: &Arc<Policy>| policy.mode == Mode::Enforce;
        self.required || self.policy.as_ref().is_some_and(enforced)
    }

    fn config(&self, endpoint: &Endpoint, addresses: Vec<IpAddr>) -> Config {
        let settings = &self.direct.settings;
        Config::new(endpoint.clone())
            .ehlo_name(settings.ehlo_name.clone())
            .route(settings.route.clone().resolved(addresses))
            .timeouts(settings.timeouts)
            .limits(settings.limits)
            .transcript(settings.transcript.clone())
    }

    /// Connects, and counts what became of TLS.
    async fn counted(&self, config: &Config, held: &Held<'_>) -> Result<Client, Error> {
        let connected = Client::connect(config).await;
        match &connected {
            Ok(_) => self.direct.count_success(held),
            Err(error) => {
                if let Some(kind) = failure_type(error) {
                    let host = config.endpoint().host();
                    self.direct.count_failure(held, kind, host);
                }
            }
        }
        connected
    }
}

impl<R, F> Direct<R, F> {
    fn count_success(&self, held: &Held<'_>) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.success(held);
    }

    fn count_failure(&self, held: &Held<'_>, kind: FailureType, host: &str) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.failure(held, kind, host);
    }
}

/// TLS where it is offered and works, with whomever; clear text otherwise (RFC 7435).
async fn opportunistic(config: &Config) -> Result<Client, Error> {
    let config = config.clone().security(Security::StartTlsIfOffered);
    match Client::connect(&config).await {
        Err(error) if is_of_tls(&error) => Client::connect(&config.security(Security::None)).await,
        connected => connected,
    }
}

fn is_of_tls(error: &Error) -> bool {
    matches!(error.stage(), Stage::Tls | Stage::StartTls)
}

/// What TLS-RPT calls it; nothing if TLS is not what failed.
fn failure_type(error: &Error) -> Option<FailureType> {
    if !is_of_tls(error) {
        return None;
    }
    let ErrorKind::Connect(why) = error.kind() else {
        return Some(FailureType::StarttlsNotSupported);
    };
    use CertificateError as Bad;
    Some(match why.tls_error() {
        Some(rustls::Error::InvalidCertificate(bad)) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => FailureType::CertificateExpired,
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                FailureType::CertificateHostMismatch
            }
            Bad::UnknownIssuer => FailureType::CertificateNotTrusted,
            _ => FailureType::ValidationFailure,
        },
        _ => FailureType::ValidationFailure,
    })
}

impl From<FetchProblem> for FailureType {
    fn from(problem: FetchProblem) -> Self {
        match problem {
            FetchProblem::Fetch => Self::StsPolicyFetchError,
            FetchProblem::Invalid => Self::StsPolicyInvalid,
            FetchProblem::Certificate => Self::StsWebpkiInvalid,
        }
    }
}

/// The policy that a connection is held to, as TLS-RPT writes it (RFC 8460 §4.2).
fn held<'a>(domain: &'a str, policy: Option<&Policy>, records: &[Tlsa]) -> Held<'a> {
    let kind = match (policy, records) {
        (_, [_, ..]) => PolicyType::Tlsa,
        (Some(_), _) => PolicyType::Sts,
        (None, _) => PolicyType::NoPolicyFound,
    };
    let lines = policy.map(Policy::lines).unwrap_or_default();
    Held {
        domain,
        kind,
        policy: records
            .iter()
            .map(ToString::to_string)
            .chain(lines)
            .collect(),
        mx: policy.map(|policy| policy.mx.clone()).unwrap_or_default(),
    }
}

use super::attempt::Attempt;
use super::fetch::{FetchPolicy, HttpsFetch};
use super::policies::Policies;
use super::report::TlsReport;
use super::route::{NoRoute, exchangers};
use super::{ResolveError, Resolver};
use crate::outcome::settled_by;
use crate::{
    Cause, Domain, Envelope, Error, ErrorKind, Limits, Outcome, RecipientOutcome, Route, Stage,
    Timeouts, Tls, Transcript,
};
use postrider_wire::TlsConfigError;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, Hasher};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

/// Delivers mail straight to the hosts of its recipients' domains.
///
/// Share one: it keeps MTA-STS policies for as long as they hold, and counts for TLS-RPT.
///
/// # Cancel safety
/// As with [`Client`](crate::Client): a mail whose future was dropped is as good as [`Unknown`](Outcome::Unknown).
#[derive(Debug)]
pub struct Direct<R, F = HttpsFetch> {
    pub(super) resolver: R,
    pub(super) fetch: F,
    pub(super) settings: Settings,
    pub(super) policies: Policies,
    pub(super) report: Mutex<TlsReport>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) ehlo_name: Domain,
    own_names: Vec<String>,
    pub(super) tls: Tls,
    pub(super) route: Route,
    pub(super) port: u16,
    hosts: usize,
    pub(super) timeouts: Timeouts,
    pub(super) limits: Limits,
    pub(super) transcript: Transcript,
    required: BTreeSet<String>,
    required_for_all: bool,
}

impl<R: Resolver> Direct<R> {
    /// Delivers as the host of this name, which should resolve to it and back.
    ///
    /// # Errors
    /// If the crypto provider supports none of the TLS versions.
    pub fn new(resolver: R, ehlo_name: Domain) -> Result<Self, TlsConfigError> {
        let tls = Tls::webpki_roots()?;
        Ok(Self {
            resolver,
            fetch: HttpsFetch::new(tls.clone()),
            settings: Settings {
                own_names: vec![dns_name(ehlo_name.as_str())],
                ehlo_name,
                tls,
                route: Route::direct(),
                port: 25,
                hosts: 5,
                timeouts: Timeouts::default(),
                limits: Limits::default(),
                transcript: Transcript::off(),
                required: BTreeSet::new(),
                required_for_all: false,
            },
            policies: Policies::default(),
            report: Mutex::default(),
        })
    }
}

impl<R, F> Direct<R, F> {
    /// Where MTA-STS policies come from. By default over HTTPS.
    #[must_use]
    pub fn fetch_policies<G: FetchPolicy>(self, fetch: G) -> Direct<R, G> {
        Direct {
            resolver: self.resolver,
            fetch,
            settings: self.settings,
            policies: self.policies,
            report: self.report,
        }
    }

    /// Another name of this host: mail is not sent to a host of that name.
    #[must_use]
    pub fn own_name(mut self, name: &Domain) -> Self {
        self.settings.own_names.push(dns_name(name.as_str()));
        self
    }

    /// Mail for this domain goes over TLS to a host whose certificate is in order, or is one that DANE vouches for; or not at
    /// all for now.
    #[must_use]
    pub fn require_tls_for(mut self, domain: &str) -> Self {
        self.settings.required.insert(dns_name(domain));
        self
    }

    /// The same for every domain. Much of the world's mail is not delivered then.
    #[must_use]
    pub fn require_tls(mut self) -> Self {
        self.settings.required_for_all = true;
        self
    }

    /// Which authorities are trusted where MTA-STS or [`require_tls_for`](Self::require_tls_for) wants a certificate in
    /// order. By default the public ones.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.settings.tls = tls;
        self
    }

    /// From which address of ours. A proxy would hide it, and gets names, not the addresses that DNS vouches for.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.settings.route = route;
        self
    }

    /// Another port than 25.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.settings.port = port;
        self
    }

    /// How many of a domain's hosts are tried at most: 5.
    #[must_use]
    pub fn hosts(mut self, hosts: usize) -> Self {
        self.settings.hosts = hosts.max(1);
        self
    }

    /// How long to wait for what, with each host.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.settings.timeouts = timeouts;
        self
    }

    /// How much a server may say.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Writes every dialogue down, without messages.
    #[must_use]
    pub fn transcript(mut self, transcript: Transcript) -> Self {
        self.settings.transcript = transcript;
        self
    }

    /// What was counted for TLS-RPT since it was last taken, which is once a day (RFC 8460 §4.1).
    pub fn take_report(&self) -> TlsReport {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut report)
    }
}

impl<R: Resolver, F: FetchPolicy> Direct<R, F> {
    /// Sends a message to all of its recipients, to ten domains at a time, and says for each what became of it, in the
    /// envelope's order.
    ///
    /// Whoever a host defers is tried at the domain's next host, and so is everybody where a host lacks an extension or the
    /// room that the mail needs: that refuses it only if it is so with every host that was tried and has an address. A domain
    /// without a host that can be tried is [`Refused`](Outcome::Refused) or [`Deferred`](Outcome::Deferred) with
    /// [`ErrorKind::NoRoute`].
    pub async fn send(&self, envelope: &Envelope, message: &[u8]) -> Vec<RecipientOutcome> {
        let mut outcomes: Vec<Option<RecipientOutcome>> = vec![None; envelope.recipients().len()];
        let domains = by_domain(envelope);
        let work = domains.iter().map(|(domain, indices)| async move {
            self.send_to_domain(domain, envelope, indices, message)
                .await
        });
        let settled = side_by_side(work, AT_ONCE).await;
        for (indices, settled) in domains.values().zip(settled) {
            for (&index, outcome) in indices.iter().zip(settled) {
                if let Some(slot) = outcomes.get_mut(index) {
                    *slot = Some(outcome);
                }
            }
        }
        outcomes.into_iter().flatten().collect()
    }

    /// The verdicts on these recipients, in their order.
    async fn send_to_domain(
        &self,
        domain: &str,
        envelope: &Envelope,
        indices: &[usize],
        message: &[u8],
    ) -> Vec<RecipientOutcome> {
        let part = envelope.only(indices);
        let attempt = match self.prepare(domain, &part).await {
            Ok(attempt) => attempt,
            Err(no_route) => return unreachable(&part, no_route),
        };
        let mut outcomes = unreachable(&part, NoRoute::NoAddress);
        let mut open: Vec<usize> = (0..outcomes.len()).collect();
        let hosts = attempt.hosts().iter().take(self.settings.hosts);
        for (turn, host) in hosts.enumerate() {
            let rest = part.only(&open);
            let settled = attempt.send(host, &rest, message).await;
            for (&index, outcome) in open.iter().zip(settled) {
                if let Some(slot) = outcomes
                    .get_mut(index)
                    .filter(|old| turn == 0 || counts_more(&outcome, old))
                {
                    *slot = outcome;
                }
            }
            open.retain(|&index| outcomes.get(index).is_some_and(is_open));
            if open.is_empty() {
                break;
            }
        }
        outcomes
    }

    async fn prepare<'a>(
        &'a self,
        domain: &'a str,
        envelope: &Envelope,
    ) -> Result<Attempt<'a, R, F>, NoRoute> {
        if domain.is_empty() {
            return Err(NoRoute::NoSuchDomain);
        }
        let seed = RandomState::new().build_hasher().finish();
        let own_names = &self.settings.own_names;
        let exchangers = exchangers(&self.resolver, domain, own_names, seed).await?;
        let required = self.settings.required_for_all || self.settings.required.contains(domain);
        Attempt::new(self, domain, exchangers, required, envelope).await
    }
}

/// Domains that mail goes to at the same time.
const AT_ONCE: usize = 10;

/// Runs them so many at a time, and gives back what came of each, in their order. One that waits holds up no other.
async fn side_by_side<W: Future>(work: impl Iterator<Item = W>, at_once: usize) -> Vec<W::Output> {
    let (mut work, mut results) = (work.enumerate(), BTreeMap::new());
    let mut running = Vec::new();
    poll_fn(|cx| {
        loop {
            let room = at_once - running.len();
            let begun = work.by_ref().take(room);
            running.extend(begun.map(|(index, work)| (index, Box::pin(work))));
            if running.is_empty() {
                return Poll::Ready(());
            }
            let before = running.len();
            running.retain_mut(|(index, work)| match work.as_mut().poll(cx) {
                Poll::Ready(result) => results.insert(*index, result).is_some(),
                Poll::Pending => true,
            });
            if running.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    results.into_values().collect()
}

/// Each domain once, with the places of its recipients.
fn by_domain(envelope: &Envelope) -> BTreeMap<String, Vec<usize>> {
    let mut domains: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, to) in envelope.recipients().iter().enumerate() {
        let domain = dns_name(to.domain());
        domains.entry(domain).or_default().push(index);
    }
    domains
}

/// A name as DNS has it, so that one that people write in two ways is the same: A-labels in small letters, and no final dot.
fn dns_name(domain: &str) -> String {
    crate::idna::for_dns(domain.trim_end_matches('.')).to_ascii_lowercase()
}

fn unreachable(envelope: &Envelope, why: NoRoute) -> Vec<RecipientOutcome> {
    let outcome = match why.is_temporary() {
        true => Outcome::Deferred,
        false => Outcome::Refused,
    };
    let error = Error::new(Stage::Connect, ErrorKind::NoRoute(why));
    settled_by(envelope, outcome, &error)
}

/// A server's words count more than the lack of a connection to the next one, and what one host lacks counts only where no
/// other may have it. A host that does not exist has nothing, and takes away nothing that is known of the others.
fn counts_more(new: &RecipientOutcome, old: &RecipientOutcome) -> bool {
    if is_nowhere(new) || is_nowhere(old) {
        return is_nowhere(old);
    }
    match is_of_the_host(new) {
        true => is_of_the_host(old),
        false => new.outcome != Outcome::Deferred || new.reply().is_some() || old.reply().is_none(),
    }
}

/// Whether the next host may do better.
fn is_open(outcome: &RecipientOutcome) -> bool {
    outcome.outcome == Outcome::Deferred || is_of_the_host(outcome)
}

/// A refusal of our own, for what a host does not offer: the next one may (RFC 8689 §4.2.1).
fn is_of_the_host(outcome: &RecipientOutcome) -> bool {
    let Cause::Error(error) = &outcome.cause else {
        return false;
    };
    let lacks = matches!(
        error.kind(),
        ErrorKind::Missing(_) | ErrorKind::OutOfBounds { .. } | ErrorKind::TooLarge { .. }
    );
    lacks && outcome.outcome == Outcome::Refused
}

/// Whether DNS says that the host has no address. One that is not known for now may have one.
fn is_nowhere(outcome: &RecipientOutcome) -> bool {
    let Cause::Error(error) = &outcome.cause else {
        return false;
    };
    matches!(
        error.kind(),
        ErrorKind::NoRoute(NoRoute::NoAddress | NoRoute::Resolve(ResolveError::NoSuchName))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn so_many_domains_are_served_at_a_time_and_none_waits_for_another() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let work = (0..25).map(|n| {
            let (running, most) = (&running, &most);
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                sleep(Duration::from_secs(if n == 0 { 100 } else { 1 })).await;
                running.set(running.get() - 1);
                n
            }
        });
        let start = Instant::now();
        let results = side_by_side(work, 10).await;
        assert_eq!(results, (0..25).collect::<Vec<_>>());
        assert_eq!((most.get(), start.elapsed().as_secs()), (10, 100));
    }
}

//! The MTA-STS policies that are known, and how long they hold.

use super::fetch::{FetchError, FetchPolicy};
use super::mta_sts::{Mode, Policy, policy_id};
use super::{ResolveError, Resolver};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Policies of so many domains are kept; then those that run out soonest are forgotten.
const KEPT: usize = 10_000;
/// After a policy could not be fetched, this long nobody tries again (RFC 8461 §3.3).
const RETRY: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct Policies(Mutex<HashMap<String, Known>>);

#[derive(Clone, Debug)]
struct Known {
    id: String,
    /// `None` if it could not be fetched.
    policy: Result<Arc<Policy>, FetchProblem>,
    until: Instant,
    /// Another policy could not be fetched: until then nobody tries again.
    quiet: Option<Instant>,
}

/// Why there is no policy, though the domain says that there is: what TLS-RPT calls it (RFC 8460 §4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchProblem {
    Fetch,
    Invalid,
    Certificate,
}

/// What is known of a domain.
pub(super) type Found = Result<Option<Arc<Policy>>, FetchProblem>;

impl Known {
    fn is_quiet(&self) -> bool {
        self.quiet.is_some_and(|end| Instant::now() < end)
    }
}

impl Policies {
    /// The policy of a domain, from memory or fetched. A policy that holds stays in force whatever DNS and HTTPS say
    /// (RFC 8461 §5.1): somebody on the path cannot make it go away.
    pub(super) async fn of<R: Resolver, F: FetchPolicy>(
        &self,
        domain: &str,
        resolver: &R,
        fetch: &F,
    ) -> Found {
        let domain = domain.to_ascii_lowercase();
        let kept = self.kept(&domain);
        let id = match resolver.text(&format!("_mta-sts.{domain}")).await {
            Ok(answer) => policy_id(&answer.records),
            Err(ResolveError::NoSuchName | ResolveError::Temporary(_)) => None,
        };
        match (id, kept) {
            (
                None,
                Some(Known {
                    policy: Ok(policy), ..
                }),
            ) => Ok(in_force(policy)),
            (None, _) => Ok(None),
            (Some(id), Some(kept)) if kept.id == id || kept.is_quiet() => kept.policy.map(in_force),
            (Some(id), kept) => self.fetched(domain, id, kept, fetch).await,
        }
    }

    async fn fetched<F: FetchPolicy>(
        &self,
        domain: String,
        id: String,
        kept: Option<Known>,
        fetch: &F,
    ) -> Found {
        let policy = match fetch.fetch(&domain).await {
            Ok(text) => Policy::parse(&text).ok_or(FetchProblem::Invalid),
            Err(FetchError::Certificate(_)) => Err(FetchProblem::Certificate),
            Err(FetchError::Failed(_)) => Err(FetchProblem::Fetch),
        };
        let (policy, holds) = match (policy, kept) {
            (Ok(policy), _) => (Ok(Arc::new(policy.clone())), policy.max_age),
            // The old one holds on.
            (Err(_), Some(old)) if old.policy.is_ok() => {
                let quiet = Some(Instant::now() + RETRY);
                let policy = old.policy.clone();
                self.keep(domain, Known { quiet, ..old });
                return policy.map(in_force);
            }
            (Err(problem), _) => (Err(problem), RETRY),
        };
        let until = Instant::now() + holds;
        let known = Known {
            id,
            policy: policy.clone(),
            until,
            quiet: None,
        };
        self.keep(domain, known);
        policy.map(in_force)
    }

    fn kept(&self, domain: &str) -> Option<Known> {
        let known = self.map().get(domain).cloned();
        known.filter(|known| Instant::now() < known.until)
    }

    fn keep(&self, domain: String, known: Known) {
        let mut map = self.map();
        if map.len() >= KEPT {
            let now = Instant::now();
            map.retain(|_, known| now < known.until);
        }
        if map.len() >= KEPT {
            let soonest = map.iter().min_by_key(|(_, known)| known.until);
            if let Some(domain) = soonest.map(|(domain, _)| domain.clone()) {
                map.remove(&domain);
            }
        }
        map.insert(domain, known);
    }

    fn map(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_force(policy: Arc<Policy>) -> Option<Arc<Policy>> {
    Some(policy).filter(|policy| policy.mode != Mode::None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct::{Answer, MailExchanger, Tlsa};
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A domain whose record and policy can be changed.
    #[derive(Default)]
    struct World {
        id: Mutex<Option<&'static str>>,
        policy: Mutex<Option<&'static str>>,
        fetched: AtomicUsize,
    }

    impl World {
        fn new(id: &'static str, policy: &'static str) -> Self {
            let world = Self::default();
            world.set(Some(id), Some(policy));
            world
        }

        fn set(&self, id: Option<&'static str>, policy: Option<&'static str>) {
            *self.id.lock().unwrap() = id;
            *self.policy.lock().unwrap() = policy;
        }

        async fn mode(&self, policies: &Policies) -> Result<Option<Mode>, FetchProblem> {
            let found = policies.of("Example.org", self, self).await;
            found.map(|policy| policy.map(|policy| policy.mode))
        }

        fn fetched(&self) -> usize {
            self.fetched.load(Ordering::SeqCst)
        }
    }

    impl FetchPolicy for World {
        async fn fetch(&self, domain: &str) -> Result<Vec<u8>, FetchError> {
            assert_eq!(domain, "example.org");
            self.fetched.fetch_add(1, Ordering::SeqCst);
            let policy = *self.policy.lock().unwrap();
            let policy = policy.ok_or_else(|| FetchError::Failed("404".to_owned()))?;
            Ok(policy.as_bytes().to_vec())
        }
    }

    impl Resolver for World {
        async fn mail_exchangers(&self, _: &str) -> Result<Answer<MailExchanger>, ResolveError> {
            Err(ResolveError::NoSuchName)
        }

        async fn addresses(&self, _: &str) -> Result<Answer<IpAddr>, ResolveError> {
            Err(ResolveError::NoSuchName)
        }

        async fn tlsa(&self, _: &str) -> Result<Answer<Tlsa>, ResolveError> {
            Err(ResolveError::NoSuchName)
        }

        async fn text(&self, name: &str) -> Result<Answer<Vec<u8>>, ResolveError> {
            assert_eq!(name, "_mta-sts.example.org");
            let id = *self.id.lock().unwrap();
            let id = id.ok_or_else(|| ResolveError::Temporary("no answer".to_owned()))?;
            let records = vec![format!("v=STSv1; id={id};").into_bytes()];
            Ok(Answer {
                records,
                secure: false,
            })
        }
    }

    const ENFORCE: &str = "version: STSv1\nmode: enforce\nmx: a\nmax_age: 1000\n";
    const TESTING: &str = "version: STSv1\nmode: testing\nmx: a\nmax_age: 1000\n";
    const NONE: &str = "version: STSv1\nmode: none\nmax_age: 1000\n";

    async fn after(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_run_out_soonest_make_room_for_others() {
        let policies = Policies::default();
        let keep = |n: usize| {
            let known = Known {
                id: "1".to_owned(),
                policy: Err(FetchProblem::Fetch),
                until: Instant::now() + Duration::from_secs(1_000 + n as u64),
                quiet: None,
            };
            policies.keep(format!("{n}.example"), known);
        };
        (0..KEPT + 3).for_each(keep);
        assert_eq!(policies.map().len(), KEPT);
        let is_kept = |n: usize| policies.kept(&format!("{n}.example")).is_some();
        assert_eq!([0, 2, 3, KEPT + 2].map(is_kept), [false, false, true, true]);
        after(1_000 + KEPT as u64).await;
        keep(0);
        assert_eq!(
            policies.map().len(),
            3,
            "what has run out is forgotten first"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn rfc8461_5_1_a_policy_is_fetched_once_for_as_long_as_it_holds() {
        let (world, policies) = (World::new("1", ENFORCE), Policies::default());
        for _ in 0..3 {
            assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
            after(300).await;
        }
        assert_eq!(world.fetched(), 1);
        after(200).await;
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
        assert_eq!(world.fetched(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn rfc8461_5_1_while_it_holds_nobody_on_the_path_makes_it_go_away() {
        let (world, policies) = (World::new("1", ENFORCE), Policies::default());
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
        world.set(None, None);
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
        world.set(Some("2"), None);
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
        world.set(Some("2"), Some("<html>"));
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
        world.set(None, None);
        after(1_001).await;
        assert_eq!(world.mode(&policies).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn rfc8461_3_1_another_id_is_another_policy() {
        let (world, policies) = (World::new("1", ENFORCE), Policies::default());
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
        world.set(Some("1"), Some(TESTING));
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
        world.set(Some("2"), Some(TESTING));
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Testing)));
        world.set(Some("3"), Some(NONE));
        assert_eq!(world.mode(&policies).await, Ok(None));
        assert_eq!(world.fetched(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn rfc8461_3_3_what_cannot_be_fetched_is_not_asked_for_with_every_mail() {
        let (world, policies) = (World::new("1", "<html>"), Policies::default());
        assert_eq!(world.mode(&policies).await, Err(FetchProblem::Invalid));
        world.set(Some("1"), Some(ENFORCE));
        assert_eq!(world.mode(&policies).await, Err(FetchProblem::Invalid));
        assert_eq!(world.fetched(), 1);
        after(300).await;
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
        world.set(Some("2"), None);
        for _ in 0..3 {
            assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Enforce)));
        }
        assert_eq!(world.fetched(), 3);
        world.set(Some("2"), Some(TESTING));
        after(300).await;
        assert_eq!(world.mode(&policies).await, Ok(Some(Mode::Testing)));
    }
}

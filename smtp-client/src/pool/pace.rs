//! When the next mail may go: token buckets for the account, and for each domain.

use super::{PoolLimits, Rate};
use crate::Envelope;
use crate::limits::LONGEST;
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// Buckets that are full again are forgotten when there are more than so many.
const BUCKETS: usize = 1_024;

/// The buckets of one pool. It knows no clock: it is told the time.
#[derive(Debug, Default)]
pub(super) struct Pace {
    account: Option<Bucket>,
    domains: HashMap<String, Bucket>,
}

/// When it will be full again, were nothing taken from it ("virtual scheduling"): a bucket without a counter or a timer.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    full: Instant,
}

impl Pace {
    /// Takes a token for a mail out of each of its buckets, and says when the last of them is there. Whoever comes first
    /// is served first, in each bucket.
    pub(super) fn turn(
        &mut self,
        now: Instant,
        limits: &PoolLimits,
        envelope: &Envelope,
    ) -> Instant {
        let mut turn = now;
        if let Some(rate) = &limits.rate {
            let bucket = self.account.get_or_insert(Bucket { full: now });
            turn = turn.max(bucket.take(now, rate));
        }
        if let Some(rate) = &limits.rate_by_domain {
            self.forget_the_full(now);
            for domain in domains(envelope) {
                let bucket = self.domains.entry(domain).or_insert(Bucket { full: now });
                turn = turn.max(bucket.take(now, rate));
            }
        }
        turn
    }

    fn forget_the_full(&mut self, now: Instant) {
        if self.domains.len() >= BUCKETS {
            self.domains.retain(|_, bucket| bucket.full > now);
        }
    }
}

impl Bucket {
    fn take(&mut self, now: Instant, rate: &Rate) -> Instant {
        let full = self.full.max(now);
        self.full = full + rate.step().min(LONGEST);
        let turn = full.checked_sub(rate.slack().min(LONGEST));
        // The clock began later than that.
        turn.unwrap_or(now).max(now)
    }
}

/// Each domain once, in lower case.
fn domains(envelope: &Envelope) -> BTreeSet<String> {
    let mailboxes = envelope.recipients().iter();
    let domain = |to: &crate::ForwardPath| {
        let domain = to.as_str().rsplit_once('@').map(|(_, domain)| domain);
        domain.unwrap_or_default().to_lowercase()
    };
    mailboxes.map(domain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn rate(mails: u32, seconds: u64, burst: u32) -> Option<Rate> {
        let rate = Rate::new(NonZeroU32::new(mails)?, Duration::from_secs(seconds));
        Some(rate.burst(NonZeroU32::new(burst)?))
    }

    fn to(recipients: &[&str]) -> Envelope {
        Envelope::parse("a@example.com", recipients).unwrap()
    }

    /// In how many milliseconds each of these mails may go, if they all come now.
    fn turns(pace: &mut Pace, now: Instant, limits: &PoolLimits, mails: &[&Envelope]) -> Vec<u128> {
        let turns = mails.iter().map(|mail| pace.turn(now, limits, mail));
        turns.map(|turn| (turn - now).as_millis()).collect()
    }

    #[test]
    fn an_even_rate_lets_the_first_go_at_once() {
        let limits = PoolLimits {
            rate: rate(10, 1, 1),
            ..PoolLimits::default()
        };
        let (mut pace, mail, now) = (Pace::default(), to(&["r@x"]), Instant::now());
        assert_eq!(
            turns(&mut pace, now, &limits, &[&mail; 4]),
            [0, 100, 200, 300]
        );
        let later = now + Duration::from_secs(60);
        assert_eq!(turns(&mut pace, later, &limits, &[&mail; 2]), [0, 100]);
    }

    #[test]
    fn a_burst_goes_at_once_and_comes_back_slowly() {
        let limits = PoolLimits {
            rate: rate(10, 1, 3),
            ..PoolLimits::default()
        };
        let (mut pace, mail, now) = (Pace::default(), to(&["r@x"]), Instant::now());
        assert_eq!(
            turns(&mut pace, now, &limits, &[&mail; 5]),
            [0, 0, 0, 100, 200]
        );
        let later = now + Duration::from_millis(400);
        assert_eq!(turns(&mut pace, later, &limits, &[&mail; 3]), [0, 0, 100]);
        let much_later = now + Duration::from_secs(10);
        assert_eq!(
            turns(&mut pace, much_later, &limits, &[&mail; 4]),
            [0, 0, 0, 100]
        );
    }

    #[test]
    fn each_domain_has_a_bucket_of_its_own_whatever_its_case() {
        let limits = PoolLimits {
            rate_by_domain: rate(1, 1, 1),
            ..PoolLimits::default()
        };
        let (x, y, both) = (
            to(&["a@x.org", "b@X.ORG"]),
            to(&["a@y.org"]),
            to(&["a@x.org", "a@y.org"]),
        );
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert_eq!(
            turns(&mut pace, now, &limits, &[&x, &y, &x, &both, &y]),
            [0, 0, 1_000, 2_000, 2_000]
        );
    }

    #[test]
    fn buckets_that_are_full_are_forgotten() {
        let limits = PoolLimits {
            rate_by_domain: rate(1, 1, 1),
            ..PoolLimits::default()
        };
        let (mut pace, now) = (Pace::default(), Instant::now());
        for n in 0..10_000 {
            let mail = to(&[&format!("a@d{n}.org")]);
            pace.turn(now + Duration::from_millis(10 * n), &limits, &mail);
            assert!(pace.domains.len() <= BUCKETS);
        }
    }
}

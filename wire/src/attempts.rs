//! Which address of a host is tried when, if it has several (RFC 8305, "happy eyeballs"). No socket, no clock.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an attempt is alone before the next begins (RFC 8305 §5, "Connection Attempt Delay").
pub(crate) const DELAY: Duration = Duration::from_millis(250);

/// Attempts to connect: one begins when the one before has failed, or has taken [`DELAY`]. The first that succeeds wins.
#[derive(Debug)]
pub(crate) struct Attempts {
    waiting: VecDeque<SocketAddr>,
    /// Before this the next one does not begin; `None` if it may begin at once.
    not_before: Option<Instant>,
}

impl Attempts {
    pub(crate) fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            waiting: interleaved(addresses.into_iter().collect()),
            not_before: None,
        }
    }

    /// The address to try now, if it is time for one. Call it again until there is none.
    pub(crate) fn begin(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.not_before.is_some_and(|time| now < time) {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.not_before = now.checked_add(DELAY);
        Some(address)
    }

    /// An attempt has failed: the next need not wait.
    pub(crate) fn failed(&mut self) {
        self.not_before = None;
    }

    /// When the next attempt begins, if nothing happens before; `None` if there is none left.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.not_before.filter(|_| !self.waiting.is_empty())
    }
}

/// The order of the resolver (RFC 6724), but so that the families take turns, beginning with that of the first address
/// (RFC 8305 §4, with a "First Address Family Count" of 1).
fn interleaved(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let mut seen = std::collections::HashSet::new();
    let (mut first, mut other): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .filter(|address| seen.insert(*address))
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut order = VecDeque::with_capacity(first.len() + other.len());
    while !first.is_empty() || !other.is_empty() {
        order.extend(first.pop_front());
        order.extend(other.pop_front());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts
            .iter()
            .map(|text| SocketAddr::new(text.parse().unwrap(), 25))
            .collect()
    }

    #[test]
    fn rfc8305_4_the_families_take_turns_beginning_with_the_first() {
        let order = |texts: &[&str]| Vec::from(interleaved(addresses(texts)));
        assert_eq!(
            order(&["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"]),
            addresses(&["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"])
        );
        assert_eq!(
            order(&["1.1.1.1", "2.2.2.2", "::1"]),
            addresses(&["1.1.1.1", "::1", "2.2.2.2"])
        );
        assert_eq!(order(&["::1", "::1"]), addresses(&["::1"]));
        assert_eq!(order(&[]), []);
    }

    #[test]
    fn rfc8305_5_the_next_begins_after_250_ms_or_a_failure() {
        let [one, two, three] = addresses(&["::1", "1.1.1.1", "::2"]).try_into().unwrap();
        let mut attempts = Attempts::new([one, two, three]);
        let start = Instant::now();
        assert_eq!(attempts.begin(start), Some(one));
        assert_eq!(attempts.begin(start), None);
        assert_eq!(attempts.next(), Some(start + DELAY));
        let later = start + Duration::from_millis(250);
        assert_eq!(attempts.begin(later - Duration::from_millis(1)), None);
        assert_eq!(attempts.begin(later), Some(two));
        assert_eq!(attempts.begin(later), None);
        attempts.failed();
        assert_eq!(attempts.begin(later), Some(three));
        assert_eq!(
            (attempts.begin(later + DELAY), attempts.next()),
            (None, None)
        );
    }
}

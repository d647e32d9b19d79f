use std::num::NonZeroU32;
use std::time::Duration;

/// How much a [`Pool`](super::Pool) asks of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolLimits {
    /// Connections at any time, those in use and those kept: 5. One that is just saying QUIT does not count.
    pub connections: usize,
    /// Mails over one connection, after which it is closed: 100. A server's own limit (RFC 9422) counts as well.
    pub mails: usize,
    /// How long a connection is kept without a mail: 30 seconds. Then it is closed, with QUIT, whether anybody comes or
    /// not. Servers close idle ones after minutes.
    pub idle: Duration,
    /// Mails of the account in a time, over all connections; no limit by default.
    pub rate: Option<Rate>,
    /// Mails to one recipient's domain in a time, over all connections; no limit by default. A mail counts once for each
    /// domain that it goes to.
    pub rate_by_domain: Option<Rate>,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connections: 5,
            mails: 100,
            idle: Duration::from_secs(30),
            rate: None,
            rate_by_domain: None,
        }
    }
}

/// A token bucket: so many mails in such a time, and so many at once after a pause.
///
/// ```
/// use postrider_smtp::{PoolLimits, Rate};
/// use std::{num::NonZeroU32, time::Duration};
/// # let (thirty, five) = (NonZeroU32::new(30).unwrap(), NonZeroU32::new(5).unwrap());
/// let mut limits = PoolLimits::default();
/// limits.rate = Some(Rate::new(thirty, Duration::from_secs(60)).burst(five));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    mails: NonZeroU32,
    per: Duration,
    burst: NonZeroU32,
}

impl Rate {
    /// So many mails in such a time, evenly spread.
    pub fn new(mails: NonZeroU32, per: Duration) -> Self {
        Self {
            mails,
            per,
            burst: NonZeroU32::MIN,
        }
    }

    /// So many of them may go at once, if fewer went before. Without, it is one.
    #[must_use]
    pub fn burst(self, burst: NonZeroU32) -> Self {
        Self { burst, ..self }
    }

    /// The time that one mail uses up.
    pub(super) fn step(&self) -> Duration {
        self.per / self.mails.get()
    }

    /// How far ahead of an even spread a mail may be.
    pub(super) fn slack(&self) -> Duration {
        self.step().saturating_mul(self.burst.get() - 1)
    }
}

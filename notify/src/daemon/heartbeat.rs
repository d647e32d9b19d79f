//! A sign of life: when the daemon last looked for work, and the store answered.

use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Shared between a daemon and whoever watches it. While it works it is renewed at least once a second.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat(Arc<AtomicI64>);

impl Heartbeat {
    /// The last time, in whole seconds; `None` before the first.
    pub fn last(&self) -> Option<Timestamp> {
        let seconds = self.0.load(Ordering::Relaxed);
        Timestamp::from_second(seconds)
            .ok()
            .filter(|_| seconds != 0)
    }

    pub(super) fn beat(&self, now: Timestamp) {
        self.0.store(now.as_second(), Ordering::Relaxed);
    }
}

//! A sign of life: when the daemon last looked for work, and what keeps it from its store.

use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared between a daemon and whoever watches it. While it works it is renewed at least once a second.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    last: AtomicI64,
    /// The store's fault of each loop that has met one.
    faults: Mutex<Vec<String>>,
}

impl Heartbeat {
    /// The last time, in whole seconds; `None` before the first.
    pub fn last(&self) -> Option<Timestamp> {
        let seconds = self.0.last.load(Ordering::Relaxed);
        Timestamp::from_second(seconds)
            .ok()
            .filter(|_| seconds != 0)
    }

    /// What the store said to the last loop that could not read or write it, while there is one. A loop may be kept from writing
    /// and the others go on, because they have nothing to write.
    pub fn fault(&self) -> Option<String> {
        self.faults().last().cloned()
    }

    pub(super) fn beat(&self, now: Timestamp) {
        self.0.last.store(now.as_second(), Ordering::Relaxed);
    }

    /// The fault of a loop takes the place of its former one.
    pub(super) fn replace_fault(&self, former: Option<&str>, fault: Option<&str>) {
        let mut faults = self.faults();
        let at = former.and_then(|former| faults.iter().position(|one| one == former));
        if let Some(at) = at {
            faults.remove(at);
        }
        faults.extend(fault.map(str::to_owned));
    }

    fn faults(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_of_one_loop_outlasts_the_end_of_anothers() {
        let heart = Heartbeat::default();
        heart.replace_fault(None, Some("full"));
        heart.replace_fault(None, Some("full"));
        heart.replace_fault(Some("full"), None);
        assert_eq!(heart.fault().as_deref(), Some("full"));
        heart.replace_fault(Some("full"), Some("locked"));
        assert_eq!(heart.fault().as_deref(), Some("locked"));
        heart.replace_fault(Some("locked"), None);
        assert_eq!(heart.fault(), None);
    }
}

//! Arithmetic on moments that stops at the end of time instead of failing there.

use jiff::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The moment so much later.
pub(crate) fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The moment in whole seconds, as the standard library has it; 1970 for what was before.
pub(crate) fn system_time(moment: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(moment.as_second()).unwrap_or_default())
}

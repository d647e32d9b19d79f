//! Arithmetic on moments that stops at the end of time instead of failing there.

use jiff::Timestamp;
use std::time::Duration;

/// The moment so much later.
pub(crate) fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

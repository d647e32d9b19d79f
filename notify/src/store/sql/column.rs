//! How values are kept in columns.

use super::fault::Fault;
use crate::record::{Fields, RecordKey};
use jiff::Timestamp;
use std::time::Duration;

/// Nanoseconds since 1970. What lies outside of the years 1678 to 2262 becomes their edge.
pub(super) fn nanos(moment: Timestamp) -> i64 {
    let n = moment.as_nanosecond();
    i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX })
}

/// The moment of a column; every `i64` is one.
pub(super) fn moment(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanos.into()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A moment in a column where 0 means at once.
pub(super) fn unless_zero(nanos: i64) -> Option<Timestamp> {
    (nanos != 0).then(|| moment(nanos))
}

/// `now + duration`, at most the end of time.
pub(super) fn later(now: i64, duration: Duration) -> i64 {
    let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    now.saturating_add(nanos)
}

/// Fields as JSON text.
pub(super) fn json(fields: &Fields) -> Result<String, Fault> {
    serde_json::to_string(fields).map_err(|e| Fault::corrupt(format!("fields: {e}")))
}

/// Fields from JSON text.
pub(super) fn fields(json: &str) -> Result<Fields, Fault> {
    serde_json::from_str(json).map_err(|e| Fault::corrupt(format!("fields that are no JSON: {e}")))
}

/// The key of two columns that are both set or both NULL.
pub(super) fn key(table: Option<String>, id: Option<String>) -> Option<RecordKey> {
    Some(RecordKey::new(table?, id?))
}

/// A number of rows as a parameter of LIMIT.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A count that is never negative.
pub(super) fn count(n: i64) -> u32 {
    u32::try_from(n.max(0)).unwrap_or(u32::MAX)
}

//! Addresses that do not work: which answers say so, and what follows.

use crate::clock::later;
use crate::suppression::{Reason, Suppression};
use jiff::Timestamp;
use std::time::Duration;

/// How long an address that does not work is left alone.
const REST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// True if an enhanced status code (RFC 3463 §3) says that the address itself does not work:
/// no such mailbox, no such system, bad syntax, moved, null MX, or the mailbox is disabled.
pub fn is_hard(code: &str) -> bool {
    const CODES: [&str; 6] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];
    CODES.contains(&code)
}

/// The suppression of such an address, for one account and for a while.
pub fn hard(address: &str, account: &str, detail: &str, now: Timestamp) -> Suppression {
    Suppression {
        address: address.to_owned(),
        account: Some(account.to_owned()),
        reason: Reason::Hard,
        detail: detail.to_owned(),
        since: now,
        until: Some(later(now, REST)),
        hits: 1,
    }
}

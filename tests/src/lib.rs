//! What the tests that span Postrider's crates are made of. Not published.
//!
//! * [`servers`]: Postfix, Dovecot, smtp-sink and PostgreSQL on loopback, for as long as a test lasts.
#![forbid(unsafe_code)]
// This is test code in a library's clothes: what cannot be done ends the test, with a reason.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[cfg(feature = "drivers")]
pub mod servers;

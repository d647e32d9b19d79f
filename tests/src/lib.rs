//! What the tests that span Postrider's crates are made of. Not published.
//!
//! * [`servers`]: Postfix, Dovecot, smtp-sink and PostgreSQL on loopback, for as long as a test lasts.
#![forbid(unsafe_code)]

#[cfg(feature = "drivers")]
pub mod servers;

//! What the tests that span Postrider's crates are made of. Not published.
//!
//! * [`properties`]: what must hold for every input; what `fuzz/` and `tests/seeds.rs` run.
//! * [`transcript`]: dialogues as text files, replayed against the machines.
//! * [`servers`]: Postfix, Dovecot, smtp-sink and PostgreSQL on loopback, for as long as a test lasts.
#![forbid(unsafe_code)]

pub mod properties;
#[cfg(feature = "drivers")]
pub mod servers;
pub mod transcript;

//! What the tests that span Postrider's crates are made of. Not published.
//!
//! * [`messages`]: mail that has been trouble to somebody.
//! * [`properties`]: what must hold for every input; what `fuzz/` and `tests/seeds.rs` run.
//! * [`transcript`]: dialogues as text files, replayed against the machines.
//! * [`servers`]: Postfix, Dovecot, smtp-sink and PostgreSQL on loopback, for as long as a test lasts.
#![forbid(unsafe_code)]

pub mod messages;
pub mod properties;
#[cfg(feature = "drivers")]
pub mod servers;
pub mod transcript;

/// The README's Rust, compiled.
#[cfg(all(doctest, feature = "drivers"))]
#[doc = include_str!("../../README.md")]
pub struct Readme;

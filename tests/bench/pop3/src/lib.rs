//! Clients that all empty the same maildrop, and the Dovecot that it is in.
#![forbid(unsafe_code)]

pub mod clients;
mod dovecot;
pub mod programs;
pub mod raw;

pub use dovecot::{Dovecot, PASSWORD};

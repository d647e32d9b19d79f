//! The driver: sockets, deadlines and TLS over the machine. It knows nothing of the protocol that the machine does not tell it.

mod client;
mod commands;
mod config;
mod error;
mod link;
mod opening;
mod retrieve;
mod session;
mod window;

pub use client::Client;
pub use config::{Config, Pipelining, Timeouts};
pub use error::{Error, ErrorKind, Stage};
pub use retrieve::Retrieved;

#[cfg(feature = "sync")]
pub(crate) use link::Link;
#[cfg(all(test, feature = "sync"))]
pub(crate) use link::Transfer;
#[cfg(feature = "sync")]
pub(crate) use session::Session;

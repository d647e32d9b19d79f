//! The driver: sockets, deadlines and TLS over the machine. It knows nothing of the protocol that the machine does not tell it.

#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "tokio")]
mod client;
mod commands;
mod config;
mod error;
mod link;
mod opening;
mod retrieve;
mod session;
#[cfg(feature = "blocking")]
mod std_link;
#[cfg(feature = "tokio")]
mod tokio_link;
mod window;

#[cfg(feature = "tokio")]
pub use client::Client;
pub use config::{Config, Pipelining, Timeouts};
pub use error::{Error, ErrorKind, Stage};
pub use retrieve::{DeleReplies, Retrieved};

#[cfg(feature = "sync")]
pub(crate) use link::Link;
#[cfg(all(any(test, fuzzing), feature = "sync"))]
pub(crate) use link::Transfer;
#[cfg(feature = "sync")]
pub(crate) use session::Session;
#[cfg(all(feature = "blocking", feature = "sync"))]
pub(crate) use std_link::StdLink;
#[cfg(all(feature = "tokio", feature = "sync"))]
pub(crate) use tokio_link::TokioLink;

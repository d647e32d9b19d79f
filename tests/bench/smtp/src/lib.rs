//! Clients that all send the same mails, and servers that take them.
#![forbid(unsafe_code)]

mod job;
pub mod peers;
mod sink;

pub use job::{Certificate, Job, message};
pub use sink::Sink;

//! Clients that all send the same mails, servers that take them, and a proxy that makes the way long.
#![forbid(unsafe_code)]

mod job;
pub mod peers;
mod proxy;
mod sink;
mod smtp_sink;

pub use job::{Certificate, Job, Taken, message};
pub use proxy::Proxy;
pub use sink::Sink;
pub use smtp_sink::SmtpSink;

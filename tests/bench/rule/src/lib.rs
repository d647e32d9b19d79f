//! How a bar is measured and told.
//!
//! Contenders do the same work in turn, round after round, so that what disturbs the machine disturbs all of them. A
//! ratio is the median of the ratios of the rounds; its spread is their middle half.
#![forbid(unsafe_code)]

mod bar;
mod clock;
mod options;
mod proxy;
mod report;
mod rounds;
mod smtp_sink;
mod statistics;
mod turns;

pub use bar::{Bar, Bound, Verdict};
pub use clock::{Clock, process_cpu};
pub use options::Options;
pub use proxy::Proxy;
pub use report::Report;
pub use rounds::{Contender, Measured, interleave};
pub use smtp_sink::SmtpSink;
pub use statistics::{median, middle_half};
pub use turns::{Taken, Trial, Turns, Watch};

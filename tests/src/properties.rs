//! Properties: what must hold for every input, each a function that ends in a panic where it does not.
//!
//! `fuzz/` runs them with inputs of its own making, and `tests/seeds.rs` with the seeds, on any compiler.

mod choices;
#[cfg(feature = "notify")]
mod condition;
mod naive;
mod pop3_session;
mod smtp_body;
mod smtp_reply;
mod smtp_session;

#[cfg(feature = "notify")]
pub use condition::condition;
pub use pop3_session::pop3_session;
pub use smtp_body::smtp_body;
pub use smtp_reply::smtp_reply;
pub use smtp_session::smtp_session;

/// A property: any octets in, a panic if it does not hold.
pub type Property = fn(&[u8]);

/// Every property under the name of its fuzz target.
pub const ALL: &[(&str, Property)] = &[
    #[cfg(feature = "notify")]
    ("condition", condition),
    ("pop3_session", pop3_session),
    ("smtp_body", smtp_body),
    ("smtp_reply", smtp_reply),
    ("smtp_session", smtp_session),
];

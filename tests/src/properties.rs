//! Properties: what must hold for every input, each a function that ends in a panic where it does not.
//!
//! `fuzz/` runs them with inputs of its own making, and `tests/seeds.rs` with the seeds, on any compiler.

mod address;
mod choices;
#[cfg(feature = "notify")]
mod condition;
mod encoded_word;
mod mime_parse;
mod mime_roundtrip;
pub mod naive;
mod pop3_session;
mod smtp_body;
mod smtp_reply;
mod smtp_session;

pub use address::address;
#[cfg(feature = "notify")]
pub use condition::condition;
pub use encoded_word::encoded_word;
pub use mime_parse::mime_parse;
pub use mime_roundtrip::mime_roundtrip;
pub use pop3_session::pop3_session;
pub use smtp_body::smtp_body;
pub use smtp_reply::smtp_reply;
pub use smtp_session::smtp_session;

/// A property: any octets in, a panic if it does not hold.
pub type Property = fn(&[u8]);

/// Every property under the name of its fuzz target.
pub const ALL: &[(&str, Property)] = &[
    ("address", address),
    #[cfg(feature = "notify")]
    ("condition", condition),
    ("encoded_word", encoded_word),
    ("mime_parse", mime_parse),
    ("mime_roundtrip", mime_roundtrip),
    ("pop3_session", pop3_session),
    ("smtp_body", smtp_body),
    ("smtp_reply", smtp_reply),
    ("smtp_session", smtp_session),
];

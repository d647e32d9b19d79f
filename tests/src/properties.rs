//! Properties: what must hold for every input, each a function that ends in a panic where it does not.
//!
//! `fuzz/` runs them with inputs of its own making, and `tests/seeds.rs` with the seeds, on any compiler.

mod address;
mod charset;
mod choices;
#[cfg(feature = "notify")]
mod condition;
#[cfg(feature = "notify")]
mod config;
mod content_type;
mod date;
#[cfg(feature = "notify")]
mod desk;
#[cfg(feature = "notify")]
mod dkim;
mod encoded_word;
mod file_name;
mod header_unstructured;
mod html_text;
#[cfg(feature = "notify")]
mod inbound;
mod mbox;
mod message_id;
mod mime_parse;
mod mime_roundtrip;
#[cfg(feature = "notify")]
mod mta_sts;
pub mod naive;
mod parameters_2231;
#[cfg(feature = "notify")]
mod pop3_opening;
mod pop3_session;
mod proxy;
mod report;
mod sasl;
mod smtp_body;
mod smtp_reply;
mod smtp_session;
#[cfg(feature = "notify")]
mod template;
mod tnef;
mod transfer_decode;

pub use address::address;
pub use charset::charset;
#[cfg(feature = "notify")]
pub use condition::condition;
#[cfg(feature = "notify")]
pub use config::config;
pub use content_type::content_type;
pub use date::date;
#[cfg(feature = "notify")]
pub use dkim::dkim;
pub use encoded_word::encoded_word;
pub use header_unstructured::header_unstructured;
pub use html_text::html_text;
#[cfg(feature = "notify")]
pub use inbound::inbound;
pub use mbox::mbox;
pub use message_id::message_id;
pub use mime_parse::mime_parse;
pub use mime_roundtrip::mime_roundtrip;
#[cfg(feature = "notify")]
pub use mta_sts::mta_sts;
pub use parameters_2231::parameters_2231;
#[cfg(feature = "notify")]
pub use pop3_opening::pop3_opening;
pub use pop3_session::pop3_session;
#[cfg(all(fuzzing, feature = "notify"))]
pub use postrider_pop3::sync::live_through as pop3_sync;
pub use proxy::proxy;
pub use report::{arf, dsn, mdn};
pub use sasl::sasl;
pub use smtp_body::smtp_body;
pub use smtp_reply::smtp_reply;
pub use smtp_session::smtp_session;
#[cfg(feature = "notify")]
pub use template::template;
pub use tnef::tnef;
pub use transfer_decode::transfer_decode;

/// A property: any octets in, a panic if it does not hold.
pub type Property = fn(&[u8]);

/// Every property under the name of its fuzz target, but for `pop3_sync`, which lives in the crate: its model of a server
/// and a disk stands under what is public, and is there for that crate's tests and for fuzzing only.
pub const ALL: &[(&str, Property)] = &[
    ("address", address),
    ("arf", arf),
    ("charset", charset),
    #[cfg(feature = "notify")]
    ("condition", condition),
    #[cfg(feature = "notify")]
    ("config", config),
    ("content_type", content_type),
    ("date", date),
    #[cfg(feature = "notify")]
    ("dkim", dkim),
    ("dsn", dsn),
    ("encoded_word", encoded_word),
    ("header_unstructured", header_unstructured),
    ("html_text", html_text),
    #[cfg(feature = "notify")]
    ("inbound", inbound),
    ("mbox", mbox),
    ("mdn", mdn),
    ("message_id", message_id),
    ("mime_parse", mime_parse),
    ("mime_roundtrip", mime_roundtrip),
    #[cfg(feature = "notify")]
    ("mta_sts", mta_sts),
    ("parameters_2231", parameters_2231),
    #[cfg(feature = "notify")]
    ("pop3_opening", pop3_opening),
    ("pop3_session", pop3_session),
    ("proxy", proxy),
    ("sasl", sasl),
    ("smtp_body", smtp_body),
    ("smtp_reply", smtp_reply),
    ("smtp_session", smtp_session),
    #[cfg(feature = "notify")]
    ("template", template),
    ("tnef", tnef),
    ("transfer_decode", transfer_decode),
];

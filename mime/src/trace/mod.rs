//! What systems on the way left in the header: hops (RFC 5321 §4.4), results of checks (RFC 8601), mailing lists
//! (RFC 2369).

mod authentication;
mod mailing_list;
mod received;

pub use authentication::{AuthenticationResults, MethodResult};
pub use mailing_list::MailingList;
pub use received::Received;

//! Direct delivery: mail goes straight to the hosts that take it for its recipients' domains, without a relay.
//!
//! * Hosts by MX records, in the order of RFC 5321 §5.1; null MX (RFC 7505); implicit MX; no mail to oneself.
//! * DANE (RFC 7672), where the [`Resolver`] vouches for the records; MTA-STS (RFC 8461); TLS required for chosen domains;
//!   otherwise TLS where it is offered, with whomever (RFC 7435), and clear text where it is not.
//! * What went right and wrong with TLS is counted for TLS-RPT (RFC 8460).
//!
//! [`Direct`] needs a [`Resolver`]: with the feature `hickory` there is one that asks DNS and validates DNSSEC, and tests and
//! applications can bring their own.
//!
//! ```no_run
//! # #[cfg(feature = "hickory")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use postrider_smtp::direct::{Direct, Dns};
//! use postrider_smtp::Envelope;
//!
//! let direct = Direct::new(Dns::from_system()?, "mail.example.org".parse()?)?.require_tls_for("partner.example");
//! let envelope = Envelope::parse("ada@example.org", ["bob@example.net", "eve@partner.example"])?;
//! for outcome in direct.send(&envelope, b"Subject: Hello\r\n\r\nIt works.\r\n").await {
//!     println!("{outcome}");
//! }
//! let report = direct.take_report();
//! # Ok(())
//! # }
//! ```
//!
//! Not supported: queues and retries, which are the application's; connections kept for the next mail; bounces; DKIM.

mod attempt;
mod dane;
mod delivery;
mod fetch;
#[cfg(feature = "hickory")]
mod hickory;
mod http;
mod mta_sts;
mod policies;
mod report;
mod resolver;
mod route;

#[cfg(feature = "hickory")]
pub use ::hickory_resolver;
pub use delivery::Direct;
pub use fetch::{FetchError, FetchPolicy, HttpsFetch};
#[cfg(feature = "hickory")]
pub use hickory::Dns;
pub use mta_sts::{Mode, POLICY_LIMIT, Policy, policy_id};
pub use report::{FailureType, PolicyType, ReportHeader, TlsReport};
pub use resolver::{Answer, MailExchanger, ResolveError, Resolver, Tlsa};
pub use route::{Exchangers, Host, NoRoute, exchangers};

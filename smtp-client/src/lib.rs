#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
#[cfg(feature = "blocking")]
pub mod blocking;
mod capabilities;
#[cfg(feature = "tokio")]
mod client;
mod command;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod config;
mod connection;
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub mod content;
#[cfg(feature = "direct")]
pub mod direct;
mod domain;
mod dsn;
mod envelope;
mod error;
mod extension;
#[cfg(any(feature = "direct", feature = "idna"))]
mod idna;
mod limits;
pub mod opening;
mod outcome;
mod output;
mod parameters;
mod path;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod patience;
pub mod planner;
mod policy;
#[cfg(feature = "tokio")]
mod pool;
mod reply;
mod stage;
pub mod state;
mod text;
pub mod transparency;

pub use address::{InvalidAddress, Mailbox};
pub use capabilities::Capabilities;
#[cfg(feature = "tokio")]
pub use client::Client;
pub use command::{Awaited, Command};
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use config::Config;
pub use connection::{Connection, Event, Protocol};
pub use domain::Domain;
pub use dsn::{EnvelopeId, Notify, OriginalRecipient, Return};
pub use envelope::{Envelope, InvalidEnvelope, Mail};
pub use error::{Error, ErrorKind, Fault, Misuse};
pub use extension::{Extension, Limit};
pub use limits::{Limits, Timeouts};
pub use outcome::{Cause, Outcome, RecipientOutcome};
pub use parameters::{
    Body, DeliverBy, Hold, Late, MailParameters, Priority, RcptParameters, ReleaseTime, Submitter,
};
pub use path::{ForwardPath, ReversePath};
pub use policy::{LineEnds, Pipelining};
#[cfg(feature = "tokio")]
pub use pool::{Pool, PoolLimits, PoolMetrics, Rate};
pub use reply::{EnhancedStatusCode, InvalidReply, Reply, ReplyCode};
pub use stage::Stage;
pub use state::{Meaning, State};
pub use text::{Argument, Attribute};

pub use postrider_wire::sasl::Credentials;
pub use postrider_wire::{Endpoint, Secret, Security, Transcript};
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use postrider_wire::{Proxy, Route, Tls};

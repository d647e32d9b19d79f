#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod account;
pub mod address;
pub mod attachment;
mod blocking;
mod clock;
pub mod condition;
pub mod config;
pub mod connect;
pub mod daemon;
pub mod delivery;
pub mod diagnostic;
pub mod digest;
pub mod directory;
pub mod email_digest;
pub mod event;
pub mod explain;
pub mod inbound;
mod locale;
pub mod notification;
pub mod outgoing;
pub mod preference;
mod private;
pub mod process;
mod program;
pub mod recipients;
pub mod record;
pub mod records;
pub mod render;
pub mod repeat;
pub mod replay;
pub mod schedule;
pub mod schema;
pub mod secret;
pub mod store;
pub mod suggest;
pub mod suppression;
pub mod template;
pub mod token;
pub mod unsubscribe;
pub mod walk;

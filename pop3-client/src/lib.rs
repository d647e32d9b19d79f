#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod argument;
mod capability;
mod command;
mod connection;
mod decoder;
mod diagram;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod driver;
mod event;
mod fault;
mod limits;
mod listing;
mod number;
mod reply;
mod state;
#[cfg(all(feature = "sync", any(feature = "tokio", feature = "blocking")))]
pub mod sync;
mod timestamp;
mod unique_id;

pub use argument::{CustomCommand, InvalidArgument, LanguageTag, Password, UserName};
pub use capability::{Capabilities, Expire};
pub use command::{Command, Request};
pub use connection::{Connection, Phase};
pub use decoder::{Decoded, DotDecoder, LineEnding};
pub use diagram::state_diagram;
#[cfg(feature = "tokio")]
pub use driver::Client;
#[cfg(feature = "blocking")]
pub use driver::blocking;
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use driver::{Config, DeleReplies, Error, ErrorKind, Pipelining, Retrieved, Stage, Timeouts};
pub use event::Event;
pub use fault::{Local, Violation};
pub use limits::Limits;
pub use listing::{DropListing, ScanListing, UniqueIdListing};
pub use number::{InvalidNumber, MessageNumber};
pub use reply::{Reply, ResponseCode, Status};
pub use state::State;
pub use timestamp::Timestamp;
pub use unique_id::{InvalidUniqueId, UniqueId};

#[cfg(feature = "tokio")]
pub use postrider_wire::Stream;
pub use postrider_wire::sasl::Credentials;
pub use postrider_wire::{Endpoint, Secret, Security, Transcript};
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use postrider_wire::{Proxy, Route, Tls};

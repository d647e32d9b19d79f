#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod certificate;
mod dialogue;
mod driver;
mod fault;
mod mail;
mod pop3;
mod sandbox;
mod sasl;
mod service;
mod smtp;
mod step;
mod store;

pub use builder::Builder;
pub use certificate::Certificate;
pub use dialogue::DialogueLine;
pub use fault::{Action, Fault, Nth, Protocol, Stage};
pub use mail::{Mail, Recipient};
pub use pop3::Pop3Server;
pub use sandbox::{Connections, NotArrived, Sandbox};
pub use service::{Extension, Limits, Service};
pub use smtp::SmtpServer;
pub use step::{Machine, Next, Step};
pub use store::DeliverError;

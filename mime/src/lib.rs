#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod automatic;
mod bodies;
mod buffers;
mod build;
mod charset;
mod check;
mod coding;
mod content;
mod date_time;
mod defect;
#[cfg(feature = "dkim")]
pub mod dkim;
mod field;
mod field_name;
mod file_name;
pub mod flowed;
mod grammar;
mod html;
#[cfg(feature = "idna")]
pub mod idna;
mod index;
mod limits;
mod line_ends;
mod mailbox;
mod message;
mod message_id;
mod octets;
mod part;
pub mod partial;
mod push;
mod report;
mod role;
mod shape;
pub mod store;
pub mod thread;
pub mod tnef;
pub mod trace;
mod value_error;

pub use address::{Address, AddressList, Group, LooseMailbox};
pub use automatic::AutoSubmitted;
pub use bodies::Bodies;
pub use buffers::Buffers;
pub use build::{BodyPart, BuildError, Chunks, Content, IntoMailbox, MessageBuilder, Source};
pub use charset::Text;
pub use coding::{Decoded, TransferDecoder, TransferEncoding};
pub use content::{ContentDisposition, ContentType, Parameters};
pub use date_time::DateTime;
pub use defect::{Defect, DefectKind};
pub use field::HeaderField;
pub use grammar::message_id::MessageIds;
pub use html::html_to_text;
pub use limits::{Delimiters, Limits};
pub use mailbox::{AddrSpec, Mailbox};
pub use message::Message;
pub use message_id::MessageId;
pub use part::{Part, PartId};
pub use push::{PushEvent, PushParser};
pub use report::{
    Action, DeliveryStatus, Disposition, DispositionNotification, FeedbackReport, RecipientStatus,
    Report, StatusCode, Typed,
};
pub use role::Role;
pub use value_error::ValueError;

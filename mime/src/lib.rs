#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod authentication;
mod automatic;
mod bodies;
mod buffers;
mod build;
mod charset;
mod coding;
mod content;
mod date_time;
mod defect;
mod field;
mod field_name;
mod file_name;
mod flowed;
mod grammar;
mod html;
mod index;
mod limits;
mod mailbox;
mod mailing_list;
mod message;
mod message_id;
mod part;
mod partial;
mod push;
mod report;
mod role;
mod shape;
mod store;
mod thread;
mod trace;
mod value_error;

pub use address::{Address, AddressList, Group, LooseMailbox};
pub use authentication::{AuthenticationResults, MethodResult};
pub use automatic::AutoSubmitted;
pub use bodies::Bodies;
pub use buffers::Buffers;
pub use build::{BuildError, IntoMailbox, MessageBuilder};
pub use charset::Text;
pub use coding::{Decoded, TransferEncoding};
pub use content::{ContentDisposition, ContentType, Parameters};
pub use date_time::DateTime;
pub use defect::{Defect, DefectKind};
pub use field::HeaderField;
pub use flowed::{TrailingSpace, flow, unflow};
pub use grammar::message_id::MessageIds;
pub use html::html_to_text;
pub use limits::Limits;
pub use mailbox::{AddrSpec, Mailbox};
pub use mailing_list::MailingList;
pub use message::Message;
pub use message_id::MessageId;
pub use part::{Part, PartId};
pub use partial::{ExternalBody, Fragment, reassemble};
pub use push::{Event, PushParser};
pub use report::{
    Action, DeliveryStatus, Disposition, DispositionNotification, FeedbackReport, RecipientStatus,
    Report, StatusCode, Typed,
};
pub use role::Role;
pub use store::{Flag, Maildir, MaildirEntry, Mbox, MboxEntry};
pub use thread::{base_subject, reply_subject};
pub use trace::Received;
pub use value_error::ValueError;

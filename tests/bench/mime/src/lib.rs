//! The same work for every reader and writer of mail, and the mails that it is done with.
#![forbid(unsafe_code)]

pub mod corpus;
pub mod made;
pub mod readers;
pub mod writers;

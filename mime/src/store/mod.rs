//! Messages in files: mbox (RFC 4155) and Maildir.

mod maildir;
mod mbox;

pub use maildir::{Flag, Maildir, MaildirEntry};
pub use mbox::{Mbox, MboxDialect, MboxEntry};

//! Messages that are read while they are sent: however large, no more than one chunk of them is held.
//!
//! [`Content`] is where the octets come from; the functions here make one of a reader, of octets in memory, or of
//! whatever gives chunks. [`Rewind`] is content that can be read again. A [`Source`] is content, and what is known of it
//! before the first octet.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example(client: &mut postrider_smtp::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use postrider_smtp::Envelope;
//! use postrider_smtp::content::{self, Source};
//!
//! let file = std::fs::File::open("large.eml")?;
//! let length = file.metadata()?.len();
//! let mut message = content::from_read(file);
//! let envelope = Envelope::parse("ada@example.org", ["bob@example.net"])?;
//! let outcomes = client.send_from(&envelope, Source::rewindable(&mut message).length(length)).await;
//! # Ok(())
//! # }
//! ```

mod reader;
mod source;

#[cfg(feature = "tokio")]
pub use reader::{AsyncReader, from_async_read};
pub use reader::{Octets, Reader, from_fn, from_octets, from_read};
pub(crate) use source::Begun;
pub use source::Source;

use bytes::Bytes;
use std::io;
use std::task::{Context, Poll};

/// Where the octets of a message come from, chunk by chunk. How they are cut into chunks never matters.
pub trait Content: Send {
    /// The next chunk; an empty one is the end, and nothing is asked for after it.
    ///
    /// One chunk is held at a time, so its size is what a message needs of memory: 64 KiB is a good one.
    ///
    /// # Errors
    /// If the message cannot be read on. It is given up then, so that the server keeps nothing of it.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>>;
}

/// Content that can be read again from its start.
///
/// Some mails are sent more than once: where the server takes their recipients in several transactions, or where a
/// connection is lost and another one tried. Content that cannot be rewound is sent once at most, and the recipients
/// left over are [`Deferred`](crate::Outcome::Deferred).
pub trait Rewind: Content {
    /// Goes back to the start.
    ///
    /// # Errors
    /// If that is not possible now.
    fn poll_rewind(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

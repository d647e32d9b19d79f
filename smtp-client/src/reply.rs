//! Replies: what a server says (RFC 5321 §4.2), and its enhanced status codes (RFC 3463).

mod code;
mod reader;

pub use code::{EnhancedStatusCode, ReplyCode};
pub use reader::InvalidReply;
pub(crate) use reader::ReplyReader;

use postrider_wire::escape::Escaped;
use std::fmt;
use std::sync::Arc;

/// A reply: one or more lines that share a code (RFC 5321 §4.2). Cheap to clone.
///
/// `Display` gives it on one line with control characters escaped: `550 5.1.1 no such user`.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: ReplyCode,
    /// All lines, each with its code, separator and CRLF.
    raw: Arc<[u8]>,
}

impl Reply {
    /// Parses exactly one reply, line endings included.
    ///
    /// # Errors
    /// [`InvalidReply`] if the bytes are anything but one whole reply within the default limits.
    ///
    /// ```
    /// use postrider_smtp::Reply;
    /// let reply = Reply::parse(b"250-first\r\n250 2.1.5 second\r\n")?;
    /// assert_eq!(reply.code().value(), 250);
    /// assert_eq!(reply.lines().count(), 2);
    /// # Ok::<(), postrider_smtp::InvalidReply>(())
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidReply> {
        reader::parse_whole(bytes)
    }

    /// The code of every line.
    pub fn code(&self) -> ReplyCode {
        self.code
    }

    /// The enhanced status code at the start of the text, if there is one of the same class (RFC 2034 §4).
    pub fn enhanced(&self) -> Option<EnhancedStatusCode> {
        let first = self.lines().next().unwrap_or_default();
        let (_, enhanced) = code::status_code(first).ok()?;
        (u16::from(enhanced.class()) == self.code.value() / 100).then_some(enhanced)
    }

    /// The text of each line: without code, separator and line ending; any bytes, unescaped.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.raw_lines()
            .map(|line| line.get(4..).unwrap_or_default())
    }

    /// Each line with its code, without the line ending.
    pub(crate) fn raw_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.raw
            .split_inclusive(|&b| b == b'\n')
            .map(postrider_wire::line::trim_ending)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let lines = self.lines().filter(|line| !line.is_empty());
        for (i, line) in lines.enumerate() {
            let separator = if i == 0 { " " } else { " / " };
            write!(f, "{separator}{}", Escaped(line))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({self})")
    }
}

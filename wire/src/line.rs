//! Lines out of a growing buffer: bounded, and linear however the bytes arrive.

use bytes::{Bytes, BytesMut};
use std::fmt;

/// Takes complete lines from the front of a buffer, looking at every byte once.
///
/// It remembers how far it has searched, so that a line that arrives one byte at a time
/// costs no more than one that arrives whole. A line may be at most `limit` octets long,
/// its line ending included; a longer one is an error as soon as `limit` octets without an
/// LF are there, however much more the buffer would hold.
///
/// ```
/// use bytes::BytesMut;
/// use postrider_wire::line::LineReader;
///
/// let mut lines = LineReader::new(512);
/// let mut input = BytesMut::from(&b"+OK one\r\n+OK t"[..]);
/// assert_eq!(lines.take(&mut input).unwrap().unwrap(), &b"+OK one\r\n"[..]);
/// assert_eq!(lines.take(&mut input).unwrap(), None);
/// assert_eq!(input, &b"+OK t"[..]);
/// ```
#[derive(Clone, Debug)]
pub struct LineReader {
    limit: usize,
    searched: usize,
}

impl LineReader {
    /// A reader of lines of at most `limit` octets, line ending included.
    pub fn new(limit: usize) -> Self {
        Self { limit, searched: 0 }
    }

    /// Takes the next line, with its ending; `None` means that more bytes are needed.
    ///
    /// # Errors
    /// [`LineTooLong`] if the line is, or must become, longer than the limit. The buffer is left as it is.
    pub fn take(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, LineTooLong> {
        let unseen = input.get(self.searched..).unwrap_or_default();
        match memchr::memchr(b'\n', unseen) {
            Some(at) if self.searched + at < self.limit => {
                let line = input.split_to(self.searched + at + 1).freeze();
                self.searched = 0;
                Ok(Some(line))
            }
            None if input.len() < self.limit => {
                self.searched = input.len();
                Ok(None)
            }
            _ => Err(LineTooLong { limit: self.limit }),
        }
    }
}

/// A line was longer than the limit set for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong {
    /// The limit in octets, line ending included.
    pub limit: usize,
}

impl fmt::Display for LineTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a line is longer than the limit of {} octets",
            self.limit
        )
    }
}

impl std::error::Error for LineTooLong {}

/// The line without its ending: CRLF, or a bare LF.
pub fn trim_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all_lines(chunks: &[&[u8]], limit: usize) -> Result<Vec<Bytes>, LineTooLong> {
        let (mut reader, mut input, mut lines) =
            (LineReader::new(limit), BytesMut::new(), Vec::new());
        for chunk in chunks {
            input.extend_from_slice(chunk);
            while let Some(line) = reader.take(&mut input)? {
                lines.push(line);
            }
        }
        Ok(lines)
    }

    #[test]
    fn a_line_of_exactly_the_limit_passes_and_one_more_octet_fails() {
        assert_eq!(all_lines(&[b"abc\r\n"], 5).unwrap().len(), 1);
        assert_eq!(all_lines(&[b"abcd\r\n"], 5), Err(LineTooLong { limit: 5 }));
        assert_eq!(all_lines(&[b"abcde"], 5), Err(LineTooLong { limit: 5 }));
        assert_eq!(all_lines(&[b"abcd"], 5).unwrap().len(), 0);
    }

    #[test]
    fn endings_are_trimmed_once() {
        assert_eq!(trim_ending(b"a\r\n"), b"a");
        assert_eq!(trim_ending(b"a\n"), b"a");
        assert_eq!(trim_ending(b"a\r\r\n"), b"a\r");
        assert_eq!(trim_ending(b"a"), b"a");
    }

    proptest! {
        #[test]
        fn chunking_never_matters(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a')], 0..80), cut in 0usize..80, limit in 1usize..40) {
            let cut = cut.min(bytes.len());
            let (front, back) = bytes.split_at(cut);
            prop_assert_eq!(all_lines(&[&bytes], limit), all_lines(&[front, back], limit));
        }
    }
}

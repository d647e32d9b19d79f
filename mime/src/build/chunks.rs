use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};

use super::content::Content;
use super::error::BuildError;
use super::sink::{Encoder, Sink};
use crate::coding::TransferEncoding;

/// What is to be written: headers as they are, content yet to be encoded.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    done: VecDeque<Segment<'a>>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Segment<'a> {
    Bytes(Vec<u8>),
    Content(Content<'a>, TransferEncoding),
}

impl<'a> Sink<'a> for Plan<'a> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    fn content(&mut self, content: &Content<'a>, encoding: TransferEncoding) -> io::Result<()> {
        let before = std::mem::take(&mut self.buffer);
        self.done.push_back(Segment::Bytes(before));
        self.done
            .push_back(Segment::Content(content.clone(), encoding));
        Ok(())
    }
}

impl<'a> Plan<'a> {
    pub(super) fn chunks(mut self) -> Chunks<'a> {
        self.done.push_back(Segment::Bytes(self.buffer));
        Chunks {
            segments: self.done,
            encoder: None,
            left: Vec::new(),
            taken: 0,
        }
    }
}

/// A message in chunks of some 16 to 64 KiB, each made when it is asked for; by
/// [`MessageBuilder::chunks`](crate::MessageBuilder::chunks).
///
/// It can be read ([`Read`]) as well. After an error nothing follows.
pub struct Chunks<'a> {
    segments: VecDeque<Segment<'a>>,
    encoder: Option<Encoder<'a>>,
    /// For reading: a chunk, and how much of it was taken.
    left: Vec<u8>,
    taken: usize,
}

/// Chunks that are smaller than this are put together.
const SMALL: usize = 16 << 10;

impl<'a> Chunks<'a> {
    /// Appends the next piece; false when there is none.
    fn piece(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if let Some(encoder) = &mut self.encoder {
            if !encoder.step(out)? {
                self.encoder = None;
            }
            return Ok(true);
        }
        match self.segments.pop_front() {
            Some(Segment::Bytes(bytes)) => out.extend_from_slice(&bytes),
            Some(Segment::Content(content, encoding)) => {
                self.encoder = Some(Encoder::new(&content, encoding)?);
            }
            None => return Ok(false),
        }
        Ok(true)
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Vec<u8>, BuildError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut out = Vec::new();
        while out.len() < SMALL {
            match self.piece(&mut out) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    (self.segments, self.encoder) = (VecDeque::new(), None);
                    return Some(Err(error.into()));
                }
            }
        }
        (!out.is_empty()).then_some(Ok(out))
    }
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.left.len() {
            (self.left, self.taken) = match self.next() {
                Some(Ok(chunk)) => (chunk, 0),
                Some(Err(BuildError::Io(error))) => return Err(error),
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Ok(0),
            };
        }
        let rest = self.left.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (from, to) in rest.iter().zip(buffer) {
            *to = *from;
        }
        self.taken += count;
        Ok(count)
    }
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB_16: usize = 16_384;

    /// The chunks of headers of so many bytes, and of content.
    fn chunks(headers: usize, content: &'static [u8]) -> Chunks<'static> {
        let mut plan = Plan::default();
        plan.buffer().resize(headers, b'x');
        let content = Content::from(content);
        plan.content(&content, TransferEncoding::SevenBit).unwrap();
        plan.chunks()
    }

    #[test]
    fn what_is_smaller_than_16_kib_is_put_together() {
        for (headers, expected) in [
            (0, &[1][..]),
            (KIB_16 - 1, &[KIB_16]),
            (KIB_16, &[KIB_16, 1]),
        ] {
            let lengths: Vec<_> = chunks(headers, b"y").map(|c| c.unwrap().len()).collect();
            assert_eq!(lengths, expected);
        }
    }

    #[test]
    fn reading_takes_each_byte_once() {
        let mut chunks = chunks(3, b"yz");
        let mut buffer = [0_u8; 2];
        for expected in [&b"xx"[..], b"xy", b"z", b""] {
            let count = chunks.read(&mut buffer).unwrap();
            assert_eq!(&buffer[..count], expected);
        }
    }

    #[test]
    fn chunks_are_shown_without_what_is_in_them() {
        let shown = format!("{:?}", chunks(3, b"yz"));
        assert_eq!(shown, "Chunks { segments: 3, .. }");
    }
}

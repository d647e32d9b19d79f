//! Where a message goes: into a buffer, into a writer, into nothing but its size, or into chunks.

use std::io::{self, Write};

use super::content::{Content, Kind};
use super::quoted_printable::QuotedPrintable;
use super::source::Reading;
use crate::coding::{TransferEncoding, base64};

/// How many bytes of content are encoded in one step: whole lines of base64.
pub(super) const STEP: usize = base64::LINE_BYTES * 192;

/// Takes headers through a buffer, and content in its encoding.
pub(super) trait Sink<'a> {
    /// Where headers and delimiters are written.
    fn buffer(&mut self) -> &mut Vec<u8>;

    fn content(&mut self, content: &Content<'a>, encoding: TransferEncoding) -> io::Result<()>;
}

impl<'a> Sink<'a> for Vec<u8> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self
    }

    fn content(&mut self, content: &Content<'a>, encoding: TransferEncoding) -> io::Result<()> {
        let Some(bytes) = content.bytes() else {
            let mut encoder = Encoder::new(content, encoding)?;
            while encoder.step(self)? {}
            return Ok(());
        };
        match encoding {
            TransferEncoding::Base64 => base64::encode_lines(bytes, self),
            TransferEncoding::QuotedPrintable => {
                QuotedPrintable::default().write(bytes, usize::MAX, self);
            }
            _ => self.extend_from_slice(bytes),
        }
        Ok(())
    }
}

/// Writes to a writer what has come together.
#[derive(Debug)]
pub(super) struct Writer<'w, W> {
    out: &'w mut W,
    buffer: Vec<u8>,
}

impl<'w, W: Write> Writer<'w, W> {
    pub(super) fn new(out: &'w mut W) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(1024),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<'a, W: Write> Sink<'a> for Writer<'_, W> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    fn content(&mut self, content: &Content<'a>, encoding: TransferEncoding) -> io::Result<()> {
        let mut encoder = Encoder::new(content, encoding)?;
        while encoder.step(&mut self.buffer)? {
            self.flush()?;
        }
        Ok(())
    }
}

/// Counts what would be written, without encoding attachments.
#[derive(Debug, Default)]
pub(super) struct Size {
    content: usize,
    headers: Vec<u8>,
}

impl Size {
    pub(super) fn total(&self) -> usize {
        self.content.saturating_add(self.headers.len())
    }

    fn add(&mut self, length: usize) {
        self.content = self.content.saturating_add(length);
    }
}

impl<'a> Sink<'a> for Size {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.headers
    }

    fn content(&mut self, content: &Content<'a>, encoding: TransferEncoding) -> io::Result<()> {
        match (encoding, content.length(), &content.0) {
            (TransferEncoding::QuotedPrintable, ..) => {
                let mut encoder = Encoder::new(content, encoding)?;
                let mut out = Vec::new();
                while encoder.step(&mut out)? {
                    self.add(out.len());
                    out.clear();
                }
                self.add(out.len());
            }
            (TransferEncoding::Base64, length, kind) => {
                let length = match (length, kind) {
                    (Some(length), _) => length,
                    (None, Kind::Source(source)) if source.can_be_read_again() => {
                        let mut length = 0;
                        let (mut reading, mut piece) = (source.open()?, vec![0; STEP]);
                        loop {
                            let count = reading.fill(&mut piece)?;
                            length += count as u64;
                            if count < piece.len() {
                                break length;
                            }
                        }
                    }
                    _ => {
                        return Err(io::Error::other(
                            "content that can be read once has no length",
                        ));
                    }
                };
                let length = usize::try_from(length).unwrap_or(usize::MAX / 2);
                self.add(base64::encoded_length(length.min(usize::MAX / 2)));
            }
            (_, length, _) => self.add(length.unwrap_or(0) as usize),
        }
        Ok(())
    }
}

/// Content that is being encoded, step by step.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    content: Content<'a>,
    encoding: TransferEncoding,
    /// How much of the bytes is done.
    done: usize,
    lines: QuotedPrintable,
    reading: Option<(Reading, Vec<u8>)>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(content: &Content<'a>, encoding: TransferEncoding) -> io::Result<Self> {
        let reading = match &content.0 {
            Kind::Source(source) => Some((source.open()?, vec![0; STEP])),
            _ => None,
        };
        Ok(Self {
            content: content.clone(),
            encoding,
            done: 0,
            lines: QuotedPrintable::default(),
            reading,
        })
    }

    /// Appends the next piece; false if it was the last.
    pub(super) fn step(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if let Some((reading, piece)) = &mut self.reading {
            let count = reading.fill(piece)?;
            base64::encode_lines(piece.get(..count).unwrap_or_default(), out);
            return Ok(count == piece.len());
        }
        let bytes = self.content.bytes().unwrap_or_default();
        let rest = bytes.get(self.done..).unwrap_or_default();
        let piece = rest.get(..STEP).unwrap_or(rest);
        self.done += match self.encoding {
            TransferEncoding::QuotedPrintable => self.lines.write(rest, STEP, out),
            TransferEncoding::Base64 => {
                base64::encode_lines(piece, out);
                piece.len()
            }
            _ => {
                out.extend_from_slice(piece);
                piece.len()
            }
        };
        Ok(self.done < bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::source::Source;
    use super::*;

    use TransferEncoding::{Base64, QuotedPrintable as Quoted, SevenBit};

    fn at_once(content: &Content<'_>, encoding: TransferEncoding) -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        out.content(content, encoding).unwrap();
        out
    }

    fn size(content: &Content<'_>, encoding: TransferEncoding) -> usize {
        let mut size = Size::default();
        size.content(content, encoding).unwrap();
        size.total()
    }

    #[test]
    fn steps_make_what_is_made_at_once() {
        let content = Content::from(vec![b'x'; STEP + 1]);
        for encoding in [SevenBit, Quoted, Base64] {
            let mut encoder = Encoder::new(&content, encoding).unwrap();
            let mut out = Vec::new();
            let goes_on = [(); 2].map(|()| encoder.step(&mut out).unwrap());
            assert_eq!(goes_on, [true, false]);
            assert!(out == at_once(&content, encoding), "{encoding:?}");
            assert_eq!(size(&content, encoding), out.len());
        }
    }

    /// A reader that fails when it is asked again after its end.
    struct Ending {
        left: usize,
        ended: bool,
    }

    impl Read for Ending {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.ended {
                return Err(io::Error::other("asked after the end"));
            }
            let count = self.left.min(buffer.len());
            buffer[..count].fill(b'x');
            self.left -= count;
            self.ended = count == 0;
            Ok(count)
        }
    }

    #[test]
    fn a_source_that_has_ended_is_not_asked_again() {
        for length in [STEP + 1, 1, 0] {
            let source = Source::new(move || {
                Ok(Ending {
                    left: length,
                    ended: false,
                })
            });
            let whole = at_once(&Content::from(vec![b'x'; length]), Base64);
            assert!(at_once(&source.clone().into(), Base64) == whole);
            assert_eq!(size(&source.into(), Base64), whole.len());
        }
    }
}

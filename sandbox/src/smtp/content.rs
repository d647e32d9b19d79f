//! Message content as it comes in: transparency is undone, line ends are looked at.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

/// How far the content has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More is to come.
    More,
    /// The end was there.
    Complete,
    /// A fault cuts the connection here.
    Cut,
}

/// The content of one mail.
///
/// Only `CRLF "." CRLF` ends DATA (RFC 5321 §4.1.1.4): an LF or CR that stands alone ends no line, and a mail that
/// holds one is refused in the end. What is over the limit is counted and not kept.
#[derive(Debug)]
pub(super) struct Content {
    kept: BytesMut,
    octets: usize,
    limit: usize,
    cut_at: Option<usize>,
    line_start: bool,
    after_cr: bool,
    bare_line_end: bool,
    eight_bit: bool,
}

impl Content {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            kept: BytesMut::new(),
            octets: 0,
            limit,
            cut_at: None,
            line_start: true,
            after_cr: false,
            bare_line_end: false,
            eight_bit: false,
        }
    }

    /// Cuts the connection once so many octets are there.
    pub(super) fn cut_at(&mut self, octets: Option<usize>) {
        self.cut_at = octets;
    }

    /// The octets that came, stored or not.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.octets > self.limit
    }

    /// An LF without CR before it, or a CR without LF after it.
    pub(super) fn has_bare_line_end(&self) -> bool {
        self.bare_line_end || self.after_cr
    }

    pub(super) fn is_eight_bit(&self) -> bool {
        self.eight_bit
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.kept.freeze()
    }

    /// Takes dot-stuffed content up to and including the final dot. At most two octets stay in the input, until the
    /// next one says what they are.
    pub(super) fn take_lines(&mut self, input: &mut BytesMut) -> Progress {
        let end = loop {
            if self.line_start && input.first() == Some(&b'.') {
                match input.get(1..3).or(input.get(1..2)) {
                    Some(b"\r\n") => {
                        input.advance(3);
                        break Progress::Complete;
                    }
                    None | Some(b"\r") => break Progress::More,
                    // RFC 5321 §4.5.2: the first of the characters goes, whatever the second is.
                    Some(_) => input.advance(1),
                }
                self.line_start = false;
            }
            if !self.take_span(input) {
                break Progress::More;
            }
        };
        self.cut().unwrap_or(end)
    }

    /// Takes everything up to and including the next CR or LF; false if more input is needed.
    fn take_span(&mut self, input: &mut BytesMut) -> bool {
        let Some(at) = memchr2(b'\r', b'\n', input) else {
            self.line_start &= input.is_empty();
            self.keep(input);
            input.clear();
            return false;
        };
        let length = match (input.get(at), input.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => at + 2,
            (Some(b'\r'), None) => {
                self.line_start &= at == 0;
                let span = input.split_to(at);
                self.keep(&span);
                return false;
            }
            _ => at + 1,
        };
        let span = input.split_to(length);
        self.keep(&span);
        self.line_start = span.ends_with(b"\r\n");
        self.bare_line_end |= !self.line_start;
        true
    }

    /// Takes octets of a BDAT chunk as they are (RFC 3030 §2).
    pub(super) fn take_chunk(&mut self, chunk: &[u8]) -> Progress {
        let mut rest = chunk;
        while let Some(first) = rest.first() {
            if self.after_cr {
                self.bare_line_end |= *first != b'\n';
                rest = rest.get(usize::from(*first == b'\n')..).unwrap_or_default();
                self.after_cr = false;
            }
            let Some(at) = memchr2(b'\r', b'\n', rest) else {
                break;
            };
            match rest.get(at) {
                Some(b'\r') => self.after_cr = true,
                _ => self.bare_line_end = true,
            }
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        self.keep(chunk);
        self.cut().unwrap_or(Progress::More)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.octets = self.octets.saturating_add(bytes.len());
        self.eight_bit |= !bytes.is_ascii();
        if self.is_too_large() {
            self.kept = BytesMut::new();
        } else {
            self.kept.extend_from_slice(bytes);
        }
    }

    fn cut(&self) -> Option<Progress> {
        self.cut_at
            .is_some_and(|n| self.octets >= n)
            .then_some(Progress::Cut)
    }
}

#[cfg(test)]
mod tests;

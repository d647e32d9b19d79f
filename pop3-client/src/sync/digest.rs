use ring::digest::{Context, SHA256, digest};
use std::fmt;

/// A SHA-256 digest; `Display` is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some parts, one after another.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        parts.iter().for_each(|part| context.update(part));
        Self::from_ring(&context.finish())
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    fn from_ring(digest: &ring::digest::Digest) -> Self {
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(digest.as_ref())
            .for_each(|(to, from)| *to = *from);
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

/// The hexadecimal digit of a number below 16.
fn digit(number: u8) -> u8 {
    match number {
        0..10 => b'0' + number,
        _ => b'a' + number - 10,
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The most of a header that is looked at.
const HEADER: usize = 64 << 10;

/// Digests of a message that streams by: of all of it, and of its header section alone (RFC 5322 §2.1).
pub(super) struct Fingerprint {
    content: Context,
    header: Vec<u8>,
    in_header: bool,
}

impl Fingerprint {
    pub(super) fn new() -> Self {
        Self {
            content: Context::new(&SHA256),
            header: Vec::new(),
            in_header: true,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.content.update(bytes);
        if self.in_header {
            let room = HEADER - self.header.len();
            // The blank line may lie across two pieces.
            let seen = self.header.len().saturating_sub(3);
            self.header
                .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            let end = self
                .header
                .get(seen..)
                .and_then(blank_line)
                .map(|at| seen + at);
            if let Some(end) = end {
                self.header.truncate(end);
            }
            self.in_header = end.is_none() && self.header.len() < HEADER;
        }
    }

    /// Whether the header section has a Message-ID field (RFC 5322 §3.6.4).
    pub(super) fn has_message_id(&self) -> bool {
        let name = b"message-id:";
        let mut lines = self.header.split(|b| *b == b'\n');
        lines.any(|line| {
            line.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        })
    }

    /// The digest of the whole, and of the header without the blank line after it.
    pub(super) fn finish(self) -> (Digest, Digest) {
        (
            Digest::from_ring(&self.content.finish()),
            Digest::from_ring(&digest(&SHA256, &self.header)),
        )
    }
}

/// Where the blank line begins that ends a header section.
fn blank_line(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', text).find_map(|at| {
        let rest = text.get(at + 1..)?;
        (rest.starts_with(b"\n") || rest.starts_with(b"\r\n")).then_some(at + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(pieces: &[&[u8]]) -> (Digest, Digest) {
        let mut fingerprint = Fingerprint::new();
        pieces.iter().for_each(|piece| fingerprint.update(piece));
        fingerprint.finish()
    }

    #[test]
    fn fips180_known_answer() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(&[b"a", b"bc"]).to_string(), abc);
        assert_eq!(Digest::parse(abc), Some(Digest::of(&[b"abc"])));
        assert_eq!(Digest::parse("zz"), None);
    }

    #[test]
    fn the_header_is_what_stands_before_the_blank_line_however_it_is_cut() {
        for text in [
            &b"A: 1\r\nB: 2\r\n\r\nbody\r\n\r\nmore"[..],
            b"A: 1\nB: 2\n\nbody\n\nmore",
        ] {
            let (_, whole) = fingerprint(&[text]);
            let end = if text.contains(&b'\r') { 12 } else { 10 };
            assert_eq!(whole, Digest::of(&[&text[..end]]));
            for at in 0..text.len() {
                assert_eq!(fingerprint(&[&text[..at], &text[at..]]).1, whole, "{at}");
            }
            assert_eq!(fingerprint(&text.chunks(1).collect::<Vec<_>>()).1, whole);
            assert_eq!(
                fingerprint(&[&text[..end]]).1,
                whole,
                "TOP without the blank line"
            );
        }
    }
}

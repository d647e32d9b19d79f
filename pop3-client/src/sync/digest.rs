use ring::digest::{Context, SHA256};
use std::fmt;
use std::io::{self, Read};

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

    /// The digest of all that can be read.
    pub(super) fn of_all(mut reader: impl Read) -> io::Result<Self> {
        let (mut context, mut piece) = (Context::new(&SHA256), Vec::new());
        while reader.by_ref().take(64 << 10).read_to_end(&mut piece)? > 0 {
            context.update(&piece);
            piece.clear();
        }
        Ok(Self::from_ring(&context.finish()))
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

/// Fields in which servers that keep mail in an mbox note how far it was read. They come, go and change, and so does the size of
/// the message; it is the same one all the same.
const STATE: [&[u8]; 7] = [
    b"Status",
    b"X-Status",
    b"X-UID",
    b"X-UIDL",
    b"X-IMAP",
    b"X-IMAPbase",
    b"X-Keywords",
];

/// What a message is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prints {
    /// Of all its octets.
    pub(super) whole: Digest,
    /// Of what lasts: of all octets but those of the [`STATE`] fields.
    pub(super) lasting: Digest,
    /// Of what lasts of the header section alone, without the blank line after it (RFC 5322 §2.1).
    pub(super) header: Digest,
}

/// The digests of a message that streams by.
pub(super) struct Fingerprint {
    whole: Context,
    /// Begun behind the header, if something of it does not last.
    lasting: Option<Context>,
    header: Vec<u8>,
    in_header: bool,
}

impl Fingerprint {
    pub(super) fn new() -> Self {
        Self {
            whole: Context::new(&SHA256),
            lasting: None,
            header: Vec::new(),
            in_header: true,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.whole.update(bytes);
        if !self.in_header {
            if let Some(lasting) = &mut self.lasting {
                lasting.update(bytes);
            }
            return;
        }
        let room = HEADER - self.header.len();
        let (taken, rest) = bytes.split_at_checked(room).unwrap_or((bytes, b""));
        // The blank line may lie across two pieces.
        let seen = self.header.len().saturating_sub(3);
        self.header.extend_from_slice(taken);
        let begun = self.header.get(seen..).unwrap_or_default();
        let end = blank_line(begun).map(|at| seen + at);
        let full = (self.header.len() >= HEADER).then_some(HEADER);
        if let Some(end) = end.or(full) {
            let body = self.header.split_off(end);
            self.end_header(&[&body, rest]);
        }
    }

    /// The header is whole, and this stands behind it.
    fn end_header(&mut self, behind: &[&[u8]]) {
        self.in_header = false;
        let kept = lasting(&self.header);
        if kept.len() < self.header.len() {
            let mut context = Context::new(&SHA256);
            context.update(&kept);
            behind.iter().for_each(|part| context.update(part));
            self.lasting = Some(context);
        }
        self.header = kept;
    }

    /// Whether the header section has a Message-ID field (RFC 5322 §3.6.4).
    pub(super) fn has_message_id(&self) -> bool {
        self.header
            .split(|b| *b == b'\n')
            .any(|line| is_named(line, b"Message-ID"))
    }

    /// Whether the message begins with what is rather the reply to its command, behind a line too much.
    pub(super) fn begins_with_a_reply(&self) -> bool {
        let rest = [&b"+OK"[..], b"-ERR"]
            .iter()
            .find_map(|status| self.header.strip_prefix(*status));
        rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
    }

    pub(super) fn finish(mut self) -> Prints {
        if self.in_header {
            self.end_header(&[]);
        }
        let whole = Digest::from_ring(&self.whole.finish());
        let lasting = self
            .lasting
            .map(|lasting| Digest::from_ring(&lasting.finish()));
        Prints {
            whole,
            lasting: lasting.unwrap_or(whole),
            header: Digest::of(&[&self.header]),
        }
    }
}

/// A header section without its fields of state.
fn lasting(header: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(header.len());
    let mut passes = false;
    for line in header.split_inclusive(|b| *b == b'\n') {
        let goes_on = line.starts_with(b" ") || line.starts_with(b"\t");
        if !goes_on {
            passes = STATE.iter().any(|name| is_named(line, name));
        }
        if !passes {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// Whether a line begins the field of this name.
fn is_named(line: &[u8], name: &[u8]) -> bool {
    let is = |begin: &[u8]| begin.eq_ignore_ascii_case(name);
    line.get(..name.len()).is_some_and(is) && line.get(name.len()) == Some(&b':')
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

    fn fingerprint(pieces: &[&[u8]]) -> Prints {
        let mut fingerprint = Fingerprint::new();
        pieces.iter().for_each(|piece| fingerprint.update(piece));
        fingerprint.finish()
    }

    #[test]
    fn fips180_known_answer() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(&[b"a", b"bc"]).to_string(), abc);
        let long = vec![b'x'; (64 << 10) + 1];
        for text in [&b""[..], b"abc", &long[1..], &long] {
            assert_eq!(Digest::of_all(text).unwrap(), Digest::of(&[text]));
        }
        assert_eq!(Digest::parse(abc), Some(Digest::of(&[b"abc"])));
        assert_eq!(Digest::parse("zz"), None);
    }

    #[test]
    fn the_header_is_what_stands_before_the_blank_line_however_it_is_cut() {
        for text in [
            &b"A: 1\r\nB: 2\r\n\r\nbody\r\n\r\nmore"[..],
            b"A: 1\nB: 2\n\nbody\n\nmore",
        ] {
            let whole = fingerprint(&[text]).header;
            let end = if text.contains(&b'\r') { 12 } else { 10 };
            assert_eq!(whole, Digest::of(&[&text[..end]]));
            for at in 0..text.len() {
                assert_eq!(
                    fingerprint(&[&text[..at], &text[at..]]).header,
                    whole,
                    "{at}"
                );
            }
            assert_eq!(
                fingerprint(&text.chunks(1).collect::<Vec<_>>()).header,
                whole
            );
            assert_eq!(
                fingerprint(&[&text[..end]]).header,
                whole,
                "TOP without the blank line"
            );
        }
    }

    #[test]
    fn what_a_server_notes_in_a_header_changes_the_whole_and_nothing_that_lasts() {
        let plain = fingerprint(&[b"From: a\r\nSubject: b\r\n\r\nStatus: body\r\n"]);
        assert_eq!(plain.whole, plain.lasting);
        let noted = b"X-IMAPbase: 17\r\n  4\r\nFrom: a\r\nstatus: RO\r\nX-UID: 1\r\nSubject: b\r\nX-Keywords:\r\n\r\nStatus: body\r\n";
        let read = fingerprint(&[noted]);
        assert_eq!((read.lasting, read.header), (plain.lasting, plain.header));
        assert_eq!(read.whole, Digest::of(&[noted]));
        for at in 0..noted.len() {
            assert_eq!(fingerprint(&[&noted[..at], &noted[at..]]), read, "{at}");
        }
        assert_eq!(fingerprint(&noted.chunks(1).collect::<Vec<_>>()), read);
        let other = fingerprint(&[b"From: a\r\nStatuses: O\r\nSubject: b\r\n\r\nStatus: body\r\n"]);
        assert_ne!(other.lasting, plain.lasting);
        // A header alone, and one without an end.
        assert_eq!(
            fingerprint(&[b"A: b\r\nStatus: O\r\n"]).lasting,
            Digest::of(&[b"A: b\r\n"])
        );
        let long = [&b"Status: O\r\n"[..], &b"x: y\r\n".repeat(20_000)].concat();
        let whole = fingerprint(&[&long]);
        assert_eq!(whole.lasting, Digest::of(&[&long[11..]]));
        assert_eq!(fingerprint(&long.chunks(1_000).collect::<Vec<_>>()), whole);
    }
}

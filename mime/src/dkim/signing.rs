use std::fmt;
use std::io::{self, Write};

use memchr::{memchr2_iter, memmem};
use ring::digest::{Context, SHA256};

use super::canonical::Body;
use super::error::DkimError;
use super::{Signer, signature};

/// How long a header may be that is to be signed, in bytes. It is kept in memory; a body is not.
pub const HEADER_LIMIT: usize = 1 << 20;

/// A message that is signed while it passes by, in pieces of any size; by [`Signer::start`].
///
/// It is a writer too, so that a message can be built into it, and once more behind the signature. The builder needs a
/// date for that, so that both are the same.
///
/// ```
/// use postrider_mime::dkim::{Key, Signer};
/// use postrider_mime::{DateTime, MessageBuilder};
///
/// # let signer = Signer::new("example.org", "s", Key::from_pem(include_str!("../../tests/dkim/ed25519.pem"))?)?;
/// let message = MessageBuilder::new()
///     .from("jo@example.org")
///     .date(DateTime::from_unix(1_700_000_000, 0).ok_or("no such date")?)
///     .text("Hello!\n");
///
/// let mut signing = signer.start()?;
/// message.write_to(&mut signing)?;
/// let mut out = signing.finish()?.into_bytes();
/// message.write_to(&mut out)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Signing<'s> {
    signer: &'s Signer,
    time: u64,
    expires: Option<u64>,
    /// The fields with their line ends; while there is no body, all that came.
    header: Vec<u8>,
    /// Up to where the header was searched for its end.
    searched: usize,
    body: Option<Body>,
    hash: Context,
    line_ends: LineEnds,
    failed: Option<DkimError>,
}

impl<'s> Signing<'s> {
    pub(super) fn new(signer: &'s Signer, time: u64, expires: Option<u64>) -> Self {
        Self {
            signer,
            time,
            expires,
            header: Vec::new(),
            searched: 0,
            body: None,
            hash: Context::new(&SHA256),
            line_ends: LineEnds::default(),
            failed: None,
        }
    }

    /// Takes the next piece of the message. What is wrong with it is told by [`finish`](Self::finish).
    pub fn push(&mut self, piece: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = self.line_ends.push(piece) {
            self.failed = Some(error);
            return;
        }
        match &mut self.body {
            Some(body) => body.push(piece, |bytes| self.hash.update(bytes)),
            None => self.push_header(piece),
        }
    }

    fn push_header(&mut self, piece: &[u8]) {
        let before = self.header.len();
        // The empty line may stand behind a header that is just as long as it may be.
        let room = (HEADER_LIMIT + 2).saturating_sub(before);
        let taken = piece.get(..room).unwrap_or(piece);
        self.header.extend_from_slice(taken);
        let Some((end, begin)) = self.header_end() else {
            if taken.len() < piece.len() {
                self.failed = Some(DkimError::HeaderTooLong);
            }
            return;
        };
        self.header.truncate(end);
        let mut body = Body::new(self.signer.body);
        let rest = piece.get(begin - before..).unwrap_or_default();
        body.push(rest, |bytes| self.hash.update(bytes));
        self.body = Some(body);
    }

    /// Where the header ends and the body begins, if that is known.
    fn header_end(&mut self) -> Option<(usize, usize)> {
        if self.header.starts_with(b"\r\n") {
            return Some((0, 2));
        }
        let rest = self.header.get(self.searched..).unwrap_or_default();
        let Some(found) = memmem::find(rest, b"\r\n\r\n") else {
            self.searched = self.header.len().saturating_sub(3);
            return None;
        };
        let found = self.searched + found;
        Some((found + 2, found + 4))
    }

    /// Ends the message and gives the header field DKIM-Signature with its last line end.
    pub fn finish(mut self) -> Result<String, DkimError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.line_ends.finish()?;
        if self.header.len() > HEADER_LIMIT {
            return Err(DkimError::HeaderTooLong);
        }
        let body = self.body.unwrap_or_else(|| Body::new(self.signer.body));
        body.finish(|bytes| self.hash.update(bytes));
        let hash = self.hash.finish();
        signature::field(
            self.signer,
            &self.header,
            hash.as_ref(),
            self.time,
            self.expires,
        )
    }
}

impl Write for Signing<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.push(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Signing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing")
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

/// Sees to it that CR and LF come together only.
#[derive(Debug, Default)]
struct LineEnds {
    /// How many bytes there were.
    before: u64,
    /// Where a CR stands that waits for its LF.
    cr: Option<u64>,
}

impl LineEnds {
    fn push(&mut self, piece: &[u8]) -> Result<(), DkimError> {
        for at in memchr2_iter(b'\r', b'\n', piece) {
            let offset = self.before + at as u64;
            let is_cr = piece.get(at) == Some(&b'\r');
            match (self.cr.take(), is_cr) {
                (None, true) => self.cr = Some(offset),
                (Some(cr), false) if cr + 1 == offset => {}
                (cr, _) => {
                    let offset = cr.unwrap_or(offset);
                    return Err(DkimError::LineEnd { offset });
                }
            }
        }
        self.before += piece.len() as u64;
        Ok(())
    }

    fn finish(&self) -> Result<(), DkimError> {
        self.cr
            .map_or(Ok(()), |offset| Err(DkimError::LineEnd { offset }))
    }
}

use crate::secret::overwrite;
use bytes::{Buf, BytesMut};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// What is to be written, a login perhaps among it. It is overwritten where it is taken away, cleared or dropped, as far as
/// safe Rust can promise it; what a buffer that had to grow has left behind is not.
///
/// `Debug` tells how much is in it, and not what.
pub struct WriteBuffer(BytesMut);

/// Octets that it has room for before it has to grow: nearly all lines of logins are shorter.
const ROOM: usize = 4 * 1024;

impl Default for WriteBuffer {
    fn default() -> Self {
        Self(BytesMut::with_capacity(ROOM))
    }
}

impl WriteBuffer {
    /// Takes the first octets away, which were written.
    pub fn advance(&mut self, octets: usize) {
        let octets = octets.min(self.0.len());
        if let Some(written) = self.0.get_mut(..octets) {
            overwrite(written);
        }
        self.0.advance(octets);
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        // What was cut off stands behind the end.
        self.0.resize(self.0.capacity(), 0);
        overwrite(&mut self.0);
        self.0.clear();
    }
}

impl Deref for WriteBuffer {
    type Target = BytesMut;

    fn deref(&self) -> &BytesMut {
        &self.0
    }
}

impl DerefMut for WriteBuffer {
    fn deref_mut(&mut self) -> &mut BytesMut {
        &mut self.0
    }
}

impl fmt::Debug for WriteBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteBuffer({} octets)", self.0.len())
    }
}

impl Drop for WriteBuffer {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::overwritten;

    fn pass() -> (WriteBuffer, *const u8) {
        let mut out = WriteBuffer::default();
        out.extend_from_slice(b"PASS hunter2\r\n");
        let place = out.as_ptr();
        overwritten::places();
        (out, place)
    }

    /// Whether all of the line was overwritten, at once and where it stood.
    fn is_gone(line: *const u8) -> bool {
        let places = overwritten::places();
        let zeroes = |octets: &[u8]| octets.len() >= 14 && octets.iter().all(|octet| *octet == 0);
        matches!(&places[..], [(place, octets)] if *place == line && zeroes(octets))
    }

    #[test]
    fn what_is_taken_away_is_overwritten_and_the_rest_is_not() {
        let (mut out, line) = pass();
        out.advance(9);
        assert_eq!(overwritten::places(), [(line, vec![0_u8; 9])]);
        assert_eq!(out[..], b"er2\r\n"[..]);
        out.advance(99);
        assert!(out.is_empty());
    }

    #[test]
    fn what_is_cleared_is_overwritten_also_where_it_was_cut_off() {
        let (mut out, line) = pass();
        out.truncate(4);
        out.clear();
        assert!(is_gone(line) && out.is_empty());
        out.extend_from_slice(b"QUIT\r\n");
        assert_eq!(out[..], b"QUIT\r\n"[..]);
    }

    #[test]
    fn what_is_dropped_is_overwritten() {
        let (out, line) = pass();
        drop(out);
        assert!(is_gone(line));
    }

    #[test]
    fn debug_shows_nothing_of_what_is_to_be_written() {
        assert_eq!(format!("{:?}", pass().0), "WriteBuffer(14 octets)");
    }
}

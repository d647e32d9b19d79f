//! The bytes that are at hand.

use super::header_block::before_line_end;

/// The bytes of a message that are at hand: the whole, or of one that arrives what is still wanted. Positions count from the
/// start of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'b> {
    bytes: &'b [u8],
    /// The position of the first byte.
    start: usize,
    /// Nothing follows.
    pub(crate) at_end: bool,
}

impl<'b> Window<'b> {
    /// Positions are kept as `u32`, of which the last one means none.
    pub(crate) const LONGEST: usize = u32::MAX as usize - 1;

    /// A whole message, or as much of it as has positions.
    pub(crate) fn whole(bytes: &'b [u8]) -> Self {
        Self {
            bytes: bytes.get(..Self::LONGEST).unwrap_or(bytes),
            start: 0,
            at_end: true,
        }
    }

    /// A piece of a message; `start` bytes came before it.
    pub(crate) fn piece(bytes: &'b [u8], start: usize, at_end: bool) -> Self {
        Self {
            bytes,
            start,
            at_end,
        }
    }

    /// The position behind the last byte.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.start + self.bytes.len()
    }

    /// The bytes from a position on.
    #[inline]
    pub(crate) fn from(&self, position: usize) -> &'b [u8] {
        let at = position.wrapping_sub(self.start);
        self.bytes.get(at..).unwrap_or_default()
    }

    /// The bytes between two positions.
    #[inline]
    pub(crate) fn range(&self, from: usize, to: usize) -> Option<&'b [u8]> {
        let at = |position: usize| position.wrapping_sub(self.start);
        self.bytes.get(at(from)..at(to))
    }

    /// Whether a line ends before a position.
    #[inline]
    pub(crate) fn follows_line_end(&self, position: usize) -> bool {
        let before = position.wrapping_sub(self.start).wrapping_sub(1);
        self.bytes.get(before) == Some(&b'\n')
    }

    /// The end of the line before `next`, without its LF or CRLF.
    #[inline]
    pub(crate) fn before_line_end(&self, next: usize) -> usize {
        before_line_end(self.bytes, next.wrapping_sub(self.start)).wrapping_add(self.start)
    }
}

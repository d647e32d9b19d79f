//! The bytes that are at hand.

use super::FieldRecord;
use super::header_block::before_line_end;

/// Positions are kept as `u32`, of which the last one means none.
pub(crate) const LONGEST: usize = u32::MAX as usize - 1;

/// The bytes of a message that are at hand: the whole, or of one that arrives what is still wanted. Positions count from the
/// start of the message.
///
/// A trait, so that of a message that is there as a whole nothing is asked again and again that is known beforehand.
pub(crate) trait Window<'b>: Copy {
    fn bytes(self) -> &'b [u8];

    /// The position of the first byte.
    fn start(self) -> usize;

    /// Whether nothing follows.
    fn at_end(self) -> bool;

    /// The position behind the last byte.
    #[inline]
    fn end(self) -> usize {
        self.start() + self.bytes().len()
    }

    /// The bytes from a position on.
    #[inline]
    fn from(self, position: usize) -> &'b [u8] {
        let at = position.wrapping_sub(self.start());
        self.bytes().get(at..).unwrap_or_default()
    }

    /// The bytes between two positions.
    #[inline]
    fn range(self, from: usize, to: usize) -> Option<&'b [u8]> {
        let at = |position: usize| position.wrapping_sub(self.start());
        self.bytes().get(at(from)..at(to))
    }

    /// The value of a field.
    #[inline]
    fn value(self, field: &FieldRecord) -> Option<&'b [u8]> {
        self.range(field.value as usize, field.end as usize)
    }

    /// Whether a line ends before a position.
    #[inline]
    fn follows_line_end(self, position: usize) -> bool {
        let before = position.wrapping_sub(self.start()).wrapping_sub(1);
        self.bytes().get(before) == Some(&b'\n')
    }

    /// The end of the line before `next`, without its LF or CRLF.
    #[inline]
    fn before_line_end(self, next: usize) -> usize {
        let at = next.wrapping_sub(self.start());
        before_line_end(self.bytes(), at).wrapping_add(self.start())
    }
}

/// A message that is there as a whole, or as much of it as has positions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole<'b>(&'b [u8]);

impl<'b> Whole<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self(bytes.get(..LONGEST).unwrap_or(bytes))
    }
}

impl<'b> Window<'b> for Whole<'b> {
    #[inline]
    fn bytes(self) -> &'b [u8] {
        self.0
    }

    #[inline]
    fn start(self) -> usize {
        0
    }

    #[inline]
    fn at_end(self) -> bool {
        true
    }
}

/// A piece of a message that arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'b> {
    bytes: &'b [u8],
    start: usize,
    at_end: bool,
}

impl<'b> Piece<'b> {
    /// `start` bytes came before it.
    pub(crate) fn new(bytes: &'b [u8], start: usize, at_end: bool) -> Self {
        Self {
            bytes,
            start,
            at_end,
        }
    }
}

impl<'b> Window<'b> for Piece<'b> {
    #[inline]
    fn bytes(self) -> &'b [u8] {
        self.bytes
    }

    #[inline]
    fn start(self) -> usize {
        self.start
    }

    #[inline]
    fn at_end(self) -> bool {
        self.at_end
    }
}

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

#[cfg(test)]
mod tests {
    use super::super::NONE;
    use super::*;
    use crate::field_name::FieldId;

    /// What arrived behind ten bytes that are gone.
    fn piece() -> Piece<'static> {
        Piece::new(b"A: b\r\ncd", 10, false)
    }

    #[test]
    fn no_position_is_the_one_that_means_none() {
        assert!(LONGEST < NONE as usize);
        assert_eq!(LONGEST, 4_294_967_294);
    }

    #[test]
    fn positions_count_from_the_start_of_the_message() {
        assert_eq!((piece().end(), piece().at_end()), (18, false));
        assert_eq!(piece().from(16), b"cd");
        assert_eq!(piece().range(11, 14), Some(&b": b"[..]));
        for gone_or_to_come in [0, 9, 19] {
            assert_eq!(piece().from(gone_or_to_come), b"");
        }
        assert_eq!(piece().range(9, 12), None);
        let whole = Whole::new(b"cd");
        assert_eq!(
            (whole.from(1), whole.end(), whole.at_end()),
            (&b"d"[..], 2, true)
        );
    }

    #[test]
    fn a_value_stands_between_the_colon_and_its_line_end() {
        let field = FieldRecord {
            start: 10,
            value: 12,
            end: 14,
            name_length: 1,
            id: FieldId::Other,
        };
        assert_eq!(piece().value(&field), Some(&b" b"[..]));
    }

    #[test]
    fn a_line_ends_before_its_line_end_and_the_next_begins_behind() {
        let begins: Vec<_> = (0..20).filter(|at| piece().follows_line_end(*at)).collect();
        assert_eq!(begins, [16]);
        assert_eq!(piece().before_line_end(16), 14);
        assert_eq!(Piece::new(b"ab\ncd", 10, true).before_line_end(13), 12);
    }
}

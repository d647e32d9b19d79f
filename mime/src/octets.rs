//! Eight bytes at a time, as one number: the first byte is the lowest.

/// The first eight bytes of a text; zeroes behind its end.
#[inline]
pub(crate) fn first_eight(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => text
            .iter()
            .rev()
            .fold(0, |word, b| word << u8::BITS | u64::from(*b)),
    }
}

/// The same byte in each of the eight places.
pub(crate) const fn eight_of(byte: u8) -> u64 {
    u64::MAX / 255 * byte as u64
}

/// The places below the first one that is marked by its high bit; none of them marked means all.
pub(crate) fn before_first_mark(marks: u64) -> u64 {
    ((marks & marks.wrapping_neg()) >> 7).wrapping_sub(1)
}

/// How many places stand before the first one that is marked by its high bit.
pub(crate) fn count_before_first_mark(marks: u64) -> usize {
    (marks.trailing_zeros() / u8::BITS) as usize
}

/// Marks the places that hold zero by their high bits. Only the first mark is to be trusted.
pub(crate) fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(eight_of(1)) & !word & eight_of(0x80)
}

/// Marks the places that hold less than `limit`, which is 0x80 at most, by their high bits. Only the first mark is to be
/// trusted.
pub(crate) fn bytes_below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(eight_of(limit)) & !word & eight_of(0x80)
}

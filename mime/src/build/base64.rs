//! Writing base64 (RFC 2045 §6.8): lines of 76 characters, each ended by CRLF.
//!
//! Many lines are encoded with one call, because lines are too short for vector instructions, and then put apart.

use base64::Engine;

use crate::coding::base64::large;

/// How many bytes become one line.
pub(super) const BYTES: usize = 57;
/// How many characters a line has.
const LINE: usize = 76;
/// How many characters it has with its end.
const ENDED: usize = LINE + 2;

/// How many lines are encoded with one call where there are many.
const MANY: usize = 96;
/// And where there are few: the space for more would take longer to clear than they to encode.
const FEW: usize = 8;

/// Appends the lines of `bytes`. Of content that comes in pieces, all but the last have to be whole lines.
pub(super) fn write(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(length(bytes.len()));
    if bytes.len() <= BYTES * FEW {
        blocks(bytes, &mut [0; LINE * FEW], &mut [0; ENDED * FEW], out);
    } else {
        blocks(bytes, &mut [0; LINE * MANY], &mut [0; ENDED * MANY], out);
    }
}

/// How many characters [`write`] makes of so many bytes.
pub(super) fn length(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4 + bytes.div_ceil(BYTES) * 2
}

fn blocks(bytes: &[u8], text: &mut [u8], lines: &mut [u8], out: &mut Vec<u8>) {
    for block in bytes.chunks(text.len() / LINE * BYTES) {
        fetch(block);
        let length = large().encode_slice(block, text).unwrap_or(0);
        let filled = put_apart(text.get(..length).unwrap_or_default(), lines);
        out.extend_from_slice(lines.get(..filled).unwrap_or_default());
    }
}

/// Has the processor fetch bytes that are not in its cache: many at once, where the encoder would wait for each.
fn fetch(block: &[u8]) {
    std::hint::black_box(block.iter().step_by(64).fold(0, |all, byte| all ^ byte));
}

/// Copies text into lines with their ends; tells how much of the space it took. The lines are gathered before they are
/// appended, because memory that is not in the cache wants to be written in large pieces.
fn put_apart(text: &[u8], lines: &mut [u8]) -> usize {
    let whole = text.chunks_exact(LINE);
    let last = whole.remainder();
    let mut filled = 0;
    for (line, space) in whole.zip(lines.chunks_exact_mut(ENDED)) {
        // Arrays, so that the copy is a few moves.
        if let (Some(from), Some(to)) =
            (line.first_chunk::<LINE>(), space.first_chunk_mut::<LINE>())
        {
            *to = *from;
        }
        if let Some(end) = space.last_chunk_mut() {
            *end = *b"\r\n";
        }
        filled += ENDED;
    }
    if last.is_empty() {
        return filled;
    }
    let space = lines.get_mut(filled..).unwrap_or_default();
    for (from, to) in last.iter().chain(b"\r\n").zip(space) {
        *to = *from;
    }
    filled + last.len() + 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coding::base64::decode;

    #[test]
    fn rfc2045_6_8_lines_have_76_characters_and_the_length_is_known() {
        for size in [
            0, 1, 2, 3, 56, 57, 58, 114, 455, 456, 457, 5471, 5472, 5473, 20_000,
        ] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let mut text = Vec::new();
            write(&bytes, &mut text);
            assert_eq!(text.len(), length(size));
            assert!(text.is_empty() || text.ends_with(b"\r\n"));
            assert!(text.split(|b| *b == b'\n').all(|l| l.len() <= 77));
            let mut read = Vec::new();
            assert_eq!(decode(&text, &mut read), None);
            assert_eq!(read, bytes);
        }
    }

    #[test]
    fn pieces_of_whole_lines_make_the_same_text() {
        let bytes: Vec<u8> = (0..3000_u32).map(|i| (i * 7 % 256) as u8).collect();
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        write(&bytes, &mut whole);
        bytes
            .chunks(BYTES * 5)
            .for_each(|piece| write(piece, &mut pieces));
        assert_eq!(pieces, whole);
    }
}

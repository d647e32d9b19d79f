//! Symbols by table, one group at a time: for targets and users without vector instructions.

use super::{LINE, LINE_BYTES, Lines, decoded_length_of};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// In the table of values: no symbol.
const NONE: u8 = 0xFF;

const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

fn value(symbol: u8) -> u8 {
    VALUES.get(usize::from(symbol)).copied().unwrap_or(NONE)
}

fn symbol(bits: u32) -> u8 {
    ALPHABET.get(bits as usize & 63).copied().unwrap_or(b'=')
}

/// Appends what lines of symbols say. If anything else stands in them, nothing is appended, and it is false.
pub(super) fn decode(text: &[u8], lines: Lines, out: &mut Vec<u8>) -> bool {
    let length = out.len();
    out.resize(length + decoded_length_of(lines.symbols(text.len())), 0);
    let mut space = out.get_mut(length..).unwrap_or_default();
    let mut all = lines.end_well(text);
    for line in lines.of(text) {
        let groups = line.chunks(4);
        let (here, after) = space.split_at_mut(space.len().min(decoded_length_of(line.len())));
        for (group, to) in groups.zip(here.chunks_mut(3)) {
            all &= decode_group(group, to);
        }
        space = after;
    }
    if !all {
        out.truncate(length);
    }
    all
}

/// Decodes a group of four symbols, or of two or three at the end; false if one of them is none.
fn decode_group(group: &[u8], to: &mut [u8]) -> bool {
    let mut bits = 0;
    let mut seen = 0;
    for place in 0..4 {
        let value = group.get(place).map_or(0, |symbol| value(*symbol));
        seen |= value;
        bits = bits << 6 | u32::from(value & 63);
    }
    let [_, bytes @ ..] = bits.to_be_bytes();
    to.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    seen != NONE
}

/// Appends the text of `bytes` in lines of 76 symbols, each ended by CRLF.
pub(super) fn encode_lines(bytes: &[u8], out: &mut Vec<u8>) {
    for line in bytes.chunks(LINE_BYTES) {
        let mut text = [b'='; LINE];
        let length = encode_into(line, &mut text);
        out.extend_from_slice(text.get(..length).unwrap_or_default());
        out.extend_from_slice(b"\r\n");
    }
}

/// The text of `bytes`, in one line.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = vec![b'='; bytes.len().div_ceil(3) * 4];
    encode_into(bytes, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Encodes into space that is filled with padding; tells how much of it was taken.
fn encode_into(bytes: &[u8], text: &mut [u8]) -> usize {
    for (group, to) in bytes.chunks(3).zip(text.chunks_exact_mut(4)) {
        let byte = |place: usize| group.get(place).map_or(0, |byte| u32::from(*byte));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (place, to) in to.iter_mut().enumerate().take(group.len() + 1) {
            *to = symbol(bits >> (18 - 6 * place));
        }
    }
    bytes.len().div_ceil(3) * 4
}

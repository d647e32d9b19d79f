//! Symbols with the vector instructions of the processor, by the crate encodify: what is `unsafe` stays there.

use encodify::base64::{LENIENT, MIME, STANDARD};

use super::{Lines, decoded_length_of};

/// Appends what lines of symbols say. If anything else stands in them, nothing is appended, and it is false.
pub(super) fn decode(text: &[u8], lines: Lines, out: &mut Vec<u8>) -> bool {
    let length = out.len();
    let expected = decoded_length_of(lines.symbols(text.len()));
    // The decoder passes over white space and over padding: either of them in the place of a symbol makes it too little.
    let all = LENIENT
        .decode_append(text, out)
        .is_ok_and(|decoded| decoded == expected)
        && lines.end_well(text);
    if !all {
        out.truncate(length);
    }
    all
}

/// Appends the text of `bytes` in lines of 76 symbols, each ended by CRLF.
pub(super) fn encode_lines(bytes: &[u8], out: &mut Vec<u8>) {
    MIME.encode_append(bytes, out);
}

/// The text of `bytes`, in one line.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

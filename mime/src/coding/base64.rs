//! Base64 (RFC 2045 §6.8): read leniently, written in lines of 76.
//!
//! Reading skips every byte outside the alphabet, ends at the padding, and keeps what a cut group still says.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::defect::DefectKind;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How many characters are decoded in one call: a multiple of 4, small enough for the stack.
const BLOCK: usize = 8192;

/// How many bytes become one line of 76 characters.
const LINE_BYTES: usize = 57;
/// How many characters a full line has, with its line end.
const LINE: usize = 78;

/// Appends the content of base64 text to `out`.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<DefectKind> {
    out.reserve(text.len() / 4 * 3);
    let mut block = [0_u8; BLOCK];
    let mut filled = 0;
    let mut junk = false;
    let mut rest = text;
    let mut padded = false;
    while !rest.is_empty() && !padded {
        let run = rest
            .iter()
            .position(|b| !is_base64(*b))
            .unwrap_or(rest.len());
        let (mut symbols, after) = rest.split_at(run);
        while !symbols.is_empty() {
            let take = symbols.len().min(BLOCK - filled);
            let (now, later) = symbols.split_at(take);
            if let Some(space) = block.get_mut(filled..filled + take) {
                space.copy_from_slice(now);
            }
            filled += take;
            symbols = later;
            if filled == BLOCK {
                junk |= !decode_block(&block, out);
                filled = 0;
            }
        }
        match after.split_first() {
            Some((b'=', after)) => {
                padded = true;
                junk |= after
                    .iter()
                    .any(|b| !matches!(b, b'=' | b' ' | b'\t' | b'\r' | b'\n'));
            }
            Some((other, after)) => {
                junk |= !other.is_ascii_whitespace();
                rest = after;
            }
            None => rest = after,
        }
    }
    // One symbol alone holds six bits: no byte.
    let whole = if filled % 4 == 1 { filled - 1 } else { filled };
    let cut = filled % 4 == 1 || (filled % 4 != 0 && !padded) || (padded && filled % 4 == 0);
    junk |= !decode_block(block.get(..whole).unwrap_or_default(), out);
    (junk || cut).then_some(DefectKind::BadBase64)
}

/// Appends the content of base64 text that is expected to be a few words long.
pub(crate) fn decode_small(text: &[u8], out: &mut Vec<u8>) -> Option<DefectKind> {
    let length = out.len();
    match LENIENT.decode_vec(text, out) {
        Ok(()) => None,
        Err(_) => {
            out.truncate(length);
            decode(text, out)
        }
    }
}

/// Decodes symbols of the alphabet only. False when they were no base64 all the same.
fn decode_block(symbols: &[u8], out: &mut Vec<u8>) -> bool {
    LENIENT.decode_vec(symbols, out).is_ok()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Writes `bytes` as base64 lines of 76 characters, each ended by CRLF.
pub(crate) fn write<W: std::io::Write>(bytes: &[u8], out: &mut W) -> std::io::Result<()> {
    let mut lines = [0_u8; LINE * 100];
    for chunk in bytes.chunks(LINE_BYTES * 100) {
        let mut filled = 0;
        for line in chunk.chunks(LINE_BYTES) {
            let space = lines.get_mut(filled..).unwrap_or_default();
            filled += LENIENT.encode_slice(line, space).unwrap_or(0);
            if let Some(end) = lines.get_mut(filled..filled + 2) {
                end.copy_from_slice(b"\r\n");
            }
            filled += 2;
        }
        out.write_all(lines.get(..filled).unwrap_or_default())?;
    }
    Ok(())
}

/// The base64 text of `bytes`, in one line.
pub(crate) fn encode_word(bytes: &[u8]) -> String {
    LENIENT.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<u8>, Option<DefectKind>) {
        let mut out = Vec::new();
        let defect = decode(text.as_bytes(), &mut out);
        (out, defect)
    }

    const BAD: Option<DefectKind> = Some(DefectKind::BadBase64);

    #[test]
    fn rfc4648_10_test_vectors_both_ways() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(read(text), (bytes.as_bytes().to_vec(), None), "{text}");
            assert_eq!(encode_word(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn rfc2045_6_8_other_characters_are_skipped() {
        assert_eq!(read("Zm\r\n9v Ym\tFy\r\n"), (b"foobar".to_vec(), None));
        assert_eq!(read("Zm-9v_Ym*Fy"), (b"foobar".to_vec(), BAD));
    }

    #[test]
    fn a_cut_group_keeps_what_it_says() {
        assert_eq!(read("Zm9vYg"), (b"foob".to_vec(), BAD));
        assert_eq!(read("Zm9vY"), (b"foo".to_vec(), BAD));
        assert_eq!(read("Zm9vYg==\r\n\r\n"), (b"foob".to_vec(), None));
    }

    #[test]
    fn nothing_is_read_after_the_padding() {
        assert_eq!(read("Zg==Zm9v"), (b"f".to_vec(), BAD));
    }

    #[test]
    fn lines_have_76_characters_and_the_length_is_known() {
        for length in [0, 1, 2, 3, 56, 57, 58, 114, 5699, 5700, 5701, 20_000] {
            let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let mut text = Vec::new();
            write(&bytes, &mut text).unwrap();

            assert!(text.split(|b| *b == b'\n').all(|l| l.len() <= 77));
            assert_eq!(read(std::str::from_utf8(&text).unwrap()), (bytes, None));
        }
    }
}

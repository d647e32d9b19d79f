//! Base64 (RFC 2045 §6.8), read leniently.
//!
//! Reading skips every byte outside the alphabet, ends at the padding, and keeps what a cut group still says.
//!
//! Lines are gathered in a block on the stack and decoded with one call, because a call per line costs more than the
//! decoding. Only a block that is not clean base64 is looked at byte by byte.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::defect::DefectKind;

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// For a few words: it needs no setting up.
const SMALL: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);

/// For blocks: the fastest engine of this processor.
#[cfg(all(
    feature = "simd",
    any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_feature = "neon")
    )
))]
pub(crate) fn large() -> &'static impl Engine {
    use base64::engine::Simd;
    use std::sync::OnceLock;
    static LARGE: OnceLock<Simd> = OnceLock::new();
    LARGE.get_or_init(|| Simd::standard(CONFIG))
}

/// For blocks, where there are no vector instructions to use.
#[cfg(not(all(
    feature = "simd",
    any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_feature = "neon")
    )
)))]
pub(crate) fn large() -> &'static impl Engine {
    &SMALL
}

/// How many characters nearly every line has: the most that are allowed.
const LINE: usize = 76;
/// How many characters are decoded in one call: a multiple of 4, and so few that they stay in the nearest cache.
const BLOCK: usize = 24 * LINE;

/// Appends the content of base64 text to `out`.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<DefectKind> {
    out.reserve(text.len() / 4 * 3);
    let mut decoder = Decoder::new(out);
    decoder.feed(text);
    decoder.finish()
}

/// Appends the content of base64 text that is expected to be a few words long.
pub(crate) fn decode_small(text: &[u8], out: &mut Vec<u8>) -> Option<DefectKind> {
    let length = out.len();
    match SMALL.decode_vec(text, out) {
        Ok(()) => None,
        Err(_) => {
            out.truncate(length);
            decode(text, out)
        }
    }
}

/// Decodes text that comes in pieces.
struct Decoder<'o> {
    out: &'o mut Vec<u8>,
    block: [u8; BLOCK],
    filled: usize,
    /// The padding was met: nothing more counts.
    padded: bool,
    bad: bool,
}

impl<'o> Decoder<'o> {
    fn new(out: &'o mut Vec<u8>) -> Self {
        Self {
            out,
            block: [0; BLOCK],
            filled: 0,
            padded: false,
            bad: false,
        }
    }

    fn feed(&mut self, text: &[u8]) {
        let mut rest = self.full_lines(text);
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            self.line(line.strip_suffix(b"\r").unwrap_or(line));
            rest = self.full_lines(after.get(1..).unwrap_or_default());
        }
        self.line(rest);
    }

    /// Takes the lines of full length at the front of a text, without looking for their ends; gives what follows them.
    fn full_lines<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let mut rest = text;
        while let Some((line, after)) = rest.split_first_chunk::<LINE>() {
            let ([b'\r', b'\n', after @ ..] | [b'\n', after @ ..]) = after else {
                break;
            };
            if BLOCK - self.filled < LINE {
                self.decode_block(false);
            }
            let space = self.block.get_mut(self.filled..);
            let Some(space) = space.and_then(<[u8]>::first_chunk_mut::<LINE>) else {
                break;
            };
            if self.padded {
                break;
            }
            *space = *line;
            self.filled += LINE;
            rest = after;
        }
        rest
    }

    fn line(&mut self, mut line: &[u8]) {
        while !line.is_empty() {
            if self.padded {
                self.bad |= !line.iter().all(|b| *b == b'=' || b.is_ascii_whitespace());
                return;
            }
            let (now, later) = line.split_at(line.len().min(BLOCK - self.filled));
            if let Some(space) = self.block.get_mut(self.filled..self.filled + now.len()) {
                space.copy_from_slice(now);
            }
            self.filled += now.len();
            line = later;
            if self.filled == BLOCK {
                self.decode_block(false);
            }
        }
    }

    /// Decodes what the block holds; up to three symbols that make no whole group stay for the next one.
    fn decode_block(&mut self, last: bool) {
        let bytes = self.block.get(..self.filled).unwrap_or_default();
        let length = self.out.len();
        if bytes.len() % 4 == 0 && large().decode_vec(bytes, self.out).is_ok() {
            self.padded = bytes.ends_with(b"=");
            self.filled = 0;
            return;
        }
        self.out.truncate(length);
        self.sift();
        let symbols = self.block.get(..self.filled).unwrap_or_default();
        let left = symbols.len() % 4;
        let ends = last || self.padded;
        // A group of two or three symbols holds one or two bytes; one symbol alone holds six bits: no byte.
        let whole = symbols.len() - if ends && left != 1 { 0 } else { left };
        self.bad |= ends && (left == 1 || (left == 0) == self.padded);
        if SMALL
            .decode_vec(symbols.get(..whole).unwrap_or_default(), self.out)
            .is_err()
        {
            self.bad = true;
        }
        self.block.copy_within(whole..self.filled, 0);
        self.filled -= whole;
    }

    /// Drops what is no symbol, and everything from the padding on.
    fn sift(&mut self) {
        let mut kept = 0;
        for at in 0..self.filled {
            let Some(byte) = self.block.get(at).copied() else {
                break;
            };
            if self.padded {
                self.bad |= byte != b'=' && !byte.is_ascii_whitespace();
            } else if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') {
                if let Some(slot) = self.block.get_mut(kept) {
                    *slot = byte;
                    kept += 1;
                }
            } else if byte == b'=' {
                self.padded = true;
            } else {
                self.bad |= !byte.is_ascii_whitespace();
            }
        }
        self.filled = kept;
    }

    fn finish(mut self) -> Option<DefectKind> {
        if self.filled > 0 {
            self.decode_block(true);
        }
        self.bad.then_some(DefectKind::BadBase64)
    }
}

/// How many bytes [`decode`] makes of this text.
pub(crate) fn decoded_length(text: &[u8]) -> usize {
    let text = memchr::memchr(b'=', text)
        .and_then(|end| text.get(..end))
        .unwrap_or(text);
    let symbols = text
        .iter()
        .filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        .count();
    symbols / 4 * 3 + (symbols % 4).saturating_sub(1)
}

/// The base64 text of `bytes`, in one line.
pub(crate) fn encode_word(bytes: &[u8]) -> String {
    SMALL.encode(bytes)
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

    /// The rule of this module, one byte at a time.
    fn naive(text: &[u8]) -> Vec<u8> {
        let mut bits = 0_u32;
        let mut count = 0;
        let mut out = Vec::new();
        for byte in text {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => break,
                _ => continue,
            };
            bits = bits << 6 | u32::from(value);
            count += 6;
            if count >= 8 {
                count -= 8;
                out.push((bits >> count) as u8);
            }
        }
        out
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

        #[test]
        fn any_text_is_read_as_the_rule_says(
            lines in proptest::collection::vec("[A-Za-z0-9+/]{0,200}[-*=]{0,1}[A-Za-z0-9+/]{0,9}=?|([A-Za-z0-9+/]{76}(\r?\n)?){1,9}", 0..80),
            end in "\r?\n",
        ) {
            let text = lines.join(&end);
            proptest::prop_assert_eq!(read(&text).0, naive(text.as_bytes()));
            proptest::prop_assert_eq!(decoded_length(text.as_bytes()), naive(text.as_bytes()).len());
        }
    }
}

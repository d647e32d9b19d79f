//! Base64 (RFC 2045 §6.8).
//!
//! Reading skips every byte outside the alphabet, ends at the padding, and keeps what a cut group still says.
//!
//! Nearly all text is lines of one length and of symbols only: those are decoded many at once, where they stand. What is
//! not like that is gathered in a block on the stack, and only a block that is not clean is looked at byte by byte.

#[cfg(not(feature = "simd"))]
mod table;
#[cfg(feature = "simd")]
mod vector;

#[cfg(not(feature = "simd"))]
use table as codec;
#[cfg(feature = "simd")]
use vector as codec;

use crate::defect::DefectKind;

/// How many characters nearly every line has: the most that are allowed.
const LINE: usize = 76;
/// How many bytes become one such line.
pub(crate) const LINE_BYTES: usize = LINE / 4 * 3;
/// How many characters of whole lines are decoded in one call, so that what was read is in the nearest cache still when
/// the ends of the lines are looked at.
const RUN: usize = 8 << 10;
/// How many characters of other lines are gathered: a multiple of 4.
const BLOCK: usize = 24 * LINE;

/// Lines of symbols, each of one length and followed by its end.
#[derive(Clone, Copy, Debug)]
struct Lines {
    length: usize,
    /// How many characters end a line: CRLF, LF, or nothing.
    end: usize,
}

impl Lines {
    /// All symbols in one line without an end.
    fn one(symbols: &[u8]) -> Self {
        Self {
            length: symbols.len(),
            end: 0,
        }
    }

    /// The lines at the front of a text, if the first two are alike and divide it between groups.
    fn at_front(text: &[u8]) -> Option<Self> {
        let front = text.get(..RUN / 2).unwrap_or(text);
        let first = memchr::memchr(b'\n', front)?;
        let length = match text.get(..first)? {
            [line @ .., b'\r'] => line.len(),
            line => line.len(),
        };
        let lines = Self {
            length,
            end: first + 1 - length,
        };
        let second = text.get(lines.stride()..lines.stride() * 2)?;
        (length > 0 && length % 4 == 0 && lines.ends(second)).then_some(lines)
    }

    fn stride(self) -> usize {
        self.length + self.end
    }

    /// How many symbols a text of whole lines has room for.
    fn symbols(self, text: usize) -> usize {
        text - text / self.stride().max(1) * self.end
    }

    /// The lines without their ends.
    #[cfg(not(feature = "simd"))]
    fn of(self, text: &[u8]) -> impl Iterator<Item = &[u8]> {
        let lines = text.chunks(self.stride().max(1));
        lines.map(move |line| line.get(..self.length).unwrap_or(line))
    }

    fn ends(self, line: &[u8]) -> bool {
        match self.end {
            0 => true,
            1 => line.ends_with(b"\n"),
            _ => line.ends_with(b"\r\n"),
        }
    }

    /// Whether every line of a text of whole lines has its end where it should be.
    fn end_well(self, text: &[u8]) -> bool {
        let mut lines = text.chunks_exact(self.stride().max(1));
        self.end == 0 || lines.all(|line| self.ends(line))
    }
}

/// How many bytes so many symbols hold: three for four of them, and what two or three say more.
fn decoded_length_of(symbols: usize) -> usize {
    symbols / 4 * 3 + (symbols % 4).saturating_sub(1)
}

/// Appends the content of base64 text to `out`.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<DefectKind> {
    out.reserve(text.len().div_ceil(4) * 3);
    let mut decoder = Decoder::new(out);
    decoder.feed(text);
    decoder.finish()
}

/// Appends the content of base64 text that is expected to be a few words long, in one line and without a flaw.
pub(crate) fn decode_word(text: &[u8], out: &mut Vec<u8>) {
    let symbols = without_padding(text);
    let whole = symbols.len() % 4 != 1;
    if !(whole && codec::decode(symbols, Lines::one(symbols), out)) {
        decode(text, out);
    }
}

fn without_padding(text: &[u8]) -> &[u8] {
    let one = text.strip_suffix(b"=").unwrap_or(text);
    one.strip_suffix(b"=").unwrap_or(one)
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
        let mut rest = self.whole_lines(text);
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            self.line(line.strip_suffix(b"\r").unwrap_or(line));
            rest = self.whole_lines(after.get(1..).unwrap_or_default());
        }
        self.line(rest);
    }

    /// Takes the lines of one length at the front of a text; gives what follows them.
    fn whole_lines<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let mut rest = text;
        while let Some(lines) = Lines::at_front(rest).filter(|_| self.is_between_groups()) {
            let count = rest.len().min(RUN) / lines.stride();
            let (run, after) = rest.split_at(count * lines.stride());
            if !codec::decode(run, lines, self.out) {
                // Taken line by line as a whole, so that nothing is tried twice.
                for line in run.split(|b| *b == b'\n') {
                    self.line(line.strip_suffix(b"\r").unwrap_or(line));
                }
            }
            rest = after;
        }
        rest
    }

    /// Whether what was read so far is whole groups, all of them decoded, and more may follow.
    fn is_between_groups(&mut self) -> bool {
        if self.filled > 0 && self.filled % 4 == 0 {
            self.decode_block(false);
        }
        self.filled == 0 && !self.padded
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
        let symbols = without_padding(bytes);
        if bytes.len() % 4 == 0 && codec::decode(symbols, Lines::one(symbols), self.out) {
            self.padded = symbols.len() < bytes.len();
            self.filled = 0;
            return;
        }
        self.sift();
        let symbols = self.block.get(..self.filled).unwrap_or_default();
        let left = symbols.len() % 4;
        let ends = last || self.padded;
        // A group of two or three symbols holds one or two bytes; one symbol alone holds six bits: no byte.
        let whole = symbols.len() - if ends && left != 1 { 0 } else { left };
        self.bad |= ends && (left == 1 || (left == 0) == self.padded);
        let symbols = symbols.get(..whole).unwrap_or_default();
        self.bad |= !codec::decode(symbols, Lines::one(symbols), self.out);
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
    decoded_length_of(symbols)
}

/// The base64 text of `bytes`, in one line.
pub(crate) fn encode_word(bytes: &[u8]) -> String {
    codec::encode(bytes)
}

/// Appends the base64 text of `bytes` in lines of 76 characters, each ended by CRLF (RFC 2045 §6.8).
pub(crate) fn encode_lines(bytes: &[u8], out: &mut Vec<u8>) {
    codec::encode_lines(bytes, out);
}

/// How many characters [`encode_lines`] makes of so many bytes.
pub(crate) fn encoded_length(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4 + bytes.div_ceil(LINE_BYTES) * 2
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
    fn rfc2045_6_8_behind_the_padding_white_space_and_more_padding_are_no_flaw() {
        for (text, bad) in [
            ("SGVsbG8=\r\n", false),
            ("SGVsbG8=\r\n\r\n \t\r\n", false),
            ("SGVsbG8=\r\n=\r\n= =\r\n", false),
            ("SGVs\r\nbG8=\r\n = \r\n", false),
            ("SGVsbG8=\r\nbG8=\r\n", true),
            ("SGVsbG8=\r\n = *\r\n", true),
        ] {
            let mut out = Vec::new();
            assert_eq!(decode(text.as_bytes(), &mut out).is_some(), bad, "{text:?}");
            assert_eq!(out, b"Hello", "{text:?}");
        }
    }

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
    fn rfc2045_6_8_lines_have_76_characters_and_the_length_is_known() {
        for size in [0, 1, 2, 3, 56, 57, 58, 114, 5471, 5472, 5473, 20_000] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let mut text = Vec::new();
            encode_lines(&bytes, &mut text);
            assert_eq!(text.len(), encoded_length(size));
            assert!(text.is_empty() || text.ends_with(b"\r\n"));
            let mut lines = text.split(|b| *b == b'\n');
            assert!(lines.all(|l| l.len() <= 77));
            let mut pieces = Vec::new();
            let whole_lines = bytes.chunks(LINE_BYTES * 5);
            whole_lines.for_each(|piece| encode_lines(piece, &mut pieces));
            assert_eq!(pieces, text);
            let mut read = Vec::new();
            assert_eq!(decode(&text, &mut read), None);
            assert_eq!(read, bytes);
        }
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
    fn lines_that_follow_the_padding_are_not_read_wherever_it_stands() {
        for groups in [1, 2, BLOCK / 4 - 1, BLOCK / 4, BLOCK / 4 + 1, BLOCK / 2] {
            let before = "AAAA".repeat(groups - 1);
            let text = format!("{before}Zg==\nZm9v\nZm9v\nZm9v\n");
            assert_eq!(read(&text), (naive(text.as_bytes()), BAD), "{groups}");
        }
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

    #[test]
    fn so_many_symbols_hold_so_many_bytes() {
        let lengths: Vec<_> = (0..10).map(decoded_length_of).collect();
        assert_eq!(lengths, [0, 0, 1, 2, 3, 3, 4, 5, 6, 6]);
        assert_eq!(
            ["Zg==", "Zm 8=", "Zm9v", "Z", "-", "+/9A=AAAA"].map(|t| decoded_length(t.as_bytes())),
            [1, 2, 3, 0, 0, 3]
        );
    }

    #[test]
    fn rfc2045_6_8_lines_of_whole_groups_are_known_by_the_first_two() {
        let (longest, longer) = ("A".repeat(RUN / 2 - 4), "A".repeat(RUN / 2));
        for (line, end, known) in [
            ("AAAA", "\r\n", true),
            ("AAAA", "\n", true),
            ("AAAAAAAA", "\n", true),
            ("AAA", "\n", false),
            ("AAAAA", "\r\n", false),
            ("", "\n", false),
            ("", "\r\n", false),
            (&longest, "\n", true),
            (&longer, "\n", false),
        ] {
            let one = [line, end].concat();
            let lines = Lines::at_front(one.repeat(2).as_bytes());
            let found = lines.map(|lines| (lines.length, lines.end, lines.stride()));
            let expected = known.then_some((line.len(), end.len(), one.len()));
            assert_eq!(found, expected, "{} {end:?}", line.len());
            assert!(
                Lines::at_front(one.as_bytes()).is_none(),
                "there is one line only"
            );
        }
        for unlike in [
            "AAAA\nAAAAA\n",
            "AAAA\nAAA\n",
            "AAAA\r\nAAAA\nA",
            "AAAA\nAAAA",
            "AAAA",
        ] {
            assert!(Lines::at_front(unlike.as_bytes()).is_none(), "{unlike:?}");
        }
    }

    #[test]
    fn lines_have_their_ends_and_room_for_their_symbols() {
        let lines = |length, end| Lines { length, end };
        assert_eq!(lines(4, 2).symbols(18), 12);
        assert_eq!(lines(4, 1).symbols(15), 12);
        assert_eq!(Lines::one(b"abcdefg").symbols(7), 7);
        for (length, end, text, well) in [
            (4, 2, "AAAA\r\nAAAA\r\n", true),
            (4, 2, "AAAA\r\nAAAAA\n", false),
            (4, 2, "AAAAA\nAAAA\r\n", false),
            (4, 1, "AAAA\nAAAA\n", true),
            (4, 1, "AAAA\nAAAAA", false),
            (4, 0, "AAAAAAAA", true),
        ] {
            assert_eq!(
                lines(length, end).end_well(text.as_bytes()),
                well,
                "{text:?}"
            );
        }
    }

    #[test]
    fn rfc2045_6_8_a_word_is_read_with_its_padding_and_without() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zg=", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vY", b"foo"),
            ("Zm 9v", b"foo"),
            ("Zm9v====", b"foo"),
            ("Zg==Zm9v", b"f"),
        ] {
            let mut out = b"x".to_vec();
            decode_word(text.as_bytes(), &mut out);
            assert_eq!(out, [b"x", bytes].concat(), "{text:?}");
        }
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

        #[test]
        fn one_character_in_many_lines_is_read_as_the_rule_says(
            line in "[A-Za-z0-9+/]{1,100}",
            end in "\r?\n|[A\r=]",
            count in 2_usize..300,
            place in 0_usize..10_000,
            other in "[=*A\r\n\t ]|",
        ) {
            let mut text = [line, end].concat().repeat(count);
            let place = place % text.len();
            text.replace_range(place..place + 1, &other);
            proptest::prop_assert_eq!(read(&text).0, naive(text.as_bytes()));
        }
    }

    #[test]
    fn rfc2045_6_8_white_space_and_padding_on_lines_behind_a_padded_block_are_no_flaw() {
        let block = "AAAA".repeat(BLOCK / 4 - 1) + "Zg==";
        for (behind, flaw) in [
            ("\r\n \t\r\n", None),
            ("\r\n=\r\n= =\r\n", None),
            ("\r\n \r\nZm9v\r\n", BAD),
            ("\r\n = *", BAD),
        ] {
            let text = [&block, behind].concat();
            assert_eq!(read(&text), (naive(text.as_bytes()), flaw), "{behind:?}");
        }
    }

    #[test]
    fn rfc2045_6_8_a_text_that_fills_a_block_is_read_whatever_its_length() {
        for length in [
            BLOCK - 2,
            BLOCK - 1,
            BLOCK,
            BLOCK + 1,
            2 * BLOCK,
            2 * BLOCK + 3,
        ] {
            for odd in ["", "*", " "] {
                let text = format!("{odd}{}", "Zm9v".repeat(BLOCK))
                    .split_at(length)
                    .0
                    .to_owned();
                let cut = naive(text.as_bytes());
                let symbols = length - odd.len();
                let flaw = if odd == "*" || symbols % 4 != 0 {
                    BAD
                } else {
                    None
                };
                assert_eq!(read(&text), (cut, flaw), "{length} {odd:?}");
            }
        }
    }
}

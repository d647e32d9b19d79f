use std::mem;

use super::base64;
use super::quoted_printable;
use super::uuencode::Uuencoded;
use super::y_enc::YEnc;
use super::{TransferEncoding, identity_defect};
use crate::defect::DefectKind;

/// Takes a transfer encoding off a body that comes in pieces, in bounded memory.
///
/// The content is that of [`Part::content`](crate::Part::content), whatever the pieces are, as long as lines have no more than
/// 64 KiB: of a longer line the pieces are read as lines of their own. Base64 has no lines, and no limit.
///
/// ```
/// use postrider_mime::{TransferDecoder, TransferEncoding};
///
/// let mut decoder = TransferDecoder::new(TransferEncoding::Base64);
/// let mut content = Vec::new();
/// for piece in ["SGV", "sbG8s\r\n", "IHlvdQ=="] {
///     decoder.decode(piece.as_bytes(), &mut content);
/// }
/// assert_eq!(decoder.finish(&mut content), None);
/// assert_eq!(content, b"Hello, you");
/// ```
#[derive(Debug)]
pub struct TransferDecoder {
    encoding: Encoding,
    /// What arrived and waits for more: a group of base64, or a line.
    waiting: Vec<u8>,
    bad: bool,
}

#[derive(Debug)]
enum Encoding {
    Identity(TransferEncoding),
    Base64 { padded: bool },
    QuotedPrintable,
    Uuencode(Uuencoded),
    YEnc(YEnc),
}

/// A line of more bytes is not waited for.
const LONGEST_LINE: usize = 64 << 10;

impl TransferDecoder {
    /// Waits for the first byte.
    pub fn new(encoding: TransferEncoding) -> Self {
        let encoding = match encoding {
            TransferEncoding::Base64 => Encoding::Base64 { padded: false },
            TransferEncoding::QuotedPrintable => Encoding::QuotedPrintable,
            TransferEncoding::Uuencode => Encoding::Uuencode(Uuencoded::default()),
            TransferEncoding::YEnc => Encoding::YEnc(YEnc::default()),
            identity => Encoding::Identity(identity),
        };
        Self {
            encoding,
            waiting: Vec::new(),
            bad: false,
        }
    }

    /// Takes the next bytes of the body, and appends to `out` the content that is sure.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match &mut self.encoding {
            Encoding::Identity(_) => out.extend_from_slice(bytes),
            Encoding::Base64 { padded } => {
                let mut symbols = bytes;
                if !*padded {
                    if let Some(at) = memchr::memchr(b'=', bytes) {
                        symbols = bytes.get(..at).unwrap_or_default();
                    }
                    self.bad |= groups(&mut self.waiting, symbols, out);
                    *padded = symbols.len() < bytes.len();
                    symbols = bytes.get(symbols.len()..).unwrap_or_default();
                }
                let nothing = |b: &u8| *b == b'=' || b.is_ascii_whitespace();
                self.bad |= *padded && !symbols.iter().all(nothing);
            }
            _ => {
                self.waiting.extend_from_slice(bytes);
                if let Some(end) = self.end_of_lines(bytes.len()) {
                    let waiting = mem::take(&mut self.waiting);
                    let (lines, rest) = waiting.split_at(end);
                    self.lines(lines, out);
                    self.waiting.extend_from_slice(rest);
                }
            }
        }
    }

    /// How much of what waits is lines, where the last `new` bytes have just arrived.
    fn end_of_lines(&self, new: usize) -> Option<usize> {
        let before = self.waiting.len() - new;
        let arrived = self.waiting.get(before..).unwrap_or_default();
        match memchr::memrchr(b'\n', arrived) {
            Some(at) => Some(before + at + 1),
            None if self.waiting.len() <= LONGEST_LINE => None,
            None => Some(sure_of_line(&self.waiting)),
        }
    }

    fn lines(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let defect = match &mut self.encoding {
            Encoding::Uuencode(lines) => return lines.lines(text, out),
            Encoding::YEnc(lines) => return lines.lines(text, out),
            _ => quoted_printable::decode(text, out),
        };
        self.bad |= defect.is_some();
    }

    /// Nothing follows: appends the last of the content. What was wrong with the encoding is returned.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Option<DefectKind> {
        let waiting = mem::take(&mut self.waiting);
        match self.encoding {
            Encoding::Identity(encoding) => return identity_defect(encoding),
            Encoding::Base64 { padded } => {
                let left = waiting.len();
                if left > 1 {
                    base64::decode(&waiting, out);
                }
                // One symbol alone is no byte, and padding fills a group.
                let cut = left == 1 || (left == 0) == padded;
                return (self.bad || cut).then_some(DefectKind::BadBase64);
            }
            _ => self.lines(&waiting, out),
        }
        match self.encoding {
            Encoding::Uuencode(lines) => lines.finish(),
            Encoding::YEnc(lines) => lines.finish(),
            _ => self.bad.then_some(DefectKind::BadQuotedPrintable),
        }
    }
}

/// Decodes the whole groups of base64 in what waits and follows; up to three symbols stay. Whether other bytes were met.
fn groups(waiting: &mut Vec<u8>, text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut bad = false;
    let mut rest = text;
    while !(waiting.is_empty() || waiting.len() == 4) {
        let Some((byte, after)) = rest.split_first() else {
            break;
        };
        match is_symbol(*byte) {
            true => waiting.push(*byte),
            false => bad |= !byte.is_ascii_whitespace(),
        }
        rest = after;
    }
    if waiting.len() == 4 {
        base64::decode(waiting, out);
        waiting.clear();
    }
    if !waiting.is_empty() {
        return bad;
    }
    let symbols = rest.iter().enumerate().filter(|(_, b)| is_symbol(**b));
    let left = symbols.clone().count() % 4;
    let cut = symbols.rev().take(left).last();
    let (whole, cut) = rest.split_at(cut.map_or(rest.len(), |(at, _)| at));
    bad |= base64::decode(whole, out).is_some();
    for byte in cut {
        match is_symbol(*byte) {
            true => waiting.push(*byte),
            false => bad |= !byte.is_ascii_whitespace(),
        }
    }
    bad
}

fn is_symbol(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// How much of an unfinished line means the same whatever follows: white space and what begins with `=` may not.
fn sure_of_line(line: &[u8]) -> usize {
    let mut sure = line;
    loop {
        let blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'\r');
        let blanks = sure.iter().rev().take_while(blank).count();
        let text = sure.get(..sure.len() - blanks).unwrap_or_default();
        sure = match text {
            [before @ .., b'='] | [before @ .., b'=', _] => before,
            // Nothing is: it is text.
            [] => return line.len(),
            _ => return text.len(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_pieces(
        encoding: TransferEncoding,
        text: &[u8],
        cuts: &[usize],
    ) -> (Vec<u8>, Option<DefectKind>) {
        let mut decoder = TransferDecoder::new(encoding);
        let (mut out, mut rest) = (Vec::new(), text);
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*cut));
            decoder.decode(now, &mut out);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        let defect = decoder.finish(&mut out);
        (out, defect)
    }

    fn is_the_same(encoding: TransferEncoding, text: &[u8], cuts: &[usize]) {
        let whole = super::super::decode(encoding, text);
        let expected = (whole.bytes.into_owned(), whole.defect);
        let same = in_pieces(encoding, text, cuts) == expected;
        assert!(same, "{encoding:?} {}", text.escape_ascii());
    }

    #[test]
    fn of_an_unfinished_line_is_sure_what_means_the_same_whatever_follows() {
        for (line, sure) in [
            ("abc", 3),
            ("abc \t\r", 3),
            ("abc=", 3),
            ("abc=4", 3),
            ("abc=41", 6),
            ("abc =", 3),
            ("abc = ", 3),
            ("a b", 3),
            ("=", 1),
            ("  ", 2),
        ] {
            assert_eq!(sure_of_line(line.as_bytes()), sure, "{line:?}");
        }
    }

    #[test]
    fn a_line_is_waited_for_as_long_as_it_is_no_longer_than_the_longest() {
        let read = |length: usize| {
            let mut decoder = TransferDecoder::new(TransferEncoding::QuotedPrintable);
            let mut out = Vec::new();
            decoder.decode("x".repeat(length).as_bytes(), &mut out);
            (out.len(), decoder.waiting.len())
        };
        assert_eq!(read(LONGEST_LINE), (0, LONGEST_LINE));
        assert_eq!(read(LONGEST_LINE + 1), (LONGEST_LINE + 1, 0));
        let mut decoder = TransferDecoder::new(TransferEncoding::QuotedPrintable);
        let mut out = Vec::new();
        for (piece, content, waiting) in [
            ("ab", "", 2),
            ("c\nd\ne", "abc\nd\n", 1),
            ("\n", "abc\nd\ne\n", 0),
        ] {
            decoder.decode(piece.as_bytes(), &mut out);
            assert_eq!(
                (out.as_slice(), decoder.waiting.len()),
                (content.as_bytes(), waiting)
            );
        }
    }

    #[test]
    fn rfc2045_6_8_of_base64_fewer_symbols_than_a_group_wait() {
        let mut decoder = TransferDecoder::new(TransferEncoding::Base64);
        let mut out = Vec::new();
        for (piece, content, waiting) in [
            ("Zm", 0, 2),
            ("9vZ", 3, 1),
            ("\r\n", 3, 1),
            ("m9vZm9v", 9, 0),
            ("Zm8=", 9, 3),
        ] {
            decoder.decode(piece.as_bytes(), &mut out);
            assert_eq!(
                (out.len(), decoder.waiting.len()),
                (content, waiting),
                "{piece:?}"
            );
        }
        assert_eq!(decoder.finish(&mut out), None);
        assert_eq!(out, b"foofoofoofo");
    }

    proptest! {
        #[test]
        fn base64_in_pieces_is_the_same(
            text in "([A-Za-z0-9+/]{0,9}(\r\n|[-*= ])?){0,20}=?", cuts in prop::collection::vec(1_usize..9, 1..9),
        ) {
            is_the_same(TransferEncoding::Base64, text.as_bytes(), &cuts);
        }

        #[test]
        fn quoted_printable_in_pieces_is_the_same(
            text in "([a-zA-F ]{0,5}(=|=41|= \r\n|=C3|\t\r\n|\n|\r)?){0,20}", cuts in prop::collection::vec(1_usize..9, 1..9),
        ) {
            is_the_same(TransferEncoding::QuotedPrintable, text.as_bytes(), &cuts);
        }

        #[test]
        fn what_is_encoded_in_lines_is_the_same_in_pieces(
            lines in prop::collection::vec("begin 644 x|#0V%T|M0V|`|end|=ybegin size=3|=ypart x|k=lm|\\.\\.k|=yend size=3|\\PC{0,9}", 0..9),
            cuts in prop::collection::vec(1_usize..9, 1..9),
            end in "\r?\n",
        ) {
            let text = lines.join(&end);
            is_the_same(TransferEncoding::Uuencode, text.as_bytes(), &cuts);
            is_the_same(TransferEncoding::YEnc, text.as_bytes(), &cuts);
            is_the_same(TransferEncoding::EightBit, text.as_bytes(), &cuts);
            is_the_same(TransferEncoding::Unknown, text.as_bytes(), &cuts);
        }
    }

    #[test]
    fn a_flaw_of_base64_is_told_wherever_the_pieces_are_cut() {
        for (text, bad) in [
            ("SGVsbG8s", false),
            ("SG Vs\r\nbG8=", false),
            ("SGVs*bG8s", true),
            ("*SGVsbG8s", true),
            ("SGVsbG8s*", true),
            ("SGVsbG8s\u{b7}bG8s", true),
        ] {
            for cut in 1..=text.len() {
                let (_, defect) = in_pieces(TransferEncoding::Base64, text.as_bytes(), &[cut]);
                assert_eq!(defect.is_some(), bad, "{text} cut to {cut}");
                is_the_same(TransferEncoding::Base64, text.as_bytes(), &[cut]);
            }
        }
    }

    #[test]
    fn of_a_line_that_never_ends_a_piece_is_kept() {
        for piece in ["abc =41= ", "   \t", "=", "\r"] {
            let text = piece.repeat(LONGEST_LINE);
            let mut decoder = TransferDecoder::new(TransferEncoding::QuotedPrintable);
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(4096) {
                decoder.decode(piece, &mut out);
                assert!(decoder.waiting.capacity() <= 4 * LONGEST_LINE);
            }
            decoder.finish(&mut out);
            assert!(!out.is_empty());
        }
        let text = "abc =41= =".repeat(LONGEST_LINE);
        is_the_same(TransferEncoding::QuotedPrintable, text.as_bytes(), &[4096]);
    }
}

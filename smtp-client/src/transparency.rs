//! Transparency: how a message becomes lines that end with a lone dot (RFC 5321 §4.5.2).
//!
//! A line that begins with a dot gets another one in front; the message ends with `<CRLF>.<CRLF>`, which then
//! stands nowhere else. A CR or LF that stands alone becomes CRLF: servers disagree on whether such a character ends a
//! line, and whoever writes the message could use the disagreement to smuggle a second one.
//!
//! Nothing is copied: the result is slices of the message, with short constants between them.
//!
//! ```
//! use postrider_smtp::transparency::Transparency;
//!
//! let mut encoder = Transparency::new();
//! let mut wire = Vec::new();
//! for chunk in ["first\r", "\n.second\nthird"] {
//!     encoder.encode(chunk.as_bytes()).for_each(|slice| wire.extend_from_slice(slice));
//! }
//! wire.extend_from_slice(encoder.end());
//! assert_eq!(wire, b"first\r\n..second\r\nthird\r\n.\r\n");
//! ```

use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Makes a message transparent, chunk by chunk. How it is cut into chunks never matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transparency {
    line_start: bool,
    /// A CR ended the last chunk and was written as CRLF: an LF at the start of the next belongs to it.
    skip_lf: bool,
    /// Lines that begin with a dot get another one.
    dots: bool,
    ahead: Ahead,
}

/// What is known of the octets that come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ahead {
    octets: usize,
    /// Every line end in them is CRLF: only dots need to be looked for.
    regular: bool,
}

/// Octets in one slice at most, so that writing can begin before a large message is searched to its end.
const MAX_SLICE: usize = 256 * 1024;

impl Transparency {
    /// At the start of a message.
    pub fn new() -> Self {
        Self {
            line_start: true,
            skip_lf: false,
            dots: true,
            ahead: Ahead::default(),
        }
    }

    /// At the start of a message, of which it is known already that all its line ends are CRLF.
    pub(crate) fn of_regular(message: &[u8]) -> Self {
        Self {
            ahead: Ahead {
                octets: message.len(),
                regular: true,
            },
            ..Self::new()
        }
    }

    /// The next chunk of the message, made transparent. The iterator must be read to its end.
    pub fn encode<'a>(&mut self, chunk: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = chunk;
        std::iter::from_fn(move || self.next_slice(&mut rest))
    }

    /// What ends the message: the final dot, with a line end before it if the last line has none.
    pub fn end(&self) -> &'static [u8] {
        if self.line_start {
            b".\r\n"
        } else {
            b"\r\n.\r\n"
        }
    }

    /// Only makes the line ends CRLF: the message is counted, and not ended by a dot.
    pub(crate) fn leave_dots(&mut self) {
        self.dots = false;
    }

    pub(crate) fn at_line_start(&self) -> bool {
        self.line_start
    }

    /// Takes the longest slice from the front of `rest` that needs no change, or the change itself.
    pub(crate) fn next_slice<'a>(&mut self, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        if self.skip_lf && !rest.is_empty() {
            self.skip_lf = false;
            *rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        let first = *rest.first()?;
        if self.dots && self.line_start && first == b'.' {
            self.line_start = false;
            return Some(b".");
        }
        if self.ahead.octets == 0 {
            self.ahead = Ahead::of(rest);
        }
        let (clean, line_start) = self.ahead.clean_span(rest, self.dots);
        if clean > 0 {
            self.line_start = line_start;
            return self.take(rest, clean);
        }
        // A CR or LF alone. At the end of a chunk nobody knows whether a CR is alone; it becomes CRLF in any case.
        self.take(rest, 1);
        self.line_start = true;
        self.skip_lf = first == b'\r' && rest.is_empty();
        Some(b"\r\n")
    }

    fn take<'a>(&mut self, rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
        let (front, back) = rest.split_at_checked(n)?;
        *rest = back;
        self.ahead.octets = self.ahead.octets.saturating_sub(n);
        Some(front)
    }
}

impl Default for Transparency {
    fn default() -> Self {
        Self::new()
    }
}

/// A line that begins with a dot. Made once: a new one for each search costs more than the search of a line.
static DOT_LINE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n."));

impl Ahead {
    /// Looks at the line ends of the next octets all at once, which is many times faster than one by one.
    fn of(text: &[u8]) -> Self {
        let window = text.get(..MAX_SLICE).unwrap_or(text);
        // A CRLF is not torn.
        let window = window.strip_suffix(b"\r").unwrap_or(window);
        Self {
            octets: window.len(),
            regular: Survey::of(window).regular,
        }
    }

    /// How many octets can be sent as they are, and whether a line begins after them.
    fn clean_span(self, text: &[u8], dots: bool) -> (usize, bool) {
        let window = text.get(..self.octets.min(MAX_SLICE)).unwrap_or(text);
        match self.regular {
            true if !dots => (window.len(), window.ends_with(b"\n")),
            true => match DOT_LINE.find(window) {
                Some(at) => (at + 1, true),
                None => (window.len(), window.ends_with(b"\n")),
            },
            false => irregular_span(window, text),
        }
    }
}

/// The same, one line end at a time. The last one may go beyond the window.
fn irregular_span(window: &[u8], text: &[u8]) -> (usize, bool) {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'\r', b'\n', window.get(at..).unwrap_or_default()) {
        let end = at + found;
        if text.get(end..end + 2) != Some(b"\r\n") {
            // A line end follows, and a line begins after that one in any case.
            return (end, false);
        }
        at = end + 2;
        if at >= window.len() || text.get(at) == Some(&b'.') {
            return (at, true);
        }
    }
    (window.len(), false)
}

/// What one look at every octet tells of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Survey {
    /// All octets are below 128.
    pub(crate) ascii: bool,
    /// Every CR has its LF, and every LF its CR.
    pub(crate) regular: bool,
}

/// Octets looked at before it is asked whether to go on: they are read from memory once.
const BLOCK: usize = 16 * 1024;

impl Survey {
    /// Looks at every octet. A line end is out of order where an octet is CR and the next is not LF, or the other way
    /// round; put like that there is no branch in it, and the processor looks at many octets at once.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut survey = Self {
            ascii: true,
            regular: text.first() != Some(&b'\n') && text.last() != Some(&b'\r'),
        };
        let mut at = 0;
        while let Some(block) = text.get(at..text.len().min(at + BLOCK)) {
            // The first of the next block is the last here: no pair is torn.
            let follows = text.get(at + 1..).unwrap_or_default();
            let (mut high, mut odd) = (0, 0);
            for (&this, &next) in block.iter().zip(follows) {
                high |= this;
                odd |= u8::from((this == b'\r') != (next == b'\n'));
            }
            high |= block.last().copied().unwrap_or_default();
            survey.ascii &= high < 128;
            survey.regular &= odd == 0;
            at += BLOCK;
            if block.is_empty() || !(survey.ascii || survey.regular) {
                break;
            }
        }
        survey
    }
}

/// How many CR stand without LF, and LF without CR.
fn bare_line_ends(text: &[u8]) -> usize {
    if Survey::of(text).regular {
        return 0;
    }
    let (mut crlf, mut bare) = (0, 0);
    for at in memchr::memchr_iter(b'\n', text) {
        match at.checked_sub(1).and_then(|before| text.get(before)) {
            Some(b'\r') => crlf += 1,
            _ => bare += 1,
        }
    }
    bare + memchr::memchr_iter(b'\r', text).count() - crlf
}

/// Where the first CR without LF or LF without CR is, if there is one.
pub(crate) fn bare_line_end(message: &[u8]) -> Option<usize> {
    if Survey::of(message).regular {
        return None;
    }
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'\r', b'\n', message.get(at..).unwrap_or_default()) {
        let end = at + found;
        if message.get(end..end + 2) != Some(b"\r\n") {
            return Some(end);
        }
        at = end + 2;
    }
    None
}

/// Looks for a CR without LF or an LF without CR, chunk by chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoneLineEnds {
    after_cr: bool,
}

impl LoneLineEnds {
    /// Where the first one is, counted from the start of the chunk: -1 is the CR that the chunk before ended with. An
    /// empty chunk is the end.
    pub(crate) fn find(&mut self, chunk: &[u8]) -> Option<isize> {
        let rest = match (self.after_cr, chunk.split_first()) {
            (true, Some((b'\n', rest))) => rest,
            (true, _) => return Some(-1),
            (false, _) => chunk,
        };
        self.after_cr = rest.last() == Some(&b'\r');
        let whole = rest.strip_suffix(b"\r").unwrap_or(rest);
        let skipped = chunk.len() - rest.len();
        bare_line_end(whole).and_then(|at| isize::try_from(at + skipped).ok())
    }
}

/// Octets of the message as the server counts them: with CRLF line ends, without dots added, without the final one (RFC 1870 §5).
pub(crate) fn size(message: &[u8], survey: Survey) -> u64 {
    let bare = match survey.regular {
        true => 0,
        false => bare_line_ends(message),
    };
    let mut size = message.len() + bare;
    if !matches!(message.last(), None | Some(b'\r' | b'\n')) {
        size += 2;
    }
    size as u64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The worst message of all.
    pub(crate) const BODY: &[u8] =
        b".\r\nMAIL FROM:<first@line>\r\n\nA\n.\nB\r.\rC\n.\r\nD\r\n.E\r\nF\r.\r\nend";
    pub(crate) const BODY_ON_THE_WIRE: &[u8] = b"..\r\nMAIL FROM:<first@line>\r\n\r\nA\r\n..\r\nB\r\n..\r\nC\r\n..\r\nD\r\n..E\r\nF\r\n..\r\nend\r\n.\r\n";

    #[test]
    fn an_octet_is_ascii_below_128_wherever_it_stands() {
        for octet in 0..=u8::MAX {
            for text in [&[octet][..], &[octet, b'x'], &[b'x', octet]] {
                assert_eq!(Survey::of(text).ascii, octet < 128, "{text:?}");
            }
        }
    }

    fn encode(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut encoder, mut out) = (Transparency::new(), Vec::new());
        for chunk in chunks {
            encoder.encode(chunk).for_each(|s| out.extend_from_slice(s));
        }
        out.extend_from_slice(encoder.end());
        out
    }

    /// The naive twin: every line end found one octet at a time.
    fn lines(message: &[u8]) -> Vec<Vec<u8>> {
        let (mut lines, mut line, mut at) = (Vec::new(), Vec::new(), 0);
        while at < message.len() {
            match message[at] {
                b'\r' | b'\n' => {
                    lines.push(std::mem::take(&mut line));
                    at += usize::from(message[at..].starts_with(b"\r\n"));
                }
                octet => line.push(octet),
            }
            at += 1;
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    fn bare_line_end_naively(message: &[u8]) -> Option<usize> {
        (0..message.len()).find(|&at| match message[at] {
            b'\r' => message.get(at + 1) != Some(&b'\n'),
            b'\n' => at == 0 || message[at - 1] != b'\r',
            _ => false,
        })
    }

    fn naive(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for line in lines(message) {
            if line.starts_with(b".") {
                out.push(b'.');
            }
            out.extend_from_slice(&line);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    fn unstuff(wire: &[u8]) -> Vec<u8> {
        let text = wire.strip_suffix(b".\r\n").unwrap();
        let mut out = Vec::new();
        for line in text.split_inclusive(|&b| b == b'\n') {
            out.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        out
    }

    #[test]
    fn rfc5321_4_5_2_transparency() {
        assert_eq!(encode(&[b""]), b".\r\n");
        assert_eq!(encode(&[b"x"]), b"x\r\n.\r\n");
        assert_eq!(encode(&[b"x\r\n"]), b"x\r\n.\r\n");
        assert_eq!(encode(&[b"."]), b"..\r\n.\r\n");
        assert_eq!(encode(&[b".\r\n.\r\n"]), b"..\r\n..\r\n.\r\n");
        assert_eq!(encode(&[b"a\r"]), b"a\r\n.\r\n");
    }

    #[test]
    fn t2_the_worst_message_whole_and_at_every_split() {
        assert_eq!(encode(&[BODY]), BODY_ON_THE_WIRE);
        for cut in 0..=BODY.len() {
            let (front, back) = BODY.split_at(cut);
            assert_eq!(encode(&[front, back]), BODY_ON_THE_WIRE, "at {cut}");
        }
        let octets: Vec<&[u8]> = BODY.chunks(1).collect();
        assert_eq!(encode(&octets), BODY_ON_THE_WIRE);
    }

    #[test]
    fn clean_lines_are_one_slice() {
        let message = b"one\r\ntwo\r\nthree\r\n";
        assert_eq!(Transparency::new().encode(message).count(), 1);
    }

    #[test]
    fn slices_are_bounded_and_lose_nothing() {
        let message = [&[b'x'; MAX_SLICE - 1][..], b"\r\n.", &[b'y'; 9]].concat();
        assert_eq!(encode(&[&message]), naive(&message));
        let message = [&[b'x'; MAX_SLICE - 2][..], b"\r\n.", &[b'y'; 9]].concat();
        assert_eq!(encode(&[&message]), naive(&message));
        let message = vec![b'x'; 3 * MAX_SLICE];
        assert_eq!(encode(&[&message]), naive(&message));
    }

    #[test]
    fn t2_a_lone_line_end_is_found_at_every_split() {
        for text in [
            "a\r\nb\r\n",
            "a\nb",
            "\n",
            "a\r",
            "a\rb",
            "\r\r\n",
            "\r\n\n",
            "",
        ] {
            let expected = bare_line_end(text.as_bytes());
            for cut in 0..=text.len() {
                let (front, back) = text.as_bytes().split_at(cut);
                let mut seeker = LoneLineEnds::default();
                let mut at = 0;
                let found = [front, back, b""].into_iter().find_map(|chunk| {
                    // Only the end is empty.
                    let ends = at == text.len();
                    let found = if chunk.is_empty() && !ends {
                        None
                    } else {
                        seeker.find(chunk)
                    };
                    let found = found.map(|offset| at.checked_add_signed(offset).unwrap());
                    at += chunk.len();
                    found
                });
                assert_eq!(found, expected, "{text:?} at {cut}");
            }
        }
    }

    #[test]
    fn a_survey_tears_no_line_end_between_blocks() {
        for at in BLOCK - 3..BLOCK + 3 {
            let around = |octets: &[u8]| [&vec![b'x'; at][..], octets, &[b'y'; 9]].concat();
            let survey = |octets: &[u8]| Survey::of(&around(octets));
            assert!(survey(b"\r\n").regular);
            assert!(survey(b"\r\n").ascii);
            assert!(!survey(b"\r").regular);
            assert!(!survey(b"\n").regular);
            assert!(!survey(b"\n\r").regular);
            assert!(!survey(b"\xff").ascii);
            assert!(survey(b"\xff").regular);
        }
        for at in BLOCK - 2..BLOCK + 2 {
            let end = |octets: &[u8]| Survey::of(&[&vec![b'x'; at][..], octets].concat());
            assert!(end(b"\r\n").regular && end(b"\r\n").ascii);
            assert!(!end(b"\r").regular && !end(b"\n").regular && !end(b"\xff").ascii);
        }
    }

    fn message() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a')];
        proptest::collection::vec(octet, 0..40)
    }

    proptest! {
        #[test]
        fn t2_the_same_as_the_naive_twin_at_every_split(message in message(), cuts in proptest::collection::vec(0usize..40, 0..4)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(message.len())).collect();
            cuts.extend([0, message.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &message[w[0]..w[1]]).collect();
            prop_assert_eq!(encode(&chunks), naive(&message));
        }

        #[test]
        fn t2_one_end_of_data_and_no_bare_cr_or_lf(message in message()) {
            let wire = encode(&[&message]);
            let framed = [b"\r\n", &wire[..]].concat();
            let ends = framed.windows(5).filter(|w| w == b"\r\n.\r\n").count();
            prop_assert_eq!(ends, 1);
            prop_assert!(framed.ends_with(b"\r\n.\r\n"));
            prop_assert_eq!(bare_line_end(&wire), None);
            let normal: Vec<u8> = lines(&message).iter().flat_map(|l| [l, &b"\r\n"[..]].concat()).collect();
            prop_assert_eq!(size(&message, Survey::of(&message)), normal.len() as u64);
            let regular = bare_line_end_naively(&message).is_none();
            prop_assert_eq!(Survey::of(&message), Survey { ascii: true, regular });
            prop_assert_eq!(bare_line_end(&message), bare_line_end_naively(&message));
            prop_assert_eq!(unstuff(&wire), normal);
        }
    }
}

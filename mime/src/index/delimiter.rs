//! Delimiter lines (RFC 2046 §5.1.1).
//!
//! ```text
//! dash-boundary     := "--" boundary
//! delimiter         := CRLF dash-boundary
//! close-delimiter   := delimiter "--"
//! transport-padding := *LWSP-char
//! discard-text      := *(*text CRLF) *text    ; as erratum 508 has it: preamble and epilogue need not end with a line end
//! ```
//!
//! We also accept LF for CRLF, and boundaries of more than 70 characters, because both occur in stored mail. A line
//! with anything but padding after the boundary is text: `--abc` is no delimiter of the boundary `ab`. Only where that is
//! asked for, and a multipart has no delimiter otherwise, text may follow the padding.

use crate::octets::first_eight;

/// More padding than this on a line makes it text. A delimiter has to be known as one from a bounded look-ahead, so
/// that a message can be read as it arrives.
const MAX_PADDING: usize = 998;

/// The boundaries of the open multiparts, outermost first, in one buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenBoundaries {
    bytes: Vec<u8>,
    levels: Vec<Level>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    front: Front,
    start: usize,
    end: usize,
    /// Where white space at the end begins.
    bare_end: usize,
    /// Text may follow the padding.
    loose: bool,
    /// The multipart whose boundary this is.
    pub(crate) part: u32,
    /// The child that a further delimiter follows.
    pub(crate) last_child: u32,
}

/// A delimiter line that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delimiter {
    /// Which open boundary, counted from the outermost.
    pub(crate) level: usize,
    pub(crate) close: bool,
    /// The length of the line with its line end.
    pub(crate) length: usize,
}

/// What a line beginning with `--` turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    Delimiter(Delimiter),
    Text,
    /// The line may still become a delimiter when more of it arrives.
    Incomplete,
}

impl OpenBoundaries {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.levels.clear();
    }

    /// How many bytes of memory are held.
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity() + self.levels.capacity() * size_of::<Level>()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    pub(crate) fn push(&mut self, boundary: &[u8], part: u32) {
        let start = self.bytes.len();
        let bare = boundary.trim_ascii_end();
        self.bytes.extend_from_slice(boundary);
        self.levels.push(Level {
            front: Front::of(bare),
            start,
            end: start + boundary.len(),
            bare_end: start + bare.len(),
            loose: false,
            part,
            last_child: super::NONE,
        });
    }

    /// The same, where text may follow the padding of a delimiter.
    pub(crate) fn push_loose(&mut self, boundary: &[u8], part: u32) {
        self.push(boundary, part);
        if let Some(level) = self.levels.last_mut() {
            level.loose = true;
        }
    }

    /// Closes the boundaries from `level` inwards.
    pub(crate) fn truncate(&mut self, level: usize) {
        if let Some(first) = self.levels.get(level) {
            self.bytes.truncate(first.start);
            self.levels.truncate(level);
        }
    }

    pub(crate) fn level_mut(&mut self, level: usize) -> Option<&mut Level> {
        self.levels.get_mut(level)
    }

    pub(crate) fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Compares a line that begins with `--` with every open boundary, innermost first.
    pub(crate) fn compare(&self, line: &[u8], at_end: bool) -> Candidate {
        let Some(rest) = line.get(2..) else {
            return if at_end {
                Candidate::Text
            } else {
                Candidate::Incomplete
            };
        };
        let word = first_eight(rest);
        let whole = rest.len() >= Front::LENGTH || at_end;
        let mut incomplete = false;
        for (level, open) in self.levels.iter().enumerate().rev() {
            if whole && !open.front.begins(word) {
                continue;
            }
            match self.after_boundary(rest, open, at_end) {
                Tail::Delimiter { close, length } => {
                    // A boundary further in could still match more of an unfinished line.
                    if incomplete {
                        return Candidate::Incomplete;
                    }
                    return Candidate::Delimiter(Delimiter {
                        level,
                        close,
                        length: length + 2,
                    });
                }
                Tail::Incomplete => incomplete = true,
                Tail::Text => {}
            }
        }
        if incomplete {
            Candidate::Incomplete
        } else {
            Candidate::Text
        }
    }

    /// What most lines that begin with `--` are, told at once: a delimiter of the innermost multipart, without padding. `None`
    /// where [`compare`](Self::compare) has to tell.
    #[inline]
    pub(crate) fn common(&self, line: &[u8]) -> Option<Delimiter> {
        let rest = line.strip_prefix(b"--")?;
        let open = self.levels.last()?;
        if !open.front.begins(first_eight(rest)) {
            return None;
        }
        let boundary = self.bytes.get(open.start..open.end)?;
        let line_end = match rest.strip_prefix(boundary)? {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => return None,
        };
        Some(Delimiter {
            level: self.levels.len() - 1,
            close: false,
            length: "--".len() + boundary.len() + line_end,
        })
    }

    /// Reads `rest`, a line after its `--`, as `boundary ["--"] padding line-end`.
    ///
    /// A boundary that ends with white space, against the grammar, may have lost it on the way (as padding gets lost).
    fn after_boundary(&self, rest: &[u8], open: &Level, at_end: bool) -> Tail {
        let bytes = |end| self.bytes.get(open.start..end).unwrap_or_default();
        match after(rest, bytes(open.end), MAX_PADDING, at_end) {
            Tail::Text if open.loose => before_text(rest, bytes(open.bare_end)),
            Tail::Text if open.bare_end < open.end => after(rest, bytes(open.bare_end), 0, at_end),
            tail => tail,
        }
    }
}

/// The first bytes of a boundary, to tell in one step that a line is another: there may be many of both.
#[derive(Clone, Copy, Debug)]
struct Front {
    word: u64,
    /// Which bytes of the word count.
    mask: u64,
}

impl Front {
    const LENGTH: usize = size_of::<u64>();

    fn of(boundary: &[u8]) -> Self {
        let unused = Self::LENGTH.saturating_sub(boundary.len()) as u32 * u8::BITS;
        Self {
            word: first_eight(boundary),
            mask: u64::MAX.checked_shr(unused).unwrap_or(0),
        }
    }

    /// Whether a line that begins with this word may be a delimiter of the boundary.
    fn begins(self, word: u64) -> bool {
        word & self.mask == self.word
    }
}

enum Tail {
    Delimiter { close: bool, length: usize },
    Text,
    Incomplete,
}

fn after(rest: &[u8], boundary: &[u8], padding: usize, at_end: bool) -> Tail {
    let Some(tail) = rest.strip_prefix(boundary) else {
        let may_grow = !at_end && boundary.starts_with(rest);
        return if may_grow {
            Tail::Incomplete
        } else {
            Tail::Text
        };
    };
    let (close, tail) = match tail.strip_prefix(b"--") {
        Some(tail) => (true, tail),
        None if tail == b"-" && !at_end => return Tail::Incomplete,
        None => (false, tail),
    };
    let padding = match tail.first() {
        Some(b' ' | b'\t') => {
            let padding = tail.iter().take(padding);
            padding.take_while(|b| matches!(b, b' ' | b'\t')).count()
        }
        _ => 0,
    };
    let line_end = match tail.get(padding..).unwrap_or_default() {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        [] | [b'\r'] if !at_end => return Tail::Incomplete,
        [] => 0,
        _ => return Tail::Text,
    };
    Tail::Delimiter {
        close,
        length: rest.len() - tail.len() + padding + line_end,
    }
}

/// Reads `rest`, a line that has arrived as a whole, as `boundary ["--"] 1*LWSP-char text line-end`.
fn before_text(rest: &[u8], boundary: &[u8]) -> Tail {
    let Some(tail) = rest.strip_prefix(boundary) else {
        return Tail::Text;
    };
    let (close, tail) = match tail.strip_prefix(b"--") {
        Some(tail) => (true, tail),
        None => (false, tail),
    };
    if !matches!(tail.first(), Some(b' ' | b'\t')) {
        return Tail::Text;
    }
    let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
    Tail::Delimiter {
        close,
        length: line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(boundaries: &[&str]) -> OpenBoundaries {
        let mut open = OpenBoundaries::default();
        for (part, boundary) in boundaries.iter().enumerate() {
            open.push(boundary.as_bytes(), part as u32);
        }
        open
    }

    fn found(level: usize, close: bool, length: usize) -> Candidate {
        Candidate::Delimiter(Delimiter {
            level,
            close,
            length,
        })
    }

    #[test]
    fn rfc2046_5_1_1_a_delimiter_is_a_whole_line() {
        let open = open(&["ab"]);
        assert_eq!(open.compare(b"--ab\r\nx", true), found(0, false, 6));
        assert_eq!(open.compare(b"--ab \t\n", true), found(0, false, 7));
        assert_eq!(open.compare(b"--ab--", true), found(0, true, 6));
        assert_eq!(open.compare(b"--abc\r\n", true), Candidate::Text);
        assert_eq!(open.compare(b"--ab junk\r\n", true), Candidate::Text);
        assert_eq!(open.compare(b"--ab-\r\n", true), Candidate::Text);
        assert_eq!(open.compare(b"--ab\r", true), Candidate::Text);
    }

    #[test]
    fn text_may_follow_where_it_is_asked_for() {
        let mut open = OpenBoundaries::default();
        open.push_loose(b"ab", 0);
        assert_eq!(open.compare(b"--ab junk\r\nx", true), found(0, false, 11));
        assert_eq!(open.compare(b"--ab-- junk", true), found(0, true, 11));
        assert_eq!(open.compare(b"--ab\r\n", true), found(0, false, 6));
        for text in [&b"--abc\n"[..], b"--ab-junk\n", b"--a b\n", b"--ab;\n"] {
            assert_eq!(open.compare(text, true), Candidate::Text);
        }
    }

    #[test]
    fn the_innermost_boundary_is_compared_first() {
        let open = open(&["x", "y", "x"]);
        assert_eq!(open.compare(b"--x\n", true), found(2, false, 4));
        assert_eq!(open.compare(b"--y--\n", true), found(1, true, 6));
    }

    #[test]
    fn an_unfinished_line_is_text_only_when_it_cannot_match() {
        let open = open(&["ab", "abab"]);
        for line in [
            "-", "--", "--a", "--ab", "--aba", "--ab-", "--ab-- ", "--ab\r",
        ] {
            assert_eq!(
                open.compare(line.as_bytes(), false),
                Candidate::Incomplete,
                "{line:?}"
            );
        }
        assert_eq!(open.compare(b"--ac", false), Candidate::Text);
    }

    #[test]
    fn a_space_at_the_end_of_a_boundary_may_get_lost_whole() {
        let open = open(&["b  "]);
        assert_eq!(open.compare(b"--b  \n", true), found(0, false, 6));
        assert_eq!(open.compare(b"--b  --\n", true), found(0, true, 8));
        assert_eq!(open.compare(b"--b\n", true), found(0, false, 4));
        assert_eq!(open.compare(b"--b \n", true), Candidate::Text);
    }

    #[test]
    fn padding_has_a_limit() {
        let open = open(&["b"]);
        let line = |n: usize| format!("--b{}\n", " ".repeat(n));
        assert_eq!(
            open.compare(line(998).as_bytes(), true),
            found(0, false, 1002)
        );
        assert_eq!(open.compare(line(999).as_bytes(), true), Candidate::Text);
    }
    #[test]
    fn what_is_held_is_the_boundaries_and_their_levels() {
        assert_eq!(OpenBoundaries::default().held(), 0);
        let (long, short) = ("x".repeat(900), open(&["a", "b", "c"]).held());
        let least = 3 * size_of::<Level>() + 3;
        assert!((least..3 * least).contains(&short), "{short}");
        let more = open(&[&long, "b", "c"]).held();
        assert!((short + 800..short + 2_000).contains(&more), "{more}");
    }

    #[test]
    fn a_boundary_that_is_closed_closes_those_within_it() {
        let mut open = open(&["ab", "cd", "ef"]);
        open.truncate(1);
        assert_eq!(open.compare(b"--ab\n", true), found(0, false, 5));
        for closed in [&b"--cd\n"[..], b"--ef\n"] {
            assert_eq!(open.compare(closed, true), Candidate::Text);
        }
        open.push(b"gh", 9);
        assert_eq!(open.compare(b"--gh\n", true), found(1, false, 5));
        assert_eq!((open.levels().len(), open.levels()[1].part), (2, 9));
        open.truncate(7);
        assert_eq!(open.levels().len(), 2);
        open.clear();
        assert!(open.is_empty());
    }

    #[test]
    fn rfc2046_5_1_1_what_most_delimiter_lines_are_is_told_at_once() {
        let open = open(&["outer", "a boundary"]);
        for (line, length) in [
            ("--a boundary\r\n", Some(14)),
            ("--a boundary\nnext", Some(13)),
            ("--a boundary", None),
            ("--a boundary\r", None),
            ("--a boundary \n", None),
            ("--a boundary--\n", None),
            ("--a boundarx\n", None),
            ("--outer\n", None),
            ("-a boundary\n", None),
        ] {
            let expected = length.map(|length| Delimiter {
                level: 1,
                close: false,
                length,
            });
            let common = open.common(line.as_bytes());
            assert_eq!(common, expected, "{line:?}");
            if let Some(delimiter) = common {
                let compared = open.compare(line.as_bytes(), true);
                assert_eq!(compared, Candidate::Delimiter(delimiter), "{line:?}");
            }
        }
        assert_eq!(OpenBoundaries::default().common(b"--\n"), None);
    }

    #[test]
    fn the_front_of_a_boundary_tells_lines_apart_by_its_bytes_and_no_others() {
        for (boundary, line, begins) in [
            ("a", "a", true),
            ("a", "abc", true),
            ("a", "b", false),
            ("a", "", false),
            ("ab", "a", false),
            ("abcdefg", "abcdefgX", true),
            ("abcdefgh", "abcdefgh", true),
            ("abcdefgh", "abcdefgX", false),
            ("abcdefghi", "abcdefghX", true),
        ] {
            let front = Front::of(boundary.as_bytes());
            assert_eq!(
                front.begins(first_eight(line.as_bytes())),
                begins,
                "{boundary} {line}"
            );
        }
    }

    #[test]
    fn an_unfinished_line_is_a_delimiter_as_soon_as_its_end_has_arrived() {
        let open = open(&["ab"]);
        for (line, expected) in [
            (&b"--ab\n"[..], found(0, false, 5)),
            (b"--ab--\r\n", found(0, true, 8)),
            (b"--ab \n", found(0, false, 6)),
            (b"--ab \r", Candidate::Incomplete),
            (b"--ab--", Candidate::Incomplete),
            (b"--ab-x", Candidate::Text),
            (b"--ab x", Candidate::Text),
            (b"--b", Candidate::Text),
        ] {
            assert_eq!(open.compare(line, false), expected, "{line:?}");
        }
        assert_eq!(open.compare(b"-", true), Candidate::Text);
    }
}

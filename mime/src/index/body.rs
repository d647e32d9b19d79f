//! What the indexer does in a body: parts begin and end at delimiter lines (RFC 2046 §5.1.1).

use std::sync::OnceLock;

use memchr::{memchr, memmem};

use super::delimiter::{Candidate, Delimiter};
use super::indexer::{Indexer, State};
use super::trail::{Listener, Step};
use super::window::Window;
use super::{NONE, Shape};
use crate::defect::DefectKind;

impl<L: Listener> Indexer<L> {
    /// Reads the body up to the next delimiter line. False when more bytes are needed, or all is done.
    pub(super) fn body<'b>(&mut self, window: impl Window<'b>) -> bool {
        if self.open.is_empty() {
            return self.rest(window.end(), window);
        }
        let mut line = self.position;
        let rest = window.from(line);
        let undecided = rest.len() < 2 && !window.at_end();
        if undecided && self.is_at_line_start(window) {
            return false;
        }
        if !rest.starts_with(b"--") || !self.is_at_line_start(window) {
            match next_candidate(window, line) {
                Some(next) => line = next,
                // A line break at the very end may still be followed by dashes.
                None => return self.rest(line.max(window.end().saturating_sub(2)), window),
            }
        }
        let found = match self.open.common(window.from(line)) {
            Some(delimiter) => Some((line, delimiter)),
            None => self.first_delimiter(line, window),
        };
        if let Some((line, delimiter)) = found {
            self.delimiter(line, delimiter, window);
        }
        found.is_some()
    }

    /// The first delimiter line from `line` on, where it stands and what it is. `None` when more bytes are needed, or all is done.
    #[inline(never)]
    fn first_delimiter<'b>(
        &mut self,
        mut line: usize,
        window: impl Window<'b>,
    ) -> Option<(usize, Delimiter)> {
        loop {
            match self.open.compare(window.from(line), window.at_end()) {
                Candidate::Delimiter(delimiter) => return Some((line, delimiter)),
                Candidate::Incomplete => {
                    self.position = line;
                    return None;
                }
                Candidate::Text => match next_candidate(window, line) {
                    Some(next) => line = next,
                    None => {
                        self.rest((line + 2).max(window.end().saturating_sub(2)), window);
                        return None;
                    }
                },
            }
        }
    }

    /// Whether the position in a body is the start of a line, and not only a place from which no candidate begins.
    fn is_at_line_start<'b>(&self, window: impl Window<'b>) -> bool {
        let body = self.record().map_or(0, |p| p.body as usize);
        self.position == body || window.follows_line_end(self.position)
    }

    /// No delimiter is left in what is at hand: it belongs to the open parts. Reading goes on at `position`.
    fn rest<'b>(&mut self, position: usize, window: impl Window<'b>) -> bool {
        self.position = position;
        if window.at_end() {
            let end = window.end();
            self.tell_body(end);
            self.close_boundaries(0, end);
            self.close_up_to(NONE, end);
            self.state = State::Done;
        }
        false
    }

    /// Takes a delimiter line at `line`: ends what it ends and begins what it begins.
    pub(super) fn delimiter<'b>(&mut self, line: usize, found: Delimiter, window: impl Window<'b>) {
        let body = self.record().map_or(0, |p| p.body as usize);
        let end = window.before_line_end(line).max(body);
        self.tell_body(end);
        self.close_boundaries(found.level + 1, line);
        let Some(level) = self.open.levels().get(found.level) else {
            return;
        };
        let (multipart, first) = (level.part, level.last_child == NONE);
        self.close_up_to(multipart, end);
        let next = line + found.length;
        self.listener.body_goes_on(next);
        if found.close {
            if first {
                self.index.defect(DefectKind::NoParts, line, multipart);
            }
            self.open.truncate(found.level);
            self.current = multipart;
            if let Some(record) = self.record_mut() {
                record.epilogue = next as u32;
                record.end = next as u32;
            }
            self.state = State::Body;
            self.position = next;
        } else {
            self.begin_child(found.level, multipart, next, window);
        }
    }

    fn begin_child<'b>(
        &mut self,
        level: usize,
        parent: u32,
        start: usize,
        window: impl Window<'b>,
    ) {
        self.position = start;
        if self.index.parts.len() >= self.limits.parts {
            self.index.defect(DefectKind::PartLimit, start, parent);
            self.open.clear();
            self.current = parent;
            self.state = State::Body;
            return;
        }
        let full = self.index.parts.len() + 1 >= self.limits.parts;
        let child = self.add_part(start, parent, window);
        if let Some(level) = self.open.level_mut(level) {
            let elder = std::mem::replace(&mut level.last_child, child);
            let link = if elder == NONE {
                self.index.part_mut(parent).map(|p| &mut p.first_child)
            } else {
                self.index.part_mut(elder).map(|p| &mut p.next_sibling)
            };
            if let Some(link) = link {
                *link = child;
            }
        }
        self.searched = 0;
        self.state = State::Header;
        if full {
            self.last_child(child, start);
        }
    }

    /// The part that began at `start` is the last one that the limits allow: it is read no further.
    #[cold]
    fn last_child(&mut self, part: u32, start: usize) {
        self.index.defect(DefectKind::PartLimit, start, part);
        self.open.clear();
        self.tell_header(start);
        self.listener.body_goes_on(start);
        self.state = State::Body;
    }

    /// Ends the current part and its ancestors below `ancestor`.
    #[inline]
    fn close_up_to(&mut self, ancestor: u32, end: usize) {
        let mut part = self.current;
        while part != ancestor {
            let Some(record) = self.index.part_mut(part) else {
                break;
            };
            record.end = end as u32;
            let empty = record.start as usize >= end && record.body == record.start;
            let parent = record.parent;
            if empty {
                self.flag_empty(part, parent, end);
            }
            self.tell(Step::PartEnds { part, offset: end });
            part = parent;
        }
    }

    /// Flags a part without header and body, if it stands between two delimiter lines.
    #[cold]
    fn flag_empty(&mut self, part: u32, parent: u32, end: usize) {
        let parent = self.index.part(parent);
        if parent.is_some_and(|p| matches!(p.shape, Shape::Multipart { .. })) {
            self.index.defect(DefectKind::EmptyPart, end, part);
        }
    }

    /// Closes the boundaries from `level` inwards, of which no close delimiter came before `offset`.
    #[inline]
    fn close_boundaries(&mut self, level: usize, offset: usize) {
        if level < self.open.levels().len() {
            self.flag_unterminated(level, offset);
            self.open.truncate(level);
        }
    }

    #[cold]
    fn flag_unterminated(&mut self, first: usize, offset: usize) {
        for level in self.open.levels().iter().skip(first) {
            let kind = if level.last_child == NONE {
                DefectKind::MissingDelimiter
            } else {
                DefectKind::Unterminated
            };
            self.index.defect(kind, offset, level.part);
        }
    }
}

/// The start of the next line after `from` that begins with `--`.
///
/// The search is for a dash, because that is the fastest there is and base64 has none; behind a dash that begins no such
/// line there will be more of them, and the search is for all three characters.
#[inline]
fn next_candidate<'b>(window: impl Window<'b>, from: usize) -> Option<usize> {
    static DASHES: OnceLock<memmem::Finder<'static>> = OnceLock::new();
    let rest = window.from(from);
    let dash = memchr(b'-', rest)?;
    if rest.get(dash.saturating_sub(1)..)?.starts_with(b"\n--") {
        return Some(from + dash);
    }
    let dashes = DASHES.get_or_init(|| memmem::Finder::new(b"\n--"));
    dashes
        .find(rest.get(dash..)?)
        .map(|at| from + dash + at + 1)
}

#[cfg(test)]
mod tests {
    use crate::{DefectKind, Limits, Message};

    const HEADER: &str = "Content-Type: multipart/mixed; boundary=b\n\n";

    /// The bodies of the parts of a multipart.
    fn bodies(body: &str) -> Vec<String> {
        let text = [HEADER, body].concat();
        let message = Message::parse(text.as_bytes());
        let parts = message.parts().skip(1);
        parts
            .map(|part| String::from_utf8_lossy(part.raw_body()).into_owned())
            .collect()
    }

    #[test]
    fn rfc2046_5_1_1_the_line_end_before_a_delimiter_belongs_to_it() {
        for (body, expected) in [
            ("--b\n\none\n--b--\n", &["one"][..]),
            ("--b\r\n\r\none\r\n--b--\r\n", &["one"]),
            ("--b\n\none\n\n--b\n\n\ntwo\n--b--", &["one\n", "\ntwo"]),
            ("--b\n\n--b\n\n\n--b--", &["", ""]),
            (
                "\n--b\n\n-\n--\n---b\n --b\n--bb\nx--b\n--b--",
                &["-\n--\n---b\n --b\n--bb\nx--b"],
            ),
            ("--b\n\n--b", &["", ""]),
            ("--b\n\none\n--", &["one\n--"]),
            ("--b\n\none\n-", &["one\n-"]),
            ("pre--b\n\n--b\n\none", &["one"]),
            ("--b\n\none\r--b\r\n--b--", &["one\r--b"]),
            ("--b--\n--b\n\nlate", &[]),
        ] {
            assert_eq!(bodies(body), expected, "{body:?}");
        }
    }

    #[test]
    fn rfc2046_5_1_1_what_stands_around_the_parts_is_preamble_and_epilogue() {
        for (body, preamble, epilogue) in [
            ("pre\n--b\n\n--b--\npost\n", "pre", "post\n"),
            ("--b\n\n--b--", "", ""),
            ("a\nb\n\n--b\n\n--b--\n--b\n\npost", "a\nb\n", "--b\n\npost"),
            ("a\r\n--b\r\n\r\n--b--  \r\npost", "a", "post"),
        ] {
            let text = [HEADER, body].concat();
            let message = Message::parse(text.as_bytes());
            let root = message.root();
            let around = (root.preamble(), root.epilogue());
            assert_eq!(
                around,
                (preamble.as_bytes(), epilogue.as_bytes()),
                "{body:?}"
            );
            assert_eq!(root.span(), 0..text.len(), "{body:?}");
        }
    }

    #[test]
    fn rfc2046_5_1_2_a_delimiter_of_an_outer_multipart_ends_those_within_it() {
        let text = [
            HEADER,
            "--b\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\none\n--b\n\ntwo\n--b--\nend",
        ]
        .concat();
        let message = Message::parse(text.as_bytes());
        let at = |what: &str| text.find(what).unwrap();
        let parts: Vec<_> = message.parts().collect();
        let parents: Vec<_> = parts
            .iter()
            .map(|p| p.parent().map(|p| p.id().index()))
            .collect();
        assert_eq!(parents, [None, Some(0), Some(1), Some(0)]);
        assert_eq!(
            (parts[2].raw_body(), parts[3].raw_body()),
            (&b"one"[..], &b"two"[..])
        );
        assert_eq!(parts[1].body_span().end, at("one") + 3);
        let defects: Vec<_> = message
            .defects()
            .iter()
            .map(|d| (d.kind, d.offset, d.part.index()))
            .collect();
        assert_eq!(defects, [(DefectKind::Unterminated, at("one") + 4, 1)]);
    }

    #[test]
    fn what_is_wrong_with_delimiters_is_told_where_it_is() {
        use DefectKind::{EmptyPart, JunkLine, MissingDelimiter, NoHeader, NoParts, Unterminated};
        let start = HEADER.len();
        for (body, expected) in [
            ("--b\n\none\n--b--", &[][..]),
            ("--b\n\none", &[(Unterminated, start + 8, 0)]),
            ("text", &[(MissingDelimiter, start + 4, 0)]),
            ("text\n--b--\n", &[(NoParts, start + 5, 0)]),
            ("--b\n--b\n\none\n--b--", &[(EmptyPart, start + 4, 1)]),
            ("--b\n\none\n--b\n--b--", &[(EmptyPart, start + 13, 2)]),
            ("--b\nA: b\n\n--b--", &[]),
            ("--b\n\n--b--", &[]),
            (
                "--b\njunk\n--b--",
                &[(JunkLine, start + 4, 1), (NoHeader, start + 4, 1)],
            ),
        ] {
            let text = [HEADER, body].concat();
            let message = Message::parse(text.as_bytes());
            let defects = message
                .defects()
                .iter()
                .map(|d| (d.kind, d.offset, d.part.index()));
            assert_eq!(defects.collect::<Vec<_>>(), expected, "{body:?}");
        }
    }

    #[test]
    fn the_last_part_that_the_limit_allows_is_read_no_further() {
        let text = [
            HEADER,
            "--b\n\none\n--b\nA: b\n\ntwo\n--b\n\nthree\n--b--\nend",
        ]
        .concat();
        for limit in 1..6 {
            let limits = Limits {
                parts: limit,
                ..Limits::default()
            };
            let message = Message::parse_with(text.as_bytes(), &limits, Default::default());
            assert_eq!(message.parts().count(), limit.min(4), "{limit}");
            let limited = message
                .defects()
                .iter()
                .find(|d| d.kind == DefectKind::PartLimit);
            assert_eq!(limited.is_some(), limit < 5, "{limit}");
            let last = message.parts().last().unwrap();
            let ends = match limit {
                5 => text.len() - "\n--b--\nend".len(),
                _ => text.len(),
            };
            assert_eq!(last.span().end, ends, "{limit}");
            assert_eq!(last.headers().count(), usize::from(limit == 1), "{limit}");
        }
    }
}

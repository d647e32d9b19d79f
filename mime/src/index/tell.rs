//! How the indexer tells what it meets while a message arrives, and forgets what was told.

use super::indexer::{Indexer, State};
use super::trail::{Listener, Step, Trail};
use super::window::{LONGEST, Window};
use super::{Index, OpenBoundaries};
use crate::defect::DefectKind;
use crate::limits::Limits;

impl<L: Listener> Indexer<L> {
    /// Tells a step, behind the defects that were met before it.
    #[inline]
    pub(super) fn tell(&mut self, step: Step) {
        self.listener.step(&mut self.index.defects, step);
    }

    /// Tells the body of the current part up to `end`.
    #[inline]
    pub(super) fn tell_body(&mut self, end: usize) {
        let defects = &mut self.index.defects;
        self.listener.body(defects, self.current, end);
    }

    /// Tells what is sure of an unfinished body, and the last defects.
    #[inline]
    pub(super) fn tell_rest<'b>(&mut self, window: impl Window<'b>) {
        // The line end before a delimiter belongs to it, and the position may be within one.
        let end = match self.state {
            State::Body if self.open.is_empty() => window.end(),
            State::Body if window.follows_line_end(self.position) => {
                window.before_line_end(self.position)
            }
            State::Body => self.position.saturating_sub(1),
            _ => 0,
        };
        self.tell_body(end);
    }

    /// Tells the header of the current part, which ends before `end`.
    #[inline]
    pub(super) fn tell_header(&mut self, end: usize) {
        self.tell(Step::Header {
            part: self.current,
            start: self.header.start,
            end,
        });
    }
}

impl Indexer<Trail> {
    /// Reads a message that arrives, and keeps a trail.
    pub(crate) fn arriving(limits: Limits) -> Self {
        let (index, open) = (Index::default(), OpenBoundaries::default());
        let mut this = Self::telling(Trail::default(), limits, index, open);
        this.tell(Step::PartBegins { part: 0, offset: 0 });
        this
    }

    /// The next step of the trail that was not taken yet.
    pub(crate) fn next_step(&mut self) -> Option<Step> {
        self.listener.next_step()
    }

    /// Whether there are steps that were not taken yet.
    pub(crate) fn has_steps(&self) -> bool {
        !self.listener.is_empty()
    }

    /// How many bytes of memory are held.
    pub(crate) fn held(&self) -> usize {
        self.index.held() + self.open.held() + self.listener.held()
    }

    /// Forgets what was told and is not needed to go on. Gives the position of the first byte that is.
    pub(crate) fn forget(&mut self) -> usize {
        let current = self.current;
        let in_header = self.state != State::Body;
        if let Some(record) = self.index.parts.get_mut(current as usize) {
            let fields = &mut self.index.fields;
            let first = if in_header {
                record.first_field as usize
            } else {
                fields.len()
            };
            // So many fewer may come.
            self.limits.fields = self.limits.fields.saturating_sub(first);
            fields.drain(..first.min(fields.len()));
            record.first_field = 0;
            record.last_field = 0;
        }
        match self.state {
            State::Header => self.header.start,
            // The line end before a delimiter, which may be that of another delimiter.
            State::Body => self.listener.told.min(self.position.saturating_sub(2)),
            _ => self.position.saturating_sub(2),
        }
    }

    /// Notes that the message goes on where there are no positions.
    pub(crate) fn too_long(&mut self) {
        self.index.defect(DefectKind::TooLong, LONGEST, 0);
        self.tell_body(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Piece;
    use crate::{PushEvent, PushParser};

    #[test]
    fn that_a_message_is_longer_than_positions_reach_is_told() {
        let mut indexer = Indexer::arriving(Limits::default());
        indexer.too_long();
        let told: Vec<_> = std::iter::from_fn(|| indexer.next_step()).collect();
        assert!(
            matches!(told.last(), Some(Step::Defect(defect)) if defect.kind == DefectKind::TooLong),
            "{told:?}"
        );
    }
    #[test]
    fn what_is_held_is_held_by_the_records_the_boundaries_and_the_trail() {
        let mut indexer = Indexer::arriving(Limits::default());
        let before = indexer.held();
        indexer.index.defects.reserve_exact(100);
        let defects = 100 * size_of::<crate::Defect>();
        assert_eq!(indexer.held(), before + defects);
        indexer.open.push(&[b'x'; 900], 0);
        let open = indexer.open.held();
        assert_eq!(indexer.held(), before + defects + open);
        assert!(before > 0 && open > 900, "{before} {open}");
    }

    /// A thing that was told, of which part, and from where to where.
    type Told = (&'static str, usize, usize, usize);

    /// What is told of a message that arrives in pieces of so many bytes; the pieces of a body are joined.
    fn told(message: &[u8], size: usize) -> Vec<Told> {
        told_within(&Limits::default(), message, size)
    }

    /// The same with these limits.
    fn told_within(limits: &Limits, message: &[u8], size: usize) -> Vec<Told> {
        let mut parser = PushParser::new(limits.clone());
        let mut told: Vec<Told> = Vec::new();
        for piece in message.chunks(size).map(Some).chain([None]) {
            match piece {
                Some(piece) => parser.feed(piece),
                None => parser.finish(),
            }
            while let Some(event) = parser.next_event() {
                let one = match event {
                    PushEvent::PartBegins { part, offset } => ("begins", part.index(), offset, 0),
                    PushEvent::Header { part, header } => {
                        ("header", part.index(), header.raw().len(), 0)
                    }
                    PushEvent::Body {
                        part,
                        offset,
                        bytes,
                    } => ("body", part.index(), offset, offset + bytes.len()),
                    PushEvent::PartEnds { part, offset } => ("ends", part.index(), offset, 0),
                    PushEvent::Defect(defect) => ("defect", defect.part.index(), defect.offset, 0),
                };
                match (told.last_mut(), one) {
                    (Some(("body", of, _, end)), ("body", part, start, next)) => {
                        assert_eq!((*of, *end), (part, start), "a body goes on where it was");
                        *end = next;
                    }
                    _ => told.push(one),
                }
            }
        }
        told
    }

    #[test]
    fn rfc2046_5_1_1_what_arrives_is_told_in_order_however_it_is_cut() {
        for line_end in ["\r\n", "\n"] {
            let text = "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\nA: x\n\none\n-\n--\n--c\n--b \n\ntwo\n\n--b--\nend\n--"
                .replace('\n', line_end);
            let at = |what: &str| text.find(what).unwrap();
            let eol = line_end.len();
            // The line end before a delimiter belongs to it.
            let (pre, one, two) = (at("pre"), at("one"), at("two"));
            let expected = [
                ("begins", 0, 0, 0),
                ("header", 0, pre, 0),
                ("body", 0, pre, pre + 3),
                ("begins", 1, at("A: x"), 0),
                ("header", 1, one - at("A: x"), 0),
                ("body", 1, one, at("--b ") - eol),
                ("ends", 1, at("--b ") - eol, 0),
                ("begins", 2, two - eol, 0),
                ("header", 2, eol, 0),
                ("body", 2, two, two + 3 + eol),
                ("ends", 2, two + 3 + eol, 0),
                ("body", 0, at("end"), text.len()),
                ("ends", 0, text.len(), 0),
            ];
            for size in 1..=text.len() {
                assert_eq!(told(text.as_bytes(), size), expected, "{size}");
            }
        }
    }

    #[test]
    fn defects_are_told_before_what_comes_after_them() {
        let text =
            b"junk\nA: x\nA: y\nContent-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\nrest";
        let first = text.len() - "--b\n--b\n\nrest".len();
        let end = text.len();
        let expected = [
            ("begins", 0, 0, 0),
            ("defect", 0, 0, 0),
            ("header", 0, first, 0),
            ("begins", 1, first + 4, 0),
            ("header", 1, 0, 0),
            ("defect", 1, first + 4, 0),
            ("ends", 1, first + 4, 0),
            ("begins", 2, first + 8, 0),
            ("header", 2, 1, 0),
            ("body", 2, first + 9, end),
            ("defect", 0, end, 0),
            ("ends", 2, end, 0),
            ("ends", 0, end, 0),
        ];
        for size in 1..=end {
            assert_eq!(told(text, size), expected, "{size}");
        }
    }

    /// How many bytes of a body are told once they all have arrived.
    fn told_of(header: &str, body: &str) -> usize {
        let mut parser = PushParser::new(Limits::default());
        parser.feed([header, body].concat().as_bytes());
        let mut told = 0;
        while let Some(event) = parser.next_event() {
            if let PushEvent::Body { bytes, .. } = event {
                told += bytes.len();
            }
        }
        told
    }

    #[test]
    fn of_a_body_that_arrives_only_what_may_be_a_delimiter_line_is_kept_back() {
        for body in ["", "a", "text\r\n", "text\r\n--b"] {
            assert_eq!(told_of("\r\n", body), body.len(), "{body:?}");
        }
        let header = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n";
        for (body, told) in [("text\r\n--", 4), ("text\n--b", 4), ("text\r\n--bx", 8)] {
            let now = told_of(header, body);
            assert!(now <= told && now + 3 >= told, "{now} of {body:?}");
        }
        let long = "x".repeat(1_000);
        assert!(told_of(header, &long) >= 997);
    }

    #[test]
    fn a_header_at_its_limit_is_told_once_and_as_far_as_it_was_read_however_it_is_cut() {
        let text = b"A: b\r\nC: d\r\nE: f\r\n\r\nbody";
        let body = text.len() - 4;
        for header_bytes in 0..20 {
            let limits = Limits {
                header_bytes,
                ..Limits::default()
            };
            // The line end of the last field does not count.
            let expected = match header_bytes {
                0..=1 => vec![
                    ("defect", 0, 0, 0),
                    ("defect", 0, 0, 0),
                    ("header", 0, 0, 0),
                    ("body", 0, 0, text.len()),
                ],
                2..=3 => vec![
                    ("defect", 0, 0, 0),
                    ("header", 0, 0, 0),
                    ("body", 0, body, text.len()),
                ],
                4..=9 => vec![
                    ("defect", 0, 6, 0),
                    ("header", 0, 6, 0),
                    ("body", 0, body, text.len()),
                ],
                10..=15 => vec![
                    ("defect", 0, 12, 0),
                    ("header", 0, 12, 0),
                    ("body", 0, body, text.len()),
                ],
                _ => vec![("header", 0, body, 0), ("body", 0, body, text.len())],
            };
            let (begins, ends) = (("begins", 0, 0, 0), ("ends", 0, text.len(), 0));
            let expected = [vec![begins], expected, vec![ends]].concat();
            for size in 1..=text.len() {
                let told = told_within(&limits, text, size);
                assert_eq!(told, expected, "{header_bytes} bytes, {size} at a time");
            }
        }
    }

    #[test]
    fn what_was_told_is_not_kept() {
        let mut indexer = Indexer::arriving(Limits::default());
        assert!(indexer.has_steps(), "that the message begins");
        while indexer.next_step().is_some() {}
        assert!(!indexer.has_steps());
        let text = b"A: b\r\n\r\ntext";
        indexer.advance(Piece::new(text.get(..4).unwrap(), 0, false));
        assert_eq!(indexer.forget(), 0, "a header is kept whole");
        indexer.advance(Piece::new(text, 0, false));
        assert_eq!(
            indexer.forget(),
            text.len() - 2,
            "but for the bytes that may be a line end"
        );
        assert_eq!(indexer.index.fields.len(), 0);
    }

    #[test]
    fn of_each_part_are_told_its_begin_its_header_and_its_end_once_and_in_this_order() {
        let multipart = "Content-Type: multipart/mixed; boundary=b\n\n";
        let message = "Content-Type: message/rfc822\n";
        for (text, parts) in [
            (String::new(), 1),
            (format!("{message}\nA: b\n\ntext"), 2),
            (format!("{multipart}--b\n{message}--b\n\ntwo\n--b--\n"), 4),
            (format!("{multipart}--b\n{message}\n--b\n\ntwo\n--b--\n"), 4),
            (
                format!("{multipart}--b\n{message}\n{message}\njunk\n--b\n--b--"),
                5,
            ),
            (format!("{multipart}--b\n{message}"), 3),
            (
                format!("{}--b\n{message}--b\n", &multipart[..multipart.len() - 1]),
                4,
            ),
            (format!("{message} \ntext"), 2),
        ] {
            for size in [1, 2, 3, text.len().max(1)] {
                let told = told(text.as_bytes(), size);
                for part in 0..parts {
                    let of_part = told.iter().filter(|one| one.1 == part && one.0 != "defect");
                    let kinds: Vec<_> = of_part
                        .map(|one| one.0)
                        .filter(|kind| *kind != "body")
                        .collect();
                    assert_eq!(kinds, ["begins", "header", "ends"], "{part} of {text:?}");
                }
                assert!(told.iter().all(|one| one.1 < parts), "{text:?}");
            }
        }
    }
}

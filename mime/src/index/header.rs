//! What the indexer does in a header.
//!
//! We also accept a byte order mark before the first field, because editors save files so.

use super::header_block::{field, field_end, is_mbox_line, is_text_at_sight, named_field};
use super::indexer::{Indexer, State};
use super::trail::Listener;
use super::window::Window;
use super::{FieldRecord, PartRecord, Shape};
use crate::defect::DefectKind;
use crate::field_name::FrontName;
use crate::shape::{Content, classify, is_leaf_at_sight};

/// A boundary with more characters stands on no line (RFC 5322 §2.1.1), and is none. RFC 2046 §5.1.1 allows 70.
pub(super) const LONGEST_BOUNDARY: usize = 998 - "--".len();

impl<L: Listener> Indexer<L> {
    /// Takes the lines of a header. Whether there is more to read behind it; not so when more bytes are needed.
    pub(super) fn header<'b>(&mut self, window: impl Window<'b>) -> bool {
        loop {
            let rest = window.from(self.position);
            if let None | Some(b'\n' | b'\r' | b'-') = rest.first() {
                if let Some(goes_on) = self.end_of_header(rest, window) {
                    return goes_on;
                }
            }
            let name = FrontName::of(rest);
            // No line ends within a name.
            let searched = self.searched.max(name.length);
            let Some((end, next)) = field_end(rest, searched, window.at_end()) else {
                return self.line_without_end(rest, window);
            };
            if self.index.fields.len() >= self.limits.fields || end > self.header_bytes_left() {
                self.meet_limit(rest, end, window);
                return true;
            }
            if !self.header_field(rest, name, end, window) {
                return true;
            }
            self.searched = 0;
            self.position += next;
        }
    }

    /// Waits for the end of a line, or does no longer. Whether there is more to read.
    #[cold]
    fn line_without_end<'b>(&mut self, rest: &[u8], window: impl Window<'b>) -> bool {
        // What has arrived may end with the line end.
        let arrived = rest.len().saturating_sub(2);
        if arrived > self.header_bytes_left() {
            self.meet_limit(rest, arrived, window);
            return true;
        }
        self.searched = rest.len().saturating_sub(1);
        false
    }

    /// How many bytes more of the current header are indexed.
    #[inline]
    fn header_bytes_left(&self) -> usize {
        let taken = self.position - self.header.start;
        self.limits.header_bytes.saturating_sub(taken)
    }

    /// Decides what comes of a header that reaches a limit, with a line of `length` bytes at least.
    ///
    /// Its further fields are not entered. If it has none so far, and the line is none either as far as the limit lets see,
    /// there is no header.
    #[cold]
    fn meet_limit<'b>(&mut self, line: &[u8], length: usize, window: impl Window<'b>) {
        self.defect(DefectKind::HeaderLimit, self.position);
        self.searched = 0;
        let length = length.min(self.header_bytes_left());
        let seen = line.get(..length).unwrap_or(line);
        let is_field = field(seen, seen.len(), self.position).is_some()
            || self.field_behind_mark(seen).is_some();
        if !self.has_fields() && !is_field {
            self.defect(DefectKind::NoHeader, self.header.start);
            return self.end_header(window, self.header.start);
        }
        let content = self.judge(window).map(Content::into_owned);
        self.tell_header(self.position);
        self.judged = content;
        self.state = State::Limited { in_line: false };
    }

    /// Whether the header of the current part has fields.
    pub(super) fn has_fields(&self) -> bool {
        let first_field = self.record().map_or(0, |p| p.first_field as usize);
        self.index.fields.len() > first_field
    }

    /// Takes one line, or the rest of one, behind a limit of the header. False when more bytes are needed.
    #[cold]
    pub(super) fn limited_line<'b>(&mut self, in_line: bool, window: impl Window<'b>) -> bool {
        let rest = window.from(self.position);
        if !in_line {
            if let Some(goes_on) = self.end_of_header(rest, window) {
                return goes_on;
            }
        }
        let end = field_end(rest, 0, window.at_end());
        // Without an end, the last byte may be that of a line.
        let (_, next) = end.unwrap_or((0, rest.len().saturating_sub(1)));
        self.position += next;
        self.state = State::Limited {
            in_line: end.is_none(),
        };
        end.is_some()
    }

    /// Enters the field of `length` bytes that stands at the current position, or says what it is instead. Whether the header
    /// goes on.
    #[inline]
    fn header_field<'b>(
        &mut self,
        text: &[u8],
        name: FrontName,
        length: usize,
        window: impl Window<'b>,
    ) -> bool {
        match named_field(text, name, length, self.position) {
            Some(record) => {
                self.enter_field(record, window);
                true
            }
            None => self.no_field(text.get(..length).unwrap_or_default(), window),
        }
    }

    /// Enters a field whose end was read.
    #[inline]
    fn enter_field<'b>(&mut self, record: FieldRecord, window: impl Window<'b>) {
        if self.header.note(&record) {
            self.defect(DefectKind::DuplicateField, record.start as usize);
        }
        let read = record.end as usize;
        self.index.push_field(record, read, window.end());
    }

    #[cold]
    fn no_field<'b>(&mut self, line: &[u8], window: impl Window<'b>) -> bool {
        let offset = self.position;
        if let Some(record) = self.field_behind_mark(line) {
            self.defect(DefectKind::ByteOrderMark, offset);
            self.enter_field(record, window);
        } else if offset == self.header.start && is_mbox_line(line) {
            self.defect(DefectKind::MboxFromLine, offset);
        } else if self.has_fields() && self.is_behind_blanks(window) {
            self.header_without_end(window);
            return false;
        } else if !std::mem::replace(&mut self.header.junk_told, true) {
            self.defect(DefectKind::JunkLine, offset);
            self.header.has_text = is_text_at_sight(line);
        }
        true
    }

    /// The field of a line that begins with a byte order mark, and that nothing stands before but the line of an mbox.
    fn field_behind_mark(&self, line: &[u8]) -> Option<FieldRecord> {
        const MARK: &[u8] = "\u{FEFF}".as_bytes();
        let line = line.strip_prefix(MARK)?;
        let offset = self.position + MARK.len();
        let is_first = !self.has_fields() && !self.header.junk_told;
        field(line, line.len(), offset).filter(|_| is_first)
    }

    /// Ends the header of the current part; its body begins at `body`. Decides what the body is.
    #[inline]
    pub(super) fn end_header<'b>(&mut self, window: impl Window<'b>, body: usize) {
        if self.state == State::Header && is_leaf_at_sight(&self.header, window) {
            self.end_fields();
            self.tell_header(body);
            self.begin_body(body);
        } else {
            self.end_judged_header(window, body);
        }
    }

    #[inline(never)]
    fn end_judged_header<'b>(&mut self, window: impl Window<'b>, body: usize) {
        let content = match self.state {
            State::Limited { .. } => self.judged.take(),
            _ => {
                let content = self.judge(window);
                self.tell_header(body);
                content
            }
        };
        self.begin_body(body);
        if let Some(content) = content {
            self.enter(content, body, window);
        }
    }

    /// Takes note that the header has no further fields.
    #[inline]
    fn end_fields(&mut self) {
        let last_field = self.index.fields.len() as u32;
        if let Some(record) = self.record_mut() {
            record.last_field = last_field;
        }
    }

    #[inline]
    fn begin_body(&mut self, body: usize) {
        self.searched = 0;
        self.position = body;
        self.state = State::Body;
        self.listener.body_goes_on(body);
        if let Some(record) = self.record_mut() {
            record.body = body as u32;
        }
    }

    /// What a header that has no further fields says of the body, if that has a structure. What is nested too deeply is not
    /// opened.
    fn judge<'b>(&mut self, window: impl Window<'b>) -> Option<Content<'b>> {
        self.end_fields();
        let is_in_digest = || self.record().is_some_and(|p| self.index.is_in_digest(p));
        let content = classify(&self.header, window, is_in_digest, self.limits.parameters)?;
        let too_deep = content.shape != Shape::EncodedMessage && self.is_too_deep();
        if let Some(record) = self.record_mut().filter(|_| !too_deep) {
            record.shape = content.shape;
        }
        Some(content)
    }

    /// Whether what stands within the current part would be nested too deeply; it is not opened then.
    fn is_too_deep(&self) -> bool {
        let depth = |part: &PartRecord| usize::from(part.depth);
        self.record()
            .is_some_and(|p| depth(p) + 1 >= self.limits.depth)
    }

    /// Opens the body of the current part, if it is to be opened.
    fn enter<'b>(&mut self, content: Content<'_>, body: usize, window: impl Window<'b>) {
        if content.encoding_forbidden {
            self.defect(DefectKind::EncodedContainer, self.header.start);
        }
        let current = self.current;
        let boundary = content.boundary.filter(|b| b.len() <= LONGEST_BOUNDARY);
        match (content.shape, boundary) {
            (Shape::Multipart { .. } | Shape::Message, _) if self.is_too_deep() => {
                self.defect(DefectKind::DepthLimit, body);
            }
            (Shape::Multipart { .. }, None) => self.defect(DefectKind::MissingBoundary, body),
            (Shape::Multipart { .. }, Some(boundary)) => self.open.push(&boundary, current),
            (Shape::Message, _) if self.index.parts.len() < self.limits.parts => {
                let child = self.add_part(body, current, window);
                if let Some(record) = self.index.part_mut(current) {
                    record.first_child = child;
                }
                self.state = State::Header;
            }
            (Shape::Message, _) => self.defect(DefectKind::PartLimit, body),
            (Shape::EncodedMessage, _) => self.encoded_messages.push(current),
            _ => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::{DefectKind, Limits, Message};

    #[test]
    fn rfc5322_2_1_1_a_boundary_has_room_on_its_line_or_is_none() {
        for (length, parts) in [(70, 2), (996, 2), (997, 1)] {
            let boundary = "b".repeat(length);
            let text = format!(
                "Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}\n\na\n--{boundary}--\n"
            );
            let message = Message::parse(text.as_bytes());
            assert_eq!(message.parts().count(), parts, "{length}");
            let missing = DefectKind::MissingBoundary;
            let is_missing = message.defects().iter().any(|d| d.kind == missing);
            assert_eq!(is_missing, parts == 1, "{length}");
        }
    }

    #[test]
    fn a_message_within_a_message_is_a_part_as_long_as_parts_are_left() {
        let text = b"Content-Type: message/rfc822\n\nSubject: inner\n\ntext";
        for (limit, parts) in [(1, 1), (2, 2), (9, 2)] {
            let limits = Limits {
                parts: limit,
                ..Limits::default()
            };
            let message = Message::parse_with(text, &limits, Default::default());
            assert_eq!(message.parts().count(), parts, "{limit}");
            let limited = DefectKind::PartLimit;
            let is_limited = message.defects().iter().any(|d| d.kind == limited);
            assert_eq!(is_limited, limit == 1, "{limit}");
        }
    }

    /// The defects of a message with these limits, and the names of the fields of its root.
    pub(in crate::index) fn read(
        text: &str,
        limits: &Limits,
    ) -> (Vec<(DefectKind, usize)>, Vec<String>) {
        let message = Message::parse_with(text.as_bytes(), limits, Default::default());
        let defects = message.defects().iter().map(|d| (d.kind, d.offset));
        let names = message.headers().map(|field| field.name().to_owned());
        (defects.collect(), names.collect())
    }

    #[test]
    fn a_header_has_as_many_fields_and_bytes_as_its_limits_allow() {
        let text = "A: b\r\nC: d\r\nE: f\r\n\r\nbody";
        for (limit, names, defect) in [(1, "A", Some(6)), (2, "AC", Some(12)), (3, "ACE", None)] {
            let limits = Limits {
                fields: limit,
                ..Limits::default()
            };
            let (defects, found) = read(text, &limits);
            assert_eq!(found.concat(), names, "{limit}");
            let expected: Vec<_> = defect
                .map(|at| (DefectKind::HeaderLimit, at))
                .into_iter()
                .collect();
            assert_eq!(defects, expected, "{limit}");
        }
        // The line end of the last one does not count.
        for (limit, names) in [(4, "A"), (9, "A"), (10, "AC"), (15, "AC"), (16, "ACE")] {
            let limits = Limits {
                header_bytes: limit,
                ..Limits::default()
            };
            let (defects, found) = read(text, &limits);
            assert_eq!(found.concat(), names, "{limit}");
            assert_eq!(defects.is_empty(), limit == 16, "{limit}");
            let message = Message::parse_with(text.as_bytes(), &limits, Default::default());
            assert_eq!(message.root().raw_body(), b"body", "{limit}");
        }
    }

    #[test]
    fn the_limit_of_a_header_is_its_own_and_not_that_of_the_message() {
        let limits = Limits {
            header_bytes: 60,
            ..Limits::default()
        };
        let part = "--b\nSubject: the header of this part has 40 bytes\n\ntext\n";
        let text = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n",
            part.repeat(5)
        );
        let message = Message::parse_with(text.as_bytes(), &limits, Default::default());
        assert_eq!((message.parts().count(), message.defects()), (6, &[][..]));
    }

    #[test]
    fn rfc5322_2_2_what_is_no_field_is_told_where_it_stands() {
        use DefectKind::{DuplicateField, JunkLine, MboxFromLine, NoBlankLine, NoHeader};
        for (text, defects, names) in [
            ("A: b\n\n", &[][..], "A"),
            ("From x\nA: b\n\n", &[(MboxFromLine, 0)], "A"),
            (">From x\nA: b\n\n", &[(MboxFromLine, 0)], "A"),
            ("A: b\nFrom x\n\n", &[(JunkLine, 5)], "A"),
            ("A: b\njunk\nC: d\nmore\n\n", &[(JunkLine, 5)], "AC"),
            ("To: b\nTo: c\n\n", &[(DuplicateField, 6)], "ToTo"),
            ("A: b\nC: d", &[(NoBlankLine, 9)], "AC"),
            ("A: b\n", &[(NoBlankLine, 5)], "A"),
            ("junk", &[(JunkLine, 0), (NoHeader, 0)], ""),
            ("junk\n\n", &[(JunkLine, 0), (NoHeader, 0)], ""),
            (
                "From x\njunk\n\n",
                &[(MboxFromLine, 0), (JunkLine, 7), (NoHeader, 0)],
                "",
            ),
            ("ju nk:\n\n", &[(JunkLine, 0)], ""),
            ("junk\nA: b\n\n", &[(JunkLine, 0)], "A"),
            ("A: b\njunk", &[(JunkLine, 5), (NoBlankLine, 9)], "A"),
            ("A: b\n \njunk", &[(NoBlankLine, 7)], "A"),
            ("", &[], ""),
            ("\n", &[], ""),
        ] {
            let (found, fields) = read(text, &Limits::default());
            assert_eq!(
                (found, fields.concat()),
                (defects.to_vec(), names.to_owned()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_byte_order_mark_before_the_first_field_is_none_of_it() {
        use DefectKind::{ByteOrderMark, DuplicateField, JunkLine, NoHeader};
        for (text, defects, names) in [
            ("\u{FEFF}A: b\n\n", &[(ByteOrderMark, 0)][..], "A"),
            ("\u{FEFF}A : b\n c\nD: e\n\n", &[(ByteOrderMark, 0)], "AD"),
            (
                "\u{FEFF}To: b\nTo: c\n\n",
                &[(ByteOrderMark, 0), (DuplicateField, 9)],
                "ToTo",
            ),
            ("\u{FEFF}\u{FEFF}A: b\nC: d\n\n", &[(JunkLine, 0)], "C"),
            ("A: b\n\u{FEFF}C: d\nE: f\n\n", &[(JunkLine, 5)], "AE"),
            ("\u{FEFF}\n\n", &[(JunkLine, 0), (NoHeader, 0)], ""),
            ("\u{FEFF}Hello\n\n", &[(JunkLine, 0), (NoHeader, 0)], ""),
        ] {
            let (found, fields) = read(text, &Limits::default());
            assert_eq!(
                (found, fields.concat()),
                (defects.to_vec(), names.to_owned()),
                "{text:?}"
            );
        }
        let part =
            "\u{FEFF}Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n--b--\n";
        for text in [
            part.to_owned(),
            format!("Content-Type: message/rfc822\n\n{part}"),
            format!("Content-Type: multipart/mixed; boundary=o\n\n--o\n{part}--o--\n"),
        ] {
            let message = Message::parse(text.as_bytes());
            let leaves = message.parts().filter(|p| p.first_child().is_none());
            let bodies: Vec<_> = leaves.map(|p| p.raw_body()).collect();
            assert_eq!(bodies, [b"one", b"two"], "{text:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_may_stand_behind_the_line_of_an_mbox() {
        use DefectKind::{ByteOrderMark, JunkLine, MboxFromLine};
        for (text, defects, names) in [
            (
                "From x\n\u{FEFF}A: b\nC: d\n\n",
                &[(MboxFromLine, 0), (ByteOrderMark, 7)][..],
                "AC",
            ),
            (
                "From x\nA: b\n\u{FEFF}C: d\n\n",
                &[(MboxFromLine, 0), (JunkLine, 12)],
                "A",
            ),
            ("junk\n\u{FEFF}A: b\nC: d\n\n", &[(JunkLine, 0)], "C"),
        ] {
            let (found, fields) = read(text, &Limits::default());
            assert_eq!(
                (found, fields.concat()),
                (defects.to_vec(), names.to_owned()),
                "{text:?}"
            );
        }
        let text = "From a@b Thu Jan  1 00:00:00 1970\n\u{FEFF}Content-Type: multipart/mixed; boundary=b\n\n\
            --b\n\none\n--b--\n";
        assert_eq!(Message::parse(text.as_bytes()).parts().count(), 2);
    }

    #[test]
    fn what_stands_too_deep_is_not_opened_and_told_where_its_body_begins() {
        let text = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n\n\
            Content-Type: multipart/mixed; boundary=c\n\n--c\n\ntext\n--c--\n--a--\n";
        for (depth, parts) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 4)] {
            let limits = Limits {
                depth,
                ..Limits::default()
            };
            let message = Message::parse_with(text.as_bytes(), &limits, Default::default());
            assert_eq!(message.parts().count(), parts, "{depth}");
            let deepest = message.parts().last().unwrap();
            let limited = message
                .defects()
                .iter()
                .find(|d| d.kind == DefectKind::DepthLimit);
            let expected = (depth < 4).then(|| (deepest.id(), deepest.body_span().start));
            assert_eq!(limited.map(|d| (d.part, d.offset)), expected, "{depth}");
            assert!(
                depth >= 4 || !deepest.is_multipart() && !deepest.is_message(),
                "{depth}"
            );
        }
    }

    #[test]
    fn rfc2045_6_4_a_multipart_under_an_encoding_is_told_at_its_header() {
        let text = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=c\n\
            Content-Transfer-Encoding: base64\n\n--c\n\ntext\n--c--\n--a--\n";
        let message = Message::parse(text.as_bytes());
        let [defect] = message.defects() else {
            panic!("{:?}", message.defects());
        };
        let header = text.find("--a\n").unwrap() + 4;
        assert_eq!(
            (defect.kind, defect.offset),
            (DefectKind::EncodedContainer, header)
        );
        assert_eq!((defect.part.index(), message.parts().count()), (1, 3));
    }

    #[test]
    fn rfc2046_5_2_1_a_message_within_that_has_no_empty_line_before_a_delimiter_has_no_header() {
        let text = b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n--b\n\ntwo\n--b--\n";
        let message = Message::parse(text);
        let parents: Vec<_> = message
            .parts()
            .map(|part| part.parent().map(|p| p.id().index()))
            .collect();
        assert_eq!(parents, [None, Some(0), Some(1), Some(0)]);
        let last = message.parts().last().unwrap();
        assert_eq!(last.raw_body(), b"two");
    }
}

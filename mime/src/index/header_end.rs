//! Where a header ends: at an empty line, or at what shows that there is none.

use super::OpenBoundaries;
use super::delimiter::Candidate;
use super::header::LONGEST_BOUNDARY;
use super::header_block::empty_line;
use super::indexer::{Indexer, State};
use super::trail::Listener;
use super::window::Window;
use crate::defect::DefectKind;
use crate::shape::classify;

impl<L: Listener> Indexer<L> {
    /// Ends the header where no field follows. Whether there is more to read then; `None` if a field may follow.
    #[inline]
    pub(super) fn end_of_header<'b>(
        &mut self,
        rest: &[u8],
        window: impl Window<'b>,
    ) -> Option<bool> {
        if let Some(length) = empty_line(rest) {
            if self.header.has_text && self.is_no_header() {
                self.header_without_end(window);
            } else {
                self.end_header(window, self.position + length);
            }
            return Some(true);
        }
        self.end_without_empty_line(rest, window)
    }

    #[inline(never)]
    fn end_without_empty_line<'b>(&mut self, rest: &[u8], window: impl Window<'b>) -> Option<bool> {
        if rest.len() < 2 && !window.at_end() {
            return Some(false);
        }
        if rest.is_empty() {
            self.header_without_end(window);
            return Some(true);
        }
        if !rest.starts_with(b"--") {
            return None;
        }
        match self.compare_in_header(rest, window) {
            Candidate::Incomplete => Some(false),
            Candidate::Text => None,
            // It is found again in the body.
            Candidate::Delimiter(_) => {
                self.header_without_end(window);
                Some(true)
            }
        }
    }

    /// Compares a line that begins with `--` with the boundary of this header's own multipart, and with the open ones.
    ///
    /// A close delimiter of its own would end what did not begin.
    fn compare_in_header<'b>(&mut self, line: &[u8], window: impl Window<'b>) -> Candidate {
        let at_end = window.at_end();
        let own = self.own_boundary(window);
        match own.map_or(Candidate::Text, |own| own.compare(line, at_end)) {
            Candidate::Incomplete => Candidate::Incomplete,
            Candidate::Delimiter(own) if !own.close => Candidate::Delimiter(own),
            _ => self.open.compare(line, at_end),
        }
    }

    /// The boundary of the multipart whose header this is, as far as it says by now. It is looked up once.
    fn own_boundary<'b>(&mut self, window: impl Window<'b>) -> Option<&OpenBoundaries> {
        if self.header.own_boundary.is_none() {
            self.header.content_type?;
            let read = match self.state {
                State::Limited { .. } => None,
                _ => classify(&self.header, window, || false, self.limits.parameters),
            };
            let content = read.as_ref().or(self.judged.as_ref());
            let mut own = OpenBoundaries::default();
            if let Some(boundary) = content.and_then(|content| content.boundary.as_deref()) {
                if boundary.len() <= LONGEST_BOUNDARY {
                    own.push(boundary, self.current);
                }
            }
            self.header.own_boundary = Some(Box::new(own));
        }
        self.header.own_boundary.as_deref()
    }

    /// Whether the current header has no field, and all of it can still be body.
    #[cold]
    fn is_no_header(&self) -> bool {
        self.state == State::Header && !self.has_fields()
    }

    /// Whether the line before the current position is one of white space.
    ///
    /// It continues a field (RFC 5322 §4.2). But where no field follows it, it was meant as the empty line that ends a header: what
    /// follows is text, and must not get lost.
    pub(super) fn is_behind_blanks<'b>(&self, window: impl Window<'b>) -> bool {
        let end = window.before_line_end(self.position);
        let before = window.range(self.header.start, end).unwrap_or_default();
        let blanks = before.iter().rev();
        let blanks = blanks.take_while(|b| matches!(b, b' ' | b'\t')).count();
        blanks > 0 && window.follows_line_end(end - blanks)
    }

    /// Ends the header at the current position, with no empty line there, or one that ends none.
    ///
    /// Where nothing but junk came before, there was no header: it is all body.
    pub(super) fn header_without_end<'b>(&mut self, window: impl Window<'b>) {
        let start = self.header.start;
        if self.has_fields() {
            self.defect(DefectKind::NoBlankLine, self.position);
        } else if self.header.junk_told && self.state == State::Header {
            self.defect(DefectKind::NoHeader, start);
            return self.end_header(window, start);
        }
        self.end_header(window, self.position);
    }
}

#[cfg(test)]
mod tests {
    use crate::index::header::tests::read;
    use crate::{DefectKind, Limits, Message};

    #[test]
    fn what_is_no_header_is_body_from_its_start() {
        for (text, body) in [
            ("junk\nmore", "junk\nmore"),
            ("junk\n\nbody", "junk\n\nbody"),
            ("junk\nmore junk: x\n\nbody", "junk\nmore junk: x\n\nbody"),
            ("Sub ject: x\njunk\n\nbody", "body"),
            (" junk\n\nbody", "body"),
            ("From x\n\nbody", "body"),
            // Where no field follows, nothing says that this is the line of an mbox file: it may begin the text.
            ("From x\njunk\n\nbody", "From x\njunk\n\nbody"),
            ("From x\njunk", "From x\njunk"),
            ("From x\nSub ject: x\n\nbody", "body"),
            ("From x\njunk\nSubject: x\n\nbody", "body"),
            (" \nSubject: x\n\nbody", "body"),
            ("\nbody", "body"),
            ("\r\nbody", "body"),
            ("A: b", ""),
            ("--x\nA: b\n\nbody", "body"),
        ] {
            let message = Message::parse(text.as_bytes());
            assert_eq!(message.root().raw_body(), body.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn rfc2046_5_1_1_a_header_ends_at_a_delimiter_line() {
        let text = "Content-Type: multipart/mixed; boundary=b\n\n--b\nA: b\n--b\nC: d\n--c\n-xb\nE: f\n--b--\nend";
        let message = Message::parse(text.as_bytes());
        let raw: Vec<_> = message
            .parts()
            .skip(1)
            .map(|part| (part.raw_header(), part.raw_body()))
            .collect();
        let expected: [(&[u8], &[u8]); 2] = [(b"A: b\n", b""), (b"C: d\n--c\n-xb\nE: f\n", b"")];
        assert_eq!(raw, expected);
        assert_eq!(message.root().epilogue(), b"end");
        let at = |what: &str| text.find(what).unwrap();
        let defects: Vec<_> = message
            .defects()
            .iter()
            .map(|d| (d.kind, d.offset))
            .collect();
        let expected = [
            (DefectKind::NoBlankLine, at("--b\nC")),
            (DefectKind::JunkLine, at("--c")),
            (DefectKind::NoBlankLine, at("--b--")),
        ];
        assert_eq!(defects, expected);
    }

    #[test]
    fn rfc5322_4_2_a_line_of_white_space_ends_a_header_where_no_field_follows() {
        for (text, names, body) in [
            ("Subject: a\n \nHello body\n", "Subject", "Hello body\n"),
            (
                "Subject: a\r\n\t \r\nHello\r\n\r\nbody",
                "Subject",
                "Hello\r\n\r\nbody",
            ),
            (
                "To: a\n \n\t\nHi all: b\nSubject: c\n\nbody",
                "To",
                "Hi all: b\nSubject: c\n\nbody",
            ),
            ("Subject: a\n \nTo: b\n\nbody", "SubjectTo", "body"),
            ("Subject: a\n \n\nbody", "Subject", "body"),
            ("Subject: a \nHello\n\nbody", "Subject", "body"),
            ("Subject: \nHello\n\nbody", "Subject", "body"),
            (" \nHello\nTo: a\n\nbody", "To", "body"),
        ] {
            let (_, fields) = read(text, &Limits::default());
            let message = Message::parse(text.as_bytes());
            let found = (fields.concat(), message.root().raw_body());
            assert_eq!(found, (names.to_owned(), body.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn rfc2046_5_1_1_a_header_ends_at_the_first_delimiter_line_of_its_own_multipart() {
        use DefectKind::{JunkLine, NoBlankLine};
        let field = "Content-Type: multipart/mixed; boundary=b\n";
        let rest = "--b\nA: b\n\none\n--b\n\ntwo\n--b--\nend";
        let at = field.len();
        for (between, preamble, expected) in [
            ("", "", &[(NoBlankLine, at)][..]),
            (" \n", "", &[(NoBlankLine, at + 2)]),
            ("MIME-Version: 1.0\n", "", &[(NoBlankLine, at + 18)]),
            ("\n", "", &[]),
            (" \ntext\n--c\n", "text\n--c", &[(NoBlankLine, at + 2)]),
            ("--c\n", "", &[(JunkLine, at), (NoBlankLine, at + 4)]),
        ] {
            let text = [field, between, rest].concat();
            let (defects, _) = read(&text, &Limits::default());
            assert_eq!(defects, expected, "{text:?}");
            let message = Message::parse(text.as_bytes());
            let bodies: Vec<_> = message.parts().skip(1).map(|p| p.raw_body()).collect();
            assert_eq!(bodies, [b"one", b"two"], "{text:?}");
            let around = (message.root().preamble(), message.root().epilogue());
            assert_eq!(around, (preamble.as_bytes(), &b"end"[..]), "{text:?}");
        }
        // Not at one of another, at one that closes, or where the boundary is not known yet.
        for header in [
            "Content-Type: text/plain; boundary=b\n--b\nTo: c\n",
            "Content-Type: multipart/mixed; boundary=b\n--b--\n--bb\nTo: c\n",
            "--b\nContent-Type: multipart/mixed; boundary=b\n",
        ] {
            let text = format!("{header}\nbody");
            let message = Message::parse(text.as_bytes());
            assert_eq!(message.root().raw_body(), b"body", "{text:?}");
        }
    }

    #[test]
    fn a_multipart_within_one_may_have_no_empty_line_either_nor_its_limit_room_for_more() {
        let text = "Content-Type: multipart/mixed; boundary=b\n--b\nContent-Type: multipart/mixed; boundary=c\n\
            --c\n\none\n--c\n\ntwo\n--b\n\nthree\n--b--\n";
        for fields in [1, 9] {
            let limits = Limits {
                fields,
                ..Limits::default()
            };
            let message = Message::parse_with(text.as_bytes(), &limits, Default::default());
            let parents = message.parts().map(|p| p.parent().map(|p| p.id().index()));
            let parents: Vec<_> = parents.collect();
            let expected = [None, Some(0), Some(1), Some(1), Some(0)];
            let expected = if fields == 1 {
                &[None, Some(0), Some(0)]
            } else {
                &expected[..]
            };
            assert_eq!(parents, expected, "{fields}");
        }
        let limits = Limits {
            fields: 1,
            ..Limits::default()
        };
        let text = "Content-Type: multipart/mixed; boundary=b\nTo: c\n--b\n\none\n--b--\n";
        let message = Message::parse_with(text.as_bytes(), &limits, Default::default());
        assert_eq!(message.parts().last().unwrap().raw_body(), b"one");
    }
}

//! The one pass over a message.
//!
//! A state machine: it is in a header, or in a body that lasts until a delimiter line of an open multipart. It is given
//! all bytes that have arrived so far and stops where a decision needs more; a message that is there as a whole is read
//! in one call. There is no recursion, and every byte is looked at a bounded number of times.

use std::collections::VecDeque;
use std::sync::OnceLock;

use memchr::memmem;

use super::delimiter::{Candidate, Delimiter, OpenBoundaries};
use super::header_block::{before_line_end, empty_line, field, field_end, is_mbox_line};
use super::header_state::HeaderState;
use super::{Index, NONE, PartRecord, Shape};
use crate::defect::DefectKind;
use crate::limits::Limits;
use crate::part::PartId;
use crate::push::Event;
use crate::shape::{Content, classify};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a line in the header of the current part.
    Header,
    /// In the body of the current part, after its close delimiter too.
    Body,
    /// Behind the last byte.
    Done,
}

#[derive(Debug)]
pub(crate) struct Indexer {
    limits: Limits,
    pub(crate) index: Index,
    open: OpenBoundaries,
    state: State,
    /// The part that is being read.
    current: u32,
    /// How many bytes have arrived.
    arrived: usize,
    /// Where reading goes on.
    position: usize,
    /// Up to where no end of the field or no candidate of a delimiter was found.
    searched: usize,
    /// The header of the current part.
    header: HeaderState,
    /// Leaves that hold a transfer-encoded message.
    encoded_messages: Vec<u32>,
    /// What happened, for whoever reads while the message arrives.
    events: Option<VecDeque<Event>>,
}

impl Indexer {
    pub(crate) fn new(limits: Limits, mut index: Index, mut open: OpenBoundaries) -> Self {
        index.clear();
        open.clear();
        index.push_part(PartRecord::new(0, NONE, 0), 0, 0);
        Self {
            limits,
            index,
            open,
            state: State::Header,
            current: 0,
            arrived: 0,
            position: 0,
            searched: 0,
            header: HeaderState::default(),
            encoded_messages: Vec::new(),
            events: None,
        }
    }

    /// Keeps events from now on.
    pub(crate) fn with_events(mut self) -> Self {
        self.events = Some(VecDeque::from([Event::PartBegins(PartId::ROOT)]));
        self
    }

    /// The next event that was not taken yet.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.as_mut()?.pop_front()
    }

    fn event(&mut self, event: Event) {
        if let Some(events) = &mut self.events {
            events.push_back(event);
        }
    }

    /// Reads on in `bytes`, everything that has arrived; `at_end` when nothing will follow.
    pub(crate) fn advance(&mut self, bytes: &[u8], at_end: bool) {
        let bytes = bytes.get(..u32::MAX as usize - 1).unwrap_or(bytes);
        self.arrived = bytes.len();
        while match self.state {
            State::Header => self.header_line(bytes, at_end),
            State::Body => self.body(bytes, at_end),
            State::Done => false,
        } {}
    }

    /// Takes one line of the header. False when more bytes are needed.
    #[inline]
    fn header_line(&mut self, bytes: &[u8], at_end: bool) -> bool {
        let rest = bytes.get(self.position..).unwrap_or_default();
        if let None | Some(b'\n' | b'\r' | b'-') = rest.first() {
            if let Some(goes_on) = self.end_of_header(rest, bytes, at_end) {
                return goes_on;
            }
        }
        let Some((end, next)) = field_end(rest, self.searched, at_end) else {
            self.searched = rest.len().saturating_sub(1);
            return false;
        };
        self.header_field(rest, end);
        self.searched = 0;
        self.position += next;
        true
    }

    /// Ends the header where no field follows. Whether there is more to read then; `None` if a field may follow.
    fn end_of_header(&mut self, rest: &[u8], bytes: &[u8], at_end: bool) -> Option<bool> {
        if let Some(length) = empty_line(rest) {
            self.end_header(bytes, self.position + length);
            return Some(true);
        }
        if rest.len() < 2 && !at_end {
            return Some(false);
        }
        if rest.is_empty() {
            self.header_without_end(bytes);
            return Some(true);
        }
        if !rest.starts_with(b"--") || self.open.is_empty() {
            return None;
        }
        match self.open.compare(rest, at_end) {
            Candidate::Incomplete => Some(false),
            Candidate::Text => None,
            Candidate::Delimiter(delimiter) => {
                let line = self.position;
                self.header_without_end(bytes);
                self.delimiter(line, delimiter, bytes);
                Some(true)
            }
        }
    }

    /// Enters the field of `length` bytes that stands at the current position, or says what it is instead.
    #[inline]
    fn header_field(&mut self, text: &[u8], length: usize) {
        let offset = self.position;
        if self.index.fields.len() >= self.limits.fields
            || offset + length - self.header.start > self.limits.header_bytes
        {
            if !std::mem::replace(&mut self.header.limit_told, true) {
                self.defect(DefectKind::HeaderLimit, offset);
            }
            return;
        }
        match field(text, length, offset) {
            Some(record) => {
                if self.header.note(&record) {
                    self.defect(DefectKind::DuplicateField, offset);
                }
                self.index.push_field(record, offset + length, self.arrived);
            }
            None => self.no_field(text.get(..length).unwrap_or_default()),
        }
    }

    fn no_field(&mut self, line: &[u8]) {
        let offset = self.position;
        if offset == self.header.start && is_mbox_line(line) {
            self.defect(DefectKind::MboxFromLine, offset);
        } else if !std::mem::replace(&mut self.header.junk_told, true) {
            self.defect(DefectKind::JunkLine, offset);
        }
    }

    /// Notes a defect of the current part.
    #[cold]
    fn defect(&mut self, kind: DefectKind, offset: usize) {
        self.index.defect(kind, offset, self.current);
    }

    fn record(&self) -> Option<&PartRecord> {
        self.index.part(self.current)
    }

    /// Ends the header at the current position, with no empty line there.
    ///
    /// Where nothing but junk came before, there was no header: it is all body.
    fn header_without_end(&mut self, bytes: &[u8]) {
        let start = self.header.start;
        let first_field = self.record().map_or(0, |p| p.first_field as usize);
        if self.index.fields.len() > first_field {
            self.defect(DefectKind::NoBlankLine, self.position);
        } else if self.header.junk_told {
            self.defect(DefectKind::NoHeader, start);
            return self.end_header(bytes, start);
        }
        self.end_header(bytes, self.position);
    }

    /// Ends the header of the current part; its body begins at `body`. Decides what the body is.
    fn end_header(&mut self, bytes: &[u8], body: usize) {
        self.searched = 0;
        self.position = body;
        self.state = State::Body;
        let last_field = self.index.fields.len() as u32;
        let current = self.current;
        if let Some(record) = self.index.part_mut(current) {
            record.last_field = last_field;
            record.body = body as u32;
        }
        self.event(Event::HeaderEnds(PartId(current)));
        let digest = self.parent_is_digest();
        let content = classify(&self.header, bytes, digest, self.limits.parameters);
        if content.encoding_forbidden {
            self.defect(DefectKind::EncodedContainer, self.header.start);
        }
        if content.shape != Shape::Leaf {
            self.enter(content, body);
        }
    }

    fn parent_is_digest(&self) -> bool {
        let parent = self.record().and_then(|p| self.index.part(p.parent));
        parent.is_some_and(|p| p.shape == Shape::Multipart { digest: true })
    }

    /// Opens the body of the current part, if it is to be opened.
    fn enter(&mut self, content: Content<'_>, body: usize) {
        let too_deep = self
            .record()
            .is_some_and(|p| usize::from(p.depth) + 1 >= self.limits.depth);
        let current = self.current;
        let shape = match content.shape {
            Shape::Multipart { .. } | Shape::Message if too_deep => {
                self.defect(DefectKind::DepthLimit, body);
                Shape::Leaf
            }
            Shape::Multipart { .. } if content.boundary.is_none() => {
                self.defect(DefectKind::MissingBoundary, body);
                content.shape
            }
            shape => shape,
        };
        if let Some(record) = self.index.part_mut(current) {
            record.shape = shape;
        }
        match (shape, content.boundary) {
            (Shape::Multipart { .. }, Some(boundary)) => self.open.push(&boundary, current),
            (Shape::Message, _) if self.index.parts.len() < self.limits.parts => {
                let child = self.add_part(body, current);
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

    /// Adds a part that begins at `start` and makes it the current one.
    fn add_part(&mut self, start: usize, parent: u32) -> u32 {
        let id = self.index.parts.len() as u32;
        let depth = self
            .index
            .part(parent)
            .map_or(0, |p| p.depth.saturating_add(1));
        let first_field = self.index.fields.len() as u32;
        let part = PartRecord {
            first_field,
            last_field: first_field,
            ..PartRecord::new(start as u32, parent, depth)
        };
        self.index.push_part(part, start, self.arrived);
        self.current = id;
        self.header = HeaderState::new(start);
        self.event(Event::PartBegins(PartId(id)));
        id
    }

    /// Reads the body up to the next delimiter line. False when more bytes are needed, or all is done.
    fn body(&mut self, bytes: &[u8], at_end: bool) -> bool {
        if self.open.is_empty() {
            return self.rest(bytes, at_end);
        }
        let body = self.record().map_or(0, |p| p.body as usize);
        let mut line = self.position;
        // The position is the start of a line, or a place from which no candidate begins.
        let at_line_start = line == body || bytes.get(line.wrapping_sub(1)) == Some(&b'\n');
        if !at_line_start || !bytes.get(line..).unwrap_or_default().starts_with(b"--") {
            if at_line_start && !at_end && bytes.len() < line + 2 {
                return false;
            }
            match self.next_candidate(bytes, line) {
                Some(next) => line = next,
                None => {
                    // A line break at the very end may still be followed by dashes.
                    self.position = line.max(bytes.len().saturating_sub(2));
                    return self.rest(bytes, at_end);
                }
            }
        }
        loop {
            match self
                .open
                .compare(bytes.get(line..).unwrap_or_default(), at_end)
            {
                Candidate::Delimiter(delimiter) => {
                    self.delimiter(line, delimiter, bytes);
                    return true;
                }
                Candidate::Incomplete => {
                    self.position = line;
                    return false;
                }
                Candidate::Text => match self.next_candidate(bytes, line) {
                    Some(next) => line = next,
                    None => {
                        self.position = (line + 2).max(bytes.len().saturating_sub(2));
                        return self.rest(bytes, at_end);
                    }
                },
            }
        }
    }

    /// No delimiter is left: all that follows belongs to the open parts.
    fn rest(&mut self, bytes: &[u8], at_end: bool) -> bool {
        if at_end {
            for level in 0..self.open.levels().len() {
                self.flag_unterminated(level, bytes.len());
            }
            self.open.clear();
            self.close_up_to(NONE, bytes.len());
            self.state = State::Done;
        }
        false
    }

    /// Takes a delimiter line at `line`: ends what it ends and begins what it begins.
    fn delimiter(&mut self, line: usize, found: Delimiter, bytes: &[u8]) {
        for inner in found.level + 1..self.open.levels().len() {
            self.flag_unterminated(inner, line);
        }
        self.open.truncate(found.level + 1);
        let Some(level) = self.open.levels().get(found.level).copied() else {
            return;
        };
        let body = self.record().map_or(0, |p| p.body as usize);
        let end = before_line_end(bytes, line).max(body);
        self.close_up_to(level.part, end);
        let next = line + found.length;
        if found.close {
            self.open.truncate(found.level);
            self.current = level.part;
            if let Some(record) = self.index.part_mut(level.part) {
                record.epilogue = next as u32;
                record.end = next as u32;
            }
            self.state = State::Body;
            self.position = next;
        } else {
            self.begin_child(found.level, level.part, next);
        }
    }

    fn begin_child(&mut self, level: usize, parent: u32, start: usize) {
        if self.index.parts.len() >= self.limits.parts {
            self.index.defect(DefectKind::PartLimit, start, parent);
            self.open.clear();
            (self.current, self.position, self.state) = (parent, start, State::Body);
            return;
        }
        let full = self.index.parts.len() + 1 >= self.limits.parts;
        let child = self.add_part(start, parent);
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
        self.position = start;
        self.searched = 0;
        self.state = State::Header;
        if full {
            self.index.defect(DefectKind::PartLimit, start, child);
            self.open.clear();
            self.state = State::Body;
        }
    }

    /// Ends the current part and its ancestors below `ancestor`.
    fn close_up_to(&mut self, ancestor: u32, end: usize) {
        let mut part = self.current;
        while part != ancestor {
            let Some(record) = self.index.part_mut(part) else {
                break;
            };
            record.end = end as u32;
            let empty = record.start as usize >= end && record.body == record.start;
            let in_multipart = record.parent;
            if empty
                && self
                    .index
                    .part(in_multipart)
                    .is_some_and(|p| matches!(p.shape, Shape::Multipart { .. }))
            {
                self.index.defect(DefectKind::EmptyPart, end, part);
            }
            self.event(Event::PartEnds(PartId(part)));
            part = in_multipart;
        }
    }

    fn flag_unterminated(&mut self, level: usize, offset: usize) {
        if let Some(level) = self.open.levels().get(level).copied() {
            let kind = if level.last_child == NONE {
                DefectKind::MissingDelimiter
            } else {
                DefectKind::Unterminated
            };
            self.index.defect(kind, offset, level.part);
        }
    }

    /// Gives back what can be used again.
    pub(crate) fn into_parts(self) -> (Index, OpenBoundaries, Vec<u32>) {
        (self.index, self.open, self.encoded_messages)
    }

    /// The start of the next line after `from` that begins with `--`.
    fn next_candidate(&self, bytes: &[u8], from: usize) -> Option<usize> {
        static DASHES: OnceLock<memmem::Finder<'static>> = OnceLock::new();
        let dashes = DASHES.get_or_init(|| memmem::Finder::new(b"\n--"));
        dashes.find(bytes.get(from..)?).map(|at| from + at + 1)
    }
}

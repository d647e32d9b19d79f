//! The one pass over a message.
//!
//! A state machine: it is in a header, or in a body that lasts until a delimiter line of an open multipart. It is given
//! a window on the bytes and stops where a decision needs more; a message that is there as a whole is read in one call.
//! There is no recursion, and every byte is looked at a bounded number of times.
//!
//! A decision never looks back further than the header of the current part, and not behind a limit: what is to come of a
//! header that reaches one is decided there and then.

use std::sync::OnceLock;

use memchr::{memchr, memmem};

use super::delimiter::{Candidate, Delimiter, OpenBoundaries};
use super::header_block::{empty_line, field, field_end, is_mbox_line};
use super::header_state::HeaderState;
use super::trail::{Step, Trail};
use super::window::Window;
use super::{Index, NONE, PartRecord, Shape};
use crate::defect::DefectKind;
use crate::limits::Limits;
use crate::shape::{Content, classify};

/// A boundary with more characters stands on no line (RFC 5322 §2.1.1), and is none. RFC 2046 §5.1.1 allows 70.
const LONGEST_BOUNDARY: usize = 998 - "--".len();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// At the start of a line in the header of the current part.
    Header,
    /// Behind a limit in the header of the current part: no field is entered.
    Limited {
        /// Within a line, and not at the start of one.
        in_line: bool,
    },
    /// In the body of the current part, after its close delimiter too.
    Body,
    /// Behind the last byte.
    Done,
}

#[derive(Debug)]
pub(crate) struct Indexer {
    pub(super) limits: Limits,
    pub(crate) index: Index,
    pub(super) open: OpenBoundaries,
    pub(super) state: State,
    /// The part that is being read.
    pub(super) current: u32,
    /// Where reading goes on.
    pub(super) position: usize,
    /// Up to where no end of the field or no candidate of a delimiter was found.
    searched: usize,
    /// The header of the current part.
    pub(super) header: HeaderState,
    /// What a header that reached a limit says of the body.
    judged: Option<Content<'static>>,
    /// Leaves that hold a transfer-encoded message.
    encoded_messages: Vec<u32>,
    /// What happened, for whoever reads while the message arrives.
    pub(super) trail: Option<Trail>,
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
            position: 0,
            searched: 0,
            header: HeaderState::default(),
            judged: None,
            encoded_messages: Vec::new(),
            trail: None,
        }
    }

    /// Reads the body of a multipart that has no delimiter line, where text may follow the boundary on such lines.
    pub(crate) fn again(limits: Limits, multipart: PartRecord, boundary: &[u8]) -> Self {
        let mut this = Self::new(limits, Index::default(), OpenBoundaries::default());
        let parts = &mut this.index.parts;
        parts.clear();
        parts.push(PartRecord {
            parent: NONE,
            first_field: 0,
            last_field: 0,
            ..multipart
        });
        this.open.push_loose(boundary, 0);
        this.position = multipart.body as usize;
        this.state = State::Body;
        this
    }

    /// Reads on in the bytes at hand.
    pub(crate) fn advance(&mut self, window: Window<'_>) {
        while match self.state {
            State::Header => self.header_line(window),
            State::Limited { in_line } => self.limited_line(in_line, window),
            State::Body => self.body(window),
            State::Done => false,
        } {}
        if self.trail.is_some() {
            self.tell_rest(window);
        }
    }

    /// Takes one line of the header. False when more bytes are needed.
    #[inline]
    fn header_line(&mut self, window: Window<'_>) -> bool {
        let rest = window.from(self.position);
        if let None | Some(b'\n' | b'\r' | b'-') = rest.first() {
            if let Some(goes_on) = self.end_of_header(rest, window) {
                return goes_on;
            }
        }
        let Some((end, next)) = field_end(rest, self.searched, window.at_end) else {
            // What has arrived may end with the line end.
            let arrived = rest.len().saturating_sub(2);
            if arrived > self.header_bytes_left() {
                self.meet_limit(rest, arrived, window);
                return true;
            }
            self.searched = rest.len().saturating_sub(1);
            return false;
        };
        if self.index.fields.len() >= self.limits.fields || end > self.header_bytes_left() {
            self.meet_limit(rest, end, window);
            return true;
        }
        self.header_field(rest, end, window);
        self.searched = 0;
        self.position += next;
        true
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
    fn meet_limit(&mut self, line: &[u8], length: usize, window: Window<'_>) {
        self.defect(DefectKind::HeaderLimit, self.position);
        self.searched = 0;
        let length = length.min(self.header_bytes_left());
        let seen = line.get(..length).unwrap_or(line);
        if !self.has_fields() && field(seen, seen.len(), self.position).is_none() {
            self.defect(DefectKind::NoHeader, self.header.start);
            return self.end_header(window, self.header.start);
        }
        let content = self.judge(window).into_owned();
        self.tell_header(self.position);
        self.judged = Some(content);
        self.state = State::Limited { in_line: false };
    }

    /// Whether the header of the current part has fields.
    fn has_fields(&self) -> bool {
        let first_field = self.record().map_or(0, |p| p.first_field as usize);
        self.index.fields.len() > first_field
    }

    /// Takes one line, or the rest of one, behind a limit of the header. False when more bytes are needed.
    #[cold]
    fn limited_line(&mut self, in_line: bool, window: Window<'_>) -> bool {
        let rest = window.from(self.position);
        if !in_line {
            if let Some(goes_on) = self.end_of_header(rest, window) {
                return goes_on;
            }
        }
        let end = field_end(rest, 0, window.at_end);
        // Without an end, the last byte may be that of a line.
        let (_, next) = end.unwrap_or((0, rest.len().saturating_sub(1)));
        self.position += next;
        self.state = State::Limited {
            in_line: end.is_none(),
        };
        end.is_some()
    }

    /// Ends the header where no field follows. Whether there is more to read then; `None` if a field may follow.
    fn end_of_header(&mut self, rest: &[u8], window: Window<'_>) -> Option<bool> {
        if let Some(length) = empty_line(rest) {
            self.end_header(window, self.position + length);
            return Some(true);
        }
        if rest.len() < 2 && !window.at_end {
            return Some(false);
        }
        if rest.is_empty() {
            self.header_without_end(window);
            return Some(true);
        }
        if !rest.starts_with(b"--") || self.open.is_empty() {
            return None;
        }
        match self.open.compare(rest, window.at_end) {
            Candidate::Incomplete => Some(false),
            Candidate::Text => None,
            Candidate::Delimiter(delimiter) => {
                let line = self.position;
                self.header_without_end(window);
                // Unless the body is a message, of which the header is to be read first.
                if self.state == State::Body {
                    self.delimiter(line, delimiter, window);
                }
                Some(true)
            }
        }
    }

    /// Enters the field of `length` bytes that stands at the current position, or says what it is instead.
    #[inline]
    fn header_field(&mut self, text: &[u8], length: usize, window: Window<'_>) {
        let offset = self.position;
        match field(text, length, offset) {
            Some(record) => {
                if self.header.note(&record) {
                    self.defect(DefectKind::DuplicateField, offset);
                }
                let read = offset + length;
                self.index.push_field(record, read, window.end());
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
    fn header_without_end(&mut self, window: Window<'_>) {
        let start = self.header.start;
        if self.has_fields() {
            self.defect(DefectKind::NoBlankLine, self.position);
        } else if self.header.junk_told && self.state == State::Header {
            self.defect(DefectKind::NoHeader, start);
            return self.end_header(window, start);
        }
        self.end_header(window, self.position);
    }

    /// Ends the header of the current part; its body begins at `body`. Decides what the body is.
    fn end_header(&mut self, window: Window<'_>, body: usize) {
        let content = match self.judged.take() {
            Some(content) => content,
            None => {
                let content = self.judge(window);
                self.tell_header(body);
                content
            }
        };
        self.searched = 0;
        self.position = body;
        self.state = State::Body;
        self.body_goes_on(body);
        let current = self.current;
        if let Some(record) = self.index.part_mut(current) {
            record.body = body as u32;
        }
        if content.encoding_forbidden {
            self.defect(DefectKind::EncodedContainer, self.header.start);
        }
        if content.shape != Shape::Leaf {
            self.enter(content, body, window);
        }
    }

    /// Takes note that the header has no further fields. What it says of the body.
    fn judge<'b>(&mut self, window: Window<'b>) -> Content<'b> {
        let last_field = self.index.fields.len() as u32;
        let current = self.current;
        if let Some(record) = self.index.part_mut(current) {
            record.last_field = last_field;
        }
        let digest = self.record().is_some_and(|p| self.index.is_in_digest(p));
        let content = classify(&self.header, window, digest, self.limits.parameters);
        self.set_shape(content.shape);
        content
    }

    /// Notes what the current part is made of. What is nested too deeply is not opened.
    fn set_shape(&mut self, shape: Shape) {
        let encoded = shape == Shape::EncodedMessage;
        let too_deep = shape != Shape::Leaf && !encoded && self.is_too_deep();
        let current = self.current;
        if let Some(record) = self.index.part_mut(current) {
            record.shape = if too_deep { Shape::Leaf } else { shape };
        }
    }

    fn is_too_deep(&self) -> bool {
        self.record()
            .is_some_and(|p| usize::from(p.depth) + 1 >= self.limits.depth)
    }

    /// Opens the body of the current part, if it is to be opened.
    fn enter(&mut self, content: Content<'_>, body: usize, window: Window<'_>) {
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

    /// Adds a part that begins at `start` and makes it the current one.
    fn add_part(&mut self, start: usize, parent: u32, window: Window<'_>) -> u32 {
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
        self.index.push_part(part, start, window.end());
        self.current = id;
        self.header = HeaderState::new(start);
        self.tell(Step::PartBegins {
            part: id,
            offset: start,
        });
        id
    }

    /// Reads the body up to the next delimiter line. False when more bytes are needed, or all is done.
    fn body(&mut self, window: Window<'_>) -> bool {
        if self.open.is_empty() {
            return self.rest(window.end(), window);
        }
        let body = self.record().map_or(0, |p| p.body as usize);
        let mut line = self.position;
        // The position is the start of a line, or a place from which no candidate begins.
        let at_line_start = line == body || window.follows_line_end(line);
        if !at_line_start || !window.from(line).starts_with(b"--") {
            if at_line_start && !window.at_end && window.end() < line + 2 {
                return false;
            }
            match next_candidate(window, line) {
                Some(next) => line = next,
                // A line break at the very end may still be followed by dashes.
                None => return self.rest(line.max(window.end().saturating_sub(2)), window),
            }
        }
        loop {
            match self.open.compare(window.from(line), window.at_end) {
                Candidate::Delimiter(delimiter) => {
                    self.delimiter(line, delimiter, window);
                    return true;
                }
                Candidate::Incomplete => {
                    self.position = line;
                    return false;
                }
                Candidate::Text => match next_candidate(window, line) {
                    Some(next) => line = next,
                    None => {
                        return self.rest((line + 2).max(window.end().saturating_sub(2)), window);
                    }
                },
            }
        }
    }

    /// No delimiter is left in what is at hand: it belongs to the open parts. Reading goes on at `position`.
    fn rest(&mut self, position: usize, window: Window<'_>) -> bool {
        self.position = position;
        if window.at_end {
            let end = window.end();
            self.tell_body(end);
            for level in 0..self.open.levels().len() {
                self.flag_unterminated(level, end);
            }
            self.open.clear();
            self.close_up_to(NONE, end);
            self.state = State::Done;
        }
        false
    }

    /// Takes a delimiter line at `line`: ends what it ends and begins what it begins.
    fn delimiter(&mut self, line: usize, found: Delimiter, window: Window<'_>) {
        let body = self.record().map_or(0, |p| p.body as usize);
        let end = window.before_line_end(line).max(body);
        self.tell_body(end);
        for inner in found.level + 1..self.open.levels().len() {
            self.flag_unterminated(inner, line);
        }
        self.open.truncate(found.level + 1);
        let Some(level) = self.open.levels().get(found.level).copied() else {
            return;
        };
        self.close_up_to(level.part, end);
        let next = line + found.length;
        self.body_goes_on(next);
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
            self.begin_child(found.level, level.part, next, window);
        }
    }

    fn begin_child(&mut self, level: usize, parent: u32, start: usize, window: Window<'_>) {
        if self.index.parts.len() >= self.limits.parts {
            self.index.defect(DefectKind::PartLimit, start, parent);
            self.open.clear();
            (self.current, self.position, self.state) = (parent, start, State::Body);
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
        self.position = start;
        self.searched = 0;
        self.state = State::Header;
        if full {
            self.index.defect(DefectKind::PartLimit, start, child);
            self.open.clear();
            self.tell_header(start);
            self.body_goes_on(start);
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
            self.tell(Step::PartEnds { part, offset: end });
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
}

/// The start of the next line after `from` that begins with `--`.
///
/// The search is for a dash, because that is the fastest there is and base64 has none; behind a dash that begins no such
/// line there will be more of them, and the search is for all three characters.
fn next_candidate(window: Window<'_>, from: usize) -> Option<usize> {
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

//! The one pass over a message.
//!
//! A state machine: it is in a header, or in a body that lasts until a delimiter line of an open multipart. It is given
//! a window on the bytes and stops where a decision needs more; a message that is there as a whole is read in one call.
//! There is no recursion, and every byte is looked at a bounded number of times.
//!
//! A decision never looks back further than the header of the current part, and not behind a limit: what is to come of a
//! header that reaches one is decided there and then.

use super::delimiter::OpenBoundaries;
use super::header_state::HeaderState;
use super::trail::{Listener, Step};
use super::window::{Whole, Window};
use super::{Index, NONE, PartRecord};
use crate::defect::DefectKind;
use crate::limits::Limits;
use crate::shape::Content;

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

/// What its states do stands in files of their own: [`header`](super::header) and [`body`](super::body).
#[derive(Debug)]
pub(crate) struct Indexer<L> {
    pub(super) limits: Limits,
    pub(crate) index: Index,
    pub(super) open: OpenBoundaries,
    pub(super) state: State,
    /// The part that is being read.
    pub(super) current: u32,
    /// Where reading goes on.
    pub(super) position: usize,
    /// Up to where no end of the field was found.
    pub(super) searched: usize,
    /// The header of the current part.
    pub(super) header: HeaderState,
    /// What a header that reached a limit says of a body with a structure.
    pub(super) judged: Option<Content<'static>>,
    /// Leaves that hold a transfer-encoded message.
    pub(super) encoded_messages: Vec<u32>,
    pub(super) listener: L,
}

impl Indexer<()> {
    /// Reads a whole message.
    pub(crate) fn new(limits: Limits, index: Index, open: OpenBoundaries) -> Self {
        Self::telling((), limits, index, open)
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

    /// Reads all of a message; gives its index, what can be used again, and the leaves that hold a transfer-encoded message.
    pub(crate) fn read(mut self, message: Whole<'_>) -> (Index, OpenBoundaries, Vec<u32>) {
        self.advance(message);
        (self.index, self.open, self.encoded_messages)
    }
}

impl<L: Listener> Indexer<L> {
    pub(super) fn telling(
        listener: L,
        limits: Limits,
        mut index: Index,
        mut open: OpenBoundaries,
    ) -> Self {
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
            listener,
        }
    }

    /// Reads on in the bytes at hand.
    pub(crate) fn advance<'b>(&mut self, window: impl Window<'b>) {
        while self.step(window) {}
        self.tell_rest(window);
    }

    /// Reads a header, a body up to the next delimiter line, or a line. False when more bytes are needed, or all is done.
    #[inline]
    fn step<'b>(&mut self, window: impl Window<'b>) -> bool {
        match self.state {
            State::Header => self.header(window),
            State::Body => self.body(window),
            State::Limited { in_line } => self.limited_line(in_line, window),
            State::Done => false,
        }
    }

    /// Notes a defect of the current part.
    #[cold]
    pub(super) fn defect(&mut self, kind: DefectKind, offset: usize) {
        self.index.defect(kind, offset, self.current);
    }

    pub(super) fn record(&self) -> Option<&PartRecord> {
        self.index.part(self.current)
    }

    pub(super) fn record_mut(&mut self) -> Option<&mut PartRecord> {
        self.index.part_mut(self.current)
    }

    /// Adds a part that begins at `start` and makes it the current one.
    #[inline]
    pub(super) fn add_part<'b>(
        &mut self,
        start: usize,
        parent: u32,
        window: impl Window<'b>,
    ) -> u32 {
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
}

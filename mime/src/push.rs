use std::borrow::Cow;

use crate::defect::Defect;
use crate::index::{Indexer, LONGEST, Piece, Step, Trail, Window};
use crate::limits::Limits;
use crate::message::Message;
use crate::part::PartId;

/// Reads a message while it arrives, piece by piece, in bounded memory.
///
/// It finds the same parts, fields and defects as [`Message::parse`], whatever the pieces are, and tells of each as soon as it
/// is sure. It keeps no more of the message than the header that it is in, which [`Limits::header_bytes`] and
/// [`Limits::fields`] bound, and of a body a line that may become a delimiter; besides, some 50 bytes a part.
///
/// The contract: [`feed`](Self::feed) a piece, take [`next_event`](Self::next_event) until there is none, and so on; at the end
/// [`finish`](Self::finish), and take events once more. A piece of which not all events were taken is kept.
///
/// ```
/// use postrider_mime::{Limits, PushEvent, PushParser};
///
/// let mut parser = PushParser::new(Limits::default());
/// let mut body = Vec::new();
/// for piece in ["Subject: a lo", "ng one\r\n\r\nThe body", " follows.\r\n"] {
///     parser.feed(piece.as_bytes());
///     while let Some(event) = parser.next_event() {
///         match event {
///             PushEvent::Header { header, .. } => assert_eq!(header.subject().as_deref(), Some("a long one")),
///             PushEvent::Body { bytes, .. } => body.extend_from_slice(bytes),
///             _ => {}
///         }
///     }
/// }
/// parser.finish();
/// assert!(matches!(parser.next_event(), Some(PushEvent::PartEnds { .. })));
/// assert_eq!(body, b"The body follows.\r\n");
/// ```
///
/// Not supported: a message within the message under a transfer encoding, which RFC 2045 §6.4 forbids, is not opened. Its body
/// is told like any other; decode it ([`TransferDecoder`](crate::TransferDecoder)) and feed it to a parser of its own.
#[derive(Debug)]
pub struct PushParser {
    indexer: Indexer<Trail>,
    limits: Limits,
    /// What arrived and is still wanted.
    window: Vec<u8>,
    /// How many bytes came before it.
    start: usize,
    too_long: bool,
}

/// What a [`PushParser`] met. Offsets count from the start of the message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PushEvent<'p> {
    /// A part begins, within the part that began last and did not end.
    PartBegins {
        /// Its number, as in [`Message::part`].
        part: PartId,
        /// Its first byte.
        offset: usize,
    },
    /// The header of a part is there.
    Header {
        /// The part that began last.
        part: PartId,
        /// The header, as a message without a body; offsets in it count from its own start.
        header: Message<'p>,
    },
    /// Bytes of a body, exactly as received: of a part without parts, or of a multipart what stands before its first
    /// delimiter line and after its last.
    Body {
        /// The part that began last and did not end.
        part: PartId,
        /// The first of the bytes.
        offset: usize,
        /// The bytes; the body may go on.
        bytes: &'p [u8],
    },
    /// A part is there as a whole.
    PartEnds {
        /// The part that began last and did not end.
        part: PartId,
        /// The byte after its last one.
        offset: usize,
    },
    /// Something unusual.
    Defect(Defect),
}

impl PushParser {
    /// Waits for the first byte.
    pub fn new(limits: Limits) -> Self {
        Self {
            indexer: Indexer::arriving(limits.clone()),
            limits,
            window: Vec::new(),
            start: 0,
            too_long: false,
        }
    }

    /// Takes the next bytes of the message.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.forget();
        let room = LONGEST - (self.start + self.window.len());
        self.too_long |= bytes.len() > room;
        self.window
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.advance(false);
    }

    /// Nothing follows: the last events can be taken.
    pub fn finish(&mut self) {
        self.advance(true);
        if std::mem::take(&mut self.too_long) {
            self.indexer.too_long();
        }
    }

    fn advance(&mut self, at_end: bool) {
        self.indexer
            .advance(Piece::new(&self.window, self.start, at_end));
    }

    /// Lets go of what was told and is not needed to go on.
    fn forget(&mut self) {
        if self.indexer.has_steps() {
            return;
        }
        let told = self.indexer.forget().saturating_sub(self.start);
        let told = told.min(self.window.len());
        self.window.drain(..told);
        self.start += told;
    }

    /// What was met and not told yet. `None` means that more bytes are needed.
    pub fn next_event(&mut self) -> Option<PushEvent<'_>> {
        Some(match self.indexer.next_step()? {
            Step::PartBegins { part, offset } => PushEvent::PartBegins {
                part: PartId(part),
                offset,
            },
            Step::Header { part, start, end } => PushEvent::Header {
                part: PartId(part),
                header: self.header(part, start, end),
            },
            Step::Body { part, start, end } => PushEvent::Body {
                part: PartId(part),
                offset: start,
                bytes: self.bytes(start, end),
            },
            Step::PartEnds { part, offset } => PushEvent::PartEnds {
                part: PartId(part),
                offset,
            },
            Step::Defect(defect) => PushEvent::Defect(defect),
        })
    }

    fn bytes(&self, start: usize, end: usize) -> &[u8] {
        let window = Piece::new(&self.window, self.start, false);
        window.range(start, end).unwrap_or_default()
    }

    fn header(&self, part: u32, start: usize, end: usize) -> Message<'_> {
        let index = &self.indexer.index;
        let bytes = self.bytes(start, end);
        let mut header = Message::over(Cow::Borrowed(bytes), self.limits.clone());
        header.index = index.of_header(part, start, bytes.len());
        header.in_digest = index.part(part).is_some_and(|p| index.is_in_digest(p));
        header
    }

    /// How many bytes of memory are held, records of parts included.
    pub fn held(&self) -> usize {
        self.window.capacity() + self.indexer.held()
    }
}

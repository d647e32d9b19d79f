use std::borrow::Cow;
use std::mem;

use crate::index::{Index, Indexer};
use crate::limits::Limits;
use crate::message::Message;
use crate::part::PartId;

/// Reads a message while it arrives, piece by piece.
///
/// It makes the same index as [`Message::parse`], whatever the pieces are, and tells on the way what it found: a header can be
/// read as soon as it is there. It keeps all bytes, and looks at each of them once.
///
/// ```
/// use postrider_mime::{Event, Limits, PartId, PushParser};
///
/// let mut parser = PushParser::new(Limits::default());
/// parser.feed(b"Subject: a lo");
/// assert_eq!(parser.next_event(), Some(Event::PartBegins(PartId::ROOT)));
/// assert_eq!(parser.next_event(), None);
/// parser.feed(b"ng one\r\n\r\nThe body foll");
/// assert_eq!(parser.next_event(), Some(Event::HeaderEnds(PartId::ROOT)));
/// assert_eq!(parser.message().subject().as_deref(), Some("a long one"));
/// parser.feed(b"ows.\r\n");
/// assert_eq!(parser.finish().body_text().as_deref(), Some("The body follows.\n"));
/// ```
#[derive(Debug)]
pub struct PushParser {
    message: Message<'static>,
    indexer: Indexer,
}

/// What a [`PushParser`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A part begins.
    PartBegins(PartId),
    /// The header of a part is there, and can be read.
    HeaderEnds(PartId),
    /// The whole of a part is there, and can be read.
    PartEnds(PartId),
}

impl PushParser {
    /// Waits for the first byte.
    pub fn new(limits: Limits) -> Self {
        let mut indexer =
            Indexer::new(limits.clone(), Index::default(), Default::default()).with_events();
        let mut message = Message::over(Cow::Owned(Vec::new()), limits);
        message.index = mem::take(&mut indexer.index);
        Self { message, indexer }
    }

    /// Takes the next bytes of the message.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.message.raw.to_mut().extend_from_slice(bytes);
        self.advance(false);
    }

    fn advance(&mut self, at_end: bool) {
        mem::swap(&mut self.indexer.index, &mut self.message.index);
        self.indexer.advance(&self.message.raw, at_end);
        mem::swap(&mut self.indexer.index, &mut self.message.index);
    }

    /// What was found and not told yet.
    pub fn next_event(&mut self) -> Option<Event> {
        self.indexer.next_event()
    }

    /// The message so far. A part whose end was not told yet has an empty body.
    pub fn message(&self) -> &Message<'static> {
        &self.message
    }

    /// The whole message: nothing follows.
    pub fn finish(mut self) -> Message<'static> {
        self.advance(true);
        let (_, _, encoded) = self.indexer.into_parts();
        self.message.finish(encoded);
        self.message
    }
}

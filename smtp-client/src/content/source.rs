use super::{Content, Rewind};
use crate::planner::{Outline, Planner, Wanted, wrong_length};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};

/// Content, and what is known of it before it is read.
///
/// The first 64 KiB are read before anything is written. A message that ends there is sent like one in memory. Of a
/// larger one they show whether its header holds UTF-8, which needs SMTPUTF8; its body may hold octets above 127 if
/// the server offers 8BITMIME (it is declared then), and is otherwise given up at the first one.
///
/// A CR or LF alone is treated as [`LineEnds`](crate::LineEnds) says. Where that is to refuse the mail, it is given up
/// at the place. A message that is given up is never accepted, nor a part of it: with DATA the connection is closed
/// without the final dot, with BDAT no last chunk is sent, and RSET is.
pub struct Source<'c> {
    reads: Reads<'c>,
    length: Option<u64>,
    /// Read, and not yet asked for.
    ahead: VecDeque<Bytes>,
    ended: bool,
    taken: bool,
}

enum Reads<'c> {
    Once(&'c mut dyn Content),
    Again(&'c mut dyn Rewind),
}

/// How a message looks after its first octets.
pub(crate) enum Begun {
    /// These are all.
    Whole(Bytes),
    /// There are more.
    Large(Outline),
}

/// Octets that are read before anything is written.
const AHEAD: usize = 64 * 1024;

impl<'c> Source<'c> {
    /// Content that is read once.
    pub fn once(content: &'c mut dyn Content) -> Self {
        Self::new(Reads::Once(content))
    }

    /// Content that can be read again, where the mail must be sent again.
    pub fn rewindable(content: &'c mut dyn Rewind) -> Self {
        Self::new(Reads::Again(content))
    }

    fn new(reads: Reads<'c>) -> Self {
        Self {
            reads,
            length: None,
            ahead: VecDeque::new(),
            ended: false,
            taken: false,
        }
    }

    /// The message has so many octets, with CRLF at the end of its lines. This is declared with SIZE (RFC 1870), and
    /// refused before anything is written if the server takes less. A message that then is shorter or longer is given
    /// up: a file cut off halfway does not become a mail cut off halfway.
    #[must_use]
    pub fn length(mut self, octets: u64) -> Self {
        self.length = Some(octets);
        self
    }

    /// Whether the mail could be sent again.
    pub fn is_rewindable(&self) -> bool {
        matches!(self.reads, Reads::Again(_))
    }

    /// Reads the first octets.
    pub(crate) fn poll_begin(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Begun>> {
        while !self.ended && self.octets_ahead() < AHEAD {
            let chunk = ready!(self.poll_content(context))?;
            self.ended = chunk.is_empty();
            self.ahead.push_back(chunk);
        }
        if self.ended {
            self.check_length()?;
            return Poll::Ready(Ok(Begun::Whole(self.joined())));
        }
        Poll::Ready(Ok(Begun::Large(Outline {
            length: self.length,
            rewindable: self.is_rewindable(),
            utf8_header: Outline::has_utf8_header(&self.joined()),
        })))
    }

    /// Whether nothing was taken of it but the first octets, which are still there.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_untouched(&self) -> bool {
        !self.taken
    }

    /// Goes back to the start, to be sent over another connection.
    #[cfg(feature = "tokio")]
    pub(crate) async fn restart(&mut self) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_rewind(context)).await?;
        self.taken = false;
        Ok(())
    }

    /// The next chunk.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        self.taken = true;
        match self.ahead.pop_front() {
            Some(chunk) => Poll::Ready(Ok(chunk)),
            None => self.poll_content(context),
        }
    }

    /// Gives a planner what it wants. Ready if it was given something, or told that there is nothing.
    pub(crate) fn poll_feed(
        &mut self,
        planner: &mut Planner<'_>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let fed = match planner.wanted() {
            Wanted::Nothing => return Poll::Pending,
            Wanted::Rewind => ready!(self.poll_rewind(context)).map(|()| planner.rewound()),
            Wanted::Chunk => ready!(self.poll_chunk(context)).map(|chunk| planner.content(chunk)),
        };
        if let Err(error) = fed {
            planner.content_failed(error);
        }
        Poll::Ready(())
    }

    /// Goes back to the start.
    fn poll_rewind(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let rewound = match &mut self.reads {
            Reads::Again(content) => ready!(content.poll_rewind(context)),
            Reads::Once(_) => Err(io::ErrorKind::Unsupported.into()),
        };
        self.ahead.clear();
        self.ended = false;
        Poll::Ready(rewound)
    }

    fn poll_content(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        match &mut self.reads {
            Reads::Once(content) => content.poll_chunk(context),
            Reads::Again(content) => content.poll_chunk(context),
        }
    }

    fn octets_ahead(&self) -> usize {
        self.ahead.iter().map(Bytes::len).sum()
    }

    fn check_length(&self) -> io::Result<()> {
        let octets = self.octets_ahead() as u64;
        match self.length {
            Some(length) if length != octets => Err(wrong_length(octets, length)),
            _ => Ok(()),
        }
    }

    /// What was read ahead, in one piece.
    fn joined(&self) -> Bytes {
        let chunks: Vec<&[u8]> = self.ahead.iter().map(|chunk| &chunk[..]).collect();
        match self.ahead.front() {
            Some(first) if chunks.iter().skip(1).all(|chunk| chunk.is_empty()) => first.clone(),
            _ => chunks.concat().into(),
        }
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("length", &self.length)
            .field("rewindable", &self.is_rewindable())
            .finish_non_exhaustive()
    }
}

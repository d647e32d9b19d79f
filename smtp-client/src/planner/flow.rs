//! A message that comes in chunks while it is sent.

use super::Planner;
use super::prepare::Carriage;
use super::transaction::Next;
use crate::output::Kind;
use crate::transparency::{LoneLineEnds, Transparency};
use crate::{
    Awaited, Body, Command, Connection, Envelope, Error, ErrorKind, Extension, LineEnds, Outcome,
    Protocol, Stage,
};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// What is known of a message before it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// How many octets it has, with CRLF at the end of its lines; declared with SIZE, and held against what comes.
    pub length: Option<u64>,
    /// It can be read again from its start.
    pub rewindable: bool,
    /// Its header holds UTF-8, which needs SMTPUTF8 (RFC 6531).
    pub utf8_header: bool,
}

/// What a planner needs of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing now.
    Nothing,
    /// The next chunk: [`Planner::content`].
    Chunk,
    /// The message again from its start: [`Planner::rewound`].
    Rewind,
}

/// How far the message has come.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) outline: Outline,
    encoder: Transparency,
    line_ends: LoneLineEnds,
    /// Octets that came since the start.
    octets: u64,
    /// It was asked for since the start.
    touched: bool,
    /// A transaction before has read it.
    used: bool,
    /// Chunks with BDAT that are not answered.
    unanswered: VecDeque<usize>,
}

impl Flow {
    fn new(outline: Outline) -> Self {
        Self {
            outline,
            encoder: Transparency::new(),
            line_ends: LoneLineEnds::default(),
            octets: 0,
            touched: false,
            used: false,
            unanswered: VecDeque::new(),
        }
    }

    /// Whether the message can still be sent from its start.
    pub(super) fn can_begin(&self) -> bool {
        !self.touched || self.outline.rewindable
    }

    /// Another transaction comes to its message.
    pub(super) fn begin(&mut self) {
        self.used = self.touched;
    }

    pub(super) fn chunk_answered(&mut self) {
        self.unanswered.pop_front();
    }
}

impl Outline {
    /// Whether the header in the first octets of a message holds UTF-8.
    pub fn has_utf8_header(first: &[u8]) -> bool {
        super::prepare::has_utf8_header(first)
    }
}

impl<'m> Planner<'m> {
    /// Begins to send one mail whose message comes in chunks, when it is [`wanted`](Self::wanted).
    pub fn streaming(
        connection: &'m mut Connection,
        policy: super::Policy,
        envelope: &'m Envelope,
        outline: Outline,
    ) -> Self {
        let batch = super::queue::Batch::Streaming(envelope);
        Self::begin(connection, policy, batch, Some(Flow::new(outline)))
    }

    /// What is needed of the message now.
    pub fn wanted(&self) -> Wanted {
        let Some((flow, last)) = self.flow.as_ref().zip(self.active.back()) else {
            return Wanted::Nothing;
        };
        if last.next != Next::Content || !self.output.is_empty() {
            return Wanted::Nothing;
        }
        if last.carriage == Carriage::Chunk && self.may_not_send_chunk(flow) {
            return Wanted::Nothing;
        }
        match flow.used {
            true => Wanted::Rewind,
            false => Wanted::Chunk,
        }
    }

    /// Whether a reply must come first. Nobody knows whether the next chunk is the last one before it is there, and in LMTP
    /// that one has to wait where others need not. Where no reply is to come, none is waited for.
    fn may_not_send_chunk(&self, flow: &Flow) -> bool {
        let next = match self.connection.protocol() {
            Protocol::Smtp => Awaited::Chunk,
            Protocol::Lmtp => Awaited::LastChunk,
        };
        let unanswered: usize = flow.unanswered.iter().sum();
        self.connection.awaited() > 0
            && (unanswered >= self.policy.limits.chunks
                || self.must_wait()
                || self.connection.must_await_reply(next))
    }

    /// Says that the message will be given again from its start.
    pub fn rewound(&mut self) {
        if let Some(flow) = &mut self.flow {
            *flow = Flow::new(flow.outline);
        }
    }

    /// The next chunk of the message; an empty one is its end. Only when it is [`wanted`](Self::wanted).
    pub fn content(&mut self, chunk: Bytes) {
        if self.wanted() != Wanted::Chunk {
            return;
        }
        let taken = match self.check(&chunk) {
            Ok(()) if chunk.is_empty() => self.end_content(),
            Ok(()) => self.send_chunk(&chunk),
            Err((outcome, kind)) => return self.give_up(outcome, kind),
        };
        if let Err(error) = taken {
            return self.fail(error);
        }
        if chunk.is_empty() {
            self.fill();
        }
    }

    /// Says that the message cannot be read on. With DATA the connection is over, without the final dot; with BDAT the
    /// transaction is, and RSET says so.
    pub fn content_failed(&mut self, error: io::Error) {
        if self.wanted() != Wanted::Nothing {
            self.give_up(Outcome::Deferred, ErrorKind::Content(Arc::new(error)));
        }
    }

    /// Looks at a chunk before any of it is sent.
    fn check(&mut self, chunk: &[u8]) -> Result<(), (Outcome, ErrorKind)> {
        let Some((flow, last)) = self.flow.as_mut().zip(self.active.back()) else {
            return Ok(());
        };
        flow.touched = true;
        let before = flow.octets;
        flow.octets += chunk.len() as u64;
        let octets = flow.octets;
        if let Some(length) = flow.outline.length {
            if octets > length || (chunk.is_empty() && octets < length) {
                let error = Arc::new(wrong_length(octets, length));
                return Err((Outcome::Deferred, ErrorKind::Content(error)));
            }
        }
        if let Some(limit) = self.connection.capabilities().size() {
            if octets > limit {
                let kind = ErrorKind::TooLarge {
                    size: octets,
                    limit,
                };
                return Err((Outcome::Refused, kind));
            }
        }
        if last.parameters.body.is_none() && !chunk.is_ascii() {
            let kind = ErrorKind::Missing(Extension::EightBitMime);
            return Err((Outcome::Refused, kind));
        }
        let binary = last.parameters.body == Some(Body::BinaryMime);
        if self.policy.line_ends == LineEnds::Reject && !binary {
            if let Some(at) = flow.line_ends.find(chunk) {
                let offset = usize::try_from(before).unwrap_or(usize::MAX);
                let offset = offset.saturating_add_signed(at);
                return Err((Outcome::Refused, ErrorKind::BareLineEnd { offset }));
            }
        }
        Ok(())
    }

    fn send_chunk(&mut self, chunk: &Bytes) -> Result<(), Error> {
        let Some((flow, last)) = self.flow.as_mut().zip(self.active.back()) else {
            return Ok(());
        };
        if last.carriage == Carriage::Lines {
            let output = &mut self.output;
            let push = |piece| output.piece(piece, Kind::Message);
            crate::output::encode(&mut flow.encoder, chunk, push);
            return Ok(());
        }
        if last.parameters.body == Some(Body::BinaryMime) {
            return self.send_bdat(std::slice::from_ref(chunk), false);
        }
        let mut pieces = Vec::new();
        flow.encoder.leave_dots();
        crate::output::encode(&mut flow.encoder, chunk, |piece| pieces.push(piece));
        self.send_bdat(&pieces, false)
    }

    fn end_content(&mut self) -> Result<(), Error> {
        let after_chunk = self.after_last_chunk();
        let Some((flow, last)) = self.flow.as_mut().zip(self.active.back_mut()) else {
            return Ok(());
        };
        let octets = flow.octets;
        last.next = match last.carriage {
            Carriage::Lines => Next::AwaitEnd,
            Carriage::Chunk => after_chunk,
        };
        let binary = last.parameters.body == Some(Body::BinaryMime);
        if last.carriage == Carriage::Lines {
            let dot = Bytes::from_static(flow.encoder.end());
            self.output.piece(dot, Kind::MessageEnd);
        } else {
            let line_end = match binary || flow.encoder.at_line_start() {
                true => Bytes::new(),
                false => Bytes::from_static(b"\r\n"),
            };
            self.send_bdat(&[line_end], true)?;
            self.prove_count(after_chunk);
        }
        let note = format_args!("{octets} octets of message");
        self.connection.transcript().note(&note);
        self.end_message();
        Ok(())
    }

    /// BDAT with these octets.
    fn send_bdat(&mut self, pieces: &[Bytes], last: bool) -> Result<(), Error> {
        let octets: usize = pieces.iter().map(Bytes::len).sum();
        let command = Command::Bdat {
            octets: octets as u64,
            last,
        };
        let connection = &mut self.connection;
        self.output.commands(|out| connection.send(&command, out))?;
        self.output.begin_message();
        for piece in pieces {
            self.output.piece(piece.clone(), Kind::Message);
        }
        self.output.piece(Bytes::new(), Kind::MessageEnd);
        self.mark_awaited();
        if let Some(flow) = self.flow.as_mut().filter(|_| !last) {
            flow.unanswered.push_back(octets);
        }
        Ok(())
    }

    /// Gives the message up, so that the server keeps nothing of it.
    fn give_up(&mut self, outcome: Outcome, kind: ErrorKind) {
        let error = Error::new(Stage::Content, kind);
        self.settle(0, |tally| tally.error_for_all(outcome, &error));
        self.further.clear();
        match self.active.back_mut() {
            Some(last) if last.carriage == Carriage::Chunk => {
                last.next = Next::Reset;
                self.fill();
            }
            _ => self.defer_all(&error),
        }
    }
}

/// The message is not as long as was said.
pub(crate) fn wrong_length(octets: u64, length: u64) -> io::Error {
    let sentence = match octets > length {
        true => format!("the message has more than the {length} octets that were announced"),
        false => format!("the message ended after {octets} of {length} octets"),
    };
    io::Error::new(io::ErrorKind::UnexpectedEof, sentence)
}

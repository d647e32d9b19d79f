use crate::transparency::Transparency;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::IoSlice;

/// What is to be written: commands, and messages between them that are not copied.
///
/// It knows how much of each was written, for two questions: did the server get the final dot, and did it answer
/// something that it cannot have read?
#[derive(Debug, Default)]
pub(crate) struct Output<'m> {
    /// Ready to be written.
    ready: VecDeque<Piece<'m>>,
    /// To be made ready.
    later: VecDeque<Part<'m>>,
    /// A message made ready before it may be sent.
    ahead: Option<(&'m [u8], VecDeque<Piece<'m>>)>,
    queued: Mark,
    written: Mark,
}

/// A place in the stream of octets: so many octets of commands and so many messages stand before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) commands: u64,
    pub(crate) messages: u64,
}

#[derive(Debug)]
struct Piece<'m> {
    octets: Octets<'m>,
    kind: Kind,
}

/// What a piece belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Command,
    Message,
    /// The last piece of a message.
    MessageEnd,
}

#[derive(Debug)]
enum Octets<'m> {
    Borrowed(&'m [u8]),
    Owned(BytesMut),
    Shared(Bytes),
}

#[derive(Debug)]
enum Part<'m> {
    Commands(BytesMut),
    /// Lines with a final dot.
    Lines(Transparency, &'m [u8]),
    /// As it is.
    Verbatim(&'m [u8]),
    /// A piece of a message that comes in chunks.
    Piece(Bytes, Kind),
    /// A message made ready before.
    Pieces(VecDeque<Piece<'m>>),
}

/// Slices given to one write.
pub const SLICES: usize = 64;
/// Slices shorter than this are copied together: the system's work for a slice costs more than the copy.
const SHORT: usize = 1024;
/// Octets that the commands of a flight usually have at most.
const FLIGHT: usize = 512;
/// Octets of a message that is made ready before it may be sent.
const AHEAD: usize = 64 * 1024;
/// Octets that are copied together at most.
const COPIED: usize = 16 * 1024;

impl<'m> Output<'m> {
    /// Appends what `write` writes, which must be commands.
    pub(crate) fn commands<T>(&mut self, write: impl FnOnce(&mut BytesMut) -> T) -> T {
        if !matches!(self.later.back(), Some(Part::Commands(_))) {
            let buffer = BytesMut::with_capacity(FLIGHT);
            self.later.push_back(Part::Commands(buffer));
        }
        let Some(Part::Commands(buffer)) = self.later.back_mut() else {
            return write(&mut BytesMut::new());
        };
        let before = buffer.len();
        let result = write(buffer);
        self.queued.commands += (buffer.len() - before) as u64;
        result
    }

    /// Appends a message as lines with a final dot. It may be known that all its line ends are CRLF.
    pub(crate) fn lines(&mut self, message: &'m [u8], regular: bool) {
        self.queued.messages += 1;
        if let Some((_, pieces)) = self.ahead.take().filter(|(m, _)| std::ptr::eq(*m, message)) {
            self.later.push_back(Part::Pieces(pieces));
            return;
        }
        let encoder = match regular {
            true => Transparency::of_regular(message),
            false => Transparency::new(),
        };
        self.later.push_back(Part::Lines(encoder, message));
    }

    /// Makes a message ready that will be appended soon, if it is small and nothing else is to be written.
    pub(crate) fn lines_ahead(&mut self, message: &'m [u8], regular: bool) {
        if message.len() > AHEAD || !self.is_empty() {
            return;
        }
        let encoder = match regular {
            true => Transparency::of_regular(message),
            false => Transparency::new(),
        };
        self.make_lines_ready(encoder, message);
        let pieces = std::mem::take(&mut self.ready);
        // One of very many lines that begin with a dot.
        if self.later.is_empty() {
            self.ahead = Some((message, pieces));
        }
        self.later.clear();
    }

    /// Appends a message as it is.
    pub(crate) fn verbatim(&mut self, message: &'m [u8]) {
        self.later.push_back(Part::Verbatim(message));
        self.queued.messages += 1;
    }

    /// Begins a message that comes in pieces; the last one is to be a [`Kind::MessageEnd`].
    pub(crate) fn begin_message(&mut self) {
        self.queued.messages += 1;
    }

    /// Appends a piece as it is.
    pub(crate) fn piece(&mut self, octets: Bytes, kind: Kind) {
        self.later.push_back(Part::Piece(octets, kind));
    }

    /// The place after everything appended so far.
    pub(crate) fn mark(&self) -> Mark {
        self.queued
    }

    /// Whether everything before a place was written.
    pub(crate) fn reached(&self, mark: Mark) -> bool {
        self.written.commands >= mark.commands && self.written.messages >= mark.messages
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }

    /// Whether the next octet belongs to a message.
    pub(crate) fn in_message(&self) -> bool {
        match (self.ready.front(), self.later.front()) {
            (Some(piece), _) => piece.kind != Kind::Command,
            (None, Some(part)) => !matches!(part, Part::Commands(_)),
            (None, None) => false,
        }
    }

    /// Fills in the next slices to be written, and says how many.
    pub(crate) fn slices<'s>(&'s mut self, slices: &mut [IoSlice<'s>; SLICES]) -> usize {
        self.make_ready();
        // An empty chunk needs no write.
        self.advance(0);
        let pieces = self.ready.iter().map(|piece| piece.octets.as_slice());
        let pairs = slices.iter_mut().zip(pieces);
        pairs
            .map(|(slice, octets)| *slice = IoSlice::new(octets))
            .count()
    }

    /// Takes away what was written.
    pub(crate) fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.ready.front_mut() {
            let n = piece.octets.as_slice().len().min(written);
            piece.octets.advance(n);
            written -= n;
            if piece.kind == Kind::Command {
                self.written.commands += n as u64;
            }
            if !piece.octets.as_slice().is_empty() {
                return;
            }
            if piece.kind == Kind::MessageEnd {
                self.written.messages += 1;
            }
            self.ready.pop_front();
        }
    }

    /// Forgets what was not written.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        self.later.clear();
        self.ahead = None;
    }

    fn make_ready(&mut self) {
        while self.ready.len() < SLICES {
            match self.later.pop_front() {
                None => return,
                Some(Part::Commands(commands)) => {
                    self.push(Octets::Owned(commands), Kind::Command);
                }
                Some(Part::Verbatim(message)) => {
                    self.push(Octets::Borrowed(message), Kind::MessageEnd);
                }
                Some(Part::Pieces(mut pieces)) => self.ready.append(&mut pieces),
                Some(Part::Piece(octets, kind)) => self.push(Octets::Shared(octets), kind),
                Some(Part::Lines(encoder, rest)) => self.make_lines_ready(encoder, rest),
            }
        }
    }

    fn make_lines_ready(&mut self, mut encoder: Transparency, mut rest: &'m [u8]) {
        let mut copied = BytesMut::with_capacity(SHORT.max(COPIED.min(rest.len())) + SHORT);
        while self.ready.len() < SLICES {
            match encoder.next_slice(&mut rest) {
                Some(slice) if slice.len() < SHORT => {
                    copied.extend_from_slice(slice);
                    if copied.len() >= COPIED {
                        self.push(Octets::Owned(copied.split()), Kind::Message);
                    }
                }
                Some(slice) => {
                    self.push_copied(&mut copied);
                    self.push(Octets::Borrowed(slice), Kind::Message);
                }
                None => {
                    copied.extend_from_slice(encoder.end());
                    self.push(Octets::Owned(copied), Kind::MessageEnd);
                    return;
                }
            }
        }
        self.push_copied(&mut copied);
        self.later.push_front(Part::Lines(encoder, rest));
    }

    fn push_copied(&mut self, copied: &mut BytesMut) {
        if !copied.is_empty() {
            self.push(Octets::Owned(copied.split()), Kind::Message);
        }
    }

    fn push(&mut self, octets: Octets<'m>, kind: Kind) {
        self.ready.push_back(Piece { octets, kind });
    }
}

/// A chunk made transparent, in pieces of it; short ones are copied together.
pub(crate) fn encode(encoder: &mut Transparency, chunk: &Bytes, mut push: impl FnMut(Bytes)) {
    let (mut rest, mut copied) = (&chunk[..], BytesMut::new());
    while let Some(slice) = encoder.next_slice(&mut rest) {
        if slice.len() < SHORT {
            copied.extend_from_slice(slice);
            continue;
        }
        if !copied.is_empty() {
            push(copied.split().freeze());
        }
        push(chunk.slice_ref(slice));
    }
    if !copied.is_empty() {
        push(copied.freeze());
    }
}

impl Octets<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(octets) => octets,
            Self::Owned(octets) => octets,
            Self::Shared(octets) => octets,
        }
    }

    fn advance(&mut self, n: usize) {
        match self {
            Self::Borrowed(octets) => octets.advance(n),
            Self::Owned(octets) => octets.advance(n),
            Self::Shared(octets) => octets.advance(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transparency::tests::{BODY, BODY_ON_THE_WIRE};

    fn write(output: &mut Output<'_>, at_most: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let n = output.slices(&mut slices);
            let octets: Vec<u8> = slices[..n].iter().flat_map(|s| s.to_vec()).collect();
            let taken = octets.len().min(at_most);
            if taken == 0 {
                return wire;
            }
            wire.extend_from_slice(&octets[..taken]);
            output.advance(taken);
        }
    }

    #[test]
    fn however_it_is_drained_the_octets_are_the_same() {
        for at_most in [1, 2, 7, 4096] {
            let mut output = Output::default();
            output.commands(|out| out.extend_from_slice(b"DATA\r\n"));
            output.lines(BODY, false);
            output.commands(|out| out.extend_from_slice(b"BDAT 3\r\n"));
            output.verbatim(b"abc");
            let expected = [b"DATA\r\n", BODY_ON_THE_WIRE, b"BDAT 3\r\nabc"].concat();
            assert_eq!(write(&mut output, at_most), expected);
            assert!(output.is_empty());
        }
    }

    #[test]
    fn a_message_counts_as_written_with_its_last_octet_and_not_before() {
        let mut output = Output::default();
        output.lines(b"x", true);
        let end = output.mark();
        output.commands(|out| out.extend_from_slice(b"QUIT\r\n"));
        let all = output.mark();
        let mut slices = [IoSlice::new(&[]); SLICES];
        output.slices(&mut slices);
        assert!(output.in_message());
        output.advance("x\r\n.\r".len());
        assert!(!output.reached(end));
        output.advance(1);
        assert!(output.reached(end) && !output.reached(all));
        assert!(!output.in_message());
        output.advance("QUIT\r\n".len());
        assert!(output.reached(all));
    }

    #[test]
    fn an_empty_chunk_is_written_at_once() {
        let mut output = Output::default();
        output.verbatim(b"");
        let mark = output.mark();
        let mut slices = [IoSlice::new(&[]); SLICES];
        assert_eq!(output.slices(&mut slices), 0);
        assert!(output.reached(mark) && output.is_empty());
    }

    #[test]
    fn large_messages_are_not_copied() {
        let line = format!("{}\r\n", "x".repeat(1998));
        let message = format!(".{}", line.repeat(40));
        let mut output = Output::default();
        output.lines(message.as_bytes(), true);
        let mut slices = [IoSlice::new(&[]); SLICES];
        let n = output.slices(&mut slices);
        assert_eq!(n, 3, "the dot, the lines, the end");
        assert!(std::ptr::eq(slices[1].as_ptr(), message.as_ptr()));
    }

    #[test]
    fn whichever_way_it_is_appended_a_message_counts_as_written_with_its_last_octet() {
        type Append = fn(&mut Output<'static>);
        let ways: [(Append, usize); 3] = [
            (|output| output.lines(b"abc\r\n", true), 8),
            (|output| output.verbatim(b"abc"), 3),
            (
                |output| {
                    output.begin_message();
                    output.piece(Bytes::from_static(b"ab"), Kind::Message);
                    output.piece(Bytes::from_static(b"c"), Kind::MessageEnd);
                },
                3,
            ),
        ];
        for (append, octets) in ways {
            let mut output = Output::default();
            assert!(output.is_empty() && !output.in_message());
            append(&mut output);
            let end = output.mark();
            output.commands(|out| out.extend_from_slice(b"QUIT\r\n"));
            assert!(!output.is_empty() && output.in_message() && !output.reached(end));
            let mut slices = [IoSlice::new(&[]); SLICES];
            output.slices(&mut slices);
            output.advance(octets - 1);
            assert!(!output.is_empty() && output.in_message() && !output.reached(end));
            output.advance(1);
            assert!(!output.is_empty() && !output.in_message() && output.reached(end));
        }
    }

    #[test]
    fn commands_count_as_written_with_the_last_octet_of_them_all() {
        let mut output = Output::default();
        for command in [b"NOOP\r\n", b"RSET\r\n"] {
            output.commands(|out| out.extend_from_slice(command));
            assert!(!output.in_message());
        }
        let all = output.mark();
        let mut slices = [IoSlice::new(&[]); SLICES];
        assert_eq!(output.slices(&mut slices), 1, "in one slice");
        output.advance(11);
        assert!(!output.reached(all));
        output.advance(1);
        assert!(output.reached(all));
    }

    #[test]
    fn slices_of_less_than_1024_octets_are_copied_together_up_to_16_kib() {
        // Each line is two slices: the dot before it, and itself.
        let message = ".x\r\n".repeat(5_000);
        let mut output = Output::default();
        output.lines(message.as_bytes(), true);
        let mut slices = [IoSlice::new(&[]); SLICES];
        let n = output.slices(&mut slices);
        assert_eq!(n, 2, "25,003 octets");
        assert!(slices[..n].iter().all(|slice| slice.len() < 17 * 1024));
        for (octets, copied) in [(1023, true), (1024, false)] {
            let message = "x".repeat(octets);
            let mut output = Output::default();
            output.lines(message.as_bytes(), true);
            let mut slices = [IoSlice::new(&[]); SLICES];
            output.slices(&mut slices);
            let same = std::ptr::eq(slices[0].as_ptr(), message.as_ptr());
            assert_eq!(same, !copied, "{octets} octets");

            let chunk = Bytes::copy_from_slice(message.as_bytes());
            let mut pieces = Vec::new();
            encode(&mut Transparency::new(), &chunk, |piece| pieces.push(piece));
            assert_eq!(pieces, std::slice::from_ref(&chunk));
            let same = std::ptr::eq(pieces[0].as_ptr(), chunk.as_ptr());
            assert_eq!(same, !copied, "{octets} octets in a chunk");
        }
    }

    #[test]
    fn what_was_made_ready_ahead_is_written_as_if_it_had_not_been() {
        // More slices than one write takes.
        let many = format!(".{}\r\n", "x".repeat(SHORT)).repeat(SLICES / 2 + 8);
        for message in [BODY, many.as_bytes()] {
            let written = |ahead: Option<&[u8]>| {
                let mut output = Output::default();
                if let Some(ahead) = ahead {
                    output.lines_ahead(ahead, false);
                }
                assert!(output.is_empty(), "nothing of it may be sent yet");
                output.lines(message, false);
                write(&mut output, 1_000)
            };
            let expected = written(None);
            assert!(expected.ends_with(b"\r\n.\r\n"));
            assert_eq!(written(Some(message)), expected);
            assert_eq!(written(Some(&b"another"[..])), expected);
        }
    }

    #[test]
    fn a_message_is_made_ready_ahead_if_it_has_64_kib_at_most_and_nothing_waits() {
        let (most, more) = ("x".repeat(65_536), "x".repeat(65_537));
        for (waits, message, ready) in [("", &most, true), ("", &more, false), ("x", &most, false)]
        {
            let mut output = Output::default();
            if !waits.is_empty() {
                output.commands(|out| out.extend_from_slice(waits.as_bytes()));
            }
            output.lines_ahead(message.as_bytes(), true);
            assert_eq!(output.ahead.is_some(), ready);
            assert_eq!(write(&mut output, 4096), waits.as_bytes());
        }
    }

    #[test]
    fn what_is_forgotten_is_not_written() {
        let mut output = Output::default();
        output.lines_ahead(BODY, false);
        output.clear();
        assert!(output.ahead.is_none());
        output.lines(BODY, false);
        let mut slices = [IoSlice::new(&[]); SLICES];
        assert!(output.slices(&mut slices) > 0);
        output.commands(|out| out.extend_from_slice(b"NOOP\r\n"));
        output.clear();
        assert!(output.is_empty());
        assert_eq!(write(&mut output, 4096), b"");
    }
}

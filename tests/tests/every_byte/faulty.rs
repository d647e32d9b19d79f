//! A connection that fails at a given byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// What happens at the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What was heard ends there, in good order.
    Close,
    /// What was heard ends there, with a reset.
    Reset,
    /// Nothing more is heard.
    StallRead,
    /// A read ends there, whatever has come.
    SplitRead,
    /// Nothing more can be written.
    FailWrite,
    /// Nothing more is taken, and nothing said about it.
    StallWrite,
    /// A write takes no more than up to there, whatever it has.
    ShortWrite,
}

impl Fault {
    /// Whether the byte is one that is read.
    pub(crate) fn of_reading(self) -> bool {
        matches!(
            self,
            Self::Close | Self::Reset | Self::StallRead | Self::SplitRead
        )
    }
}

/// How many octets have passed, the way by which more of them did.
#[derive(Clone, Default)]
pub(crate) struct Passed(Arc<AtomicUsize>);

impl Passed {
    pub(crate) fn octets(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection over a pipe, and how many octets passed either way.
pub(crate) struct Faulty {
    pipe: DuplexStream,
    fault: Fault,
    at: usize,
    heard: usize,
    said: usize,
    passed: Passed,
}

impl Faulty {
    pub(crate) fn new(pipe: DuplexStream, fault: Fault, at: usize) -> Self {
        Self {
            pipe,
            fault,
            at,
            heard: 0,
            said: 0,
            passed: Passed::default(),
        }
    }

    /// Tells also when the connection is gone.
    pub(crate) fn passed(&self) -> Passed {
        self.passed.clone()
    }

    /// How many octets may still pass before the fault.
    fn room(&self, passed: usize) -> usize {
        self.at.saturating_sub(passed)
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = match (self.fault, self.room(self.heard)) {
            (Fault::Close, 0) => return Poll::Ready(Ok(())),
            (Fault::Reset, 0) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            (Fault::StallRead, 0) => return Poll::Pending,
            (fault, 1..) if fault.of_reading() => self.room(self.heard),
            _ => usize::MAX,
        };
        let mut piece = vec![0; room.min(buf.remaining())];
        let mut piece = ReadBuf::new(&mut piece);
        let polled = Pin::new(&mut self.pipe).poll_read(cx, &mut piece);
        buf.put_slice(piece.filled());
        self.heard += piece.filled().len();
        self.passed.0.fetch_max(self.heard, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = match (self.fault, self.room(self.said)) {
            (Fault::FailWrite, 0) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            (Fault::StallWrite, 0) => return Poll::Pending,
            (fault, room @ 1..) if !fault.of_reading() => room,
            _ => usize::MAX,
        };
        let piece = &octets[..room.min(octets.len())];
        let polled = Pin::new(&mut self.pipe).poll_write(cx, piece);
        if let Poll::Ready(Ok(written)) = polled {
            self.said += written;
            self.passed.0.fetch_max(self.said, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

//! Octets in and out, under a clock.

use crate::content::Source;
use crate::planner::{Planner, SLICES, Wanted};
use crate::{Connection, Error, ErrorKind, RecipientOutcome, Stage, Timeouts};
use bytes::BytesMut;
use postrider_wire::Stream;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// A stream, and what was read from it and not yet understood.
#[derive(Debug)]
pub(super) struct Wire {
    /// `None` after it was taken away, or is broken.
    stream: Option<Stream>,
    input: BytesMut,
    /// Since when a reply is awaited. Octets that are no whole reply do not put the deadline off.
    since: Instant,
}

/// Octets read at once.
const READ: usize = 8 * 1024;

/// What happened on the wire.
enum Happened {
    Wrote,
    Read(usize),
    WriteFailed(io::Error),
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream: Some(stream),
            input: BytesMut::with_capacity(READ),
            since: Instant::now(),
        }
    }

    pub(super) fn take(&mut self) -> Self {
        Self {
            stream: self.stream.take(),
            input: std::mem::take(&mut self.input),
            since: self.since,
        }
    }

    pub(super) fn take_stream(&mut self) -> Stream {
        let closed = || Stream::from_io(tokio::io::empty());
        self.stream.take().unwrap_or_else(closed)
    }

    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    pub(super) fn is_tls(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::is_tls)
    }

    pub(super) fn tls_description(&self) -> Option<String> {
        self.stream.as_ref()?.tls_description()
    }

    /// Writes all of `out`.
    pub(super) async fn write(
        &mut self,
        out: &[u8],
        stage: Stage,
        times: &Timeouts,
    ) -> Result<(), Error> {
        if out.is_empty() {
            return Ok(());
        }
        let stream = self.stream(stage)?;
        let write = async {
            stream.write_all(out).await?;
            stream.flush().await
        };
        let deadline = Instant::now() + times.of(stage);
        within(deadline, times, stage, write).await?;
        self.since = Instant::now();
        Ok(())
    }

    /// Reads once; the end of the stream is an error.
    pub(super) async fn read(&mut self, stage: Stage, times: &Timeouts) -> Result<(), Error> {
        self.input.reserve(READ);
        let Some(stream) = &mut self.stream else {
            return Err(Error::new(stage, ErrorKind::Closed));
        };
        let deadline = self.since + times.of(stage);
        let read = stream.read_buf(&mut self.input);
        match within(deadline, times, stage, read).await? {
            0 => Err(Error::new(stage, ErrorKind::Closed)),
            _ => Ok(()),
        }
    }

    /// Looks, without waiting, whether the server has closed an idle connection or spoken out of turn.
    pub(super) fn check_idle(&mut self, connection: &mut Connection) {
        let mut context = Context::from_waker(Waker::noop());
        let mut spoken = !self.input.is_empty();
        if let Some(stream) = &mut self.stream {
            let read = pin!(stream.read_buf(&mut self.input));
            spoken |= read.poll(&mut context).is_ready();
        }
        if spoken {
            let _ = connection.receive(&mut self.input);
            connection.abandon();
        }
    }

    /// Closes the stream at once.
    pub(super) fn close(&mut self) {
        self.stream = None;
    }

    /// Closes the stream in an orderly way.
    pub(super) async fn shut_down(&mut self) {
        if let Some(stream) = &mut self.stream {
            let _ = stream.shutdown().await;
        }
    }

    /// Runs a planner until everybody is settled and the dialogue is in step again. A message that comes in chunks is
    /// read from the source.
    pub(super) async fn run(
        &mut self,
        planner: &mut Planner<'_>,
        mut source: Option<&mut Source<'_>>,
        times: &Timeouts,
        mut settled: impl FnMut(usize, Vec<RecipientOutcome>),
    ) {
        let mut write_error = None;
        self.since = Instant::now();
        loop {
            while let Some((index, outcomes)) = planner.settled() {
                settled(index, outcomes);
            }
            if planner.is_done() {
                return;
            }
            let stage = planner.stage();
            let deadline = self.since + times.of(stage);
            let happens = Step {
                wire: self,
                planner,
                source: source.as_deref_mut(),
                may_write: write_error.is_none(),
            };
            match timeout_at(deadline, happens).await {
                Ok(Ok(Happened::Wrote)) => self.since = Instant::now(),
                Ok(Ok(Happened::Read(0))) => {
                    let kind = write_error
                        .take()
                        .map_or(ErrorKind::Closed, ErrorKind::from);
                    planner.lost(kind);
                }
                Ok(Ok(Happened::Read(_))) => {
                    if self.digest(planner) {
                        self.since = Instant::now();
                    }
                }
                // The server may have said why before it stopped reading: read on to the end.
                Ok(Ok(Happened::WriteFailed(error))) => write_error = Some(error),
                Ok(Err(error)) => planner.lost(error.into()),
                Err(_) if planner.wanted() != Wanted::Nothing => {
                    planner.content_failed(io::ErrorKind::TimedOut.into());
                }
                Err(_) => planner.lost(ErrorKind::Timeout(times.of(stage))),
            }
        }
    }

    /// Hands what was read to the planner; true if it was a whole reply at least.
    fn digest(&mut self, planner: &mut Planner<'_>) -> bool {
        let before = self.input.len();
        // An error has settled everybody, and ends the loop.
        let _ = planner.receive(&mut self.input);
        self.input.len() < before
    }

    fn stream(&mut self, stage: Stage) -> Result<&mut Stream, Error> {
        self.stream
            .as_mut()
            .ok_or_else(|| Error::new(stage, ErrorKind::Closed))
    }
}

/// One step of a planner's run: writes what can be written, and reads what is there. Both directions at once, because a
/// server may refuse to read until it is read.
struct Step<'a, 'm, 'c> {
    wire: &'a mut Wire,
    planner: &'a mut Planner<'m>,
    source: Option<&'a mut Source<'c>>,
    may_write: bool,
}

impl Future for Step<'_, '_, '_> {
    type Output = io::Result<Happened>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let step = self.get_mut();
        let Wire { stream, input, .. } = &mut *step.wire;
        let Some(stream) = stream else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let mut wrote = false;
        if step.may_write {
            if let Some(source) = &mut step.source {
                wrote |= source.poll_feed(step.planner, context).is_ready();
            }
            match poll_write(stream, step.planner, context, &mut wrote) {
                Poll::Ready(Err(error)) => return Poll::Ready(Ok(Happened::WriteFailed(error))),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if step.planner.wants_quick_acknowledgement() {
            stream.acknowledge_quickly();
        }
        input.reserve(READ);
        match pin!(stream.read_buf(input)).poll(context) {
            Poll::Ready(read) => Poll::Ready(read.map(Happened::Read)),
            Poll::Pending if wrote => Poll::Ready(Ok(Happened::Wrote)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Writes as much as the stream takes, whole flights with one call where it takes them.
fn poll_write(
    stream: &mut Stream,
    planner: &mut Planner<'_>,
    context: &mut Context<'_>,
    wrote: &mut bool,
) -> Poll<io::Result<()>> {
    while planner.wants_write() {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let n = planner.slices(&mut slices);
        let slices = slices.get(..n).unwrap_or_default();
        if slices.is_empty() {
            break;
        }
        let written = ready!(Pin::new(&mut *stream).poll_write_vectored(context, slices))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        planner.advance(written);
        *wrote = true;
    }
    Pin::new(stream).poll_flush(context)
}

async fn within<T>(
    deadline: Instant,
    times: &Timeouts,
    stage: Stage,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, Error> {
    match timeout_at(deadline, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::new(stage, error.into())),
        Err(_) => Err(Error::new(stage, ErrorKind::Timeout(times.of(stage)))),
    }
}

//! Octets in and out, under a clock.

use crate::content::Source;
use crate::patience::Patience;
use crate::planner::{Planner, SLICES, Wanted};
use crate::{Connection, Error, ErrorKind, RecipientOutcome, Stage, Timeouts};
use bytes::BytesMut;
use postrider_wire::Stream;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

/// A stream, and what was read from it and not yet understood.
#[derive(Debug)]
pub(super) struct Wire {
    /// `None` after it was taken away, or is broken.
    stream: Option<Stream>,
    input: BytesMut,
    patience: Patience,
}

/// Octets read at once.
const READ: usize = 8 * 1024;

/// What happened on the wire.
enum Happened {
    Moved,
    Read(usize),
    WriteFailed(io::Error),
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream: Some(stream),
            input: BytesMut::with_capacity(READ),
            patience: Patience::new(now()),
        }
    }

    pub(super) fn take(&mut self) -> Self {
        Self {
            stream: self.stream.take(),
            input: std::mem::take(&mut self.input),
            patience: self.patience,
        }
    }

    pub(super) fn take_stream(&mut self) -> Stream {
        let closed = || Stream::from_io(tokio::io::empty());
        self.stream.take().unwrap_or_else(closed)
    }

    /// Goes on with another stream, in the time that is left.
    pub(super) fn put_stream(&mut self, stream: Stream) {
        self.stream = Some(stream);
        self.patience.begin(now());
    }

    /// The clock for the whole of what comes.
    pub(super) fn patience(&mut self) -> &mut Patience {
        &mut self.patience
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
        self.patience.begin(now());
        let patience = self.patience;
        let stream = self.stream(stage)?;
        let write = async {
            stream.write_all(out).await?;
            stream.flush().await
        };
        within(&patience, times, stage, write).await?;
        self.patience.begin(now());
        Ok(())
    }

    /// Reads once; the end of the stream is an error.
    pub(super) async fn read(&mut self, stage: Stage, times: &Timeouts) -> Result<(), Error> {
        self.input.reserve(READ);
        let Some(stream) = &mut self.stream else {
            return Err(Error::new(stage, ErrorKind::Closed));
        };
        let read = stream.read_buf(&mut self.input);
        match within(&self.patience, times, stage, read).await? {
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
        let mut heard = false;
        self.patience.begin(now());
        self.patience.whole(now(), times.message);
        let first = self.patience.deadline(planner.stage(), times);
        let mut alarm = pin!(sleep_until(first.into()));
        loop {
            // After a reply, what it set free is written first: while the server works, there is time for the verdicts.
            let may_wait = std::mem::take(&mut heard) && planner.wants_write();
            while let Some((index, outcomes)) = next_settled(planner, may_wait) {
                settled(index, outcomes);
                self.patience.whole(now(), times.message);
            }
            if planner.is_done() {
                self.patience.done();
                return;
            }
            let stage = planner.stage();
            let deadline = self.patience.deadline(stage, times);
            let happens = Step {
                wire: self,
                planner,
                source: source.as_deref_mut(),
                times,
                may_write: write_error.is_none(),
            };
            match by(deadline.into(), alarm.as_mut(), happens).await {
                Some(Ok(Happened::Moved)) => {}
                Some(Ok(Happened::Read(0))) => {
                    let kind = write_error
                        .take()
                        .map_or(ErrorKind::Closed, ErrorKind::from);
                    planner.lost(kind);
                }
                Some(Ok(Happened::Read(_))) => {
                    self.digest(planner);
                    heard = true;
                }
                // The server may have said why before it stopped reading: read on to the end.
                Some(Ok(Happened::WriteFailed(error))) => write_error = Some(error),
                Some(Err(error)) => planner.lost(error.into()),
                None if planner.wanted() != Wanted::Nothing => {
                    planner.content_failed(io::ErrorKind::TimedOut.into());
                }
                None => planner.lost(ErrorKind::Timeout(self.patience.ran_out(stage, times))),
            }
        }
    }

    /// Hands what was read to the planner.
    fn digest(&mut self, planner: &mut Planner<'_>) {
        let before = planner.replies();
        // An error has settled everybody, and ends the loop.
        let _ = planner.receive(&mut self.input);
        if planner.replies() > before {
            self.patience.begin(now());
        }
    }

    fn stream(&mut self, stage: Stage) -> Result<&mut Stream, Error> {
        self.stream
            .as_mut()
            .ok_or_else(|| Error::new(stage, ErrorKind::Closed))
    }
}

/// `None` if the deadline passes before the work is done. An alarm that rings no later than that is left as it is, and set
/// anew only when it has rung: to set it for every wait costs more, and most waits are short.
async fn by<T>(
    deadline: Instant,
    mut alarm: Pin<&mut Sleep>,
    work: impl Future<Output = T>,
) -> Option<T> {
    if alarm.deadline() > deadline {
        alarm.as_mut().reset(deadline);
    }
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        while alarm.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(None);
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    })
    .await
}

fn next_settled(
    planner: &mut Planner<'_>,
    may_wait: bool,
) -> Option<(usize, Vec<RecipientOutcome>)> {
    match may_wait {
        true => None,
        false => planner.settled(),
    }
}

/// One step of a planner's run: writes what can be written, and reads what is there. Both directions at once, because a
/// server may refuse to read until it is read.
struct Step<'a, 'm, 'c> {
    wire: &'a mut Wire,
    planner: &'a mut Planner<'m>,
    source: Option<&'a mut Source<'c>>,
    times: &'a Timeouts,
    may_write: bool,
}

impl Future for Step<'_, '_, '_> {
    type Output = io::Result<Happened>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let step = self.get_mut();
        let Wire {
            stream,
            input,
            patience,
        } = &mut *step.wire;
        let Some(stream) = stream else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let mut moved = false;
        if step.may_write {
            if let Some(source) = &mut step.source {
                moved |= source.poll_feed(step.planner, context).is_ready();
            }
            let mut written = 0;
            let wrote = poll_write(stream, step.planner, context, &mut written);
            if let Poll::Ready(Err(error)) = wrote {
                return Poll::Ready(Ok(Happened::WriteFailed(error)));
            }
            if written > 0 {
                moved = true;
                patience.took(now(), written, wrote.is_ready(), step.times);
            }
        }
        if step.planner.wants_quick_acknowledgement() {
            stream.acknowledge_quickly();
        }
        input.reserve(READ);
        match pin!(stream.read_buf(input)).poll(context) {
            Poll::Ready(read) => Poll::Ready(read.map(Happened::Read)),
            Poll::Pending if moved => Poll::Ready(Ok(Happened::Moved)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Writes as much as the stream takes, whole flights with one call where it takes them.
fn poll_write(
    stream: &mut Stream,
    planner: &mut Planner<'_>,
    context: &mut Context<'_>,
    octets: &mut usize,
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
        *octets += written;
    }
    Pin::new(stream).poll_flush(context)
}

/// tokio's clock, which stands still in tests.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn within<T>(
    patience: &Patience,
    times: &Timeouts,
    stage: Stage,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, Error> {
    match timeout_at(patience.deadline(stage, times).into(), work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::new(stage, error.into())),
        Err(_) => {
            let time = patience.ran_out(stage, times);
            Err(Error::new(stage, ErrorKind::Timeout(time)))
        }
    }
}

use bytes::{Buf, BytesMut};
use postrider_wire::{ConnectError, Endpoint, Stream, Tls, start_tls};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWrite};

/// Octets asked for in one read.
const READ: usize = 256 << 10;

/// What came of waiting for the peer.
#[derive(Debug)]
pub(crate) enum Transfer {
    /// Something was read.
    Read(usize),
    /// The peer has closed.
    Closed,
    /// The deadline has passed.
    Expired,
}

/// The byte stream under a session, and its clock.
pub(crate) trait Link: Send {
    fn now(&self) -> Instant;

    /// Writes all of `out`, and reads once. It reads while it writes: a server may stop reading until its answers are taken.
    fn transfer(
        &mut self,
        out: &mut BytesMut,
        input: &mut BytesMut,
        deadline: Option<Instant>,
    ) -> impl Future<Output = io::Result<Transfer>> + Send;

    /// Reads what is there, without waiting for more.
    fn peek(
        &mut self,
        input: &mut BytesMut,
    ) -> impl Future<Output = io::Result<Option<Transfer>>> + Send;

    fn start_tls(
        &mut self,
        endpoint: &Endpoint,
        tls: &Tls,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), ConnectError>> + Send;

    fn is_tls(&self) -> bool;

    fn tls_description(&self) -> Option<String>;
}

/// A tokio stream. `None` while TLS takes it over, and for good if that fails.
#[derive(Debug)]
pub(crate) struct TokioLink(Option<Stream>);

impl TokioLink {
    pub(crate) fn new(stream: Stream) -> Self {
        Self(Some(stream))
    }

    fn stream(&mut self) -> io::Result<&mut Stream> {
        self.0
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Link for TokioLink {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    async fn transfer(
        &mut self,
        out: &mut BytesMut,
        input: &mut BytesMut,
        deadline: Option<Instant>,
    ) -> io::Result<Transfer> {
        let stream = self.stream()?;
        let mut unflushed = !out.is_empty();
        let work = poll_fn(|cx| {
            poll_write(stream, cx, out, &mut unflushed);
            poll_read(stream, cx, input)
        });
        let Some(deadline) = deadline else {
            return work.await;
        };
        tokio::time::timeout_at(deadline.into(), work)
            .await
            .unwrap_or(Ok(Transfer::Expired))
    }

    async fn peek(&mut self, input: &mut BytesMut) -> io::Result<Option<Transfer>> {
        // The reactor gets a turn, so that it knows of what has arrived.
        tokio::task::yield_now().await;
        let stream = self.stream()?;
        poll_fn(|cx| match poll_read(stream, cx, input) {
            Poll::Ready(read) => Poll::Ready(read.map(Some)),
            Poll::Pending => Poll::Ready(Ok(None)),
        })
        .await
    }

    async fn start_tls(
        &mut self,
        endpoint: &Endpoint,
        tls: &Tls,
        timeout: Duration,
    ) -> Result<(), ConnectError> {
        if let Some(stream) = self.0.take() {
            self.0 = Some(start_tls(stream, endpoint, tls, timeout).await?);
        }
        Ok(())
    }

    fn is_tls(&self) -> bool {
        self.0.as_ref().is_some_and(Stream::is_tls)
    }

    fn tls_description(&self) -> Option<String> {
        self.0.as_ref()?.tls_description()
    }
}

/// Writes as much as the stream takes. An error is not reported: what the server said before it closed is worth more,
/// and the next read will tell.
fn poll_write(stream: &mut Stream, cx: &mut Context<'_>, out: &mut BytesMut, unflushed: &mut bool) {
    while !out.is_empty() {
        match Pin::new(&mut *stream).poll_write(cx, out) {
            Poll::Ready(Ok(written)) if written > 0 => out.advance(written),
            Poll::Ready(_) => {
                out.clear();
                *unflushed = false;
            }
            Poll::Pending => return,
        }
    }
    if *unflushed && Pin::new(stream).poll_flush(cx).is_ready() {
        *unflushed = false;
    }
}

fn poll_read(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    input: &mut BytesMut,
) -> Poll<io::Result<Transfer>> {
    if input.capacity() - input.len() < READ / 4 {
        input.reserve(READ);
    }
    let read = pin!(stream.read_buf(input)).poll(cx);
    read.map(|read| match read {
        Ok(0) => Ok(Transfer::Closed),
        Ok(octets) => Ok(Transfer::Read(octets)),
        // TLS without close_notify, or a reset: the machine knows whether an answer was complete.
        Err(e) if is_closed(&e) => Ok(Transfer::Closed),
        Err(e) => Err(e),
    })
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

use super::error::ErrorKind;
use super::link::{Link, Transfer, is_closed};
use bytes::BytesMut;
use postrider_wire::sasl::ChannelBinding;
use postrider_wire::{Endpoint, Stream, Tls, WriteBuffer, start_tls};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWrite};

/// Octets asked for in one read.
const READ: usize = 256 << 10;

/// A tokio stream.
#[derive(Debug)]
pub(crate) struct TokioLink {
    /// `None` while TLS takes it over, and for good if that fails.
    stream: Option<Stream>,
    /// Something was written, and may be held back until it is flushed.
    unflushed: bool,
}

impl TokioLink {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream: Some(stream),
            unflushed: false,
        }
    }

    fn stream(&mut self) -> io::Result<&mut Stream> {
        self.stream
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Link for TokioLink {
    /// It reads while it writes, so neither side can wait for the other; at 20 ms of round trip this is beyond what
    /// servers deliver.
    const MOST_IN_FLIGHT: usize = 2_048;

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    async fn transfer(
        &mut self,
        out: &mut WriteBuffer,
        input: &mut BytesMut,
        deadline: Option<Instant>,
    ) -> io::Result<Transfer> {
        let Self { stream, unflushed } = self;
        let stream = stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        *unflushed |= !out.is_empty();
        let work = poll_fn(|cx| {
            poll_write(stream, cx, out, unflushed);
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
    ) -> Result<(), ErrorKind> {
        if let Some(stream) = self.stream.take() {
            let started = start_tls(stream, endpoint, tls, timeout).await;
            self.stream = Some(started.map_err(|e| ErrorKind::Connect(e.after_upgrade()))?);
        }
        Ok(())
    }

    fn is_tls(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::is_tls)
    }

    fn channel_binding(&self) -> Option<ChannelBinding> {
        self.stream.as_ref()?.channel_binding()
    }

    fn tls_description(&self) -> Option<String> {
        self.stream.as_ref()?.tls_description()
    }
}

/// Writes as much as the stream takes. An error is not reported: what the server said before it closed is worth more,
/// and the next read will tell.
fn poll_write(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    out: &mut WriteBuffer,
    unflushed: &mut bool,
) {
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
        Err(e) if is_closed(&e) => Ok(Transfer::Closed),
        Err(e) => Err(e),
    })
}

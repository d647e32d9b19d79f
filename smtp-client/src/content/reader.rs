//! Content made of readers and of octets.

use super::{Content, Rewind};
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::io::{self, Read, Seek};
use std::task::{Context, Poll};

/// Octets in one chunk.
const CHUNK: usize = 64 * 1024;

/// The content of a reader. It is read from on the thread that sends: for [`blocking`](crate), and for files and memory.
pub fn from_read<R: Read + Send>(reader: R) -> Reader<R> {
    Reader {
        reader,
        buffer: BytesMut::new(),
    }
}

/// Octets in memory.
pub fn from_octets(octets: impl Into<Bytes>) -> Octets {
    let all = octets.into();
    Octets {
        rest: all.clone(),
        all,
    }
}

/// The content that a function gives, chunk by chunk: a channel, a stream of another library.
pub fn from_fn<F>(poll_chunk: F) -> impl Content
where
    F: FnMut(&mut Context<'_>) -> Poll<io::Result<Bytes>> + Send,
{
    struct FromFn<F>(F);
    impl<F: FnMut(&mut Context<'_>) -> Poll<io::Result<Bytes>> + Send> Content for FromFn<F> {
        fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
            (self.0)(context)
        }
    }
    FromFn(poll_chunk)
}

/// See [`from_read`].
#[derive(Debug)]
pub struct Reader<R> {
    reader: R,
    buffer: BytesMut,
}

impl<R: Read + Send> Content for Reader<R> {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        self.buffer.resize(CHUNK, 0);
        let mut filled = 0;
        while let Some(rest) = self.buffer.get_mut(filled..).filter(|r| !r.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.buffer.truncate(filled);
        Poll::Ready(Ok(self.buffer.split().freeze()))
    }
}

impl<R: Read + Seek + Send> Rewind for Reader<R> {
    fn poll_rewind(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.reader.rewind())
    }
}

/// See [`from_octets`].
#[derive(Clone)]
pub struct Octets {
    all: Bytes,
    rest: Bytes,
}

impl Content for Octets {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let n = CHUNK.min(self.rest.len());
        Poll::Ready(Ok(self.rest.split_to(n)))
    }
}

impl Rewind for Octets {
    fn poll_rewind(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.rest = self.all.clone();
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Octets({} of {})", self.rest.len(), self.all.len())
    }
}

#[cfg(feature = "tokio")]
pub use with_tokio::{AsyncReader, from_async_read};

#[cfg(feature = "tokio")]
mod with_tokio {
    use super::{Bytes, BytesMut, CHUNK, Content, Context, Poll, Rewind, io};
    use std::io::SeekFrom;
    use std::pin::Pin;
    use std::task::ready;
    use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};

    /// The content of a reader of tokio's.
    pub fn from_async_read<R: AsyncRead + Unpin + Send>(reader: R) -> AsyncReader<R> {
        AsyncReader {
            reader,
            buffer: BytesMut::new(),
            filled: 0,
            seeks: false,
        }
    }

    /// See [`from_async_read`].
    #[derive(Debug)]
    pub struct AsyncReader<R> {
        reader: R,
        buffer: BytesMut,
        filled: usize,
        seeks: bool,
    }

    impl<R: AsyncRead + Unpin + Send> Content for AsyncReader<R> {
        fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
            self.buffer.resize(CHUNK, 0);
            loop {
                let rest = self.buffer.get_mut(self.filled..).unwrap_or_default();
                let mut rest = ReadBuf::new(rest);
                if rest.remaining() == 0 {
                    return Poll::Ready(Ok(self.take()));
                }
                match Pin::new(&mut self.reader).poll_read(context, &mut rest) {
                    Poll::Ready(Ok(())) if rest.filled().is_empty() => {
                        return Poll::Ready(Ok(self.take()));
                    }
                    Poll::Ready(Ok(())) => self.filled += rest.filled().len(),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    // What is there goes out, while the reader waits for more.
                    Poll::Pending if self.filled > 0 => return Poll::Ready(Ok(self.take())),
                    Poll::Pending => return Poll::Pending,
                }
            }
        }
    }

    impl<R> AsyncReader<R> {
        fn take(&mut self) -> Bytes {
            self.buffer.truncate(self.filled);
            self.filled = 0;
            self.buffer.split().freeze()
        }
    }

    impl<R: AsyncRead + AsyncSeek + Unpin + Send> Rewind for AsyncReader<R> {
        fn poll_rewind(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            let mut reader = Pin::new(&mut self.reader);
            if !self.seeks {
                // A seek under way must end before the next one begins.
                ready!(reader.as_mut().poll_complete(context))?;
                reader.as_mut().start_seek(SeekFrom::Start(0))?;
                self.seeks = true;
            }
            let done = ready!(reader.poll_complete(context));
            self.seeks = false;
            self.filled = 0;
            Poll::Ready(done.map(|_| ()))
        }
    }
}

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

type Reader = Box<dyn Read + Send>;
type Open = dyn Fn() -> io::Result<Reader> + Send + Sync;

/// Content that is read when the message is written, in pieces: no more of it than a piece is ever in memory.
///
/// It is opened anew each time the message is written or measured. What it says is written in base64, because the
/// encoding stands before the content.
///
/// A Message-ID and boundaries that are made of the content are made of its name and length only.
///
/// ```
/// use postrider_mime::{DateTime, MessageBuilder, Source};
///
/// let log = Source::new(|| Ok(std::io::repeat(b'x'))).with_length(2_000_000);
/// # let log = Source::new(|| Ok(std::io::Read::take(std::io::repeat(b'x'), 2_000_000))).with_length(2_000_000);
/// let message = MessageBuilder::new()
///     .from("jo@example.org")
///     .date(DateTime::from_unix(1_700_000_000, 0).ok_or("no such date")?)
///     .attach("big.log", "application/octet-stream", log);
/// let size = message.size()?;
/// let mut written = 0;
/// for chunk in message.chunks()? {
///     let chunk = chunk?;
///     assert!(chunk.len() < 64 << 10);
///     written += chunk.len();
/// }
/// assert_eq!(written, size);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Source {
    open: Arc<Open>,
    length: Option<u64>,
    once: bool,
}

impl Source {
    /// Content that `open` begins to read, as often as it is asked to.
    pub fn new<R: Read + Send + 'static>(
        open: impl Fn() -> io::Result<R> + Send + Sync + 'static,
    ) -> Self {
        Self {
            open: Arc::new(move || Ok(Box::new(open()?))),
            length: None,
            once: false,
        }
    }

    /// Content that can be read only once: the message can be written once, and measured only if the length is told.
    pub fn once(reader: impl Read + Send + 'static) -> Self {
        let reader = Mutex::new(Some(Box::new(reader) as Reader));
        let take = move || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            reader
                .take()
                .ok_or_else(|| io::Error::other("content that can be read once was read before"))
        };
        Self {
            open: Arc::new(take),
            length: None,
            once: true,
        }
    }

    /// Content that comes in chunks, such as those of an object store. It can be read only once.
    pub fn from_chunks<C: AsRef<[u8]> + Send + 'static>(
        chunks: impl IntoIterator<Item = io::Result<C>, IntoIter: Send + 'static>,
    ) -> Self {
        Self::once(ChunkReader {
            chunks: chunks.into_iter(),
            current: None,
            taken: 0,
        })
    }

    /// A file. It is opened to see that it is there, and for its length, and again to be read.
    pub fn file(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let length = std::fs::File::open(&path)?.metadata()?.len();
        Ok(Self::new(move || std::fs::File::open(&path)).with_length(length))
    }

    /// Tells how many bytes there are. A message in which there are more or less is not written to its end.
    pub fn with_length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// How many bytes there are, if it was told.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether it can be read to be measured, and then again.
    pub(super) fn can_be_read_again(&self) -> bool {
        !self.once
    }

    pub(super) fn open(&self) -> io::Result<Reading> {
        Ok(Reading {
            reader: (self.open)()?,
            wanted: self.length,
            read: 0,
        })
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// A source that is being read.
pub(super) struct Reading {
    reader: Reader,
    wanted: Option<u64>,
    read: u64,
}

impl Reading {
    /// Fills the buffer, less of it only at the end.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            match self.reader.read(free) {
                Ok(0) => break,
                Ok(count) => filled += count.min(free.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.read += filled as u64;
        let ended = filled < buffer.len();
        match self.wanted {
            Some(wanted) if self.read > wanted || (ended && self.read < wanted) => {
                let told = format!("content of {wanted} bytes was told, {} came", self.read);
                Err(io::Error::new(io::ErrorKind::InvalidData, told))
            }
            _ => Ok(filled),
        }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

struct ChunkReader<I, C> {
    chunks: I,
    current: Option<C>,
    taken: usize,
}

impl<C: AsRef<[u8]>, I: Iterator<Item = io::Result<C>>> Read for ChunkReader<I, C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(chunk) = &self.current {
                let rest = chunk.as_ref().get(self.taken..).unwrap_or_default();
                if !rest.is_empty() {
                    let count = rest.len().min(buffer.len());
                    let (to, _) = buffer.split_at_mut(count);
                    to.copy_from_slice(rest.get(..count).unwrap_or_default());
                    self.taken += count;
                    return Ok(count);
                }
            }
            match self.chunks.next() {
                Some(chunk) => (self.current, self.taken) = (Some(chunk?), 0),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_read_in_order_and_each_once() {
        let source = Source::from_chunks([Ok("one"), Ok(""), Ok("two")]);
        let mut reading = source.open().unwrap();
        let mut buffer = [0_u8; 5];
        assert_eq!(reading.fill(&mut buffer).unwrap(), 5);
        assert_eq!(&buffer, b"onetw");
        assert_eq!(reading.fill(&mut buffer).unwrap(), 1);
        assert_eq!(buffer[0], b'o');
    }

    #[test]
    fn the_length_that_is_told_is_that_of_all_pieces() {
        let source = Source::new(|| Ok(&b"abcdef"[..])).with_length(6);
        let mut reading = source.open().unwrap();
        for expected in [4, 2, 0] {
            assert_eq!(reading.fill(&mut [0_u8; 4]).unwrap(), expected);
        }
    }

    /// A reader that is interrupted before it begins.
    struct Interrupted {
        begun: bool,
        bytes: &'static [u8],
    }

    impl Read for Interrupted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match std::mem::replace(&mut self.begun, true) {
                true => self.bytes.read(buffer),
                false => Err(io::ErrorKind::Interrupted.into()),
            }
        }
    }

    #[test]
    fn a_reader_that_is_interrupted_is_asked_again() {
        let source = Source::once(Interrupted {
            begun: false,
            bytes: b"abc",
        });
        let mut reading = source.open().unwrap();
        assert_eq!(reading.fill(&mut [0_u8; 8]).unwrap(), 3);
    }

    #[test]
    fn a_source_is_shown_without_what_is_in_it() {
        let source = Source::new(|| Ok(&b"abc"[..])).with_length(3);
        assert_eq!(format!("{source:?}"), "Source { length: Some(3), .. }");
        let mut reading = source.open().unwrap();
        reading.fill(&mut [0_u8; 8]).unwrap();
        assert_eq!(format!("{reading:?}"), "Reading { read: 3, .. }");
    }
}

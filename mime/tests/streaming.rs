//! Content that is read while the message is written, and messages that come in chunks.

#![allow(clippy::unwrap_used)] // Messages are made outside the tests themselves.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use postrider_mime::{BuildError, DateTime, Message, MessageBuilder, Source};

/// Bytes that are made while they are read, and count how much is read at once.
struct Made {
    left: usize,
    most: Arc<AtomicUsize>,
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.most.fetch_max(buffer.len(), Ordering::Relaxed);
        // An odd number at a time: a reader need not fill the buffer.
        let count = buffer.len().min(self.left).min(7_919);
        for (at, byte) in buffer.iter_mut().take(count).enumerate() {
            *byte = ((self.left - at) * 31 % 251) as u8;
        }
        self.left -= count;
        Ok(count)
    }
}

fn made(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| ((length - at) * 31 % 251) as u8)
        .collect()
}

fn builder<'a>() -> MessageBuilder<'a> {
    MessageBuilder::new()
        .from("jo@example.org")
        .date(DateTime::from_unix(1_700_000_000, 0).unwrap())
        .message_id("1@example.org")
        .boundary("b")
        .text("Here it is.\n")
}

fn with_source(length: usize, most: &Arc<AtomicUsize>) -> MessageBuilder<'static> {
    let most = Arc::clone(most);
    let source = Source::new(move || {
        Ok(Made {
            left: length,
            most: Arc::clone(&most),
        })
    });
    builder().attach("big.bin", "application/octet-stream", source)
}

#[test]
fn content_that_is_read_makes_the_same_message() {
    for length in [0, 1, 56, 57, 58, 10_943, 10_944, 10_945, 100_000] {
        let most = Arc::default();
        let read = with_source(length, &most);
        let whole = builder()
            .attach("big.bin", "application/octet-stream", made(length))
            .build()
            .unwrap();
        assert!(read.build().unwrap() == whole, "{length}");
        assert_eq!(read.size().unwrap(), whole.len());
        let mut written = Vec::new();
        read.write_to(&mut written).unwrap();
        assert!(written == whole);
        let chunks: Result<Vec<_>, _> = read.chunks().unwrap().collect();
        assert!(chunks.unwrap().concat() == whole);
        let mut by_reading = Vec::new();
        read.chunks().unwrap().read_to_end(&mut by_reading).unwrap();
        assert!(by_reading == whole);
        let message = Message::parse(&whole);
        assert!(*message.attachments()[0].content().bytes == made(length));
    }
}

/// Counts what it is given, and how much at once.
#[derive(Default)]
struct Counting {
    all: usize,
    most: usize,
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.all += bytes.len();
        self.most = self.most.max(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn memory_does_not_grow_with_the_size() {
    let peaks = [1 << 20, 16 << 20].map(|length| {
        let read = Arc::default();
        let message = with_source(length, &read);
        let mut out = Counting::default();
        message.write_to(&mut out).unwrap();
        assert!(out.all > length * 4 / 3);
        let chunks = message.chunks().unwrap().map(|c| c.unwrap().len());
        let (all, chunk) = chunks.fold((0, 0), |(all, most), n| (all + n, n.max(most)));
        assert_eq!(all, out.all);
        (read.load(Ordering::Relaxed), out.most, chunk)
    });
    assert_eq!(peaks[0], peaks[1]);
    let (read, written, chunk) = peaks[0];
    assert!(
        read.max(written).max(chunk) < 64 << 10,
        "{read} {written} {chunk}"
    );
}

#[test]
fn chunks_outlive_the_builder_and_share_its_content() {
    let chunks = {
        let content = made(50_000);
        builder()
            .text("é\n".repeat(50_000))
            .attach("a", "a/b", content)
            .chunks()
            .unwrap()
    };
    let whole = builder()
        .text("é\n".repeat(50_000))
        .attach("a", "a/b", made(50_000))
        .build()
        .unwrap();
    let all: Vec<u8> = chunks.flat_map(Result::unwrap).collect();
    assert!(all == whole);
}

#[test]
fn content_that_can_be_read_once_is_read_once() {
    let message = || {
        let source = Source::from_chunks([Ok("one"), Ok(""), Ok("two")]);
        builder().attach("a.txt", "text/plain", source)
    };
    assert!(matches!(message().size(), Err(BuildError::Io(_))));
    let once = message();
    let bytes = once.build().unwrap();
    assert_eq!(
        &*Message::parse(&bytes).attachments()[0].content().bytes,
        b"onetwo"
    );
    assert!(matches!(once.build(), Err(BuildError::Io(_))));
    let known = Source::once(&b"onetwo"[..]).with_length(6);
    let known = builder().attach("a.txt", "text/plain", known);
    assert_eq!(known.size().unwrap(), bytes.len());
    assert_eq!(known.build().unwrap(), bytes);
}

#[test]
fn a_length_that_was_told_wrong_is_an_error() {
    for told in [2, 4] {
        let source = Source::new(|| Ok(&b"abc"[..])).with_length(told);
        let error = builder().attach("a", "a/b", source).build().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the message could not be written: content of {told} bytes was told, 3 came")
        );
    }
}

#[test]
fn a_reader_that_fails_is_told_and_ends_the_chunks() {
    let failing = || Source::from_chunks([Ok(vec![b'x'; 100_000]), Err(io::Error::other("gone"))]);
    let error = builder().attach("a", "a/b", failing()).build().unwrap_err();
    assert!(error.is_retryable() && error.to_string().ends_with("gone"));
    let message = builder().attach("a", "a/b", failing());
    let chunks: Vec<_> = message.chunks().unwrap().collect();
    let (last, before) = chunks.split_last().unwrap();
    assert!(last.is_err() && before.iter().all(Result::is_ok) && !before.is_empty());
}

#[test]
fn a_file_is_opened_when_it_is_written() {
    let path = std::env::temp_dir().join(format!("postrider-mime-{}", std::process::id()));
    std::fs::write(&path, b"content").unwrap();
    let message = builder().attach("a", "a/b", Source::file(&path).unwrap());
    let bytes = message.build().unwrap();
    assert_eq!(message.size().unwrap(), bytes.len());
    assert_eq!(
        &*Message::parse(&bytes).attachments()[0].content().bytes,
        b"content"
    );
    std::fs::remove_file(&path).unwrap();
    assert!(message.build().is_err());
    assert!(Source::file(&path).is_err());
}

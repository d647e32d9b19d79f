//! Messages that are read while they are sent, over the driver.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use postrider_smtp::content::{self, Content, Rewind, Source};
use postrider_smtp::*;
use postrider_wire::Stream;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;
use support::{BODY, BODY_ON_THE_WIRE, Chunking, Server, envelope};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex};
use tokio::task::JoinHandle;

fn large() -> Vec<u8> {
    let mut message = b"Subject: x\r\n\r\n".to_vec();
    let lines = (0..5_000).map(|n| format!(".line {n} of a large message\r\n"));
    lines.for_each(|line| message.extend(line.into_bytes()));
    message
}

fn stuffed(message: &[u8]) -> String {
    let text = std::str::from_utf8(message).unwrap();
    text.replace("\n.", "\n..") + ".\r\n"
}

async fn connect(level: Pipelining) -> (Client, JoinHandle<Server>) {
    let (near, far) = duplex(16 * 1024);
    let server = Server::new().offering(&["PIPELINING", "8BITMIME", "SIZE", "CHUNKING"]);
    let serving = tokio::spawn(converse(far, server.start()));
    let config = Config::new(Endpoint::new("mx", 25).unwrap())
        .security(Security::None)
        .pipelining(level)
        .timeouts(Timeouts::all(Duration::from_secs(60)));
    let client = Client::connect_over(&config, Stream::from_io(near));
    (client.await.unwrap(), serving)
}

async fn converse(mut peer: DuplexStream, mut server: Server) -> Server {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let said = server.take(Chunking::Whole);
        if peer.write_all(&said).await.is_err() || server.closed {
            return server;
        }
        match peer.read(&mut buffer).await {
            Ok(0) | Err(_) => return server,
            Ok(n) => server.feed(&buffer[..n]),
        }
    }
}

fn accepted(outcomes: &[RecipientOutcome]) -> bool {
    assert_eq!(outcomes.len(), 3);
    outcomes.iter().all(RecipientOutcome::is_accepted)
}

#[tokio::test]
async fn readers_and_octets_and_chunks_arrive_as_they_are() {
    let message = large();
    let length = message.len() as u64;
    let envelope = envelope();
    let mut from_memory = content::from_octets(message.clone());
    let mut from_std = content::from_read(io::Cursor::new(message.clone()));
    let mut from_tokio = content::from_async_read(io::Cursor::new(message.clone()));
    let mut parts: Vec<Bytes> = message
        .chunks(999)
        .rev()
        .map(Bytes::copy_from_slice)
        .collect();
    let mut from_parts = content::from_fn(|_| Poll::Ready(Ok(parts.pop().unwrap_or_default())));
    let (mut client, serving) = connect(Pipelining::LookAhead).await;
    for source in [
        Source::rewindable(&mut from_memory),
        Source::rewindable(&mut from_std),
        Source::rewindable(&mut from_tokio),
        Source::once(&mut from_parts),
    ] {
        let outcomes = client.send_from(&envelope, source.length(length)).await;
        assert!(accepted(&outcomes), "{outcomes:?}");
    }
    client.quit().await;
    let server = serving.await.unwrap();
    let arrived: Vec<&String> = server
        .log
        .iter()
        .filter(|l| l.starts_with("Subject"))
        .collect();
    assert_eq!(arrived.len(), 4);
    assert!(
        arrived
            .into_iter()
            .all(|arrived| *arrived == stuffed(&message))
    );
    let sizes = server
        .log
        .iter()
        .filter(|l| l.contains(&format!(" SIZE={length}")));
    assert_eq!(sizes.count(), 4);
}

#[tokio::test]
async fn a_small_message_is_sent_like_one_in_memory() {
    let (mut client, serving) = connect(Pipelining::LookAhead).await;
    let mut content = content::from_octets(BODY);
    let outcomes = client
        .send_from(&envelope(), Source::once(&mut content))
        .await;
    assert!(accepted(&outcomes));
    client.quit().await;
    let log = serving.await.unwrap().log;
    assert!(log.contains(&BODY_ON_THE_WIRE.to_owned()));
    let mail = log.iter().find(|line| line.starts_with("MAIL")).unwrap();
    assert!(mail.contains(" SIZE="), "its size is known: {mail}");
    assert!(!mail.contains("8BITMIME"), "and that it is ASCII: {mail}");
}

#[tokio::test]
async fn content_that_fails_is_never_accepted_with_dot_or_last() {
    let message = large();
    for level in [Pipelining::Off, Pipelining::LookAhead, Pipelining::Chunked] {
        let (mut client, serving) = connect(level).await;
        let mut parts: Vec<io::Result<Bytes>> = vec![Err(io::ErrorKind::BrokenPipe.into())];
        parts.extend(
            message
                .chunks(20_000)
                .map(|part| Ok(Bytes::copy_from_slice(part))),
        );
        parts.push(Ok(Bytes::from_static(b"Subject: x\r\n\r\n")));
        let mut content = content::from_fn(|_| Poll::Ready(parts.pop().unwrap()));
        let outcomes = client
            .send_from(&envelope(), Source::once(&mut content))
            .await;
        for outcome in &outcomes {
            assert_eq!(outcome.outcome, Outcome::Deferred);
            assert_eq!(outcome.stage, Stage::Content);
            assert!(
                outcome.to_string().contains("could not be read"),
                "{outcome}"
            );
        }
        assert_eq!(client.is_usable(), level == Pipelining::Chunked);
        drop(client);
        let log = serving.await.unwrap().log;
        assert!(
            !log.iter()
                .any(|l| l.contains("LAST") || l.ends_with("\r\n.\r\n"))
        );
    }
}

/// Content that gives its first octets and then nothing.
struct Stalls(Option<Bytes>);

impl Content for Stalls {
    fn poll_chunk(&mut self, _: &mut std::task::Context<'_>) -> Poll<io::Result<Bytes>> {
        match self.0.take() {
            Some(chunk) => Poll::Ready(Ok(chunk)),
            None => Poll::Pending,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_stalls_runs_out_of_time() {
    let (mut client, serving) = connect(Pipelining::LookAhead).await;
    let mut content = Stalls(Some(large().into()));
    let outcomes = client
        .send_from(&envelope(), Source::once(&mut content))
        .await;
    assert_eq!(outcomes[0].outcome, Outcome::Deferred);
    let Cause::Error(error) = &outcomes[0].cause else {
        unreachable!()
    };
    assert!(matches!(error.kind(), ErrorKind::Content(_)), "{error}");
    drop(client);
    assert!(
        !serving
            .await
            .unwrap()
            .log
            .iter()
            .any(|l| l.ends_with("\r\n.\r\n"))
    );
}

#[tokio::test]
async fn content_that_cannot_be_begun_writes_nothing() {
    let (mut client, serving) = connect(Pipelining::LookAhead).await;
    let mut fails = content::from_fn(|_| Poll::Ready(Err(io::ErrorKind::NotFound.into())));
    let outcomes = client
        .send_from(&envelope(), Source::once(&mut fails))
        .await;
    assert_eq!(outcomes[0].outcome, Outcome::Deferred);
    assert_eq!(outcomes[0].stage, Stage::Local);
    let mut short = content::from_octets(BODY);
    let source = Source::once(&mut short).length(1 + BODY.len() as u64);
    let outcomes = client.send_from(&envelope(), source).await;
    assert_eq!(outcomes[0].stage, Stage::Local);
    assert!(client.is_usable());
    client.quit().await;
    assert!(
        !serving
            .await
            .unwrap()
            .log
            .iter()
            .any(|line| line.starts_with("MAIL"))
    );
}

/// A server that takes everything and keeps nothing; the other one would keep it all.
async fn forgets(far: DuplexStream) -> io::Result<()> {
    let mut far = BufStream::new(far);
    let mut reply = "220 x\r\n";
    loop {
        far.write_all(reply.as_bytes()).await?;
        far.flush().await?;
        let mut line = String::new();
        if far.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        reply = match line.split([' ', '\r']).next().unwrap_or_default() {
            "EHLO" => "250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
            "DATA" => "354 go\r\n",
            "MAIL" | "RCPT" | "RSET" | "." => "250 ok\r\n",
            "BDAT" => {
                let octets = line.split([' ', '\r']).nth(1).unwrap();
                let mut chunk = (&mut far).take(octets.parse().unwrap());
                tokio::io::copy(&mut chunk, &mut tokio::io::sink()).await?;
                "250 ok\r\n"
            }
            _ => "",
        };
    }
}

#[tokio::test]
async fn what_is_held_of_a_message_does_not_grow_with_it() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Octets that are counted for as long as anybody holds them.
    struct Counted(Vec<u8>, Arc<AtomicUsize>);
    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_sub(self.0.len(), Ordering::Relaxed);
        }
    }

    const CHUNK: usize = 32 * 1024;
    let line = [&[b'x'; 1022][..], b"\r\n"].concat();
    for level in [Pipelining::LookAhead, Pipelining::Chunked] {
        let (near, far) = duplex(8 * 1024);
        tokio::spawn(forgets(far));
        let config = Config::new(Endpoint::new("mx", 25).unwrap())
            .security(Security::None)
            .pipelining(level);
        let mut client = Client::connect_over(&config, Stream::from_io(near))
            .await
            .unwrap();
        let (held, peak) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let mut rest = 16 * 1024 * 1024 / CHUNK;
        let mut content = content::from_fn(|_| {
            if rest == 0 {
                return Poll::Ready(Ok(Bytes::new()));
            }
            rest -= 1;
            let chunk = line.repeat(CHUNK / line.len());
            let now = held.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
            peak.fetch_max(now, Ordering::Relaxed);
            Poll::Ready(Ok(Bytes::from_owner(Counted(chunk, Arc::clone(&held)))))
        });
        let outcomes = client
            .send_from(&envelope(), Source::once(&mut content))
            .await;
        drop(content);
        assert!(accepted(&outcomes), "{outcomes:?}");
        assert_eq!(held.load(Ordering::Relaxed), 0, "nothing is kept");
        let peak = peak.load(Ordering::Relaxed);
        assert!(
            peak <= 64 * 1024 + CHUNK,
            "{level:?}: {peak} octets at once"
        );
    }
}

/// Wherever a reader was left, it begins again with the first octet.
#[tokio::test]
async fn a_reader_that_seeks_is_read_again_from_its_beginning() {
    let message = large();
    let mut reader = content::from_async_read(io::Cursor::new(message.clone()));
    for chunks in [1, 2, usize::MAX] {
        let mut read = Vec::new();
        for _ in 0..chunks {
            let chunk = poll_fn(|context| reader.poll_chunk(context)).await.unwrap();
            if chunk.is_empty() {
                break;
            }
            read.extend_from_slice(&chunk);
        }
        assert!(message.starts_with(&read) && !read.is_empty());
        assert_eq!(read.len() == message.len(), chunks == usize::MAX);
        poll_fn(|context| reader.poll_rewind(context))
            .await
            .unwrap();
    }
}

//! How many writes a flight is.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

mod scripted;

use postrider_smtp::*;
use postrider_wire::Stream;
use scripted::script;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// Counts the writes.
struct Counting(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write_vectored(cx, bufs);
        if written.is_ready() {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_flight_is_one_write_with_its_final_dot() {
    for (level, flights) in [(Pipelining::Flight, 20), (Pipelining::LookAhead, 11)] {
        let (near, far) = duplex(64 * 1024);
        let ehlo = "250-evil\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
        let mut steps = vec![("", "220 evil\r\n"), ("EHLO", ehlo)];
        let next = "250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n";
        match level {
            Pipelining::Flight => {
                for _ in 0..10 {
                    steps.push(("DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"));
                    steps.push(("\r\n.\r\n", "250 queued\r\n"));
                }
            }
            _ => {
                steps.push(("DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"));
                steps.extend([("DATA\r\n", next); 9]);
                steps.push(("\r\n.\r\n", "250 queued\r\n"));
            }
        }
        let server = script(far, &steps);
        let writes = Arc::new(AtomicUsize::new(0));
        let stream = Stream::from_io(Counting(near, Arc::clone(&writes)));
        let config = Config::new(Endpoint::new("mx.example.org", 25).unwrap())
            .security(Security::None)
            .timeouts(Timeouts::all(Duration::from_secs(10)))
            .pipelining(level);
        let mut client = Client::connect_over(&config, stream).await.unwrap();
        let opening = writes.swap(0, Ordering::SeqCst);
        assert_eq!(opening, 1, "EHLO");
        let envelope = Envelope::parse("a@example.com", ["r1@example.com"]).unwrap();
        // A dot at the start of each line: the message is many slices.
        let message = ".a line\r\n".repeat(300);
        let mails = [Mail::new(&envelope, message.as_bytes()); 10];
        let outcomes = client.send_all(&mails).await;
        assert!(outcomes.iter().flatten().all(RecipientOutcome::is_accepted));
        assert_eq!(writes.load(Ordering::SeqCst), flights, "{level:?}");
        drop(client);
        server.await.unwrap();
    }
}

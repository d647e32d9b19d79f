//! The pool: its order, its clock, and what it says of itself.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

use postrider_smtp::content::{Content, Rewind};
use postrider_smtp::*;
use std::io;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";
const SOON: Duration = Duration::from_secs(10);

/// What a server heard of all connections, in order; and its brake.
#[derive(Clone)]
struct Server {
    heard: Arc<Mutex<Vec<String>>>,
    /// One permit lets one final dot be answered.
    dots: Arc<Semaphore>,
    closed: Arc<Notify>,
}

impl Server {
    fn heard(&self, start: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .filter(|line| line.starts_with(start))
            .cloned()
            .collect()
    }

    async fn converse(self, peer: TcpStream) {
        let mut peer = BufReader::new(peer);
        let _ = peer.write_all(b"220 x\r\n").await;
        let (mut line, mut in_message) = (String::new(), false);
        while peer.read_line(&mut line).await.is_ok_and(|n| n > 0) {
            let said = std::mem::take(&mut line).trim_end().to_owned();
            let reply = match said.as_str() {
                "." => {
                    in_message = false;
                    self.dots.acquire().await.unwrap().forget();
                    "250 queued\r\n"
                }
                _ if in_message => continue,
                "DATA" => {
                    in_message = true;
                    "354 go\r\n"
                }
                // It is never answered.
                "QUIT" => "",
                hello if hello.starts_with("EHLO") => "250-x\r\n250 PIPELINING\r\n",
                _ => "250 ok\r\n",
            };
            self.heard.lock().unwrap().push(said);
            let _ = peer.write_all(reply.as_bytes()).await;
        }
        self.closed.notify_one();
    }
}

async fn serve(dots: usize) -> (Config, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server {
        heard: Arc::default(),
        dots: Arc::new(Semaphore::new(dots)),
        closed: Arc::default(),
    };
    let serving = server.clone();
    tokio::spawn(async move {
        while let Ok((peer, _)) = listener.accept().await {
            tokio::spawn(serving.clone().converse(peer));
        }
    });
    let endpoint = Endpoint::new("127.0.0.1", port).unwrap();
    (Config::new(endpoint).security(Security::None), server)
}

fn envelope(from: &str) -> Envelope {
    Envelope::parse(from, ["r@example.com"]).unwrap()
}

fn limits(change: impl FnOnce(&mut PoolLimits)) -> PoolLimits {
    let mut limits = PoolLimits::default();
    change(&mut limits);
    limits
}

const ENOUGH: usize = 1_000;

#[tokio::test]
async fn an_idle_connection_is_closed_with_quit_though_nobody_comes() {
    let (config, server) = serve(ENOUGH).await;
    let mut times = Timeouts::default();
    times.quit = Duration::from_millis(10);
    let config = config.timeouts(times);
    let pool = Pool::new(config, limits(|l| l.idle = Duration::from_millis(10)));
    assert!(pool.send(&envelope("a@x"), MESSAGE).await[0].is_accepted());
    timeout(SOON, server.closed.notified()).await.unwrap();
    assert_eq!(server.heard("QUIT").len(), 1);
    assert_eq!((pool.idle(), pool.metrics().retired), (0, 1));
    // And the next one as well.
    assert!(pool.send(&envelope("a@x"), MESSAGE).await[0].is_accepted());
    timeout(SOON, server.closed.notified()).await.unwrap();
    assert_eq!(pool.metrics().retired, 2);
}

#[tokio::test]
async fn nobody_waits_for_the_answer_to_quit() {
    let (config, server) = serve(ENOUGH).await;
    let mut one = limits(|l| l.mails = 1);
    one.connections = 1;
    let pool = Pool::new(config, one);
    let start = Instant::now();
    for _ in 0..5 {
        assert!(pool.send(&envelope("a@x"), MESSAGE).await[0].is_accepted());
    }
    assert!(
        start.elapsed() < Timeouts::default().quit,
        "{:?}",
        start.elapsed()
    );
    assert_eq!(server.heard("EHLO").len(), 5);
}

#[tokio::test]
async fn connections_are_closed_side_by_side() {
    let (config, server) = serve(0).await;
    let mut times = Timeouts::default();
    times.quit = Duration::from_millis(500);
    let pool = Pool::new(config.timeouts(times), limits(|l| l.connections = 4));
    let sends: Vec<_> = (0..4)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.send(&envelope("a@x"), MESSAGE).await })
        })
        .collect();
    while server.heard("DATA").len() < 4 {
        tokio::task::yield_now().await;
    }
    server.dots.add_permits(4);
    for send in sends {
        send.await.unwrap();
    }
    assert_eq!(pool.idle(), 4);
    let start = Instant::now();
    pool.close_idle().await;
    assert!(
        start.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        start.elapsed()
    );
    assert_eq!((server.heard("QUIT").len(), pool.idle()), (4, 0));
}

#[tokio::test]
async fn whoever_asks_first_is_served_first() {
    let (config, server) = serve(0).await;
    let pool = Pool::new(config, limits(|l| l.connections = 1));
    let mut sends = Vec::new();
    for n in 0..20 {
        let (task, before) = (pool.clone(), pool.metrics());
        sends.push(tokio::spawn(async move {
            task.send(&envelope(&format!("a{n}@x")), MESSAGE).await
        }));
        // Until it has asked.
        while pool.metrics().waiting + pool.metrics().active <= before.waiting + before.active {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!((pool.metrics().active, pool.metrics().waiting), (1, 19));
    server.dots.add_permits(20);
    for send in sends {
        assert!(send.await.unwrap()[0].is_accepted());
    }
    let order: Vec<String> = (0..20).map(|n| format!("MAIL FROM:<a{n}@x>")).collect();
    assert_eq!(server.heard("MAIL"), order);
    assert_eq!(server.heard("EHLO").len(), 1);
}

#[tokio::test]
async fn a_future_that_is_dropped_gives_its_place_back_and_not_its_connection() {
    let (config, server) = serve(0).await;
    let pool = Pool::new(config, limits(|l| l.connections = 1));
    for _ in 0..3 {
        let send = pool.clone();
        let task = tokio::spawn(async move { send.send(&envelope("a@x"), MESSAGE).await });
        let before = server.heard("hello").len();
        while server.heard("DATA").len() == before && pool.metrics().active == 0 {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(
            (pool.metrics().active, pool.idle(), pool.metrics().waiting),
            (0, 0, 0)
        );
    }
    server.dots.add_permits(ENOUGH);
    let outcomes = timeout(SOON, pool.send(&envelope("b@x"), MESSAGE))
        .await
        .unwrap();
    assert!(outcomes[0].is_accepted());
    assert_eq!(server.heard("MAIL FROM:<b@x>").len(), 1);
}

#[tokio::test]
async fn the_metrics_tell_what_was_done() {
    let (config, _server) = serve(ENOUGH).await;
    let pool = Pool::new(config, limits(|l| l.mails = 2));
    let one = envelope("a@x");
    pool.send_all(&[Mail::new(&one, MESSAGE); 3]).await;
    let metrics = pool.metrics();
    assert_eq!((metrics.mails, metrics.accepted), (3, 3));
    assert_eq!((metrics.opened, metrics.reused, metrics.retired), (2, 0, 1));
    pool.send(&one, MESSAGE).await;
    assert_eq!((pool.metrics().opened, pool.metrics().reused), (2, 1));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let gone = Config::new(Endpoint::new("127.0.0.1", port).unwrap());
    let pool = Pool::new(gone, PoolLimits::default());
    pool.send(&one, MESSAGE).await;
    assert_eq!((pool.metrics().failed, pool.metrics().deferred), (1, 1));
}

#[tokio::test]
async fn a_mail_that_waits_for_its_turn_holds_no_connection() {
    let (config, server) = serve(ENOUGH).await;
    let slow = Rate::new(NonZeroU32::MIN, Duration::from_secs(3_600));
    let mut limits = limits(|l| l.rate_by_domain = Some(slow));
    limits.connections = 1;
    let pool = Pool::new(config, limits);
    let to = |domain: &str| Envelope::parse("a@x", [format!("r@{domain}")]).unwrap();
    pool.send(&to("busy.example"), MESSAGE).await;
    let waits = pool.clone();
    let busy = to("busy.example");
    let held = tokio::spawn(async move { waits.send(&busy, MESSAGE).await });
    while pool.metrics().waiting == 0 {
        tokio::task::yield_now().await;
    }
    let other = timeout(SOON, pool.send(&to("other.example"), MESSAGE)).await;
    assert!(other.unwrap()[0].is_accepted());
    assert_eq!((pool.metrics().active, pool.metrics().waiting), (0, 1));
    assert_eq!(server.heard("RCPT TO:<r@busy.example>").len(), 1);
    held.abort();
}

#[tokio::test]
async fn a_message_that_is_read_while_it_is_sent_takes_a_kept_connection() {
    let (config, server) = serve(ENOUGH).await;
    let pool = Pool::new(config, PoolLimits::default());
    let large = b"0123456789\r\n".repeat(20_000);
    for _ in 0..2 {
        let mut octets = content::from_octets(large.clone());
        let outcomes = pool
            .send_from(&envelope("a@x"), content::Source::once(&mut octets))
            .await;
        assert!(outcomes[0].is_accepted(), "{}", outcomes[0]);
    }
    assert_eq!(server.heard("EHLO").len(), 1);
}

/// A kept connection that is closed while a message is begun on it.
#[tokio::test]
async fn a_message_of_which_nothing_was_sent_goes_over_a_new_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (first, mut closed) = mpsc::channel(1);
    let server = tokio::spawn(async move {
        let (mut taken, mut line) = (0, String::new());
        for connection in 0..2 {
            let mut peer = BufReader::new(listener.accept().await.unwrap().0);
            peer.write_all(b"220 x\r\n").await.unwrap();
            let (mut in_message, mut mails) = (false, 0);
            while peer.read_line(&mut line).await.is_ok_and(|n| n > 0) {
                let reply = match std::mem::take(&mut line).trim_end() {
                    "." => {
                        in_message = false;
                        taken += 1;
                        "250 queued\r\n"
                    }
                    _ if in_message => continue,
                    "DATA" => {
                        in_message = true;
                        "354 go\r\n"
                    }
                    mail if mail.starts_with("MAIL") => {
                        mails += 1;
                        if connection == 0 && mails == 2 {
                            break;
                        }
                        "250 ok\r\n"
                    }
                    _ => "250 ok\r\n",
                };
                let _ = peer.write_all(reply.as_bytes()).await;
            }
            let _ = first.send(()).await;
        }
        taken
    });
    let endpoint = Endpoint::new("127.0.0.1", port).unwrap();
    let config = Config::new(endpoint).security(Security::None);
    let pool = Pool::new(config, PoolLimits::default());
    let large = b"0123456789\r\n".repeat(20_000);
    for _ in 0..2 {
        let mut octets = content::from_octets(large.clone());
        let outcomes = pool
            .send_from(&envelope("a@x"), content::Source::once(&mut octets))
            .await;
        assert!(outcomes[0].is_accepted(), "{}", outcomes[0]);
    }
    closed.recv().await.unwrap();
    assert_eq!(pool.metrics().replaced, 1);
    pool.close_idle().await;
    drop(pool);
    assert_eq!(server.await.unwrap(), 2);
}

/// A server whose first connection ends in the middle of its second message. Says how many messages it took whole.
async fn hangs_up_in_the_second_message(listener: TcpListener, gone: Arc<AtomicBool>) -> usize {
    let mut taken = 0;
    for connection in 0..2 {
        let mut peer = BufReader::new(listener.accept().await.unwrap().0);
        let (mut reply, mut lines, mut begun) = ("220 x\r\n", None, 0);
        loop {
            if !reply.is_empty() && peer.write_all(reply.as_bytes()).await.is_err() {
                break;
            }
            let mut line = String::new();
            if peer.read_line(&mut line).await.is_ok_and(|n| n == 0) {
                return taken;
            }
            reply = match (line.trim_end(), &mut lines) {
                (".", _) => {
                    (taken, lines) = (taken + 1, None);
                    "250 queued\r\n"
                }
                (_, Some(lines)) => {
                    *lines += 1;
                    if connection == 0 && begun == 2 && *lines == 100 {
                        break;
                    }
                    ""
                }
                ("DATA", None) => {
                    (begun, lines) = (begun + 1, Some(0));
                    "354 go\r\n"
                }
                _ => "250 ok\r\n",
            };
        }
        drop(peer);
        gone.store(true, Ordering::SeqCst);
    }
    taken
}

/// Content whose end comes only when the server is gone; so it can never have been written to its end before.
struct Outlasts {
    octets: content::Octets,
    chunks: usize,
    gone: Arc<AtomicBool>,
}

impl Content for Outlasts {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bytes::Bytes>> {
        if self.chunks == 5 && !self.gone.load(Ordering::SeqCst) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.chunks += 1;
        self.octets.poll_chunk(context)
    }
}

impl Rewind for Outlasts {
    fn poll_rewind(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.chunks = 0;
        self.octets.poll_rewind(context)
    }
}

#[tokio::test]
async fn a_message_lost_halfway_goes_again_only_if_it_can_be_read_again() {
    let large = b"0123456789\r\n".repeat(100_000);
    for rewindable in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gone = Arc::new(AtomicBool::new(false));
        let serve = hangs_up_in_the_second_message(listener, Arc::clone(&gone));
        let server = tokio::spawn(serve);
        let config = Config::new(Endpoint::new("127.0.0.1", port).unwrap());
        let pool = Pool::new(config.security(Security::None), PoolLimits::default());
        let mut outcomes = Vec::new();
        for first in [true, false] {
            let mut octets = Outlasts {
                octets: content::from_octets(large.clone()),
                chunks: 0,
                gone: match first {
                    true => Arc::new(AtomicBool::new(true)),
                    false => Arc::clone(&gone),
                },
            };
            let source = match rewindable {
                true => content::Source::rewindable(&mut octets),
                false => content::Source::once(&mut octets),
            };
            outcomes = pool.send_from(&envelope("a@x"), source).await;
        }
        if rewindable {
            assert!(outcomes[0].is_accepted(), "{}", outcomes[0]);
            assert_eq!(pool.metrics().replaced, 1);
            pool.close_idle().await;
            drop(pool);
            assert_eq!(server.await.unwrap(), 2, "none twice");
        } else {
            assert_eq!(outcomes[0].outcome, Outcome::Deferred, "{}", outcomes[0]);
            assert_eq!(pool.metrics().replaced, 0);
            server.abort();
        }
    }
}

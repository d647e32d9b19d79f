//! The pool, over loopback sockets.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

use postrider_smtp::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

/// What a server does after so many mails on a connection.
#[derive(Clone, Copy, Debug)]
enum After {
    Nothing,
    Say(&'static str),
    /// Answers MAIL with this, and closes.
    AtMail(&'static str),
}

#[derive(Debug, Default)]
struct Count {
    connections: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
    mails: AtomicUsize,
}

async fn serve(after: After, mails: usize) -> (Config, Arc<Count>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(Count::default());
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((peer, _)) = listener.accept().await {
            let count = Arc::clone(&counted);
            let first = count.connections.fetch_add(1, Ordering::SeqCst) == 0;
            let open = count.open.fetch_add(1, Ordering::SeqCst) + 1;
            count.most.fetch_max(open, Ordering::SeqCst);
            // Only the first connection misbehaves.
            let after = if first { after } else { After::Nothing };
            tokio::spawn(async move {
                converse(peer, after, mails, &count).await;
                count.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let config = Config::new(Endpoint::new("127.0.0.1", port).unwrap())
        .security(Security::None)
        .timeouts(Timeouts::all(Duration::from_secs(10)));
    (config, count)
}

async fn converse(peer: TcpStream, after: After, mails: usize, count: &Count) {
    let mut peer = BufReader::new(peer);
    let _ = peer.write_all(b"220 x\r\n").await;
    let (mut in_message, mut taken) = (false, 0);
    let mut line = String::new();
    while peer.read_line(&mut line).await.is_ok_and(|n| n > 0) {
        let reply = match line.as_str() {
            ".\r\n" => {
                in_message = false;
                taken += 1;
                count.mails.fetch_add(1, Ordering::SeqCst);
                "250 queued\r\n"
            }
            _ if in_message => "",
            "DATA\r\n" => {
                in_message = true;
                "354 go\r\n"
            }
            "QUIT\r\n" => break,
            other if other.starts_with("EHLO") => "250-x\r\n250 PIPELINING\r\n",
            other if other.starts_with("MAIL") && taken >= mails => match after {
                After::AtMail(reply) => {
                    let _ = peer.write_all(reply.as_bytes()).await;
                    return;
                }
                _ => "250 ok\r\n",
            },
            _ => "250 ok\r\n",
        };
        let _ = peer.write_all(reply.as_bytes()).await;
        if let (After::Say(last), true) = (after, taken >= mails && reply == "250 queued\r\n") {
            let _ = peer.write_all(last.as_bytes()).await;
            return;
        }
        line.clear();
    }
}

fn envelope() -> Envelope {
    Envelope::parse("a@example.com", ["r@example.com"]).unwrap()
}

fn of(count: &AtomicUsize) -> usize {
    count.load(Ordering::SeqCst)
}

#[tokio::test]
async fn one_connection_serves_one_mail_after_the_other() {
    let (config, count) = serve(After::Nothing, 0).await;
    let pool = Pool::new(config, PoolLimits::default());
    for _ in 0..3 {
        assert!(pool.send(&envelope(), MESSAGE).await[0].is_accepted());
    }
    assert_eq!((of(&count.connections), of(&count.mails)), (1, 3));
    assert_eq!(pool.idle(), 1);
    pool.close_idle().await;
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn t5i_a_kept_connection_that_died_is_replaced_and_nobody_sees_it() {
    for after in [
        After::Say("421 4.4.2 idle\r\n"),
        After::Say("250 x\r\n"),
        After::Say(""),
        After::AtMail("421 4.4.2 idle\r\n"),
        After::AtMail(""),
    ] {
        let (config, count) = serve(after, 1).await;
        let pool = Pool::new(config, PoolLimits::default());
        for _ in 0..2 {
            let outcomes = pool.send(&envelope(), MESSAGE).await;
            assert!(outcomes[0].is_accepted(), "{after:?}: {}", outcomes[0]);
        }
        assert_eq!(
            (of(&count.connections), of(&count.mails)),
            (2, 2),
            "{after:?}"
        );
    }
}

#[tokio::test]
async fn what_the_server_has_answered_is_not_sent_again() {
    let (config, count) = serve(After::AtMail("451 4.3.0 later\r\n"), 1).await;
    let pool = Pool::new(config, PoolLimits::default());
    pool.send(&envelope(), MESSAGE).await;
    let outcomes = pool.send(&envelope(), MESSAGE).await;
    assert_eq!(
        outcomes[0].to_string(),
        "<r@example.com> deferred at MAIL: 451 4.3.0 later"
    );
    assert_eq!((of(&count.connections), of(&count.mails)), (1, 1));
}

#[tokio::test]
async fn there_are_never_more_connections_than_permitted() {
    let (config, count) = serve(After::Nothing, 0).await;
    let mut limits = PoolLimits::default();
    limits.connections = 2;
    let pool = Pool::new(config, limits);
    let mut tasks = Vec::new();
    for _ in 0..12 {
        let pool = pool.clone();
        tasks.push(tokio::spawn(async move {
            let envelope = envelope();
            pool.send(&envelope, MESSAGE).await[0].is_accepted()
        }));
    }
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(of(&count.mails), 12);
    assert!(of(&count.most) <= 2, "{count:?}");
}

#[tokio::test]
async fn a_connection_is_closed_after_its_share_of_mails() {
    let (config, count) = serve(After::Nothing, 0).await;
    let mut limits = PoolLimits::default();
    limits.mails = 2;
    let pool = Pool::new(config, limits);
    let envelope = envelope();
    let outcomes = pool.send_all(&[Mail::new(&envelope, MESSAGE); 5]).await;
    assert_eq!(outcomes.len(), 5);
    assert!(outcomes.iter().flatten().all(RecipientOutcome::is_accepted));
    assert_eq!((of(&count.connections), of(&count.mails)), (3, 5));
}

#[tokio::test]
async fn without_a_server_everybody_is_deferred() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let endpoint = Endpoint::new("127.0.0.1", port).unwrap();
    let config = Config::new(endpoint).security(Security::None);
    let pool = Pool::new(config, PoolLimits::default());
    let outcomes = pool.send(&envelope(), MESSAGE).await;
    assert_eq!(
        (outcomes[0].outcome, outcomes[0].stage),
        (Outcome::Deferred, Stage::Connect)
    );
    assert_eq!(outcomes[0].fault(), Some(Fault::Server));
}

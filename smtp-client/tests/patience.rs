//! How long a client waits, in time that stands still until nobody has anything to do; and what dropping a future leaves.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

use postrider_smtp::*;
use postrider_wire::Stream;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    Config::new(Endpoint::new("mx", 25).unwrap()).security(Security::None)
}

fn envelope(recipients: usize) -> Envelope {
    let to = (0..recipients).map(|n| format!("r{n}@example.com"));
    Envelope::parse("a@example.com", to).unwrap()
}

/// A server that opens a session, and hands the pipe over.
async fn open(mut peer: BufReader<DuplexStream>, extensions: &str) -> BufReader<DuplexStream> {
    peer.write_all(b"220 x\r\n").await.unwrap();
    let mut line = String::new();
    peer.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("EHLO"));
    peer.write_all(format!("250-x\r\n250 {extensions}\r\n").as_bytes())
        .await
        .unwrap();
    peer
}

/// Answers every command after such a time, up to DATA.
async fn answer(peer: &mut BufReader<DuplexStream>, pause: Duration) {
    let mut line = String::new();
    while peer.read_line(&mut line).await.is_ok_and(|n| n > 0) {
        sleep(pause).await;
        let data = line == "DATA\r\n";
        let reply: &[u8] = if data { b"354 go\r\n" } else { b"250 ok\r\n" };
        if peer.write_all(reply).await.is_err() || data {
            return;
        }
        line.clear();
    }
}

#[tokio::test(start_paused = true)]
async fn rfc5321_4_5_3_2_5_an_octet_every_three_minutes_is_no_progress() {
    let (near, far) = duplex(1);
    tokio::spawn(async move {
        let mut peer = open(BufReader::with_capacity(1, far), "8BITMIME").await;
        answer(&mut peer, Duration::ZERO).await;
        while peer.read_u8().await.is_ok() {
            sleep(179 * SECOND).await;
        }
    });
    let mut client = Client::connect_over(&config(), Stream::from_io(near))
        .await
        .unwrap();
    let start = Instant::now();
    let outcome = client.send(&envelope(1), &[b'x'; 5_000]).await.remove(0);
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Content)
    );
    assert!(
        outcome.to_string().ends_with("no answer within 180s"),
        "{outcome}"
    );
    assert!(start.elapsed() < 200 * SECOND, "{:?}", start.elapsed());
    assert!(!client.is_usable());
}

#[tokio::test(start_paused = true)]
async fn a_block_of_1024_octets_every_three_minutes_will_do() {
    let (near, far) = duplex(1_024);
    tokio::spawn(async move {
        let mut peer = open(BufReader::with_capacity(1_024, far), "8BITMIME").await;
        answer(&mut peer, Duration::ZERO).await;
        let mut block = [0; 1_024];
        // 5,000 octets and the end of data.
        for octets in [1_024, 1_024, 1_024, 1_024, 904 + 5] {
            sleep(170 * SECOND).await;
            peer.read_exact(&mut block[..octets]).await.unwrap();
        }
        peer.write_all(b"250 queued\r\n").await.unwrap();
    });
    let mut client = Client::connect_over(&config(), Stream::from_io(near))
        .await
        .unwrap();
    let start = Instant::now();
    let outcome = client.send(&envelope(1), &[b'x'; 5_000]).await.remove(0);
    assert!(outcome.is_accepted(), "{outcome}");
    assert_eq!(start.elapsed(), 850 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_mail_as_a_whole_has_two_hours() {
    let (near, far) = duplex(65_536);
    tokio::spawn(async move {
        let mut peer = open(BufReader::new(far), "PIPELINING").await;
        answer(&mut peer, 299 * SECOND).await;
    });
    let mut client = Client::connect_over(&config(), Stream::from_io(near))
        .await
        .unwrap();
    let start = Instant::now();
    let outcomes = client.send(&envelope(100), b"x\r\n").await;
    assert_eq!(start.elapsed(), 7_200 * SECOND);
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.outcome == Outcome::Deferred)
    );
    let last = outcomes.last().unwrap();
    assert_eq!(last.stage, Stage::Rcpt);
    assert!(
        last.to_string().ends_with("no answer within 7200s"),
        "{last}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_comes_line_by_line_has_the_time_of_one() {
    let (near, far) = duplex(65_536);
    tokio::spawn(async move {
        let mut peer = open(BufReader::new(far), "8BITMIME").await;
        let mut line = String::new();
        peer.read_line(&mut line).await.unwrap();
        while peer.write_all(b"250-wait\r\n").await.is_ok() {
            sleep(100 * SECOND).await;
        }
    });
    let mut client = Client::connect_over(&config(), Stream::from_io(near))
        .await
        .unwrap();
    let start = Instant::now();
    let outcome = client.send(&envelope(1), b"x\r\n").await.remove(0);
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Mail)
    );
    assert_eq!(start.elapsed(), 300 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn opening_as_a_whole_has_fifteen_minutes() {
    let (near, mut far) = duplex(65_536);
    tokio::spawn(async move {
        // Every step within its time, for ever: the next challenge of AUTH comes before the five minutes are over.
        for reply in [&b"220 x\r\n"[..], b"250-x\r\n250 AUTH PLAIN LOGIN\r\n"] {
            sleep(290 * SECOND).await;
            far.write_all(reply).await.unwrap();
        }
        loop {
            sleep(290 * SECOND).await;
            if far.write_all(b"334 AAAA\r\n").await.is_err() {
                break;
            }
        }
    });
    let config = config()
        .credentials(Credentials::password("user", "secret").unwrap())
        .danger_allow_clear_text_credentials();
    let start = Instant::now();
    let refused = Client::connect_over(&config, Stream::from_io(near))
        .await
        .unwrap_err();
    assert_eq!(start.elapsed(), 900 * SECOND);
    assert_eq!(refused.stage(), Stage::Auth);
    assert!(refused.to_string().contains("within 900s"), "{refused}");
}

/// A server for any number of mails, that answers as soon as it is polled, and counts those that it took.
async fn serve(far: DuplexStream) -> usize {
    let mut peer = open(BufReader::new(far), "PIPELINING").await;
    let (mut taken, mut in_message) = (0, false);
    let mut line = String::new();
    while peer.read_line(&mut line).await.is_ok_and(|n| n > 0) {
        let reply = match std::mem::take(&mut line).as_str() {
            ".\r\n" => {
                (taken, in_message) = (taken + 1, false);
                "250 queued\r\n"
            }
            _ if in_message => continue,
            "DATA\r\n" => {
                in_message = true;
                "354 go\r\n"
            }
            _ => "250 ok\r\n",
        };
        if peer.write_all(reply.as_bytes()).await.is_err() {
            break;
        }
    }
    taken
}

/// Drops the future of `send_each` after so many polls; whether it was done before, and what was said until then.
async fn dropped_after(polls: usize) -> (bool, usize, usize) {
    let (near, far) = duplex(16);
    let server = tokio::spawn(serve(far));
    let mut client = Client::connect_over(&config(), Stream::from_io(near))
        .await
        .unwrap();
    let envelope = envelope(2);
    let mails = [Mail::new(&envelope, b"Subject: x\r\n\r\nhello\r\n"); 3];
    let (mut done, mut told) = (false, 0);
    {
        let mut sending = pin!(client.send_each(&mails, |_, outcomes| {
            assert!(outcomes.iter().all(RecipientOutcome::is_accepted));
            told += 1;
        }));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..polls {
            if let Poll::Ready(()) = sending.as_mut().poll(&mut context) {
                done = true;
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    // A future that was never polled has done nothing.
    assert_eq!(client.is_usable(), done || polls == 0);
    if !done && polls > 0 {
        assert!(client.noop().await.is_err());
        let outcomes = client.send(&envelope, b"x\r\n").await;
        assert_eq!(outcomes.len(), 2);
        for outcome in outcomes {
            assert_eq!(outcome.outcome, Outcome::Deferred, "nothing of it was sent");
        }
    }
    drop(client);
    (done, told, server.await.unwrap())
}

#[tokio::test]
async fn dropping_a_future_anywhere_leaves_a_connection_that_is_not_used_again() {
    let mut polls = 0;
    loop {
        let (done, told, taken) = dropped_after(polls).await;
        // Whoever was told has been taken; of the others, at most those whose message was under way.
        assert!(
            told <= taken && taken <= told + 1,
            "{polls} polls: told {told}, taken {taken}"
        );
        if done {
            assert_eq!((told, taken), (3, 3));
            break;
        }
        polls += 1;
    }
    assert!(polls > 20, "there was an await at {polls} places");
}

#[tokio::test]
async fn dropping_the_future_of_connect_closes_the_connection() {
    for polls in 1..6 {
        let (near, far) = duplex(4);
        let server = tokio::spawn(serve_until_closed(far));
        {
            let config = config();
            let mut opening = pin!(Client::connect_over(&config, Stream::from_io(near)));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                assert!(opening.as_mut().poll(&mut context).is_pending());
                tokio::task::yield_now().await;
            }
        }
        server.await.unwrap();
    }
}

async fn serve_until_closed(mut far: DuplexStream) {
    let _ = far.write_all(b"220 x\r\n").await;
    let _ = far.read_to_end(&mut Vec::new()).await;
}

//! Many commands in flight: order, refusals, windows, and servers that do not bear it.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::driver::{config, with};
use common::n;
use common::server::{Act, Server, say};
use postrider_pop3::{
    Client, Endpoint, ErrorKind, MessageNumber, Pipelining, ResponseCode, Retrieved,
};
use std::ops::ControlFlow;

/// A server that answers as many RETR as it is sent, and how many it was ever sent before it answered.
fn many(count: u32) -> (Server, Vec<MessageNumber>) {
    let server = Server::new().on("STAT", say(format!("+OK {count} 60000\r\n")));
    (server, MessageNumber::all(count).collect())
}

#[tokio::test]
async fn s20_retr_many_keeps_order_and_one_refusal_touches_no_other() {
    let (server, numbers) = many(200);
    let server = server.on("RETR 30", say("-ERR [SYS/TEMP] x\r\n"));
    let (result, commands) = with(server, async |client| {
        let mut seen = Vec::new();
        let mut body = Vec::new();
        client
            .retr_many(&numbers, |retrieved| {
                match retrieved {
                    Retrieved::Chunk { bytes, .. } => body.extend_from_slice(bytes),
                    Retrieved::End { number, octets } => {
                        assert_eq!((octets, std::mem::take(&mut body).len()), (17, 17));
                        seen.push((number, true));
                    }
                    Retrieved::Refused { number, reply } => {
                        assert_eq!(reply.code(), Some(&ResponseCode::SysTemp));
                        seen.push((number, false));
                    }
                }
                ControlFlow::Continue(())
            })
            .await?;
        Ok(seen)
    })
    .await;
    let expected: Vec<_> = MessageNumber::all(200)
        .map(|number| (number, number != n(30)))
        .collect();
    assert_eq!(result.unwrap(), expected);
    assert_eq!(commands.len(), 4 + 2 * 200);
    assert_eq!(commands[4..7], ["RETR 1", "LIST 1", "RETR 2"]);
}

#[tokio::test]
async fn many_headers_travel_in_one_flight() {
    let (server, numbers) = many(200);
    let server = server.on("TOP 7 ", say("-ERR x\r\n"));
    let (result, commands) = with(server, async |client| {
        let (mut seen, mut header) = (Vec::new(), Vec::new());
        client
            .top_many(&numbers, 0, |retrieved| {
                match retrieved {
                    Retrieved::Chunk { bytes, .. } => header.extend_from_slice(bytes),
                    Retrieved::End { number, .. } => {
                        assert_eq!(std::mem::take(&mut header), b"Subject: x\r\n\r\n");
                        seen.push((number, true));
                    }
                    Retrieved::Refused { number, .. } => seen.push((number, false)),
                }
                ControlFlow::Continue(())
            })
            .await?;
        Ok(seen)
    })
    .await;
    let expected: Vec<_> = MessageNumber::all(200)
        .map(|number| (number, number != n(7)))
        .collect();
    assert_eq!(result.unwrap(), expected);
    assert_eq!(commands[4..].len(), 2 * 200);
    assert_eq!(commands[4..7], ["TOP 1 0", "LIST 1", "TOP 2 0"]);
}

#[tokio::test]
async fn s20_after_sys_perm_no_more_messages_are_asked_for() {
    let (server, numbers) = many(5_000);
    let server = server.on("RETR 3", say("-ERR [SYS/PERM] x\r\n"));
    let (result, commands) = with(server, async |client| {
        client
            .retr_many(&numbers, |_| ControlFlow::Continue(()))
            .await?;
        Ok(())
    })
    .await;
    assert_eq!(
        result.unwrap_err().response_code(),
        Some(&ResponseCode::SysPerm)
    );
    assert!(commands.len() <= 4 + 2 * 64, "{}", commands.len());
}

#[tokio::test]
async fn sys_perm_is_what_is_reported_even_if_the_server_closes_behind_it() {
    for capa in ["", "PIPELINING\r\n"] {
        let (server, numbers) = many(3);
        let capa = say(format!("+OK\r\nUSER\r\nUIDL\r\n{capa}.\r\n"));
        let close = Act::SayAndClose(b"-ERR [SYS/PERM] x\r\n".to_vec());
        let server = server.on("CAPA", capa).on("RETR 2", close);
        let (result, _commands) = with(server, async |client| {
            client
                .retr_many(&numbers, |_| ControlFlow::Continue(()))
                .await
        })
        .await;
        let error = result.unwrap_err();
        assert_eq!(error.response_code(), Some(&ResponseCode::SysPerm));
        assert!(!error.is_retryable());
    }
}

/// A server without these messages knows neither how to give them nor how to list them.
#[tokio::test]
async fn messages_that_are_not_there_are_refused_and_the_others_are_not_affected() {
    for absent in [vec![1], vec![2, 3], vec![4], vec![1, 2, 3, 4], vec![2, 4]] {
        let (mut server, numbers) = many(4);
        for n in &absent {
            let no = say("-ERR no such message\r\n");
            server = server.on(&format!("RETR {n}"), no.clone());
            server = server.on(&format!("LIST {n}"), no);
        }
        let (result, commands) = with(server, async |client| {
            let mut seen = Vec::new();
            for _ in 0..2 {
                client
                    .retr_many(&numbers, |retrieved| {
                        match retrieved {
                            Retrieved::Chunk { .. } => {}
                            Retrieved::End { number, .. } => seen.push((number, true)),
                            Retrieved::Refused { number, .. } => seen.push((number, false)),
                        }
                        ControlFlow::Continue(())
                    })
                    .await?;
            }
            Ok(seen)
        })
        .await;
        let once: Vec<_> = (1..=4).map(|i| (n(i), !absent.contains(&i))).collect();
        assert_eq!(result.unwrap(), once.repeat(2), "{absent:?}");
        // Nothing but STAT where no answer to LIST follows.
        let stats = commands.iter().skip(4).filter(|c| *c == "STAT").count();
        assert_eq!(stats, 2 * usize::from(absent.contains(&4)), "{absent:?}");
        assert_eq!(commands.len(), 4 + 2 * 8 + stats);
    }
}

#[tokio::test]
async fn a_server_without_any_of_many_messages_costs_few_round_trips() {
    let (server, numbers) = many(2_000);
    let no = say("-ERR no such message\r\n");
    let server = server.on("RETR ", no.clone()).on("LIST ", no);
    let (result, commands) = with(server, async |client| {
        let mut refused = 0;
        client
            .retr_many(&numbers, |retrieved| {
                refused += usize::from(matches!(retrieved, Retrieved::Refused { .. }));
                ControlFlow::Continue(())
            })
            .await?;
        Ok(refused)
    })
    .await;
    assert_eq!(result.unwrap(), 2_000);
    let stats = commands.iter().filter(|c| *c == "STAT").count();
    assert!(stats < 20, "{stats}");
}

#[tokio::test]
async fn a_server_that_closes_when_nothing_is_asked_of_it_still_gets_flights() {
    let (server, numbers) = many(3);
    let last = Act::SayAndClose(b"+OK 3 60\r\n".to_vec());
    let (endpoint, commands) = Server::start_in_turn(vec![server.on("LIST 3", last), many(3).0]);
    let config = config(endpoint);
    let mut client = Client::connect(&config).await.unwrap();
    let all = |_: Retrieved<'_>| ControlFlow::Continue(());
    client.retr_many(&numbers, all).await.unwrap();
    // Whoever is answered here is the second client: the first connection is closed by now.
    let mut second = Client::connect(&config).await.unwrap();
    let error = client.noop().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
    second.retr_many(&numbers, all).await.unwrap();
    drop(second);
    let sessions = commands.join().unwrap();
    assert_eq!(sessions[1][4..7], ["RETR 1", "LIST 1", "RETR 2"]);
}

#[tokio::test]
async fn a_sink_can_stop_the_flight_and_nothing_is_deleted() {
    let (server, numbers) = many(10);
    let (result, commands) = with(server, async |client| {
        client.retr_many(&numbers, |_| ControlFlow::Break(())).await
    })
    .await;
    assert!(matches!(result.unwrap_err().kind(), ErrorKind::Stopped));
    assert!(!commands.iter().any(|c| c == "QUIT"));
}

#[tokio::test]
async fn a_server_that_drops_a_flight_is_asked_one_by_one_the_next_time() {
    let (server, numbers) = many(10);
    let drop = Act::SayAndClose(b"+OK\r\nhalf".to_vec());
    let (endpoint, _commands) = server.on("RETR 2", drop).start();
    let config = config(endpoint);
    let mut client = Client::connect(&config).await.unwrap();
    let error = client
        .retr_many(&numbers, |_| ControlFlow::Continue(()))
        .await
        .unwrap_err();
    assert!(error.is_retryable());

    // A second server that answers a command only if no other came with it.
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(one_by_one(far));
    let mut client = Client::over(postrider_pop3::Stream::from_io(near), &config)
        .await
        .unwrap();
    client
        .retr_many(&numbers, |_| ControlFlow::Continue(()))
        .await
        .unwrap();
    client.quit().await.unwrap();
    server.await.unwrap();
}

/// Fails if ever more than one command is there at a time.
async fn one_by_one(mut peer: tokio::io::DuplexStream) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut reply: &[u8] = b"+OK\r\n";
    loop {
        peer.write_all(reply).await.unwrap();
        let mut buffer = [0; 4_096];
        let read = peer.read(&mut buffer).await.unwrap();
        let text = std::str::from_utf8(&buffer[..read]).unwrap();
        assert!(text.matches("\r\n").count() <= 1, "pipelined: {text:?}");
        reply = match text.get(..4) {
            None => return,
            Some("CAPA") => b"+OK\r\nPIPELINING\r\nUSER\r\n.\r\n",
            Some("RETR") => b"+OK\r\nx\r\n.\r\n",
            Some(_) => b"+OK\r\n",
        };
    }
}

#[tokio::test]
async fn rfc2449_6_6_off_means_one_by_one() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(one_by_one(far));
    let config = config(Endpoint::new("test.example", 110).unwrap()).pipelining(Pipelining::Off);
    let mut client = Client::over(postrider_pop3::Stream::from_io(near), &config)
        .await
        .unwrap();
    let numbers: Vec<_> = MessageNumber::all(5).collect();
    client
        .retr_many(&numbers, |_| ControlFlow::Continue(()))
        .await
        .unwrap();
    assert_eq!(client.dele_many(&numbers).await.unwrap().len(), 5);
    drop(client);
    server.await.unwrap();
}

#[tokio::test]
async fn a_flight_larger_than_every_buffer_does_not_dead_lock() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let (near, far) = tokio::io::duplex(64);
    let server = tokio::spawn(async move {
        let mut far = BufReader::new(far);
        far.write_all(b"+OK\r\n").await.unwrap();
        let mut line = String::new();
        while far.read_line(&mut line).await.unwrap() > 0 {
            let listed = format!("+OK {} 502\r\n", line[4..].trim());
            let reply: &[u8] = match &line[..4] {
                "LIST" => listed.as_bytes(),
                "CAPA" => b"+OK\r\nPIPELINING\r\nUSER\r\n.\r\n",
                "RETR" => &[b"+OK\r\n".as_slice(), &[b'x'; 500], b"\r\n.\r\n"].concat(),
                _ => b"+OK\r\n",
            };
            far.write_all(reply).await.unwrap();
            line.clear();
        }
    });
    let config = config(Endpoint::new("test.example", 110).unwrap());
    let mut client = Client::over(postrider_pop3::Stream::from_io(near), &config)
        .await
        .unwrap();
    let numbers: Vec<_> = MessageNumber::all(1_000).collect();
    let mut octets = 0;
    client
        .retr_many(&numbers, |retrieved| {
            if let Retrieved::Chunk { bytes, .. } = retrieved {
                octets += bytes.len();
            }
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!(octets, 502_000);
    drop(client);
    server.await.unwrap();
}

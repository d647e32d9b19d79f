//! Proxies over loopback sockets: the tokio stream and the blocking one.
#![cfg(all(feature = "tokio", feature = "blocking"))]
#![allow(clippy::unwrap_used)]

use bytes::BytesMut;
use postrider_wire::{ConnectError, ConnectStage, Endpoint, Proxy, ProxyError, Route};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// A proxy that reads so many octets before each answer, and then is the server itself; and what it read.
fn proxy(script: Vec<(usize, &'static [u8])>) -> (Endpoint, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let work = move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        for (octets, answer) in script {
            let mut part = vec![0; octets];
            peer.read_exact(&mut part).unwrap();
            heard.extend(part);
            peer.write_all(answer).unwrap();
        }
        heard
    };
    (
        Endpoint::new("localhost", port).unwrap(),
        thread::spawn(work),
    )
}

fn target() -> Endpoint {
    // Nobody resolves this but the proxy.
    Endpoint::new("mx.example.invalid", 25).unwrap()
}

/// Both ways to connect; what the tunnel says first.
async fn greetings(
    make: impl Fn(Endpoint) -> Proxy,
    script: &[(usize, &'static [u8])],
) -> Vec<Result<Vec<u8>, ConnectError>> {
    let (endpoint, heard) = proxy(script.to_vec());
    let route = Route::direct().proxy(make(endpoint));
    let first = match route.connect(&target(), SOON).await {
        Ok(stream) => {
            let mut stream = stream;
            let mut greeting = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut greeting)
                .await
                .unwrap();
            Ok(greeting)
        }
        Err(error) => Err(error),
    };
    let first_heard = heard.join().unwrap();
    let (endpoint, heard) = proxy(script.to_vec());
    let route = Route::direct().proxy(make(endpoint));
    let second = route.connect_blocking(&target(), SOON).map(|mut stream| {
        let mut greeting = BytesMut::new();
        while stream.read(&mut greeting, SOON).is_ok() {}
        greeting.to_vec()
    });
    assert_eq!(heard.join().unwrap(), first_heard);
    vec![first, second]
}

const OPEN: &[u8] = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00220 mx\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn rfc1928_the_tunnel_begins_after_the_last_octet_of_the_reply() {
    let script: &[(usize, &[u8])] = &[(3, b"\x05\x00"), (7 + 18, OPEN)];
    for greeting in greetings(Proxy::socks5, script).await {
        assert_eq!(greeting.unwrap(), b"220 mx\r\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc1929_a_refused_login_is_an_error_without_the_password() {
    let login = |endpoint| Proxy::socks5(endpoint).login("ada", "hunter2").unwrap();
    let script: &[(usize, &[u8])] = &[(4, b"\x05\x02"), (13, b"\x01\x01")];
    for refused in greetings(login, script).await {
        let error = refused.unwrap_err();
        assert_eq!(error.stage(), ConnectStage::Proxy);
        assert_eq!(error.proxy_error(), Some(&ProxyError::LoginRefused));
        assert!(!error.is_retryable());
        let shown = format!("{error} {error:?}");
        let start = "cannot connect to mx.example.invalid:25 through the proxy socks5://localhost:";
        assert!(shown.starts_with(start), "{shown}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("ada"),
            "{shown}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9110_9_3_6_connect_opens_a_tunnel() {
    let request = "CONNECT mx.example.invalid:25 HTTP/1.1\r\nHost: mx.example.invalid:25\r\n\r\n";
    let script: &[(usize, &[u8])] =
        &[(request.len(), b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n220 mx\r\n")];
    for greeting in greetings(Proxy::http, script).await {
        assert_eq!(greeting.unwrap(), b"220 mx\r\n");
    }
    let script: &[(usize, &[u8])] = &[(request.len(), b"HTTP/1.1 502 Bad Gateway\r\n\r\n")];
    for refused in greetings(Proxy::http, script).await {
        let error = refused.unwrap_err();
        assert!(
            error.to_string().ends_with(": it refuses: 502 Bad Gateway"),
            "{error}"
        );
        assert!(error.is_retryable());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_closes_or_is_not_there_is_named() {
    for closed in greetings(Proxy::socks5, &[(3, b"\x05")]).await {
        let error = closed.unwrap_err().to_string();
        assert!(
            error.ends_with(": the proxy closed the connection"),
            "{error}"
        );
    }
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let route = Route::direct().proxy(format!("http://127.0.0.1:{nobody}").parse().unwrap());
    let error = route.connect(&target(), SOON).await.unwrap_err();
    assert_eq!(error.stage(), ConnectStage::Proxy);
    assert!(error.is_retryable());
    let error = route.connect_blocking(&target(), SOON).unwrap_err();
    assert_eq!(error.stage(), ConnectStage::Proxy);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_proxy_ends_in_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("socks5://{}", listener.local_addr().unwrap());
    let route = Route::direct().proxy(proxy.parse().unwrap());
    let short = Duration::from_millis(100);
    let errors = [
        route.connect(&target(), short).await.unwrap_err(),
        route.connect_blocking(&target(), short).unwrap_err(),
    ];
    for error in errors {
        assert!(
            error.to_string().ends_with("no answer within 100ms"),
            "{error}"
        );
    }
}

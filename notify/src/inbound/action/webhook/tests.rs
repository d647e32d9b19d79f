use super::*;
use crate::inbound::rule::Webhook;
use postrider_wire::Secret;
use std::io::{Read, Write};
use std::net::TcpListener;

/// A server that answers once, and gives what it read.
fn server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
    let read = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut piece = [0; 4096];
        while !request.ends_with(b"}") {
            let read = socket.read(&mut piece).unwrap();
            assert!(read > 0);
            request.extend_from_slice(&piece[..read]);
        }
        socket.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, read)
}

fn webhook(url: String) -> Webhook {
    Webhook {
        url,
        secret: Some(SecretSource::Value(Secret::new(b"key".to_vec()))),
        ca: None,
        timeout: Duration::from_secs(20),
    }
}

#[test]
fn a_payload_is_posted_with_its_key_and_signature() {
    let (url, read) =
        server("HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    let said = post(&webhook(url), "key-1", "{\"a\":1}").unwrap();
    assert_eq!(said, "HTTP/1.1 204 No Content");
    let request = read.join().unwrap();
    assert!(
        request.starts_with("POST /hook?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"),
        "{request}"
    );
    assert!(
        request.contains("\r\nIdempotency-Key: key-1\r\n"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
    let at = request
        .split_once("t=")
        .unwrap()
        .1
        .split_once(',')
        .unwrap()
        .0;
    let expected = sign(
        &SecretSource::Value(Secret::new(b"key".to_vec())),
        "{\"a\":1}",
        at.parse().unwrap(),
    );
    assert!(
        request.contains(&format!("X-Postrider-Signature: {}\r\n", expected.unwrap())),
        "{request}"
    );
}

#[test]
fn rfc4231_the_signature_is_an_hmac_of_time_and_body() {
    let secret = SecretSource::Value(Secret::new(b"Jefe".to_vec()));
    // printf '7.what do ya want for nothing?' | openssl dgst -sha256 -hmac Jefe
    let signed = sign(&secret, "what do ya want for nothing?", 7).unwrap();
    assert_eq!(signed, format!("t=7,v1={}", EXPECTED));
}

const EXPECTED: &str = "239f4b39fd23f4376db46b239fae471e7c6824b3931bc60f4c0b745bef8de34f";

#[test]
fn what_is_not_a_success_is_a_failure_in_the_servers_words() {
    for answer in [
        "HTTP/1.1 503 Try later\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n",
        "hello\r\n",
    ] {
        let (url, read) = server(answer);
        let said = post(&webhook(url), "k", "{}").unwrap_err();
        assert!(said.ends_with(answer.lines().next().unwrap()), "{said}");
        read.join().unwrap();
    }
    let (url, read) = server("");
    assert!(
        post(&webhook(url), "k", "{}").is_err(),
        "closed without an answer"
    );
    read.join().unwrap();
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let hook = Webhook {
        timeout: Duration::from_millis(150),
        ..webhook(url)
    };
    let said = post(&hook, "k", "{}").unwrap_err();
    assert!(said.contains("in time"), "{said}");
}

#[test]
fn addresses_are_read_strictly() {
    let read = |url: &str| {
        target(url).map(|t| {
            (
                t.tls,
                t.endpoint.host().to_owned(),
                t.endpoint.port(),
                t.path,
            )
        })
    };
    let good =
        |tls, host: &str, port, path: &str| Ok((tls, host.to_owned(), port, path.to_owned()));
    assert_eq!(
        read("https://h.example/a?b#c"),
        good(true, "h.example", 443, "/a?b")
    );
    assert_eq!(
        read("http://127.0.0.1:8080"),
        good(false, "127.0.0.1", 8080, "/")
    );
    assert_eq!(read("https://[::1]:9/x"), good(true, "::1", 9, "/x"));
    // RFC 3986 §3.3: a path may be empty.
    assert_eq!(
        read("https://h.example?key=a@b"),
        good(true, "h.example", 443, "/?key=a@b")
    );
    for bad in [
        "ftp://h/",
        "https://",
        "https://u:p@h/",
        "https://h/a b",
        "https://h/\r\nX: y",
        "https://h:x/",
        "https://u:se/cret@h/",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_webhook_address_that_is_refused_is_repeated_in_no_part() {
    for bad in [
        "https://ada:q7x9@h.example/",
        "https://ada:q7/x9@h.example/",
        "https://ada@h.example/q7?x9",
        "https://h.example:q7/x9",
        "https://h.example/q7 x9",
        "q7://h.example/x9",
    ] {
        let said = target(bad).unwrap_err();
        let mut pieces = ["ada", "q7", "x9", "h.example"].into_iter();
        assert!(!pieces.any(|piece| said.contains(piece)), "{bad}: {said}");
    }
}

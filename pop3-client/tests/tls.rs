//! TLS from the first byte and by STLS, against a server with a certificate of its own.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic)]

use postrider_pop3::{
    Client, Config, Credentials, Endpoint, ErrorKind, MessageNumber, Retrieved, Security, State,
    Stream, Tls,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The commands of a session: those in clear text, and those inside TLS.
type Heard = (Vec<String>, Vec<String>);

/// The server's side of TLS, and its certificate's PEM.
fn acceptor() -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .unwrap();
    let pem = pem(&made.cert);
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), pem)
}

/// A server for one client, its certificate's PEM, and what it heard.
async fn server(security: Security) -> (Endpoint, String, JoinHandle<Heard>) {
    let (acceptor, pem) = acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut clear = Vec::new();
        if security == Security::StartTls {
            talk(
                &mut peer,
                "+OK ready <1.2@x>\r\n",
                "STLS\r\nPIPELINING",
                &mut clear,
            )
            .await;
        }
        let greeting = if security == Security::Tls {
            "+OK ready\r\n"
        } else {
            ""
        };
        let mut inside = Vec::new();
        if let Ok(mut tls) = acceptor.accept(peer).await {
            talk(&mut tls, greeting, "USER", &mut inside).await;
        }
        (clear, inside)
    });
    (Endpoint::new("127.0.0.1", port).unwrap(), pem, heard)
}

fn pem(certificate: &rcgen::Certificate) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(certificate.der());
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// Says `+OK` to everything until STLS or QUIT.
async fn talk(
    peer: &mut (impl AsyncRead + AsyncWrite + Unpin),
    greeting: &str,
    capa: &str,
    heard: &mut Vec<String>,
) {
    let mut peer = BufReader::new(peer);
    let _ = peer.write_all(greeting.as_bytes()).await;
    let mut line = String::new();
    while peer.read_line(&mut line).await.unwrap_or(0) > 0 {
        let command = std::mem::take(&mut line).trim_end().to_owned();
        let answer = if command == "CAPA" {
            format!("+OK\r\n{capa}\r\n.\r\n")
        } else {
            "+OK\r\n".to_owned()
        };
        let over = command == "STLS" || command == "QUIT";
        heard.push(command);
        let _ = peer.write_all(answer.as_bytes()).await;
        let _ = peer.flush().await;
        if over {
            return;
        }
    }
}

fn config(endpoint: Endpoint, security: Security, pem: &str) -> Config {
    let tls = Tls::builder()
        .only_added_roots()
        .add_root_pem(pem.as_bytes())
        .unwrap()
        .build()
        .unwrap();
    Config::new(endpoint)
        .security(security)
        .tls(tls)
        .credentials(Credentials::password("tim", "tanstaaf").unwrap())
}

const INSIDE: [&str; 5] = ["CAPA", "USER tim", "PASS tanstaaf", "CAPA", "QUIT"];

#[tokio::test]
async fn rfc2595_4_after_stls_everything_begins_anew() {
    let (endpoint, pem, heard) = server(Security::StartTls).await;
    let client = Client::connect(&config(endpoint, Security::StartTls, &pem))
        .await
        .unwrap();
    assert_eq!(client.state(), State::Transaction);
    assert!(client.tls_description().unwrap().starts_with("TLSv1_3"));
    assert!(client.greeting().is_none() && !client.capabilities().pipelining());
    client.quit().await.unwrap();
    let (clear, inside) = heard.await.unwrap();
    assert_eq!(clear, ["CAPA", "STLS"]);
    assert_eq!(inside, INSIDE);
}

#[tokio::test]
async fn rfc8314_3_tls_from_the_first_byte() {
    let (endpoint, pem, heard) = server(Security::Tls).await;
    let client = Client::connect(&config(endpoint, Security::Tls, &pem))
        .await
        .unwrap();
    assert!(client.greeting().is_some());
    client.quit().await.unwrap();
    assert_eq!(heard.await.unwrap().1, INSIDE);
}

#[tokio::test]
async fn rfc8314_3_tls_from_the_first_byte_over_a_stream_of_the_callers_own() {
    let (endpoint, pem, heard) = server(Security::Tls).await;
    let config = config(endpoint.clone(), Security::Tls, &pem);
    let tunnel = TcpStream::connect((endpoint.host(), endpoint.port())).await;
    let client = Client::over(Stream::from_io(tunnel.unwrap()), &config)
        .await
        .unwrap();
    assert!(client.tls_description().is_some());
    client.quit().await.unwrap();
    assert_eq!(heard.await.unwrap().1, INSIDE);
}

#[tokio::test]
async fn tls_from_the_first_byte_is_never_given_up_for_clear_text() {
    let (near, mut far) = tokio::io::duplex(4096);
    let said = tokio::spawn(async move {
        far.write_all(b"+OK clear text\r\n").await.unwrap();
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        heard
    });
    let config = Config::new(Endpoint::new("localhost", 995).unwrap());
    let error = Client::over(Stream::from_io(near), &config)
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error}");
    // A TLS record or nothing, and not CAPA.
    assert!(matches!(
        said.await.unwrap().first(),
        None | Some(0x15 | 0x16)
    ));
}

/// A pipe that takes little at a time, whoever writes to it: what TLS makes ready waits for a flush.
#[tokio::test]
async fn what_tls_holds_back_is_flushed_though_answers_come_first() {
    let (near, far) = tokio::io::duplex(300);
    let (acceptor, pem) = acceptor();
    let server = tokio::spawn(async move {
        let mut peer = BufReader::new(acceptor.accept(far).await.unwrap());
        let (mut line, mut retrieved) = (String::new(), 0);
        peer.write_all(b"+OK\r\n").await.unwrap();
        peer.flush().await.unwrap();
        while peer.read_line(&mut line).await.unwrap_or(0) > 0 {
            let answer = match line.split_ascii_whitespace().next() {
                Some("CAPA") => "+OK\r\nUSER\r\nPIPELINING\r\n.\r\n".to_owned(),
                Some("RETR") => "+OK\r\nSubject: x\r\n\r\nb\r\n.\r\n".to_owned(),
                Some("LIST") => format!("+OK {} 17\r\n", line[4..].trim()),
                _ => "+OK\r\n".to_owned(),
            };
            retrieved += usize::from(line.starts_with("RETR"));
            line.clear();
            if peer.write_all(answer.as_bytes()).await.is_err() || peer.flush().await.is_err() {
                break;
            }
        }
        retrieved
    });
    let soon = std::time::Duration::from_secs(5);
    let config = config(
        Endpoint::new("localhost", 995).unwrap(),
        Security::Tls,
        &pem,
    )
    .timeouts(postrider_pop3::Timeouts {
        reply: soon,
        body_idle: soon,
        ..Default::default()
    });
    let mut client = Client::over(Stream::from_io(near), &config).await.unwrap();
    let numbers: Vec<_> = (1..=2_000)
        .map(|n| MessageNumber::new(n).unwrap())
        .collect();
    let mut ended = 0;
    client
        .retr_many(&numbers, |retrieved| {
            ended += usize::from(matches!(retrieved, Retrieved::End { .. }));
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!(ended, 2_000);
    client.quit().await.unwrap();
    assert_eq!(server.await.unwrap(), 2_000);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_ends_the_session_before_the_login() {
    for security in [Security::Tls, Security::StartTls] {
        let (endpoint, _, heard) = server(security).await;
        let stranger = pem(&rcgen::generate_simple_self_signed(["other".to_owned()])
            .unwrap()
            .cert);
        let error = Client::connect(&config(endpoint, security, &stranger))
            .await
            .unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error}");
        assert!(!error.is_retryable(), "{error}");
        assert!(heard.await.unwrap().1.is_empty());
    }
}

#[cfg(feature = "blocking")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_blocking_client_speaks_tls_as_well() {
    for security in [Security::Tls, Security::StartTls] {
        let (endpoint, pem, heard) = server(security).await;
        let config = config(endpoint, security, &pem);
        let work = move || {
            let client = postrider_pop3::blocking::Client::connect(&config).unwrap();
            assert!(client.tls_description().unwrap().starts_with("TLSv1_3"));
            client.quit().unwrap();
        };
        tokio::task::spawn_blocking(work).await.unwrap();
        assert_eq!(heard.await.unwrap().1, INSIDE);
    }
    let (endpoint, _, _heard) = server(Security::Tls).await;
    let stranger = pem(&rcgen::generate_simple_self_signed(["other".to_owned()])
        .unwrap()
        .cert);
    let config = config(endpoint, Security::Tls, &stranger);
    let connect = move || postrider_pop3::blocking::Client::connect(&config);
    let error = tokio::task::spawn_blocking(connect)
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Connect(_)) && !error.is_retryable(),
        "{error}"
    );
}

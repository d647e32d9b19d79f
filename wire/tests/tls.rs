//! TLS with certificates made for the test: what is shown, what is trusted, what a login is bound to.
#![cfg(all(feature = "tokio", feature = "blocking"))]
#![allow(clippy::unwrap_used)]

use postrider_wire::{Endpoint, Tls, TlsBuilder};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const SOON: Duration = Duration::from_secs(10);

fn identity(name: &str) -> CertifiedKey<KeyPair> {
    generate_simple_self_signed([name.to_owned()]).unwrap()
}

/// What a server saw: the client's certificate, and its own side of the channel binding.
type Seen = Option<(Option<CertificateDer<'static>>, [u8; 32])>;

/// A server that lets two clients in, one after the other, and asks for a certificate if it is told whose to trust.
async fn server(
    own: &CertifiedKey<KeyPair>,
    clients: Option<&CertifiedKey<KeyPair>>,
    version: &'static SupportedProtocolVersion,
) -> (Endpoint, JoinHandle<Vec<Seen>>) {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.cert.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = builder.with_single_cert(vec![own.cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new("localhost", listener.local_addr().unwrap().port()).unwrap();
    let seen = tokio::spawn(async move {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let (peer, _) = listener.accept().await.unwrap();
            let Ok(mut tls) = acceptor.accept(peer).await else {
                seen.push(None);
                continue;
            };
            let session = tls.get_ref().1;
            let shown = session
                .peer_certificates()
                .map(|all| all[0].clone().into_owned());
            let label = b"EXPORTER-Channel-Binding";
            let binding = session
                .export_keying_material([0; 32], label, None)
                .unwrap();
            seen.push(Some((shown, binding)));
            let _ = tls.write_all(b"220 mx\r\n").await;
            let _ = tls.read_to_end(&mut Vec::new()).await;
        }
        seen
    });
    (endpoint, seen)
}

/// Connects both ways, reads the greeting, and gives back what bindings there are.
async fn visit(endpoint: &Endpoint, tls: &Tls) -> Vec<Option<String>> {
    let stream = postrider_wire::connect_tls(endpoint, tls, SOON).await;
    let first = match stream {
        Ok(mut stream) => {
            let read = stream.read_u8().await;
            read.ok()
                .map(|_| format!("{:?}", stream.channel_binding().is_some()))
        }
        Err(_) => None,
    };
    let (endpoint, tls) = (endpoint.clone(), tls.clone());
    let second = tokio::task::spawn_blocking(move || {
        let route = postrider_wire::Route::direct();
        let mut stream = route.connect_blocking(&endpoint, SOON).ok()?;
        stream.start_tls(&endpoint, &tls, SOON).ok()?;
        let mut input = bytes::BytesMut::new();
        stream.read(&mut input, SOON).ok()?;
        let bound = stream.channel_binding().is_some();
        stream.close();
        Some(format!("{bound:?}"))
    });
    vec![first, second.await.unwrap()]
}

fn trusting(server: &CertifiedKey<KeyPair>) -> TlsBuilder {
    let builder = Tls::builder().only_added_roots();
    builder.add_root_pem(server.cert.pem().as_bytes()).unwrap()
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_asks() {
    let (own, ada) = (identity("localhost"), identity("ada"));
    for version in [&version::TLS12, &version::TLS13] {
        let (endpoint, seen) = server(&own, Some(&ada), version).await;
        let key = ada.signing_key.serialize_pem();
        let both = [ada.cert.pem(), key].concat();
        let tls = trusting(&own)
            .client_certificate_pem(both.as_bytes(), both.as_bytes())
            .unwrap();
        assert!(!format!("{tls:?}").contains("PRIVATE"));
        let went = visit(&endpoint, &tls.build().unwrap()).await;
        assert!(went.iter().all(Option::is_some), "{went:?}");
        for seen in seen.await.unwrap() {
            assert_eq!(seen.unwrap().0.as_ref(), Some(ada.cert.der()));
        }
    }
}

#[tokio::test]
async fn without_one_such_a_server_lets_nobody_in() {
    let (own, ada) = (identity("localhost"), identity("ada"));
    let (endpoint, seen) = server(&own, Some(&ada), &version::TLS13).await;
    let went = visit(&endpoint, &trusting(&own).build().unwrap()).await;
    assert_eq!(went, [None, None]);
    assert!(seen.await.unwrap().iter().all(Option::is_none));
}

#[test]
fn a_certificate_and_the_key_of_another_are_refused() {
    let (ada, bob) = (identity("ada"), identity("bob"));
    let (chain, key) = (ada.cert.pem(), bob.signing_key.serialize_pem());
    let mixed = Tls::builder().client_certificate_pem(chain.as_bytes(), key.as_bytes());
    let error = mixed.unwrap().build().unwrap_err().to_string();
    assert!(
        error.starts_with("not usable as a client certificate"),
        "{error}"
    );
    assert!(
        Tls::builder()
            .client_certificate_pem(b"", key.as_bytes())
            .is_err()
    );
    assert!(
        Tls::builder()
            .client_certificate_pem(chain.as_bytes(), chain.as_bytes())
            .is_err()
    );
}

#[tokio::test]
async fn rfc9266_a_login_can_be_bound_to_tls_1_3_only() {
    let own = identity("localhost");
    for (version, bound) in [(&version::TLS12, "false"), (&version::TLS13, "true")] {
        let (endpoint, _) = server(&own, None, version).await;
        let went = visit(&endpoint, &trusting(&own).build().unwrap()).await;
        assert_eq!(went, [Some(bound.to_owned()), Some(bound.to_owned())]);
    }
}

/// Both sides export the same octets: seen from outside by the proof of SCRAM, which covers them.
#[cfg(feature = "scram")]
#[tokio::test]
async fn rfc9266_2_both_sides_export_the_same() {
    use base64::Engine;
    use postrider_wire::sasl::{Credentials, Exchange, Mechanism};
    let own = identity("localhost");
    let (endpoint, seen) = server(&own, None, &version::TLS13).await;
    let tls = trusting(&own).build().unwrap();
    let stream = postrider_wire::connect_tls(&endpoint, &tls, SOON)
        .await
        .unwrap();
    let credentials = Credentials::password("user", "pencil").unwrap();
    let plus = Mechanism::ScramSha256Plus;
    let mut exchange = Exchange::over(plus, &credentials, stream.channel_binding());
    let first = exchange.initial_response().unwrap();
    let first = std::str::from_utf8(first.expose_secret()).unwrap();
    let nonce = first.strip_prefix("p=tls-exporter,,n=user,r=").unwrap();
    let challenge = format!("r={nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    let last = exchange.respond(challenge.as_bytes(), true).unwrap();
    let last = std::str::from_utf8(last.expose_secret()).unwrap();
    let bound = last.strip_prefix("c=").unwrap().split(',').next().unwrap();
    let bound = base64::engine::general_purpose::STANDARD
        .decode(bound)
        .unwrap();
    drop(stream);
    let _ = visit(&endpoint, &tls).await;
    let theirs = seen.await.unwrap().remove(0).unwrap().1;
    assert_eq!(bound, [b"p=tls-exporter,,".as_slice(), &theirs].concat());
}

#[cfg(feature = "native-certs")]
#[test]
fn the_authorities_of_the_system_do_in_the_place_of_those_compiled_in() {
    // A machine without any says so.
    match Tls::builder().native_roots() {
        Ok(builder) => assert!(builder.build().is_ok()),
        Err(error) => assert!(error.to_string().contains("certificate authorities")),
    }
}

#[cfg(feature = "platform-verifier")]
#[tokio::test]
async fn the_platform_trusts_what_is_added_and_no_stranger() {
    let (own, other) = (identity("localhost"), identity("localhost"));
    let (endpoint, _) = server(&own, None, &version::TLS13).await;
    let platform = |identity: &CertifiedKey<KeyPair>| {
        let builder = trusting(identity).platform_verifier();
        builder.build().unwrap()
    };
    let went = visit(&endpoint, &platform(&own)).await;
    assert!(went.iter().all(Option::is_some), "{went:?}");
    let (endpoint, _) = server(&own, None, &version::TLS13).await;
    assert_eq!(visit(&endpoint, &platform(&other)).await, [None, None]);
}

//! Whom a connection trusts, and what is said when it does not.
#![cfg(all(feature = "tokio", feature = "blocking"))]
#![allow(clippy::unwrap_used)]

use bytes::BytesMut;
use postrider_wire::{ConnectError, ConnectStage, Endpoint, Route, Stream, Tls, TlsBuilder};
use rcgen::{CertificateParams, CertifiedKey, DnType, KeyPair, date_time_ymd};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const SOON: Duration = Duration::from_secs(10);

fn identity(change: impl FnOnce(&mut CertificateParams)) -> CertifiedKey<KeyPair> {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    let signing_key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&signing_key).unwrap();
    CertifiedKey { cert, signing_key }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn sha256(certificate: &CertificateDer<'_>) -> [u8; 32] {
    let suites = provider().cipher_suites.clone();
    let mut hashes = suites
        .iter()
        .filter_map(|suite| Some(suite.tls13()?.common.hash_provider));
    let hash = hashes.find(|hash| hash.output_len() == 32).unwrap();
    hash.hash(certificate).as_ref().try_into().unwrap()
}

/// A server that says hello to whoever comes, until the test is over.
async fn server(
    own: &CertifiedKey<KeyPair>,
    version: &'static SupportedProtocolVersion,
) -> Endpoint {
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (peer, _) = listener.accept().await.unwrap();
            if let Ok(mut tls) = acceptor.accept(peer).await {
                let _ = tls.write_all(b"220 mx\r\n").await;
                let _ = tls.read_to_end(&mut Vec::new()).await;
            }
        }
    });
    Endpoint::new("localhost", port).unwrap()
}

/// Both ways to connect: the certificates that were shown, and what is said of the session.
async fn visit(
    endpoint: &Endpoint,
    tls: &Tls,
) -> [Result<(Vec<CertificateDer<'static>>, String), ConnectError>; 2] {
    let first = postrider_wire::connect_tls(endpoint, tls, SOON).await;
    let first = first.map(|stream| {
        assert!(stream.is_tls() && stream.is_write_vectored());
        assert_eq!(format!("{stream:?}"), "Stream(TLS)");
        stream.acknowledge_quickly();
        let described = stream.tls_description().unwrap();
        (stream.peer_certificates().to_vec(), described)
    });
    let (endpoint, tls) = (endpoint.clone(), tls.clone());
    let second = tokio::task::spawn_blocking(move || {
        let mut stream = Route::direct().connect_blocking(&endpoint, SOON)?;
        assert_eq!(format!("{stream:?}"), "Stream(clear text)");
        assert!(!stream.is_tls() && stream.peer_certificates().is_empty());
        assert_eq!(stream.tls_description(), None);
        stream.start_tls(&endpoint, &tls, SOON)?;
        assert_eq!(format!("{stream:?}"), "Stream(TLS)");
        let mut input = BytesMut::new();
        while input.is_empty() {
            stream.read(&mut input, SOON).unwrap();
        }
        let described = stream.tls_description().unwrap();
        let shown = stream.peer_certificates().to_vec();
        stream.close();
        Ok((shown, described))
    });
    [first, second.await.unwrap()]
}

fn trusting(server: &CertifiedKey<KeyPair>) -> TlsBuilder {
    let builder = Tls::builder().only_added_roots();
    builder.add_root_pem(server.cert.pem().as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_certificate_is_accepted_by_whomever_it_is_signed_and_no_other() {
    let own = identity(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let pin = sha256(own.cert.der());
    let pinned = Tls::builder().pin_sha256([0; 32]).pin_sha256(pin);
    let pinned = pinned.build().unwrap();
    let another = Tls::builder().pin_sha256([0; 32]).build().unwrap();
    let any = Tls::builder().danger_accept_invalid_certs();
    let any = any.build().unwrap();
    for (version, name) in [(&version::TLS12, "TLSv1_2"), (&version::TLS13, "TLSv1_3")] {
        let endpoint = server(&own, version).await;
        for tls in [&pinned, &any] {
            for went in visit(&endpoint, tls).await {
                let (shown, described) = went.unwrap();
                assert_eq!(shown, [own.cert.der().clone()]);
                assert!(described.starts_with(name), "{described}");
            }
        }
        for went in visit(&endpoint, &another).await {
            let error = went.unwrap_err();
            assert!(!error.is_retryable());
            let said = error.to_string();
            assert!(said.contains("not the one that is pinned"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_says_why_and_what_may_help() {
    let good = identity(|_| ());
    let expired = identity(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let renamed = identity(|params| {
        *params = CertificateParams::new(["mx.example.org".to_owned()]).unwrap();
    });
    let stranger = identity(|params| {
        let name = &mut params.distinguished_name;
        name.push(DnType::OrganizationName, "somebody else");
    });
    for (own, tls, hint) in [
        (&good, trusting(&stranger), "authority that is not trusted"),
        (&good, trusting(&expired), "and is not signed by it"),
        (&expired, trusting(&expired), "has expired"),
        (&renamed, trusting(&renamed), "belongs to another name"),
    ] {
        let endpoint = server(own, &version::TLS13).await;
        for went in visit(&endpoint, &tls.build().unwrap()).await {
            let error = went.unwrap_err();
            assert_eq!(error.stage(), ConnectStage::Tls);
            assert_eq!(error.endpoint(), &endpoint);
            assert!(!error.is_retryable(), "a person must do something");
            assert!(error.proxy_error().is_none());
            let source = std::error::Error::source(&error).unwrap().to_string();
            let said = error.to_string();
            let begin = format!("TLS handshake with {endpoint} failed: ");
            assert!(said.starts_with(&begin), "{said}");
            assert!(said.contains(hint) && said.contains(&source), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_of_the_callers_own_is_used_as_it_is() {
    let own = identity(|_| ());
    let made = trusting(&own).build().unwrap();
    let endpoint = server(&own, &version::TLS13).await;
    for tls in [
        Tls::from_config(Arc::clone(made.config())),
        Tls::from(Arc::clone(made.config())),
    ] {
        assert!(Arc::ptr_eq(tls.config(), made.config()));
        assert!(visit(&endpoint, &tls).await.iter().all(Result::is_ok));
    }
}

#[test]
fn texts_that_hold_no_certificate_are_refused_with_the_reason() {
    let armour = |text: &str| {
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").into_bytes()
    };
    for (pem, said) in [
        (b"nothing".to_vec(), "there is no PEM certificate in it"),
        (armour("not base64!"), "not a PEM certificate: "),
        (armour("AAAA"), "not usable as a trusted root: "),
    ] {
        let error = Tls::builder().add_root_pem(&pem).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn no_more_is_shown_of_tls_than_how_much_it_trusts() {
    let own = identity(|_| ());
    let key = own.signing_key.serialize_pem();
    let builder = trusting(&own)
        .client_certificate_pem(own.cert.pem().as_bytes(), key.as_bytes())
        .unwrap();
    assert_eq!(
        format!("{builder:?}"),
        "TlsBuilder { roots: 1, pins: 0, accept_invalid: false, client_certificate: true, .. }"
    );
    assert_eq!(format!("{:?}", builder.build().unwrap()), "Tls(…)");
}

#[test]
fn a_name_that_no_certificate_can_have_fails_before_anything_is_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let endpoint = Endpoint::new("under_score.-", port).unwrap();
    let route = Route::direct().resolved(["127.0.0.1".parse().unwrap()]);
    let mut stream = route.connect_blocking(&endpoint, SOON).unwrap();
    let tls = Tls::webpki_roots().unwrap();
    let error = stream.start_tls(&endpoint, &tls, SOON).unwrap_err();
    assert_eq!(error.stage(), ConnectStage::Tls);
    assert_eq!(error.io_error().kind(), std::io::ErrorKind::InvalidInput);
    drop(stream);
    let (mut peer, _) = listener.accept().unwrap();
    let mut heard = Vec::new();
    std::io::Read::read_to_end(&mut peer, &mut heard).unwrap();
    assert!(heard.is_empty());
}

#[test]
fn a_stream_of_the_callers_own_is_clear_text_until_tls_is_spoken_over_it() {
    let (near, far) = tokio::io::duplex(64);
    let stream = Stream::from_io(near);
    assert_eq!(format!("{stream:?}"), "Stream(clear text)");
    assert_eq!(stream.is_write_vectored(), far.is_write_vectored());
    assert!(!stream.is_tls() && stream.tls_description().is_none());
    assert!(stream.peer_certificates().is_empty() && stream.channel_binding().is_none());
    stream.acknowledge_quickly();
}

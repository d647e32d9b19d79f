//! A server with a certificate, that notes what it hears before and inside TLS.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use postrider_smtp::{Endpoint, Proxy, Security};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CertifiedKey, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{ring, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};

/// A key and its certificate.
pub(crate) struct Identity(CertifiedKey<KeyPair>, Option<CertificateDer<'static>>);

impl Identity {
    pub(crate) fn new(name: &str) -> Self {
        Self::made(name, |_| {})
    }

    pub(crate) fn expired(name: &str) -> Self {
        Self::made(name, |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        })
    }

    /// As `openssl req -x509` makes them.
    pub(crate) fn authority(name: &str) -> Self {
        Self::made(name, |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        })
    }

    /// A certificate that an authority has signed, which it shows as well.
    pub(crate) fn signed(name: &str) -> Self {
        let mut params = CertificateParams::new(["authority".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let signing_key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&signing_key, &authority).unwrap();
        let shown = authority.as_ref().der().clone();
        Self(CertifiedKey { cert, signing_key }, Some(shown))
    }

    /// The certificate of the authority.
    pub(crate) fn authority_der(&self) -> &[u8] {
        self.1.as_ref().unwrap()
    }

    /// The public key, as TLSA's selector 1 has it.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        rcgen::PublicKeyData::subject_public_key_info(&self.0.signing_key)
    }

    fn made(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let signing_key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&signing_key).unwrap();
        Self(CertifiedKey { cert, signing_key }, None)
    }

    pub(crate) fn pem(&self) -> String {
        self.0.cert.pem()
    }

    pub(crate) fn key_pem(&self) -> String {
        self.0.signing_key.serialize_pem()
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.0.cert.der()
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        let digest = ::ring::digest::digest(&::ring::digest::SHA256, self.der());
        digest.as_ref().try_into().unwrap()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.0.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(Arc::new(Anybody))
            .with_single_cert(
                [self.0.cert.der().clone()]
                    .into_iter()
                    .chain(self.1.clone())
                    .collect(),
                key,
            );
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

/// What a server heard on one connection.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) clear: Vec<String>,
    pub(crate) inside: Vec<String>,
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) scram: Option<Scram>,
}

#[derive(Debug)]
pub(crate) struct Scram {
    pub(crate) first: String,
    pub(crate) channel: Vec<u8>,
    pub(crate) exported: [u8; 32],
}

pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) security: Security,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Server {
    /// What was heard on so many connections.
    pub(crate) async fn heard(mut self, connections: usize) -> Vec<Heard> {
        let mut all = Vec::new();
        while all.len() < connections {
            all.push(self.heard.recv().await.unwrap());
        }
        all
    }
}

pub(crate) async fn serve(security: Security, identity: &Identity, ehlo: &str) -> Server {
    serve_each(security, identity, &[ehlo]).await
}

/// The same with an answer to EHLO for each connection in turn, of which the last one stays.
pub(crate) async fn serve_each(security: Security, identity: &Identity, ehlos: &[&str]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = identity.acceptor();
    let mut ehlos: VecDeque<String> = ehlos.iter().map(ToString::to_string).collect();
    let (sender, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((peer, _)) = listener.accept().await {
            let ehlo = match ehlos.len() {
                1 => ehlos[0].clone(),
                _ => ehlos.pop_front().unwrap(),
            };
            let (acceptor, sender) = (acceptor.clone(), sender.clone());
            tokio::spawn(async move {
                let mut heard = Heard::default();
                converse(security, peer, &acceptor, &ehlo, &mut heard).await;
                let _ = sender.send(heard);
            });
        }
    });
    let endpoint = Endpoint::new("localhost", port).unwrap();
    Server {
        endpoint,
        security,
        heard,
    }
}

async fn converse(
    security: Security,
    mut peer: TcpStream,
    acceptor: &TlsAcceptor,
    ehlo: &str,
    heard: &mut Heard,
) {
    let mut greeting = "220 x\r\n";
    if security != Security::Tls {
        let offered = match security {
            Security::None => ehlo,
            _ => "250-x\r\n250 STARTTLS\r\n",
        };
        talk(&mut peer, greeting, offered, None, &mut heard.clear).await;
        if security == Security::None {
            return;
        }
        greeting = "";
    }
    let Ok(mut tls) = acceptor.accept(peer).await else {
        return;
    };
    let session = tls.get_ref().1;
    heard.certificate = session.peer_certificates().map(|all| all[0].to_vec());
    let label = b"EXPORTER-Channel-Binding";
    let exported = session
        .export_keying_material([0; 32], label, None)
        .unwrap();
    heard.scram = talk(&mut tls, greeting, ehlo, Some(exported), &mut heard.inside).await;
}

/// Says yes to everything, until STARTTLS or QUIT.
async fn talk(
    peer: &mut (impl AsyncRead + AsyncWrite + Unpin),
    greeting: &str,
    ehlo: &str,
    exported: Option<[u8; 32]>,
    heard: &mut Vec<String>,
) -> Option<Scram> {
    let mut peer = BufReader::new(peer);
    let _ = peer.write_all(greeting.as_bytes()).await;
    let _ = peer.flush().await;
    let (mut scram, mut in_message) = (None, false);
    let mut line = String::new();
    while peer.read_line(&mut line).await.is_ok_and(|n| n > 0) {
        let command = std::mem::take(&mut line).trim_end().to_owned();
        let reply = match command.as_str() {
            "." => {
                in_message = false;
                "250 queued\r\n"
            }
            _ if in_message => continue,
            "DATA" => {
                in_message = true;
                "354 go\r\n"
            }
            "STARTTLS" => "220 go\r\n",
            "QUIT" => "221 bye\r\n",
            hello if hello.starts_with("EHLO") => ehlo,
            auth if auth.starts_with("AUTH SCRAM") => {
                let first = auth.rsplit(' ').next().unwrap();
                scram = log_in(&mut peer, first, exported.unwrap()).await;
                "235 ok\r\n"
            }
            auth if auth.starts_with("AUTH") => "235 ok\r\n",
            _ => "250 ok\r\n",
        };
        let _ = peer.write_all(reply.as_bytes()).await;
        let _ = peer.flush().await;
        let over = command == "STARTTLS" || command == "QUIT";
        heard.push(command);
        if over {
            break;
        }
    }
    scram
}

/// The server's side of SCRAM-SHA-256 for the password `pencil` (RFC 5802 §3).
async fn log_in(
    peer: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin),
    first: &str,
    exported: [u8; 32],
) -> Option<Scram> {
    use ::ring::{hmac, pbkdf2};
    use base64::{Engine, engine::general_purpose::STANDARD};
    let first = String::from_utf8(STANDARD.decode(first).ok()?).ok()?;
    let bare = first.splitn(3, ',').nth(2)?;
    let nonce = bare.split_once("r=")?.1;
    let server_first = format!("r={nonce}server,s={},i=4096", STANDARD.encode("salt"));
    let challenge = format!("334 {}\r\n", STANDARD.encode(&server_first));
    peer.write_all(challenge.as_bytes()).await.ok()?;
    peer.flush().await.ok()?;
    let mut line = String::new();
    peer.read_line(&mut line).await.ok()?;
    let last = String::from_utf8(STANDARD.decode(line.trim_end()).ok()?).ok()?;
    let (without_proof, _) = last.split_once(",p=")?;
    let channel = without_proof.strip_prefix("c=")?.split(',').next()?;
    let mut salted = [0; 32];
    let rounds = std::num::NonZeroU32::new(4096)?;
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        b"salt",
        b"pencil",
        &mut salted,
    );
    let key = |key: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, key);
    let server_key = hmac::sign(&key(&salted), b"Server Key");
    let message = format!("{bare},{server_first},{without_proof}");
    let signature = hmac::sign(&key(server_key.as_ref()), message.as_bytes());
    let verifier = format!("v={}", STANDARD.encode(signature.as_ref()));
    let challenge = format!("334 {}\r\n", STANDARD.encode(verifier));
    peer.write_all(challenge.as_bytes()).await.ok()?;
    peer.flush().await.ok()?;
    line.clear();
    peer.read_line(&mut line).await.ok()?;
    Some(Scram {
        channel: STANDARD.decode(channel).ok()?,
        first,
        exported,
    })
}

/// A SOCKS5 proxy for two connections that leads to one server, whoever is asked for; and who was.
pub(crate) async fn socks5(server: Endpoint) -> (Proxy, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("socks5://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let mut asked = Vec::new();
        for _ in 0..2 {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut method = [0; 3];
            peer.read_exact(&mut method).await.unwrap();
            peer.write_all(&[5, 0]).await.unwrap();
            let mut head = [0; 5];
            peer.read_exact(&mut head).await.unwrap();
            let mut name = vec![0; usize::from(head[4])];
            peer.read_exact(&mut name).await.unwrap();
            let port = peer.read_u16().await.unwrap();
            asked.push(format!("{}:{port}", String::from_utf8(name).unwrap()));
            peer.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
                .await
                .unwrap();
            let mut mx = TcpStream::connect((server.host(), server.port()))
                .await
                .unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut peer, &mut mx).await });
        }
        asked
    });
    (proxy.parse().unwrap(), asked)
}

/// Takes any client certificate, or none.
#[derive(Debug)]
struct Anybody;

impl ClientCertVerifier for Anybody {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Answers one HTTPS request with this text; its port, and what was asked.
pub(crate) async fn https(identity: &Identity, reply: String) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = identity.acceptor();
    let asked = tokio::spawn(async move {
        let (peer, _) = listener.accept().await.unwrap();
        let Ok(mut tls) = acceptor.accept(peer).await else {
            return String::new();
        };
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(tls.read_u8().await.unwrap());
        }
        tls.write_all(reply.as_bytes()).await.unwrap();
        let _ = tls.shutdown().await;
        String::from_utf8(asked).unwrap()
    });
    (port, asked)
}

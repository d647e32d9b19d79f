//! DNSSEC by hickory-resolver against a zone signed here: only proof makes an answer secure, and where proof is missing that should be
//! there, an answer is none at all. Whoever could make a record vanish could turn DANE off (RFC 7672 §2.1).
#![cfg(feature = "hickory")]
#![allow(clippy::unwrap_used)]

use postrider_smtp::direct::hickory_resolver::TokioResolver;
use postrider_smtp::direct::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig,
};
use postrider_smtp::direct::hickory_resolver::net::runtime::TokioRuntimeProvider;
use postrider_smtp::direct::hickory_resolver::proto::dnssec::crypto::Ed25519SigningKey;
use postrider_smtp::direct::hickory_resolver::proto::dnssec::rdata::{
    DNSKEY, DNSSECRData, NSEC, RRSIG,
};
use postrider_smtp::direct::hickory_resolver::proto::dnssec::{
    DnssecSigner, SigningKey, TrustAnchors,
};
use postrider_smtp::direct::hickory_resolver::proto::op::Message;
use postrider_smtp::direct::hickory_resolver::proto::rr::rdata::{SOA, TLSA};
use postrider_smtp::direct::hickory_resolver::proto::rr::{
    DNSClass, Name, RData, Record, RecordSet, RecordType,
};
use postrider_smtp::direct::*;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;

/// Seconds.
const TTL: u32 = 60;

/// The root zone, which holds everything here.
struct Zone {
    signer: DnssecSigner,
    anchors: TrustAnchors,
}

impl Zone {
    fn new() -> Self {
        let key = Ed25519SigningKey::generate_pkcs8().unwrap();
        let key = Ed25519SigningKey::from_pkcs8(&key).unwrap();
        let public = key.to_public_key().unwrap();
        let mut anchors = TrustAnchors::empty();
        anchors.insert(&public);
        let forty_years = Duration::from_secs(40 * 365 * 86_400);
        let dnskey = DNSKEY::from_key(&public);
        let signer = DnssecSigner::new(dnskey, Box::new(key), Name::root(), forty_years);
        Self { signer, anchors }
    }

    /// A record, and its signature.
    fn signed(&self, name: &Name, data: RData) -> Vec<Record> {
        let record = Record::from_rdata(name.clone(), TTL, data);
        let mut set = RecordSet::new(name.clone(), record.record_type(), 0);
        set.insert(record.clone(), 0);
        let begin = rcgen::date_time_ymd(2020, 1, 1);
        let signature = RRSIG::from_rrset(&set, DNSClass::IN, begin, &self.signer).unwrap();
        let signature = RData::DNSSEC(DNSSECRData::RRSIG(signature));
        vec![record, Record::from_rdata(name.clone(), TTL, signature)]
    }

    /// Answers, or proof that there is none: what a name's first label but one asks for.
    fn answer(&self, name: &Name, kind: RecordType) -> (Vec<Record>, Vec<Record>) {
        let tlsa = |octet| {
            let data = vec![octet; 32];
            RData::TLSA(TLSA::new(3.into(), 1.into(), 1.into(), data))
        };
        let nothing = (Vec::new(), Vec::new());
        let labels = name.to_ascii();
        match (labels.as_str(), kind) {
            (".", RecordType::DNSKEY) => {
                let key = RData::DNSSEC(DNSSECRData::DNSKEY(self.signer.to_dnskey()));
                (self.signed(name, key), Vec::new())
            }
            ("_25._tcp.good.", RecordType::TLSA) => (self.signed(name, tlsa(7)), Vec::new()),
            ("_25._tcp.forged.", RecordType::TLSA) => {
                let mut records = self.signed(name, tlsa(7));
                records[0].data = tlsa(8);
                (records, Vec::new())
            }
            ("_25._tcp.unsigned.", RecordType::TLSA) => {
                let records = self.signed(name, tlsa(7));
                (records.into_iter().take(1).collect(), Vec::new())
            }
            // Somebody on the path took the answer away, and could not prove that it was never there.
            ("_25._tcp.hidden.", _) => nothing,
            ("_25._tcp.none.", _) => (Vec::new(), self.denied(name)),
            _ => nothing,
        }
    }

    /// Proof that a name has nothing but an address (RFC 4035 §3.1.3.1).
    fn denied(&self, name: &Name) -> Vec<Record> {
        let root = Name::root();
        let soa = SOA::new(root.clone(), root.clone(), 1, 1, 1, 1, TTL);
        let nsec = NSEC::new_cover_self(root.clone(), [RecordType::A]);
        let mut proof = self.signed(&root, RData::SOA(soa));
        proof.extend(self.signed(name, RData::DNSSEC(DNSSECRData::NSEC(nsec))));
        proof
    }

    fn reply(&self, question: &[u8]) -> Vec<u8> {
        let question = Message::from_vec(question).unwrap();
        let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
        let query = question.queries[0].clone();
        let (answers, authorities) = self.answer(query.name(), query.query_type());
        reply.metadata.recursion_desired = true;
        reply.metadata.recursion_available = true;
        reply.edns = question.edns;
        reply.add_query(query);
        reply.insert_answers(answers);
        reply.insert_authorities(authorities);
        reply.to_vec().unwrap()
    }
}

async fn serve(zone: Arc<Zone>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut question = [0; 1_500];
        while let Ok((octets, peer)) = socket.recv_from(&mut question).await {
            let _ = socket.send_to(&zone.reply(&question[..octets]), peer).await;
        }
    });
    address
}

/// A resolver that knows the zone's key, or one that asks for no proof.
async fn dns(validates: bool) -> Dns {
    let zone = Arc::new(Zone::new());
    let address = serve(Arc::clone(&zone)).await;
    let mut connection = ConnectionConfig::udp();
    connection.port = address.port();
    let mut server = NameServerConfig::udp(address.ip());
    server.connections = vec![connection];
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    if validates {
        builder = builder.with_trust_anchor(Arc::new(zone.anchors.clone()));
    }
    Dns::new(builder.build().unwrap())
}

#[tokio::test]
async fn rfc7672_2_2_a_record_is_secure_with_a_valid_signature_and_not_otherwise() {
    let found = dns(true).await.tlsa("_25._tcp.good").await.unwrap();
    assert!(found.secure);
    assert_eq!(found.records[0].data, [7; 32]);
    let found = dns(false).await.tlsa("_25._tcp.good").await.unwrap();
    assert!(!found.secure, "nobody looked");
    assert_eq!(found.records.len(), 1);
}

#[tokio::test]
async fn rfc7672_2_1_what_should_have_proof_and_has_none_is_no_answer() {
    let dns = dns(true).await;
    for name in ["forged", "unsigned", "hidden"] {
        let found = dns.tlsa(&format!("_25._tcp.{name}")).await;
        assert!(
            matches!(found, Err(ResolveError::Temporary(_))),
            "{name}: {found:?}"
        );
    }
}

#[tokio::test]
async fn rfc4035_3_1_3_1_that_there_is_no_record_can_be_proved() {
    let found = dns(true).await.tlsa("_25._tcp.none").await.unwrap();
    assert_eq!(found.records.len(), 0);
}

//! DNS by hickory-resolver, from a server on loopback that answers out of a table.
#![cfg(feature = "hickory")]
#![allow(clippy::unwrap_used)]

use postrider_smtp::direct::hickory_resolver::TokioResolver;
use postrider_smtp::direct::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig,
};
use postrider_smtp::direct::hickory_resolver::net::runtime::TokioRuntimeProvider;
use postrider_smtp::direct::*;
use tokio::net::UdpSocket;

const A: u16 = 1;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const TLSA: u16 = 52;

/// What the server knows: RDATA by name and type.
fn table(name: &str, kind: u16) -> Option<Vec<Vec<u8>>> {
    let mx = |preference: u8, host: &[u8]| [&[0, preference][..], host].concat();
    Some(match (name, kind) {
        ("example.org", MX) => vec![
            mx(20, b"\x02mx\x07example\x03org\x00"),
            mx(10, b"\x06backup\x07example\x03net\x00"),
        ],
        ("null.example.org", MX) => vec![mx(0, b"\x00")],
        ("mx.example.org", A) => vec![vec![192, 0, 2, 1]],
        ("mx.example.org", AAAA) => vec![[&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1]].concat()],
        ("v4.example.org", A) => vec![vec![192, 0, 2, 2]],
        ("half.fails.example" | "v4.fails.example" | "v6.fails.example", MX) => Vec::new(),
        ("_25._tcp.mx.example.org", TLSA) => vec![[&[3, 1, 1][..], &[7; 32]].concat()],
        ("_mta-sts.example.org", TXT) => vec![b"\x08v=STSv1;\x06 id=1;".to_vec()],
        (name, _) if name.ends_with("nowhere.example") => return None,
        (name, _) if name.ends_with("fails.example") => return None,
        _ => Vec::new(),
    })
}

/// A reply (RFC 1035 §4.1) to a question with one name.
fn reply(question: &[u8]) -> Vec<u8> {
    let (mut name, mut at) = (Vec::new(), 12);
    while question[at] != 0 {
        let end = at + 1 + usize::from(question[at]);
        name.push(
            String::from_utf8(question[at + 1..end].to_vec())
                .unwrap()
                .to_lowercase(),
        );
        at = end;
    }
    let name = name.join(".");
    let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
    let records = table(&name, kind);
    // Whoever knows nothing of a type may say that there is no such name (RFC 4074 §4.2).
    let denied = matches!(
        (&name[..], kind),
        ("v4.fails.example", AAAA) | ("v6.fails.example", A)
    );
    let code = match &records {
        Some(_) => 0,
        None if name.ends_with("fails.example") && !denied => 2,
        None => 3,
    };
    let records = records.unwrap_or_default();
    let mut reply = question[..2].to_vec();
    reply.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::try_from(records.len()).unwrap(),
        0,
        0,
        0,
        0,
    ]);
    reply.extend(&question[12..at + 5]);
    for data in records {
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60]);
        reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        reply.extend(data);
    }
    reply
}

async fn dns() -> Dns {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut question = [0; 1_500];
        while let Ok((octets, peer)) = socket.recv_from(&mut question).await {
            let _ = socket.send_to(&reply(&question[..octets]), peer).await;
        }
    });
    let mut connection = ConnectionConfig::udp();
    connection.port = address.port();
    let mut server = NameServerConfig::udp(address.ip());
    server.connections = vec![connection];
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    Dns::new(builder.build().unwrap())
}

#[tokio::test]
async fn rfc1035_records_are_read() {
    let dns = dns().await;
    let mx = dns.mail_exchangers("example.org").await.unwrap();
    assert!(!mx.secure);
    let hosts = mx.records.iter().map(|mx| (mx.preference, &mx.host[..]));
    let mut hosts: Vec<_> = hosts.collect();
    hosts.sort_unstable();
    assert_eq!(
        hosts,
        [(10, "backup.example.net."), (20, "mx.example.org.")]
    );
    let addresses = dns.addresses("mx.example.org").await.unwrap().records;
    assert_eq!(
        addresses,
        [
            "2001:db8::1".parse::<std::net::IpAddr>().unwrap(),
            "192.0.2.1".parse().unwrap()
        ]
    );
    assert_eq!(
        dns.addresses("v4.example.org").await.unwrap().records.len(),
        1
    );
    let tlsa = dns.tlsa("_25._tcp.mx.example.org").await.unwrap().records;
    assert_eq!(tlsa[0].to_string(), format!("3 1 1 {}", "07".repeat(32)));
    let text = dns.text("_mta-sts.example.org").await.unwrap().records;
    assert_eq!(policy_id(&text).unwrap(), "1");
}

#[tokio::test]
async fn nothing_is_told_from_no_name_and_no_answer() {
    let dns = dns().await;
    assert!(
        dns.mail_exchangers("mx.example.org")
            .await
            .unwrap()
            .records
            .is_empty()
    );
    assert!(
        dns.addresses("example.org")
            .await
            .unwrap()
            .records
            .is_empty()
    );
    let nowhere = dns.mail_exchangers("nowhere.example").await;
    assert_eq!(nowhere.unwrap_err(), ResolveError::NoSuchName);
    let fails = dns.mail_exchangers("fails.example").await.unwrap_err();
    assert!(matches!(fails, ResolveError::Temporary(_)), "{fails}");
    let fails = dns.addresses("fails.example").await.unwrap_err();
    assert!(matches!(fails, ResolveError::Temporary(_)), "{fails}");
}

#[tokio::test]
async fn rfc5321_5_1_hosts_come_in_their_order() {
    let dns = dns().await;
    let hosts = exchangers(&dns, "example.org", &[], 1).await.unwrap().hosts;
    let names = ["backup.example.net", "mx.example.org"];
    assert_eq!(hosts, names.map(|name| Host::Name(name.to_owned())));
    let null = exchangers(&dns, "null.example.org", &[], 1).await;
    assert_eq!(null, Err(NoRoute::NullMx));
    let none = exchangers(&dns, "nowhere.example", &[], 1).await;
    assert_eq!(none, Err(NoRoute::NoSuchDomain));
    // Without MX it is the address that counts, where it is known.
    let own = exchangers(&dns, "v4.example.org", &[], 1).await;
    let host = Host::Name("v4.example.org".to_owned());
    assert_eq!(own.unwrap().hosts, [host]);
    let bare = exchangers(&dns, "bare.example.org", &[], 1).await;
    assert_eq!(bare, Err(NoRoute::NoSuchDomain));
    let half = exchangers(&dns, "half.fails.example", &[], 1).await;
    assert!(matches!(half, Err(NoRoute::Resolve(_))), "{half:?}");
}

#[tokio::test]
async fn rfc5321_5_1_a_domain_whose_a_record_is_not_known_now_is_not_refused_for_good() {
    let dns = dns().await;
    for domain in ["v4.fails.example", "v6.fails.example"] {
        let hosts = exchangers(&dns, domain, &[], 1).await;
        assert!(
            matches!(hosts, Err(NoRoute::Resolve(ResolveError::Temporary(_)))),
            "{domain}: {hosts:?}"
        );
    }
}

//! Direct delivery over loopback, with DNS as the test has it.
#![cfg(all(feature = "direct", feature = "blocking"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod direct_hosts;
mod tls_server;

use postrider_smtp::direct::*;
use postrider_smtp::*;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tls_server::{Identity, Server, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

/// DNS out of tables. What is not in them does not exist; `servfail` has no answer for now.
#[derive(Clone, Debug, Default)]
struct Zone {
    mx: HashMap<&'static str, Vec<(u16, &'static str)>>,
    /// Every host has this address.
    text: Arc<Mutex<HashMap<String, &'static str>>>,
    tlsa: HashMap<String, Vec<Tlsa>>,
    secure: bool,
    /// For TLSA there is no answer.
    tlsa_fails: bool,
    tlsa_secure: bool,
}

impl Zone {
    fn answer<T>(&self, records: Vec<T>) -> Result<Answer<T>, ResolveError> {
        Ok(Answer {
            records,
            secure: self.secure,
        })
    }

    fn mx(mut self, domain: &'static str, hosts: &[(u16, &'static str)]) -> Self {
        self.mx.insert(domain, hosts.to_vec());
        self
    }

    fn sts(self, domain: &str) -> Self {
        self.text
            .lock()
            .unwrap()
            .insert(format!("_mta-sts.{domain}"), "v=STSv1; id=1;");
        self
    }
}

impl Resolver for Zone {
    async fn mail_exchangers(&self, domain: &str) -> Result<Answer<MailExchanger>, ResolveError> {
        if domain.starts_with("servfail") {
            return Err(ResolveError::Temporary("SERVFAIL".to_owned()));
        }
        let hosts = self.mx.get(domain).ok_or(ResolveError::NoSuchName)?;
        let record = |&(preference, host): &(u16, &str)| MailExchanger {
            preference,
            host: host.to_owned(),
        };
        self.answer(hosts.iter().map(record).collect())
    }

    async fn addresses(&self, host: &str) -> Result<Answer<IpAddr>, ResolveError> {
        match host {
            // Nobody listens there.
            dead if dead.starts_with("dead") => self.answer(vec!["127.0.0.77".parse().unwrap()]),
            gone if gone.starts_with("gone") => self.answer(Vec::new()),
            none if none.starts_with("nowhere") => Err(ResolveError::NoSuchName),
            sick if sick.starts_with("sick") => Err(ResolveError::Temporary("bogus".to_owned())),
            _ => self.answer(vec!["127.0.0.1".parse().unwrap()]),
        }
    }

    async fn tlsa(&self, name: &str) -> Result<Answer<Tlsa>, ResolveError> {
        if self.tlsa_fails {
            return Err(ResolveError::Temporary("bogus".to_owned()));
        }
        let host = name.split_once("._tcp.").unwrap().1;
        assert!(name.starts_with('_'), "{name}");
        let records = self.tlsa.get(host).cloned().unwrap_or_default();
        Ok(Answer {
            records,
            secure: self.tlsa_secure,
        })
    }

    async fn text(&self, name: &str) -> Result<Answer<Vec<u8>>, ResolveError> {
        assert!(!name.contains('['), "an address has no policy");
        let text = self.text.lock().unwrap().get(name).copied();
        let text = text.ok_or(ResolveError::NoSuchName)?;
        self.answer(vec![text.as_bytes().to_vec()])
    }
}

/// Policies out of a table.
#[derive(Clone, Debug, Default)]
struct Policies(HashMap<&'static str, &'static str>);

impl FetchPolicy for Policies {
    async fn fetch(&self, domain: &str) -> Result<Vec<u8>, FetchError> {
        match self.0.get(domain) {
            Some(policy) => Ok(policy.as_bytes().to_vec()),
            None => Err(FetchError::Failed("404 Not Found".to_owned())),
        }
    }
}

fn direct(zone: Zone, server: &Server) -> Direct<Zone, Policies> {
    with_policies(zone, server, &[])
}

fn with_policies(
    zone: Zone,
    server: &Server,
    policies: &[(&'static str, &'static str)],
) -> Direct<Zone, Policies> {
    Direct::new(zone, "own.example".parse().unwrap())
        .unwrap()
        .fetch_policies(Policies(policies.iter().copied().collect()))
        .port(server.endpoint.port())
}

fn to(recipients: &[&str]) -> Envelope {
    Envelope::parse("a@own.example", recipients).unwrap()
}

async fn send<F: FetchPolicy>(direct: &Direct<Zone, F>, to: &Envelope) -> RecipientOutcome {
    direct.send(to, MESSAGE).await.remove(0)
}

fn trusting(identity: &Identity) -> Tls {
    let builder = Tls::builder().only_added_roots();
    let builder = builder.add_root_pem(identity.pem().as_bytes()).unwrap();
    builder.build().unwrap()
}

/// A record with the SHA-256 hash of these octets.
fn tlsa(usage: u8, selector: u8, octets: &[u8]) -> Tlsa {
    let digest = ::ring::digest::digest(&::ring::digest::SHA256, octets);
    record([usage, selector, 1], digest.as_ref())
}

fn record([usage, selector, matching]: [u8; 3], data: &[u8]) -> Tlsa {
    let data = data.to_vec();
    Tlsa {
        usage,
        selector,
        matching,
        data,
    }
}

/// What is spawned must be [`Send`].
#[tokio::test]
async fn a_delivery_can_be_a_task_of_its_own() {
    let server = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    let direct = direct(Zone::default().mx("one.example", &[]), &server);
    let task = tokio::spawn(async move { send(&direct, &to(&["r@one.example"])).await });
    assert!(task.await.unwrap().is_accepted());
}

#[tokio::test]
async fn rfc5321_5_1_each_domain_has_hosts_of_its_own() {
    let server = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    let zone = Zone::default()
        .mx("one.example", &[(20, "b.example"), (10, "a.example.")])
        .mx("implicit.example", &[])
        .mx("null.example", &[(0, ".")])
        .mx("loop.example", &[(10, "own.example"), (20, "b.example")])
        .mx("gone.example", &[(10, "gone.example")]);
    let envelope = to(&[
        "r1@one.example",
        "r2@null.example",
        "r3@implicit.example",
        "r4@ONE.example",
        "r5@no.example",
        "r6@loop.example",
        "r7@servfail.example",
        "r8@gone.example",
        "r9@[127.0.0.1]",
    ]);
    let outcomes = direct(zone, &server).send(&envelope, MESSAGE).await;
    let shown: Vec<String> = outcomes.iter().map(ToString::to_string).collect();
    let wanted = [
        "<r1@one.example> accepted at end of data: 250 queued",
        "<r2@null.example> refused at connect: connect: 5.1.10 the domain takes no mail",
        "<r3@implicit.example> accepted at end of data: 250 queued",
        "<r4@ONE.example> accepted at end of data: 250 queued",
        "<r5@no.example> refused at connect: connect: 5.1.2 there is no such domain",
        "<r6@loop.example> refused at connect: connect: 5.4.6 the mail would come back to this host",
        "<r7@servfail.example> deferred at connect: connect: 4.4.3 DNS: SERVFAIL",
        "<r8@gone.example> deferred at connect: connect: 4.4.3 none of the domain's mail hosts has an address",
        "<r9@[127.0.0.1]> accepted at end of data: 250 queued",
    ];
    for (shown, wanted) in shown.iter().zip(wanted) {
        assert!(shown.starts_with(wanted), "{shown}\n{wanted}");
    }
    assert_eq!(outcomes[1].fault(), Some(Fault::Recipient));
    // Both recipients at one domain in one mail.
    let heard = server.heard(3).await;
    let both = heard.iter().filter(|heard| {
        heard.clear.contains(&"RCPT TO:<r1@one.example>".to_owned())
            && heard.clear.contains(&"RCPT TO:<r4@ONE.example>".to_owned())
    });
    assert_eq!(both.count(), 1);
    assert!(
        heard
            .iter()
            .all(|heard| heard.clear[0] == "EHLO own.example")
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn rfc5321_5_1_whoever_one_host_defers_is_tried_at_the_next() {
    let server = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    let zone = Zone::default().mx("one.example", &[(10, "dead.example"), (20, "a.example")]);
    assert!(
        send(&direct(zone.clone(), &server), &to(&["r@one.example"]))
            .await
            .is_accepted()
    );
    let one = direct(zone, &server).hosts(1);
    let outcome = send(&one, &to(&["r@one.example"])).await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Connect)
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_servers_words_count_more_than_the_silence_of_the_next() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        peer.write_all(b"421 4.3.2 too busy\r\n").await.unwrap();
    });
    let zone = Zone::default().mx("one.example", &[(10, "a.example"), (20, "dead.example")]);
    let direct = Direct::new(zone, "own.example".parse().unwrap())
        .unwrap()
        .port(port);
    let outcome = send(&direct, &to(&["r@one.example"])).await;
    assert!(
        outcome.to_string().contains("421 4.3.2 too busy"),
        "{outcome}"
    );
}

#[tokio::test]
async fn rfc7435_tls_with_whomever_is_better_than_none() {
    let server = serve(Security::StartTls, &Identity::expired("other"), "250 x\r\n").await;
    let zone = Zone::default().mx("one.example", &[(10, "a.example")]);
    let direct = direct(zone, &server);
    assert!(send(&direct, &to(&["r@one.example"])).await.is_accepted());
    assert!(
        server.heard(1).await[0]
            .inside
            .contains(&"MAIL FROM:<a@own.example>".to_owned())
    );
    let report = direct.take_report();
    assert_eq!(report.successes("one.example"), 1);
    assert!(direct.take_report().is_empty(), "it is taken once");
}

#[tokio::test]
async fn rfc7435_clear_text_is_better_than_nothing() {
    // The first handshake fails.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for connection in 0..2 {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut input = [0; 4_096];
            let mut reply = "220 x\r\n";
            loop {
                peer.write_all(reply.as_bytes()).await.unwrap();
                let n = peer.read(&mut input).await.unwrap();
                let said = String::from_utf8_lossy(&input[..n]).into_owned();
                reply = match said.split([' ', '\r']).next().unwrap() {
                    "" => break,
                    "EHLO" => "250-x\r\n250 STARTTLS\r\n",
                    "STARTTLS" if connection == 0 => "220 go\r\n",
                    "DATA" => "354 go\r\n",
                    _ if !said.is_ascii() => "no TLS here\r\n",
                    _ => "250 ok\r\n",
                };
            }
        }
    });
    let zone = Zone::default().mx("one.example", &[(10, "a.example")]);
    let direct = Direct::new(zone, "own.example".parse().unwrap())
        .unwrap()
        .port(port);
    assert!(send(&direct, &to(&["r@one.example"])).await.is_accepted());
    let report = direct.take_report();
    let failures = report.failures("one.example");
    assert_eq!(failures[&FailureType::StarttlsNotSupported], 1);
}

#[tokio::test]
async fn where_tls_is_required_nothing_goes_without() {
    let own = Identity::new("a.example");
    let zone = || Zone::default().mx("one.example", &[(10, "a.example")]);
    let clear = serve(Security::None, &own, "250 x\r\n").await;
    let strict = direct(zone(), &clear).require_tls_for("One.example");
    let outcome = send(&strict, &to(&["r@one.example"])).await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::StartTls)
    );
    assert_eq!(clear.heard(1).await[0].clear, ["EHLO own.example", "QUIT"]);

    let server = serve(Security::StartTls, &own, "250 x\r\n").await;
    let strict = direct(zone(), &server).require_tls().tls(trusting(&own));
    assert!(send(&strict, &to(&["r@one.example"])).await.is_accepted());
    let stranger = direct(zone(), &server).require_tls();
    let outcome = send(&stranger, &to(&["r@one.example"])).await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Tls)
    );
}

const ENFORCE: &str = "version: STSv1\nmode: enforce\nmx: *.example\nmax_age: 86400\n";
const TESTING: &str = "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 86400\n";

#[tokio::test]
async fn rfc8461_5_a_policy_is_enforced() {
    let (own, other) = (Identity::new("a.example"), Identity::new("b.example"));
    let zone = || {
        Zone::default()
            .mx("one.example", &[(10, "a.example")])
            .sts("one.example")
    };
    let policies = [("one.example", ENFORCE)];
    let server = serve(Security::StartTls, &own, "250 x\r\n").await;
    let direct = with_policies(zone(), &server, &policies).tls(trusting(&own));
    assert!(send(&direct, &to(&["r@one.example"])).await.is_accepted());
    assert_eq!(direct.take_report().successes("one.example"), 1);

    let server = serve(Security::StartTls, &other, "250 x\r\n").await;
    let direct = with_policies(zone(), &server, &policies).tls(trusting(&other));
    let outcome = send(&direct, &to(&["r@one.example"])).await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Tls)
    );
    let report = direct.take_report();
    let failures = report.failures("one.example");
    assert_eq!(failures[&FailureType::CertificateHostMismatch], 1);
    assert!(server.heard(1).await[0].inside.is_empty());
}

#[tokio::test]
async fn rfc8461_4_1_a_host_that_the_policy_does_not_name_gets_no_mail() {
    let own = Identity::new("a.example");
    let server = serve(Security::StartTls, &own, "250 x\r\n").await;
    let zone = Zone::default()
        .mx("one.example", &[(10, "mx.evil.test")])
        .sts("one.example");
    let direct = with_policies(zone, &server, &[("one.example", ENFORCE)]).tls(trusting(&own));
    let outcome = send(&direct, &to(&["r@one.example"])).await;
    assert_eq!(outcome.outcome, Outcome::Deferred);
    assert!(outcome.to_string().contains("4.7.5"), "{outcome}");
}

#[tokio::test]
async fn rfc8461_5_testing_delivers_and_reports() {
    let other = Identity::new("b.example");
    let server = serve(Security::StartTls, &other, "250 x\r\n").await;
    let zone = Zone::default()
        .mx("one.example", &[(10, "a.example")])
        .sts("one.example");
    let direct = with_policies(zone, &server, &[("one.example", TESTING)]).tls(trusting(&other));
    assert!(send(&direct, &to(&["r@one.example"])).await.is_accepted());
    let report = direct.take_report();
    assert_eq!(
        report.failures("one.example")[&FailureType::CertificateHostMismatch],
        1
    );
}

#[tokio::test]
async fn rfc8461_5_1_a_policy_holds_though_its_record_is_gone() {
    let (own, other) = (Identity::new("a.example"), Identity::new("b.example"));
    let server = serve(Security::StartTls, &other, "250 x\r\n").await;
    let zone = Zone::default()
        .mx("one.example", &[(10, "a.example")])
        .sts("one.example");
    let text = Arc::clone(&zone.text);
    let direct = with_policies(zone, &server, &[("one.example", ENFORCE)]).tls(trusting(&own));
    let outcome = send(&direct, &to(&["r@one.example"])).await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Tls)
    );
    text.lock().unwrap().clear();
    let outcome = send(&direct, &to(&["r@one.example"])).await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Tls)
    );
}

#[tokio::test]
async fn rfc8461_a_policy_that_cannot_be_had_is_none_and_reported() {
    let server = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    let zone = Zone::default()
        .mx("one.example", &[(10, "a.example")])
        .sts("one.example");
    let direct = direct(zone, &server);
    assert!(send(&direct, &to(&["r@one.example"])).await.is_accepted());
    let report = direct.take_report();
    assert_eq!(
        report.failures("one.example")[&FailureType::StsPolicyFetchError],
        1
    );
}

/// A zone that DNSSEC vouches for, with one TLSA record.
fn signed_zone(record: Tlsa) -> Zone {
    let mut zone = Zone::default().mx("one.example", &[(10, "a.example")]);
    zone.tlsa.insert("a.example".to_owned(), vec![record]);
    Zone {
        secure: true,
        tlsa_secure: true,
        ..zone
    }
}

#[tokio::test]
async fn rfc7672_3_1_1_dane_ee_wants_the_key_and_neither_name_nor_date() {
    let own = Identity::expired("whatever");
    let server = serve(Security::StartTls, &own, "250 x\r\n").await;
    let of_512 = ::ring::digest::digest(&::ring::digest::SHA512, &own.public_key());
    for record in [
        tlsa(3, 1, &own.public_key()),
        tlsa(3, 0, own.der()),
        record([3, 1, 2], of_512.as_ref()),
        record([3, 0, 0], own.der()),
    ] {
        let direct = direct(signed_zone(record), &server);
        let outcome = send(&direct, &to(&["r@one.example"])).await;
        assert!(outcome.is_accepted(), "{outcome}");
        assert_eq!(direct.take_report().successes("one.example"), 1);
    }
    let direct = direct(signed_zone(tlsa(3, 1, b"another key")), &server);
    let outcome = send(&direct, &to(&["r@one.example"])).await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Tls)
    );
    assert!(
        outcome.to_string().contains("none of the TLSA records"),
        "{outcome}"
    );
    assert_eq!(direct.take_report().failures("one.example").len(), 1);
}

#[tokio::test]
async fn rfc7672_3_1_2_dane_ta_wants_an_authority_and_a_name() {
    for (name, good) in [
        ("a.example", true),
        ("one.example", true),
        ("b.example", false),
    ] {
        let own = Identity::signed(name);
        let server = serve(Security::StartTls, &own, "250 x\r\n").await;
        let authority = own.authority_der();
        for record in [tlsa(2, 0, authority), record([2, 0, 0], authority)] {
            let direct = direct(signed_zone(record), &server);
            let outcome = send(&direct, &to(&["r@one.example"])).await;
            assert_eq!(outcome.is_accepted(), good, "{name}: {outcome}");
        }
    }
    let own = Identity::signed("a.example");
    let server = serve(Security::StartTls, &own, "250 x\r\n").await;
    let direct = direct(signed_zone(tlsa(2, 0, b"another authority")), &server);
    assert!(!send(&direct, &to(&["r@one.example"])).await.is_accepted());
}

#[tokio::test]
async fn rfc7672_2_2_records_count_only_where_dnssec_vouches_for_them() {
    let server = serve(Security::StartTls, &Identity::new("x"), "250 x\r\n").await;
    let wrong = || signed_zone(tlsa(3, 1, b"another key"));
    for zone in [
        Zone {
            secure: false,
            ..wrong()
        },
        Zone {
            tlsa_secure: false,
            ..wrong()
        },
    ] {
        assert!(
            send(&direct(zone, &server), &to(&["r@one.example"]))
                .await
                .is_accepted()
        );
    }
}

#[tokio::test]
async fn rfc7672_2_1_1_no_answer_for_tlsa_is_not_the_same_as_none() {
    let server = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    let zone = Zone {
        tlsa_fails: true,
        ..signed_zone(tlsa(3, 1, b""))
    };
    let direct = direct(zone, &server);
    let outcome = send(&direct, &to(&["r@one.example"])).await;
    assert_eq!(outcome.outcome, Outcome::Deferred);
    assert!(outcome.to_string().contains("bogus"), "{outcome}");
    assert_eq!(
        direct.take_report().failures("one.example")[&FailureType::DnssecInvalid],
        1
    );
}

#[tokio::test]
async fn rfc7672_2_2_records_that_cannot_be_used_still_want_tls() {
    let odd = record([1, 1, 1], &[0; 32]);
    let clear = serve(Security::None, &Identity::new("x"), "250 x\r\n").await;
    let outcome = send(
        &direct(signed_zone(odd.clone()), &clear),
        &to(&["r@one.example"]),
    )
    .await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::StartTls)
    );
    let server = serve(Security::StartTls, &Identity::new("x"), "250 x\r\n").await;
    assert!(
        send(&direct(signed_zone(odd), &server), &to(&["r@one.example"]))
            .await
            .is_accepted()
    );
}

#[tokio::test]
async fn rfc8689_4_2_1_requiretls_wants_hosts_that_are_vouched_for() {
    let own = Identity::new("a.example");
    let server = serve(Security::StartTls, &own, "250-x\r\n250 REQUIRETLS\r\n").await;
    let mut parameters = MailParameters::default();
    parameters.require_tls = true;
    let envelope = to(&["r@one.example"]).with_parameters(parameters);
    let zone = || Zone::default().mx("one.example", &[(10, "a.example")]);
    let outcome = send(&direct(zone(), &server).tls(trusting(&own)), &envelope).await;
    assert_eq!(outcome.outcome, Outcome::Refused);
    assert!(outcome.to_string().contains("5.7.30"), "{outcome}");
    let policies = [("one.example", TESTING)];
    let vouched = with_policies(zone().sts("one.example"), &server, &policies).tls(trusting(&own));
    let outcome = send(&vouched, &envelope).await;
    assert!(outcome.is_accepted(), "{outcome}");
    // In testing mode as well: the mail asks for more than the policy.
    let stranger = with_policies(zone().sts("one.example"), &server, &policies);
    let outcome = send(&stranger, &envelope).await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Tls)
    );
}

#[tokio::test]
async fn rfc8461_3_3_a_policy_is_fetched_over_https_from_its_own_host() {
    let own = Identity::new("mta-sts.one.example");
    let other = Identity::new("mta-sts.other.example");
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{ENFORCE}",
        ENFORCE.len()
    );
    let route = || Route::direct().resolved(["127.0.0.1".parse().unwrap()]);
    let (port, asked) = tls_server::https(&own, reply.clone()).await;
    let fetch = HttpsFetch::new(trusting(&own)).route(route()).port(port);
    let text = fetch.fetch("one.example").await.unwrap();
    assert_eq!(text, ENFORCE.as_bytes());
    let request = asked.await.unwrap();
    assert!(
        request.starts_with("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("\r\nHost: mta-sts.one.example\r\n"),
        "{request}"
    );
    let (port, _asked) = tls_server::https(&other, reply).await;
    let fetch = HttpsFetch::new(trusting(&other)).route(route()).port(port);
    let error = fetch.fetch("one.example").await.unwrap_err();
    assert!(matches!(error, FetchError::Certificate(_)), "{error}");
}

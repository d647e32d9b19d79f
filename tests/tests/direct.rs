//! Direct delivery to Postfix, with DNS as the test has it: DANE, TLS that is required, and TLS with whomever.
#![cfg(feature = "drivers")]

use postrider_smtp::direct::{Answer, Direct, MailExchanger, ResolveError, Resolver, Tlsa};
use postrider_smtp::{Endpoint, Envelope, Outcome, RecipientOutcome, Stage};
use postrider_tests::servers::{MailServers, SmtpPort, or_left_out};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Mail for every domain goes to one host on this machine, and DNSSEC vouches for it.
struct Zone {
    host: &'static str,
    tlsa: Vec<Tlsa>,
}

fn vouched<T>(records: Vec<T>) -> Result<Answer<T>, ResolveError> {
    Ok(Answer {
        records,
        secure: true,
    })
}

impl Resolver for Zone {
    async fn mail_exchangers(&self, _: &str) -> Result<Answer<MailExchanger>, ResolveError> {
        let host = self.host.to_owned();
        vouched(vec![MailExchanger {
            preference: 10,
            host,
        }])
    }

    async fn addresses(&self, _: &str) -> Result<Answer<IpAddr>, ResolveError> {
        vouched(vec![Ipv4Addr::LOCALHOST.into()])
    }

    async fn tlsa(&self, _: &str) -> Result<Answer<Tlsa>, ResolveError> {
        vouched(self.tlsa.clone())
    }

    async fn text(&self, _: &str) -> Result<Answer<Vec<u8>>, ResolveError> {
        Err(ResolveError::NoSuchName)
    }
}

/// `3 0 0`: the certificate itself.
fn whole(certificate: &[u8]) -> Tlsa {
    Tlsa {
        usage: 3,
        selector: 0,
        matching: 0,
        data: certificate.to_vec(),
    }
}

async fn send(direct: &Direct<Zone>, user: &str) -> RecipientOutcome {
    let envelope = Envelope::parse("sender@pf.test", [format!("{user}@mail.test")]).unwrap();
    let message = b"Subject: straight\r\n\r\n.\r\nthere\r\n";
    direct.send(&envelope, message).await.remove(0)
}

#[tokio::test]
async fn postfix_takes_mail_without_a_relay_between() {
    let Some(servers) = or_left_out("direct delivery", MailServers::shared()) else {
        return;
    };
    let port = servers.smtp(SmtpPort::Full).port();
    let direct = |host, tlsa| {
        let zone = Zone { host, tlsa };
        let name = "client.example".parse().unwrap();
        Direct::new(zone, name).unwrap().port(port)
    };
    // Its authority is known to nobody: TLS with whomever.
    assert!(
        send(&direct("localhost", vec![]), "alice")
            .await
            .is_accepted()
    );
    let strict = direct("localhost", vec![]).require_tls();
    let outcome = send(&strict, "bob").await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Tls)
    );
    let strict = strict.tls(servers.tls());
    assert!(send(&strict, "carol").await.is_accepted());
    let misnamed = direct("mx.pf.test", vec![])
        .require_tls()
        .tls(servers.tls());
    let outcome = send(&misnamed, "bob").await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Tls)
    );

    let tls = servers.smtp(SmtpPort::ImplicitTls);
    let tls = Endpoint::new("localhost", tls.port()).unwrap();
    let soon = Duration::from_secs(10);
    let stream = postrider_wire::connect_tls(&tls, &servers.tls(), soon)
        .await
        .unwrap();
    let certificate = stream.peer_certificates()[0].to_vec();
    // DANE-EE asks for the certificate, and not for its name.
    let pinned = direct("mx.pf.test", vec![whole(&certificate)]);
    assert!(send(&pinned, "dave").await.is_accepted());
    assert_eq!(pinned.take_report().successes("mail.test"), 1);
    let other = direct("localhost", vec![whole(b"another")]);
    let outcome = send(&other, "bob").await;
    assert_eq!(
        (outcome.outcome, outcome.stage),
        (Outcome::Deferred, Stage::Tls)
    );

    for user in ["alice", "carol", "dave"] {
        servers.await_delivery(user, 1);
    }
    assert_eq!(servers.delivered("bob"), 0);
}

//! TLS against a server with certificates made for the test: both clients, both ways to begin it, and what must be refused.
#![cfg(all(feature = "tokio", feature = "blocking"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod tls_server;

use postrider_smtp::*;
use tls_server::{Identity, Server, serve};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

fn config(server: &Server, tls: Tls) -> Config {
    Config::new(server.endpoint.clone())
        .security(server.security)
        .tls(tls)
}

fn trusting(identity: &Identity) -> Tls {
    let builder = Tls::builder().only_added_roots();
    let builder = builder.add_root_pem(identity.pem().as_bytes()).unwrap();
    builder.build().unwrap()
}

fn envelope() -> Envelope {
    Envelope::parse("a@example.com", ["r@example.com"]).unwrap()
}

/// Sends one mail with each of the clients; what became of it.
async fn send(config: &Config, envelope: &Envelope) -> Vec<Result<RecipientOutcome, Error>> {
    let waiting = async {
        let mut client = Client::connect(config).await?;
        assert!(client.is_tls());
        let outcome = client.send(envelope, MESSAGE).await.remove(0);
        client.quit().await;
        Ok(outcome)
    };
    let first = waiting.await;
    let (config, envelope) = (config.clone(), envelope.clone());
    let blocking = move || {
        let mut client = blocking::Client::connect(&config)?;
        assert!(client.is_tls());
        let outcome = client.send(&envelope, MESSAGE).remove(0);
        client.quit();
        Ok(outcome)
    };
    vec![first, tokio::task::spawn_blocking(blocking).await.unwrap()]
}

const BOTH: [Security; 2] = [Security::Tls, Security::StartTls];

#[tokio::test(flavor = "multi_thread")]
async fn rfc8314_3_and_rfc3207_a_mail_goes_inside_tls() {
    for security in BOTH {
        let own = Identity::new("localhost");
        let server = serve(security, &own, "250-x\r\n250 8BITMIME\r\n").await;
        for outcome in send(&config(&server, trusting(&own)), &envelope()).await {
            assert!(outcome.unwrap().is_accepted());
        }
        for heard in server.heard(2).await {
            let clear: &[&str] = match security {
                Security::StartTls => &["EHLO [127.0.0.1]", "STARTTLS"],
                _ => &[],
            };
            assert_eq!(heard.clear, clear);
            assert_eq!(heard.inside.first().unwrap(), "EHLO [127.0.0.1]");
            assert!(
                heard
                    .inside
                    .contains(&"MAIL FROM:<a@example.com>".to_owned())
            );
        }
    }
}

/// What each of the clients says of a server with such a certificate; nothing was sent inside TLS.
async fn refusals(own: &Identity, tls: Tls, security: Security) -> Vec<String> {
    let server = serve(security, own, "250 x\r\n").await;
    let config = config(&server, tls).credentials(Credentials::password("user", "secret").unwrap());
    let mut errors = Vec::new();
    for refused in send(&config, &envelope()).await {
        let error = refused.unwrap_err();
        assert_eq!((error.stage(), error.fault()), (Stage::Tls, Fault::Account));
        assert!(!error.is_retryable(), "{error}");
        errors.push(error.to_string());
    }
    for heard in server.heard(2).await {
        assert!(heard.inside.is_empty(), "{heard:?}");
        assert!(
            heard
                .clear
                .iter()
                .all(|line| line == "EHLO [127.0.0.1]" || line == "STARTTLS")
        );
    }
    errors
}

#[tokio::test(flavor = "multi_thread")]
async fn t6f_a_certificate_that_is_not_in_order_is_refused_with_a_hint() {
    let other = Identity::new("other.example");
    let expired = Identity::expired("localhost");
    let own = Identity::new("localhost");
    let authority = Identity::authority("localhost");
    let stranger = trusting(&Identity::new("stranger"));
    let namesake = trusting(&Identity::new("localhost"));
    for security in BOTH {
        for (identity, tls, hint) in [
            (&other, trusting(&other), "belongs to another name"),
            (&expired, trusting(&expired), "has expired"),
            (&own, stranger.clone(), "add the authority's certificate"),
            (&own, namesake.clone(), "is not signed by it"),
            (&authority, stranger.clone(), "pin its SHA-256 fingerprint"),
        ] {
            for error in refusals(identity, tls, security).await {
                assert!(error.contains(hint), "{error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_certificate_will_do_and_another_will_not() {
    let (own, other) = (Identity::authority("whatever"), Identity::new("localhost"));
    let pinned = Tls::builder().pin_sha256(own.sha256()).build().unwrap();
    let server = serve(Security::Tls, &own, "250 x\r\n").await;
    for outcome in send(&config(&server, pinned.clone()), &envelope()).await {
        assert!(outcome.unwrap().is_accepted());
    }
    for error in refusals(&other, pinned, Security::Tls).await {
        assert!(error.contains("not the one that is pinned"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8314_a_server_in_clear_text_is_told_from_one_with_tls() {
    let server = serve(Security::None, &Identity::new("localhost"), "250 x\r\n").await;
    let config = config(&server, Tls::webpki_roots().unwrap()).security(Security::Tls);
    for refused in send(&config, &envelope()).await {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("did you mean Security::StartTls"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc4422_a_client_certificate_can_be_the_log_in() {
    let own = Identity::new("localhost");
    let ada = Identity::new("ada");
    let server = serve(Security::StartTls, &own, "250-x\r\n250 AUTH EXTERNAL\r\n").await;
    let tls = Tls::builder()
        .only_added_roots()
        .add_root_pem(own.pem().as_bytes())
        .unwrap()
        .client_certificate_pem(ada.pem().as_bytes(), ada.key_pem().as_bytes())
        .unwrap();
    let config = config(&server, tls.build().unwrap()).credentials(Credentials::external());
    for outcome in send(&config, &envelope()).await {
        assert!(outcome.unwrap().is_accepted());
    }
    for heard in server.heard(2).await {
        assert_eq!(heard.certificate.as_deref(), Some(ada.der()));
        assert!(
            heard.inside.contains(&"AUTH EXTERNAL =".to_owned()),
            "{heard:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8689_a_mail_that_requires_tls_says_so_or_is_refused() {
    let own = Identity::new("localhost");
    let mut parameters = MailParameters::default();
    parameters.require_tls = true;
    let envelope = envelope().with_parameters(parameters);
    let server = serve(Security::StartTls, &own, "250-x\r\n250 REQUIRETLS\r\n").await;
    for outcome in send(&config(&server, trusting(&own)), &envelope).await {
        assert!(outcome.unwrap().is_accepted());
    }
    for heard in server.heard(2).await {
        let mail = "MAIL FROM:<a@example.com> REQUIRETLS".to_owned();
        assert!(heard.inside.contains(&mail), "{heard:?}");
    }
    let server = serve(Security::StartTls, &own, "250 x\r\n").await;
    for outcome in send(&config(&server, trusting(&own)), &envelope).await {
        let outcome = outcome.unwrap();
        assert_eq!(
            (outcome.outcome, outcome.stage),
            (Outcome::Refused, Stage::Local)
        );
        assert!(outcome.to_string().contains("REQUIRETLS"), "{outcome}");
    }
    for heard in server.heard(2).await {
        assert!(
            !heard.inside.iter().any(|line| line.starts_with("MAIL")),
            "{heard:?}"
        );
    }
}

#[cfg(feature = "scram")]
#[tokio::test(flavor = "multi_thread")]
async fn rfc9266_a_login_is_bound_to_the_connection() {
    let own = Identity::new("localhost");
    for (offered, flag) in [
        (
            "250-x\r\n250 AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN\r\n",
            "p=tls-exporter,,",
        ),
        // The offer was removed on the way, or there is none: the server is told that we could.
        ("250-x\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n", "y,,"),
    ] {
        let server = serve(Security::StartTls, &own, offered).await;
        let credentials = Credentials::password("user", "pencil").unwrap();
        let config = config(&server, trusting(&own)).credentials(credentials);
        for outcome in send(&config, &envelope()).await {
            assert!(outcome.unwrap().is_accepted());
        }
        for heard in server.heard(2).await {
            let scram = heard.scram.unwrap();
            assert!(scram.first.starts_with(flag), "{}", scram.first);
            let bound = match flag {
                "y,," => flag.as_bytes().to_vec(),
                _ => [flag.as_bytes(), &scram.exported].concat(),
            };
            assert_eq!(scram.channel, bound);
        }
    }
}

#[cfg(feature = "scram")]
#[tokio::test(flavor = "multi_thread")]
async fn rfc5802_6_whoever_does_not_want_to_bind_says_so() {
    let own = Identity::new("localhost");
    let offered = "250-x\r\n250 AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n";
    let server = serve(Security::Tls, &own, offered).await;
    let config = config(&server, trusting(&own))
        .credentials(Credentials::password("user", "pencil").unwrap())
        .without_channel_binding();
    for outcome in send(&config, &envelope()).await {
        assert!(outcome.unwrap().is_accepted());
    }
    for heard in server.heard(2).await {
        assert!(heard.scram.unwrap().first.starts_with("n,,"));
    }
}

#[cfg(feature = "scram")]
#[tokio::test(flavor = "multi_thread")]
async fn rfc5802_6_a_server_that_offers_plus_is_not_told_that_it_does_not() {
    use postrider_wire::sasl::Mechanism;
    let own = Identity::new("localhost");
    let offered = "250-x\r\n250 AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n";
    let server = serve(Security::Tls, &own, offered).await;
    let password = Credentials::password("user", "pencil").unwrap();
    let config =
        config(&server, trusting(&own)).credentials(password.only([Mechanism::ScramSha256]));
    for outcome in send(&config, &envelope()).await {
        assert!(outcome.unwrap().is_accepted());
    }
    for heard in server.heard(2).await {
        let first = heard.scram.unwrap().first;
        assert!(first.starts_with("n,,"), "{first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_goes_through_a_proxy_to_the_name_that_was_asked_for() {
    let own = Identity::new("mx.example.invalid");
    let server = serve(Security::Tls, &own, "250 x\r\n").await;
    let (proxy, asked) = tls_server::socks5(server.endpoint.clone()).await;
    let endpoint = Endpoint::new("mx.example.invalid", 465).unwrap();
    let config = Config::new(endpoint)
        .tls(trusting(&own))
        .route(Route::direct().proxy(proxy));
    for outcome in send(&config, &envelope()).await {
        assert!(outcome.unwrap().is_accepted());
    }
    assert_eq!(asked.await.unwrap(), ["mx.example.invalid:465"; 2]);
}

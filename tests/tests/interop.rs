//! Postfix and Dovecot: our clients against servers that others wrote, in every way they can be set up.
#![cfg(feature = "drivers")]

use postrider_pop3::MessageNumber;
use postrider_smtp::{Credentials, Envelope, Mail, Outcome, Pipelining, Security, Stage};
use postrider_tests::messages::{TRICKY, arrived};
use postrider_tests::servers::{MailServers, PASSWORD, SmtpPort, SmtpSink, or_left_out};
use std::sync::Arc;

fn servers(test: &str) -> Option<Arc<MailServers>> {
    or_left_out(test, MailServers::shared())
}

fn smtp(servers: &MailServers, port: SmtpPort, security: Security) -> postrider_smtp::Config {
    postrider_smtp::Config::new(servers.smtp(port))
        .security(security)
        .tls(servers.tls())
}

fn pop3(servers: &MailServers, user: &str, security: Security) -> postrider_pop3::Config {
    let endpoint = match security {
        Security::Tls => servers.pop3s(),
        _ => servers.pop3(),
    };
    postrider_pop3::Config::new(endpoint)
        .security(security)
        .tls(servers.tls())
        .credentials(Credentials::password(user, PASSWORD).unwrap())
}

async fn send(
    config: &postrider_smtp::Config,
    to: &[&str],
    messages: &[&[u8]],
) -> Vec<Vec<Outcome>> {
    let envelope = Envelope::parse("sender@pf.test", to).unwrap();
    let mails: Vec<Mail<'_>> = messages
        .iter()
        .map(|message| Mail::new(&envelope, message))
        .collect();
    let mut client = postrider_smtp::Client::connect(config).await.unwrap();
    let settled = client.send_all(&mails).await;
    client.quit().await;
    let outcomes =
        |all: Vec<postrider_smtp::RecipientOutcome>| all.iter().map(|o| o.outcome).collect();
    settled.into_iter().map(outcomes).collect()
}

/// Waits for `count` mails in a maildrop and takes them out, without the fields that the servers put in front.
async fn fetch(servers: &MailServers, user: &str, security: Security, count: u32) -> Vec<Vec<u8>> {
    servers.await_delivery(user, count as usize);
    let mut client = postrider_pop3::Client::connect(&pop3(servers, user, security))
        .await
        .unwrap();
    assert_eq!(client.stat().await.unwrap().count, count);
    let mut fetched = Vec::new();
    for number in (1..=count).map(|n| MessageNumber::new(n).unwrap()) {
        let message = client.retr_to_vec(number, 1 << 20).await.unwrap();
        client.dele(number).await.unwrap();
        fetched.push(message);
    }
    client.quit().await.unwrap();
    assert_eq!(servers.delivered(user), 0, "deleted at QUIT");
    fetched
}

fn message(subject: &str) -> Vec<u8> {
    format!("Subject: {subject}\r\n\r\n.\r\n..dots\r\n.\r\nend\r\n").into_bytes()
}

#[tokio::test]
async fn postfix_takes_mail_in_every_mode_and_dovecot_hands_it_out() {
    let Some(servers) = servers("sending in every mode") else {
        return;
    };
    let modes = [
        (SmtpPort::Full, Security::None),
        (SmtpPort::Full, Security::StartTls),
        (SmtpPort::Full, Security::StartTlsIfOffered),
        (SmtpPort::ImplicitTls, Security::Tls),
        (SmtpPort::Bare, Security::None),
        (SmtpPort::Bare, Security::StartTlsIfOffered),
        (SmtpPort::Strict, Security::None),
        (SmtpPort::Strict, Security::StartTls),
    ];
    for (place, (port, security)) in modes.into_iter().enumerate() {
        let sent = message(&format!("{place}"));
        let settled = send(
            &smtp(&servers, port, security),
            &["alice@mail.test"],
            &[&sent],
        )
        .await;
        assert_eq!(settled, [[Outcome::Accepted]], "{port:?} {security}");
        let by = if place % 2 == 0 {
            Security::StartTls
        } else {
            Security::Tls
        };
        let fetched = fetch(&servers, "alice", by, 1).await;
        assert!(fetched[0].ends_with(&sent), "{}", fetched[0].escape_ascii());
    }
}

#[tokio::test]
async fn tricky_messages_arrive_as_they_are_at_every_level() {
    let Some(servers) = servers("tricky messages") else {
        return;
    };
    use Pipelining::{Chunked, Flight, LookAhead, Off};
    // A header in front, so that the fields that Postfix adds cannot be taken for a part of the message.
    let sent: Vec<Vec<u8>> = TRICKY
        .iter()
        .map(|m| [b"X-Test: x\r\n\r\n", *m].concat())
        .collect();
    let messages: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
    for level in [Off, Flight, LookAhead, Chunked] {
        let config = smtp(&servers, SmtpPort::Strict, Security::StartTls).pipelining(level);
        let settled = send(&config, &["bob@mail.test"], &messages).await;
        assert!(
            settled.concat().iter().all(|o| *o == Outcome::Accepted),
            "{level:?} {settled:?}"
        );
        let count = u32::try_from(messages.len()).unwrap();
        let fetched = fetch(&servers, "bob", Security::StartTls, count).await;
        for message in &sent {
            let arrived = arrived(message);
            assert!(
                fetched.iter().any(|f| f.ends_with(&arrived)),
                "{}",
                arrived.escape_ascii()
            );
        }
    }
}

#[tokio::test]
async fn postfix_authenticates_through_dovecot() {
    let Some(servers) = servers("AUTH") else {
        return;
    };
    let right = Credentials::password("carol", PASSWORD).unwrap();
    let wrong = Credentials::password("carol", "wrong").unwrap();
    let config = smtp(&servers, SmtpPort::AuthAfterStartTls, Security::StartTls);
    let sent = message("authenticated");
    let settled = send(
        &config.clone().credentials(right.clone()),
        &["carol@mail.test"],
        &[&sent],
    )
    .await;
    assert_eq!(settled, [[Outcome::Accepted]]);
    assert!(fetch(&servers, "carol", Security::Tls, 1).await[0].ends_with(&sent));

    let error = postrider_smtp::Client::connect(&config.clone().credentials(wrong))
        .await
        .unwrap_err();
    assert_eq!(error.stage(), Stage::Auth);
    assert_eq!(
        error.reply().map(|reply| reply.code().value()),
        Some(535),
        "{error}"
    );

    let unknown = send(&config, &["carol@mail.test"], &[&sent]).await;
    assert_eq!(
        unknown,
        [[Outcome::Refused]],
        "nobody is let in without AUTH"
    );

    // In clear text too: Postfix offers SCRAM, which tells a listener nothing.
    let clear = smtp(&servers, SmtpPort::AuthInClear, Security::None).credentials(right);
    let settled = send(&clear, &["carol@mail.test"], &[&sent]).await;
    assert_eq!(settled, [[Outcome::Accepted]]);
    fetch(&servers, "carol", Security::StartTls, 1).await;
}

#[tokio::test]
async fn one_bad_recipient_loses_no_other() {
    let Some(servers) = servers("partial refusals") else {
        return;
    };
    use Outcome::{Accepted, Deferred, Refused};
    let to = [
        "bad@pf.test",
        "dave@mail.test",
        "tmp@pf.test",
        "nobody@mail.test",
        "erin@mail.test",
    ];
    let expected = [Refused, Accepted, Deferred, Refused, Accepted];
    let (first, second) = (message("first"), message("second"));
    for port in [SmtpPort::Full, SmtpPort::Bare] {
        let config = smtp(&servers, port, Security::None);
        let settled = send(&config, &to, &[&first, &second]).await;
        assert_eq!(settled, [expected, expected], "{port:?}");
        for user in ["dave", "erin"] {
            assert_eq!(fetch(&servers, user, Security::StartTls, 2).await.len(), 2);
        }
    }
}

#[tokio::test]
async fn when_everybody_is_refused_the_connection_goes_on() {
    let Some(servers) = servers("full refusals") else {
        return;
    };
    let sent = message("after a refusal");
    let nobody = Envelope::parse("sender@pf.test", ["bad@pf.test", "no@mail.test"]).unwrap();
    let frank = Envelope::parse("sender@pf.test", ["frank@mail.test"]).unwrap();
    let config = smtp(&servers, SmtpPort::Full, Security::None);
    let mut client = postrider_smtp::Client::connect(&config).await.unwrap();
    let settled = client
        .send_all(&[Mail::new(&nobody, &sent), Mail::new(&frank, &sent)])
        .await;
    assert!(
        settled[0]
            .iter()
            .all(|outcome| outcome.outcome == Outcome::Refused)
    );
    assert!(
        settled[1].iter().all(|outcome| outcome.is_accepted()),
        "{:?}",
        settled[1]
    );
    assert!(client.is_usable());
    client.quit().await;
    assert!(fetch(&servers, "frank", Security::Tls, 1).await[0].ends_with(&sent));
}

#[tokio::test]
async fn a_server_that_hangs_up_at_a_recipient_defers() {
    let Some(servers) = servers("421 at RCPT") else {
        return;
    };
    let config = smtp(&servers, SmtpPort::Full, Security::None);
    let settled = send(
        &config,
        &["grace@mail.test", "bye@pf.test"],
        &[&message("never")],
    )
    .await;
    assert_eq!(settled, [[Outcome::Deferred, Outcome::Deferred]]);
    assert_eq!(servers.delivered("grace"), 0);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let Some(servers) = servers("unknown authority") else {
        return;
    };
    let smtp =
        postrider_smtp::Config::new(servers.smtp(SmtpPort::Full)).security(Security::StartTls);
    let error = postrider_smtp::Client::connect(&smtp).await.unwrap_err();
    assert_eq!(error.stage(), Stage::Tls, "{error}");
    assert!(!error.is_retryable());
    let pop3 = postrider_pop3::Config::new(servers.pop3s())
        .security(Security::Tls)
        .credentials(Credentials::password("alice", PASSWORD).unwrap());
    let error = postrider_pop3::Client::connect(&pop3).await.unwrap_err();
    assert!(error.to_string().contains("authority"), "{error}");
}

#[tokio::test]
async fn dovecot_refuses_a_wrong_password_and_says_so() {
    let Some(servers) = servers("a wrong password") else {
        return;
    };
    let config = pop3(&servers, "heidi", Security::Tls)
        .credentials(Credentials::password("heidi", "wrong").unwrap());
    let error = postrider_pop3::Client::connect(&config).await.unwrap_err();
    assert!(error.is_credential_fault(), "{error}");
    assert!(!error.to_string().contains("wrong\""), "{error}");
}

#[tokio::test]
async fn what_is_not_committed_by_quit_stays() {
    let Some(servers) = servers("DELE without QUIT") else {
        return;
    };
    let sent = message("kept");
    let settled = send(
        &smtp(&servers, SmtpPort::Full, Security::None),
        &["ivan@mail.test"],
        &[&sent],
    )
    .await;
    assert_eq!(settled, [[Outcome::Accepted]]);
    servers.await_delivery("ivan", 1);
    let config = pop3(&servers, "ivan", Security::StartTls);
    let mut client = postrider_pop3::Client::connect(&config).await.unwrap();
    client.dele(MessageNumber::new(1).unwrap()).await.unwrap();
    drop(client);
    assert!(fetch(&servers, "ivan", Security::StartTls, 1).await[0].ends_with(&sent));
}

#[tokio::test]
async fn smtp_sink_takes_mail_over_smtp_and_lmtp() {
    use Outcome::{Accepted, Refused};
    let to = ["a@sink.test", "b@sink.test"];
    for (options, protocol, expected) in [
        (&["-8"][..], postrider_smtp::Protocol::Smtp, [Accepted; 2]),
        (&["-L"], postrider_smtp::Protocol::Lmtp, [Accepted; 2]),
        (
            &["-f", "RCPT"],
            postrider_smtp::Protocol::Smtp,
            [Refused; 2],
        ),
    ] {
        let Some(sink) = or_left_out("smtp-sink", SmtpSink::start(options)) else {
            return;
        };
        let config = postrider_smtp::Config::new(sink.endpoint())
            .security(Security::None)
            .protocol(protocol);
        let settled = send(&config, &to, &[&message("one"), &message("two")]).await;
        assert_eq!(settled, [expected, expected], "{options:?}");
    }
}

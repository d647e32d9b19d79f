//! Our SMTP client against Postfix, in bulk and with every extension that it offers. `POSTRIDER_INTEROP_MAILS` sets how
//! many mails go out at each level (1,000).
#![cfg(feature = "drivers")]

use postrider_pop3::MessageNumber;
use postrider_smtp::content::{self, Source};
use postrider_smtp::{
    Cause, Client, Config, Credentials, Envelope, ErrorKind, Extension, Mail, MailParameters,
    Notify, OriginalRecipient, Outcome, Pipelining, RcptParameters, RecipientOutcome, Return,
    Security,
};
use postrider_tests::messages::{TRICKY, arrived};
use postrider_tests::servers::{MailServers, PASSWORD, SmtpPort, or_left_out};
use std::collections::HashMap;
use std::sync::Arc;
use std::task::Poll;

fn servers(test: &str) -> Option<Arc<MailServers>> {
    or_left_out(test, MailServers::shared())
}

fn config(servers: &MailServers, security: Security) -> Config {
    let port = match security {
        Security::Tls => SmtpPort::ImplicitTls,
        _ => SmtpPort::Full,
    };
    Config::new(servers.smtp(port))
        .security(security)
        .tls(servers.tls())
}

/// Takes every mail out of a maildrop.
async fn empty(servers: &MailServers, user: &str, count: usize) -> Vec<Vec<u8>> {
    // Step by step: each step has its own time.
    for some in (0..=count).step_by(50).chain([count]) {
        servers.await_delivery(user, some);
    }
    let config = postrider_pop3::Config::new(servers.pop3s())
        .security(Security::Tls)
        .tls(servers.tls())
        .credentials(Credentials::password(user, PASSWORD).unwrap());
    let mut client = postrider_pop3::Client::connect(&config).await.unwrap();
    let there = client.stat().await.unwrap().count;
    assert_eq!(there as usize, count);
    let mut mails = Vec::new();
    for number in (1..=there).map(|n| MessageNumber::new(n).unwrap()) {
        mails.push(client.retr_to_vec(number, 64 << 20).await.unwrap());
        client.dele(number).await.unwrap();
    }
    client.quit().await.unwrap();
    mails
}

/// The number that a message was given.
fn number(message: &[u8]) -> usize {
    let text = String::from_utf8_lossy(message);
    let (_, rest) = text.split_once("X-Number: ").unwrap();
    rest.split_once('\r').unwrap().0.parse().unwrap()
}

fn accepted(outcomes: &[RecipientOutcome]) -> bool {
    outcomes.iter().all(RecipientOutcome::is_accepted)
}

#[tokio::test]
async fn a_thousand_mails_at_each_level_arrive_byte_for_byte() {
    let Some(servers) = servers("a thousand mails at each level") else {
        return;
    };
    let count = std::env::var("POSTRIDER_INTEROP_MAILS").ok();
    let count = count.and_then(|n| n.parse().ok()).unwrap_or(1_000);
    use Pipelining::{Chunked, Flight, LookAhead, Off};
    let levels = [
        (Off, "judy", Security::None),
        (Flight, "kevin", Security::StartTls),
        (LookAhead, "laura", Security::Tls),
        (Chunked, "mike", Security::None),
    ];
    for (level, user, security) in levels {
        let message = |n: usize| {
            let body = TRICKY[n % TRICKY.len()];
            let padding = "x".repeat(n % 200);
            let header = format!("X-Number: {n}\r\nX-Padding: {padding}\r\n\r\n");
            [header.as_bytes(), body].concat()
        };
        let sent: Vec<Vec<u8>> = (0..count).map(message).collect();
        let envelope = Envelope::parse("sender@pf.test", [format!("{user}@mail.test")]).unwrap();
        let mails: Vec<Mail<'_>> = sent.iter().map(|m| Mail::new(&envelope, m)).collect();
        let config = config(&servers, security).pipelining(level);
        let mut client = Client::connect(&config).await.unwrap();
        let outcomes = client.send_all(&mails).await;
        assert!(client.is_usable());
        client.quit().await;
        for outcomes in &outcomes {
            assert!(accepted(outcomes), "{level:?}: {}", outcomes[0]);
        }
        let mut found = HashMap::new();
        for mail in empty(&servers, user, count).await {
            let twice = found.insert(number(&mail), mail);
            assert!(twice.is_none(), "{level:?}: a mail arrived twice");
        }
        for (n, message) in sent.iter().enumerate() {
            let mail = found.remove(&n).unwrap();
            let message = arrived(message);
            assert!(
                mail.ends_with(&message),
                "{level:?} {n}: {}",
                mail.escape_ascii()
            );
        }
    }
}

#[tokio::test]
async fn a_large_mail_is_read_while_it_is_sent_with_data_and_with_bdat() {
    let Some(servers) = servers("a large mail") else {
        return;
    };
    let mut message = b"X-Number: 0\r\n\r\n".to_vec();
    (0..200_000).for_each(|n| message.extend(format!(".line {n} of a large mail\r\n").bytes()));
    let envelope = Envelope::parse("sender@pf.test", ["nina@mail.test"]).unwrap();
    for level in [Pipelining::LookAhead, Pipelining::Chunked] {
        let config = config(&servers, Security::StartTls).pipelining(level);
        let mut client = Client::connect(&config).await.unwrap();
        let mut whole = content::from_read(std::io::Cursor::new(message.clone()));
        let source = Source::rewindable(&mut whole).length(message.len() as u64);
        let outcomes = client.send_from(&envelope, source).await;
        assert!(accepted(&outcomes), "{level:?}: {}", outcomes[0]);
        let arrived = empty(&servers, "nina", 1).await.remove(0);
        assert!(
            arrived.ends_with(&message),
            "{level:?}: {} octets",
            arrived.len()
        );

        // The same, cut off: nothing of it may arrive.
        let mut parts = message.chunks(100_000).take(30);
        let mut broken = content::from_fn(|_| {
            let part = parts.next().map(bytes::Bytes::copy_from_slice);
            Poll::Ready(part.ok_or_else(|| std::io::ErrorKind::BrokenPipe.into()))
        });
        let outcomes = client.send_from(&envelope, Source::once(&mut broken)).await;
        assert_eq!(outcomes[0].outcome, Outcome::Deferred, "{}", outcomes[0]);
        assert_eq!(client.is_usable(), level == Pipelining::Chunked);
        if client.is_usable() {
            let outcomes = client
                .send(&envelope, b"X-Number: 1\r\n\r\nafter it\r\n")
                .await;
            assert!(accepted(&outcomes), "{}", outcomes[0]);
            assert_eq!(number(&empty(&servers, "nina", 1).await[0]), 1);
        }
    }
    assert_eq!(servers.delivered("nina"), 0);
}

#[tokio::test]
async fn rfc3461_a_report_of_success_comes_back_with_our_names_in_it() {
    let Some(servers) = servers("DSN") else {
        return;
    };
    let mut parameters = MailParameters::default();
    parameters.ret = Some(Return::Headers);
    parameters.envelope_id = Some("order=1+1".parse().unwrap());
    let envelope = Envelope::parse("oscar@mail.test", ["peggy@mail.test"]).unwrap();
    let envelope = envelope
        .with_parameters(parameters)
        .with_recipient_parameters(|to| {
            let mut parameters = RcptParameters::default();
            parameters.notify = Some(Notify::On {
                success: true,
                failure: true,
                delay: false,
            });
            parameters.original = OriginalRecipient::rfc822(to).ok();
            parameters
        });
    let mut client = Client::connect(&config(&servers, Security::None))
        .await
        .unwrap();
    let outcomes = client
        .send(&envelope, b"Subject: x\r\n\r\nsecret body\r\n")
        .await;
    assert!(accepted(&outcomes), "{}", outcomes[0]);
    client.quit().await;
    empty(&servers, "peggy", 1).await;
    let report = empty(&servers, "oscar", 1).await.remove(0);
    let report = String::from_utf8_lossy(&report);
    assert!(
        report.contains("Original-Envelope-Id: order=1+1\r\n"),
        "{report}"
    );
    assert!(
        report.contains("Original-Recipient: rfc822;peggy@mail.test\r\n"),
        "{report}"
    );
    assert!(report.contains("Action: delivered\r\n"), "{report}");
    assert!(!report.contains("secret body"), "RET=HDRS: {report}");
}

#[tokio::test]
async fn rfc6531_a_header_in_utf8_arrives_and_one_for_a_server_without_is_refused_here() {
    let Some(servers) = servers("SMTPUTF8") else {
        return;
    };
    let message = "Subject: Grüße\r\n\r\nä\r\n".as_bytes();
    let envelope = Envelope::parse("absender@pf.test", ["support@mail.test"]).unwrap();
    let mut client = Client::connect(&config(&servers, Security::None))
        .await
        .unwrap();
    assert!(client.capabilities().offers(Extension::SmtpUtf8));
    let outcomes = client.send(&envelope, message).await;
    assert!(accepted(&outcomes), "{}", outcomes[0]);
    client.quit().await;
    let mail = empty(&servers, "support", 1).await.remove(0);
    assert!(mail.ends_with(message));

    let bare = Config::new(servers.smtp(SmtpPort::Bare)).security(Security::None);
    let mut client = Client::connect(&bare).await.unwrap();
    let outcomes = client.send(&envelope, message).await;
    let missing = |outcome: &RecipientOutcome| match &outcome.cause {
        Cause::Error(error) => matches!(error.kind(), ErrorKind::Missing(_)),
        _ => false,
    };
    assert!(missing(&outcomes[0]), "{}", outcomes[0]);
    assert!(client.is_usable(), "nothing was written");
    client.quit().await;
}

#[tokio::test]
async fn rfc1870_what_is_too_large_is_refused_before_it_is_sent() {
    let Some(servers) = servers("SIZE") else {
        return;
    };
    let mut client = Client::connect(&config(&servers, Security::None))
        .await
        .unwrap();
    let limit = client.capabilities().size().unwrap();
    let envelope = Envelope::parse("sender@pf.test", ["x@pf.test"]).unwrap();
    let mut large = content::from_read(std::io::repeat(b'x'));
    let source = Source::once(&mut large).length(limit + 1);
    let outcomes = client.send_from(&envelope, source).await;
    let Cause::Error(error) = &outcomes[0].cause else {
        panic!("{}", outcomes[0]);
    };
    assert!(
        matches!(error.kind(), ErrorKind::TooLarge { .. }),
        "{error}"
    );
    let outcomes = client.send(&envelope, b"Subject: x\r\n\r\nsmall\r\n").await;
    assert!(accepted(&outcomes), "{}", outcomes[0]);
    client.quit().await;
}

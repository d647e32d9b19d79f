//! Mail in over SMTP, out over POP3, through the sandbox: what arrives is what was sent.
#![cfg(feature = "drivers")]

use postrider_pop3::{MessageNumber, Retrieved};
use postrider_sandbox::{Extension, Sandbox};
use postrider_smtp::{Credentials, Envelope, Mail, Pipelining, Security};
use postrider_tests::messages::{TRICKY, arrived};
use std::ops::ControlFlow;

const ADA: &str = "ada@x.test";

async fn sandbox(without: Option<Extension>) -> Sandbox {
    let builder = Sandbox::builder().mailbox(ADA, "ada", "secret");
    let builder = without
        .into_iter()
        .fold(builder, |b, extension| b.without(extension));
    builder.start().await.unwrap()
}

fn credentials() -> Credentials {
    Credentials::password("ada", "secret").unwrap()
}

fn smtp(sandbox: &Sandbox, security: Security) -> postrider_smtp::Config {
    let endpoint = match security {
        Security::Tls => sandbox.smtps(),
        _ => sandbox.smtp(),
    };
    postrider_smtp::Config::new(endpoint.clone())
        .security(security)
        .tls(sandbox.tls())
        .credentials(credentials())
}

fn pop3(sandbox: &Sandbox, security: Security) -> postrider_pop3::Config {
    let endpoint = match security {
        Security::Tls => sandbox.pop3s(),
        _ => sandbox.pop3(),
    };
    postrider_pop3::Config::new(endpoint.clone())
        .security(security)
        .tls(sandbox.tls())
        .credentials(credentials())
}

/// Sends all messages over one connection; each must be accepted.
async fn send(config: &postrider_smtp::Config, messages: &[&[u8]]) {
    let envelope = Envelope::parse("bob@x.test", [ADA]).unwrap();
    let mails: Vec<Mail<'_>> = messages
        .iter()
        .map(|message| Mail::new(&envelope, message))
        .collect();
    let mut client = postrider_smtp::Client::connect(config).await.unwrap();
    for outcome in client.send_all(&mails).await.concat() {
        assert!(outcome.is_accepted(), "{outcome}");
    }
    client.quit().await;
}

/// Takes all messages out of the maildrop, pipelined, and deletes them.
async fn fetch(config: &postrider_pop3::Config) -> Vec<Vec<u8>> {
    let mut client = postrider_pop3::Client::connect(config).await.unwrap();
    let count = client.stat().await.unwrap().count;
    let numbers: Vec<MessageNumber> = (1..=count)
        .map(|n| MessageNumber::new(n).unwrap())
        .collect();
    let mut messages = vec![Vec::new(); numbers.len()];
    let mut complete = 0;
    let sink = |retrieved: Retrieved<'_>| {
        match retrieved {
            Retrieved::Chunk { number, bytes } => {
                messages[number.value() as usize - 1].extend_from_slice(bytes);
            }
            Retrieved::End { .. } => complete += 1,
            other => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    };
    client.retr_many(&numbers, sink).await.unwrap();
    assert_eq!(complete, numbers.len());
    for (_, deleted) in client.dele_many(&numbers).await.unwrap() {
        deleted.unwrap();
    }
    client.quit().await.unwrap();
    messages
}

#[tokio::test]
async fn what_arrives_is_what_was_sent_at_every_level_of_pipelining() {
    use Pipelining::{Chunked, Flight, LookAhead, Off};
    let expected: Vec<Vec<u8>> = TRICKY.iter().map(|message| arrived(message)).collect();
    for level in [Off, Flight, LookAhead, Chunked] {
        let sandbox = sandbox(None).await;
        send(
            &smtp(&sandbox, Security::StartTls).pipelining(level),
            &TRICKY,
        )
        .await;
        assert_eq!(
            fetch(&pop3(&sandbox, Security::StartTls)).await,
            expected,
            "{level:?}"
        );
        assert!(sandbox.mails().is_empty(), "deleted");
    }
}

#[tokio::test]
async fn implicit_tls_carries_mail_both_ways() {
    let sandbox = sandbox(None).await;
    send(&smtp(&sandbox, Security::Tls), &TRICKY[..1]).await;
    assert_eq!(fetch(&pop3(&sandbox, Security::Tls)).await, [TRICKY[0]]);
}

#[tokio::test]
async fn a_password_is_said_in_clear_text_only_if_that_is_allowed_by_name() {
    let builder = Sandbox::builder()
        .mailbox(ADA, "ada", "secret")
        .clear_text_auth(true);
    let sandbox = builder.start().await.unwrap();
    let (out, back) = (
        smtp(&sandbox, Security::None),
        pop3(&sandbox, Security::None),
    );
    let error = postrider_smtp::Client::connect(&out).await.unwrap_err();
    assert_eq!(error.stage(), postrider_smtp::Stage::Auth, "{error}");
    postrider_pop3::Client::connect(&back).await.unwrap_err();
    let said = sandbox.transcript();
    let login = |line: &str| {
        ["AUTH", "USER", "PASS"]
            .iter()
            .any(|verb| line.contains(&format!("C: {verb}")))
    };
    assert!(
        !said.iter().any(|line| login(&line.to_string())),
        "{said:?}"
    );
    send(&out.danger_allow_clear_text_credentials(), &TRICKY[..1]).await;
    let back = back.danger_allow_clear_text_credentials();
    assert_eq!(fetch(&back).await, [TRICKY[0]]);
}

#[tokio::test]
async fn without_pipelining_the_same_arrives() {
    let sandbox = sandbox(Some(Extension::Pipelining)).await;
    send(&smtp(&sandbox, Security::StartTls), &TRICKY).await;
    let expected: Vec<Vec<u8>> = TRICKY.iter().map(|message| arrived(message)).collect();
    assert_eq!(fetch(&pop3(&sandbox, Security::StartTls)).await, expected);
}

#[tokio::test]
async fn ten_megabytes_and_a_thousand_small_mails_arrive() {
    let sandbox = sandbox(None).await;
    let line =
        b".seventy-eight octets, and each of these lines begins with a dot to be stuffed.\r\n";
    let large = line.repeat(10 * 1024 * 1024 / line.len());
    let small: Vec<Vec<u8>> = (0..1000)
        .map(|n| format!("Subject: {n}\r\n\r\n").into_bytes())
        .collect();
    let mut messages: Vec<&[u8]> = vec![&large];
    messages.extend(small.iter().map(Vec::as_slice));
    send(&smtp(&sandbox, Security::StartTls), &messages).await;
    let fetched = fetch(&pop3(&sandbox, Security::StartTls)).await;
    assert_eq!(fetched.len(), messages.len());
    assert!(
        fetched
            .iter()
            .zip(&messages)
            .all(|(fetched, sent)| fetched == sent)
    );
}

#[tokio::test]
async fn a_built_mail_is_read_back_after_the_journey() {
    let sandbox = sandbox(None).await;
    let builder = postrider_mime::MessageBuilder::new()
        .from(("Bob Büchner", "bob@x.test"))
        .to(ADA)
        .subject("Café at noon?")
        .text(".\nFrom the first line on\n")
        .attach(
            "übersicht.bin",
            "application/octet-stream",
            &[0, 13, 10, 46, 255][..],
        );
    let sent = builder.build().unwrap();
    send(&smtp(&sandbox, Security::StartTls), &[&sent]).await;
    let fetched = fetch(&pop3(&sandbox, Security::StartTls)).await;
    assert_eq!(fetched, [sent]);
    let message = postrider_mime::Message::parse(&fetched[0]);
    assert_eq!(message.subject().as_deref(), Some("Café at noon?"));
    assert_eq!(
        message.body_text().as_deref(),
        Some(".\nFrom the first line on\n")
    );
    let file = message.attachments()[0];
    assert_eq!(file.file_name().as_deref(), Some("übersicht.bin"));
    assert_eq!(*file.content().bytes, [0, 13, 10, 46, 255]);
}

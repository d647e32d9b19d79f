//! Both servers over real sockets, in clear text and inside TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Client, SOON, builder, open};
use postrider_sandbox::{Certificate, DeliverError, Limits, Sandbox};
use postrider_wire::{ConnectStage, Endpoint, connect_tls};
use std::time::Duration;

const SEND: &str = "MAIL FROM:<eve@example.com>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n";

#[tokio::test]
async fn a_mail_goes_in_by_starttls_and_comes_out_by_stls() {
    let sandbox = builder().start().await.unwrap();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    assert_eq!(smtp.reply().await, "220 localhost ESMTP postrider-sandbox");
    smtp.say("EHLO c.example\r\nSTARTTLS\r\n").await;
    assert!(smtp.until("250 CHUNKING\r\n").await.contains("STARTTLS"));
    assert_eq!(smtp.reply().await, "220 2.0.0 ready to start TLS");
    smtp.start_tls(&sandbox.tls()).await;
    smtp.say("EHLO c.example\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\n")
        .await;
    assert!(!smtp.until("250 CHUNKING\r\n").await.contains("STARTTLS"));
    assert_eq!(smtp.reply().await, "235 2.7.0 authentication successful");
    smtp.say(SEND).await;
    for code in ["250", "250", "354"] {
        assert!(smtp.reply().await.starts_with(code));
    }
    smtp.say("Subject: x\r\n\r\n..\r\n.\r\nQUIT\r\n").await;
    let last = smtp.rest_text().await;
    assert_eq!(
        last,
        "250 2.0.0 Ok: queued as 1\r\n221 2.0.0 localhost closing\r\n"
    );

    let mail = sandbox.wait_for(|_| true, SOON).await.unwrap();
    assert_eq!((mail.tls, mail.user.as_deref()), (true, Some("ada")));
    assert_eq!(
        (mail.from.as_str(), mail.client.as_str()),
        ("eve@example.com", "c.example")
    );

    let mut pop3 = Client::connect(sandbox.pop3()).await;
    assert_eq!(pop3.line().await, "+OK localhost POP3 postrider-sandbox");
    pop3.say("STLS\r\n").await;
    assert_eq!(pop3.line().await, "+OK begin TLS");
    pop3.start_tls(&sandbox.tls()).await;
    pop3.say("USER ada\r\nPASS secret\r\nUIDL 1\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
        .await;
    let expected = format!(
        "+OK send PASS\r\n+OK maildrop has 1 messages (17 octets)\r\n+OK 1 {}\r\n+OK 17 octets\r\n\
         Subject: x\r\n\r\n..\r\n.\r\n+OK message 1 deleted\r\n+OK bye, 1 messages deleted\r\n",
        mail.uidl
    );
    assert_eq!(pop3.rest_text().await, expected);
    assert!(sandbox.messages("ada@example.org").is_empty());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_tls_ports_speak_tls_from_the_first_octet() {
    let sandbox = builder().start().await.unwrap();
    sandbox.deliver("bob@example.org", &b"x"[..]).unwrap();
    let mut smtp = Client::connect_tls(sandbox.smtps(), &sandbox.tls()).await;
    smtp.say("EHLO c\r\nAUTH LOGIN\r\nYWRh\r\nc2VjcmV0\r\nQUIT\r\n")
        .await;
    assert!(
        smtp.rest_text()
            .await
            .contains("334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 ")
    );
    let mut pop3 = Client::connect_tls(sandbox.pop3s(), &sandbox.tls()).await;
    pop3.say("AUTH PLAIN AGJvYgBzZWNyZXQ=\r\nSTAT\r\nQUIT\r\n")
        .await;
    assert!(pop3.rest_text().await.contains("\r\n+OK 1 3\r\n"));
    let count = sandbox.connections();
    assert_eq!(
        (count.smtp, count.smtps, count.pop3, count.pop3s),
        (0, 1, 0, 1)
    );
}

async fn handshake_error(certificate: Certificate) -> String {
    let sandbox = builder().certificate(certificate).start().await.unwrap();
    let refused = connect_tls(sandbox.smtps(), &sandbox.tls(), SOON).await;
    let error = refused.expect_err("the certificate was accepted");
    assert_eq!(error.stage(), ConnectStage::Tls);
    error.to_string()
}

#[tokio::test]
async fn certificates_can_be_wrong_in_every_way() {
    assert!(
        handshake_error(Certificate::Expired)
            .await
            .contains("has expired")
    );
    assert!(
        handshake_error(Certificate::ForeignName)
            .await
            .contains("belongs to another name")
    );
    assert!(
        handshake_error(Certificate::ForeignAuthority)
            .await
            .contains("not trusted here")
    );
    assert!(
        handshake_error(Certificate::SelfSigned)
            .await
            .starts_with("TLS handshake with 127.0.0.1:")
    );
}

#[tokio::test]
async fn the_certificate_is_also_for_localhost_and_its_authority_is_in_the_pem() {
    let sandbox = builder().start().await.unwrap();
    let tls = postrider_wire::Tls::builder()
        .only_added_roots()
        .add_root_pem(sandbox.ca_pem().as_bytes())
        .unwrap()
        .build()
        .unwrap();
    let by_name = Endpoint::new("localhost", sandbox.pop3s().port()).unwrap();
    let mut client = Client::connect_tls(&by_name, &tls).await;
    assert!(client.line().await.starts_with("+OK"));
}

#[tokio::test]
async fn two_sandboxes_share_nothing() {
    let (one, two) = (open().start().await.unwrap(), open().start().await.unwrap());
    one.deliver("ada@example.org", &b"x"[..]).unwrap();
    assert!(two.mails().is_empty());
    assert_ne!(one.smtp(), two.smtp());
    assert_ne!(one.ca_pem(), two.ca_pem());
    assert!(connect_tls(one.smtps(), &two.tls(), SOON).await.is_err());
}

#[tokio::test]
async fn waiting_finds_what_is_there_and_what_comes_and_gives_up_in_time() {
    let sandbox = open().start().await.unwrap();
    let is = |text: &'static str| move |mail: &postrider_sandbox::Mail| mail.content == text;
    sandbox.deliver("ada@example.org", "one").unwrap();
    assert_eq!(sandbox.wait_for(is("one"), SOON).await.unwrap().id, 1);
    let (found, ()) = tokio::join!(sandbox.wait_for(is("three"), SOON), async {
        for text in ["two", "three"] {
            tokio::task::yield_now().await;
            sandbox.deliver("bob@example.org", text).unwrap();
        }
    });
    assert_eq!(found.unwrap().id, 3);
    let short = Duration::from_millis(20);
    let error = sandbox.wait_for(is("four"), short).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no such mail within 20ms; 3 others were in the sandbox"
    );
}

#[tokio::test]
async fn mails_are_injected_removed_and_cleared() {
    let sandbox = open().start().await.unwrap();
    let mail = sandbox.deliver("ADA@example.org", &b"a\n.\nb"[..]).unwrap();
    assert_eq!(mail.to, "ada@example.org");
    assert_eq!(
        sandbox.messages("ada@example.org"),
        std::slice::from_ref(&mail)
    );
    let unknown = sandbox.deliver("eve@example.org", "x").unwrap_err();
    assert_eq!(
        unknown,
        DeliverError::UnknownMailbox("eve@example.org".to_owned())
    );
    assert!(sandbox.remove("ada@example.org", &mail.uidl));
    assert!(!sandbox.remove("ada@example.org", &mail.uidl));
    sandbox.deliver("bob@example.org", "x").unwrap();
    sandbox.clear();
    assert!(sandbox.mails().is_empty());
}

#[tokio::test]
async fn the_transcript_has_both_sides_and_no_secrets() {
    let sandbox = open().start().await.unwrap();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    smtp.say("EHLO c\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\nAUTH LOGIN\r\nc2VjcmV0\r\n")
        .await;
    smtp.say(format!("{SEND}secret\r\n.\r\nQUIT\r\n")).await;
    smtp.rest().await;
    let mut pop3 = Client::connect(sandbox.pop3()).await;
    pop3.say("USER ada\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n")
        .await;
    pop3.rest().await;
    let lines: Vec<String> = sandbox
        .transcript()
        .iter()
        .map(ToString::to_string)
        .collect();
    let all = lines.join("\n");
    for line in [
        "smtp#1 *  connected",
        "smtp#1 S: 220 localhost ESMTP postrider-sandbox",
        "smtp#1 C: EHLO c",
        "smtp#1 C: AUTH PLAIN …",
        "smtp#1 C: (8 octets of content)",
        "pop3#2 C: PASS …",
        "pop3#2 S: +OK 8 octets",
        "pop3#2 S: (11 octets)",
    ] {
        assert!(lines.iter().any(|l| l == line), "{line} is not in\n{all}");
    }
    assert!(
        !all.contains("secret") && !all.contains("AGFk") && !all.contains("c2Vj"),
        "{all}"
    );
    sandbox.clear_transcript();
    assert!(sandbox.transcript().is_empty());
}

#[tokio::test]
async fn shutdown_closes_ports_and_connections_and_so_does_dropping() {
    let sandbox = open().start().await.unwrap();
    let endpoint = sandbox.smtp().clone();
    let mut client = Client::connect(&endpoint).await;
    client.line().await;
    sandbox.shutdown().await;
    assert_eq!(client.rest().await, b"");
    assert!(postrider_wire::connect(&endpoint, SOON).await.is_err());

    let sandbox = open().start().await.unwrap();
    let mut client = Client::connect(sandbox.pop3()).await;
    client.line().await;
    drop(sandbox);
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_port_can_be_chosen_and_a_port_in_use_is_an_error() {
    let first = open().start().await.unwrap();
    let port = first.smtp().port();
    assert!(open().smtp_port(port).start().await.is_err());
    first.shutdown().await;
    let second = open().smtp_port(port).start().await.unwrap();
    assert_eq!(second.smtp().port(), port);
}

#[tokio::test]
async fn mailboxes_that_cannot_be_are_errors() {
    for (builder, what) in [
        (
            builder().mailbox("ada@example.org", "other", "x"),
            "is there already",
        ),
        (builder().mailbox("no address", "other", "x"), "no mailbox"),
        (builder().mailbox("a@b\r\n", "other", "x"), "no mailbox"),
        (
            builder().catch_all("eve@example.org"),
            "the catch-all is no mailbox",
        ),
        (Sandbox::builder().hostname("a\r\nb"), "no host name"),
    ] {
        let error = builder.start().await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[tokio::test]
async fn idle_connections_end() {
    let mut limits = Limits::default();
    limits.idle = Duration::from_millis(50);
    let sandbox = open().limits(limits).start().await.unwrap();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    assert!(
        smtp.rest_text()
            .await
            .ends_with("421 4.4.2 idle for too long\r\n")
    );
    sandbox.deliver("ada@example.org", "x").unwrap();
    let mut pop3 = Client::connect(sandbox.pop3()).await;
    pop3.say("USER ada\r\nPASS secret\r\nDELE 1\r\n").await;
    assert!(
        pop3.rest_text()
            .await
            .ends_with("+OK message 1 deleted\r\n")
    );
    assert_eq!(sandbox.mails().len(), 1);
}

#[tokio::test]
async fn the_maildrop_is_free_once_the_connection_is_closed() {
    let sandbox = open().start().await.unwrap();
    for end in ["QUIT\r\n", "", "QUIT\r\n", ""] {
        let mut pop3 = Client::connect(sandbox.pop3()).await;
        pop3.say(format!("USER ada\r\nPASS secret\r\n{end}")).await;
        pop3.close_writing().await;
        let replies = pop3.rest_text().await;
        assert!(replies.contains("+OK maildrop has 0"), "{replies}");
    }
}

#[tokio::test]
async fn a_thousand_mails_go_through_in_a_pipeline() {
    let sandbox = open().start().await.unwrap();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    smtp.say("EHLO c\r\n").await;
    let one = format!("{SEND}x\r\n.\r\n");
    let mut all = String::new();
    for _ in 0..10 {
        smtp.say(one.repeat(100)).await;
        all += &smtp
            .until(&format!(
                "queued as {}\r\n",
                (all.matches("queued").count() + 100)
            ))
            .await;
    }
    assert_eq!(sandbox.messages("ada@example.org").len(), 1000);
    let mut pop3 = Client::connect(sandbox.pop3()).await;
    let retr: String = (1..=1000)
        .map(|n| format!("RETR {n}\r\nDELE {n}\r\n"))
        .collect();
    pop3.say("USER ada\r\nPASS secret\r\n").await;
    pop3.say(retr + "QUIT\r\n").await;
    assert!(
        pop3.rest_text()
            .await
            .ends_with("+OK bye, 1000 messages deleted\r\n")
    );
    assert!(sandbox.mails().is_empty());
}

//! `postrider probe` against servers that are in order, and servers that are not.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_sandbox::{Action, Certificate, Extension, Fault, Sandbox, Stage};
use postrider_wire::{Tls, connect_tls};
use serde_json::{Value, json};
use std::process::{Command, Output};
use support::{prepared, sandbox};

/// Runs the command, which trusts the sandbox's authority.
async fn probe(sandbox: &Sandbox, args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, sandbox.ca_pem()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
    command.arg("probe").args(args).arg("--ca-file").arg(ca);
    command.args(["--timeout", "2"]);
    let output = tokio::task::spawn_blocking(move || command.output());
    output.await.unwrap().unwrap()
}

async fn found(sandbox: &Sandbox, url: &str) -> Value {
    let output = probe(sandbox, &[url, "--json"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn has(list: &Value, word: &str) -> bool {
    let list = list.as_array().unwrap();
    list.iter()
        .any(|item| item.as_str().unwrap().contains(word))
}

#[tokio::test]
async fn a_server_in_order_has_no_warning() {
    let sandbox = sandbox().await;
    let urls = [
        format!("smtp://{}", sandbox.smtp()),
        format!("pop3://{}", sandbox.pop3()),
    ];
    for url in urls {
        let found = found(&sandbox, &url).await;
        assert_eq!(found["warnings"], json!([]), "{found}");
        assert_eq!(found["certificate_verified"], true);
        assert!(found["tls"].as_str().unwrap().starts_with("TLSv1_3, "));
        let own = &found["chain"][0];
        assert_eq!(own["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(own["subject"], "CN=Postrider sandbox server");
        assert_eq!(own["issuer"], "CN=Postrider sandbox");
        assert_eq!(own["names"], json!(["localhost", "127.0.0.1", "::1"]));
        assert_eq!(own["key"], "ECDSA P-256");
        assert!(own["days_left"].as_i64().unwrap() > 0, "{own}");
        assert_eq!(found["clear_text"]["auth"], json!([]));
        assert!(has(&found["inside_tls"]["auth"], "PLAIN"), "{found}");
        let upgrade = if url.starts_with("smtp") {
            "STARTTLS"
        } else {
            "STLS"
        };
        assert!(has(&found["clear_text"]["extensions"], upgrade));
        assert!(!has(&found["inside_tls"]["extensions"], upgrade));
    }
    assert_eq!(sandbox.mails().len(), 0);
}

#[tokio::test]
async fn tls_from_the_first_byte_has_nothing_in_clear_text() {
    let sandbox = sandbox().await;
    let smtps = found(&sandbox, &format!("smtps://{}", sandbox.smtps())).await;
    assert_eq!(smtps["clear_text"], Value::Null);
    assert!(smtps["inside_tls"]["size"].as_u64().unwrap() > 0, "{smtps}");
    assert!(smtps["greeting"].as_str().unwrap().starts_with("220 "));
    let pop3s = found(&sandbox, &format!("pop3s://{}", sandbox.pop3s())).await;
    assert!(has(&pop3s["inside_tls"]["extensions"], "UIDL"), "{pop3s}");
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_is_named_with_the_reason() {
    for (certificate, reason) in [
        (Certificate::Expired, "has expired"),
        (
            Certificate::Expired,
            "sandbox server expired on 2001-01-01, ",
        ),
        (Certificate::ForeignName, "belongs to another name"),
        (
            Certificate::ForeignName,
            "is for elsewhere.example, not for 127.0.0.1",
        ),
        (
            Certificate::ForeignAuthority,
            "an authority that is not trusted",
        ),
    ] {
        let sandbox = prepared(Sandbox::builder().certificate(certificate)).await;
        for url in [
            format!("smtp://{}", sandbox.smtp()),
            format!("pop3s://{}", sandbox.pop3s()),
        ] {
            let found = found(&sandbox, &url).await;
            assert_eq!(found["certificate_verified"], false);
            assert!(has(&found["warnings"], reason), "{found}");
            assert!(found["inside_tls"].is_object(), "{found}");
        }
    }
}

#[tokio::test]
async fn what_is_in_clear_text_is_warned_about() {
    let open = Sandbox::builder()
        .clear_text_auth(true)
        .without(Extension::StartTls);
    let sandbox = prepared(open).await;
    let found = found(&sandbox, &format!("smtp://{}", sandbox.smtp())).await;
    assert_eq!(found["tls"], Value::Null);
    assert_eq!(found["certificate_verified"], Value::Null);
    assert!(
        has(&found["warnings"], "STARTTLS is not offered"),
        "{found}"
    );
    assert!(
        has(&found["warnings"], "log-in is offered in clear text"),
        "{found}"
    );
}

#[tokio::test]
async fn an_upgrade_refused_is_warned_about_in_the_servers_words() {
    let sandbox = sandbox().await;
    let busy = Action::Reply(b"454 4.7.0 TLS not available now".to_vec());
    sandbox.add_fault(Fault::smtp(Stage::StartTls, busy));
    let found = found(&sandbox, &format!("smtp://{}", sandbox.smtp())).await;
    assert!(
        has(&found["warnings"], "454 4.7.0 TLS not available now"),
        "{found}"
    );
}

#[tokio::test]
async fn people_get_the_same_in_lines() {
    let sandbox = sandbox().await;
    let output = probe(&sandbox, &[&format!("smtp://{}", sandbox.smtp())]).await;
    let out = String::from_utf8(output.stdout).unwrap();
    for line in [
        "certificate  verified",
        "  subject    CN=Postrider sandbox server",
        "  names      localhost, 127.0.0.1, ::1",
        "  issuer     CN=Postrider sandbox",
        "(expires in ",
        "  key        ECDSA P-256",
        "clear text   no log-in",
        "inside tls   log-in by ",
    ] {
        assert!(out.contains(line), "{out}");
    }
}

#[tokio::test]
async fn a_server_that_turns_us_away_or_is_not_there_has_an_exit_code() {
    let sandbox = sandbox().await;
    let url = format!("smtp://{}", sandbox.smtp());
    let no = Action::Reply(b"554 5.3.2 not today".to_vec());
    sandbox.add_fault(Fault::smtp(Stage::Greeting, no));
    let output = probe(&sandbox, &[&url]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(
        said.contains("turns us away: 554 5.3.2 not today"),
        "{said}"
    );
    // For now is not for ever.
    for stage in [Stage::Greeting, Stage::Ehlo] {
        let busy = Action::Reply(b"421 4.3.2 too busy".to_vec());
        sandbox.add_fault(Fault::smtp(stage, busy));
        let output = probe(&sandbox, &[&url]).await;
        assert_eq!(output.status.code(), Some(75), "{stage:?}");
    }
    for (words, code) in [("-ERR [SYS/TEMP] later", 75), ("-ERR no", 69)] {
        let no = Action::Reply(words.as_bytes().to_vec());
        sandbox.add_fault(Fault::pop3(Stage::Greeting, no));
        let output = probe(&sandbox, &[&format!("pop3://{}", sandbox.pop3())]).await;
        assert_eq!(output.status.code(), Some(code), "{words}");
    }
    // What comes before it was asked for would be taken for the answer.
    for (url, early) in [
        (url.clone(), "220 x\r\n250 STARTTLS\r\n220 go\r\n"),
        (
            format!("pop3://{}", sandbox.pop3()),
            "+OK\r\n+OK\r\nSTLS\r\n.\r\n+OK\r\n",
        ),
    ] {
        let raw = Action::Raw(early.as_bytes().to_vec());
        sandbox.add_fault(match url.starts_with("smtp") {
            true => Fault::smtp(Stage::Greeting, raw),
            false => Fault::pop3(Stage::Greeting, raw),
        });
        let output = probe(&sandbox, &[&url]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(76), "{said}");
        assert!(said.contains("what nobody asked for"), "{said}");
    }
    // A handshake that breaks off may work later; one that is no handshake does not.
    sandbox.add_fault(Fault::smtp(Stage::Connect, Action::DropBefore));
    let output = probe(&sandbox, &[&format!("smtps://{}", sandbox.smtps())]).await;
    assert_eq!(output.status.code(), Some(75));
    // A POP3 server is no SMTP server.
    let output = probe(&sandbox, &[&format!("smtp://{}", sandbox.pop3())]).await;
    assert_eq!(output.status.code(), Some(76));
    // SMTP in clear text where TLS is expected.
    let output = probe(&sandbox, &[&format!("smtps://{}", sandbox.smtp())]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("plain text"), "{said}");
    assert_eq!(output.status.code(), Some(69), "{said}");
    let output = probe(&sandbox, &["gopher://h"]).await;
    assert_eq!(output.status.code(), Some(64));
}

/// However often something comes: an answer has its time, and no more.
#[tokio::test]
async fn a_greeting_that_drips_is_late_all_the_same() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        // One line a second is never silent for as long as the two that the command has.
        let mut clock = tokio::time::interval(std::time::Duration::from_secs(1));
        loop {
            clock.tick().await;
            if tokio::io::AsyncWriteExt::write_all(&mut peer, b"220-x\r\n")
                .await
                .is_err()
            {
                return;
            }
        }
    });
    let sandbox = sandbox().await;
    let begin = std::time::Instant::now();
    let output = probe(&sandbox, &[&url]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("no answer within 2s"), "{said}");
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn the_fingerprint_that_is_shown_can_be_pinned() {
    let sandbox = prepared(Sandbox::builder().certificate(Certificate::SelfSigned)).await;
    let found = found(&sandbox, &format!("smtps://{}", sandbox.smtps())).await;
    let shown = found["chain"][0]["sha256"].as_str().unwrap();
    let octet = |i: usize| u8::from_str_radix(&shown[2 * i..2 * i + 2], 16).unwrap();
    let pin: [u8; 32] = std::array::from_fn(octet);
    let wait = std::time::Duration::from_secs(2);
    let mut other = pin;
    other[31] ^= 1;
    let two = Tls::builder().pin_sha256(other).pin_sha256(pin);
    let tls = two.build().unwrap();
    let stream = connect_tls(sandbox.smtps(), &tls, wait).await.unwrap();
    assert!(stream.is_tls());
    let wrong = Tls::builder()
        .pin_sha256(other)
        .danger_accept_invalid_certs()
        .build()
        .unwrap();
    let error = connect_tls(sandbox.smtps(), &wrong, wait)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("is not the one that is pinned"),
        "{error}"
    );
    assert!(!error.is_retryable());
}

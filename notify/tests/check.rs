//! `postrider check`: each thing that can be wrong with an account ends in one sentence that helps.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;
mod support;

use desk::*;
use postrider_sandbox::{Action, Certificate, Fault, Sandbox, Stage};
use support::*;

/// What `check` says of the SMTP account that does not work; the POP3 account is left out.
async fn check_smtp(sandbox: &Sandbox, change: impl Fn(String) -> String) -> Ran {
    let dir = desk(sandbox, |text| {
        let text = change(impatient(text));
        let (head, rest) = text.split_once("[pop3.support]").unwrap();
        let (_, tail) = rest.split_once("# What an incident is.").unwrap();
        format!("{head}# What an incident is.{tail}")
    });
    ran(dir.path(), &["check"]).await
}

#[tokio::test]
async fn check_says_what_works() {
    let sandbox = sandbox().await;
    let desk = desk(&sandbox, as_it_is);
    let ran = ran(desk.path(), &["check", "--json"]).await;
    let lines = json(&ran.good());
    let ok: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["what"].as_str().unwrap(),
                line["ok"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        ok,
        [("configuration", true), ("smtp", true), ("pop3", true)]
    );
}

#[tokio::test]
async fn check_a_wrong_password() {
    let sandbox = sandbox().await;
    let dir = desk(&sandbox, as_it_is);
    std::fs::write(dir.path().join("password"), "hunter2").unwrap();
    let ran = ran(dir.path(), &["check"]).await;
    assert_eq!(ran.code, 77);
    let (smtp, pop3) = (sandbox.smtp(), sandbox.pop3());
    let said =
        format!("smtp main ({smtp}): SMTP account \"main\": AUTH with {smtp}: refused: 535 5.7.8 ");
    assert!(ran.out.contains(&said), "{}", ran.out);
    let said = format!("pop3 support ({pop3}): POP3 account \"support\": ");
    assert!(ran.out.contains(&said), "{}", ran.out);
    assert!(!format!("{}{}", ran.out, ran.err).contains("hunter2"));
}

#[tokio::test]
async fn check_a_server_that_is_not_there() {
    let gone = sandbox().await;
    let dir = desk(&gone, as_it_is);
    let endpoint = gone.smtp().clone();
    gone.shutdown().await;
    let ran = ran(dir.path(), &["check"]).await;
    assert_eq!(ran.code, 75, "{}", ran.err);
    let said = format!("cannot connect to {endpoint}: Connection refused");
    assert!(ran.out.contains(&said), "{}", ran.out);
}

#[tokio::test]
async fn check_plain_text_on_a_tls_port() {
    let sandbox = prepared(Sandbox::builder()).await;
    sandbox.add_fault(Fault::smtp(Stage::Connect, Action::PlainText).every());
    let (clear, tls) = (sandbox.smtp().port().to_string(), sandbox.smtps().clone());
    let ran = check_smtp(&sandbox, |text| {
        let text = text.replacen("\"starttls\"", "\"tls\"", 1);
        text.replacen(&clear, &tls.port().to_string(), 1)
    });
    let ran = ran.await;
    assert_eq!(ran.code, 69, "{}", ran.err);
    let said = format!("TLS handshake with {tls} failed: ");
    assert!(ran.err.contains(&said), "{}", ran.err);
    assert!(
        ran.err
            .contains("the server answered in plain text: did you mean security = \"starttls\""),
        "{}",
        ran.err
    );
}

#[tokio::test]
async fn check_certificates_that_are_not_good() {
    for (certificate, hint) in [
        (Certificate::Expired, "the server's certificate has expired"),
        (
            Certificate::ForeignName,
            "the certificate belongs to another name",
        ),
        (
            Certificate::ForeignAuthority,
            "signed by an authority that is not trusted here",
        ),
    ] {
        let sandbox = prepared(Sandbox::builder().certificate(certificate)).await;
        let ran = check_smtp(&sandbox, as_it_is).await;
        assert_eq!(ran.code, 69, "{}", ran.err);
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
}

#[tokio::test]
async fn check_a_silent_server() {
    let sandbox = sandbox().await;
    sandbox.add_fault(Fault::smtp(Stage::Greeting, Action::Silence).every());
    let ran = check_smtp(&sandbox, as_it_is).await;
    assert_eq!(ran.code, 75, "{}", ran.err);
    let said = format!(
        "SMTP account \"main\": greeting with {}: no answer within 1s",
        sandbox.smtp()
    );
    assert!(ran.err.contains(&said), "{}", ran.err);
}

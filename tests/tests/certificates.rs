//! TLS that does not hold up: every such server is refused before a credential or a mail is written, in a sentence that helps.
#![cfg(feature = "drivers")]

use postrider_pop3 as pop3;
use postrider_sandbox::{Certificate, Sandbox};
use postrider_smtp as smtp;
use postrider_wire::{Security, Tls, sasl::Credentials};

/// What is wrong with the certificate, and the words that must be in the error.
const FAULTS: [(Certificate, &str); 4] = [
    (Certificate::Expired, "the server's certificate has expired"),
    (
        Certificate::ForeignName,
        "the certificate belongs to another name",
    ),
    (
        Certificate::ForeignAuthority,
        "signed by an authority that is not trusted here",
    ),
    (Certificate::SelfSigned, "TLS handshake with"),
];

#[tokio::test]
async fn a_certificate_that_does_not_hold_ends_the_session_before_the_login() {
    for (certificate, words) in FAULTS {
        let sandbox = sandbox(certificate).await;
        let errors = errors(&sandbox, sandbox.tls()).await;
        assert_eq!(errors.len(), 4, "{certificate:?}: {errors:?}");
        for error in errors {
            assert!(error.contains(words), "{certificate:?}: {error}");
            assert!(error.contains("127.0.0.1:"), "{certificate:?}: {error}");
        }
        assert_no_login(&sandbox);
    }
}

#[tokio::test]
async fn an_authority_that_nobody_said_to_trust_is_not_trusted() {
    let sandbox = sandbox(Certificate::Valid).await;
    let errors = errors(&sandbox, Tls::webpki_roots().unwrap()).await;
    assert_eq!(errors.len(), 4, "{errors:?}");
    for error in errors {
        assert!(
            error.contains("have the server send its whole chain"),
            "{error}"
        );
    }
    assert_no_login(&sandbox);
}

#[tokio::test]
async fn a_good_certificate_lets_both_protocols_in_by_either_way() {
    let sandbox = sandbox(Certificate::Valid).await;
    assert_eq!(errors(&sandbox, sandbox.tls()).await, Vec::<String>::new());
}

async fn sandbox(certificate: Certificate) -> Sandbox {
    let builder = Sandbox::builder().mailbox("ada@example.org", "ada", "analytical");
    builder.certificate(certificate).start().await.unwrap()
}

/// What four connections come to: SMTP and POP3, each with the upgrade command and with TLS from the first byte.
async fn errors(sandbox: &Sandbox, tls: Tls) -> Vec<String> {
    let mut errors = Vec::new();
    for (endpoint, security) in [
        (sandbox.smtp(), Security::StartTls),
        (sandbox.smtps(), Security::Tls),
    ] {
        let config = smtp::Config::new(endpoint.clone())
            .security(security)
            .tls(tls.clone())
            .credentials(login());
        errors.extend(
            smtp::Client::connect(&config)
                .await
                .err()
                .map(|e| e.to_string()),
        );
    }
    for (endpoint, security) in [
        (sandbox.pop3(), Security::StartTls),
        (sandbox.pop3s(), Security::Tls),
    ] {
        let config = pop3::Config::new(endpoint.clone())
            .security(security)
            .tls(tls.clone())
            .credentials(login());
        errors.extend(
            pop3::Client::connect(&config)
                .await
                .err()
                .map(|e| e.to_string()),
        );
    }
    errors
}

fn login() -> Credentials {
    Credentials::password("ada", "analytical").unwrap()
}

fn assert_no_login(sandbox: &Sandbox) {
    for line in sandbox.transcript() {
        let said = line.to_string();
        let logs_in = ["AUTH", "USER", "PASS", "MAIL"]
            .iter()
            .any(|verb| said.contains(&format!("C: {verb}")));
        assert!(!logs_in, "{said}");
    }
}

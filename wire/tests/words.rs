//! What errors say, and what is shown of a connection.

#![allow(clippy::unwrap_used)]

use bytes::BytesMut;
use postrider_wire::line::LineReader;
use postrider_wire::sasl::{Credentials, Exchange, Mechanism, SaslError};
use postrider_wire::{Endpoint, ProxyError, Security};

#[test]
fn rfc1928_6_each_code_of_a_proxy_is_said_in_words() {
    for (code, said) in [
        (1, "general failure"),
        (2, "not allowed"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "time to live"),
        (7, "command not supported"),
        (8, "address type"),
        (99, "unknown reason (99)"),
    ] {
        let error = ProxyError::Socks(code);
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.is_retryable(), !matches!(code, 2 | 7 | 8), "{error}");
    }
    assert_eq!(ProxyError::TooLong.to_string(), "its answer has no end");
    assert!(
        ProxyError::NotOfTheProtocol
            .to_string()
            .contains("another kind")
    );
}

#[test]
fn a_server_that_never_ends_a_login_is_stopped() {
    let credentials = Credentials::password("ada", "tanstaaf").unwrap();
    let mut exchange = Exchange::new(Mechanism::Login, &credentials);
    assert_eq!(exchange.mechanism(), Mechanism::Login);
    let error = (0..1_000).find_map(|_| exchange.respond(b"Username:", false).err());
    let error = error.expect("it goes on for ever");
    assert!(matches!(
        error,
        SaslError::TooManyChallenges | SaslError::UnexpectedChallenge { .. }
    ));
    assert!(!error.to_string().is_empty());
}

#[test]
fn a_line_that_is_too_long_is_told_with_its_limit() {
    let mut long = BytesMut::from("0123456789ab");
    let error = LineReader::new(10).take(&mut long).unwrap_err();
    assert!(error.to_string().contains("10"), "{error}");
}

#[test]
fn each_security_has_the_word_that_configurations_use() {
    let words = [
        Security::Tls,
        Security::StartTls,
        Security::StartTlsIfOffered,
        Security::None,
    ]
    .map(|security| security.to_string());
    assert_eq!(words, ["tls", "starttls", "starttls-if-offered", "none"]);
}

#[test]
fn a_host_that_is_none_is_quoted_without_its_effect() {
    let error = Endpoint::new("mx\u{1b}[2J", 25).unwrap_err().to_string();
    assert!(error.ends_with("is neither a host name nor an IP address"));
    assert!(!error.contains(char::is_control), "{error:?}");
}

#[test]
fn what_breaks_a_login_is_said_in_words() {
    for (error, said) in [
        (SaslError::NotBase64, "challenge is not base64"),
        (SaslError::TooManyChallenges, "challenges"),
        (
            SaslError::PrematureSuccess(Mechanism::Login),
            "reported success before LOGIN was complete",
        ),
        (SaslError::BadChallenge("no nonce"), "is wrong: no nonce"),
        (
            SaslError::Rejected("unknown-user".to_owned()),
            "rejects the exchange: unknown-user",
        ),
        (SaslError::NoRandomness, "no random octets"),
    ] {
        assert!(error.to_string().contains(said), "{error}: {said}");
    }
}

#[test]
fn credentials_are_shown_by_their_kind_and_refused_with_the_reason() {
    let bearer = Credentials::bearer("ada", "token").unwrap();
    let anonymous = Credentials::anonymous("trace").unwrap();
    for (credentials, kind) in [
        (&bearer, "Bearer(…)"),
        (&Credentials::external(), "External"),
        (&anonymous, "Anonymous"),
    ] {
        let shown = format!("{credentials:?}");
        assert!(shown.contains(kind) && !shown.contains("token"), "{shown}");
        assert!(credentials.as_password().is_none());
    }
    for identity in ["", "a\0b", "a\r\nb"] {
        let error = bearer.clone().act_as(identity).unwrap_err().to_string();
        assert!(error.starts_with("the identity to act as"), "{error}");
    }
}

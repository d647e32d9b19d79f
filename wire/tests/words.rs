//! What errors say, and what is shown of a connection.

#![allow(clippy::unwrap_used)]

use bytes::BytesMut;
use postrider_wire::ProxyError;
use postrider_wire::line::LineReader;
use postrider_wire::sasl::{Credentials, Exchange, Mechanism, SaslError};

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

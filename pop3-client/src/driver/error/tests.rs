use super::*;
use crate::UserName;
use bytes::Bytes;
use std::error::Error as _;

fn error(stage: Stage, kind: ErrorKind) -> Error {
    Error::new(&Endpoint::new("pop.example.org", 110).unwrap(), stage, kind)
}

fn reply(line: &'static str) -> Reply {
    Reply::parse(&Bytes::from_static(line.as_bytes())).unwrap()
}

#[test]
fn an_error_says_the_stage_the_server_the_reason_and_a_hint() {
    let number = MessageNumber::new(7).unwrap();
    let argument = UserName::new("a\r\nb").unwrap_err();
    for (stage, kind, said) in [
        (
            Stage::Login,
            ErrorKind::ClearText,
            "the credentials would go in clear text and were not sent (use Security::Tls or Security::StartTls)",
        ),
        (
            Stage::Login,
            ErrorKind::Refused(reply("-ERR [IN-USE] busy")),
            "refused by pop.example.org:110: -ERR [IN-USE] busy (another session holds the maildrop: try again later)",
        ),
        (
            Stage::Login,
            ErrorKind::Refused(reply("-ERR [SYS/TEMP] x")),
            "(a fault of the server that should pass: try again later)",
        ),
        (
            Stage::Login,
            ErrorKind::Refused(reply("-ERR [SYS/PERM] x")),
            "(a fault of the server: its administrator must help)",
        ),
        (
            Stage::Greeting,
            ErrorKind::Io(io::ErrorKind::ConnectionReset.into()),
            "the connection to pop.example.org:110 broke: connection reset",
        ),
        (
            Stage::Greeting,
            ErrorKind::TlsRefused(reply("-ERR no")),
            "STLS refused by pop.example.org:110, and TLS is required: -ERR no",
        ),
        (
            Stage::Login,
            ErrorKind::Argument(argument),
            &argument.to_string(),
        ),
        (
            Stage::Login,
            ErrorKind::TooLarge { number, limit: 100 },
            "message 7 at pop.example.org:110 is larger than 100 octets",
        ),
        (
            Stage::Login,
            ErrorKind::Stopped,
            "at pop.example.org:110: stopped by the caller",
        ),
        (
            Stage::Login,
            ErrorKind::Interrupted,
            "at pop.example.org:110: an earlier call was dropped before it was complete",
        ),
        (
            Stage::Login,
            ErrorKind::Local(Local::NoChallenge),
            "at pop.example.org:110: the server has not asked anything",
        ),
    ] {
        let error = error(stage, kind);
        assert!(error.to_string().contains(said), "{error}: {said}");
        assert_eq!(error.stage(), stage);
        assert_eq!(error.endpoint().port(), 110);
    }
}

#[test]
fn what_lies_below_an_error_can_be_asked_for() {
    let below = |kind| {
        error(Stage::Login, kind)
            .source()
            .map(|source| source.to_string())
    };
    let argument = UserName::new("").unwrap_err();
    let violation = Violation::Closed;
    let io: io::Error = io::ErrorKind::BrokenPipe.into();
    assert_eq!(below(ErrorKind::Io(io)).unwrap(), "broken pipe");
    assert_eq!(
        below(ErrorKind::Argument(argument)),
        Some(argument.to_string())
    );
    assert_eq!(
        below(ErrorKind::Violation(violation.clone())),
        Some(violation.to_string())
    );
    assert_eq!(
        below(ErrorKind::Local(Local::LineTooLong)),
        Some(Local::LineTooLong.to_string())
    );
    assert_eq!(below(ErrorKind::Closed), None);
}

#[test]
fn an_error_below_is_quoted_with_the_stage_and_asked_whether_to_try_again() {
    use postrider_wire::Tls;
    use postrider_wire::sasl::{Channel, Credentials, select};
    let password = Credentials::password("ada", "pw").unwrap();
    let none = select(["GSSAPI"], &password, Channel::Encrypted).unwrap_err();
    let roots = Tls::builder().add_root_pem(b"").unwrap_err();
    for (stage, kind, said, again) in [
        (
            Stage::Connect,
            ErrorKind::TlsConfig(roots),
            "connection to pop.example.org:110: there is no PEM certificate in it",
            false,
        ),
        (
            Stage::Login,
            ErrorKind::NoMechanism(none),
            "login at pop.example.org:110: no common authentication mechanism; the server offers GSSAPI (not supported here)",
            false,
        ),
        (
            Stage::Greeting,
            ErrorKind::Violation(Violation::Truncated { request: None }),
            "greeting at pop.example.org:110: ",
            true,
        ),
        (
            Stage::Tls,
            ErrorKind::TlsNotOffered,
            "pop.example.org:110 does not offer STLS, and TLS is required (did you mean",
            false,
        ),
        (
            Stage::Tls,
            ErrorKind::Timeout(Duration::from_secs(3)),
            "TLS: nothing, or too little, from pop.example.org:110 within 3s",
            true,
        ),
        (
            Stage::Greeting,
            ErrorKind::Closed,
            "pop.example.org:110 closed the connection (if this port speaks TLS from the first byte",
            true,
        ),
        (
            Stage::Greeting,
            ErrorKind::Violation(Violation::NotAReply("\\x15\\x03".into())),
            "(this port speaks TLS: did you mean Security::Tls?)",
            false,
        ),
    ] {
        let error = error(stage, kind);
        assert!(error.to_string().contains(said), "{error}: {said}");
        assert_eq!(error.is_retryable(), again, "{error}");
        assert_eq!(error.retry_after().is_some(), again, "{error}");
        let below = error.source().map(|below| below.to_string());
        assert!(below.is_none_or(|below| error.to_string().contains(&below)));
        assert!(error.response_code().is_none() && !error.is_credential_fault());
    }
}

//! What errors say: the stage, the reason, and never octets that move a cursor.

#![allow(clippy::unwrap_used)]

use postrider_smtp::{
    Connection, Envelope, Error, ErrorKind, Extension, Fault, InvalidReply, Limit, Limits, Mailbox,
    Misuse, Protocol, Reply, ReversePath, Stage, State,
};
use postrider_wire::sasl::{Channel, Credentials, SaslError, select};
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

fn said(kind: ErrorKind) -> String {
    Error::new(Stage::Mail, kind).to_string()
}

#[test]
fn an_error_says_what_is_the_matter_with_the_mail() {
    let size = said(ErrorKind::TooLarge {
        size: 12,
        limit: 10,
    });
    assert!(
        size.contains("12 octets, and the server takes 10"),
        "{size}"
    );
    let bare = said(ErrorKind::BareLineEnd { offset: 17 });
    assert!(bare.contains("CR or LF alone at octet 17"), "{bare}");
    let io = std::io::Error::other("gone\r\n\u{1b}[2J");
    let io = said(ErrorKind::Io(Arc::new(io)));
    assert!(
        io.contains("gone") && !io.contains(char::is_control),
        "{io:?}"
    );
}

#[test]
fn a_command_that_is_not_permitted_says_why() {
    for (misuse, words) in [
        (
            Misuse::State(State::Closed),
            "not permitted in the state Closed",
        ),
        (Misuse::AwaitReply, "a reply must be received first"),
        (Misuse::LineTooLong, "too long"),
    ] {
        assert!(misuse.to_string().contains(words), "{misuse}");
        assert!(said(ErrorKind::Misuse(misuse)).contains(words));
    }
}

#[test]
fn what_lies_below_an_error_can_be_asked_for() {
    let io = Arc::new(std::io::Error::other("gone"));
    let error = Error::new(Stage::Mail, ErrorKind::Io(io));
    assert_eq!(error.source().unwrap().to_string(), "gone");
    let unasked = Error::new(
        Stage::Greeting,
        ErrorKind::InvalidReply(InvalidReply::Unasked),
    );
    let password = Credentials::password("ada", "pw").unwrap();
    let none = select([], &password, Channel::Encrypted).unwrap_err();
    let none = Error::new(Stage::Auth, ErrorKind::NoMechanism(none));
    let sasl = Error::new(Stage::Auth, ErrorKind::Sasl(SaslError::NotBase64));
    for error in [unasked, none, sasl] {
        let below = error.source().unwrap().to_string();
        assert!(error.to_string().contains(&below), "{error}: {below}");
    }
    assert!(
        Error::new(Stage::Mail, ErrorKind::Closed)
            .source()
            .is_none()
    );
}

#[test]
fn a_connection_that_ends_before_its_time_is_an_error_once() {
    let mut connection = Connection::new(Protocol::Smtp, Limits::default());
    let error = connection.closed().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
    assert!(connection.closed().is_ok(), "it is closed already");
}

/// What it says, whose business it is, and whether the same may help later.
fn judged(stage: Stage, kind: ErrorKind, said: &str, fault: Fault, again: bool) {
    let error = Error::new(stage, kind);
    let shown = error.to_string();
    assert!(shown.starts_with(&format!("{stage}: ")), "{shown}");
    assert!(shown.contains(said), "{shown}: {said}");
    assert_eq!(error.fault(), fault, "{shown}");
    assert_eq!(error.is_retryable(), again, "{shown}");
    assert!(format!("{error:?}").contains("kind"), "{error:?}");
}

fn reply(text: &str) -> Reply {
    Reply::parse(text.as_bytes()).unwrap()
}

#[test]
fn what_the_server_did_is_its_own_fault_and_may_pass() {
    for (stage, kind, said) in [
        (
            Stage::Greeting,
            ErrorKind::Timeout(Duration::from_secs(3)),
            "no answer within 3s (if the server expects TLS from the first byte",
        ),
        (
            Stage::Greeting,
            ErrorKind::Closed,
            "the server closed the connection (if the server expects TLS",
        ),
        (
            Stage::Greeting,
            ErrorKind::InvalidReply(InvalidReply::Malformed("+OK".to_owned())),
            "(is this the port of an SMTP server?)",
        ),
        (
            Stage::Rcpt,
            ErrorKind::Closing(reply("421 4.3.2 down\r\n")),
            "the server closes the connection: 421 4.3.2 down",
        ),
        (
            Stage::Mail,
            ErrorKind::Unexpected(reply("354 go\r\n")),
            "this is no answer to it: 354 go",
        ),
        (
            Stage::Data,
            ErrorKind::Unsolicited(reply("250 ok\r\n")),
            "a reply that nothing was asked for: 250 ok",
        ),
        (
            Stage::Mail,
            ErrorKind::LimitReached(Limit::MailMax),
            "limit MAILMAX is reached",
        ),
    ] {
        judged(stage, kind, said, Fault::Server, true);
    }
}

#[test]
fn what_the_account_lacks_is_said_and_does_not_pass() {
    let password = Credentials::password("ada", "pw").unwrap();
    let none = select(["PLAIN"], &password, Channel::ClearText).unwrap_err();
    for (stage, kind, said) in [
        (
            Stage::StartTls,
            ErrorKind::StartTlsInjection,
            "clear text followed the answer to STARTTLS",
        ),
        (
            Stage::Ehlo,
            ErrorKind::StartTlsNotOffered,
            "(try Security::Tls on port 465; Security::None gives up protection)",
        ),
        (
            Stage::Auth,
            ErrorKind::NoMechanism(none),
            "(use TLS; danger_allow_clear_text_credentials() would show the password",
        ),
        (
            Stage::Auth,
            ErrorKind::Sasl(SaslError::ServerNotVerified),
            "did not prove that it knows the password",
        ),
        (
            Stage::Mail,
            ErrorKind::Refused(reply("530 5.7.0 no\r\n")),
            "(the server wants STARTTLS or AUTH first",
        ),
    ] {
        judged(stage, kind, said, Fault::Account, false);
    }
}

#[test]
fn what_the_mail_asks_for_and_cannot_have_is_its_own_fault() {
    let content = std::io::Error::other("disk gone\n");
    for (kind, said) in [
        (
            ErrorKind::Missing(Extension::EightBitMime),
            "which the server does not offer (encode the message as quoted-printable or base64)",
        ),
        (
            ErrorKind::OutOfBounds {
                extension: Extension::DeliverBy,
                bound: "240\u{7}".to_owned(),
            },
            "more than the server allows: DELIVERBY 240\\x07",
        ),
        (ErrorKind::ClearText, "REQUIRETLS"),
        (
            ErrorKind::Content(Arc::new(content)),
            "the message could not be read: disk gone\\x0a",
        ),
    ] {
        judged(Stage::Local, kind, said, Fault::Message, false);
    }
}

#[test]
fn each_stage_has_a_name_of_its_own() {
    let stages = [
        Stage::Local,
        Stage::Connect,
        Stage::Tls,
        Stage::Greeting,
        Stage::Ehlo,
        Stage::StartTls,
        Stage::Auth,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Content,
        Stage::EndOfData,
        Stage::Reset,
        Stage::Quit,
        Stage::Other,
    ];
    let names: std::collections::BTreeSet<String> =
        stages.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), stages.len());
}

#[test]
fn rfc3463_a_sender_refused_for_size_or_content_is_the_mails_fault() {
    for (text, fault) in [
        ("550 5.2.3 too long\r\n", Fault::Message),
        ("550 5.3.4 too big\r\n", Fault::Message),
        ("550 5.6.1 no such media\r\n", Fault::Message),
        ("550 5.2.1 disabled\r\n", Fault::Account),
    ] {
        let error = Error::new(Stage::Mail, ErrorKind::Refused(reply(text)));
        assert_eq!(error.fault(), fault, "{error}");
    }
}

#[test]
fn an_envelope_without_recipients_does_not_exist() {
    let error = Envelope::new(ReversePath::Null, Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "the envelope has no recipient");
    let error = Envelope::parse("a b@example.org", ["c@example.org"]).unwrap_err();
    let address = "a b@example.org".parse::<Mailbox>().unwrap_err();
    assert_eq!(error.to_string(), address.to_string());
}

#[cfg(feature = "direct")]
#[test]
fn rfc8460_4_3_failures_have_the_names_of_the_registry() {
    use postrider_smtp::direct::{FailureType, FetchError, PolicyType};
    let policies = [PolicyType::Tlsa, PolicyType::Sts, PolicyType::NoPolicyFound];
    let policies = policies.map(|policy| policy.to_string());
    assert_eq!(policies, ["tlsa", "sts", "no-policy-found"]);
    for (failure, name) in [
        (FailureType::StarttlsNotSupported, "starttls-not-supported"),
        (
            FailureType::CertificateHostMismatch,
            "certificate-host-mismatch",
        ),
        (FailureType::CertificateExpired, "certificate-expired"),
        (
            FailureType::CertificateNotTrusted,
            "certificate-not-trusted",
        ),
        (FailureType::ValidationFailure, "validation-failure"),
        (FailureType::TlsaInvalid, "tlsa-invalid"),
        (FailureType::DnssecInvalid, "dnssec-invalid"),
        (FailureType::StsPolicyFetchError, "sts-policy-fetch-error"),
        (FailureType::StsPolicyInvalid, "sts-policy-invalid"),
        (FailureType::StsWebpkiInvalid, "sts-webpki-invalid"),
    ] {
        assert_eq!(failure.to_string(), name);
    }
    for error in [
        FetchError::Certificate("expired".to_owned()),
        FetchError::Failed("expired".to_owned()),
    ] {
        assert_eq!(error.to_string(), "expired");
    }
}

//! What `postrider send` says of what became of a mail: exit codes, outcomes of recipients, hints.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/sent.rs"]
mod sent;
mod support;

use postrider_sandbox::{Action, Extension, Fault, Sandbox, Stage};
use sent::{BASIC, content, ran, refuse, send};
use serde_json::Value;
use support::{prepared, sandbox};

#[tokio::test]
async fn exit_codes_say_what_became_of_it() {
    for (stage, line, code) in [
        (Stage::Rcpt, "550 5.1.1 no such user", 67),
        (Stage::Rcpt, "450 4.2.1 later", 75),
        (Stage::Mail, "550 5.7.1 not you", 69),
        (Stage::EndOfData, "554 5.6.0 not that", 69),
        (Stage::EndOfData, "451 4.3.0 later", 75),
        (Stage::Auth, "535 5.7.8 no", 77),
        (Stage::Auth, "454 4.7.0 later", 75),
        (Stage::Auth, "432 4.7.12 a new password is needed first", 75),
        (Stage::Greeting, "554 5.3.2 not today", 69),
        (Stage::StartTls, "502 5.5.1 no TLS", 69),
        (Stage::StartTls, "454 4.7.0 later", 75),
    ] {
        let sandbox = sandbox().await;
        refuse(&sandbox, stage, 1, line);
        let ran = send(&sandbox, &BASIC, b"").await;
        assert_eq!(ran.code, code, "{line}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(line), "{}", ran.err);
    }
}

#[tokio::test]
async fn a_server_that_breaks_the_rules_of_the_log_in_has_not_refused_it() {
    let sandbox = sandbox().await;
    let raw = Action::Raw(b"334 !!!\r\n".to_vec());
    sandbox.add_fault(Fault::smtp(Stage::Auth, raw));
    let ran = send(&sandbox, &BASIC, b"").await;
    assert_eq!(ran.code, 76, "{}", ran.err);
}

#[tokio::test]
async fn a_mail_of_which_nobody_knows_is_not_said_to_be_refused() {
    let sandbox = sandbox().await;
    sandbox.add_fault(Fault::smtp(Stage::EndOfData, Action::DropUnanswered));
    let ran = send(&sandbox, &BASIC, b"").await;
    assert_eq!(ran.code, 75, "{}", ran.err);
    assert!(ran.err.contains("may have been delivered"), "{}", ran.err);
    assert!(!ran.err.contains("it may work later"), "{}", ran.err);
    assert!(!ran.err.contains("not accepted"), "{}", ran.err);
}

#[tokio::test]
async fn hints_are_in_the_words_of_the_command() {
    let open = Sandbox::builder().without(Extension::StartTls);
    let sandbox = prepared(open.clear_text_auth(true)).await;
    for (tls, hint) in [
        ("starttls", "?security=tls"),
        ("if-offered", "--danger-allow-clear-text"),
    ] {
        let args = [&BASIC[..], &["--tls", tls]].concat();
        let ran = send(&sandbox, &args, b"").await;
        assert_eq!(ran.code, 69, "{}", ran.err);
        assert!(ran.err.contains(hint), "{}", ran.err);
        for word in ["Security::", "security = ", "()"] {
            assert!(!ran.err.contains(word), "{}", ran.err);
        }
    }
    assert_eq!(sandbox.mails().len(), 0);
}

#[tokio::test]
async fn one_refused_recipient_does_not_keep_the_mail_from_the_other() {
    let sandbox = sandbox().await;
    refuse(&sandbox, Stage::Rcpt, 2, "550 5.1.1 no such user");
    let ran = send(&sandbox, &BASIC, b"").await;
    assert_eq!(ran.code, 67);
    assert!(
        ran.err.contains("<bob@example.org> refused at "),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("1 of 2 recipients were not accepted"));
    content(&sandbox, "ada@example.org");
}

#[tokio::test]
async fn json_has_an_object_for_each_recipient_also_without_a_server() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("smtp://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let dir = tempfile::tempdir().unwrap();
    let args = [&["--server", &server, "--json"], &BASIC[..]].concat();
    let ran = ran(dir.path(), &args, b"").await;
    assert_eq!(ran.code, 75, "{}", ran.err);
    let objects: Vec<Value> = ran
        .out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(objects.len(), 2, "{}", ran.out);
    for object in objects {
        assert_eq!(object["outcome"], "deferred");
        assert_eq!(object["stage"], "connect");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_before_anybody_is_called() {
    let sandbox = sandbox().await;
    for (args, input, code) in [
        (&["-i"][..], "To: a@b.example\n\n", 64),
        (&["-t"], "From: a@b.example\nSubject: s\n\n", 65),
        (&["-t"], "To: a@b.example\n\n", 64),
        (&["-bv"], "", 64),
        (&["--to", "nobody at all", "--from", "a@b.example"], "", 65),
        (
            &[
                "--to",
                "a@b.example",
                "--from",
                "a@b.example",
                "--body",
                "@absent",
            ],
            "",
            66,
        ),
        (
            &[
                "--to",
                "a@b.example",
                "--from",
                "a@b.example",
                "--header",
                "X: a\r\nBcc: b",
            ],
            "",
            65,
        ),
    ] {
        let ran = send(&sandbox, args, input.as_bytes()).await;
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
    }
    assert_eq!(sandbox.connections().smtp, 0);
}

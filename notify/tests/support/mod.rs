//! What the tests of this crate share: a store with mail in it, and accounts at a sandbox.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod house;

use jiff::{SignedDuration, Timestamp};
use postrider_notify::account::{
    DeletePolicy, Login, LoginKind, Pop3Account, SecretSource, SmtpAccount,
};
use postrider_notify::config::{ExampleParts, example};
use postrider_notify::event::{EventKind, NewEvent};
use postrider_notify::outgoing::{
    DeliveryState, LogRow, Match, MatchVerdict, OutgoingMail, Settlement,
};
use postrider_notify::record::{Fields, RecordKey};
use postrider_notify::store::{LogFilter, SqliteStore, Store, Work};
use postrider_sandbox::Sandbox;
use postrider_wire::Security;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub const PASSWORD: &str = "correct horse";

/// A sandbox with the mailboxes of support, ada and bob.
pub async fn sandbox() -> Sandbox {
    prepared(Sandbox::builder()).await
}

pub async fn prepared(builder: postrider_sandbox::Builder) -> Sandbox {
    builder
        .mailbox("support@example.org", "support", PASSWORD)
        .mailbox("ada@example.org", "ada", PASSWORD)
        .mailbox("bob@example.org", "bob", PASSWORD)
        .catch_all("support@example.org")
        .start()
        .await
        .unwrap()
}

pub fn login(password: &str) -> Login {
    Login {
        user: "support".into(),
        kind: LoginKind::Password,
        secret: SecretSource::Value(password.into()),
    }
}

pub fn smtp_account(sandbox: &Sandbox) -> SmtpAccount {
    SmtpAccount {
        name: "main".into(),
        endpoint: sandbox.smtp().clone(),
        security: Security::StartTls,
        login: Some(login(PASSWORD)),
        ca: Some(sandbox.ca_pem().to_owned()),
        accept_invalid_certs: false,
        allow_clear_text_credentials: false,
        from: "Support <support@example.org>".into(),
        reply_to: Some("support@example.org".into()),
        ehlo_name: None,
        timeout: Some(Duration::from_secs(5)),
        transport: Default::default(),
        sending: Default::default(),
    }
}

pub fn pop3_account(sandbox: &Sandbox) -> Pop3Account {
    Pop3Account {
        name: "support".into(),
        endpoint: sandbox.pop3().clone(),
        security: Security::StartTls,
        login: login(PASSWORD),
        ca: Some(sandbox.ca_pem().to_owned()),
        accept_invalid_certs: false,
        allow_clear_text_credentials: false,
        delete: DeletePolicy::Now,
        interval: Duration::from_secs(60),
        remember: Duration::from_secs(90 * 24 * 3600),
        max_message: 1 << 20,
        timeout: Some(Duration::from_secs(5)),
        transport: Default::default(),
    }
}

/// An account at a server on this machine that knows no TLS and lets everybody in.
pub fn pop3_account_at(port: u16) -> Pop3Account {
    Pop3Account {
        name: "support".into(),
        endpoint: postrider_wire::Endpoint::new("127.0.0.1", port).unwrap(),
        security: Security::None,
        login: login(PASSWORD),
        ca: None,
        accept_invalid_certs: false,
        allow_clear_text_credentials: true,
        delete: DeletePolicy::Now,
        interval: Duration::from_secs(60),
        remember: Duration::from_secs(90 * 24 * 3600),
        max_message: 1 << 20,
        timeout: None,
        transport: Default::default(),
    }
}

/// A store that lives at the moment that these tests live at, whatever the day is.
pub fn store() -> Arc<dyn Store> {
    Arc::new(SqliteStore::open_in_memory().unwrap().with_clock(now))
}

/// A moment that does not move.
pub fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub fn after(minutes: i64) -> Timestamp {
    now()
        .checked_add(SignedDuration::from_mins(minutes))
        .unwrap()
}

/// Queues one mail for each recipient, as one event's notification about the record would.
pub fn queue(store: &dyn Store, record: Option<RecordKey>, recipients: &[&str]) {
    let event = NewEvent {
        name: "test.fired".into(),
        kind: EventKind::Fired,
        record: None,
        parm1: String::new(),
        parm2: String::new(),
        actor: String::new(),
        current: Fields::new(),
        previous: Fields::new(),
        idempotency_key: None,
        due: None,
    };
    let committed = store
        .commit(&Work {
            events: vec![event],
            ..Work::default()
        })
        .unwrap();
    let event = committed.events[0];
    let mails = recipients.iter().enumerate().map(|(n, recipient)| {
        let message_id = format!("{event}.{n}@example.org");
        OutgoingMail {
            raw: format!(
                "From: Support <support@example.org>\r\nTo: {recipient}\r\nMessage-ID: <{message_id}>\r\nSubject: s\r\n\r\ntext {n}\r\n"
            )
            .into_bytes(),
            message_id,
            sender: "support@example.org".into(),
            recipient: (*recipient).to_owned(),
            subject: "s".into(),
            account: "main".into(),
            record: record.clone(),
            // Beyond any clock that these tests run by.
            expires: "2200-01-01T00:00:00Z".parse().unwrap(),
            not_before: None,
            rank: None,
        }
    });
    let settlement = Settlement {
        event,
        matches: vec![Match {
            notification: "test".into(),
            verdict: MatchVerdict::Matched,
            detail: String::new(),
            recipients: Vec::new(),
            mails: mails.collect(),
            digests: Vec::new(),
        }],
        error: None,
    };
    store.settle(&[settlement]).unwrap();
}

/// The log, oldest first.
pub fn log(store: &dyn Store) -> Vec<LogRow> {
    let mut rows = store
        .log(&LogFilter {
            limit: 1000,
            ..LogFilter::default()
        })
        .unwrap();
    rows.reverse();
    rows
}

pub fn states(store: &dyn Store) -> Vec<DeliveryState> {
    log(store).iter().map(|row| row.state).collect()
}

/// The example configuration for a sandbox, after `change`.
pub fn desk(sandbox: &Sandbox, change: impl Fn(String) -> String) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), PASSWORD).unwrap();
    let password = "password_file = \"password\"";
    write_example(sandbox, dir.path(), password, change);
    dir
}

/// Writes it into a folder; `password` is the line that says where the password is.
pub fn write_example(
    sandbox: &Sandbox,
    dir: &Path,
    password: &str,
    change: impl Fn(String) -> String,
) {
    std::fs::write(dir.join("ca.pem"), sandbox.ca_pem()).unwrap();
    let parts = ExampleParts {
        smtp_host: sandbox.smtp().host().into(),
        smtp_port: sandbox.smtp().port(),
        smtp_security: "starttls",
        pop3_host: sandbox.pop3().host().into(),
        pop3_port: sandbox.pop3().port(),
        pop3_security: "starttls",
        user: "support".into(),
        password: password.into(),
        ca_file: Some("ca.pem".into()),
        database: "postrider.db".into(),
        mail_domain: "example.org".into(),
    };
    for (name, text) in example(&parts) {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = if path.ends_with("postrider.toml") {
            change(text)
        } else {
            text
        };
        std::fs::write(path, text).unwrap();
    }
}

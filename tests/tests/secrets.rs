//! What holds a password shows it nowhere: not by `Debug`, not by `Display`, not in a transcript; not in base64 either.
#![cfg(all(feature = "drivers", feature = "notify"))]

use postrider_notify::account::{Login, LoginKind, SecretSource};
use postrider_pop3 as pop3;
use postrider_smtp as smtp;
use postrider_tests::properties::naive;
use postrider_wire::sasl::{Credentials, Exchange, Mechanism};
use postrider_wire::{Endpoint, Proxy, Route, Secret, Transcript};
use proptest::prelude::*;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, duplex};

/// Whether a text shows a password: as it is, or in base64 at any place of it.
fn shows(text: &str, password: &str) -> bool {
    let encoded = |before: usize| {
        let shifted = [&vec![b'x'; before][..], password.as_bytes()].concat();
        let all = String::from_utf8(naive::base64(&shifted, 1_000)).unwrap();
        // What depends on what stands before and behind is left out.
        let whole = &all.trim_end()[(before * 4).div_ceil(3)..shifted.len() / 3 * 4];
        whole.to_owned()
    };
    text.contains(password)
        || (0..3)
            .map(encoded)
            .any(|form| form.len() > 6 && text.contains(&form))
}

/// `{:?}` and `{:#?}`.
fn debug(value: &dyn Debug) -> [String; 2] {
    [format!("{value:?}"), format!("{value:#?}")]
}

/// Everything that a password is put into, as it shows itself.
fn shown(password: &str) -> Vec<String> {
    let endpoint = || Endpoint::new("mx.example.org", 25).unwrap();
    let credentials = || Credentials::password("ada", password).unwrap();
    let bearer = Credentials::bearer("ada", password).unwrap();
    let proxy = || Proxy::socks5(endpoint()).login("ada", password).unwrap();
    let route = || Route::direct().proxy(proxy());
    let login = Login {
        user: "ada".into(),
        kind: LoginKind::Password,
        secret: SecretSource::Value(Secret::from(password)),
    };
    let command = SecretSource::Command(vec!["token".into(), password.into()]);
    let plain = Exchange::new(Mechanism::Plain, &credentials());
    let initial = plain.initial_response().unwrap();
    let auth = smtp::Command::Auth(Mechanism::Plain, Some(&initial));
    let pass = pop3::Command::Pass(pop3::Password::new(password).unwrap());
    let values: Vec<[String; 2]> = vec![
        debug(&Secret::from(password)),
        debug(&credentials()),
        debug(&bearer),
        debug(&proxy()),
        debug(&route()),
        debug(&plain),
        debug(&initial),
        debug(&auth),
        debug(&pass),
        debug(&login),
        debug(&command),
        debug(
            &smtp::Config::new(endpoint())
                .credentials(credentials())
                .route(route()),
        ),
        debug(
            &pop3::Config::new(endpoint())
                .credentials(credentials())
                .route(route()),
        ),
    ];
    values
        .concat()
        .into_iter()
        .chain([proxy().to_string()])
        .collect()
}

/// The transcript of a login that the server refuses with the password in its words, and the error.
async fn refused(password: &str) -> Vec<String> {
    let (near, far) = duplex(4_096);
    let words = password.to_owned();
    let server = tokio::spawn(async move {
        let mut peer = BufStream::new(far);
        let mut line = String::new();
        let mut reply = "220 mx\r\n".to_owned();
        loop {
            if peer.write_all(reply.as_bytes()).await.is_err() || peer.flush().await.is_err() {
                return;
            }
            line.clear();
            if !matches!(peer.read_line(&mut line).await, Ok(1..)) {
                return;
            }
            reply = match &line[..4] {
                "EHLO" => "250-mx\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
                _ => format!("535 5.7.8 {words} is wrong: {}\r\n", line.trim_end()),
            };
        }
    });
    let said = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&said);
    let config = smtp::Config::new(Endpoint::new("mx.example.org", 25).unwrap())
        .security(smtp::Security::None)
        .credentials(Credentials::password("ada", password).unwrap())
        .danger_allow_clear_text_credentials()
        .transcript(Transcript::to(move |line| {
            kept.lock().unwrap().push(line.to_string())
        }));
    let stream = postrider_wire::Stream::from_io(near);
    let error = smtp::Client::connect_over(&config, stream)
        .await
        .expect_err("a refusal");
    server.abort();
    let mut said = said.lock().unwrap().clone();
    assert!(said.iter().any(|line| line.contains("535")), "{said:?}");
    said.extend([error.to_string(), format!("{error:?}")]);
    said
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn nothing_that_holds_a_password_shows_it(password in "[!-~]{9,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let said = runtime.block_on(refused(&password));
        for text in shown(&password).iter().chain(&said) {
            prop_assert!(!shows(text, &password), "{password:?} in {text}");
        }
    }
}

#[test]
fn a_password_would_be_seen() {
    assert!(shows("the password is correct-horse", "correct-horse"));
    let plain = naive::base64(b"\0ada\0correct-horse", 1_000);
    assert!(shows(&String::from_utf8(plain).unwrap(), "correct-horse"));
    assert!(!shows("the password is wrong", "correct-horse"));
}

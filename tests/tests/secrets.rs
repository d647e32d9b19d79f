//! What holds a password shows it nowhere: not by `Debug`, not by `Display`, not in an error, not in a transcript; not in
//! base64 either, nor as a list of octets. Nor does a login show what proves the password.
#![cfg(all(feature = "drivers", feature = "notify"))]

use postrider_notify::account::{ClientCertificate, Login, LoginKind, SecretSource};
use postrider_notify::config::{Config as Desk, ExampleParts, PostgresAddress, example};
use postrider_notify::token::Signer;
use postrider_pop3 as pop3;
use postrider_smtp as smtp;
use postrider_tests::properties::naive;
use postrider_wire::sasl::{self, Credentials, Exchange, Mechanism};
use postrider_wire::{Endpoint, Proxy, Route, Secret, Stream, Transcript, WriteBuffer};
use proptest::prelude::*;
use std::error::Error;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex};

/// Whether a text shows a password: as it is, escaped, octet by octet, or in base64 at any place of it.
fn shows(text: &str, password: &str) -> bool {
    let encoded = |before: usize| {
        let shifted = [&vec![b'x'; before][..], password.as_bytes()].concat();
        let all = base64(&shifted);
        // What depends on what stands before and behind is left out.
        all[(before * 4).div_ceil(3)..shifted.len() / 3 * 4].to_owned()
    };
    let quoted = format!("{password:?}");
    text.contains(password)
        || text.contains(&quoted[1..quoted.len() - 1])
        || without_blanks(text).contains(&octets(password.as_bytes()))
        || (0..3)
            .map(encoded)
            .any(|form| form.len() > 6 && text.contains(&form))
}

fn base64(octets: &[u8]) -> String {
    let text = String::from_utf8(naive::base64(octets, 1_000)).unwrap();
    text.trim_end().to_owned()
}

/// As `Debug` shows octets, without what is around them: `104,117`.
fn octets(octets: &[u8]) -> String {
    let words: Vec<String> = octets.iter().map(u8::to_string).collect();
    words.join(",")
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

/// `{:?}` and `{:#?}`.
fn debug(value: &dyn Debug) -> [String; 2] {
    [format!("{value:?}"), format!("{value:#?}")]
}

fn endpoint() -> Endpoint {
    Endpoint::new("mx.example.org", 25).unwrap()
}

fn proxy(password: &str) -> Proxy {
    let proxy = Proxy::socks5(endpoint()).login("ada", password);
    proxy.unwrap()
}

fn login(password: &str) -> Login {
    Login {
        user: "ada".into(),
        kind: LoginKind::Password,
        secret: SecretSource::Value(Secret::from(password)),
    }
}

fn certificate(password: &str) -> ClientCertificate {
    ClientCertificate {
        chain: String::new(),
        key: Secret::from(password),
    }
}

/// The example, with the password wherever there may be one.
fn desk(password: &str) -> Desk {
    static EXAMPLE: LazyLock<Desk> = LazyLock::new(|| {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in example(&ExampleParts::default()) {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Desk::load(dir.path()).unwrap()
    });
    let mut desk = EXAMPLE.clone();
    desk.postgres = Some(PostgresAddress {
        url: "postgres://ada@db.example.org/desk".into(),
        password: Some(SecretSource::Value(Secret::from(password))),
        ca: None,
    });
    desk.smtp[0].login = Some(login(password));
    desk.smtp[0].transport.proxy = Some(proxy(password));
    desk.smtp[0].transport.client_certificate = Some(certificate(password));
    desk.pop3[0].login = login(password);
    desk
}

/// Everything that a password is put into, as it shows itself.
fn shown(password: &str) -> Vec<String> {
    let credentials = || Credentials::password("ada", password).unwrap();
    let bearer = Credentials::bearer("ada", password).unwrap();
    let route = || Route::direct().proxy(proxy(password));
    let command = SecretSource::Command(vec!["token".into(), password.into()]);
    let plain = Exchange::new(Mechanism::Plain, &credentials());
    let initial = plain.initial_response().unwrap();
    let auth = smtp::Command::Auth(Mechanism::Plain, Some(&initial));
    let pass = pop3::Command::Pass(pop3::Password::new(password).unwrap());
    let mut out = WriteBuffer::default();
    out.extend_from_slice(password.as_bytes());
    let sending = || {
        smtp::Config::new(endpoint())
            .credentials(credentials())
            .route(route())
    };
    let reading = pop3::Config::new(endpoint())
        .credentials(credentials())
        .route(route());
    let values: Vec<[String; 2]> = vec![
        debug(&Secret::from(password)),
        debug(&credentials()),
        debug(&bearer),
        debug(&proxy(password)),
        debug(&route()),
        debug(&plain),
        debug(&initial),
        debug(&auth),
        debug(&pass),
        debug(&out),
        debug(&login(password)),
        debug(&command),
        debug(&certificate(password)),
        debug(&Signer::new(password.as_bytes()).unwrap()),
        debug(&desk(password)),
        debug(&sending()),
        debug(&smtp::Pool::new(sending(), smtp::PoolLimits::default())),
        debug(&reading),
    ];
    let displayed = [proxy(password).to_string()];
    values.concat().into_iter().chain(displayed).collect()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Protocol {
    Smtp,
    Pop3,
}

/// How a server ends a login, with the password in its words where it can.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Refuses,
    /// It asks for more than the mechanism has to say.
    AsksAgain,
    /// It answers what is no reply.
    Babbles,
    Believes,
}

/// A server that offers one way to log in: a SASL mechanism, or USER or APOP.
struct Server {
    protocol: Protocol,
    way: &'static str,
    end: End,
    password: String,
    /// What the client has said of its login.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn serve(self, far: DuplexStream) {
        let mut peer = BufStream::new(far);
        let mut reply = match self.protocol {
            Protocol::Smtp => "220 mx\r\n".to_owned(),
            Protocol::Pop3 => "+OK <1896.697170952@mx>\r\n".to_owned(),
        };
        loop {
            if peer.write_all(reply.as_bytes()).await.is_err() || peer.flush().await.is_err() {
                return;
            }
            let mut line = String::new();
            if !matches!(peer.read_line(&mut line).await, Ok(1..)) {
                return;
            }
            reply = self.answer(line.trim_end());
        }
    }

    fn answer(&self, line: &str) -> String {
        let verb = line.split(' ').next().unwrap_or_default();
        match (self.protocol, verb) {
            (Protocol::Smtp, "EHLO") => format!("250-mx\r\n250 AUTH {}\r\n", self.way),
            (Protocol::Smtp, "QUIT") => "221 bye\r\n".to_owned(),
            (Protocol::Pop3, "CAPA") => match self.way {
                "USER" | "APOP" => "+OK\r\nUSER\r\n.\r\n".to_owned(),
                mechanism => format!("+OK\r\nSASL {mechanism}\r\n.\r\n"),
            },
            (Protocol::Pop3, "USER" | "QUIT") => "+OK\r\n".to_owned(),
            _ => self.examine(line),
        }
    }

    fn examine(&self, line: &str) -> String {
        let said = match line.strip_prefix("AUTH ") {
            // The initial response, if there is one.
            Some(auth) => auth.split_once(' ').map(|(_, initial)| initial),
            None => Some(line),
        };
        let mut heard = self.heard.lock().unwrap();
        heard.extend(said.map(str::to_owned));
        let (ask, yes, no) = match self.protocol {
            Protocol::Smtp => ("334 ", "235 ok\r\n", "535 5.7.8 "),
            Protocol::Pop3 => ("+ ", "+OK\r\n", "-ERR "),
        };
        let password = &self.password;
        match (challenge(self.way, &heard), self.end) {
            (Some(challenge), _) if line != "*" => format!("{ask}{challenge}\r\n"),
            (_, End::AsksAgain) if line != "*" => {
                format!("{ask}{}\r\n", base64(password.as_bytes()))
            }
            (_, End::Babbles) => format!("what is {password}?\r\n"),
            (_, End::Believes) => yes.to_owned(),
            _ => format!("{no}{password} is wrong: {line}\r\n"),
        }
    }
}

/// What a server asks that has heard so much; `None` when it has heard all.
fn challenge(way: &str, heard: &[String]) -> Option<String> {
    match (way, heard) {
        ("LOGIN", []) => Some("VXNlcm5hbWU6".to_owned()),
        ("LOGIN", [_]) => Some("UGFzc3dvcmQ6".to_owned()),
        ("CRAM-MD5", []) => Some(base64(b"<1896.697170952@mx>")),
        ("USER" | "APOP", _) => None,
        (_, []) => Some(String::new()),
        // It explains its refusal, and wants an answer.
        ("XOAUTH2" | "OAUTHBEARER", [_]) => Some(base64(b"{\"status\":\"401\"}")),
        ("SCRAM-SHA-1" | "SCRAM-SHA-256", [first]) => {
            let first = String::from_utf8(sasl::decode(first.as_bytes()).unwrap()).unwrap();
            let (_, nonce) = first.rsplit_once(",r=").unwrap();
            Some(base64(format!("r={nonce}tea,s=c2FsdA==,i=4096").as_bytes()))
        }
        _ => None,
    }
}

/// What proves the password to whoever can guess: the digests of APOP and CRAM-MD5, the proof of SCRAM.
fn proofs(heard: &[String]) -> Vec<String> {
    let decoded = |line: &String| String::from_utf8(sasl::decode(line.as_bytes()).ok()?).ok();
    let texts = heard
        .iter()
        .flat_map(|line| [Some(line.clone()), decoded(line)]);
    let is_digest = |word: &&str| word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let proof = |text: String| match text.split_once(",p=") {
        Some((_, proof)) => Some(proof.to_owned()),
        None => text.rsplit(' ').next().filter(is_digest).map(str::to_owned),
    };
    texts.flatten().filter_map(proof).collect()
}

fn said_of(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut said = debug(&error).to_vec();
    let mut next = Some(error);
    while let Some(error) = next {
        said.push(error.to_string());
        next = error.source();
    }
    said
}

/// How a login over this stream ends: the session as it shows itself, or the error.
async fn log_in(
    protocol: Protocol,
    way: &str,
    password: &str,
    transcript: Transcript,
    stream: Stream,
) -> Result<Vec<String>, Vec<String>> {
    let credentials = match way {
        "XOAUTH2" | "OAUTHBEARER" => Credentials::bearer("ada", password),
        _ => Credentials::password("ada", password),
    };
    let credentials = credentials.unwrap();
    match protocol {
        Protocol::Smtp => {
            let config = smtp::Config::new(endpoint())
                .security(smtp::Security::None)
                .credentials(credentials)
                .danger_allow_clear_text_credentials()
                .transcript(transcript);
            let client = smtp::Client::connect_over(&config, stream).await;
            let client = client.map_err(|error| said_of(&error))?;
            Ok(debug(&client).to_vec())
        }
        Protocol::Pop3 => {
            let config = pop3::Config::new(endpoint())
                .security(pop3::Security::None)
                .credentials(credentials)
                .danger_allow_clear_text_credentials()
                .transcript(transcript);
            let config = match way {
                "APOP" => config.apop(),
                _ => config,
            };
            let client = pop3::Client::over(stream, &config).await;
            let client = client.map_err(|error| said_of(&error))?;
            Ok(debug(&client).to_vec())
        }
    }
}

/// Plays a login to its end; nothing that is said of it shows its secrets.
async fn play(protocol: Protocol, way: &'static str, end: End, password: &str) {
    let (near, far) = duplex(8_192);
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let server = Server {
        protocol,
        way,
        end,
        password: password.to_owned(),
        heard: Arc::clone(&heard),
    };
    let server = tokio::spawn(server.serve(far));
    let (transcript, lines) = Transcript::in_memory();
    let stream = Stream::from_io(near);
    let outcome = log_in(protocol, way, password, transcript, stream).await;
    server.abort();
    let about = format!("{protocol:?} {way} {end:?}");
    // Who has proved nothing is not believed by SCRAM.
    let believed = end == End::Believes && !way.starts_with("SCRAM");
    assert_eq!(outcome.is_ok(), believed, "{about}: {outcome:?}");
    let mut texts: Vec<String> = lines().iter().map(ToString::to_string).collect();
    let refused = texts.iter().any(|line| line.contains("is wrong"));
    assert!(refused || end != End::Refuses, "{about}: {texts:?}");
    texts.extend(outcome.unwrap_or_else(|error| error));
    let proves = ["APOP", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"].contains(&way);
    let proofs = match proves {
        true => proofs(&heard.lock().unwrap()),
        false => Vec::new(),
    };
    assert_eq!(!proofs.is_empty(), proves, "{about}");
    for secret in proofs.iter().map(String::as_str).chain([password]) {
        for text in &texts {
            assert!(!shows(text, secret), "{about}: {secret:?} in {text}");
        }
    }
}

const ENDS: [End; 4] = [End::Refuses, End::AsksAgain, End::Babbles, End::Believes];

fn play_all(ways: &[(Protocol, &'static str)], password: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for &(protocol, way) in ways {
        for end in ENDS {
            runtime.block_on(play(protocol, way, end, password));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn nothing_that_holds_a_password_shows_it(password in "[!-~]{9,40}") {
        for text in shown(&password) {
            prop_assert!(!shows(&text, &password), "{password:?} in {text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]
    #[test]
    fn no_login_shows_its_secret_whatever_the_server_makes_of_it(password in "[!-~]{9,40}") {
        let ways = ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"];
        play_all(&ways.map(|way| (Protocol::Smtp, way)), &password);
        play_all(&ways.map(|way| (Protocol::Pop3, way)), &password);
        play_all(&["USER", "APOP"].map(|way| (Protocol::Pop3, way)), &password);
    }
}

proptest! {
    // Its rounds of hashing take their time.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2) })]
    #[test]
    fn no_login_by_scram_shows_its_secret_or_its_proof(password in "[!-~]{9,40}") {
        let ways = ["SCRAM-SHA-1", "SCRAM-SHA-256"];
        play_all(&ways.map(|way| (Protocol::Smtp, way)), &password);
        play_all(&ways.map(|way| (Protocol::Pop3, way)), &password);
    }
}

#[test]
fn a_key_that_signs_mail_shows_nothing_of_itself() {
    let pem = include_str!("../../mime/tests/dkim/ed25519.pem");
    let key = postrider_mime::dkim::Key::from_pem(pem).unwrap();
    let line = pem.lines().nth(1).unwrap();
    let der = sasl::decode(line.as_bytes()).unwrap();
    // The end of it is the key itself (RFC 8410 §7).
    let seed = octets(&der[der.len() - 32..]);
    for text in debug(&key) {
        assert!(
            !text.contains(line) && !without_blanks(&text).contains(&seed),
            "{text}"
        );
    }
}

#[test]
fn a_password_would_be_seen() {
    let password = "correct-\"horse\"";
    for text in [
        format!("the password is {password}"),
        base64(format!("\0ada\0{password}").as_bytes()),
        format!("{password:?}"),
        format!("{:?}", password.as_bytes()),
        format!("{:#?}", password.as_bytes()),
    ] {
        assert!(shows(&text, password), "{text}");
    }
    assert!(!shows("the password is wrong", password));
}

//! The driver over pipes in memory: TLS, clocks, dead-locks, transcripts.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod scripted;

use postrider_smtp::*;
use postrider_wire::Stream;
use scripted::script;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex};
use tokio::task::JoinHandle;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";
const EHLO: &str = "250-evil\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n";

fn config() -> Config {
    Config::new(Endpoint::new("mx.example.org", 25).unwrap())
        .security(Security::None)
        .timeouts(Timeouts::all(Duration::from_secs(10)))
}

fn envelope() -> Envelope {
    Envelope::parse("a@example.com", ["r1@example.com"]).unwrap()
}

async fn connect(
    config: &Config,
    steps: &[(&str, &str)],
) -> (Result<Client, Error>, JoinHandle<String>) {
    let (near, far) = duplex(4096);
    let server = script(far, steps);
    (
        Client::connect_over(config, Stream::from_io(near)).await,
        server,
    )
}

#[tokio::test]
async fn a_mail_goes_out_and_the_session_ends_politely() {
    let steps = [
        ("", "220 evil ESMTP\r\n"),
        ("EHLO", EHLO),
        ("DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"),
        ("\r\n.\r\n", "250 queued\r\n"),
        ("QUIT\r\n", "221 bye\r\n"),
    ];
    let (client, server) = connect(&config(), &steps).await;
    let mut client = client.unwrap();
    let outcomes = client.send(&envelope(), MESSAGE).await;
    assert_eq!(
        outcomes[0].to_string(),
        "<r1@example.com> accepted at end of data: 250 queued"
    );
    assert!(client.is_usable());
    client.quit().await;
    let read = server.await.unwrap();
    assert_eq!(
        read,
        "EHLO [127.0.0.1]\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<r1@example.com>\r\nDATA\r\nSubject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n"
    );
}

#[tokio::test]
async fn a_time_that_never_ends_is_waited_for_as_long_as_clocks_count() {
    let steps = [
        ("", "220 evil ESMTP\r\n"),
        ("EHLO", EHLO),
        ("DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"),
        ("\r\n.\r\n", "250 queued\r\n"),
        ("QUIT\r\n", "221 bye\r\n"),
    ];
    let config = config().timeouts(Timeouts::all(Duration::MAX));
    let (client, server) = connect(&config, &steps).await;
    let mut client = client.unwrap();
    assert!(client.send(&envelope(), b"x\r\n").await[0].is_accepted());
    client.quit().await;
    server.await.unwrap();
}

#[tokio::test]
async fn a_command_that_could_not_be_written_leaves_a_client_that_is_not_usable() {
    let (client, server) = connect(&config(), &[("", "220 x\r\n"), ("EHLO", EHLO)]).await;
    let mut client = client.unwrap();
    server.abort();
    let _ = server.await;
    client.noop().await.unwrap_err();
    assert!(!client.is_usable());
}

#[tokio::test]
async fn rfc5321_3_2_helo_is_said_to_a_server_that_knows_no_ehlo() {
    let steps = [
        ("", "220 old\r\n"),
        ("EHLO", "500 what?\r\n"),
        ("HELO", "250 hello\r\n"),
    ];
    let (client, _server) = connect(&config(), &steps).await;
    let client = client.unwrap();
    assert_eq!(client.capabilities().keywords().count(), 0);
    assert!(client.is_usable());
}

const STARTTLS: &str = "250-evil\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n";

#[tokio::test]
async fn t1ab_clear_text_behind_the_answer_to_starttls_ends_everything() {
    for injected in [
        "220 go\r\n250-injected\r\n250 AUTH PLAIN LOGIN\r\n",
        "220 go\r\n250-evil",
    ] {
        let config = config().security(Security::StartTls);
        let steps = [
            ("", "220 evil\r\n"),
            ("EHLO", STARTTLS),
            ("STARTTLS", injected),
        ];
        let (client, server) = connect(&config, &steps).await;
        let error = client.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::StartTlsInjection),
            "{error}"
        );
        assert!(!error.is_retryable());
        assert!(server.await.unwrap().ends_with("STARTTLS\r\n"));
    }
}

#[tokio::test]
async fn t1c_clear_text_in_a_later_segment_fails_in_the_tls_layer() {
    let config = config().security(Security::StartTls);
    let steps = [
        ("", "220 evil\r\n"),
        ("EHLO", STARTTLS),
        ("STARTTLS", "220 go\r\n"),
        ("\x16\x03", "250 x\r\n"),
    ];
    let (client, server) = connect(&config, &steps).await;
    let error = client.unwrap_err();
    assert_eq!(error.stage(), Stage::Tls);
    assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error}");
    let read = server.await.unwrap();
    assert!(!read.contains("AUTH") && !read.contains("MAIL"));
}

#[tokio::test]
async fn t1e_tls_refused_where_it_is_required_is_an_error() {
    let config = config()
        .security(Security::StartTls)
        .credentials(Credentials::password("user", "secret").unwrap());
    let steps = [
        ("", "220 evil\r\n"),
        ("EHLO", STARTTLS),
        ("STARTTLS", "454 4.7.0 TLS not available\r\n"),
        ("QUIT", "221 bye\r\n"),
    ];
    let (client, server) = connect(&config, &steps).await;
    let error = client.unwrap_err();
    assert_eq!(error.stage(), Stage::StartTls);
    assert!(error.is_retryable());
    assert_eq!(
        server.await.unwrap(),
        "EHLO [127.0.0.1]\r\nSTARTTLS\r\nQUIT\r\n"
    );
}

#[tokio::test]
async fn t6a_tls_required_and_not_offered_is_an_error_before_auth() {
    let config = config()
        .security(Security::StartTls)
        .credentials(Credentials::password("user", "secret").unwrap());
    let steps = [
        ("", "220 evil\r\n"),
        ("EHLO", EHLO),
        ("QUIT", "221 bye\r\n"),
    ];
    let (client, server) = connect(&config, &steps).await;
    let error = client.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::StartTlsNotOffered));
    assert_eq!(error.fault(), Fault::Account);
    assert!(
        error
            .to_string()
            .contains("STARTTLS with mx.example.org:25"),
        "{error}"
    );
    assert_eq!(server.await.unwrap(), "EHLO [127.0.0.1]\r\nQUIT\r\n");
}

#[tokio::test]
async fn t6b_credentials_do_not_go_over_a_clear_channel_without_the_loud_opt_in() {
    let config = config().credentials(Credentials::password("user", "secret").unwrap());
    let steps = [("", "220 evil\r\n"), ("EHLO", EHLO), ("AUTH", "235 ok\r\n")];
    for security in [Security::None, Security::StartTlsIfOffered] {
        let (client, server) = connect(&config.clone().security(security), &steps).await;
        let error = client.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("PLAIN (would send the credentials in clear text)")
        );
        assert!(!server.await.unwrap().contains("AUTH"));
    }
    // Where TLS may have been stripped, no challenge of whoever did it is answered either.
    let ehlo = "250-evil\r\n250-PIPELINING\r\n250 AUTH CRAM-MD5 SCRAM-SHA-256 PLAIN\r\n";
    let challenging = [
        ("", "220 evil\r\n"),
        ("EHLO", ehlo),
        ("AUTH", "334 PDFAeD4=\r\n"),
    ];
    let stripped = config.clone().security(Security::StartTlsIfOffered);
    let (client, server) = connect(&stripped, &challenging).await;
    let shown = client.unwrap_err().to_string();
    assert!(
        shown.contains("SCRAM-SHA-256 (only with TLS") || !cfg!(feature = "scram"),
        "{shown}"
    );
    assert!(shown.contains("(use TLS;"), "{shown}");
    assert!(!server.await.unwrap().contains("AUTH"));
    let (client, server) = connect(&config.danger_allow_clear_text_credentials(), &steps).await;
    drop(client.unwrap());
    assert!(
        server
            .await
            .unwrap()
            .contains("AUTH PLAIN AHVzZXIAc2VjcmV0\r\n")
    );
}

#[tokio::test]
async fn t7_secrets_appear_nowhere() {
    let log = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&log);
    let transcript =
        Transcript::to(move |line| sink.lock().unwrap().push_str(&format!("{line}\n")));
    let config = config()
        .credentials(Credentials::password("user", "secret").unwrap())
        .danger_allow_clear_text_credentials()
        .transcript(transcript);
    let login = "250-evil\r\n250 AUTH LOGIN\r\n";
    let refusal = "535 5.7.8 no\r\n";
    for steps in [
        vec![("", "220 evil\r\n"), ("EHLO", EHLO), ("AUTH", refusal)],
        vec![
            ("", "220 evil\r\n"),
            ("EHLO", login),
            ("AUTH", "334 VXNlcm5hbWU6\r\n"),
            ("dXNlcg==", "334 UGFzc3dvcmQ6\r\n"),
            ("c2VjcmV0", refusal),
        ],
    ] {
        let (client, _server) = connect(&config, &steps).await;
        let error = client.unwrap_err();
        assert_eq!(error.reply().unwrap().to_string(), "535 5.7.8 no");
        assert_eq!(error.fault(), Fault::Account);
        let shown = format!("{error} {error:?} {config:?} {}", log.lock().unwrap());
        for secret in [
            "secret\n",
            "c2VjcmV0",
            "AHVzZXIAc2VjcmV0",
            "NlY3JldA",
            "zZWNyZX",
        ] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("C: AUTH"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_ends_in_a_timeout_in_every_stage() {
    let all = [
        ("", "220 evil\r\n"),
        ("EHLO", EHLO),
        ("DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"),
    ];
    for (answered, stage) in [(0, Stage::Greeting), (1, Stage::Ehlo)] {
        let (client, _server) = connect(&config(), &all[..answered]).await;
        let error = client.unwrap_err();
        assert_eq!(error.stage(), stage);
        assert!(
            error.to_string().contains("no answer within 10s"),
            "{error}"
        );
    }
    for (answered, stage, outcome) in [
        (2, Stage::Mail, Outcome::Deferred),
        (3, Stage::EndOfData, Outcome::Unknown),
    ] {
        let (client, _server) = connect(&config(), &all[..answered]).await;
        let mut client = client.unwrap();
        let outcomes = client.send(&envelope(), MESSAGE).await;
        assert_eq!((outcomes[0].stage, outcomes[0].outcome), (stage, outcome));
        assert!(!client.is_usable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_drips_is_late_all_the_same() {
    let (near, mut far) = duplex(4096);
    let drip = tokio::spawn(async move {
        while far.write_all(b"2").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let begin = tokio::time::Instant::now();
    let error = Client::connect_over(&config(), Stream::from_io(near))
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
    assert!(begin.elapsed() <= Duration::from_secs(11));
    drip.await.unwrap();
}

/// A server that says each text when it has read the line before it, and then reads no more.
async fn stops_reading(mut peer: DuplexStream, steps: [(&str, &str); 3]) -> DuplexStream {
    let mut read = Vec::new();
    for (until, say) in steps {
        while !read.ends_with(until.as_bytes()) {
            peer.read_buf(&mut read).await.unwrap();
        }
        peer.write_all(say.as_bytes()).await.unwrap();
    }
    peer
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_reading_ends_in_a_timeout_of_the_message() {
    let (near, far) = duplex(4096);
    let steps = [
        ("", "220 x\r\n"),
        ("EHLO [127.0.0.1]\r\n", EHLO),
        ("DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"),
    ];
    let server = tokio::spawn(stops_reading(far, steps));
    let mut client = Client::connect_over(&config(), Stream::from_io(near))
        .await
        .unwrap();
    let outcomes = client.send(&envelope(), &vec![b'x'; 1 << 20]).await;
    assert_eq!(
        (outcomes[0].outcome, outcomes[0].stage),
        (Outcome::Deferred, Stage::Content)
    );
    drop(server.await.unwrap());
}

/// A server that does not read while its replies are unread: it answers each command at once, and waits for the answer
/// to be taken.
async fn stubborn(peer: DuplexStream, commands: usize) {
    let mut peer = BufStream::with_capacity(64, 0, peer);
    peer.write_all(b"220 x\r\n").await.unwrap();
    let mut line = Vec::new();
    for _ in 0..commands {
        line.clear();
        peer.read_until(b'\n', &mut line).await.unwrap();
        let reply: &[u8] = match &line[..] {
            b"x\r\n" => continue,
            b".\r\n" => b"250 queued\r\n",
            b"DATA\r\n" => b"354 go\r\n",
            line if line.starts_with(b"EHLO") => b"250-x\r\n250 PIPELINING\r\n",
            _ => b"250 this is a rather long reply to a rather short command\r\n",
        };
        peer.write_all(reply).await.unwrap();
    }
    let mut rest = Vec::new();
    let _ = peer.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn t10_ten_thousand_recipients_through_four_kibibytes_each_way() {
    let to: Vec<String> = (0..10_000).map(|i| format!("r{i}@example.com")).collect();
    let envelope = Envelope::parse("a@example.com", &to).unwrap();
    let (near, far) = duplex(4096);
    let server = tokio::spawn(stubborn(far, 10_005));
    let mut client = Client::connect_over(&config(), Stream::from_io(near))
        .await
        .unwrap();
    let outcomes = client.send(&envelope, b"x\r\n").await;
    assert_eq!(outcomes.len(), 10_000);
    assert!(
        outcomes.iter().all(RecipientOutcome::is_accepted),
        "{}",
        outcomes[0]
    );
    drop(client);
    server.await.unwrap();
}

#[tokio::test]
async fn t5i_what_came_while_idle_is_seen_before_anything_is_written() {
    for late in ["250 x\r\n", "421 4.4.2 idle\r\n"] {
        let (near, mut far) = duplex(4096);
        far.write_all(b"220 x\r\n").await.unwrap();
        let server = tokio::spawn(async move {
            let mut read = vec![0; 512];
            let n = far.read(&mut read).await.unwrap();
            assert_eq!(&read[..n], b"EHLO [127.0.0.1]\r\n");
            far.write_all(EHLO.as_bytes()).await.unwrap();
            far
        });
        let mut client = Client::connect_over(&config(), Stream::from_io(near))
            .await
            .unwrap();
        let mut far = server.await.unwrap();
        far.write_all(late.as_bytes()).await.unwrap();
        let outcomes = client.send(&envelope(), MESSAGE).await;
        assert_eq!(outcomes[0].outcome, Outcome::Deferred);
        assert!(!client.is_usable());
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.unwrap();
        assert_eq!(
            read, b"",
            "nothing was written, and the connection was closed"
        );
    }
}

#[tokio::test]
async fn a_dropped_send_leaves_a_client_that_sends_nothing_more() {
    let steps = [("", "220 evil\r\n"), ("EHLO", EHLO)];
    let (client, server) = connect(&config(), &steps).await;
    let mut client = client.unwrap();
    let envelope = envelope();
    let send = client.send(&envelope, MESSAGE);
    assert!(
        tokio::time::timeout(Duration::from_millis(20), send)
            .await
            .is_err()
    );
    assert!(!client.is_usable());
    let outcomes = client.send(&envelope, MESSAGE).await;
    assert_eq!(outcomes[0].outcome, Outcome::Deferred);
    drop(client);
    assert_eq!(server.await.unwrap().matches("MAIL").count(), 1);
}

#[tokio::test]
async fn t5k_a_server_that_refuses_and_stops_reading_does_not_hang_us() {
    let (near, far) = duplex(4096);
    let steps = [
        ("", "220 x\r\n"),
        ("EHLO [127.0.0.1]\r\n", EHLO),
        (
            "DATA\r\n",
            "250 ok\r\n250 ok\r\n354 go\r\n550 This violates SMTP\r\n",
        ),
    ];
    let server = tokio::spawn(stops_reading(far, steps));
    let mut client = Client::connect_over(&config(), Stream::from_io(near))
        .await
        .unwrap();
    let outcomes = client.send(&envelope(), &vec![b'x'; 1 << 20]).await;
    assert_eq!(
        outcomes[0].to_string(),
        "<r1@example.com> refused at message content: 550 This violates SMTP"
    );
    drop(server.await.unwrap());
}

#[tokio::test]
async fn pipe_connect_says_ehlo_before_the_greeting_once_the_server_has_offered_it() {
    let ehlo = "250-x\r\n250 PIPECONNECT\r\n";
    let waits_for_us = [("EHLO", "220 x\r\n"), ("", ehlo), ("QUIT", "221 bye\r\n")];
    let greets = [("", "220 x\r\n"), ("EHLO", ehlo), ("QUIT", "221 bye\r\n")];
    let plain = config();
    let learns = config().pipe_connect();
    for (config, steps) in [(&plain, &greets), (&plain, &greets), (&learns, &greets)] {
        let (client, server) = connect(config, steps).await;
        client.unwrap().quit().await;
        server.await.unwrap();
    }
    // A clone has learned it too. Had EHLO waited for the greeting, nobody would say a word.
    let (client, server) = connect(&learns.clone(), &waits_for_us).await;
    client.unwrap().quit().await;
    assert_eq!(server.await.unwrap(), "EHLO [127.0.0.1]\r\nQUIT\r\n");

    // It is over with the server's first refusal.
    let strict = [("EHLO", "554 5.5.0 synchronization error\r\n")];
    let (client, _server) = connect(&learns, &strict).await;
    assert_eq!(client.unwrap_err().stage(), Stage::Greeting);
    let (client, server) = connect(&learns, &greets).await;
    client.unwrap().quit().await;
    server.await.unwrap();
}

#[tokio::test]
async fn a_transaction_step_by_step_hears_every_reply() {
    let steps = [
        ("", "220 x\r\n"),
        ("EHLO", EHLO),
        ("MAIL", "250 sender\r\n"),
        ("RCPT", "550 5.1.1 nobody\r\n"),
        ("RCPT", "250 somebody\r\n"),
        ("DATA", "354 go\r\n"),
        ("\r\n.\r\n", "250 queued\r\n"),
        ("QUIT", "221 bye\r\n"),
    ];
    let (client, server) = connect(&config(), &steps).await;
    let mut client = client.unwrap();
    let (from, to) = ("a@b.c".parse().unwrap(), "d@e.f".parse().unwrap());
    let (mail, rcpt) = Default::default();
    assert!(
        client.command(&Command::Rcpt(&to, &rcpt)).await.is_err(),
        "no MAIL yet"
    );
    let said = client.command(&Command::Mail(&from, &mail)).await.unwrap();
    assert_eq!(said.to_string(), "250 sender");
    assert!(!client.is_usable(), "a transaction is open");
    let said = client.command(&Command::Rcpt(&to, &rcpt)).await.unwrap();
    assert_eq!(said.to_string(), "550 5.1.1 nobody");
    assert!(client.data(MESSAGE).await.is_err(), "nobody to send it to");
    client.command(&Command::Rcpt(&to, &rcpt)).await.unwrap();
    let said = client.data(b".dot\nlf").await.unwrap();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].to_string(), "250 queued");
    assert!(client.is_usable());
    assert!(client.command(&Command::Quit).await.is_err());
    client.quit().await;
    let heard = server.await.unwrap();
    assert!(
        heard.contains("DATA\r\n..dot\r\nlf\r\n.\r\nQUIT\r\n"),
        "{heard}"
    );
}

#[tokio::test]
async fn a_message_that_is_not_wanted_is_not_sent() {
    let steps = [
        ("", "220 x\r\n"),
        ("EHLO", EHLO),
        ("MAIL", "250 ok\r\n"),
        ("RCPT", "250 ok\r\n"),
        ("DATA", "451 4.3.0 later\r\n"),
        ("RSET", "250 ok\r\n"),
    ];
    let (client, server) = connect(&config(), &steps).await;
    let mut client = client.unwrap();
    let (from, to) = ("a@b.c".parse().unwrap(), "d@e.f".parse().unwrap());
    let (mail, rcpt) = Default::default();
    client.command(&Command::Mail(&from, &mail)).await.unwrap();
    client.command(&Command::Rcpt(&to, &rcpt)).await.unwrap();
    let said = client.data(MESSAGE).await.unwrap();
    assert_eq!(said[0].to_string(), "451 4.3.0 later");
    client.command(&Command::Rset).await.unwrap();
    assert!(client.is_usable());
    drop(client);
    assert!(!server.await.unwrap().contains("hello"));
}

#[tokio::test]
async fn the_other_commands_are_said_and_etrn_only_where_it_is_offered() {
    let extensions = "250-x\r\n250-XFORWARD NAME ADDR\r\n250 ETRN\r\n";
    let steps = [
        ("", "220 x\r\n"),
        ("EHLO", extensions),
        ("VRFY ada\r\n", "252 2.5.2 who knows\r\n"),
        ("EXPN list\r\n", "550 5.7.1 no\r\n"),
        ("HELP mail\r\n", "214-first\r\n214 second\r\n"),
        ("NOOP\r\n", "250 ok\r\n"),
        ("ETRN @example.org\r\n", "251 nothing waits\r\n"),
        ("XFORWARD ADDR=192.0.2.1\r\n", "250 ok\r\n"),
    ];
    let (client, server) = connect(&config(), &steps).await;
    let mut client = client.unwrap();
    let argument = |text: &str| text.parse::<Argument>().unwrap();
    let said = client.verify(&argument("ada")).await.unwrap();
    assert_eq!(said.to_string(), "252 2.5.2 who knows");
    let said = client.expand(&argument("list")).await.unwrap();
    assert!(said.code().is_permanent(), "a no is a reply, and no error");
    let said = client.help(Some(&argument("mail"))).await.unwrap();
    assert_eq!(said.lines().count(), 2);
    client.noop().await.unwrap();
    client.start_queue(&argument("@example.org")).await.unwrap();
    let from = [Attribute::new("ADDR", "192.0.2.1").unwrap()];
    client.command(&Command::XForward(&from)).await.unwrap();
    assert!(client.is_usable());
    drop(client);
    server.await.unwrap();

    let (client, _server) = connect(&config(), &[("", "220 x\r\n"), ("EHLO", EHLO)]).await;
    let mut client = client.unwrap();
    let error = client.start_queue(&argument("x")).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Missing(Extension::Etrn)),
        "{error}"
    );
    let error = client.command(&Command::XForward(&from)).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Missing(Extension::XForward)),
        "{error}"
    );
    assert!(client.is_usable(), "nothing was written");
}

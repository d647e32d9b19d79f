//! The tokio driver against a scripted server.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::driver::{config, with};
use common::n;
use common::server::{Act, Server, say};
use postrider_pop3::{
    Client, Config, Credentials, DropListing, Endpoint, Error, ErrorKind, ResponseCode, Security,
    Stage, Timeouts, Transcript, Violation,
};
use std::time::Duration;

async fn connect_error(server: Server) -> Error {
    with(server, async |_| Ok(())).await.0.unwrap_err()
}

#[tokio::test]
async fn a_mailbox_is_read() {
    let (endpoint, commands) = Server::new().start();
    let mut client = Client::connect(&config(endpoint)).await.unwrap();
    assert_eq!(
        client.stat().await.unwrap(),
        DropListing {
            count: 1,
            octets: 60
        }
    );
    let uidl = client.uidl().await.unwrap();
    assert_eq!((uidl[0].0, uidl[0].1.as_str()), (n(1), "AAA"));
    assert_eq!(
        client.uidl_one(n(1)).await.unwrap().unwrap().as_str(),
        "AAA"
    );
    assert_eq!(client.list_one(n(1)).await.unwrap().octets, 60);
    assert_eq!(
        client.retr_to_vec(n(1), 100).await.unwrap(),
        b"Subject: x\r\n\r\nb\r\n"
    );
    client.dele(n(1)).await.unwrap();
    client.quit().await.unwrap();
    let expected = [
        "CAPA",
        "USER tim",
        "PASS tanstaaf",
        "CAPA",
        "STAT",
        "UIDL",
        "UIDL 1",
        "LIST 1",
        "RETR 1",
        "DELE 1",
        "QUIT",
    ];
    assert_eq!(commands.join().unwrap(), expected);
}

#[tokio::test]
async fn nothing_is_sent_in_clear_text_unless_somebody_said_so() {
    for security in [Security::None, Security::StartTlsIfOffered] {
        let (endpoint, commands) = Server::new().start();
        let careful = Config::new(endpoint)
            .security(security)
            .credentials(Credentials::password("tim", "p").unwrap());
        let error = Client::connect(&careful).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ClearText), "{error}");
        assert_eq!(commands.join().unwrap(), ["CAPA"]);
    }
    // Where TLS may have been stripped, no challenge of whoever did it is answered either.
    let server = Server::new().on("CAPA", say("+OK\r\nSASL SCRAM-SHA-256 CRAM-MD5\r\n.\r\n"));
    let (endpoint, commands) = server.start();
    let careful = Config::new(endpoint)
        .security(Security::StartTlsIfOffered)
        .credentials(Credentials::password("tim", "p").unwrap());
    let error = Client::connect(&careful).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoMechanism(_)), "{error}");
    assert_eq!(commands.join().unwrap(), ["CAPA"]);
}

#[tokio::test]
async fn s15_without_stls_nothing_but_an_error() {
    let (endpoint, commands) = Server::new().start();
    let strict = Config::new(endpoint).credentials(Credentials::password("tim", "p").unwrap());
    let error = Client::connect(&strict).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TlsNotOffered), "{error}");
    assert!(
        error.to_string().contains("did you mean Security::Tls"),
        "{error}"
    );
    assert_eq!(commands.join().unwrap(), ["CAPA"]);

    let server = Server::new()
        .on("CAPA", say("+OK\r\nSTLS\r\n.\r\n"))
        .on("STLS", say("-ERR not now\r\n"));
    let (endpoint, commands) = server.start();
    let strict = Config::new(endpoint).credentials(Credentials::password("tim", "p").unwrap());
    let error = Client::connect(&strict).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TlsRefused(_)), "{error}");
    assert_eq!(commands.join().unwrap(), ["CAPA", "STLS"]);
}

#[tokio::test]
async fn s14_clear_text_behind_stls_ends_the_session_before_the_handshake() {
    let injected = say("+OK begin\r\n+OK fake CAPA\r\n");
    let (endpoint, commands) = Server::new()
        .on("CAPA", say("+OK\r\nSTLS\r\n.\r\n"))
        .on("STLS", injected)
        .start();
    let error = Client::connect(&Config::new(endpoint)).await.unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Violation(Violation::ClearTextAfterStls)
        ),
        "{error}"
    );
    assert_eq!(commands.join().unwrap(), ["CAPA", "STLS"]);
}

#[tokio::test]
async fn refusals_are_typed_and_say_whether_to_retry() {
    let refused = async |words: &str| connect_error(Server::new().on("PASS", say(words))).await;
    let wrong = refused("-ERR [AUTH] invalid\r\n").await;
    assert!(wrong.is_credential_fault() && !wrong.is_retryable());
    assert_eq!(
        (wrong.stage(), wrong.response_code()),
        (Stage::Login, Some(&ResponseCode::Auth))
    );
    assert!(wrong.to_string().starts_with(&format!(
        "login refused by {}: -ERR [AUTH] invalid",
        wrong.endpoint()
    )));
    assert!(!wrong.to_string().contains("tanstaaf"));
    let plain = refused("-ERR no\r\n").await;
    assert!(plain.is_credential_fault() && !plain.is_retryable());
    for words in [
        "-ERR [IN-USE] locked\r\n",
        "-ERR [SYS/TEMP] x\r\n",
        "-ERR [LOGIN-DELAY] x\r\n",
    ] {
        let busy = refused(words).await;
        assert!(busy.is_retryable() && !busy.is_credential_fault(), "{busy}");
    }
    let broken = refused("-ERR [SYS/PERM] x\r\n").await;
    assert!(!broken.is_retryable() && !broken.is_credential_fault());
}

#[tokio::test]
async fn rfc2449_6_5_rfc3206_each_code_has_its_own_time_to_wait() {
    let seconds = |error: Error| error.retry_after().map(|after| after.as_secs());
    for (words, after) in [
        ("-ERR [AUTH] x\r\n", None),
        ("-ERR [SYS/PERM] x\r\n", None),
        ("-ERR x\r\n", None),
        ("-ERR [IN-USE] x\r\n", Some(60)),
        ("-ERR [LOGIN-DELAY] x\r\n", Some(300)),
        ("-ERR [SYS/TEMP] x\r\n", Some(300)),
    ] {
        let error = connect_error(Server::new().on("PASS", say(words))).await;
        assert_eq!(seconds(error), after, "{words}");
    }
    let announced = |words: &str| {
        let capa = say("+OK\r\nUSER\r\nLOGIN-DELAY 900 USER\r\n.\r\n");
        Server::new().on("CAPA", capa).on("PASS", say(words))
    };
    for words in ["-ERR [LOGIN-DELAY] x\r\n", "-ERR [IN-USE] x\r\n"] {
        let error = connect_error(announced(words)).await;
        assert_eq!(seconds(error), Some(900), "{words}");
    }
    let dropped = connect_error(Server::new().on("PASS", Act::SayAndClose(Vec::new()))).await;
    assert_eq!(seconds(dropped), Some(30));
}

#[tokio::test]
async fn servers_of_other_protocols_are_recognised() {
    for (greeting, hint) in [
        ("220 mx ESMTP\r\n", "SMTP"),
        ("* OK IMAP4rev1\r\n", "IMAP"),
        ("\x15\x03\x01\x00\n", "TLS"),
    ] {
        let error = connect_error(Server::new().on("", Act::SayAndClose(greeting.into()))).await;
        assert_eq!(error.stage(), Stage::Greeting);
        assert!(error.hint().unwrap().contains(hint), "{error}");
    }
    let busy = connect_error(
        Server::new().on("", Act::SayAndClose(b"-ERR \x1b[31mtoo busy\r\n".to_vec())),
    )
    .await;
    assert!(busy.is_retryable());
    assert!(
        busy.to_string().contains(r"-ERR \x1b[31mtoo busy"),
        "{busy}"
    );
}

#[tokio::test]
async fn s3_a_message_cut_off_is_an_error() {
    let cut = Act::SayAndClose(b"+OK 1000 octets\r\nSubject: x\r\n\r\npart\r\n".to_vec());
    let (result, _) = with(Server::new().on("RETR", cut), async |client| {
        client.retr_to_vec(n(1), 4_096).await
    })
    .await;
    let error = result.unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Violation(Violation::Truncated { .. })
        ),
        "{error}"
    );
    assert!(error.is_retryable());
}

#[tokio::test]
async fn s19_a_line_while_idle_is_noticed_before_the_next_command() {
    let late = Server::new().on("NOOP", say("+OK\r\n+OK surplus\r\n"));
    let (result, commands) = with(late, async |client| {
        client.noop().await?;
        client.stat().await
    })
    .await;
    let error = result.unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Violation(Violation::Unsolicited(_))
        ),
        "{error}"
    );
    assert_eq!(commands.last().unwrap(), "NOOP");
}

/// In clear text anybody could have said it; inside TLS it would answer what was never asked there.
#[tokio::test]
async fn s19_what_comes_before_its_command_is_no_answer_while_a_session_is_opened() {
    for (command, said, heard) in [
        ("", "+OK\r\n+OK\r\nSTLS\r\n.\r\n+OK begin\r\n", &[][..]),
        ("CAPA", "+OK\r\nSTLS\r\n.\r\n+OK begin\r\n", &["CAPA"][..]),
        ("CAPA", "+OK\r\nUSER\r\n.\r\n+OK\r\n", &["CAPA"]),
        ("USER", "+OK\r\n+OK\r\n", &["CAPA", "USER tim"]),
    ] {
        let (endpoint, commands) = Server::new().on(command, say(said)).start();
        let security = match said.contains("STLS") {
            true => Security::StartTls,
            false => Security::None,
        };
        let error = Client::connect(&config(endpoint).security(security))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Violation(Violation::Unsolicited(_))
            ),
            "{error}"
        );
        assert_eq!(commands.join().unwrap(), heard);
    }
}

#[tokio::test]
async fn credentials_for_one_mechanism_are_shown_by_no_other_way() {
    use postrider_wire::sasl::Mechanism;
    let only = |endpoint, mechanism| {
        let credentials = Credentials::password("tim", "tanstaaf").unwrap();
        config(endpoint).credentials(credentials.only([mechanism]))
    };
    let (endpoint, commands) = Server::new().start();
    let error = Client::connect(&only(endpoint, Mechanism::Plain))
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoMechanism(_)), "{error}");
    assert_eq!(commands.join().unwrap(), ["CAPA"]);
}

#[tokio::test]
async fn a_message_beyond_the_callers_limit_ends_the_session() {
    let (result, _) = with(Server::new(), async |client| {
        assert_eq!(client.retr_to_vec(n(1), 17).await?.len(), 17);
        client.retr_to_vec(n(1), 16).await
    })
    .await;
    assert!(matches!(
        result.unwrap_err().kind(),
        ErrorKind::TooLarge { limit: 16, .. }
    ));
}

async fn timeout_of(act: Act) -> Error {
    let quick = Timeouts {
        greeting: Duration::from_millis(50),
        reply: Duration::from_millis(50),
        body_idle: Duration::from_millis(50),
        ..Timeouts::default()
    };
    let (endpoint, _commands) = Server::new().on("RETR", act).start();
    let mut client = Client::connect(&config(endpoint).timeouts(quick))
        .await
        .unwrap();
    client.retr_to_vec(n(1), 1 << 20).await.unwrap_err()
}

#[tokio::test]
async fn s24_silence_ends_in_a_timeout_in_every_phase() {
    for act in [
        Act::Silence,
        say("+O"),
        say("+OK\r\n"),
        say("+OK\r\npart of a li"),
    ] {
        let error = timeout_of(act).await;
        assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_dropped_call_ends_the_session() {
    let (endpoint, _commands) = Server::new().on("STAT", Act::Silence).start();
    let mut client = Client::connect(&config(endpoint)).await.unwrap();
    let _ = tokio::time::timeout(Duration::from_millis(20), client.stat())
        .await
        .unwrap_err();
    let error = client.noop().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Interrupted), "{error}");
}

#[tokio::test]
async fn the_transcript_has_no_secret_and_no_content() {
    let (transcript, read) = Transcript::in_memory();
    let (endpoint, _commands) = Server::new().start();
    let mut client = Client::connect(&config(endpoint).transcript(transcript))
        .await
        .unwrap();
    client.retr(n(1), |_| {}).await.unwrap();
    client.list().await.unwrap();
    client.quit().await.unwrap();
    let lines: Vec<String> = read().iter().map(ToString::to_string).collect();
    let expected = "S: +OK evil <1.2@x>|C: CAPA|S: +OK|S: USER|S: UIDL|S: TOP|S: PIPELINING|S: .|C: USER tim|S: +OK|C: PASS (secret)|S: +OK|\
        C: CAPA|S: +OK|S: USER|S: UIDL|S: TOP|S: PIPELINING|S: .|C: RETR 1|S: +OK|*  17 octets of message|S: .|\
        C: LIST|S: +OK|S: 1 60|S: .|C: QUIT|S: +OK";
    assert_eq!(lines.join("|"), expected);
}

#[tokio::test]
async fn rfc6856_utf8_comes_before_the_login_if_the_server_has_it() {
    let server = Server::new().on("CAPA", say("+OK\r\nUSER\r\nUTF8\r\n.\r\n"));
    let (endpoint, commands) = server.start();
    let client = Client::connect(&config(endpoint).utf8()).await.unwrap();
    client.quit().await.unwrap();
    assert_eq!(commands.join().unwrap()[..3], ["CAPA", "UTF8", "USER tim"]);

    let (endpoint, commands) = Server::new().start();
    Client::connect(&config(endpoint).utf8())
        .await
        .unwrap()
        .quit()
        .await
        .unwrap();
    assert_eq!(commands.join().unwrap()[..2], ["CAPA", "USER tim"]);
}

#[tokio::test]
async fn rfc6856_languages_are_listed_and_chosen() {
    let server = Server::new().on("LANG en", say("+OK en now\r\n")).on(
        "LANG",
        say("+OK languages\r\nen English\r\nde Deutsch\r\n.\r\n"),
    );
    let (result, _) = with(server, async |client| {
        client
            .lang(postrider_pop3::LanguageTag::new("en").unwrap())
            .await?;
        client.languages().await
    })
    .await;
    assert_eq!(result.unwrap(), ["languages", "en English", "de Deutsch"]);
}

#[tokio::test]
async fn commands_without_a_type_of_their_own_can_be_sent() {
    let server = Server::new()
        .on("LAST", say("+OK 3\r\n"))
        .on("XTND", say("+OK\r\n1 Subject: x\r\n.\r\n"));
    let (result, _) = with(server, async |client| {
        let last = client
            .custom(postrider_pop3::CustomCommand::single_line("LAST").unwrap())
            .await?;
        let subjects = postrider_pop3::CustomCommand::multi_line("XTND XLST Subject").unwrap();
        Ok((last, client.custom(subjects).await?))
    })
    .await;
    let (last, subjects) = result.unwrap();
    assert_eq!(
        (last, subjects),
        (
            vec!["3".to_owned()],
            vec![String::new(), "1 Subject: x".to_owned()]
        )
    );
}

#[cfg(feature = "apop")]
#[tokio::test]
async fn s16_apop_wants_a_timestamp_that_is_a_message_id() {
    let careful = |endpoint| {
        let config = Config::new(endpoint).security(Security::None).apop();
        config.credentials(Credentials::password("mrose", "tanstaaf").unwrap())
    };
    // The example of RFC 1939 §7.
    let greeting = say("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n");
    let (endpoint, commands) = Server::new().on("", greeting).start();
    Client::connect(&careful(endpoint))
        .await
        .unwrap()
        .quit()
        .await
        .unwrap();
    assert_eq!(
        commands.join().unwrap()[1],
        "APOP mrose c4c9334bac560ecc979e58001b3e22fb"
    );

    for greeting in [
        &b"+OK <\x80\x00a@b>\r\n"[..],
        b"+OK <a>\r\n",
        b"+OK <@>\r\n",
        b"+OK\r\n",
    ] {
        let (endpoint, commands) = Server::new().on("", say(greeting)).start();
        let error = Client::connect(&careful(endpoint)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ClearText), "{error}");
        assert_eq!(commands.join().unwrap(), ["CAPA"]);
    }
}

/// Logs in to a server that answers STAT, LIST or RETR with `beginning`, and then with `drop` every 29 seconds, for ever.
async fn dripped(
    command: &'static str,
    beginning: &'static str,
    drop: &'static str,
) -> (Error, Duration) {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(async move {
        let mut far = BufReader::new(far);
        let (mut reply, mut line) = ("+OK\r\n", String::new());
        loop {
            far.write_all(reply.as_bytes()).await.unwrap();
            line.clear();
            if far.read_line(&mut line).await.unwrap() == 0 {
                return;
            }
            if line.starts_with(command) {
                break;
            }
            reply = if line.starts_with("CAPA") {
                "+OK\r\nUSER\r\n.\r\n"
            } else {
                "+OK\r\n"
            };
        }
        let mut said = far.write_all(beginning.as_bytes()).await;
        while said.is_ok() {
            tokio::time::sleep(Duration::from_secs(29)).await;
            said = far.write_all(drop.as_bytes()).await;
        }
    });
    let config = config(Endpoint::new("test.example", 110).unwrap());
    let mut client = Client::over(postrider_pop3::Stream::from_io(near), &config)
        .await
        .unwrap();
    let begun = tokio::time::Instant::now();
    let error = match command {
        "STAT" => client.stat().await.map(|_| ()),
        "LIST" => client.list().await.map(|_| ()),
        _ => client.retr(n(1), |_| {}).await.map(|_| ()),
    };
    let took = begun.elapsed();
    std::mem::drop(client);
    server.await.unwrap();
    (error.unwrap_err(), took)
}

#[tokio::test(start_paused = true)]
async fn s24_a_drip_is_as_bad_as_silence() {
    let timeouts = Timeouts::default();
    for (command, beginning, drop, limit) in [
        ("STAT", "+OK", "x", timeouts.reply),
        ("LIST", "+OK\r\n", "1", timeouts.body_idle),
        ("RETR", "+OK\r\n", "x", timeouts.body_idle),
        ("RETR", "+OK\r\n", "x\r\n", timeouts.body_idle),
    ] {
        let (error, took) = dripped(command, beginning, drop).await;
        assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
        assert!(
            took <= limit + Duration::from_secs(1),
            "{command} took {took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn s24_a_slow_message_that_keeps_pace_may_take_its_time() {
    let kilobyte: &'static str = Box::leak(format!("{}\r\n", "x".repeat(1_100)).into_boxed_str());
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut far, mut buffer) = (far, [0; 1_024]);
        for reply in [
            "+OK\r\n", "-ERR\r\n", "+OK\r\n", "+OK\r\n", "-ERR\r\n", "+OK\r\n",
        ] {
            far.write_all(reply.as_bytes()).await.unwrap();
            let _ = far.read(&mut buffer).await.unwrap();
        }
        far.write_all(b"+OK\r\n").await.unwrap();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(50)).await;
            far.write_all(kilobyte.as_bytes()).await.unwrap();
        }
        far.write_all(b".\r\n").await.unwrap();
        let _ = far.read(&mut buffer).await;
    });
    let config = config(Endpoint::new("test.example", 110).unwrap());
    let mut client = Client::over(postrider_pop3::Stream::from_io(near), &config)
        .await
        .unwrap();
    client.noop().await.unwrap();
    assert_eq!(client.retr(n(1), |_| {}).await.unwrap(), 20 * 1_102);
    drop(client);
    server.await.unwrap();
}

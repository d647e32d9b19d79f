//! `postrider send`: a mail made of options, and a mail as sendmail takes it.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/sent.rs"]
mod sent;
mod support;

use postrider_sandbox::{Action, Extension, Fault, Sandbox, Stage};
use sent::{BASIC, configure, content, ran, refuse, send};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};
use support::{PASSWORD, prepared, sandbox};

#[tokio::test]
async fn a_mail_of_options_arrives_and_each_recipient_has_a_line() {
    let sandbox = sandbox().await;
    let mut args = BASIC.to_vec();
    args.extend(["--subject", "Grüße", "--header", "X-Test: yes"]);
    args.extend(["--body", "hello", "--attach", "note.txt"]);
    let ran = send(&sandbox, &args, b"").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
    assert!(ran.out.starts_with("ok <ada@example.org> accepted at "));
    let mail = content(&sandbox, "bob@example.org");
    for part in [
        "From: support@example.org\r\n",
        "X-Test: yes\r\n",
        "hello",
        "note.txt",
    ] {
        assert!(mail.contains(part), "{mail}");
    }
}

#[tokio::test]
async fn repeated_mails_differ_at_every_level_of_pipelining() {
    for level in ["off", "flight", "look-ahead", "chunked"] {
        let sandbox = sandbox().await;
        let mut args = BASIC.to_vec();
        args.extend(["--repeat", "3", "--pipelining", level, "--json"]);
        let ran = send(&sandbox, &args, b"").await;
        assert_eq!(ran.code, 0, "{level}: {}", ran.err);
        assert_eq!(ran.out.lines().count(), 6, "{}", ran.out);
        for line in ran.out.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (&line["outcome"], &line["code"]),
                (&"accepted".into(), &250.into())
            );
        }
        let mails = sandbox.messages("ada@example.org");
        assert_eq!(mails.len(), 3);
        assert_ne!(mails[0].content, mails[1].content);
        assert_eq!(sandbox.connections().smtp, 1);
    }
}

#[tokio::test]
async fn rfc9422_what_goes_over_one_connection_no_more_goes_over_the_next() {
    let sandbox = prepared(Sandbox::builder().clear_text_auth(true)).await;
    let limits = b"250-sandbox\r\n250-AUTH PLAIN\r\n250 LIMITS MAILMAX=1 RCPTMAX=1\r\n".to_vec();
    sandbox.add_fault(Fault::smtp(Stage::Ehlo, Action::Raw(limits)).every());
    let args = [
        &BASIC[..],
        &[
            "--tls",
            "none",
            "--danger-allow-clear-text",
            "--repeat",
            "2",
            "--json",
        ],
    ]
    .concat();
    let ran = send(&sandbox, &args, b"").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 4, "{}", ran.out);
    for person in ["ada@example.org", "bob@example.org"] {
        assert_eq!(sandbox.messages(person).len(), 2);
    }
    assert_eq!(sandbox.connections().smtp, 4);
}

#[tokio::test]
async fn the_transcript_shows_the_dialogue_without_the_password() {
    let sandbox = sandbox().await;
    let mut args = BASIC.to_vec();
    args.push("--transcript");
    let ran = send(&sandbox, &args, b"").await;
    assert!(ran.err.contains("C: STARTTLS"), "{}", ran.err);
    assert!(
        ran.err.contains("C: RCPT TO:<ada@example.org>"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains(PASSWORD) && !ran.err.contains("AHN1cHBvcnQA"));
}

#[tokio::test]
async fn as_sendmail_the_header_names_the_recipients_and_bcc_is_stripped() {
    let sandbox = sandbox().await;
    let mail = b"From: Support <support@example.org>\nTo: Ada <ada@example.org>\nBcc: bob@example.org,\n postmaster@example.org\nSubject: s\n\n.\nlast\n";
    let ran = send(&sandbox, &["-t", "-oi"], mail).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    let mail = content(&sandbox, "ada@example.org");
    assert!(!mail.to_lowercase().contains("bcc"), "{mail}");
    let rest = "From: Support <support@example.org>\r\nTo: Ada <ada@example.org>\r\nSubject: s\r\n\r\n.\r\nlast\r\n";
    let (added, _) = mail.split_once(rest).expect(&mail);
    assert!(
        added.contains("Date: ") && added.contains("Message-ID: "),
        "{added}"
    );
    assert_eq!(content(&sandbox, "bob@example.org"), mail);
}

#[tokio::test]
async fn as_sendmail_a_whole_mail_is_passed_on_unchanged() {
    let sandbox = sandbox().await;
    let whole = "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-ID: <a@b>\r\nFrom: x@y.example\r\nTo: z@y.example\r\n\r\n\tbody \r\n";
    let args = ["-i", "-f", "support@example.org", "--", "ada@example.org"];
    let ran = send(&sandbox, &args, whole.as_bytes()).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(content(&sandbox, "ada@example.org"), whole);
}

#[tokio::test]
async fn as_sendmail_resent_fields_win_and_a_dot_ends_the_mail() {
    let sandbox = sandbox().await;
    let mail = b"From: support@example.org\nTo: ada@example.org\nResent-To: bob@example.org\n\nfirst\n.\nnot this\n";
    let ran = send(&sandbox, &["-t"], mail).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(sandbox.messages("ada@example.org").is_empty());
    let mail = content(&sandbox, "bob@example.org");
    assert!(mail.ends_with("\r\n\r\nfirst\r\n"), "{mail}");
}

#[tokio::test]
async fn as_sendmail_cron_needs_no_header_and_no_domain() {
    let sandbox = sandbox().await;
    let args = [
        "-FCronDaemon",
        "-B8BITMIME",
        "-em",
        "-odi",
        "-f",
        "support@example.org",
        "ada",
    ];
    let ran = send(&sandbox, &args, b"job done\n").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mail = content(&sandbox, "ada@example.org");
    assert!(
        mail.contains("From: CronDaemon <support@example.org>\r\n"),
        "{mail}"
    );
    assert!(mail.ends_with("\r\n\r\njob done\r\n"), "{mail}");
}

#[tokio::test]
async fn as_sendmail_a_sender_without_a_domain_is_at_the_accounts() {
    let sandbox = sandbox().await;
    let dir = tempfile::tempdir().unwrap();
    configure(&sandbox, dir.path());
    // As cronie does it unless it is told otherwise.
    let cron = "-FCronDaemon -i -odi -oem -oi -t -f root";
    let args: Vec<&str> = cron.split(' ').collect();
    let mail = b"From: \"(Cron Daemon)\" <root>\nTo: ada\nSubject: job\n\njob done\n";
    let sent = ran(dir.path(), &args, mail).await;
    assert_eq!((sent.code, sent.out.as_str()), (0, ""), "{}", sent.err);
    assert_eq!(
        sandbox.messages("ada@example.org")[0].from,
        "root@example.org"
    );
    // Where the account has no address, it is at that of whoever the mail is from.
    let mail = b"From: Bob <bob@example.org>\n\njob done\n";
    let sent = send(&sandbox, &["-f", "root", "bob"], mail).await;
    assert_eq!(sent.code, 0, "{}", sent.err);
    assert_eq!(
        sandbox.messages("bob@example.org")[0].from,
        "root@example.org"
    );
}

#[tokio::test]
async fn as_sendmail_who_sends_a_mail_again_signs_for_it() {
    let sandbox = sandbox().await;
    let whole = "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nFrom: x@y.example\r\nTo: z@y.example\r\nResent-To: bob@example.org\r\nResent-Bcc: ada@example.org\r\n\r\nbody\r\n";
    let args = ["-t", "-i", "-f", "support@example.org", "-F", "Support"];
    let ran = send(&sandbox, &args, whole.as_bytes()).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mail = content(&sandbox, "bob@example.org");
    assert_eq!(content(&sandbox, "ada@example.org"), mail);
    let rest = whole.replace("Resent-Bcc: ada@example.org\r\n", "");
    let added = mail.strip_suffix(&rest).expect(&mail);
    let mut names: Vec<&str> = added
        .lines()
        .filter_map(|l| l.split_once(':'))
        .map(|f| f.0)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Resent-Date", "Resent-From", "Resent-Message-ID"]);
    assert!(
        added.contains("Resent-From: Support <support@example.org>"),
        "{added}"
    );
}

#[tokio::test]
async fn as_sendmail_reports_are_asked_for_by_name_extent_and_occasion() {
    let sandbox = sandbox().await;
    let args = [
        "-f",
        "support@example.org",
        "-V",
        "a=b",
        "-R",
        "hdrs",
        "-N",
        "success,delay",
    ];
    let args = [&args[..], &["--transcript", "ada@example.org"]].concat();
    let ran = send(&sandbox, &args, b"x\n").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains(" RET=HDRS ENVID=a+3Db"), "{}", ran.err);
    assert!(
        ran.err
            .contains("RCPT TO:<ada@example.org> NOTIFY=SUCCESS,DELAY"),
        "{}",
        ran.err
    );
}

#[cfg(unix)]
#[tokio::test]
async fn by_the_name_of_sendmail_it_is_sendmail() {
    let sandbox = sandbox().await;
    let dir = tempfile::tempdir().unwrap();
    let sendmail = dir.path().join("sendmail");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_postrider"), &sendmail).unwrap();
    configure(&sandbox, dir.path());
    let config = dir.path().join("postrider.toml");
    let run = move |config: std::path::PathBuf| {
        let mut command = Command::new(&sendmail);
        command.args(["-t", "-oi", "-F", "Cron"]).current_dir("/");
        command
            .env("POSTRIDER_PASSWORD", PASSWORD)
            .env("POSTRIDER_CONFIG", config);
        command
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mail = b"To: ada@example.org\n\n.\nbody\n";
        let _ = child.stdin.take().unwrap().write_all(mail);
        child.wait_with_output().unwrap()
    };
    let (wrong, again) = (dir.path().join("none.toml"), run.clone());
    let output = tokio::task::spawn_blocking(move || run(config))
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stdout.is_empty());
    let mail = content(&sandbox, "ada@example.org");
    assert!(
        mail.contains("From: Cron <support@example.org>\r\n"),
        "{mail}"
    );
    assert!(mail.ends_with("\r\n\r\n.\r\nbody\r\n"), "{mail}");
    let output = tokio::task::spawn_blocking(move || again(wrong))
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(78), "EX_CONFIG");
}

#[tokio::test]
async fn bs_passes_each_command_on_and_each_verdict_back() {
    let sandbox = sandbox().await;
    refuse(&sandbox, Stage::Rcpt, 2, "550 5.1.1 not him");
    let session = "EHLO client.example\r\nMAIL FROM:<support@example.org> BODY=8BITMIME\r\nRCPT TO:<ada@example.org>\r\n\
        RCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\nlast\r\n.\r\n\
        MAIL FROM:<support@example.org>\r\nRSET\r\nDATA\r\nNONSENSE\r\nMAIL FROM:<a@b>\\r\\nx>\r\nNOOP\r\nQUIT\r\n";
    let ran = send(&sandbox, &["-bs"], session.as_bytes()).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let codes: Vec<&str> = ran
        .out
        .lines()
        .filter(|line| line.as_bytes().get(3) != Some(&b'-'))
        .map(|line| line.get(..3).unwrap())
        .collect();
    let expected = [
        "220", "250", "250", "250", "550", "354", "250", "250", "250", "503", "502", "555", "250",
        "221",
    ];
    assert_eq!(codes, expected, "{}", ran.out);
    assert!(
        ran.out.contains("550 5.1.1 not him\r\n"),
        "the server's words: {}",
        ran.out
    );
    assert!(ran.out.contains("250-8BITMIME\r\n"));
    let mail = content(&sandbox, "ada@example.org");
    assert!(
        mail.ends_with("Subject: x\r\n\r\n.dot\r\nlast\r\n"),
        "{mail}"
    );
    assert!(sandbox.messages("bob@example.org").is_empty());
}

#[tokio::test]
async fn bs_passes_on_what_is_asked_about_reports() {
    let sandbox = sandbox().await;
    let session = "EHLO my_host\r\nMAIL FROM:<support@example.org> SIZE=99 RET=HDRS ENVID=QQ+3D1\r\n\
        RCPT TO:<ada@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@example.org\r\nRCPT TO:<ada@example.org> NOTIFY=x\r\n\
        DATA\r\nSubject: x\r\n\r\nK\u{e4}se\r\n.\r\nQUIT\r\n";
    let ran = send(&sandbox, &["-bs"], session.as_bytes()).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("\n250-DSN\r\n"), "{}", ran.out);
    assert!(ran.out.contains("\n501 5.5.4 "), "{}", ran.out);
    let mails = sandbox.mails();
    let [mail] = &mails[..] else {
        panic!("{mails:?}")
    };
    let parameters = "SIZE=99 BODY=8BITMIME RET=HDRS ENVID=QQ+3D1";
    assert_eq!(mail.parameters.join(" "), parameters);
    let parameters = "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@example.org";
    assert_eq!(mail.recipients[0].parameters.join(" "), parameters);
}

/// A mail may hold a line with a dot and LF alone: a program that writes CRLF does not see an end in it.
#[tokio::test]
async fn bs_takes_no_other_line_end_than_that_of_the_first_command() {
    let sandbox = sandbox().await;
    let session = "EHLO x\r\nMAIL FROM:<support@example.org>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n\
        Subject: x\r\n\r\na\n.\nMAIL FROM:<evil@example.org>\r\n.\r\nNOOP\nQUIT\r\n";
    let ran = send(&sandbox, &["-bs"], session.as_bytes()).await;
    assert!(ran.out.contains("\n500 5.5.2 "), "{}", ran.out);
    assert!(ran.out.ends_with("\n221 2.0.0 Bye\r\n"), "{}", ran.out);
    let mail = content(&sandbox, "ada@example.org");
    let end = "a\r\n.\r\nMAIL FROM:<evil@example.org>\r\n";
    assert!(mail.ends_with(end), "{mail}");
    let unix = "EHLO x\nMAIL FROM:<support@example.org>\nRCPT TO:<bob@example.org>\nDATA\nSubject: y\n\n..dot\n.\nQUIT\n";
    let ran = send(&sandbox, &["-bs"], unix.as_bytes()).await;
    assert!(ran.out.ends_with("\n221 2.0.0 Bye\r\n"), "{}", ran.out);
    assert!(content(&sandbox, "bob@example.org").ends_with("Subject: y\r\n\r\n.dot\r\n"));
}

#[tokio::test]
async fn bs_gives_a_server_of_ascii_nothing_else() {
    let old = Sandbox::builder().without(Extension::EightBitMime);
    let sandbox = prepared(old).await;
    let session = "EHLO x\r\nMAIL FROM:<support@example.org>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n\
        Subject: x\r\n\r\nK\u{e4}se\r\n.\r\nMAIL FROM:<support@example.org> BODY=8BITMIME\r\nQUIT\r\n";
    let ran = send(&sandbox, &["-bs"], session.as_bytes()).await;
    assert!(ran.out.contains("\n554 5.6.3 "), "{}", ran.out);
    assert!(ran.out.contains("\n555 5.6.7 "), "{}", ran.out);
    assert_eq!(sandbox.mails().len(), 0);
}

#[tokio::test]
async fn bs_says_421_where_there_is_no_server_and_where_it_is_lost() {
    let sandbox = sandbox().await;
    sandbox.add_fault(Fault::smtp(Stage::Rcpt, Action::DropBefore));
    let session =
        b"EHLO x\r\nMAIL FROM:<support@example.org>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n";
    let ran = send(&sandbox, &["-bs"], session).await;
    assert!(
        ran.out
            .ends_with("421 4.4.2 The server behind this one is lost\r\n"),
        "{}",
        ran.out
    );
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("smtp://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let dir = tempfile::tempdir().unwrap();
    let ran = self::ran(dir.path(), &["--server", &server, "-bs"], b"EHLO x\r\n").await;
    assert!(ran.out.starts_with("421 "), "{}", ran.out);
    assert_eq!(ran.code, 75);
}

#[tokio::test]
async fn mails_are_divided_among_connections() {
    let sandbox = sandbox().await;
    let mut args = BASIC.to_vec();
    args.extend([
        "--repeat",
        "10",
        "--connections",
        "3",
        "--pipeline",
        "flight",
        "--json",
    ]);
    let ran = send(&sandbox, &args, b"").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(sandbox.messages("ada@example.org").len(), 10);
    let mut mails: Vec<u64> = ran
        .out
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["mail"]
                .as_u64()
                .unwrap()
        })
        .collect();
    mails.sort_unstable();
    let each_twice: Vec<u64> = (1..=10).flat_map(|n| [n, n]).collect();
    assert_eq!(mails, each_twice, "one object for each recipient of each");
    assert_eq!(sandbox.connections().smtp, 3);
}

#[tokio::test]
async fn only_the_mechanism_that_is_asked_for_is_used() {
    let sandbox = sandbox().await;
    let args = [&BASIC[..], &["--auth", "LOGIN", "--transcript"]].concat();
    let ran = send(&sandbox, &args, b"").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("AUTH LOGIN"), "{}", ran.err);
    let args = [&BASIC[..], &["--auth", "XOAUTH2"]].concat();
    let ran = send(&sandbox, &args, b"").await;
    assert_eq!(ran.code, 69, "{}", ran.err);
    assert!(ran.err.contains("not asked for"), "{}", ran.err);
    let args = [&BASIC[..], &["--auth", "TRUST-ME"]].concat();
    assert_eq!(send(&sandbox, &args, b"").await.code, 64);
}

#[tokio::test]
async fn options_that_would_do_nothing_are_refused() {
    let sandbox = sandbox().await;
    let dir = tempfile::tempdir().unwrap();
    configure(&sandbox, dir.path());
    for options in [
        &["--password-env", "PASSWORD"][..],
        &["--password-file", "password"],
        &["--password-command", "cat password"],
        &["--token"],
        &["--auth", "LOGIN"],
        &["--ca-file", "ca.pem"],
        &["--timeout", "2"],
        &["--danger-accept-invalid-certs"],
        &["--danger-allow-clear-text"],
        &["--tls", "none"],
        &["--password", "hunter2"],
        // Of sendmail, for a mail on standard input.
        &["-N", "never"],
        &["-R", "hdrs"],
        &["-V", "id7"],
        &["-F", "Support"],
    ] {
        let sent = ran(dir.path(), &[&BASIC[..], options].concat(), b"").await;
        assert_eq!(sent.code, 64, "{options:?}: {}", sent.err);
        assert!(sent.err.contains(options[0]), "{options:?}: {}", sent.err);
        assert!(!sent.err.contains("hunter2"), "{}", sent.err);
    }
    let server = format!("smtp://{}", sandbox.smtp());
    for options in [
        &["--password-file", "password"][..],
        &["--token"],
        &["--auth", "LOGIN"],
    ] {
        let args = [&BASIC[..], &["--server", server.as_str()], options].concat();
        let sent = ran(dir.path(), &args, b"").await;
        assert_eq!(sent.code, 64, "{options:?}: {}", sent.err);
        assert!(sent.err.contains("write USER@ before"), "{}", sent.err);
    }
    assert!(sandbox.mails().is_empty());
    let args = [&BASIC[..], &["--tls", "starttls"]].concat();
    let sent = ran(dir.path(), &args, b"").await;
    assert_eq!(sent.code, 0, "the account takes it: {}", sent.err);
}

#[tokio::test]
async fn tls_is_as_the_option_says() {
    let sandbox = sandbox().await;
    let args = [&BASIC[..], &["--tls", "none"]].concat();
    let ran = send(&sandbox, &args, b"").await;
    assert_eq!(ran.code, 64);
    assert!(ran.err.contains("--danger-allow-clear-text"), "{}", ran.err);
    let plain = Sandbox::builder().without(Extension::StartTls);
    let plain = plain.start().await.unwrap();
    let refused = send(&plain, &BASIC, b"").await;
    assert!(refused.err.contains("?security=none"), "{}", refused.err);
    let args = [&BASIC[..], &["--tls", "starttls"]].concat();
    assert_eq!(send(&sandbox, &args, b"").await.code, 0);
    let args = [&BASIC[..], &["--tls", "tls", "--timeout", "2"]].concat();
    assert_ne!(
        send(&sandbox, &args, b"").await.code,
        0,
        "its port speaks clear text first"
    );
}

#[tokio::test]
async fn without_a_server_the_first_account_sends() {
    let sandbox = sandbox().await;
    let dir = tempfile::tempdir().unwrap();
    let none = ran(dir.path(), &["ada@example.org"], b"x\n").await;
    assert_eq!(none.code, 78, "{}", none.err);
    configure(&sandbox, dir.path());
    let sent = ran(dir.path(), &["ada@example.org"], b"Subject: s\n\nx\n").await;
    assert_eq!(sent.code, 0, "{}", sent.err);
    let mail = content(&sandbox, "ada@example.org");
    assert!(mail.contains("<support@example.org>"), "{mail}");
}

#[tokio::test]
async fn rfc6531_an_address_beyond_ascii_goes_where_it_is_taken() {
    let sandbox = sandbox().await;
    let args = ["--from", "ada@example.org", "--to", "jürgen@example.org"];
    let sent = send(&sandbox, &args, b"").await;
    assert_eq!(sent.code, 0, "{}{}", sent.out, sent.err);
    let without = prepared(Sandbox::builder().without(Extension::SmtpUtf8)).await;
    let sent = send(&without, &args, b"").await;
    assert_eq!(sent.code, 69);
    assert!(sent.err.contains("the mail needs SMTPUTF8"), "{}", sent.err);
}

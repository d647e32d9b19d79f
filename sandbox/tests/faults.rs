//! Every fault that only a driver can play, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Client, SOON, builder, open};
use postrider_sandbox::{Action, Fault, Stage};
use postrider_wire::{ConnectStage, connect, connect_tls};
use std::time::{Duration, Instant};

const GREETING: &str = "220 localhost ESMTP postrider-sandbox\r\n";
const LOGIN: &str = "USER ada\r\nPASS secret\r\n";
const SEND: &str = "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n";

#[tokio::test]
async fn a_message_is_torn_after_so_many_octets() {
    for (octets, expected) in [
        (0, ""),
        (3, "+OK"),
        (14, "+OK 5 octets\r\n"),
        (16, "+OK 5 octets\r\nab"),
    ] {
        let fault = Fault::pop3(Stage::Retr, Action::DropAfterBytes(octets));
        let sandbox = open().fault(fault).start().await.unwrap();
        sandbox.deliver("ada@example.org", "abc").unwrap();
        let mut pop3 = Client::connect(sandbox.pop3()).await;
        pop3.say(format!("{LOGIN}DELE 1\r\nRSET\r\n")).await;
        pop3.until("+OK maildrop has 1 messages (5 octets)\r\n")
            .await;
        pop3.until("+OK maildrop has 1 messages (5 octets)\r\n")
            .await;
        pop3.say("RETR 1\r\nQUIT\r\n").await;
        assert_eq!(pop3.rest_text().await, expected);
        assert_eq!(sandbox.mails().len(), 1);
    }
}

#[tokio::test]
async fn quit_is_carried_out_and_not_answered() {
    let fault = Fault::pop3(Stage::Quit, Action::DropUnanswered);
    let sandbox = open().fault(fault).start().await.unwrap();
    sandbox.deliver("ada@example.org", "abc").unwrap();
    let mut pop3 = Client::connect(sandbox.pop3()).await;
    pop3.say(format!("{LOGIN}DELE 1\r\nQUIT\r\n")).await;
    assert!(
        pop3.rest_text()
            .await
            .ends_with("+OK message 1 deleted\r\n")
    );
    assert!(sandbox.mails().is_empty());
}

#[tokio::test]
async fn the_reply_to_the_final_dot_is_lost_and_the_mail_is_not() {
    let sandbox = open().start().await.unwrap();
    let script =
        |to: &str| format!("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<{to}>\r\nDATA\r\nx\r\n.\r\n");
    let mut smtp = Client::connect(sandbox.smtp()).await;
    smtp.say(script("drop-data+ada@example.org")).await;
    assert!(
        smtp.rest_text()
            .await
            .ends_with("354 end with <CRLF>.<CRLF>\r\n")
    );
    assert_eq!(sandbox.messages("ada@example.org").len(), 1);
    sandbox.add_fault(Fault::smtp(Stage::EndOfData, Action::DropBefore));
    let mut smtp = Client::connect(sandbox.smtp()).await;
    smtp.say(script("ada@example.org")).await;
    assert!(
        smtp.rest_text()
            .await
            .ends_with("354 end with <CRLF>.<CRLF>\r\n")
    );
    assert_eq!(sandbox.messages("ada@example.org").len(), 1);
}

#[tokio::test]
async fn a_reply_comes_late_and_a_slow_recipient_is_accepted() {
    let fault = Fault::smtp(Stage::Greeting, Action::Delay(Duration::from_millis(40)));
    let sandbox = open().fault(fault).start().await.unwrap();
    let start = Instant::now();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    smtp.reply().await;
    assert!(start.elapsed() >= Duration::from_millis(40));
    smtp.say("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<slow-60ms+ada@example.org>\r\nNOOP\r\n")
        .await;
    let start = Instant::now();
    for _ in 0..4 {
        assert!(smtp.reply().await.starts_with("250"));
    }
    assert!(start.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn silence_keeps_the_connection_open_and_reads_on() {
    let fault = Fault::smtp(Stage::Data, Action::Silence);
    let sandbox = open().fault(fault).start().await.unwrap();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    smtp.say(SEND).await;
    smtp.until("250 2.1.5 Ok\r\n").await;
    // More than the buffers of a socket hold: this ends only if somebody reads.
    smtp.say(vec![b'x'; 8 << 20]).await;
    assert!(smtp.is_silent_for(Duration::from_millis(30)).await);
    sandbox.shutdown().await;
    assert_eq!(smtp.rest_text().await, "");
}

#[tokio::test]
async fn a_server_that_stops_reading_lets_the_socket_fill_up() {
    let extra = Fault::smtp(
        Stage::Data,
        Action::ReplyAfter(b"550 This violates SMTP".to_vec()),
    );
    let deaf = Fault::smtp(Stage::Data, Action::StopReading);
    let sandbox = open().fault(extra).fault(deaf).start().await.unwrap();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    smtp.say(SEND).await;
    smtp.until("354 end with <CRLF>.<CRLF>\r\n550 This violates SMTP\r\n")
        .await;
    let flood = smtp.say(vec![b'x'; 64 << 20]);
    let finished = tokio::time::timeout(Duration::from_millis(300), flood).await;
    assert!(finished.is_err(), "64 MiB went somewhere");
}

#[tokio::test]
async fn every_octet_is_its_own_write_from_there_on() {
    let fault = Fault::smtp(Stage::Greeting, Action::OneByteWrites);
    let sandbox = open().fault(fault).start().await.unwrap();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    let (mut reads, mut octets) = (0, 0);
    while octets < GREETING.len() {
        octets += smtp.read_some().await;
        reads += 1;
    }
    assert!(reads > 10, "{octets} octets came in {reads} reads");
    smtp.say("EHLO c\r\nQUIT\r\n").await;
    let replies = smtp.rest_text().await;
    assert!(replies.starts_with(&format!("{GREETING}250-localhost\r\n")));
    assert!(replies.ends_with("221 2.0.0 localhost closing\r\n"));
}

#[tokio::test]
async fn a_reply_comes_in_two_parts() {
    let fault = Fault::pop3(Stage::Greeting, Action::SplitAt(2));
    let sandbox = open().fault(fault).start().await.unwrap();
    let mut pop3 = Client::connect(sandbox.pop3()).await;
    assert_eq!(pop3.read_some().await, 2);
    assert_eq!(pop3.line().await, "+OK localhost POP3 postrider-sandbox");
}

#[tokio::test]
async fn an_endless_reply_ends_when_the_client_goes() {
    let fault = Fault::pop3(Stage::Greeting, Action::Endless(b"+OK a".to_vec()));
    let sandbox = open().fault(fault).start().await.unwrap();
    let mut pop3 = Client::connect(sandbox.pop3()).await;
    let mut read = 0;
    while read < 1 << 20 {
        read += pop3.read_some().await;
    }
    drop(pop3);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn starttls_is_followed_by_an_injected_reply_in_the_same_write() {
    let injected = b"250-injected\r\n250 AUTH PLAIN LOGIN".to_vec();
    let fault = Fault::smtp(Stage::StartTls, Action::ReplyAfter(injected));
    let sandbox = builder().fault(fault).start().await.unwrap();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    smtp.say("EHLO c\r\n").await;
    smtp.until("250 CHUNKING\r\n").await;
    smtp.say("STARTTLS\r\n").await;
    let all = smtp.until("LOGIN\r\n").await;
    assert_eq!(
        all,
        "220 2.0.0 ready to start TLS\r\n250-injected\r\n250 AUTH PLAIN LOGIN\r\n"
    );
    smtp.start_tls(&sandbox.tls()).await;
    smtp.say("NOOP\r\n").await;
    assert_eq!(smtp.reply().await, "250 2.0.0 Ok");
}

#[tokio::test]
async fn clear_text_on_a_tls_port_is_noticed() {
    let fault = Fault::pop3(Stage::Connect, Action::PlainText).every();
    let sandbox = builder().fault(fault).start().await.unwrap();
    let error = connect_tls(sandbox.pop3s(), &sandbox.tls(), SOON)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("answered in plain text"),
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_is_dropped_or_left_alone_before_tls() {
    let sandbox = builder()
        .fault(Fault::smtp(Stage::Connect, Action::DropBefore).nth(1))
        .fault(Fault::smtp(Stage::Connect, Action::Silence).nth(2))
        .start()
        .await
        .unwrap();
    let error = connect_tls(sandbox.smtps(), &sandbox.tls(), SOON)
        .await
        .unwrap_err();
    assert_eq!(error.stage(), ConnectStage::Tls);
    let short = Duration::from_millis(50);
    let error = connect_tls(sandbox.smtps(), &sandbox.tls(), short)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no answer within 50ms"),
        "{error}"
    );
    assert!(
        connect_tls(sandbox.smtps(), &sandbox.tls(), SOON)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn tls_is_cut_without_its_closing_words() {
    let fault = Fault::smtp(Stage::Noop, Action::DropAfter);
    let sandbox = builder().fault(fault).start().await.unwrap();
    let mut smtp = Client::connect_tls(sandbox.smtps(), &sandbox.tls()).await;
    smtp.say("NOOP\r\n").await;
    smtp.until("250 2.0.0 Ok\r\n").await;
    let end = smtp.end().await.unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::UnexpectedEof);
    let mut smtp = Client::connect_tls(sandbox.smtps(), &sandbox.tls()).await;
    smtp.say("QUIT\r\n").await;
    smtp.until("221 2.0.0 localhost closing\r\n").await;
    assert!(smtp.end().await.is_ok(), "QUIT ends TLS as well");
}

#[tokio::test]
async fn faults_are_added_and_cleared_while_it_runs() {
    let sandbox = open().start().await.unwrap();
    sandbox.add_fault(
        Fault::smtp(
            Stage::Greeting,
            Action::Reply(b"421 4.3.2 closing".to_vec()),
        )
        .every(),
    );
    let mut smtp = Client::connect(sandbox.smtp()).await;
    assert_eq!(smtp.rest_text().await, "421 4.3.2 closing\r\n");
    sandbox.clear_faults();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    assert!(smtp.reply().await.starts_with("220 "));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_run() {
    async fn run(seed: u64) -> String {
        let fault = Fault::smtp(Stage::Noop, Action::Garbage(4)).one_in(3);
        let sandbox = open().seed(seed).fault(fault).start().await.unwrap();
        let mut smtp = Client::connect(sandbox.smtp()).await;
        smtp.say("NOOP\r\n".repeat(30) + "QUIT\r\n").await;
        smtp.rest_text().await
    }
    let (first, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(first.contains("250 2.0.0 Ok") && first.contains('\u{fffd}'));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_nothing_behind() {
    let sandbox = open().start().await.unwrap();
    let mut smtp = Client::connect(sandbox.smtp()).await;
    smtp.say(format!("{SEND}half a mail\r\n.")).await;
    smtp.until("354 end with <CRLF>.<CRLF>\r\n").await;
    drop(smtp);
    sandbox.deliver("ada@example.org", "x").unwrap();
    let mut pop3 = Client::connect(sandbox.pop3()).await;
    pop3.say(format!("{LOGIN}DELE 1\r\n")).await;
    pop3.until("+OK message 1 deleted\r\n").await;
    drop(pop3);
    // The lock goes when the server has seen the end; until then [IN-USE] is the right answer.
    loop {
        let mut pop3 = Client::connect(sandbox.pop3()).await;
        pop3.say(format!("{LOGIN}STAT\r\nQUIT\r\n")).await;
        let replies = pop3.rest_text().await;
        if !replies.contains("[IN-USE]") {
            assert!(replies.contains("\r\n+OK 1 3\r\n"), "{replies}");
            break;
        }
    }
    assert_eq!(sandbox.mails().len(), 1);
    assert!(connect(sandbox.smtp(), SOON).await.is_ok());
}

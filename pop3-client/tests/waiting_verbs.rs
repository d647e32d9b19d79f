//! The client over tokio has every command that the blocking one has, and writes each dialogue down.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

mod common;

use common::driver::config;
use common::n;
use common::server::{Server, say};
use postrider_pop3::{
    Client, Config, Credentials, CustomCommand, ErrorKind, LanguageTag, Limits, Pipelining,
    Retrieved, Security, State, Transcript,
};
use std::ops::ControlFlow;

const CAPABILITIES: &str = "+OK\r\nUSER\r\nUIDL\r\nTOP\r\nLANG\r\nRESP-CODES\r\n.\r\n";

#[tokio::test]
async fn each_command_is_sent_as_it_is_and_its_answer_given() {
    let server = Server::new()
        .on("CAPA", say(CAPABILITIES))
        .on("LANG en", say("+OK\r\n"))
        .on("LANG", say("+OK\r\nen English\r\n.\r\n"))
        .on("XECHO", say("+OK\r\none\r\n.\r\n"));
    let (endpoint, commands) = server.start();
    let (transcript, read) = Transcript::in_memory();
    let visitor = Config::new(endpoint.clone())
        .security(Security::None)
        .danger_allow_clear_text_credentials()
        .transcript(transcript);
    let mut client = Client::connect(&visitor).await.unwrap();
    assert_eq!(client.state(), State::Authorization);
    assert_eq!(client.endpoint(), &endpoint);
    assert_eq!(client.tls_description(), None);
    assert!(client.greeting().unwrap().is_ok());
    assert!(client.capabilities().lang());

    let credentials = Credentials::password("tim", "tanstaaf").unwrap();
    client.login(&credentials).await.unwrap();
    assert_eq!(client.state(), State::Transaction);
    let opened = read().len();
    assert_eq!(client.list_one(n(1)).await.unwrap().octets, 60);
    assert_eq!(client.uidl().await.unwrap().len(), 1);
    let mut header = Vec::new();
    let top = client.top(n(1), 0, |piece| header.extend_from_slice(piece));
    assert_eq!(top.await.unwrap(), 14);
    assert_eq!(header, b"Subject: x\r\n\r\n");
    client.dele(n(1)).await.unwrap();
    client.rset().await.unwrap();
    assert!(client.capa().await.unwrap().resp_codes());
    assert_eq!(client.languages().await.unwrap(), ["", "en English"]);
    client.lang(LanguageTag::new("en").unwrap()).await.unwrap();
    let custom = CustomCommand::multi_line("XECHO").unwrap();
    assert_eq!(client.custom(custom).await.unwrap(), ["", "one"]);
    client.quit().await.unwrap();

    let said = commands.join().unwrap();
    assert_eq!(said[3], "CAPA", "what it can do may be more after a login");
    let written: Vec<String> = read()[opened..].iter().map(ToString::to_string).collect();
    let expected = "C: LIST 1|S: +OK 1 60|C: UIDL|S: +OK|S: 1 AAA|S: .|\
        C: TOP 1 0|S: +OK|*  14 octets of message|S: .|C: DELE 1|S: +OK|C: RSET|S: +OK|\
        C: CAPA|S: +OK|S: USER|S: UIDL|S: TOP|S: LANG|S: RESP-CODES|S: .|\
        C: LANG|S: +OK|S: en English|S: .|C: LANG en|S: +OK|C: XECHO|S: +OK|S: one|S: .|C: QUIT|S: +OK";
    assert_eq!(written.join("|"), expected);
}

#[tokio::test]
async fn a_sink_that_breaks_off_ends_the_session_without_deleting_anything() {
    let (endpoint, commands) = Server::new().start();
    let mut client = Client::connect(&config(endpoint)).await.unwrap();
    let stopped = client
        .top_many(&[n(1)], 1, |retrieved| match retrieved {
            Retrieved::Chunk { .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .await;
    let said = stopped.unwrap_err().to_string();
    assert!(said.contains("stopped by the caller"), "{said}");
    assert_eq!(client.state(), State::Closed);
    let error = client.noop().await.unwrap_err().to_string();
    assert!(error.contains("NOOP"), "{error}");
    drop(client);
    assert!(!commands.join().unwrap().contains(&"QUIT".to_owned()));
}

#[tokio::test]
async fn rfc5034_a_login_in_several_lines_is_written_down_without_them() {
    let server = Server::new()
        .on("CAPA", say("+OK\r\nSASL LOGIN\r\n.\r\n"))
        .on("AUTH", say("+ VXNlcm5hbWU6\r\n"))
        .on("dGlt", say("+ UGFzc3dvcmQ6\r\n"));
    let (endpoint, commands) = server.start();
    let (transcript, read) = Transcript::in_memory();
    let config = config(endpoint.clone()).transcript(transcript);
    assert_eq!(config.endpoint(), &endpoint);
    assert_eq!(config.account(), format!("tim@{endpoint}"));
    let mut client = Client::connect(&config).await.unwrap();
    client.login(&Credentials::external()).await.unwrap_err();
    client.quit().await.unwrap();
    let said = commands.join().unwrap();
    assert_eq!(said[..4], ["CAPA", "AUTH LOGIN", "dGlt", "dGFuc3RhYWY="]);
    let written: Vec<String> = read().iter().map(ToString::to_string).collect();
    let written = written.join("|");
    let login =
        "C: AUTH LOGIN (secret)|S: + (secret)|C: (secret)|S: + (secret)|C: (secret)|S: +OK|";
    assert!(written.contains(login), "{written}");
    assert!(!written.contains("dGlt") && !written.contains("dGFu"));
}

#[tokio::test]
async fn one_command_at_a_time_is_sent_where_that_is_asked_for() {
    let (endpoint, commands) = Server::new().start();
    let config = config(endpoint).pipelining(Pipelining::Off);
    let mut client = Client::connect(&config).await.unwrap();
    let replies = client.dele_many(&[n(1), n(2)]).await.unwrap();
    assert_eq!(replies.len(), 2);
    client.quit().await.unwrap();
    let said = commands.join().unwrap();
    assert_eq!(said[said.len() - 3..], ["DELE 1", "DELE 2", "QUIT"]);
}

#[tokio::test]
async fn the_callers_limits_hold_from_the_first_line() {
    let (endpoint, _) = Server::new().start();
    let limits = Limits {
        status_line: 10,
        ..Limits::default()
    };
    let error = Client::connect(&config(endpoint).limits(limits)).await;
    let error = error.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Violation(_)), "{error}");
    assert!(error.to_string().contains("10 octets"), "{error}");
}

//! The client over tokio has every command that the blocking one has, and writes each dialogue down.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

mod common;

use common::driver::config;
use common::n;
use common::server::{Server, say};
use postrider_pop3::{
    Client, Config, Credentials, CustomCommand, LanguageTag, Retrieved, Security, State, Transcript,
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

//! The blocking client has every command that the waiting one has.

#![cfg(feature = "blocking")]
#![allow(clippy::unwrap_used)]

mod common;

use common::n;
use common::server::{Server, say};
use postrider_pop3::blocking::Client;
use postrider_pop3::{
    Config, Credentials, CustomCommand, Endpoint, LanguageTag, Retrieved, Security, State,
};
use std::ops::ControlFlow;

fn config(endpoint: Endpoint) -> Config {
    Config::new(endpoint)
        .security(Security::None)
        .danger_allow_clear_text_credentials()
}

#[test]
fn each_command_is_sent_as_it_is_and_its_answer_given() {
    let capa = "+OK\r\nUSER\r\nUIDL\r\nTOP\r\nLANG\r\nRESP-CODES\r\nPIPELINING\r\n.\r\n";
    let server = Server::new()
        .on("CAPA", say(capa))
        .on("LANG en", say("+OK\r\n"))
        .on("LANG", say("+OK\r\nen English\r\n.\r\n"))
        .on("XECHO", say("+OK\r\none\r\ntwo\r\n.\r\n"));
    let (endpoint, commands) = server.start();
    let mut client = Client::connect(&config(endpoint.clone())).unwrap();
    assert_eq!(client.state(), State::Authorization);
    assert_eq!(client.endpoint(), &endpoint);
    assert_eq!(client.tls_description(), None);
    assert!(client.greeting().unwrap().is_ok());
    assert!(client.capabilities().lang() && client.capabilities().resp_codes());
    let shown = client.capabilities().to_string();
    assert!(shown.contains("UIDL, TOP"), "{shown}");

    let credentials = Credentials::password("tim", "tanstaaf").unwrap();
    client.login(&credentials).unwrap();
    assert_eq!(client.state(), State::Transaction);
    assert_eq!(client.list().unwrap().len(), 1);
    assert_eq!(client.list_one(n(1)).unwrap().octets, 60);
    assert_eq!(client.uidl_one(n(1)).unwrap().unwrap().as_str(), "AAA");
    assert_eq!(client.languages().unwrap(), ["", "en English"]);
    let mut header = Vec::new();
    client
        .top_many(&[n(1)], 0, |retrieved| {
            if let Retrieved::Chunk { bytes, .. } = retrieved {
                header.extend_from_slice(bytes);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(header, b"Subject: x\r\n\r\n");
    let mut message = Vec::new();
    let retr = client.retr(n(1), |piece| message.extend_from_slice(piece));
    assert_eq!(retr.unwrap(), message.len() as u64);
    assert_eq!(message, b"Subject: x\r\n\r\nb\r\n");
    let top = client.top(n(1), 0, |piece| assert_eq!(piece, header));
    assert_eq!(top.unwrap(), 14);
    assert!(format!("{client:?}").starts_with("Client("), "{client:?}");
    client.noop().unwrap();
    client.dele(n(1)).unwrap();
    client.rset().unwrap();
    assert!(client.capa().unwrap().resp_codes());
    let custom = CustomCommand::multi_line("XECHO").unwrap();
    assert_eq!(client.custom(custom).unwrap(), ["", "one", "two"]);
    client.lang(LanguageTag::new("en").unwrap()).unwrap();
    client.quit().unwrap();
    let said = commands.join().unwrap();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    assert_eq!(
        said[3..],
        [
            "CAPA", "LIST", "LIST 1", "UIDL 1", "LANG", "TOP 1 0", "RETR 1", "TOP 1 0", "NOOP",
            "DELE 1", "RSET", "CAPA", "XECHO", "LANG en", "QUIT"
        ]
    );
}

//! Leaving a notification, from the header of a real mail: by mail, and by one click.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use postrider_mime::Message;
use postrider_notify::outgoing::OutgoingMail;
use postrider_notify::unsubscribe::{answer, listen};
use serde_json::json;
use std::sync::Arc;
use support::house::{House, fields, first_incident};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const URL: &str = "mail_domain = \"example.org\"\nunsubscribe_url = \"https://desk.example.org/u\"";

fn house() -> House {
    House::with(|config| config.replacen("mail_domain = \"example.org\"", URL, 1))
}

/// Grace comments, and Ada may be told.
fn told(house: &House, text: &str) -> Vec<OutgoingMail> {
    let said = fields(json!({"comments": text}));
    house
        .records
        .update(&first_incident(), &said, "grace")
        .unwrap();
    house.mails()
}

fn header(mail: &OutgoingMail, name: &str) -> Option<String> {
    let message = Message::parse(&mail.raw);
    let field = message.header(name)?;
    Some(field.text().trim().to_owned())
}

/// What stands between `before` and the next `>`.
fn between(text: &str, before: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}

#[test]
fn whoever_sends_the_mail_of_list_unsubscribe_is_not_told_again() {
    let house = House::new();
    let mails = told(&house, "One");
    assert_eq!(mails.len(), 1);
    let ways = header(&mails[0], "List-Unsubscribe").unwrap();
    assert_eq!(
        header(&mails[0], "List-Unsubscribe-Post"),
        None,
        "no click without a page"
    );
    let subject = between(&ways, "<mailto:support@example.org?subject=").replace("%20", " ");
    let mail =
        format!("From: ada@example.org\r\nTo: support@example.org\r\nSubject: {subject}\r\n\r\n");
    let done = house.take(mail.as_bytes()).outcome;
    assert_eq!(
        done.reason,
        "ada@example.org is not told by incident_commented any more"
    );
    assert!(told(&house, "Two").is_empty());
    assert_eq!(house.incidents(), 1, "no record was made of it");
}

#[test]
fn a_forged_token_in_a_mail_switches_nothing_off() {
    let house = House::new();
    let ways = header(&told(&house, "One")[0], "List-Unsubscribe").unwrap();
    let token = between(&ways, "unsubscribe%20");
    let (names, _) = token.split_once('.').unwrap();
    let mail = format!("From: eve@example.net\r\nSubject: unsubscribe {names}.aaaa\r\n\r\n");
    let done = house.take(mail.as_bytes()).outcome;
    assert_eq!(done.reason, "its token to unsubscribe was not made here");
    assert_eq!(told(&house, "Two").len(), 1);
}

#[test]
fn what_is_mandatory_offers_no_way_out() {
    let house = House::with(|config| {
        config.replacen(
            "[notification.incident_commented]",
            "[notification.incident_commented]\nmandatory = true",
            1,
        )
    });
    let mails = told(&house, "One");
    assert_eq!(mails.len(), 1);
    assert_eq!(header(&mails[0], "List-Unsubscribe"), None);
}

#[test]
fn the_links_of_a_template_lead_out_to_the_preferences_and_to_a_prepared_mail() {
    let house = House::with(|config| {
        let body = "html = '${NOTIF_UNSUB+link_text=\"Stop\"} ${NOTIF_PREFS} ${mailto:approve}'";
        let config = config.replacen("template = \"incident_commented\"", body, 1);
        let urls = format!("{URL}\npreferences_url = \"https://desk.example.org/me\"");
        let config = config.replacen("mail_domain = \"example.org\"", &urls, 1);
        let approve = "link_text = \"Approve\"\nsubject = \"Re: ${number}\"\nbody = \"yes\"";
        format!("{config}\n[mailto.approve]\ntable = \"incident\"\n{approve}\n")
    });
    let mails = told(&house, "One");
    let html = Message::parse(&mails[0].raw).body_html().unwrap();
    let to = house.reply_address(&first_incident(), "ada@example.org");
    let to = to.replace('+', "%2B");
    for expected in [
        "<a href=\"https://desk.example.org/u?",
        ">Stop</a>",
        "<a href=\"https://desk.example.org/me\">Notification preferences</a>",
        &format!("<a href=\"mailto:{to}?subject=Re%3A%20INC0010001&amp;body=yes\">Approve</a>"),
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
}

async fn asked(address: std::net::SocketAddr, request: String) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn rfc8058_one_click_from_the_header_of_a_mail_switches_it_off() {
    let house = house();
    let mails = told(&house, "One");
    let ways = header(&mails[0], "List-Unsubscribe").unwrap();
    let post = header(&mails[0], "List-Unsubscribe-Post").unwrap();
    assert_eq!(post, "List-Unsubscribe=One-Click");
    let target = between(&ways, "<https://desk.example.org");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (store, signer) = (Arc::clone(&house.store), house.signer.clone());
    let serving = tokio::spawn(async move { listen(&listener, store, signer).await });
    let got = asked(
        address,
        format!("GET {target} HTTP/1.1\r\nHost: desk\r\n\r\n"),
    )
    .await;
    assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
    assert_eq!(told(&house, "Two").len(), 1, "to look is not to leave");
    let click = format!("POST {target} HTTP/1.1\r\nHost: desk\r\nContent-Length: 26\r\n\r\n{post}");
    let got = asked(address, click).await;
    assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
    assert!(told(&house, "Three").is_empty());
    serving.abort();
}

/// Presents the token of a mail as one click does.
fn click(house: &House, mail: &OutgoingMail) {
    let ways = header(mail, "List-Unsubscribe").unwrap();
    let target = between(&ways, "<https://desk.example.org");
    let body = "List-Unsubscribe=One-Click";
    let length = body.len();
    let click = format!("POST {target} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
    let page = answer(click.as_bytes(), &*house.store, &house.signer).unwrap();
    assert!(page.starts_with(b"HTTP/1.1 200 "));
}

fn addresses(mails: &[OutgoingMail]) -> Vec<&str> {
    let mut all: Vec<&str> = mails.iter().map(|mail| mail.recipient.as_str()).collect();
    all.sort_unstable();
    all
}

#[test]
fn one_click_in_the_mail_of_a_device_switches_it_off_there() {
    let house = house();
    let tablet = json!({"user": "ada", "name": "tablet", "email": "Tablet@example.net"});
    let id = Some("tablet".to_owned());
    house
        .records
        .insert("notification_device", id, &fields(tablet), "")
        .unwrap();
    let mails = told(&house, "One");
    assert_eq!(addresses(&mails), ["Tablet@example.net", "ada@example.org"]);
    let of_tablet = mails
        .iter()
        .find(|mail| mail.recipient.starts_with("Tablet"));
    click(&house, of_tablet.unwrap());
    assert_eq!(addresses(&told(&house, "Two")), ["ada@example.org"]);
}

#[test]
fn what_is_switched_off_for_a_shared_address_holds_for_all_who_have_it() {
    let house = House::with(|config| {
        let config = config.replacen("mail_domain = \"example.org\"", URL, 1);
        format!("{config}\n[user.ada2]\nname = \"Ada King\"\nemail = \"ada@example.org\"\n")
    });
    let both = fields(json!({"watch_list": ["ada2"]}));
    house.records.update(&first_incident(), &both, "").unwrap();
    house.settle();
    let mails = told(&house, "One");
    assert_eq!(addresses(&mails), ["ada@example.org"]);
    click(&house, &mails[0]);
    assert_eq!(addresses(&told(&house, "Two")), [""; 0]);
}

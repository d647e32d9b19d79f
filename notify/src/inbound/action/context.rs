//! A mail and its sender as templates, conditions, programs and webhooks see them.

use super::Incoming;
use crate::inbound::author::Author;
use crate::inbound::mail::{Address, Mail};
use postrider_mime::Message;
use serde_json::{Map, Value, json};

/// Header fields that are shown.
const MOST_HEADERS: usize = 200;

/// The mail.
pub(super) fn mail(incoming: &Incoming<'_>) -> Value {
    let mail = incoming.mail;
    let addresses =
        |list: &[Address]| -> Vec<String> { list.iter().map(|a| a.address.clone()).collect() };
    json!({
        "subject": mail.subject,
        "text": words(mail).unwrap_or_default(),
        "whole": mail.text.trim(),
        "html": mail.html.clone().unwrap_or_default(),
        "from": mail.from.as_ref().map_or("", |from| from.address.as_str()),
        "to": addresses(&mail.to),
        "cc": addresses(&mail.cc),
        "date": mail.date,
        "message_id": mail.message_id.clone().unwrap_or_default(),
        "in_reply_to": mail.in_reply_to.first().cloned().unwrap_or_default(),
        "account": incoming.inbound.what.account,
        "calendar": mail.calendar.map_or("", |answer| answer.name()),
        "importance": mail.importance,
        "attachments": mail.attachments.len(),
        "size": incoming.inbound.what.raw.len(),
        "class": incoming.found.class.name(),
        "headers": headers(incoming),
        "files": mail.attachments,
    })
}

/// The header fields by their names in lower case; of several with one name the last.
fn headers(incoming: &Incoming<'_>) -> Value {
    let message = Message::parse(&incoming.inbound.what.raw);
    let fields = message.headers().take(MOST_HEADERS);
    let fields = fields.map(|field| (field.name().to_ascii_lowercase(), Value::from(field.text())));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// Who wrote it.
pub(super) fn sender(author: &Author) -> Value {
    json!({
        "address": author.address,
        "name": author.name,
        "domain": author.domain(),
        "user": author.user.clone().unwrap_or_default(),
    })
}

/// What is written into the journal: the writer's own words, or all of it if none can be told apart.
pub(super) fn words(mail: &Mail) -> Option<String> {
    let own = mail.new_text();
    let text = if own.is_empty() {
        mail.text.trim()
    } else {
        &own
    };
    (!text.is_empty()).then(|| text.to_owned())
}

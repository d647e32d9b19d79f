//! A mail and its sender as templates, conditions, programs and webhooks see them.

use super::Incoming;
use crate::inbound::Class;
use crate::inbound::author::Author;
use crate::inbound::beginning::beginning;
use crate::inbound::classify::{Classification, PERSON, is_forward};
use crate::inbound::mail::{Address, Mail};
use crate::inbound::query::MAIL_NAMES;
use minijinja::value::{Enumerator, Object, Value};
use postrider_mime::Message;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Header fields that are shown.
const MOST_HEADERS: usize = 200;

/// Octets of a text that templates see: a result has [`MAX_OUTPUT`](crate::template::MAX_OUTPUT) at most, and a record is no
/// place for more. The mail itself is kept whole.
const MOST_TEXT: usize = 256 * 1024;

/// A mail. Each of its values is made once somebody names it: rules name few, and the text is long.
pub(super) struct MailView {
    mail: Arc<Mail>,
    account: String,
    class: Class,
    /// Whether all of the text stands for the writer's own words where it has none.
    falls_back: bool,
    /// Octets of the whole.
    size: usize,
    /// The values that were asked for, in the order of their names.
    made: [OnceLock<Value>; MAIL_NAMES.len()],
    json: OnceLock<serde_json::Value>,
}

impl MailView {
    pub(super) fn of(incoming: &Incoming<'_>) -> Self {
        let what = &incoming.inbound.what;
        Self {
            mail: Arc::clone(incoming.mail),
            account: what.account.clone(),
            class: incoming.found.class,
            falls_back: falls_back(incoming.found),
            size: what.raw.len(),
            made: Default::default(),
            json: OnceLock::new(),
        }
    }

    /// All of it, as programs and webhooks get it.
    pub(super) fn json(&self) -> &serde_json::Value {
        self.json.get_or_init(|| {
            let value = |name: &&str| serde_json::to_value(self.value(name)).unwrap_or_default();
            let values = MAIL_NAMES
                .iter()
                .map(|name| ((*name).to_owned(), value(name)));
            serde_json::Value::Object(values.collect())
        })
    }

    /// What is written into the journal: the writer's own words. `None` if there are none.
    pub(super) fn words(&self) -> Option<String> {
        let text = self.value("text")?;
        let text = text.as_str().filter(|text| !text.is_empty())?;
        Some(text.to_owned())
    }

    fn value(&self, name: &str) -> Option<Value> {
        let at = MAIL_NAMES.iter().position(|known| *known == name)?;
        let made = self.made.get(at)?;
        Some(made.get_or_init(|| self.make(name)).clone())
    }

    fn make(&self, name: &str) -> Value {
        let mail = &*self.mail;
        let text = |text: &Option<String>| Value::from(text.as_deref().unwrap_or_default());
        match name {
            "subject" => Value::from(mail.subject.as_str()),
            "text" => Value::from(words(mail, self.falls_back)),
            "whole" => Value::from(mail.text.trim()),
            "html" => text(&mail.html),
            "from" => Value::from(mail.from.as_ref().map_or("", |from| from.address.as_str())),
            "to" => addresses(&mail.to),
            "cc" => addresses(&mail.cc),
            "date" => Value::from(mail.date.as_str()),
            "message_id" => text(&mail.message_id),
            "in_reply_to" => Value::from(mail.in_reply_to.first().map_or("", String::as_str)),
            "account" => Value::from(self.account.as_str()),
            "calendar" => Value::from(mail.calendar.map_or("", |answer| answer.name())),
            "importance" => Value::from(mail.importance),
            "attachments" => Value::from(mail.attachments.len()),
            "size" => Value::from(self.size),
            "class" => Value::from(self.class.name()),
            "headers" => headers(&mail.header),
            "files" => Value::from(mail.attachments.clone()),
            _ => Value::UNDEFINED,
        }
    }
}

impl Object for MailView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let value = self.value(key)?;
        let cut = value.as_str().and_then(cut).map(Value::from);
        Some(cut.unwrap_or(value))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&MAIL_NAMES)
    }
}

impl fmt::Debug for MailView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailView({:?})", self.mail.message_id)
    }
}

/// The beginning of a text that is too long, and a line that says so.
fn cut(text: &str) -> Option<String> {
    if text.len() <= MOST_TEXT {
        return None;
    }
    let begin = beginning(text, MOST_TEXT);
    Some(format!("{begin}\n[cut here: of {} octets]", text.len()))
}

fn addresses(list: &[Address]) -> Value {
    let list = list.iter().map(|one| Value::from(one.address.as_str()));
    Value::from(list.collect::<Vec<_>>())
}

/// The header fields by their names in lower case; of several with one name the last.
fn headers(header: &[u8]) -> Value {
    let message = Message::parse(header);
    let fields = message.headers().take(MOST_HEADERS);
    let named = fields.map(|field| {
        (
            field.name().to_ascii_lowercase(),
            Value::from(&*field.text()),
        )
    });
    Value::from(named.collect::<BTreeMap<_, _>>())
}

/// Who wrote it.
pub(super) fn sender(author: &Author) -> serde_json::Value {
    json!({
        "address": author.address,
        "name": author.name,
        "domain": author.domain(),
        "user": author.user.clone().unwrap_or_default(),
    })
}

/// What an answer quotes is known already, unless a person has looked at it and takes it nevertheless.
fn falls_back(found: &Classification) -> bool {
    found.record.is_none() || found.matched_by == PERSON
}

fn words(mail: &Mail, falls_back: bool) -> String {
    // What somebody passes on is what they have to say, also about a record.
    if is_forward(mail) {
        return mail.text.trim().to_owned();
    }
    let own = mail.new_text();
    // Nothing is lost: what may hide an answer is written down whole.
    if own.is_empty() && (falls_back || mail.may_hide_words()) {
        mail.text.trim().to_owned()
    } else {
        own
    }
}

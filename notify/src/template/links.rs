//! Links beside those to records: out of a notification, to one's preferences, and mails that are prepared.
//!
//! `${mailto:approve}` is a link that opens a mail to the reply address, with the subject and the text of `[mailto.approve]`.

use super::context::ALL;
use super::limits;
use super::record::Link;
use crate::unsubscribe::percent;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, State};

const MAILTO: &str = "mailto ";

pub(super) fn add_to(env: &mut Environment<'static>) {
    env.add_function(
        "notif_unsub",
        |state: &State<'_, '_>, text: Option<&str>| {
            let url = of_recipient(state, "unsubscribe");
            link(url, text.unwrap_or("Unsubscribe"))
        },
    );
    env.add_function(
        "notif_prefs",
        |state: &State<'_, '_>, text: Option<&str>| {
            let url = state.lookup("preferences_url").and_then(words);
            link(url, text.unwrap_or("Notification preferences"))
        },
    );
    env.add_function("mailto", mailto);
}

/// The name that the templates know a part of a prepared mail by.
pub(crate) fn mailto_name(name: &str, part: &str) -> String {
    format!("{MAILTO}{name}: {part}")
}

/// A link; nothing at all where it would lead nowhere.
fn link(url: Option<String>, text: &str) -> Value {
    match url {
        Some(url) => Value::from_object(Link {
            url: Some(url),
            text: text.to_owned(),
        }),
        None => Value::from(()),
    }
}

fn words(value: Value) -> Option<String> {
    let text = value.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn of_recipient(state: &State<'_, '_>, name: &str) -> Option<String> {
    let recipient = state.lookup("recipient")?;
    recipient.get_attr(name).ok().and_then(words)
}

/// `mailto('approve')`
fn mailto(state: &State<'_, '_>, name: &str) -> Result<Value, Error> {
    // Each would begin with fuel of its own, so that no bound would hold.
    if state.name().starts_with(MAILTO) {
        let message = "a prepared mail prepares no other";
        return Err(Error::new(ErrorKind::UnknownFunction, message));
    }
    let part = |part: &str| {
        let template = state.env().get_template(&mailto_name(name, part));
        let template = template.map_err(|_| {
            let message = format!("there is no [mailto.{name}] in this file");
            Error::new(ErrorKind::TemplateNotFound, message)
        })?;
        let context = state.lookup(ALL).unwrap_or_default();
        limits::capped(|out| template.render_captured_to(context, out).map(drop))
    };
    let (text, subject, body) = (part("link_text")?, part("subject")?, part("body")?);
    let url = of_recipient(state, "reply_to").map(|to| {
        format!(
            "mailto:{}?subject={}&body={}",
            percent(&to),
            percent(subject.trim()),
            percent(&body)
        )
    });
    Ok(link(url, text.trim()))
}

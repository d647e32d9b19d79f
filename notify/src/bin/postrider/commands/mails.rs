//! Mails that are not sent, shown: as people read them, as HTML, or octet by octet.

use crate::output::{self, Style, foreign, paint};
use postrider_mime::Message;
use postrider_notify::render::Content;
use serde_json::{Value, json};

/// What of a mail is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Subject and text.
    Text,
    /// Subject and HTML; the text, where there is none.
    Html,
    /// The octets, as they would be sent.
    Raw,
}

pub(super) fn show(to: &str, raw: &[u8], form: Form) {
    if form == Form::Raw {
        output::octets(raw);
        return;
    }
    let content = Content::of(raw);
    let body = match (form, &content.html) {
        (Form::Html, Some(html)) => html,
        _ => &content.text,
    };
    let head = format!("mail to {}", foreign(to));
    output::line(format!("\n{}", paint(Style::Head, &head)));
    output::line(format!("  Subject: {}\n", foreign(&content.subject)));
    output::line(output::indented(body.trim_end(), 2));
}

/// The same as an object. `raw` is absent where the octets are no UTF-8.
pub(super) fn object(to: &str, raw: &[u8]) -> Value {
    let content = Content::of(raw);
    let id = Message::parse(raw).message_id().map(|id| id.into_owned());
    let mut object = json!({
        "to": to,
        "message_id": id,
        "subject": content.subject,
        "text": content.text,
        "html": content.html,
        "octets": raw.len(),
    });
    if let (Ok(raw), Some(object)) = (std::str::from_utf8(raw), object.as_object_mut()) {
        object.insert("raw".to_owned(), raw.into());
    }
    object
}

//! What a digest says: its parts one after another, in a frame of its own if the notification has one.

use super::{Content, MAX_SUBJECT, one_line};
use crate::email_digest::{Digest, Part, inner_html};
use crate::notification::Notification;
use crate::template::{Context, DigestItem, TemplateError, Templates, escaped};
use postrider_mime::html_to_text;

/// The name that the templates know the subject of a digest by.
pub(crate) fn subject_name(notification: &str) -> String {
    format!("notification {notification}: digest subject")
}

/// The name that the templates know a body of a digest by; `part` is `html` or `txt`.
pub(crate) fn body_name(notification: &str, digest: &Digest, part: &str) -> String {
    match &digest.template {
        Some(template) => format!("{template}.{part}"),
        None => format!("notification {notification}: digest.{part}"),
    }
}

/// Renders a digest of these parts, each with the address of its record.
///
/// # Errors
/// Those of the templates.
pub(crate) fn digest_content(
    notification: &Notification,
    digest: &Digest,
    parts: &[(&Part, String)],
    templates: &Templates,
    context: Context,
) -> Result<Content, TemplateError> {
    let name = &notification.name;
    let (all_html, all_text) = (joined_html(digest, parts), joined_text(digest, parts));
    let items: Vec<DigestItem<'_>> = parts.iter().map(item).collect();
    let in_text = context.clone().digest(&items, &all_text, false);
    let in_html = context.digest(&items, &all_html, true);
    let subject = match subject_name(name) {
        subject if templates.knows(&subject) => templates.render(&subject, &in_text)?,
        _ => usual_subject(parts),
    };
    let part = |ending: &str, context: &Context| {
        let name = body_name(name, digest, ending);
        let known = templates.knows(&name);
        known.then(|| templates.render(&name, context)).transpose()
    };
    let (html, text) = (part("html", &in_html)?, part("txt", &in_text)?);
    let has_html = parts.iter().any(|(part, _)| part.html.is_some());
    let (html, text) = match (html, text) {
        (None, None) => {
            let document = format!("<!DOCTYPE html>\n<html><body>\n{all_html}\n</body></html>\n");
            (has_html.then_some(document), all_text)
        }
        (Some(html), None) => {
            let text = html_to_text(&html);
            (Some(html), text)
        }
        (html, Some(text)) => (html, text),
    };
    Ok(Content {
        subject: one_line(&subject, MAX_SUBJECT),
        html,
        text,
    })
}

fn item<'p>((part, uri): &'p (&'p Part, String)) -> DigestItem<'p> {
    DigestItem {
        subject: &part.subject,
        html: html(part),
        text: &part.text,
        uri,
        record: part.record.as_ref().map_or("", |key| &key.id),
        created: part.created,
    }
}

/// The newest subject, and how many more there are.
fn usual_subject(parts: &[(&Part, String)]) -> String {
    let newest = parts.last().map_or("", |(part, _)| part.subject.as_str());
    match parts.len() {
        0 | 1 => newest.to_owned(),
        count => format!("{newest} (+{})", count - 1),
    }
}

/// The HTML of a part, without a document around it; its text where it has none.
fn html(part: &Part) -> String {
    match &part.html {
        Some(html) => inner_html(html).to_owned(),
        None => format!("<pre>{}</pre>", escaped(&part.text)),
    }
}

fn joined_html(digest: &Digest, parts: &[(&Part, String)]) -> String {
    let one = |(part, _): &(&Part, String)| {
        format!("<h3>{}</h3>\n{}", escaped(&part.subject), html(part))
    };
    let all: Vec<String> = parts.iter().map(one).collect();
    all.join(&format!("\n{}\n", digest.separator_html))
}

fn joined_text(digest: &Digest, parts: &[(&Part, String)]) -> String {
    let one = |(part, _): &(&Part, String)| format!("{}\n\n{}", part.subject, part.text.trim_end());
    let all: Vec<String> = parts.iter().map(one).collect();
    all.join(&format!("\n\n{}\n\n", digest.separator_text))
}

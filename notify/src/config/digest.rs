//! `[notification.NAME.digest]`.

use super::document::{At, Section, choice};
use super::value::duration;
use crate::email_digest::{Digest, LONGEST, SHORTEST, Scope};
use crate::render::{digest_body_name, digest_subject_name};
use crate::template::Builder;

/// How a notification is told in digests, and its template, which is looked at again when all are known.
pub(super) fn read(
    section: &Section<'_>,
    notification: &str,
    templates: &mut Builder,
) -> (Option<Digest>, Option<At<String>>) {
    let Some(section) = section.section("digest") else {
        return (None, None);
    };
    let usual = Digest::default();
    let scopes = [("single", Scope::Single), ("multiple", Scope::Multiple)];
    let scope = section.text("type");
    let scope = scope.and_then(|text| choice(section.document, &text, &scopes));
    let template = section.text("template");
    let text = |key| section.text(key).map(|text| text.value);
    let digest = Digest {
        interval: interval(&section).unwrap_or(usual.interval),
        by_default: section.boolean("default").unwrap_or(false),
        scope: scope.unwrap_or_default(),
        separator_html: text("separator_html").unwrap_or(usual.separator_html),
        separator_text: text("separator_text").unwrap_or(usual.separator_text),
        template: template.as_ref().map(|text| text.value.clone()),
    };
    bodies(
        &section,
        notification,
        &digest,
        template.as_ref(),
        templates,
    );
    section.finish();
    (Some(digest), template)
}

fn interval(section: &Section<'_>) -> Option<std::time::Duration> {
    let text = section.text("interval")?;
    let interval = duration(section.document, &text)?;
    if !(SHORTEST..=LONGEST).contains(&interval) {
        let message = "a digest gathers for one hour at least, and for seven days at most";
        section.document.fault(&text.span, message);
    }
    Some(interval)
}

/// Subject and bodies that are written in place.
fn bodies(
    section: &Section<'_>,
    notification: &str,
    digest: &Digest,
    template: Option<&At<String>>,
    templates: &mut Builder,
) {
    let (html, text) = (section.text("html"), section.text("text"));
    if let (Some(template), true) = (template, html.is_some() || text.is_some()) {
        let message = "either a `template`, or `html` and `text`, not both";
        section.document.fault(&template.span, message);
        return;
    }
    let parts = [
        (digest_subject_name(notification), section.text("subject")),
        (digest_body_name(notification, digest, "html"), html),
        (digest_body_name(notification, digest, "txt"), text),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            templates.add(name, section.document.origin(&part), &part.value);
        }
    }
}

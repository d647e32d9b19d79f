//! Variants of a notification by locale: `[notification.NAME.locale.de]`, and files such as `incident_assigned.de.html`.

use super::document::{At, Section};
use crate::locale::is_locale;
use crate::render::{body_name, subject_in};
use crate::template::Builder;

/// The locales that there is a subject or a body for.
pub(super) fn read(
    section: &Section<'_>,
    notification: &str,
    template: Option<&At<String>>,
    templates: &mut Builder,
) -> Vec<String> {
    let mut locales = Vec::new();
    for (locale, variant) in section.sections("locale") {
        if !is_locale(&locale.value) {
            let message = format!("`{}` is no locale; one is `de` or `de-AT`", locale.value);
            section.document.fault(&locale.span, message);
        }
        texts(&variant, notification, &locale.value, template, templates);
        variant.finish();
        locales.push(locale.value);
    }
    if let Some(template) = template {
        for locale in files(templates.names(), &template.value) {
            if !locales.contains(&locale) {
                locales.push(locale);
            }
        }
    }
    locales
}

/// What one variant says.
fn texts(
    variant: &Section<'_>,
    notification: &str,
    locale: &str,
    template: Option<&At<String>>,
    templates: &mut Builder,
) {
    let (html, text) = (variant.text("html"), variant.text("text"));
    if let (Some(template), Some(body)) = (template, html.as_ref().or(text.as_ref())) {
        let message = format!(
            "the notification has a template: write the file {}.{locale}.html or .txt",
            template.value
        );
        variant.document.fault(&body.span, message);
    }
    let parts = [
        (subject_in(notification, locale), variant.text("subject")),
        (body_name(notification, &format!("{locale}.html")), html),
        (body_name(notification, &format!("{locale}.txt")), text),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            templates.add(name, variant.document.origin(&part), &part.value);
        }
    }
}

/// The locales that a template has files for.
fn files<'t>(names: impl Iterator<Item = &'t str>, template: &str) -> Vec<String> {
    let locale = |name: &'t str| {
        let rest = name.strip_prefix(template)?.strip_prefix('.')?;
        match rest.split_once('.')? {
            (locale, "html" | "txt") if is_locale(locale) => Some(locale.to_owned()),
            _ => None,
        }
    };
    names.filter_map(locale).collect()
}

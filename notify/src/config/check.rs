//! What only shows when everything is known: templates and expressions against the schema.

use super::document::{At, Document};
use super::{inbound, mailto, notification, sample};
use crate::email_digest::Scope;
use crate::inbound::table_of;
use crate::notification::Notification;
use crate::render::{
    body_in, body_name, digest_body_name, digest_subject_name, subject_in, subject_name,
};
use crate::schema::Schema;
use crate::suggest::nearest;
use crate::template::{Context, Subject, Templates};
use std::sync::Arc;

/// What templates know of whoever reads the mail.
const RECIPIENT: &[&str] = &[
    "name",
    "address",
    "id",
    "locale",
    "time_zone",
    "reply_to",
    "unsubscribe",
];

/// What a notification's templates know beside the record.
pub(super) const OUTGOING: &[(&str, &[&str])] = &[
    (
        "event",
        &["id", "name", "parm1", "parm2", "actor", "created"],
    ),
    ("recipient", RECIPIENT),
    ("preferences_url", &[]),
    ("instance", &["name", "url"]),
    ("URI", &[]),
    ("URI_REF", &[]),
];

/// What the templates of a digest know beside the record, if it is about one.
const DIGEST: &[(&str, &[&str])] = &[
    ("digest", &[]),
    ("items", &[]),
    ("count", &[]),
    ("recipient", RECIPIENT),
    ("preferences_url", &[]),
    ("instance", &["name", "url"]),
];

/// What the templates of an inbound action know beside the record.
pub(super) const INCOMING: &[(&str, &[&str])] = &[
    ("mail", &crate::inbound::query::MAIL_NAMES),
    ("sender", &["address", "name", "domain", "user"]),
    ("instance", &["name", "url"]),
];

/// Checks every template that is used, and every expression.
pub(super) fn all(
    document: &Document,
    schema: &Arc<Schema>,
    templates: &Templates,
    notifications: &[notification::Read],
    actions: &[inbound::Read],
) {
    for read in notifications {
        let table = read.notification.table.as_deref();
        let subject = Subject {
            schema,
            table,
            values: OUTGOING,
            event: true,
            scripts: templates.scripts(),
        };
        let mut names = parts(&read.notification);
        if let Some(template) = &read.template {
            names.extend(files(document, templates, template));
        }
        check(document, templates, &names, &subject, &|| {
            sample::outgoing(schema, table)
        });
        expression(document, templates, read.expression.as_ref(), &subject);
        digest(document, schema, templates, read);
    }
    for read in actions {
        // A new mail is about no record yet.
        let table = table_of(&read.action);
        let subject = Subject {
            schema,
            table,
            values: INCOMING,
            event: false,
            scripts: templates.scripts(),
        };
        check(document, templates, &read.templates, &subject, &|| {
            sample::incoming(schema, table)
        });
        expression(document, templates, read.expression.as_ref(), &subject);
    }
}

/// Checks the templates of a digest. Those of a `single` one are about its record.
fn digest(
    document: &Document,
    schema: &Arc<Schema>,
    templates: &Templates,
    read: &notification::Read,
) {
    let Some(digest) = &read.notification.digest else {
        return;
    };
    let name = &read.notification.name;
    let table = read.notification.table.as_deref();
    let table = table.filter(|_| digest.scope == Scope::Single);
    let subject = Subject {
        schema,
        table,
        values: DIGEST,
        event: false,
        scripts: templates.scripts(),
    };
    let mut names = vec![digest_subject_name(name)];
    match &read.digest_template {
        Some(template) => names.extend(files(document, templates, template)),
        None => names.extend(["html", "txt"].map(|part| digest_body_name(name, digest, part))),
    }
    check(document, templates, &names, &subject, &|| {
        sample::digest(schema, table)
    });
}

/// Checks the mails that links prepare.
pub(super) fn mailtos(
    document: &Document,
    schema: &Arc<Schema>,
    templates: &Templates,
    mailtos: &[mailto::Read],
) {
    for read in mailtos {
        let table = read.table.as_deref();
        let subject = Subject {
            schema,
            table,
            values: OUTGOING,
            event: true,
            scripts: templates.scripts(),
        };
        check(document, templates, &read.templates, &subject, &|| {
            sample::outgoing(schema, table)
        });
    }
}

/// The subject and the bodies written in place, and those of all variants.
fn parts(notification: &Notification) -> Vec<String> {
    let name = &notification.name;
    let mut names = vec![subject_name(name)];
    names.extend(["html", "txt"].map(|part| body_name(name, part)));
    for locale in &notification.content.locales {
        names.push(subject_in(name, locale));
        names.extend(["html", "txt"].map(|part| body_in(notification, locale, part)));
    }
    names
}

/// Reports what is wrong with templates. Only what all names are known of is tried out.
fn check(
    document: &Document,
    templates: &Templates,
    names: &[String],
    subject: &Subject<'_>,
    context: &dyn Fn() -> Context,
) {
    for name in names {
        let mut faults = templates.check(name, subject);
        if faults.is_empty() {
            faults.extend(templates.try_out(name, &context()));
        }
        for fault in faults {
            document.report(fault);
        }
    }
}

/// The files that a template name stands for.
fn files(document: &Document, templates: &Templates, template: &At<String>) -> Vec<String> {
    let names = ["html", "txt"].map(|part| format!("{}.{part}", template.value));
    let found: Vec<String> = names
        .into_iter()
        .filter(|name| templates.knows(name))
        .collect();
    if found.is_empty() {
        let stems = templates
            .names()
            .filter_map(|name| name.rsplit_once('.').map(|(stem, _)| stem));
        let message = format!(
            "there is neither {0}.html nor {0}.txt among the templates",
            template.value
        );
        document.hint(&template.span, message, nearest(&template.value, stems));
    }
    found
}

fn expression(
    document: &Document,
    templates: &Templates,
    text: Option<&At<String>>,
    subject: &Subject<'_>,
) {
    let Some(text) = text else { return };
    for fault in templates.check_expression(document.origin(text), &text.value, subject) {
        document.report(fault);
    }
}

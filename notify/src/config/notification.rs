//! `[notification.NAME]`.

use super::account::{is_from, is_reply_to};
use super::document::{At, Document, Section, choice};
use super::{RegisteredEvent, SeedRecord, digest, locale, table};
use crate::account::SmtpAccount;
use crate::address::is_address;
use crate::condition::Query;
use crate::diagnostic::Diagnostic;
use crate::notification::{
    Condition, Content, Delivery, Importance, Notification, Parts, Recipients, Trigger,
};
use crate::render::{body_name, subject_name};
use crate::schema::{FieldKind, Schema};
use crate::suggest::nearest;
use crate::template::Builder;
use crate::walk::{describe, resolve};
use std::collections::BTreeMap;

/// A notification, and the places that are looked at again when all templates are known.
pub(super) struct Read {
    pub(super) notification: Notification,
    pub(super) template: Option<At<String>>,
    /// Of its digests.
    pub(super) digest_template: Option<At<String>>,
    pub(super) expression: Option<At<String>>,
    users: Vec<At<String>>,
    groups: Vec<At<String>>,
    schedule: Option<At<String>>,
}

/// The notifications in the order of the file.
pub(super) fn read(
    top: &Section<'_>,
    schema: &Schema,
    events: &BTreeMap<String, RegisteredEvent>,
    templates: &mut Builder,
) -> Vec<Read> {
    // Also those that have a mistake of their own.
    let accounts = top.sections("smtp").into_iter();
    let accounts: Vec<String> = accounts.map(|(name, _)| name.value).collect();
    let sections = top.sections("notification");
    sections
        .into_iter()
        .filter_map(|(name, section)| one(name, section, schema, events, &accounts, templates))
        .collect()
}

fn one(
    name: At<String>,
    section: Section<'_>,
    schema: &Schema,
    events: &BTreeMap<String, RegisteredEvent>,
    accounts: &[String],
    templates: &mut Builder,
) -> Option<Read> {
    let (when, table) = trigger(&section, schema, events);
    let (condition, expression) = condition(&section, schema, table.as_deref());
    let (users, groups) = (section.texts("users"), section.texts("groups"));
    let recipients = recipients(&section, schema, table.as_deref(), &users, &groups);
    let (content, template) = content(&section, &name.value, templates);
    let account = account(&section, accounts);
    let weight = section.integer("weight", 0..=1_000).unwrap_or(0);
    let order = section.integer("order", 0..=9_999).unwrap_or(100);
    let active = section.boolean("active").unwrap_or(true);
    let delivery = delivery(&section);
    let schedule = section.text("schedule");
    let (digest, digest_template) = digest::read(&section, &name.value, templates);
    section.finish();
    let notification = Notification {
        name: name.value,
        active,
        table,
        when: when?,
        condition,
        recipients,
        content,
        account,
        weight: u16::try_from(weight).unwrap_or(0),
        order: u16::try_from(order).unwrap_or(100),
        delivery,
        schedule: schedule.as_ref().map(|text| text.value.clone()),
        digest,
    };
    Some(Read {
        notification,
        template,
        digest_template,
        expression,
        users,
        groups,
        schedule,
    })
}

/// `mandatory` or `force_delivery`.
fn delivery(section: &Section<'_>) -> Delivery {
    let mandatory = section.boolean("mandatory").unwrap_or(false);
    match section.boolean("force_delivery") {
        Some(true) => Delivery::Forced,
        _ if mandatory => Delivery::Mandatory,
        _ => Delivery::Optional,
    }
}

/// `when` and `table`, or `event`.
fn trigger(
    section: &Section<'_>,
    schema: &Schema,
    events: &BTreeMap<String, RegisteredEvent>,
) -> (Option<Trigger>, Option<String>) {
    let document = section.document;
    let table = section
        .text("table")
        .filter(|table| table::known(document, schema, table));
    let event = section.text("event");
    if section.has("when") {
        if section.has("event") {
            section.fault("event", "either `when` or `event`, not both");
        }
        if !section.has("table") {
            section.missing("table");
        }
        return (changes(section), table.map(|table| table.value));
    }
    let Some(event) = event else {
        if !section.has("event") {
            section.document.fault(
                &section.span,
                format!(
                    "[{}] needs `when = [\"inserted\", \"updated\"]`, or an `event`",
                    section.name
                ),
            );
        }
        return (None, table.map(|table| table.value));
    };
    let Some(registered) = events.get(&event.value) else {
        let hint = nearest(&event.value, events.keys().map(String::as_str));
        document.hint(
            &event.span,
            format!("there is no [event.\"{}\"] in this file", event.value),
            hint,
        );
        return (None, table.map(|table| table.value));
    };
    if let (Some(own), Some(its)) = (&table, &registered.table)
        && own.value != *its
    {
        document.fault(
            &own.span,
            format!("the event `{}` is about the table `{its}`", event.value),
        );
    }
    let table = registered.table.clone().or(table.map(|table| table.value));
    (Some(Trigger::Event(event.value)), table)
}

fn changes(section: &Section<'_>) -> Option<Trigger> {
    let (mut inserted, mut updated) = (false, false);
    let words = section.texts("when");
    if words.is_empty() {
        section.fault("when", "`inserted`, `updated` or both are expected here");
    }
    for word in &words {
        match choice(
            section.document,
            word,
            &[("inserted", true), ("updated", false)],
        ) {
            Some(true) => inserted = true,
            Some(false) => updated = true,
            None => {}
        }
    }
    Some(Trigger::Record { inserted, updated })
}

fn condition(
    section: &Section<'_>,
    schema: &Schema,
    table: Option<&str>,
) -> (Option<Condition>, Option<At<String>>) {
    let (query, expression) = (section.text("condition"), section.text("expression"));
    if let (Some(_), Some(expression)) = (&query, &expression) {
        section.document.fault(
            &expression.span,
            "either `condition` or `expression`, not both",
        );
    }
    if let (Some(query), Some(table)) = (&query, table) {
        let origin = section.document.origin(query);
        for error in Query::parse(&query.value, table, schema)
            .err()
            .into_iter()
            .flatten()
        {
            section.document.report(
                origin
                    .fault(error.span, error.message)
                    .suggest(error.suggestion),
            );
        }
    } else if let (Some(query), false) = (&query, section.has("table") || section.has("event")) {
        section
            .document
            .fault(&query.span, "a condition needs a `table`");
    }
    match (query, expression) {
        (Some(query), _) => (Some(Condition::Query(query.value)), None),
        (None, Some(text)) => (Some(Condition::Expression(text.value.clone())), Some(text)),
        (None, None) => (None, None),
    }
}

fn recipients(
    section: &Section<'_>,
    schema: &Schema,
    table: Option<&str>,
    users: &[At<String>],
    groups: &[At<String>],
) -> Recipients {
    let fields = section.texts("fields");
    for field in &fields {
        match table {
            Some(table) => recipient_field(section.document, schema, table, field),
            None if section.has("table") || section.has("event") => {}
            None => section.document.fault(&field.span, "fields need a `table`"),
        }
    }
    let values = |texts: &[At<String>]| {
        texts
            .iter()
            .map(|text| text.value.clone())
            .collect::<Vec<_>>()
    };
    let recipients = Recipients {
        users: values(users),
        groups: values(groups),
        fields: values(&fields),
        parm1: section.boolean("parm1").unwrap_or(false),
        parm2: section.boolean("parm2").unwrap_or(false),
        subscribers: section.boolean("subscribers").unwrap_or(false),
        send_to_event_creator: section.boolean("send_to_event_creator").unwrap_or(false),
        exclude_delegates: section.boolean("exclude_delegates").unwrap_or(false),
    };
    let nobody = Recipients {
        send_to_event_creator: recipients.send_to_event_creator,
        exclude_delegates: recipients.exclude_delegates,
        ..Recipients::default()
    };
    if recipients == nobody {
        let message = format!(
            "[{}] tells nobody: it needs `fields`, `users`, `groups`, `subscribers`, `parm1` or `parm2`",
            section.name
        );
        section.document.fault(&section.span, message);
    }
    recipients
}

fn recipient_field(document: &Document, schema: &Schema, table: &str, field: &At<String>) {
    let origin = document.origin(field);
    match resolve(schema, table, &field.value) {
        Ok((FieldKind::String, _)) => {}
        Ok((FieldKind::Reference(to) | FieldKind::List(to), _))
            if to == "user" || to == "group" => {}
        Ok((kind, _)) => {
            let message = format!(
                "`{}` is {}; a user, a group, a list of them or an address is expected",
                field.value,
                describe(&kind)
            );
            document.report(origin.fault(0..field.value.len(), message));
        }
        Err(error) => {
            let hint = crate::condition::corrected(&field.value, &error);
            let span = error.offset..error.offset + error.len;
            document.report(origin.fault(span, error.message).suggest(hint));
        }
    }
}

fn content(
    section: &Section<'_>,
    name: &str,
    templates: &mut Builder,
) -> (Content, Option<At<String>>) {
    let subject = section.required("subject");
    let template = section.text("template");
    let (html, text) = (section.text("html"), section.text("text"));
    if template.is_none() && html.is_none() && text.is_none() {
        let message = format!(
            "[{}] says nothing: it needs a `template`, `html` or `text`",
            section.name
        );
        section.document.fault(&section.span, message);
    }
    if let (Some(_), Some(template)) = (html.as_ref().or(text.as_ref()), &template) {
        section.document.fault(
            &template.span,
            "either a `template`, or `html` and `text`, not both",
        );
    }
    let parts = [
        (subject_name(name), &subject),
        (body_name(name, "html"), &html),
        (body_name(name, "txt"), &text),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            templates.add(name, section.document.origin(part), &part.value);
        }
    }
    let from = section.text("from");
    let from = from.filter(|from| is_from(section, from));
    let reply_to = section.text("reply_to");
    let reply_to = reply_to.filter(|text| is_reply_to(section, text));
    let locales = locale::read(section, name, template.as_ref(), templates);
    let content = Content {
        locales,
        subject: subject.map_or(String::new(), |subject| subject.value),
        template: template.as_ref().map(|template| template.value.clone()),
        html: html.map(|html| html.value),
        text: text.map(|text| text.value),
        from: from.map(|text| text.value),
        reply_to: reply_to.map(|text| text.value),
        parts: content_type(section),
        importance: importance(section),
        include_attachments: section.boolean("include_attachments").unwrap_or(false),
    };
    (content, template)
}

fn content_type(section: &Section<'_>) -> Parts {
    let words = [
        ("both", Parts::Both),
        ("html", Parts::Html),
        ("text", Parts::Text),
    ];
    let text = section.text("content_type");
    text.and_then(|text| choice(section.document, &text, &words))
        .unwrap_or_default()
}

fn importance(section: &Section<'_>) -> Importance {
    let words = [
        ("low", Importance::Low),
        ("normal", Importance::Normal),
        ("high", Importance::High),
    ];
    let text = section.text("importance");
    text.and_then(|text| choice(section.document, &text, &words))
        .unwrap_or_default()
}

fn account(section: &Section<'_>, accounts: &[String]) -> Option<String> {
    let account = section.text("account");
    if let Some(account) = account
        .as_ref()
        .filter(|account| !accounts.contains(&account.value))
    {
        let hint = nearest(&account.value, accounts.iter().map(String::as_str));
        section.document.hint(
            &account.span,
            format!("there is no [smtp.{}] in this file", account.value),
            hint,
        );
    } else if accounts.is_empty() {
        section.document.fault(
            &section.span,
            "a notification needs an account to go out by: there is no [smtp.NAME] in this file",
        );
    }
    account.map(|account| account.value)
}

/// Accounts without a mailbox for answers that optional notifications go out by, where no page takes its place.
pub(super) fn nobody_can_leave(
    top: &Section<'_>,
    accounts: &[SmtpAccount],
    notifications: &[Read],
) -> Vec<Diagnostic> {
    let document = top.document;
    let first = accounts.first().map(|account| account.name.as_str());
    let told_by = |account: &str| {
        let mut told = notifications.iter().map(|read| &read.notification);
        told.find(|told| {
            let by = told.account.as_deref().or(first);
            told.active && told.delivery == Delivery::Optional && by == Some(account)
        })
    };
    let mut warnings = Vec::new();
    for (name, _) in top.sections("smtp") {
        let silent = accounts
            .iter()
            .any(|account| account.name == name.value && account.reply_to.is_none());
        if let Some(told) = told_by(&name.value).filter(|_| silent) {
            let message = format!(
                "nobody can leave what goes out by this account, such as {}: it has no `reply_to`, and [instance] no `unsubscribe_url`",
                told.name
            );
            warnings.push(Diagnostic::new(
                &document.file,
                &document.text,
                name.span,
                message,
            ));
        }
    }
    warnings
}

/// Users and groups that this file does not have. The store may.
pub(super) fn warnings(
    document: &Document,
    notifications: &[Read],
    records: &[SeedRecord],
) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let ids = |table: &'static str| {
        records
            .iter()
            .filter(move |record| record.table == table)
            .map(|record| record.id.as_str())
    };
    for read in notifications {
        let users = read
            .users
            .iter()
            .filter(|user| !is_address(&user.value))
            .map(|user| ("user", user));
        let groups = read.groups.iter().map(|group| ("group", group));
        let schedule = read.schedule.iter().map(|named| ("schedule", named));
        for (table, named) in users.chain(groups).chain(schedule) {
            if !ids(table).any(|id| id == named.value) {
                let message = format!("there is no [{table}.{}] in this file", named.value);
                let hint = nearest(&named.value, ids(table));
                warnings.push(
                    Diagnostic::new(&document.file, &document.text, named.span.clone(), message)
                        .suggest(hint),
                );
            }
        }
    }
    warnings
}

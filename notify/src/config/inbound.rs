//! `[inbound.NAME]`.

use super::document::{At, Document, Section, choice};
use super::{RegisteredEvent, calls, table};
use crate::inbound::query::MailQuery;
use crate::inbound::rule::{InboundAction, Lines, template_name};
use crate::inbound::{Class, table_of};
use crate::notification::Condition;
use crate::schema::{FieldKind, Schema};
use crate::suggest::nearest;
use crate::template::Builder;
use std::collections::BTreeMap;
use std::path::Path;

/// An action, and what is looked at again when all templates are known.
pub(super) struct Read {
    pub(super) action: InboundAction,
    pub(super) expression: Option<At<String>>,
    /// The names that its templates are checked by.
    pub(super) templates: Vec<String>,
}

/// The actions in the order of the file.
pub(super) fn read(
    top: &Section<'_>,
    schema: &Schema,
    events: &BTreeMap<String, RegisteredEvent>,
    templates: &mut Builder,
    dir: &Path,
) -> Vec<Read> {
    let sections = top.sections("inbound");
    sections
        .into_iter()
        .filter_map(|(name, section)| one(name, section, schema, events, templates, dir))
        .collect()
}

fn one(
    name: At<String>,
    section: Section<'_>,
    schema: &Schema,
    events: &BTreeMap<String, RegisteredEvent>,
    templates: &mut Builder,
    dir: &Path,
) -> Option<Read> {
    let document = section.document;
    let classes = classes(&section);
    let table = section
        .required("table")
        .filter(|table| table::known(document, schema, table));
    let mut added = Vec::new();
    let set = set(
        &section,
        &name.value,
        schema,
        table.as_ref(),
        templates,
        &mut added,
    );
    let comment = section.text("comment");
    if let (Some(comment), Some(table)) = (&comment, &table) {
        journal(&section, schema, table, comment);
    }
    let fire = fire(&section, events, table.as_ref());
    let lines = lines(&section, schema, table.as_ref());
    let attach = section.boolean("attach").unwrap_or(false);
    let (command, webhook) = (calls::command(&section), calls::webhook(&section, dir));
    let named = ["set", "command", "webhook"]
        .into_iter()
        .any(|key| section.has(key));
    if comment.is_none() && fire.is_none() && lines.is_none() && !attach && !named {
        let message = format!(
            "[{}] does nothing: it needs `set`, `lines`, `comment`, `attach`, `fire`, `command` or `webhook`",
            section.name
        );
        document.fault(&section.span, message);
    }
    let order = section.integer("order", 0..=9_999).unwrap_or(100);
    let active = section.boolean("active").unwrap_or(true);
    let stop = section.boolean("stop").unwrap_or(true);
    let (condition, expression) = (section.text("condition"), section.text("expression"));
    if let (Some(_), Some(expression)) = (&condition, &expression) {
        let message = "either `condition` or `expression`, not both";
        document.fault(&expression.span, message);
    }
    let mut action = InboundAction {
        name: name.value,
        active,
        classes: classes?,
        table: table?.value,
        condition: None,
        order: u16::try_from(order).unwrap_or(100),
        stop,
        set,
        lines,
        comment: comment.map(|text| text.value),
        attach,
        fire: fire.map(|text| text.value),
        command,
        webhook,
    };
    if let Some(text) = &condition {
        query(document, text, &action, schema);
        action.condition = Some(Condition::Query(text.value.clone()));
    } else if let Some(text) = &expression {
        action.condition = Some(Condition::Expression(text.value.clone()));
    }
    section.finish();
    Some(Read {
        action,
        expression,
        templates: added,
    })
}

/// `class = "reply"`, `class = ["new", "forward"]`
fn classes(section: &Section<'_>) -> Option<Vec<Class>> {
    let choices = [
        ("new", Class::New),
        ("reply", Class::Reply),
        ("forward", Class::Forward),
        ("calendar", Class::Calendar),
    ];
    if !section.has("class") {
        section.missing("class");
        return None;
    }
    let texts = section.texts("class");
    let classes = texts
        .iter()
        .map(|text| choice(section.document, text, &choices));
    classes.collect()
}

fn query(document: &Document, text: &At<String>, action: &InboundAction, schema: &Schema) {
    let origin = document.origin(text);
    let read = MailQuery::parse(&text.value, table_of(action), schema);
    for error in read.err().into_iter().flatten() {
        let fault = origin.fault(error.span, error.message);
        document.report(fault.suggest(error.suggestion));
    }
}

/// `lines = ["priority"]`, between `lines_start` and `lines_end`.
fn lines(section: &Section<'_>, schema: &Schema, table: Option<&At<String>>) -> Option<Lines> {
    let fields = section.texts("lines");
    let mark = |key: &'static str, usual: &str| {
        let text = section.text(key);
        text.map_or_else(|| usual.to_owned(), |text| text.value.trim().to_owned())
    };
    let (start, end) = (
        mark("lines_start", "parse_start"),
        mark("lines_end", "parse_end"),
    );
    let table = table.and_then(|table| schema.tables.get(&table.value));
    for field in &fields {
        if let Some(table) = table.filter(|table| !table.fields.contains_key(&field.value)) {
            let hint = nearest(&field.value, table.fields.keys().map(String::as_str));
            let message = format!("the table `{}` has no field `{}`", table.name, field.value);
            section.document.hint(&field.span, message, hint);
        }
    }
    let fields: Vec<String> = fields.into_iter().map(|field| field.value).collect();
    (!fields.is_empty()).then_some(Lines { start, end, fields })
}

/// `fire = "incident.escalated"`
fn fire(
    section: &Section<'_>,
    events: &BTreeMap<String, RegisteredEvent>,
    table: Option<&At<String>>,
) -> Option<At<String>> {
    let fire = section.text("fire")?;
    let Some(event) = events.get(&fire.value) else {
        let hint = nearest(&fire.value, events.keys().map(String::as_str));
        let message = format!("there is no [event.\"{}\"] in this file", fire.value);
        section.document.hint(&fire.span, message, hint);
        return Some(fire);
    };
    if let (Some(about), Some(table)) = (&event.table, table)
        && *about != table.value
    {
        let message = format!("the event `{}` is about the table `{about}`", fire.value);
        section.document.fault(&fire.span, message);
    }
    Some(fire)
}

/// `set = { field = "template" }`, in the order of the file.
fn set(
    section: &Section<'_>,
    name: &str,
    schema: &Schema,
    table: Option<&At<String>>,
    templates: &mut Builder,
    added: &mut Vec<String>,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Some(set) = section.section("set") else {
        return found;
    };
    let table = table.and_then(|table| schema.tables.get(&table.value));
    for (field, value) in set.entries() {
        if let Some(table) = table.filter(|table| !table.fields.contains_key(&field.value)) {
            let hint = nearest(&field.value, table.fields.keys().map(String::as_str));
            let message = format!("the table `{}` has no field `{}`", table.name, field.value);
            section.document.hint(&field.span, message, hint);
        }
        let Some(text) = value.get_ref().as_str() else {
            section.document.fault(
                &value.span(),
                "a template in quotes is expected here, such as \"${mail.subject}\"",
            );
            continue;
        };
        let text = At {
            value: text.to_owned(),
            span: value.span(),
        };
        let template = template_name(name, &field.value);
        templates.add(
            template.clone(),
            section.document.origin(&text),
            &text.value,
        );
        added.push(template);
        found.push((field.value, text.value));
    }
    found
}

fn journal(section: &Section<'_>, schema: &Schema, table: &At<String>, comment: &At<String>) {
    let Some(table) = schema.tables.get(&table.value) else {
        return;
    };
    let is_journal = |name: &str| {
        table
            .fields
            .get(name)
            .is_some_and(|field| field.kind == FieldKind::Journal)
    };
    if !is_journal(&comment.value) {
        let journals = table
            .fields
            .keys()
            .map(String::as_str)
            .filter(|name| is_journal(name));
        let message = format!(
            "the table `{}` has no journal field `{}`",
            table.name, comment.value
        );
        section
            .document
            .hint(&comment.span, message, nearest(&comment.value, journals));
    }
}

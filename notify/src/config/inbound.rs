//! `[inbound.NAME]`.

use super::document::{At, Section, choice};
use super::{RegisteredEvent, table};
use crate::inbound::{Class, InboundAction};
use crate::schema::{FieldKind, Schema};
use crate::suggest::nearest;
use crate::template::Builder;
use std::collections::BTreeMap;

/// An action, and what is looked at again when all templates are known.
pub(super) struct Read {
    pub(super) action: InboundAction,
    pub(super) condition: Option<At<String>>,
    /// The names that its templates are checked by.
    pub(super) templates: Vec<String>,
}

/// The actions in the order of the file.
pub(super) fn read(
    top: &Section<'_>,
    schema: &Schema,
    events: &BTreeMap<String, RegisteredEvent>,
    templates: &mut Builder,
) -> Vec<Read> {
    let sections = top.sections("inbound");
    sections
        .into_iter()
        .filter_map(|(name, section)| one(name, section, schema, events, templates))
        .collect()
}

fn one(
    name: At<String>,
    section: Section<'_>,
    schema: &Schema,
    events: &BTreeMap<String, RegisteredEvent>,
    templates: &mut Builder,
) -> Option<Read> {
    let document = section.document;
    let classes = [
        ("new", Class::New),
        ("reply", Class::Reply),
        ("forward", Class::Forward),
    ];
    let class = section
        .required("class")
        .and_then(|text| choice(document, &text, &classes));
    let table = section
        .required("table")
        .filter(|table| table::known(document, schema, table));
    let condition = section.text("condition");
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
    let fire = fire(&section, events);
    if set.is_empty() && comment.is_none() && fire.is_none() && !section.has("set") {
        document.fault(
            &section.span,
            format!(
                "[{}] does nothing: it needs `set`, `comment` or `fire`",
                section.name
            ),
        );
    }
    let order = section.integer("order", 0..=9_999).unwrap_or(100);
    let active = section.boolean("active").unwrap_or(true);
    let stop = section.boolean("stop").unwrap_or(true);
    section.finish();
    let action = InboundAction {
        name: name.value,
        active,
        class: class?,
        table: table?.value,
        condition: condition.as_ref().map(|text| text.value.clone()),
        order: u16::try_from(order).unwrap_or(100),
        stop,
        set,
        comment: comment.map(|text| text.value),
        fire: fire.map(|text| text.value),
    };
    Some(Read {
        action,
        condition,
        templates: added,
    })
}

/// `fire = "incident.escalated"`
fn fire(section: &Section<'_>, events: &BTreeMap<String, RegisteredEvent>) -> Option<At<String>> {
    let fire = section.text("fire")?;
    if !events.contains_key(&fire.value) {
        let hint = nearest(&fire.value, events.keys().map(String::as_str));
        let message = format!("there is no [event.\"{}\"] in this file", fire.value);
        section.document.hint(&fire.span, message, hint);
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
        let template = format!("inbound {name}: {}", field.value);
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

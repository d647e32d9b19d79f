//! `[schedule.ID]`, `[user.ID]` and `[group.ID]`: records that are to be there from the start.

use super::SeedRecord;
use super::document::{At, Section};
use super::value::field;
use crate::address::is_address;
use crate::diagnostic::Diagnostic;
use crate::record::Fields;
use crate::schedule::{Schedule, time_zone};
use crate::schema::Schema;
use crate::suggest::nearest;
use serde_json::Value;
use std::collections::BTreeMap;

/// The records, schedules and users first, so that what others refer to is there; and what looks like a mistake.
pub(super) fn read(top: &Section<'_>, schema: &Schema) -> (Vec<SeedRecord>, Vec<Diagnostic>) {
    let mut records = schedules(top, schema);
    for (id, section) in top.sections("user") {
        is_id(&section, &id);
        let fields = record(&section, schema, "user", &[]);
        if !fields.contains_key("name") {
            section.missing("name");
        }
        records.push(SeedRecord {
            table: "user".into(),
            id: id.value,
            fields,
        });
    }
    let users = records.iter().filter(|record| record.table == "user");
    let users: Vec<String> = users.map(|user| user.id.clone()).collect();
    let (mut members, mut warnings) = (Vec::<SeedRecord>::new(), Vec::new());
    let mut pairs: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (id, section) in top.sections("group") {
        is_id(&section, &id);
        for user in section.texts("members") {
            if !users.contains(&user.value) {
                let message = format!("there is no [user.{}] in this file", user.value);
                let hint = nearest(&user.value, users.iter().map(String::as_str));
                let document = section.document;
                warnings.push(
                    Diagnostic::new(&document.file, &document.text, user.span.clone(), message)
                        .suggest(hint),
                );
                continue;
            }
            let mut fields = Fields::new();
            fields.insert("group".into(), Value::from(id.value.as_str()));
            fields.insert("user".into(), Value::from(user.value.as_str()));
            let member = format!("{}.{}", id.value, user.value);
            let pair = (id.value.clone(), user.value.clone());
            let known = pairs.entry(member.clone()).or_insert_with(|| pair.clone());
            if *known != pair {
                let (group, other) = known;
                section.document.fault(
                    &user.span,
                    format!("this would be the member {member}, as {other} of the group {group} is: one of them needs another name"),
                );
            }
            members.push(SeedRecord {
                table: "group_member".into(),
                id: member,
                fields,
            });
        }
        let mut fields = record(&section, schema, "group", &["members"]);
        fields
            .entry("name")
            .or_insert_with(|| Value::from(id.value.as_str()));
        records.push(SeedRecord {
            table: "group".into(),
            id: id.value,
            fields,
        });
    }
    records.append(&mut members);
    (records, warnings)
}

/// `[schedule.ID]`
fn schedules(top: &Section<'_>, schema: &Schema) -> Vec<SeedRecord> {
    let sections = top.sections("schedule").into_iter();
    let read = sections.map(|(id, section)| {
        is_id(&section, &id);
        let mut fields = record(&section, schema, "schedule", &[]);
        if let Err(bad) = Schedule::of(&fields) {
            section.fault(bad.field, bad.problem);
        }
        fields
            .entry("name")
            .or_insert_with(|| Value::from(id.value.as_str()));
        SeedRecord {
            table: "schedule".into(),
            id: id.value,
            fields,
        }
    });
    read.collect()
}

fn is_id(section: &Section<'_>, id: &At<String>) {
    let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if id.value.is_empty() || id.value.len() > 64 || !id.value.chars().all(good) {
        section.document.fault(
            &id.span,
            "letters, digits, `_`, `-` and `.` are expected here",
        );
    }
}

/// The fields of a record, checked against its table.
fn record(section: &Section<'_>, schema: &Schema, table: &str, others: &[&str]) -> Fields {
    let mut found = Fields::new();
    let Some(table) = schema.tables.get(table) else {
        return found;
    };
    for (name, value) in section.entries() {
        if others.contains(&name.value.as_str()) {
            continue;
        }
        let Some(known) = table.fields.get(&name.value) else {
            let known = table.fields.keys().map(String::as_str);
            let known = known.chain(others.iter().copied());
            let here = format!("in [{}]", section.name);
            section.document.no_key(&name, &here, known);
            continue;
        };
        let Some(typed) = field(section.document, &known.kind, value) else {
            continue;
        };
        let one = Fields::from_iter([(name.value, typed)]);
        match table.typed(&one) {
            Ok(_) => found.extend(one),
            Err(error) => {
                let message = format!("{} {}", error.value, error.problem);
                section.document.fault(&value.span(), message);
            }
        }
    }
    if let Some(email) = found
        .get("email")
        .and_then(Value::as_str)
        .filter(|email| !is_address(email))
    {
        section.fault("email", format!("`{email}` is no address"));
    }
    let zone = found.get("time_zone").and_then(Value::as_str);
    if let Some(problem) = zone.and_then(|name| time_zone(name).err()) {
        section.fault("time_zone", problem);
    }
    found
}

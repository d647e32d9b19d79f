//! `[table.NAME]` and its fields.

use super::document::{At, Document, Section};
use crate::schema::{Field, FieldKind, Numbering, Schema, Table};
use crate::suggest::nearest;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

/// Names that templates give another meaning, or that every record has anyhow.
const RESERVED: [&str; 10] = [
    "id",
    "number",
    "created",
    "updated",
    "current",
    "previous",
    "event",
    "recipient",
    "instance",
    "journal",
];

/// The kinds of fields by name; `reference` and `list` take a table.
const KINDS: [(&str, FieldKind); 7] = [
    ("string", FieldKind::String),
    ("integer", FieldKind::Integer),
    ("decimal", FieldKind::Decimal),
    ("boolean", FieldKind::Boolean),
    ("datetime", FieldKind::DateTime),
    ("date", FieldKind::Date),
    ("journal", FieldKind::Journal),
];

/// A reference and the place where it is written.
type Reference = (String, At<String>);

/// The schema, with the built-in tables `user`, `group` and `group_member`.
pub(super) fn read(top: &Section<'_>) -> Schema {
    let mut tables = BTreeMap::new();
    let mut references: Vec<Reference> = Vec::new();
    for (name, section) in top.sections("table") {
        is_name(section.document, &name);
        let label = section.text("label").map(|text| text.value);
        let number = number(&section);
        let display = section.text("display");
        let fields = fields(&section, &mut references);
        if let Some(display) = display
            .as_ref()
            .filter(|display| !fields.contains_key(&display.value))
        {
            let message = format!(
                "the table `{}` has no field `{}`",
                name.value, display.value
            );
            let hint = nearest(&display.value, fields.keys().map(String::as_str));
            section.document.hint(&display.span, message, hint);
        }
        section.finish();
        let table = Table {
            label: label.unwrap_or_else(|| label_of(&name.value)),
            name: name.value.clone(),
            number,
            display: display.map(|display| display.value),
            fields,
        };
        tables.insert(name.value, table);
    }
    let schema = Schema::with_built_ins(tables.into_values());
    for (table, written) in references {
        known(
            top.document,
            &schema,
            &At {
                value: table,
                span: written.span,
            },
        );
    }
    schema
}

/// Reports a table that does not exist.
pub(super) fn known(document: &Document, schema: &Schema, table: &At<String>) -> bool {
    let found = schema.tables.contains_key(&table.value);
    if !found {
        let hint = nearest(&table.value, schema.tables.keys().map(String::as_str));
        document.hint(
            &table.span,
            format!("there is no table `{}`", table.value),
            hint,
        );
    }
    found
}

fn is_name(document: &Document, name: &At<String>) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let good = name.value.starts_with(|c: char| c.is_ascii_lowercase())
        && name.value.chars().all(letters)
        && name.value.len() <= 64;
    if !good {
        let message = format!(
            "`{}` is no name: lower-case letters, digits and `_` are, with a letter in front",
            name.value
        );
        document.fault(&name.span, message);
    }
    good
}

/// `number = { prefix = "INC", digits = 7 }`
fn number(section: &Section<'_>) -> Option<Numbering> {
    let number = section.section("number")?;
    let prefix = number.required("prefix");
    let digits = number.integer("digits", 1..=12).unwrap_or(7);
    number.finish();
    let prefix = prefix?;
    if prefix.value.is_empty() || !prefix.value.bytes().all(|b| b.is_ascii_alphabetic()) {
        section
            .document
            .fault(&prefix.span, "letters are expected here, such as `INC`");
        return None;
    }
    let digits = usize::try_from(digits).unwrap_or(7);
    Some(Numbering {
        prefix: prefix.value,
        digits,
    })
}

fn fields(section: &Section<'_>, references: &mut Vec<Reference>) -> BTreeMap<String, Field> {
    let mut found = BTreeMap::new();
    let Some(fields) = section.section("fields") else {
        section.missing("fields");
        return found;
    };
    for (name, value) in fields.entries() {
        if RESERVED.contains(&name.value.as_str()) {
            let message = format!(
                "a field cannot be called `{}`: that name has a meaning of its own",
                name.value
            );
            section.document.fault(&name.span, message);
        }
        is_name(section.document, &name);
        let Some((kind, label)) = field(section, &name, value) else {
            continue;
        };
        let Some(kind) = self::kind(section.document, &kind, references) else {
            continue;
        };
        let label = label.unwrap_or_else(|| label_of(&name.value));
        found.insert(
            name.value.clone(),
            Field {
                name: name.value,
                label,
                kind,
            },
        );
    }
    found
}

/// `"string"` or `{ type = "string", label = "…" }`
fn field(
    section: &Section<'_>,
    name: &At<String>,
    value: &Spanned<DeValue<'_>>,
) -> Option<(At<String>, Option<String>)> {
    match value.get_ref() {
        DeValue::String(text) => Some((
            At {
                value: text.to_string(),
                span: value.span(),
            },
            None,
        )),
        DeValue::Table(table) => {
            let path = format!("{}.fields.{}", section.name, name.value);
            let field = Section::new(section.document, path, name.span.clone(), table);
            let kind = field.required("type");
            let label = field.text("label").map(|text| text.value);
            field.finish();
            Some((kind?, label))
        }
        _ => {
            section.document.fault(
                &value.span(),
                "the kind of the field is expected here, such as \"string\"",
            );
            None
        }
    }
}

fn kind(
    document: &Document,
    text: &At<String>,
    references: &mut Vec<Reference>,
) -> Option<FieldKind> {
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == text.value) {
        return Some(kind.clone());
    }
    let make = match text.value.split_once(' ') {
        Some(("reference", table)) => Some((FieldKind::Reference(table.to_owned()), table)),
        Some(("list", table)) => Some((FieldKind::List(table.to_owned()), table)),
        _ => None,
    };
    if let Some((kind, table)) = make {
        references.push((table.to_owned(), text.clone()));
        return Some(kind);
    }
    let names = KINDS.iter().map(|(name, _)| *name);
    let message = format!(
        "`{}` is no kind of field: {}, reference TABLE and list TABLE are",
        text.value,
        names.clone().collect::<Vec<_>>().join(", ")
    );
    let hint = match text.value.as_str() {
        "reference" | "list" => Some(format!("{} user", text.value)),
        other => nearest(other, names).map(str::to_owned),
    };
    document.hint(&text.span, message, hint);
    None
}

/// `assigned_to` → `Assigned to`
fn label_of(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

//! `[mailto.NAME]`: mails that a link prepares, for `${mailto:NAME}`.

use super::document::Section;
use super::table;
use crate::schema::Schema;
use crate::template::{Builder, mailto_name};

/// A prepared mail: its templates, and the table that they are about.
pub(super) struct Read {
    pub(super) templates: Vec<String>,
    pub(super) table: Option<String>,
}

pub(super) fn read(top: &Section<'_>, schema: &Schema, templates: &mut Builder) -> Vec<Read> {
    let sections = top.sections("mailto").into_iter();
    let read = sections.map(|(name, section)| {
        let table = section
            .text("table")
            .filter(|table| table::known(section.document, schema, table));
        let parts = [
            ("link_text", section.required("link_text")),
            ("subject", section.required("subject")),
            ("body", section.required("body")),
        ];
        let mut names = Vec::new();
        for (part, text) in parts {
            if let Some(text) = text {
                let name = mailto_name(&name.value, part);
                templates.add(name.clone(), section.document.origin(&text), &text.value);
                names.push(name);
            }
        }
        section.finish();
        Read {
            templates: names,
            table: table.map(|table| table.value),
        }
    });
    read.collect()
}

//! The schema: which tables there are, what fields they have, and where references lead.
//!
//! Every record also has `id` and `number` (the same), `created` and `updated`, which nobody writes.

mod built_in;
mod typed;

pub use typed::InvalidField;

use std::collections::BTreeMap;

/// All tables by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// The tables.
    pub tables: BTreeMap<String, Table>,
}

impl Schema {
    /// These tables and the built-in ones: `user`, `group`, `group_member`, `schedule`, `notification_preference`,
    /// `notification_subscription`, `notification_device` and `user_delegate`. A table that has the name of a built-in
    /// one adds its fields to it; what a built-in field holds cannot be changed.
    pub fn with_built_ins(tables: impl IntoIterator<Item = Table>) -> Self {
        let mut all: BTreeMap<String, Table> = BTreeMap::new();
        for mut table in tables.into_iter().chain(built_in::tables()) {
            if let Some(given) = all.remove(&table.name) {
                table = built_in::extended(table, given);
            }
            all.insert(table.name.clone(), table);
        }
        Self { tables: all }
    }

    /// A table by name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }
}

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name: `incident`.
    pub name: String,
    /// What people call one of its records: `Incident`.
    pub label: String,
    /// How its records are numbered; without it, ids are given.
    pub number: Option<Numbering>,
    /// The field that stands for the record where it is shown: `short_description`, `name`.
    pub display: Option<String>,
    /// The fields by name.
    pub fields: BTreeMap<String, Field>,
}

/// How the records of a table are numbered: `INC` and 7 digits give `INC0010001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// Letters in front.
    pub prefix: String,
    /// Digits, padded with zeros.
    pub digits: usize,
}

/// One field of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name: `assigned_to`.
    pub name: String,
    /// What people call it: `Assigned to`.
    pub label: String,
    /// What it holds.
    pub kind: FieldKind,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// True or false.
    Boolean,
    /// A moment, as RFC 3339 text in UTC.
    DateTime,
    /// A day, as `YYYY-MM-DD`.
    Date,
    /// The id of a record in another table.
    Reference(String),
    /// The ids of several records in another table.
    List(String),
    /// Entries with author and time; a value written to it is appended.
    Journal,
}

/// Tables for the tests of this crate.
#[cfg(test)]
pub(crate) mod made {
    use super::{Field, FieldKind, Numbering, Table};

    pub(crate) fn table(
        name: &str,
        prefix: Option<&str>,
        display: &str,
        fields: Vec<(&str, FieldKind)>,
    ) -> Table {
        let field = |(name, kind): (&str, FieldKind)| Field {
            name: name.into(),
            label: name.into(),
            kind,
        };
        let fields = fields.into_iter().map(field);
        Table {
            name: name.into(),
            label: name.into(),
            number: prefix.map(|prefix| Numbering {
                prefix: prefix.into(),
                digits: 7,
            }),
            display: Some(display.into()),
            fields: fields.map(|field| (field.name.clone(), field)).collect(),
        }
    }
}

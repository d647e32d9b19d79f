//! Giving loose values the type of their field: `"1"` from a command line is the number 1 in an integer field.

use super::{Field, FieldKind, Table};
use crate::record::Fields;
use crate::suggest::nearest;
use crate::walk::{describe, field_names, kind_of};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Number, Value};
use std::fmt;

/// Letters of a value that an error shows.
const SHOWN: usize = 60;

/// A value that its field cannot hold, or a field that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidField {
    /// The table.
    pub table: String,
    /// The field.
    pub field: String,
    /// The value, shortened.
    pub value: String,
    /// What is wrong: `is not a whole number`.
    pub problem: String,
    /// The field that may have been meant.
    pub did_you_mean: Option<String>,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.field)?;
        if !self.value.is_empty() {
            write!(f, ": {}", self.value)?;
        }
        write!(f, " {}", self.problem)?;
        match &self.did_you_mean {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for InvalidField {}

impl Table {
    /// Gives each value the type of its field, and sets apart what is written to journal fields: (field, text).
    ///
    /// Text stands for any type (`"1"`, `"true"`, `"2026-03-01"`, `"ada, grace"` for a list), as it comes from a command
    /// line or a mail. Empty text is no value, as `null` is. The first value that does not fit is the error.
    pub fn typed(&self, loose: &Fields) -> Result<(Fields, Vec<(String, String)>), InvalidField> {
        let mut fields = Fields::new();
        let mut journal = Vec::new();
        for (name, value) in loose {
            let field = self.writable(name, value)?;
            let typed = typed(&field.kind, value)
                .map_err(|expected| self.invalid(name, Some(value), expected))?;
            match (&field.kind, typed) {
                (FieldKind::Journal, Value::String(text)) => journal.push((name.clone(), text)),
                (FieldKind::Journal, _) => {}
                (_, typed) => {
                    fields.insert(name.clone(), typed);
                }
            }
        }
        Ok((fields, journal))
    }

    fn writable(&self, name: &str, value: &Value) -> Result<&Field, InvalidField> {
        if let Some(field) = self.fields.get(name) {
            return Ok(field);
        }
        if kind_of(self, name).is_some() {
            let problem = "cannot be written, it is kept by the store".to_owned();
            return Err(self.invalid(name, Some(value), problem));
        }
        let mut unknown = self.invalid(name, None, "is not a field of this table".to_owned());
        unknown.did_you_mean = nearest(name, field_names(self)).map(str::to_owned);
        Err(unknown)
    }

    fn invalid(&self, field: &str, value: Option<&Value>, problem: String) -> InvalidField {
        InvalidField {
            table: self.name.clone(),
            field: field.to_owned(),
            value: value.map(shown).unwrap_or_default(),
            problem,
            did_you_mean: None,
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The value in its type, or what is wrong with it.
fn typed(kind: &FieldKind, value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::Null => return Ok(Value::Null),
        Value::String(text) if text.trim().is_empty() => return Ok(Value::Null),
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    let typed = match kind {
        FieldKind::String | FieldKind::Journal => as_text(value).map(Value::String),
        FieldKind::Integer => match text {
            Some(text) => text.trim().parse().ok().map(|n: i64| n.into()),
            None => whole(value),
        },
        FieldKind::Decimal => match text {
            Some(text) => number(text.trim()).map(Value::Number),
            None => value.is_number().then(|| value.clone()),
        },
        FieldKind::Boolean => truth(value).map(Value::Bool),
        FieldKind::DateTime => text
            .and_then(|text| moment(text.trim()))
            .map(|at| at.to_string().into()),
        FieldKind::Date => text
            .and_then(|text| date(text.trim()))
            .map(|day| day.to_string().into()),
        FieldKind::Reference(_) => id(value),
        FieldKind::List(_) => ids(value),
    };
    typed.ok_or_else(|| problem(kind))
}

fn problem(kind: &FieldKind) -> String {
    match kind {
        FieldKind::DateTime => {
            "is not a date and time such as 2026-03-01T09:30:00Z or 2026-03-01 09:30".to_owned()
        }
        FieldKind::Date => "is not a date such as 2026-03-01".to_owned(),
        FieldKind::Reference(table) => format!("is not the id of a record in {table}"),
        FieldKind::List(table) => format!("is not a list of ids in {table}"),
        FieldKind::Boolean => "is neither true nor false".to_owned(),
        kind => format!("is not {}", describe(kind)),
    }
}

/// The words of a single value.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A number without a fraction, however it is written.
fn whole(value: &Value) -> Option<Value> {
    /// Beyond this a floating-point number no longer is one whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = || {
        value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && n.abs() <= EXACT)
    };
    let n = value.as_i64().or_else(|| float().map(|n| n as i64))?;
    value.is_number().then(|| n.into())
}

fn number(text: &str) -> Option<Number> {
    match text.parse::<i64>() {
        Ok(n) => Some(n.into()),
        // Infinity and NaN are no JSON numbers.
        Err(_) => Number::from_f64(text.parse().ok()?),
    }
}

fn truth(value: &Value) -> Option<bool> {
    let text = as_text(value)?.trim().to_ascii_lowercase();
    match text.as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A moment; without an offset it is one in UTC, and a day alone is its beginning.
fn moment(text: &str) -> Option<Timestamp> {
    let civil = || {
        let moment: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(moment).ok()
    };
    text.parse().ok().or_else(civil)
}

fn date(text: &str) -> Option<Date> {
    // A moment has a date too, but which one depends on where one stands.
    let written = text.len() == "YYYY-MM-DD".len();
    text.parse().ok().filter(|_| written)
}

fn id(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) => None,
        value => Some(as_text(value)?.trim().into()),
    }
}

/// Each id once, in the order given.
fn ids(value: &Value) -> Option<Value> {
    let given: Vec<Value> = match value {
        Value::Array(items) => items.iter().map(id).collect::<Option<_>>()?,
        value => {
            let text = as_text(value)?;
            text.split(',').map(|item| item.trim().into()).collect()
        }
    };
    let mut ids: Vec<Value> = Vec::with_capacity(given.len());
    for id in given {
        if id != "" && !ids.contains(&id) {
            ids.push(id);
        }
    }
    Some(if ids.is_empty() {
        Value::Null
    } else {
        Value::Array(ids)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn every_kind() -> Vec<(&'static str, FieldKind)> {
        vec![
            ("text", FieldKind::String),
            ("whole", FieldKind::Integer),
            ("decimal", FieldKind::Decimal),
            ("truth", FieldKind::Boolean),
            ("moment", FieldKind::DateTime),
            ("day", FieldKind::Date),
            ("user", FieldKind::Reference("user".to_owned())),
            ("users", FieldKind::List("user".to_owned())),
            ("comments", FieldKind::Journal),
        ]
    }

    fn table() -> Table {
        let field = |(name, kind): (&str, FieldKind)| {
            let field = Field {
                name: name.to_owned(),
                label: name.to_owned(),
                kind,
            };
            (name.to_owned(), field)
        };
        Table {
            name: "thing".to_owned(),
            label: "Thing".to_owned(),
            number: None,
            display: None,
            fields: every_kind().into_iter().map(field).collect(),
        }
    }

    fn one(field: &str, value: Value) -> Result<Value, String> {
        let loose = Fields::from_iter([(field.to_owned(), value)]);
        let (mut typed, _) = table().typed(&loose).map_err(|e| e.to_string())?;
        Ok(typed.remove(field).unwrap_or_default())
    }

    #[test]
    fn text_from_a_command_line_gets_the_type_of_its_field() {
        for (field, loose, typed) in [
            ("text", json!(1), json!("1")),
            ("text", json!(true), json!("true")),
            ("text", json!(" a "), json!(" a ")),
            ("whole", json!("1"), json!(1)),
            ("whole", json!(" +7 "), json!(7)),
            ("whole", json!(2.0), json!(2)),
            ("decimal", json!("1.5"), json!(1.5)),
            ("decimal", json!("-3"), json!(-3)),
            ("decimal", json!(4), json!(4)),
            ("truth", json!("True"), json!(true)),
            ("truth", json!("no"), json!(false)),
            ("truth", json!(1), json!(true)),
            (
                "moment",
                json!("2026-03-01T10:30:00+01:00"),
                json!("2026-03-01T09:30:00Z"),
            ),
            (
                "moment",
                json!("2026-03-01 09:30"),
                json!("2026-03-01T09:30:00Z"),
            ),
            ("moment", json!("2026-03-01"), json!("2026-03-01T00:00:00Z")),
            ("day", json!("2026-03-01"), json!("2026-03-01")),
            ("user", json!(" ada "), json!("ada")),
            ("user", json!(7), json!("7")),
            ("users", json!("ada, grace,,ada"), json!(["ada", "grace"])),
            (
                "users",
                json!(["grace", "ada", "grace"]),
                json!(["grace", "ada"]),
            ),
            ("users", json!(" , "), json!(null)),
        ] {
            assert_eq!(one(field, loose.clone()), Ok(typed), "{field} {loose}");
        }
    }

    #[test]
    fn empty_text_and_null_are_no_value_anywhere() {
        for (name, kind) in every_kind() {
            for empty in [json!(""), json!("  "), json!(null)] {
                assert_eq!(typed(&kind, &empty), Ok(Value::Null), "{name} {empty}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_names_field_value_and_what_was_expected() {
        for (field, loose, words) in [
            (
                "whole",
                json!("high"),
                r#"thing.whole: "high" is not a whole number"#,
            ),
            (
                "whole",
                json!(1.5),
                "thing.whole: 1.5 is not a whole number",
            ),
            (
                "whole",
                json!("99999999999999999999"),
                r#"thing.whole: "99999999999999999999" is not a whole number"#,
            ),
            (
                "decimal",
                json!("NaN"),
                r#"thing.decimal: "NaN" is not a number"#,
            ),
            (
                "truth",
                json!("maybe"),
                r#"thing.truth: "maybe" is neither true nor false"#,
            ),
            (
                "truth",
                json!(2),
                "thing.truth: 2 is neither true nor false",
            ),
            (
                "day",
                json!("2026-02-30"),
                r#"thing.day: "2026-02-30" is not a date such as 2026-03-01"#,
            ),
            (
                "user",
                json!(true),
                "thing.user: true is not the id of a record in user",
            ),
            (
                "users",
                json!({}),
                "thing.users: {} is not a list of ids in user",
            ),
            ("text", json!([1]), "thing.text: [1] is not text"),
            (
                "id",
                json!("x"),
                r#"thing.id: "x" cannot be written, it is kept by the store"#,
            ),
            (
                "usr",
                json!("x"),
                "thing.usr is not a field of this table; did you mean `user`?",
            ),
        ] {
            assert_eq!(one(field, loose), Err(words.to_owned()));
        }
        let long = one("whole", json!("é".repeat(1000))).unwrap_err();
        assert!(long.chars().count() < 120, "{long}");
    }

    #[test]
    fn entries_for_journals_are_set_apart() {
        let loose = json!({"comments": "Help", "text": "x"});
        let (fields, journal) = table().typed(loose.as_object().unwrap()).unwrap();
        assert_eq!(journal, [("comments".to_owned(), "Help".to_owned())]);
        assert_eq!(Value::from(fields), json!({"text": "x"}));
    }

    proptest! {
        /// Whatever comes in, what comes out is stable: typing it again changes nothing.
        #[test]
        fn typing_is_total_and_idempotent(text in "\\PC{0,12}|[-+0-9.eE]{1,6}|20[0-9]{2}-[01][0-9]-[0-3][0-9]", n in any::<f64>()) {
            for (_, kind) in every_kind() {
                for loose in [json!(text), json!(n), json!([text.clone(), text.clone()])] {
                    if let Ok(once) = typed(&kind, &loose) {
                        prop_assert_eq!(typed(&kind, &once), Ok(once.clone()), "{:?} {}", kind, loose);
                    }
                }
            }
        }
    }
}

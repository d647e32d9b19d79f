//! Values of the file as fields of a record, and words that mean a number.

use super::document::{At, Document, kind};
use crate::schema::FieldKind;
use crate::walk::describe;
use serde_json::Value;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// A value as a field of this kind holds it.
pub(super) fn field(
    document: &Document,
    kind_of: &FieldKind,
    value: &Spanned<DeValue<'_>>,
) -> Option<Value> {
    let found = match (kind_of, value.get_ref()) {
        (FieldKind::String | FieldKind::Reference(_), DeValue::String(text)) => {
            Some(Value::from(text.as_ref()))
        }
        (FieldKind::Boolean, DeValue::Boolean(b)) => Some(Value::from(*b)),
        (FieldKind::Integer | FieldKind::Decimal, DeValue::Integer(number)) => {
            let digits = number.as_str().replace('_', "");
            let whole = i64::from_str_radix(&digits, number.radix());
            whole.ok().map(Value::from)
        }
        (FieldKind::Decimal, DeValue::Float(number)) => {
            let number = number.as_str().replace('_', "").parse::<f64>().ok();
            // JSON has neither infinity nor what is no number.
            number
                .and_then(serde_json::Number::from_f64)
                .map(Value::Number)
        }
        (FieldKind::Date | FieldKind::DateTime, DeValue::Datetime(date)) => {
            Some(Value::from(date.to_string()))
        }
        (FieldKind::List(_), DeValue::Array(items)) => {
            let ids: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            ids.map(Value::from)
        }
        _ => None,
    };
    if found.is_none() {
        let message = format!(
            "{} is expected here, not {}",
            describe(kind_of),
            kind(value.get_ref())
        );
        document.fault(&value.span(), message);
    }
    found
}

/// `30s`, `5m`, `1h`, `7d`; at least a second and at most a year.
pub(crate) fn period(text: &str) -> Option<Duration> {
    let (at, unit) = text.char_indices().last()?;
    let number: u64 = text.get(..at)?.trim().parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let seconds = number.checked_mul(seconds)?;
    (1..=366 * 86_400)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

/// The same in the file, reported where it is none.
pub(super) fn duration(document: &Document, text: &At<String>) -> Option<Duration> {
    let found = period(&text.value);
    if found.is_none() {
        document.fault(
            &text.span,
            "a time such as `30s`, `5m`, `1h` or `7d` is expected here",
        );
    }
    found
}

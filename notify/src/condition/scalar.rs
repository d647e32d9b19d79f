//! Values as they are compared: typed by the schema, text without case.

use crate::schema::FieldKind;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::cmp::Ordering;

/// One comparable value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Integer(i64),
    Decimal(f64),
    Boolean(bool),
    Moment(Timestamp),
    Day(Date),
    /// In lower case.
    Text(String),
    /// An id: case counts.
    Id(String),
}

impl Scalar {
    /// A value as a condition writes it. `None` if the field cannot hold it.
    pub(super) fn from_text(kind: &FieldKind, text: &str) -> Option<Self> {
        let text = match kind {
            FieldKind::String | FieldKind::Journal => text,
            _ => text.trim(),
        };
        match kind {
            FieldKind::String | FieldKind::Journal => Some(Self::Text(text.to_lowercase())),
            FieldKind::Reference(_) | FieldKind::List(_) => Some(Self::Id(text.to_owned())),
            FieldKind::Integer => text.parse().ok().map(Self::Integer),
            FieldKind::Decimal => {
                let number: f64 = text.parse().ok()?;
                number.is_finite().then_some(Self::Decimal(number))
            }
            FieldKind::Boolean => match text {
                "true" | "1" => Some(Self::Boolean(true)),
                "false" | "0" => Some(Self::Boolean(false)),
                _ => None,
            },
            FieldKind::DateTime => moment(text).map(Self::Moment),
            FieldKind::Date => text.parse().ok().map(Self::Day),
        }
    }

    /// A value as a record holds it. `None` if it is not what the schema promises.
    pub(super) fn from_value(kind: &FieldKind, value: &Value) -> Option<Self> {
        match (kind, value) {
            (FieldKind::Integer, Value::Number(n)) if n.as_i64().is_some() => {
                n.as_i64().map(Self::Integer)
            }
            (FieldKind::Integer | FieldKind::Decimal, Value::Number(n)) => {
                n.as_f64().map(Self::Decimal)
            }
            (FieldKind::Boolean, Value::Bool(b)) => Some(Self::Boolean(*b)),
            (FieldKind::List(_), Value::Array(items)) => {
                let ids: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                Some(Self::Id(ids.join(",")))
            }
            (_, Value::String(text)) => Self::from_text(kind, text),
            (FieldKind::String | FieldKind::Journal, Value::Number(n)) => {
                Some(Self::Text(n.to_string()))
            }
            (FieldKind::String | FieldKind::Journal, Value::Bool(b)) => {
                Some(Self::Text(b.to_string()))
            }
            _ => None,
        }
    }

    /// How two values compare; `None` if they do not.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "compared with a number that is as coarse"
        )]
        let float = |n: i64| n as f64;
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Self::Integer(a), Self::Decimal(b)) => float(*a).partial_cmp(b),
            (Self::Decimal(a), Self::Integer(b)) => a.partial_cmp(&float(*b)),
            (Self::Decimal(a), Self::Decimal(b)) => a.partial_cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) | (Self::Id(a), Self::Id(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Id(b)) => Some(a.cmp(&b.to_lowercase())),
            (Self::Id(a), Self::Text(b)) => Some(a.to_lowercase().cmp(b)),
            (Self::Day(a), Self::Day(b)) => Some(a.cmp(b)),
            (a, b) => Some(a.instant()?.cmp(&b.instant()?)),
        }
    }

    /// The moment, or the beginning of the day in UTC.
    pub(super) fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::Moment(moment) => Some(*moment),
            Self::Day(day) => midnight(*day),
            _ => None,
        }
    }

    /// The day in UTC.
    pub(super) fn day(&self) -> Option<Date> {
        match self {
            Self::Moment(moment) => Some(moment.to_zoned_datetime(TimeZone::UTC).date()),
            Self::Day(day) => Some(*day),
            _ => None,
        }
    }
}

/// RFC 3339, or the `YYYY-MM-DD hh:mm:ss` and `YYYY-MM-DD` of ServiceNow, in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let civil: DateTime = text.parse().ok()?;
    Some(civil.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp())
}

fn midnight(day: Date) -> Option<Timestamp> {
    Some(day.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp())
}

//! What the records of people mean beyond their types, checked when they are written rather than when somebody should be told.

use crate::email_digest::Wish;
use crate::record::Fields;
use crate::schedule::{Schedule, time_zone};
use crate::schema::{InvalidField, Table};
use serde_json::Value;

/// Refuses a schedule or a time zone that nobody could read.
pub(super) fn check(table: &Table, fields: &Fields) -> Result<(), InvalidField> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let refused = |field: &str, problem: String| InvalidField {
        table: table.name.clone(),
        field: field.to_owned(),
        value: String::new(),
        problem: format!("cannot be used: {problem}"),
        did_you_mean: None,
    };
    match table.name.as_str() {
        "schedule" => {
            Schedule::of(fields).map_err(|bad| refused(bad.field, bad.problem))?;
        }
        "user" => {
            if let Some(zone) = text("time_zone") {
                time_zone(zone).map_err(|problem| refused("time_zone", problem))?;
            }
        }
        "notification_preference" => {
            if let Some(wish) = text("digest").filter(|wish| Wish::parse(wish).is_none()) {
                let problem =
                    format!("{wish:?} is none of `on`, `off`, and a time from `1h` to `7d`");
                return Err(refused("digest", problem));
            }
        }
        _ => {}
    }
    Ok(())
}

/// The id of a record that joins two things: `support.ada`.
pub(super) fn joined_id(table: &str, fields: &Fields) -> Option<String> {
    let part = |name: &str| fields.get(name).and_then(Value::as_str);
    let (one, other) = match table {
        "group_member" => (part("group"), part("user")),
        "notification_preference" => (part("user").or(part("address")), part("notification")),
        "notification_subscription" => (part("user"), part("notification")),
        "user_delegate" => (part("user"), part("delegate")),
        _ => (None, None),
    };
    Some(format!("{}.{}", one?, other?))
}

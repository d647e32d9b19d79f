//! Moments as the recipient's clock shows them: `${created|local}`, `${due_date|local('%d.%m.%Y')}`.

use crate::schedule::time_zone;
use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use minijinja::value::Value;
use minijinja::{Error, ErrorKind, State};

/// With the zone behind it, because whoever reads it may be anywhere.
const MOMENT: &str = "%Y-%m-%d %H:%M %Z";

/// A moment in the time zone of the recipient, or in UTC where nobody knows it; a date stays the date that it is.
/// An empty field prints as nothing. The format is that of strftime(3).
pub(super) fn local(
    state: &State<'_, '_>,
    value: &Value,
    format: Option<&str>,
) -> Result<String, Error> {
    if value.is_none() || value.is_undefined() {
        return Ok(String::new());
    }
    let text = value.to_string();
    if let Ok(moment) = text.parse::<Timestamp>() {
        let zoned = in_zone(state, moment);
        return written(strtime::format(format.unwrap_or(MOMENT), &zoned));
    }
    if let Ok(date) = text.parse::<Date>() {
        return written(strtime::format(format.unwrap_or("%Y-%m-%d"), date));
    }
    let message = format!("{text:?} is neither a moment nor a date");
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// A moment with date, time and zone.
pub(super) fn shown(state: &State<'_, '_>, moment: Timestamp) -> Result<String, Error> {
    written(strtime::format(MOMENT, &in_zone(state, moment)))
}

fn in_zone(state: &State<'_, '_>, moment: Timestamp) -> ZonedDateTime {
    let recipient = state.lookup("recipient");
    let zone = recipient.and_then(|recipient| recipient.get_attr("time_zone").ok());
    let zone = zone.and_then(|zone| time_zone(zone.as_str()?).ok());
    moment.to_zoned_datetime(zone.unwrap_or(TimeZone::UTC))
}

fn written(text: Result<String, jiff::Error>) -> Result<String, Error> {
    text.map_err(|error| Error::new(ErrorKind::SyntaxError, format!("the format: {error}")))
}

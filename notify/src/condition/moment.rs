//! Days and moments as seen from now, in UTC.

use super::ast::{Day, Direction, Relative, Unit};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// The day that is meant.
pub(super) fn day_of(day: Day, now: Timestamp) -> Option<Date> {
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    match day {
        Day::On(date) => Some(date),
        Day::Today => Some(today),
        Day::Yesterday => today.yesterday().ok(),
        Day::Tomorrow => today.tomorrow().ok(),
    }
}

/// The moment that is meant; `None` outside the calendar.
pub(super) fn moment_of(relative: Relative, now: Timestamp) -> Option<Timestamp> {
    let count = i64::from(relative.count);
    let count = match relative.direction {
        Direction::Ago => -count,
        Direction::Ahead => count,
    };
    let span = match relative.unit {
        Unit::Minute => Span::new().try_minutes(count),
        Unit::Hour => Span::new().try_hours(count),
        Unit::Day => Span::new().try_days(count),
        Unit::Week => Span::new().try_weeks(count),
        Unit::Month => Span::new().try_months(count),
        Unit::Quarter => Span::new().try_months(count * 3),
        Unit::Year => Span::new().try_years(count),
    };
    let then = now
        .to_zoned_datetime(TimeZone::UTC)
        .checked_add(span.ok()?)
        .ok()?;
    Some(then.timestamp())
}

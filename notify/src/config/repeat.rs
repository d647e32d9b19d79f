//! `every`, `at`, `days`, `time_zone` and `condition` of `[event."NAME"]`.

use super::document::{Section, accept};
use super::value::duration;
use crate::condition::Query;
use crate::repeat::{DAY, Repeat};
use crate::schedule::{days, time, time_zone};
use crate::schema::Schema;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::time::Duration;

/// The shortest time between two firings.
const SHORTEST: Duration = Duration::from_secs(60);

/// How an event repeats, if it does.
pub(super) fn read(section: &Section<'_>, schema: &Schema, table: Option<&str>) -> Option<Repeat> {
    let document = section.document;
    let (every, at) = (section.text("every"), section.text("at"));
    let (on, zone) = (section.text("days"), section.text("time_zone"));
    let condition = section.text("condition");
    let Some(every) = every else {
        for (key, given) in [
            ("at", &at),
            ("days", &on),
            ("time_zone", &zone),
            ("condition", &condition),
        ] {
            if given.is_some() {
                section.fault(
                    key,
                    format!("`{key}` is for events that repeat: `every` is missing"),
                );
            }
        }
        return None;
    };
    let period = duration(document, &every)?;
    if !(SHORTEST..=DAY).contains(&period) {
        document.fault(&every.span, "an event repeats every `1m` at most, and every `1d` at least; `days` chooses among the days");
    }
    if let (Some(at), true) = (at.as_ref().or(on.as_ref()), period < DAY) {
        document.fault(&at.span, "`at` and `days` are for `every = \"1d\"`");
    }
    if let (Some(table), None) = (table, &condition) {
        let message = format!(
            "a repeated event about a table needs a `condition`: which records of `{table}` is it fired for?"
        );
        document.fault(&section.span, message);
    }
    if let Some(query) = &condition {
        let origin = document.origin(query);
        match table {
            None => document.fault(&query.span, "a condition needs a `table`"),
            Some(table) => {
                let faults = Query::parse(&query.value, table, schema).err();
                for error in faults.into_iter().flatten() {
                    let fault = origin.fault(error.span, error.message);
                    document.report(fault.suggest(error.suggestion));
                }
            }
        }
    }
    let moment = at.and_then(|text| {
        let message = "a time of day such as `08:00` is expected here";
        accept(document, &text.span, time(&text.value).ok_or(message))
    });
    let on = on.and_then(|text| accept(document, &text.span, days(&text.value)));
    let zone = zone.and_then(|text| accept(document, &text.span, time_zone(&text.value)));
    Some(Repeat {
        every: period,
        at: moment.unwrap_or(Time::midnight()),
        days: on.unwrap_or([true; 7]),
        zone: zone.unwrap_or(TimeZone::UTC),
        condition: condition.map(|text| text.value),
    })
}

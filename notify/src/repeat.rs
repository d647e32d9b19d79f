//! Repeated events: a registered event that fires by the clock, about nothing or about each record that a condition holds for.
//!
//! The moment of the last firing is kept with the data, so that a restart neither repeats one nor leaves one out. However many
//! moments went by meanwhile, be it that nothing ran or that the clock leapt, the event fires once. A clock that was set back
//! fires nothing again.

use crate::condition::{Facts, Query};
use crate::config::{Config, RegisteredEvent};
use crate::directory::Stored;
use crate::event::{EventKind, NewEvent};
use crate::record::{Fields, RecordKey};
use crate::store::{Store, StoreError};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::sync::Arc;
use std::time::Duration;

/// A day, which begins anew in each time zone.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// When an event repeats (`every`, `at`, `days` and `time_zone` of `[event."NAME"]`), and about which records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// One minute to one day. What is shorter than a day counts from the beginning of 1970 in UTC: where it divides a day, from
    /// midnight there.
    pub every: Duration,
    /// The time of day, for an event that repeats daily.
    pub at: Time,
    /// The days on which it does, Monday first.
    pub days: [bool; 7],
    /// Whose time that is.
    pub zone: TimeZone,
    /// An encoded query: an event is fired about each record of the table that it holds for.
    pub condition: Option<String>,
}

/// A repeated event that is to be fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// Its name.
    pub name: String,
    /// The moment that was noted before; if another one is by now, nothing is written.
    pub after: Option<Timestamp>,
    /// The moment to be noted.
    pub at: Timestamp,
    /// The events. None where the moment is only noted: an event that is new, or a clock that was set back.
    pub events: Vec<NewEvent>,
    /// What nothing is fired about, because it cannot be read: a record, or whatever the condition holds for, and what is wrong with it.
    pub left_out: Vec<String>,
}

impl Repeat {
    /// The latest moment to fire, up to now.
    pub fn latest(&self, now: Timestamp) -> Option<Timestamp> {
        if self.every < DAY {
            let every = i64::try_from(self.every.as_secs()).ok()?;
            let second = now.as_second();
            return Timestamp::from_second(second - second.rem_euclid(every)).ok();
        }
        let mut day = self.zone.to_datetime(now).date();
        // Eight days hold each day of the week, with its time past.
        for _ in 0..8 {
            let n = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
            let moment = day
                .to_datetime(self.at)
                .to_zoned_datetime(self.zone.clone());
            let moment = moment.ok()?.timestamp();
            if moment <= now && self.days.get(n) == Some(&true) {
                return Some(moment);
            }
            day = day.checked_sub(1.day()).ok()?;
        }
        None
    }
}

/// The repeated events that are to be fired, or whose moment is to be noted.
///
/// # Errors
/// Those of the store.
pub fn due(
    config: &Config,
    store: &Arc<dyn Store>,
    now: Timestamp,
) -> Result<Vec<Firing>, StoreError> {
    let repeats = config.events.values();
    let repeats: Vec<_> = repeats
        .filter_map(|event| Some((event, event.repeat.as_ref()?)))
        .collect();
    if repeats.is_empty() {
        return Ok(Vec::new());
    }
    let fired = store.repeated()?;
    let mut due = Vec::new();
    for (event, repeat) in repeats {
        let after = fired.iter().find(|(name, _)| *name == event.name);
        let after = after.map(|(_, at)| *at);
        let Some(at) = repeat.latest(now).filter(|at| after != Some(*at)) else {
            continue;
        };
        let passed = after.is_some_and(|after| after < at);
        // By more than one interval; what is less passes by itself, and would fire the same moment twice.
        let horizon = now.saturating_add(repeat.every).unwrap_or(Timestamp::MAX);
        let set_back = after.is_some_and(|after| after > horizon);
        let (events, left_out) = match passed {
            true => events(event, repeat, config, store, now)?,
            false if after.is_none() || set_back => (Vec::new(), Vec::new()),
            // The moments themselves were moved, by another configuration.
            false => continue,
        };
        due.push(Firing {
            name: event.name.clone(),
            after,
            at,
            events,
            left_out,
        });
    }
    Ok(due)
}

/// The events, and what there is none about because it cannot be read.
fn events(
    event: &RegisteredEvent,
    repeat: &Repeat,
    config: &Config,
    store: &Arc<dyn Store>,
    now: Timestamp,
) -> Result<(Vec<NewEvent>, Vec<String>), StoreError> {
    let about = |record: Option<RecordKey>, current: Fields| NewEvent {
        name: event.name.clone(),
        kind: EventKind::Fired,
        record,
        parm1: String::new(),
        parm2: String::new(),
        actor: String::new(),
        current,
        previous: Fields::new(),
        idempotency_key: None,
        due: None,
    };
    let Some(table) = event.table.as_deref() else {
        return Ok((vec![about(None, Fields::new())], Vec::new()));
    };
    let condition = repeat.condition.as_deref().unwrap_or_default();
    let query = match Query::parse(condition, table, &config.schema) {
        Ok(query) => query,
        Err(errors) => {
            let why = errors.first().map(ToString::to_string);
            let what = format!(
                "the condition of [event.\"{}\"] cannot be read: {}",
                event.name,
                why.unwrap_or_default()
            );
            return Ok((Vec::new(), vec![what]));
        }
    };
    let directory = Stored(Arc::clone(store));
    let found = store.readable_records(table)?;
    let spoilt = found.spoilt.iter();
    let mut left_out: Vec<_> = spoilt.map(|(key, why)| format!("{key}: {why}")).collect();
    let mut events = Vec::new();
    for record in found.records {
        let current = record.whole();
        let facts = Facts {
            schema: &config.schema,
            directory: &directory,
            table,
            id: Some(&record.key.id),
            current: &current,
            previous: &Fields::new(),
            kind: EventKind::Fired,
            now,
        };
        match query.evaluate(&facts) {
            Ok(verdict) if verdict.holds => {
                events.push(about(Some(record.key.clone()), current));
            }
            Ok(_) => {}
            // A record that this one refers to.
            Err(error @ StoreError::Corrupt(_)) => {
                left_out.push(format!("{}: {error}", record.key));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((events, left_out))
}

#[cfg(test)]
mod tests;

//! Schedules: when people may be told. Outside of its hours a mail is held until the schedule opens.
//!
//! ```text
//! days     = "mon-fri, sun"             empty: every day
//! hours    = "08:00-12:00, 22:00-06:00" empty: all day; a range over midnight belongs to the day that it begins on
//! holidays = "2026-12-24, 12-25"        days that are closed; without a year, of every year
//! time_zone = "Europe/Vienna"           empty: that of whoever is told, else UTC
//! ```

use crate::record::Fields;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

/// How far ahead an opening is looked for, in days.
const HORIZON: i32 = 400;

/// The hours of a day, and the days.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Monday first.
    days: [bool; 7],
    /// Beginning, end, and whether the end is on the next day. Empty: all day.
    hours: Vec<Hours>,
    holidays: Vec<Holiday>,
    zone: Option<TimeZone>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Hours {
    begin: Time,
    end: Time,
    /// The end is on the next day.
    overnight: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Holiday {
    Once(Date),
    EveryYear(i8, i8),
}

/// A field of a schedule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSchedule {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl std::fmt::Display for BadSchedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {}", self.field, self.problem)
    }
}

impl std::error::Error for BadSchedule {}

impl Schedule {
    /// Reads the record of a schedule.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn of(fields: &Fields) -> Result<Self, BadSchedule> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let bad = |field| move |problem| BadSchedule { field, problem };
        Ok(Self {
            days: days(text("days")).map_err(bad("days"))?,
            hours: list(text("hours"), hours).map_err(bad("hours"))?,
            holidays: list(text("holidays"), holiday).map_err(bad("holidays"))?,
            zone: match text("time_zone") {
                "" => None,
                name => Some(time_zone(name).map_err(bad("time_zone"))?),
            },
        })
    }

    /// This moment if the schedule is open then, else the next one at which it opens; `None` if that is more than a year away.
    /// A schedule without a time zone of its own is read in `zone`.
    pub fn opens(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let zone = self.zone.as_ref().unwrap_or(zone);
        let today = now.to_zoned_datetime(zone.clone()).date();
        let mut found: Option<Timestamp> = None;
        // Yesterday's hours may reach into today.
        for ahead in -1..=HORIZON {
            let day = today.checked_add(ahead.days()).ok()?;
            let begins = day.to_zoned_datetime(zone.clone()).ok()?.timestamp();
            if found.is_some_and(|found| found <= begins) {
                break;
            }
            for (begin, end) in self.of_day(day, zone) {
                if end > now {
                    let opens = begin.max(now);
                    found = Some(found.map_or(opens, |found| found.min(opens)));
                }
            }
        }
        found
    }

    /// The hours that begin on a day.
    fn of_day(&self, day: Date, zone: &TimeZone) -> Vec<(Timestamp, Timestamp)> {
        let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
        let works = self.days.get(weekday).copied().unwrap_or(true);
        if !works || self.holidays.iter().any(|holiday| holiday.is(day)) {
            return Vec::new();
        }
        let at = |day: Date, time: Time| {
            let moment = day.to_datetime(time).to_zoned_datetime(zone.clone()).ok()?;
            Some(moment.timestamp())
        };
        let midnight = Hours {
            begin: Time::midnight(),
            end: Time::midnight(),
            overnight: true,
        };
        let all_day = std::slice::from_ref(&midnight);
        let hours = match self.hours.is_empty() {
            true => all_day,
            false => &self.hours,
        };
        let range = |hours: &Hours| {
            let last = match hours.overnight {
                true => day.tomorrow().ok()?,
                false => day,
            };
            Some((at(day, hours.begin)?, at(last, hours.end)?))
        };
        hours.iter().filter_map(range).collect()
    }
}

impl Holiday {
    fn is(self, day: Date) -> bool {
        match self {
            Self::Once(date) => date == day,
            Self::EveryYear(month, of_month) => (day.month(), day.day()) == (month, of_month),
        }
    }
}

/// A time zone by its name: `Europe/Vienna`.
///
/// # Errors
/// There is none of that name.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| format!("there is no time zone `{name}`; one is `Europe/Vienna`"))
}

fn list<T>(text: &str, read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items.map(read).collect()
}

/// `mon-fri, sun`, Monday first; every day if empty.
pub(crate) fn days(text: &str) -> Result<[bool; 7], String> {
    let mut days = [text.trim().is_empty(); 7];
    for (first, last) in list(text, day_range)? {
        let mut day = first;
        loop {
            let n = usize::from(day.to_monday_zero_offset().unsigned_abs());
            days.iter_mut().skip(n).take(1).for_each(|day| *day = true);
            if day == last {
                break;
            }
            day = day.next();
        }
    }
    Ok(days)
}

fn day_range(text: &str) -> Result<(Weekday, Weekday), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok((weekday(first.trim())?, weekday(last.trim())?))
}

fn weekday(text: &str) -> Result<Weekday, String> {
    match text.to_ascii_lowercase().as_str() {
        "mon" => Ok(Weekday::Monday),
        "tue" => Ok(Weekday::Tuesday),
        "wed" => Ok(Weekday::Wednesday),
        "thu" => Ok(Weekday::Thursday),
        "fri" => Ok(Weekday::Friday),
        "sat" => Ok(Weekday::Saturday),
        "sun" => Ok(Weekday::Sunday),
        _ => Err(format!(
            "`{text}` is no day; days are written `mon-fri, sun`"
        )),
    }
}

fn hours(text: &str) -> Result<Hours, String> {
    let wrong = || format!("`{text}` are no hours; hours are written `08:00-17:30`");
    let (begin, end) = text.split_once('-').ok_or_else(wrong)?;
    let begin = time(begin).ok_or_else(wrong)?;
    let (end, overnight) = match end.trim() {
        "24:00" => (Time::midnight(), true),
        end => {
            let end = time(end).ok_or_else(wrong)?;
            (end, end <= begin)
        }
    };
    Ok(Hours {
        begin,
        end,
        overnight,
    })
}

/// `08:30`
pub(crate) fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn holiday(text: &str) -> Result<Holiday, String> {
    let wrong = || format!("`{text}` is no day; holidays are written `2026-12-24` or `12-25`");
    if let Ok(date) = text.parse::<Date>() {
        return Ok(Holiday::Once(date));
    }
    let (month, day) = text.split_once('-').ok_or_else(wrong)?;
    let (month, day) = (
        month.parse().map_err(|_| wrong())?,
        day.parse().map_err(|_| wrong())?,
    );
    // A leap year has every day that any year has.
    Date::new(2024, month, day).map_err(|_| wrong())?;
    Ok(Holiday::EveryYear(month, day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schedule(value: Value) -> Result<Schedule, BadSchedule> {
        Schedule::of(value.as_object().unwrap())
    }

    #[track_caller]
    fn assert_opens(fields: Value, now: &str, opens: Option<&str>) {
        let found = schedule(fields)
            .unwrap()
            .opens(now.parse().unwrap(), &TimeZone::UTC);
        assert_eq!(found.map(|at| at.to_string()).as_deref(), opens, "{now}");
    }

    #[test]
    fn office_hours_open_on_the_next_working_day() {
        let office = || json!({"days": "mon-fri", "hours": "08:00-17:30"});
        // 2026-11-23 is a Monday.
        for (now, opens) in [
            ("2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"),
            ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z"),
            ("2026-11-23T07:59:59Z", "2026-11-23T08:00:00Z"),
            ("2026-11-23T17:30:00Z", "2026-11-24T08:00:00Z"),
            ("2026-11-27T18:00:00Z", "2026-11-30T08:00:00Z"),
        ] {
            assert_opens(office(), now, Some(opens));
        }
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_that_they_begin_on() {
        let night = || json!({"days": "fri", "hours": "22:00-06:00"});
        assert_opens(
            night(),
            "2026-11-28T05:00:00Z",
            Some("2026-11-28T05:00:00Z"),
        );
        assert_opens(
            night(),
            "2026-11-28T22:30:00Z",
            Some("2026-12-04T22:00:00Z"),
        );
        let always = json!({"hours": "00:00-24:00"});
        assert_opens(always, "2026-11-28T23:59:59Z", Some("2026-11-28T23:59:59Z"));
    }

    #[test]
    fn holidays_are_closed_once_or_every_year() {
        let fields =
            || json!({"days": "thu, fri", "hours": "09:00-10:00", "holidays": "2026-12-24, 12-25"});
        assert_opens(
            fields(),
            "2026-12-24T09:30:00Z",
            Some("2026-12-31T09:00:00Z"),
        );
        assert_opens(
            fields(),
            "2025-12-24T09:30:00Z",
            Some("2025-12-26T09:00:00Z"),
        );
    }

    #[test]
    fn hours_are_those_of_the_time_zone_also_when_clocks_change() {
        let vienna = || json!({"hours": "08:00-09:00", "time_zone": "Europe/Vienna"});
        assert_opens(
            vienna(),
            "2026-03-28T08:00:00Z",
            Some("2026-03-29T06:00:00Z"),
        );
        assert_opens(
            vienna(),
            "2026-11-23T06:59:00Z",
            Some("2026-11-23T07:00:00Z"),
        );
    }

    #[test]
    fn a_schedule_that_is_never_open_says_so() {
        let never = json!({"days": "mon", "holidays": "01-01", "hours": "08:00-09:00"});
        assert!(
            schedule(never)
                .unwrap()
                .opens(Timestamp::UNIX_EPOCH, &TimeZone::UTC)
                .is_some()
        );
        let mut closed = schedule(json!({"hours": "08:00-09:00"})).unwrap();
        closed.days = [false; 7];
        assert_eq!(closed.opens(Timestamp::UNIX_EPOCH, &TimeZone::UTC), None);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_field() {
        for (fields, field, word) in [
            (json!({"days": "mon-fryday"}), "days", "fryday"),
            (json!({"hours": "8-17"}), "hours", "8-17"),
            (json!({"hours": "08:00-25:00"}), "hours", "25:00"),
            (json!({"holidays": "13-01"}), "holidays", "13-01"),
            (json!({"time_zone": "Europe/Wien"}), "time_zone", "Wien"),
        ] {
            let bad = schedule(fields).unwrap_err();
            assert_eq!(bad.field, field);
            assert!(bad.problem.contains(word), "{bad}");
        }
    }
}

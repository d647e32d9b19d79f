//! Dates (RFC 5322 §3.3, §4.3).
//!
//! ```text
//! date-time   = [ day-of-week "," ] date time [CFWS]
//! date        = day month year
//! time        = hour ":" minute [ ":" second ] FWS zone
//! zone        = (FWS ( "+" / "-" ) 4DIGIT) / obs-zone
//! obs-zone    = "UT" / "GMT" / "EST" / "EDT" / "CST" / "CDT" / "MST" / "MDT" / "PST" / "PDT" / military
//! ```
//!
//! We also accept years of two or three digits (§4.3 says which they are), a wrong or missing weekday, one of another
//! language before a comma, a missing or unknown zone (UTC), dots for the colons, hours of a half day (`06:09 PM`), the
//! month before the day, and the year after the time as C's `asctime` writes it.

use nom::Parser;
use nom::bytes::complete::{take_while, take_while1};

use super::Parsed;
use super::cfws::skip_cfws;
use crate::date_time::{DateTime, is_weekday, month};

/// Reads a date, as far as one can be made out.
pub(crate) fn date_time(value: &[u8]) -> Option<DateTime> {
    let rest = skip_cfws(value).0;
    let without_weekday = weekday(rest).map(|(rest, ())| rest);
    let (rest, (day, month)) = without_weekday
        .and_then(day_and_month)
        .or_else(|_| day_and_month(rest))
        .ok()?;
    // asctime: the time comes before the year.
    let (rest, year, clock) = match clock(rest) {
        Ok((rest, clock)) => {
            let (rest, zone) = zone(rest);
            let rest = if zone.is_none() {
                unknown_zone(rest)
            } else {
                rest
            };
            let (rest, year) = year(skip_cfws(rest).0).ok()?;
            let (_, zone) = if zone.is_some() {
                (rest, zone)
            } else {
                self::zone(skip_cfws(rest).0)
            };
            return DateTime::new((year, month, day), clock, zone.unwrap_or(0));
        }
        Err(_) => {
            let (rest, year) = year(rest).ok()?;
            let rest = skip_separators(rest);
            match self::clock(rest) {
                Ok((rest, clock)) => (rest, year, clock),
                Err(_) if rest.is_empty() => (rest, year, (0, 0, 0)),
                Err(_) => return None,
            }
        }
    };
    DateTime::new((year, month, day), clock, zone(rest).1.unwrap_or(0))
}

/// `day-of-week ","`, with or without the comma; with one, any word, for some programs write that of another language.
fn weekday(input: &[u8]) -> Parsed<'_, ()> {
    let mut word = take_while1(|b: u8| b.is_ascii_alphabetic() || !b.is_ascii());
    let (rest, name) = word.parse(input)?;
    let behind = skip_cfws(rest.strip_prefix(b".").unwrap_or(rest)).0;
    match behind {
        [b',', ..] => Ok((skip_separators(behind), ())),
        _ if is_weekday(name) => Ok((skip_separators(rest), ())),
        _ => super::no_match(input),
    }
}

/// `day month`, or `month day`.
fn day_and_month(input: &[u8]) -> Parsed<'_, (u8, u8)> {
    let (rest, day, name) = match number(input, 2) {
        Ok((rest, day)) => {
            let (rest, name) = letters(skip_separators(rest))?;
            (rest, day, name)
        }
        Err(_) => {
            let (rest, name) = letters(input)?;
            let (rest, day) = number(skip_separators(rest), 2)?;
            (rest, day, name)
        }
    };
    match month(name) {
        Some(month) => Ok((skip_separators(rest), (day as u8, month))),
        None => super::no_match(input),
    }
}

/// `year`, those of two and three digits by the rule of §4.3.
fn year(input: &[u8]) -> Parsed<'_, u16> {
    let (rest, digits) = take_while1(|b: u8| b.is_ascii_digit()).parse(input)?;
    let Some(year) = decimal(digits, 4) else {
        return super::no_match(input);
    };
    let year = match (digits.len(), year) {
        (1 | 2, 0..=49) => year + 2000,
        (1..=3, _) => year + 1900,
        _ => year,
    };
    Ok((skip_cfws(rest).0, year))
}

/// `hour ":" minute [":" second]`, and what half of the day it is, if that is told.
fn clock(input: &[u8]) -> Parsed<'_, (u8, u8, u8)> {
    let (rest, hour) = number(input, 2)?;
    let (rest, minute) = number(colon(rest)?.0, 2)?;
    let (rest, second) = match colon(rest) {
        Ok((rest, ())) => number(rest, 2).map(|(rest, second)| (skip_fraction(rest), second))?,
        Err(_) => (rest, 0),
    };
    let (rest, hour) = half_day(skip_cfws(rest).0, hour);
    Ok((rest, (hour as u8, minute as u8, second as u8)))
}

/// `"AM" / "PM"`: the hour that one of twelve is.
fn half_day(input: &[u8], hour: u16) -> (&[u8], u16) {
    let Ok((after, word)) = letters(input) else {
        return (input, hour);
    };
    let hour = match hour {
        12 if word.eq_ignore_ascii_case(b"AM") => 0,
        0..12 if word.eq_ignore_ascii_case(b"PM") => hour + 12,
        _ if word.eq_ignore_ascii_case(b"AM") || word.eq_ignore_ascii_case(b"PM") => hour,
        _ => return (input, hour),
    };
    (skip_cfws(after).0, hour)
}

fn colon(input: &[u8]) -> Parsed<'_, ()> {
    match skip_cfws(input).0 {
        [b':' | b'.', rest @ ..] => Ok((skip_cfws(rest).0, ())),
        _ => super::no_match(input),
    }
}

/// Some clocks tell fractions of a second; they are dropped.
fn skip_fraction(input: &[u8]) -> &[u8] {
    match input {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            rest.get(digits..).unwrap_or_default()
        }
        _ => input,
    }
}

/// `zone` in minutes east of UTC, if there is one that says something.
fn zone(input: &[u8]) -> (&[u8], Option<i16>) {
    let rest = skip_cfws(input).0;
    if let [sign @ (b'+' | b'-'), rest @ ..] = rest {
        let Ok((after, digits)) =
            take_while1::<_, _, nom::error::Error<&[u8]>>(|b: u8| b.is_ascii_digit()).parse(rest)
        else {
            return (input, None);
        };
        // `+01:00` is written by some.
        let (after, minutes) = match (digits.len(), after) {
            (1 | 2, [b':', a, b, after @ ..]) => (
                after,
                decimal(digits, 2)
                    .zip(decimal(&[*a, *b], 2))
                    .map(|(h, m)| h * 60 + m),
            ),
            (1 | 2, _) => (after, decimal(digits, 2).map(|h| h * 60)),
            _ => (after, decimal(digits, 4).map(|n| n / 100 * 60 + n % 100)),
        };
        let minutes = minutes
            .and_then(|m| i16::try_from(m).ok())
            .filter(|m| *m <= 1440);
        return (after, minutes.map(|m| if *sign == b'-' { -m } else { m }));
    }
    match letters(rest) {
        Ok((after, name)) => match named_zone(name) {
            // `GMT+0100`: the number says more.
            Some(0) if matches!(after, [b'+' | b'-', ..]) => zone(after),
            Some(minutes) => (after, Some(minutes)),
            None => (input, None),
        },
        Err(_) => (input, None),
    }
}

/// `obs-zone`. A military zone other than Z says nothing (§4.3), as its sign was defined wrongly once.
fn named_zone(name: &[u8]) -> Option<i16> {
    const ZONES: &[(&str, i16)] = &[
        ("UT", 0),
        ("UTC", 0),
        ("GMT", 0),
        ("Z", 0),
        ("EST", -5),
        ("EDT", -4),
        ("CST", -6),
        ("CDT", -5),
        ("MST", -7),
        ("MDT", -6),
        ("PST", -8),
        ("PDT", -7),
    ];
    ZONES
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
        .map(|(_, hours)| hours * 60)
}

/// Skips the name of a zone that is not known.
fn unknown_zone(input: &[u8]) -> &[u8] {
    letters(skip_cfws(input).0).map_or(input, |(rest, _)| rest)
}

fn letters(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while1(|b: u8| b.is_ascii_alphabetic()).parse(input)
}

/// A number of at most `digits` digits.
fn number(input: &[u8], digits: usize) -> Parsed<'_, u16> {
    let (rest, found) = take_while1(|b: u8| b.is_ascii_digit()).parse(input)?;
    match decimal(found, digits) {
        Some(number) => Ok((rest, number)),
        None => super::no_match(input),
    }
}

fn decimal(digits: &[u8], most: usize) -> Option<u16> {
    if digits.is_empty() || digits.len() > most {
        return None;
    }
    digits.iter().try_fold(0_u16, |n, d| {
        d.is_ascii_digit().then(|| n * 10 + u16::from(d - b'0'))
    })
}

/// Skips white space, comments and the separators that occur between the parts of a date.
fn skip_separators(input: &[u8]) -> &[u8] {
    let rest = skip_cfws(input).0;
    match take_while::<_, _, nom::error::Error<&[u8]>>(|b| matches!(b, b',' | b'-' | b'.'))
        .parse(rest)
    {
        Ok((rest, _)) => skip_cfws(rest).0,
        Err(_) => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(value: &str) -> Option<String> {
        date_time(value.as_bytes()).map(DateTime::to_rfc3339)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn rfc5322_a_1_and_a_5_examples() {
        assert_eq!(
            utc("Fri, 21 Nov 1997 09:55:06 -0600"),
            some("1997-11-21T15:55:06Z")
        );
        assert_eq!(
            utc(
                "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n         -0330 (Newfoundland Time)"
            ),
            some("1969-02-14T03:02:00Z")
        );
        assert_eq!(utc("21 Nov 97 09:55:06 GMT"), some("1997-11-21T09:55:06Z"));
    }

    #[test]
    fn rfc5322_4_3_obsolete_years_and_zones() {
        assert_eq!(utc("1 Jan 49 00:00 EST"), some("2049-01-01T05:00:00Z"));
        assert_eq!(utc("1 Jan 50 00:00 PDT"), some("1950-01-01T07:00:00Z"));
        assert_eq!(utc("1 Jan 100 00:00 A"), some("2000-01-01T00:00:00Z"));
    }

    #[test]
    fn rfc5322_4_3_the_zones_with_names() {
        for (names, noon) in [
            (&["UT", "UTC", "GMT", "Z", "gmt"][..], "12"),
            (&["EDT"], "16"),
            (&["EST", "CDT"], "17"),
            (&["CST", "MDT"], "18"),
            (&["MST", "PDT"], "19"),
            (&["PST"], "20"),
        ] {
            for name in names {
                let expected = format!("2024-01-01T{noon}:00:00Z");
                let read = utc(&format!("1 Jan 2024 12:00 {name}"));
                assert_eq!(read, some(&expected), "{name}");
            }
        }
    }

    #[test]
    fn comments_may_stand_anywhere() {
        assert_eq!(
            utc("Fri (a), 21 (b) Nov (c) 1997 (d) 09(e):55(f):06 (g) -0600 (h)"),
            some("1997-11-21T15:55:06Z")
        );
        assert_eq!(
            utc("Tue, 19 Jan 2038 03:14:08 +0000 ((("),
            some("2038-01-19T03:14:08Z")
        );
    }

    #[test]
    fn other_orders_that_occur() {
        assert_eq!(
            utc("Mon Jan  1 00:00:00 2024"),
            some("2024-01-01T00:00:00Z")
        );
        assert_eq!(
            utc("Mon Jan  1 00:00:00 EST 2024"),
            some("2024-01-01T05:00:00Z")
        );
        assert_eq!(
            utc("Mon, 1-Jan-2024 10.30.05 +02:00"),
            some("2024-01-01T08:30:05Z")
        );
        assert_eq!(
            utc("1 January 2024 10:00 GMT+0100"),
            some("2024-01-01T09:00:00Z")
        );
    }

    #[test]
    fn a_weekday_of_another_language_stands_before_a_comma() {
        for weekday in [
            "Mo,", "lun.,", "lun. ,", "mar.,", "sáb,", "土,", "Mar,", "Monday", "x (y),",
        ] {
            let value = format!("{weekday} 2 Jan 2024 12:00 Z");
            assert_eq!(utc(&value), some("2024-01-02T12:00:00Z"), "{value}");
        }
        assert_eq!(utc("Jan, 2 2024"), some("2024-01-02T00:00:00Z"));
        assert_eq!(utc("lun 2 Jan 2024"), None);
        assert_eq!(utc("lun, mar, 2 Jan 2024"), None);
    }

    #[test]
    fn the_hours_of_half_a_day_are_read_as_those_of_a_day() {
        for (clock, hour) in [
            ("12:00 AM", "00"),
            ("1:00 am", "01"),
            ("11:00AM", "11"),
            ("12:00 PM", "12"),
            ("01:00:00 pm", "13"),
            ("11:00 (x) PM", "23"),
            ("00:00 PM", "12"),
            ("13:00 AM", "13"),
            ("23:00 PM", "23"),
        ] {
            let expected = format!("2024-01-02T{hour}:00:00Z");
            assert_eq!(
                utc(&format!("2 Jan 2024 {clock}")),
                some(&expected),
                "{clock}"
            );
            let before_year = utc(&format!("Jan 2 {clock} UTC 2024"));
            assert_eq!(before_year, some(&expected), "{clock}");
        }
        assert_eq!(
            utc("2 Jan 2024 06:09:22 PM EDT"),
            some("2024-01-02T22:09:22Z")
        );
        assert_eq!(utc("2 Jan 2024 06:09 PMX"), some("2024-01-02T06:09:00Z"));
    }

    #[test]
    fn what_is_no_date() {
        for value in [
            "",
            "x",
            "Mon, 99 Foo 99999 99:99:99 +9999",
            "31 Feb 2024 00:00 Z",
            "99999999999999999999",
        ] {
            assert_eq!(utc(value), None, "{value}");
        }
    }

    /// What the time is in UTC where a clock with this zone shows noon.
    fn noon_in(zone: &str) -> Option<String> {
        utc(&format!("2 Jan 2024 12:00 {zone}"))
    }

    #[test]
    fn rfc5322_3_3_a_zone_is_hours_and_minutes_ahead_of_utc_or_behind() {
        for (zone, noon) in [
            ("+0000", "02T12:00"),
            ("-0000", "02T12:00"),
            ("+0545", "02T06:15"),
            ("-0545", "02T17:45"),
            ("+1400", "01T22:00"),
            ("-1200", "03T00:00"),
            ("+2400", "01T12:00"),
            ("+05:45", "02T06:15"),
            ("-5:45", "02T17:45"),
            ("+5", "02T07:00"),
            ("-11", "02T23:00"),
            ("+130", "02T10:30"),
            ("GMT-0130", "02T13:30"),
            ("UTC +0100", "02T12:00"),
            ("EST-0130", "02T17:00"),
        ] {
            let expected = format!("2024-01-{noon}:00Z");
            assert_eq!(noon_in(zone), some(&expected), "{zone}");
        }
    }

    #[test]
    fn a_zone_that_says_nothing_is_utc() {
        for zone in [
            "", "+", "-x", "+2401", "-9999", "+12345", "+05:x0", "M", "CET", "(x)",
        ] {
            assert_eq!(noon_in(zone), some("2024-01-02T12:00:00Z"), "{zone}");
        }
    }

    #[test]
    fn rfc5322_4_3_years_of_one_to_three_digits() {
        for (written, year) in [
            ("5", "2005"),
            ("00", "2000"),
            ("49", "2049"),
            ("50", "1950"),
            ("99", "1999"),
            ("049", "1949"),
            ("123", "2023"),
            ("1970", "1970"),
            ("2050", "2050"),
        ] {
            let expected = format!("{year}-01-02T12:00:00Z");
            assert_eq!(utc(&format!("2 Jan {written} 12:00 Z")), some(&expected));
        }
    }

    #[test]
    fn rfc5322_3_3_the_time_of_day() {
        for (clock, expected) in [
            ("01:02", Some("01:02:00")),
            ("1:2:3", Some("01:02:03")),
            ("01 : 02 : 03", Some("01:02:03")),
            ("01.02.03", Some("01:02:03")),
            ("01:02:03.987654", Some("01:02:03")),
            ("23:59:59", Some("23:59:59")),
            ("", Some("00:00:00")),
            ("01", None),
            ("01:", None),
            ("01:02:", None),
            ("001:02", None),
            ("01:002", None),
            ("01:02:003", None),
            ("24:00", None),
            ("12:60", None),
            ("noon", None),
        ] {
            let expected = expected.map(|clock| format!("2024-01-02T{clock}Z"));
            assert_eq!(
                utc(&format!("Tue, 2 Jan 2024 {clock}")),
                expected,
                "{clock}"
            );
            if !clock.is_empty() && expected.is_some() {
                let with_zone = utc(&format!("2 Jan 2024 {clock} +0000"));
                assert_eq!(with_zone, expected, "{clock}");
                let before_year = utc(&format!("Tue Jan  2 {clock} 2024"));
                assert_eq!(before_year, expected, "{clock}");
            }
        }
    }

    #[test]
    fn a_zone_may_stand_before_the_year_or_behind_it() {
        for value in [
            "Tue Jan  2 12:00:00 -0500 2024",
            "Tue Jan  2 12:00:00 2024 -0500",
            "Jan 2, 2024 12:00:00 EST",
            "Tuesday 2. January 2024, 12:00:00 -0500",
            "Tue Jan  2 12:00:00 CEST 2024 -0500",
        ] {
            assert_eq!(utc(value), some("2024-01-02T17:00:00Z"), "{value}");
        }
        let unknown = utc("Tue Jan  2 12:00:00 CEST 2024");
        assert_eq!(unknown, some("2024-01-02T12:00:00Z"));
        assert_eq!(utc("Tue Jan  2 12:00:00 one two 2024"), None);
    }

    #[test]
    fn rfc5322_3_3_a_day_or_a_year_with_too_many_digits_is_none() {
        for value in [
            "002 Jan 2024",
            "Jan 002 2024",
            "2 Jan 02024",
            "2 2 2024",
            "2 Jan",
        ] {
            assert_eq!(utc(value), None, "{value}");
        }
    }
}

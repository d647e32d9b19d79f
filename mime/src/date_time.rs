use std::fmt;

/// A date and time of day with its zone (RFC 5322 §3.3). Always a day that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    /// Minutes east of UTC.
    offset: i16,
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

impl DateTime {
    /// A local date and time, `offset` minutes east of UTC. `None` if there is no such time.
    ///
    /// Years run from 1 to 9999, a second may be 60, and zones reach to a day on either side.
    pub fn new(date: (u16, u8, u8), time: (u8, u8, u8), offset: i16) -> Option<Self> {
        let (year, month, day) = date;
        let (hour, minute, second) = time;
        let exists = (1..=9999).contains(&year)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60
            && (-1440..=1440).contains(&offset);
        exists.then_some(Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
            offset,
        })
    }

    /// The time `seconds` after the start of 1970 in UTC, told `offset` minutes east of UTC. `None` outside the years
    /// 1 to 9999.
    pub fn from_unix(seconds: i64, offset: i16) -> Option<Self> {
        let local = seconds.checked_add(i64::from(offset) * 60)?;
        let (days, time) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = civil(days)?;
        let part = |unit: i64, of: i64| u8::try_from(time / unit % of).unwrap_or(0);
        Self::new(
            (year, month, day),
            (part(3600, 24), part(60, 60), part(1, 60)),
            offset,
        )
    }

    /// Seconds since the start of 1970 in UTC.
    pub fn to_unix(self) -> i64 {
        let time =
            i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        self.days() * 86_400 + time - i64::from(self.offset) * 60
    }

    /// The year, month (1–12) and day (1–31) in the zone of this time.
    pub fn date(self) -> (u16, u8, u8) {
        (self.year, self.month, self.day)
    }

    /// The hour, minute and second in the zone of this time.
    pub fn time(self) -> (u8, u8, u8) {
        (self.hour, self.minute, self.second)
    }

    /// Minutes east of UTC.
    pub fn offset(self) -> i16 {
        self.offset
    }

    /// As RFC 3339 writes it, in UTC: `1997-11-21T15:55:06Z`.
    pub fn to_rfc3339(self) -> String {
        let utc = Self::from_unix(self.to_unix(), 0).unwrap_or(self);
        let (hour, minute, second) = utc.time();
        format!(
            "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
            utc.year, utc.month, utc.day
        )
    }

    /// Days since the start of 1970.
    fn days(self) -> i64 {
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let year = year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
            - 719_468
    }
}

/// The date of a day counted from the start of 1970. Years begin in March here, so that leap days come last.
fn civil(days: i64) -> Option<(u16, u8, u8)> {
    let days = days.checked_add(719_468)?;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    Some((
        u16::try_from(year).ok()?,
        u8::try_from(month).ok()?,
        u8::try_from(day).ok()?,
    ))
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    }
}

/// Finds a month by the first three letters of its name.
pub(crate) fn month(name: &[u8]) -> Option<u8> {
    let name = name.get(..3)?;
    let at = MONTHS
        .iter()
        .position(|m| m.as_bytes().eq_ignore_ascii_case(name))?;
    u8::try_from(at + 1).ok()
}

/// Whether the first three letters name a day of the week.
pub(crate) fn is_weekday(name: &[u8]) -> bool {
    name.get(..3).is_some_and(|name| {
        WEEKDAYS
            .iter()
            .any(|d| d.as_bytes().eq_ignore_ascii_case(name))
    })
}

/// As a header writes it (RFC 5322 §3.3): `Fri, 21 Nov 1997 09:55:06 -0600`.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(32);
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl DateTime {
    /// Appends it as a header writes it.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let weekday = WEEKDAYS.get((self.days() + 4).rem_euclid(7) as usize);
        let month = MONTHS.get(usize::from(self.month).wrapping_sub(1));
        let zone = self.offset.unsigned_abs();
        out.extend_from_slice(weekday.copied().unwrap_or_default().as_bytes());
        out.extend_from_slice(b", ");
        if self.day >= 10 {
            out.push(b'0' + self.day / 10);
        }
        out.extend_from_slice(&[b'0' + self.day % 10, b' ']);
        out.extend_from_slice(month.copied().unwrap_or_default().as_bytes());
        out.push(b' ');
        out.extend_from_slice(&two(self.year / 100));
        out.extend_from_slice(&two(self.year % 100));
        for (before, number) in [(b' ', self.hour), (b':', self.minute), (b':', self.second)] {
            out.push(before);
            out.extend_from_slice(&two(number.into()));
        }
        out.extend_from_slice(if self.offset < 0 { b" -" } else { b" +" });
        out.extend_from_slice(&two(zone / 60));
        out.extend_from_slice(&two(zone % 60));
    }
}

/// Two digits of a number below 100.
fn two(number: u16) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970_both_ways() {
        for (seconds, text) in [
            (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 +0000"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 +0000"),
        ] {
            let time = DateTime::from_unix(seconds, 0).unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(time.to_unix(), seconds);
        }
        assert_eq!(DateTime::from_unix(253_402_300_800, 0), None);
        assert_eq!(DateTime::from_unix(i64::MAX, 60), None);
    }

    #[test]
    fn only_days_that_exist() {
        assert!(DateTime::new((1900, 2, 29), (0, 0, 0), 0).is_none());
        assert!(DateTime::new((2000, 2, 29), (0, 0, 60), 0).is_some());
        assert!(DateTime::new((2000, 13, 1), (0, 0, 0), 0).is_none());
        assert!(DateTime::new((2000, 1, 1), (24, 0, 0), 0).is_none());
    }

    #[test]
    fn rfc3339_is_written_in_utc() {
        let time = DateTime::new((1997, 11, 21), (9, 55, 6), -360).unwrap();
        assert_eq!(time.to_rfc3339(), "1997-11-21T15:55:06Z");
        assert_eq!(time.to_string(), "Fri, 21 Nov 1997 09:55:06 -0600");
    }

    #[test]
    fn each_day_of_400_years_follows_the_one_before() {
        let all = if cfg!(miri) { 1_500 } else { 146_097 };
        let (mut year, mut month, mut day) = (1871, 3, 1);
        for days in -36_100..-36_100 + all {
            let time = DateTime::from_unix(days * 86_400 + 3_599, 0).unwrap();
            assert_eq!(
                (time.date(), time.time()),
                ((year, month, day), (0, 59, 59))
            );
            assert_eq!(time.to_unix(), days * 86_400 + 3_599);
            (year, month, day) = match (month, day) {
                _ if DateTime::new((year, month, day + 1), (0, 0, 0), 0).is_some() => {
                    (year, month, day + 1)
                }
                (12, _) => (year + 1, 1, 1),
                _ => (year, month + 1, 1),
            };
        }
    }

    #[test]
    fn a_month_has_the_days_of_the_gregorian_calendar() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let months = (1..=12)
            .zip(lengths)
            .map(|(month, days)| (2023, month, days));
        let leap_years = [(1900, 28), (2000, 29), (2024, 29), (2025, 28), (2100, 28)];
        for (year, month, days) in months.chain(leap_years.map(|(year, days)| (year, 2, days))) {
            let exists = |day| DateTime::new((year, month, day), (0, 0, 0), 0).is_some();
            assert!(exists(1) && exists(days), "{year}-{month}");
            assert!(!exists(0) && !exists(days + 1), "{year}-{month}");
        }
    }

    #[test]
    fn rfc5322_3_3_a_zone_is_hours_and_minutes_east_of_utc() {
        for (offset, text) in [
            (0, "Sun, 9 Nov 2025 10:11:12 +0000"),
            (330, "Sun, 9 Nov 2025 15:41:12 +0530"),
            (-45, "Sun, 9 Nov 2025 09:26:12 -0045"),
            (-720, "Sat, 8 Nov 2025 22:11:12 -1200"),
            (840, "Mon, 10 Nov 2025 00:11:12 +1400"),
        ] {
            let time = DateTime::from_unix(1_762_683_072, offset).unwrap();
            assert_eq!((&*time.to_string(), time.offset()), (text, offset));
            assert_eq!(time.to_unix(), 1_762_683_072);
        }
    }

    #[test]
    fn rfc5322_3_3_names_are_known_by_three_letters_in_any_case() {
        for (number, name) in (1..).zip(MONTHS) {
            assert_eq!(month(name.to_lowercase().as_bytes()), Some(number));
        }
        assert_eq!((month(b"September"), month(b"Ja")), (Some(9), None));
        for name in WEEKDAYS {
            assert!(is_weekday(name.to_uppercase().as_bytes()));
        }
        assert!(is_weekday(b"Tuesday") && !is_weekday(b"Day") && !is_weekday(b"Mo"));
    }
}

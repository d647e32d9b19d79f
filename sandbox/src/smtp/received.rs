//! The trace field that a server may put before the content (RFC 5321 §4.4).

use std::time::{Duration, SystemTime};

/// `Received: from client by host with protocol; date`, folded, with its CRLF.
pub(super) fn field(client: &str, host: &str, protocol: &str, at: SystemTime) -> String {
    let date = date(at);
    format!("Received: from {client}\r\n\tby {host} with {protocol};\r\n\t{date}\r\n")
}

/// A date-time in UTC (RFC 5322 §3.3). A time before 1970 is shown as the beginning of 1970.
fn date(at: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.unwrap_or(Duration::ZERO).as_secs();
    let days = seconds / 86_400;
    let (year, month, day) = civil(days);
    let day_name = DAYS.get((days % 7) as usize).unwrap_or(&"");
    let month_name = MONTHS.get(month).unwrap_or(&"");
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{day_name}, {day} {month_name} {year} {hour:02}:{minute:02}:{second:02} +0000")
}

/// Year, month from 0, and day from 1, of a day counted from 1970-01-01.
fn civil(days: u64) -> (u64, usize, u64) {
    // Counted from 1 March of the year 0: then the leap day is the last day of the year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    (year, month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "Thu, 1 Jan 1970 00:00:00 +0000");
        assert_eq!(at(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(at(1_709_251_199), "Thu, 29 Feb 2024 23:59:59 +0000");
        assert_eq!(at(1_735_689_600), "Wed, 1 Jan 2025 00:00:00 +0000");
        assert_eq!(at(4_107_542_400), "Mon, 1 Mar 2100 00:00:00 +0000");
    }

    #[test]
    fn rfc5321_4_4_trace_field() {
        assert_eq!(
            field("a.example", "localhost", "ESMTPSA", SystemTime::UNIX_EPOCH),
            "Received: from a.example\r\n\tby localhost with ESMTPSA;\r\n\tThu, 1 Jan 1970 00:00:00 +0000\r\n"
        );
    }
}

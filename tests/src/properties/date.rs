use postrider_mime::{DateTime, Message, MessageBuilder};

/// The input is the value of a Date field.
///
/// * A date that is read is a day and a time that exist, as a naive calendar counts them.
/// * It is written as RFC 5322 §3.3 demands, and what is written is read back equal.
/// * The same moment in another zone is the same moment.
pub fn date(input: &[u8]) {
    let mail = [b"Date: ", input, b"\r\n\r\n"].concat();
    let Some(date) = Message::parse(&mail).date() else {
        return;
    };
    let ((year, month, day), (hour, minute, second)) = (date.date(), date.time());
    assert!((1..=9999).contains(&year) && hour < 24 && minute < 60 && second <= 60);
    assert!((1..=days(year, month)).contains(&day), "{date}");
    let seconds = u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second);
    let since_1970 = i64::try_from(naive(year, month, day) * 86_400 + seconds).expect("a number")
        - 719_162 * 86_400
        - i64::from(date.offset()) * 60;
    assert_eq!(date.to_unix(), since_1970, "{date}");
    for offset in [-1439, 0, 345] {
        let elsewhere = DateTime::from_unix(since_1970, offset);
        assert!(elsewhere.is_none_or(|d| d.to_unix() == since_1970));
    }
    let builder = MessageBuilder::new().from("a@example.org").date(date);
    let built = builder.build().expect("a date can be written");
    assert_eq!(Message::parse(&built).date(), Some(date), "{date}");
    let written = date.to_string();
    assert!(
        written.is_ascii() && (30..=31).contains(&written.len()),
        "{written}"
    );
}

/// Whole days from the first of January in the year 1.
fn naive(year: u16, month: u8, day: u8) -> u64 {
    let years = (1..year).map(|y| 365 + u64::from(is_leap(y)));
    let months = (1..month).map(|m| u64::from(days(year, m)));
    years.sum::<u64>() + months.sum::<u64>() + u64::from(day) - 1
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days(year: u16, month: u8) -> u8 {
    match month {
        2 => 28 + u8::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

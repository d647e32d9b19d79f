//! An age as people write it: `30d`.

use std::time::Duration;

const UNITS: [(char, u64); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

/// Reads a whole number and a unit.
pub(in crate::commands) fn parse(text: &str) -> Result<Duration, String> {
    let seconds = UNITS.into_iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(seconds)
    });
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "an age is a number and a unit (w, d, h, m, s), such as 30d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        assert_eq!(parse("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse("2w"), parse("14d"));
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "d", "30", "-1d", "1.5h", "1y", "99999999999999999999w"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&format!("{}w", u64::MAX)).is_err());
    }
}

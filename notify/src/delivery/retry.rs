//! When a mail is tried again, and for how long an account is left alone.

use crate::clock::later;
use crate::outgoing::DeliveryId;
use crate::store::Pause;
use jiff::Timestamp;
use std::time::Duration;

/// The wait after the first attempt; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(4 * 60 * 60);

/// What five days have room for: nobody needs to be tried more often to be out of time.
const MOST_ATTEMPTS: u32 = 35;

/// The longest pause of an account.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// When a delivery is tried again after so many attempts: 1, 2, 4 … minutes, at most 4 hours, ± 10 %.
///
/// The deviation spreads mails that failed together. It follows from the delivery and the attempt,
/// so that the same history gives the same schedule.
pub fn next_attempt(delivery: DeliveryId, attempts: u32, now: Timestamp) -> Timestamp {
    let wait = doubled(FIRST_WAIT, attempts.saturating_sub(1)).min(LONGEST_WAIT);
    let seed = delivery.cast_unsigned() ^ u64::from(attempts).rotate_left(32);
    // 0 … 200 thousandths, shifted to 900 … 1100.
    let thousandths = 900 + u32::try_from(scramble(seed) % 201).unwrap_or(100);
    later(now, wait / 1000 * thousandths)
}

/// How many attempts have room in a lifetime if each wait is as long as it can be. A mail that is tried later than planned,
/// because its account rested or nothing ran, has had fewer.
pub(crate) fn attempts_within(lifetime: Duration) -> u32 {
    let mut left = lifetime;
    let mut attempts = 0;
    while !left.is_zero() && attempts < MOST_ATTEMPTS {
        let wait = doubled(FIRST_WAIT, attempts).min(LONGEST_WAIT) / 10 * 11;
        left = left.saturating_sub(wait);
        attempts += 1;
    }
    attempts
}

/// The pause of an account after so many failures in a row: 1, 2, 4 … minutes, at most an hour.
pub fn pause(failures: u32, reason: String, now: Timestamp) -> Pause {
    let length = doubled(FIRST_WAIT, failures.saturating_sub(1)).min(LONGEST_PAUSE);
    Pause {
        until: later(now, length),
        reason,
        failures,
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1u32.checked_shl(times.min(20)).unwrap_or(u32::MAX))
}

/// Spreads neighbouring numbers over all 64 bits (the finaliser of SplitMix64).
fn scramble(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn until(from: Timestamp, to: Timestamp) -> Duration {
        Duration::try_from(to.duration_since(from)).unwrap()
    }

    fn seconds(delivery: DeliveryId, attempts: u32) -> u64 {
        let now = Timestamp::UNIX_EPOCH;
        until(now, next_attempt(delivery, attempts, now)).as_secs()
    }

    #[test]
    fn waits_double_from_a_minute_to_four_hours() {
        for (attempts, wait) in [
            (1, 60),
            (2, 120),
            (3, 240),
            (8, 7680),
            (9, 14_400),
            (400, 14_400),
        ] {
            let got = seconds(7, attempts);
            assert!(
                (wait * 9 / 10..=wait * 11 / 10).contains(&got),
                "{attempts}: {got}"
            );
        }
    }

    #[test]
    fn waits_deviate_by_a_tenth_to_both_sides_and_no_further() {
        for (attempts, wait) in [(1, 60), (2, 120), (12, 14_400)] {
            let waits: Vec<u64> = (0..5_000).map(|n| seconds(n, attempts)).collect();
            let (least, most) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
            assert_eq!((least, most), (wait * 9 / 10, wait * 11 / 10), "{attempts}");
            let mean = waits.iter().sum::<u64>() as f64 / waits.len() as f64;
            assert!(
                (mean / wait as f64 - 1.0).abs() < 0.01,
                "{attempts}: {mean}"
            );
        }
    }

    #[test]
    fn the_deviation_follows_from_the_delivery_and_the_attempt() {
        let deviation = |delivery, attempts| seconds(delivery, attempts) as f64 / 14_400.0;
        let by_delivery: Vec<_> = (0..40).map(|delivery| deviation(delivery, 12)).collect();
        let by_attempt: Vec<_> = (12..52).map(|attempts| deviation(1, attempts)).collect();
        for mut deviations in [by_delivery, by_attempt] {
            deviations.sort_by(f64::total_cmp);
            deviations.dedup();
            assert!(deviations.len() > 30, "{deviations:?}");
        }
    }

    #[test]
    fn the_schedule_is_spread_and_repeats() {
        let mut waits: Vec<u64> = (0..50).map(|delivery| seconds(delivery, 5)).collect();
        assert_eq!(
            waits,
            (0..50)
                .map(|delivery| seconds(delivery, 5))
                .collect::<Vec<_>>()
        );
        waits.sort_unstable();
        waits.dedup();
        assert!(waits.len() > 25, "{waits:?}");
    }

    #[test]
    fn five_days_hold_some_forty_attempts() {
        let mut at = Timestamp::UNIX_EPOCH;
        let end = later(at, Duration::from_secs(5 * 24 * 3600));
        let mut attempts = 0;
        while at < end {
            attempts += 1;
            at = next_attempt(1, attempts, at);
        }
        assert!((33..42).contains(&attempts), "{attempts}");
    }

    #[test]
    fn no_schedule_has_fewer_attempts_than_a_lifetime_has_room_for() {
        let lifetimes = [0, 1, 66, 67, 200, 20_000, 5 * 24 * 3600, 9 * 24 * 3600];
        let within = lifetimes.map(|s| attempts_within(Duration::from_secs(s)));
        assert_eq!(within, [0, 1, 1, 2, 3, 9, MOST_ATTEMPTS, MOST_ATTEMPTS]);
        for delivery in 0..200 {
            let start = Timestamp::UNIX_EPOCH;
            let end = later(start, Duration::from_secs(5 * 24 * 3600));
            let (mut at, mut attempts) = (start, 0);
            while at < end {
                attempts += 1;
                at = next_attempt(delivery, attempts, at);
            }
            assert!(attempts >= MOST_ATTEMPTS, "{delivery}: {attempts}");
        }
    }

    #[test]
    fn pauses_double_from_a_minute_to_an_hour() {
        let now = Timestamp::UNIX_EPOCH;
        let length = |failures| until(now, pause(failures, String::new(), now).until).as_secs();
        assert_eq!(
            [1, 2, 3, 6, 7, 99].map(length),
            [60, 120, 240, 1920, 3600, 3600]
        );
    }

    proptest! {
        #[test]
        fn no_input_overflows(delivery: i64, attempts: u32, second in -1_000_000_000i64..4_000_000_000) {
            let now = Timestamp::from_second(second).unwrap();
            prop_assert!(next_attempt(delivery, attempts, now) > now);
            prop_assert!(pause(attempts, String::new(), now).until > now);
        }
    }
}

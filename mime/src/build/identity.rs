//! What a message is told apart by: its date, its identifier and its boundaries, made of its content.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::content::Content;
use super::error::BuildError;
use crate::date_time::DateTime;
use crate::message_id::MessageId;
use crate::value_error::ValueError;

/// The time of a message, and what tells it from another of the same time and content.
pub(super) struct Now {
    pub(super) date: DateTime,
    pub(super) salt: u64,
}

impl Now {
    /// A date that is given makes the message the same every time; otherwise no two are the same.
    pub(super) fn of(date: Option<DateTime>) -> Result<Self, BuildError> {
        static BUILT: AtomicU64 = AtomicU64::new(0);
        if let Some(date) = date {
            return Ok(Self { date, salt: 0 });
        }
        let since = since_1970().ok_or(BuildError::NoClock)?;
        let date = i64::try_from(since.as_secs())
            .ok()
            .and_then(|seconds| DateTime::from_unix(seconds, 0));
        let date = date.ok_or_else(|| BuildError::invalid("Date", ValueError::Date))?;
        let mut salt = Digest::new(since.as_nanos() as u64);
        salt.word(BUILT.fetch_add(1, Ordering::Relaxed));
        salt.word(u64::from(std::process::id()));
        Ok(Self {
            date,
            salt: salt.halves().0 | 1,
        })
    }
}

/// The time by the clock of the system, unless the target has none: there, asking for it panics.
fn since_1970() -> Option<Duration> {
    if cfg!(all(target_family = "wasm", target_os = "unknown")) {
        return None;
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Some(since.unwrap_or_default())
}

/// A hash of 128 bits to tell messages apart. It keeps no secret and stops no forger.
///
/// Four lanes, so that the processor need not wait for one multiplication before it begins the next.
pub(super) struct Digest {
    lanes: [u64; 4],
}

/// How many bytes are taken in at once: sixteen a lane.
const BLOCK: usize = 64;

/// An odd number without a pattern in its bits.
const FACTOR: u64 = 0xA076_1D64_78BD_642F;

/// How much of an attachment is looked at, at either end.
const SAMPLE: usize = 4096;

/// The product of two numbers, its halves in one.
fn folded(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product as u64) ^ (product >> 64) as u64
}

impl Digest {
    pub(super) fn new(salt: u64) -> Self {
        let mut digest = Self {
            lanes: [
                0x9E37_79B9_7F4A_7C15,
                0xD1B5_4A32_D192_ED03,
                0x8CB9_2BA7_2F3D_8DD7,
                0x6A09_E667_F3BC_C909,
            ],
        };
        digest.word(salt);
        digest
    }

    fn word(&mut self, word: u64) {
        let [first, ..] = &mut self.lanes;
        *first = (*first ^ word).wrapping_mul(FACTOR);
        *first ^= *first >> 32;
    }

    /// Takes in all of a text.
    pub(super) fn text(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let mut rest = bytes;
        while let Some((block, after)) = rest.split_first_chunk() {
            self.block(block);
            rest = after;
        }
        let mut last = [0; BLOCK];
        if let Some(front) = last.get_mut(..rest.len()) {
            front.copy_from_slice(rest);
        }
        self.block(&last);
    }

    fn block(&mut self, block: &[u8; BLOCK]) {
        for (lane, bytes) in self.lanes.iter_mut().zip(block.chunks_exact(BLOCK / 4)) {
            let pair = bytes.first_chunk().map_or(0, |b| u128::from_le_bytes(*b));
            *lane = folded(*lane ^ pair as u64, (pair >> 64) as u64 ^ FACTOR);
        }
    }

    /// Takes in the length and both ends of an attachment.
    pub(super) fn sample(&mut self, content: &Content<'_>) {
        self.word(content.length().unwrap_or(u64::MAX));
        let bytes = content.bytes().unwrap_or_default();
        self.text(bytes.get(..SAMPLE).unwrap_or(bytes));
        if bytes.len() > SAMPLE {
            self.text(bytes.get(bytes.len() - SAMPLE..).unwrap_or_default());
        }
    }

    /// The lanes in two, each of which depends on all four.
    fn halves(&self) -> (u64, u64) {
        let mixed = |a: u64, b: u64| folded(a ^ 0xE703_7ED1_A0B4_28DB, b | 1);
        let [a, b, c, d] = self.lanes;
        let (left, right) = (mixed(a, b), mixed(c, d));
        (left ^ right.rotate_left(17), right ^ mixed(left, a ^ d))
    }

    pub(super) fn message_id(&self, domain: &str) -> Result<MessageId, ValueError> {
        // A domain beyond ASCII would need SMTPUTF8 in the identifier too.
        let domain = if domain.is_ascii() {
            domain
        } else {
            "localhost"
        };
        let (left, right) = self.halves();
        MessageId::parse(&format!("{left:016x}{right:016x}@{domain}"))
    }

    /// The stem of the boundaries. `=_` cannot stand in base64 nor in quoted-printable (RFC 2045 §6.7).
    pub(super) fn boundary(&self) -> String {
        let (left, right) = self.halves();
        let number = left ^ right.rotate_left(32);
        let mut stem = *b"=_0123456789abcdef";
        for (place, digit) in stem.iter_mut().skip(2).enumerate() {
            *digit = match (number >> (60 - place * 4)) as u8 & 15 {
                digit @ ..10 => b'0' + digit,
                digit => b'a' - 10 + digit,
            };
        }
        std::str::from_utf8(&stem).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_anywhere_is_told_apart() {
        let stem = |bytes: &[u8]| {
            let mut digest = Digest::new(0);
            digest.text(bytes);
            digest.boundary()
        };
        let base = [b'x'; 100];
        let mut seen = std::collections::HashSet::from([stem(&base)]);
        for at in 0..100 {
            for bit in 0..8 {
                let mut other = base;
                other[at] ^= 1 << bit;
                assert!(seen.insert(stem(&other)));
            }
            assert!(seen.insert(stem(&base[..at])));
        }
        assert!(seen.iter().all(|s| s.len() == 18 && s.starts_with("=_")));
    }

    /// Texts that differ in one bit or in their length.
    fn texts() -> Vec<Vec<u8>> {
        let base = vec![b'x'; 100];
        let bits = (0..800).map(|bit| {
            let mut other = base.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            other
        });
        bits.chain((0..=100).map(|at| base[..at].to_vec()))
            .collect()
    }

    #[test]
    fn every_bit_is_as_often_one_as_zero() {
        let halves = texts().into_iter().map(|text| {
            let mut digest = Digest::new(0);
            digest.text(&text);
            digest.halves()
        });
        let halves: Vec<_> = halves.collect();
        let count = halves.len() as u64;
        for bit in 0..64_u32 {
            let ones = halves.iter().fold([0, 0], |[left, right], half| {
                [left + ((half.0 >> bit) & 1), right + ((half.1 >> bit) & 1)]
            });
            let about_half = count * 2 / 5..count * 3 / 5;
            assert!(
                ones.iter().all(|n| about_half.contains(n)),
                "{bit}: {ones:?}"
            );
        }
    }

    #[test]
    fn each_half_depends_on_all_four_lanes() {
        for lanes in [Digest::new(0).lanes, [1; 4]] {
            let (left, right) = Digest { lanes }.halves();
            // The lowest bit is what keeps a factor from being zero.
            for (lane, bit) in (0..4).flat_map(|lane| (1..64).map(move |bit| (lane, bit))) {
                let mut lanes = lanes;
                lanes[lane] ^= 1 << bit;
                let other = Digest { lanes }.halves();
                assert!(other.0 != left && other.1 != right, "{lane} {bit}");
            }
        }
    }

    #[test]
    fn a_boundary_is_all_64_bits_of_a_number() {
        for text in texts() {
            let mut digest = Digest::new(0);
            digest.text(&text);
            let (left, right) = digest.halves();
            let number = left ^ right.rotate_left(32);
            assert_eq!(digest.boundary(), format!("=_{number:016x}"));
        }
    }

    #[test]
    fn salts_are_told_apart() {
        let salts: std::collections::HashSet<u64> =
            (0..1000).chain((0..64).map(|bit| 1 << bit)).collect();
        let digests = salts.iter().map(|salt| Digest::new(*salt).halves());
        let digests: std::collections::HashSet<_> = digests.collect();
        assert_eq!(digests.len(), salts.len());
    }

    #[test]
    fn of_an_attachment_the_length_and_both_ends_are_looked_at() {
        let stem = |bytes: &[u8]| {
            let mut digest = Digest::new(0);
            digest.sample(&bytes.into());
            digest.boundary()
        };
        let whole = vec![b'x'; 3 * SAMPLE];
        for (at, seen) in [
            (0, true),
            (SAMPLE - 1, true),
            (SAMPLE, false),
            (2 * SAMPLE - 1, false),
            (2 * SAMPLE, true),
            (3 * SAMPLE - 1, true),
        ] {
            let mut other = whole.clone();
            other[at] = b'y';
            assert_eq!(stem(&other) != stem(&whole), seen, "{at}");
        }
        assert_ne!(stem(&whole[1..]), stem(&whole));
    }

    #[test]
    fn what_is_built_without_a_date_is_of_now_and_like_nothing_else() {
        let clock = || {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            i64::try_from(since.unwrap().as_secs()).unwrap()
        };
        let before = clock();
        let built = [(); 64].map(|()| Now::of(None).unwrap());
        let times = before..=clock();
        assert!(built.iter().all(|now| times.contains(&now.date.to_unix())));
        let given = Now::of(DateTime::from_unix(before, 0)).unwrap();
        let salts: std::collections::HashSet<_> =
            built.iter().chain([&given]).map(|now| now.salt).collect();
        assert_eq!(salts.len(), built.len() + 1);
    }
}

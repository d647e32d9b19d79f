//! What a message is told apart by: its date, its identifier and its boundaries, made of its content.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

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
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let date = i64::try_from(since.as_secs())
            .ok()
            .and_then(|seconds| DateTime::from_unix(seconds, 0));
        let date = date.ok_or_else(|| BuildError::invalid("Date", ValueError::Date))?;
        let mut salt = Digest::new(since.as_nanos() as u64);
        salt.word(BUILT.fetch_add(1, Ordering::Relaxed));
        salt.word(u64::from(std::process::id()));
        Ok(Self {
            date,
            salt: salt.left | 1,
        })
    }
}

/// A hash of 128 bits to tell messages apart. It keeps no secret and stops no forger.
pub(super) struct Digest {
    left: u64,
    right: u64,
}

/// How much of an attachment is looked at, at either end.
const SAMPLE: usize = 4096;

impl Digest {
    pub(super) fn new(salt: u64) -> Self {
        let mut digest = Self {
            left: 0x9E37_79B9_7F4A_7C15,
            right: 0xD1B5_4A32_D192_ED03,
        };
        digest.word(salt);
        digest
    }

    fn word(&mut self, word: u64) {
        self.left = (self.left ^ word).wrapping_mul(0xA076_1D64_78BD_642F);
        self.left ^= self.left >> 32;
        self.right = (self.right.rotate_left(23) ^ word).wrapping_mul(0xE703_7ED1_A0B4_28DB);
        self.right ^= self.right >> 29;
    }

    /// Takes in all of a text.
    pub(super) fn text(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// Takes in the length and both ends of an attachment.
    pub(super) fn sample(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        self.text(bytes.get(..SAMPLE).unwrap_or(bytes));
        if bytes.len() > SAMPLE {
            self.text(bytes.get(bytes.len() - SAMPLE..).unwrap_or_default());
        }
    }

    pub(super) fn message_id(&self, domain: &str) -> Result<MessageId, ValueError> {
        // A domain beyond ASCII would need SMTPUTF8 in the identifier too.
        let domain = if domain.is_ascii() {
            domain
        } else {
            "localhost"
        };
        MessageId::parse(&format!("{:016x}{:016x}@{domain}", self.left, self.right))
    }

    /// The stem of the boundaries. `=_` cannot stand in base64 nor in quoted-printable (RFC 2045 §6.7).
    pub(super) fn boundary(&self) -> String {
        format!("=_{:016x}", self.left ^ self.right.rotate_left(32))
    }
}

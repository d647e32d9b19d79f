//! When an SMTP account sends, how much, and who takes its place.

use std::path::PathBuf;
use std::time::Duration;

/// When an SMTP account sends, how much, and who takes its place.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Off: its mail waits, or goes out by the account that takes its place.
    pub active: bool,
    /// The account that sends its mail while it is paused or off.
    pub fall_back: Option<String>,
    /// Mails in a time at most; recovered evenly.
    pub rate: Option<Rate>,
    /// Mails in a time at most to one recipient domain.
    pub domain_rate: Option<Rate>,
    /// The dialogues are written into this file, secrets left out.
    pub protocol_log: Option<PathBuf>,
}

impl Default for Sending {
    fn default() -> Self {
        Self {
            active: true,
            fall_back: None,
            rate: None,
            domain_rate: None,
            protocol_log: None,
        }
    }
}

/// So many mails in such a time: `100/1h`. A bucket of that size, filled evenly (a token bucket), kept with the data, so
/// that a restart begins where the last run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Mails; at least 1.
    pub mails: u32,
    /// The time.
    pub per: Duration,
}

impl Rate {
    /// How long one mail takes to be recovered.
    pub fn interval(self) -> Duration {
        self.per / self.mails.max(1)
    }
}

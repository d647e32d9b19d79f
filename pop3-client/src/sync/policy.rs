use std::time::Duration;

/// What a sync does with a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When messages are removed from the server. Default: never.
    pub deletion: Deletion,
    /// Messages that LIST says are larger, in octets, are left alone. Default 256 MiB.
    pub max_message: u64,
    /// After so many failures in a row a message is left alone for a while. That the server does not give it for now
    /// (`[SYS/TEMP]`) is none. Default 5.
    pub quarantine_after: u32,
    /// For how long. Default one day.
    pub quarantine_for: Duration,
    /// How long a message is remembered after the server has it no more: should it come back by then, under whatever name, it
    /// is not stored again. What could not be fetched is forgotten after the same time. The journal is shortened once less
    /// than half of it is needed, so that some of it stays longer. Default 90 days.
    pub remember: Duration,
    /// Messages that are made durable together, unless they are large or slow to arrive. A larger group is faster; a crash
    /// fetches it again. Default 64.
    pub group: usize,
    /// Connections that one sync may use up, if they break while it makes progress. Default 5.
    pub connections: u32,
}

/// When messages are removed from the server; always only after they are durable here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// In the session that fetched them.
    Now,
    /// In the first session this long after they were first seen. A time by a clock that was wrong (before 2020, or yet to come)
    /// counts as none: the message is first seen when that is noticed.
    After(Duration),
    /// Never.
    Never,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            deletion: Deletion::Never,
            max_message: 256 << 20,
            quarantine_after: 5,
            quarantine_for: Duration::from_secs(24 * 60 * 60),
            remember: Duration::from_secs(90 * 24 * 60 * 60),
            group: 64,
            connections: 5,
        }
    }
}

impl Policy {
    /// Whether a message first seen at `first_seen` is to be removed, both in seconds since 1970.
    pub(super) fn is_due(&self, first_seen: u64, now: u64) -> bool {
        match self.deletion {
            Deletion::Now => true,
            Deletion::After(age) => {
                now.saturating_sub(in_good_time(first_seen, now)) >= age.as_secs()
            }
            Deletion::Never => false,
        }
    }
}

/// The first second of 2020. A clock that shows an earlier time was not set.
const SET: u64 = 1_577_836_800;

/// When a message was first seen: now, if the clock was wrong then, as far as one that is set can tell.
pub(super) fn in_good_time(first_seen: u64, now: u64) -> u64 {
    let possible = SET..=now;
    if now < SET || possible.contains(&first_seen) {
        first_seen
    } else {
        now
    }
}

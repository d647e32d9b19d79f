use rustix::time::{ClockId, Timespec, clock_gettime};
use std::time::Duration;

/// What time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The processor time of this thread: what others do on the machine does not count.
    Thread,
    /// The time on the wall, for work that waits.
    Wall,
}

impl Clock {
    /// The time now, from a point that stays the same.
    pub fn now(self) -> Duration {
        duration(clock_gettime(match self {
            Self::Thread => ClockId::ThreadCPUTime,
            Self::Wall => ClockId::Monotonic,
        }))
    }
}

/// The processor time of this process up to now.
pub fn process_cpu() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

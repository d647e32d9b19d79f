use crate::{Stage, Timeouts};
use std::time::{Duration, Instant};

/// When a driver gives a server up that is silent, slow, or gives and takes drop by drop. It knows no clock: it is told
/// the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Since when a reply is awaited, or the server to read on. Octets that are no whole reply do not put it off.
    since: Instant,
    /// Octets that the server has taken since then, without taking all that there is.
    taken: usize,
    /// When the whole must be done, and the time that it had.
    end: Option<(Instant, Duration)>,
}

impl Patience {
    /// Begins to wait.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            taken: 0,
            end: None,
        }
    }

    /// Gives the whole a time, from now on.
    pub(crate) fn whole(&mut self, now: Instant, time: Duration) {
        let time = Timeouts::capped(time);
        self.end = Some((now + time, time));
    }

    /// The whole is done.
    pub(crate) fn done(&mut self) {
        self.end = None;
    }

    /// Something is awaited from now on.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.since = now;
        self.taken = 0;
    }

    /// The server has taken so many octets; `all` says whether that was all that there was. Fewer than a block, and not
    /// all, is as good as nothing: a server that takes an octet every three minutes shall not hold a mail for ever.
    pub(crate) fn took(&mut self, now: Instant, octets: usize, all: bool, times: &Timeouts) {
        self.taken = self.taken.saturating_add(octets);
        if all || self.taken >= times.block_octets {
            self.begin(now);
        }
    }

    /// When the driver gives up, unless something happens before.
    pub(crate) fn deadline(&self, stage: Stage, times: &Timeouts) -> Instant {
        let own = self.since + times.of(stage);
        self.end.map_or(own, |(end, _)| end.min(own))
    }

    /// The time that has run out, at the deadline.
    pub(crate) fn ran_out(&self, stage: Stage, times: &Timeouts) -> Duration {
        match self.end {
            Some((end, time)) if end <= self.since + times.of(stage) => time,
            _ => times.of(stage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rfc5321_4_5_3_2_5_a_drop_does_not_count_as_a_block() {
        let (times, start) = (Timeouts::default(), Instant::now());
        let mut patience = Patience::new(start);
        let three_minutes = patience.deadline(Stage::Content, &times);
        assert_eq!(three_minutes, start + 180 * SECOND);
        patience.took(start + SECOND, times.block_octets - 1, false, &times);
        assert_eq!(patience.deadline(Stage::Content, &times), three_minutes);
        patience.took(start + 2 * SECOND, 1, false, &times);
        let later = three_minutes + 2 * SECOND;
        assert_eq!(patience.deadline(Stage::Content, &times), later);
        patience.took(start + 3 * SECOND, 1, true, &times);
        assert_eq!(patience.deadline(Stage::Content, &times), later + SECOND);
    }

    #[test]
    fn the_whole_ends_before_its_parts() {
        let (times, start) = (Timeouts::default(), Instant::now());
        let mut patience = Patience::new(start);
        patience.whole(start, 400 * SECOND);
        assert_eq!(patience.ran_out(Stage::Mail, &times), 300 * SECOND);
        patience.begin(start + 200 * SECOND);
        assert_eq!(patience.deadline(Stage::Mail, &times), start + 400 * SECOND);
        assert_eq!(patience.ran_out(Stage::Mail, &times), 400 * SECOND);
        patience.done();
        assert_eq!(patience.deadline(Stage::Mail, &times), start + 500 * SECOND);
        patience.whole(start, Duration::MAX);
        assert_eq!(patience.ran_out(Stage::Mail, &times), 300 * SECOND);
    }
}

/// How many commands may be in flight (RFC 2449 §6.6): from 64 upward, doubling while it goes well, under a budget of octets.
#[derive(Debug)]
pub(crate) struct Window {
    depth: usize,
    most: usize,
    budget: u64,
    in_flight: usize,
    octets: u64,
    answered: usize,
    filling: bool,
}

/// Commands in flight at first.
const FIRST: usize = 64;

/// Octets of messages in flight, as far as their sizes are known: a few large ones, so that the server never waits for us.
const BUDGET: u64 = 32 << 20;

impl Window {
    /// One command at a time.
    pub(crate) fn lock_step() -> Self {
        Self::with(1, 1, u64::MAX)
    }

    pub(crate) fn adaptive(most: usize) -> Self {
        Self::with(FIRST.min(most), most, BUDGET)
    }

    fn with(depth: usize, most: usize, budget: u64) -> Self {
        Self {
            depth,
            most,
            budget,
            in_flight: 0,
            octets: 0,
            answered: 0,
            filling: true,
        }
    }

    /// Whether a command whose answer has about so many octets may be sent. One always may.
    ///
    /// Refilled when half empty, so that commands travel in batches.
    pub(crate) fn may_send(&mut self, octets: u64) -> bool {
        if self.in_flight == 0 {
            self.filling = true;
            return true;
        }
        if self.in_flight >= self.depth {
            self.filling = false;
        } else if self.in_flight <= self.depth / 2 {
            self.filling = true;
        }
        self.filling && self.octets.saturating_add(octets) <= self.budget
    }

    pub(crate) fn sent(&mut self, octets: u64) {
        self.in_flight += 1;
        self.octets = self.octets.saturating_add(octets);
    }

    /// An answer is complete; pass the same octets as to [`sent`](Self::sent).
    pub(crate) fn answered(&mut self, octets: u64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.octets = self.octets.saturating_sub(octets);
        self.answered += 1;
        if self.answered >= self.depth {
            self.answered = 0;
            self.depth = (self.depth * 2).min(self.most);
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 2_048;

    /// Fills the window, then takes one answer at a time: the most that was ever in flight.
    fn run(window: &mut Window, messages: usize, octets: u64) -> usize {
        let (mut left, mut most) = (messages, 0);
        loop {
            while left > 0 && window.may_send(octets) {
                window.sent(octets);
                left -= 1;
            }
            most = most.max(window.in_flight);
            if window.is_idle() {
                return most;
            }
            window.answered(octets);
        }
    }

    #[test]
    fn it_starts_at_64_and_doubles_beyond_1024() {
        assert_eq!(run(&mut Window::adaptive(MOST), 64, 100), 64);
        assert_eq!(run(&mut Window::adaptive(MOST), 200, 100), 128);
        assert!(run(&mut Window::adaptive(MOST), 10_000, 100) >= 1_024);
        assert!(run(&mut Window::adaptive(MOST), 100_000, 100) <= MOST);
    }

    #[test]
    fn lock_step_is_one_at_a_time() {
        assert_eq!(run(&mut Window::lock_step(), 100, 100), 1);
    }

    #[test]
    fn octets_in_flight_stay_under_the_budget_and_one_message_always_goes() {
        assert_eq!(run(&mut Window::adaptive(MOST), 100, 1 << 20), 32);
        assert_eq!(run(&mut Window::adaptive(MOST), 100, 100 << 20), 1);
        assert_eq!(run(&mut Window::adaptive(MOST), 100, u64::MAX), 1);
    }
}

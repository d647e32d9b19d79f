use crate::{Clock, Options, median};
use std::hint::black_box;
use std::time::Duration;

/// Somebody who does the work.
pub struct Contender<'w> {
    /// Who.
    pub name: &'static str,
    work: Box<dyn FnMut() + 'w>,
}

impl<'w> Contender<'w> {
    /// `work` is done again and again; it must do the same each time and give what it found.
    pub fn new<R>(name: &'static str, mut work: impl FnMut() -> R + 'w) -> Self {
        Self { name, work: Box::new(move || drop(black_box(work()))) }
    }

    /// The time of so many pieces of work, after one that is not counted: it takes up the memory that the one before gave back
    /// to the system, which a new page at a time can take longer than the work itself.
    fn time(&mut self, clock: Clock, times: u32) -> Duration {
        (self.work)();
        let start = clock.now();
        for _ in 0..times {
            (self.work)();
        }
        clock.now() - start
    }
}

/// What a contender took, round by round.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Who.
    pub name: &'static str,
    /// One figure a round.
    pub rounds: Vec<f64>,
    /// What the figures count.
    pub unit: &'static str,
}

impl Measured {
    /// The median round.
    pub fn median(&self) -> f64 {
        median(&self.rounds)
    }

    /// One figure for each round that both took part in.
    pub fn pair(&self, other: &Self, figure: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        self.rounds.iter().zip(&other.rounds).map(|(a, b)| figure(*a, *b)).collect()
    }
}

/// Lets the contenders work in turn and gives the processor time of one piece of work, in microseconds, round by round.
pub fn interleave(options: &Options, contenders: &mut [Contender<'_>]) -> Vec<Measured> {
    let (rounds, target) = if options.quick { (5, Duration::from_millis(4)) } else { (15, Duration::from_millis(25)) };
    let clock = Clock::Thread;
    let times: Vec<u32> = contenders.iter_mut().map(|c| calibrate(c, clock, target)).collect();
    let mut measured: Vec<Measured> =
        contenders.iter().map(|c| Measured { name: c.name, rounds: Vec::new(), unit: "us" }).collect();
    for round in 0..rounds {
        // Each round begins with another one, and every second one runs backwards: nobody always comes after the same
        // neighbour's cache lines and freed memory.
        for turn in 0..contenders.len() {
            let turn = if round % 2 == 0 { turn } else { contenders.len() - 1 - turn };
            let who = (round + turn) % contenders.len();
            let taken = contenders[who].time(clock, times[who]);
            measured[who].rounds.push(taken.as_secs_f64() * 1e6 / f64::from(times[who]));
        }
    }
    measured
}

/// How often the work fits into the target; this warms up too.
fn calibrate(contender: &mut Contender<'_>, clock: Clock, target: Duration) -> u32 {
    let mut times = 1;
    loop {
        let taken = contender.time(clock, times);
        if taken * 2 >= target || times >= 1 << 20 {
            let fit = target.as_secs_f64() / taken.as_secs_f64().max(1e-9) * f64::from(times);
            return fit.clamp(1.0, f64::from(1 << 20)) as u32;
        }
        times *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_work_takes_longer() {
        let work = |n: u64| (0..n).fold(0_u64, |a, b| black_box(a.wrapping_mul(31) ^ b));
        let options = Options { quick: true, ..Options::default() };
        let measured = interleave(
            &options,
            &mut [
                Contender::new("little", || work(black_box(1_000))),
                Contender::new("much", || work(black_box(10_000))),
            ],
        );
        assert!(measured[1].median() > 3.0 * measured[0].median());
        assert_eq!(measured[0].rounds.len(), 5);
    }
}

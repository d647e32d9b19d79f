use crate::{Clock, Measured};
use std::time::Duration;

/// What one piece of work took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Time on the wall.
    pub wall: Duration,
    /// Processor time, where it can be told.
    pub cpu: Option<Duration>,
}

/// Two watches, started together.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    wall: Duration,
    cpu: Duration,
}

impl Watch {
    /// Starts both.
    pub fn start() -> Self {
        Self { wall: Clock::Wall.now(), cpu: Clock::Thread.now() }
    }

    /// What was taken since, for work done in this thread only.
    pub fn stop(&self) -> Taken {
        Taken { wall: Clock::Wall.now() - self.wall, cpu: Some(Clock::Thread.now() - self.cpu) }
    }

    /// What was taken since, for work done elsewhere.
    pub fn stop_wall(&self) -> Taken {
        Taken { cpu: None, ..self.stop() }
    }
}

/// Somebody who does work that waits for others, and may fail at it.
pub struct Trial<'t> {
    /// Who.
    pub name: &'static str,
    /// How many things one turn does: the figures are for one of them.
    pub things: usize,
    work: Box<dyn FnMut() -> Result<Taken, String> + 't>,
}

impl<'t> Trial<'t> {
    /// `work` is done once a round.
    pub fn new(name: &'static str, things: usize, work: impl FnMut() -> Result<Taken, String> + 't) -> Self {
        Self { name, things, work: Box::new(work) }
    }
}

/// What the trials came to, in microseconds for one thing, round by round. Who failed is not among them.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// On the wall.
    pub wall: Vec<Measured>,
    /// Of the processor, for those who can tell.
    pub cpu: Vec<Measured>,
    /// Who failed, and why.
    pub failed: Vec<(&'static str, String)>,
}

impl Turns {
    /// Lets everybody work in turn, round after round.
    pub fn take(rounds: usize, trials: &mut [Trial<'_>]) -> Self {
        let new = |name| Measured { name, rounds: Vec::new(), unit: "us" };
        let mut turns = Self::default();
        turns.wall = trials.iter().map(|t| new(t.name)).collect();
        turns.cpu = turns.wall.clone();
        for round in 0..rounds {
            for turn in 0..trials.len() {
                turns.one((round + turn) % trials.len(), trials);
            }
        }
        turns.wall.retain(|m| m.rounds.len() == rounds);
        turns.cpu.retain(|m| m.rounds.len() == rounds);
        turns
    }

    fn one(&mut self, at: usize, trials: &mut [Trial<'_>]) {
        let trial = &mut trials[at];
        if self.failed.iter().any(|(name, _)| *name == trial.name) {
            return;
        }
        let each = |time: Duration| time.as_secs_f64() * 1e6 / trial.things as f64;
        match (trial.work)() {
            Ok(taken) => {
                self.wall[at].rounds.push(each(taken.wall));
                self.cpu[at].rounds.extend(taken.cpu.map(each));
            }
            Err(why) => self.failed.push((trial.name, why)),
        }
    }
}

impl Measured {
    /// The one of that name.
    pub fn find<'m>(measured: &'m [Self], name: &str) -> Option<&'m Self> {
        measured.iter().find(|m| m.name == name)
    }

    /// The one with the least median among these names.
    pub fn best<'m>(measured: &'m [Self], names: &[&str]) -> Option<&'m Self> {
        let named = measured.iter().filter(|m| names.contains(&m.name));
        named.min_by(|a, b| a.median().total_cmp(&b.median()))
    }
}

use super::{Fault, Nth, Plan, Protocol, Stage};
use std::sync::{Mutex, PoisonError};

/// The faults still to come, and how often each one's point was passed.
#[derive(Debug)]
pub(crate) struct Script {
    seed: u64,
    entries: Mutex<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    fault: Fault,
    passed: u64,
}

impl Script {
    pub(crate) fn new(seed: u64, faults: Vec<Fault>) -> Self {
        let entries = faults.into_iter().map(Entry::new).collect();
        Self {
            seed,
            entries: Mutex::new(entries),
        }
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.with(|entries| entries.push(Entry::new(fault)));
    }

    pub(crate) fn clear(&self) {
        self.with(Vec::clear);
    }

    /// Passes a point of a dialogue: counts it, and says what happens there. A point may have two names
    /// (the last BDAT is a BDAT and the end of data).
    pub(crate) fn pass(&self, protocol: Protocol, names: &[Stage]) -> Plan {
        self.with(|entries| {
            let mut plan = Plan::new(self.seed);
            for (index, entry) in entries.iter_mut().enumerate() {
                let Entry { fault, passed } = entry;
                if fault.protocol == protocol && names.iter().any(|name| fault.stage.covers(*name))
                {
                    *passed += 1;
                    if fault.nth.takes(*passed, self.seed, index as u64) {
                        plan.push(fault.action.clone(), *passed);
                    }
                }
            }
            plan
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Entry>) -> T) -> T {
        act(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entry {
    fn new(fault: Fault) -> Self {
        Self { fault, passed: 0 }
    }
}

impl Nth {
    fn takes(self, passed: u64, seed: u64, index: u64) -> bool {
        match self {
            Self::Nth(n) => n == passed,
            Self::Every => true,
            Self::OneIn(n) => {
                let drawn = mix(seed ^ mix(index ^ mix(passed)));
                drawn.is_multiple_of(u64::from(n.max(1)))
            }
        }
    }
}

/// The output function of SplitMix64: every bit of the input decides about every bit of the result.
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::Action;
    use super::*;

    fn taken(script: &Script, stage: Stage, times: usize) -> Vec<bool> {
        let one = |_| !script.pass(Protocol::Smtp, &[stage]).is_empty();
        (0..times).map(one).collect()
    }

    #[test]
    fn the_nth_occurrence_is_taken_once() {
        let fault = Fault::smtp(Stage::Rcpt, Action::Omit).nth(2);
        let script = Script::new(0, vec![fault]);
        assert_eq!(taken(&script, Stage::Mail, 3), [false; 3]);
        assert_eq!(taken(&script, Stage::Rcpt, 3), [false, true, false]);
        assert!(script.pass(Protocol::Pop3, &[Stage::Rcpt]).is_empty());
    }

    #[test]
    fn the_same_seed_takes_the_same_occurrences_and_about_the_right_number() {
        let run = |seed| {
            let fault = Fault::smtp(Stage::Any, Action::Omit).one_in(4);
            taken(&Script::new(seed, vec![fault]), Stage::Noop, 4000)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let count = run(7).iter().filter(|t| **t).count();
        assert!((800..1200).contains(&count), "{count}");
    }

    #[test]
    fn any_leaves_out_connect_and_content() {
        let script = Script::new(0, vec![Fault::smtp(Stage::Any, Action::Omit).every()]);
        assert_eq!(taken(&script, Stage::Connect, 1), [false]);
        assert_eq!(taken(&script, Stage::Content, 1), [false]);
        assert_eq!(taken(&script, Stage::Quit, 1), [true]);
        script.clear();
        assert_eq!(taken(&script, Stage::Quit, 1), [false]);
        script.add(Fault::smtp(Stage::Quit, Action::Omit));
        assert_eq!(taken(&script, Stage::Quit, 2), [true, false]);
    }
}

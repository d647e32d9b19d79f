//! What the indexer met, for whoever reads while a message arrives.

use std::collections::VecDeque;

use crate::defect::Defect;

/// One thing that was met. Offsets count from the start of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    PartBegins { part: u32, offset: usize },
    Header { part: u32, start: usize, end: usize },
    Body { part: u32, start: usize, end: usize },
    PartEnds { part: u32, offset: usize },
    Defect(Defect),
}

/// The steps that were not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    steps: VecDeque<Step>,
    /// Up to where the body of the current part is in a step.
    pub(super) told: usize,
}

impl Trail {
    pub(super) fn next_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn held(&self) -> usize {
        self.steps.capacity() * size_of::<Step>()
    }

    pub(super) fn step(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    pub(super) fn defects(&mut self, defects: impl Iterator<Item = Defect>) {
        self.steps.extend(defects.map(Step::Defect));
    }

    /// The body of a part goes on up to `end`.
    pub(super) fn body(&mut self, part: u32, end: usize) {
        let start = self.told;
        if start < end {
            self.told = end;
            self.step(Step::Body { part, start, end });
        }
    }
}

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

/// Whoever is told what the indexer meets: a [`Trail`], or nobody.
pub(crate) trait Listener {
    /// Takes the defects that were met, and a step that comes after them.
    fn step(&mut self, defects: &mut Vec<Defect>, step: Step);

    /// Takes the defects that were met, and the body of a part up to `end`.
    fn body(&mut self, defects: &mut Vec<Defect>, part: u32, end: usize);

    /// The body goes on at `start`.
    fn body_goes_on(&mut self, start: usize);
}

/// Of a message that is there as a whole nothing is told: the index has it all.
impl Listener for () {
    #[inline]
    fn step(&mut self, _: &mut Vec<Defect>, _: Step) {}

    #[inline]
    fn body(&mut self, _: &mut Vec<Defect>, _: u32, _: usize) {}

    #[inline]
    fn body_goes_on(&mut self, _: usize) {}
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

    fn defects(&mut self, defects: &mut Vec<Defect>) {
        self.steps.extend(defects.drain(..).map(Step::Defect));
    }
}

impl Listener for Trail {
    fn step(&mut self, defects: &mut Vec<Defect>, step: Step) {
        self.defects(defects);
        self.steps.push_back(step);
    }

    fn body(&mut self, defects: &mut Vec<Defect>, part: u32, end: usize) {
        self.defects(defects);
        let start = self.told;
        if start < end {
            self.told = end;
            self.steps.push_back(Step::Body { part, start, end });
        }
    }

    fn body_goes_on(&mut self, start: usize) {
        self.told = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_told_once_and_goes_on_where_it_was_said_to() {
        let (mut trail, mut defects) = (Trail::default(), Vec::new());
        for end in [5, 5, 9] {
            trail.body(&mut defects, 3, end);
        }
        trail.body_goes_on(20);
        trail.body(&mut defects, 4, 20);
        trail.body(&mut defects, 4, 21);
        let told = std::iter::from_fn(|| trail.next_step()).map(|step| match step {
            Step::Body { part, start, end } => (part, start, end),
            other => panic!("{other:?}"),
        });
        let told: Vec<_> = told.collect();
        assert_eq!(told, [(3, 0, 5), (3, 5, 9), (4, 20, 21)]);
        assert!(trail.is_empty());
    }

    #[test]
    fn what_is_held_is_room_for_the_steps() {
        let mut trail = Trail::default();
        assert_eq!(trail.held(), 0);
        let step = Step::PartEnds { part: 0, offset: 0 };
        (0..100).for_each(|_| trail.step(&mut Vec::new(), step));
        let least = 100 * size_of::<Step>();
        assert!(
            (least..3 * least).contains(&trail.held()),
            "{}",
            trail.held()
        );
    }
}

//! How the indexer tells what it meets while a message arrives, and forgets what was told.

use super::indexer::{Indexer, State};
use super::trail::{Step, Trail};
use super::window::Window;
use crate::defect::DefectKind;

impl Indexer {
    /// Keeps a trail from now on.
    pub(crate) fn with_trail(mut self) -> Self {
        self.trail = Some(Trail::default());
        self.tell(Step::PartBegins { part: 0, offset: 0 });
        self
    }

    /// The next step of the trail that was not taken yet.
    pub(crate) fn next_step(&mut self) -> Option<Step> {
        self.trail.as_mut()?.next_step()
    }

    /// Whether there are steps that were not taken yet.
    pub(crate) fn has_steps(&self) -> bool {
        self.trail.as_ref().is_some_and(|trail| !trail.is_empty())
    }

    /// How many bytes of memory are held.
    pub(crate) fn held(&self) -> usize {
        let trail = self.trail.as_ref().map_or(0, Trail::held);
        self.index.held() + self.open.held() + trail
    }

    /// Notes a step, behind the defects that were met before it.
    #[inline]
    pub(super) fn tell(&mut self, step: Step) {
        if let Some(trail) = &mut self.trail {
            trail.defects(self.index.defects.drain(..));
            trail.step(step);
        }
    }

    /// Notes the body of the current part up to `end`.
    #[inline]
    pub(super) fn tell_body(&mut self, end: usize) {
        if let Some(trail) = &mut self.trail {
            trail.defects(self.index.defects.drain(..));
            trail.body(self.current, end);
        }
    }

    /// Notes that the body goes on at `start`.
    #[inline]
    pub(super) fn body_goes_on(&mut self, start: usize) {
        if let Some(trail) = &mut self.trail {
            trail.told = start;
        }
    }

    /// Forgets what was told and is not needed to go on. Gives the position of the first byte that is.
    pub(crate) fn forget(&mut self) -> usize {
        let current = self.current;
        let in_header = self.state != State::Body;
        if let Some(record) = self.index.parts.get_mut(current as usize) {
            let fields = &mut self.index.fields;
            let first = if in_header {
                record.first_field as usize
            } else {
                fields.len()
            };
            // So many fewer may come.
            self.limits.fields = self.limits.fields.saturating_sub(first);
            fields.drain(..first.min(fields.len()));
            record.first_field = 0;
            record.last_field = 0;
        }
        match (self.state, &self.trail) {
            (State::Header, _) => self.header.start,
            (State::Body, Some(trail)) => trail.told.min(self.position.saturating_sub(1)),
            // The line end before a delimiter.
            _ => self.position.saturating_sub(2),
        }
    }

    /// Notes what is sure of an unfinished body, and the last defects.
    pub(super) fn tell_rest(&mut self, window: Window<'_>) {
        // The line end before a delimiter belongs to it, and the position may be within one.
        let end = match self.state {
            State::Body if self.open.is_empty() => window.end(),
            State::Body if window.follows_line_end(self.position) => {
                window.before_line_end(self.position)
            }
            State::Body => self.position.saturating_sub(1),
            _ => 0,
        };
        self.tell_body(end);
    }

    /// Notes that the message goes on where there are no positions.
    pub(crate) fn too_long(&mut self) {
        self.index.defect(DefectKind::TooLong, Window::LONGEST, 0);
        self.tell_body(0);
    }

    /// Notes the header of the current part, which ends before `end`.
    pub(super) fn tell_header(&mut self, end: usize) {
        self.tell(Step::Header {
            part: self.current,
            start: self.header.start,
            end,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Index;
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn that_a_message_is_longer_than_positions_reach_is_told() {
        let mut indexer =
            Indexer::new(Limits::default(), Index::default(), Default::default()).with_trail();
        indexer.too_long();
        let told: Vec<_> = std::iter::from_fn(|| indexer.next_step()).collect();
        assert!(
            matches!(told.last(), Some(Step::Defect(defect)) if defect.kind == DefectKind::TooLong),
            "{told:?}"
        );
    }
}

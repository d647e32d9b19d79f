//! How the indexer tells what it meets while a message arrives, and forgets what was told.

use super::indexer::{Indexer, State};
use super::trail::{Listener, Step, Trail};
use super::window::{LONGEST, Window};
use super::{Index, OpenBoundaries};
use crate::defect::DefectKind;
use crate::limits::Limits;

impl<L: Listener> Indexer<L> {
    /// Tells a step, behind the defects that were met before it.
    #[inline]
    pub(super) fn tell(&mut self, step: Step) {
        self.listener.step(&mut self.index.defects, step);
    }

    /// Tells the body of the current part up to `end`.
    #[inline]
    pub(super) fn tell_body(&mut self, end: usize) {
        let defects = &mut self.index.defects;
        self.listener.body(defects, self.current, end);
    }

    /// Tells what is sure of an unfinished body, and the last defects.
    #[inline]
    pub(super) fn tell_rest<'b>(&mut self, window: impl Window<'b>) {
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

    /// Tells the header of the current part, which ends before `end`.
    #[inline]
    pub(super) fn tell_header(&mut self, end: usize) {
        self.tell(Step::Header {
            part: self.current,
            start: self.header.start,
            end,
        });
    }
}

impl Indexer<Trail> {
    /// Reads a message that arrives, and keeps a trail.
    pub(crate) fn arriving(limits: Limits) -> Self {
        let (index, open) = (Index::default(), OpenBoundaries::default());
        let mut this = Self::telling(Trail::default(), limits, index, open);
        this.tell(Step::PartBegins { part: 0, offset: 0 });
        this
    }

    /// The next step of the trail that was not taken yet.
    pub(crate) fn next_step(&mut self) -> Option<Step> {
        self.listener.next_step()
    }

    /// Whether there are steps that were not taken yet.
    pub(crate) fn has_steps(&self) -> bool {
        !self.listener.is_empty()
    }

    /// How many bytes of memory are held.
    pub(crate) fn held(&self) -> usize {
        self.index.held() + self.open.held() + self.listener.held()
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
        match self.state {
            State::Header => self.header.start,
            State::Body => self.listener.told.min(self.position.saturating_sub(1)),
            // The line end before a delimiter.
            _ => self.position.saturating_sub(2),
        }
    }

    /// Notes that the message goes on where there are no positions.
    pub(crate) fn too_long(&mut self) {
        self.index.defect(DefectKind::TooLong, LONGEST, 0);
        self.tell_body(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_a_message_is_longer_than_positions_reach_is_told() {
        let mut indexer = Indexer::arriving(Limits::default());
        indexer.too_long();
        let told: Vec<_> = std::iter::from_fn(|| indexer.next_step()).collect();
        assert!(
            matches!(told.last(), Some(Step::Defect(defect)) if defect.kind == DefectKind::TooLong),
            "{told:?}"
        );
    }
    #[test]
    fn what_is_held_is_held_by_the_records_the_boundaries_and_the_trail() {
        let mut indexer = Indexer::arriving(Limits::default());
        let before = indexer.held();
        indexer.index.defects.reserve_exact(100);
        let defects = 100 * size_of::<crate::Defect>();
        assert_eq!(indexer.held(), before + defects);
        indexer.open.push(&[b'x'; 900], 0);
        let open = indexer.open.held();
        assert_eq!(indexer.held(), before + defects + open);
        assert!(before > 0 && open > 900, "{before} {open}");
    }
}

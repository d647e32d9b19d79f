//! Who of a mail's recipients has been settled, and how.

use crate::{Cause, Envelope, Error, Outcome, RecipientOutcome, Reply, Stage};

/// The verdicts on one mail, one slot for each recipient. A slot is filled once.
#[derive(Debug)]
pub(super) struct Tally {
    slots: Vec<Option<(Outcome, Stage, Cause)>>,
    open: usize,
}

impl Tally {
    pub(super) fn new(recipients: usize) -> Self {
        Self {
            slots: vec![None; recipients],
            open: recipients,
        }
    }

    /// Settles a recipient by a reply.
    pub(super) fn reply(&mut self, index: usize, stage: Stage, reply: &Reply) {
        let outcome = Outcome::of_reply(reply);
        self.settle(index, || (outcome, stage, Cause::Reply(reply.clone())));
    }

    /// Settles a recipient by an error of ours or of the connection.
    pub(super) fn error(&mut self, index: usize, outcome: Outcome, error: &Error) {
        let stage = error.stage();
        self.settle(index, || (outcome, stage, Cause::Error(error.clone())));
    }

    /// Settles everybody who is not.
    pub(super) fn error_for_all(&mut self, outcome: Outcome, error: &Error) {
        (0..self.slots.len()).for_each(|index| self.error(index, outcome, error));
    }

    /// Settles everybody whose turn had not come.
    pub(super) fn queue_all(&mut self, error: &Error) {
        for index in 0..self.slots.len() {
            let cause = || Cause::Error(error.clone());
            self.settle(index, || (Outcome::Deferred, Stage::Queue, cause()));
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.open == 0
    }

    pub(super) fn is_open(&self, index: usize) -> bool {
        matches!(self.slots.get(index), Some(None))
    }

    /// The verdicts, in the envelope's order.
    pub(super) fn into_outcomes(self, envelope: &Envelope) -> Vec<RecipientOutcome> {
        let slots = self.slots.into_iter().zip(envelope.recipients());
        let outcome =
            |(slot, recipient): (Option<(Outcome, Stage, Cause)>, &crate::ForwardPath)| {
                slot.map(|(outcome, stage, cause)| RecipientOutcome {
                    recipient: recipient.clone(),
                    outcome,
                    stage,
                    cause,
                })
            };
        slots.filter_map(outcome).collect()
    }

    fn settle(&mut self, index: usize, verdict: impl FnOnce() -> (Outcome, Stage, Cause)) {
        if let Some(slot @ None) = self.slots.get_mut(index) {
            *slot = Some(verdict());
            self.open -= 1;
        }
    }
}

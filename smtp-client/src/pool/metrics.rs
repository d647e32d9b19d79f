use crate::{Outcome, RecipientOutcome};
use std::time::Duration;

/// What a [`Pool`](super::Pool) is doing, and has done since it was made: a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolMetrics {
    /// Connections in use now, or being opened.
    pub active: usize,
    /// Connections kept now.
    pub idle: usize,
    /// Callers that wait now, for a connection or for their turn.
    pub waiting: usize,
    /// Connections opened.
    pub opened: u64,
    /// Connections that could not be opened.
    pub failed: u64,
    /// How often a kept connection was taken for further mails.
    pub reused: u64,
    /// Kept connections that turned out to be dead, so that the mail went once more over a new one.
    pub replaced: u64,
    /// Kept connections closed because nobody came for them, or because they had carried their share of mails.
    pub retired: u64,
    /// Mails handed to the server, settled one way or the other.
    pub mails: u64,
    /// Recipients that the server has taken responsibility for.
    pub accepted: u64,
    /// Recipients refused for good.
    pub refused: u64,
    /// Recipients to be tried again later.
    pub deferred: u64,
    /// Recipients of whom nobody knows.
    pub unknown: u64,
    /// How long mails have waited for their turn ([`PoolLimits::rate`](super::PoolLimits::rate)), all together.
    pub held_back: Duration,
}

impl PoolMetrics {
    pub(super) fn count(&mut self, outcomes: &[Vec<RecipientOutcome>]) {
        self.mails += outcomes.len() as u64;
        for outcome in outcomes.iter().flatten() {
            *match outcome.outcome {
                Outcome::Accepted => &mut self.accepted,
                Outcome::Refused => &mut self.refused,
                Outcome::Deferred => &mut self.deferred,
                Outcome::Unknown => &mut self.unknown,
            } += 1;
        }
    }
}

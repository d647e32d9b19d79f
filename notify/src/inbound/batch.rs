//! Mails whose effects are written together, so that the disk is waited for once.

use super::action::Call;
use super::{Inbound, InboundState};
use crate::record::{Change, RecordKey};
use crate::store::Work;
use std::collections::{HashMap, HashSet};

/// Tables that decide about who a sender is.
const PEOPLE: [&str; 3] = ["user", "group", "group_member"];

/// Mails of one sender that a batch may hold: beyond it the store has to be asked for a loop.
const OF_ONE_SENDER: usize = 10;

/// Programs and webhooks that are called before a batch is written: they are called again if that fails.
const CALLS: usize = 50;

/// What is to become of a mail.
pub(super) struct Judged {
    pub(super) work: Work,
    /// What is to be called before that is written.
    pub(super) calls: Vec<Call>,
    /// The address in From.
    pub(super) from: String,
}

/// Mails that are judged and not written yet.
#[derive(Default)]
pub(super) struct Batch<'i> {
    pub(super) mails: Vec<(&'i Inbound, String)>,
    pub(super) works: Vec<Work>,
    touched: HashSet<RecordKey>,
    /// How many mails in it act, by their sender in lower case: as the store counts them once they are written.
    senders: HashMap<String, usize>,
    calls: usize,
}

impl<'i> Batch<'i> {
    /// True if what was judged may be different once the batch is written.
    pub(super) fn concerns(&self, work: &Work) -> bool {
        let record = work
            .inbound
            .as_ref()
            .and_then(|outcome| outcome.record.as_ref());
        let people = |key: &RecordKey| PEOPLE.contains(&key.table.as_str());
        record.is_some_and(|key| self.touched.contains(key)) || self.touched.iter().any(people)
    }

    /// How many mails of this sender act in it.
    pub(super) fn of(&self, from: &str) -> usize {
        let count = self.senders.get(&from.to_ascii_lowercase());
        count.copied().unwrap_or_default()
    }

    /// True if it has to be written before a mail of this sender is judged.
    pub(super) fn is_full_for(&self, from: &str) -> bool {
        self.of(from) >= OF_ONE_SENDER || self.calls >= CALLS
    }

    /// How many mails wait to be written.
    pub(super) fn len(&self) -> usize {
        self.works.len()
    }

    /// The mails that wait to be written, which are remembered as long as the state is looked at that was before them.
    pub(super) fn part(&mut self) -> Self {
        Self {
            mails: std::mem::take(&mut self.mails),
            works: std::mem::take(&mut self.works),
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, inbound: &'i Inbound, judged: Judged) {
        let changed = judged.work.changes.iter().map(|change| match change {
            Change::Insert { table, .. } => RecordKey::new(table, ""),
            Change::Update { key, .. } => key.clone(),
        });
        self.touched.extend(changed);
        let outcome = judged.work.inbound.as_ref();
        if outcome.is_some_and(|outcome| outcome.state == InboundState::Processed) {
            let sender = judged.from.to_ascii_lowercase();
            *self.senders.entry(sender).or_default() += 1;
        }
        self.calls += judged.calls.len();
        self.mails.push((inbound, judged.from));
        self.works.push(judged.work);
    }
}

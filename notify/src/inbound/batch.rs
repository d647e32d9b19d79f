//! Mails whose effects are written together, so that the disk is waited for once.

use super::Inbound;
use super::action::Call;
use crate::record::{Change, RecordKey};
use crate::store::Work;
use std::collections::HashSet;

/// Tables that decide about who a sender is.
const PEOPLE: [&str; 3] = ["user", "group", "group_member"];

/// Mails of one sender that a batch may hold: beyond it the store has to be asked for a loop.
const OF_ONE_SENDER: usize = 10;

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

    /// How many mails of this sender are in it.
    pub(super) fn of(&self, from: &str) -> usize {
        let theirs = |(_, address): &&(&Inbound, String)| address.eq_ignore_ascii_case(from);
        self.mails.iter().filter(theirs).count()
    }

    pub(super) fn is_full_of(&self, from: &str) -> bool {
        self.of(from) >= OF_ONE_SENDER
    }

    pub(super) fn add(&mut self, inbound: &'i Inbound, judged: Judged) {
        let changed = judged.work.changes.iter().map(|change| match change {
            Change::Insert { table, .. } => RecordKey::new(table, ""),
            Change::Update { key, .. } => key.clone(),
        });
        self.touched.extend(changed);
        self.mails.push((inbound, judged.from));
        self.works.push(judged.work);
    }
}

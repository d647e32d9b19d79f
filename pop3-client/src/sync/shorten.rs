//! Forgetting what the journal says of messages that the server has had no more for long.

use super::index::{Index, uid_key};
use super::intake::Vault;
use super::journal::{Journal, JournalEntry};
use super::record::Record;
use std::collections::HashSet;
use std::io;

/// A journal of fewer lines stays as it is.
pub(super) const FEW: usize = 1_000;

impl<S, J: Journal> Vault<S, J> {
    /// Shortens the journal, and what is known of it here, if less than half of it says something still: of the messages that
    /// the server has, and of those that it had at `horizon` or later.
    ///
    /// That is looked at when it has grown by a quarter, and has `few` lines, so that it costs little for each message.
    ///
    /// # Errors
    /// If the journal cannot be read or replaced. It holds the old lines or the new ones then, and has to be read again.
    pub(super) fn shorten(&mut self, horizon: u64, few: usize) -> io::Result<()> {
        if !self.journal.is_worth_a_look(few) {
            return Ok(());
        }
        if 2 * self.index.lines(horizon) >= self.journal.lines() {
            return Ok(());
        }
        let entries = shortened(self.journal.load()?, horizon);
        self.journal.replace(&entries)?;
        self.index = index_of(&entries);
        Ok(())
    }
}

pub(super) fn index_of(entries: &[JournalEntry]) -> Index {
    let mut index = Index::default();
    entries.iter().for_each(|entry| index.apply(&entry.0));
    index
}

/// The lines that say something still. Of several that say where a message is, the last does.
fn shortened(mut entries: Vec<JournalEntry>, horizon: u64) -> Vec<JournalEntry> {
    let index = index_of(&entries);
    let (mut placed, mut top_broken) = (HashSet::new(), false);
    entries.reverse();
    entries.retain(|entry| match &entry.0 {
        Record::Seen(seen) => index.is_worth_keeping(seen.id, horizon),
        Record::DelePending(id) | Record::Committed(id, _) | Record::Gone(id, _) => {
            index.is_worth_keeping(*id, horizon) && placed.insert(*id)
        }
        Record::Failed(uid, _) => index.failures(uid_key(uid)).is_worth_keeping(horizon),
        Record::TopBroken => !std::mem::replace(&mut top_broken, true),
    });
    entries.reverse();
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UniqueId;
    use crate::sync::digest::Digest;
    use crate::sync::journal::Log;
    use crate::sync::record::Seen;

    /// A journal in memory, and how often it was replaced.
    #[derive(Default)]
    struct Memory(Vec<JournalEntry>, usize);

    impl Journal for Memory {
        fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
            Ok(self.0.clone())
        }

        fn commit(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
            self.0.extend_from_slice(entries);
            Ok(())
        }

        fn replace(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
            (self.0, self.1) = (entries.to_vec(), self.1 + 1);
            Ok(())
        }
    }

    fn vault() -> Vault<(), Memory> {
        Vault {
            account: String::new(),
            journal: Log::new(Memory::default()),
            index: Index::default(),
            store: (),
        }
    }

    fn seen(id: u64, from: Option<u64>) -> Record {
        let digest = Digest::of(&[&id.to_be_bytes()]);
        Record::Seen(Seen {
            id,
            from,
            uid: UniqueId::new(&format!("u{id}")).ok(),
            listed: 7,
            content: digest,
            header: digest,
            at: 10,
            place: String::new(),
        })
    }

    fn failed(uid: &str, at: u64) -> Record {
        Record::Failed(UniqueId::new(uid).unwrap(), at)
    }

    fn remember(vault: &mut Vault<(), Memory>, records: Vec<Record>) {
        records.into_iter().for_each(|record| vault.note(record));
        vault.journal.commit().unwrap();
    }

    /// What the journal says after `shorten` at this horizon.
    fn left(vault: &mut Vault<(), Memory>, horizon: u64) -> Vec<Record> {
        vault.shorten(horizon, 1).unwrap();
        let entries = vault.journal.load().unwrap();
        entries.into_iter().map(|entry| entry.0).collect()
    }

    #[test]
    fn what_the_server_has_is_remembered_and_what_it_has_no_more_until_its_time_is_over() {
        let mut vault = vault();
        let old = (20..40).flat_map(|id| [seen(id, None), Record::Gone(id, 99)]);
        remember(&mut vault, old.collect());
        let (there, marked) = (seen(1, None), [seen(2, None), Record::DelePending(2)]);
        let gone = [seen(3, None), Record::Gone(3, 100)];
        let deleted = [
            seen(4, None),
            Record::DelePending(4),
            Record::Committed(4, 100),
        ];
        let mut all = vec![there.clone()];
        all.extend(marked.iter().chain(&gone).chain(&deleted).cloned());
        remember(&mut vault, all);
        let [four, _, committed] = deleted;
        let mut kept = vec![there];
        kept.extend(marked.into_iter().chain(gone).chain([four, committed]));
        assert_eq!(left(&mut vault, 100), kept);
        // What is known here is what the journal says.
        assert_eq!((vault.journal.lines(), vault.index.lines(100)), (7, 7));
        assert!(vault.index.entry(20).is_none() && vault.index.entry(4).is_some());
    }

    #[test]
    fn a_message_under_its_latest_name_is_one_and_its_last_place_says_where_it_is() {
        let mut vault = vault();
        remember(&mut vault, vec![seen(1, None), Record::Gone(1, 100)]);
        remember(&mut vault, vec![seen(2, Some(1)), Record::TopBroken]);
        remember(&mut vault, vec![Record::DelePending(2); 9]);
        remember(&mut vault, vec![Record::TopBroken]);
        let kept = [seen(2, Some(1)), Record::DelePending(2), Record::TopBroken];
        assert_eq!(left(&mut vault, 100), kept);
    }

    #[test]
    fn what_could_not_be_fetched_is_forgotten_after_the_same_time() {
        let mut vault = vault();
        remember(&mut vault, vec![failed("old", 99); 9]);
        let kept = vec![failed("new", 90), failed("new", 100)];
        remember(&mut vault, kept.clone());
        assert_eq!(left(&mut vault, 100), kept);
        assert_eq!(vault.index.lines(100), 2);
    }

    #[test]
    fn a_journal_is_left_as_it_is_while_it_is_short_or_half_of_it_says_something() {
        let pair = |id, at| [seen(id, None), Record::Gone(id, at)];
        let mut vault = vault();
        remember(&mut vault, (0..10).flat_map(|id| pair(id, 99)).collect());
        vault.shorten(100, 21).unwrap();
        assert_eq!(vault.journal.lines(), 20, "it is short");
        remember(&mut vault, (10..20).flat_map(|id| pair(id, 100)).collect());
        assert_eq!(left(&mut vault, 100).len(), 40, "half of it is needed");
        // Looked at again with a quarter more.
        remember(&mut vault, (20..25).flat_map(|id| pair(id, 99)).collect());
        assert_eq!(left(&mut vault, 100).len(), 50);
        remember(&mut vault, pair(25, 99).to_vec());
        assert_eq!(left(&mut vault, 100).len(), 20);
    }
}

use super::digest::Digest;
use super::record::{Record, Seen};
use crate::UniqueId;
use std::collections::HashMap;

/// What the journal says, in memory: an entry of fixed size for each message, without its unique-id.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: HashMap<u64, Entry>,
    by_uid: HashMap<u128, Vec<u64>>,
    by_content: HashMap<Digest, Vec<u64>>,
    failures: HashMap<u128, Failures>,
    next_id: u64,
    failed: usize,
    top_broken: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) uid: Option<u128>,
    pub(super) listed: u64,
    pub(super) content: Digest,
    pub(super) header: Digest,
    pub(super) at: u64,
    pub(super) place: Place,
}

/// Whether the server has the message still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It had it when last asked.
    Present,
    /// It had it, and was told to delete it.
    Pending,
    /// It had it no more, at this time.
    Absent(u64),
}

/// How often a message could not be retrieved, and when last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    pub(super) count: u32,
    pub(super) last: u64,
}

impl Failures {
    /// Whether there were any at `horizon` or later.
    pub(super) fn is_worth_keeping(self, horizon: u64) -> bool {
        self.count > 0 && self.last >= horizon
    }
}

impl Index {
    pub(super) fn apply(&mut self, record: &Record) {
        match record {
            Record::Seen(seen) => self.seen(seen),
            Record::DelePending(id) => self.set_place(*id, Place::Pending),
            Record::Committed(id, at) | Record::Gone(id, at) => {
                self.set_place(*id, Place::Absent(*at))
            }
            Record::Failed(uid, at) => {
                self.failed += 1;
                let failures = self.failures.entry(uid_key(uid)).or_default();
                *failures = Failures {
                    count: failures.count.saturating_add(1),
                    last: *at,
                };
            }
            Record::TopBroken => self.top_broken = true,
        }
    }

    /// A name for the next entry.
    pub(super) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn entry(&self, id: u64) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(super) fn of_uid(&self, uid: u128) -> impl Iterator<Item = &Entry> {
        self.by_uid
            .get(&uid)
            .into_iter()
            .flatten()
            .filter_map(|id| self.entries.get(id))
    }

    pub(super) fn of_content(&self, content: Digest) -> impl Iterator<Item = &Entry> {
        self.by_content
            .get(&content)
            .into_iter()
            .flatten()
            .filter_map(|id| self.entries.get(id))
    }

    /// These messages by size and header; the oldest is the last of each.
    pub(super) fn by_header(&self, ids: &[u64]) -> HashMap<(u64, Digest), Vec<u64>> {
        let mut found: HashMap<_, Vec<u64>> = HashMap::new();
        for entry in ids.iter().filter_map(|id| self.entries.get(id)) {
            let alike = found.entry((entry.listed, entry.header)).or_default();
            alike.push(entry.id);
        }
        found
            .values_mut()
            .for_each(|ids| ids.sort_by(|a, b| b.cmp(a)));
        found
    }

    pub(super) fn failures(&self, uid: u128) -> Failures {
        self.failures.get(&uid).copied().unwrap_or_default()
    }

    /// How often any message could not be retrieved.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    pub(super) fn top_broken(&self) -> bool {
        self.top_broken
    }

    /// The entry that is the same message as this content under this unique-id, so that it is not handed over again.
    ///
    /// Under the same unique-id, of course. Otherwise only an entry that the server has no more, or that never had
    /// a unique-id, can be the same message under a new name: two present ones are two messages, however alike.
    pub(super) fn same_message(&self, uid: Option<u128>, content: Digest) -> Option<Entry> {
        let same = |entry: &&Entry| match (uid, entry.uid) {
            (Some(uid), Some(known)) => uid == known || matches!(entry.place, Place::Absent(_)),
            _ => true,
        };
        self.of_content(content)
            .filter(same)
            .min_by_key(|entry| (entry.uid != uid, entry.id))
            .copied()
    }

    /// The lines of a journal that says the same, without what is older than `horizon` and done with.
    pub(super) fn lines(&self, horizon: u64) -> usize {
        let messages = self.entries.values();
        let messages: usize = messages
            .filter(|entry| self.is_worth_keeping(entry.id, horizon))
            .map(|entry| 1 + usize::from(entry.place != Place::Present))
            .sum();
        let failures = self.failures.values();
        let failures: usize = failures
            .filter(|failures| failures.is_worth_keeping(horizon))
            .map(|failures| failures.count as usize)
            .sum();
        messages + failures + usize::from(self.top_broken)
    }

    /// Whether the server has the message, or had it at `horizon` or later.
    pub(super) fn is_worth_keeping(&self, id: u64, horizon: u64) -> bool {
        self.entries
            .get(&id)
            .is_some_and(|entry| match entry.place {
                Place::Absent(at) => at >= horizon,
                Place::Present | Place::Pending => true,
            })
    }

    fn seen(&mut self, seen: &Seen) {
        if let Some(from) = seen.from {
            self.remove(from);
        }
        let uid = seen.uid.as_ref().map(uid_key);
        let entry = Entry {
            id: seen.id,
            uid,
            listed: seen.listed,
            content: seen.content,
            header: seen.header,
            at: seen.at,
            place: Place::Present,
        };
        self.next_id = self.next_id.max(seen.id);
        self.entries.insert(seen.id, entry);
        self.by_content
            .entry(seen.content)
            .or_default()
            .push(seen.id);
        if let Some(uid) = uid {
            self.by_uid.entry(uid).or_default().push(seen.id);
            self.failures.remove(&uid);
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        forget(&mut self.by_content, &entry.content, id);
        if let Some(uid) = entry.uid {
            forget(&mut self.by_uid, &uid, id);
        }
    }

    fn set_place(&mut self, id: u64, place: Place) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.place = place;
        }
    }
}

fn forget<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Vec<u64>>, key: &K, id: u64) {
    if let Some(ids) = map.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}

/// A unique-id in 16 octets.
pub(super) fn uid_key(uid: &UniqueId) -> u128 {
    let digest = ring::digest::digest(&ring::digest::SHA256, uid.as_str().as_bytes());
    digest
        .as_ref()
        .iter()
        .take(16)
        .fold(0, |key, byte| (key << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(name: &str) -> Option<UniqueId> {
        UniqueId::new(name).ok()
    }

    fn key(name: &str) -> Option<u128> {
        uid(name).as_ref().map(uid_key)
    }

    /// An entry by this name, the content of which is a number.
    fn seen(id: u64, name: &str, content: u8, from: Option<u64>) -> Record {
        Record::Seen(Seen {
            id,
            from,
            uid: uid(name),
            listed: 60,
            content: Digest::of(&[&[content]]),
            header: Digest::of(&[b"header"]),
            at: 5,
            place: String::new(),
        })
    }

    fn index(records: &[Record]) -> Index {
        let mut index = Index::default();
        records.iter().for_each(|record| index.apply(record));
        index
    }

    fn ids<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u64> {
        let mut ids: Vec<_> = entries.map(|entry| entry.id).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_message_under_a_new_name_leaves_its_old_one_and_its_copies_stay() {
        let copies = [
            seen(1, "A", 7, None),
            seen(2, "A", 7, None),
            seen(3, "A", 7, None),
        ];
        let mut index = index(&copies);
        index.apply(&seen(4, "B", 7, Some(2)));
        assert_eq!(ids(index.entries()), [1, 3, 4]);
        assert_eq!(ids(index.of_uid(key("A").unwrap())), [1, 3]);
        assert_eq!(ids(index.of_uid(key("B").unwrap())), [4]);
        assert_eq!(ids(index.of_content(Digest::of(&[&[7]]))), [1, 3, 4]);
    }

    #[test]
    fn names_that_a_message_had_once_take_no_room() {
        let mut index = index(&[seen(1, "A", 7, None)]);
        for (id, name) in (2..).zip(["B", "A", "C", "B"]) {
            index.apply(&seen(id, name, 7, Some(id - 1)));
        }
        assert_eq!(index.by_uid.into_values().collect::<Vec<_>>(), [[5]]);
        assert_eq!(index.by_content.into_values().collect::<Vec<_>>(), [[5]]);
    }

    #[test]
    fn hundreds_of_names_have_as_many_keys() {
        let keys = (0..300).map(|number| key(&format!("u{number}")).unwrap());
        assert_eq!(keys.collect::<std::collections::HashSet<_>>().len(), 300);
    }

    #[test]
    fn equal_content_is_the_same_message_under_one_name_or_where_one_has_none() {
        let same = |records: &[Record], name| {
            let found = index(records).same_message(key(name), Digest::of(&[&[7]]));
            found.map(|entry| entry.id)
        };
        let one = [seen(1, "A", 7, None)];
        assert_eq!(same(&one, "A"), Some(1));
        assert_eq!(same(&one, ""), Some(1), "the server names it no more");
        assert_eq!(same(&one, "B"), None, "two names are two messages");
        let gone = [seen(1, "A", 7, None), Record::Gone(1, 9)];
        assert_eq!(same(&gone, "B"), Some(1), "it had the other name");
        let pending = [seen(1, "A", 7, None), Record::DelePending(1)];
        assert_eq!(same(&pending, "B"), None);
        assert_eq!(same(&[seen(1, "", 7, None)], "B"), Some(1));
        assert_eq!(same(&[seen(1, "A", 8, None)], "A"), None);
        let several = [
            seen(1, "", 7, None),
            seen(2, "", 7, None),
            seen(3, "B", 7, None),
        ];
        assert_eq!(same(&several, "B"), Some(3), "the one of its name");
        assert_eq!(same(&several, "C"), Some(1), "the oldest");
    }

    #[test]
    fn a_journal_needs_as_many_lines_as_say_the_same() {
        let failed = |name, at| Record::Failed(uid(name).unwrap(), at);
        let index = index(&[
            seen(1, "A", 1, None),
            seen(2, "B", 2, None),
            Record::DelePending(2),
            seen(3, "C", 3, None),
            Record::Gone(3, 20),
            seen(4, "D", 4, None),
            Record::Committed(4, 19),
            failed("E", 3),
            failed("E", 20),
            failed("F", 19),
            Record::TopBroken,
        ]);
        // One that is there, two for each that is not or may not be, two failures, and that TOP is broken.
        assert_eq!(index.lines(20), 1 + 2 + 2 + 2 + 1);
        assert_eq!(index.lines(21), 1 + 2 + 1);
        assert_eq!(index.lines(0), 1 + 2 + 2 + 2 + 2 + 1 + 1);
        let kept = [1, 2, 3, 4, 9].map(|id| index.is_worth_keeping(id, 20));
        assert_eq!(kept, [true, true, true, false, false]);
        assert_eq!(Index::default().lines(0), 0);
    }

    #[test]
    fn failures_are_counted_until_the_message_is_there() {
        let failed = |at| Record::Failed(uid("A").unwrap(), at);
        let mut index = index(&[failed(3), failed(8)]);
        let of = |index: &Index| {
            let failures = index.failures(key("A").unwrap());
            (failures.count, failures.last)
        };
        assert_eq!((of(&index), index.failed()), ((2, 8), 2));
        index.apply(&seen(1, "B", 1, None));
        assert_eq!(of(&index), (2, 8));
        index.apply(&seen(2, "A", 1, None));
        assert_eq!((of(&index), index.failed()), ((0, 0), 2));
        let failures = index.failures(key("A").unwrap());
        assert!(!failures.is_worth_keeping(0), "there are none");
    }

    #[test]
    fn no_two_entries_have_one_id() {
        let mut index = index(&[seen(7, "A", 1, None), seen(3, "B", 1, None)]);
        assert_eq!([index.next_id(), index.next_id()], [8, 9]);
        assert!(index.entry(8).is_none());
    }

    #[test]
    fn of_messages_with_one_header_the_oldest_comes_first_in_turn() {
        let records: Vec<_> = (1..=3).map(|id| seen(id, "A", 1, None)).collect();
        let found = index(&records).by_header(&[1, 3, 9]);
        let header = Digest::of(&[b"header"]);
        assert_eq!(found.get(&(60, header)), Some(&vec![3, 1]));
        assert_eq!(found.len(), 1);
    }
}

use super::index::{Entry, Index, Place, uid_key};
use super::policy::{Deletion, Policy, in_good_time};
use super::record::{Record, Seen};
use crate::{MessageNumber, UniqueId};
use std::collections::{HashMap, HashSet};

/// A message as LIST and UIDL name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) number: MessageNumber,
    pub(super) octets: u64,
    pub(super) uid: Option<UniqueId>,
}

/// A message to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) listed: Listed,
    pub(super) key: Option<u128>,
    /// TOP may show that it is known under another name.
    pub(super) probe: bool,
    /// Its unique-id named a message of another size.
    pub(super) renewed: bool,
    failures: u32,
}

/// Why a message is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftAlone {
    /// LIST says that it is larger than [`Policy::max_message`].
    TooLarge,
    /// It could not be fetched too often.
    Quarantined,
}

/// What a session has to do, decided before anything is fetched.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// To fetch; what failed before comes last, so that it holds up nobody.
    pub(super) fetch: Vec<Wanted>,
    /// Known and due: to delete without fetching.
    pub(super) delete: Vec<(MessageNumber, u64)>,
    /// What is no longer there.
    pub(super) records: Vec<Record>,
    /// Known, but since when only a clock says that was wrong: to be entered anew, each under an id of its own.
    pub(super) dated: Vec<Seen>,
    pub(super) left_alone: Vec<(Listed, LeftAlone)>,
    /// Messages that vanished, if so many did at once that the server has probably renamed them all.
    pub(super) reset: Option<usize>,
    /// Entries of the journal that may be there under another name: a header tells.
    pub(super) renamed: Vec<u64>,
}

/// Compares what the server has with what the journal says.
pub(super) fn plan(index: &Index, listed: Vec<Listed>, policy: &Policy, now: u64) -> Plan {
    let mut plan = Plan::default();
    let keys: Vec<_> = listed.iter().map(|l| l.uid.as_ref().map(uid_key)).collect();
    let mut copies: HashMap<u128, usize> = HashMap::new();
    keys.iter()
        .flatten()
        .for_each(|key| *copies.entry(*key).or_default() += 1);

    plan.note_absent(index, &copies, now);
    plan.note_renamed(index, policy);
    plan.note_dated(index, &listed, &keys, policy, now);
    let entries = plan.renamed.iter().filter_map(|id| index.entry(*id));
    let renamed: HashSet<_> = entries.map(|entry| entry.listed).collect();
    for (listed, key) in listed.into_iter().zip(keys) {
        let shared = key.is_some_and(|key| copies.get(&key).is_some_and(|copies| *copies > 1));
        if let Some(known) = key.and_then(|key| known(index, key, &listed)) {
            let due = known.place == Place::Pending || policy.is_due(known.at, now);
            // Two messages with one unique-id: which of them is stored, only its content tells.
            let enough = !shared
                || stored_copies(index, known)
                    >= copies
                        .get(&known.uid.unwrap_or_default())
                        .copied()
                        .unwrap_or(1);
            match (due, shared) {
                (true, false) => plan.delete.push((listed.number, known.id)),
                (true, true) => plan.want_again(listed, key, index),
                (false, _) if !enough => plan.want_again(listed, key, index),
                (false, _) => {}
            }
            continue;
        }
        plan.consider(index, listed, key, policy, now, &renamed);
    }
    plan.fetch.sort_by_key(|wanted| wanted.failures);
    plan
}

impl Plan {
    /// A message that is not known under its present name.
    fn consider(
        &mut self,
        index: &Index,
        listed: Listed,
        key: Option<u128>,
        policy: &Policy,
        now: u64,
        renamed: &HashSet<u64>,
    ) {
        let failures = key.map(|key| index.failures(key)).unwrap_or_default();
        // What failed at a time that is yet to come did so by a clock that was ahead.
        let rested = now
            .checked_sub(failures.last)
            .is_none_or(|age| age >= policy.quarantine_for.as_secs());
        if listed.octets > policy.max_message {
            return self.left_alone.push((listed, LeftAlone::TooLarge));
        }
        if failures.count >= policy.quarantine_after && !rested {
            return self.left_alone.push((listed, LeftAlone::Quarantined));
        }
        let renewed = key.is_some_and(|key| index.of_uid(key).any(|e| e.place == Place::Present));
        // Without a unique-id, deleting takes the content's word for it: a fetch is needed anyway.
        let by_name = listed.uid.is_some() || policy.deletion == Deletion::Never;
        let probe = by_name && renamed.contains(&listed.octets);
        self.fetch.push(Wanted {
            listed,
            key,
            probe,
            renewed,
            failures: failures.count,
        });
    }

    /// A message that is known, of which only its content tells which one it is.
    fn want_again(&mut self, listed: Listed, key: Option<u128>, index: &Index) {
        let failures = key.map(|key| index.failures(key).count).unwrap_or_default();
        self.fetch.push(Wanted {
            listed,
            key,
            probe: false,
            renewed: false,
            failures,
        });
    }

    /// What the server had and has no more. Messages without a unique-id cannot be told absent.
    fn note_absent(&mut self, index: &Index, there: &HashMap<u128, usize>, now: u64) {
        let (mut present, mut vanished) = (0, 0);
        for entry in index.entries() {
            let gone = entry.uid.is_some_and(|uid| !there.contains_key(&uid));
            match entry.place {
                Place::Absent(_) => continue,
                Place::Pending if gone => self.records.push(Record::Committed(entry.id, now)),
                Place::Present if gone => {
                    vanished += 1;
                    self.records.push(Record::Gone(entry.id, now));
                }
                Place::Present | Place::Pending => {}
            }
            present += 1;
        }
        let many = vanished > 1 && 2 * vanished > present && !there.is_empty();
        self.reset = many.then_some(vanished);
    }

    /// What a clock that was wrong saw first is first seen now, so that it is not due too soon, or never. Messages without a
    /// unique-id are fetched before they are deleted, and dated then.
    fn note_dated(
        &mut self,
        index: &Index,
        listed: &[Listed],
        keys: &[Option<u128>],
        policy: &Policy,
        now: u64,
    ) {
        let mut met = HashSet::new();
        for (listed, key) in listed.iter().zip(keys) {
            let (Some(uid), Some(key)) = (&listed.uid, key) else {
                continue;
            };
            for entry in index.of_uid(*key) {
                let at = in_good_time(entry.at, now);
                let stays = entry.place == Place::Present && !policy.is_due(entry.at, now);
                if at == entry.at || !stays || !met.insert(entry.id) {
                    continue;
                }
                self.dated.push(Seen {
                    id: 0,
                    from: Some(entry.id),
                    uid: Some(uid.clone()),
                    listed: entry.listed,
                    content: entry.content,
                    header: entry.header,
                    at,
                    place: String::new(),
                });
            }
        }
    }

    /// What may have been renamed: everything that vanished, if nearly everything did, and on a server that never names
    /// its messages, whatever is to stay there.
    ///
    /// Never what was deleted: another message with the same header and size is a new one.
    fn note_renamed(&mut self, index: &Index, policy: &Policy) {
        let gone = self.records.iter().filter_map(|record| match record {
            Record::Gone(id, _) if self.reset.is_some() => Some(*id),
            _ => None,
        });
        let stays = |entry: &&Entry| entry.uid.is_none() && entry.place == Place::Present;
        let nameless = index.entries().filter(stays);
        let nameless = nameless.filter(|_| policy.deletion == Deletion::Never);
        self.renamed = gone.chain(nameless.map(|entry| entry.id)).collect();
    }
}

/// The entry under this unique-id that the server still had, if its size is the same.
fn known<'a>(index: &'a Index, key: u128, listed: &Listed) -> Option<&'a Entry> {
    let there =
        |entry: &&Entry| !matches!(entry.place, Place::Absent(_)) && entry.listed == listed.octets;
    index
        .of_uid(key)
        .filter(there)
        .max_by_key(|entry| entry.place == Place::Pending)
}

/// How many messages of this unique-id and size are stored.
fn stored_copies(index: &Index, known: &Entry) -> usize {
    let same =
        |entry: &&Entry| !matches!(entry.place, Place::Absent(_)) && entry.listed == known.listed;
    index
        .of_uid(known.uid.unwrap_or_default())
        .filter(same)
        .count()
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::*;
    use std::time::Duration;

    fn listed(messages: &[(u32, u64, &str)]) -> Vec<Listed> {
        let listed = messages.iter().map(|(number, octets, uid)| Listed {
            number: MessageNumber::new(*number).unwrap(),
            octets: *octets,
            uid: UniqueId::new(uid).ok(),
        });
        listed.collect()
    }

    fn seen(id: u64, uid: &str, listed: u64, at: u64) -> Record {
        let content = Digest::of(&[&id.to_le_bytes()]);
        let uid = UniqueId::new(uid).ok();
        Record::Seen(Seen {
            id,
            from: None,
            uid,
            listed,
            content,
            header: content,
            at,
            place: String::new(),
        })
    }

    fn index(records: &[Record]) -> Index {
        let mut index = Index::default();
        records.iter().for_each(|record| index.apply(record));
        index
    }

    fn numbers(plan: &Plan) -> (Vec<u32>, Vec<u32>) {
        let fetch = plan.fetch.iter().map(|w| w.listed.number.value()).collect();
        (fetch, plan.delete.iter().map(|(n, _)| n.value()).collect())
    }

    fn policy(deletion: Deletion) -> Policy {
        Policy {
            deletion,
            ..Policy::default()
        }
    }

    #[test]
    fn what_was_seen_with_equal_size_is_not_fetched_again() {
        let index = index(&[seen(1, "AAA", 60, 0)]);
        let there = || listed(&[(1, 60, "AAA"), (2, 70, "BBB")]);
        assert_eq!(
            numbers(&plan(&index, there(), &policy(Deletion::Never), 9)),
            (vec![2], vec![])
        );
        assert_eq!(
            numbers(&plan(&index, there(), &policy(Deletion::Now), 9)),
            (vec![2], vec![1])
        );
        let after = policy(Deletion::After(Duration::from_secs(10)));
        assert_eq!(
            numbers(&plan(&index, there(), &after, 9)),
            (vec![2], vec![])
        );
        assert_eq!(
            numbers(&plan(&index, there(), &after, 10)),
            (vec![2], vec![1])
        );
    }

    #[test]
    fn a_pending_message_that_is_there_is_deleted_again_and_one_that_is_not_is_committed() {
        let index = index(&[
            seen(1, "AAA", 60, 0),
            seen(2, "BBB", 60, 0),
            Record::DelePending(1),
            Record::DelePending(2),
        ]);
        let plan = plan(
            &index,
            listed(&[(1, 60, "BBB")]),
            &policy(Deletion::Never),
            9,
        );
        assert_eq!(plan.records, [Record::Committed(1, 9)]);
        assert_eq!(plan.delete, [(MessageNumber::new(1).unwrap(), 2)]);
        assert!(plan.fetch.is_empty());
    }

    #[test]
    fn a_message_whose_size_has_changed_is_fetched() {
        let index = index(&[seen(1, "AAA", 60, 0)]);
        let plan = plan(&index, listed(&[(1, 61, "AAA")]), &policy(Deletion::Now), 9);
        assert_eq!(numbers(&plan), (vec![1], vec![]));
        assert!(plan.fetch[0].renewed);
    }

    #[test]
    fn s9_of_a_shared_unique_id_every_copy_is_fetched_and_none_deleted_unseen() {
        let there = || listed(&[(1, 60, "AAA"), (2, 60, "AAA")]);
        let one = index(&[seen(1, "AAA", 60, 0)]);
        assert_eq!(
            numbers(&plan(&one, there(), &policy(Deletion::Never), 9)),
            (vec![1, 2], vec![])
        );
        let both = index(&[seen(1, "AAA", 60, 0), seen(2, "AAA", 60, 0)]);
        assert_eq!(
            numbers(&plan(&both, there(), &policy(Deletion::Never), 9)),
            (vec![], vec![])
        );
        assert_eq!(
            numbers(&plan(&both, there(), &policy(Deletion::Now), 9)),
            (vec![1, 2], vec![])
        );
    }

    #[test]
    fn s9_a_copy_that_is_gone_or_of_another_size_is_no_copy_of_those_that_are_there() {
        let there = || listed(&[(1, 60, "AAA"), (2, 60, "AAA")]);
        let fetched = |records: &[Record]| {
            let plan = plan(&index(records), there(), &policy(Deletion::Never), 9);
            numbers(&plan).0
        };
        let (one, two) = (seen(1, "AAA", 60, 0), seen(2, "AAA", 60, 0));
        assert_eq!(fetched(&[one.clone(), two.clone()]), []);
        assert_eq!(fetched(&[one.clone(), two, Record::Gone(2, 5)]), [1, 2]);
        assert_eq!(fetched(&[one, seen(2, "AAA", 61, 0)]), [1, 2]);
    }

    #[test]
    fn when_all_unique_ids_are_new_messages_of_known_size_are_probed() {
        let index = index(&[seen(1, "AAA", 60, 0), seen(2, "BBB", 70, 0)]);
        let plan = plan(
            &index,
            listed(&[(1, 60, "a"), (2, 70, "b"), (3, 80, "c")]),
            &policy(Deletion::Never),
            9,
        );
        assert_eq!(plan.reset, Some(2));
        assert_eq!(
            plan.fetch.iter().map(|w| w.probe).collect::<Vec<_>>(),
            [true, true, false]
        );
    }

    #[test]
    fn names_are_new_where_more_than_half_of_several_messages_have_gone() {
        let names = ["A", "B", "C", "D", "E"];
        let reset = |before: usize, kept: usize, new: bool| {
            let before = names.get(..before).unwrap();
            let seen = |(id, name): (usize, &&str)| seen(id as u64 + 1, name, 60, 0);
            let index = index(&before.iter().enumerate().map(seen).collect::<Vec<_>>());
            let kept = before.iter().take(kept).chain(new.then_some(&"new"));
            let there: Vec<_> = kept.map(|name| (1, 60, *name)).collect();
            plan(&index, listed(&there), &policy(Deletion::Never), 9).reset
        };
        let of_five = [5, 4, 3, 2, 1, 0].map(|kept| reset(5, kept, true));
        assert_eq!(of_five, [None, None, None, Some(3), Some(4), Some(5)]);
        assert_eq!(reset(4, 2, true), None, "half is not more than half");
        assert_eq!(reset(1, 0, true), None, "one is not several");
        assert_eq!(reset(5, 0, false), None, "an empty maildrop has no names");
    }

    #[test]
    fn what_the_server_does_not_name_is_probed_where_it_stays_and_fetched_where_it_goes() {
        let index = index(&[seen(1, "", 60, 0)]);
        let probes = |deletion| {
            let there = listed(&[(1, 60, ""), (2, 61, "")]);
            let plan = plan(&index, there, &policy(deletion), 9);
            plan.fetch.iter().map(|w| w.probe).collect::<Vec<_>>()
        };
        assert_eq!(probes(Deletion::Never), [true, false]);
        assert_eq!(probes(Deletion::Now), [false, false]);
    }

    #[test]
    fn what_was_deleted_or_has_its_name_still_is_not_taken_for_another_of_its_size() {
        let probes = |records: &[Record], there| {
            let plan = plan(&index(records), listed(there), &policy(Deletion::Never), 9);
            plan.fetch.iter().map(|w| w.probe).collect::<Vec<_>>()
        };
        let deleted = [
            seen(1, "", 60, 0),
            Record::DelePending(1),
            Record::Committed(1, 5),
        ];
        assert_eq!(probes(&deleted, &[(1, 60, "")]), [false]);
        let named = [seen(1, "AAA", 60, 0)];
        assert_eq!(probes(&named, &[(1, 60, "AAA"), (2, 60, "BBB")]), [false]);
        // One of several is gone: somebody else took it.
        let several = [
            seen(1, "AAA", 60, 0),
            seen(2, "BBB", 61, 0),
            seen(3, "CCC", 62, 0),
        ];
        let there = [(1, 61, "BBB"), (2, 62, "CCC"), (3, 60, "DDD")];
        assert_eq!(probes(&several, &there), [false]);
    }

    #[test]
    fn a_message_of_exactly_the_limit_is_fetched_and_one_more_octet_is_too_large() {
        let policy = Policy {
            max_message: 60,
            ..Policy::default()
        };
        let there = listed(&[(1, 60, "AAA"), (2, 61, "BBB")]);
        let plan = plan(&index(&[]), there, &policy, 9);
        assert_eq!(numbers(&plan).0, [1]);
        let left: Vec<_> = plan
            .left_alone
            .iter()
            .map(|(l, why)| (l.octets, *why))
            .collect();
        assert_eq!(left, [(61, LeftAlone::TooLarge)]);
    }

    #[test]
    fn what_fails_comes_last_then_rests_then_is_tried_again() {
        let uid = UniqueId::new("AAA").unwrap();
        let there = || listed(&[(1, 60, "AAA"), (2, 60, "BBB"), (3, 1 << 40, "CCC")]);
        let failed = |times| index(&vec![Record::Failed(uid.clone(), 100); times]);
        let policy = policy(Deletion::Never);
        let once = plan(&failed(1), there(), &policy, 101);
        assert_eq!(numbers(&once).0, [2, 1]);
        assert_eq!(once.left_alone[0].1, LeftAlone::TooLarge);
        let often = plan(&failed(5), there(), &policy, 101);
        assert_eq!(numbers(&often).0, [2]);
        assert_eq!(often.left_alone[0].1, LeftAlone::Quarantined);
        let later = plan(&failed(5), there(), &policy, 101 + 24 * 60 * 60);
        assert_eq!(numbers(&later).0, [2, 1]);
    }

    #[test]
    fn a_quarantine_that_a_clock_began_which_was_ahead_is_over_when_it_is_set() {
        let uid = UniqueId::new("AAA").unwrap();
        let (now, ahead) = (1_800_000_000, 4_070_908_800);
        let mut index = index(&vec![Record::Failed(uid.clone(), ahead); 5]);
        let tried = |index: &Index, now| {
            let there = listed(&[(1, 60, "AAA")]);
            numbers(&plan(index, there, &policy(Deletion::Never), now)).0
        };
        assert_eq!(tried(&index, ahead), []);
        assert_eq!(tried(&index, now), [1]);
        // If it fails again, it rests as long as any other.
        index.apply(&Record::Failed(uid, now));
        assert_eq!(tried(&index, now + 1), []);
        assert_eq!(tried(&index, now + 24 * 60 * 60), [1]);
    }

    #[test]
    fn what_a_clock_that_was_wrong_saw_first_is_first_seen_when_it_is_set() {
        let (day, now) = (24 * 60 * 60, 1_800_000_000);
        let policy = policy(Deletion::After(Duration::from_secs(day)));
        // By a clock that began anew with 1970, by one that was ahead, and by one that was right.
        let records = [
            seen(1, "A", 60, 100),
            seen(2, "B", 60, now + 9 * day),
            seen(3, "C", 60, now - day + 1),
        ];
        let mut index = index(&records);
        let there = || listed(&[(1, 60, "A"), (2, 60, "B"), (3, 60, "C")]);
        let first = plan(&index, there(), &policy, now);
        assert_eq!(numbers(&first), (vec![], vec![]));
        let dated = first.dated.iter().map(|seen| (seen.from, seen.at));
        let dated: Vec<_> = dated.collect();
        assert_eq!(dated, [(Some(1), now), (Some(2), now)]);
        for (seen, id) in first.dated.into_iter().zip(4..) {
            index.apply(&Record::Seen(Seen { id, ..seen }));
        }
        let before = plan(&index, there(), &policy, now + day - 1);
        assert_eq!(numbers(&before), (vec![], vec![3]));
        let due = plan(&index, there(), &policy, now + day);
        assert_eq!(numbers(&due), (vec![], vec![1, 2, 3]));
        assert!(before.dated.is_empty() && due.dated.is_empty());
    }

    #[test]
    fn what_is_to_be_deleted_or_is_gone_is_not_first_seen_anew_and_the_rest_is_once() {
        let there = seen(1, "A", 60, 100);
        let after = Deletion::After(Duration::from_secs(9));
        let (one, two) = (&[(1, 60, "A")][..], &[(1, 60, "A"), (2, 60, "A")][..]);
        for (what, deletion, messages, dated) in [
            (None, after, one, 1),
            (None, after, two, 1),
            (None, Deletion::Now, one, 0),
            (None, Deletion::Now, two, 0),
            (Some(Record::DelePending(1)), after, one, 0),
            (Some(Record::Gone(1, 200)), after, one, 0),
        ] {
            let records: Vec<_> = [there.clone()].into_iter().chain(what).collect();
            let index = index(&records);
            let plan = plan(&index, listed(messages), &policy(deletion), 1_800_000_000);
            let case = (&records[1..], deletion, messages);
            assert_eq!(plan.dated.len(), dated, "{case:?}");
        }
    }

    #[test]
    fn a_deletion_that_was_begun_is_finished_though_another_copy_was_to_stay() {
        let (one, two) = (seen(1, "A", 60, 0), seen(2, "A", 60, 0));
        for pending in [1, 2] {
            let index = index(&[one.clone(), two.clone(), Record::DelePending(pending)]);
            let there = listed(&[(1, 60, "A")]);
            let plan = plan(&index, there, &policy(Deletion::Never), 9);
            assert_eq!(plan.delete, [(MessageNumber::new(1).unwrap(), pending)]);
        }
    }

    #[test]
    fn a_clock_that_is_not_set_finds_fault_with_no_time() {
        let policy = policy(Deletion::After(Duration::from_secs(10)));
        let index = index(&[seen(1, "A", 60, 1_800_000_000), seen(2, "B", 60, 5)]);
        let plan = plan(&index, listed(&[(1, 60, "A"), (2, 60, "B")]), &policy, 15);
        assert!(plan.dated.is_empty());
        assert_eq!(numbers(&plan), (vec![], vec![2]));
    }
}

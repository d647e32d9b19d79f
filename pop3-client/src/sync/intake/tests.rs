//! What is made of messages as they arrive.

use super::*;
use crate::UniqueId;
use crate::sync::journal::JournalEntry;
use crate::sync::plan::{Listed, plan};
use crate::sync::policy::Deletion;
use std::sync::{Arc, Mutex};

/// What store and journal were told, in order; a journal's entries as their lines.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: impl Into<String>) -> io::Result<()> {
        self.0.lock().unwrap().push(what.into());
        Ok(())
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Store for Told {
    fn begin(&mut self) -> io::Result<()> {
        self.note("begin")
    }

    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Arrived<'_>) -> io::Result<String> {
        self.note("finish").map(|()| "shelf".to_owned())
    }

    fn abort(&mut self) -> io::Result<()> {
        self.note("abort")
    }

    fn commit(&mut self) -> io::Result<()> {
        self.note("commit")
    }
}

impl Journal for Told {
    fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
        Ok(Vec::new())
    }

    fn commit(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        entries
            .iter()
            .try_for_each(|entry| self.note(entry.to_string()))
    }

    fn replace(&mut self, _: &[JournalEntry]) -> io::Result<()> {
        Ok(())
    }
}

fn n(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

fn seen(id: u64, uid: &str, text: &[u8]) -> Record {
    let mut fingerprint = Fingerprint::new();
    fingerprint.update(text);
    let prints = fingerprint.finish();
    Record::Seen(Seen {
        id,
        from: None,
        uid: UniqueId::new(uid).ok(),
        listed: 1,
        content: prints.lasting,
        header: prints.header,
        at: 3,
        place: String::new(),
    })
}

/// What came of the messages that the server names so and that were listed with 60 octets, numbered from 1.
struct Outcome {
    told: Vec<String>,
    events: Vec<SyncEvent>,
    summary: Summary,
    delete: Vec<(MessageNumber, u64)>,
    index: Index,
}

fn take_in(
    policy: &Policy,
    known: &[Record],
    uids: &[&str],
    play: impl FnOnce(&mut Intake<'_, Told, Told>),
) -> Outcome {
    let told = Told::default();
    let mut vault = Vault {
        account: "ada".to_owned(),
        journal: Log::new(told.clone()),
        index: Index::default(),
        store: told.clone(),
    };
    known.iter().for_each(|record| vault.index.apply(record));
    let listed = uids.iter().zip(1..).map(|(uid, number)| Listed {
        number: n(number),
        octets: 60,
        uid: UniqueId::new(uid).ok(),
    });
    let wanted = plan(&vault.index, listed.collect(), policy, 9).fetch;
    let (mut summary, mut events) = (Summary::default(), Vec::new());
    let mut note = |event| events.push(event);
    let mut intake = Intake::new(&mut vault, policy, 9, wanted, &mut summary, &mut note);
    play(&mut intake);
    let delete = std::mem::take(&mut intake.delete);
    Outcome {
        told: told.take(),
        events,
        summary,
        delete,
        index: vault.index,
    }
}

fn chunk(intake: &mut Intake<'_, Told, Told>, number: u32, bytes: &[u8]) {
    let number = n(number);
    intake.take(Retrieved::Chunk { number, bytes }).unwrap();
}

fn end(intake: &mut Intake<'_, Told, Told>, number: u32, octets: u64) {
    let number = n(number);
    intake.take(Retrieved::End { number, octets }).unwrap();
}

#[test]
fn a_group_is_durable_in_the_store_before_it_is_in_the_journal() {
    let policy = Policy {
        group: 2,
        ..Policy::default()
    };
    let outcome = take_in(&policy, &[], &["A", "B"], |intake| {
        chunk(intake, 1, b"one");
        end(intake, 1, 3);
        end(intake, 2, 0);
    });
    let word = |line: &String| line.split(' ').next().unwrap().to_owned();
    let told: Vec<_> = outcome.told.iter().map(word).collect();
    assert_eq!(told.iter().filter(|word| *word == "seen").count(), 2);
    let before_seen = told.windows(2).filter(|pair| pair[1] == "seen");
    for pair in before_seen {
        assert!(matches!(&*pair[0], "commit" | "seen"), "{told:?}");
    }
    let stored = |event: &&SyncEvent| matches!(event, SyncEvent::Stored { .. });
    assert_eq!(outcome.events.iter().filter(stored).count(), 2);
    assert_eq!((outcome.summary.stored, outcome.summary.octets), (2, 3));
}

#[test]
fn a_group_is_full_with_sixteen_mebibytes_however_few_messages_it_has() {
    let outcome = take_in(&Policy::default(), &[], &["A", "B"], |intake| {
        end(intake, 1, 8 << 20);
        chunk(intake, 2, b"two");
        end(intake, 2, 8 << 20);
    });
    assert!(outcome.told.iter().any(|told| told == "commit"));
    assert_eq!(outcome.summary.octets, 16 << 20);
}

#[test]
fn a_message_that_is_whole_does_not_wait_for_the_end_of_the_next() {
    let outcome = take_in(&Policy::default(), &[], &["A", "B"], |intake| {
        chunk(intake, 1, b"one");
        end(intake, 1, 3);
        chunk(intake, 2, b"t");
        // As if a group had waited its time.
        intake.since = intake.since.and_then(|at| at.checked_sub(GROUP_TIME));
        chunk(intake, 2, b"w");
        chunk(intake, 2, b"o");
        end(intake, 2, 3);
    });
    let word = |line: &String| line.split(' ').next().unwrap().to_owned();
    let told: Vec<_> = outcome.told.iter().map(word).collect();
    let expected = ["begin", "finish", "begin", "commit", "seen", "finish"];
    assert_eq!(told, expected);
    let stored = |event: &&SyncEvent| matches!(event, SyncEvent::Stored { .. });
    assert_eq!(outcome.events.iter().filter(stored).count(), 1);
    assert_eq!(outcome.summary.stored, 2, "the other one goes on");
}

#[test]
fn a_group_that_has_not_waited_its_time_waits_for_more() {
    let outcome = take_in(&Policy::default(), &[], &["A", "B"], |intake| {
        chunk(intake, 1, b"one");
        end(intake, 1, 3);
        // As if it had only begun to wait, however slow this machine is.
        let hour = Duration::from_secs(3_600);
        intake.since = intake.since.and_then(|at| at.checked_add(hour));
        chunk(intake, 2, b"two");
        end(intake, 2, 3);
    });
    assert_eq!(outcome.told, ["begin", "finish", "begin", "finish"]);
}

#[test]
fn a_message_that_begins_as_a_reply_does_is_asked_for_once_more_and_then_believed() {
    let outcome = take_in(&Policy::default(), &[], &["A", "B"], |intake| {
        let reply = b"+OK 60 octets\r\n";
        chunk(intake, 1, reply);
        end(intake, 1, 15);
        chunk(intake, 2, b"two");
        end(intake, 2, 3);
        assert_eq!(intake.asks_again(), [n(1)]);
        chunk(intake, 1, reply);
        end(intake, 1, 15);
        assert!(intake.asks_again().is_empty());
    });
    assert_eq!((outcome.summary.stored, outcome.summary.octets), (2, 18));
    let mut told = outcome.told;
    // Where this machine is slow, a group may have waited its time.
    told.retain(|told| told != "commit" && !told.starts_with("seen"));
    let expected = ["begin", "abort", "begin", "finish", "begin", "finish"];
    assert_eq!(told, expected);
}

#[test]
fn what_breaks_the_session_rests_only_if_others_arrived_or_wait_for_it_alone() {
    let policy = Policy {
        quarantine_after: 3,
        ..Policy::default()
    };
    let (both, one) = (&["A", "B"][..], &["A"][..]);
    // Failures before, messages that are fetched, whether something arrived, and whether deletions wait.
    for (failures, uids, arrived, others_wait, counts) in [
        (0, both, false, false, true),
        (1, both, false, false, true),
        (2, both, false, false, false),
        (2, both, true, false, true),
        (2, both, false, true, false),
        (2, one, false, true, true),
        (2, one, false, false, false),
    ] {
        let known = vec![Record::Failed(UniqueId::new("A").unwrap(), 5); failures];
        let outcome = take_in(&policy, &known, uids, |intake| {
            intake.others_wait = others_wait;
            if arrived {
                chunk(intake, 2, b"two");
            }
            intake.broke(n(1));
        });
        let case = (failures, uids, arrived, others_wait);
        let failed = failures + usize::from(counts);
        assert_eq!(outcome.index.failed(), failed, "{case:?}");
    }
}

#[test]
fn what_is_not_whole_at_the_end_is_left_out() {
    let outcome = take_in(&Policy::default(), &[], &["A"], |intake| {
        chunk(intake, 1, b"half");
        intake.commit().unwrap();
    });
    assert_eq!(outcome.told, ["begin", "abort", "commit"]);
    assert_eq!(outcome.summary, Summary::default());
    assert_eq!(outcome.index.entries().count(), 0);
}

#[test]
fn what_has_arrived_is_reported_each_sixty_four_kibibytes() {
    let kibibytes = vec![b'x'; 65_536];
    let outcome = take_in(&Policy::default(), &[], &["A"], |intake| {
        let (most, last) = kibibytes.split_at(65_535);
        for bytes in [most, last, most, last, &kibibytes] {
            chunk(intake, 1, bytes);
        }
    });
    let reported = [65_536, 131_072, 196_608].map(|octets| SyncEvent::Receiving { octets });
    assert_eq!(outcome.events, reported);
}

#[test]
fn what_is_known_is_not_stored_again() {
    let known = [seen(1, "A", b"one")];
    let outcome = take_in(&Policy::default(), &known, &["A"], |intake| {
        chunk(intake, 1, b"one");
        end(intake, 1, 3);
    });
    assert_eq!(outcome.told.get(..2).unwrap(), ["begin", "abort"]);
    assert_eq!((outcome.summary.duplicates, outcome.summary.stored), (1, 0));
    let duplicate = SyncEvent::Duplicate {
        number: n(1),
        uid: UniqueId::new("A").ok(),
    };
    assert_eq!(outcome.events, [duplicate]);
}

#[test]
fn a_message_of_another_size_is_the_same_if_only_a_servers_note_is_new() {
    let known = [seen(1, "A", b"From: a\r\n\r\none")];
    let told = |text: &[u8]| {
        let outcome = take_in(&Policy::default(), &known, &["A"], |intake| {
            chunk(intake, 1, text);
            end(intake, 1, text.len() as u64);
            intake.commit().unwrap();
        });
        let reused = SyncEvent::UidReused {
            uid: UniqueId::new("A").unwrap(),
        };
        let Summary {
            duplicates, stored, ..
        } = outcome.summary;
        assert_eq!(outcome.index.entries().count(), 2, "under either size");
        (duplicates, stored, outcome.events.contains(&reused))
    };
    assert_eq!(told(b"Status: O\r\nFrom: a\r\n\r\none"), (1, 0, false));
    assert_eq!(told(b"From: a\r\n\r\nStatus: O\r\none"), (0, 1, true));
    assert_eq!(told(b"From: a\r\n\r\ntwo or three"), (0, 1, true));
}

#[test]
fn a_message_that_is_known_takes_the_place_of_its_entry_unless_that_is_another_copy() {
    let replaced = |known: &[Record], uid| {
        let outcome = take_in(&Policy::default(), known, &[uid], |intake| {
            chunk(intake, 1, b"one");
            end(intake, 1, 3);
            intake.commit().unwrap();
        });
        let line = outcome.told.last().unwrap().clone();
        let from = line.split(' ').nth(2).unwrap().to_owned();
        assert_eq!(outcome.index.entry(1).is_none(), from == "1", "{line}");
        from
    };
    let there = seen(1, "A", b"one");
    let gone = Record::Gone(1, 4);
    assert_eq!(
        replaced(std::slice::from_ref(&there), "A"),
        "-",
        "of another size"
    );
    assert_eq!(replaced(&[there.clone(), gone.clone()], "A"), "1");
    assert_eq!(replaced(&[there, gone], "B"), "1", "it was renamed");
    assert_eq!(replaced(&[seen(1, "", b"one")], ""), "1");
    assert_eq!(replaced(&[seen(1, "", b"one")], "B"), "1");
}

/// What came of a message that the server refused in these words.
fn refused_with(words: &'static str) -> Outcome {
    take_in(&Policy::default(), &[], &["A"], |intake| {
        let reply = Reply::parse(&bytes::Bytes::from_static(words.as_bytes())).unwrap();
        let number = n(1);
        let refused = Retrieved::Refused {
            number,
            reply: &reply,
        };
        intake.take(refused).unwrap();
        intake.commit().unwrap();
    })
}

#[test]
fn rfc3206_4_a_message_that_is_refused_for_now_has_not_failed() {
    let outcome = refused_with("-ERR [SYS/TEMP] backend down");
    assert_eq!(outcome.told, ["abort", "commit"], "nothing is written down");
    assert_eq!((outcome.index.failed(), outcome.summary.refused), (0, 1));
    let refused = outcome.events.first().unwrap();
    assert!(matches!(refused, SyncEvent::Refused { number, .. } if *number == n(1)));
}

#[test]
fn a_message_that_is_refused_has_failed_once_more() {
    let outcome = refused_with("-ERR no");
    assert_eq!(outcome.told.last().unwrap(), "failed =A 9");
    assert_eq!((outcome.index.failed(), outcome.summary.refused), (1, 1));
    let refused = outcome.events.first().unwrap();
    assert!(matches!(refused, SyncEvent::Refused { number, .. } if *number == n(1)));
}

#[test]
fn what_was_not_asked_for_is_left_out() {
    let outcome = take_in(&Policy::default(), &[], &["A"], |intake| {
        chunk(intake, 7, b"surplus");
        end(intake, 7, 7);
        intake.failed(n(7));
    });
    assert_eq!(outcome.told, ["begin", "abort"]);
    assert_eq!(outcome.index.failed(), 0);
}

#[test]
fn what_is_due_is_to_be_deleted_under_its_new_entry() {
    let due = |deletion| {
        let policy = Policy {
            deletion,
            ..Policy::default()
        };
        take_in(&policy, &[], &["A"], |intake| end(intake, 1, 0)).delete
    };
    assert_eq!(due(Deletion::Now), [(n(1), 1)]);
    assert_eq!(due(Deletion::After(Duration::from_secs(1))), []);
    assert_eq!(due(Deletion::Never), []);
}

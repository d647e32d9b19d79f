//! Retention, restoring, and the suppression list.

use super::*;
use crate::email_digest::DigestOutcome;
use crate::inbound::{Class, InboundOutcome, InboundState, NewInbound};
use crate::record::{JournalEntry, Record};
use crate::store::Trimmed;
use crate::suppression::{Reason, Suppression};
use serde_json::json;

#[test]
fn what_is_old_and_done_with_is_forgotten_and_nothing_else() {
    let store = memory();
    let (done, waiting) = (mail("done", "a@b"), mail("waiting", "b@b"));
    let finished = queue(&store, vec![done]);
    let one = claim(&store, at(0), 9).remove(0);
    store
        .complete(at(0), &[completion(&one, DeliveryState::Delivered, None)])
        .unwrap();
    let unfinished = queue(&store, vec![waiting]);
    let unsettled = fire(&store, "later");
    let store = store.with_clock(|| at(100));
    let recent = queue(&store, vec![]);

    assert_eq!(store.trim(at(0)).unwrap(), Trimmed::default());
    assert_eq!(
        store.trim(at(50)).unwrap(),
        Trimmed {
            events: 1,
            inbound: 0
        }
    );
    assert_eq!(store.explain(finished).unwrap(), None);
    assert_eq!(store.raw_message(one.delivery).unwrap(), None);
    assert!(store.attempts(one.delivery).unwrap().is_empty());
    for kept in [unfinished, unsettled, recent] {
        assert!(store.explain(kept).unwrap().is_some());
    }
    assert_eq!(claim(&store, at(0), 9).len(), 1);
    // Numbers are not used again.
    assert!(fire(&store, "x") > recent);
    assert_eq!(store.integrity().unwrap(), "ok");
}

#[test]
fn many_batches_are_forgotten_at_once() {
    let store = memory();
    let events: Vec<NewEvent> = (0..1200).map(|_| fired("tell")).collect();
    let ids = store
        .commit(&Work {
            events,
            ..Work::default()
        })
        .unwrap()
        .events;
    let settled: Vec<Settlement> = ids.iter().map(|id| settlement(*id, vec![])).collect();
    store.settle(&settled).unwrap();
    assert_eq!(store.trim(at(1)).unwrap().events, 1200);
}

#[test]
fn a_forgotten_inbound_mail_stays_known_to_fetching() {
    let store = memory();
    let mail = |uidl: &str| NewInbound {
        apart: false,
        account: "support".to_owned(),
        uidl: Some(uidl.to_owned()),
        raw: b"x".to_vec(),
        sha256: uidl.to_owned(),
        message_id: None,
    };
    store
        .store_fetched(
            at(0),
            "support",
            &[mail("done"), mail("waiting"), mail("held")],
            &["seen".to_owned()],
        )
        .unwrap();
    for (id, state) in [(1, InboundState::Processed), (3, InboundState::Held)] {
        let inbound = InboundOutcome {
            id,
            class: Class::New,
            matched_by: "none".to_owned(),
            record: None,
            state,
            reason: String::new(),
            action: None,
            verdicts: Vec::new(),
            next_at: None,
        };
        store
            .commit(&Work {
                inbound: Some(inbound),
                ..Work::default()
            })
            .unwrap();
    }
    assert_eq!(
        store.trim(at(1)).unwrap(),
        Trimmed {
            events: 0,
            inbound: 1
        }
    );
    assert_eq!(store.inbound(1).unwrap(), None);
    assert_eq!(store.fetch_journal("support").unwrap(), ["seen"]);
    assert_eq!(store.inbound_log(9).unwrap().len(), 2);
}

#[test]
fn restored_records_have_their_times_and_journals_and_tell_nobody() {
    let store = memory();
    let key = RecordKey::new("incident", "INC0010001");
    let record = Record {
        key: key.clone(),
        fields: fields(json!({"priority": 1})),
        created: at(-90),
        updated: at(-60),
    };
    let entry = JournalEntry {
        record: key.clone(),
        field: "comments".to_owned(),
        text: "Help".to_owned(),
        author: "grace".to_owned(),
        created: at(-80),
    };
    for _ in 0..2 {
        store
            .restore(&[(record.clone(), vec![entry.clone()])])
            .unwrap();
        assert_eq!(store.record(&key).unwrap(), Some(record.clone()));
        assert_eq!(store.journal(&key).unwrap(), std::slice::from_ref(&entry));
    }
    assert!(store.due_events(at(0), 9).unwrap().is_empty());
    let next = store
        .commit(&changes(vec![insert("incident", incident(), json!({}))]))
        .unwrap();
    assert_eq!(next.records[0].id, "INC0010002");
}

fn suppression(account: Option<&str>, until: Option<Timestamp>) -> Suppression {
    Suppression {
        address: "Bob@example.org".to_owned(),
        account: account.map(str::to_owned),
        reason: Reason::Hard,
        detail: "550 5.1.1 no such user".to_owned(),
        since: at(0),
        until,
        hits: 1,
    }
}

#[test]
fn a_suppression_holds_for_its_account_and_its_time() {
    let store = memory();
    let of = |account: &str, now| {
        store
            .suppressed("bob@EXAMPLE.org", account, at(now))
            .unwrap()
    };
    assert_eq!(of("main", 0), None);
    let short = suppression(Some("main"), Some(at(60)));
    store.suppress(&short).unwrap();
    assert_eq!(of("main", 59), Some(short.clone()));
    assert_eq!(of("main", 60), None);
    assert_eq!(of("other", 0), None);
    let everywhere = suppression(None, None);
    store.suppress(&everywhere).unwrap();
    assert_eq!(of("main", 0), Some(everywhere.clone()));
    assert_eq!(of("other", 999), Some(everywhere.clone()));
    assert_eq!(store.suppressions().unwrap(), [everywhere, short]);
    assert_eq!(
        store.suppressed("bo@example.org", "main", at(0)).unwrap(),
        None
    );
}

#[test]
fn a_second_reason_counts_up_and_the_list_can_be_left() {
    let store = memory();
    store.suppress(&suppression(None, Some(at(60)))).unwrap();
    let again = Suppression {
        reason: Reason::Complaint,
        since: at(50),
        address: "BOB@example.org".to_owned(),
        ..suppression(None, Some(at(100)))
    };
    store.suppress(&again).unwrap();
    let found = store
        .suppressed("bob@example.org", "main", at(70))
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.reason, found.hits, found.since),
        (Reason::Complaint, 2, at(0))
    );
    assert!(store.unsuppress("bob@example.org").unwrap());
    assert!(!store.unsuppress("bob@example.org").unwrap());
    assert!(store.suppressions().unwrap().is_empty());
}

#[test]
fn a_mail_to_somebody_on_the_list_is_put_aside_when_its_turn_comes() {
    let store = memory();
    let mut elsewhere = mail("elsewhere", "bob@example.org");
    elsewhere.account = "other".to_owned();
    let mails = vec![
        mail("bob", "bob@EXAMPLE.org"),
        mail("ada", "ada@example.org"),
        elsewhere,
    ];
    queue(&store, mails);
    let until = suppression(Some("main"), Some(at(60)));
    store.suppress(&until).unwrap();
    let claimed = |account, now| -> Vec<i64> {
        let claimed = store.claim(&[account], "w", at(now), LEASE, 9).unwrap();
        claimed.iter().map(|one| one.delivery).collect()
    };
    assert_eq!(claimed("main", 0), [2]);
    let (state, reason) = state_of(&store, 1);
    assert_eq!(state, DeliveryState::Suppressed);
    assert!(reason.ends_with("550 5.1.1 no such user"), "{reason}");
    assert!(store.attempts(1).unwrap().is_empty(), "none was made");
    assert_eq!(claimed("other", 0), [3], "the list holds for its account");
    queue(&store, vec![mail("later", "bob@example.org")]);
    assert_eq!(claimed("main", 59), Vec::<i64>::new(), "and for its time");
    queue(&store, vec![mail("later still", "bob@example.org")]);
    assert_eq!(claimed("main", 60), [5, 2]);
}

/// An event that is due then, and settled without a mail.
fn settle_what_is_due(store: &SqliteStore, due: Timestamp) {
    let later = NewEvent {
        due: Some(due),
        ..fired("later")
    };
    let work = Work {
        events: vec![later],
        ..Work::default()
    };
    let later = store.commit(&work).unwrap().events[0];
    store.settle(&[settlement(later, vec![])]).unwrap();
}

/// Tells the one digest that is due, of so many parts.
fn tell_in_a_digest(store: &SqliteStore, parts: usize) {
    let told = DigestOutcome {
        digest: store.due_digests(at(60), 9).unwrap()[0].id,
        parts,
        ended: parts,
        verdict: "digest",
        detail: String::new(),
        mail: Some(mail("digest", "b@b")),
    };
    assert_eq!(store.end_digests(&[told]).unwrap(), 1);
}

#[test]
fn what_was_sent_yesterday_is_kept_however_long_ago_it_was_queued() {
    let store = memory();
    let attempt = |now, state, next_at| {
        let claimed = claim(&store, at(now), 9);
        let rows: Vec<Completion> = claimed
            .iter()
            .map(|one| completion(one, state, next_at))
            .collect();
        store.complete(at(now), &rows).unwrap();
        rows.len()
    };
    // One is deferred for long.
    queue(&store, vec![mail("deferred", "a@b")]);
    assert_eq!(attempt(0, DeliveryState::Deferred, Some(at(100))), 1);
    // One is fired for a later day.
    settle_what_is_due(&store, at(100));
    // Two are told in a digest.
    super::digests::keep(&store, None, "b@b", "one");
    super::digests::keep(&store, None, "b@b", "two");
    tell_in_a_digest(&store, 2);
    assert_eq!(attempt(100, DeliveryState::Delivered, None), 2);

    let forgotten = |before| store.trim(at(before)).unwrap().events;
    assert_eq!((forgotten(50), forgotten(100)), (0, 0));
    assert_eq!(forgotten(101), 4);
}

#[test]
fn an_attempt_by_a_clock_that_was_ahead_keeps_nothing_for_ever() {
    let store = memory();
    let ahead = at(70 * 365 * 86_400);
    queue(&store, vec![mail("sent", "a@b")]);
    settle_what_is_due(&store, ahead);
    super::digests::keep(&store, None, "b@b", "one");
    tell_in_a_digest(&store, 1);
    let claimed = claim(&store, ahead, 9);
    assert_eq!(claimed.len(), 2);
    for one in &claimed {
        let delivered = completion(one, DeliveryState::Delivered, None);
        store.complete(ahead, &[delivered]).unwrap();
    }
    assert_eq!(store.trim(at(0)).unwrap().events, 0);
    assert_eq!(store.trim(at(1)).unwrap().events, 3);
}

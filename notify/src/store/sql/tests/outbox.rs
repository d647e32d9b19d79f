use super::*;
use DeliveryState::{Cancelled, Dead, Deferred, Delivered, Failed, Leased, Ready, Unknown};

#[test]
fn a_claim_counts_the_attempt_and_opens_its_row_before_the_work() {
    let store = memory();
    queue(&store, vec![mail("a", "ada@b"), mail("b", "bob@b")]);
    assert_eq!(store.due_accounts(at(0)).unwrap(), ["main"]);
    let claimed = claim(&store, at(1), 10);
    assert_eq!(claimed.len(), 2);
    assert_eq!(claimed[0].mail, mail("a", "ada@b"));
    assert_eq!((claimed[0].attempts, claimed[0].lease_epoch), (1, 1));
    let attempts = store.attempts(claimed[0].delivery).unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].id, attempts[0].n), (claimed[0].attempt, 1));
    assert_eq!((attempts[0].started, attempts[0].ended), (at(1), None));
    assert_eq!(state_of(&store, claimed[0].delivery).0, Leased);
    assert!(claim(&store, at(2), 10).is_empty());
    assert!(store.due_accounts(at(2)).unwrap().is_empty());
}

#[test]
fn a_claim_takes_only_the_accounts_and_the_number_that_were_asked_for() {
    let store = memory();
    let mut other = mail("o", "x@y");
    other.account = "other".to_owned();
    queue(&store, vec![mail("a", "ada@b"), mail("b", "bob@b"), other]);
    assert_eq!(store.due_accounts(at(0)).unwrap(), ["main", "other"]);
    assert_eq!(claim(&store, at(0), 1).len(), 1);
    let claimed = store
        .claim(&["other", "none"], "w", at(0), LEASE, 9)
        .unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].mail.account, "other");
    assert!(
        store
            .claim(&["main"], "w", at(0), LEASE, 0)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store
            .claim(&["other", "main"], "w", at(0), LEASE, 9)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn completions_are_written_with_the_servers_words() {
    let store = memory();
    queue(
        &store,
        vec![
            mail("a", "a@b"),
            mail("b", "b@b"),
            mail("c", "c@b"),
            mail("d", "d@b"),
        ],
    );
    let claimed = claim(&store, at(1), 10);
    let states = [Delivered, Failed, Deferred, Unknown];
    let completions: Vec<Completion> = claimed
        .iter()
        .zip(states)
        .map(|(one, state)| completion(one, state, Some(at(60))))
        .collect();
    assert!(store.complete(at(2), &completions).unwrap().is_empty());
    for (one, state) in claimed.iter().zip(states) {
        assert_eq!(state_of(&store, one.delivery), (state, String::new()));
        let attempt = store.attempts(one.delivery).unwrap().remove(0);
        assert_eq!(
            (attempt.ended, attempt.outcome.as_str()),
            (Some(at(2)), state.name())
        );
        assert_eq!(attempt.evidence, evidence("the server's words"));
    }
    assert!(claim(&store, at(59), 10).is_empty());
    let again = claim(&store, at(60), 10);
    let ids: Vec<i64> = again.iter().map(|one| one.delivery).collect();
    assert_eq!(ids, [claimed[2].delivery, claimed[3].delivery]);
    assert!(
        again
            .iter()
            .all(|one| one.attempts == 2 && one.lease_epoch == 2)
    );
    // The mail is the same to the last octet, its Message-ID included.
    assert_eq!(again[0].mail, claimed[2].mail);
}

#[test]
fn a_late_worker_is_recorded_and_changes_no_state() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b")]);
    let late = claim(&store, at(0), 1).remove(0);
    let second = claim(&store, at(60), 1).remove(0);
    let lost = store
        .complete(at(61), &[completion(&late, Delivered, None)])
        .unwrap();
    assert_eq!(lost, [late.delivery]);
    assert_eq!(state_of(&store, late.delivery).0, Leased);
    let attempts = store.attempts(late.delivery).unwrap();
    assert_eq!(
        (attempts[0].outcome.as_str(), attempts[0].late),
        ("delivered", true)
    );
    assert_eq!(attempts[1].ended, None);
    assert_eq!(
        store
            .renew(at(61), LEASE, &[(late.delivery, late.lease_epoch)])
            .unwrap(),
        [late.delivery]
    );
    let lost = store
        .complete(at(62), &[completion(&second, Failed, None)])
        .unwrap();
    assert!(lost.is_empty());
    // Saying it twice changes nothing either.
    let twice = store
        .complete(at(63), &[completion(&second, Delivered, None)])
        .unwrap();
    assert_eq!(twice, [second.delivery]);
    assert_eq!(state_of(&store, late.delivery).0, Failed);
    assert_eq!(store.attempts(late.delivery).unwrap()[1].outcome, "failed");
}

#[test]
fn a_lease_is_held_to_its_end_and_can_be_renewed() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b")]);
    let held = claim(&store, at(0), 1).remove(0);
    assert!(claim(&store, at(59), 1).is_empty());
    let lost = store
        .renew(at(50), LEASE, &[(held.delivery, held.lease_epoch)])
        .unwrap();
    assert!(lost.is_empty());
    assert!(claim(&store, at(109), 1).is_empty());
    assert_eq!(claim(&store, at(110), 1).len(), 1);
    assert_eq!(store.attempts(held.delivery).unwrap()[0].outcome, "crashed");
}

#[test]
fn three_crashes_in_a_row_are_poison() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b")]);
    for n in 0..3 {
        let claimed = claim(&store, at(n * 60), 1);
        assert_eq!(claimed[0].attempts, n as u32 + 1);
    }
    assert!(claim(&store, at(180), 1).is_empty());
    let (state, reason) = state_of(&store, 1);
    assert_eq!((state, reason.as_str()), (Dead, "poison"));
    let attempts = store.attempts(1).unwrap();
    assert!(attempts.iter().all(|a| a.outcome == "crashed"));
}

#[test]
fn an_attempt_that_ends_breaks_the_row_of_crashes() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b")]);
    claim(&store, at(0), 1);
    claim(&store, at(60), 1);
    let third = claim(&store, at(120), 1).remove(0);
    store
        .complete(at(121), &[completion(&third, Deferred, Some(at(130)))])
        .unwrap();
    for n in 0..3 {
        assert_eq!(claim(&store, at(130 + n * 60), 1).len(), 1);
    }
    assert!(claim(&store, at(130 + 180), 1).is_empty());
}

#[test]
fn what_crashed_twice_is_claimed_alone() {
    let store = memory();
    queue(
        &store,
        vec![mail("a", "a@b"), mail("b", "b@b"), mail("c", "c@b")],
    );
    assert_eq!(claim(&store, at(0), 2).len(), 2);
    assert_eq!(claim(&store, at(60), 9).len(), 3);
    let ids = |now| -> Vec<i64> {
        claim(&store, at(now), 9)
            .iter()
            .map(|one| one.delivery)
            .collect()
    };
    assert_eq!(ids(120), [1]);
    assert_eq!(ids(121), [2]);
    assert_eq!(ids(122), [3]);
}

#[test]
fn what_is_out_of_time_is_dead() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b")]);
    let day = 86_400;
    let one = claim(&store, at(0), 1).remove(0);
    let defer = |one: &Claimed, now: i64, next: i64| {
        let row = completion(one, Deferred, Some(at(next)));
        store.complete(at(now), &[row]).unwrap();
    };
    defer(&one, 1, 60);
    for n in 2..=40 {
        let one = claim(&store, at(n * 60), 1).remove(0);
        // Deferred beyond its time, it is looked at when its time is over.
        defer(&one, n * 60, if n < 40 { (n + 1) * 60 } else { 9 * day });
    }
    queue(&store, vec![mail("b", "b@b")]);
    let left = claim(&store, at(5 * day), 9);
    let (state, reason) = state_of(&store, 1);
    assert_eq!((state, reason.as_str()), (Dead, "expired"));
    // The other was never tried.
    assert_eq!(left.iter().map(|one| one.delivery).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_clock_that_leaps_ahead_lets_nothing_expire() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b"), mail("b", "b@b")]);
    let tried = claim(&store, at(0), 1).remove(0);
    let row = completion(&tried, Deferred, Some(at(60)));
    store.complete(at(1), &[row]).unwrap();
    // A year ahead in one step: the one that was tried once and the one that never was are due, and go on as planned.
    let year = 366 * 86_400;
    let mut now = year;
    let both = claim(&store, at(now), 9);
    assert_eq!(both.len(), 2);
    let rows: Vec<_> = both
        .iter()
        .map(|one| completion(one, Deferred, Some(at(now + 120))))
        .collect();
    store.complete(at(now), &rows).unwrap();
    assert!(claim(&store, at(now + 119), 9).is_empty(), "no storm");
    // They still end: as often as five days have room for.
    let mut attempts = 1;
    loop {
        now += 4 * 3600;
        let again = claim(&store, at(now), 9);
        let Some(one) = again.iter().find(|one| one.delivery == 2) else {
            break;
        };
        attempts = one.attempts;
        let rows: Vec<_> = again
            .iter()
            .map(|one| completion(one, Deferred, Some(at(now + 4 * 3600))))
            .collect();
        store.complete(at(now), &rows).unwrap();
    }
    assert_eq!(attempts, 35);
    for delivery in [1, 2] {
        let (state, reason) = state_of(&store, delivery);
        assert_eq!((state, reason.as_str()), (Dead, "expired"));
    }
}

#[test]
fn a_mail_that_was_stored_after_its_time_is_tried_once() {
    let store = SqliteStore::open_in_memory()
        .unwrap()
        .with_clock(|| at(9 * 86_400));
    // Made by a clock that was nine days behind.
    queue(&store, vec![mail("a", "a@b")]);
    let tried = claim(&store, at(9 * 86_400), 1).remove(0);
    let row = completion(&tried, Deferred, Some(at(9 * 86_400 + 60)));
    store.complete(at(9 * 86_400), &[row]).unwrap();
    assert!(claim(&store, at(9 * 86_400 + 60), 1).is_empty());
    let (state, reason) = state_of(&store, 1);
    assert_eq!((state, reason.as_str()), (Dead, "expired"));
}

#[test]
fn dead_ones_do_not_use_up_the_limit() {
    let store = memory();
    let mut old: Vec<OutgoingMail> = (0..5).map(|n| mail(&format!("old{n}"), "a@b")).collect();
    old.iter_mut().for_each(|mail| mail.expires = at(0));
    old.push(mail("new", "b@b"));
    queue(&store, old);
    assert_eq!(claim(&store, at(1), 2).len(), 1);
}

#[test]
fn a_clock_set_back_starves_nobody_and_makes_no_storm() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b")]);
    let day = 86_400;
    let one = claim(&store, at(2 * day), 1).remove(0);
    store
        .complete(
            at(2 * day),
            &[completion(&one, Deferred, Some(at(2 * day + 60)))],
        )
        .unwrap();
    // The clock is set back by two days: not now, but within four hours.
    assert!(claim(&store, at(0), 1).is_empty());
    assert!(claim(&store, at(4 * 3600 - 1), 1).is_empty());
    assert_eq!(claim(&store, at(4 * 3600), 1).len(), 1);
    // What was never tried waits for no clock.
    queue(&store, vec![mail("b", "b@b")]);
    assert_eq!(claim(&store, at(-day), 1).len(), 1);
}

#[test]
fn requeueing_is_a_new_life_and_forgets_no_attempt() {
    let store = memory();
    queue(
        &store,
        vec![mail("a", "a@b"), mail("b", "b@b"), mail("c", "c@b")],
    );
    let claimed = claim(&store, at(0), 3);
    let done = [
        completion(&claimed[0], Failed, None),
        completion(&claimed[1], Delivered, None),
    ];
    store.complete(at(1), &done).unwrap();
    // What was delivered, and what somebody works on, is left alone.
    let changed = store.requeue(&[1, 2, 3, 99], at(2), at(900)).unwrap();
    assert_eq!(changed, 1);
    assert_eq!(state_of(&store, 1).0, Ready);
    let again = claim(&store, at(2), 9).remove(0);
    assert_eq!((again.delivery, again.attempts), (1, 2));
    assert_eq!(again.mail.expires, at(900));
    assert_eq!(again.mail.message_id, claimed[0].mail.message_id);
}

#[test]
fn cancelling_takes_what_waits() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b"), mail("b", "b@b")]);
    let held = claim(&store, at(0), 1).remove(0);
    assert_eq!(store.cancel(&[1, 2]).unwrap(), 1);
    assert_eq!(state_of(&store, 2).0, Cancelled);
    assert!(claim(&store, at(1), 9).is_empty());
    store
        .complete(at(1), &[completion(&held, Delivered, None)])
        .unwrap();
    assert_eq!(store.requeue(&[2], at(2), at(99)).unwrap(), 1);
    assert_eq!(claim(&store, at(2), 9).len(), 1);
}

#[test]
fn mails_about_one_record_to_one_person_keep_their_order() {
    let store = memory();
    let record = RecordKey::new("incident", "INC1");
    let one = |id: &str, to: &str| about(&record, mail(id, to));
    queue(&store, vec![one("a", "Ada@b")]);
    let first = claim(&store, at(0), 1).remove(0);
    queue(
        &store,
        vec![one("b", "ada@b"), one("c", "bob@b"), mail("d", "ada@b")],
    );
    let ids =
        |claimed: Vec<Claimed>| -> Vec<i64> { claimed.iter().map(|one| one.delivery).collect() };
    assert_eq!(ids(claim(&store, at(1), 9)), [3, 4]);
    store
        .complete(at(2), &[completion(&first, Deferred, Some(at(30)))])
        .unwrap();
    assert!(claim(&store, at(3), 9).is_empty());
    // Due together, they go together and in order.
    assert_eq!(ids(claim(&store, at(30), 1)), [1]);
    assert!(claim(&store, at(31), 9).is_empty());
    let again = store.attempts(1).unwrap().pop().unwrap();
    let done = Completion {
        lease_epoch: 2,
        attempt: again.id,
        ..completion(&first, Delivered, None)
    };
    store.complete(at(32), &[done]).unwrap();
    assert_eq!(ids(claim(&store, at(32), 9)), [2]);
}

#[test]
fn mails_about_one_record_to_one_person_may_go_together() {
    let store = memory();
    let record = RecordKey::new("incident", "INC1");
    let one = |id: &str| about(&record, mail(id, "ada@b"));
    queue(&store, vec![one("a"), one("b"), mail("c", "ada@b")]);
    let ids = |now| -> Vec<i64> {
        let claimed = claim(&store, at(now), 9);
        claimed.iter().map(|one| one.delivery).collect()
    };
    assert_eq!(ids(0), [1, 2, 3]);
    // A mail waits for an earlier one that somebody else holds, whatever else is claimed with it.
    queue(&store, vec![mail("d", "ada@b"), one("e")]);
    assert_eq!(ids(1), [4]);
}

#[test]
fn nobody_waits_for_an_earlier_mail_longer_than_an_hour() {
    let store = memory();
    let record = RecordKey::new("incident", "INC1");
    queue(&store, vec![about(&record, mail("a", "a@b"))]);
    let first = claim(&store, at(0), 1).remove(0);
    store
        .complete(at(0), &[completion(&first, Deferred, Some(at(3 * 3600)))])
        .unwrap();
    queue(&store, vec![about(&record, mail("b", "a@b"))]);
    assert!(claim(&store, at(1), 9).is_empty());
    assert!(claim(&store, at(3599), 9).is_empty());
    assert_eq!(claim(&store, at(3600), 9).len(), 1);
}

#[test]
fn a_settled_event_stays_as_it_is_and_a_message_id_is_queued_once() {
    let store = memory();
    let event = queue(&store, vec![mail("a", "a@b"), mail("a", "a@b")]);
    store
        .settle(&[settlement(event, vec![mail("b", "b@b")])])
        .unwrap();
    let other = fire(&store, "tell");
    store
        .settle(&[
            settlement(other, vec![mail("a", "a@b")]),
            settlement(999, vec![mail("x", "x@b")]),
        ])
        .unwrap();
    let claimed = claim(&store, at(0), 9);
    assert_eq!(claimed.len(), 1);
    assert!(store.due_events(at(0), 9).unwrap().is_empty());
}

#[test]
fn a_requeued_mail_is_tried_before_it_expires_and_waits_like_a_new_one() {
    let store = memory();
    let mut short = mail("a", "a@b");
    // That is room for three attempts.
    short.expires = at(200);
    queue(&store, vec![short]);
    for n in 0..3 {
        let one = claim(&store, at(n), 1).remove(0);
        let row = completion(&one, Deferred, Some(at(n + 1)));
        store.complete(at(n), &[row]).unwrap();
    }
    assert!(claim(&store, at(200), 1).is_empty());
    assert_eq!(state_of(&store, 1), (Dead, "expired".to_owned()));
    assert_eq!(store.requeue(&[1], at(300), at(500)).unwrap(), 1);
    // Nothing ran for as long as it had.
    for n in 1..=3 {
        let one = claim(&store, at(600 + i64::from(n)), 1).remove(0);
        assert_eq!((one.attempts, one.attempts_in_this_life()), (3 + n, n));
        let row = completion(&one, Deferred, Some(at(601 + i64::from(n))));
        store.complete(at(600 + i64::from(n)), &[row]).unwrap();
    }
    let numbers: Vec<u32> = store.attempts(1).unwrap().iter().map(|a| a.n).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert!(claim(&store, at(700), 1).is_empty());
    assert_eq!(state_of(&store, 1), (Dead, "expired".to_owned()));
}

#[test]
fn a_deferred_mail_that_is_due_at_once_has_waited_since_then_and_not_since_1970() {
    let store = memory();
    let record = RecordKey::new("incident", "INC1");
    let one = |id: &str| about(&record, mail(id, "ada@b"));
    queue(&store, vec![one("a"), one("b")]);
    let both = claim(&store, at(0), 9);
    let defer = |one: &Claimed| completion(one, Deferred, Some(at(60)));
    let rows: Vec<Completion> = both.iter().map(defer).collect();
    store.complete(at(1), &rows).unwrap();
    let first = claim(&store, at(60), 1).remove(0);
    assert!(
        claim(&store, at(61), 9).is_empty(),
        "the second one waits for it"
    );
    let done = completion(&first, Delivered, None);
    store.complete(at(62), &[done]).unwrap();
    let waits_since = |now| store.backlog(at(now)).unwrap().delivery;
    assert_eq!(waits_since(70), Some(at(62)));
    let second = claim(&store, at(70), 9).remove(0);
    let held = [(second.delivery, second.lease_epoch)];
    assert_eq!(store.release(at(71), &held, None).unwrap(), 1);
    assert_eq!(waits_since(80), Some(at(71)));
}

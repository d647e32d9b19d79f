//! Token buckets, and claims that are given back.

use super::super::engine::Engine;
use super::*;
use crate::account::Rate;
use DeliveryState::{Deferred, Leased, Ready};

fn per_minute(mails: u32) -> Rate {
    Rate {
        mails,
        per: Duration::from_secs(60),
    }
}

fn given_back(store: &SqliteStore, claimed: &[Claimed], next_at: Timestamp) -> usize {
    let held: Vec<_> = claimed
        .iter()
        .map(|one| (one.delivery, one.lease_epoch))
        .collect();
    store.release(next_at, &held, Some(next_at)).unwrap()
}

#[test]
fn a_bucket_that_is_not_there_yet_is_full_and_gives_what_it_has() {
    let store = memory();
    let take = |name: &str, want| store.take_tokens(name, per_minute(5), want, at(0)).unwrap();
    assert_eq!(take("main", 2), 2);
    assert_eq!(take("main", 0), 0);
    assert_eq!(take("main", 9), 3);
    assert_eq!(take("main", 1), 0);
    assert_eq!(take("other", 9), 5, "each has its own");
}

#[test]
fn a_bucket_fills_evenly_up_to_its_size() {
    let store = memory();
    let take = |now| {
        store
            .take_tokens("main", per_minute(6), 9, at(now))
            .unwrap()
    };
    assert_eq!(take(0), 6);
    assert_eq!(take(9), 0);
    assert_eq!(take(10), 1, "one in ten seconds, and the nine before count");
    assert_eq!(take(35), 2);
    assert_eq!(take(40), 1, "the half that was left counts");
    assert_eq!(take(40 + 3600), 6);
}

#[test]
fn a_clock_that_was_set_back_refills_nothing_and_empties_nothing() {
    let store = memory();
    let take = |want, now| {
        store
            .take_tokens("main", per_minute(6), want, at(now))
            .unwrap()
    };
    assert_eq!(take(4, 100), 4);
    assert_eq!(take(9, 0), 2);
    // From here on it fills by the new clock.
    assert_eq!(take(9, 20), 2);
}

#[test]
fn tokens_that_were_not_used_can_be_put_back() {
    let store = memory();
    let take = |want| {
        store
            .take_tokens("main", per_minute(5), want, at(0))
            .unwrap()
    };
    assert_eq!(take(5), 5);
    store.return_tokens("main", 3).unwrap();
    assert_eq!(take(5), 3);
    store.return_tokens("nobody", 3).unwrap();
    let nobody = store.take_tokens("nobody", per_minute(1), 9, at(0));
    assert_eq!(
        nobody.unwrap(),
        1,
        "a bucket that is not there is full, and no fuller"
    );
}

#[test]
fn a_claim_given_back_was_never_made() {
    let store = memory();
    queue(
        &store,
        vec![mail("a", "a@b"), mail("b", "b@b"), mail("c", "c@b")],
    );
    let claimed = claim(&store, at(0), 9);
    assert_eq!(given_back(&store, &claimed[..2], at(60)), 2);
    for one in &claimed[..2] {
        assert_eq!(state_of(&store, one.delivery).0, Ready);
        assert!(store.attempts(one.delivery).unwrap().is_empty());
    }
    assert_eq!(state_of(&store, claimed[2].delivery).0, Leased);
    assert_eq!(store.attempts(claimed[2].delivery).unwrap().len(), 1);
    assert!(claim(&store, at(59), 9).is_empty());
    let again = claim(&store, at(60), 1).remove(0);
    assert_eq!((again.attempts, again.lease_epoch), (1, 2));
}

#[test]
fn a_claim_given_back_is_again_what_its_last_attempt_left() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b")]);
    let first = claim(&store, at(0), 1).remove(0);
    let deferred = completion(&first, Deferred, Some(at(60)));
    store.complete(at(1), &[deferred]).unwrap();
    let second = claim(&store, at(60), 1);
    assert_eq!(given_back(&store, &second, at(90)), 1);
    assert_eq!(state_of(&store, first.delivery).0, Deferred);
    let attempts = store.attempts(first.delivery).unwrap();
    assert_eq!(attempts.len(), 1, "the one that was made stays");
    assert_eq!(claim(&store, at(90), 1)[0].attempts, 2);
}

/// What was tried and put back into the queue is sent, also if its turn does not come over the first connection.
#[test]
fn what_ended_a_life_before_does_not_end_this_one() {
    use DeliveryState::{Bounced, Delivered, Failed, Unknown};
    for ended in [Failed, Delivered, Unknown, Deferred] {
        let store = memory();
        queue(&store, vec![mail("a", "a@b")]);
        let first = claim(&store, at(0), 1).remove(0);
        store
            .complete(at(1), &[completion(&first, ended, None)])
            .unwrap();
        if ended == Delivered {
            let bounce = "UPDATE delivery SET state = 'bounced'";
            store
                .work("bounce", |c| {
                    Ok(c.prepare_cached(bounce)?.execute(rusqlite::params![])?)
                })
                .unwrap();
            assert_eq!(state_of(&store, first.delivery).0, Bounced);
        }
        assert_eq!(store.requeue(&[first.delivery], at(2), at(900)).unwrap(), 1);
        let second = claim(&store, at(3), 1);
        assert_eq!(given_back(&store, &second, at(4)), 1);
        assert_eq!(state_of(&store, first.delivery).0, Ready);
        assert_eq!(claim(&store, at(4), 1).len(), 1);
    }
}

#[test]
fn a_crash_is_not_forgotten_with_the_claim_after_it() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b")]);
    claim(&store, at(0), 1);
    let second = claim(&store, at(60), 1);
    assert_eq!(given_back(&store, &second, at(60)), 1);
    assert_eq!(state_of(&store, second[0].delivery).0, Deferred);
    assert_eq!(
        store.attempts(second[0].delivery).unwrap()[0].outcome,
        "crashed"
    );
}

#[test]
fn nobody_gives_back_what_is_somebody_elses() {
    let store = memory();
    queue(&store, vec![mail("a", "a@b")]);
    let late = claim(&store, at(0), 1);
    claim(&store, at(60), 1);
    assert_eq!(given_back(&store, &late, at(61)), 0);
    assert_eq!(state_of(&store, late[0].delivery).0, Leased);
    assert_eq!(store.attempts(late[0].delivery).unwrap().len(), 2);
}

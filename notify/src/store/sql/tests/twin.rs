//! The outbox against a naive twin, over random histories of claims, completions, crashes and clocks.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const LEASE_SECONDS: i64 = 60;
const LONGEST: i64 = 4 * 3600;
const EXPIRES: i64 = 200;
/// What so long a life has room for: at once, after 66 seconds and after 198.
const LEAST_ATTEMPTS: usize = 3;

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    Queue(usize),
    Claim(usize),
    /// The n-th of what any worker ever claimed is completed, late or not, even twice.
    Complete(usize, DeliveryState, i64),
    /// The clock moves, forward or back.
    Clock(i64),
    Cancel(usize),
    Requeue(usize),
    /// The process ends and another begins on the same file.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    use DeliveryState::{Deferred, Delivered, Failed, Unknown};
    let state = prop::sample::select(vec![Delivered, Deferred, Failed, Unknown]);
    prop_oneof![
        2 => (1..4usize).prop_map(Step::Queue),
        4 => (1..5usize).prop_map(Step::Claim),
        4 => (0..9usize, state, 0..400i64).prop_map(|(n, state, wait)| Step::Complete(n, state, wait)),
        3 => (0..200i64).prop_map(Step::Clock),
        1 => (-30_000..30_000i64).prop_map(Step::Clock),
        1 => (0..6usize).prop_map(Step::Cancel),
        1 => (0..6usize).prop_map(Step::Requeue),
        1 => Just(Step::Reopen),
    ]
}

/// A delivery as the twin knows it. Moments are seconds; 0 is at once.
#[derive(Clone, Debug)]
struct Twin {
    state: DeliveryState,
    next_at: i64,
    expires: i64,
    crashes: u32,
    epoch: i64,
    attempts: Vec<&'static str>,
    /// How many of them it had before it was put back into the queue.
    earlier: usize,
}

#[derive(Default)]
struct Twins {
    all: BTreeMap<i64, Twin>,
}

impl Twins {
    fn waits(twin: &Twin) -> bool {
        use DeliveryState::{Deferred, Leased, Ready, Unknown};
        matches!(twin.state, Ready | Leased | Deferred | Unknown)
    }

    fn claim(&mut self, now: i64, limit: usize) -> Vec<(i64, i64)> {
        let mut claimed = Vec::new();
        for twin in self.all.values_mut().filter(|twin| Self::waits(twin)) {
            twin.next_at = twin.next_at.min(now + LONGEST);
        }
        let mut due: Vec<(i64, i64)> = self
            .all
            .iter()
            .filter(|(_, twin)| Self::waits(twin) && twin.next_at <= now)
            .map(|(id, twin)| (twin.next_at, *id))
            .collect();
        due.sort_unstable();
        for (_, id) in due {
            if claimed.len() == limit {
                break;
            }
            let twin = self.all.get_mut(&id).unwrap();
            let leased = twin.state == DeliveryState::Leased;
            let crashes = twin.crashes + u32::from(leased);
            let tried = twin.attempts.len() - twin.earlier;
            let expired = twin.expires <= now && tried >= LEAST_ATTEMPTS;
            let alone = crashes == 2 && !expired;
            if alone && !claimed.is_empty() {
                break;
            }
            if leased {
                *twin.attempts.last_mut().unwrap() = "crashed";
            }
            twin.crashes = crashes;
            if crashes >= 3 || expired {
                twin.state = DeliveryState::Dead;
                continue;
            }
            twin.state = DeliveryState::Leased;
            twin.next_at = now + LEASE_SECONDS;
            twin.epoch += 1;
            twin.attempts.push("");
            claimed.push((id, twin.epoch));
            if alone {
                break;
            }
        }
        claimed
    }

    fn complete(
        &mut self,
        claimed: &Claimed,
        state: DeliveryState,
        now: i64,
        next_at: i64,
    ) -> bool {
        let twin = self.all.get_mut(&claimed.delivery).unwrap();
        let attempt = &mut twin.attempts[claimed.attempts as usize - 1];
        if matches!(*attempt, "" | "crashed") {
            *attempt = state.name();
        }
        let held = twin.state == DeliveryState::Leased && twin.epoch == claimed.lease_epoch;
        if held {
            twin.state = state;
            twin.next_at = match twin.expires > now {
                true => next_at.min(twin.expires),
                false => next_at,
            };
            twin.crashes = 0;
        }
        held
    }
}

fn open(dir: &tempfile::TempDir) -> SqliteStore {
    let store = SqliteStore::open(&dir.path().join("twin.db")).unwrap();
    store.with_clock(|| at(0))
}

/// The same history in the store and in the twin.
struct Both {
    dir: tempfile::TempDir,
    store: SqliteStore,
    twins: Twins,
    now: i64,
    queued: usize,
    claims: Vec<Claimed>,
}

impl Both {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        Self {
            dir,
            store,
            twins: Twins::default(),
            now: 0,
            queued: 0,
            claims: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Queue(n) => self.queue(n),
            Step::Claim(limit) => self.claim(limit),
            Step::Complete(n, state, wait) => self.complete(n, state, wait),
            Step::Clock(by) => self.now += by,
            Step::Cancel(n) => self.cancel(n as i64 + 1),
            Step::Requeue(n) => self.requeue(n as i64 + 1),
            Step::Reopen => self.store = open(&self.dir),
        }
    }

    fn queue(&mut self, n: usize) {
        let mails = (0..n).map(|m| {
            let mut mail = mail(&format!("{}", self.queued + m), "a@b");
            mail.expires = at(EXPIRES);
            mail
        });
        queue(&self.store, mails.collect());
        for _ in 0..n {
            self.queued += 1;
            let twin = Twin {
                state: DeliveryState::Ready,
                next_at: i64::MIN,
                expires: EXPIRES,
                crashes: 0,
                epoch: 0,
                attempts: Vec::new(),
                earlier: 0,
            };
            self.twins.all.insert(self.queued as i64, twin);
        }
    }

    fn claim(&mut self, limit: usize) {
        let claimed = claim(&self.store, at(self.now), limit);
        let expected = self.twins.claim(self.now, limit);
        let got: Vec<(i64, i64)> = claimed
            .iter()
            .map(|one| (one.delivery, one.lease_epoch))
            .collect();
        assert_eq!(got, expected);
        for one in &claimed {
            assert_eq!(
                one.attempts as usize,
                self.twins.all[&one.delivery].attempts.len()
            );
            assert_eq!(
                one.mail.message_id,
                format!("{}@example.org", one.delivery - 1)
            );
        }
        self.claims.extend(claimed);
    }

    fn complete(&mut self, n: usize, state: DeliveryState, wait: i64) {
        let Some(one) = self
            .claims
            .len()
            .checked_sub(n + 1)
            .map(|n| self.claims[n].clone())
        else {
            return;
        };
        let next_at = self.now + wait;
        let written = completion(&one, state, Some(at(next_at)));
        let lost = self.store.complete(at(self.now), &[written]).unwrap();
        assert_eq!(
            lost.is_empty(),
            self.twins.complete(&one, state, self.now, next_at)
        );
    }

    fn cancel(&mut self, id: i64) {
        let changed = self.store.cancel(&[id]).unwrap();
        let twin = self
            .twins
            .all
            .get_mut(&id)
            .filter(|twin| Twins::waits(twin) && twin.state != DeliveryState::Leased);
        assert_eq!(changed, usize::from(twin.is_some()));
        if let Some(twin) = twin {
            twin.state = DeliveryState::Cancelled;
        }
    }

    fn requeue(&mut self, id: i64) {
        use DeliveryState::{Delivered, Leased, Ready};
        let expires = self.now + EXPIRES;
        let changed = self
            .store
            .requeue(&[id], at(self.now), at(expires))
            .unwrap();
        let twin = self
            .twins
            .all
            .get_mut(&id)
            .filter(|twin| !matches!(twin.state, Delivered | Leased));
        assert_eq!(changed, usize::from(twin.is_some()));
        if let Some(twin) = twin {
            (twin.state, twin.next_at, twin.expires, twin.crashes) = (Ready, i64::MIN, expires, 0);
            twin.earlier = twin.attempts.len();
        }
    }

    /// One row for each delivery, a row for each attempt, and every state as the twin has it.
    fn compare(&self) {
        let rows = self
            .store
            .log(&LogFilter {
                limit: usize::MAX,
                ..LogFilter::default()
            })
            .unwrap();
        assert_eq!(rows.len(), self.twins.all.len());
        for (row, (id, twin)) in rows.iter().rev().zip(&self.twins.all) {
            assert_eq!((row.delivery, row.state), (*id, twin.state));
            let attempts = self.store.attempts(*id).unwrap();
            let outcomes: Vec<&str> = attempts.iter().map(|a| a.outcome.as_str()).collect();
            assert_eq!(outcomes, twin.attempts);
            assert_eq!(row.attempts as usize, attempts.len());
            assert!(
                attempts
                    .iter()
                    .enumerate()
                    .all(|(n, a)| a.n as usize == n + 1)
            );
        }
    }

    /// In the end nothing is stuck: with time, everything is claimed, or dead.
    fn drain(&mut self) {
        for _ in 0..40 {
            self.now += LONGEST;
            while {
                self.claim(3);
                self.claims
                    .last()
                    .is_some_and(|one| self.twins.all[&one.delivery].state == DeliveryState::Leased)
            } {
                self.complete(0, DeliveryState::Delivered, 0);
                self.complete(1, DeliveryState::Delivered, 0);
                self.complete(2, DeliveryState::Delivered, 0);
            }
        }
        assert!(
            self.twins.all.values().all(|twin| !Twins::waits(twin)),
            "{:?}",
            self.twins.all
        );
        self.compare();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn any_history_is_the_history_of_the_twin(steps in prop::collection::vec(step(), 1..40)) {
        let mut both = Both::new();
        for step in &steps {
            both.step(step);
            both.compare();
        }
        both.drain();
    }
}

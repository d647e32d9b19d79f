//! Group commit: pieces of work that wait for the disk at the same time wait for it once.
//!
//! Whoever leads does the work of all that wait in one transaction. Where the store refuses a piece (no such record), all are done
//! again, each in a savepoint, so that this piece is undone alone: savepoints cost a copy of each page that is written, and
//! few pieces are refused. Where the database itself fails, the whole transaction is undone, because some failures end it
//! without saying so, and each piece is tried again in a transaction of its own. Where it may have been kept, nothing is tried again:
//! whoever waits is told that nobody knows.

use super::commit;
use super::connection::{Connection, Savepoint};
use super::engine::Engine;
use super::fault::Fault;
use crate::store::{Committed, StoreError, Work};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pieces of work in one transaction at most.
const MOST: usize = 256;

const DOING: &str = "write changes and events";

type Answer = Result<Committed, StoreError>;

/// What a transaction gives: an answer for each piece, unless it is undone.
type Answers = Result<Vec<Answer>, Fault>;

/// The work that waits to be done.
#[derive(Default)]
pub(super) struct Group {
    waiting: Mutex<Vec<Piece>>,
    leading: Mutex<()>,
}

/// Somebody's work, and where its answer goes.
struct Piece {
    work: Work,
    now: i64,
    answer: Place,
}

/// Where the answer to a piece of work will be.
type Place = Arc<Mutex<Option<Answer>>>;

/// Nothing was written.
pub(super) fn interrupted() -> StoreError {
    StoreError::Corrupt("the work was interrupted, and nothing was written".to_owned())
}

impl Piece {
    fn new(work: &Work, now: i64) -> Self {
        Self {
            work: work.clone(),
            now,
            answer: Arc::default(),
        }
    }

    fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

impl Group {
    /// Does the works, together with whatever else waits. Gives an answer for each.
    pub(super) fn commit(&self, engine: &impl Engine, works: &[Work]) -> Vec<Answer> {
        let now = engine.now();
        let pieces: Vec<Piece> = works.iter().map(|work| Piece::new(work, now)).collect();
        let places: Vec<Place> = pieces
            .iter()
            .map(|piece| Arc::clone(&piece.answer))
            .collect();
        self.waiting().extend(pieces);
        let _leading = self.lead();
        let answered = places.iter().map(|place| self.answered(engine, place));
        answered.collect()
    }

    /// Works until there is an answer here; it may have come while this caller waited to lead.
    fn answered(&self, engine: &impl Engine, place: &Place) -> Answer {
        loop {
            let answer = place.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(answer) = answer {
                return answer;
            }
            let mut pieces = std::mem::take(&mut *self.waiting());
            if pieces.is_empty() {
                // Whoever took this piece did not come to its end.
                return Err(interrupted());
            }
            let later = pieces.split_off(pieces.len().min(MOST));
            self.waiting().splice(0..0, later);
            together(engine, &pieces);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Piece>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held by whoever does the work of all.
    pub(super) fn lead(&self) -> MutexGuard<'_, ()> {
        self.leading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many pieces wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting().len()
    }
}

/// One transaction for all, or one for each.
fn together(engine: &impl Engine, pieces: &[Piece]) {
    let in_a_row = || engine.acknowledge(DOING, |c| in_a_row(c, pieces));
    let in_savepoints = || engine.acknowledge(DOING, |c| in_savepoints(c, pieces));
    if let [_, _, ..] = pieces {
        let tried = match in_a_row() {
            done @ (Ok(_) | Err(StoreError::Uncertain(_))) => done,
            Err(_) => in_savepoints(),
        };
        match tried {
            Ok(answers) => {
                for (piece, answer) in pieces.iter().zip(answers) {
                    piece.answer(answer);
                }
                return;
            }
            Err(StoreError::Uncertain(why)) => {
                for piece in pieces {
                    piece.answer(Err(StoreError::Uncertain(why.clone())));
                }
                return;
            }
            Err(_) => {}
        }
    }
    for piece in pieces {
        piece.answer(engine.acknowledge(DOING, |c| commit::commit(c, piece.now, &piece.work)));
    }
}

/// All, or none of them.
fn in_a_row(c: &dyn Connection, pieces: &[Piece]) -> Answers {
    let commit = |piece: &Piece| Ok(Ok(commit::commit(c, piece.now, &piece.work)?));
    pieces.iter().map(commit).collect()
}

/// All that are not refused.
fn in_savepoints(c: &dyn Connection, pieces: &[Piece]) -> Answers {
    let mut answers = Vec::with_capacity(pieces.len());
    for piece in pieces {
        c.savepoint(Savepoint::Begin)?;
        answers.push(match commit::commit(c, piece.now, &piece.work) {
            Ok(committed) => {
                c.savepoint(Savepoint::Keep)?;
                Ok(committed)
            }
            Err(Fault::Store(refused)) => {
                c.savepoint(Savepoint::Undo)?;
                Err(refused)
            }
            Err(failed) => return Err(failed),
        });
    }
    Ok(answers)
}

//! Group commit: pieces of work that wait for the disk at the same time wait for it once.
//!
//! Whoever gets the connection does the work of all that wait, each in a savepoint of one transaction. A piece that the
//! store refuses (no such record) is undone alone. Where the database itself fails, the whole transaction is undone,
//! because some failures end it without saying so, and each piece is tried again in a transaction of its own.

use super::fault::Fault;
use super::{commit, lock, wait_for_disk};
use crate::store::{Committed, StoreError, Work};
use rusqlite::{Connection, TransactionBehavior};
use std::sync::{Arc, Mutex, PoisonError};

/// Pieces of work in one transaction at most.
const MOST: usize = 256;

const DOING: &str = "write changes and events";

type Answer = Result<Committed, StoreError>;

/// The work that waits for the connection.
#[derive(Default)]
pub(super) struct Group {
    waiting: Mutex<Vec<Piece>>,
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
    /// Does the works, together with whatever else waits. Gives an answer for each, and how many transactions this caller made.
    pub(super) fn commit(
        &self,
        connection: &Mutex<Connection>,
        now: i64,
        works: &[Work],
    ) -> (Vec<Answer>, u64) {
        let pieces: Vec<Piece> = works.iter().map(|work| Piece::new(work, now)).collect();
        let places: Vec<Place> = pieces
            .iter()
            .map(|piece| Arc::clone(&piece.answer))
            .collect();
        self.waiting().extend(pieces);
        let mut connection = lock(connection);
        let mut answers = Vec::with_capacity(places.len());
        let mut transactions = 0;
        for place in places {
            loop {
                let answer = place.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(answer) = answer {
                    answers.push(answer);
                    break;
                }
                let mut pieces = std::mem::take(&mut *self.waiting());
                if pieces.is_empty() {
                    // Whoever took this piece did not come to its end.
                    answers.push(Err(interrupted()));
                    break;
                }
                let later = pieces.split_off(pieces.len().min(MOST));
                self.waiting().splice(0..0, later);
                transactions += together(&mut connection, &pieces);
            }
        }
        (answers, transactions)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Piece>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many pieces wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting().len()
    }
}

/// One transaction for all, or one for each.
fn together(connection: &mut Connection, pieces: &[Piece]) -> u64 {
    if let [_, _, ..] = pieces
        && let Ok(answers) = in_savepoints(connection, pieces)
    {
        for (piece, answer) in pieces.iter().zip(answers) {
            piece.answer(answer);
        }
        return 1;
    }
    for piece in pieces {
        piece.answer(alone(connection, piece).map_err(|fault| fault.while_doing(DOING)));
    }
    pieces.len() as u64
}

fn alone(connection: &mut Connection, piece: &Piece) -> Result<Committed, Fault> {
    wait_for_disk(connection, "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let committed = commit::commit(&transaction, piece.now, &piece.work)?;
    transaction.commit()?;
    Ok(committed)
}

fn in_savepoints(connection: &mut Connection, pieces: &[Piece]) -> rusqlite::Result<Vec<Answer>> {
    wait_for_disk(connection, "FULL")?;
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut answers = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let savepoint = transaction.savepoint()?;
        answers.push(match commit::commit(&savepoint, piece.now, &piece.work) {
            Ok(committed) => {
                savepoint.commit()?;
                Ok(committed)
            }
            // The savepoint is undone when it is dropped.
            Err(Fault::Store(refused)) => Err(refused),
            Err(Fault::Sql(error)) => return Err(error),
        });
    }
    transaction.commit()?;
    Ok(answers)
}

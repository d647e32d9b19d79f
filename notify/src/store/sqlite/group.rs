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
    answer: Arc<Mutex<Option<Answer>>>,
}

impl Piece {
    fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

impl Group {
    /// Does the work, together with whatever else waits. Gives how many transactions this caller made of it.
    pub(super) fn commit(
        &self,
        connection: &Mutex<Connection>,
        now: i64,
        work: &Work,
    ) -> (Answer, u64) {
        let answer = Arc::default();
        let piece = Piece {
            work: work.clone(),
            now,
            answer: Arc::clone(&answer),
        };
        self.waiting().push(piece);
        let mut connection = lock(connection);
        let mut transactions = 0;
        loop {
            let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(answer) = answer {
                return (answer, transactions);
            }
            let mut pieces = std::mem::take(&mut *self.waiting());
            if pieces.is_empty() {
                // Whoever took this piece did not come to its end.
                let text = "the work was interrupted, and nothing was written".to_owned();
                return (Err(StoreError::Corrupt(text)), transactions);
            }
            let later = pieces.split_off(pieces.len().min(MOST));
            self.waiting().splice(0..0, later);
            transactions += together(&mut connection, &pieces);
        }
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

//! One round of processing: mails are judged in one state of the store, and what some of them do is written while the next are
//! judged.

use super::Inbound;
use super::batch::{Batch, Judged};
use super::mail::Mail;
use super::processor::{Processed, Processor, called, failed};
use crate::store::{Store, StoreError};
use jiff::Timestamp;
use std::mem::take;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};

/// Parts in a round: two, so that one is judged while the other is written.
const PARTS: usize = 2;

type Written = Result<Vec<Processed>, StoreError>;

impl Processor {
    /// Processes the mail that is due, oldest first, and waits for the disk once for many. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails; mail that was not processed is due again.
    pub fn run_once(&self, now: Timestamp) -> Result<Vec<Processed>, StoreError> {
        let due = self
            .store
            .due_inbound(now, self.together.saturating_mul(PARTS))?;
        std::thread::scope(|scope| Round::new(self, &due, now, scope)?.run())
    }

    /// A processor that looks at one state of the store, if that has such a thing: what is looked up for each of many mails
    /// is then looked up in memory. `None` where it is not worth it.
    fn steady(&self, due: &[Inbound]) -> Result<Option<Self>, StoreError> {
        if due.len() < 2 {
            return Ok(None);
        }
        Ok(self.store.snapshot()?.map(|store| self.in_store(store)))
    }

    /// One mail, at once; `None` if it has acted already. What it reports is not counted again if it was.
    pub(super) fn again(
        &self,
        inbound: &Inbound,
        counted: bool,
        now: Timestamp,
    ) -> Result<Option<Processed>, StoreError> {
        let mail = Arc::new(Mail::parse(&inbound.what.raw));
        let mut batch = Batch::default();
        if let Some(mut judged) = self.judged(inbound, &mail, &batch, now)? {
            if counted {
                judged.work.bounces.clear();
            }
            batch.add(inbound, called(inbound, judged, now));
        }
        let done = write(self.store.as_ref(), batch, now)?;
        Ok(done.into_iter().next())
    }
}

/// A round that has come to somewhere.
struct Round<'s, 'e> {
    processor: &'e Processor,
    due: &'e [Inbound],
    now: Timestamp,
    scope: &'s Scope<'s, 'e>,
    /// What looks at one state of the store, which is the one before everything in the batch.
    steady: Option<Processor>,
    batch: Batch<'e>,
    /// The part of the batch that is being written.
    writing: Option<ScopedJoinHandle<'s, Written>>,
    done: Vec<Processed>,
}

impl<'s, 'e> Round<'s, 'e> {
    fn new(
        processor: &'e Processor,
        due: &'e [Inbound],
        now: Timestamp,
        scope: &'s Scope<'s, 'e>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            processor,
            due,
            now,
            scope,
            steady: processor.steady(due)?,
            batch: Batch::default(),
            writing: None,
            done: Vec::with_capacity(due.len()),
        })
    }

    fn run(mut self) -> Written {
        for inbound in self.due {
            let mail = Arc::new(Mail::parse(&inbound.what.raw));
            let mut judged = self.judged(inbound, &mail)?;
            let holds = |judged: &Judged| !self.batch.concerns(&judged.work);
            if !judged.as_ref().is_some_and(holds) {
                // What it is about may be changed by a mail before it.
                self.write_all()?;
                self.steady = self.processor.steady(self.due)?;
                judged = self.judged(inbound, &mail)?;
            }
            if let Some(judged) = judged {
                self.add(inbound, judged)?;
            }
        }
        self.write_all()?;
        Ok(self.done)
    }

    fn judged(&self, inbound: &Inbound, mail: &Arc<Mail>) -> Result<Option<Judged>, StoreError> {
        let looking = self.steady.as_ref().unwrap_or(self.processor);
        looking.judged(inbound, mail, &self.batch, self.now)
    }

    fn add(&mut self, inbound: &'e Inbound, judged: Judged) -> Result<(), StoreError> {
        if !judged.calls.is_empty() && self.steady.is_some() {
            // A state that is looked at grows the database's log, and a program may take its time.
            self.write_all()?;
        }
        self.batch.add(inbound, called(inbound, judged, self.now));
        // Without one state to look at, what is written would be seen and counted twice.
        if self.steady.is_some() && self.batch.len() >= self.processor.together {
            self.write_part()?;
        }
        Ok(())
    }

    /// Writes what is judged so far beside what follows.
    fn write_part(&mut self) -> Result<(), StoreError> {
        self.wait()?;
        let (part, now) = (self.batch.part(), self.now);
        let store = self.processor.store.as_ref();
        self.writing = Some(self.scope.spawn(move || write(store, part, now)));
        Ok(())
    }

    /// Writes what is judged so far, and looks at the store as it is from then on.
    fn write_all(&mut self) -> Result<(), StoreError> {
        self.steady = None;
        self.wait()?;
        let batch = take(&mut self.batch);
        let written = write(self.processor.store.as_ref(), batch, self.now)?;
        self.done.extend(written);
        Ok(())
    }

    /// Waits for what is being written.
    fn wait(&mut self) -> Result<(), StoreError> {
        if let Some(writing) = self.writing.take() {
            let written = writing.join().unwrap_or_else(|panic| resume_unwind(panic));
            self.done.extend(written?);
        }
        Ok(())
    }
}

/// Writes a batch. What the store refuses concerns one mail only.
fn write(store: &dyn Store, batch: Batch<'_>, now: Timestamp) -> Written {
    let mut done = Vec::with_capacity(batch.works.len());
    let answers = store.commit_all(&batch.works);
    let mails = batch.mails.into_iter().zip(batch.works).zip(answers);
    for (((inbound, from), work), answer) in mails {
        match answer {
            Ok(committed) => done.extend(work.inbound.map(|mut outcome| {
                outcome.record = outcome.record.or(committed.records.into_iter().next());
                Processed { outcome, from }
            })),
            // Somebody else did it meanwhile.
            Err(StoreError::AlreadyProcessed(_)) => {}
            Err(
                error @ (StoreError::NoRecord(_)
                | StoreError::RecordExists(_)
                | StoreError::Corrupt(_)),
            ) => {
                let work = failed(inbound, &error.to_string(), now);
                store.commit(&work)?;
                done.extend(work.inbound.map(|outcome| Processed { outcome, from }));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

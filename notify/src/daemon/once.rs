//! One pass over everything that is due.

use super::loops::TICK;
use super::together::{both, either};
use super::{Daemon, Summary};
use crate::delivery::Sender;
use crate::store::StoreError;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

impl Daemon {
    /// One pass: fires what repeats, reads every mailbox, processes, settles and sends until nothing is due, and forgets what is
    /// too old. Mail is processed while the rest of its mailbox is being read.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails. Faults of servers are counted and reported.
    pub async fn run_once(&self) -> Result<Summary, StoreError> {
        let (mut summary, mut arrived) = (Summary::default(), Summary::default());
        // What keeps these from being fired is told when everything else has had its end.
        let fired = self.repeat(Timestamp::now()).await;
        let (reading, read) = watch::channel(());
        let readers = async {
            // It ends with this block, and whoever waits for it hears that.
            let _reading = reading;
            for mut reader in self.readers() {
                self.read(&mut reader, &mut summary).await?;
            }
            Ok(())
        };
        // Neither is left alone when the other fails: what runs on a thread cannot be called back.
        let (fetched, processed) = both(readers, self.work_until(read, &mut arrived)).await;
        fetched.and(processed)?;
        summary.processed = arrived.processed;
        summary.settled = arrived.settled;
        self.work_and_send(&mut summary).await?;
        self.orphans().await?;
        self.forget(Timestamp::now()).await?;
        fired.map(|()| summary)
    }

    /// Processes and settles until nothing is due any more, and the other end of the channel is gone.
    async fn work_until(
        &self,
        mut over: watch::Receiver<()>,
        summary: &mut Summary,
    ) -> Result<(), StoreError> {
        let mut written = self.store.written();
        loop {
            let is_over = over.has_changed().is_err();
            if self.work(summary).await? > 0 {
                continue;
            }
            if is_over {
                return Ok(());
            }
            let changed = async {
                match &mut written {
                    // The store is here as long as `self` is.
                    Some(written) => drop(written.changed().await),
                    None => sleep(TICK).await,
                }
            };
            // An error is the end that is waited for.
            either(changed, over.changed()).await;
        }
    }

    /// Processes, settles and sends until nothing is due.
    async fn work_and_send(&self, summary: &mut Summary) -> Result<(), StoreError> {
        let mut senders: Vec<Sender> = self.senders().collect();
        loop {
            let mut done = self.work(summary).await?;
            for sender in &mut senders {
                done += self.send(sender, summary, || true).await?;
            }
            if done == 0 {
                break;
            }
        }
        for sender in &mut senders {
            sender.close().await;
        }
        Ok(())
    }

    /// Processes and settles what is due; gives how many.
    async fn work(&self, summary: &mut Summary) -> Result<usize, StoreError> {
        let processed = self.process(Timestamp::now()).await?;
        let settled = self.settle_all(Timestamp::now()).await?;
        summary.processed += processed;
        summary.settled += settled;
        Ok(processed + settled)
    }
}

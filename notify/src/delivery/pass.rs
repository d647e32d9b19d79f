//! A pass over what is due: while one batch is sent, what came of the one before is written and the next one is claimed.
//!
//! ```text
//! connection   ──── send 1 ────── send 2 ─────────────── send 3 ─────────────
//! store        claim 1 · claim 2 │ complete 1, claim 3 │ complete 2 (nothing due) │ complete 3
//! ```
//!
//! So neither waits for the other. The order of things in the store is that of one thread, whatever the machine does.
//! A batch that was claimed ahead and cannot be sent, because the server said no to the account or the connection is gone,
//! is given back as if it had not been claimed.

use super::outbox::{Due, Heard, Ledger, Outbox, Renewal};
use super::{BATCH, Connection, Sender, Sent, retry};
use crate::clock::later;
use crate::outgoing::Claimed;
use crate::store::StoreError;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The time of a pass: that of its beginning, and what has gone by since.
#[derive(Clone, Copy)]
struct Clock {
    began: Timestamp,
    started: Instant,
}

impl Clock {
    fn now(self) -> Timestamp {
        later(self.began, self.started.elapsed())
    }
}

/// A connection to send by.
struct Opened {
    connection: Connection,
    /// Whose mail it is for.
    accounts: Vec<String>,
    /// Failures of the account in a row, before this connection.
    failures: u32,
    /// It was open before.
    reused: bool,
}

/// Claimed, and kept from being claimed by others for as long as the value lives.
struct Batch {
    claimed: Vec<Claimed>,
    renewal: Option<Renewal>,
}

/// What the store was asked for while a batch was sent.
struct Aside {
    sent: Option<Sent>,
    next: Result<Option<Batch>, StoreError>,
}

impl Sender {
    /// Batch after batch for as long as something is due and `more` says so; it is asked before each batch but the first is
    /// claimed, and again before it is sent. `told` hears of each batch when what came of it is written down.
    ///
    /// # Errors
    /// As for [`run_once`](Self::run_once).
    pub async fn pass(
        &mut self,
        now: Timestamp,
        more: impl Fn() -> bool,
        mut told: impl FnMut(Sent),
    ) -> Result<(), StoreError> {
        let clock = Clock {
            began: now,
            started: Instant::now(),
        };
        let Some(Opened {
            mut connection,
            accounts,
            mut failures,
            mut reused,
        }) = self.open(now, &mut told).await?
        else {
            return Ok(());
        };
        let claimed_at = clock.now();
        // One that is open takes a mail at least.
        let most = self.room(&connection, 0).max(1);
        let claimed = self.outbox.claim(claimed_at, accounts, most).await?;
        let mut batch = Some(Batch::held(&self.outbox, claimed, claimed_at));
        let mut behind: Option<Ledger> = None;
        while let Some(Batch { claimed, renewal }) = batch.take().filter(Batch::is_some) {
            let ahead = match more() && self.may_claim_ahead(&connection, claimed.len()) {
                true => self.room(&connection, claimed.len()),
                false => 0,
            };
            let aside = self.aside(behind.take(), ahead, clock);
            let answers = self.outbox.send(&mut connection.client, &claimed).await;
            drop(renewal);
            let now = clock.now();
            let heard = Heard {
                answers,
                peer: connection.peer.clone(),
                reused,
                decided: connection.decided,
                takes: self.takes,
                failures,
                fruitless: self.fruitless,
            };
            let ledger = self.outbox.judge(claimed, heard, now);
            self.fruitless = ledger.turn.fruitless;
            self.takes = ledger.turn.takes;
            connection.decided = ledger.turn.decided;
            let goes_on = more() && !ledger.ends_connection() && connection.client.is_usable();
            let next = aside.end().await.and_then(|aside| {
                aside.sent.into_iter().for_each(&mut told);
                aside.next
            });
            let fault = match next {
                Ok(Some(next)) if !goes_on => self.outbox.give_back(next.claimed, now).await.err(),
                Ok(next) => {
                    batch = next;
                    None
                }
                Err(fault) => Some(fault),
            };
            if let Some(fault) = fault {
                told(self.outbox.write(ledger).await?);
                return Err(fault);
            }
            behind = Some(ledger);
            (reused, failures) = (true, 0);
            connection.last_used = Instant::now();
        }
        let is_over = behind.as_ref().is_some_and(Ledger::ends_connection);
        if let Some(ledger) = behind {
            told(self.outbox.write(ledger).await?);
        }
        if connection.client.is_usable() {
            self.connection = Some(connection);
        }
        if is_over {
            self.close().await;
        }
        Ok(())
    }

    /// The connection, if there is anything to send by it. One that cannot be had pauses the account.
    async fn open(
        &mut self,
        now: Timestamp,
        told: &mut impl FnMut(Sent),
    ) -> Result<Option<Opened>, StoreError> {
        let Some(Due { failures, accounts }) = self.outbox.is_due(now).await? else {
            self.close_if_idle().await;
            return Ok(None);
        };
        let reused = self.is_open();
        let connection = match self.connect().await? {
            Ok(connection) => connection,
            Err(reason) => {
                let pause = retry::pause(failures + 1, reason, now);
                self.outbox.set_pause(Some(pause.clone())).await?;
                told(Sent {
                    paused: Some(pause),
                    ..Sent::default()
                });
                return Ok(None);
            }
        };
        if failures > 0 {
            self.outbox.set_pause(None).await?;
        }
        Ok(Some(Opened {
            connection,
            accounts,
            failures,
            reused,
        }))
    }

    /// How many mails a connection still takes behind those that are being sent; no more than a batch.
    fn room(&self, connection: &Connection, sending: usize) -> usize {
        let used = connection.decided + sending;
        let takes = self.takes.map(|takes| takes.saturating_sub(used));
        takes.unwrap_or(BATCH).min(BATCH)
    }

    /// What a rate allows is known only when it is used; and a server that takes no more mail gets no more.
    fn may_claim_ahead(&self, connection: &Connection, sending: usize) -> bool {
        let sending_of = &self.outbox.account.sending;
        let left = connection.client.mails_left();
        sending_of.rate.is_none()
            && sending_of.domain_rate.is_none()
            && left.is_none_or(|left| left > sending as u64)
    }

    /// Writes what came of the batch before, and claims the next one, of at most `ahead` mails.
    fn aside(&self, behind: Option<Ledger>, ahead: usize, clock: Clock) -> Task {
        let outbox = self.outbox.clone();
        Task(tokio::spawn(async move {
            let sent = match behind {
                Some(ledger) => Some(outbox.write(ledger).await?),
                None => None,
            };
            let next = match ahead {
                0 => Ok(None),
                most => outbox.claim_ahead(clock.now(), most).await,
            };
            Ok(Aside { sent, next })
        }))
    }
}

impl Batch {
    fn held(outbox: &Outbox, claimed: Vec<Claimed>, at: Timestamp) -> Self {
        let renewal = (!claimed.is_empty()).then(|| outbox.keep_leases(&claimed, at));
        Self { claimed, renewal }
    }

    fn is_some(&self) -> bool {
        !self.claimed.is_empty()
    }
}

/// A task that ends with the pass, also when that is cancelled.
struct Task(JoinHandle<Result<Aside, StoreError>>);

impl Task {
    async fn end(mut self) -> Result<Aside, StoreError> {
        match (&mut self.0).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(StoreError::Corrupt(
                "the program is ending, and this was not done".to_owned(),
            )),
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Outbox {
    async fn claim_ahead(&self, now: Timestamp, most: usize) -> Result<Option<Batch>, StoreError> {
        let Some(Due { accounts, .. }) = self.is_due(now).await? else {
            return Ok(None);
        };
        let claimed = self.claim(now, accounts, most).await?;
        Ok(Some(Batch::held(self, claimed, now)))
    }
}

//! A store whose process can die in the middle of what it does; and, to show that the checks can fail, stores that
//! break their promises.

use crate::reaper::{Op, Point, Reaper, read, wal};
use jiff::Timestamp;
use postrider_notify::account::Rate;
use postrider_notify::attachment::Attachment;
use postrider_notify::email_digest::{DigestOutcome, DueDigest};
use postrider_notify::event::{Event, EventId};
use postrider_notify::inbound::{
    Inbound, InboundId, InboundOutcome, InboundRow, NewInbound, Stored,
};
use postrider_notify::outgoing::{Attempt, Claimed, Completion, DeliveryId, LogRow, Settlement};
use postrider_notify::record::{JournalEntry, Record, RecordKey};
use postrider_notify::repeat::Firing;
use postrider_notify::store::{
    Backlog, Committed, EventFilter, Explanation, LogFilter, Pause, Readable, SqliteStore, Store,
    StoreError, Trimmed, Work,
};
use postrider_notify::suppression::Suppression;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A promise that is broken, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Acknowledges events that it does not write.
    LosesEvents,
    /// Settles events without their mails.
    LosesMails,
    /// Gives each attempt a Message-ID of its own.
    ChangesMessageIds,
    /// Does not write down what was delivered.
    ForgetsDeliveries,
    /// Calls everything delivered that was claimed.
    CallsItDelivered,
    /// Forgets how often it tried.
    ForgetsAttempts,
    /// Counts as an attempt what was given back.
    CountsAll,
    /// Remembers mails as fetched that it does not store.
    ForgetsMails,
    /// Stores each mail twice.
    StoresTwice,
    /// Stores something else than what came.
    ChangesMails,
    /// Changes records for a mail, and does not write down that it did.
    ForgetsOutcomes,
    /// Writes down that a mail acted, and changes nothing.
    ForgetsActions,
    /// Changes records without anybody being told.
    ForgetsEvents,
}

/// What a process that was stopped beyond its lease still wants to write.
pub type Stalled = Mutex<Option<(Timestamp, Vec<Completion>)>>;

pub struct Mortal {
    pub store: SqliteStore,
    pub reaper: Arc<Reaper>,
    pub stalled: Arc<Stalled>,
    pub sabotage: Option<Sabotage>,
}

fn dead() -> StoreError {
    StoreError::Corrupt("the process is dead".into())
}

impl Mortal {
    /// A read: the dead do not see.
    fn look<T>(
        &self,
        f: impl FnOnce(&SqliteStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.reaper.is_dead() {
            return Err(dead());
        }
        f(&self.store)
    }

    fn is(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    fn write<T>(
        &self,
        op: Op,
        f: impl FnOnce(&SqliteStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _writing = self.reaper.writing();
        if self.reaper.is_dead() {
            return Err(dead());
        }
        if self.reaper.strikes(Point::Before(op)) {
            self.reaper.kill();
            return Err(dead());
        }
        let log = wal(&self.reaper.database());
        let before = read(&log);
        let result = f(&self.store)?;
        // Where nothing was written there is nothing to be torn or lost.
        if read(&log) == before {
            return Ok(result);
        }
        if self.reaper.strikes(Point::Torn(op)) {
            self.reaper.kill_torn(&before);
            return Err(dead());
        }
        if self.reaper.strikes(Point::After(op)) {
            self.reaper.kill();
            return Err(dead());
        }
        Ok(result)
    }
}

impl Mortal {
    /// Ends the attempts of what is given back, as if the connection had been lost over each.
    fn count_as_attempts(&self, held: &[(DeliveryId, i64)]) -> usize {
        let connection = rusqlite::Connection::open(self.reaper.database()).unwrap();
        let deferred = "UPDATE delivery SET state = 'deferred', lease_owner = NULL WHERE id = ?1";
        let ended = "UPDATE attempt SET ended = 1, outcome = 'deferred', stage = 'mail'
                     WHERE delivery_id = ?1 AND ended IS NULL";
        for (delivery, _) in held {
            connection.execute(deferred, [delivery]).unwrap();
            connection.execute(ended, [delivery]).unwrap();
        }
        held.len()
    }

    /// Does the work but for what the sabotage forgets.
    fn forgetful(&self, store: &SqliteStore, work: &Work) -> Result<Committed, StoreError> {
        if self.is(Sabotage::ForgetsOutcomes) {
            let once = |outcome: &InboundOutcome| outcome.id != 1 || self.reaper.kills() > 0;
            let inbound = work.inbound.clone().filter(once);
            return store.commit(&Work {
                inbound,
                ..work.clone()
            });
        }
        let committed = store.commit(work)?;
        let connection = rusqlite::Connection::open(self.reaper.database()).unwrap();
        connection
            .execute("DELETE FROM event WHERE name = 'incident.updated'", [])
            .unwrap();
        Ok(committed)
    }
}

impl Store for Mortal {
    fn commit(&self, work: &Work) -> Result<Committed, StoreError> {
        if self.is(Sabotage::LosesEvents) {
            return Ok(Committed {
                events: vec![1; work.events.len()],
                ..Committed::default()
            });
        }
        let mut work = work.clone();
        if work.inbound.is_some() && self.is(Sabotage::ForgetsActions) {
            work.changes.clear();
        }
        let forgetful = self.is(Sabotage::ForgetsOutcomes) || self.is(Sabotage::ForgetsEvents);
        if forgetful && work.inbound.is_some() {
            return self.write(Op::Commit, |s| self.forgetful(s, &work));
        }
        self.write(Op::Commit, |s| s.commit(&work))
    }

    fn settle(&self, settlements: &[Settlement]) -> Result<(), StoreError> {
        let mut settlements = settlements.to_vec();
        if self.is(Sabotage::LosesMails) {
            let matches = settlements.iter_mut().flat_map(|s| &mut s.matches);
            matches.for_each(|m| m.mails.clear());
        }
        self.write(Op::Settle, |s| s.settle(&settlements))
    }

    fn claim(
        &self,
        accounts: &[&str],
        owner: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut claimed = self.write(Op::Claim, |s| s.claim(accounts, owner, now, lease, limit))?;
        if self.is(Sabotage::ChangesMessageIds) {
            for one in &mut claimed {
                let text = String::from_utf8_lossy(&one.mail.raw).into_owned();
                let new = format!("Message-ID: <{}.", one.attempts);
                one.mail.raw = text.replace("Message-ID: <", &new).into_bytes();
            }
        }
        if self.is(Sabotage::CallsItDelivered) {
            let delivered: Vec<Completion> = claimed.iter().map(delivered).collect();
            self.store.complete(now, &delivered)?;
            return Ok(Vec::new());
        }
        if self.is(Sabotage::ForgetsAttempts) {
            let connection = rusqlite::Connection::open(self.reaper.database()).unwrap();
            connection
                .execute("UPDATE delivery SET attempts = 1", [])
                .unwrap();
        }
        Ok(claimed)
    }

    fn complete(&self, now: Timestamp, rows: &[Completion]) -> Result<Vec<DeliveryId>, StoreError> {
        if self.reaper.strikes(Point::Stall) {
            *self.stalled.lock().unwrap() = Some((now, rows.to_vec()));
            return Err(StoreError::Corrupt("the process was stopped".into()));
        }
        let mut rows = rows.to_vec();
        if self.is(Sabotage::ForgetsDeliveries) {
            for row in rows.iter_mut().filter(|row| row.lease_epoch < 3) {
                row.state = postrider_notify::outgoing::DeliveryState::Deferred;
            }
        }
        self.write(Op::Complete, |s| s.complete(now, &rows))
    }

    fn set_pause(&self, account: &str, pause: Option<&Pause>) -> Result<(), StoreError> {
        self.write(Op::Pause, |s| s.set_pause(account, pause))
    }

    fn trim(&self, before: Timestamp) -> Result<Trimmed, StoreError> {
        self.write(Op::Trim, |s| s.trim(before))
    }

    fn end_digests(&self, outcomes: &[DigestOutcome]) -> Result<usize, StoreError> {
        self.write(Op::Digest, |s| s.end_digests(outcomes))
    }

    fn repeated(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.look(|s| s.repeated())
    }

    fn repeat(&self, firing: &Firing) -> Result<bool, StoreError> {
        self.look(|s| s.repeat(firing))
    }

    fn due_digests(&self, now: Timestamp, limit: usize) -> Result<Vec<DueDigest>, StoreError> {
        self.look(|s| s.due_digests(now, limit))
    }

    fn open_digests(&self) -> Result<Vec<DueDigest>, StoreError> {
        self.look(|s| s.open_digests())
    }

    fn due_events_heard(
        &self,
        now: Timestamp,
        limit: usize,
        heard: &dyn Fn(&Event) -> bool,
    ) -> Result<Vec<Event>, StoreError> {
        self.look(|s| s.due_events_heard(now, limit, heard))
    }

    fn due_accounts(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.look(|s| s.due_accounts(now))
    }

    fn renew(
        &self,
        now: Timestamp,
        lease: Duration,
        held: &[(DeliveryId, i64)],
    ) -> Result<Vec<DeliveryId>, StoreError> {
        self.look(|s| s.renew(now, lease, held))
    }

    fn release(
        &self,
        now: Timestamp,
        held: &[(DeliveryId, i64)],
        next_at: Option<Timestamp>,
    ) -> Result<usize, StoreError> {
        self.write(Op::Release, |s| match self.is(Sabotage::CountsAll) {
            true => Ok(self.count_as_attempts(held)),
            false => s.release(now, held, next_at),
        })
    }

    fn take_tokens(
        &self,
        bucket: &str,
        rate: Rate,
        want: u32,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        self.look(|s| s.take_tokens(bucket, rate, want, now))
    }

    fn return_tokens(&self, bucket: &str, tokens: u32) -> Result<(), StoreError> {
        self.look(|s| s.return_tokens(bucket, tokens))
    }

    fn suppress(&self, suppression: &Suppression) -> Result<(), StoreError> {
        self.look(|s| s.suppress(suppression))
    }

    fn suppressed(
        &self,
        address: &str,
        account: &str,
        now: Timestamp,
    ) -> Result<Option<Suppression>, StoreError> {
        self.look(|s| s.suppressed(address, account, now))
    }

    fn pause(&self, account: &str) -> Result<Option<Pause>, StoreError> {
        self.look(|s| s.pause(account))
    }

    fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        self.look(|s| s.record(key))
    }

    fn records(&self, table: &str) -> Result<Vec<Record>, StoreError> {
        self.look(|s| s.records(table))
    }

    fn readable_records(&self, table: &str) -> Result<Readable, StoreError> {
        self.look(|s| s.readable_records(table))
    }

    fn records_where(
        &self,
        table: &str,
        field: &str,
        value: &str,
    ) -> Result<Vec<Record>, StoreError> {
        self.look(|s| s.records_where(table, field, value))
    }

    fn personal(&self, user: &str) -> Result<Vec<Record>, StoreError> {
        self.look(|s| s.personal(user))
    }

    fn journal(&self, key: &RecordKey) -> Result<Vec<JournalEntry>, StoreError> {
        self.look(|s| s.journal(key))
    }

    fn attachments(&self, key: &RecordKey) -> Result<Vec<Attachment>, StoreError> {
        self.look(|s| s.attachments(key))
    }

    fn attachment_content(&self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        self.look(|s| s.attachment_content(id))
    }

    fn log(&self, filter: &LogFilter) -> Result<Vec<LogRow>, StoreError> {
        self.look(|s| s.log(filter))
    }

    fn attempts(&self, delivery: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.look(|s| s.attempts(delivery))
    }

    fn raw_message(&self, delivery: DeliveryId) -> Result<Option<Vec<u8>>, StoreError> {
        self.look(|s| s.raw_message(delivery))
    }

    fn delivery_by_message_id(&self, message_id: &str) -> Result<Option<LogRow>, StoreError> {
        self.look(|s| s.delivery_by_message_id(message_id))
    }

    fn events_of(&self, key: &RecordKey) -> Result<Vec<EventId>, StoreError> {
        self.look(|s| s.events_of(key))
    }

    fn past_events(&self, filter: &EventFilter) -> Result<Vec<EventId>, StoreError> {
        self.look(|s| s.past_events(filter))
    }

    fn explain(&self, event: EventId) -> Result<Option<Explanation>, StoreError> {
        self.look(|s| s.explain(event))
    }

    fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        self.look(|s| s.backlog(now))
    }

    fn requeue(
        &self,
        deliveries: &[DeliveryId],
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<usize, StoreError> {
        self.look(|s| s.requeue(deliveries, now, expires))
    }

    fn cancel(&self, deliveries: &[DeliveryId]) -> Result<usize, StoreError> {
        self.look(|s| s.cancel(deliveries))
    }

    fn store_fetched(
        &self,
        now: Timestamp,
        account: &str,
        mails: &[NewInbound],
        journal: &[String],
    ) -> Result<Vec<Stored>, StoreError> {
        let mut mails = mails.to_vec();
        if self.is(Sabotage::ForgetsMails) {
            mails.clear();
        }
        if self.is(Sabotage::ChangesMails) {
            mails
                .iter_mut()
                .for_each(|mail| mail.raw.extend_from_slice(b"\r\n"));
        }
        if self.is(Sabotage::StoresTwice) {
            let copies: Vec<NewInbound> = mails.iter().map(another).collect();
            mails.extend(copies);
        }
        self.write(Op::Fetch, |s| {
            s.store_fetched(now, account, &mails, journal)
        })
    }

    fn fetch_journal(&self, account: &str) -> Result<Vec<String>, StoreError> {
        self.look(|s| s.fetch_journal(account))
    }

    fn replace_fetch_journal(&self, account: &str, journal: &[String]) -> Result<(), StoreError> {
        self.look(|s| s.replace_fetch_journal(account, journal))
    }

    fn due_inbound(&self, now: Timestamp, limit: usize) -> Result<Vec<Inbound>, StoreError> {
        self.write(Op::Take, |s| s.due_inbound(now, limit))
    }

    fn inbound(&self, id: InboundId) -> Result<Option<Inbound>, StoreError> {
        self.look(|s| s.inbound(id))
    }

    fn inbound_rows(
        &self,
        filter: &postrider_notify::store::InboundFilter,
    ) -> Result<Vec<InboundRow>, StoreError> {
        self.look(|s| s.inbound_rows(filter))
    }

    fn reopen_inbound(&self, id: InboundId, reason: &str) -> Result<bool, StoreError> {
        self.look(|s| s.reopen_inbound(id, reason))
    }

    fn acted_inbound(
        &self,
        author: &str,
        since: Timestamp,
        record: Option<&RecordKey>,
    ) -> Result<usize, StoreError> {
        self.look(|s| s.acted_inbound(author, since, record))
    }

    fn suppressions(&self) -> Result<Vec<Suppression>, StoreError> {
        self.look(|s| s.suppressions())
    }

    fn unsuppress(&self, address: &str) -> Result<bool, StoreError> {
        self.look(|s| s.unsuppress(address))
    }

    fn restore(&self, records: &[(Record, Vec<JournalEntry>)]) -> Result<(), StoreError> {
        self.look(|s| s.restore(records))
    }

    fn setting(&self, name: &str, make: &dyn Fn() -> Vec<u8>) -> Result<Vec<u8>, StoreError> {
        self.look(|s| s.setting(name, make))
    }

    fn change_counter(&self) -> Result<u64, StoreError> {
        self.look(|s| s.change_counter())
    }
}

/// The same mail under names that nobody knows.
fn another(mail: &NewInbound) -> NewInbound {
    NewInbound {
        apart: false,
        uidl: None,
        message_id: None,
        sha256: mail.sha256.chars().rev().collect(),
        ..mail.clone()
    }
}

fn delivered(claimed: &Claimed) -> Completion {
    Completion {
        delivery: claimed.delivery,
        lease_epoch: claimed.lease_epoch,
        attempt: claimed.attempt,
        state: postrider_notify::outgoing::DeliveryState::Delivered,
        next_at: None,
        evidence: Default::default(),
    }
}

//! What the trait promises, by the file that keeps it: the same statements for every database.

use super::engine::Engine;
use super::{
    attachments, backlog, claim, column, digests, due, events, explain, fetched, group, inbound,
    inbound_log, log, outbox, rate, records, repeat, settings, settle, suppression, trim,
};
use crate::account::Rate;
use crate::attachment::{Attachment, AttachmentId};
use crate::email_digest::{DigestOutcome, DueDigest};
use crate::event::{Event, EventId};
use crate::inbound::{Inbound, InboundId, InboundRow, NewInbound, Stored};
use crate::outgoing::{Attempt, Claimed, Completion, DeliveryId, LogRow, Settlement};
use crate::record::{JournalEntry, Record, RecordKey};
use crate::repeat::Firing;
use crate::store::{
    Backlog, Committed, EventFilter, Explanation, InboundFilter, LogFilter, Pause, Readable, Store,
    StoreError, Trimmed, Work,
};
use crate::suppression::Suppression;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

impl<E: Engine> Store for E {
    fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        self.look_up("read a record", |c| records::one(c, key))
    }

    fn records(&self, table: &str) -> Result<Vec<Record>, StoreError> {
        self.read("read records", |c| records::all(c, table))
    }

    fn readable_records(&self, table: &str) -> Result<Readable, StoreError> {
        self.read("read records", |c| records::readable(c, table))
    }

    fn records_where(
        &self,
        table: &str,
        field: &str,
        value: &str,
    ) -> Result<Vec<Record>, StoreError> {
        self.look_up("look up records", |c| {
            records::having(c, table, field, value)
        })
    }

    fn personal(&self, user: &str) -> Result<Vec<Record>, StoreError> {
        self.look_up("look up what a user prefers", |c| {
            records::personal(c, user)
        })
    }

    fn journal(&self, key: &RecordKey) -> Result<Vec<JournalEntry>, StoreError> {
        self.look_up("read a journal", |c| records::journal(c, key))
    }

    fn attachments(&self, key: &RecordKey) -> Result<Vec<Attachment>, StoreError> {
        self.look_up("read attachments", |c| attachments::of(c, key))
    }

    fn attachment_content(&self, id: AttachmentId) -> Result<Option<Vec<u8>>, StoreError> {
        self.look_up("read an attachment", |c| attachments::content(c, id))
    }

    fn commit(&self, work: &Work) -> Result<Committed, StoreError> {
        let committed = self.group().commit(self, std::slice::from_ref(work));
        committed
            .into_iter()
            .next()
            .unwrap_or_else(|| Err(group::interrupted()))
    }

    fn commit_all(&self, works: &[Work]) -> Vec<Result<Committed, StoreError>> {
        self.group().commit(self, works)
    }

    fn repeated(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.read("read when events were repeated", repeat::all)
    }

    fn repeat(&self, firing: &Firing) -> Result<bool, StoreError> {
        let now = self.now();
        self.acknowledge("repeat an event", |t| repeat::fire(t, now, firing))
    }

    fn due_events_heard(
        &self,
        now: Timestamp,
        limit: usize,
        heard: &dyn Fn(&Event) -> bool,
    ) -> Result<Vec<Event>, StoreError> {
        let (doing, now) = ("read the events that are due", column::nanos(now));
        loop {
            let due = self.read(doing, |c| events::due(c, now, limit, heard))?;
            if due.unreadable.is_empty() {
                return Ok(due.events);
            }
            self.acknowledge(doing, |t| events::set_aside(t, &due.unreadable))?;
        }
    }

    fn settle(&self, settlements: &[Settlement]) -> Result<(), StoreError> {
        let now = self.now();
        self.acknowledge("write what became of events", |t| {
            settle::settle(t, now, settlements)
        })
    }

    fn due_digests(&self, now: Timestamp, limit: usize) -> Result<Vec<DueDigest>, StoreError> {
        let now = column::nanos(now);
        self.read("read the digests that are due", |c| {
            digests::due(c, now, limit)
        })
    }

    fn open_digests(&self) -> Result<Vec<DueDigest>, StoreError> {
        self.read("read the digests that gather", digests::all)
    }

    fn end_digests(&self, outcomes: &[DigestOutcome]) -> Result<usize, StoreError> {
        let now = self.now();
        self.acknowledge("write what became of digests", |t| {
            digests::end(t, now, outcomes)
        })
    }

    fn claim(
        &self,
        accounts: &[&str],
        owner: &str,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        // Looked at first without the write lock, because most of the time there is nothing.
        let due = self.due_accounts(now)?;
        if limit == 0 || !accounts.iter().any(|a| due.iter().any(|d| d == a)) {
            return Ok(Vec::new());
        }
        let claim = claim::Claim::new(owner, now, lease);
        self.work("claim deliveries", |t| claim.run(t, accounts, limit))
    }

    fn due_accounts(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let now = column::nanos(now);
        let doing = "look for deliveries that are due";
        let (late, open, due) = self.read(doing, |c| {
            let late = due::any_too_late(c, now)?;
            let open = due::any_open(c, now)?;
            Ok((late, open, due::due_accounts(c, now)?))
        })?;
        if !late && !open {
            return Ok(due);
        }
        self.work(doing, |t| {
            if late {
                due::clamp(t, now)?;
            }
            if open {
                due::open(t, now)?;
            }
            due::due_accounts(t, now)
        })
    }

    fn complete(
        &self,
        now: Timestamp,
        completions: &[Completion],
    ) -> Result<Vec<DeliveryId>, StoreError> {
        self.work("write what became of deliveries", |t| {
            outbox::complete(t, column::nanos(now), completions)
        })
    }

    fn renew(
        &self,
        now: Timestamp,
        lease: Duration,
        held: &[(DeliveryId, i64)],
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let until = column::later(column::nanos(now), lease);
        self.work("renew leases", |t| outbox::renew(t, until, held))
    }

    fn release(
        &self,
        now: Timestamp,
        held: &[(DeliveryId, i64)],
        next_at: Option<Timestamp>,
    ) -> Result<usize, StoreError> {
        let (now, next_at) = (column::nanos(now), next_at.map(column::nanos));
        self.work("give claims back", |t| rate::release(t, now, held, next_at))
    }

    fn take_tokens(
        &self,
        bucket: &str,
        rate: Rate,
        want: u32,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        self.work("count mails against a rate", |t| {
            rate::take(t, bucket, rate, want, column::nanos(now))
        })
    }

    fn return_tokens(&self, bucket: &str, tokens: u32) -> Result<(), StoreError> {
        self.work("count mails against a rate", |t| {
            rate::give_back(t, bucket, tokens)
        })
    }

    fn log(&self, filter: &LogFilter) -> Result<Vec<LogRow>, StoreError> {
        self.look_up("read the email log", |c| log::rows(c, filter))
    }

    fn attempts(&self, delivery: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.look_up("read attempts", |c| log::attempts(c, delivery))
    }

    fn raw_message(&self, delivery: DeliveryId) -> Result<Option<Vec<u8>>, StoreError> {
        self.look_up("read a message", |c| log::raw_message(c, delivery))
    }

    fn delivery_by_message_id(&self, message_id: &str) -> Result<Option<LogRow>, StoreError> {
        self.look_up("look up a Message-ID", |c| {
            log::by_message_id(c, message_id)
        })
    }

    fn events_of(&self, key: &RecordKey) -> Result<Vec<EventId>, StoreError> {
        self.look_up("read the events of a record", |c| events::about(c, key))
    }

    fn past_events(&self, filter: &EventFilter) -> Result<Vec<EventId>, StoreError> {
        self.read("read past events", |c| events::past(c, filter))
    }

    fn explain(&self, event: EventId) -> Result<Option<Explanation>, StoreError> {
        self.read("explain an event", |c| explain::explain(c, event))
    }

    fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        let now = column::nanos(now);
        self.read("look at what waits", |c| backlog::backlog(c, now))
    }

    fn requeue(
        &self,
        deliveries: &[DeliveryId],
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<usize, StoreError> {
        let (now, expires) = (column::nanos(now), column::nanos(expires));
        self.acknowledge("requeue deliveries", |t| {
            outbox::requeue(t, deliveries, now, expires)
        })
    }

    fn cancel(&self, deliveries: &[DeliveryId]) -> Result<usize, StoreError> {
        let now = self.now();
        self.acknowledge("cancel deliveries", |t| outbox::cancel(t, now, deliveries))
    }

    fn store_fetched(
        &self,
        now: Timestamp,
        account: &str,
        mails: &[NewInbound],
        journal: &[String],
    ) -> Result<Vec<Stored>, StoreError> {
        self.acknowledge("store a mail", |t| {
            fetched::remember(t, account, journal)?;
            inbound::store(t, column::nanos(now), mails)
        })
    }

    fn fetch_journal(&self, account: &str) -> Result<Vec<String>, StoreError> {
        self.look_up("read what was fetched", |c| fetched::journal(c, account))
    }

    fn replace_fetch_journal(&self, account: &str, journal: &[String]) -> Result<(), StoreError> {
        self.acknowledge("shorten what was fetched", |t| {
            fetched::forget(t, account)?;
            fetched::remember(t, account, journal)
        })
    }

    fn due_inbound(&self, now: Timestamp, limit: usize) -> Result<Vec<Inbound>, StoreError> {
        let now = column::nanos(now);
        if !self.look_up("look for mail to process", |c| inbound::any_due(c, now))? {
            return Ok(Vec::new());
        }
        self.work("take mail to process", |t| {
            inbound::take_due(t, now, limit, self.worker(), self.abandoned())
        })
    }

    fn inbound(&self, id: InboundId) -> Result<Option<Inbound>, StoreError> {
        self.read("read a mail", |c| inbound::one(c, id))
    }

    fn inbound_rows(&self, filter: &InboundFilter) -> Result<Vec<InboundRow>, StoreError> {
        self.read("read the inbound log", |c| inbound_log::rows(c, filter))
    }

    fn reopen_inbound(&self, id: InboundId, reason: &str) -> Result<bool, StoreError> {
        self.acknowledge("judge a mail anew", |t| inbound::reopen(t, id, reason))
    }

    fn acted_inbound(
        &self,
        author: &str,
        since: Timestamp,
        record: Option<&RecordKey>,
    ) -> Result<usize, StoreError> {
        let since = column::nanos(since);
        self.read("count inbound mail", |c| {
            inbound_log::acted(c, author, since, record)
        })
    }

    fn pause(&self, account: &str) -> Result<Option<Pause>, StoreError> {
        self.look_up("read a pause", |c| settings::pause(c, account))
    }

    fn set_pause(&self, account: &str, pause: Option<&Pause>) -> Result<(), StoreError> {
        self.work("pause an account", |t| {
            settings::set_pause(t, account, pause)
        })
    }

    fn suppress(&self, suppression: &Suppression) -> Result<(), StoreError> {
        self.acknowledge("suppress an address", |t| suppression::add(t, suppression))
    }

    fn suppressed(
        &self,
        address: &str,
        account: &str,
        now: Timestamp,
    ) -> Result<Option<Suppression>, StoreError> {
        self.look_up("look up a suppression", |c| {
            suppression::of(c, address, account, column::nanos(now))
        })
    }

    fn suppressions(&self) -> Result<Vec<Suppression>, StoreError> {
        self.read("read the suppression list", suppression::all)
    }

    fn unsuppress(&self, address: &str) -> Result<bool, StoreError> {
        self.acknowledge("end a suppression", |t| suppression::remove(t, address))
    }

    fn trim(&self, before: Timestamp) -> Result<Trimmed, StoreError> {
        let (before, now) = (column::nanos(before), self.now());
        let doing = "forget what is old";
        Ok(Trimmed {
            events: trim::by_batch(|| self.work(doing, |t| trim::events(t, before, now)))?,
            inbound: trim::by_batch(|| self.work(doing, |t| trim::inbound(t, before)))?,
        })
    }

    fn restore(&self, records: &[(Record, Vec<JournalEntry>)]) -> Result<(), StoreError> {
        self.acknowledge("restore records", |t| records::restore(t, records))
    }

    fn setting(&self, name: &str, make: &dyn Fn() -> Vec<u8>) -> Result<Vec<u8>, StoreError> {
        if let Some(value) = self.look_up("read a setting", |c| settings::setting(c, name))? {
            return Ok(value);
        }
        self.acknowledge("write a setting", |t| settings::make(t, name, make))
    }

    fn lead(&self, role: &str) -> Result<bool, StoreError> {
        Engine::lead(self, role)
    }

    fn change_counter(&self) -> Result<u64, StoreError> {
        self.commits()
    }

    fn snapshot(&self) -> Result<Option<Arc<dyn Store>>, StoreError> {
        self.steady()
    }

    fn written(&self) -> Option<watch::Receiver<u64>> {
        self.listen()
    }
}

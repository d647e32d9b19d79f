use super::Summary;
use super::digest::{Fingerprint, Prints};
use super::event::SyncEvent;
use super::index::{Entry, Index, uid_key};
use super::journal::{Journal, Log};
use super::plan::Wanted;
use super::policy::{Policy, in_good_time};
use super::record::{Record, Seen};
use super::store::{Arrived, MessageKey, Store};
use crate::{MessageNumber, Reply, ResponseCode, Retrieved};
use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

/// Journal, index and store of one account.
#[derive(Debug)]
pub(super) struct Vault<S, J> {
    pub(super) account: String,
    pub(super) journal: Log<J>,
    pub(super) index: Index,
    pub(super) store: S,
}

impl<S, J: Journal> Vault<S, J> {
    /// Writes a record down, durable with the next commit of the journal.
    pub(super) fn note(&mut self, record: Record) {
        self.index.apply(&record);
        self.journal.append(record);
    }
}

/// Takes messages in as they arrive: into the store, and when that is durable, into the journal.
pub(super) struct Intake<'a, S, J> {
    pub(super) vault: &'a mut Vault<S, J>,
    pub(super) policy: &'a Policy,
    pub(super) now: u64,
    pub(super) wanted: HashMap<MessageNumber, Wanted>,
    pub(super) summary: &'a mut Summary,
    pub(super) events: &'a mut dyn FnMut(SyncEvent),
    /// Messages to delete: durable, or about to be with the next commit.
    pub(super) delete: Vec<(MessageNumber, u64)>,
    /// Messages of earlier sessions are to be deleted when this one is through.
    pub(super) others_wait: bool,
    /// Something could not be made durable: nothing more may be said to be.
    pub(super) commit_failed: bool,
    open: Option<(MessageNumber, Fingerprint)>,
    /// Messages that begin as no message does: they are asked for once more, and then believed.
    again: Vec<MessageNumber>,
    asked_again: bool,
    /// Finished in the store, but perhaps not durable.
    finished: Vec<Record>,
    stored: Vec<SyncEvent>,
    /// Since when something is finished, and how much of it there is.
    since: Option<Instant>,
    octets: u64,
    /// Octets of messages so far, and of them what was reported.
    received: u64,
    reported: u64,
}

/// Octets between two reports of what has arrived.
const REPORT: u64 = 64 << 10;

/// A group is made durable when it has so many octets, however few messages they are,
const GROUP_OCTETS: u64 = 16 << 20;

/// or when its first message has waited so long and something more arrives, be it of a message that is not whole yet: over a
/// slow line, new mail is not to wait for more.
const GROUP_TIME: Duration = Duration::from_millis(500);

impl<'a, S: Store, J: Journal> Intake<'a, S, J> {
    pub(super) fn new(
        vault: &'a mut Vault<S, J>,
        policy: &'a Policy,
        now: u64,
        wanted: Vec<Wanted>,
        summary: &'a mut Summary,
        events: &'a mut dyn FnMut(SyncEvent),
    ) -> Self {
        let wanted = wanted
            .into_iter()
            .map(|wanted| (wanted.listed.number, wanted))
            .collect();
        Self {
            vault,
            policy,
            now,
            wanted,
            summary,
            events,
            delete: Vec::new(),
            others_wait: false,
            commit_failed: false,
            open: None,
            again: Vec::new(),
            asked_again: false,
            finished: Vec::new(),
            stored: Vec::new(),
            since: None,
            octets: 0,
            received: 0,
            reported: 0,
        }
    }

    pub(super) fn take(&mut self, retrieved: Retrieved<'_>) -> io::Result<()> {
        match retrieved {
            Retrieved::Chunk { number, bytes } => self.chunk(number, bytes),
            Retrieved::End { number, octets } => self.end(number, octets),
            Retrieved::Refused { number, reply } => {
                self.refused(number, reply);
                Ok(())
            }
        }
    }

    /// The messages to be asked for once more, one by one.
    pub(super) fn asks_again(&mut self) -> Vec<MessageNumber> {
        self.asked_again = true;
        std::mem::take(&mut self.again)
    }

    /// The message that was asked for, alone, when the session broke.
    ///
    /// Where nothing else has arrived in the session, it may be the server that gives no message at all. So it comes last
    /// the next time, but is not put into quarantine for that, unless it is the one that holds up the rest.
    pub(super) fn broke(&mut self, number: MessageNumber) {
        let uid = self.wanted.get(&number);
        let uid = uid.and_then(|wanted| wanted.listed.uid.as_ref());
        let count = uid.map_or(0, |uid| self.vault.index.failures(uid_key(uid)).count);
        let last = count.saturating_add(1) >= self.policy.quarantine_after;
        let holds_up_the_rest = self.wanted.len() == 1 && self.others_wait;
        if self.received > 0 || !last || holds_up_the_rest {
            self.failed(number);
        }
    }

    /// The message that broke the session, or that the server refused.
    pub(super) fn failed(&mut self, number: MessageNumber) {
        if let Some(uid) = self
            .wanted
            .get(&number)
            .and_then(|wanted| wanted.listed.uid.clone())
        {
            self.vault.note(Record::Failed(uid, self.now));
        }
    }

    /// Makes everything durable: store first, then journal.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        self.open = None;
        self.vault.store.abort()?;
        self.commit_finished()
    }

    fn commit_finished(&mut self) -> io::Result<()> {
        (self.since, self.octets) = (None, 0);
        // Until both have said that it is done.
        self.commit_failed = true;
        self.vault.store.commit()?;
        self.finished
            .drain(..)
            .for_each(|record| self.vault.journal.append(record));
        self.vault.journal.commit()?;
        self.commit_failed = false;
        self.stored.drain(..).for_each(&mut *self.events);
        Ok(())
    }

    fn begin(&mut self, number: MessageNumber) -> io::Result<()> {
        self.vault.store.begin()?;
        self.open = Some((number, Fingerprint::new()));
        Ok(())
    }

    fn chunk(&mut self, number: MessageNumber, bytes: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            self.begin(number)?;
        }
        if let Some((_, fingerprint)) = &mut self.open {
            fingerprint.update(bytes);
        }
        self.received += bytes.len() as u64;
        if self.received >= self.reported + REPORT {
            self.reported = self.received;
            (self.events)(SyncEvent::Receiving {
                octets: self.received,
            });
        }
        self.vault.store.write(bytes)?;
        if self.since.is_some_and(|at| at.elapsed() >= GROUP_TIME) {
            self.commit_finished()?;
        }
        Ok(())
    }

    fn end(&mut self, number: MessageNumber, octets: u64) -> io::Result<()> {
        if self.open.is_none() {
            self.begin(number)?;
        }
        let (Some((_, fingerprint)), Some(wanted)) =
            (self.open.take(), self.wanted.get(&number).cloned())
        else {
            return self.vault.store.abort();
        };
        if fingerprint.begins_with_a_reply() && !self.asked_again {
            self.again.push(number);
            return self.vault.store.abort();
        }
        let prints = fingerprint.finish();
        match self.vault.index.same_message(wanted.key, prints.lasting) {
            Some(entry) => {
                self.vault.store.abort()?;
                self.summary.duplicates += 1;
                (self.events)(SyncEvent::Duplicate {
                    number,
                    uid: wanted.listed.uid.clone(),
                });
                self.adopt(&wanted, &entry);
            }
            None => self.keep(&wanted, octets, prints)?,
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let full = self.finished.len() >= self.policy.group.max(1) || self.octets >= GROUP_OCTETS;
        if full || since.elapsed() >= GROUP_TIME {
            self.commit_finished()?;
        }
        Ok(())
    }

    fn keep(&mut self, wanted: &Wanted, octets: u64, prints: Prints) -> io::Result<()> {
        let uid = wanted.listed.uid.clone();
        if let (true, Some(uid)) = (wanted.renewed, &uid) {
            (self.events)(SyncEvent::UidReused { uid: uid.clone() });
        }
        let key = MessageKey::new(&self.vault.account, uid.as_ref(), prints.lasting);
        let arrived = Arrived {
            key,
            uid: uid.as_ref(),
            octets,
            content: prints.whole,
            at: self.now,
        };
        let place = self.vault.store.finish(&arrived)?;
        let id = self.vault.index.next_id();
        let listed = wanted.listed.octets;
        let seen = Seen {
            id,
            from: None,
            uid: uid.clone(),
            listed,
            content: prints.lasting,
            header: prints.header,
            at: self.now,
            place: place.clone(),
        };
        self.seen(wanted.listed.number, seen);
        self.summary.stored += 1;
        self.summary.octets += octets;
        self.octets += octets;
        self.stored.push(SyncEvent::Stored {
            key,
            uid,
            octets,
            place,
        });
        Ok(())
    }

    /// Enters a message that is known already under its present name and size.
    pub(super) fn adopt(&mut self, wanted: &Wanted, entry: &Entry) {
        // An entry of the same unique-id stays: it is another copy, or the same with another size.
        let replaces = entry.uid != wanted.key
            || matches!(entry.place, super::index::Place::Absent(_))
            || wanted.key.is_none();
        let seen = Seen {
            id: self.vault.index.next_id(),
            from: replaces.then_some(entry.id),
            uid: wanted.listed.uid.clone(),
            listed: wanted.listed.octets,
            content: entry.content,
            header: entry.header,
            at: in_good_time(entry.at, self.now),
            place: String::new(),
        };
        self.seen(wanted.listed.number, seen);
    }

    fn seen(&mut self, number: MessageNumber, seen: Seen) {
        if self.policy.is_due(seen.at, self.now) {
            self.delete.push((number, seen.id));
        }
        let record = Record::Seen(seen);
        // Known at once, so that a second copy in the same group is noticed; written when the store is durable.
        self.vault.index.apply(&record);
        self.finished.push(record);
    }

    fn refused(&mut self, number: MessageNumber, reply: &Reply) {
        // What the server does not give for now is no worse than others (RFC 3206 §4).
        if !reply.code().is_some_and(ResponseCode::is_temporary) {
            self.failed(number);
        }
        self.summary.refused += 1;
        let uid = self
            .wanted
            .get(&number)
            .and_then(|wanted| wanted.listed.uid.clone());
        (self.events)(SyncEvent::Refused {
            number,
            uid,
            reply: reply.clone(),
        });
    }
}

#[cfg(test)]
mod tests;

//! The one store that both servers share: maildrops in memory.

mod maildrop;

use crate::mail::{Arrival, Mail};
use maildrop::Maildrop;
pub(crate) use maildrop::{Login, OpenMaildrop, Refusal};
use postrider_wire::Secret;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What a mail costs beyond its content when the store's limit is counted.
const OVERHEAD: usize = 1024;

/// All maildrops. Cheap to clone: the clones are one store.
#[derive(Clone)]
pub(crate) struct Store(Arc<Shared>);

struct Shared {
    maildrops: Mutex<Maildrops>,
    arrivals: Notify,
}

struct Maildrops {
    list: Vec<Maildrop>,
    catch_all: Option<usize>,
    last_id: u64,
    last_copy: u64,
    octets: usize,
    limit: usize,
}

/// Where a recipient's mail goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Destination {
    /// Into a maildrop that is there.
    Maildrop(usize),
    /// Into the maildrop of this address, which nobody can log in to; it is made when the mail is there, so that
    /// naming recipients costs nothing.
    Own(String),
}

impl Store {
    pub(crate) fn new(limit: usize) -> Self {
        let maildrops = Maildrops {
            list: Vec::new(),
            catch_all: None,
            last_id: 0,
            last_copy: 0,
            octets: 0,
            limit,
        };
        Self(Arc::new(Shared {
            maildrops: Mutex::new(maildrops),
            arrivals: Notify::new(),
        }))
    }

    /// Adds a maildrop with a login; false if the address or the user name is taken.
    pub(crate) fn add(&self, address: String, login: Login) -> bool {
        let mut inner = self.lock();
        let taken =
            |m: &Maildrop| m.is(&address) || m.login.as_ref().is_some_and(|l| l.user == login.user);
        if inner.list.iter().any(taken) {
            return false;
        }
        inner.list.push(Maildrop::new(address, Some(login)));
        true
    }

    /// Sends mail for unknown recipients to this address; false if it is unknown itself.
    pub(crate) fn set_catch_all(&self, address: &str) -> bool {
        let mut inner = self.lock();
        inner.catch_all = inner.find(address);
        inner.catch_all.is_some()
    }

    /// Where mail for a recipient goes, if the address is known, with or without its `+detail`.
    pub(crate) fn route(&self, address: &str) -> Option<Destination> {
        let inner = self.lock();
        let found = inner
            .find(address)
            .or_else(|| inner.find(&without_detail(address)?))
            .or(inner.catch_all);
        found.map(Destination::Maildrop)
    }

    /// Whether user name and password belong together.
    pub(crate) fn authenticate(&self, user: &str, password: &Secret) -> bool {
        self.lock().login(user, password).is_some()
    }

    /// Puts a copy of a mail into each maildrop, all or none.
    pub(crate) fn accept(
        &self,
        arrival: Arrival,
        to: &BTreeSet<Destination>,
    ) -> Result<Vec<Mail>, Full> {
        let copies = self.lock().accept(arrival, to)?;
        self.0.arrivals.notify_waiters();
        Ok(copies)
    }

    /// Locks a maildrop for a POP3 session (RFC 1939 §4).
    pub(crate) fn open(&self, user: &str, password: &Secret) -> Result<OpenMaildrop, Refusal> {
        let mut inner = self.lock();
        let index = inner.login(user, password).ok_or(Refusal::Denied)?;
        let maildrop = inner.list.get_mut(index).ok_or(Refusal::Denied)?;
        if maildrop.locked {
            return Err(Refusal::InUse);
        }
        maildrop.locked = true;
        let mails = maildrop.mails.clone();
        Ok(OpenMaildrop::new(self.clone(), index, mails))
    }

    /// What lies in one maildrop.
    pub(crate) fn mails_of(&self, address: &str) -> Vec<Mail> {
        let inner = self.lock();
        let found = inner.find(address).and_then(|i| inner.list.get(i));
        found.map(|m| m.mails.clone()).unwrap_or_default()
    }

    /// What lies in all maildrops and has a greater id than this, in order of arrival.
    pub(crate) fn mails_after(&self, id: u64) -> Vec<Mail> {
        let inner = self.lock();
        let newer = |m: &Maildrop| {
            let start = m.mails.partition_point(|mail| mail.id <= id);
            m.mails.get(start..).unwrap_or_default().to_vec()
        };
        let mut all: Vec<Mail> = inner.list.iter().flat_map(newer).collect();
        all.sort_by_key(|mail| mail.id);
        all
    }

    /// Takes mails out of one maildrop; returns how many were there.
    pub(crate) fn remove(&self, address: &str, unwanted: impl Fn(&Mail) -> bool) -> usize {
        let mut inner = self.lock();
        let found = inner.find(address);
        found.map_or(0, |index| inner.remove(index, unwanted))
    }

    /// Empties every maildrop.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        inner.list.iter_mut().for_each(|m| m.mails.clear());
        inner.octets = 0;
    }

    /// Completes at the next arrival after the call.
    pub(crate) fn arrivals(&self) -> &Notify {
        &self.0.arrivals
    }

    fn lock(&self) -> MutexGuard<'_, Maildrops> {
        // Every change is complete before the guard is dropped: a poisoned lock guards sound data.
        self.0
            .maildrops
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address without its detail (RFC 5233 §3): `support@x` for `support+INC1@x`; `None` if it has none.
fn without_detail(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let (user, _detail) = local.split_once('+')?;
    Some(format!("{user}@{domain}"))
}

impl Maildrops {
    fn find(&self, address: &str) -> Option<usize> {
        self.list.iter().position(|m| m.is(address))
    }

    fn find_or_create(&mut self, address: &str) -> usize {
        self.find(address).unwrap_or_else(|| {
            self.list.push(Maildrop::new(address.to_owned(), None));
            self.list.len() - 1
        })
    }

    fn login(&self, user: &str, password: &Secret) -> Option<usize> {
        self.list
            .iter()
            .position(|m| m.login.as_ref().is_some_and(|l| l.admits(user, password)))
    }

    fn accept(&mut self, arrival: Arrival, to: &BTreeSet<Destination>) -> Result<Vec<Mail>, Full> {
        let cost = (arrival.content.len() + OVERHEAD).saturating_mul(to.len());
        if self.octets.saturating_add(cost) > self.limit {
            return Err(Full);
        }
        self.octets += cost;
        self.last_id += 1;
        let check = fnv1a(&arrival.content);
        let mut copies = Vec::with_capacity(to.len());
        for destination in to {
            let index = match destination {
                Destination::Maildrop(index) => *index,
                Destination::Own(address) => self.find_or_create(address),
            };
            let Some(maildrop) = self.list.get_mut(index) else {
                continue;
            };
            self.last_copy += 1;
            // With the content in it, the unique-id differs from that of another run's first mail.
            let uidl = format!("{:x}.{check:016x}", self.last_copy);
            let mail = arrival
                .clone()
                .into_mail(self.last_id, uidl, maildrop.address.clone());
            maildrop.mails.push(mail.clone());
            copies.push(mail);
        }
        Ok(copies)
    }

    fn remove(&mut self, index: usize, unwanted: impl Fn(&Mail) -> bool) -> usize {
        let Some(maildrop) = self.list.get_mut(index) else {
            return 0;
        };
        let before = maildrop.mails.len();
        let mut freed = 0usize;
        maildrop.mails.retain(|mail| {
            let goes = unwanted(mail);
            freed += if goes {
                mail.content.len() + OVERHEAD
            } else {
                0
            };
            !goes
        });
        self.octets = self.octets.saturating_sub(freed);
        before - maildrop.mails.len()
    }
}

/// 64-bit FNV-1a: a checksum, not a protection.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The store's limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A mail that could not be put into a maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliverError {
    /// No mailbox has this address, and there is no catch-all.
    UnknownMailbox(String),
    /// The store's limit is reached.
    Full,
}

impl fmt::Display for DeliverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownMailbox(address) => write!(
                f,
                "no mailbox {address:?} in the sandbox: declare it with Builder::mailbox, or set Builder::catch_all"
            ),
            Self::Full => f.write_str("the sandbox is full: raise Limits::store, or remove mails"),
        }
    }
}

impl std::error::Error for DeliverError {}

#[cfg(test)]
mod tests;

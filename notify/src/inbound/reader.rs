//! Fetching mail by POP3: stored durably first, deleted from the server afterwards, never the other way round.
//!
//! A fetch lists the maildrop, passes over what is stored already, retrieves the rest in batches, stores each
//! batch in one transaction, and only then deletes from the server what the account's policy says. A session
//! that breaks anywhere is made good by the next one: what is stored is known by its unique-id (or, where the
//! server has none, by the SHA-256 of its octets) and is not stored again.

use super::mail::Mail;
use super::maildrop::{Listed, batches, list, retrieve};
use super::{InboundId, NewInbound, Stored};
use crate::account::{DeletePolicy, Pop3Account};
use crate::blocking::{on_thread, with_store};
use crate::clock::later;
use crate::connect::explained;
use crate::delivery;
use crate::digest::sha256;
use crate::store::{Pause, Store, StoreError};
use jiff::Timestamp;
use postrider_pop3::{Client, MessageNumber};
use postrider_wire::Transcript;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A mail that broke so many sessions is left alone, so that the others behind it come in.
const MAX_BREAKS: u32 = 3;

/// In front of the hash that stands for a unique-id where the server has none.
const HASHED: &str = "sha256:";

/// Reads one POP3 account.
pub struct Reader {
    account: Arc<Pop3Account>,
    store: Arc<dyn Store>,
    transcript: Transcript,
    /// How many sessions in a row broke at a mail, by its unique-id.
    breaks: Mutex<HashMap<String, u32>>,
}

/// What [`Reader::run_once`] came to.
#[derive(Debug)]
pub enum Round {
    /// The account is paused; nothing was done.
    Paused(Pause),
    /// The mailbox was read.
    Fetched(Fetched),
    /// The server, the way to it or the account is not in order: paused from now on.
    Failed {
        /// What went wrong.
        error: FetchError,
        /// Until when nothing is tried.
        pause: Pause,
    },
}

/// What a fetch came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Mails in the maildrop.
    pub listed: usize,
    /// Mails stored.
    pub new: Vec<InboundId>,
    /// Mails that were retrieved and turned out to be stored already.
    pub duplicates: usize,
    /// Mails deleted from the server.
    pub deleted: usize,
    /// Mails left on the server against the policy, and why.
    pub left: Vec<String>,
}

/// A fetch that broke off. What was stored before stays stored.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// The account cannot be used as it is configured.
    Account(crate::connect::AccountError),
    /// The server, or the way to it.
    Pop3(postrider_pop3::Error),
    /// The store. Nothing was deleted that is not stored.
    Store(StoreError),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(error) => error.fmt(f),
            Self::Pop3(error) => f.write_str(&explained(error)),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Account(error) => Some(error),
            Self::Pop3(error) => Some(error),
            Self::Store(error) => Some(error),
        }
    }
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<postrider_pop3::Error> for FetchError {
    fn from(error: postrider_pop3::Error) -> Self {
        Self::Pop3(error)
    }
}

impl Reader {
    /// A reader for an account. `transcript` receives its dialogues.
    pub fn new(account: Pop3Account, store: Arc<dyn Store>, transcript: Transcript) -> Self {
        Self {
            account: Arc::new(account),
            store,
            transcript,
            breaks: Mutex::default(),
        }
    }

    /// The account.
    pub fn account(&self) -> &Pop3Account {
        &self.account
    }

    /// The name under which the account's pause is stored.
    pub fn pause_name(account: &str) -> String {
        format!("pop3:{account}")
    }

    /// Fetches, unless the account is paused; a failure pauses it, longer each time.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails. What the server does wrong is in the [`Round`].
    pub async fn run_once(&self, now: Timestamp) -> Result<Round, StoreError> {
        let name = Self::pause_name(&self.account.name);
        let paused = with_store(&self.store, {
            let name = name.clone();
            move |store| store.pause(&name)
        });
        let failures = match paused.await? {
            Some(pause) if pause.until > now => return Ok(Round::Paused(pause)),
            Some(pause) => pause.failures,
            None => 0,
        };
        let round = match self.fetch_once(now).await {
            Ok(fetched) => Round::Fetched(fetched),
            Err(FetchError::Store(error)) => return Err(error),
            Err(error) => Round::Failed {
                pause: delivery::pause(failures + 1, error.to_string(), now),
                error,
            },
        };
        let pause = match &round {
            Round::Failed { pause, .. } => Some(pause.clone()),
            _ => None,
        };
        if pause.is_some() || failures > 0 {
            with_store(&self.store, move |s| s.set_pause(&name, pause.as_ref())).await?;
        }
        Ok(round)
    }

    /// One session: connects, fetches what is new, deletes by the policy, and quits.
    ///
    /// # Errors
    /// [`FetchError`]; what was stored by then stays stored, and nothing else was deleted.
    pub async fn fetch_once(&self, now: Timestamp) -> Result<Fetched, FetchError> {
        let account = Arc::clone(&self.account);
        let transcript = self.transcript.clone();
        let config = on_thread(move || account.connection(transcript)).await?;
        let config = config.map_err(FetchError::Account)?;
        let mut client = Client::connect(&config).await?;
        let mut fetched = Fetched::default();
        let result = self.session(&mut client, now, &mut fetched).await;
        match &result {
            // The connection is in order: QUIT makes the deletions so far real.
            Ok(()) | Err(FetchError::Store(_)) => {
                if let Err(error) = client.quit().await {
                    let what = format!("perhaps not everything was deleted: {error}");
                    fetched.left.push(what);
                }
            }
            Err(_) => {}
        }
        result.map(|()| fetched)
    }

    async fn session(
        &self,
        client: &mut Client,
        now: Timestamp,
        fetched: &mut Fetched,
    ) -> Result<(), FetchError> {
        let (listed, whole) = list(client).await?;
        fetched.listed = listed.len();
        let seen = self.seen().await?;
        if whole {
            self.forget(&listed, &seen).await?;
        }
        let (known, new): (Vec<_>, Vec<_>) = listed
            .into_iter()
            .partition(|l| l.uidl.as_ref().is_some_and(|uidl| seen.contains_key(uidl)));
        let over = known.iter().filter(|l| {
            let stored = l.uidl.as_ref().and_then(|uidl| seen.get(uidl));
            stored.is_some_and(|&stored| self.is_over(stored, now))
        });
        let over: Vec<MessageNumber> = over.map(|l| l.number).collect();
        self.delete(client, &over, fetched).await?;
        let fits = self.fetchable(new, fetched);
        let mut hashes = HashSet::new();
        for batch in batches(fits) {
            self.batch(client, batch, now, &mut hashes, fetched).await?;
        }
        let gone = seen
            .into_keys()
            .filter(|k| k.starts_with(HASHED) && !hashes.contains(k));
        if fetched.left.is_empty() {
            self.forget_keys(gone.collect()).await?;
        }
        Ok(())
    }

    /// The mails to be retrieved: those that broke a session before come last, and too large ones are left.
    fn fetchable(&self, new: Vec<Listed>, fetched: &mut Fetched) -> Vec<Listed> {
        let breaks = self.breaks.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |mail: &Listed| {
            let key = mail.uidl.as_ref();
            key.and_then(|key| breaks.get(key)).copied().unwrap_or(0)
        };
        let limit = self.account.max_message;
        let mut fits = Vec::with_capacity(new.len());
        for mail in new {
            let Listed { number, octets, .. } = mail;
            if octets > limit {
                let what = format!(
                    "message {number} has {octets} octets, more than the account's limit of {limit}"
                );
                fetched.left.push(what);
            } else if count(&mail) >= MAX_BREAKS {
                let what = format!(
                    "message {number} broke {MAX_BREAKS} sessions: it is left alone until the next start"
                );
                fetched.left.push(what);
            } else {
                fits.push(mail);
            }
        }
        fits.sort_by_key(count);
        fits
    }

    /// Remembers at which mail a session broke.
    fn broke_at(&self, uidl: Option<String>) {
        let mut breaks = self.breaks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(uidl) = uidl {
            *breaks.entry(uidl).or_default() += 1;
        }
    }

    /// True if a mail stored at that moment need not be on the server any more.
    fn is_over(&self, stored: Timestamp, now: Timestamp) -> bool {
        match self.account.delete {
            DeletePolicy::Now => true,
            DeletePolicy::After(time) => later(stored, time) <= now,
            DeletePolicy::Never => false,
        }
    }

    /// Retrieves a batch, stores it, and then deletes it from the server if the policy says so.
    async fn batch(
        &self,
        client: &mut Client,
        batch: Vec<Listed>,
        now: Timestamp,
        hashes: &mut HashSet<String>,
        fetched: &mut Fetched,
    ) -> Result<(), FetchError> {
        let (mails, broken) = retrieve(client, batch, &mut fetched.left).await;
        let numbers: Vec<MessageNumber> = mails.iter().map(|(number, ..)| *number).collect();
        let account = Arc::clone(&self.account);
        let stored = with_store(&self.store, move |store| {
            let new: Vec<NewInbound> = mails
                .into_iter()
                .map(|(_, uidl, raw)| new_inbound(&account.name, uidl, raw))
                .collect();
            let stored = store.store_inbound(now, &new)?;
            let keys: Vec<String> = new.into_iter().filter_map(|mail| mail.uidl).collect();
            Ok((stored, keys))
        });
        let (stored, keys) = stored.await?;
        hashes.extend(keys);
        for one in &stored {
            match one {
                Stored::New(id) => fetched.new.push(*id),
                Stored::Duplicate(_) => fetched.duplicates += 1,
            }
        }
        if let Some((error, uidl)) = broken {
            self.broke_at(uidl);
            return Err(error.into());
        }
        // Exactly as many as are stored, whatever the store says.
        let safe = numbers.get(..stored.len()).unwrap_or_default();
        if self.account.delete == DeletePolicy::Now {
            self.delete(client, safe, fetched).await?;
        }
        Ok(())
    }

    async fn delete(
        &self,
        client: &mut Client,
        numbers: &[MessageNumber],
        fetched: &mut Fetched,
    ) -> Result<(), FetchError> {
        if numbers.is_empty() {
            return Ok(());
        }
        for (number, result) in client.dele_many(numbers).await? {
            match result {
                Ok(()) => fetched.deleted += 1,
                Err(reply) => {
                    let what = format!("message {number} was not deleted: {reply}");
                    fetched.left.push(what);
                }
            }
        }
        Ok(())
    }

    async fn seen(&self) -> Result<HashMap<String, Timestamp>, StoreError> {
        let account = Arc::clone(&self.account);
        let seen = with_store(&self.store, move |store| store.seen_uidls(&account.name)).await?;
        Ok(seen.into_iter().collect())
    }

    /// Forgets the unique-ids that the server does not list any more.
    async fn forget(
        &self,
        listed: &[Listed],
        seen: &HashMap<String, Timestamp>,
    ) -> Result<(), StoreError> {
        let listed: HashSet<&str> = listed.iter().filter_map(|l| l.uidl.as_deref()).collect();
        let is_gone = |key: &&String| !key.starts_with(HASHED) && !listed.contains(key.as_str());
        let gone: Vec<String> = seen.keys().filter(is_gone).cloned().collect();
        self.forget_keys(gone).await
    }

    async fn forget_keys(&self, gone: Vec<String>) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        let account = Arc::clone(&self.account);
        with_store(&self.store, move |s| s.forget_uidls(&account.name, &gone)).await
    }
}

fn new_inbound(account: &str, uidl: Option<String>, raw: Vec<u8>) -> NewInbound {
    let sha256 = sha256(&raw);
    NewInbound {
        account: account.to_owned(),
        uidl: Some(uidl.unwrap_or_else(|| format!("{HASHED}{sha256}"))),
        message_id: Mail::parse(&raw).message_id,
        sha256,
        raw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_without_unique_id_is_known_by_its_hash() {
        let mail = new_inbound("a", None, b"abc".to_vec());
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(mail.sha256, abc);
        assert_eq!(mail.uidl.as_deref(), Some(format!("sha256:{abc}").as_str()));
    }
}

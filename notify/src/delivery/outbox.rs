//! The deliveries of one account: what is claimed is sent, and what came of it is written down.

use super::hard::{hard, is_hard};
use super::outcome::{Peer, completion, is_account_fault, is_closing, is_lost, untold};
use super::policy::{Policy, over_domain_rate};
use super::retry::{self, LONGEST_PAUSE, next_attempt};
use super::turn::{Turn, give_back, is_broken};
use super::{Attempted, LEASE, SOON, Sent};
use crate::account::{Rate, SmtpAccount};
use crate::blocking::with_store;
use crate::clock::later;
use crate::config::Outgoing;
use crate::outgoing::{Claimed, Completion, DeliveryId, DeliveryState};
use crate::store::{Pause, Store, StoreError};
use crate::suppression::Suppression;
use jiff::Timestamp;
use postrider_smtp::{Client, Envelope, Mail, RecipientOutcome};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The first wait before what could not be written is written again; each further one is twice as long.
const FIRST_REST: Duration = Duration::from_millis(250);

/// The deliveries of one account in the store.
#[derive(Clone)]
pub(super) struct Outbox {
    pub(super) account: Arc<SmtpAccount>,
    pub(super) store: Arc<dyn Store>,
    pub(super) owner: String,
    pub(super) policy: Policy,
}

/// There is something to send.
pub(super) struct Due {
    /// Failures of the account in a row so far.
    pub(super) failures: u32,
    /// The accounts whose mail is to be sent.
    pub(super) accounts: Vec<String>,
}

impl Outbox {
    /// `None` if there is nothing to do now.
    pub(super) async fn is_due(&self, now: Timestamp) -> Result<Option<Due>, StoreError> {
        let account = Arc::clone(&self.account);
        let policy = self.policy.clone();
        with_store(&self.store, move |store| {
            let due = store.due_accounts(now)?;
            if due.is_empty() || !policy.outgoing.active || !account.sending.active {
                return Ok(None);
            }
            let accounts = policy.accounts(&account.name, store, now)?;
            if !accounts.iter().any(|account| due.contains(account)) {
                return Ok(None);
            }
            let failures = match store.pause(&account.name)? {
                Some(pause) if pause.holds(now, LONGEST_PAUSE) => return Ok(None),
                Some(pause) => pause.failures,
                None => 0,
            };
            Ok(Some(Due { failures, accounts }))
        })
        .await
    }

    pub(super) async fn set_pause(&self, pause: Option<Pause>) -> Result<(), StoreError> {
        let account = Arc::clone(&self.account);
        with_store(&self.store, move |store| {
            store.set_pause(&account.name, pause.as_ref())
        })
        .await
    }

    /// Claims as many as the rates allow, and no more than `most`.
    pub(super) async fn claim(
        &self,
        now: Timestamp,
        accounts: Vec<String>,
        most: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        let account = Arc::clone(&self.account);
        let owner = self.owner.clone();
        with_store(&self.store, move |store| {
            let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
            let allowed = match account.sending.rate {
                Some(rate) => {
                    let most = u32::try_from(most).unwrap_or(u32::MAX);
                    store.take_tokens(&account.name, rate, most, now)? as usize
                }
                None => most,
            };
            if allowed == 0 {
                return Ok(Vec::new());
            }
            let mut claimed = store.claim(&names, &owner, now, LEASE, allowed)?;
            if let Some(rate) = account.sending.domain_rate {
                give_back_over_rate(&mut claimed, &account.name, rate, store, now)?;
            }
            if account.sending.rate.is_some() && claimed.len() < allowed {
                let unused = u32::try_from(allowed - claimed.len()).unwrap_or(0);
                store.return_tokens(&account.name, unused)?;
            }
            Ok(claimed)
        })
        .await
    }

    /// Sends the batch; there is one answer for each mail.
    pub(super) async fn send(&self, client: &mut Client, claimed: &[Claimed]) -> Vec<Answer> {
        let outgoing = &self.policy.outgoing;
        let envelopes: Vec<_> = claimed.iter().map(|c| envelope(c, outgoing)).collect();
        let mut outcomes: Vec<Option<RecipientOutcome>> = claimed.iter().map(|_| None).collect();
        let (places, mails): (Vec<usize>, Vec<Mail<'_>>) = claimed
            .iter()
            .zip(&envelopes)
            .enumerate()
            .filter_map(|(at, (c, e))| Some((at, Mail::new(e.as_ref().ok()?, &c.mail.raw))))
            .unzip();
        client
            .send_each(&mails, |at, mut found| {
                let place = places.get(at).and_then(|&place| outcomes.get_mut(place));
                if let Some(place) = place {
                    *place = found.pop();
                }
            })
            .await;
        let answers = envelopes.into_iter().zip(outcomes);
        let answer = |(envelope, outcome)| match (envelope, outcome) {
            (Err(why), _) => Answer::Unsendable(why),
            (Ok(_), Some(outcome)) => Answer::Outcome(outcome),
            (Ok(_), None) => Answer::None,
        };
        answers.map(answer).collect()
    }

    /// Renews the leases until the value is dropped.
    pub(super) fn keep_leases(&self, claimed: &[Claimed], now: Timestamp) -> Renewal {
        let held: Vec<_> = claimed
            .iter()
            .map(|c| (c.delivery, c.lease_epoch))
            .collect();
        let held = Arc::new(held);
        let store = Arc::clone(&self.store);
        let started = Instant::now();
        Renewal(tokio::spawn(async move {
            loop {
                tokio::time::sleep(LEASE / 3).await;
                let held = Arc::clone(&held);
                // A renewal that fails is tried again; if the lease runs out, the fence decides.
                let now = later(now, started.elapsed());
                let _ = with_store(&store, move |s| s.renew(now, LEASE, &held)).await;
            }
        }))
    }

    /// What the batch came to, and whether the account is to rest: the server wants none of its mail, or gets nothing done.
    pub(super) fn judge(&self, claimed: Vec<Claimed>, heard: Heard, now: Timestamp) -> Ledger {
        let outcomes = || heard.answers.iter().filter_map(Answer::outcome);
        let turn = Turn::of(&heard);
        let culprit = outcomes().find(|o| is_account_fault(o) || turn.wants_rest(o));
        let culprit = culprit.or_else(|| outcomes().find(|o| turn.rests && is_broken(o)));
        let paused = culprit.map(|o| retry::pause(heard.failures + 1, o.to_string(), now));
        let blameless = heard.reused || outcomes().any(|o| o.reply().is_some());
        let circumstances = Circumstances {
            peer: &heard.peer,
            paused: paused.as_ref().map(|pause| pause.until),
            blameless,
            has_fall_back: self.account.sending.fall_back.is_some(),
            test_address: self.policy.outgoing.test_address.as_deref(),
            now,
        };
        let (mut given_back, mut tried, mut completions) = (Vec::new(), Vec::new(), Vec::new());
        for (n, (claimed, answer)) in claimed.into_iter().zip(&heard.answers).enumerate() {
            if turn.gives_back(n, answer, paused.is_some()) {
                given_back.push(claimed);
            } else {
                completions.push(answer.completion(&claimed, &circumstances));
                tried.push(claimed);
            }
        }
        // What the test address does says nothing of those whom the mails are for.
        let hard = match circumstances.test_address {
            Some(_) => Vec::new(),
            None => suppressions(&tried, &completions, now),
        };
        Ledger {
            hard,
            claimed: tried,
            completions,
            given_back,
            paused,
            turn,
            now,
        }
    }

    /// Writes down what a batch came to, and pauses the account if the server wants none of its mail. A database that is full or busy may
    /// not be so in a moment: it is asked again for as long as the leases last, because what is not written is sent once more.
    pub(super) async fn write(&self, mut ledger: Ledger) -> Result<Sent, StoreError> {
        let started = Instant::now();
        let mut rest = FIRST_REST;
        loop {
            let account = Arc::clone(&self.account);
            let asked = with_store(&self.store, move |store| {
                let written = ledger.write(&account, store);
                Ok((ledger, written))
            });
            let written;
            (ledger, written) = asked.await?;
            match written {
                Ok(late) => return Ok(ledger.sent(late)),
                // A commit that may have been made is made once more: each claim has its epoch.
                Err(StoreError::Database { .. } | StoreError::Uncertain(_))
                    if started.elapsed() + rest < LEASE / 2 =>
                {
                    tokio::time::sleep(rest).await;
                    rest = rest.saturating_mul(2);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What a batch came to, to be written down.
pub(super) struct Ledger {
    claimed: Vec<Claimed>,
    completions: Vec<Completion>,
    /// Those whose turn had not come.
    given_back: Vec<Claimed>,
    /// The account is to rest.
    pub(super) paused: Option<Pause>,
    pub(super) turn: Turn,
    /// Addresses that do not work.
    hard: Vec<Suppression>,
    now: Timestamp,
}

impl Ledger {
    /// Gives those whose lease had run out.
    fn write(
        &self,
        account: &SmtpAccount,
        store: &dyn Store,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        if let Some(pause) = &self.paused {
            store.set_pause(&account.name, Some(pause))?;
        }
        for suppression in &self.hard {
            store.suppress(suppression)?;
        }
        let late = store.complete(self.now, &self.completions)?;
        give_back(&self.given_back, account, store, self.now)?;
        Ok(late)
    }

    fn sent(self, late: Vec<DeliveryId>) -> Sent {
        let attempts = self.claimed.into_iter().zip(self.completions);
        Sent {
            attempts: attempts
                .map(|(claimed, completion)| Attempted::new(claimed, completion))
                .collect(),
            given_back: self.given_back.iter().map(|c| c.delivery).collect(),
            paused: self.paused,
            late,
        }
    }

    /// No further mail is for the connection, though it may be open.
    pub(super) fn ends_connection(&self) -> bool {
        self.paused.is_some() || self.turn.is_spent
    }
}

/// A task that ends with the work that it is for, also when that work is cancelled.
pub(super) struct Renewal(JoinHandle<()>);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What was heard about a batch.
pub(super) struct Heard {
    /// One answer for each mail.
    pub(super) answers: Vec<Answer>,
    pub(super) peer: Peer,
    /// The connection was open before: it may have been dead already.
    pub(super) reused: bool,
    /// Mails that the server has decided on over this connection, before this batch.
    pub(super) decided: usize,
    /// How many it takes over one, as far as is known.
    pub(super) takes: Option<usize>,
    /// Failures of the account in a row, before this batch.
    pub(super) failures: u32,
    /// Fruitless connections in a row, before this one.
    pub(super) fruitless: u32,
}

/// What bears on every mail of a batch.
struct Circumstances<'b> {
    peer: &'b Peer,
    /// The end of the account's pause, if this batch led to one.
    paused: Option<Timestamp>,
    /// A connection that broke says nothing about the mails that it broke under.
    blameless: bool,
    /// Somebody else takes the account's place while it is paused.
    has_fall_back: bool,
    test_address: Option<&'b str>,
    now: Timestamp,
}

/// What was heard about one mail of a batch.
pub(super) enum Answer {
    /// What became of it.
    Outcome(RecipientOutcome),
    /// No server can be told its addresses.
    Unsendable(String),
    /// Nothing, so that it is not known what became of it.
    None,
}

impl Answer {
    pub(super) fn outcome(&self) -> Option<&RecipientOutcome> {
        match self {
            Self::Outcome(outcome) => Some(outcome),
            _ => None,
        }
    }

    fn completion(&self, claimed: &Claimed, around: &Circumstances<'_>) -> Completion {
        let now = around.now;
        let outcome = match self {
            Self::Outcome(outcome) => outcome,
            Self::Unsendable(why) => return untold(claimed, why.clone(), None),
            Self::None => {
                let tried = claimed.attempts_in_this_life();
                let again = next_attempt(claimed.delivery, tried, now);
                return untold(claimed, "nothing was heard of it".to_owned(), Some(again));
            }
        };
        let mut row = completion(claimed, outcome, around.peer, now);
        if let Some(test) = around.test_address {
            row.evidence.text = format!("(to {test}) {}", row.evidence.text);
        }
        if around.paused.is_some() && is_account_fault(outcome) {
            row.next_at = match around.has_fall_back {
                true => Some(later(now, SOON)),
                false => around.paused,
            };
        }
        let is_over = is_lost(outcome) || (around.paused.is_none() && is_closing(outcome));
        if around.blameless && claimed.attempts_in_this_life() <= 2 && is_over {
            row.next_at = Some(later(now, SOON));
        }
        row
    }
}

/// The addresses that a server says do not work.
fn suppressions(
    claimed: &[Claimed],
    completions: &[Completion],
    now: Timestamp,
) -> Vec<Suppression> {
    let refused = |(claimed, row): (&Claimed, &Completion)| {
        let evidence = &row.evidence;
        let is = row.state == DeliveryState::Failed && is_hard(&evidence.enhanced);
        is.then(|| {
            hard(
                &claimed.mail.recipient,
                &claimed.mail.account,
                &evidence.text,
                now,
            )
        })
    };
    claimed
        .iter()
        .zip(completions)
        .filter_map(refused)
        .collect()
}

fn envelope(claimed: &Claimed, outgoing: &Outgoing) -> Result<Envelope, String> {
    let mail = &claimed.mail;
    let recipient = match &outgoing.test_address {
        Some(test) => test,
        None => match outgoing.denied(&mail.recipient) {
            Some(why) => return Err(format!("denied_domain: {why}")),
            None => &mail.recipient,
        },
    };
    Envelope::parse(&mail.sender, [recipient.as_str()])
        .map_err(|error| format!("cannot be sent to {recipient:?}: {error}"))
}

/// Claims that a domain's rate has no room for wait until there is some.
fn give_back_over_rate(
    claimed: &mut Vec<Claimed>,
    account: &str,
    rate: Rate,
    store: &dyn Store,
    now: Timestamp,
) -> Result<(), StoreError> {
    let over = over_domain_rate(claimed, account, rate, store, now)?;
    if over.is_empty() {
        return Ok(());
    }
    let held = over.iter().filter_map(|n| claimed.get(*n));
    let held: Vec<_> = held.map(|c| (c.delivery, c.lease_epoch)).collect();
    store.release(now, &held, Some(later(now, rate.interval())))?;
    let mut n = 0;
    claimed.retain(|_| {
        n += 1;
        !over.contains(&(n - 1))
    });
    Ok(())
}

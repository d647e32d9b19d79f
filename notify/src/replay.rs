//! Past events against a configuration: which mails would be different today. Nothing is written.
//!
//! An event keeps what its record was at that moment, so that its condition sees the same values again. People, references and
//! journals are as they are now; suppressions, schedules and relative dates are asked about the moment of the event. The Message-ID
//! and the tokens of a mail are the same as then, because they depend on nothing else than the event.
//!
//! Not supported: where a mail lost its place to that of another event, it counts as the same as long as the weights of the two
//! notifications are in the same order; how long either would have waited is not played again.

use crate::config::Config;
use crate::event::{Event, EventId};
use crate::outgoing::{Match, MatchVerdict, RecipientVerdict, Settlement};
use crate::process::Processor;
use crate::render::Content;
use crate::store::{Explanation, Store, StoreError};
use std::collections::BTreeMap;

/// A past event, and what would be different.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The event.
    pub event: Event,
    /// How many mails it made then.
    pub mails: usize,
    /// What would be different, by notification and address.
    pub differences: Vec<Difference>,
}

/// A mail that would be there or not there, or say something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The notification.
    pub notification: String,
    /// The recipient.
    pub address: String,
    /// What was said then.
    pub then: Told,
    /// What would be said now.
    pub now: Told,
}

/// What somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// This, by an account.
    Mail {
        /// The account.
        account: String,
        /// What they read.
        content: Content,
    },
    /// Nothing.
    Nothing {
        /// The word of the verdict: `condition_false`, `opted_out`, …; empty if nobody looked.
        verdict: String,
        /// Why.
        detail: String,
    },
}

/// The mails of an event by notification and address.
type Mails = BTreeMap<(String, String), Told>;

/// Settles an event again, and compares. `None` if there is no such event, or it was never settled.
///
/// # Errors
/// Those of the store.
pub fn replay(
    store: &dyn Store,
    processor: &Processor,
    event: EventId,
) -> Result<Option<Replayed>, StoreError> {
    let Some(stored) = store.explain(event)? else {
        return Ok(None);
    };
    let Some(then) = &stored.settlement else {
        return Ok(None);
    };
    let what = &stored.event;
    let moment = what
        .what
        .due
        .map_or(what.created, |due| due.max(what.created));
    let now = processor.settle(what, moment)?;
    let before = sent(store, &stored)?;
    let after = queued(&now);
    let mut all: Vec<_> = before.keys().chain(after.keys()).collect();
    all.sort_unstable();
    all.dedup();
    let mut differences = Vec::new();
    for key in all {
        let (notification, address) = key;
        let was = before.get(key).cloned();
        let was = was.unwrap_or_else(|| nothing(then, notification, address));
        let is = after.get(key).cloned();
        let is = is.unwrap_or_else(|| nothing(&now, notification, address));
        if was != is && !still_lost(&was, notification, processor.config()) {
            differences.push(Difference {
                notification: notification.clone(),
                address: address.clone(),
                then: was,
                now: is,
            });
        }
    }
    Ok(Some(Replayed {
        mails: before.len(),
        differences,
        event: stored.event,
    }))
}

/// The mails that were queued then.
fn sent(store: &dyn Store, stored: &Explanation) -> Result<Mails, StoreError> {
    let mut mails = Mails::new();
    for row in &stored.deliveries {
        let raw = store.raw_message(row.delivery)?.unwrap_or_default();
        let key = (row.notification.clone(), row.mail.recipient.to_lowercase());
        mails.insert(key, told(&row.mail.account, &raw));
    }
    Ok(mails)
}

/// The mails that would be queued now.
fn queued(settlement: &Settlement) -> Mails {
    let mails = settlement.matches.iter().flat_map(|found| {
        found.mails.iter().map(|mail| {
            let key = (found.notification.clone(), mail.recipient.to_lowercase());
            (key, told(&mail.account, &mail.raw))
        })
    });
    mails.collect()
}

fn told(account: &str, raw: &[u8]) -> Told {
    Told::Mail {
        account: account.to_owned(),
        content: Content::of(raw),
    }
}

/// Why an address gets nothing of a notification.
fn nothing(settlement: &Settlement, notification: &str, address: &str) -> Told {
    let because = |verdict: &str, detail: &str| Told::Nothing {
        verdict: verdict.to_owned(),
        detail: detail.to_owned(),
    };
    let mut matches = settlement.matches.iter();
    let Some(found) = matches.find(|found| found.notification == notification) else {
        let error = settlement.error.as_deref();
        return because("", error.unwrap_or("the notification did not look at it"));
    };
    match (verdict_on(found, address), found.verdict) {
        (Some(row), _) => because(row.verdict, &row.detail),
        (None, MatchVerdict::Matched | MatchVerdict::WeightLost) => because("", "was not named"),
        (None, MatchVerdict::NoRecipients) => because("no_recipients", "was not named"),
        (None, verdict) => because(verdict.name(), &found.detail),
    }
}

fn verdict_on<'m>(found: &'m Match, address: &str) -> Option<&'m RecipientVerdict> {
    let mut rows = found.recipients.iter();
    rows.find(|row| row.address.eq_ignore_ascii_case(address) && !row.is_queued())
}

/// True if a mail lost its place to that of another event, and the weights would decide the same again.
fn still_lost(was: &Told, notification: &str, config: &Config) -> bool {
    let Told::Nothing { verdict, detail } = was else {
        return false;
    };
    // "`incident_assigned` has weight 20, this one 10: 7.k3v…@example.org": only that of another event is named by its Message-ID.
    let winner = detail
        .strip_prefix('`')
        .and_then(|rest| rest.split_once('`'));
    let Some((winner, rest)) = winner.filter(|_| verdict == "weight_lost" && detail.contains('@'))
    else {
        return false;
    };
    let weight = |name: &str| config.notification(name).map_or(0, |found| found.weight);
    let (theirs, own) = (weight(winner), weight(notification));
    match rest.starts_with(" says the same") {
        true => theirs == own && own > 0,
        false => theirs > own && own > 0,
    }
}

//! What a sender is told beside its account: whose place it takes, and where mail may go.

use super::LONGEST_PAUSE;
use crate::account::{Rate, SmtpAccount};
use crate::config::{Config, Outgoing};
use crate::outgoing::Claimed;
use crate::store::{Store, StoreError};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a sender is told beside its account.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Whose mail it sends when they are paused or off.
    pub stands_in: Vec<StandIn>,
    /// What holds for all mail.
    pub outgoing: Outgoing,
}

/// An account whose mail another one sends while it cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The account.
    pub account: String,
    /// It, and those that would take its place first: all of them have to be paused. Those that are off are not named.
    pub unless: Vec<String>,
}

impl Policy {
    /// The policy of one account in a configuration.
    pub fn of(account: &SmtpAccount, config: &Config) -> Self {
        let stands_in = config.smtp.iter().filter(|a| a.name != account.name);
        Self {
            stands_in: stands_in
                .filter_map(|a| stand_in(a, account, config))
                .collect(),
            outgoing: config.outgoing.clone(),
        }
    }

    /// The accounts whose mail is to be sent now; none while the account itself is paused.
    pub(super) fn accounts(
        &self,
        own: &str,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let mut accounts = vec![own.to_owned()];
        for stand_in in &self.stands_in {
            let mut all_paused = true;
            for account in &stand_in.unless {
                let pause = store.pause(account)?;
                all_paused &= pause.is_some_and(|pause| pause.holds(now, LONGEST_PAUSE));
            }
            if all_paused {
                accounts.push(stand_in.account.clone());
            }
        }
        Ok(accounts)
    }
}

/// Follows `first` along its fall-backs until `last`.
fn stand_in(first: &SmtpAccount, last: &SmtpAccount, config: &Config) -> Option<StandIn> {
    let mut unless = Vec::new();
    let mut at = first;
    // No way is longer than there are accounts.
    for _ in &config.smtp {
        if at.sending.active {
            unless.push(at.name.clone());
        }
        let next = at.sending.fall_back.as_deref()?;
        if next == last.name {
            return Some(StandIn {
                account: first.name.clone(),
                unless,
            });
        }
        at = config.smtp.iter().find(|a| a.name == next)?;
    }
    None
}

/// The claims that their recipient's domain has no room for now.
pub(super) fn over_domain_rate(
    claimed: &[Claimed],
    account: &str,
    rate: Rate,
    store: &dyn Store,
    now: Timestamp,
) -> Result<Vec<usize>, StoreError> {
    let mut over = Vec::new();
    for (bucket, places) in by_domain(claimed, account) {
        let given = store.take_tokens(&bucket, rate, count(&places), now)?;
        over.extend(places.into_iter().skip(given as usize));
    }
    Ok(over)
}

/// What was counted against the rates of an account, and was not sent.
pub(super) fn return_tokens(
    claimed: &[Claimed],
    account: &SmtpAccount,
    store: &dyn Store,
) -> Result<(), StoreError> {
    let SmtpAccount { name, sending, .. } = account;
    if sending.rate.is_some() {
        store.return_tokens(name, count(claimed))?;
    }
    if sending.domain_rate.is_some() {
        for (bucket, places) in by_domain(claimed, name) {
            store.return_tokens(&bucket, count(&places))?;
        }
    }
    Ok(())
}

/// The bucket of each domain, and which claims are counted in it.
fn by_domain(claimed: &[Claimed], account: &str) -> BTreeMap<String, Vec<usize>> {
    let mut by_domain: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (n, one) in claimed.iter().enumerate() {
        let domain = one.mail.recipient.rsplit('@').next().unwrap_or_default();
        let bucket = format!("{account} {}", domain.to_lowercase());
        by_domain.entry(bucket).or_default().push(n);
    }
    by_domain
}

fn count<T>(some: &[T]) -> u32 {
    u32::try_from(some.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

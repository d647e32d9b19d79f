//! `postrider queue`: what waits, and what shall be sent again.

use super::log;
use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use jiff::{SignedDuration, Timestamp};
use postrider_notify::email_digest::DueDigest;
use postrider_notify::outgoing::{DeliveryId, DeliveryState};
use postrider_notify::store::LogFilter;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// Mail that is sent again has as long as new mail.
const LIFE: SignedDuration = SignedDuration::from_hours(5 * 24);

/// Show what waits to be sent, and send again what failed.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List what waits: ready, deferred and unknown deliveries, and paused accounts
    List {
        /// At most so many of each state, the newest
        #[arg(long, default_value_t = 1000)]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// List the digests that gather parts, and when each is due
    Digests {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Make deliveries that failed, died or wait due at once, as a new life
    Requeue {
        /// Their numbers, from `postrider log`
        #[arg(required_unless_present_any = ["state", "matching"])]
        deliveries: Vec<i64>,
        /// All in this state instead
        #[arg(long, value_parser = log::state, conflicts_with = "deliveries")]
        state: Option<DeliveryState>,
        /// All that failed, died or wait to be tried again and that this holds for: code=550^recipientENDSWITH@example.org
        #[arg(
            long = "where",
            value_name = "CONDITION",
            conflicts_with = "deliveries"
        )]
        matching: Option<String>,
    },
    /// Cancel deliveries that wait
    Cancel {
        /// Their numbers, from `postrider log`
        #[arg(required = true)]
        deliveries: Vec<i64>,
    },
}

pub(crate) fn run(config: Option<&Path>, command: &Command) -> Result {
    let setup = setup::open(config)?;
    match command {
        Command::List { limit, json } => list(&setup, *limit, *json),
        Command::Digests { json } => digests(&setup, *json),
        Command::Requeue {
            deliveries,
            state,
            matching,
        } => {
            let deliveries = match (state, matching) {
                (Some(state), None) => in_state(&setup, *state)?,
                (state, Some(condition)) => that_failed(&setup, *state, condition)?,
                (None, None) => deliveries.clone(),
            };
            let now = Timestamp::now();
            let expires = now.checked_add(LIFE).unwrap_or(Timestamp::MAX);
            let count = setup.store.requeue(&deliveries, now, expires)?;
            suppressed(&setup, &deliveries, now)?;
            changed(count, deliveries.len(), "requeued")
        }
        Command::Cancel { deliveries } => {
            let count = setup.store.cancel(deliveries)?;
            changed(count, deliveries.len(), "cancelled")
        }
    }
}

fn changed(count: usize, asked: usize, done: &str) -> Result {
    output::line(format!("{count} {done}"));
    if count < asked {
        let sentence = format!(
            "{} of {asked} deliveries were not {done}: they do not exist, or are delivered or being sent",
            asked - count
        );
        return Err(Failure::new(Code::Data, sentence));
    }
    Ok(())
}

/// Names the recipients that get no mail all the same.
fn suppressed(setup: &setup::Setup, deliveries: &[DeliveryId], now: Timestamp) -> Result {
    let mut told = BTreeSet::new();
    for &delivery in deliveries {
        let Some(row) = log::row(setup, delivery)?.filter(|row| row.state.is_waiting()) else {
            continue;
        };
        let (address, account) = (row.mail.recipient, row.mail.account);
        let Some(found) = setup.store.suppressed(&address, &account, now)? else {
            continue;
        };
        if told.insert(address.clone()) {
            output::remark(format!(
                "{address} is suppressed ({}) and gets no mail: `postrider suppression remove {address}` ends that",
                found.reason.name()
            ));
        }
    }
    Ok(())
}

fn in_state(setup: &setup::Setup, state: DeliveryState) -> Result<Vec<i64>> {
    let filter = LogFilter {
        state: Some(state),
        limit: usize::MAX >> 1,
        ..LogFilter::default()
    };
    Ok(setup
        .store
        .log(&filter)?
        .iter()
        .map(|row| row.delivery)
        .collect())
}

/// What ended without being delivered, or waits to be tried again, by a condition.
fn that_failed(
    setup: &setup::Setup,
    state: Option<DeliveryState>,
    condition: &str,
) -> Result<Vec<i64>> {
    use DeliveryState::{Bounced, Cancelled, Dead, Deferred, Failed, Suppressed, Unknown};
    let matching = super::matching::Matching::new(condition)?;
    let not_sent = [
        Failed, Dead, Cancelled, Bounced, Suppressed, Deferred, Unknown,
    ];
    let states = state.map_or(not_sent.to_vec(), |state| vec![state]);
    let mut chosen = Vec::new();
    for state in states {
        let filter = LogFilter {
            state: Some(state),
            limit: usize::MAX >> 1,
            ..LogFilter::default()
        };
        let rows = matching.choose(setup, setup.store.log(&filter)?)?;
        chosen.extend(rows.iter().map(|row| row.delivery));
    }
    Ok(chosen)
}

fn list(setup: &setup::Setup, limit: usize, json: bool) -> Result {
    let (mut rows, mut more) = (Vec::new(), false);
    for state in [
        DeliveryState::Ready,
        DeliveryState::Leased,
        DeliveryState::Deferred,
        DeliveryState::Unknown,
    ] {
        let mut found = setup.store.log(&LogFilter {
            state: Some(state),
            limit: limit.saturating_add(1),
            ..LogFilter::default()
        })?;
        more |= found.len() > limit;
        found.truncate(limit);
        rows.extend(found);
    }
    rows.sort_by_key(|row| row.delivery);
    log::print(&rows, json);
    if more {
        output::remark(format!(
            "more mail waits than these: of a state, {limit} are shown (`--limit`)"
        ));
    }
    log::waiting(setup)?;
    setup.stranded()?.iter().for_each(output::remark);
    let pop3 = setup.config.pop3.iter().map(|a| format!("pop3:{}", a.name));
    let accounts = setup.config.smtp.iter().map(|a| a.name.clone()).chain(pop3);
    for account in accounts {
        if let Some(pause) = setup.store.pause(&account)? {
            output::remark(format!(
                "account {account} is paused until {}: {}",
                pause.until.strftime("%Y-%m-%d %H:%M:%S UTC"),
                pause.reason
            ));
        }
    }
    Ok(())
}

fn digests(setup: &setup::Setup, as_json: bool) -> Result {
    let open = setup.store.open_digests()?;
    if as_json {
        for digest in &open {
            output::line(json!({
                "digest": digest.id,
                "notification": digest.notification,
                "user": digest.user,
                "address": digest.address,
                "record": digest.about.as_ref().map(ToString::to_string),
                "opened": digest.opened.to_string(),
                "due": digest.due.to_string(),
                "parts": digest.count,
            }));
        }
        return Ok(());
    }
    let row = |digest: &DueDigest| {
        vec![
            digest.due.strftime("%Y-%m-%d %H:%M").to_string(),
            digest.notification.clone(),
            digest.user.clone().unwrap_or_default(),
            digest.address.clone(),
            digest.count.to_string(),
        ]
    };
    let rows: Vec<_> = open.iter().map(row).collect();
    output::line(output::table(
        &["DUE", "NOTIFICATION", "USER", "TO", "PARTS"],
        &rows,
    ));
    Ok(())
}

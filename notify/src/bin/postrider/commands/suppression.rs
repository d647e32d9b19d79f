//! `postrider suppression`: the addresses that get no mail.

use crate::exit::{Code, Failure, Result};
use crate::output;
use crate::setup::{self, Setup};
use jiff::Timestamp;
use postrider_notify::address::is_address;
use postrider_notify::suppression::{Reason, Suppression};
use serde_json::{Value, json};
use std::path::Path;

/// Addresses that get no mail.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List them, with the reasons
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Send an address no more mail
    Add {
        /// The address
        address: String,
        /// A remark for those who wonder
        #[arg(long, default_value = "")]
        remark: String,
    },
    /// Send an address mail again
    Remove {
        /// The address
        address: String,
    },
}

pub(crate) fn run(config: Option<&Path>, command: Command) -> Result {
    let setup = setup::open(config)?;
    match command {
        Command::List { json } => list(&setup, json)?,
        Command::Add { address, remark } => {
            if !is_address(&address) {
                let sentence = format!("{address:?} is no address: NAME@DOMAIN");
                return Err(Failure::new(Code::Data, sentence));
            }
            setup.store.suppress(&Suppression {
                address,
                account: None,
                reason: Reason::Manual,
                detail: remark,
                since: Timestamp::now(),
                until: None,
                hits: 1,
            })?;
        }
        Command::Remove { address } => {
            if !setup.store.unsuppress(&address)? {
                let sentence = format!(
                    "{address} is not suppressed (`postrider suppression list` lists who is)"
                );
                return Err(Failure::new(Code::NoInput, sentence));
            }
        }
    }
    Ok(())
}

fn list(setup: &Setup, as_json: bool) -> Result {
    let (suppressions, now) = (setup.store.suppressions()?, Timestamp::now());
    if as_json {
        let objects = suppressions.iter().map(|s| object(s, now));
        objects.for_each(output::line);
        return Ok(());
    }
    let enough = setup.config.incoming.bounces.suppress_at;
    let row = |s: &Suppression| {
        vec![
            s.address.clone(),
            s.account.clone().unwrap_or_else(|| "all".to_owned()),
            s.reason.name().to_owned(),
            until(s, enough, now),
            s.detail.clone(),
        ]
    };
    let rows: Vec<_> = suppressions.iter().map(row).collect();
    output::line(output::table(
        &["ADDRESS", "ACCOUNT", "REASON", "UNTIL", "WHY"],
        &rows,
    ));
    Ok(())
}

/// How long the address gets no mail, or that it gets some.
fn until(s: &Suppression, enough: u32, now: Timestamp) -> String {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    match s.until {
        None => "for good".to_owned(),
        Some(at) if s.is_in_force(now) => day(at),
        Some(_) if s.hits < enough => format!("not yet: {} of {enough} points", s.hits),
        Some(at) => format!("over since {}", day(at)),
    }
}

fn object(s: &Suppression, now: Timestamp) -> Value {
    json!({
        "address": s.address,
        "account": s.account,
        "reason": s.reason.name(),
        "detail": s.detail,
        "since": s.since.to_string(),
        "until": s.until.map(|at| at.to_string()),
        "hits": s.hits,
        "in_force": s.is_in_force(now),
    })
}

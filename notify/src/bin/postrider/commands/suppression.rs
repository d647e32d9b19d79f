//! `postrider suppression`: the addresses that get no mail.

use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use jiff::Timestamp;
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
        Command::List { json } => list(&setup.store.suppressions()?, json),
        Command::Add { address, remark } => {
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

fn list(suppressions: &[Suppression], as_json: bool) {
    if as_json {
        suppressions.iter().for_each(|s| output::line(object(s)));
        return;
    }
    let row = |s: &Suppression| {
        vec![
            s.address.clone(),
            s.account.clone().unwrap_or_else(|| "all".to_owned()),
            s.reason.name().to_owned(),
            s.until.map_or_else(
                || "for good".to_owned(),
                |at| at.strftime("%Y-%m-%d").to_string(),
            ),
            s.detail.clone(),
        ]
    };
    let rows: Vec<_> = suppressions.iter().map(row).collect();
    output::line(output::table(
        &["ADDRESS", "ACCOUNT", "REASON", "UNTIL", "WHY"],
        &rows,
    ));
}

fn object(s: &Suppression) -> Value {
    json!({
        "address": s.address,
        "account": s.account,
        "reason": s.reason.name(),
        "detail": s.detail,
        "since": s.since.to_string(),
        "until": s.until.map(|at| at.to_string()),
        "hits": s.hits,
    })
}

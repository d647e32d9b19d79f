//! `postrider explain`: what happened to an event, and why.

use super::record_key;
use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use postrider_notify::explain;
use postrider_notify::record::RecordKey;
use std::path::Path;

/// Say what happened to an event, or to every event about a record.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The event's number
    #[arg(required_unless_present = "record")]
    event: Option<i64>,
    /// The record
    #[arg(long, value_name = "TABLE/ID", value_parser = record_key, conflicts_with = "event")]
    record: Option<RecordKey>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(config: Option<&Path>, args: &Args) -> Result {
    let setup = setup::open(config)?;
    let events = match (args.event, &args.record) {
        (Some(event), _) => vec![event],
        (None, Some(record)) => setup.store.events_of(record)?,
        (None, None) => Vec::new(),
    };
    let mut found = false;
    for event in events {
        let Some(explanation) = setup.store.explain(event)? else {
            continue;
        };
        found = true;
        if args.json {
            output::line(explain::json(&explanation));
        } else {
            output::line(output::lines(&explain::text(&explanation)));
        }
    }
    if !found {
        let what = match (&args.event, &args.record) {
            (Some(event), _) => format!("there is no event {event}"),
            (_, Some(record)) => format!("there is no event about {record}"),
            _ => "there is nothing to explain".to_owned(),
        };
        return Err(Failure::new(Code::NoInput, what));
    }
    Ok(())
}

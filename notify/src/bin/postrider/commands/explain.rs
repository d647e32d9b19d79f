//! `postrider explain`: what happened to an event or to an inbound mail, and why.

use super::record_key;
use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use postrider_notify::explain;
use postrider_notify::record::RecordKey;
use std::path::Path;

/// Say what happened to an event, to every event about a record, or to an inbound mail.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The event's number
    #[arg(required_unless_present_any = ["record", "mail"])]
    event: Option<i64>,
    /// The record
    #[arg(long, value_name = "TABLE/ID", value_parser = record_key, conflicts_with = "event")]
    record: Option<RecordKey>,
    /// An inbound mail: its number, or a file with a mail, which is judged as if it came now, without effect
    #[arg(long, value_name = "ID|FILE", conflicts_with_all = ["event", "record"])]
    mail: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(config: Option<&Path>, args: &Args) -> Result {
    let setup = setup::open(config)?;
    if let Some(mail) = &args.mail {
        return super::explain_mail::run(&setup, mail, args.json);
    }
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

//! `postrider explain`: what happened to an event or to an inbound mail, and why.

use super::{explained, record_key};
use crate::exit::{Code, Failure, Result};
use crate::output;
use crate::setup::{self, Setup};
use postrider_mime::Message;
use postrider_notify::event::EventId;
use postrider_notify::explain;
use postrider_notify::record::RecordKey;
use std::path::Path;

/// Say what happened to an event, to every event about a record, or to a mail.
///
/// Each notification and each person has its verdict, why, and behind an arrow the setting or record that decided, by the
/// configuration as it is now.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number of an event, or a record, or the Message-ID of a mail that we sent, or a file as for --mail
    #[arg(value_name = "EVENT|RECORD|MESSAGE-ID|FILE", required_unless_present_any = ["record", "mail", "sent"])]
    what: Option<String>,
    /// The record
    #[arg(long, value_name = "TABLE/ID", value_parser = record_key, conflicts_with = "what")]
    record: Option<RecordKey>,
    /// An inbound mail: its number, or a file with a mail, which is judged as if it came now, without effect
    #[arg(long, value_name = "ID|FILE", conflicts_with_all = ["what", "record"])]
    mail: Option<String>,
    /// A mail that we sent, by its number in `postrider log`
    #[arg(long, value_name = "ID", conflicts_with_all = ["what", "record", "mail"])]
    sent: Option<i64>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(config: Option<&Path>, args: &Args) -> Result {
    let setup = setup::open(config)?;
    let file = args.what.as_ref().filter(|what| is_file(what));
    if let Some(mail) = args.mail.as_ref().or(file) {
        return super::explain_mail::run(&setup, mail, args.json);
    }
    let events = events(&setup, args)?;
    let mut found = false;
    for event in events {
        let Some(explanation) = setup.store.explain(event)? else {
            continue;
        };
        found = true;
        if args.json {
            output::line(explain::json_with(&explanation, &setup.config));
        } else {
            explained::show(&setup, &explanation);
        }
    }
    if !found {
        return Err(Failure::new(Code::NoInput, absent(args)));
    }
    Ok(())
}

/// True if it names a file, and cannot be the number of an event.
fn is_file(what: &str) -> bool {
    what.parse::<EventId>().is_err() && Path::new(what).is_file()
}

/// The events that are asked about.
fn events(setup: &Setup, args: &Args) -> Result<Vec<EventId>> {
    if let Some(record) = &args.record {
        return Ok(setup.store.events_of(record)?);
    }
    if let Some(sent) = args.sent {
        let raw = setup.store.raw_message(sent)?.unwrap_or_default();
        let id = Message::parse(&raw).message_id().map(|id| id.into_owned());
        return of_mail(setup, id.as_deref().unwrap_or_default());
    }
    let what = args.what.as_deref().unwrap_or_default();
    if let Ok(event) = what.parse() {
        return Ok(vec![event]);
    }
    match record_key(what) {
        _ if what.contains('@') => of_mail(setup, what.trim_matches(['<', '>'])),
        Ok(record) => Ok(setup.store.events_of(&record)?),
        Err(_) => {
            let sentence = format!(
                "{what:?} is no number of an event, no TABLE/ID, no Message-ID and no file"
            );
            Err(Failure::new(Code::Usage, sentence))
        }
    }
}

/// The event that a mail of ours came of.
fn of_mail(setup: &Setup, message_id: &str) -> Result<Vec<EventId>> {
    let row = setup.store.delivery_by_message_id(message_id)?;
    Ok(row.map(|row| row.event).into_iter().collect())
}

fn absent(args: &Args) -> String {
    match (&args.record, args.sent, args.what.as_deref()) {
        (Some(record), ..) => format!("there is no event about {record}"),
        (_, Some(sent), _) => format!("there is no mail {sent}"),
        (.., Some(what)) if what.contains('@') => format!("we sent no mail {what}"),
        (.., Some(what)) if what.contains('/') => format!("there is no event about {what}"),
        (.., what) => format!("there is no event {}", what.unwrap_or_default()),
    }
}

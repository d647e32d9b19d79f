//! `postrider event fire NAME`: say that something happened.

use super::record_key;
use crate::exit::{Code, Failure, Result};
use crate::output;
use crate::setup::Mode;
use postrider_notify::event::{EventKind, NewEvent};
use postrider_notify::record::{Fields, RecordKey};
use postrider_notify::store::Work;
use std::path::Path;

/// Fire an event.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Fire a registered event; its number is printed
    Fire(Fire),
    /// Read events from standard input, one JSON object a line, and acknowledge each once it is on disk
    ///
    /// Keys: name, record (TABLE/ID), parm1, parm2, key, as, at, current (the record's fields, where the record is not kept here).
    /// The answer is a line for each: {"line": 1, "event": 17} or {"line": 2, "error": "…"}.
    Intake {
        /// Answer what would become of each event, with its mails; store and send nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Fire a registered event; its number is printed
#[derive(Debug, clap::Args)]
pub(crate) struct Fire {
    /// Its name: incident.escalated
    name: String,
    /// The record that it is about
    #[arg(long, value_name = "TABLE/ID", value_parser = record_key)]
    record: Option<RecordKey>,
    /// The first parameter, for recipients and templates
    #[arg(long, default_value = "")]
    parm1: String,
    /// The second parameter
    #[arg(long, default_value = "")]
    parm2: String,
    /// A second event with the same key is not queued again
    #[arg(long)]
    key: Option<String>,
    /// When it is processed: 2026-12-24T18:00:00Z, or +90m from now
    #[arg(long, value_name = "TIME", value_parser = super::moment)]
    at: Option<jiff::Timestamp>,
    /// Who causes it: a user id, or an address
    #[arg(long = "as", value_name = "USER", default_value = "")]
    actor: String,
    /// Show who would be told what, term by term; store and send nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: one JSON object
    #[arg(long, requires = "dry_run")]
    json: bool,
}

pub(crate) fn run(config: Option<&Path>, command: Command) -> Result {
    match command {
        Command::Intake { dry_run } => super::intake::run(config, Mode::of(dry_run)),
        Command::Fire(event) => fire(config, event),
    }
}

fn fire(config: Option<&Path>, fire: Fire) -> Result {
    let Fire {
        name,
        record,
        parm1,
        parm2,
        key,
        at,
        actor,
        dry_run,
        json,
    } = fire;
    let mode = Mode::of(dry_run);
    let setup = mode.open(config)?;
    if !setup.config.events.contains_key(&name) {
        let known: Vec<&str> = setup.config.events.keys().map(String::as_str).collect();
        let sentence = format!(
            "the event {name:?} is not registered in {} (registered are: {})",
            setup.config.path.display(),
            known.join(", ")
        );
        return Err(Failure::new(Code::Data, sentence));
    }
    setup.knows(&actor)?;
    if let Some(registered) = setup.config.events.get(&name) {
        let about = registered.may_be_about(record.as_ref());
        about.map_err(|why| {
            let hint = " (`--record TABLE/ID` names one)";
            let hint = if record.is_none() { hint } else { "" };
            Failure::new(Code::Data, format!("{why}{hint}"))
        })?;
    }
    let current = match &record {
        Some(key) => match setup.store.record(key)? {
            Some(record) => record.whole(),
            None => {
                return Err(Failure::new(
                    Code::NoInput,
                    format!("there is no record {key}"),
                ));
            }
        },
        None => Fields::new(),
    };
    let event = NewEvent {
        name,
        kind: EventKind::Fired,
        record,
        parm1,
        parm2,
        actor,
        current,
        previous: Fields::new(),
        idempotency_key: key,
        due: at,
    };
    let committed = setup.store.commit(&Work {
        events: vec![event],
        ..Work::default()
    })?;
    match mode {
        Mode::Real => committed.events.iter().for_each(output::line),
        Mode::DryRun => super::dry_run::show(&setup, &committed.events, json)?,
    }
    Ok(())
}

//! `postrider inbound`: the mail that came in, and what it did.

use super::matching::Matching;
use super::record_key;
use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use postrider_notify::daemon;
use postrider_notify::inbound::decide::DecideError;
use postrider_notify::inbound::mail::{Address, Mail};
use postrider_notify::inbound::processor::Processor;
use postrider_notify::inbound::{Inbound, InboundId, InboundRow, InboundState};
use postrider_notify::record::RecordKey;
use postrider_notify::store::InboundFilter;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Show inbound mail.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List it, newest first
    List {
        /// Only mail in this state: ready, processed, ignored, held, error
        #[arg(long, value_parser = state)]
        state: Option<InboundState>,
        /// Only mail that this holds for, in the language of conditions: class=new^subjectLIKEurgent^fromENDSWITH@example.org
        #[arg(long = "where", value_name = "CONDITION")]
        matching: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show one mail: what became of it, and its text
    Show {
        /// Its number
        id: i64,
        /// One JSON object
        #[arg(long, conflicts_with = "raw")]
        json: bool,
        /// The mail, byte by byte as it came
        #[arg(long)]
        raw: bool,
    },
    /// Act upon a mail that was held: as new mail, or as an answer about a record
    Accept {
        /// Its number
        id: i64,
        /// The record that it is about
        #[arg(long, value_name = "TABLE/ID", value_parser = record_key)]
        record: Option<RecordKey>,
    },
    /// Judge mails that were held, have failed or were ignored anew, as if they had just come
    Reprocess {
        /// Their numbers
        #[arg(required_unless_present = "matching")]
        ids: Vec<i64>,
        /// Instead of numbers: those held or failed that this holds for, in the language of conditions: reasonLIKEgiven up^account=support
        #[arg(long = "where", value_name = "CONDITION", conflicts_with = "ids")]
        matching: Option<String>,
        /// With --where: those that were ignored as well
        #[arg(long, requires = "matching")]
        ignored: bool,
    },
    /// Let a mail that was held rest
    Ignore {
        /// Its number
        id: i64,
        /// Why
        #[arg(long, default_value = "a person decided so")]
        reason: String,
    },
}

pub(crate) fn run(config: Option<&Path>, command: Command) -> Result {
    let setup = setup::open(config)?;
    match command {
        Command::List {
            state,
            matching,
            limit,
            json,
        } => {
            let rows = rows(&setup, state, matching.as_deref(), limit)?;
            if json {
                rows.iter().for_each(|row| output::line(object(row)));
            } else {
                output::line(table(&rows));
            }
        }
        Command::Show { id, json, raw } => show(&setup, id, json, raw)?,
        Command::Accept { id, record } => {
            let done = processor(&setup)?
                .accept(id, record, jiff::Timestamp::now())
                .map_err(refused)?;
            let record = done.outcome.record.map(|record| record.to_string());
            output::line(record.unwrap_or_default());
        }
        Command::Reprocess {
            ids,
            matching,
            ignored,
        } => {
            let ids = match matching {
                Some(condition) => chosen(&setup, &condition, ignored)?,
                None => ids,
            };
            reprocess(&setup, &ids)?;
        }
        Command::Ignore { id, reason } => {
            processor(&setup)?.ignore(id, &reason).map_err(refused)?;
        }
    }
    Ok(())
}

fn state(text: &str) -> std::result::Result<InboundState, String> {
    let found = InboundState::ALL
        .into_iter()
        .find(|state| state.name() == text);
    found.ok_or_else(|| {
        let names = InboundState::ALL.map(InboundState::name);
        format!("the states are: {}", names.join(", "))
    })
}

fn rows(
    setup: &setup::Setup,
    state: Option<InboundState>,
    condition: Option<&str>,
    limit: usize,
) -> Result<Vec<InboundRow>> {
    let matching = condition.map(Matching::new).transpose()?;
    let mut rows = setup.store.inbound_rows(&InboundFilter {
        state,
        // What a condition leaves is counted after it.
        limit: if matching.is_some() {
            usize::MAX >> 1
        } else {
            limit
        },
        ..InboundFilter::default()
    })?;
    if let Some(matching) = &matching {
        rows = matching.choose(setup, rows)?;
        rows.truncate(limit);
    }
    Ok(rows)
}

/// The mails that a condition chooses of those that were held or have failed, or were ignored as well, oldest first.
fn chosen(setup: &setup::Setup, condition: &str, ignored: bool) -> Result<Vec<InboundId>> {
    let mut ids = Vec::new();
    let also = ignored.then_some(InboundState::Ignored);
    for state in [InboundState::Held, InboundState::Error]
        .into_iter()
        .chain(also)
    {
        let rows = rows(setup, Some(state), Some(condition), usize::MAX >> 1)?;
        ids.extend(rows.iter().map(|row| row.outcome.id));
    }
    ids.sort_unstable();
    Ok(ids)
}

fn reprocess(setup: &setup::Setup, ids: &[InboundId]) -> Result {
    let processor = processor(setup)?;
    for &id in ids {
        let done = processor.reprocess(id, jiff::Timestamp::now());
        let outcome = done.map_err(refused)?.outcome;
        let state = outcome.state.name();
        let line = format!("{id} {state} {}", output::foreign(&outcome.reason));
        output::line(line.trim_end());
    }
    Ok(())
}

pub(super) fn processor(setup: &setup::Setup) -> Result<Processor> {
    let signer = daemon::signer(setup.store.as_ref())?;
    let (config, store) = (Arc::clone(&setup.config), Arc::clone(&setup.store));
    Ok(Processor::new(config, store, signer))
}

fn refused(error: DecideError) -> Failure {
    match error {
        DecideError::Store(error) => error.into(),
        DecideError::NoMail(_) | DecideError::NoRecord(_) => Failure::new(Code::NoInput, error),
        error => Failure::new(Code::Data, error),
    }
}

/// The sentence for a number that no mail has.
pub(super) fn missing(id: InboundId) -> Failure {
    let sentence = format!("there is no inbound mail {id} (`postrider inbound list` lists them)");
    Failure::new(Code::NoInput, sentence)
}

fn show(setup: &setup::Setup, id: i64, as_json: bool, raw: bool) -> Result {
    let missing = || missing(id);
    let mail = setup.store.inbound(id)?.ok_or_else(missing)?;
    if raw {
        output::octets(&mail.what.raw);
        return Ok(());
    }
    let filter = InboundFilter {
        id: Some(id),
        limit: 1,
        ..InboundFilter::default()
    };
    let rows = setup.store.inbound_rows(&filter)?;
    let row = rows.first().ok_or_else(missing)?;
    if as_json {
        output::line(object(row));
        return Ok(());
    }
    let read = Mail::parse(&mail.what.raw);
    for (name, value) in properties(row, &mail, &read) {
        if !value.is_empty() {
            output::line(format!("{name:<11} {}", output::foreign(&value)));
        }
    }
    for said in &row.outcome.verdicts {
        let line = format!("  {} {}: {}", said.action, said.verdict, said.detail);
        output::line(output::foreign(&line));
    }
    output::line("");
    output::line(output::lines(&read.text));
    Ok(())
}

/// What there is to say about a mail; empty where there is nothing.
fn properties(row: &InboundRow, mail: &Inbound, read: &Mail) -> [(&'static str, String); 19] {
    let (outcome, what) = (&row.outcome, &mail.what);
    let addresses = |list: &[Address]| -> String {
        let list: Vec<&str> = list.iter().map(|one| one.address.as_str()).collect();
        list.join(", ")
    };
    let copies = match row.copies {
        0 => String::new(),
        n => format!("came {n} more times, and acted once"),
    };
    [
        ("mail", outcome.id.to_string()),
        ("received", mail.received.to_string()),
        ("account", what.account.clone()),
        ("uidl", what.uidl.clone().unwrap_or_default()),
        ("message-id", what.message_id.clone().unwrap_or_default()),
        ("sha256", what.sha256.clone()),
        ("size", format!("{} octets", what.raw.len())),
        ("copies", copies),
        ("from", row.from.clone()),
        ("to", addresses(&read.to)),
        ("subject", row.subject.clone()),
        ("files", read.attachments.join(", ")),
        ("class", outcome.class.name().to_owned()),
        ("matched by", outcome.matched_by.clone()),
        (
            "record",
            outcome
                .record
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ),
        ("action", outcome.action.clone().unwrap_or_default()),
        ("state", outcome.state.name().to_owned()),
        ("reason", outcome.reason.clone()),
        (
            "next try",
            outcome.next_at.map(|at| at.to_string()).unwrap_or_default(),
        ),
    ]
}

pub(crate) fn table(rows: &[InboundRow]) -> String {
    let row = |row: &InboundRow| {
        let outcome = &row.outcome;
        let record = outcome.record.as_ref().map(ToString::to_string);
        vec![
            outcome.id.to_string(),
            row.mail.received.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            outcome.state.name().to_owned(),
            outcome.class.name().to_owned(),
            row.from.clone(),
            row.subject.clone(),
            record.unwrap_or_default(),
            outcome.reason.clone(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let head = [
        "ID", "RECEIVED", "STATE", "CLASS", "FROM", "SUBJECT", "RECORD", "WHY",
    ];
    output::table(&head, &rows)
}

fn object(row: &InboundRow) -> Value {
    let outcome = &row.outcome;
    json!({
        "id": outcome.id,
        "received": row.mail.received.to_string(),
        "account": row.mail.what.account,
        "uidl": row.mail.what.uidl,
        "sha256": row.mail.what.sha256,
        "message_id": row.mail.what.message_id,
        "from": row.from,
        "subject": row.subject,
        "class": outcome.class.name(),
        "matched_by": outcome.matched_by,
        "record": outcome.record.as_ref().map(ToString::to_string),
        "state": outcome.state.name(),
        "reason": outcome.reason,
        "action": outcome.action,
        "attempts": row.mail.attempts,
        "copies": row.copies,
        "next_at": outcome.next_at.map(|at| at.to_string()),
    })
}

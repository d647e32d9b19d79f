//! `postrider log`: the email log.

use super::matching::Matching;
use super::record_key;
use crate::exit::Result;
use crate::{output, setup};
use jiff::Timestamp;
use postrider_notify::outgoing::{DeliveryState, LogRow};
use postrider_notify::record::RecordKey;
use postrider_notify::store::LogFilter;
use serde_json::{Value, json};
use std::path::Path;

/// Show the email log, newest first.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only mail about this record
    #[arg(long, value_name = "TABLE/ID", value_parser = record_key)]
    record: Option<RecordKey>,
    /// Only mail in this state: ready, leased, deferred, delivered, failed, unknown, dead, cancelled
    #[arg(long, value_parser = state)]
    state: Option<DeliveryState>,
    /// Only mail to this address
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Only mail that this event caused
    #[arg(long, value_name = "ID")]
    event: Option<i64>,
    /// Only mail that this holds for, in the language of conditions: state=failed^code=550^recipientENDSWITH@example.org
    #[arg(long = "where", value_name = "CONDITION")]
    matching: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What to show instead of the list.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show one mail: its head, its parts, and every attempt with the server's words
    Show {
        /// Its number in the list
        id: i64,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn state(text: &str) -> std::result::Result<DeliveryState, String> {
    let found = DeliveryState::ALL
        .into_iter()
        .find(|state| state.name() == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = DeliveryState::ALL
            .iter()
            .map(|state| state.name())
            .collect();
        format!("the states are: {}", names.join(", "))
    })
}

pub(crate) fn run(config: Option<&Path>, args: &Args) -> Result {
    let setup = setup::open(config)?;
    if let Some(Command::Show { id, json }) = args.command {
        return super::log_show::run(&setup, id, json);
    }
    let matching = args.matching.as_deref().map(Matching::new).transpose()?;
    let mut rows = setup.store.log(&LogFilter {
        record: args.record.clone(),
        state: args.state,
        recipient: args.to.clone(),
        event: args.event,
        // What a condition leaves is counted after it.
        limit: if matching.is_some() {
            usize::MAX >> 1
        } else {
            args.limit
        },
    })?;
    if let Some(matching) = &matching {
        rows = matching.choose(&setup, rows)?;
        rows.truncate(args.limit);
    }
    print(&rows, args.json);
    waiting(&setup)
}

/// Says that events wait, where nobody is there to settle them.
pub(crate) fn waiting(setup: &setup::Setup) -> Result {
    let events = setup.store.due_events(Timestamp::now(), 1000)?.len();
    if events > 0 {
        output::remark(format!(
            "{events} events wait to be settled: `postrider run` does that"
        ));
    }
    Ok(())
}

pub(crate) fn print(rows: &[LogRow], as_json: bool) {
    if as_json {
        rows.iter().for_each(|row| output::line(object(row)));
    } else {
        output::line(table(rows));
    }
}

pub(crate) fn table(rows: &[LogRow]) -> String {
    let row = |row: &LogRow| {
        let said = match &row.last {
            Some(last) if last.code == 0 => format!("{}: {}", last.stage, last.text),
            Some(last) => last.text.clone(),
            None => String::new(),
        };
        let reason = if row.reason.is_empty() {
            said
        } else {
            format!("{}: {said}", row.reason)
        };
        vec![
            row.delivery.to_string(),
            row.created.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            format!("{} ({})", row.state.name(), row.state.mailbox()),
            row.mail.recipient.clone(),
            row.mail.subject.clone(),
            reason,
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    output::table(
        &["ID", "QUEUED", "STATE", "TO", "SUBJECT", "LAST WORDS"],
        &rows,
    )
}

fn object(row: &LogRow) -> Value {
    let last = row.last.as_ref().map(|last| {
        json!({
            "peer": last.peer,
            "tls": last.tls,
            "stage": last.stage,
            "code": last.code,
            "enhanced": last.enhanced,
            "text": last.text,
        })
    });
    json!({
        "delivery": row.delivery,
        "created": row.created.to_string(),
        "state": row.state.name(),
        "mailbox": row.state.mailbox(),
        "reason": row.reason,
        "event": row.event,
        "notification": row.notification,
        "message_id": row.mail.message_id,
        "sender": row.mail.sender,
        "recipient": row.mail.recipient,
        "subject": row.mail.subject,
        "account": row.mail.account,
        "record": row.mail.record.as_ref().map(ToString::to_string),
        "expires": row.mail.expires.to_string(),
        "attempts": row.attempts,
        "next_at": row.next_at.map(|at| at.to_string()),
        "last": last,
    })
}

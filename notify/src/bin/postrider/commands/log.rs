//! `postrider log`: the email log.

use super::log_export::{self, Export};
use super::matching::Matching;
use super::record_key;
use crate::exit::Result;
use crate::{output, setup};
use jiff::Timestamp;
use postrider_notify::outgoing::{DeliveryId, DeliveryState, LogRow};
use postrider_notify::record::RecordKey;
use postrider_notify::store::LogFilter;
use serde_json::{Value, json};
use std::path::Path;

/// Show the email log, newest first, or export it.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only mail about this record
    #[arg(long, value_name = "TABLE/ID", value_parser = record_key)]
    record: Option<RecordKey>,
    /// Only mail in this state: ready, held, leased, deferred, delivered, failed, unknown, dead, cancelled, bounced, skipped, suppressed
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
    /// At most so many [default: 50; without bounds for --export]
    #[arg(long)]
    limit: Option<usize>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Write all of it into a new file, or to standard output for `-`
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    export: Option<String>,
    /// The form of the export [default: csv for a FILE.csv, else jsonl]
    #[arg(long, requires = "export")]
    format: Option<log_export::Form>,
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
    if let Some(path) = &args.export {
        let form = args.format.unwrap_or_else(|| log_export::Form::of(path));
        let mut export = Export::to(path, form)?;
        each_page(&setup, args, matching.as_ref(), usize::MAX, |rows| {
            export.rows(&rows)
        })?;
        return export.end();
    }
    let mut found = Vec::new();
    each_page(&setup, args, matching.as_ref(), LISTED, |rows| {
        found.extend(rows);
        Ok(true)
    })?;
    print(&found, args.json);
    waiting(&setup)
}

/// Rows that are listed unless more are asked for.
const LISTED: usize = 50;

/// Rows that are read at once.
const PAGE: usize = 1000;

/// Gives the rows that are asked for, newest first, page by page, as long as more are wanted; what a condition leaves is counted
/// after it.
fn each_page(
    setup: &setup::Setup,
    args: &Args,
    matching: Option<&Matching<LogRow>>,
    most: usize,
    mut take: impl FnMut(Vec<LogRow>) -> Result<bool>,
) -> Result {
    // What the condition says about these is left to the indexes.
    let needs = |field| matching.and_then(|matching| matching.needs(field));
    let state = args.state.or_else(|| state(needs("state")?).ok());
    let event = args.event.or_else(|| needs("event")?.parse().ok());
    let mut left = args.limit.unwrap_or(most);
    let mut before = None;
    while left > 0 {
        let limit = matching.map_or(left.min(PAGE), |_| PAGE);
        let mut rows = setup.store.log(&LogFilter {
            record: args.record.clone(),
            state,
            recipient: args.to.clone(),
            event,
            before,
            limit,
        })?;
        let ended = rows.len() < limit;
        before = rows.last().map(|row| row.delivery);
        if let Some(matching) = matching {
            rows = matching.choose(setup, rows)?;
            rows.truncate(left);
        }
        left -= rows.len();
        if !take(rows)? || ended {
            break;
        }
    }
    Ok(())
}

/// The row of one mail.
pub(super) fn row(setup: &setup::Setup, delivery: DeliveryId) -> Result<Option<LogRow>> {
    let filter = LogFilter {
        before: Some(delivery.saturating_add(1)),
        limit: 1,
        ..LogFilter::default()
    };
    let found = setup.store.log(&filter)?.pop();
    Ok(found.filter(|row| row.delivery == delivery))
}

/// Events that are counted; it is said that there are more.
const COUNTED: usize = 1000;

/// Says that events wait, where nobody is there to settle them.
pub(crate) fn waiting(setup: &setup::Setup) -> Result {
    let events = setup.store.due_events(Timestamp::now(), COUNTED)?.len();
    if events > 0 {
        let more = if events == COUNTED { " or more" } else { "" };
        output::remark(format!(
            "{events}{more} events wait to be settled: `postrider run` does that"
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

pub(super) fn object(row: &LogRow) -> Value {
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

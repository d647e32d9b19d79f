//! One file for each command.

pub(crate) mod check;
pub(crate) mod completions;
mod dry_run;
pub(crate) mod event;
pub(crate) mod explain;
pub(crate) mod explain_mail;
mod explained;
pub(crate) mod fetch;
pub(crate) mod file;
pub(crate) mod health;
pub(crate) mod inbound;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod intake;
pub(crate) mod log;
mod log_export;
pub(crate) mod log_show;
pub(crate) mod mailbox;
mod mails;
pub(crate) mod matching;
pub(crate) mod preference;
pub(crate) mod preview;
pub(crate) mod probe;
pub(crate) mod queue;
pub(crate) mod record;
pub(crate) mod record_files;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod send;
pub(crate) mod subscription;
pub(crate) mod suppression;
pub(crate) mod trim;
pub(crate) mod try_out;

use crate::cli::{Cli, Command};
use crate::exit::{Code, Failure, Result};
use jiff::{SignedDuration, Timestamp};
use postrider_notify::record::{Fields, RecordKey};
use serde_json::Value;
use std::future::Future;

/// Runs the command that was given.
pub(crate) fn run(cli: Cli) -> Result {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Try(args) => wait_for(try_out::run(args))?,
        Command::Init(args) => init::run(&args),
        Command::Check(args) => wait_for(check::run(config, args))?,
        Command::Run(args) => wait_for(run::run(config, args))?,
        Command::Health(args) => health::run(config, &args),
        Command::Record(command) => record::run(config, command),
        Command::Event(command) => event::run(config, command),
        Command::Log(args) => log::run(config, &args),
        Command::Inbound(command) => inbound::run(config, command),
        Command::Explain(args) => explain::run(config, &args),
        Command::Preview(args) => preview::run(config, args),
        Command::Probe(args) => wait_for(probe::run(args))?,
        Command::Queue(command) => queue::run(config, &command),
        Command::Send(args) => wait_for(send::run(config, &args))?,
        Command::Preference(command) => preference::run(config, command),
        Command::Subscription(command) => subscription::run(config, command),
        Command::Suppression(command) => suppression::run(config, command),
        Command::Trim(args) => trim::run(config, &args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Fetch(args) => wait_for(fetch::run(args))?,
        Command::Mailbox(args) => wait_for(mailbox::run(args))?,
        Command::Replay(args) => replay::run(config, &args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(_) => completions::man(),
    }
}

/// Runs asynchronous work to its end.
fn wait_for<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Code::Software, format!("cannot start the runtime: {e}")))?;
    let done = runtime.block_on(work);
    // A fetch from a server that hangs is not waited for: what it has stored is stored.
    runtime.shutdown_background();
    Ok(done)
}

/// Reads `TABLE/ID`.
pub(crate) fn record_key(text: &str) -> std::result::Result<RecordKey, String> {
    match text.split_once('/') {
        Some((table, id)) if !table.is_empty() && !id.is_empty() => Ok(RecordKey::new(table, id)),
        _ => Err("a record is written TABLE/ID, such as incident/INC0010001".to_owned()),
    }
}

/// Reads `FIELD=VALUE`.
pub(crate) fn assignment(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) if !field.is_empty() => Ok((field.to_owned(), value.to_owned())),
        _ => Err("a field is written FIELD=VALUE, such as assigned_to=ada".to_owned()),
    }
}

/// The fields of the assignments; the schema gives them their types later. An empty value takes the value away.
pub(crate) fn fields(assignments: Vec<(String, String)>) -> Fields {
    let typed = |value: String| match value.is_empty() {
        true => Value::Null,
        false => Value::String(value),
    };
    assignments
        .into_iter()
        .map(|(field, value)| (field, typed(value)))
        .collect()
}

/// Reads `2026-12-24T18:00:00Z`, `+90m` from now, or `-7d` ago: s, m, h, d.
pub(crate) fn moment(text: &str) -> std::result::Result<Timestamp, String> {
    let wrong = || "a moment is written 2026-12-24T18:00:00Z, +90m from now, or -7d ago".to_owned();
    let (sign, wait) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(wait), _) => (1, wait),
        (_, Some(wait)) => (-1, wait),
        _ => return text.parse().map_err(|_| wrong()),
    };
    let unit = wait.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = wait.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    let wait = number.checked_mul(sign * seconds).ok_or_else(wrong)?;
    let wait = SignedDuration::from_secs(wait);
    Timestamp::now().checked_add(wait).map_err(|_| wrong())
}

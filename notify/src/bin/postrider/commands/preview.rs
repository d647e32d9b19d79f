//! `postrider preview NOTIFICATION`: what it would say about a record, to whom, and by which terms. Nothing is stored.

use super::{assignment, fields, mails, record_key};
use crate::exit::{Code, Failure, Result};
use crate::output::{self, Style, foreign, mark, paint};
use crate::private;
use crate::setup::{self, Setup};
use jiff::Timestamp;
use postrider_notify::condition::{Joint, TermVerdict, Truth};
use postrider_notify::event::{Event, EventId};
use postrider_notify::outgoing::{MatchVerdict, OutgoingMail, RecipientVerdict};
use postrider_notify::process::{Draft, Preview, PreviewError, Processor, Supposed};
use postrider_notify::record::{Record, RecordKey};
use postrider_notify::store::Work;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Render a notification about a record or a past event; store and send nothing.
///
/// Shows the condition term by term with the values it saw, who would be told and who would not, and the mails: the very
/// octets that would be queued. The mails are also shown where the condition is false.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The notification
    notification: String,
    /// The record that it is to be about
    #[arg(long, value_name = "TABLE/ID", value_parser = record_key)]
    record: Option<RecordKey>,
    /// The event: a name (incident.updated, incident.escalated), or the number of one that happened
    #[arg(long, value_name = "NAME|ID")]
    event: Option<String>,
    /// The first parameter of the event
    #[arg(long, default_value = "")]
    parm1: String,
    /// The second parameter
    #[arg(long, default_value = "")]
    parm2: String,
    /// As if the record had had this value before; an empty one for none
    #[arg(long, value_name = "FIELD=VALUE", value_parser = assignment)]
    was: Vec<(String, String)>,
    /// As if the record had just been given this value, or this journal entry
    #[arg(long, value_name = "FIELD=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Who causes it: a user id, or an address
    #[arg(long = "as", value_name = "USER", default_value = "")]
    actor: String,
    /// Only the mail to this address
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Show the HTML instead of the text
    #[arg(long)]
    html: bool,
    /// Print the mails only, octet by octet
    #[arg(long, conflicts_with = "html")]
    raw: bool,
    /// One JSON object
    #[arg(long, conflicts_with_all = ["html", "raw"])]
    json: bool,
    /// Write each mail into this folder, as NUMBER-ADDRESS.eml; what is there is not overwritten
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result {
    let setup = setup::rehearse(config)?;
    let processor = setup.processor()?;
    let event = event(&setup, &processor, &args)?;
    let (name, now) = (&args.notification, Timestamp::now());
    let preview = match happened(&args) {
        Some(_) => processor.preview(name, &event, now),
        None => processor.preview_in(&*setup.store, name, &event, now),
    };
    let preview = preview.map_err(failure)?;
    let wanted = |mail: &&OutgoingMail| {
        let to = args.to.as_deref();
        to.is_none_or(|to| to.eq_ignore_ascii_case(&mail.recipient))
    };
    let mails: Vec<&OutgoingMail> = preview
        .drafts
        .iter()
        .filter_map(Draft::mail)
        .filter(wanted)
        .collect();
    if let (Some(to), true) = (&args.to, mails.is_empty()) {
        let sentence = format!("{to} would get no such mail (without --to, all are shown)");
        return Err(Failure::new(Code::Data, sentence));
    }
    if args.json {
        output::line(object(&args.notification, &event, &preview, &mails));
    } else {
        if !args.raw {
            show(&args.notification, &event, &preview);
        }
        let form = match (args.raw, args.html) {
            (true, _) => mails::Form::Raw,
            (_, true) => mails::Form::Html,
            _ => mails::Form::Text,
        };
        for mail in &mails {
            mails::show(&mail.recipient, &mail.raw, form);
        }
    }
    if let Some(dir) = &args.out {
        save(dir, &mails)?;
    }
    match preview.verdict {
        MatchVerdict::RenderError | MatchVerdict::Error => {
            let sentence = format!(
                "{} cannot be rendered: {}",
                args.notification, preview.detail
            );
            Err(Failure::new(Code::Data, sentence))
        }
        _ => Ok(()),
    }
}

/// The number of a past event, if one is named.
fn happened(args: &Args) -> Option<EventId> {
    args.event.as_deref()?.parse().ok()
}

/// The event that the preview is about: one that happened, or one that is made up and never stays.
fn event(setup: &Setup, processor: &Processor, args: &Args) -> Result<Event> {
    setup.knows(&args.actor)?;
    let id = match happened(args) {
        Some(id) => id,
        None => {
            let supposed = Supposed {
                name: args.event.clone().unwrap_or_default(),
                record: args
                    .record
                    .as_ref()
                    .map(|key| record(setup, key))
                    .transpose()?,
                was: fields(args.was.clone()),
                set: fields(args.set.clone()),
                parm1: args.parm1.clone(),
                parm2: args.parm2.clone(),
                actor: args.actor.clone(),
            };
            let event = processor
                .suppose(&args.notification, supposed)
                .map_err(failure)?;
            if event.record.is_none() && needs_record(setup, &args.notification) {
                let sentence = format!(
                    "`{}` is about records: name one with --record TABLE/ID, or a past event with --event ID",
                    args.notification
                );
                return Err(Failure::new(Code::Usage, sentence));
            }
            let work = Work {
                events: vec![event],
                ..Work::default()
            };
            let queued = setup.store.commit(&work)?.events;
            queued.into_iter().next().unwrap_or_default()
        }
    };
    let found = setup.store.explain(id)?.map(|found| found.event);
    found.ok_or_else(|| Failure::new(Code::NoInput, format!("there is no event {id}")))
}

fn needs_record(setup: &Setup, notification: &str) -> bool {
    let found = setup.config.notification(notification);
    found.is_some_and(|notification| notification.table.is_some())
}

fn record(setup: &Setup, key: &RecordKey) -> Result<Record> {
    let found = setup.store.record(key)?;
    found.ok_or_else(|| Failure::new(Code::NoInput, format!("there is no record {key}")))
}

fn failure(error: PreviewError) -> Failure {
    match error {
        PreviewError::Store(error) => error.into(),
        error => Failure::new(Code::Data, error),
    }
}

fn show(notification: &str, event: &Event, preview: &Preview) {
    let what = &event.what;
    let about = what
        .record
        .as_ref()
        .map_or(String::new(), |key| format!(" about {key}"));
    let by = match what.actor.as_str() {
        "" => String::new(),
        actor => format!(" by {actor}"),
    };
    let head = foreign(&format!("{notification}{about}, on {}{by}", what.name));
    output::line(paint(Style::Head, &head));
    let told = preview.recipients.iter().filter(|row| row.is_queued());
    let verdict = match preview.verdict {
        MatchVerdict::Matched => format!("would tell {}", told.count()),
        verdict => format!("would tell nobody: {}", verdict.name()),
    };
    let detail = match preview.detail.as_str() {
        "" => String::new(),
        why => format!(" ({})", foreign(why)),
    };
    output::line(format!("  {verdict}{detail}"));
    if !preview.terms.is_empty() {
        output::line(terms(&preview.terms));
    }
    if !preview.recipients.is_empty() {
        output::line(format!("\n{}", paint(Style::Head, "recipients")));
        preview
            .recipients
            .iter()
            .for_each(|row| output::line(recipient(row)));
    }
}

/// A line for each term: whether it holds, and what it saw.
fn terms(terms: &[TermVerdict]) -> String {
    let written = |term: &TermVerdict| {
        let joint = match term.joint {
            Joint::First | Joint::And => "",
            Joint::Or => "or ",
            Joint::Alternative => "or else ",
        };
        format!("{joint}{}", foreign(&term.term))
    };
    let width = terms.iter().map(|term| written(term).chars().count()).max();
    let width = width.unwrap_or(0);
    let lines = terms.iter().map(|term| {
        let holds = mark(term.truth == Truth::True);
        let saw = match term.truth {
            Truth::NotComparable => format!("{} (cannot be compared)", term.saw),
            _ => term.saw.clone(),
        };
        format!("  {holds} {:width$}  {}", written(term), foreign(&saw))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whoever gets no mail is struck out, on a terminal.
fn recipient(row: &RecipientVerdict) -> String {
    let address = match row.address.as_str() {
        "" => "-".to_owned(),
        address => foreign(address),
    };
    let padding = " ".repeat(32_usize.saturating_sub(address.chars().count()));
    let via = foreign(&row.via);
    let why = match row.detail.as_str() {
        "" => row.verdict.to_owned(),
        detail => format!("{}: {}", row.verdict, foreign(detail)),
    };
    match (row.is_queued(), row.verdict) {
        (true, "queued") => format!("  {} {address}{padding}  {via}", mark(true)),
        (true, _) => format!("  {} {address}{padding}  {via}, {why}", mark(true)),
        _ => {
            let struck = paint(Style::Struck, &address);
            format!("  {} {struck}{padding}  {via}, {why}", mark(false))
        }
    }
}

fn object(notification: &str, event: &Event, preview: &Preview, mails: &[&OutgoingMail]) -> Value {
    let terms = preview.terms.iter().map(|term| {
        json!({
            "joint": match term.joint {
                Joint::First | Joint::And => "and",
                Joint::Or => "or",
                Joint::Alternative => "or else",
            },
            "term": term.term,
            "holds": term.truth == Truth::True,
            "comparable": term.truth != Truth::NotComparable,
            "saw": term.saw,
        })
    });
    let recipients = preview.recipients.iter().map(|row| {
        json!({
            "address": row.address,
            "via": row.via,
            "verdict": row.verdict,
            "detail": row.detail,
            "told": row.is_queued() && preview.verdict == MatchVerdict::Matched,
        })
    });
    let mails = mails
        .iter()
        .map(|mail| mails::object(&mail.recipient, &mail.raw));
    json!({
        "notification": notification,
        "event": event.what.name,
        "record": event.what.record.as_ref().map(ToString::to_string),
        "actor": event.what.actor,
        "verdict": preview.verdict.name(),
        "detail": preview.detail,
        "terms": terms.collect::<Vec<_>>(),
        "recipients": recipients.collect::<Vec<_>>(),
        "mails": mails.collect::<Vec<_>>(),
    })
}

fn save(dir: &Path, mails: &[&OutgoingMail]) -> Result {
    let failed = |path: &Path, error: std::io::Error| {
        let sentence = format!("cannot write {}: {error}", path.display());
        Failure::new(Code::CannotCreate, sentence)
    };
    private::folder(dir).map_err(|error| failed(dir, error))?;
    for (n, mail) in mails.iter().enumerate() {
        let plain = |c: char| match c.is_ascii_alphanumeric() || "@._+-".contains(c) {
            true => c,
            false => '_',
        };
        let address: String = mail.recipient.chars().take(100).map(plain).collect();
        let path = dir.join(format!("{}-{address}.eml", n + 1));
        let written = private::new_file(&path).and_then(|mut file| file.write_all(&mail.raw));
        written.map_err(|error| failed(&path, error))?;
        output::remark(format!("written: {}", path.display()));
    }
    Ok(())
}

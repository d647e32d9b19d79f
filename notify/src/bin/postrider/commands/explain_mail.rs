//! `postrider explain --mail`: what an inbound mail was taken for, by what evidence, and what each action said to it.

use super::inbound::{missing, processor};
use crate::exit::{Code, Failure, Result};
use crate::output;
use crate::setup::Setup;
use jiff::Timestamp;
use postrider_notify::inbound::mail::Mail;
use postrider_notify::inbound::{Inbound, InboundId, InboundOutcome, InboundState, NewInbound};
use postrider_notify::record::{Change, Fields};
use postrider_notify::store::{InboundFilter, Work};
use serde_json::{Map, Value, json};

/// A mail with what became of it, or what would.
struct Explained {
    from: String,
    subject: String,
    outcome: InboundOutcome,
    /// Actions failed, and the reason names the one: what the others said was not kept.
    failed: bool,
    /// What would be written, if nothing of it has happened.
    would: Option<Work>,
}

pub(super) fn run(setup: &Setup, mail: &str, as_json: bool) -> Result {
    let number: Option<InboundId> = mail.parse().ok();
    let explained = match number {
        Some(id) => stored(setup, id)?,
        None => judged(setup, &read(mail)?)?,
    };
    if as_json {
        output::line(object(&explained, number));
    } else {
        output::line(text(&explained, number));
    }
    Ok(())
}

/// What was written down when the mail was judged; for one that waits, what would become of it.
fn stored(setup: &Setup, id: InboundId) -> Result<Explained> {
    let filter = InboundFilter {
        id: Some(id),
        limit: 1,
        ..InboundFilter::default()
    };
    let mut rows = setup.store.inbound_rows(&filter)?;
    let row = rows.pop().ok_or_else(|| missing(id))?;
    if row.outcome.state == InboundState::Ready {
        let inbound = setup.store.inbound(id)?.ok_or_else(|| missing(id))?;
        return judged(setup, &inbound);
    }
    Ok(Explained {
        from: row.from,
        subject: row.subject,
        failed: row.outcome.state == InboundState::Error || row.mail.attempts > 1,
        outcome: row.outcome,
        would: None,
    })
}

fn judged(setup: &Setup, inbound: &Inbound) -> Result<Explained> {
    let mail = Mail::parse(&inbound.what.raw);
    let mut work = processor(setup)?.supposed(inbound)?;
    let outcome = work.inbound.take().ok_or_else(|| missing(inbound.id))?;
    Ok(Explained {
        from: mail.from.map(|from| from.address).unwrap_or_default(),
        subject: mail.subject,
        failed: outcome.state == InboundState::Error,
        outcome,
        would: Some(work),
    })
}

fn read(path: &str) -> Result<Inbound> {
    let raw = std::fs::read(path).map_err(|error| {
        let sentence = format!("cannot read the mail {path}: {error}");
        Failure::new(Code::NoInput, sentence)
    })?;
    Ok(Inbound {
        id: 0,
        received: Timestamp::now(),
        attempts: 0,
        what: NewInbound {
            apart: false,
            account: String::new(),
            uidl: None,
            sha256: String::new(),
            message_id: Mail::parse(&raw).message_id,
            raw,
        },
    })
}

fn text(explained: &Explained, number: Option<InboundId>) -> String {
    let outcome = &explained.outcome;
    let name = number.map_or_else(|| "mail".to_owned(), |id| format!("mail {id}"));
    let record = outcome.record.as_ref().map(ToString::to_string);
    let record = record.unwrap_or_else(|| "none".to_owned());
    let would = explained.would.as_ref().map_or("", |_| "would be ");
    let mut lines = vec![
        format!("{name} from {}: {}", explained.from, explained.subject),
        format!("  class    {}", outcome.class.name()),
        format!("  evidence {}", outcome.matched_by),
        format!("  record   {record}"),
        format!(
            "  state    {would}{}{}",
            outcome.state.name(),
            because(&outcome.reason)
        ),
    ];
    if outcome.verdicts.is_empty() && !explained.failed {
        lines.push("  no inbound action was asked".to_owned());
    }
    lines.extend(outcome.verdicts.iter().map(|said| {
        let detail = because(&said.detail);
        format!("  action {}: {}{detail}", said.action, said.verdict)
    }));
    lines.extend(explained.would.iter().flat_map(written));
    let lines: Vec<String> = lines.iter().map(|line| output::foreign(line)).collect();
    lines.join("\n")
}

/// What a change writes.
struct Written<'c> {
    table: &'c str,
    /// Of the record that is there.
    id: Option<&'c str>,
    fields: &'c Fields,
    journal: &'c [(String, String)],
}

impl<'c> Written<'c> {
    fn of(change: &'c Change) -> Self {
        match change {
            Change::Insert {
                table,
                fields,
                journal,
                ..
            } => Self {
                table,
                id: None,
                fields,
                journal,
            },
            Change::Update {
                key,
                fields,
                journal,
                ..
            } => Self {
                table: &key.table,
                id: Some(&key.id),
                fields,
                journal,
            },
        }
    }
}

/// What would be written, in lines.
fn written(work: &Work) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &work.changes {
        let Written {
            table,
            id,
            fields,
            journal,
        } = Written::of(change);
        let head = match id {
            None => format!("  would insert {table}"),
            Some(id) => format!("  would update {table}/{id}"),
        };
        lines.push(head);
        lines.extend(fields.iter().map(|(name, value)| match value {
            Value::String(text) => format!("    {name}: {text}"),
            value => format!("    {name}: {value}"),
        }));
        lines.extend(
            journal
                .iter()
                .map(|(name, text)| format!("    {name}: {text}")),
        );
    }
    let files = work.attachments.iter();
    lines.extend(files.map(|file| {
        let octets = file.content.len();
        format!("  would attach {} ({octets} octets)", file.name)
    }));
    let events = work.events.iter();
    lines.extend(events.map(|event| format!("  would fire {}", event.name)));
    lines
}

/// The same for programs.
fn writes(work: &Work) -> Value {
    let changes = work.changes.iter().map(|change| {
        let Written {
            table,
            id,
            fields,
            journal,
        } = Written::of(change);
        let journal: Map<String, Value> = journal
            .iter()
            .map(|(name, text)| (name.clone(), text.as_str().into()))
            .collect();
        json!({ "table": table, "id": id, "fields": fields, "journal": journal })
    });
    let files = work.attachments.iter().map(|file| file.name.as_str());
    let events = work.events.iter().map(|event| event.name.as_str());
    json!({
        "changes": changes.collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
    })
}

fn because(why: &str) -> String {
    match why {
        "" => String::new(),
        why => format!(": {why}"),
    }
}

fn object(explained: &Explained, number: Option<InboundId>) -> Value {
    let outcome = &explained.outcome;
    let verdicts: Vec<Value> = outcome.verdicts.iter().map(|said| said.json()).collect();
    json!({
        "mail": number,
        "would": explained.would.is_some(),
        "writes": explained.would.as_ref().map(writes),
        "from": explained.from,
        "subject": explained.subject,
        "class": outcome.class.name(),
        "matched_by": outcome.matched_by,
        "record": outcome.record.as_ref().map(ToString::to_string),
        "state": outcome.state.name(),
        "reason": outcome.reason,
        "actions": verdicts,
    })
}

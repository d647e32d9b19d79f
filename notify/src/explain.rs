//! What happened to an event, and why, for people and for programs.

mod decision;

pub use decision::Decision;

use crate::config::Config;
use crate::event::Event;
use crate::outgoing::{LogRow, Match, MatchVerdict, RecipientVerdict};
use crate::store::Explanation;
use serde_json::{Value, json};
use std::fmt::Write;

/// The explanation in words, a line or more for every notification that looked at the event.
///
/// ```text
/// event 7  incident.updated  incident/INC0010001  by grace  2026-11-23T10:00:00Z  done
///   incident_assigned: matched (assigned_to is "ada", was empty)
///     ada@example.org  field assigned_to  queued  7.k3v…@example.org  delivered: 250 2.0.0 ok
///   incident_commented: condition_false (`commentsISNOTEMPTY` is false: comments is empty)
/// ```
pub fn text(explanation: &Explanation) -> String {
    let mut out = heading(&explanation.event, &explanation.state);
    let Some(settlement) = &explanation.settlement else {
        out.push_str("  not processed yet\n");
        return out;
    };
    if let Some(error) = &settlement.error {
        let _ = writeln!(out, "  error: {}", plain(error));
    }
    if settlement.matches.is_empty() && settlement.error.is_none() {
        out.push_str("  no notification is about such an event\n");
    }
    for found in &settlement.matches {
        let detail = match found.detail.is_empty() {
            true => String::new(),
            false => format!(" ({})", plain(&found.detail)),
        };
        let _ = writeln!(
            out,
            "  {}: {}{detail}",
            found.notification,
            found.verdict.name()
        );
        if found.verdict == MatchVerdict::NoRecipients && found.recipients.is_empty() {
            out.push_str("    nobody is named\n");
        }
        for recipient in &found.recipients {
            let _ = writeln!(
                out,
                "    {}",
                line(recipient, delivery(explanation, found, recipient))
            );
        }
    }
    out
}

/// The line that an explanation begins with: number, name, record, actor, moment and state of the event.
pub fn heading(event: &Event, state: &str) -> String {
    let what = &event.what;
    let mut words = vec![format!("event {}", event.id), what.name.clone()];
    words.extend(what.record.as_ref().map(ToString::to_string));
    if !what.actor.is_empty() {
        words.push(format!("by {}", what.actor));
    }
    words.extend([event.created.to_string(), state.to_owned()]);
    format!("{}\n", plain(&words.join("  ")))
}

fn line(recipient: &RecipientVerdict, delivery: Option<&LogRow>) -> String {
    let address = if recipient.address.is_empty() {
        "-"
    } else {
        &recipient.address
    };
    let mut words = vec![
        address.to_owned(),
        recipient.via.clone(),
        recipient.verdict.to_owned(),
    ];
    if !recipient.detail.is_empty() {
        words.push(recipient.detail.clone());
    }
    if let Some(row) = delivery {
        words.push(row.mail.message_id.clone());
        words.push(match &row.last {
            Some(last) if !last.text.is_empty() => format!("{}: {}", row.state.name(), last.text),
            _ => row.state.name().to_owned(),
        });
    }
    plain(&words.join("  "))
}

/// The delivery that came of a verdict, if one did.
pub fn delivery<'e>(
    explanation: &'e Explanation,
    found: &Match,
    recipient: &RecipientVerdict,
) -> Option<&'e LogRow> {
    let of = |row: &&LogRow| {
        row.notification == found.notification && row.mail.recipient == recipient.address
    };
    // A mail that lost against a later one was queued before; a digest has a mail once it is due.
    let queued = recipient.is_queued() || matches!(recipient.verdict, "weight_lost" | "digest");
    explanation.deliveries.iter().find(of).filter(|_| queued)
}

/// Without control characters, which a record may hold and a terminal would obey.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The same, with the setting that decided each verdict, and its place in the file: `decided_by`.
pub fn json_with(explanation: &Explanation, config: &Config) -> Value {
    let mut object = json(explanation);
    let settled = explanation.settlement.iter().flat_map(|s| &s.matches);
    let by = |decision: Option<Decision>| decision.map(|decision| decision.to_string());
    let notifications = object["notifications"].as_array_mut();
    for (shown, found) in notifications.into_iter().flatten().zip(settled) {
        shown["decided_by"] = by(Decision::of_match(config, found)).into();
        let people = shown["recipients"].as_array_mut().into_iter().flatten();
        for (shown, row) in people.zip(&found.recipients) {
            shown["decided_by"] = by(Decision::of_person(config, found, row)).into();
        }
    }
    object
}

/// The explanation as one JSON object.
pub fn json(explanation: &Explanation) -> Value {
    let event = &explanation.event;
    let what = &event.what;
    let settlement = explanation.settlement.as_ref();
    let matches = settlement.map(|settlement| {
        settlement
            .matches
            .iter()
            .map(|found| of_match(explanation, found))
            .collect::<Vec<_>>()
    });
    json!({
        "event": event.id,
        "name": what.name,
        "record": what.record.as_ref().map(ToString::to_string),
        "parm1": what.parm1,
        "parm2": what.parm2,
        "actor": what.actor,
        "created": event.created.to_string(),
        "state": explanation.state,
        "error": settlement.and_then(|settlement| settlement.error.clone()),
        "notifications": matches,
    })
}

fn of_match(explanation: &Explanation, found: &Match) -> Value {
    let recipients = found.recipients.iter().map(|recipient| {
        let row = delivery(explanation, found, recipient);
        json!({
            "address": recipient.address,
            "via": recipient.via,
            "verdict": recipient.verdict,
            "detail": recipient.detail,
            "delivery": row.map(|row| row.delivery),
            "message_id": row.map(|row| row.mail.message_id.clone()),
            "state": row.map(|row| row.state.name()),
            "server": row.and_then(|row| row.last.as_ref()).map(|last| last.text.clone()),
        })
    });
    json!({
        "notification": found.notification,
        "verdict": found.verdict.name(),
        "detail": found.detail,
        "recipients": recipients.collect::<Vec<_>>(),
    })
}

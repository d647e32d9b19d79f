//! `postrider log show ID`: one mail with its head, its parts, and every attempt at it.

use super::inspect::described;
use crate::exit::{Code, Failure, Result};
use crate::output::{self, Style, foreign, paint};
use crate::setup::Setup;
use postrider_mime::Message;
use postrider_notify::outgoing::Attempt;
use serde_json::json;

pub(crate) fn run(setup: &Setup, delivery: i64, as_json: bool) -> Result {
    let absent = || Failure::new(Code::NoInput, format!("there is no mail {delivery}"));
    let raw = setup.store.raw_message(delivery)?.ok_or_else(absent)?;
    let row = super::log::row(setup, delivery)?.ok_or_else(absent)?;
    let attempts = setup.store.attempts(delivery)?;
    let message = Message::parse(&raw);
    let head = message.headers().map(|field| {
        let name = field.name().to_owned();
        (name, field.text().trim().to_owned())
    });
    if as_json {
        let head: Vec<_> = head.map(|(name, text)| json!([name, text])).collect();
        output::line(json!({
            "delivery": delivery,
            "state": row.state.name(),
            "reason": row.reason,
            "octets": raw.len(),
            "headers": head,
            "attempts": attempts.iter().map(object).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    for (name, text) in head {
        output::line(format!("{}: {}", foreign(&name), foreign(&text)));
    }
    output::line("");
    for part in message.parts() {
        output::line(described(part));
    }
    output::line("");
    for attempt in &attempts {
        output::line(told(attempt));
    }
    if attempts.is_empty() {
        let none = match row.state.is_waiting() {
            true => "no attempt yet",
            false => "no attempt was made",
        };
        output::line(paint(Style::Dim, none));
    }
    let state = format!("{} ({})", row.state.name(), row.state.mailbox());
    let state = match row.reason.as_str() {
        "" => state,
        why => format!("{state}: {why}"),
    };
    output::line(foreign(&format!("state {state}")));
    Ok(())
}

fn told(attempt: &Attempt) -> String {
    let took = attempt.ended.map_or("under way".to_owned(), |ended| {
        let took = ended.duration_since(attempt.started);
        format!("{} ms", took.as_millis())
    });
    let evidence = &attempt.evidence;
    let line = format!(
        "attempt {} at {}, {took}, {} {} {}: {} ({})",
        attempt.n,
        attempt.started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        evidence.peer,
        if evidence.tls.is_empty() {
            "in clear text"
        } else {
            &evidence.tls
        },
        evidence.stage,
        evidence.text,
        attempt.outcome,
    );
    foreign(&line)
}

fn object(attempt: &Attempt) -> serde_json::Value {
    let evidence = &attempt.evidence;
    json!({
        "n": attempt.n,
        "started": attempt.started.to_string(),
        "ended": attempt.ended.map(|at| at.to_string()),
        "outcome": attempt.outcome,
        "late": attempt.late,
        "peer": evidence.peer,
        "tls": evidence.tls,
        "stage": evidence.stage,
        "code": evidence.code,
        "enhanced": evidence.enhanced,
        "text": evidence.text,
    })
}

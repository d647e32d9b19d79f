//! `--dry-run`: a change or an event carried through to its mails. Nothing is stored, and nothing is sent.

use super::{explained, mails};
use crate::exit::{Code, Failure, Result};
use crate::output;
use crate::setup::Setup;
use jiff::Timestamp;
use postrider_notify::event::EventId;
use postrider_notify::explain;
use postrider_notify::store::Explanation;
use serde_json::Value;

/// Settles the events of a rehearsal, and shows the verdicts and the mails.
pub(super) fn show(setup: &Setup, events: &[EventId], as_json: bool) -> Result {
    for event in events {
        let settled = settled(setup, *event)?;
        if as_json {
            output::line(object(setup, &settled)?);
            continue;
        }
        explained::show(setup, &settled);
        for (to, raw) in &mails(setup, &settled)? {
            mails::show(to, raw, mails::Form::Text);
        }
    }
    if events.is_empty() {
        output::remark("nothing would change, so nobody would be told");
    }
    output::remark("dry run: nothing was stored, and nothing was sent");
    Ok(())
}

/// What becomes of an event of a rehearsal. One that is to wait is settled as it will be then.
pub(super) fn settled(setup: &Setup, event: EventId) -> Result<Explanation> {
    let missing = || Failure::new(Code::Software, format!("the event {event} is not there"));
    let waits = setup.store.explain(event)?.ok_or_else(missing)?;
    if waits.settlement.is_some() {
        output::remark(format!(
            "the key was used by event {event} already: nothing would be queued"
        ));
    }
    let due = waits.event.what.due.unwrap_or(Timestamp::MIN);
    let now = Timestamp::now().max(due);
    let settled = setup.processor()?.settle_in(&*setup.store, event, now)?;
    settled.ok_or_else(missing)
}

/// The same for programs: the explanation, with the mails.
pub(super) fn object(setup: &Setup, settled: &Explanation) -> Result<Value> {
    let mut object = explain::json_with(settled, &setup.config);
    let mails = mails(setup, settled)?;
    object["dry_run"] = Value::Bool(true);
    object["mails"] = mails
        .iter()
        .map(|(to, raw)| mails::object(to, raw))
        .collect();
    Ok(object)
}

/// The mails that were queued, with their recipients.
fn mails(setup: &Setup, settled: &Explanation) -> Result<Vec<(String, Vec<u8>)>> {
    let mut mails = Vec::new();
    for row in &settled.deliveries {
        if let Some(raw) = setup.store.raw_message(row.delivery)? {
            mails.push((row.mail.recipient.clone(), raw));
        }
    }
    Ok(mails)
}

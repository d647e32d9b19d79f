//! One piece of work, whole or not at all.

use super::connection::Connection;
use super::fault::Fault;
use super::records::{self, Changed, Effect};
use super::{attachments, events, inbound, outbox, suppression};
use crate::event::{EventId, EventKind, NewEvent};
use crate::record::RecordKey;
use crate::store::{Committed, Work};
use std::collections::BTreeMap;

pub(super) fn commit(c: &dyn Connection, now: i64, work: &Work) -> Result<Committed, Fault> {
    check(work)?;
    let mut committed = Committed::default();
    // What events are about, by the place of its change.
    let mut about = BTreeMap::new();
    for (place, change) in work.changes.iter().enumerate() {
        let needed = work.events_about.values().any(|&change| change == place);
        let mut changed = records::change(c, now, change, needed)?;
        if let Some(event) = event_of(&mut changed, needed) {
            let queue = if changed.fresh {
                events::queue_inserted
            } else {
                events::queue
            };
            committed.events.push(queue(c, now, &event)?);
        }
        committed.records.push(changed.key.clone());
        if needed {
            about.insert(place, changed);
        }
    }
    for (place, event) in work.events.iter().enumerate() {
        let change = work.events_about.get(&place);
        let about = change.and_then(|change| about.get(change));
        committed.events.push(fire(c, now, event, about)?);
    }
    if work.unanswered {
        events::leave_unanswered(c, &committed.events)?;
    }
    for attachment in &work.attachments {
        let changed = committed.records.get(attachment.change);
        attachments::attach(c, now, attachment, changed)?;
    }
    for bounce in &work.bounces {
        outbox::bounced(c, bounce)?;
        suppression::bounced(c, bounce)?;
    }
    if let Some(outcome) = &work.inbound {
        let record: Option<&RecordKey> = outcome.record.as_ref().or(committed.records.first());
        inbound::finish(c, outcome, record)?;
    }
    Ok(committed)
}

/// An event that is to be about a change has no record yet, and the change is there, as for a file.
fn check(work: &Work) -> Result<(), Fault> {
    let is_wrong = |&(place, change): &(&usize, &usize)| {
        let event = work.events.get(*place);
        event.is_none_or(|event| event.record.is_some()) || *change >= work.changes.len()
    };
    match work.events_about.iter().find(is_wrong) {
        Some((place, change)) => Err(Fault::corrupt(format!(
            "event {place} of the work cannot be about its change {change}"
        ))),
        None => Ok(()),
    }
}

/// The event that a change queues. The fields move into it unless they are `needed` for events about the change.
fn event_of(changed: &mut Changed, needed: bool) -> Option<NewEvent> {
    let (kind, verb) = match changed.what {
        Effect::Inserted => (EventKind::Inserted, "inserted"),
        Effect::Updated => (EventKind::Updated, "updated"),
        Effect::Nothing => return None,
    };
    let current = if needed {
        changed.current.clone()
    } else {
        std::mem::take(&mut changed.current)
    };
    Some(NewEvent {
        name: format!("{}.{verb}", changed.key.table),
        kind,
        record: Some(changed.key.clone()),
        parm1: String::new(),
        parm2: String::new(),
        actor: changed.actor.clone(),
        current,
        previous: std::mem::take(&mut changed.previous),
        idempotency_key: None,
        due: None,
    })
}

fn fire(
    c: &dyn Connection,
    now: i64,
    event: &NewEvent,
    about: Option<&Changed>,
) -> Result<EventId, Fault> {
    let fields = match (&event.record, about) {
        (None, Some(changed)) => Some((changed.key.clone(), changed.current.clone())),
        (Some(key), _) if event.current.is_empty() => {
            records::one(c, key)?.map(|record| (key.clone(), record.whole()))
        }
        _ => None,
    };
    match fields {
        None => events::queue(c, now, event),
        Some((key, current)) => {
            let mut event = event.clone();
            event.record = Some(key);
            event.current = current;
            events::queue(c, now, &event)
        }
    }
}

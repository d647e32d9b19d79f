//! How what happened is told: one event for each thing.

use super::{Level, LogEvent};
use crate::delivery::Attempted;
use crate::email_digest::{DigestOutcome, DueDigest};
use crate::event::Event;
use crate::inbound::InboundState;
use crate::inbound::processor::Processed;
use crate::inbound::reader::Fetched;
use crate::outgoing::{DeliveryState, MatchVerdict, Settlement};
use crate::repeat::Firing;
use crate::store::Pause;
use jiff::Timestamp;

pub(super) fn settled(event: &Event, settlement: &Settlement) -> LogEvent {
    let queued: usize = settlement.matches.iter().map(|m| m.mails.len()).sum();
    let wrong = |v| matches!(v, MatchVerdict::Error | MatchVerdict::RenderError);
    let faults = settlement.matches.iter().filter(|m| wrong(m.verdict));
    let fault = faults.map(|m| format!("{}: {}", m.notification, m.detail));
    let fault = settlement.error.clone().into_iter().chain(fault).next();
    let level = if fault.is_some() {
        Level::Error
    } else {
        Level::Info
    };
    let record = event.what.record.as_ref().map(ToString::to_string);
    LogEvent::new(level, "settled")
        .with_number("event", event.id)
        .with("name", &event.what.name)
        .with("record", record.unwrap_or_default())
        .with_number("queued", queued)
        .with("fault", fault.unwrap_or_default())
}

pub(super) fn attempted(attempt: &Attempted) -> LogEvent {
    let Attempted {
        claimed,
        completion,
    } = attempt;
    let level = match completion.state {
        DeliveryState::Delivered => Level::Info,
        _ => Level::Warning,
    };
    let next = completion.next_at.map(second);
    LogEvent::new(level, completion.state.name())
        .with_number("delivery", claimed.delivery)
        .with("to", &claimed.mail.recipient)
        .with("account", &claimed.mail.account)
        .with_number("attempt", claimed.attempts)
        .with("peer", &completion.evidence.peer)
        .with("stage", &completion.evidence.stage)
        .with("said", &completion.evidence.text)
        .with("next", next.unwrap_or_default())
}

pub(super) fn paused(protocol: &str, account: &str, pause: &Pause) -> LogEvent {
    LogEvent::new(Level::Error, "paused")
        .with("protocol", protocol)
        .with("account", account)
        .with("until", second(pause.until))
        .with("reason", &pause.reason)
}

/// A digest that was due.
pub(super) fn digested(digest: &DueDigest, outcome: &DigestOutcome) -> LogEvent {
    LogEvent::new(Level::Info, "digested")
        .with("notification", &digest.notification)
        .with("to", &digest.address)
        .with_number("parts", outcome.ended)
        .with("verdict", outcome.verdict)
        .with("detail", &outcome.detail)
}

/// A repeated event that was fired, as far as it could be.
pub(super) fn repeated(firing: &Firing) -> LogEvent {
    let told = |level| {
        LogEvent::new(level, "repeated")
            .with("name", &firing.name)
            .with("of", second(firing.at))
            .with_number("events", firing.events.len())
    };
    match firing.left_out.first() {
        Some(fault) => told(Level::Error)
            .with_number("left_out", firing.left_out.len())
            .with("fault", fault),
        None => told(Level::Info),
    }
}

/// A fetch that found nothing says nothing.
pub(super) fn fetched(account: &str, fetched: &Fetched) -> Vec<LogEvent> {
    let mut events = Vec::new();
    if fetched.duplicates + fetched.deleted + fetched.new.len() > 0 {
        let event = LogEvent::new(Level::Info, "fetched")
            .with("account", account)
            .with_number("listed", fetched.listed)
            .with_number("new", fetched.new.len())
            .with_number("duplicates", fetched.duplicates)
            .with_number("deleted", fetched.deleted);
        events.push(event);
    }
    let left = fetched.left.iter().map(|why| {
        LogEvent::new(Level::Warning, "left")
            .with("account", account)
            .with("why", why)
    });
    events.extend(left);
    events
}

pub(super) fn processed(processed: &Processed) -> LogEvent {
    let outcome = &processed.outcome;
    let level = match outcome.state {
        InboundState::Processed | InboundState::Ignored => Level::Info,
        _ => Level::Warning,
    };
    let record = outcome.record.as_ref().map(ToString::to_string);
    LogEvent::new(level, "inbound")
        .with_number("mail", outcome.id)
        .with("from", &processed.from)
        .with("class", outcome.class.name())
        .with("state", outcome.state.name())
        .with("record", record.unwrap_or_default())
        .with("action", outcome.action.as_deref().unwrap_or_default())
        .with("matched_by", &outcome.matched_by)
        .with("reason", &outcome.reason)
}

/// A moment without its fractions, which nobody plans by.
fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

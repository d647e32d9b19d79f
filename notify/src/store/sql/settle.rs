//! Writing what became of events.

use super::connection::{Connection, SqlError};
use super::fault::Fault;
use super::{column, digests, weight};
use crate::event::EventId;
use crate::outgoing::{DeliveryId, Match, OutgoingMail, RecipientVerdict, Settlement};
use rusqlite::params;
use std::collections::HashMap;

pub(super) const QUEUE: &str =
    "INSERT INTO delivery (id, account, thread, created, state, next_at, expires)
    VALUES (?1, ?2, ?3, ?4, ?6, ?7, ?5)";

pub(super) fn settle(
    c: &dyn Connection,
    now: i64,
    settlements: &[Settlement],
) -> Result<(), Fault> {
    for settlement in settlements {
        // Settled already, or gone: what is written stays as it is.
        if !close(c, settlement)? {
            continue;
        }
        for one in &settlement.matches {
            write_match(c, now, settlement.event, one)?;
        }
    }
    Ok(())
}

fn close(c: &dyn Connection, settlement: &Settlement) -> Result<bool, Fault> {
    let mut update = c.prepare_cached(
        "UPDATE event SET state = ?2, error = ?3 WHERE id = ?1 AND state = 'ready'",
    )?;
    let state = settlement.error.as_ref().map_or("done", |_| "error");
    Ok(update.execute(params![settlement.event, state, settlement.error])? == 1)
}

fn write_match(c: &dyn Connection, now: i64, event: EventId, one: &Match) -> Result<(), Fault> {
    let mut insert = c.prepare_cached(
        "INSERT INTO match (event_id, notification, verdict, detail) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let id = insert.insert(params![
        event,
        one.notification,
        one.verdict.name(),
        one.detail
    ])?;
    let id = id.ok_or(SqlError::NoRow)?;
    let mut lost = HashMap::new();
    for mail in &one.mails {
        if let Some(why) = weight::compare(c, now, one, mail)? {
            lost.insert(mail.recipient.as_str(), why);
            continue;
        }
        queue(c, now, event, id, mail)?;
    }
    let mut due = HashMap::new();
    for part in &one.digests {
        let at = digests::keep(c, now, (event, id), &one.notification, part)?;
        due.insert(part.address.as_str(), column::moment(at));
    }
    for verdict in &one.recipients {
        let address = verdict.address.as_str();
        match (lost.get(address), due.get(address)) {
            (Some(why), _) if verdict.is_queued() => write_verdict(c, id, &verdict.lost(why))?,
            (_, Some(at)) if verdict.verdict == "digest" => {
                write_verdict(c, id, &verdict.due(*at))?
            }
            _ => write_verdict(c, id, verdict)?,
        }
    }
    if !lost.is_empty() && lost.len() == one.mails.len() && one.digests.is_empty() {
        weight::nobody_left(c, id)?;
    }
    Ok(())
}

fn write_verdict(c: &dyn Connection, id: i64, verdict: &RecipientVerdict) -> Result<(), Fault> {
    let mut insert = c.prepare_cached(
        "INSERT INTO recipient_verdict (match_id, address, via, verdict, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    insert.execute(params![
        id,
        verdict.address,
        verdict.via,
        verdict.verdict,
        verdict.detail
    ])?;
    Ok(())
}

/// A mail whose Message-ID is there already is the same work done twice, and is not queued again.
pub(super) fn queue(
    c: &dyn Connection,
    now: i64,
    event: EventId,
    match_id: i64,
    mail: &OutgoingMail,
) -> Result<Option<DeliveryId>, Fault> {
    let mut message = c.prepare_cached(
        "INSERT INTO message (match_id, event_id, message_id, sender, recipient, subject, table_name, record_id,
                              created, raw)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
    )?;
    let written = message.insert(params![
        match_id,
        event,
        mail.message_id,
        mail.sender,
        mail.recipient,
        mail.subject,
        mail.record.as_ref().map(|key| &key.table),
        mail.record.as_ref().map(|key| &key.id),
        now,
        mail.raw,
    ])?;
    let Some(id) = written else {
        return Ok(None);
    };
    let mut delivery = c.prepare_cached(QUEUE)?;
    let expires = column::nanos(mail.expires);
    let (state, next_at) = match mail.not_before {
        Some(until) => ("held", column::nanos(until)),
        None => ("ready", 0),
    };
    delivery.execute(params![
        id,
        mail.account,
        thread(mail),
        now,
        expires,
        state,
        next_at
    ])?;
    if let Some(rank) = &mail.rank {
        weight::mark(c, id, rank)?;
    }
    Ok(Some(id))
}

/// Mails about one record to one person keep their order.
pub(super) fn thread(mail: &OutgoingMail) -> Option<String> {
    let record = mail.record.as_ref()?;
    Some(format!("{record} {}", mail.recipient.to_ascii_lowercase()))
}

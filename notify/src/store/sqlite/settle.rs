//! Writing what became of events.

use super::column;
use super::fault::Fault;
use crate::event::EventId;
use crate::outgoing::{Match, OutgoingMail, RecipientVerdict, Settlement};
use rusqlite::{Connection, params};

pub(super) fn settle(c: &Connection, now: i64, settlements: &[Settlement]) -> Result<(), Fault> {
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

fn close(c: &Connection, settlement: &Settlement) -> Result<bool, Fault> {
    let mut update = c.prepare_cached(
        "UPDATE event SET state = ?2, error = ?3 WHERE id = ?1 AND state = 'ready'",
    )?;
    let state = settlement.error.as_ref().map_or("done", |_| "error");
    Ok(update.execute(params![settlement.event, state, settlement.error])? == 1)
}

fn write_match(c: &Connection, now: i64, event: EventId, one: &Match) -> Result<(), Fault> {
    let mut insert = c.prepare_cached(
        "INSERT INTO match (event_id, notification, verdict, detail) VALUES (?1, ?2, ?3, ?4)",
    )?;
    insert.execute(params![
        event,
        one.notification,
        one.verdict.name(),
        one.detail
    ])?;
    let id = c.last_insert_rowid();
    for verdict in &one.recipients {
        write_verdict(c, id, verdict)?;
    }
    for mail in &one.mails {
        queue(c, now, event, id, mail)?;
    }
    Ok(())
}

fn write_verdict(c: &Connection, id: i64, verdict: &RecipientVerdict) -> Result<(), Fault> {
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
fn queue(
    c: &Connection,
    now: i64,
    event: EventId,
    match_id: i64,
    mail: &OutgoingMail,
) -> Result<(), Fault> {
    let mut message = c.prepare_cached(
        "INSERT INTO message (match_id, event_id, message_id, sender, recipient, subject, table_name, record_id,
                              created, raw)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
    )?;
    let written = message.execute(params![
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
    if written == 0 {
        return Ok(());
    }
    let mut delivery = c.prepare_cached(
        "INSERT INTO delivery (id, account, thread, created, state, next_at, expires)
         VALUES (?1, ?2, ?3, ?4, 'ready', 0, ?5)",
    )?;
    let id = c.last_insert_rowid();
    let expires = column::nanos(mail.expires);
    delivery.execute(params![id, mail.account, thread(mail), now, expires])?;
    Ok(())
}

/// Mails about one record to one person keep their order.
fn thread(mail: &OutgoingMail) -> Option<String> {
    let record = mail.record.as_ref()?;
    Some(format!("{record} {}", mail.recipient.to_ascii_lowercase()))
}

//! Weights across events: of the mails to one person about one record that are not delivered yet, the heaviest goes out.

use super::connection::Connection;
use super::fault::Fault;
use super::{outbox, settle};
use crate::outgoing::{DeliveryId, Match, OutgoingMail, Rank};
use rusqlite::params;

pub(super) const UNDELIVERED: &str = "SELECT d.id, d.weight, d.fingerprint, h.notification, m.match_id, m.message_id
    FROM delivery d INDEXED BY delivery_weight JOIN message m ON m.id = d.id JOIN match h ON h.id = m.match_id
    WHERE d.thread = ?1 AND d.weight > 0 AND (d.state IN ('ready','held') OR d.state = 'deferred') AND d.created >= ?2
    ORDER BY d.id";

/// A mail that may still lose, or win.
struct Other {
    id: DeliveryId,
    weight: u16,
    fingerprint: String,
    notification: String,
    match_id: i64,
    message_id: String,
}

/// Why a mail is not queued, if it is not. The mails that it takes the place of are skipped.
pub(super) fn compare(
    c: &dyn Connection,
    now: i64,
    own: &Match,
    mail: &OutgoingMail,
) -> Result<Option<String>, Fault> {
    let (Some(rank), Some(thread)) = (&mail.rank, settle::thread(mail)) else {
        return Ok(None);
    };
    let window = i64::try_from(rank.window.as_nanos()).unwrap_or(i64::MAX);
    let others = undelivered(c, &thread, now.saturating_sub(window))?;
    for other in &others {
        // The same work done twice is no other mail.
        if other.message_id == mail.message_id {
            return Ok(None);
        }
        if other.weight > rank.weight {
            return Ok(Some(format!(
                "`{}` has weight {}, this one {}: {}",
                other.notification, other.weight, rank.weight, other.message_id
            )));
        }
        if other.weight == rank.weight && other.fingerprint == rank.fingerprint {
            let why = format!(
                "`{}` says the same: {}",
                other.notification, other.message_id
            );
            return Ok(Some(why));
        }
    }
    for other in others.iter().filter(|other| other.weight < rank.weight) {
        let why = format!(
            "`{}` has weight {}, this one {}: {}",
            own.notification, rank.weight, other.weight, mail.message_id
        );
        skip(c, other, &mail.recipient, &why, now)?;
    }
    Ok(None)
}

/// Remembers how a mail compares.
pub(super) fn mark(c: &dyn Connection, id: DeliveryId, rank: &Rank) -> Result<(), Fault> {
    let mut update =
        c.prepare_cached("UPDATE delivery SET weight = ?2, fingerprint = ?3 WHERE id = ?1")?;
    update.execute(params![id, rank.weight, rank.fingerprint])?;
    Ok(())
}

/// All mails of a match lost.
pub(super) fn nobody_left(c: &dyn Connection, match_id: i64) -> Result<(), Fault> {
    let mut update = c.prepare_cached("UPDATE match SET verdict = 'weight_lost' WHERE id = ?1")?;
    update.execute([match_id])?;
    Ok(())
}

fn undelivered(c: &dyn Connection, thread: &str, since: i64) -> Result<Vec<Other>, Fault> {
    let mut select = c.prepare_cached(UNDELIVERED)?;
    let rows = select.query_map(params![thread, since], |row| {
        Ok(Other {
            id: row.get(0)?,
            weight: row.get(1)?,
            fingerprint: row.get(2)?,
            notification: row.get(3)?,
            match_id: row.get(4)?,
            message_id: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes a mail out of the outbox, and says in its verdict which one took its place.
fn skip(
    c: &dyn Connection,
    loser: &Other,
    recipient: &str,
    why: &str,
    now: i64,
) -> Result<(), Fault> {
    let mut update = c.prepare_cached(
        "UPDATE delivery SET state = 'skipped', reason = ?2, next_at = 0, waits_for = NULL WHERE id = ?1",
    )?;
    update.execute(params![loser.id, why])?;
    let mut verdict = c.prepare_cached(
        "UPDATE recipient_verdict SET verdict = 'weight_lost', detail = ?3
         WHERE match_id = ?1 AND address = ?2 COLLATE NOCASE AND verdict IN ('queued','quiet_hours')",
    )?;
    verdict.execute(params![loser.match_id, recipient, why])?;
    let mut left = c.prepare_cached(
        "SELECT NOT EXISTS (SELECT 1 FROM recipient_verdict
                            WHERE match_id = ?1 AND verdict IN ('queued','quiet_hours'))",
    )?;
    if left.query_row([loser.match_id], |row| row.get(0))? {
        nobody_left(c, loser.match_id)?;
    }
    outbox::wake(c, loser.id, now)
}

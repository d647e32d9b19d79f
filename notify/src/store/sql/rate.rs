//! Token buckets, and claims given back because a bucket was empty.

use super::connection::{Connection, OptionalExtension};
use super::fault::Fault;
use super::outbox::wake;
use crate::account::Rate;
use crate::outgoing::DeliveryId;
use rusqlite::params;

/// Takes up to so many tokens; a bucket that is not there yet is full.
pub(super) fn take(
    c: &dyn Connection,
    name: &str,
    rate: Rate,
    want: u32,
    now: i64,
) -> Result<u32, Fault> {
    let mut select = c.prepare_cached("SELECT tokens, at FROM bucket WHERE name = ?1")?;
    let found = select.query_row([name], |row| Ok((row.get::<f64>(0)?, row.get::<i64>(1)?)));
    let full = f64::from(rate.mails);
    // A clock that was set back refills nothing, and empties nothing.
    let tokens = found.optional()?.map_or(full, |(tokens, at)| {
        let passed = now.saturating_sub(at).max(0) as f64 / 1e9;
        (tokens + passed * full / rate.per.as_secs_f64().max(1e-9)).min(full)
    });
    let given = (tokens.max(0.0).floor() as u32).min(want);
    let mut write = c.prepare_cached(
        "INSERT INTO bucket (name, tokens, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET tokens = excluded.tokens, at = excluded.at",
    )?;
    write.execute(params![name, tokens - f64::from(given), now])?;
    Ok(given)
}

/// Puts tokens back that were not used.
pub(super) fn give_back(c: &dyn Connection, name: &str, tokens: u32) -> Result<(), Fault> {
    let mut update = c.prepare_cached("UPDATE bucket SET tokens = tokens + ?2 WHERE name = ?1")?;
    update.execute(params![name, f64::from(tokens)])?;
    Ok(())
}

/// Gives claims back as if they had never been: no attempt was made, so none is counted. Attempts of a life that ended, before the
/// delivery was put back into the queue, say nothing of this one. What is due at once has its place again if it was never tried in
/// this life, and else waits since now.
pub(super) fn release(
    c: &dyn Connection,
    now: i64,
    held: &[(DeliveryId, i64)],
    next_at: Option<i64>,
) -> Result<usize, Fault> {
    let mut update = c.prepare_cached(
        "UPDATE delivery SET attempts = attempts - 1, next_at = ?3, lease_owner = NULL, state = coalesce(
             (SELECT CASE outcome WHEN 'crashed' THEN 'deferred' WHEN 'deferred' THEN 'deferred' WHEN 'unknown' THEN 'unknown' ELSE 'ready' END FROM attempt
              WHERE delivery_id = ?1 AND n > delivery.earlier AND ended IS NOT NULL AND late = 0 ORDER BY n DESC LIMIT 1), 'ready')
         WHERE id = ?1 AND lease_epoch = ?2 AND state = 'leased'",
    )?;
    let mut delete =
        c.prepare_cached("DELETE FROM attempt WHERE delivery_id = ?1 AND ended IS NULL")?;
    let mut waits = c.prepare_cached(
        "UPDATE delivery SET next_at = ?2 WHERE id = ?1 AND state IN ('deferred','unknown')",
    )?;
    let mut released = 0;
    for (delivery, epoch) in held {
        if update.execute(params![delivery, epoch, next_at.unwrap_or_default()])? == 1 {
            delete.execute([delivery])?;
            if next_at.is_none() {
                waits.execute(params![delivery, now])?;
            }
            wake(c, *delivery, now)?;
            released += 1;
        }
    }
    Ok(released)
}

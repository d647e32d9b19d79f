//! What must hold, whatever happens.

use crate::history::World;
use crate::sink::Ledger;
use postrider_mime::Message;
use postrider_notify::delivery::{Attempted, Sent};
use postrider_notify::outgoing::DeliveryState;
use postrider_notify::store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// Rows that cannot be: each query finds none.
const IMPOSSIBLE: &[(&str, &str)] = &[
    ("a leased delivery without an owner",
     "SELECT count(*) FROM delivery WHERE state = 'leased' AND (lease_owner IS NULL OR attempts = 0)"),
    ("a delivery whose attempts are not all written down",
     "SELECT count(*) FROM delivery d WHERE attempts <> (SELECT count(*) FROM attempt WHERE delivery_id = d.id)
      OR attempts <> (SELECT coalesce(max(n), 0) FROM attempt WHERE delivery_id = d.id)"),
    ("an open attempt of a delivery that nobody works on",
     "SELECT count(*) FROM attempt a JOIN delivery d ON d.id = a.delivery_id
      WHERE a.ended IS NULL AND (d.state <> 'leased' OR a.n <> d.attempts)"),
    ("a leased delivery without an open attempt",
     "SELECT count(*) FROM delivery d WHERE state = 'leased'
      AND NOT EXISTS (SELECT 1 FROM attempt WHERE delivery_id = d.id AND n = d.attempts AND ended IS NULL)"),
    ("a delivery that ended as its last attempt did not",
     "SELECT count(*) FROM delivery d WHERE state IN ('delivered','failed','deferred','unknown')
      AND state <> (SELECT outcome FROM attempt WHERE delivery_id = d.id AND NOT late ORDER BY n DESC LIMIT 1)
      -- What crashed, was claimed again and was given back waits for another attempt.
      AND NOT (state = 'deferred' AND 'crashed' = (SELECT outcome FROM attempt WHERE delivery_id = d.id ORDER BY n DESC LIMIT 1))"),
    ("a message without a delivery",
     "SELECT count(*) FROM message m WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE id = m.id)"),
    ("a delivery that waits for one that is done with",
     "SELECT count(*) FROM delivery d JOIN delivery e ON e.id = d.waits_for
      WHERE e.state IN ('delivered','failed','dead','cancelled')"),
    ("a settled event without a match",
     "SELECT count(*) FROM event e WHERE state = 'done' AND NOT EXISTS (SELECT 1 FROM match WHERE event_id = e.id)"),
    ("matches of an event that is not settled",
     "SELECT count(*) FROM match m JOIN event e ON e.id = m.event_id WHERE e.state = 'ready'"),
    ("a digest without parts",
     "SELECT count(*) FROM digest d WHERE NOT EXISTS (SELECT 1 FROM digest_part WHERE digest_id = d.id)"),
    ("a part that is to be told by no digest and no mail",
     "SELECT count(*) FROM digest_part p JOIN recipient_verdict v ON v.match_id = p.match_id AND v.address = p.address
      WHERE v.verdict = 'digest' AND p.delivery_id IS NULL AND NOT EXISTS (SELECT 1 FROM digest WHERE id = p.digest_id)"),
    ("a state that there is not",
     "SELECT count(*) FROM delivery WHERE state NOT IN ('ready','leased','deferred','delivered','failed','unknown','dead','cancelled','suppressed')"),
];

/// Ended attempts at which the server was to be asked something.
const ATTEMPTS: &str = "SELECT count(*) FROM attempt WHERE ended IS NOT NULL AND outcome <> 'crashed' AND stage <> 'queue'";

/// After each batch: whoever waited for its turn has made an attempt only where the account is to rest for it.
pub fn who_tried(sent: &Sent) -> Result<(), String> {
    let tried = |a: &&Attempted| sent.given_back.contains(&a.completion.delivery);
    if let Some(twice) = sent.attempts.iter().find(tried) {
        return Err(format!("given back, and an attempt: {twice:?}"));
    }
    let untried = |a: &&Attempted| a.completion.evidence.stage == "queue";
    match sent.attempts.iter().find(untried) {
        Some(counted) if sent.paused.is_none() => {
            Err(format!("an attempt without a turn: {counted:?}"))
        }
        _ => Ok(()),
    }
}

/// No more attempts are counted than the server was asked, or hung up before it could be.
fn each_attempt_was_one(world: &World, ledger: &Ledger) -> Result<(), String> {
    let connection =
        rusqlite::Connection::open(world.reaper.database()).map_err(|e| e.to_string())?;
    let counted: u32 = connection
        .query_row(ATTEMPTS, [], |row| row.get(0))
        .map_err(|e| e.to_string())?;
    let (asked, hung_up) = (ledger.asked, ledger.hung_up);
    match counted <= asked + hung_up {
        true => Ok(()),
        false => Err(format!(
            "{counted} attempts are counted; the server was asked {asked} times, and hung up {hung_up} times"
        )),
    }
}

/// After each round of a worker that lives.
pub fn on_the_way(world: &mut World) -> Result<(), String> {
    for row in world.log()? {
        let most = world.attempts.entry(row.delivery).or_default();
        if row.attempts < *most {
            return Err(format!(
                "delivery {} has forgotten an attempt",
                row.delivery
            ));
        }
        *most = row.attempts;
    }
    Ok(())
}

/// When the next life has begun.
pub fn after_a_death(world: &mut World) -> Result<(), String> {
    sound(world)?;
    on_the_way(world)?;
    let generation = world.generation();
    for row in world.log()? {
        if row.state == DeliveryState::Delivered {
            world
                .delivered
                .entry(row.mail.message_id)
                .or_insert(generation);
        }
    }
    // What was acknowledged is there.
    for fired in &world.fired {
        if let Some(id) = fired.acknowledged
            && !world.forgotten.contains(&id)
            && world.store_error(|s| s.explain(id))?.is_none()
        {
            return Err(format!(
                "the event {:?} was acknowledged, and is lost",
                fired.key
            ));
        }
    }
    Ok(())
}

/// When nothing waits any more.
pub fn at_the_end(world: &World) -> Result<(), String> {
    sound(world)?;
    let ledger = world.sink.ledger();
    let mut copies: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (n, mail) in ledger.accepted.iter().enumerate() {
        copies
            .entry(message_id(&mail.content)?)
            .or_default()
            .push(n);
    }
    each_event_arrived(world, &ledger)?;
    each_attempt_was_one(world, &ledger)?;
    for (id, copies) in &copies {
        let mails: Vec<_> = copies.iter().map(|n| &ledger.accepted[*n]).collect();
        let same = mails
            .iter()
            .all(|m| m.content == mails[0].content && m.recipient == mails[0].recipient);
        if !same {
            return Err(format!("{id} went out as different mails"));
        }
        for pair in mails.windows(2) {
            if pair[0].generation == pair[1].generation && pair[0].answered {
                return Err(format!("{id} went out again after its 250 was heard"));
            }
        }
        if let Some(known) = world.delivered.get(id)
            && mails.iter().any(|mail| mail.generation >= *known)
        {
            return Err(format!(
                "{id} went out again after it was written down as delivered"
            ));
        }
    }
    Ok(())
}

/// At least one copy for each recipient of what was acknowledged, or the server's refusal; and nothing else went out.
fn each_event_arrived(world: &World, ledger: &Ledger) -> Result<(), String> {
    let suppressed = world.store_error(|s| s.suppressions())?;
    let mut arrived: BTreeMap<(String, &str), BTreeSet<String>> = BTreeMap::new();
    for mail in &ledger.accepted {
        let message = Message::parse(&mail.content);
        // The subject is the number of the event; a digest has several.
        let subject = message.subject().unwrap_or_default().to_string();
        let text = message.body_text().unwrap_or_default();
        let events: Vec<&str> = match subject.as_str() {
            "digest" => text.split_whitespace().collect(),
            event => vec![event],
        };
        for event in events {
            let ids = arrived.entry((event.to_owned(), &mail.recipient));
            ids.or_default().insert(message_id(&mail.content)?);
        }
    }
    for (n, fired) in world.fired.iter().enumerate() {
        for recipient in &fired.recipients {
            let excused = ledger.refused.contains(recipient)
                || suppressed.iter().any(|s| s.address == *recipient);
            let ids = arrived
                .remove(&(n.to_string(), recipient.as_str()))
                .unwrap_or_default();
            if ids.is_empty() && !excused {
                return Err(format!("event {n} did not reach {recipient}"));
            }
            if ids.len() > 1 {
                return Err(format!(
                    "event {n} reached {recipient} under several Message-IDs: {ids:?}"
                ));
            }
        }
    }
    match arrived.into_keys().next() {
        Some(strange) => Err(format!("nobody asked for {strange:?}")),
        None => Ok(()),
    }
}

/// The database is sound, and holds no row that cannot be.
fn sound(world: &World) -> Result<(), String> {
    let store = &world.process.store.store;
    let said = store.integrity().map_err(|e| e.to_string())?;
    if said != "ok" {
        return Err(format!("the database is damaged: {said}"));
    }
    let connection =
        rusqlite::Connection::open(world.reaper.database()).map_err(|e| e.to_string())?;
    for (what, sql) in IMPOSSIBLE {
        let count: i64 = connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(|e| format!("{what}: {e}"))?;
        if count > 0 {
            return Err(format!("{count} × {what}"));
        }
    }
    Ok(())
}

fn message_id(content: &[u8]) -> Result<String, String> {
    let message = Message::parse(content);
    let id = message.message_id();
    id.map(|id| id.to_string())
        .ok_or_else(|| "a mail without a Message-ID".to_owned())
}

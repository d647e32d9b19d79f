//! What must hold whenever a process died, and when everything is done with.

use super::history::{Sent, World, about};
use postrider_notify::account::DeletePolicy;
use postrider_notify::inbound::{InboundRow, InboundState};
use postrider_notify::store::Store;
use std::collections::BTreeMap;

/// The number in the subject: `mail 17.`
fn number(subject: &str) -> Option<usize> {
    let (_, rest) = subject.split_once("mail ")?;
    rest.strip_suffix('.')?.parse().ok()
}

fn rows(world: &World) -> Result<BTreeMap<usize, Vec<InboundRow>>, String> {
    let mut found: BTreeMap<usize, Vec<InboundRow>> = BTreeMap::new();
    for row in world.look(|s| s.inbound_log(100_000))? {
        let n = number(&row.subject).ok_or_else(|| format!("a mail that nobody sent: {row:?}"))?;
        found.entry(n).or_default().push(row);
    }
    Ok(found)
}

/// Every mail is on the server or in the store.
pub fn nothing_is_lost(world: &World) -> Result<(), String> {
    let (stored, there) = (rows(world)?, world.server.there());
    let lost = (0..world.sent.len()).find(|n| !stored.contains_key(n) && !there.contains(n));
    match lost {
        Some(n) => Err(format!("mail {n} is nowhere")),
        None => Ok(()),
    }
}

pub fn at_the_end(world: &World) -> Result<(), String> {
    nothing_is_lost(world)?;
    let said = world.look(|s| s.integrity())?;
    if said != "ok" {
        return Err(format!("the database is not sound: {said}"));
    }
    let stored = rows(world)?;
    let comments: Vec<String> = world
        .look(|s| s.journal(&about()))?
        .into_iter()
        .map(|entry| entry.text)
        .collect();
    let incidents: Vec<String> = world
        .look(|s| s.records("incident"))?
        .into_iter()
        .filter_map(|record| Some(record.fields.get("short_description")?.as_str()?.to_owned()))
        .collect();
    for (n, sent) in world.sent.iter().enumerate() {
        let rows = stored.get(&n).map(Vec::as_slice).unwrap_or_default();
        let [row] = rows else {
            return Err(format!("mail {n} is stored {} times", rows.len()));
        };
        let name = format!("mail {n}.");
        let acted = match sent.reply {
            true => comments
                .iter()
                .filter(|text| text.lines().next() == Some(&name))
                .count(),
            false => incidents.iter().filter(|text| **text == name).count(),
        };
        if acted != 1 {
            return Err(format!("mail {n} acted {acted} times"));
        }
        explained(world, n, sent, row)?;
    }
    if world.delete != DeletePolicy::Never && !world.server.there().is_empty() {
        return Err("there is mail left on the server".to_owned());
    }
    let events = world.look(|s| s.events_of(&about()))?;
    let replies = world.sent.iter().filter(|sent| sent.reply).count();
    if events.len() != world.first_event + replies {
        return Err(format!(
            "explain knows {} events, not one for each answer",
            events.len()
        ));
    }
    Ok(())
}

/// The mail is what was sent, in the state that it should have, and each of its actions says why.
fn explained(world: &World, n: usize, sent: &Sent, row: &InboundRow) -> Result<(), String> {
    let whole = world.look(|s| s.inbound(row.outcome.id))?;
    if whole.is_none_or(|mail| mail.what.raw != sent.text) {
        return Err(format!("mail {n} is not what was sent"));
    }
    let outcome = &row.outcome;
    if outcome.state != InboundState::Processed || outcome.verdicts.is_empty() {
        return Err(format!(
            "explain does not say what mail {n} did: {outcome:?}"
        ));
    }
    let Some(record) = &outcome.record else {
        return Err(format!("explain does not say what mail {n} was about"));
    };
    for event in world.look(|s| s.events_of(record))? {
        if world.look(|s| s.explain(event))?.is_none() {
            return Err(format!("explain does not answer for event {event}"));
        }
    }
    Ok(())
}

//! One session of a sync: what there is, what is missing, fetch, make durable, delete, QUIT.

use super::digest::{Digest, Fingerprint};
use super::event::SyncEvent;
use super::intake::{Intake, Vault};
use super::journal::Journal;
use super::plan::{Listed, plan};
use super::policy::Policy;
use super::record::{Record, Seen};
use super::store::Store;
use super::{Summary, SyncError};
use crate::driver::{Link, Session};
use crate::{
    Command, Error, ErrorKind, Event, MessageNumber, Request, ResponseCode, Retrieved, UniqueId,
    Violation,
};
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::time::Duration;

/// Runs one session to its end, QUIT included.
///
/// Whatever happens to the connection, what was finished is made durable, so that the next session goes on from there.
pub(super) async fn run<L: Link, S: Store, J: Journal>(
    mut session: Session<L>,
    vault: &mut Vault<S, J>,
    policy: &Policy,
    now: u64,
    summary: &mut Summary,
    events: &mut dyn FnMut(SyncEvent),
) -> Result<(), SyncError> {
    let listed = look(&mut session).await?;
    summary.listed = u32::try_from(listed.len()).unwrap_or(u32::MAX);
    summary.login_delay = session.pop3.capabilities().login_delay();
    let mut plan = plan(&vault.index, listed, policy, now);
    std::mem::take(&mut plan.records)
        .into_iter()
        .for_each(|record| vault.note(record));
    for seen in std::mem::take(&mut plan.dated) {
        let id = vault.index.next_id();
        vault.note(Record::Seen(Seen { id, ..seen }));
    }
    announce(&plan, summary, events);

    let order: Vec<_> = plan
        .fetch
        .iter()
        .map(|wanted| wanted.listed.number)
        .collect();
    let mut intake = Intake::new(vault, policy, now, plan.fetch, summary, events);
    intake.others_wait = !plan.delete.is_empty();
    let fetched = fetch(&mut session, &mut intake, &order, &plan.renamed).await;
    // What could not be synced may pass for synced the next time, and is lost: it is fetched again.
    if !intake.commit_failed {
        intake.commit()?;
    }
    let mut delete = std::mem::take(&mut intake.delete);
    fetched?;
    delete.extend(plan.delete);
    finish(session, vault, delete, now, summary, events).await
}

fn announce(plan: &super::plan::Plan, summary: &mut Summary, events: &mut dyn FnMut(SyncEvent)) {
    if let Some(vanished) = plan.reset {
        events(SyncEvent::UidlReset { vanished });
    }
    for (listed, why) in &plan.left_alone {
        summary.left_alone += 1;
        let Listed {
            number,
            octets,
            uid,
        } = listed.clone();
        events(SyncEvent::LeftAlone {
            number,
            uid,
            octets,
            why: *why,
        });
    }
    if !plan.fetch.is_empty() {
        events(SyncEvent::Fetching {
            count: plan.fetch.len(),
            octets: plan
                .fetch
                .iter()
                .fold(0, |sum, wanted| wanted.listed.octets.saturating_add(sum)),
        });
    }
}

/// STAT, UIDL and LIST, in one flight where the server allows it. A server may have no UIDL; then every uid is `None`.
///
/// An answer to UIDL may look like one to LIST. In a flight, another STAT between them shows that neither is missing.
async fn look<L: Link>(session: &mut Session<L>) -> Result<Vec<Listed>, SyncError> {
    let mut found: BTreeMap<MessageNumber, (u64, Option<UniqueId>)> = BTreeMap::new();
    let (uidl, list) = (Command::Uidl(None), Command::List(None));
    let commands = match session.pipelines() {
        true => vec![Command::Stat, uidl, Command::Stat, list],
        false => vec![Command::Stat, uidl, list],
    };
    let (mut refused, mut count) = (None, 0);
    let has_uidl = session.pop3.capabilities().uidl();
    session
        .volley(&commands, &mut |event| match event {
            Event::DropListing(listing) => count = listing.count,
            Event::UniqueId(listing) => found.entry(listing.number).or_default().1 = listing.id,
            Event::ScanListing(listing) => {
                found.entry(listing.number).or_default().0 = listing.octets
            }
            Event::Refused {
                request: Some(request @ (Request::Stat | Request::List(_))),
                reply,
            } => {
                // Of a server that refuses both, STAT's is the one that matters.
                refused.get_or_insert((request, reply));
            }
            Event::Refused {
                request: Some(request @ Request::Uidl(_)),
                reply,
            } if has_uidl || reply.code().is_some_and(ResponseCode::is_temporary) => {
                // It has names and does not tell them now: without them, all would be fetched again.
                refused.get_or_insert((request, reply));
            }
            _ => {}
        })
        .await?;
    // An empty maildrop has nothing to list, and some servers say so with -ERR.
    if let Some((request, reply)) =
        refused.filter(|(request, _)| count > 0 || *request == Request::Stat)
    {
        return Err(session.refused(request, reply).into());
    }
    Ok(found
        .into_iter()
        .map(|(number, (octets, uid))| Listed {
            number,
            octets,
            uid,
        })
        .collect())
}

async fn fetch<L: Link, S: Store, J: Journal>(
    session: &mut Session<L>,
    intake: &mut Intake<'_, S, J>,
    order: &[MessageNumber],
    renamed: &[u64],
) -> Result<(), SyncError> {
    let recognised = probe(session, intake, order, renamed).await?;
    let order: Vec<_> = order
        .iter()
        .copied()
        .filter(|number| !recognised.contains(number))
        .collect();
    retrieve(session, intake, &order).await?;
    for number in intake.asks_again() {
        // A line that comes late once more is no answer to STAT.
        session.stat().await?;
        retrieve(session, intake, &[number]).await?;
    }
    Ok(())
}

async fn retrieve<L: Link, S: Store, J: Journal>(
    session: &mut Session<L>,
    intake: &mut Intake<'_, S, J>,
    numbers: &[MessageNumber],
) -> Result<(), SyncError> {
    let mut fault = None;
    let result = session
        .retr_many(numbers, &mut |retrieved| match intake.take(retrieved) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                fault = Some(error);
                ControlFlow::Break(())
            }
        })
        .await;
    if let Some(error) = fault {
        return Err(error.into());
    }
    if let Err(error) = &result {
        // Of several in flight, nobody knows which one it was: the next session asks for one at a time.
        let blamed = match error.kind() {
            ErrorKind::Violation(Violation::MessageTooLarge { number, .. }) => Some(*number),
            _ => session.asked_alone(),
        };
        blamed.into_iter().for_each(|number| intake.broke(number));
    }
    Ok(result?)
}

/// Asks for the headers of messages that may be known under another name: those that are.
async fn probe<L: Link, S: Store, J: Journal>(
    session: &mut Session<L>,
    intake: &mut Intake<'_, S, J>,
    order: &[MessageNumber],
    renamed: &[u64],
) -> Result<HashSet<MessageNumber>, SyncError> {
    let mut recognised = HashSet::new();
    let is_probed = |number: &&MessageNumber| intake.wanted.get(*number).is_some_and(|w| w.probe);
    let numbers: Vec<_> = order.iter().filter(is_probed).copied().collect();
    if numbers.is_empty() || !session.pop3.capabilities().top() || intake.vault.index.top_broken() {
        return Ok(recognised);
    }
    let pipelined = session.pipelines();
    let headers = match headers(session, &numbers).await {
        Ok(headers) => headers,
        // It may be that only several at a time are too much.
        Err(error) if session.pipelines() != pipelined => return Err(error.into()),
        Err(error) => {
            intake.vault.note(Record::TopBroken);
            return Err(error.into());
        }
    };
    let mut renamed = intake.vault.index.by_header(renamed);
    for (number, header) in headers {
        let Some(wanted) = intake.wanted.get(&number).cloned() else {
            continue;
        };
        let known = renamed
            .get_mut(&(wanted.listed.octets, header))
            .and_then(Vec::pop);
        let Some(entry) = known.and_then(|id| intake.vault.index.entry(id)).copied() else {
            continue;
        };
        intake.adopt(&wanted, &entry);
        intake.summary.recognised += 1;
        (intake.events)(SyncEvent::Recognised {
            number,
            uid: wanted.listed.uid.clone(),
        });
        recognised.insert(number);
    }
    Ok(recognised)
}

/// TOP is there to spare time. A server that does not answer it soon is not asked again.
const TOP_PATIENCE: Duration = Duration::from_secs(15);

/// The digests of the headers of these messages, as far as the server gives them, and as they name their message: two
/// headers without a Message-ID may be alike and belong to different messages.
async fn headers<L: Link>(
    session: &mut Session<L>,
    numbers: &[MessageNumber],
) -> Result<Vec<(MessageNumber, Digest)>, Error> {
    let patience = session.config.timeouts.clone();
    let soon = |timeout: Duration| timeout.min(TOP_PATIENCE);
    session.config.timeouts.reply = soon(patience.reply);
    session.config.timeouts.body_idle = soon(patience.body_idle);
    let (mut found, mut open) = (Vec::new(), Fingerprint::new());
    let result = session
        .top_many(numbers, 0, &mut |retrieved| {
            match retrieved {
                Retrieved::Chunk { bytes, .. } => open.update(bytes),
                Retrieved::End { number, .. } => {
                    let read = std::mem::replace(&mut open, Fingerprint::new());
                    if read.has_message_id() {
                        found.push((number, read.finish().header));
                    }
                }
                Retrieved::Refused { .. } => {}
            }
            ControlFlow::Continue(())
        })
        .await;
    session.config.timeouts = patience;
    result.map(|()| found)
}

/// DELE what is durable, remember that, QUIT, and remember what came of it.
async fn finish<L: Link, S: Store, J: Journal>(
    mut session: Session<L>,
    vault: &mut Vault<S, J>,
    delete: Vec<(MessageNumber, u64)>,
    now: u64,
    summary: &mut Summary,
    events: &mut dyn FnMut(SyncEvent),
) -> Result<(), SyncError> {
    let numbers: Vec<_> = delete.iter().map(|(number, _)| *number).collect();
    let results = session.dele_many(&numbers).await?;
    let mut pending = Vec::new();
    for ((number, id), (_, result)) in delete.iter().zip(results) {
        match result {
            Ok(()) => pending.push(*id),
            Err(reply) => {
                summary.refused += 1;
                let number = *number;
                events(SyncEvent::NotDeleted { number, reply });
            }
        }
    }
    pending
        .iter()
        .for_each(|id| vault.note(Record::DelePending(*id)));
    vault.journal.commit()?;
    match session.simple(&Command::Quit).await {
        Ok(_) => {}
        // Nothing was to be removed: there is nothing to be unsure about.
        Err(_) if pending.is_empty() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    pending
        .iter()
        .for_each(|id| vault.note(Record::Committed(*id, now)));
    vault.journal.commit()?;
    summary.deleted += pending.len();
    if !pending.is_empty() {
        events(SyncEvent::Deleted {
            count: pending.len(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! What happened to an event, read back as it was written.

use super::connection::Connection;
use super::fault::Fault;
use super::{column, events, log};
use crate::event::EventId;
use crate::outgoing::{LogRow, Match, MatchVerdict, OutgoingMail, RecipientVerdict, Settlement};
use crate::store::Explanation;
use std::collections::HashMap;

pub(super) fn explain(c: &dyn Connection, id: EventId) -> Result<Option<Explanation>, Fault> {
    let Some((event, state, error)) = events::one(c, id)? else {
        return Ok(None);
    };
    let settlement = if state == "ready" {
        None
    } else {
        Some(Settlement {
            event: id,
            matches: matches(c, id)?,
            error,
        })
    };
    let mut deliveries: Vec<LogRow> = log::of_event(c, id)?;
    deliveries.extend(log::of_digests(c, id)?);
    Ok(Some(Explanation {
        event,
        state,
        settlement,
        deliveries,
    }))
}

fn matches(c: &dyn Connection, event: EventId) -> Result<Vec<Match>, Fault> {
    let mut mails = mails(c, event)?;
    let mut select = c.prepare_cached(
        "SELECT id, notification, verdict, detail FROM match WHERE event_id = ?1 ORDER BY id",
    )?;
    let rows = select.query_map([event], |row| {
        let head: (i64, String) = (row.get(0)?, row.get(2)?);
        Ok((head, row.get(1)?, row.get(3)?))
    })?;
    rows.map(|row| {
        let ((id, word), notification, detail) = row?;
        Ok(Match {
            notification,
            verdict: verdict_of(&word)?,
            detail,
            recipients: verdicts(c, id)?,
            mails: mails.remove(&id).unwrap_or_default(),
            digests: Vec::new(),
        })
    })
    .collect()
}

fn verdicts(c: &dyn Connection, match_id: i64) -> Result<Vec<RecipientVerdict>, Fault> {
    let mut select = c.prepare_cached(
        "SELECT address, via, verdict, detail FROM recipient_verdict WHERE match_id = ?1 ORDER BY id",
    )?;
    let rows = select.query_map([match_id], |row| {
        let (word, detail): (String, String) = (row.get(2)?, row.get(3)?);
        let known = RecipientVerdict::WORDS.into_iter().find(|w| *w == word);
        Ok(RecipientVerdict {
            address: row.get(0)?,
            via: row.get(1)?,
            verdict: known.unwrap_or("other"),
            detail: match known {
                Some(_) => detail,
                None => format!("{word}: {detail}"),
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The mails of an event by their match.
fn mails(c: &dyn Connection, event: EventId) -> Result<HashMap<i64, Vec<OutgoingMail>>, Fault> {
    let mut select = c.prepare_cached(
        "SELECT m.message_id, m.sender, m.recipient, m.subject, d.account, m.table_name, m.record_id, d.expires,
                m.match_id
         FROM message m JOIN delivery d ON d.id = m.id WHERE m.event_id = ?1 ORDER BY m.id",
    )?;
    let rows = select.query_map([event], |row| {
        let mail = OutgoingMail {
            message_id: row.get(0)?,
            sender: row.get(1)?,
            recipient: row.get(2)?,
            subject: row.get(3)?,
            raw: Vec::new(),
            account: row.get(4)?,
            record: column::key(row.get(5)?, row.get(6)?),
            expires: column::moment(row.get(7)?),
            not_before: None,
            rank: None,
        };
        Ok((row.get(8)?, mail))
    })?;
    let mut mails: HashMap<i64, Vec<OutgoingMail>> = HashMap::new();
    for row in rows {
        let (id, mail) = row?;
        mails.entry(id).or_default().push(mail);
    }
    Ok(mails)
}

fn verdict_of(word: &str) -> Result<MatchVerdict, Fault> {
    MatchVerdict::ALL
        .into_iter()
        .find(|verdict| verdict.name() == word)
        .ok_or_else(|| Fault::corrupt(format!("a match with the verdict {word:?}")))
}

//! Weights: of two mails about one event to one person, the heavier goes out.
//!
//! Weight 0 always goes out. Mails of equal weight are the same mail only if subject and body are equal.

use super::{Draft, joined, verdict};
use crate::notification::Notification;
use crate::outgoing::{Match, MatchVerdict, RecipientVerdict};

/// Compares the drafts of all notifications, and puts those that go out into their matches.
pub(super) fn compare(found: Vec<(&Notification, Match, Vec<Draft>)>) -> Vec<Match> {
    let lost: Vec<Vec<Option<String>>> = found
        .iter()
        .enumerate()
        .map(|(n, (_, _, drafts))| {
            drafts
                .iter()
                .map(|draft| winner(&found, n, draft))
                .collect()
        })
        .collect();
    let settled = found
        .into_iter()
        .zip(lost)
        .map(|((_, found, drafts), lost)| settled(found, drafts, lost));
    settled.collect()
}

fn settled(mut found: Match, drafts: Vec<Draft>, lost: Vec<Option<String>>) -> Match {
    let had = !drafts.is_empty();
    for (draft, lost) in drafts.into_iter().zip(lost) {
        match lost {
            Some(why) => found
                .recipients
                .push(verdict(&draft.recipient, "weight_lost", why)),
            None => {
                found.recipients.push(going_out(&draft));
                found.mails.push(draft.mail);
            }
        }
    }
    if had && found.mails.is_empty() {
        found.verdict = MatchVerdict::WeightLost;
    }
    found
}

/// The verdict on somebody whose mail is queued, be it held for a while.
fn going_out(draft: &Draft) -> RecipientVerdict {
    let (recipient, remarks) = (&draft.recipient, draft.remarks.clone());
    match &recipient.hold {
        Some(hold) => {
            let why = format!("held until {}: {}", hold.until, hold.reason);
            verdict(recipient, "quiet_hours", joined([why, remarks]))
        }
        None => verdict(recipient, "queued", remarks),
    }
}

/// The notification that tells the same person instead, if one does.
fn winner(
    found: &[(&Notification, Match, Vec<Draft>)],
    own: usize,
    draft: &Draft,
) -> Option<String> {
    let weight = found.get(own)?.0.weight;
    if weight == 0 {
        return None;
    }
    for (n, (other, _, drafts)) in found.iter().enumerate() {
        let same = |theirs: &&Draft| {
            theirs
                .mail
                .recipient
                .eq_ignore_ascii_case(&draft.mail.recipient)
        };
        let Some(theirs) = drafts.iter().find(same).filter(|_| n != own) else {
            continue;
        };
        if other.weight > weight {
            return Some(format!(
                "`{}` has weight {}, this one {weight}",
                other.name, other.weight
            ));
        }
        if other.weight == weight && n < own && theirs.content == draft.content {
            return Some(format!("`{}` says the same", other.name));
        }
    }
    None
}

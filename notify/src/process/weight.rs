//! Weights: of two mails about one event to one person, the heavier goes out.
//!
//! Weight 0 always goes out. Mails of equal weight are the same mail only if subject and body are equal.

use super::{Draft, Going, joined, verdict};
use crate::notification::Notification;
use crate::outgoing::{Match, MatchVerdict, OutgoingMail, RecipientVerdict};

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
                match draft.going {
                    Going::Mail(mail) => found.mails.push(mail),
                    Going::Part(part) => found.digests.push(part),
                }
            }
        }
    }
    if had && found.mails.is_empty() && found.digests.is_empty() {
        found.verdict = MatchVerdict::WeightLost;
    }
    found
}

impl Draft {
    /// The mail of its own, if it is one.
    pub fn mail(&self) -> Option<&OutgoingMail> {
        match &self.going {
            Going::Mail(mail) => Some(mail),
            Going::Part(_) => None,
        }
    }

    fn is_part(&self) -> bool {
        matches!(self.going, Going::Part(_))
    }
}

/// The verdict on somebody whose mail is queued, be it held for a while, or who is told in a digest.
pub(super) fn going_out(draft: &Draft) -> RecipientVerdict {
    let (recipient, remarks) = (&draft.recipient, draft.remarks.clone());
    match &recipient.hold {
        // The schedules are asked when the digest is due.
        _ if draft.is_part() => verdict(recipient, "digest", remarks),
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
            // A digest comes later than a mail of its own, and takes nobody's place.
            (draft.is_part() || !theirs.is_part())
                && theirs
                    .recipient
                    .address
                    .eq_ignore_ascii_case(&draft.recipient.address)
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

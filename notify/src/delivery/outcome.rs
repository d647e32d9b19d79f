//! What an answer of the server means for a delivery (the outcome table).
//!
//! | what happened | state | next |
//! |---|---|---|
//! | 2yz to the final dot | delivered | – |
//! | 4yz, or the connection failed before the dot | deferred | 1, 2, 4 … minutes |
//! | 5yz to RCPT, DATA or the dot, or the mail cannot be sent as it is | failed | – |
//! | 5yz for the account's sake | deferred | when the account's pause is over |
//! | the connection was lost after the final dot | unknown | sent again, same Message-ID |

use super::retry::next_attempt;
use crate::outgoing::{Claimed, Completion, DeliveryState, Evidence};
use jiff::Timestamp;
use postrider_smtp::{Fault, Outcome, RecipientOutcome, Reply, Stage};

/// The completion of a delivery.
pub(super) fn completion(
    claimed: &Claimed,
    outcome: &RecipientOutcome,
    peer: &Peer,
    now: Timestamp,
) -> Completion {
    let again = next_attempt(claimed.delivery, claimed.attempts, now);
    let (state, next_at) = match outcome.outcome {
        Outcome::Accepted => (DeliveryState::Delivered, None),
        Outcome::Refused if is_account_fault(outcome) => (DeliveryState::Deferred, Some(again)),
        Outcome::Refused => (DeliveryState::Failed, None),
        Outcome::Deferred => (DeliveryState::Deferred, Some(again)),
        Outcome::Unknown => (DeliveryState::Unknown, Some(again)),
    };
    Completion {
        delivery: claimed.delivery,
        lease_epoch: claimed.lease_epoch,
        attempt: claimed.attempt,
        state,
        next_at,
        evidence: evidence(outcome, peer),
    }
}

/// The completion of a mail that no server was told of: it failed for good, or is tried again.
pub(super) fn untold(claimed: &Claimed, why: String, again: Option<Timestamp>) -> Completion {
    let state = match again {
        Some(_) => DeliveryState::Unknown,
        None => DeliveryState::Failed,
    };
    Completion {
        delivery: claimed.delivery,
        lease_epoch: claimed.lease_epoch,
        attempt: claimed.attempt,
        state,
        next_at: again,
        evidence: Evidence {
            stage: "local".to_owned(),
            text: why,
            ..Evidence::default()
        },
    }
}

/// The server at the other end.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    pub(super) endpoint: String,
    pub(super) tls: String,
}

/// True if somebody must change the account before any mail can go out by it.
pub(super) fn is_account_fault(outcome: &RecipientOutcome) -> bool {
    !outcome.is_accepted() && outcome.fault() == Some(Fault::Account)
}

/// True if the server asked to be left alone (RFC 5321 §3.8: 421).
pub(super) fn is_closing(outcome: &RecipientOutcome) -> bool {
    outcome
        .reply()
        .is_some_and(|reply| reply.code().value() == 421)
}

/// True if the connection failed and no server's word decided.
pub(super) fn is_lost(outcome: &RecipientOutcome) -> bool {
    outcome.outcome == Outcome::Deferred && outcome.reply().is_none()
}

fn evidence(outcome: &RecipientOutcome, peer: &Peer) -> Evidence {
    let reply = outcome.reply();
    let text = reply.map_or_else(|| outcome.cause.to_string(), ToString::to_string);
    Evidence {
        peer: peer.endpoint.clone(),
        tls: peer.tls.clone(),
        stage: stage(outcome.stage),
        code: reply.map_or(0, |reply| reply.code().value()),
        enhanced: reply
            .and_then(Reply::enhanced)
            .map_or_else(String::new, |code| code.to_string()),
        text,
    }
}

/// The word of the email log for a stage.
fn stage(stage: Stage) -> String {
    match stage {
        Stage::Local => "local",
        Stage::Connect => "connect",
        Stage::Tls => "tls",
        Stage::Greeting => "greeting",
        Stage::Ehlo => "ehlo",
        Stage::StartTls => "starttls",
        Stage::Auth => "auth",
        Stage::Mail => "mail",
        Stage::Rcpt => "rcpt",
        Stage::Data | Stage::Content => "data",
        Stage::EndOfData => "dot",
        _ => "other",
    }
    .to_owned()
}

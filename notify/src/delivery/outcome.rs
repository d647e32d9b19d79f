//! What an answer of the server means for a delivery (the outcome table).
//!
//! | what happened | state | next |
//! |---|---|---|
//! | 2yz to the final dot | delivered | – |
//! | 4yz, or the connection failed before the dot | deferred | 1, 2, 4 … minutes |
//! | 5yz to RCPT, DATA or the dot, or the mail cannot be sent as it is | failed | – |
//! | 5yz for the account's sake | deferred | when the account's pause is over |
//! | the connection was lost after the final dot | unknown | sent again, same Message-ID |
//! | the connection was lost before its turn | as it was | at once, and no attempt is counted (`turn.rs`) |

use super::retry::next_attempt;
use crate::outgoing::{Claimed, Completion, DeliveryState, Evidence};
use jiff::Timestamp;
use postrider_smtp::{Cause, Fault, Outcome, RecipientOutcome, Reply, Stage};

/// The completion of a delivery.
pub(super) fn completion(
    claimed: &Claimed,
    outcome: &RecipientOutcome,
    peer: &Peer,
    now: Timestamp,
) -> Completion {
    let again = next_attempt(claimed.delivery, claimed.attempts_in_this_life(), now);
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
    outcome.fault() == Some(Fault::Account)
}

/// True if the server asked to be left alone (RFC 5321 §3.8: 421).
pub(super) fn is_closing(outcome: &RecipientOutcome) -> bool {
    outcome
        .reply()
        .is_some_and(|reply| reply.code().value() == 421)
}

/// True if the server took no mail just now, whatever mail it is: 4yz to MAIL.
pub(super) fn is_turned_away(outcome: &RecipientOutcome) -> bool {
    let refuses = outcome.outcome == Outcome::Deferred && outcome.stage == Stage::Mail;
    refuses && is_answered(outcome) && !is_account_fault(outcome)
}

/// True if the connection failed and no server's word decided.
pub(super) fn is_lost(outcome: &RecipientOutcome) -> bool {
    outcome.outcome == Outcome::Deferred && outcome.reply().is_none()
}

/// True if its turn had not come when the connection was lost: the server was not asked about it, or had not come to it.
pub(super) fn is_untried(outcome: &RecipientOutcome) -> bool {
    outcome.outcome == Outcome::Deferred && outcome.stage == Stage::Queue
}

/// True if the server decided, by more than saying that it closes.
pub(super) fn is_answered(outcome: &RecipientOutcome) -> bool {
    matches!(outcome.cause, Cause::Reply(_)) && !is_closing(outcome)
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
        Stage::Queue => "queue",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::OutgoingMail;
    use postrider_smtp::{Error, ErrorKind};

    fn outcome(outcome: Outcome, stage: Stage, cause: Cause) -> RecipientOutcome {
        RecipientOutcome {
            recipient: "ann@example.org".parse().unwrap(),
            outcome,
            stage,
            cause,
        }
    }

    fn said(verdict: Outcome, stage: Stage, line: &str) -> RecipientOutcome {
        let reply = Reply::parse(format!("{line}\r\n").as_bytes()).unwrap();
        outcome(verdict, stage, Cause::Reply(reply))
    }

    fn broken(verdict: Outcome, stage: Stage) -> RecipientOutcome {
        let error = Error::new(stage, ErrorKind::Closed);
        outcome(verdict, stage, Cause::Error(error))
    }

    fn claimed() -> Claimed {
        Claimed {
            delivery: 7,
            lease_epoch: 3,
            attempt: 9,
            attempts: 2,
            earlier: 0,
            mail: OutgoingMail {
                message_id: "<1@x>".to_owned(),
                sender: String::new(),
                recipient: "ann@example.org".to_owned(),
                subject: String::new(),
                record: None,
                account: "main".to_owned(),
                expires: Timestamp::MAX,
                not_before: None,
                rank: None,
                raw: Vec::new(),
            },
        }
    }

    #[test]
    fn the_table_says_what_an_answer_means() {
        let accepted = said(Outcome::Accepted, Stage::EndOfData, "250 2.0.0 queued");
        let account = said(Outcome::Refused, Stage::Mail, "530 5.7.0 log in first");
        let nobody = said(Outcome::Refused, Stage::Rcpt, "550 5.1.1 no such user");
        let busy = said(Outcome::Deferred, Stage::Rcpt, "450 4.2.1 later");
        let closing = said(Outcome::Deferred, Stage::Mail, "421 4.3.2 closing");
        let lost = broken(Outcome::Deferred, Stage::Connect);
        let unknown = broken(Outcome::Unknown, Stage::EndOfData);
        // Whether it is the account's fault, the server closes, or the connection was lost.
        for (outcome, state, again, flags) in [
            (&accepted, DeliveryState::Delivered, false, [false; 3]),
            (
                &account,
                DeliveryState::Deferred,
                true,
                [true, false, false],
            ),
            (&nobody, DeliveryState::Failed, false, [false; 3]),
            (&busy, DeliveryState::Deferred, true, [false; 3]),
            (
                &closing,
                DeliveryState::Deferred,
                true,
                [false, true, false],
            ),
            (&lost, DeliveryState::Deferred, true, [false, false, true]),
            (&unknown, DeliveryState::Unknown, true, [false; 3]),
        ] {
            let now = Timestamp::UNIX_EPOCH;
            let done = completion(&claimed(), outcome, &Peer::default(), now);
            assert_eq!(done.state, state, "{outcome:?}");
            assert_eq!(
                done.next_at.is_some_and(|at| at > now),
                again,
                "{outcome:?}"
            );
            assert_eq!((done.delivery, done.lease_epoch, done.attempt), (7, 3, 9));
            let told = [
                is_account_fault(outcome),
                is_closing(outcome),
                is_lost(outcome),
            ];
            assert_eq!(told, flags, "{outcome:?}");
        }
    }

    #[test]
    fn what_was_put_back_into_the_queue_waits_like_a_new_mail() {
        let busy = said(Outcome::Deferred, Stage::Rcpt, "450 4.2.1 later");
        let now = Timestamp::UNIX_EPOCH;
        let again = Claimed {
            attempts: 36,
            earlier: 35,
            ..claimed()
        };
        let done = completion(&again, &busy, &Peer::default(), now);
        assert_eq!(done.next_at, Some(next_attempt(7, 1, now)));
    }

    #[test]
    fn the_evidence_is_the_servers_word_or_our_error() {
        let peer = Peer {
            endpoint: "mx:25".to_owned(),
            tls: "TLSv1.3".to_owned(),
        };
        let nobody = said(Outcome::Refused, Stage::Rcpt, "550 5.1.1 no such user");
        let told = evidence(&nobody, &peer);
        assert_eq!(
            (told.peer.as_str(), told.tls.as_str()),
            ("mx:25", "TLSv1.3")
        );
        assert_eq!(
            (told.code, told.enhanced.as_str(), told.stage.as_str()),
            (550, "5.1.1", "rcpt")
        );
        assert!(told.text.contains("no such user"), "{told:?}");
        let told = evidence(&broken(Outcome::Deferred, Stage::Connect), &peer);
        assert_eq!(
            (told.code, told.enhanced.as_str(), told.stage.as_str()),
            (0, "", "connect")
        );
        assert!(!told.text.is_empty());
    }

    #[test]
    fn what_no_server_was_told_of_failed_here_or_is_tried_again() {
        let failed = untold(&claimed(), "too large".to_owned(), None);
        assert_eq!(
            (failed.state, failed.next_at),
            (DeliveryState::Failed, None)
        );
        assert_eq!(
            (
                failed.evidence.stage.as_str(),
                failed.evidence.text.as_str()
            ),
            ("local", "too large")
        );
        let again = untold(&claimed(), String::new(), Some(Timestamp::MAX));
        assert_eq!(
            (again.state, again.next_at),
            (DeliveryState::Unknown, Some(Timestamp::MAX))
        );
    }

    #[test]
    fn the_email_log_has_a_word_for_each_stage() {
        for (at, word) in [
            (Stage::Local, "local"),
            (Stage::Queue, "queue"),
            (Stage::Connect, "connect"),
            (Stage::Tls, "tls"),
            (Stage::Greeting, "greeting"),
            (Stage::Ehlo, "ehlo"),
            (Stage::StartTls, "starttls"),
            (Stage::Auth, "auth"),
            (Stage::Mail, "mail"),
            (Stage::Rcpt, "rcpt"),
            (Stage::Data, "data"),
            (Stage::Content, "data"),
            (Stage::EndOfData, "dot"),
            (Stage::Quit, "other"),
        ] {
            assert_eq!(stage(at), word);
        }
    }
}

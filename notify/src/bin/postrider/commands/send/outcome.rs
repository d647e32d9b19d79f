//! What became of the mails: for people, for programs, and as an exit code.

use crate::exit::{Code, Failure, Result};
use crate::output::{self, Style, foreign, paint};
use crate::url::in_words_of_a_url;
use postrider_notify::connect::explained;
use postrider_smtp::{Cause, Envelope, Error, Fault, Outcome, RecipientOutcome};
use serde_json::json;
use std::fmt;

/// Counts the verdicts, and prints each.
pub(super) struct Tally {
    json: bool,
    quiet: bool,
    /// The server was given as a URL, and hints speak of that.
    by_url: bool,
    recipients: usize,
    not_accepted: usize,
    /// Of whom nobody knows.
    unknown: usize,
    /// Recipients whose mail never came to a server.
    unasked: usize,
    /// The exit code that tells the most.
    worst: Option<Code>,
}

impl Tally {
    pub(super) fn new(json: bool, quiet: bool, by_url: bool) -> Self {
        Self {
            json,
            quiet,
            by_url,
            recipients: 0,
            not_accepted: 0,
            unknown: 0,
            unasked: 0,
            worst: None,
        }
    }

    pub(super) fn add(&mut self, mail: usize, outcomes: &[RecipientOutcome]) {
        for outcome in outcomes {
            self.recipients += 1;
            self.print(mail, outcome);
            if let Some(code) = code(outcome) {
                self.not_accepted += 1;
                self.unknown += usize::from(outcome.outcome == Outcome::Unknown);
                // What may still work is worth more to know than what will not.
                if self.worst != Some(Code::Temporary) {
                    self.worst = match self.worst {
                        None | Some(Code::NoUser) => Some(code),
                        Some(_) if code == Code::Temporary => Some(code),
                        worst => worst,
                    };
                }
            }
        }
    }

    /// A mail whose server could not be reached, or would not have us. Programs are told for each recipient; people
    /// once, at the end.
    pub(super) fn not_connected(&mut self, mail: usize, envelope: &Envelope, error: &Error) {
        for recipient in envelope.recipients() {
            self.recipients += 1;
            self.not_accepted += 1;
            self.unasked += 1;
            if self.json {
                let (recipient, stage) = (recipient.clone(), error.stage());
                let outcome = match error.is_retryable() {
                    true => Outcome::Deferred,
                    false => Outcome::Refused,
                };
                let cause = Cause::Error(error.clone());
                self.print(
                    mail,
                    &RecipientOutcome {
                        recipient,
                        outcome,
                        stage,
                        cause,
                    },
                );
            }
        }
        self.worst = match (self.worst, error.is_retryable()) {
            (_, true) => Some(Code::Temporary),
            (worst, false) => worst.or(Some(Code::Unavailable)),
        };
    }

    /// Whether no mail came to a server at all.
    pub(super) fn nobody_was_asked(&self) -> bool {
        self.unasked == self.recipients
    }

    fn in_words(&self, text: &dyn fmt::Display) -> String {
        match self.by_url {
            true => in_words_of_a_url(&explained(text)),
            false => explained(text),
        }
    }

    fn print(&self, mail: usize, outcome: &RecipientOutcome) {
        if self.json {
            let reply = outcome.reply();
            output::line(json!({
                "mail": mail + 1,
                "recipient": outcome.recipient.as_str(),
                "outcome": outcome.outcome.to_string(),
                "stage": outcome.stage.to_string(),
                "code": reply.map(|reply| reply.code().value()),
                "enhanced": reply.and_then(|r| r.enhanced()).map(|e| e.to_string()),
                "text": self.in_words(&outcome.cause),
                "reply": reply.map(ToString::to_string),
            }));
        } else if !outcome.is_accepted() {
            output::remark(self.in_words(outcome));
        } else if !self.quiet {
            let mark = paint(Style::Good, "ok");
            output::line(format!("{mark} {}", foreign(&outcome.to_string())));
        }
    }

    /// Success if every recipient was accepted.
    pub(super) fn end(self) -> Result {
        let Some(code) = self.worst else {
            return Ok(());
        };
        let Self {
            not_accepted,
            recipients,
            unknown,
            ..
        } = self;
        let refused = not_accepted - unknown;
        let later = match code {
            Code::Temporary if refused > 0 => ", and it may work later",
            _ => "",
        };
        let refused = match refused {
            0 => String::new(),
            _ => format!("{refused} of {recipients} recipients were not accepted{later}"),
        };
        let unknown = match unknown {
            0 => String::new(),
            _ => format!(
                "of {unknown} of {recipients} recipients nobody knows: the mail may have been delivered, and would come twice if it were sent again"
            ),
        };
        let between = if refused.is_empty() || unknown.is_empty() {
            ""
        } else {
            "; "
        };
        Err(Failure::new(code, format!("{refused}{between}{unknown}")))
    }
}

/// The exit code of a verdict; none for a good one.
fn code(outcome: &RecipientOutcome) -> Option<Code> {
    Some(match (outcome.outcome, outcome.fault()) {
        (Outcome::Accepted, _) => return None,
        (Outcome::Deferred | Outcome::Unknown, _) => Code::Temporary,
        (Outcome::Refused, Some(Fault::Recipient)) => Code::NoUser,
        (Outcome::Refused, _) => Code::Unavailable,
    })
}

use crate::{Error, Fault, ForwardPath, Reply, Stage};
use std::fmt;

/// What became of a mail for one recipient.
#[derive(Clone, Debug)]
pub struct RecipientOutcome {
    /// For whom.
    pub recipient: ForwardPath,
    /// The verdict.
    pub outcome: Outcome,
    /// Where it fell.
    pub stage: Stage,
    /// On whose word.
    pub cause: Cause,
}

/// The verdict on a mail for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server has taken responsibility for it (RFC 5321 §4.2.5). Final.
    Accepted,
    /// It was refused for good. Final.
    Refused,
    /// It was not sent, and may be sent again later.
    Deferred,
    /// The message was sent to its end and the server's verdict did not arrive: it may have been delivered, or not
    /// (RFC 1047). The caller decides whether a possible duplicate is better than a possible loss.
    Unknown,
}

/// On whose word a verdict rests.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The server's.
    Reply(Reply),
    /// Ours: a check before anything was written, a connection lost, a time run out.
    Error(Error),
}

impl RecipientOutcome {
    /// Whether the server has taken responsibility.
    pub fn is_accepted(&self) -> bool {
        self.outcome == Outcome::Accepted
    }

    /// The server's words, where it said any.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.cause {
            Cause::Reply(reply) => Some(reply),
            Cause::Error(error) => error.reply(),
        }
    }

    /// Whose business the failure is; `None` if there was none.
    pub fn fault(&self) -> Option<Fault> {
        match &self.cause {
            _ if self.is_accepted() => None,
            Cause::Reply(reply) => Some(Fault::of_reply(self.stage, reply)),
            Cause::Error(error) => Some(error.fault()),
        }
    }
}

impl Outcome {
    /// The verdict of a final reply: 2yz, 5yz, or anything else.
    pub(crate) fn of_reply(reply: &Reply) -> Self {
        let code = reply.code();
        if code.is_positive() {
            Self::Accepted
        } else if code.is_permanent() {
            Self::Refused
        } else {
            Self::Deferred
        }
    }
}

/// One verdict for everybody.
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) fn settled_by(
    envelope: &crate::Envelope,
    outcome: Outcome,
    error: &Error,
) -> Vec<RecipientOutcome> {
    let settle = |recipient: &ForwardPath| RecipientOutcome {
        recipient: recipient.clone(),
        outcome,
        stage: error.stage(),
        cause: Cause::Error(error.clone()),
    };
    envelope.recipients().iter().map(settle).collect()
}

/// Names the server in the errors that do not.
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) fn name_server(outcomes: &mut [RecipientOutcome], endpoint: &crate::Endpoint) {
    for outcome in outcomes {
        if let Cause::Error(error) = &mut outcome.cause {
            *error = error.clone().at(endpoint);
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Deferred => "deferred",
            Self::Unknown => "unknown",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(reply) => reply.fmt(f),
            Self::Error(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for RecipientOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            recipient,
            outcome,
            stage,
            cause,
        } = self;
        write!(f, "<{recipient}> {outcome} at {stage}: {cause}")
    }
}

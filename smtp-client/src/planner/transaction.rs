//! One mail transaction on its way (RFC 5321 §3.3).

use super::prepare::{Carriage, Prepared};
use crate::output::Mark;
use crate::{EnhancedStatusCode, MailParameters, Reply};

/// A transaction: some recipients of one mail, as far as they have been told to the server.
#[derive(Debug)]
pub(super) struct Transaction {
    /// Which mail.
    pub(super) mail: usize,
    /// Which of its recipients.
    pub(super) to: Vec<usize>,
    pub(super) parameters: MailParameters,
    pub(super) carriage: Carriage,
    /// All line ends of the message are known to be CRLF.
    pub(super) regular: bool,
    /// What is sent next.
    pub(super) next: Next,
    /// RCPT commands sent.
    pub(super) sent: usize,
    /// RCPT commands answered.
    pub(super) answered: usize,
    /// Recipients accepted, in order.
    pub(super) accepted: Vec<usize>,
    /// Recipients that go into a further transaction, because this one is full.
    pub(super) postponed: Vec<usize>,
    /// Those of whom that is not certain, with what was said.
    pub(super) doubtful: Vec<(usize, Reply)>,
    /// How many recipients a transaction before this one had, when its server may have said of our first one that it was full.
    pub(super) perhaps_fits: Option<usize>,
    /// MAIL was refused.
    pub(super) refused: bool,
    /// The server takes no more recipients in this transaction.
    pub(super) full: bool,
    /// RSET follows the message, and its reply shows that those before were counted right.
    pub(super) proves_count: bool,
    /// Accepted by a final reply, if the count is right.
    pub(super) unproven: Vec<(Vec<usize>, Reply)>,
    /// Where MAIL ends in the stream, once it was handed over.
    pub(super) begin: Option<Mark>,
    /// Where the message ends in the stream, once it was handed over.
    pub(super) end: Option<Mark>,
    /// Final replies received.
    pub(super) finals: usize,
}

/// What a transaction sends next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Mail,
    Rcpt,
    /// DATA, or BDAT with the message.
    Data,
    /// Nothing before DATA is answered.
    AwaitData,
    /// The message; only its final dot if nobody is to receive it.
    Message,
    /// The message, as its chunks come.
    Content,
    /// Nothing: the final reply is awaited.
    AwaitEnd,
    /// RSET, because the transaction failed, or to have a known state whatever becomes of it.
    Reset,
    /// Nothing: the reply to RSET is awaited.
    AwaitReset,
}

impl Transaction {
    pub(super) fn new(mail: usize, to: Vec<usize>, prepared: Prepared) -> Self {
        let Prepared {
            parameters,
            carriage,
            regular,
        } = prepared;
        Self {
            mail,
            to,
            parameters,
            carriage,
            regular,
            next: Next::Mail,
            sent: 0,
            answered: 0,
            accepted: Vec::new(),
            postponed: Vec::new(),
            doubtful: Vec::new(),
            perhaps_fits: None,
            refused: false,
            full: false,
            proves_count: false,
            unproven: Vec::new(),
            begin: None,
            end: None,
            finals: 0,
        }
    }

    /// The recipients that this transaction could not take, as a further one.
    pub(super) fn rest(&mut self) -> Option<Self> {
        let mut to = std::mem::take(&mut self.postponed);
        let doubtful = std::mem::take(&mut self.doubtful);
        let perhaps_fits = (to.is_empty() && !doubtful.is_empty()).then_some(self.accepted.len());
        to.extend(doubtful.iter().map(|(index, _)| index));
        to.extend(self.to.drain(self.sent.min(self.to.len())..));
        if to.is_empty() || self.refused {
            return None;
        }
        let prepared = Prepared {
            parameters: self.parameters.clone(),
            carriage: self.carriage,
            regular: self.regular,
        };
        Some(Self {
            perhaps_fits,
            ..Self::new(self.mail, to, prepared)
        })
    }

    /// Who may have been accepted by the final reply, had it arrived. With BDAT, RCPT may be unanswered then.
    pub(super) fn perhaps_accepted(&self) -> impl Iterator<Item = usize> {
        let unanswered = self.to.get(self.answered..).unwrap_or_default();
        let unproven = self.unproven.iter().flat_map(|(to, _)| to);
        let everybody = self.accepted.iter().chain(unanswered).chain(unproven);
        let everybody = everybody.copied();
        everybody.filter(|_| !self.refused)
    }

    /// Whether somebody is to receive the message.
    pub(super) fn has_recipient(&self) -> bool {
        !self.refused && !self.accepted.is_empty()
    }
}

/// Whether a reply to RCPT says that the transaction is full, and not that the recipient is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Yes,
    /// The code of RFC 5321 §4.5.3.1.10 alone, which some servers give for a mailbox that is full.
    Perhaps,
    No,
}

impl Full {
    pub(super) fn of(reply: &Reply) -> Self {
        let too_many = |code: EnhancedStatusCode| (code.subject(), code.detail()) == (5, 3);
        match (reply.code().value(), reply.enhanced().map(too_many)) {
            // 552 is the code of RFC 821, which RFC 5321 asks to treat like 452.
            (452 | 552, Some(true)) => Self::Yes,
            (452, None) => Self::Perhaps,
            _ => Self::No,
        }
    }
}

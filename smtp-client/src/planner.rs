//! The transaction planner: mails in, one verdict for each recipient out. A machine like [`Connection`], and on top of it.
//!
//! It decides what is written when: at level 0 (no PIPELINING) command by command, at level 1 MAIL, all RCPT and DATA
//! in one flight, at level 2 the message with its final dot and the next mail's MAIL, RCPT and DATA in one flight
//! (RFC 2920 §3.1), at level 3 whole transactions one after the other with BDAT (RFC 3030).
//! It looks at every reply, and it never lets more commands go unanswered than the window holds.

mod flow;
mod prepare;
mod queue;
mod replies;
mod tally;
#[cfg(test)]
mod tests;
mod transaction;

pub use crate::output::SLICES;
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) use flow::wrong_length;
pub use flow::{Outline, Wanted};

use crate::output::{Mark, Output};
use crate::{
    Awaited, Command, Connection, Error, ErrorKind, Extension, Limits, LineEnds, Mail, Outcome,
    Pipelining, RcptParameters, RecipientOutcome, Reply, Stage, State,
};
use bytes::BytesMut;
use flow::Flow;
use prepare::{Carriage, Prepared};
use queue::{Batch, TransactionLimits};
use std::collections::VecDeque;
use std::io::IoSlice;
use tally::Tally;
use transaction::{Next, Transaction};

/// How the planner sends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// How far it runs ahead of the replies, where the server permits it.
    pub pipelining: Pipelining,
    /// What becomes of a CR or LF alone.
    pub line_ends: LineEnds,
    /// How much may be unanswered.
    pub limits: Limits,
}

/// Sends mails over a connection that is [`State::Ready`].
///
/// # The contract
/// Until [`is_done`](Self::is_done): write what [`slices`](Self::slices) gives and say [`advance`](Self::advance); read,
/// and hand what was read to [`receive`](Self::receive); take what [`settled`](Self::settled) gives; give what is
/// [`wanted`](Self::wanted) of a message that comes in chunks. Both directions at once: a server may refuse to read until it is read. When the connection fails, or a time named by
/// [`stage`](Self::stage) runs out, say [`lost`](Self::lost), and everybody is settled.
#[derive(Debug)]
pub struct Planner<'m> {
    connection: &'m mut Connection,
    policy: Policy,
    mails: Batch<'m>,
    begun: usize,
    /// One for each mail begun; taken out when it is settled.
    tallies: Vec<Option<Tally>>,
    /// Transactions to come before the next mail is begun.
    further: VecDeque<Transaction>,
    /// Transactions under way: replies belong to the first, commands to the last.
    active: VecDeque<Transaction>,
    /// Where each command that is unanswered ends in the stream.
    marks: VecDeque<Mark>,
    answered: Mark,
    output: Output<'m>,
    settled: VecDeque<(usize, Vec<RecipientOutcome>)>,
    /// The next mail, looked at already.
    prepared: Option<(usize, Result<Prepared, Error>)>,
    /// What fits into a transaction.
    limits: TransactionLimits,
    heard: bool,
    replies: u64,
    /// The message, if it comes in chunks.
    flow: Option<Flow>,
}

static NO_PARAMETERS: RcptParameters = RcptParameters {
    notify: None,
    original: None,
};

impl<'m> Planner<'m> {
    /// Begins to send.
    pub fn new(connection: &'m mut Connection, policy: Policy, mails: &'m [Mail<'m>]) -> Self {
        Self::begin(connection, policy, Batch::Mails(mails), None)
    }

    fn begin(
        connection: &'m mut Connection,
        policy: Policy,
        mails: Batch<'m>,
        flow: Option<Flow>,
    ) -> Self {
        let mut planner = Self {
            limits: TransactionLimits::of(connection.capabilities()),
            tallies: Vec::with_capacity(mails.len()),
            connection,
            policy,
            mails,
            begun: 0,
            further: VecDeque::new(),
            active: VecDeque::new(),
            marks: VecDeque::new(),
            answered: Mark::default(),
            output: Output::default(),
            settled: VecDeque::new(),
            prepared: None,
            heard: false,
            replies: 0,
            flow,
        };
        if planner.connection.state() == State::Ready && planner.connection.awaited() == 0 {
            planner.fill();
        } else {
            planner.fail(Error::new(Stage::Mail, ErrorKind::Closed));
        }
        planner
    }

    /// Whether every recipient is settled and nothing is on its way.
    pub fn is_done(&self) -> bool {
        self.begun == self.mails.len() && self.further.is_empty() && self.active.is_empty()
    }

    /// Whether there is something to write.
    pub fn wants_write(&self) -> bool {
        !self.output.is_empty()
    }

    /// Fills in the next slices to be written with one call, and says how many.
    pub fn slices<'s>(&'s mut self, slices: &mut [IoSlice<'s>; SLICES]) -> usize {
        self.output.slices(slices)
    }

    /// Says how many octets of the slices were written.
    pub fn advance(&mut self, written: usize) {
        self.output.advance(written);
        if self.output.is_empty() {
            // The server has something to do now, and so have we: what comes after its next reply.
            self.prepare_ahead();
        }
    }

    /// What is being waited for: it names the timeout. While the message is being written, that is the time from block
    /// to block.
    pub fn stage(&self) -> Stage {
        if self.output.in_message() || self.wanted() != Wanted::Nothing {
            return Stage::Content;
        }
        self.connection
            .awaiting()
            .map_or(Stage::Other, Awaited::stage)
    }

    /// Whether any reply has arrived, other than a first one that closes the connection. If not, nothing was processed.
    pub fn has_heard(&self) -> bool {
        self.heard
    }

    /// Whole replies received so far. A driver's patience begins anew with each, and not with the lines of a long one.
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// Whether replies come in segments that a server may hold back until the one before is acknowledged: BDAT is
    /// answered apart from MAIL and RCPT.
    pub fn wants_quick_acknowledgement(&self) -> bool {
        let mut active = self.active.iter();
        active.any(|transaction| transaction.carriage == Carriage::Chunk)
    }

    /// Takes whole replies from the front of `input`, and goes on.
    ///
    /// # Errors
    /// When the dialogue is over. Everybody is settled then.
    pub fn receive(&mut self, input: &mut BytesMut) -> Result<(), Error> {
        loop {
            match self.connection.receive(input) {
                Ok(Some(event)) => {
                    self.replies += 1;
                    self.on_event(&event)?;
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.fail(error.clone());
                    return Err(error);
                }
            }
        }
    }

    /// Says that the connection is lost, and why: the stage is the one that was waited in. Whoever's message was written
    /// to its end is [`Outcome::Unknown`]; everybody else that is not settled is [`Outcome::Deferred`], at [`Stage::Queue`]
    /// who is not in the transaction that the server had to answer next, even if MAIL was sent ahead.
    pub fn lost(&mut self, kind: ErrorKind) {
        self.fail(Error::new(self.stage(), kind));
    }

    fn fail(&mut self, error: Error) {
        // Replies come in order: of those behind the first one, none has been answered.
        for (place, transaction) in std::mem::take(&mut self.active).iter().enumerate() {
            let is_under_way = place == 0 && self.has_written(transaction.begin);
            let is_at_risk = self.has_written(transaction.end);
            self.settle(transaction.mail, |tally| {
                let at_risk = transaction.perhaps_accepted().filter(|_| is_at_risk);
                at_risk.for_each(|index| tally.error(index, Outcome::Unknown, &error));
                let under_way = transaction.to.iter().filter(|_| is_under_way);
                under_way.for_each(|&index| tally.error(index, Outcome::Deferred, &error));
            });
        }
        self.defer_all(&error);
    }

    fn has_written(&self, mark: Option<Mark>) -> bool {
        mark.is_some_and(|mark| self.output.reached(mark))
    }

    /// The next mail that is settled: its index, and the verdicts in the envelope's order.
    pub fn settled(&mut self) -> Option<(usize, Vec<RecipientOutcome>)> {
        self.settled.pop_front()
    }

    /// Nothing more is said: whoever is not settled goes at another time.
    fn defer_all(&mut self, error: &Error) {
        self.connection.abandon();
        self.active.clear();
        self.further.clear();
        self.marks.clear();
        self.output.clear();
        while self.begun < self.mails.len() {
            self.begin_tally();
        }
        for mail in 0..self.tallies.len() {
            self.settle(mail, |tally| tally.queue_all(error));
        }
    }

    // ---- what is sent ----

    fn fill(&mut self) {
        while self.send_next() {}
    }

    /// Sends one more thing; false if a reply must come first, or nothing is left.
    fn send_next(&mut self) -> bool {
        let Some(last) = self.active.back() else {
            return self.begin_transaction();
        };
        match last.next {
            Next::Mail => self.send_mail(),
            Next::Rcpt => self.send_rcpt(),
            Next::Data => self.send_data(),
            Next::Message => self.send_message(),
            Next::Reset => self.send(&Command::Rset, Next::AwaitReset),
            Next::AwaitData | Next::Content => false,
            Next::AwaitReset => self.runs_ahead(Pipelining::Flight) && self.begin_transaction(),
            Next::AwaitEnd => self.runs_ahead(Pipelining::LookAhead) && self.begin_transaction(),
        }
    }

    fn send_mail(&mut self) -> bool {
        let Some((mails, last)) = self.last() else {
            return false;
        };
        let Some(envelope) = mails.envelope(last.mail) else {
            return false;
        };
        let parameters = last.parameters.clone();
        let command = Command::Mail(envelope.reverse_path(), &parameters);
        let sent = self.send(&command, Next::Rcpt);
        let mark = self.output.mark();
        if let Some(last) = self.active.back_mut().filter(|_| sent) {
            last.begin = Some(mark);
        }
        sent
    }

    fn send_rcpt(&mut self) -> bool {
        let Some((mails, last)) = self.last() else {
            return false;
        };
        let (Some(&index), false) = (last.to.get(last.sent), last.full) else {
            last.next = Next::Data;
            return true;
        };
        let Some(envelope) = mails.envelope(last.mail) else {
            return false;
        };
        let Some(to) = envelope.recipients().get(index) else {
            return false;
        };
        let parameters = envelope.recipient_parameters(index);
        let command = Command::Rcpt(to, parameters.unwrap_or(&NO_PARAMETERS));
        let sent = self.send(&command, Next::Rcpt);
        if let Some(last) = self.active.back_mut().filter(|_| sent) {
            last.sent += 1;
        }
        sent
    }

    fn send_data(&mut self) -> bool {
        let Some((mails, last)) = self.last() else {
            return false;
        };
        let answered = last.answered == last.sent;
        if answered && !last.has_recipient() {
            last.next = Next::Reset;
            return true;
        }
        if last.carriage == Carriage::Lines {
            return self.send(&Command::Data, Next::AwaitData);
        }
        let Some(message) = mails.message(last.mail) else {
            // So large a message is not sent in vain: somebody must have been accepted.
            last.next = if answered { Next::Content } else { Next::Data };
            return answered && self.begin_content();
        };
        // RFC 3030 §2: the replies to MAIL and RCPT come first, but where the server is known to take it otherwise.
        if !answered && self.policy.pipelining != Pipelining::Chunked {
            return false;
        }
        let octets = message.len() as u64;
        let next = self.after_last_chunk();
        let before = self.marks.len();
        let sent = self.send(&Command::Bdat { octets, last: true }, next);
        if sent {
            self.prove_count(next);
            self.output.verbatim(message);
            self.end_message();
            // The chunk belongs to its command: what comes before it is written to its end answers something else.
            let mark = self.output.mark();
            let own = self.marks.iter_mut().skip(before);
            own.for_each(|place| *place = mark);
        }
        sent
    }

    /// Where commands run ahead of a BDAT, nobody knows before its reply whether a transaction is open, and its reply is told
    /// from the one to RCPT by counting alone. RSET closes the one, and its reply, in the same flight, proves the other: after
    /// a reply too many it would be the one that BDAT has.
    fn after_last_chunk(&self) -> Next {
        let ahead = self.policy.pipelining == Pipelining::Chunked;
        match ahead && self.connection.capabilities().offers(Extension::Pipelining) {
            true => Next::Reset,
            false => Next::AwaitEnd,
        }
    }

    fn prove_count(&mut self, next: Next) {
        if let Some(last) = self.active.back_mut() {
            last.proves_count = next == Next::Reset;
        }
    }

    fn send_message(&mut self) -> bool {
        if self.connection.content().is_err() {
            return false;
        }
        let Some((mails, last)) = self.last() else {
            return false;
        };
        let has_recipient = last.has_recipient();
        // Without a recipient: the final dot alone, and never a reason to say that the mail was sent.
        last.next = if has_recipient {
            Next::AwaitEnd
        } else {
            Next::Reset
        };
        if has_recipient && mails.message(last.mail).is_none() {
            last.next = Next::Content;
            self.output.begin_message();
            self.mark_awaited();
            return self.begin_content();
        }
        let message = mails.message(last.mail).filter(|_| has_recipient);
        let message = message.unwrap_or_default();
        let regular = last.regular;
        self.output.lines(message, regular);
        self.connection
            .transcript()
            .note(&format_args!("{} octets of message", message.len()));
        self.end_message();
        self.mark_awaited();
        true
    }

    /// The message is to come; nothing else can be sent until then.
    fn begin_content(&mut self) -> bool {
        if let Some(flow) = &mut self.flow {
            flow.begin();
        }
        false
    }

    fn end_message(&mut self) {
        let mark = self.output.mark();
        if let Some(last) = self.active.back_mut() {
            last.end = Some(mark);
        }
    }

    fn mark_awaited(&mut self) {
        let (mark, awaited) = (self.output.mark(), self.connection.awaited());
        self.marks.resize(awaited.max(self.marks.len()), mark);
    }

    /// Sends a command of the last transaction, if window and connection permit it.
    fn send(&mut self, command: &Command<'_>, next: Next) -> bool {
        if self.connection.awaited() > 0 && self.must_wait() {
            return false;
        }
        if self.connection.must_await_reply(command.awaited()) {
            return false;
        }
        let connection = &mut self.connection;
        if let Err(error) = self.output.commands(|out| connection.send(command, out)) {
            // No reply will change that: the mail was checked against the same rules.
            self.fail(error);
            return false;
        }
        self.mark_awaited();
        if let Some(last) = self.active.back_mut() {
            last.next = next;
        }
        true
    }

    /// Whether so much is unanswered that a reply must come first.
    fn must_wait(&self) -> bool {
        let unanswered = self.output.mark().commands - self.answered.commands;
        self.policy.pipelining == Pipelining::Off || unanswered >= self.policy.limits.window as u64
    }

    fn last(&mut self) -> Option<(Batch<'m>, &mut Transaction)> {
        self.active.back_mut().map(|last| (self.mails, last))
    }

    fn runs_ahead(&self, level: Pipelining) -> bool {
        let chunk = self.active.back().map(|last| last.carriage) == Some(Carriage::Chunk);
        let level = match level {
            Pipelining::LookAhead if chunk => Pipelining::Chunked,
            level => level,
        };
        self.policy.pipelining >= level
            && self.connection.capabilities().offers(Extension::Pipelining)
            && self.chunks_in_flight() < self.policy.limits.chunks
    }

    fn chunks_in_flight(&self) -> usize {
        let chunks = self.active.iter().filter(|t| t.carriage == Carriage::Chunk);
        let sizes = chunks.filter_map(|t| self.mails.message(t.mail).map(<[u8]>::len));
        sizes.sum()
    }

    // ---- verdicts ----

    fn settle_by_reply(&mut self, mail: usize, to: Vec<usize>, stage: Stage, reply: &Reply) {
        self.settle(mail, |tally| {
            to.iter()
                .for_each(|&index| tally.reply(index, stage, reply));
        });
    }

    fn settle(&mut self, mail: usize, verdicts: impl FnOnce(&mut Tally)) {
        let Some(slot) = self.tallies.get_mut(mail) else {
            return;
        };
        let Some(tally) = slot else {
            return;
        };
        verdicts(tally);
        if !tally.is_settled() {
            return;
        }
        if let (Some(tally), Some(envelope)) = (slot.take(), self.mails.envelope(mail)) {
            let outcomes = tally.into_outcomes(envelope);
            self.settled.push_back((mail, outcomes));
        }
    }
}

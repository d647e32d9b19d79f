//! What the planner makes of each reply. Every status is looked at, and every reply is matched by count and position
//! (both are demanded by RFC 2920 §3.1).

use super::Planner;
use super::transaction::{Full, Next};
use crate::output::Mark;
use crate::{Awaited, Error, ErrorKind, Event, Meaning, Outcome, Protocol, Stage};

impl Planner<'_> {
    pub(super) fn on_event(&mut self, event: &Event) -> Result<(), Error> {
        self.heard |= event.reply.code().value() != 421;
        if let Some(mark) = self.marks.pop_front() {
            self.answered = mark;
            if !self.output.reached(mark) && !self.refuses_for_nobody(event, mark) {
                return self.on_premature(event);
            }
        }
        match event.to {
            Awaited::Mail => self.on_mail(event),
            Awaited::Rcpt => self.on_rcpt(event),
            Awaited::Data => self.on_data(event),
            Awaited::EndOfData | Awaited::LastChunk => self.on_end(event),
            Awaited::Chunk => self.on_chunk(event),
            Awaited::Reset => self.on_reset(event),
            _ => {}
        }
        if event.reply.code().value() == 421 {
            return self.on_closing(event);
        }
        if event.to == Awaited::Reset && event.meaning == Meaning::Refused {
            let error = Error::new(Stage::Reset, ErrorKind::Refused(event.reply.clone()));
            self.fail(error.clone());
            return Err(error);
        }
        self.fill();
        Ok(())
    }

    fn on_mail(&mut self, event: &Event) {
        let Some(first) = self.active.front_mut() else {
            return;
        };
        if event.meaning == Meaning::Done {
            return;
        }
        first.refused = true;
        if matches!(first.next, Next::Rcpt | Next::Data) {
            first.next = Next::Reset;
        }
        let (mail, to) = (first.mail, first.to.clone());
        self.settle_by_reply(mail, to, Stage::Mail, &event.reply);
    }

    fn on_rcpt(&mut self, event: &Event) {
        let Some(first) = self.active.front_mut() else {
            return;
        };
        let Some(&index) = first.to.get(first.answered) else {
            return;
        };
        first.answered += 1;
        if first.refused {
            return;
        }
        let is_full = match (event.meaning, first.accepted.is_empty()) {
            (Meaning::Refused, false) => Full::of(&event.reply),
            _ => Full::No,
        };
        // One whom another transaction took was not refused: it was the number.
        let fits = first.perhaps_fits.take();
        if let Some(fits) = fits.filter(|_| event.meaning == Meaning::Done) {
            self.limits.recipients = self.limits.recipients.min(fits);
        }
        match (event.meaning, is_full) {
            (Meaning::Done, _) => {
                first.accepted.push(index);
                self.refuse_doubtful();
            }
            (_, Full::Yes) => {
                first.postponed.push(index);
                first.full = true;
                let fits = self.limits.recipients.min(first.accepted.len());
                self.limits.recipients = fits;
            }
            (_, Full::Perhaps) => {
                first.doubtful.push((index, event.reply.clone()));
                first.full = true;
            }
            (_, Full::No) => {
                let mail = first.mail;
                self.settle_by_reply(mail, vec![index], Stage::Rcpt, &event.reply);
            }
        }
        self.part_from_rest();
    }

    /// A transaction that takes somebody else was not full: what was said before was said of those recipients.
    fn refuse_doubtful(&mut self) {
        let Some(first) = self.active.front_mut() else {
            return;
        };
        let mail = first.mail;
        for (index, reply) in std::mem::take(&mut first.doubtful) {
            self.settle_by_reply(mail, vec![index], Stage::Rcpt, &reply);
        }
    }

    /// Once all RCPT are answered: those that did not fit go into a further transaction.
    fn part_from_rest(&mut self) {
        let Some(first) = self.active.front_mut() else {
            return;
        };
        let complete = first.full || first.sent == first.to.len();
        if complete && first.answered == first.sent {
            if let Some(rest) = first.rest() {
                self.further.push_front(rest);
            }
        }
    }

    fn on_data(&mut self, event: &Event) {
        let Some(first) = self.active.front_mut() else {
            return;
        };
        if event.meaning == Meaning::Continue {
            first.next = Next::Message;
            return;
        }
        first.next = Next::Reset;
        let (mail, accepted) = (first.mail, std::mem::take(&mut first.accepted));
        self.settle_by_reply(mail, accepted, Stage::Data, &event.reply);
    }

    fn on_end(&mut self, event: &Event) {
        let protocol = self.connection.protocol();
        let Some(first) = self.active.front_mut() else {
            return;
        };
        let mail = first.mail;
        let (settled, is_last) = match protocol {
            _ if !first.has_recipient() => (Vec::new(), true),
            Protocol::Smtp => (std::mem::take(&mut first.accepted), true),
            Protocol::Lmtp => {
                let index = first.accepted.get(first.finals).copied();
                first.finals += 1;
                (
                    index.into_iter().collect(),
                    first.finals >= first.accepted.len(),
                )
            }
        };
        if first.proves_count {
            // A reply too many would make the one to RCPT pass for this one.
            if event.meaning == Meaning::Done {
                first.unproven.push((settled, event.reply.clone()));
                return;
            }
            return self.settle_by_reply(mail, settled, Stage::EndOfData, &event.reply);
        }
        let failed_chunk = event.to == Awaited::LastChunk && event.meaning == Meaning::Refused;
        if failed_chunk && first.next == Next::AwaitEnd && self.active.len() == 1 {
            // RFC 3030 §2: only RSET may follow a BDAT that failed.
            if let Some(first) = self.active.front_mut() {
                first.next = Next::Reset;
            }
        } else if is_last && self.front_is(Next::AwaitEnd) {
            self.active.pop_front();
        }
        self.settle_by_reply(mail, settled, Stage::EndOfData, &event.reply);
    }

    /// A refused chunk is a refused message: what follows of it is not read.
    fn on_chunk(&mut self, event: &Event) {
        if let Some(flow) = &mut self.flow {
            flow.chunk_answered();
        }
        if event.meaning != Meaning::Refused {
            return;
        }
        let Some(first) = self.active.front_mut() else {
            return;
        };
        if first.next == Next::Content {
            first.next = Next::Reset;
        }
        let (mail, accepted) = (first.mail, std::mem::take(&mut first.accepted));
        self.settle_by_reply(mail, accepted, Stage::Content, &event.reply);
    }

    fn front_is(&self, next: Next) -> bool {
        self.active.front().is_some_and(|first| first.next == next)
    }

    fn on_reset(&mut self, event: &Event) {
        let first = self.active.front();
        let unproven = first.is_some_and(|first| !first.unproven.is_empty());
        if unproven && event.meaning != Meaning::Done {
            return;
        }
        let Some(first) = self.active.pop_front() else {
            return;
        };
        for (to, reply) in first.unproven {
            self.settle_by_reply(first.mail, to, Stage::EndOfData, &reply);
        }
    }

    /// `421`: whoever was concerned has it as the verdict; nothing behind it was processed.
    fn on_closing(&mut self, event: &Event) -> Result<(), Error> {
        let stage = event.to.stage();
        let in_transaction = matches!(stage, Stage::Mail | Stage::Rcpt | Stage::Data);
        if let Some(first) = self.active.front_mut().filter(|_| in_transaction) {
            let (mail, to) = (first.mail, std::mem::take(&mut first.to));
            self.settle_by_reply(mail, to, stage, &event.reply);
        }
        let error = Error::new(stage, ErrorKind::Closing(event.reply.clone()));
        self.leave_unknown(&error);
        self.defer_all(&error);
        Err(error)
    }

    /// LMTP: whoever's final reply was still to come after `421`. The server had the whole message by then. And whoever's reply
    /// is not proven to be the final one.
    fn leave_unknown(&mut self, error: &Error) {
        let Some(first) = self.active.front() else {
            return;
        };
        let mut rest = match first.finals {
            0 => Vec::new(),
            finals => first.accepted.get(finals..).unwrap_or_default().to_vec(),
        };
        rest.extend(first.unproven.iter().flat_map(|(to, _)| to));
        let mail = first.mail;
        self.settle(mail, |tally| {
            let rest = rest.iter();
            rest.for_each(|&index| tally.error(index, Outcome::Unknown, error));
        });
    }

    /// Whether it refuses a chunk that nobody is to receive, before that is written to its end. The server knows how long it is,
    /// and passes over it: the dialogue goes on. Before the command is written, nothing can be its reply.
    fn refuses_for_nobody(&self, event: &Event, end: Mark) -> bool {
        let is_chunk = matches!(event.to, Awaited::Chunk | Awaited::LastChunk);
        let first = self.active.front();
        let for_nobody = first.is_some_and(|first| !first.has_recipient());
        let command = Mark { messages: 0, ..end };
        let is_refused = is_chunk && event.meaning == Meaning::Refused;
        is_refused && for_nobody && self.output.reached(command)
    }

    /// The server answered what it cannot have read to its end.
    fn on_premature(&mut self, event: &Event) -> Result<(), Error> {
        let reply = event.reply.clone();
        let mut error = Error::new(event.to.stage(), ErrorKind::Unsolicited(reply.clone()));
        let in_message = matches!(
            event.to,
            Awaited::EndOfData | Awaited::Chunk | Awaited::LastChunk
        );
        let refusal = in_message && event.meaning == Meaning::Refused;
        if let Some(first) = self.active.front_mut().filter(|_| refusal) {
            // It will not have this message, and does not wait to say so.
            let (mail, accepted) = (first.mail, std::mem::take(&mut first.accepted));
            self.settle_by_reply(mail, accepted, Stage::Content, &reply);
            error = Error::new(Stage::Content, ErrorKind::Closing(reply));
        }
        self.fail(error.clone());
        Err(error)
    }
}

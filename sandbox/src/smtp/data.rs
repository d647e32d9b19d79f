//! DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030 §2): the content, and the verdict on it.

use super::content::{Content, Progress};
use super::received;
use super::server::{SmtpServer, State, Transaction};
use crate::fault::{Action, Protocol, Stage};
use crate::mail::Arrival;
use crate::step::{Next, Step};
use bytes::{Bytes, BytesMut};

impl SmtpServer {
    pub(super) fn data(&mut self, out: &mut BytesMut) {
        match &self.session.transaction {
            None => self.say(out, 503, "5.5.1", "MAIL first"),
            Some(t) if t.chunks.is_some() => {
                self.say(
                    out,
                    503,
                    "5.5.1",
                    "BDAT has begun, and DATA may not follow it",
                );
            }
            Some(t) if t.recipients.is_empty() => {
                self.say(out, 554, "5.5.1", "no valid recipients");
            }
            Some(_) => {
                let mut content = Content::new(self.service.settings().limits.message);
                content.cut_at(self.plan_content());
                self.state = State::Data(Box::new(content));
                self.say(out, 354, "", "end with <CRLF>.<CRLF>");
            }
        }
    }

    /// Nothing is answered before the chunk is there.
    pub(super) fn bdat(&mut self, said: String, octets: usize, last: bool) {
        let cut = self.plan_content();
        let limit = self.service.settings().limits.message;
        if let Some(transaction) = &mut self.session.transaction
            && !transaction.recipients.is_empty()
        {
            let content = transaction
                .chunks
                .get_or_insert_with(|| Content::new(limit));
            content.cut_at(cut);
        }
        self.state = State::Chunk {
            said,
            remaining: octets,
            last,
        };
    }

    /// What the script does while content comes in; the octets after which it cuts the connection are returned.
    fn plan_content(&mut self) -> Option<usize> {
        let plan = self
            .service
            .script()
            .pass(Protocol::Smtp, &[Stage::Content]);
        let cut = plan.content_limit();
        self.content_plan = (!plan.is_empty()).then_some(plan);
        cut
    }

    /// Plays the faults planned for the beginning of the content.
    pub(super) fn content_step(&mut self, out: &mut BytesMut) -> Option<Step> {
        let plan = self.content_plan.take()?;
        let step = Step::new(Stage::Content, "");
        let mut step = self.planned_step(plan, step, out, |_, _| {});
        step.actions
            .retain(|action| !matches!(action, Action::DropAfterBytes(_)));
        Some(step)
    }

    pub(super) fn receive_content(
        &mut self,
        input: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Option<Step> {
        let State::Data(content) = &mut self.state else {
            return None;
        };
        match content.take_lines(input) {
            Progress::More => None,
            Progress::Cut => Some(self.cut()),
            Progress::Complete => {
                let State::Data(content) = std::mem::replace(&mut self.state, State::Command)
                else {
                    return None;
                };
                let said = format!("({} octets of content)", content.octets());
                Some(self.end_of_data(&[Stage::EndOfData], said, *content, out))
            }
        }
    }

    pub(super) fn receive_chunk(
        &mut self,
        input: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Option<Step> {
        let State::Chunk { remaining, .. } = &mut self.state else {
            return None;
        };
        let chunk = input.split_to(input.len().min(*remaining));
        *remaining -= chunk.len();
        let complete = *remaining == 0;
        let mut progress = Progress::More;
        if let Some(t) = &mut self.session.transaction
            && let Some(content) = &mut t.chunks
        {
            progress = content.take_chunk(&chunk);
        }
        if progress == Progress::Cut {
            return Some(self.cut());
        }
        if !complete {
            return None;
        }
        let State::Chunk { said, last, .. } = std::mem::replace(&mut self.state, State::Command)
        else {
            return None;
        };
        Some(self.chunk_complete(said, last, out))
    }

    fn chunk_complete(&mut self, said: String, last: bool, out: &mut BytesMut) -> Step {
        let usable = |t: &Transaction| t.chunks.is_some() && !t.chunks_failed;
        if !self.session.transaction.as_ref().is_some_and(usable) {
            return self.chunk_without_transaction(said, last, out);
        }
        if last && let Some(content) = self.take_chunks() {
            return self.end_of_data(&[Stage::Bdat, Stage::EndOfData], said, content, out);
        }
        let plan = self.service.script().pass(Protocol::Smtp, &[Stage::Bdat]);
        let refused = !plan.permits();
        let step = self.planned_step(plan, Step::new(Stage::Bdat, said), out, |server, out| {
            server.say(out, 250, "2.0.0", "chunk received");
        });
        if let Some(transaction) = &mut self.session.transaction {
            transaction.chunks_failed |= refused;
        }
        step
    }

    /// RFC 3030 §2: the octets of a chunk that is refused are read all the same.
    fn chunk_without_transaction(&mut self, said: String, last: bool, out: &mut BytesMut) -> Step {
        let no_recipients = self
            .session
            .transaction
            .as_ref()
            .is_some_and(|t| t.recipients.is_empty());
        let step = self.step(Stage::Bdat, said, out, |server, out| match no_recipients {
            true => server.say(out, 554, "5.5.1", "no valid recipients"),
            false => server.say(out, 503, "5.5.1", "no mail transaction for this chunk"),
        });
        if last {
            self.session.transaction = None;
        }
        step
    }

    fn take_chunks(&mut self) -> Option<Content> {
        self.session.transaction.as_mut()?.chunks.take()
    }

    /// The content is there: the transaction ends, whatever the reply is (RFC 5321 §4.1.1.4).
    fn end_of_data(
        &mut self,
        names: &[Stage],
        said: String,
        content: Content,
        out: &mut BytesMut,
    ) -> Step {
        let transaction = self.session.transaction.take().unwrap_or_default();
        let mut plan = self.service.script().pass(Protocol::Smtp, names);
        plan.also(transaction.at_end.clone());
        let step = Step::new(Stage::EndOfData, said);
        self.planned_step(plan, step, out, |server, out| {
            match verdict(&content, &transaction) {
                Some((code, enhanced, text)) => server.say(out, code, enhanced, text),
                None => server.store(transaction, content.into_bytes(), out),
            }
        })
    }

    fn store(&mut self, transaction: Transaction, content: Bytes, out: &mut BytesMut) {
        let content = match self.service.settings().received_field {
            true => self.with_received_field(&transaction, &content),
            false => content,
        };
        let arrival = Arrival {
            from: transaction.from,
            recipients: transaction.recipients,
            parameters: transaction.parameters,
            content,
            tls: self.session.tls,
            user: self.session.user.clone(),
            client: self.session.client.clone().unwrap_or_default(),
            received_at: self.now,
        };
        let stored = self
            .service
            .store()
            .accept(arrival, &transaction.destinations);
        match stored {
            Ok(copies) => {
                let id = copies.first().map_or(0, |mail| mail.id);
                self.say(out, 250, "2.0.0", format_args!("Ok: queued as {id}"));
            }
            Err(_) => self.say(out, 452, "4.3.1", "the sandbox is full"),
        }
    }

    fn with_received_field(&self, transaction: &Transaction, content: &[u8]) -> Bytes {
        let client = self.session.client.as_deref().unwrap_or_default();
        let host = &self.service.settings().hostname;
        // The names are registered with IANA as "Mail Transmission Types" (RFC 3848, RFC 6531 §4.3).
        let base = match (self.session.extended, transaction.utf8) {
            (false, _) => "SMTP",
            (true, false) => "ESMTP",
            (true, true) => "UTF8SMTP",
        };
        let secure = if self.session.tls && self.session.extended {
            "S"
        } else {
            ""
        };
        let authenticated = if self.session.user.is_some() { "A" } else { "" };
        let protocol = format!("{base}{secure}{authenticated}");
        let field = received::field(client, host, &protocol, self.now);
        [field.as_bytes(), content].concat().into()
    }

    fn cut(&mut self) -> Step {
        self.state = State::Closed;
        let mut step = Step::new(Stage::Content, "");
        step.next = Next::Drop;
        step
    }
}

/// Why a content is refused, if it is.
fn verdict(
    content: &Content,
    transaction: &Transaction,
) -> Option<(u16, &'static str, &'static str)> {
    if content.is_too_large() {
        Some((552, "5.3.4", "the mail is too large"))
    } else if content.has_bare_line_end() {
        Some((554, "5.6.0", "a CR or LF stands alone in the content"))
    } else if content.is_eight_bit() && !transaction.eight_bit && !transaction.utf8 {
        Some((
            554,
            "5.6.3",
            "the content has 8-bit octets, but BODY=8BITMIME was not given",
        ))
    } else {
        None
    }
}

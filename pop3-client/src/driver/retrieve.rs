use super::error::{Error, ErrorKind};
use super::link::Link;
use super::session::Session;
use super::window::Window;
use crate::connection::Received;
use crate::{Command, Event, MessageNumber, Reply, Request, ResponseCode, Violation};
use bytes::Buf;
use postrider_wire::escape::Escaped;
use std::ops::ControlFlow;

/// What `retr_many` and `top_many` hand over, message by message, in the order asked for; but a refusal may come behind the
/// first pieces of the next message, where those show whose it is.
#[derive(Clone, Copy, Debug)]
pub enum Retrieved<'a> {
    /// A piece of a message.
    Chunk {
        /// The message.
        number: MessageNumber,
        /// The piece, dots removed, line endings as sent.
        bytes: &'a [u8],
    },
    /// The message is whole, and it is certain that it is this one.
    End {
        /// The message.
        number: MessageNumber,
        /// Its octets.
        octets: u64,
    },
    /// The server refused this message; the others are not affected.
    Refused {
        /// The message.
        number: MessageNumber,
        /// The server's words.
        reply: &'a Reply,
    },
}

/// What the server said to the DELE of each message, in order.
pub type DeleReplies = Vec<(MessageNumber, Result<(), Reply>)>;

/// Octets that a message is taken to have if LIST was not asked.
const USUAL: u64 = 16 << 10;

impl<L: Link> Session<L> {
    /// RETR of many messages, as many in flight as the server bears.
    pub(crate) async fn retr_many(
        &mut self,
        numbers: &[MessageNumber],
        sink: &mut impl FnMut(Retrieved<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.messages(numbers, Command::Retr, sink).await
    }

    /// TOP of many messages, likewise.
    pub(crate) async fn top_many(
        &mut self,
        numbers: &[MessageNumber],
        lines: u32,
        sink: &mut impl FnMut(Retrieved<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.messages(numbers, |number| Command::Top(number, lines), sink)
            .await
    }

    async fn messages(
        &mut self,
        numbers: &[MessageNumber],
        command: impl Fn(MessageNumber) -> Command,
        sink: &mut impl FnMut(Retrieved<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut fault = None;
        let mut answered = |answer: Answer<'_>| match retrieved(answer) {
            Some(retrieved) => sink(retrieved),
            None => ControlFlow::Continue(()),
        };
        let flown = self
            .flight(numbers, command, Order::Proven, &mut answered, &mut fault)
            .await;
        let stopped = matches!(&flown, Err(error) if matches!(error.kind(), ErrorKind::Stopped));
        match fault.filter(|_| !stopped) {
            // Whatever became of the session behind it: that is not for any message.
            Some(fault) => {
                self.alone = None;
                Err(fault)
            }
            None => flown,
        }
    }

    /// DELE of many messages: what the server said to each.
    pub(crate) async fn dele_many(
        &mut self,
        numbers: &[MessageNumber],
    ) -> Result<DeleReplies, Error> {
        let mut results = Vec::with_capacity(numbers.len());
        let mut answered = |answer: Answer<'_>| {
            match answer {
                Answer::Event(Event::Accepted {
                    request: Request::Dele(number),
                    ..
                }) => results.push((*number, Ok(()))),
                Answer::Event(Event::Refused {
                    request: Some(Request::Dele(number)),
                    reply,
                }) => {
                    results.push((*number, Err(reply.clone())));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        };
        let order = Order::Believed;
        self.flight(numbers, Command::Dele, order, &mut answered, &mut None)
            .await?;
        Ok(results)
    }

    /// Sends `command` for each number and hands over each event. After `[SYS/PERM]` nothing more is sent; what is in
    /// flight is still taken, and `fault` says why it ended early.
    ///
    /// An answer does not say to which command it belongs: it follows from their order alone. If a server leaves one out, or
    /// says a line too much, all others are taken for those of their neighbours. So, where several messages are in flight,
    /// behind the command for each travels `LIST n`, the answer to which names the message; one at a time, a refusal is
    /// followed by STAT, for it may be a word too many about the message before. The end of a message, or its refusal, is
    /// handed over when that is answered as it must be. A message that is not there has both refused: then the next one
    /// that is listed shows the order, or STAT behind the last. It costs no round trip but those after a refusal.
    ///
    /// Not noticed: another message in the place of the right one, between two answers to LIST that are both in theirs.
    async fn flight(
        &mut self,
        numbers: &[MessageNumber],
        command: impl Fn(MessageNumber) -> Command,
        order: Order,
        answered: &mut impl FnMut(Answer<'_>) -> ControlFlow<()>,
        fault: &mut Option<Error>,
    ) -> Result<(), Error> {
        let proven = order == Order::Proven;
        let marked = proven && numbers.len() > 1 && self.pipelines();
        let mut window = self.window(if marked { 2 } else { 1 });
        let mut waiting = numbers.iter().copied().peekable();
        // What waits for its LIST, and what comes with the next proof.
        let (mut held, mut concludes) = (None, Vec::new());
        loop {
            while let Some(&next) = waiting.peek() {
                if fault.is_some() || !window.may_send(self.expected(next)) {
                    break;
                }
                if window.is_idle() {
                    self.request(&command(next)).await?;
                } else {
                    self.send(&command(next))?;
                }
                if marked {
                    self.send(&Command::List(Some(next)))?;
                }
                self.alone = Some(next).filter(|_| proven && !marked);
                window.sent(self.expected(next));
                waiting.next();
            }
            if window.is_idle() {
                return Ok(());
            }
            let event = match self.received().await? {
                Received::Event(event) => event,
                Received::Piece(number, length) => {
                    let bytes = self.input.get(..length).unwrap_or_default();
                    if answered(Answer::Piece(number, bytes)).is_break() {
                        return Err(self.give_up(ErrorKind::Stopped));
                    }
                    self.input.advance(length);
                    continue;
                }
            };
            match (concluded(&event), event) {
                (Some(number), event) => {
                    self.note_fault(&event, fault);
                    let refused = matches!(event, Event::Refused { .. });
                    let answer = (event, self.expected(number));
                    if marked {
                        held = Some(answer);
                        continue;
                    }
                    concludes.push(answer);
                    if proven && refused {
                        self.prove().await?;
                        continue;
                    }
                }
                (None, Event::Finished { .. }) => concludes.extend(held.take()),
                (None, Event::Refused { request, reply }) => match held.take() {
                    Some(refusal @ (Event::Refused { .. }, _)) => {
                        concludes.push(refusal);
                        if self.pop3.awaited().len() == 0 {
                            self.prove().await?;
                        }
                        continue;
                    }
                    _ => return Err(self.out_of_step(request, &reply)),
                },
                (None, _) => continue,
            }
            for (event, octets) in concludes.drain(..) {
                self.alone = None;
                window.answered(octets);
                if answered(Answer::Event(&event)).is_break() {
                    return Err(self.give_up(ErrorKind::Stopped));
                }
            }
        }
    }

    /// After `[SYS/PERM]` nothing more will come of it.
    fn note_fault(&self, event: &Event, fault: &mut Option<Error>) {
        if let Event::Refused {
            request: Some(request),
            reply,
        } = event
        {
            if reply.code() == Some(&ResponseCode::SysPerm) && fault.is_none() {
                *fault = Some(self.refused(*request, reply.clone()));
            }
        }
    }

    /// What was to prove the order of the answers was refused.
    fn out_of_step(&mut self, request: Option<Request>, reply: &Reply) -> Error {
        let request = request.unwrap_or(Request::Stat);
        let line = Escaped(&reply.to_line()).to_string();
        let violation = Violation::OutOfStep { request, line };
        self.give_up(ErrorKind::Violation(violation))
    }

    /// For so many commands at a time.
    fn window(&self, commands: usize) -> Window {
        if self.pipelines() {
            Window::adaptive(L::MOST_IN_FLIGHT / commands)
        } else {
            Window::lock_step()
        }
    }

    fn expected(&self, number: MessageNumber) -> u64 {
        self.pop3.listed_octets(number).unwrap_or(USUAL)
    }
}

/// Whether it matters that an answer is that of its command, and not of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// It does.
    Proven,
    /// It does not: every command is about something that may happen in any case.
    Believed,
}

/// What a flight hands over: a piece of a message, or any other event.
enum Answer<'a> {
    Piece(MessageNumber, &'a [u8]),
    Event(&'a Event),
}

/// What an answer says of a message that was asked for.
fn retrieved(answer: Answer<'_>) -> Option<Retrieved<'_>> {
    let of = |request: &Request| match request {
        Request::Retr(number) | Request::Top(number) => Some(*number),
        _ => None,
    };
    Some(match answer {
        Answer::Piece(number, bytes) => Retrieved::Chunk { number, bytes },
        Answer::Event(Event::Finished { request, octets }) => Retrieved::End {
            number: of(request)?,
            octets: *octets,
        },
        Answer::Event(Event::Refused {
            request: Some(request),
            reply,
        }) => Retrieved::Refused {
            number: of(request)?,
            reply,
        },
        Answer::Event(_) => return None,
    })
}

/// The message whose answer this event completes.
fn concluded(event: &Event) -> Option<MessageNumber> {
    match event {
        Event::Finished { request, .. }
        | Event::Accepted { request, .. }
        | Event::Refused {
            request: Some(request),
            ..
        } => match request {
            Request::Retr(number) | Request::Top(number) | Request::Dele(number) => Some(*number),
            _ => None,
        },
        _ => None,
    }
}

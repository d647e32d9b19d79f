use super::error::{Error, ErrorKind};
use super::link::Link;
use super::session::Session;
use super::window::Window;
use crate::connection::Received;
use crate::{Command, Event, MessageNumber, Reply, Request, ResponseCode};
use bytes::Buf;
use std::ops::ControlFlow;

/// What `retr_many` and `top_many` hand over, message by message, in the order asked for.
#[derive(Clone, Copy, Debug)]
pub enum Retrieved<'a> {
    /// A piece of a message.
    Chunk {
        /// The message.
        number: MessageNumber,
        /// The piece, dots removed, line endings as sent.
        bytes: &'a [u8],
    },
    /// The message is whole.
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
        self.flight(numbers, command, &mut answered, &mut fault)
            .await?;
        fault.map_or(Ok(()), Err)
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
        self.flight(numbers, Command::Dele, &mut answered, &mut None)
            .await?;
        Ok(results)
    }

    /// Sends `command` for each number and hands over each event. After `[SYS/PERM]` nothing more is sent; what is in
    /// flight is still taken, and `fault` says why it ended early.
    async fn flight(
        &mut self,
        numbers: &[MessageNumber],
        command: impl Fn(MessageNumber) -> Command,
        answered: &mut impl FnMut(Answer<'_>) -> ControlFlow<()>,
        fault: &mut Option<Error>,
    ) -> Result<(), Error> {
        let mut window = self.window();
        let mut waiting = numbers.iter().copied().peekable();
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
            if let Some(number) = concluded(&event) {
                window.answered(self.expected(number));
            }
            if let Event::Refused {
                request: Some(request),
                reply,
            } = &event
            {
                if reply.code() == Some(&ResponseCode::SysPerm) && fault.is_none() {
                    *fault = Some(self.refused(*request, reply.clone()));
                }
            }
            if answered(Answer::Event(&event)).is_break() {
                return Err(self.give_up(ErrorKind::Stopped));
            }
        }
    }

    fn window(&self) -> Window {
        let listed = self.pop3.capabilities().pipelining();
        if listed && self.config.may_pipeline() {
            Window::adaptive(L::MOST_IN_FLIGHT)
        } else {
            Window::lock_step()
        }
    }

    fn expected(&self, number: MessageNumber) -> u64 {
        self.pop3.listed_octets(number).unwrap_or(USUAL)
    }
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

use crate::limits::Limits;
use crate::{Capabilities, Event, Reply, Request, State, Violation};
use bytes::{Bytes, BytesMut};
use postrider_wire::Redactor;
use postrider_wire::escape::Escaped;
use postrider_wire::line::{LineReader, trim_ending};
use postrider_wire::sasl::ChannelBinding;
use std::borrow::Cow;
use std::collections::VecDeque;

#[cfg(feature = "apop")]
mod apop;
mod dialogue;
mod maildrop;
mod response;
mod send;

use dialogue::Dialogue;
use maildrop::Maildrop;
use response::Response;

/// A POP3 session as a state machine: no socket, no clock, no task.
///
/// # The contract
/// [`send`](Self::send) appends a command to `out`, or returns [`Local`](crate::Local) and has changed nothing.
/// [`receive`](Self::receive) takes what the server said from the front of `input` and returns one [`Event`]; call it
/// until it returns `None`, which means that more bytes are needed. Bytes that it leaves in `input` must be there,
/// in front, at the next call. When the peer closes, call [`end_of_input`](Self::end_of_input). How the input is cut
/// never matters, and nothing is buffered beyond [`Limits`]. After a [`Violation`] the state is [`State::Closed`]
/// and the connection must be closed **without QUIT**, so that the server removes nothing.
///
/// What was sent and not yet answered is a queue; the state moves when answers arrive. With PIPELINING (RFC 2449 §6.6)
/// several commands may be in flight; commands on whose answer everything depends are not sent together with others.
///
/// After [`State::TlsNegotiation`] is reached, do the handshake and call [`tls_started`](Self::tls_started).
///
/// ```
/// use bytes::BytesMut;
/// use postrider_pop3::{Command, Connection, Event, Limits, Request};
///
/// let (mut pop3, mut out) = (Connection::new(Limits::default()), BytesMut::new());
/// let mut input = BytesMut::from(&b"+OK POP3 server ready\r\n"[..]);
/// assert!(matches!(pop3.receive(&mut input)?, Some(Event::Greeting(_))));
///
/// pop3.send(&Command::Quit, &mut out)?;
/// assert_eq!(out, &b"QUIT\r\n"[..]);
/// input.extend_from_slice(b"+OK bye\r\n");
/// let event = pop3.receive(&mut input)?;
/// assert!(matches!(event, Some(Event::Accepted { request: Request::Quit, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    state: State,
    awaited: VecDeque<Request>,
    response: Option<Response>,
    ready: VecDeque<Event>,
    lines: LineReader,
    capabilities: Capabilities,
    maildrop: Maildrop,
    dialogue: Option<Dialogue>,
    user_accepted: bool,
    utf8: bool,
    tls: bool,
    /// What a login can be bound to.
    binding: Option<ChannelBinding>,
    greeting: Option<Reply>,
    /// What we said to log in: it is left out of the server's words, then and later.
    secrets: Redactor,
}

/// What the session is waiting for; a driver gives each its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The server's first line.
    Greeting,
    /// The status line of an answer.
    Reply,
    /// The lines of a listing.
    Listing,
    /// The body of a message.
    Body,
    /// The TLS handshake.
    Tls,
    /// The answer to QUIT, while the server removes messages.
    Quit,
    /// Nothing: it is our turn.
    Idle,
}

/// What was received: an event, or the number of a message and how many octets at the front of the input belong to it.
///
/// A message with many dots comes in many small pieces. To count references for each is most of the work; whoever only looks at
/// them, as the driver does, need not.
#[derive(Debug)]
pub(crate) enum Received {
    Event(Event),
    Piece(crate::MessageNumber, usize),
}

impl Received {
    /// The event; a piece is taken from the input.
    pub(crate) fn take(self, input: &mut BytesMut) -> Event {
        match self {
            Self::Event(event) => event,
            Self::Piece(number, length) => Event::Body {
                number,
                bytes: input.split_to(length).freeze(),
            },
        }
    }
}

impl Connection {
    /// A session in which nothing was said yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            lines: LineReader::new(limits.status_line),
            maildrop: Maildrop::new(limits.max_entries),
            limits,
            state: State::Greeting,
            awaited: VecDeque::new(),
            response: None,
            ready: VecDeque::new(),
            capabilities: Capabilities::default(),
            dialogue: None,
            user_accepted: false,
            utf8: false,
            tls: false,
            binding: None,
            greeting: None,
            secrets: Redactor::default(),
        }
    }

    /// Where the session stands, by what the server confirmed.
    pub fn state(&self) -> State {
        self.state
    }

    /// What the session is waiting for.
    pub fn phase(&self) -> Phase {
        match (self.state, &self.response) {
            (State::Greeting, _) => Phase::Greeting,
            (State::TlsNegotiation, _) => Phase::Tls,
            (_, Some(Response::Body(_))) => Phase::Body,
            (_, Some(Response::Listing(_))) => Phase::Listing,
            (State::Closed, None) => Phase::Idle,
            (_, None) => match self.awaited.front() {
                Some(Request::Quit) => Phase::Quit,
                Some(_) => Phase::Reply,
                None => Phase::Idle,
            },
        }
    }

    /// What was sent and is not answered yet, oldest first.
    pub fn awaited(&self) -> impl ExactSizeIterator<Item = Request> + '_ {
        self.awaited.iter().copied()
    }

    /// What the server said it can do, when it was last asked.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The greeting; forgotten when TLS begins, because anybody could have written it.
    pub fn greeting(&self) -> Option<&Reply> {
        self.greeting.as_ref()
    }

    /// The size of a message as LIST gave it in this session.
    pub fn listed_octets(&self, number: crate::MessageNumber) -> Option<u64> {
        self.maildrop.octets(number)
    }

    /// Takes the next event from the front of `input`; `None` means that more bytes are needed.
    ///
    /// # Errors
    /// [`Violation`] if the server broke the protocol; the session is over.
    pub fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Event>, Violation> {
        let received = self.receive_in_place(input)?;
        Ok(received.map(|received| received.take(input)))
    }

    /// As [`receive`](Self::receive), but a piece of a message stays at the front of `input`.
    pub(crate) fn receive_in_place(
        &mut self,
        input: &mut BytesMut,
    ) -> Result<Option<Received>, Violation> {
        if let Some(event) = self.ready.pop_front() {
            return Ok(Some(Received::Event(event)));
        }
        let received = self.receive_bytes(input);
        if received.is_err() {
            self.state = State::Closed;
            self.awaited.clear();
            self.response = None;
        }
        received
    }

    /// The server has closed its side.
    ///
    /// # Errors
    /// [`Violation::Truncated`] if something was still awaited.
    pub fn end_of_input(&mut self) -> Result<(), Violation> {
        let waiting = matches!(self.state, State::Greeting) || !self.awaited.is_empty();
        let request = self.awaited.front().copied();
        self.state = State::Closed;
        self.response = None;
        self.awaited.clear();
        if waiting {
            Err(Violation::Truncated { request })
        } else {
            Ok(())
        }
    }

    /// TLS is in place, either because STLS was accepted or from the first byte.
    ///
    /// After STLS, everything that was learned in clear text is forgotten: greeting and capabilities (RFC 2595 §4).
    pub fn tls_started(&mut self) {
        self.tls = true;
        if self.state == State::TlsNegotiation {
            self.state = State::Authorization;
            self.capabilities = Capabilities::default();
            self.greeting = None;
            self.user_accepted = false;
        }
    }

    /// What a login can be bound to, now that TLS is in place: AUTH with SCRAM-…-PLUS needs it, and SCRAM tells a server
    /// that does not list PLUS that it is there (RFC 5802 §6).
    pub fn bind(&mut self, binding: Option<ChannelBinding>) {
        self.binding = binding;
    }

    /// Whether a login can be bound to the connection.
    pub fn can_be_bound(&self) -> bool {
        self.binding.is_some()
    }

    fn receive_bytes(&mut self, input: &mut BytesMut) -> Result<Option<Received>, Violation> {
        if input.is_empty() {
            return Ok(None);
        }
        if self.response.is_some() {
            return self.receive_response(input);
        }
        match self.state {
            State::TlsNegotiation => return Err(Violation::ClearTextAfterStls),
            State::Greeting => {}
            // When it is closed, nothing is.
            _ if self.awaited.is_empty() => return Err(self.unsolicited(input)),
            _ => {}
        }
        let Some(line) = self.take_line(input)? else {
            return Ok(None);
        };
        if self.state == State::Greeting {
            return self.greet(&line).map(Received::Event).map(Some);
        }
        let event = self.answer(&line)?;
        if self.state == State::TlsNegotiation && !input.is_empty() {
            return Err(Violation::ClearTextAfterStls);
        }
        Ok(Some(Received::Event(event)))
    }

    fn take_line(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, Violation> {
        self.lines
            .take(input)
            .map_err(|e| Violation::LineTooLong { limit: e.limit })
    }

    fn greet(&mut self, line: &Bytes) -> Result<Event, Violation> {
        let reply = self.reply(line, None)?;
        self.state = State::after_greeting(reply.status());
        if !reply.is_ok() {
            return Ok(Event::Refused {
                request: None,
                reply,
            });
        }
        self.greeting = Some(reply.clone());
        Ok(Event::Greeting(reply))
    }

    /// Reads a status line (or a challenge) as the answer to the oldest command in flight.
    fn answer(&mut self, line: &Bytes) -> Result<Event, Violation> {
        let Some(&request) = self.awaited.front() else {
            return Err(Violation::Closed);
        };
        if request == Request::Auth && line.starts_with(b"+") && !line.starts_with(b"+OK") {
            return self.challenge(trim_ending(line)).map(|()| Event::Challenge);
        }
        let reply = self.reply(line, Some(request))?;
        if request == Request::Auth {
            self.conclude_dialogue(&reply)?;
        }
        self.state = self.state.after_reply(request, reply.status());
        if reply.is_ok() {
            return self.accept(request, reply, line);
        }
        self.awaited.pop_front();
        if matches!(request, Request::User | Request::Pass) {
            self.user_accepted = false;
        }
        Ok(Event::Refused {
            request: Some(request),
            reply,
        })
    }

    fn accept(&mut self, request: Request, reply: Reply, line: &[u8]) -> Result<Event, Violation> {
        match request {
            Request::User => self.user_accepted = true,
            Request::Utf8 => self.utf8 = true,
            _ => {}
        }
        if self.begin_response(request, &reply, line)? {
            return Ok(Event::Began { request, reply });
        }
        self.awaited.pop_front();
        Ok(Event::Accepted { request, reply })
    }

    fn unsolicited(&self, input: &[u8]) -> Violation {
        let line = input.split(|b| *b == b'\n').next().unwrap_or_default();
        Violation::Unsolicited(shown(&self.secrets.redact(trim_ending(line))))
    }

    /// Some servers repeat what they were sent, at the time or later. Only the numbers and names that were asked for stay as
    /// they are.
    fn reply(&self, line: &Bytes, request: Option<Request>) -> Result<Reply, Violation> {
        let text = trim_ending(line);
        let asked_for = matches!(
            request,
            Some(Request::Stat | Request::List(Some(_)) | Request::Uidl(Some(_)))
        );
        let text = match self.secrets.redact(text) {
            Cow::Owned(text) if !(asked_for && text.starts_with(b"+OK")) => Bytes::from(text),
            _ => line.slice_ref(text),
        };
        Reply::parse(&text).ok_or_else(|| Violation::NotAReply(shown(&text)))
    }
}

/// The beginning of a line, fit for an error.
fn shown(line: &[u8]) -> String {
    Escaped(line.get(..200).unwrap_or(line)).to_string()
}

#[cfg(test)]
mod tests;

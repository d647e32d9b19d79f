use crate::fault::{Action, Stage};
use bytes::BytesMut;
use std::time::SystemTime;

/// One step of a server: what the client said, where in the dialogue that was, and what comes next. The reply
/// itself was appended to the output.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The point of the dialogue.
    pub stage: Stage,
    /// What the client said, without secrets and line ending; empty if this is no answer to a line.
    pub said: String,
    /// Faults that only a driver can play: delays, silence, and ways of writing.
    pub actions: Vec<Action>,
    /// How it goes on once the output is written.
    pub next: Next,
}

impl Step {
    pub(crate) fn new(stage: Stage, said: impl Into<String>) -> Self {
        Self {
            stage,
            said: said.into(),
            actions: Vec::new(),
            next: Next::Continue,
        }
    }
}

/// How a connection goes on after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// With the next command.
    Continue,
    /// With a TLS handshake, and then [`Machine::tls_started`].
    StartTls,
    /// The server closes the connection, as the protocol has it.
    Close,
    /// The connection is cut, without even the closing words of TLS.
    Drop,
}

impl Next {
    /// Closes the connection, unless it is to be cut anyway.
    pub(crate) fn or_close(self) -> Self {
        match self {
            Self::Drop => Self::Drop,
            _ => Self::Close,
        }
    }
}

/// A server of either protocol: no socket, no clock, no task.
///
/// The contract of its run loop: call [`connect`](Self::connect) when a client has come, do the TLS handshake if it
/// came to a TLS port, call [`greet`](Self::greet), and then [`receive`](Self::receive) whenever input has arrived,
/// again and again until it returns `None`. After each step write the output out and follow [`Step::next`]. How the
/// input is cut into pieces does not matter.
pub trait Machine: Send {
    /// Tells the time, for the mails that are accepted from now on.
    fn set_now(&mut self, now: SystemTime);

    /// A client has connected. Nothing is said unless a fault says it.
    fn connect(&mut self, out: &mut BytesMut) -> Step;

    /// Says the greeting.
    fn greet(&mut self, out: &mut BytesMut) -> Step;

    /// Takes one command, or the rest of the content that followed one, from the front of the input. `None`
    /// means that more is needed; the input that then remains is no longer than one line may be.
    fn receive(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Option<Step>;

    /// The channel is encrypted now: forgets what the client said before (RFC 3207 §4.2, RFC 2595 §4).
    fn tls_started(&mut self);

    /// The client was silent for too long: says so, where the protocol has words for it.
    fn timed_out(&mut self, out: &mut BytesMut) -> Step;
}

use super::command::{self, Command, NotUnderstood};
use super::transaction::Transaction;
use crate::fault::{Plan, Protocol, Stage};
use crate::sasl::Exchange;
use crate::service::{Extension, Service};
use crate::step::{Machine, Next, Step};
use bytes::BytesMut;
use postrider_wire::line::LineReader;
use std::fmt::{self, Display, Write};
use std::time::SystemTime;

/// The server's side of a POP3 connection (RFC 1939 §3).
///
/// ```text
///                  PASS or AUTH: the maildrop is locked              QUIT
///  Authorization ─────────────────────────────────────► Transaction ──────► Update: deletes what was marked
///     │     ▲                                               │
///     │     └── STLS                                        └── connection lost: deletes nothing
///     └── QUIT ──► closed
/// ```
///
/// Message numbers are fixed when the maildrop is locked; mail that arrives later is seen by the next session.
///
/// Not supported: APOP, UTF8 and LANG (RFC 6856), and expiry.
pub struct Pop3Server {
    pub(super) service: Service,
    pub(super) tls: bool,
    pub(super) state: State,
    lines: LineReader,
    errors: usize,
    hung_up: bool,
}

/// The states of RFC 1939 §3; UPDATE lasts no longer than the reply to QUIT.
pub(super) enum State {
    /// Nobody has logged in yet; USER may have been given.
    Authorization { user: Option<String> },
    /// A line of an AUTH dialogue is awaited.
    Auth(Exchange),
    /// The maildrop is ours.
    Transaction(Transaction),
    /// The connection is being closed.
    Closed,
}

impl State {
    pub(super) const START: Self = Self::Authorization { user: None };
}

impl Pop3Server {
    /// A server for one connection.
    pub fn new(service: &Service) -> Self {
        let limits = &service.settings().limits;
        Self {
            lines: LineReader::new(limits.pop3_line.max(limits.auth_line)),
            service: service.clone(),
            tls: false,
            state: State::START,
            errors: 0,
            hung_up: false,
        }
    }

    fn receive_line(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Option<Step> {
        let line = match self.lines.take(input) {
            Ok(line) => line?,
            Err(_) => return Some(self.refuse_line(input, out, "the line is too long")),
        };
        let Some(text) = line.strip_suffix(b"\r\n") else {
            return Some(self.refuse_line(input, out, "a line ends in CRLF, not in LF alone"));
        };
        if text.contains(&b'\r') || text.contains(&0) {
            return Some(self.refuse_line(input, out, "the line holds a CR or NUL"));
        }
        if matches!(self.state, State::Auth(_))
            && let State::Auth(exchange) = std::mem::replace(&mut self.state, State::START)
        {
            return Some(self.auth_response(exchange, text, out));
        }
        let Ok(text) = std::str::from_utf8(text) else {
            return Some(self.refuse_line(input, out, "the line is not UTF-8"));
        };
        let limit = self.service.settings().limits.pop3_line;
        if line.len() > limit {
            return Some(self.refuse_line(input, out, "the line is too long"));
        }
        // Without PIPELINING a client waits for each reply (RFC 2449 §6.6).
        if !input.is_empty() && !self.service.settings().offers(Extension::Pipelining) {
            return Some(self.refuse_line(input, out, "PIPELINING is not offered"));
        }
        Some(self.command(text, input, out))
    }

    fn command(&mut self, line: &str, input: &mut BytesMut, out: &mut BytesMut) -> Step {
        let (stage, said) = (command::stage(line), command::shown(line));
        match command::parse(line) {
            Ok(Command::Auth { mechanism, initial }) => self.auth(said, mechanism, initial, out),
            Ok(Command::Stls) => self.stls(said, input, out),
            Ok(Command::Quit) => self.quit(said, out),
            understood => self.step(stage, said, out, |server, out| match understood {
                Ok(command) => server.perform(command, out),
                Err(NotUnderstood::Keyword) => server.error(out, "command not recognised"),
                Err(NotUnderstood::Arguments(usage)) => {
                    server.error(out, format_args!("syntax: {usage}"));
                }
            }),
        }
    }

    /// What may be said in which state (RFC 1939 §4 and §5).
    fn perform(&mut self, command: Command<'_>, out: &mut BytesMut) {
        let extension = match command {
            Command::Capa => Some(Extension::Capa),
            Command::User(_) | Command::Pass(_) => Some(Extension::User),
            Command::Uidl(_) => Some(Extension::Uidl),
            Command::Top { .. } => Some(Extension::Top),
            _ => None,
        };
        if extension.is_some_and(|e| !self.service.settings().offers(e)) {
            return self.error(out, "command not recognised");
        }
        match (&mut self.state, command) {
            (_, Command::Capa) => self.capa(out),
            (State::Authorization { .. }, Command::User(name)) => self.user(name, out),
            (State::Authorization { .. }, Command::Pass(password)) => self.pass(password, out),
            (State::Transaction(_), Command::User(_) | Command::Pass(_)) => {
                self.error(out, "already logged in");
            }
            (State::Transaction(transaction), command) => {
                if let Err(why) = transaction.perform(command, out) {
                    self.refuse(out, why);
                }
            }
            (_, _) => self.error(out, "log in first"),
        }
    }

    /// QUIT in the TRANSACTION state enters UPDATE (RFC 1939 §6): only here anything is deleted.
    fn quit(&mut self, said: String, out: &mut BytesMut) -> Step {
        let mut step = self.step(Stage::Quit, said, out, |server, out| {
            let state = std::mem::replace(&mut server.state, State::Closed);
            let deleted = match state {
                State::Transaction(transaction) => transaction.update(),
                _ => 0,
            };
            server.ok(out, format_args!("bye, {deleted} messages deleted"));
        });
        // The connection ends and the maildrop is free, whether the removal succeeded or not.
        self.state = State::Closed;
        step.next = step.next.or_close();
        step
    }

    /// STLS (RFC 2595 §4).
    fn stls(&mut self, said: String, input: &mut BytesMut, out: &mut BytesMut) -> Step {
        let mut agreed = false;
        let injected = !input.is_empty();
        let mut step = self.step(Stage::StartTls, said, out, |server, out| {
            let in_authorization = matches!(server.state, State::Authorization { .. });
            match server.service.settings().offers(Extension::StartTls) {
                false => server.error(out, "command not recognised"),
                true if server.tls => server.error(out, "TLS is in place already"),
                true if !in_authorization => server.error(out, "too late, already logged in"),
                true if injected => {
                    server.error(out, "nothing may follow STLS in its flight");
                }
                true => {
                    server.ok(out, "begin TLS");
                    agreed = true;
                }
            }
        });
        if injected {
            // Whoever put these octets there must not have them taken for the client's, neither before TLS nor after.
            input.clear();
            self.state = State::Closed;
            step.next = step.next.or_close();
        } else if agreed && step.next == Next::Continue {
            step.next = Next::StartTls;
        }
        step
    }

    fn refuse_line(&mut self, input: &mut BytesMut, out: &mut BytesMut, why: &str) -> Step {
        input.clear();
        let said = "(a line that is not acceptable)".to_owned();
        let mut step = self.step(Stage::Other, said, out, |server, out| {
            server.error(out, why);
        });
        self.state = State::Closed;
        step.next = step.next.or_close();
        step
    }

    /// Passes a point of the dialogue: the fault script first, then what the command does, then the reply as the
    /// script will have it.
    pub(super) fn step(
        &mut self,
        stage: Stage,
        said: String,
        out: &mut BytesMut,
        act: impl FnOnce(&mut Self, &mut BytesMut),
    ) -> Step {
        let plan = self.service.script().pass(Protocol::Pop3, &[stage]);
        self.planned_step(plan, Step::new(stage, said), out, act)
    }

    pub(super) fn planned_step(
        &mut self,
        plan: Plan,
        mut step: Step,
        out: &mut BytesMut,
        act: impl FnOnce(&mut Self, &mut BytesMut),
    ) -> Step {
        let start = out.len();
        if plan.permits() {
            act(self, out);
        }
        if self.errors > self.service.settings().limits.errors && !self.hung_up {
            self.hung_up = true;
            out.truncate(start);
            self.error(out, "too many errors");
            step.next = Next::Close;
        }
        let step = plan.apply(step, out, start);
        if matches!(step.next, Next::Close | Next::Drop) {
            self.state = State::Closed;
        }
        step
    }

    pub(super) fn ok(&self, out: &mut BytesMut, text: impl Display) {
        write_line(out, format_args!("+OK {text}"));
    }

    /// `-ERR` for something that a correct client does not do.
    pub(super) fn error(&mut self, out: &mut BytesMut, text: impl Display) {
        self.errors += 1;
        write_line(out, format_args!("-ERR {text}"));
    }

    /// `-ERR` for something that can happen to any client.
    pub(super) fn refuse(&self, out: &mut BytesMut, text: impl Display) {
        write_line(out, format_args!("-ERR {text}"));
    }

    /// `-ERR` with a response code (RFC 2449 §8), where those are offered.
    pub(super) fn refuse_with(&self, out: &mut BytesMut, code: &str, text: &str) {
        match self.service.settings().offers(Extension::RespCodes) {
            true => self.refuse(out, format_args!("[{code}] {text}")),
            false => self.refuse(out, text),
        }
    }
}

pub(super) fn write_line(out: &mut BytesMut, line: fmt::Arguments<'_>) {
    // Writing to a growing buffer does not fail.
    let _ = write!(out, "{line}\r\n");
}

impl Machine for Pop3Server {
    fn set_now(&mut self, _: SystemTime) {}

    fn connect(&mut self, out: &mut BytesMut) -> Step {
        self.step(Stage::Connect, String::new(), out, |_, _| {})
    }

    fn greet(&mut self, out: &mut BytesMut) -> Step {
        let host = self.service.settings().hostname.clone();
        let mut step = self.step(Stage::Greeting, String::new(), out, |server, out| {
            server.ok(out, format_args!("{host} POP3 postrider-sandbox"));
        });
        if out.starts_with(b"-ERR") {
            self.state = State::Closed;
            step.next = step.next.or_close();
        }
        step
    }

    fn receive(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Option<Step> {
        match self.state {
            State::Closed => {
                input.clear();
                None
            }
            _ => self.receive_line(input, out),
        }
    }

    fn tls_started(&mut self) {
        self.tls = true;
        self.state = State::START;
    }

    /// RFC 1939 §3: closes without a word, and without UPDATE.
    fn timed_out(&mut self, _: &mut BytesMut) -> Step {
        self.state = State::Closed;
        let mut step = Step::new(Stage::Other, "");
        step.next = Next::Close;
        step
    }
}

impl fmt::Debug for Pop3Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Authorization { .. } => "Authorization",
            State::Auth(_) => "Auth",
            State::Transaction(_) => "Transaction",
            State::Closed => "Closed",
        };
        f.debug_struct("Pop3Server")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

use super::command::{self, Command, NotUnderstood};
use super::content::Content;
use crate::fault::{Action, Plan, Protocol, Stage};
use crate::mail::Recipient;
use crate::sasl::Exchange;
use crate::service::{Extension, Service};
use crate::step::{Machine, Next, Step};
use crate::store::Destination;
use bytes::BytesMut;
use postrider_wire::line::{LineReader, trim_ending};
use std::collections::BTreeSet;
use std::fmt::{self, Display, Write};
use std::time::SystemTime;

/// The server's side of an SMTP connection (RFC 5321).
///
/// ```text
///              EHLO              AUTH 235            MAIL            RCPT
///  greeted ──────────► extended ──────────► ready ──────────► open ──────────► open, with recipients
///     ▲                   │                   ▲                                 │            │
///     └──── STARTTLS ◄────┘                   ├────────── final dot ◄── DATA 354 ┘            │
///                                             ├────────── BDAT … LAST ◄──────────────────────┘
///                                             └────────── RSET, EHLO ◄── any
/// ```
///
/// It holds clients to the letter: lines end in CRLF, paths and parameters follow the grammar, content with an LF or
/// CR standing alone is refused, and so are octets above 127 that were not announced with `BODY=8BITMIME`.
///
/// Not supported: BINARYMIME, EXPN and VRFY beyond a reply, relaying, and addresses without a domain other than
/// `<Postmaster>`, which is known only if a mailbox of that name is.
pub struct SmtpServer {
    pub(super) service: Service,
    pub(super) session: Session,
    pub(super) state: State,
    pub(super) now: SystemTime,
    pub(super) content_plan: Option<Plan>,
    lines: LineReader,
    hung_up: bool,
}

/// What the client has achieved so far.
#[derive(Default)]
pub(super) struct Session {
    pub(super) tls: bool,
    pub(super) client: Option<String>,
    pub(super) extended: bool,
    pub(super) user: Option<String>,
    pub(super) transaction: Option<Transaction>,
    errors: usize,
}

/// A mail transaction: the buffers of RFC 5321 §4.1.1.
#[derive(Default)]
pub(super) struct Transaction {
    pub(super) from: String,
    pub(super) parameters: Vec<String>,
    pub(super) eight_bit: bool,
    pub(super) utf8: bool,
    pub(super) recipients: Vec<Recipient>,
    pub(super) destinations: BTreeSet<Destination>,
    pub(super) at_end: Vec<Action>,
    pub(super) chunks: Option<Content>,
    pub(super) chunks_failed: bool,
}

/// What the next octets are.
pub(super) enum State {
    /// A command line.
    Command,
    /// A line of an AUTH dialogue.
    Auth(Exchange),
    /// Dot-stuffed content.
    Data(Box<Content>),
    /// The octets of a BDAT chunk.
    Chunk {
        said: String,
        remaining: usize,
        last: bool,
    },
    /// Nothing: the connection is being closed.
    Closed,
}

impl SmtpServer {
    /// A server for one connection.
    pub fn new(service: &Service) -> Self {
        let limits = &service.settings().limits;
        Self {
            lines: LineReader::new(limits.smtp_line.max(limits.auth_line)),
            service: service.clone(),
            session: Session::default(),
            state: State::Command,
            now: SystemTime::UNIX_EPOCH,
            content_plan: None,
            hung_up: false,
        }
    }

    /// Takes a line and acts on it.
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
        let state = std::mem::replace(&mut self.state, State::Command);
        if let State::Auth(exchange) = state {
            return Some(self.auth_response(exchange, text, out));
        }
        let limit = self.service.settings().limits.smtp_line;
        let Ok(text) = std::str::from_utf8(trim_ending(&line)) else {
            let said = "(a line that is not UTF-8)".to_owned();
            return Some(self.step(Stage::Other, said, out, |server, out| {
                server.say(out, 500, "5.5.2", "the line is not UTF-8");
            }));
        };
        if line.len() > limit && command::stage(text) != Stage::Auth {
            return Some(self.refuse_line(input, out, "the line is too long"));
        }
        if let Ok(Command::Bdat { octets, last }) = command::parse(text)
            && self.offers(Extension::Chunking)
        {
            self.bdat(command::shown(text), octets, last);
            return self.receive(input, out);
        }
        if self.is_unannounced_pipeline(input) {
            return Some(self.refuse_line(input, out, "PIPELINING is not offered"));
        }
        Some(self.command(text, input, out))
    }

    /// Without PIPELINING a client waits for each reply. Whether two commands came in one flight depends on how the
    /// input is cut: this is the one rule, beside the one about STARTTLS, of which that is true.
    fn is_unannounced_pipeline(&self, input: &BytesMut) -> bool {
        !input.is_empty() && !self.offers(Extension::Pipelining)
    }

    fn command(&mut self, line: &str, input: &mut BytesMut, out: &mut BytesMut) -> Step {
        let (stage, said) = (command::stage(line), command::shown(line));
        match command::parse(line) {
            Ok(Command::Auth { mechanism, initial }) => self.auth(said, mechanism, initial, out),
            Ok(Command::Rcpt { path, parameters }) => self.rcpt(said, path, &parameters, out),
            Ok(Command::StartTls) => self.start_tls(said, input, out),
            Ok(Command::Quit) => self.quit(said, out),
            understood => self.step(stage, said, out, |server, out| match understood {
                Ok(command) => server.perform(command, out),
                Err(error) => server.not_understood(error, out),
            }),
        }
    }

    /// The commands whose reply is all there is to them.
    fn perform(&mut self, command: Command<'_>, out: &mut BytesMut) {
        match command {
            Command::Ehlo(client) => self.ehlo(client, out),
            Command::Helo(client) => self.helo(client, out),
            Command::Mail { path, parameters } => self.mail(path, &parameters, out),
            Command::Data => self.data(out),
            Command::Rset => {
                self.session.transaction = None;
                self.say(out, 250, "2.0.0", "Ok");
            }
            Command::Noop => self.say(out, 250, "2.0.0", "Ok"),
            Command::Help => self.say(out, 214, "2.0.0", "see RFC 5321"),
            Command::Vrfy => self.say(out, 252, "2.5.2", "send some mail, and we will see"),
            _ => self.say(out, 502, "5.5.1", "not implemented"),
        }
    }

    fn not_understood(&mut self, error: NotUnderstood, out: &mut BytesMut) {
        match error {
            NotUnderstood::Verb => self.say(out, 500, "5.5.2", "command not recognised"),
            NotUnderstood::Arguments(usage) => {
                self.say(out, 501, "5.5.4", format_args!("syntax: {usage}"));
            }
        }
    }

    fn quit(&mut self, said: String, out: &mut BytesMut) -> Step {
        let host = self.service.settings().hostname.clone();
        let mut step = self.step(Stage::Quit, said, out, |server, out| {
            server.say(out, 221, "2.0.0", format_args!("{host} closing"));
        });
        self.state = State::Closed;
        step.next = step.next.or_close();
        step
    }

    /// A line that cannot even be read: the reply, and the end of the connection.
    fn refuse_line(&mut self, input: &mut BytesMut, out: &mut BytesMut, why: &str) -> Step {
        input.clear();
        let said = "(a line that is not acceptable)".to_owned();
        let mut step = self.step(Stage::Other, said, out, |server, out| {
            server.say(out, 500, "5.5.2", why);
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
        let plan = self.service.script().pass(Protocol::Smtp, &[stage]);
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
        if self.session.errors > self.service.settings().limits.errors && !self.hung_up {
            self.hung_up = true;
            out.truncate(start);
            self.say(out, 421, "4.7.0", "too many errors");
            step.next = Next::Close;
        }
        let step = plan.apply(step, out, start);
        if matches!(step.next, Next::Close | Next::Drop) {
            self.state = State::Closed;
        }
        step
    }

    /// Writes a reply of one line (RFC 5321 §4.2), with an enhanced status code where RFC 2034 wants one.
    pub(super) fn say(
        &mut self,
        out: &mut BytesMut,
        code: u16,
        enhanced: &str,
        text: impl Display,
    ) {
        if matches!(code, 500 | 501 | 502 | 504 | 535) {
            self.session.errors += 1;
        }
        let enhanced = match self.offers(Extension::EnhancedStatusCodes) && !enhanced.is_empty() {
            true => format_args!("{enhanced} ").to_string(),
            false => String::new(),
        };
        write_line(out, format_args!("{code} {enhanced}{text}"));
    }

    pub(super) fn offers(&self, extension: Extension) -> bool {
        self.service.settings().offers(extension)
    }
}

pub(super) fn write_line(out: &mut BytesMut, line: fmt::Arguments<'_>) {
    // Writing to a growing buffer does not fail.
    let _ = write!(out, "{line}\r\n");
}

impl Machine for SmtpServer {
    fn set_now(&mut self, now: SystemTime) {
        self.now = now;
    }

    fn connect(&mut self, out: &mut BytesMut) -> Step {
        self.step(Stage::Connect, String::new(), out, |_, _| {})
    }

    fn greet(&mut self, out: &mut BytesMut) -> Step {
        let host = self.service.settings().hostname.clone();
        let mut step = self.step(Stage::Greeting, String::new(), out, |server, out| {
            server.say(out, 220, "", format_args!("{host} ESMTP postrider-sandbox"));
        });
        // RFC 5321 §3.1 lets a server that greets with 554 wait for QUIT; this one hangs up, like most.
        if out.starts_with(b"554") || out.starts_with(b"421") {
            self.state = State::Closed;
            step.next = step.next.or_close();
        }
        step
    }

    fn receive(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Option<Step> {
        if let Some(step) = self.content_step(out) {
            return Some(step);
        }
        match self.state {
            State::Command | State::Auth(_) => self.receive_line(input, out),
            State::Data(_) => self.receive_content(input, out),
            State::Chunk { .. } => self.receive_chunk(input, out),
            State::Closed => {
                input.clear();
                None
            }
        }
    }

    fn tls_started(&mut self) {
        self.session = Session {
            tls: true,
            ..Session::default()
        };
    }

    fn timed_out(&mut self, out: &mut BytesMut) -> Step {
        self.say(out, 421, "4.4.2", "idle for too long");
        self.state = State::Closed;
        let mut step = Step::new(Stage::Other, "");
        step.next = Next::Close;
        step
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Command => "Command",
            State::Auth(_) => "Auth",
            State::Data(_) => "Data",
            State::Chunk { .. } => "Chunk",
            State::Closed => "Closed",
        };
        f.debug_struct("SmtpServer")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

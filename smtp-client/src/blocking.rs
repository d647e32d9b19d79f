//! The driver over `std::net` and rustls, for programs without an async runtime.
//!
//! ```no_run
//! use postrider_smtp::{Config, Credentials, Endpoint, Envelope, blocking::Client};
//!
//! let config = Config::new(Endpoint::new("smtp.example.org", 587)?)
//!     .credentials(Credentials::password("ada@example.org", "correct horse")?);
//! let mut client = Client::connect(&config)?;
//! let envelope = Envelope::parse("ada@example.org", ["bob@example.net"])?;
//! for outcome in client.send(&envelope, b"Subject: Hello\r\n\r\nIt works.\r\n") {
//!     println!("{outcome}");
//! }
//! client.quit();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod wire;

use crate::content::{Begun, Source};
use crate::opening::{Opening, Progress};
use crate::outcome::{name_server, settled_by};
use crate::planner::{Planner, Wanted};
use crate::{
    Capabilities, Command, Config, Connection, Endpoint, Envelope, Error, ErrorKind, Mail, Outcome,
    RecipientOutcome, Security, Stage, State,
};
use bytes::BytesMut;
use postrider_wire::WriteBuffer;
use postrider_wire::blocking::Stream;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use wire::{Read, Wire};

/// One connection to a server, ready to send mail.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    connection: Connection,
    config: Config,
}

impl Client {
    /// Connects and opens a session: greeting, EHLO (or HELO), STARTTLS and EHLO again, AUTH, as the configuration asks.
    ///
    /// # Errors
    /// If the server cannot be reached, or does not open a session on these terms.
    pub fn connect(config: &Config) -> Result<Self, Error> {
        let patience = config.times().of(Stage::Connect);
        let stream = config.way().connect_blocking(config.endpoint(), patience);
        let stream = stream.map_err(Error::of_connecting);
        let opened = stream.and_then(|stream| open(config, stream));
        opened.map_err(|error| error.at(config.endpoint()))
    }

    /// The same over a socket of the caller's own.
    ///
    /// # Errors
    /// If the server does not open a session on these terms.
    pub fn connect_over(config: &Config, socket: TcpStream) -> Result<Self, Error> {
        open(config, Stream::from(socket)).map_err(|error| error.at(config.endpoint()))
    }

    /// Sends a message, and says for each recipient what became of it, in the envelope's order.
    pub fn send(&mut self, envelope: &Envelope, message: &[u8]) -> Vec<RecipientOutcome> {
        let mut outcomes = self.send_all(&[Mail { envelope, message }]);
        outcomes.pop().unwrap_or_default()
    }

    /// Sends many mails, each as soon as the server permits it: the verdicts, one list for each mail.
    pub fn send_all(&mut self, mails: &[Mail<'_>]) -> Vec<Vec<RecipientOutcome>> {
        let mut outcomes = vec![Vec::new(); mails.len()];
        self.send_each(mails, |index, settled| {
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = settled;
            }
        });
        outcomes
    }

    /// The same; `settled` is told of each mail by its index as soon as all its recipients are settled.
    pub fn send_each(
        &mut self,
        mails: &[Mail<'_>],
        mut settled: impl FnMut(usize, Vec<RecipientOutcome>),
    ) {
        self.check_idle();
        let mut planner = Planner::new(&mut self.connection, self.config.policy(), mails);
        let endpoint = self.config.endpoint();
        let settled = |index, mut outcomes: Vec<RecipientOutcome>| {
            name_server(&mut outcomes, endpoint);
            settled(index, outcomes);
        };
        run(&mut self.wire, &mut planner, None, &self.config, settled);
        if self.connection.state() == State::Closed {
            self.wire.close();
        }
    }

    /// Sends a message while it is read: no more than one chunk of it is held, however large it is. See [`Source`] for
    /// what is known of it before, and what becomes of one that cannot be read to its end. Content that is not there
    /// when it is asked for, which is how an async one may be, is an error here.
    pub fn send_from(
        &mut self,
        envelope: &Envelope,
        mut source: Source<'_>,
    ) -> Vec<RecipientOutcome> {
        let begun = source.poll_begin(&mut Context::from_waker(Waker::noop()));
        let outline = match at_once(begun) {
            Ok(Begun::Whole(message)) => return self.send(envelope, &message),
            Ok(Begun::Large(outline)) => outline,
            Err(error) => {
                let kind = ErrorKind::Content(Arc::new(error));
                let error = Error::new(Stage::Local, kind);
                return settled_by(envelope, Outcome::Deferred, &error);
            }
        };
        self.check_idle();
        let policy = self.config.policy();
        let mut planner = Planner::streaming(&mut self.connection, policy, envelope, outline);
        let mut outcomes = Vec::new();
        let (source, settled) = (Some(&mut source), |_, settled| outcomes = settled);
        run(&mut self.wire, &mut planner, source, &self.config, settled);
        name_server(&mut outcomes, self.config.endpoint());
        if self.connection.state() == State::Closed {
            self.wire.close();
        }
        outcomes
    }

    /// Whether another mail can be sent: false once the connection is closed or out of step.
    pub fn is_usable(&self) -> bool {
        self.connection.state() == State::Ready && self.connection.mails_left() != Some(0)
    }

    /// Whether TLS is in place.
    pub fn is_tls(&self) -> bool {
        self.wire.is_tls()
    }

    /// What the server offers.
    pub fn capabilities(&self) -> &Capabilities {
        self.connection.capabilities()
    }

    /// The server.
    pub fn endpoint(&self) -> &Endpoint {
        self.config.endpoint()
    }

    /// Says QUIT, waits briefly for the answer, and closes. Nothing that happens now matters to any mail.
    pub fn quit(mut self) {
        let times = self.config.times();
        let mut out = BytesMut::new();
        if self.connection.send(&Command::Quit, &mut out).is_ok() {
            let said = self.wire.write_all(&out, Stage::Quit, times);
            if said.is_ok() {
                let _ = self.wire.read(Stage::Quit, times);
            }
        }
        self.wire.close();
    }

    /// Looks whether the server has closed an idle connection or spoken out of turn.
    fn check_idle(&mut self) {
        if self.wire.has_spoken() {
            let _ = self.connection.receive(self.wire.input());
            self.connection.abandon();
        }
    }
}

fn open(config: &Config, stream: Stream) -> Result<Client, Error> {
    let mut wire = Wire::new(stream);
    let tls_at_once = config.terms().security == Security::Tls;
    let mut opening = Opening::new(config.terms().clone(), tls_at_once);
    if tls_at_once {
        start_tls(config, &mut opening, &mut wire)?;
    }
    let conversed = converse(config, &mut opening, &mut wire);
    config.remember(conversed.is_ok() && opening.offered_pipe_connect());
    if let Err(error) = conversed {
        let mut out = BytesMut::new();
        opening.say_goodbye(&mut out);
        let _ = wire.write_all(&out, Stage::Quit, config.times());
        return Err(error);
    }
    Ok(Client {
        wire,
        connection: opening.into_connection(),
        config: config.clone(),
    })
}

fn converse(config: &Config, opening: &mut Opening, wire: &mut Wire) -> Result<(), Error> {
    let times = config.times();
    wire.patience().whole(Instant::now(), times.opening);
    let mut out = WriteBuffer::default();
    if config.begins_early() {
        opening.begin_early(&mut out)?;
        wire.write_all(&out, opening.stage(), times)?;
        out.clear();
    }
    loop {
        let progress = opening.receive(wire.input(), &mut out)?;
        wire.write_all(&out, opening.stage(), times)?;
        out.clear();
        match progress {
            Progress::Read => wire.read(opening.stage(), times)?,
            Progress::StartTls => {
                start_tls(config, opening, wire)?;
                opening.tls_started(&mut out)?;
                wire.write_all(&out, opening.stage(), times)?;
                out.clear();
            }
            Progress::Ready => {
                wire.patience().done();
                return Ok(());
            }
        }
    }
}

fn start_tls(config: &Config, opening: &mut Opening, wire: &mut Wire) -> Result<(), Error> {
    let tls = config.tls_config()?;
    let stream = wire.stream()?;
    let started = stream.start_tls(config.endpoint(), &tls, config.times().of(Stage::Tls));
    started.map_err(|error| Error::of_tls(error, config.terms().security))?;
    opening.bind(config.may_bind(stream.channel_binding()));
    if let Some(description) = stream.tls_description() {
        config.terms().transcript.note(&description);
    }
    Ok(())
}

/// Gives a planner what it wants of a message; whether there was anything to give.
fn feed(source: &mut Source<'_>, planner: &mut Planner<'_>) -> bool {
    let fed = source.poll_feed(planner, &mut Context::from_waker(Waker::noop()));
    if fed.is_pending() && planner.wanted() != Wanted::Nothing {
        planner.content_failed(io::ErrorKind::WouldBlock.into());
    }
    fed.is_ready()
}

fn at_once<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Runs a planner until everybody is settled and the dialogue is in step again. It writes while the server reads, and
/// reads as soon as the server does not.
fn run(
    wire: &mut Wire,
    planner: &mut Planner<'_>,
    mut source: Option<&mut Source<'_>>,
    config: &Config,
    mut settled: impl FnMut(usize, Vec<RecipientOutcome>),
) {
    let times = config.times();
    wire.patience().begin(Instant::now());
    wire.patience().whole(Instant::now(), times.message);
    loop {
        let fed = source.as_mut().is_some_and(|source| feed(source, planner));
        while let Some((index, outcomes)) = planner.settled() {
            settled(index, outcomes);
            wire.patience().whole(Instant::now(), times.message);
        }
        if planner.is_done() {
            wire.patience().done();
            return;
        }
        let wrote = match wire.write_planned(planner, times) {
            Ok(wrote) => wrote,
            // The server may have said why before it stopped reading: read on to the end.
            Err(_) if wire.stop_writing() => false,
            Err(error) => {
                planner.lost(error);
                continue;
            }
        };
        // Not all that is given is anything to write: the message from its start again is not, nor an LF whose CR came before.
        if (wrote || fed) && (planner.wants_write() || planner.wanted() != Wanted::Nothing) {
            continue;
        }
        match wire.read_planned(planner, times) {
            Ok(Read::Nothing) => {}
            Ok(Read::Octets) => {
                let before = planner.replies();
                // An error has settled everybody, and ends the loop.
                let _ = planner.receive(wire.input());
                if planner.replies() > before {
                    wire.patience().begin(Instant::now());
                }
            }
            Err(kind) => planner.lost(kind),
        }
    }
}

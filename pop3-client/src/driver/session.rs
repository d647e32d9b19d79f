use super::config::Config;
use super::error::{Error, ErrorKind, Stage};
use super::link::{Link, Transfer};
use super::opening::{Opening, Step};
use crate::connection::Received;
use crate::{Command, Connection, Event, MessageNumber, Phase, Reply, Request, Violation};
use bytes::BytesMut;
use postrider_wire::{Tls, WriteBuffer};
use std::time::{Duration, Instant};

/// A machine, a byte stream and a clock. Generic over the stream, so that waiting or blocking makes no difference.
#[derive(Debug)]
pub(crate) struct Session<L> {
    link: L,
    pub(crate) pop3: Connection,
    pub(crate) config: Config,
    pub(super) input: BytesMut,
    out: WriteBuffer,
    stage: Stage,
    /// When the session must be over.
    end: Option<Instant>,
    /// Since when the present phase is waited for, and what has arrived of it.
    since: Instant,
    arrived: usize,
    /// An event was delivered; the clock starts anew when more is waited for.
    delivered: bool,
    /// Since nothing was in flight, several commands were at once.
    together: bool,
    /// The message that was asked for alone, until its answer is complete.
    pub(super) alone: Option<MessageNumber>,
}

impl<L: Link> Session<L> {
    /// Takes over a connected stream, and brings it as far as the configuration says.
    pub(crate) async fn open(link: L, config: &Config) -> Result<Self, Error> {
        let now = link.now();
        let mut session = Self {
            pop3: Connection::new(config.limits.clone()),
            config: config.clone(),
            input: BytesMut::new(),
            out: WriteBuffer::default(),
            stage: Stage::Greeting,
            end: config.timeouts.session.and_then(|t| now.checked_add(t)),
            since: now,
            arrived: 0,
            delivered: true,
            together: false,
            alone: None,
            link,
        };
        if session.link.is_tls() {
            session.pop3.tls_started();
            let binding = session.link.channel_binding();
            session.pop3.bind(binding.filter(|_| config.binds_channel));
        }
        session.note_tls();
        let opening = Opening::new(config, session.link.is_tls());
        session.run(opening).await?;
        Ok(session)
    }

    /// Logs in, if the configuration did not.
    pub(crate) async fn login(&mut self) -> Result<(), Error> {
        let mut opening = Opening::new(&self.config, self.link.is_tls());
        self.stage = Stage::Login;
        match opening.login(&self.pop3) {
            Ok(Step::Send(command)) => self.request(&command).await?,
            Ok(_) => return Ok(()),
            Err(kind) => return Err(self.error(kind)),
        }
        self.run(opening).await
    }

    async fn run(&mut self, mut opening: Opening) -> Result<(), Error> {
        loop {
            let event = self.event().await?;
            let mut step = opening
                .next(&event, &self.pop3)
                .map_err(|kind| self.error(kind))?;
            if let Step::StartTls = step {
                self.start_tls().await?;
                step = opening.tls_started();
            }
            match step {
                Step::Send(command) => self.request(&command).await?,
                Step::Respond => self.respond()?,
                Step::Wait | Step::StartTls => {}
                Step::Done => return Ok(()),
            }
        }
    }

    async fn start_tls(&mut self) -> Result<(), Error> {
        self.stage = Stage::Tls;
        if !self.out.is_empty() {
            // What STLS was answered with came before it was sent.
            return Err(self.give_up(ErrorKind::Violation(Violation::ClearTextAfterStls)));
        }
        let tls = match &self.config.tls {
            Some(tls) => tls.clone(),
            None => Tls::webpki_roots().map_err(|e| self.error(ErrorKind::TlsConfig(e)))?,
        };
        let timeout = self.config.timeouts.connect;
        let started = self
            .link
            .start_tls(&self.config.endpoint, &tls, timeout)
            .await;
        started.map_err(|kind| self.error(kind))?;
        self.pop3.tls_started();
        let binding = self.link.channel_binding();
        self.pop3
            .bind(binding.filter(|_| self.config.binds_channel));
        self.note_tls();
        Ok(())
    }

    /// Sends a command when nothing is in flight, once it is certain that the server has said nothing in between.
    pub(crate) async fn request(&mut self, command: &Command) -> Result<(), Error> {
        self.stage = stage(command.request());
        if self.pop3.awaited().len() > 0 {
            return Err(self.give_up(ErrorKind::Interrupted));
        }
        match self.link.peek(&mut self.input).await {
            Ok(Some(Transfer::Closed)) => return Err(self.give_up(ErrorKind::Closed)),
            Ok(_) => {}
            Err(e) => return Err(self.give_up(ErrorKind::Io(e))),
        }
        if let Err(violation) = self.pop3.receive(&mut self.input) {
            return Err(self.give_up(ErrorKind::Violation(violation)));
        }
        self.send(command)
    }

    /// STAT, the answer to which shows that no line of those before it is late: how it fares is theirs.
    pub(super) async fn prove(&mut self) -> Result<(), Error> {
        let together = self.together;
        let sent = self.request(&Command::Stat).await;
        if together && sent.is_err() {
            self.config.pipelining_failed();
        }
        self.together = together;
        sent
    }

    /// Sends a command, whatever is in flight.
    pub(crate) fn send(&mut self, command: &Command) -> Result<(), Error> {
        let idle = self.pop3.awaited().len() == 0;
        let request = stage(command.request());
        if idle {
            self.stage = request;
            self.delivered = true;
        }
        let sent = self.pop3.send(command, &mut self.out);
        sent.map_err(|e| Error::new(&self.config.endpoint, request, ErrorKind::Local(e)))?;
        self.together = !idle;
        self.config.transcript.client(command);
        Ok(())
    }

    fn respond(&mut self) -> Result<(), Error> {
        self.config.transcript.client(&"(secret)");
        self.pop3
            .respond(&mut self.out)
            .map_err(|e| self.error(ErrorKind::Local(e)))
    }

    /// The next thing that the server says.
    pub(crate) async fn event(&mut self) -> Result<Event, Error> {
        let received = self.received().await?;
        Ok(received.take(&mut self.input))
    }

    /// The same, but a piece of a message stays at the front of `input`.
    pub(super) async fn received(&mut self) -> Result<Received, Error> {
        loop {
            let request = self.pop3.awaited().next();
            if let Some(request) = request {
                self.stage = stage(request);
            }
            match self.pop3.receive_in_place(&mut self.input) {
                Ok(Some(received)) => {
                    if let Received::Event(event) = &received {
                        self.delivered |= is_milestone(event);
                        self.record(event);
                    }
                    return Ok(received);
                }
                Ok(None) => self.transfer().await?,
                Err(violation) => {
                    let violation = match (violation, request) {
                        // With several commands in flight, it is rather the answer to another one.
                        (Violation::Unreadable { request, line }, _)
                        | (Violation::NotAReply(line), Some(request))
                            if self.together =>
                        {
                            Violation::OutOfStep { request, line }
                        }
                        (violation, _) => violation,
                    };
                    return Err(self.give_up(ErrorKind::Violation(violation)));
                }
            }
        }
    }

    async fn transfer(&mut self) -> Result<(), Error> {
        if self.delivered {
            self.restart_clock();
        }
        let deadline = self.deadline();
        match self
            .link
            .transfer(&mut self.out, &mut self.input, deadline)
            .await
        {
            Ok(Transfer::Read(octets)) => {
                self.arrived += octets;
                Ok(())
            }
            Ok(Transfer::Expired) if self.keeps_pace() => {
                self.restart_clock();
                Ok(())
            }
            Ok(Transfer::Expired) => {
                let patience = self.patience();
                Err(self.give_up(ErrorKind::Timeout(patience)))
            }
            Ok(Transfer::Closed) => Err(self.closed()),
            Err(e) => Err(self.give_up(ErrorKind::Io(e))),
        }
    }

    fn closed(&mut self) -> Error {
        match self.pop3.end_of_input() {
            Err(Violation::Truncated {
                request: Some(request),
            }) => {
                let kind = ErrorKind::Violation(Violation::Truncated {
                    request: Some(request),
                });
                self.give_up(kind)
            }
            _ => self.give_up(ErrorKind::Closed),
        }
    }

    /// Several commands in flight may be what the server does not bear, whatever it did then.
    fn blame_pipelining(&self, kind: &ErrorKind) {
        let bears_it = match kind {
            ErrorKind::Timeout(_) => self.end.is_some_and(|end| self.link.now() >= end),
            ErrorKind::Violation(Violation::MessageTooLarge { .. }) => true,
            // Where nothing was awaited any more, it has borne them.
            ErrorKind::Io(_) | ErrorKind::Closed => self.pop3.awaited().len() == 0,
            ErrorKind::Violation(_) => false,
            _ => true,
        };
        if self.together && !bears_it {
            self.config.pipelining_failed();
        }
    }

    fn restart_clock(&mut self) {
        self.since = self.link.now();
        self.arrived = 0;
        self.delivered = false;
    }

    /// How long the present phase may last.
    fn patience(&self) -> Duration {
        let timeouts = &self.config.timeouts;
        match self.pop3.phase() {
            Phase::Greeting => timeouts.greeting,
            Phase::Body | Phase::Listing => timeouts.body_idle,
            Phase::Quit => timeouts.quit,
            _ => timeouts.reply,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let phase = self.since.checked_add(self.patience());
        phase.into_iter().chain(self.end).min()
    }

    /// A message may take its time, as long as enough of it arrives.
    fn keeps_pace(&self) -> bool {
        let long = matches!(self.pop3.phase(), Phase::Body | Phase::Listing);
        let over = self.end.is_some_and(|end| self.link.now() >= end);
        long && !over && self.arrived >= self.config.timeouts.body_octets.max(1)
    }

    /// The session is over, without QUIT: the server must not remove anything.
    pub(crate) fn give_up(&mut self, kind: ErrorKind) -> Error {
        self.blame_pipelining(&kind);
        let error = self.error(kind);
        // Whatever was awaited is known to be lost; the error says so already.
        let _ = self.pop3.end_of_input();
        self.out.clear();
        self.input.clear();
        self.config.transcript.note(&error);
        error
    }

    /// Whether several commands may be in flight.
    pub(crate) fn pipelines(&self) -> bool {
        self.pop3.capabilities().pipelining() && self.config.may_pipeline()
    }

    /// The message that was asked for alone when the session ended.
    #[cfg(feature = "sync")]
    pub(crate) fn asked_alone(&self) -> Option<MessageNumber> {
        self.alone
    }

    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        let error = Error::new(&self.config.endpoint, self.stage, kind);
        error.with_login_delay(self.pop3.capabilities().login_delay())
    }

    pub(crate) fn refused(&self, request: Request, reply: Reply) -> Error {
        let error = Error::new(
            &self.config.endpoint,
            stage(request),
            ErrorKind::Refused(reply),
        );
        error.with_login_delay(self.pop3.capabilities().login_delay())
    }

    pub(crate) fn tls_description(&self) -> Option<String> {
        self.link.tls_description()
    }

    fn note_tls(&self) {
        if let Some(description) = self.link.tls_description() {
            self.config.transcript.note(&description);
        }
    }

    fn record(&self, event: &Event) {
        let transcript = &self.config.transcript;
        if !transcript.is_on() {
            return;
        }
        match event {
            Event::Greeting(reply)
            | Event::Accepted { reply, .. }
            | Event::Refused { reply, .. }
            | Event::Began { reply, .. } => transcript.server(&reply.to_line()),
            Event::Challenge => transcript.server(b"+ (secret)"),
            Event::DropListing(_) | Event::Body { .. } => {}
            // Of one message they are in the status line, which is recorded already.
            Event::ScanListing(_) | Event::UniqueId(_) if self.pop3.phase() != Phase::Listing => {}
            Event::ScanListing(listing) => transcript.server(listing.to_string().as_bytes()),
            Event::UniqueId(listing) => transcript.server(listing.to_string().as_bytes()),
            Event::Line(line) => transcript.server(line),
            Event::Finished {
                request: Request::Retr(_) | Request::Top(_),
                octets,
            } => {
                transcript.note(&format_args!("{octets} octets of message"));
                transcript.server(b".");
            }
            Event::Finished { request, .. } if request.is_multi_line() => transcript.server(b"."),
            Event::Finished { .. } => {}
        }
    }
}

/// After these the clock starts anew; not after each line of a listing, for a server could send one a minute.
fn is_milestone(event: &Event) -> bool {
    !matches!(
        event,
        Event::Body { .. }
            | Event::Line(_)
            | Event::ScanListing(_)
            | Event::UniqueId(_)
            | Event::DropListing(_)
    )
}

fn stage(request: Request) -> Stage {
    match request {
        #[cfg(feature = "apop")]
        Request::Apop => Stage::Login,
        Request::User | Request::Pass | Request::Auth => Stage::Login,
        Request::Stls => Stage::Tls,
        other => Stage::Request(other),
    }
}

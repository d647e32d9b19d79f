//! Opening a session: greeting, EHLO, STARTTLS, AUTH. A machine like [`Connection`], and on top of it.

use crate::{
    Attribute, Awaited, Command, Connection, Credentials, Domain, Error, ErrorKind, Event,
    Extension, Limits, Meaning, Protocol, Secret, Security, Stage, State,
};
use bytes::BytesMut;
use postrider_wire::sasl::{self, Channel, ChannelBinding, Exchange, SaslError};
use postrider_wire::{Redactor, Transcript};

/// What a session needs before mail can be sent.
#[derive(Clone, Debug)]
pub struct Terms {
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// The name to give ourselves.
    pub ehlo_name: Domain,
    /// How the connection must be protected.
    pub security: Security,
    /// What to tell a Postfix server with XCLIENT about the client that we stand for; usually nothing.
    pub xclient: Vec<Attribute>,
    /// Whom to log in as.
    pub credentials: Option<Credentials>,
    /// Whether a password may be sent in clear text.
    pub clear_text_credentials: bool,
    /// How much the server may say.
    pub limits: Limits,
    /// Where the dialogue is written down.
    pub transcript: Transcript,
}

/// Opens a session, from the greeting to the end of AUTH.
///
/// # The contract
/// Read, and hand what was read to [`receive`](Self::receive), which appends to `out` what is to be written. At
/// [`Progress::StartTls`] write, make the handshake with the same socket, and say [`tls_started`](Self::tls_started). At
/// [`Progress::Ready`] take the [`Connection`].
#[derive(Debug)]
pub struct Opening {
    connection: Connection,
    terms: Terms,
    encrypted: bool,
    /// What a login can be bound to.
    binding: Option<ChannelBinding>,
    /// EHLO went out before the greeting came.
    said_early: bool,
    /// Whether the first answer to EHLO offered PIPECONNECT.
    pipe_connect: Option<bool>,
    exchange: Option<Exchange>,
    /// The initial response went with the AUTH command.
    initial_sent: bool,
    /// Why we gave AUTH up; the server's answer to that is awaited.
    given_up: Option<SaslError>,
}

/// What the driver does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Write what there is, and read more.
    Read,
    /// Make the TLS handshake.
    StartTls,
    /// Nothing: the session is open.
    Ready,
}

/// Octets in a command line (RFC 5321 §4.5.3.1.4). A longer initial response waits for the server's challenge.
const COMMAND_LINE: usize = 512;

impl Opening {
    /// Begins with a connection just made. `encrypted` says whether it is inside TLS already.
    pub fn new(terms: Terms, encrypted: bool) -> Self {
        let connection =
            Connection::new(terms.protocol, terms.limits).with_transcript(terms.transcript.clone());
        let connection = match encrypted {
            true => connection.inside_tls(),
            false => connection,
        };
        Self {
            connection,
            said_early: false,
            pipe_connect: None,
            terms,
            encrypted,
            binding: None,
            exchange: None,
            initial_sent: false,
            given_up: None,
        }
    }

    /// Says EHLO before the greeting, for a round trip less. Only to a server that
    /// [offered it](Self::offered_pipe_connect) in the session before this one.
    ///
    /// # Errors
    /// If the greeting is there.
    pub fn begin_early(&mut self, out: &mut BytesMut) -> Result<(), Error> {
        let command = ehlo(&self.terms);
        self.connection.send_early(&command, out)?;
        self.said_early = true;
        Ok(())
    }

    /// Whether the next session with this server may [begin early](Self::begin_early).
    pub fn offered_pipe_connect(&self) -> bool {
        self.pipe_connect == Some(true)
    }

    /// Takes replies from the front of `input`, and appends to `out` what is to be sent.
    ///
    /// # Errors
    /// If the session cannot be opened on these terms; also if the server says more than it was asked: that would be taken
    /// for the answer to the next command.
    pub fn receive(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Progress, Error> {
        while let Some(event) = self.connection.receive(input)? {
            let (asked, before) = (self.connection.awaited() > 0, out.len());
            let progress = self.on_event(&event, out)?;
            if !asked && !input.is_empty() {
                out.truncate(before);
                return Err(self.connection.unasked(input));
            }
            if progress != Progress::Read {
                return Ok(progress);
            }
        }
        Ok(Progress::Read)
    }

    /// Says that TLS is in place, and appends the new EHLO to `out`.
    ///
    /// # Errors
    /// If the server has not just agreed to STARTTLS.
    pub fn tls_started(&mut self, out: &mut BytesMut) -> Result<(), Error> {
        self.connection.tls_started()?;
        self.encrypted = true;
        self.greet(out)
    }

    /// Says what a login can be bound to, once TLS is in place: AUTH takes SCRAM-…-PLUS then, where the server offers it, and
    /// otherwise tells the server that we could have: one that did offer it knows then that the offer was taken away
    /// (RFC 5802 §6).
    pub fn bind(&mut self, binding: Option<ChannelBinding>) {
        self.binding = binding;
    }

    /// What is being waited for: it names the timeout.
    pub fn stage(&self) -> Stage {
        self.connection
            .awaiting()
            .map_or(Stage::Other, Awaited::stage)
    }

    /// The connection: after [`Progress::Ready`] one to send mails over.
    pub fn into_connection(self) -> Connection {
        self.connection
    }

    /// The connection.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn on_event(&mut self, event: &Event, out: &mut BytesMut) -> Result<Progress, Error> {
        use Meaning::{Continue, Done, Refused};
        match (event.to, event.meaning) {
            (Awaited::Greeting, Done) if self.said_early => {}
            (Awaited::Greeting | Awaited::XClient, Done) => self.greet(out)?,
            (Awaited::Ehlo | Awaited::Helo, Done) => {
                let offered = self.connection.capabilities();
                let offered = offered.offers(Extension::PipeConnect);
                self.pipe_connect.get_or_insert(offered);
                return self.secure(out);
            }
            (Awaited::Ehlo, Refused) if self.may_say_helo(event) => {
                let name = &self.terms.ehlo_name;
                self.connection.send(&Command::Helo(name), out)?;
            }
            (Awaited::StartTls, Done) => return Ok(Progress::StartTls),
            (Awaited::StartTls, Refused) if self.clear_text_will_do(event) => {
                return self.introduce(out);
            }
            (Awaited::Auth, Continue) => self.answer_challenge(event, out)?,
            (Awaited::Auth, Done) => return self.logged_in(),
            (Awaited::Auth, Refused) => return Err(self.auth_error(event)),
            (_, Refused) => return Err(refused(event)),
            _ => {}
        }
        Ok(Progress::Read)
    }

    fn greet(&mut self, out: &mut BytesMut) -> Result<(), Error> {
        let command = ehlo(&self.terms);
        self.connection.send(&command, out)
    }

    /// RFC 5321 §3.2: a server that does not know EHLO may know HELO.
    fn may_say_helo(&self, event: &Event) -> bool {
        self.terms.protocol == Protocol::Smtp && event.reply.code().is_permanent()
    }

    fn clear_text_will_do(&self, event: &Event) -> bool {
        self.terms.security == Security::StartTlsIfOffered && event.reply.code().value() != 421
    }

    fn secure(&mut self, out: &mut BytesMut) -> Result<Progress, Error> {
        let offered = self.connection.capabilities().offers(Extension::StartTls);
        match self.terms.security {
            _ if self.encrypted => self.introduce(out),
            Security::StartTls | Security::StartTlsIfOffered if offered => {
                self.connection.send(&Command::StartTls, out)?;
                Ok(Progress::Read)
            }
            Security::StartTlsIfOffered | Security::None => self.introduce(out),
            _ => Err(Error::new(Stage::StartTls, ErrorKind::StartTlsNotOffered)),
        }
    }

    /// XCLIENT, once; the server answers with a new greeting, and EHLO follows.
    fn introduce(&mut self, out: &mut BytesMut) -> Result<Progress, Error> {
        let attributes = std::mem::take(&mut self.terms.xclient);
        if attributes.is_empty() {
            return self.log_in(out);
        }
        self.connection.send(&Command::XClient(&attributes), out)?;
        Ok(Progress::Read)
    }

    fn log_in(&mut self, out: &mut BytesMut) -> Result<Progress, Error> {
        let Some(credentials) = &self.terms.credentials else {
            return Ok(Progress::Ready);
        };
        let channel = match (self.encrypted, &self.binding) {
            (true, Some(_)) => Channel::Bound,
            (true, None) => Channel::Encrypted,
            (false, _) => {
                Channel::without_tls(self.terms.security, self.terms.clear_text_credentials)
            }
        };
        let offered = self.connection.capabilities().auth();
        let mechanism = sasl::select(offered, credentials, channel)
            .map_err(|none| Error::new(Stage::Auth, ErrorKind::NoMechanism(none)))?;
        self.connection.leave_out(Redactor::of(credentials));
        let offered = self.connection.capabilities().auth();
        let binding = self.binding.clone();
        let binding = binding.and_then(|binding| binding.for_mechanism(mechanism, offered));
        let exchange = Exchange::over(mechanism, credentials, binding);
        let prefix = "AUTH  \r\n".len() + mechanism.name().len();
        let initial = exchange
            .initial_response()
            .map(|response| sasl::encode(&response))
            .filter(|initial| prefix + initial.expose_secret().len() <= COMMAND_LINE);
        self.initial_sent = initial.is_some();
        self.exchange = Some(exchange);
        let command = Command::Auth(mechanism, initial.as_ref());
        self.connection.send(&command, out)?;
        Ok(Progress::Read)
    }

    fn answer_challenge(&mut self, event: &Event, out: &mut BytesMut) -> Result<(), Error> {
        if let Some(error) = self.given_up.take() {
            self.connection.abandon();
            return Err(Error::new(Stage::Auth, ErrorKind::Sasl(error)));
        }
        match self.response(event) {
            Ok(response) => self.connection.send(&Command::AuthResponse(&response), out),
            Err(error) => {
                self.given_up = Some(error);
                self.connection.send(&Command::AuthCancel, out)
            }
        }
    }

    fn response(&mut self, event: &Event) -> Result<Secret, SaslError> {
        let challenge = sasl::decode(event.reply.lines().next().unwrap_or_default())?;
        let Some(exchange) = &mut self.exchange else {
            return Err(SaslError::TooManyChallenges);
        };
        let response = exchange.respond(&challenge, self.initial_sent)?;
        Ok(sasl::encode(&response))
    }

    fn logged_in(&mut self) -> Result<Progress, Error> {
        let verdict = match (&self.given_up, &self.exchange) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(exchange)) => exchange.succeed(self.initial_sent),
            (None, None) => Ok(()),
        };
        match verdict {
            Ok(()) => Ok(Progress::Ready),
            Err(error) => {
                self.connection.abandon();
                Err(Error::new(Stage::Auth, ErrorKind::Sasl(error)))
            }
        }
    }

    fn auth_error(&mut self, event: &Event) -> Error {
        match self.given_up.take() {
            Some(error) => Error::new(Stage::Auth, ErrorKind::Sasl(error)),
            None => refused(event),
        }
    }
}

fn ehlo(terms: &Terms) -> Command<'_> {
    match terms.protocol {
        Protocol::Smtp => Command::Ehlo(&terms.ehlo_name),
        Protocol::Lmtp => Command::Lhlo(&terms.ehlo_name),
    }
}

fn refused(event: &Event) -> Error {
    let kind = match event.reply.code().value() {
        421 => ErrorKind::Closing(event.reply.clone()),
        _ => ErrorKind::Refused(event.reply.clone()),
    };
    Error::new(event.to.stage(), kind)
}

impl Opening {
    /// Appends QUIT, if the dialogue is in a state to say it: after terms that could not be met.
    pub fn say_goodbye(&mut self, out: &mut BytesMut) {
        if self.connection.state() != State::Closed {
            let _ = self.connection.send(&Command::Quit, out);
        }
    }
}

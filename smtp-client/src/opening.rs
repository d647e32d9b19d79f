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

#[cfg(test)]
mod tests {
    use super::*;

    /// An opening, and what it said last.
    struct Talk {
        opening: Opening,
        said: String,
    }

    impl Talk {
        fn new(terms: Terms, encrypted: bool) -> Self {
            Self {
                opening: Opening::new(terms, encrypted),
                said: String::new(),
            }
        }

        fn greeted(terms: Terms, encrypted: bool) -> Self {
            let mut talk = Self::new(terms, encrypted);
            talk.hears("220 mx");
            talk
        }

        fn hear(&mut self, text: &str) -> Result<Progress, Error> {
            let (mut input, mut out) = (BytesMut::from(&*format!("{text}\r\n")), BytesMut::new());
            let progress = self.opening.receive(&mut input, &mut out);
            self.said = String::from_utf8(out.to_vec()).unwrap();
            progress
        }

        #[track_caller]
        fn hears(&mut self, text: &str) -> Progress {
            self.hear(text).unwrap()
        }
    }

    fn terms() -> Terms {
        Terms {
            protocol: Protocol::Smtp,
            ehlo_name: "[127.0.0.1]".parse().unwrap(),
            security: Security::None,
            xclient: Vec::new(),
            credentials: None,
            clear_text_credentials: false,
            limits: Limits::default(),
            transcript: Transcript::off(),
        }
    }

    fn with_password(octets: usize) -> Terms {
        Terms {
            credentials: Credentials::password("user", "p".repeat(octets)).ok(),
            ..terms()
        }
    }

    #[test]
    fn rfc5321_3_2_helo_follows_a_permanent_refusal_of_ehlo_alone() {
        for (protocol, refusal, said) in [
            (Protocol::Smtp, "500 what?", "HELO [127.0.0.1]\r\n"),
            (Protocol::Smtp, "450 4.3.2 later", ""),
            (Protocol::Lmtp, "500 what?", ""),
        ] {
            let of_protocol = Terms {
                protocol,
                ..terms()
            };
            let mut talk = Talk::greeted(of_protocol, false);
            let progress = talk.hear(refusal);
            assert_eq!(talk.said, said, "{protocol:?}: {refusal}");
            assert_eq!(
                progress.is_err(),
                said.is_empty(),
                "{protocol:?}: {refusal}"
            );
        }
    }

    #[test]
    fn where_tls_is_refused_clear_text_will_do_only_if_it_would_without_the_offer() {
        for (security, refusal, will_do) in [
            (Security::StartTlsIfOffered, "454 4.7.0 not now", true),
            (Security::StartTlsIfOffered, "502 5.5.1 what?", true),
            (Security::StartTlsIfOffered, "421 4.3.2 closing", false),
            (Security::StartTls, "454 4.7.0 not now", false),
        ] {
            let of_security = Terms {
                security,
                ..terms()
            };
            let mut talk = Talk::greeted(of_security, false);
            talk.hears("250-mx\r\n250 STARTTLS");
            assert_eq!(talk.said, "STARTTLS\r\n");
            let ready = matches!(talk.hear(refusal), Ok(Progress::Ready));
            assert_eq!(ready, will_do, "{security:?}: {refusal}");
        }
    }

    #[test]
    fn rfc5321_3_8_421_says_that_the_server_closes_and_another_refusal_does_not() {
        for (refusal, closes) in [("421 4.3.2 down", true), ("454 4.3.2 down", false)] {
            let stages = [Talk::new(terms(), false), Talk::greeted(terms(), false)];
            for mut talk in stages {
                let error = talk.hear(refusal).unwrap_err();
                let closing = matches!(error.kind(), ErrorKind::Closing(_));
                assert_eq!(closing, closes, "{error}");
                assert_eq!(error.reply().unwrap().to_string(), refusal);
            }
        }
    }

    /// In base64 it has four octets for three, and the line may have 512 with its CRLF (RFC 5321 §4.5.3.1.4).
    #[test]
    fn rfc4954_4_an_initial_response_goes_with_auth_where_the_line_has_room_for_it() {
        for (password, line) in [(366, 509), (367, "AUTH PLAIN\r\n".len())] {
            let mut talk = Talk::greeted(with_password(password), true);
            talk.hears("250-mx\r\n250 AUTH PLAIN");
            assert_eq!(talk.said.len(), line, "{}", talk.said);
            if password == 367 {
                talk.hears("334 ");
                assert_eq!(talk.said.len(), 502, "{}", talk.said);
            }
            assert_eq!(talk.hears("235 ok"), Progress::Ready);
        }
    }

    #[cfg(feature = "scram")]
    #[test]
    fn rfc5802_6_a_login_is_bound_where_plus_is_offered_and_else_says_whether_it_could_be() {
        let both = "SCRAM-SHA-256 SCRAM-SHA-256-PLUS";
        for (bound, offered, mechanism, header) in [
            (true, both, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,"),
            (true, "SCRAM-SHA-256", "SCRAM-SHA-256", "y,,"),
            (false, "SCRAM-SHA-256", "SCRAM-SHA-256", "n,,"),
            (false, both, "SCRAM-SHA-256", "n,,"),
        ] {
            let mut talk = Talk::greeted(with_password(9), true);
            talk.opening
                .bind(bound.then(|| ChannelBinding::tls_exporter("octets")));
            talk.hears(&format!("250-mx\r\n250 AUTH {offered}"));
            let said: Vec<&str> = talk.said.split_ascii_whitespace().collect();
            assert_eq!(said[..2], ["AUTH", mechanism]);
            let first = sasl::decode(said[2].as_bytes()).unwrap();
            assert!(first.starts_with(header.as_bytes()), "{mechanism} {header}");
        }
    }

    #[test]
    fn the_next_session_may_begin_early_if_the_first_answer_to_ehlo_offered_it() {
        for (offers, may) in [("PIPECONNECT", true), ("SIZE", false)] {
            let mut talk = Talk::greeted(terms(), false);
            assert!(!talk.opening.offered_pipe_connect(), "not answered yet");
            talk.hears(&format!("250-mx\r\n250 {offers}"));
            assert_eq!(talk.opening.offered_pipe_connect(), may);
        }
        // The one inside TLS is not the first.
        let start_tls = Terms {
            security: Security::StartTls,
            ..terms()
        };
        let mut talk = Talk::greeted(start_tls, false);
        talk.hears("250-mx\r\n250-STARTTLS\r\n250 PIPECONNECT");
        assert_eq!(talk.hears("220 go"), Progress::StartTls);
        talk.opening.tls_started(&mut BytesMut::new()).unwrap();
        assert_eq!(talk.hears("250-mx\r\n250 SIZE"), Progress::Ready);
        assert!(talk.opening.offered_pipe_connect());
    }
}

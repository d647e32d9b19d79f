use crate::reply::ReplyReader;
use crate::{
    Awaited, Capabilities, Command, Error, ErrorKind, Extension, InvalidReply, Limit, Limits,
    Meaning, Misuse, Reply, Stage, State,
};
use bytes::BytesMut;
use postrider_wire::{Redactor, Secret, Transcript, sasl};
use std::collections::VecDeque;

/// The client's side of an SMTP or LMTP dialogue: no socket, no clock, no task.
///
/// # The contract
/// Two verbs move it. [`send`](Self::send) checks a command and appends its bytes to a buffer of the caller's, or
/// refuses it and changes nothing. [`receive`](Self::receive) takes whole replies from the front of another buffer
/// and says what each one answers; `None` means that more bytes must be read. How the bytes are cut into reads and
/// writes never matters.
///
/// Commands that were sent and not answered stand in a queue; [`awaiting`](Self::awaiting) is its front, and names
/// the timeout. Where the server offers PIPELINING, commands may be sent while the queue is not empty, up to one
/// that ends a group (RFC 2920 §3.1).
///
/// Two things pass the caller by way of the state: after [`State::Tls`] the caller makes the handshake and says
/// [`tls_started`](Self::tls_started); in [`State::Data`] it says [`content`](Self::content) and writes the message,
/// made transparent with [`transparency`](crate::transparency).
///
/// After an error the dialogue is [`State::Closed`]: commands and replies are no longer in step.
#[derive(Debug)]
pub struct Connection {
    protocol: Protocol,
    /// What the replies have confirmed.
    state: State,
    /// Where we shall be if everything that was sent is done.
    hoped: State,
    awaited: VecDeque<Awaited>,
    reader: ReplyReader,
    capabilities: Capabilities,
    /// Recipients accepted in this transaction: LMTP answers the message once for each.
    accepted: usize,
    /// Transactions begun on this connection (RFC 9422 MAILMAX).
    mails: u64,
    authenticated: bool,
    encrypted: bool,
    transcript: Transcript,
    /// What we said in AUTH; some servers repeat it, then or later.
    secrets: Redactor,
}

/// What the server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// SMTP (RFC 5321).
    #[default]
    Smtp,
    /// LMTP (RFC 2033): LHLO in place of EHLO, and one final reply for each recipient.
    Lmtp,
}

/// A reply, and what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was answered.
    pub to: Awaited,
    /// What that means.
    pub meaning: Meaning,
    /// The reply itself.
    pub reply: Reply,
}

impl Connection {
    /// A connection just opened: the server's greeting is awaited.
    pub fn new(protocol: Protocol, limits: Limits) -> Self {
        Self {
            protocol,
            state: State::Connected,
            hoped: State::Greeted,
            awaited: VecDeque::from([Awaited::Greeting]),
            reader: ReplyReader::new(limits),
            capabilities: Capabilities::default(),
            accepted: 0,
            mails: 0,
            authenticated: false,
            encrypted: false,
            transcript: Transcript::off(),
            secrets: Redactor::default(),
        }
    }

    /// Writes the dialogue down, without secrets.
    #[must_use]
    pub fn with_transcript(mut self, transcript: Transcript) -> Self {
        self.transcript = transcript;
        self
    }

    /// Inside TLS from the first octet.
    #[must_use]
    pub fn inside_tls(mut self) -> Self {
        self.encrypted = true;
        self
    }

    /// Whether it is inside TLS.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Where the dialogue is, as far as the replies have confirmed it.
    pub fn state(&self) -> State {
        self.state
    }

    /// SMTP or LMTP.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What the server offered in answer to the last EHLO.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The first thing that a reply is awaited to.
    pub fn awaiting(&self) -> Option<Awaited> {
        self.awaited.front().copied()
    }

    /// How many replies are awaited.
    pub fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// How many transactions the server still permits on this connection; `None` if it names no limit (RFC 9422 §3.1).
    pub fn mails_left(&self) -> Option<u64> {
        let limit = self.capabilities.limit(Limit::MailMax)?;
        Some(limit.saturating_sub(self.mails))
    }

    /// Whether this command could be sent now.
    pub fn permits(&self, command: &Command<'_>) -> bool {
        self.check(command).is_ok()
    }

    /// Appends a command to `out`.
    ///
    /// # Errors
    /// If the state does not permit it, a reply must be received first, or the server does not offer the extension
    /// that it needs. Nothing is written then, and nothing changes.
    pub fn send(&mut self, command: &Command<'_>, out: &mut BytesMut) -> Result<(), Error> {
        self.check(command)?;
        command.write(out);
        self.transcript_client(command);
        if let Command::Auth(_, Some(secret)) | Command::AuthResponse(secret) = command {
            self.secrets.add(secret);
            if let Ok(said) = sasl::decode(secret.expose_secret()) {
                self.secrets.add_proof(&Secret::new(said));
            }
        }
        self.mails += u64::from(matches!(command, Command::Mail(..)));
        self.push(command.awaited());
        Ok(())
    }

    /// Appends EHLO or LHLO to `out` before the greeting is there. For a server that offered PIPECONNECT the last time; any
    /// other may take it for the work of somebody who does not wait for answers, and hang up.
    ///
    /// # Errors
    /// After the greeting, and for any other command.
    pub fn send_early(&mut self, command: &Command<'_>, out: &mut BytesMut) -> Result<(), Error> {
        let is_ehlo = matches!(command, Command::Ehlo(_) | Command::Lhlo(_));
        if self.state != State::Connected || self.awaited.len() != 1 || !is_ehlo {
            return Err(Misuse::State(self.state).into());
        }
        command.write(out);
        self.transcript_client(command);
        self.push(command.awaited());
        Ok(())
    }

    /// Says that the message follows, with its final dot: permitted once, in [`State::Data`].
    ///
    /// # Errors
    /// In any other state.
    pub fn content(&mut self) -> Result<(), Error> {
        if self.state != State::Data || !self.awaited.is_empty() {
            return Err(Misuse::State(self.state).into());
        }
        let replies = match self.protocol {
            Protocol::Smtp => 1,
            Protocol::Lmtp => self.accepted,
        };
        for _ in 0..replies {
            self.push(Awaited::EndOfData);
        }
        if replies == 0 {
            (self.state, self.hoped) = (State::Ready, State::Ready);
        }
        Ok(())
    }

    /// Takes the next reply from the front of `input`; `None` means that more bytes must be read.
    ///
    /// # Errors
    /// If the bytes are no reply, or a reply that nothing was asked for, or no answer to what was asked, or followed
    /// by clear text where TLS must begin. The dialogue is over then.
    pub fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Event>, Error> {
        let stage = self.awaiting().map_or(Stage::Other, Awaited::stage);
        if self.state == State::Closed {
            return Ok(None);
        }
        if self.state == State::Tls {
            return self.only_tls_follows(input).map(|()| None);
        }
        let reply = match self.reader.take(input, &self.secrets) {
            // A challenge is an input, and shown nowhere.
            Ok(Some(reply)) if stage == Stage::Auth && reply.code().value() == 334 => reply,
            Ok(Some(reply)) => reply.without(&self.secrets),
            Ok(None) => return Ok(None),
            Err(error) => return Err(self.fail(stage, ErrorKind::InvalidReply(error))),
        };
        self.transcript_server(&reply);
        let event = self.answer(reply)?;
        if self.state == State::Tls {
            self.only_tls_follows(input)?;
        }
        Ok(Some(event))
    }

    /// Says that TLS is in place. What the server offered before is forgotten: EHLO is next (RFC 3207 §4.2).
    ///
    /// # Errors
    /// If the server has not just agreed to STARTTLS.
    pub fn tls_started(&mut self) -> Result<(), Error> {
        if self.state != State::Tls {
            return Err(Misuse::State(self.state).into());
        }
        self.capabilities = Capabilities::default();
        self.encrypted = true;
        (self.state, self.hoped) = (State::Greeted, State::Greeted);
        Ok(())
    }

    /// Says that the server closed the connection. An error, unless nothing was awaited but the answer to QUIT.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] at the stage that was waited in.
    pub fn closed(&mut self) -> Result<(), Error> {
        let stage = self.awaiting().map(Awaited::stage);
        let was = std::mem::replace(&mut self.state, State::Closed);
        self.awaited.clear();
        match stage {
            Some(Stage::Quit) => Ok(()),
            _ if was == State::Closed => Ok(()),
            stage => Err(Error::new(stage.unwrap_or(Stage::Other), ErrorKind::Closed)),
        }
    }

    /// Ends the dialogue without a word: after an error of the network, for example.
    pub fn abandon(&mut self) {
        self.state = State::Closed;
        self.awaited.clear();
    }

    /// The error of octets that came when nothing was awaited.
    pub(crate) fn unasked(&mut self, input: &mut BytesMut) -> Error {
        self.awaited.clear();
        match self.receive(input) {
            Err(error) => error,
            // Not even a whole reply.
            Ok(_) => self.fail(Stage::Other, ErrorKind::InvalidReply(InvalidReply::Unasked)),
        }
    }

    /// Leaves these out of every reply from now on.
    pub(crate) fn leave_out(&mut self, secrets: Redactor) {
        self.secrets = secrets;
    }

    pub(crate) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    fn check(&self, command: &Command<'_>) -> Result<(), Error> {
        let awaited = command.awaited();
        let fits = match command {
            Command::AuthResponse(_) | Command::AuthCancel => self.hoped == State::Auth,
            // RFC 4954 §4: no second AUTH after one that succeeded.
            Command::Auth(..) => self.hoped == State::Ready && !self.authenticated,
            _ => self.hoped.permits(awaited),
        };
        if !fits || self.state == State::Closed {
            return Err(Misuse::State(self.state).into());
        }
        if self.must_await_reply(awaited) {
            return Err(Misuse::AwaitReply.into());
        }
        self.check_extensions(command)
    }

    /// Whether replies must be received before a command of this kind may be sent.
    pub(crate) fn must_await_reply(&self, next: Awaited) -> bool {
        let Some(last) = self.awaited.back() else {
            return false;
        };
        // How many replies LMTP gives to the last chunk is known only when all recipients are.
        let count_unknown = self.protocol == Protocol::Lmtp && next == Awaited::LastChunk;
        last.ends_group() || count_unknown || !self.capabilities.offers(Extension::Pipelining)
    }

    fn check_extensions(&self, command: &Command<'_>) -> Result<(), Error> {
        let offered = |extension| match self.capabilities.offers(extension) {
            true => Ok(()),
            false => Err(Error::local(ErrorKind::Missing(extension))),
        };
        match command {
            Command::StartTls => offered(Extension::StartTls),
            Command::Auth(..) => offered(Extension::Auth),
            Command::Bdat { .. } => offered(Extension::Chunking),
            Command::Etrn(_) => offered(Extension::Etrn),
            Command::XClient(_) => offered(Extension::XClient),
            Command::XForward(_) => offered(Extension::XForward),
            Command::Mail(from, parameters) => {
                if from.needs_smtp_utf8() {
                    offered(Extension::SmtpUtf8)?;
                }
                if parameters.require_tls && !self.encrypted {
                    return Err(Error::local(ErrorKind::ClearText));
                }
                parameters.required().try_for_each(offered)?;
                self.capabilities.check_bounds(parameters)
            }
            Command::Rcpt(to, parameters) => {
                if to.needs_smtp_utf8() {
                    offered(Extension::SmtpUtf8)?;
                }
                parameters.required().map_or(Ok(()), offered)
            }
            Command::AuthResponse(response) if response.expose_secret().len() > AUTH_LINE => {
                Err(Misuse::LineTooLong.into())
            }
            _ => Ok(()),
        }
    }

    fn push(&mut self, awaited: Awaited) {
        self.hoped = self.hoped.after(awaited, Meaning::hoped_for(awaited));
        let replies = match (self.protocol, awaited) {
            (Protocol::Lmtp, Awaited::LastChunk) => self.accepted.max(1),
            _ => 1,
        };
        self.awaited.extend(std::iter::repeat_n(awaited, replies));
    }

    fn answer(&mut self, reply: Reply) -> Result<Event, Error> {
        let Some(to) = self.awaited.pop_front() else {
            return Err(self.fail(Stage::Other, ErrorKind::Unsolicited(reply)));
        };
        let Some(meaning) = Meaning::of(reply.code(), to) else {
            return Err(self.fail(to.stage(), ErrorKind::Unexpected(reply)));
        };
        self.state = self.state.after(to, meaning);
        // LMTP: the transaction is over when the last of its final replies is there.
        if matches!(to, Awaited::EndOfData) && self.awaiting() == Some(Awaited::EndOfData) {
            self.state = State::Data;
        }
        self.note(to, meaning, &reply);
        if reply.code().value() == 421 {
            self.abandon();
        }
        if self.awaited.is_empty() {
            self.hoped = self.state;
        }
        Ok(Event { to, meaning, reply })
    }

    fn note(&mut self, to: Awaited, meaning: Meaning, reply: &Reply) {
        match (to, meaning) {
            (Awaited::Ehlo, Meaning::Done) => self.capabilities = Capabilities::parse(reply),
            (Awaited::Helo, Meaning::Done) => self.capabilities = Capabilities::default(),
            (Awaited::XClient, Meaning::Done) => {
                self.capabilities = Capabilities::default();
                self.authenticated = false;
            }
            (Awaited::Auth, Meaning::Done) => self.authenticated = true,
            (Awaited::Rcpt, Meaning::Done) => self.accepted += 1,
            (Awaited::Mail, _) => self.accepted = 0,
            _ => {}
        }
    }

    fn only_tls_follows(&mut self, input: &BytesMut) -> Result<(), Error> {
        if input.is_empty() {
            return Ok(());
        }
        Err(self.fail(Stage::StartTls, ErrorKind::StartTlsInjection))
    }

    fn fail(&mut self, stage: Stage, kind: ErrorKind) -> Error {
        self.abandon();
        Error::new(stage, kind)
    }

    fn transcript_client(&self, command: &Command<'_>) {
        if self.transcript.is_on() {
            self.transcript.client(command);
        }
    }

    fn transcript_server(&self, reply: &Reply) {
        if self.transcript.is_on() {
            // The challenges of some mechanisms hold what must not be written down.
            if reply.code().value() == 334 {
                self.transcript.server(b"334 (challenge)");
                return;
            }
            for line in reply.raw_lines() {
                self.transcript.server(line);
            }
        }
    }
}

/// Octets in a response of the AUTH dialogue (RFC 4954 §4).
const AUTH_LINE: usize = 12_286;

#[cfg(test)]
pub(crate) mod tests;

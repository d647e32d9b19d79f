//! A dialogue step by step, for who wants to say each command and hear each reply: a relay, a test of a server.

use super::Client;
use crate::transparency::Transparency;
use crate::{Command, Error, Event, Meaning, Misuse, Reply, Stage};
use bytes::BytesMut;

/// Octets of a message written at once.
const BLOCK: usize = 64 * 1024;

impl Client {
    /// Says one command, and waits for its reply: NOOP, VRFY, EXPN, HELP, RSET, ETRN, XFORWARD, and MAIL and RCPT of a
    /// transaction that [`data`](Self::data) ends. While a transaction is open, [`send`](Self::send) sends nothing.
    ///
    /// # Errors
    /// If the command may not be sent, or the connection is lost. A reply that says no is not an error.
    pub async fn command(&mut self, command: &Command<'_>) -> Result<Reply, Error> {
        let stage = command.awaited().stage();
        let opens_nothing = matches!(
            stage,
            Stage::Other | Stage::Reset | Stage::Mail | Stage::Rcpt
        );
        if self.busy || !opens_nothing || matches!(command, Command::XClient(_)) {
            return Err(Misuse::State(self.connection.state()).into());
        }
        self.busy = true;
        let said = self.say(command).await;
        self.busy = false;
        match said {
            Ok(event) => Ok(event.reply),
            Err(error) => Err(error.at(self.config.endpoint())),
        }
    }

    /// Whether this command could be said now.
    pub fn permits(&self, command: &Command<'_>) -> bool {
        !self.busy && self.connection.permits(command)
    }

    /// Says DATA and, if the server says 354 to it, the message with its final dot: the reply that is the verdict. In
    /// LMTP there is one for each recipient that was accepted. A CR or LF alone becomes CRLF.
    ///
    /// # Errors
    /// If DATA may not be said, or the connection is lost: after the final dot nobody knows then what became of the mail.
    pub async fn data(&mut self, message: &[u8]) -> Result<Vec<Reply>, Error> {
        if self.busy {
            return Err(Misuse::State(self.connection.state()).into());
        }
        self.busy = true;
        let said = self.say_message(message).await;
        self.busy = false;
        said.map_err(|error| error.at(self.config.endpoint()))
    }

    async fn say_message(&mut self, message: &[u8]) -> Result<Vec<Reply>, Error> {
        let answer = self.say(&Command::Data).await?;
        if answer.meaning != Meaning::Continue {
            return Ok(vec![answer.reply]);
        }
        self.only_asked()?;
        self.connection.content()?;
        let mut encoder = Transparency::new();
        let mut wire = Vec::with_capacity(BLOCK);
        for block in message.chunks(BLOCK) {
            wire.clear();
            encoder
                .encode(block)
                .for_each(|s| wire.extend_from_slice(s));
            self.write(&wire, Stage::Content).await?;
        }
        self.write(encoder.end(), Stage::Content).await?;
        let mut replies = Vec::new();
        while self.connection.awaited() > 0 {
            replies.push(self.hear(Stage::EndOfData).await?.reply);
        }
        Ok(replies)
    }

    pub(super) async fn say(&mut self, command: &Command<'_>) -> Result<Event, Error> {
        self.only_asked()?;
        let mut out = BytesMut::new();
        self.connection.send(command, &mut out)?;
        let stage = command.awaited().stage();
        self.write(&out, stage).await?;
        self.hear(stage).await
    }

    /// What the server said without being asked would be taken for the answer to what is said next.
    fn only_asked(&mut self) -> Result<(), Error> {
        match self.wire.input().is_empty() || self.connection.awaited() > 0 {
            true => Ok(()),
            false => Err(self.connection.unasked(self.wire.input())),
        }
    }

    async fn write(&mut self, out: &[u8], stage: Stage) -> Result<(), Error> {
        let times = *self.config.times();
        let written = self.wire.write(out, stage, &times).await;
        written.inspect_err(|_| self.connection.abandon())
    }

    async fn hear(&mut self, stage: Stage) -> Result<Event, Error> {
        let times = *self.config.times();
        loop {
            if let Some(event) = self.connection.receive(self.wire.input())? {
                return Ok(event);
            }
            let read = self.wire.read(stage, &times).await;
            if let Err(error) = read {
                self.connection.abandon();
                return Err(error);
            }
        }
    }
}

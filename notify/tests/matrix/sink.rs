//! A server that takes mail, misbehaves as it is told, and can kill its client at a given word.

use crate::reaper::{Point, Reaper};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// Where the dialogue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    Connect,
    Greeting,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    Content,
    Dot,
}

/// What a server does there instead of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Nothing wrong.
    Right,
    /// Closes; the command has no effect.
    Drop,
    /// Carries it out, and closes without a word.
    DropUnanswered,
    /// Answers, and closes.
    DropAnswered,
    /// Answers this, and the command has no effect.
    Says(&'static str),
    /// Answers as it should, and says 421 behind it.
    SaysThen421,
    /// Carries it out, and never says anything again.
    Silent,
    /// Carries it out, and answers after so many seconds.
    Late(u64),
}

/// All hostile sinks, and the good one.
pub const SINKS: &[(At, Does)] = &[
    (At::Connect, Does::Right),
    (At::Connect, Does::Drop),
    (At::Greeting, Does::Drop),
    (At::Greeting, Does::Says("421 4.3.2 closing")),
    (At::Greeting, Does::Says("554 5.3.2 no service")),
    (At::Greeting, Does::Silent),
    (At::Ehlo, Does::Drop),
    (At::Ehlo, Does::Says("502 5.5.1 what?")),
    (At::Ehlo, Does::Says("421 4.3.2 closing")),
    (At::Ehlo, Does::Silent),
    (At::Mail, Does::Drop),
    (At::Mail, Does::Says("451 4.3.0 later")),
    (At::Mail, Does::Says("550 5.7.1 not from you")),
    (At::Mail, Does::Says("421 4.3.2 closing")),
    (At::Mail, Does::Says("\u{1}\u{2}garbage")),
    (At::Mail, Does::Silent),
    (At::Rcpt, Does::Drop),
    (At::Rcpt, Does::Says("450 4.2.1 greylisted")),
    (At::Rcpt, Does::Says("452 4.5.3 too many recipients")),
    (At::Rcpt, Does::Says("550 5.7.1 not him")),
    (At::Rcpt, Does::Says("550 5.1.1 no such user")),
    (At::Rcpt, Does::Says("421 4.3.2 closing")),
    (At::Rcpt, Does::Silent),
    (At::Rcpt, Does::Late(90)),
    (At::Data, Does::Drop),
    (At::Data, Does::Says("451 4.3.0 later")),
    (At::Data, Does::Says("554 5.5.1 no")),
    (At::Data, Does::Says("421 4.3.2 closing")),
    (At::Data, Does::Silent),
    (At::Content, Does::Drop),
    (At::Content, Does::Silent),
    (At::Dot, Does::Drop),
    (At::Dot, Does::DropUnanswered),
    (At::Dot, Does::DropAnswered),
    (At::Dot, Does::SaysThen421),
    (At::Dot, Does::Says("451 4.3.0 later")),
    (At::Dot, Does::Says("421 4.3.2 closing")),
    (At::Dot, Does::Says("554 5.6.0 content refused")),
    (At::Dot, Does::Says("552 5.3.4 too large")),
    (At::Dot, Does::Silent),
    (At::Dot, Does::Late(90)),
];

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub recipient: String,
    pub content: Vec<u8>,
    /// The life of the client that sent it.
    pub generation: u32,
    /// The answer was written.
    pub answered: bool,
}

#[derive(Debug)]
pub struct Ledger {
    pub accepted: Vec<Accepted>,
    /// Recipients that were refused for good, at RCPT or later.
    pub refused: BTreeSet<String>,
    pub connections: usize,
    /// MAIL commands that were read.
    pub asked: u32,
    /// Connections that the server ended.
    pub hung_up: u32,
    hostile: (At, Does),
    /// How many times it still misbehaves, and how many good ones lie between.
    pub left: u32,
    skip: u32,
    generation: u32,
}

/// The server. Its clones are one.
#[derive(Clone)]
pub struct Sink {
    ledger: Arc<Mutex<Ledger>>,
    reaper: Arc<Reaper>,
}

/// The client is gone, or it was sent away.
type Ended = Result<(), io::Error>;

impl Sink {
    pub fn new(hostile: (At, Does), times: u32, skip: u32, reaper: Arc<Reaper>) -> Self {
        let ledger = Ledger {
            accepted: Vec::new(),
            refused: BTreeSet::new(),
            connections: 0,
            asked: 0,
            hung_up: 0,
            hostile,
            left: if hostile.1 == Does::Right { 0 } else { times },
            skip,
            generation: 0,
        };
        Self {
            ledger: Arc::new(Mutex::new(ledger)),
            reaper,
        }
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    pub fn next_generation(&self) {
        self.ledger().generation += 1;
    }

    /// A connection to it.
    pub fn connect(&self) -> io::Result<DuplexStream> {
        self.ledger().connections += 1;
        if self.misbehaves(At::Connect) == Does::Drop {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        let sink = self.clone();
        tokio::spawn(async move {
            // However it ends: the client has to notice.
            let ended = sink.clone().serve(theirs).await;
            sink.ledger().hung_up += u32::from(ended.is_err());
        });
        Ok(ours)
    }

    /// What is done at this point, this time.
    fn misbehaves(&self, at: At) -> Does {
        let mut ledger = self.ledger();
        if ledger.hostile.0 != at || ledger.left == 0 {
            return Does::Right;
        }
        if ledger.skip > 0 {
            ledger.skip -= 1;
            return Does::Right;
        }
        ledger.left -= 1;
        ledger.hostile.1
    }

    async fn serve(self, stream: DuplexStream) -> Ended {
        let generation = self.ledger().generation;
        let mut stream = BufReader::new(stream);
        let mut recipients = Vec::new();
        let mut begun = false;
        self.answer(&mut stream, At::Greeting, "220 sink.test ESMTP", || ())
            .await?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let said = "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 9999999";
                    self.answer(&mut stream, At::Ehlo, said, || ()).await?;
                }
                "HELO" => say(&mut stream, "250 sink.test").await?,
                "MAIL" => {
                    self.ledger().asked += 1;
                    recipients.clear();
                    begun = self
                        .answer_to(&mut stream, At::Mail, "250 2.1.0 ok", &[], || ())
                        .await?;
                    self.kill(Point::MailAnswered)?;
                }
                "RCPT" if !begun => say(&mut stream, "503 5.5.1 no mail").await?,
                "RCPT" => {
                    let to = path(&line);
                    let taken = self
                        .answer_to(
                            &mut stream,
                            At::Rcpt,
                            "250 2.1.5 ok",
                            std::slice::from_ref(&to),
                            || (),
                        )
                        .await?;
                    recipients.extend(taken.then_some(to));
                    self.kill(Point::RcptAnswered)?;
                }
                "DATA" if recipients.is_empty() => {
                    say(&mut stream, "503 5.5.1 no recipients").await?
                }
                "DATA" => {
                    let go = self
                        .answer_to(&mut stream, At::Data, "354 go", &recipients, || ())
                        .await?;
                    if go {
                        self.content(&mut stream, &recipients, generation).await?;
                    }
                }
                "RSET" | "NOOP" => say(&mut stream, "250 2.0.0 ok").await?,
                "QUIT" => return say(&mut stream, "221 2.0.0 bye").await,
                _ => say(&mut stream, "500 5.5.1 what?").await?,
            }
        }
    }

    async fn content(
        &self,
        stream: &mut BufReader<DuplexStream>,
        recipients: &[String],
        generation: u32,
    ) -> Ended {
        let mut content = Vec::new();
        match self.misbehaves(At::Content) {
            Does::Drop => {
                let mut some = [0; 40];
                stream.read_exact(&mut some).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Does::Silent => return std::future::pending().await,
            _ => {}
        }
        loop {
            let mut line = Vec::new();
            if stream.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.kill(Point::InsideData)?;
            if line == b".\r\n" {
                break;
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        self.kill(Point::DotReceived)?;
        let first = self.ledger().accepted.len();
        let take = || {
            self.ledger()
                .accepted
                .extend(recipients.iter().map(|to| Accepted {
                    recipient: to.clone(),
                    content: content.clone(),
                    generation,
                    answered: false,
                }));
        };
        let stored = || self.ledger().accepted.len() > first;
        let answered = async {
            let taken = self
                .answer_to(stream, At::Dot, "250 2.0.0 taken", recipients, take)
                .await;
            taken.map(|_| ())
        };
        let ended = answered.await;
        // What a dead client was told, nobody heard.
        if stored() && ended.is_ok() && !self.reaper.is_dead() {
            for mail in self.ledger().accepted.iter_mut().skip(first) {
                mail.answered = true;
            }
        }
        ended
    }

    async fn answer(
        &self,
        stream: &mut BufReader<DuplexStream>,
        at: At,
        said: &str,
        effect: impl Fn(),
    ) -> Ended {
        self.answer_to(stream, at, said, &[], effect)
            .await
            .map(|_| ())
    }

    /// Answers, rightly or not; true if the command had its effect.
    async fn answer_to(
        &self,
        stream: &mut BufReader<DuplexStream>,
        at: At,
        said: &str,
        recipients: &[String],
        effect: impl Fn(),
    ) -> io::Result<bool> {
        let aborted = || Err(io::ErrorKind::ConnectionAborted.into());
        match self.misbehaves(at) {
            Does::Right => {}
            Does::Drop => return aborted(),
            Does::DropUnanswered => {
                effect();
                return aborted();
            }
            Does::DropAnswered => {
                effect();
                say(stream, said).await?;
                return aborted();
            }
            Does::Says(other) => {
                say(stream, other).await?;
                if other.starts_with('5') {
                    self.ledger().refused.extend(recipients.iter().cloned());
                }
                if other.starts_with("421") || other.starts_with("554 5.3.2") {
                    return aborted();
                }
                return Ok(false);
            }
            Does::SaysThen421 => {
                effect();
                say(stream, said).await?;
                say(stream, "421 4.3.2 closing").await?;
                return aborted();
            }
            Does::Silent => {
                effect();
                return std::future::pending().await;
            }
            Does::Late(seconds) => {
                effect();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                say(stream, said).await?;
                return Ok(true);
            }
        }
        effect();
        if at == At::Dot {
            self.kill(Point::Stored)?;
        }
        say(stream, said).await?;
        if at == At::Dot {
            self.kill(Point::DotAnswered)?;
        }
        Ok(true)
    }

    /// Kills the client here, if it is its time.
    fn kill(&self, point: Point) -> Ended {
        match self.reaper.strikes(point) {
            true => {
                self.reaper.kill();
                Err(io::ErrorKind::ConnectionReset.into())
            }
            false => Ok(()),
        }
    }
}

async fn say(stream: &mut BufReader<DuplexStream>, said: &str) -> Ended {
    stream.write_all(format!("{said}\r\n").as_bytes()).await
}

fn path(line: &str) -> String {
    let inside = line.split(['<', '>']).nth(1);
    inside.unwrap_or_default().to_owned()
}

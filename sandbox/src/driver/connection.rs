use super::link::Link;
use crate::dialogue::Log;
use crate::fault::{Action, Stage};
use crate::step::{Machine, Next, Step};
use bytes::{Buf, BytesMut};
use std::io;
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Replies to a pipeline are gathered up to so many octets before they are written (RFC 2920 §3.2).
const GATHERED: usize = 16 << 10;

/// One client's connection.
pub(super) struct Connection<M> {
    pub(super) machine: M,
    pub(super) log: Log,
    pub(super) acceptor: TlsAcceptor,
    pub(super) idle: Duration,
    pub(super) tls_first: bool,
}

impl<M: Machine> Connection<M> {
    /// Speaks with the client until one of the two ends it.
    pub(super) async fn run(self, tcp: TcpStream) {
        // Replies are awaited: Nagle's delay would be paid for each.
        let _ = tcp.set_nodelay(true);
        let mut talk = Talk {
            connection: self,
            link: Some(Link::Clear(tcp)),
            input: BytesMut::new(),
            out: BytesMut::new(),
            one_byte: false,
        };
        talk.connection.log.note("connected");
        let end = talk.dialogue().await;
        let Talk {
            connection, link, ..
        } = talk;
        let log = connection.log;
        // The machine goes first: a maildrop is free before the client can know that the connection is closed.
        drop(connection.machine);
        match (end, link) {
            (Ok(Next::Drop), Some(link)) => {
                log.note("cut");
                link.cut().await;
            }
            (Ok(_), Some(link)) => {
                log.note("closed");
                link.close().await;
            }
            (Err(error), _) => log.note(format_args!("lost: {error}")),
            (Ok(_), None) => {}
        }
    }
}

struct Talk<M> {
    connection: Connection<M>,
    link: Option<Link>,
    input: BytesMut,
    out: BytesMut,
    one_byte: bool,
}

impl<M: Machine> Talk<M> {
    async fn dialogue(&mut self) -> io::Result<Next> {
        let step = self.connection.machine.connect(&mut self.out);
        let tls_first = self.connection.tls_first && !step.actions.contains(&Action::PlainText);
        if let Some(end) = self.follow(step, 0).await? {
            return Ok(end);
        }
        if tls_first {
            self.flush().await?;
            self.start_tls().await?;
        }
        let start = self.out.len();
        let step = self.connection.machine.greet(&mut self.out);
        if let Some(end) = self.follow(step, start).await? {
            return Ok(end);
        }
        loop {
            if let Some(end) = self.answer().await? {
                return Ok(end);
            }
            self.flush().await?;
            let (idle, Some(link)) = (self.connection.idle, &mut self.link) else {
                return Ok(Next::Close);
            };
            match timeout(idle, link.read(&mut self.input)).await {
                Ok(Ok(0)) => return Ok(Next::Close),
                Ok(read) => read?,
                Err(_) => return self.time_out().await,
            };
        }
    }

    /// Takes every step that the input is enough for.
    async fn answer(&mut self) -> io::Result<Option<Next>> {
        let machine = &mut self.connection.machine;
        machine.set_now(SystemTime::now());
        loop {
            let start = self.out.len();
            let machine = &mut self.connection.machine;
            let Some(step) = machine.receive(&mut self.input, &mut self.out) else {
                return Ok(None);
            };
            if let Some(end) = self.follow(step, start).await? {
                return Ok(Some(end));
            }
        }
    }

    /// Plays a step whose reply stands in the output from `start` on; says how the connection ends, if it does.
    async fn follow(&mut self, step: Step, start: usize) -> io::Result<Option<Next>> {
        let log = &self.connection.log;
        log.client(&step.said);
        log.server(step.stage, self.out.get(start..).unwrap_or_default());
        if !step.actions.is_empty() {
            let reply = self.out.split_off(start);
            self.flush().await?;
            if let Some(end) = self.play(&step, reply).await? {
                return Ok(Some(end));
            }
        } else if step.next != Next::Continue || self.out.len() >= GATHERED {
            self.flush().await?;
        }
        match step.next {
            Next::Continue => Ok(None),
            Next::StartTls => {
                self.start_tls().await?;
                Ok(None)
            }
            end => Ok(Some(end)),
        }
    }

    /// Writes a reply in the way that the faults ask for.
    async fn play(&mut self, step: &Step, reply: BytesMut) -> io::Result<Option<Next>> {
        let mut split = None;
        let mut cut = None;
        let mut then = None;
        for action in &step.actions {
            self.connection.log.note(Fault(action));
            match action {
                Action::Delay(delay) => sleep(*delay).await,
                Action::OneByteWrites => self.one_byte = true,
                Action::SplitAt(at) => split = Some(*at),
                Action::DropAfterBytes(octets) if step.stage != Stage::Content => {
                    cut = Some(*octets);
                }
                Action::Silence | Action::StopReading | Action::Endless(_) => then = Some(action),
                _ => {}
            }
        }
        let end = cut.map_or(reply.len(), |cut| cut.min(reply.len()));
        let reply = reply.get(..end).unwrap_or_default();
        match (split, &mut self.link) {
            (Some(at), Some(link)) => link.write_split(reply, at).await?,
            _ => self.write(reply).await?,
        }
        if cut.is_some() {
            return Ok(Some(Next::Drop));
        }
        match then {
            Some(action) => self.never_again(action).await.map(Some),
            None => Ok(None),
        }
    }

    /// The faults after which no dialogue is left.
    async fn never_again(&mut self, action: &Action) -> io::Result<Next> {
        let Some(link) = &mut self.link else {
            return Ok(Next::Drop);
        };
        match action {
            Action::Endless(bytes) if !bytes.is_empty() => {
                // Written in large pieces: the client's limits are what is tried here, not the system's patience.
                let block = bytes.repeat((16 << 10) / bytes.len() + 1);
                loop {
                    link.write(&block).await?;
                }
            }
            Action::StopReading => sleep(self.connection.idle).await,
            _ => {
                let forget = async {
                    let mut unread = BytesMut::new();
                    while matches!(link.read(&mut unread).await, Ok(1..)) {
                        unread.advance(unread.len());
                    }
                };
                let _ = timeout(self.connection.idle, forget).await;
            }
        }
        Ok(Next::Drop)
    }

    async fn time_out(&mut self) -> io::Result<Next> {
        self.connection.log.note("idle for too long");
        let start = self.out.len();
        let step = self.connection.machine.timed_out(&mut self.out);
        let end = self.follow(step, start).await?;
        Ok(end.unwrap_or(Next::Close))
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let Some(link) = self.link.take() else {
            return Ok(());
        };
        let handshake = link.start_tls(&self.connection.acceptor);
        let link = match timeout(self.connection.idle, handshake).await {
            Ok(result) => result.inspect_err(|error| {
                let log = &self.connection.log;
                log.note(format_args!("the TLS handshake failed: {error}"));
            })?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        if let Some(tls) = link.tls_description() {
            self.connection.log.note(tls);
        }
        self.link = Some(link);
        self.connection.machine.tls_started();
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        let out = self.out.split();
        self.write(&out).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.link {
            Some(link) if self.one_byte => link.write_pieces(bytes, 1).await,
            Some(link) if !bytes.is_empty() => link.write(bytes).await,
            _ => Ok(()),
        }
    }
}

/// A fault as the transcript notes it: its name, without the octets that it sends.
struct Fault<'a>(&'a Action);

impl std::fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Action::Endless(_) => f.write_str("fault: Endless"),
            action => write!(f, "fault: {action:?}"),
        }
    }
}

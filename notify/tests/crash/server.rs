//! A server that takes all mail, over TCP and one command after another, and says when its client is to die.

use super::points::Point;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};

/// Only the verdict on a message has this word.
pub(crate) const TAKEN: &str = "taken";

/// A mail that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) content: Vec<u8>,
    /// The life of the client that sent it, counted from 0.
    pub(crate) life: u32,
}

struct Ledger {
    point: Option<Point>,
    /// How often the point is passed before it is time.
    passes: u32,
    life: u32,
    accepted: Vec<Accepted>,
}

/// The server. Its clones are one.
#[derive(Clone)]
pub(crate) struct Server {
    ledger: Arc<Mutex<Ledger>>,
    reached: Sender<bool>,
    pub(crate) port: u16,
}

type Peer = BufReader<TcpStream>;

impl Server {
    /// Serves for as long as this program runs. `reached` hears when the client is at the point, over its second mail.
    pub(crate) fn start(point: Point, reached: Sender<bool>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ledger = Ledger {
            point: Some(point),
            passes: 1,
            life: 0,
            accepted: Vec::new(),
        };
        let server = Self {
            ledger: Arc::new(Mutex::new(ledger)),
            reached,
            port: listener.local_addr().unwrap().port(),
        };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // However it ends, another client may come.
                let _ = serving.serve(BufReader::new(stream));
            }
        });
        server
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    pub(crate) fn next_life(&self) {
        let mut ledger = self.ledger();
        ledger.life += 1;
        ledger.point = None;
    }

    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        self.ledger().accepted.clone()
    }

    fn serve(&self, mut peer: Peer) -> io::Result<()> {
        say(&mut peer, "220 sink.test ESMTP")?;
        loop {
            let mut line = String::new();
            if peer.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.get(..4).unwrap_or_default() {
                "MAIL" => {
                    self.may_strike(Point::Mail, &mut peer)?;
                    say(&mut peer, "250 2.1.0 ok")?;
                }
                "DATA" => self.content(&mut peer)?,
                "QUIT" => return say(&mut peer, "221 2.0.0 bye"),
                _ => say(&mut peer, "250 ok")?,
            }
        }
    }

    fn content(&self, peer: &mut Peer) -> io::Result<()> {
        say(peer, "354 go")?;
        let mut content = Vec::new();
        loop {
            let mut line = Vec::new();
            if peer.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if content.is_empty() {
                self.may_strike(Point::Data, peer)?;
            }
            if line == b".\r\n" {
                break;
            }
            content.extend_from_slice(&line);
        }
        self.may_strike(Point::Dot, peer)?;
        let mut ledger = self.ledger();
        let life = ledger.life;
        ledger.accepted.push(Accepted { content, life });
        drop(ledger);
        self.may_strike(Point::Stored, peer)?;
        say(peer, &format!("250 2.0.0 {TAKEN}"))?;
        self.may_strike(Point::Answered, peer)
    }

    /// If the client is to die here: says so, and waits until it is gone.
    fn may_strike(&self, point: Point, peer: &mut Peer) -> io::Result<()> {
        if !self.is_time(point) {
            return Ok(());
        }
        self.reached.send(true).unwrap();
        let _ = io::copy(peer, &mut io::sink());
        Err(io::ErrorKind::ConnectionReset.into())
    }

    fn is_time(&self, point: Point) -> bool {
        let mut ledger = self.ledger();
        if ledger.point != Some(point) {
            return false;
        }
        let is_time = ledger.passes == 0;
        ledger.passes = ledger.passes.saturating_sub(1);
        is_time
    }
}

fn say(peer: &mut Peer, line: &str) -> io::Result<()> {
    peer.get_mut().write_all(format!("{line}\r\n").as_bytes())
}

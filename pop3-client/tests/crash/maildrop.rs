//! A POP3 server with one maildrop, which removes at QUIT what was marked, and says when its client is to die.

use crate::copies;
use crate::points::Point;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};

struct Held {
    /// By number, counted from 1; those that are removed are `None`.
    messages: Vec<Option<String>>,
    point: Option<Point>,
    /// RETR commands of this life.
    retrieved: usize,
    /// Numbers in DELE commands of which nothing was stored.
    too_early: Vec<usize>,
}

/// The server. Its clones are one.
#[derive(Clone)]
pub(crate) struct Maildrop {
    held: Arc<Mutex<Held>>,
    /// Where the client stores.
    folder: PathBuf,
    reached: Sender<bool>,
    pub(crate) port: u16,
}

type Peer = BufReader<TcpStream>;

impl Maildrop {
    /// Serves for as long as this program runs. `reached` hears when the client is at the point, over message 2.
    pub(crate) fn start(
        messages: Vec<String>,
        folder: PathBuf,
        point: Option<Point>,
        reached: Sender<bool>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let held = Held {
            messages: messages.into_iter().map(Some).collect(),
            point,
            retrieved: 0,
            too_early: Vec::new(),
        };
        let maildrop = Self {
            held: Arc::new(Mutex::new(held)),
            folder,
            reached,
            port: listener.local_addr().unwrap().port(),
        };
        let serving = maildrop.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // However it ends, another client may come.
                let _ = serving.serve(BufReader::new(stream));
            }
        });
        maildrop
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    pub(crate) fn next_life(&self) {
        let mut held = self.held();
        held.point = None;
        held.retrieved = 0;
    }

    /// The numbers of the messages that are there.
    pub(crate) fn there(&self) -> Vec<usize> {
        let held = self.held();
        let there = |n: &usize| held.messages[n - 1].is_some();
        (1..=held.messages.len()).filter(there).collect()
    }

    pub(crate) fn retrieved(&self) -> usize {
        self.held().retrieved
    }

    pub(crate) fn too_early(&self) -> Vec<usize> {
        self.held().too_early.clone()
    }

    fn serve(&self, mut peer: Peer) -> io::Result<()> {
        // What is there when a session begins; numbers are those of the session.
        let numbers = self.there();
        let mut marked = Vec::new();
        say(&mut peer, "+OK ready")?;
        loop {
            let mut line = String::new();
            if peer.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let mut words = line.split_whitespace();
            let (verb, number) = (words.next().unwrap_or_default(), words.next());
            let number: Option<usize> = number.and_then(|number| number.parse().ok());
            let n = number.map(|number| numbers[number - 1]);
            match (verb, number, n) {
                ("CAPA", ..) => say(&mut peer, "+OK\r\nUSER\r\nUIDL\r\n.")?,
                ("STAT", ..) => say(&mut peer, &format!("+OK {} 9999", numbers.len()))?,
                ("UIDL", None, _) => self.list(&mut peer, &numbers, |n| format!("uid{n}"))?,
                ("LIST", None, _) => self.list(&mut peer, &numbers, |n| self.octets(n))?,
                ("LIST", Some(number), Some(n)) => {
                    say(&mut peer, &format!("+OK {number} {}", self.octets(n)))?;
                }
                ("RETR", _, Some(n)) => self.retrieve(&mut peer, n)?,
                ("DELE", _, Some(n)) => {
                    if copies(&self.folder, n) == 0 {
                        self.held().too_early.push(n);
                    }
                    self.may_strike(Point::Dele, n, &mut peer)?;
                    marked.push(n);
                    say(&mut peer, "+OK marked")?;
                    self.may_strike(Point::Marked, n, &mut peer)?;
                }
                ("QUIT", ..) => {
                    self.may_strike(Point::Quit, 2, &mut peer)?;
                    for n in marked {
                        self.held().messages[n - 1] = None;
                    }
                    self.may_strike(Point::Removed, 2, &mut peer)?;
                    return say(&mut peer, "+OK bye");
                }
                _ => say(&mut peer, "+OK")?,
            }
        }
    }

    fn list(
        &self,
        peer: &mut Peer,
        numbers: &[usize],
        of: impl Fn(usize) -> String,
    ) -> io::Result<()> {
        let lines = numbers.iter().enumerate();
        let lines: String = lines
            .map(|(at, n)| format!("{} {}\r\n", at + 1, of(*n)))
            .collect();
        say(peer, &format!("+OK\r\n{lines}."))
    }

    fn text(&self, n: usize) -> String {
        self.held().messages[n - 1].clone().unwrap()
    }

    fn octets(&self, n: usize) -> String {
        self.text(n).len().to_string()
    }

    /// No line of a message begins with a dot.
    fn retrieve(&self, peer: &mut Peer, n: usize) -> io::Result<()> {
        self.held().retrieved += 1;
        let text = self.text(n);
        let (front, back) = text.split_at(text.len() / 2);
        peer.get_mut()
            .write_all(format!("+OK\r\n{front}").as_bytes())?;
        self.may_strike(Point::InsideRetr, n, peer)?;
        peer.get_mut()
            .write_all(format!("{back}.\r\n").as_bytes())?;
        self.may_strike(Point::Retrieved, n, peer)
    }

    /// If the client is to die here, over message 2: says so, and waits until it is gone.
    fn may_strike(&self, point: Point, n: usize, peer: &mut Peer) -> io::Result<()> {
        if self.held().point != Some(point) || n != 2 {
            return Ok(());
        }
        self.reached.send(true).unwrap();
        let _ = io::copy(peer, &mut io::sink());
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

fn say(peer: &mut Peer, lines: &str) -> io::Result<()> {
    peer.get_mut().write_all(format!("{lines}\r\n").as_bytes())
}

//! A POP3 server that does to its client what servers do, and whose client may die at any of its words.

use crate::reaper::{Point, Reaper};
use crate::rng::Rng;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    Nothing,
    /// Closes the connection in the middle of a mail.
    DropsInsideRetr,
    /// Closes the connection in the middle of its list of unique-ids.
    DropsInsideUidl,
    /// Deletes at DELE and closes the connection: there is no QUIT.
    DeletesAtOnce,
    /// Says that everything is deleted, and deletes nothing.
    DeletesNothing,
    /// Names every mail anew between two sessions.
    Renames,
    /// Takes RETR and says nothing more.
    Hangs,
    /// Somebody else has the maildrop.
    InUse,
    /// Deletes, and closes without an answer to QUIT.
    QuitUnanswered,
    /// Closes at QUIT, and deletes nothing.
    QuitUnheard,
    /// Refuses QUIT after it has deleted half of what it should.
    QuitRefused,
    /// Has no UIDL.
    Nameless,
    /// Refuses to give a mail.
    RefusesRetr,
    /// Refuses to delete a mail.
    RefusesDele,
}

pub const HOSTILES: &[Hostile] = &[
    Hostile::Nothing,
    Hostile::DropsInsideRetr,
    Hostile::DropsInsideUidl,
    Hostile::DeletesAtOnce,
    Hostile::DeletesNothing,
    Hostile::Renames,
    Hostile::Hangs,
    Hostile::InUse,
    Hostile::QuitUnanswered,
    Hostile::QuitUnheard,
    Hostile::QuitRefused,
    Hostile::Nameless,
    Hostile::RefusesRetr,
    Hostile::RefusesDele,
];

#[derive(Clone)]
pub struct Mail {
    pub n: usize,
    pub uid: String,
    pub text: Vec<u8>,
}

struct Maildrop {
    mails: Vec<Mail>,
    hostile: Hostile,
    /// How often it does wrong, and after how many chances.
    times: u32,
    skip: u32,
    renamed: u32,
    rng: Rng,
    /// A session broke before: the next list is a reconciliation.
    broke: bool,
}

/// A server with one maildrop.
#[derive(Clone)]
pub struct Server {
    maildrop: Arc<Mutex<Maildrop>>,
    reaper: Arc<Reaper>,
    pub port: u16,
}

/// The connection is closed.
struct Closed;

impl From<std::io::Error> for Closed {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

impl Server {
    pub async fn start(hostile: Hostile, reaper: Arc<Reaper>, mut rng: Rng) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let maildrop = Maildrop {
            mails: Vec::new(),
            hostile,
            times: 1 + rng.below(3) as u32,
            skip: rng.below(3) as u32,
            renamed: 0,
            rng,
            broke: false,
        };
        let server = Self {
            maildrop: Arc::new(Mutex::new(maildrop)),
            reaper,
            port,
        };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                tokio::spawn(async move {
                    if server.session(stream).await.is_err() {
                        server.maildrop().broke = true;
                    }
                });
            }
        });
        server
    }

    fn maildrop(&self) -> MutexGuard<'_, Maildrop> {
        self.maildrop.lock().unwrap()
    }

    pub fn deliver(&self, n: usize, text: Vec<u8>) {
        let uid = format!("u{n}");
        self.maildrop().mails.push(Mail { n, uid, text });
    }

    /// The mails that are there.
    pub fn there(&self) -> BTreeSet<usize> {
        self.maildrop().mails.iter().map(|mail| mail.n).collect()
    }

    /// True if it is time to do wrong in this way.
    fn errs(&self, hostile: Hostile) -> bool {
        let mut maildrop = self.maildrop();
        if maildrop.hostile != hostile || maildrop.times == 0 {
            return false;
        }
        if maildrop.skip > 0 {
            maildrop.skip -= 1;
            return false;
        }
        maildrop.times -= 1;
        true
    }

    fn is(&self, hostile: Hostile) -> bool {
        self.maildrop().hostile == hostile
    }

    /// Kills the client here, or closes the connection of one that is dead.
    fn may_kill(&self, point: Point) -> Result<(), Closed> {
        if self.reaper.strikes_from_outside(point) || self.reaper.is_dead() {
            return Err(Closed);
        }
        Ok(())
    }

    async fn session(&self, stream: TcpStream) -> Result<(), Closed> {
        let mut stream = BufReader::new(stream);
        if self.errs(Hostile::Renames) {
            let mut maildrop = self.maildrop();
            maildrop.renamed += 1;
            let name = format!("r{}-", maildrop.renamed);
            maildrop
                .mails
                .iter_mut()
                .for_each(|mail| mail.uid.insert_str(0, &name));
        }
        say(&mut stream, b"+OK\r\n").await?;
        let mails = self.maildrop().mails.clone();
        let mut marked: BTreeSet<usize> = BTreeSet::new();
        let mut listed = false;
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Err(Closed);
            }
            if std::mem::take(&mut listed) {
                self.may_kill(Point::Listed)?;
                if self.maildrop().broke {
                    self.may_kill(Point::Reconciled)?;
                }
            }
            self.may_kill(Point::Nowhere)?;
            let mut words = line.split_whitespace();
            let (command, argument) = (words.next().unwrap_or_default(), words.next());
            let number = argument.and_then(|n| n.parse::<usize>().ok());
            let at = number
                .and_then(|n| n.checked_sub(1))
                .filter(|n| *n < mails.len());
            let mail = at.and_then(|at| mails.get(at));
            match (command, mail) {
                ("CAPA", _) => {
                    let uidl = if self.is(Hostile::Nameless) {
                        ""
                    } else {
                        "UIDL\r\n"
                    };
                    let said = format!("+OK\r\nUSER\r\nTOP\r\nPIPELINING\r\n{uidl}.\r\n");
                    say(&mut stream, said.as_bytes()).await?;
                }
                ("PASS", _) if self.errs(Hostile::InUse) => {
                    say(&mut stream, b"-ERR [IN-USE] locked\r\n").await?;
                }
                ("USER" | "PASS" | "NOOP", _) => say(&mut stream, b"+OK\r\n").await?,
                ("STAT", _) => {
                    let octets: usize = mails.iter().map(|mail| mail.text.len()).sum();
                    let said = format!("+OK {} {octets}\r\n", mails.len());
                    say(&mut stream, said.as_bytes()).await?;
                }
                ("UIDL", _) if self.is(Hostile::Nameless) => say(&mut stream, b"-ERR\r\n").await?,
                ("LIST", Some(mail)) => {
                    let said = format!("+OK {} {}\r\n", at.unwrap_or(0) + 1, mail.text.len());
                    say(&mut stream, said.as_bytes()).await?;
                }
                ("UIDL" | "LIST", _) => {
                    self.list(&mut stream, command, &mails).await?;
                    listed = command == "LIST";
                }
                ("TOP", Some(mail)) => {
                    let end = mail.text.windows(4).position(|w| w == b"\r\n\r\n");
                    let header = end.and_then(|end| mail.text.get(..end + 4));
                    let mut said = b"+OK\r\n".to_vec();
                    said.extend_from_slice(header.unwrap_or(&mail.text));
                    said.extend_from_slice(b".\r\n");
                    say(&mut stream, &said).await?;
                }
                ("RETR", Some(mail)) => self.retr(&mut stream, mail).await?,
                ("DELE", Some(mail)) => {
                    self.may_kill(Point::DeleReceived)?;
                    if self.errs(Hostile::RefusesDele) {
                        say(&mut stream, b"-ERR not now\r\n").await?;
                        continue;
                    }
                    if self.errs(Hostile::DeletesAtOnce) {
                        self.remove(&BTreeSet::from([mail.n]));
                        return Err(Closed);
                    }
                    marked.insert(mail.n);
                    say(&mut stream, b"+OK\r\n").await?;
                    self.may_kill(Point::DeleAnswered)?;
                }
                ("QUIT", _) => return self.quit(&mut stream, marked).await,
                _ => say(&mut stream, b"-ERR\r\n").await?,
            }
        }
    }

    async fn list(
        &self,
        stream: &mut BufReader<TcpStream>,
        command: &str,
        mails: &[Mail],
    ) -> Result<(), Closed> {
        let mut said = String::from("+OK\r\n");
        for (mail, n) in mails.iter().zip(1..) {
            match command {
                "UIDL" => said.push_str(&format!("{n} {}\r\n", mail.uid)),
                _ => said.push_str(&format!("{n} {}\r\n", mail.text.len())),
            }
        }
        said.push_str(".\r\n");
        if command == "UIDL" && self.errs(Hostile::DropsInsideUidl) {
            say(stream, &said.as_bytes()[..said.len() / 2]).await?;
            return Err(Closed);
        }
        say(stream, said.as_bytes()).await
    }

    async fn retr(&self, stream: &mut BufReader<TcpStream>, mail: &Mail) -> Result<(), Closed> {
        if self.errs(Hostile::RefusesRetr) {
            return say(stream, b"-ERR damaged\r\n").await;
        }
        if self.errs(Hostile::Hangs) {
            // Until the client has had enough.
            let mut line = String::new();
            while stream.read_line(&mut line).await? > 0 {}
            return Err(Closed);
        }
        let mut said = b"+OK\r\n".to_vec();
        for line in mail.text.split_inclusive(|b| *b == b'\n') {
            if line.first() == Some(&b'.') {
                said.push(b'.');
            }
            said.extend_from_slice(line);
        }
        said.extend_from_slice(b".\r\n");
        let cut = 5 + self.maildrop().rng.below(said.len() - 5);
        let (first, rest) = said.split_at(cut);
        say(stream, first).await?;
        self.may_kill(Point::InsideRetr)?;
        if self.errs(Hostile::DropsInsideRetr) {
            return Err(Closed);
        }
        say(stream, rest).await
    }

    async fn quit(
        &self,
        stream: &mut BufReader<TcpStream>,
        mut marked: BTreeSet<usize>,
    ) -> Result<(), Closed> {
        self.may_kill(Point::QuitReceived)?;
        if self.errs(Hostile::QuitUnheard) {
            return Err(Closed);
        }
        if self.errs(Hostile::DeletesNothing) {
            marked.clear();
        }
        if self.errs(Hostile::QuitRefused) {
            let half = marked.len() / 2;
            self.remove(&marked.into_iter().take(half).collect());
            return say(stream, b"-ERR some are not removed\r\n").await;
        }
        self.remove(&marked);
        self.may_kill(Point::QuitObeyed)?;
        if self.errs(Hostile::QuitUnanswered) {
            return Err(Closed);
        }
        say(stream, b"+OK\r\n").await
    }

    fn remove(&self, marked: &BTreeSet<usize>) {
        self.maildrop()
            .mails
            .retain(|mail| !marked.contains(&mail.n));
    }
}

async fn say(stream: &mut BufReader<TcpStream>, said: &[u8]) -> Result<(), Closed> {
    Ok(stream.get_mut().write_all(said).await?)
}

//! A scripted POP3 server on a loopback port, in a thread.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use postrider_pop3::Endpoint;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// What the server does instead of its usual answer.
#[derive(Clone)]
pub enum Act {
    Say(Vec<u8>),
    SayAndClose(Vec<u8>),
    /// Nothing, until the client closes.
    Silence,
    /// This, and then nothing more.
    SayAndIgnore(Vec<u8>),
}

pub fn say(text: impl AsRef<[u8]>) -> Act {
    Act::Say(text.as_ref().to_vec())
}

/// The default script of an ordinary server, with some answers replaced.
pub struct Server {
    listener: TcpListener,
    acts: Vec<(String, Act)>,
}

/// What a session looked like from the server's side: the command lines.
pub type Commands = JoinHandle<Vec<String>>;

impl Server {
    pub fn new() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
            acts: Vec::new(),
        }
    }

    /// Replaces the answer to commands that begin so, and to LIST without a number; the greeting is the answer to "".
    pub fn on(mut self, command: &str, act: Act) -> Self {
        self.acts.push((command.to_owned(), act));
        self
    }

    /// The same, before what was said of it so far.
    pub fn first(mut self, command: &str, act: Act) -> Self {
        self.acts.insert(0, (command.to_owned(), act));
        self
    }

    /// Serves one client.
    pub fn start(self) -> (Endpoint, Commands) {
        let port = self.listener.local_addr().unwrap().port();
        let commands = std::thread::spawn(move || {
            let (peer, _) = self.listener.accept().unwrap();
            self.serve(peer)
        });
        (Endpoint::new("127.0.0.1", port).unwrap(), commands)
    }

    /// Serves one client after another, each with the script given for it: the commands of each.
    pub fn start_in_turn(servers: Vec<Self>) -> (Endpoint, JoinHandle<Vec<Vec<String>>>) {
        let listener = servers[0].listener.try_clone().unwrap();
        let port = listener.local_addr().unwrap().port();
        let commands = std::thread::spawn(move || {
            let sessions = servers
                .iter()
                .map(|server| server.serve(listener.accept().unwrap().0));
            sessions.collect()
        });
        (Endpoint::new("127.0.0.1", port).unwrap(), commands)
    }

    fn serve(&self, mut peer: TcpStream) -> Vec<String> {
        let mut commands = Vec::new();
        let mut lines = BufReader::new(peer.try_clone().unwrap());
        let mut line = String::new();
        loop {
            let act = self.act(line.trim_end());
            let (text, open) = match act {
                Act::Say(text) => (text, !line.starts_with("QUIT")),
                Act::SayAndClose(text) => (text, false),
                Act::Silence | Act::SayAndIgnore(_) => {
                    if let Act::SayAndIgnore(text) = act {
                        let _ = peer.write_all(&text);
                    }
                    let _ = lines.read_to_end(&mut Vec::new());
                    return commands;
                }
            };
            if peer.write_all(&text).is_err() || !open {
                return commands;
            }
            line.clear();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return commands;
            }
            commands.push(line.trim_end().to_owned());
        }
    }

    fn act(&self, command: &str) -> Act {
        let found = self.acts.iter().find(|(start, _)| match start.as_str() {
            "" => command.is_empty(),
            // Of all messages, and not of one.
            "LIST" => command == "LIST",
            start => command.starts_with(start),
        });
        found.map_or_else(|| say(usual(command)), |(_, act)| act.clone())
    }
}

fn usual(command: &str) -> String {
    if let Some(number) = command.strip_prefix("LIST ") {
        return format!("+OK {number} 60\r\n");
    }
    let answer = match command {
        "" => "+OK evil <1.2@x>\r\n",
        "CAPA" => "+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n",
        "STAT" => "+OK 1 60\r\n",
        "LIST" => "+OK\r\n1 60\r\n.\r\n",
        "UIDL" => "+OK\r\n1 AAA\r\n.\r\n",
        "UIDL 1" => "+OK 1 AAA\r\n",
        command if command.starts_with("RETR ") => "+OK\r\nSubject: x\r\n\r\nb\r\n.\r\n",
        command if command.starts_with("TOP ") => "+OK\r\nSubject: x\r\n\r\n.\r\n",
        _ => "+OK\r\n",
    };
    answer.to_owned()
}

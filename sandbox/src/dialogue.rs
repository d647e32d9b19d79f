//! What was said on all connections, without secrets.

use crate::fault::{Protocol, Stage};
use postrider_wire::escape::Escaped;
use postrider_wire::line::trim_ending;
use postrider_wire::{Line, Speaker};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much of a single line is written down, in octets.
const MAX_LINE: usize = 1000;
/// How many lines of a single reply are written down.
const MAX_REPLY: usize = 100;

/// One line of the dialogue of one connection. `Display` gives `smtp#1 C: EHLO client.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogueLine {
    /// The number of the connection, from 1 upward, over all ports.
    pub connection: u64,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Who said what.
    pub line: Line,
}

impl fmt::Display for DialogueLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Smtp => "smtp",
            Protocol::Pop3 => "pop3",
        };
        write!(f, "{protocol}#{} {}", self.connection, self.line)
    }
}

/// The last lines of all connections.
#[derive(Clone)]
pub(crate) struct Dialogue {
    lines: Arc<Mutex<VecDeque<DialogueLine>>>,
    limit: usize,
}

impl Dialogue {
    pub(crate) fn new(limit: usize) -> Self {
        let lines = Arc::default();
        Self { lines, limit }
    }

    pub(crate) fn lines(&self) -> Vec<DialogueLine> {
        self.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<DialogueLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: DialogueLine) {
        let mut lines = self.lock();
        while lines.len() >= self.limit.max(1) {
            lines.pop_front();
        }
        if self.limit > 0 {
            lines.push_back(line);
        }
    }
}

/// The part of the dialogue that belongs to one connection.
pub(crate) struct Log {
    pub(crate) dialogue: Dialogue,
    pub(crate) connection: u64,
    pub(crate) protocol: Protocol,
}

impl Log {
    pub(crate) fn client(&self, said: &str) {
        if !said.is_empty() {
            self.push(Speaker::Client, said.as_bytes());
        }
    }

    pub(crate) fn note(&self, text: impl fmt::Display) {
        self.push(Speaker::Note, text.to_string().as_bytes());
    }

    /// A reply: line by line; of a message only its status line and its size.
    pub(crate) fn server(&self, stage: Stage, reply: &[u8]) {
        let mut lines = reply.split_inclusive(|byte| *byte == b'\n');
        let message = matches!(stage, Stage::Retr | Stage::Top) && reply.starts_with(b"+OK");
        let shown = if message { 1 } else { MAX_REPLY };
        for line in lines.by_ref().take(shown) {
            self.push(Speaker::Server, trim_ending(line));
        }
        let rest: usize = lines.map(<[u8]>::len).sum();
        if rest > 0 {
            let text = format!("({rest} octets)");
            self.push(Speaker::Server, text.as_bytes());
        }
    }

    fn push(&self, speaker: Speaker, text: &[u8]) {
        let text = match text.get(..MAX_LINE) {
            Some(start) => format!("{} (and so on)", Escaped(start)),
            None => Escaped(text).to_string(),
        };
        self.dialogue.push(DialogueLine {
            connection: self.connection,
            protocol: self.protocol,
            line: Line { speaker, text },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(limit: usize) -> Log {
        Log {
            dialogue: Dialogue::new(limit),
            connection: 3,
            protocol: Protocol::Pop3,
        }
    }

    fn shown(log: &Log) -> Vec<String> {
        log.dialogue
            .lines()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn of_a_message_only_the_status_line_and_the_size_are_kept() {
        let log = log(10);
        log.client("RETR 1");
        log.server(Stage::Retr, b"+OK 3 octets\r\na\r\n.\r\n");
        log.server(Stage::Retr, b"-ERR no \x1b such\r\n");
        let expected = [
            "pop3#3 C: RETR 1",
            "pop3#3 S: +OK 3 octets",
            "pop3#3 S: (6 octets)",
            r"pop3#3 S: -ERR no \x1b such",
        ];
        assert_eq!(shown(&log), expected);
    }

    #[test]
    fn the_oldest_lines_go_first() {
        let log = log(2);
        (1..=3).for_each(|n| log.note(n));
        assert_eq!(shown(&log), ["pop3#3 *  2", "pop3#3 *  3"]);
        log.dialogue.clear();
        assert!(shown(&log).is_empty());
    }
}
